"""An event as an HTTP request: CloudEvents in their binary form, with what the service adds.

Pure: a connection and an event in, headers out. What a newcomer gets wrong: SDKs overlook a request without
`ce-awpsversion`, and know MQTT clients by `ce-subprotocol: mqtt` together with a physical connection id.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from myna.formats.header_text import header_text

SYSTEM: Final = "azure.webpubsub.sys."
GROUP: Final = "azure.webpubsub.gp."
USER: Final = "azure.webpubsub.user."
JSON_TYPE: Final = "application/json; charset=utf-8"
MQTT: Final = "mqtt"

CONNECT: Final = 0  # its number
VERSION: Final = ("ce-awpsversion", "1.0")


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of a connection. `kind` is its type without the name."""

    kind: str
    name: str
    content_type: str = JSON_TYPE
    body: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Source:
    """The connection an event comes from, in a back end's words. The last two are MQTT clients'."""

    hub: str
    connection_id: str
    user: str
    subprotocol: str
    physical_id: str = ""
    session_id: str = ""
    state: str = ""  # what a handler wants to be given with the next event


def request_headers(
    source: Source, happening: Happening, number: int, keys: Sequence[str], origin: str, now: float
) -> list[tuple[str, str]]:
    headers = [
        ("WebHook-Request-Origin", origin),
        ("Content-Type", happening.content_type),
        ("ce-specversion", "1.0"),
        VERSION,
        ("ce-type", header_text(happening.kind + happening.name)),
        ("ce-source", source_path(source)),
        ("ce-id", str(number)),
        ("ce-time", datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
        ("ce-signature", signature(keys, source.connection_id)),
        ("ce-connectionId", header_text(source.connection_id)),
        ("ce-hub", source.hub),
        ("ce-eventName", header_text(happening.name)),
    ]
    for name, value in (
        ("ce-userId", header_text(source.user)),
        ("ce-subprotocol", header_text(source.subprotocol)),
        ("ce-connectionState", source.state),
        ("ce-physicalConnectionId", source.physical_id),
        ("ce-sessionId", "" if number == CONNECT else source.session_id),  # a connection is no session's yet
    ):
        if value:
            headers.append((name, value))
    headers += happening.headers
    return headers


def source_path(source: Source) -> str:
    path = [source.connection_id, source.physical_id] if source.physical_id else [source.connection_id]
    return f"/hubs/{source.hub}/client/{'/'.join(quote(part, safe='') for part in path)}"


def signature(keys: Sequence[str], connection_id: str) -> str:
    """One for each key, so that a back end that knows either can check it."""
    signed = connection_id.encode(errors="replace")
    return ",".join(f"sha256={hmac.digest(key.encode(), signed, 'sha256').hex()}" for key in keys if key)
