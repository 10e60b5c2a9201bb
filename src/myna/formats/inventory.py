"""What a device-management product keeps: people, places, devices, and what was said to and by them. Values only.

Shared by whoever stores these and whoever shows them, so that neither knows the other. What a newcomer gets wrong: JSON
members (`data`, `parameters`, `result`) are held as the JSON text they came as, never as objects, and times are
milliseconds since 1970 in UTC.
"""

from typing import Final, Literal

from msgspec import Struct

ADMINISTRATOR: Final = 0
CLIENT: Final = 1

ACTIVE: Final = 0
LOCKED: Final = 1
DISABLED: Final = 2

Kind = Literal["network", "device_type"]
NETWORK: Final[Kind] = "network"
DEVICE_TYPE: Final[Kind] = "device_type"


class Place(Struct, frozen=True):
    """A network or a device type: something devices are in and people are let into."""

    id: int
    name: str
    description: str | None = None


class User(Struct, frozen=True):
    id: int
    login: str
    role: int
    status: int
    last_login: int | None
    data: str | None
    intro_reviewed: bool
    all_device_types: bool


class NewUser(Struct, frozen=True):
    login: str
    password: str
    role: int
    status: int = ACTIVE
    data: str | None = None
    intro_reviewed: bool = False
    all_device_types: bool = True


class Device(Struct, frozen=True):
    id: str
    name: str
    data: str | None
    network_id: int
    device_type_id: int
    is_blocked: bool = False


class Property(Struct, frozen=True):
    """A named setting that administrators read and write."""

    name: str
    value: str
    entity_version: int


class Command(Struct):
    id: int
    command: str
    timestamp: int
    last_updated: int
    user_id: int | None
    device_id: str
    network_id: int
    device_type_id: int
    parameters: str | None
    lifetime: int | None
    status: str | None
    result: str | None
    is_updated: bool = False


class Notification(Struct):
    id: int
    notification: str
    device_id: str
    network_id: int
    device_type_id: int
    timestamp: int
    parameters: str | None


class Page(Struct, frozen=True):
    """Which part of a list, and in which order. `sort` is a field's name in these values, or None for by id."""

    take: int
    skip: int = 0
    sort: str | None = None
    descending: bool = False


class UserQuery(Struct, frozen=True):
    login: str | None = None
    login_pattern: str | None = None
    role: int | None = None
    status: int | None = None


class PlaceQuery(Struct, frozen=True):
    """`among` bounds the answer to these ids; None for all."""

    name: str | None = None
    name_pattern: str | None = None
    among: frozenset[int] | None = None


class DeviceQuery(Struct, frozen=True):
    name: str | None = None
    name_pattern: str | None = None
    network_id: int | None = None
    network_name: str | None = None
    device_type_id: int | None = None
    networks: frozenset[int] | None = None
    device_types: frozenset[int] | None = None


class HistoryQuery(Struct, frozen=True):
    """Commands or notifications. `devices` None for all; `start` and `end` belong to the range."""

    devices: frozenset[str] | None = None
    names: frozenset[str] | None = None
    start: int | None = None
    end: int | None = None
    status: str | None = None
    only_updated: bool = False
    networks: frozenset[int] | None = None
    device_types: frozenset[int] | None = None


class Conflict(Exception):
    """What was to be stored contradicts what is: a name that is taken, a place that is gone."""


class Unavailable(Exception):
    """The store cannot be reached or takes no more."""


# What becomes of a log-in.
ADMITTED: Final = "admitted"
UNKNOWN_LOGIN: Final = "unknown login"
WRONG_PASSWORD: Final = "wrong password"
NOT_ACTIVE: Final = "not active"


class LoginResult(Struct, frozen=True):
    outcome: str
    user_id: int = 0
