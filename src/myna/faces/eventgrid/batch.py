"""POST /mqtt/messages:batch: a JSON array, each element published for itself and answered for itself.

What a newcomer gets wrong: the answer is 200 once the array can be read. What became of each element is in the body, in
order, with the status it would have had alone; a bad one spoils nothing for the rest.
"""

import asyncio
from typing import Any, Final

import msgspec

from myna.faces.contract import read_body
from myna.faces.eventgrid.answers import Fault, error_value
from myna.faces.eventgrid.attempts import Attempt
from myna.faces.eventgrid.decoding import (
    MAXIMUM_EXPIRY,
    Pairs,
    check_content_type,
    check_response_topic,
    decode_base64,
    parse_json,
    read_user_properties,
)
from myna.faces.eventgrid.endpoint import Call, Endpoint, Reply
from myna.faces.eventgrid.identify import address_of
from myna.faces.eventgrid.naming import BATCH_QUERY, Publication, check_version, split_query
from myna.faces.eventgrid.publish import say
from myna.wire.properties import Properties

_JSON: Final = (b"content-type", b"application/json; charset=utf-8")
FIELDS: Final = frozenset(
    {
        "topic",
        "payload",
        "payload_base64",
        "qos",
        "retain",
        "responseTopic",
        "correlationData",
        "userProperties",
        "contentType",
        "messageExpiry",
        "payloadFormatIndicator",
    }
)


class Batch(Endpoint):
    NAME = "publishBatch"

    async def answer(self, call: Call) -> Reply | None:
        settings = self.service.settings
        check_version(
            split_query(call.scope["query_string"], BATCH_QUERY).get("api-version"), settings.strict_api_version
        )
        body = await read_body(call.scope, call.receive, settings.batch_size)
        try:
            items = parse_json(body)
        except (ValueError, RecursionError):
            raise Fault("InvalidBody", "the body is not JSON") from None
        if not isinstance(items, list) or isinstance(items, Pairs):
            raise Fault("InvalidBody", "the body must be an array")
        if len(items) > settings.batch_items:
            raise Fault("InvalidBody", f"more than {settings.batch_items} elements")
        # Started in order, they are published in order; only the waiting for the store is done together.
        results = await asyncio.gather(*(self._publish(call, item) for item in items))
        return Reply(200, [_JSON], msgspec.json.encode(results))

    async def _publish(self, call: Call, item: object) -> dict[str, Any]:
        service = self.service
        attempt = Attempt(call.request_id, address_of(call.scope), call.caller)
        try:
            attempt.publication, payload = read_item(item)
            attempt.size = len(payload)
            outcome = await service.publish(call.caller, attempt.publication, payload, attempt.address, service.now())
            status, _ = say(outcome)
        except Fault as fault:
            attempt.note(service, fault.status, fault)
            return {"status": fault.status, "error": error_value(fault)}
        attempt.note(service, status, None)
        return {"status": status}


def read_item(item: object) -> tuple[Publication, bytes]:
    """Raises Fault, with the name of the field at fault."""
    if not isinstance(item, Pairs):
        raise Fault("InvalidBody", "each element must be an object")
    given: dict[str, object] = {}
    for key, value in item:
        if key in given and key in FIELDS:
            raise Fault("DuplicateParameter", f"{key} is given twice", key)
        given[key] = value
    topic = _text(given, "topic", "MissingTopic")
    if not topic:
        raise Fault("MissingTopic", "topic is missing or empty", "topic")
    if not _is_encodable(topic):
        raise Fault("InvalidEncoding", "topic holds lone surrogates", "topic")
    qos = _flag(given, "qos", 1, "InvalidQos")
    retain = _flag(given, "retain", 0, "InvalidRetain")
    return Publication(topic, qos, retain == 1, _read_properties(given), _expiry(given)), _payload(given)


def _payload(given: dict[str, object]) -> bytes:
    if given.get("payload") is not None and given.get("payload_base64") is not None:
        raise Fault("InvalidBody", "payload and payload_base64 exclude each other", "payload_base64")
    encoded = _text(given, "payload_base64", "InvalidBody")
    if encoded is not None:
        return decode_base64(_ascii(encoded, "payload_base64"), "InvalidBody", "payload_base64")
    text = _text(given, "payload", "InvalidBody") or ""
    if not _is_encodable(text):
        raise Fault("InvalidBody", "payload holds lone surrogates", "payload")
    return text.encode()


def _read_properties(given: dict[str, object]) -> Properties | None:
    properties = Properties()
    content_type = _text(given, "contentType", "InvalidContentType")
    if content_type is not None:
        properties.content_type = check_content_type(content_type, "contentType")
    response_topic = _text(given, "responseTopic", "InvalidResponseTopic")
    if response_topic is not None:
        properties.response_topic = check_response_topic(response_topic, "responseTopic")
    correlation = _text(given, "correlationData", "InvalidCorrelationData")
    if correlation is not None:
        raw = _ascii(correlation, "correlationData", "InvalidCorrelationData")
        properties.correlation_data = decode_base64(raw, "InvalidCorrelationData", "correlationData")
    if given.get("userProperties") is not None:
        properties.user_properties = read_user_properties(given["userProperties"], "userProperties") or None
    if _flag(given, "payloadFormatIndicator", 0, "InvalidPayloadFormatIndicator"):
        properties.payload_format = 1
    return properties


def _text(given: dict[str, object], name: str, code: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise Fault(code, f"{name} must be a string", name)
    return value


def _flag(given: dict[str, object], name: str, default: int, code: str) -> int:
    """0 or 1; in JSON, true and false are as good."""
    value = given.get(name)
    if value is None:
        return default
    if value in (0, 1) and isinstance(value, int):
        return int(value)
    raise Fault(code, f"{name} must be 0 or 1", name)


def _expiry(given: dict[str, object]) -> int:
    value = given.get("messageExpiry")
    if value is None:
        return 0
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAXIMUM_EXPIRY:
        return value
    raise Fault("InvalidMessageExpiry", f"messageExpiry must be from 0 to {MAXIMUM_EXPIRY}", "messageExpiry")


def _ascii(text: str, target: str, code: str = "InvalidBody") -> bytes:
    if not text.isascii():
        raise Fault(code, f"{target}: not base64", target)
    return text.encode()


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
