"""A small asyncio MQTT client (3.1, 3.1.1, 5): what `myna pub` and `myna sub` are made of.

Reading order: address (where), streams (a way there), session (what outlives a connection), client (the exchange).
"""

from myna.client.address import Address, Tls
from myna.client.client import Client, Introduction
from myna.client.errors import CannotConnect, ClientError, ConnectionLost, NotAllowed, Refused, connack_text
from myna.client.session import Session

__all__ = [
    "Address",
    "CannotConnect",
    "Client",
    "ClientError",
    "ConnectionLost",
    "Introduction",
    "NotAllowed",
    "Refused",
    "Session",
    "Tls",
    "connack_text",
]
