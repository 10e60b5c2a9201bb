"""What Alembic runs: all steps in one transaction of the connection it is handed; there is no other way in."""

from alembic import context

from myna.registry.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,  # SQLite can, too, once a transaction is begun in so many words
    version_table="registry_version",
)
with context.begin_transaction():
    context.run_migrations()
