"""The first tables. Spelled out and never edited again: `tables` moves on, this does not."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _people_and_places()
    _history("commands", "command", _command_columns())
    _history("notifications", "notification", [])


def _people_and_places() -> None:
    op.create_table(
        "users",
        sa.Column("id", _number(), autoincrement=True, nullable=False),
        sa.Column("login", sa.String(128), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("password_salt", sa.Text()),
        sa.Column("role", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=False),
        sa.Column("login_attempts", sa.Integer(), nullable=False),
        sa.Column("last_login", sa.BigInteger()),
        sa.Column("data", sa.Text()),
        sa.Column("intro_reviewed", sa.Boolean(), nullable=False),
        sa.Column("all_device_types", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("login", name="uq_users_login"),
        sqlite_autoincrement=True,
    )
    for table in ("networks", "device_types"):
        op.create_table(
            table,
            sa.Column("id", _number(), autoincrement=True, nullable=False),
            sa.Column("name", sa.String(128), nullable=False),
            sa.Column("description", sa.String(128)),
            sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
            sa.UniqueConstraint("name", name=f"uq_{table}_name"),
            sqlite_autoincrement=True,
        )
        op.create_table(
            f"user_{table}",
            sa.Column("user_id", _number(), nullable=False),
            sa.Column("place_id", _number(), nullable=False),
            sa.PrimaryKeyConstraint("user_id", "place_id", name=f"pk_user_{table}"),
            sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=f"fk_user_{table}_user_id", ondelete="CASCADE"),
            sa.ForeignKeyConstraint(
                ["place_id"], [f"{table}.id"], name=f"fk_user_{table}_place_id", ondelete="CASCADE"
            ),
        )
        op.create_index(f"ix_user_{table}_place_id", f"user_{table}", ["place_id"])
    op.create_table(
        "devices",
        sa.Column("id", sa.String(48), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("data", sa.Text()),
        sa.Column("network_id", _number(), nullable=False),
        sa.Column("device_type_id", _number(), nullable=False),
        sa.Column("is_blocked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
        sa.ForeignKeyConstraint(["network_id"], ["networks.id"], name="fk_devices_network_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["device_type_id"], ["device_types.id"], name="fk_devices_device_type_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_devices_network_id", "devices", ["network_id"])
    op.create_index("ix_devices_device_type_id", "devices", ["device_type_id"])
    op.create_table(
        "configuration",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("value", sa.String(128), nullable=False),
        sa.Column("entity_version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_configuration"),
    )


def _command_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("last_updated", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger()),
        sa.Column("lifetime", sa.BigInteger()),
        sa.Column("status", sa.Text()),
        sa.Column("result", sa.Text()),
        sa.Column("is_updated", sa.Boolean(), nullable=False),
    ]


def _history(table: str, name: str, more: list[sa.Column[object]]) -> None:
    op.create_table(
        table,
        sa.Column("row", _number(), autoincrement=True, nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column(name, sa.Text(), nullable=False),
        sa.Column("device_id", sa.String(48), nullable=False),
        sa.Column("network_id", sa.BigInteger(), nullable=False),
        sa.Column("device_type_id", sa.BigInteger(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("parameters", sa.Text()),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        *more,
        sa.PrimaryKeyConstraint("row", name=f"pk_{table}"),
        sa.UniqueConstraint("device_id", "id", name=f"uq_{table}_device_id"),
    )
    op.create_index(f"ix_{table}_device_id_timestamp", table, ["device_id", "timestamp"])
    op.create_index(f"ix_{table}_expires_at", table, ["expires_at"])


def downgrade() -> None:
    """Back to nothing: what these tables held is gone."""
    for table in ("notifications", "commands", "configuration", "devices"):
        op.drop_table(table)
    for table in ("user_device_types", "user_networks", "device_types", "networks", "users"):
        op.drop_table(table)
