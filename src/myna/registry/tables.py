"""The registry's tables, as they are now; `migrations` says how a database gets there.

What a newcomer gets wrong: JSON is kept as text and times as milliseconds, so that both databases hold the same and
what a client stored comes back byte for byte. Numbers that clients may name are wide, because PostgreSQL refuses to
compare others with one that does not fit. Names compare with regard to case in both.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)

# SQLite numbers rows only in a column it calls INTEGER.
RowNumber: Final = BigInteger().with_variant(Integer(), "sqlite")

users = Table(
    "users",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("login", String(128), nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("password_salt", Text),  # of hashes that were brought from the original
    Column("role", BigInteger, nullable=False),
    Column("status", BigInteger, nullable=False),
    Column("login_attempts", Integer, nullable=False, default=0),
    Column("last_login", BigInteger),
    Column("data", Text),
    Column("intro_reviewed", Boolean, nullable=False, default=False),
    Column("all_device_types", Boolean, nullable=False, default=True),
    sqlite_autoincrement=True,
)

networks = Table(
    "networks",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("name", String(128), nullable=False, unique=True),
    Column("description", String(128)),
    sqlite_autoincrement=True,
)

device_types = Table(
    "device_types",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("name", String(128), nullable=False, unique=True),
    Column("description", String(128)),
    sqlite_autoincrement=True,
)

devices = Table(
    "devices",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("data", Text),
    Column("network_id", ForeignKey("networks.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("device_type_id", ForeignKey("device_types.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("is_blocked", Boolean, nullable=False, default=False),
)

user_networks = Table(
    "user_networks",
    metadata,
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("place_id", ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True, index=True),
)

user_device_types = Table(
    "user_device_types",
    metadata,
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("place_id", ForeignKey("device_types.id", ondelete="CASCADE"), primary_key=True, index=True),
)

configuration = Table(
    "configuration",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", String(128), nullable=False),
    Column("entity_version", BigInteger, nullable=False, default=0),
)

# History is written in bulk and read by device. It refers to devices and users by value: deleting one deletes rows by
# their age, or by `devices`, never by a cascade that a busy writer would wait for.
commands = Table(
    "commands",
    metadata,
    Column("row", RowNumber, primary_key=True, autoincrement=True),
    Column("id", BigInteger, nullable=False),
    Column("command", Text, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("last_updated", BigInteger, nullable=False),
    Column("user_id", BigInteger),
    Column("device_id", String(48), nullable=False),
    Column("network_id", BigInteger, nullable=False),
    Column("device_type_id", BigInteger, nullable=False),
    Column("parameters", Text),
    Column("lifetime", BigInteger),
    Column("status", Text),
    Column("result", Text),
    Column("is_updated", Boolean, nullable=False, default=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    UniqueConstraint("device_id", "id"),
    Index("ix_commands_device_id_timestamp", "device_id", "timestamp"),
)

notifications = Table(
    "notifications",
    metadata,
    Column("row", RowNumber, primary_key=True, autoincrement=True),
    Column("id", BigInteger, nullable=False),
    Column("notification", Text, nullable=False),
    Column("device_id", String(48), nullable=False),
    Column("network_id", BigInteger, nullable=False),
    Column("device_type_id", BigInteger, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("parameters", Text),
    Column("expires_at", BigInteger, nullable=False, index=True),
    UniqueConstraint("device_id", "id"),
    Index("ix_notifications_device_id_timestamp", "device_id", "timestamp"),
)
