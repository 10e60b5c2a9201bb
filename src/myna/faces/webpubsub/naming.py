"""Their names and ours: hubs and tenants, groups and topics, data types and content types.

What a newcomer gets wrong: hubs are found whatever their case, groups and users are not; and a group may hold any
character but a line feed, slashes and wildcards included.
"""

import re
from typing import Final

HUB: Final = re.compile(r"[A-Za-z][A-Za-z0-9_`,.\[\]]{0,127}")
EVENT: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,127}")
METADATA_KEY: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
STRICT_CLIENT_ID: Final = re.compile(r"[0-9a-zA-Z]{1,128}")

GROUP_LENGTH: Final = 1024
METADATA_KEY_BYTES: Final = 256
METADATA_VALUE_BYTES: Final = 1024
METADATA_BYTES: Final = 8 * 1024

DIALECT: Final = "webpubsub"

RESERVED: Final = "$webpubsub"
SERVER_MESSAGES: Final = "$webpubsub/server/messages"
EVENTS: Final = "$webpubsub/server/events/"

TEXT: Final = "text"
JSON: Final = "json"
BINARY: Final = "binary"
PROTOBUF: Final = "protobuf"

# Their word for a kind of data, and the content type that MQTT 5 and webhooks know it by.
CONTENT_TYPES: Final[dict[str, str]] = {
    TEXT: "text/plain",
    JSON: "application/json",
    BINARY: "application/octet-stream",
    PROTOBUF: "application/x-protobuf",
}
DATA_TYPES: Final[dict[str, str]] = {content_type: data_type for data_type, content_type in CONTENT_TYPES.items()}

JOIN_LEAVE: Final = "joinLeaveGroup"
SEND: Final = "sendToGroup"
SET_STATE: Final = "setGroupState"
GET_STATE: Final = "getGroupState"
PERMISSIONS: Final = (JOIN_LEAVE, SEND)  # those REST can grant and revoke
ALL_PERMISSIONS: Final = (*PERMISSIONS, SET_STATE, GET_STATE)  # those roles can give


def is_hub(name: str) -> bool:
    return HUB.fullmatch(name) is not None


def tenant_of(hub: str, default_tenant: str) -> str:
    name = hub.lower()
    return default_tenant if name == default_tenant.lower() else name


def is_group(name: str) -> bool:
    """Also of a user or connection id: what cannot be written as UTF-8 is no name."""
    return 0 < len(name) <= GROUP_LENGTH and "\n" not in name and not name.isspace() and is_text(name)


def is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_reserved(group: str) -> bool:
    return group == RESERVED or group.startswith("$webpubsub/")


def media_type(content_type: str) -> str:
    """Without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def check_metadata(metadata: dict[str, str]) -> str:
    """What is wrong with it, or nothing."""
    total = 0
    for key, value in metadata.items():
        size = len(value.encode(errors="replace"))
        if METADATA_KEY.fullmatch(key) is None or len(key) > METADATA_KEY_BYTES:
            return f"Invalid metadata key '{key[:64]}'."
        if size > METADATA_VALUE_BYTES:
            return f"The metadata value of '{key[:64]}' is too long."
        total += len(key) + size
    return "The metadata is too large." if total > METADATA_BYTES else ""
