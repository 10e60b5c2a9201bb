"""What a new registry holds: an administrator, a network, the device types, and in development a sample device.

What a newcomer gets wrong: the well-known administrator's password comes only with development mode. Anywhere else
it is made up, and whoever starts the server is told it once.
"""

import secrets
from typing import Final

from sqlalchemy import select
from sqlalchemy.engine import Connection

from myna.formats.inventory import ACTIVE, ADMINISTRATOR, DEVICE_TYPE, NETWORK, Device
from myna.registry.devices import save_device
from myna.registry.passwords import Passwords
from myna.registry.people import assign, insert_user
from myna.registry.places import insert_place
from myna.registry.tables import users

LOGIN: Final = "dhadmin"
DEVELOPMENT_PASSWORD: Final = "dhadmin_#911"
SAMPLE_DEVICE: Final = Device("e50d6085-2aba-48e9-b1c3-73c673e414be", "Sample Device", None, 1, 1)
DEVICE_TYPES: Final = (
    ("Default Device Type", "Default DeviceHive device type"),
    ("Cameras", None),
    ("Lightning", None),
    ("Door Locks", None),
    ("Thermostats", None),
    ("Entertainment", None),
    ("Cars", None),
    ("Cooking", None),
)


def fill(connection: Connection, passwords: Passwords, development: bool) -> str:
    """Into an empty registry, what the original's has; the administrator's password if one was made up, else ''."""
    if connection.execute(select(users.c.id).limit(1)).one_or_none() is not None:
        return ""
    password = DEVELOPMENT_PASSWORD if development else secrets.token_urlsafe(18)
    admin = insert_user(
        connection,
        {
            "login": LOGIN,
            "password_hash": passwords.hash_now(password),
            "role": ADMINISTRATOR,
            "status": ACTIVE,
            "intro_reviewed": False,
            "all_device_types": True,
        },
    )
    network = insert_place(connection, NETWORK, "Sample Network", "A DeviceHive Sample Network")
    types = [insert_place(connection, DEVICE_TYPE, name, text) for name, text in DEVICE_TYPES]
    assign(connection, NETWORK, admin.id, network.id)
    assign(connection, DEVICE_TYPE, admin.id, types[0].id)
    save_device(connection, SAMPLE_DEVICE)
    return "" if development else password
