"""Their names and our values: the parameters of a request, and what a publish carries once they are decoded.

Pure: a query string and headers in, a Publication or a Fault out. What a newcomer gets wrong: only `qos` and `retain`
have two homes, the query and a header, and the query wins; the header that loses is not even looked at, so it may be
malformed.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from myna.faces.eventgrid.answers import Fault
from myna.faces.eventgrid.decoding import (
    decode_base64,
    decode_content_type,
    decode_expiry,
    decode_flag,
    decode_percent,
    decode_response_topic,
    decode_user_properties,
)
from myna.wire.properties import Properties
from myna.wire.topics import check_topic

API_VERSIONS: Final = frozenset({"2025-02-15-preview", "2025-08-01-preview", "2025-11-16-preview"})
_API_VERSION: Final = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?", re.ASCII)

QUERY: Final = frozenset({b"topic", b"qos", b"retain", b"api-version"})
LIST_QUERY: Final = frozenset({b"topicFilter", b"maxResults", b"continuationToken", b"api-version"})
BATCH_QUERY: Final = frozenset({b"api-version"})
STREAM_QUERY: Final = frozenset({b"topicFilter", b"api-version", b"qos", b"retained"})

# The headers of this contract, and those that are needed to read it.
HEADERS: Final = frozenset(
    {
        b"mqtt-qos",
        b"mqtt-retain",
        b"mqtt-response-topic",
        b"mqtt-correlation-data",
        b"mqtt-user-properties",
        b"content-type",
        b"mqtt-message-expiry",
        b"mqtt-payload-format-indicator",
        b"mqtt-reply-wait-ms",
        b"content-encoding",
        b"content-length",
        b"authorization",
        b"x-ms-client-request-id",
    }
)
# A publish without any of these has no properties but its content type.
_PROPERTIES: Final = frozenset(
    {
        b"mqtt-response-topic",
        b"mqtt-correlation-data",
        b"mqtt-user-properties",
        b"mqtt-payload-format-indicator",
    }
)
_REMEMBERED: Final = 512  # bytes of a query; 4,096 of them are 2 MiB
_REPLY_WAIT: Final = 300_000  # milliseconds: longer waits are cut off by proxies and clients anyway

Headers = dict[bytes, bytes]
DUPLICATE: Final = b""  # no header has this name: which one came twice


def read_headers(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Names come in lower case. A repeated one is noted, not refused: who calls comes before what was asked."""
    found: Headers = {}
    for name, value in raw:
        if name in HEADERS:
            if name in found:
                found[DUPLICATE] = name
            found[name] = value
    return found


class Query:
    """The parameters of a publish that stand in the query. `topic` may be no legal name yet."""

    __slots__ = ("qos", "retain", "topic")

    def __init__(self, topic: str, qos: int | None, retain: int | None) -> None:
        self.topic = topic
        self.qos = qos
        self.retain = retain


def split_query(query: bytes, known: frozenset[bytes]) -> dict[str, bytes]:
    """The known parameters, still encoded. Others are ignored; a known one that is repeated is refused."""
    found: dict[str, bytes] = {}
    for part in query.split(b"&"):
        name, _, value = part.partition(b"=")
        if name in known:
            text = name.decode()
            if text in found:
                raise Fault("DuplicateParameter", f"{text} is given twice", text)
            found[text] = value
    return found


def read_query(query: bytes, strict_version: bool) -> Query:
    """Remembered while short, for a device's query is the same each time. A Fault is not."""
    return _read_known(query, strict_version) if len(query) <= _REMEMBERED else _read_query(query, strict_version)


def _read_query(query: bytes, strict_version: bool) -> Query:
    given = split_query(query, QUERY)
    check_version(given.get("api-version"), strict_version)
    topic = read_topic(given)
    qos = given.get("qos")
    retain = given.get("retain")
    return Query(
        topic,
        None if qos is None else decode_flag(decode_percent(qos, "qos").encode(), "InvalidQos", "qos"),
        None if retain is None else decode_flag(decode_percent(retain, "retain").encode(), "InvalidRetain", "retain"),
    )


_read_known = lru_cache(maxsize=4096)(_read_query)


def read_topic(given: dict[str, bytes]) -> str:
    topic = decode_percent(given.get("topic", b""), "topic")
    if not topic:
        raise Fault("MissingTopic", "the query parameter topic is missing or empty", "topic")
    return topic


def check_version(raw: bytes | None, strict: bool) -> None:
    """Any date will do, and none as well, unless told to be strict."""
    if raw is None:
        if strict:
            raise Fault("UnsupportedApiVersion", "the query parameter api-version is missing", "api-version")
        return
    version = decode_percent(raw, "api-version")
    if not _API_VERSION.fullmatch(version) or (strict and version not in API_VERSIONS):
        raise Fault("UnsupportedApiVersion", "expected a version such as 2025-02-15-preview", "api-version")


def check_topic_name(topic: str) -> None:
    """What can be decoded and yet not be published to."""
    if topic.startswith("$"):
        raise Fault("InvalidTopicName", "topics that begin with $ are reserved", "topic")
    if not check_topic(topic):
        raise Fault("InvalidTopicName", "not a legal topic name: wildcards, or characters MQTT forbids", "topic")


class Publication:
    """One publish, decoded: everything but the payload."""

    __slots__ = ("expiry", "properties", "qos", "reply_wait", "retain", "topic")

    def __init__(
        self, topic: str, qos: int, retain: bool, properties: Properties | None, expiry: int, reply_wait: float = 0.0
    ) -> None:
        self.topic = topic
        self.qos = qos
        self.retain = retain
        self.properties = properties
        self.expiry = expiry  # seconds, 0 for ever
        self.reply_wait = reply_wait  # seconds, 0 for not at all


def read_publication(query: Query, headers: Headers) -> Publication:
    """Query and headers as one publish."""
    if DUPLICATE in headers:
        name = headers[DUPLICATE].decode()
        raise Fault("DuplicateParameter", f"{name} is given twice", name)
    encoding = headers.get(b"content-encoding")
    if encoding is not None and encoding.strip().lower() not in (b"identity", b""):
        # Subscribers could not know that the bytes are compressed.
        raise Fault("UnsupportedContentEncoding", "send the body as it is to be delivered", "content-encoding")
    qos = query.qos
    if qos is None:
        raw = headers.get(b"mqtt-qos")
        qos = 1 if raw is None else decode_flag(raw, "InvalidQos", "mqtt-qos")
    retain = query.retain
    if retain is None:
        raw = headers.get(b"mqtt-retain")
        retain = 0 if raw is None else decode_flag(raw, "InvalidRetain", "mqtt-retain")
    raw = headers.get(b"mqtt-message-expiry")
    expiry = 0 if raw is None else decode_expiry(raw, "mqtt-message-expiry")
    raw = headers.get(b"mqtt-reply-wait-ms")
    wait = 0.0 if raw is None else _read_wait(raw)
    raw = headers.get(b"content-type")
    if _PROPERTIES.isdisjoint(headers) and (raw is None or len(raw) <= _REMEMBERED):
        properties = None if raw is None else _only_content_type(raw)
    else:
        properties = _read_properties(headers)
    return Publication(query.topic, qos, retain == 1, properties, expiry, wait)


@lru_cache(maxsize=256)
def _only_content_type(raw: bytes) -> Properties:
    """Shared by all messages of this type, so nobody may change it."""
    properties = Properties()
    properties.content_type = decode_content_type(raw, "content-type")
    return properties


def _read_properties(headers: Headers) -> Properties:
    properties = Properties()
    raw = headers.get(b"mqtt-user-properties")
    if raw is not None:
        properties.user_properties = decode_user_properties(raw, "mqtt-user-properties") or None
    raw = headers.get(b"content-type")
    if raw is not None:
        properties.content_type = decode_content_type(raw, "content-type")
    raw = headers.get(b"mqtt-response-topic")
    if raw is not None:
        properties.response_topic = decode_response_topic(raw, "mqtt-response-topic")
    raw = headers.get(b"mqtt-correlation-data")
    if raw is not None:
        properties.correlation_data = decode_base64(raw, "InvalidCorrelationData", "mqtt-correlation-data")
    raw = headers.get(b"mqtt-payload-format-indicator")
    if raw is not None:
        flag = decode_flag(raw, "InvalidPayloadFormatIndicator", "mqtt-payload-format-indicator")
        if flag:  # 0 is what its absence means (§3.3.2.3.2)
            properties.payload_format = 1
    return properties


def _read_wait(raw: bytes) -> float:
    raw = raw.strip()
    if raw.isdigit() and len(raw) <= 6 and 1 <= int(raw) <= _REPLY_WAIT:
        return int(raw) / 1000
    raise Fault("InvalidParameter", f"mqtt-reply-wait-ms must be from 1 to {_REPLY_WAIT}", "mqtt-reply-wait-ms")
