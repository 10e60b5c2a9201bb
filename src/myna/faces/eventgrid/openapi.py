"""GET /mqtt/openapi.json: what this API takes and answers, for machines.

The document is data, put together once. What a newcomer gets wrong: it must be as strict as the server is and no
stricter, for a test sends what it allows and what it forbids, and compares the answers with it.
"""

from typing import Any, Final

import msgspec

from myna.faces.contract import Receive, Scope, Send
from myna.faces.eventgrid.answers import STATUS
from myna.faces.eventgrid.endpoint import Reply, request_headers, send_reply
from myna.faces.eventgrid.service import Service
from myna.version import version

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_FLAG: Final[Schema] = {"type": "integer", "enum": [0, 1]}
# What MQTT carries in a string: no control characters, no non-characters.
_TEXT_BUT: Final = r"\u00a0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd"
_LEVEL: Final = rf"(\+|[ -\"$-*,-.0-~{_TEXT_BUT}]*)"
_BASE64: Final = r"^([A-Za-z0-9+/_-]{4})*([A-Za-z0-9+/_-]{2}(==)?|[A-Za-z0-9+/_-]{3}=?)?$"
_NAME: Final[Schema] = {"type": "string", "pattern": rf"^[ -\"$-*,-~{_TEXT_BUT}]+$"}
_FILTER: Final[Schema] = {"type": "string", "minLength": 1, "pattern": rf"^(#|{_LEVEL}(/{_LEVEL})*(/#)?)$"}
_PAIRS: Final[Schema] = {
    "type": "string",
    "contentEncoding": "base64",
    "contentMediaType": "application/json",
    "contentSchema": {"type": "array", "items": {"$ref": "#/components/schemas/UserProperty"}},
    "examples": ["W10=", "W3siYSI6IjEifSx7ImEiOiIyIn1d", '[{"Urgency":"alert"}]'],
}

_VERSION: Final[Schema] = {
    "name": "api-version",
    "in": "query",
    "required": False,
    "schema": {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?$"},
    "example": "2025-02-15-preview",
}


def _query(name: str, description: str, schema: Schema, *, required: bool = False, example: object = None) -> Schema:
    found = {"name": name, "in": "query", "required": required, "description": description, "schema": schema}
    return found if example is None else {**found, "example": example}


def _header(name: str, description: str, schema: Schema) -> Schema:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}


def _answers(success: dict[str, Schema], *statuses: int) -> Schema:
    """The successes of an operation, and the errors it shares with others."""
    errors = {str(status): {"$ref": f"#/components/responses/Error{status}"} for status in (401, 403, 429, *statuses)}
    return {**success, **errors}


_NO_BODY: Final[Schema] = {
    "description": "Accepted",
    "headers": {
        "x-ms-request-id": {"schema": _TEXT},
        "mqtt-reason-code": {"description": "0, or 16: nobody is subscribed", "schema": {"type": "string"}},
    },
}
_TOPIC: Final = _query("topic", "Topic name, percent-encoded", _NAME, required=True, example="devices/d1/prompt")
_MESSAGE: Final[Schema] = {
    "type": "object",
    "required": ["topic"],
    "properties": {
        "topic": {"type": "string", "minLength": 1},
        "payload": _TEXT,
        "payload_base64": {"type": "string", "pattern": _BASE64},
        "qos": _FLAG,
        "retain": _FLAG,
        "responseTopic": _TEXT,
        "correlationData": {"type": "string", "pattern": _BASE64},
        "userProperties": {"type": "array", "items": {"$ref": "#/components/schemas/UserProperty"}},
        "contentType": _TEXT,
        "messageExpiry": {"type": "integer", "minimum": 0, "maximum": 0xFFFFFFFF},
        "payloadFormatIndicator": _FLAG,
    },
}


def _publish() -> Schema:
    return {
        "operationId": "publishMessage",
        "summary": "Publish one MQTT message; the body is its payload",
        "parameters": [
            _TOPIC,
            _VERSION,
            _query("qos", "QoS; wins over mqtt-qos", _FLAG),
            _query("retain", "RETAIN; wins over mqtt-retain", _FLAG),
            _header("mqtt-qos", "QoS, 1 unless given", _FLAG),
            _header("mqtt-retain", "RETAIN", _FLAG),
            _header(
                "mqtt-response-topic", "Response Topic, percent-encoded", {"type": "string", "pattern": "^[a-z/]+$"}
            ),
            _header("mqtt-correlation-data", "Correlation Data, base64", {"type": "string", "pattern": _BASE64}),
            _header("mqtt-user-properties", "User Properties, an array of objects with one key each", _PAIRS),
            _header(
                "mqtt-message-expiry",
                "Message Expiry Interval in seconds, 0 for never",
                {"type": "integer", "minimum": 0, "maximum": 0xFFFFFFFF},
            ),
            _header("mqtt-payload-format-indicator", "1: the payload is UTF-8", _FLAG),
            _header(
                "mqtt-reply-wait-ms",
                "Wait for a reply and return it",
                {"type": "integer", "minimum": 1, "maximum": 300_000},
            ),
        ],
        "requestBody": {"required": False, "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}},
        "responses": _answers(
            {
                "200": {
                    "description": "The reply, for mqtt-reply-wait-ms",
                    "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
                },
                "202": {**_NO_BODY, "description": "Accepted, and taken by a routing rule"},
                "204": _NO_BODY,
            },
            400,
            413,
            415,
            500,
            503,
            504,
        ),
    }


def _subscribe() -> Schema:
    return {
        "operationId": "subscribe",
        "summary": "Subscribe; each message is a server-sent event",
        "parameters": [
            _query("topicFilter", "Topic filter, percent-encoded", _FILTER, required=True, example="devices/#"),
            _VERSION,
            _query("qos", "Granted QoS", _FLAG),
            _query("retained", "1: begin with the retained messages", _FLAG),
            _header("last-event-id", "Go on behind this event", _TEXT),
        ],
        "responses": _answers(
            {"200": {"description": "Events", "content": {"text/event-stream": {"schema": _TEXT}}}}, 400, 406, 503
        ),
    }


# Any elements: one that is no Message is answered for itself and spoils nothing for the rest.
_ITEMS: Final[Schema] = {
    "type": "array",
    "description": "Of #/components/schemas/Message",
    "items": {},
    "example": [{"topic": "a/b"}],
}


def _batch() -> Schema:
    return {
        "operationId": "publishBatch",
        "summary": "Publish several messages, each answered for itself",
        "parameters": [_VERSION],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ITEMS}},
        },
        "responses": _answers(
            {
                "200": {
                    "description": "What became of each, in order",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/BatchResult"}}},
                }
            },
            400,
            413,
        ),
    }


def _list() -> Schema:
    return {
        "operationId": "listRetainedMessages",
        "summary": "List retained messages, without their payloads",
        "parameters": [
            _query("topicFilter", "Topic filter; excludes continuationToken", _FILTER, example="devices/#"),
            _query("continuationToken", "From the nextLink of the page before", _TEXT),
            _query("maxResults", "Of one page", {"type": "integer", "minimum": 1, "maximum": 100}),
            _VERSION,
        ],
        "responses": _answers(
            {
                "200": {
                    "description": "A page",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/RetainedPage"}}},
                }
            },
            400,
        ),
    }


def _read_one() -> Schema:
    headers = ("topic", "qos", "size", "expiry", "last-modified")
    return {
        "operationId": "getRetainedMessage",
        "summary": "Read a retained message; the body is its payload",
        "parameters": [_TOPIC, _VERSION],
        "responses": _answers(
            {
                "200": {
                    "description": "The message",
                    "headers": {f"x-ms-mqtt-{name}": {"schema": _TEXT} for name in headers},
                    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
                }
            },
            400,
            404,
        ),
    }


def _clear_one() -> Schema:
    return {
        "operationId": "clearRetainedMessage",
        "summary": "Clear a retained message",
        "parameters": [_TOPIC, _VERSION],
        "responses": _answers({"202": _NO_BODY, "204": _NO_BODY}, 400, 404),
    }


def _components() -> Schema:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            "basic": {"type": "http", "scheme": "basic", "description": "where users of the broker may call"},
            "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "likewise"},
        },
        "responses": {
            f"Error{status}": {
                "description": ", ".join(sorted(code for code, held in STATUS.items() if held == status)),
                "content": error,
            }
            for status in sorted(set(STATUS.values()))
        },
        "schemas": {
            "Error": {
                "type": "object",
                "required": ["error"],
                "properties": {"error": {"$ref": "#/components/schemas/ErrorValue"}},
            },
            "ErrorValue": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "code": {"type": "string", "enum": sorted(STATUS)},
                    "message": _TEXT,
                    "target": _TEXT,
                },
            },
            "UserProperty": {"type": "object", "minProperties": 1, "additionalProperties": _TEXT},
            "Message": _MESSAGE,
            "BatchResult": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["status"],
                    "properties": {"status": {"type": "integer"}, "error": {"$ref": "#/components/schemas/ErrorValue"}},
                },
            },
            "RetainedPage": {
                "type": "object",
                "required": ["nextLink", "retainedMessages"],
                "properties": {
                    "nextLink": {"type": ["string", "null"]},
                    "retainedMessages": {"type": "array", "items": {"$ref": "#/components/schemas/RetainedEntry"}},
                },
            },
            "RetainedEntry": {
                "type": "object",
                "required": ["topic", "qos", "size", "expiry", "lastModifiedTime"],
                "properties": {
                    "topic": _TEXT,
                    "qos": {"type": "integer", "enum": [0, 1, 2]},
                    "size": {"type": "integer"},
                    "expiry": {"type": ["string", "null"], "format": "date-time"},
                    "lastModifiedTime": {"type": "string", "format": "date-time"},
                },
            },
        },
    }


def make_document() -> Schema:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Event Grid compatible HTTP Publish",
            "version": version,
            "description": "Publish MQTT messages, subscribe, and manage retained messages over HTTP.",
        },
        "security": [{"bearer": []}, {"basic": []}, {"apiKey": []}],
        "paths": {
            "/mqtt/messages": {"post": _publish(), "get": _subscribe()},
            "/mqtt/messages:batch": {"post": _batch()},
            "/mqtt/retainedMessages": {"get": _list()},
            "/mqtt/retainedMessages/message": {"get": _read_one(), "delete": _clear_one()},
            "/mqtt/openapi.json": {
                "get": {
                    "operationId": "describe",
                    "summary": "This document",
                    "security": [],
                    "responses": {
                        "200": {"description": "OpenAPI 3.1", "content": {"application/json": {"schema": {}}}}
                    },
                }
            },
        },
        "components": _components(),
    }


class OpenApi:
    """Open to everybody: it says nothing about this installation."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._text = msgspec.json.encode(make_document())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reply = Reply(200, [(b"content-type", b"application/json")], self._text)
        headers = [*request_headers(scope, self._service.next_id()), *self._service.cors_headers(scope)]
        await send_reply(send, reply, headers)
