"""What `administration` answers below /api/admin/hubs, as OpenAPI paths.

What a newcomer gets wrong: the settings are written down here a second time, since what they are spelled like (`30 s`,
`64 MiB`) says more than their types; a test compares the names.
"""

from typing import Any, Final, get_args

from myna.faces.webpubsub.hub_settings import Handler, HubSettings, RoutedEvent, SystemEvent
from myna.faces.webpubsub.keys import NAMES
from myna.faces.webpubsub.naming import HUB

Schema = dict[str, Any]

_HUB: Final[Schema] = {
    "name": "hub",
    "in": "path",
    "required": True,
    "description": "A hub's name, or _default for all that have no settings of their own.",
    "schema": {"type": "string", "pattern": f"^({HUB.pattern}|_default)$"},
}
_TEXT: Final[Schema] = {"type": "string"}
_EVENTS: Final = "`*`, or names with wildcards, between commas"


def _object(required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _events(kind: Any) -> Schema:
    return {"type": "array", "items": {"type": "string", "enum": list(get_args(kind))}}


_HANDLER: Final = _object(
    ("url_template",),
    url_template={"type": "string", "format": "uri-template", "description": "May hold {event} and {hub}."},
    user_event_pattern={**_TEXT, "description": _EVENTS},
    system_events=_events(SystemEvent),
)
_SETTINGS: Final = _object(
    handlers={"type": "array", "items": {"$ref": "#/components/schemas/Handler"}},
    routed_user_events={**_TEXT, "description": _EVENTS},
    routed_system_events=_events(RoutedEvent),
    anonymous={"type": "boolean", "description": "Clients need no token."},
    client_ids_of_users={"type": "boolean", "description": "Nobody takes over an MQTT client id of another user."},
    timeout={"type": ["string", "number"], "description": "Seconds, or as in `30 s`.", "default": "30 s"},
    calls={"type": "integer", "minimum": 1, "default": HubSettings().calls},
    waiting={"type": ["string", "integer"], "description": "Bytes, or as in `64 MiB`.", "default": "64 MiB"},
)
_ALL_SETTINGS: Final = _object(
    HubSettings.__struct_fields__,
    **{
        **_SETTINGS["properties"],
        "handlers": {"type": "array", "items": {"$ref": "#/components/schemas/ShownHandler"}},
        "timeout": _TEXT,
    },
)
_SHOWN: Final = _object(
    ("hub", "source", "settings"),
    hub=_TEXT,
    source={"type": "string", "enum": ["configuration", "administration", "default", "_default"]},
    settings={"$ref": "#/components/schemas/AllHubSettings"},
)
_KEY: Final = _object(("key", "made_at_run_time"), key=_TEXT, made_at_run_time={"type": "boolean"})
_SCHEMAS: Final = {
    "Handler": _HANDLER,
    "HubSettings": _SETTINGS,
    "ShownHandler": _object(Handler.__struct_fields__, **{**_HANDLER["properties"], "url_template": _TEXT}),
    "AllHubSettings": _ALL_SETTINGS,
    "Hub": _SHOWN,
    "Hubs": _object(("hubs",), hubs={"type": "array", "items": {"$ref": "#/components/schemas/Hub"}}),
    "Keys": _object(NAMES, **dict.fromkeys(NAMES, _KEY)),
    "Which": _object(("key",), key={"type": "string", "enum": list(NAMES)}),
    "NewKey": {**_object((), **dict.fromkeys(NAMES, _TEXT)), "minProperties": 1},
    "Error": _object(("error",), error=_TEXT),
}


def describe_hubs(root: str) -> Schema:
    hub = f"{root}/{{hub}}"
    return {
        "openapi": "3.1.0",
        "info": {"title": "Hubs", "description": "Web PubSub's hubs: their settings at run time, and the access keys."},
        "security": [{"administrator": []}],
        "paths": {
            root: {"get": _operation("list_hubs", "All that have settings of their own.", "Hubs")},
            hub: {
                "get": _operation("show_hub", "What holds for one; the queries of URLs are masked.", "Hub", 400),
                "put": _operation("set_hub", "Its settings from now on.", "Hub", 400, 413, takes="HubSettings"),
                "delete": _operation("unset_hub", "The configuration's settings again.", None, 400, 404),
                "parameters": [_HUB],
            },
            f"{hub}/:secrets": {
                "get": _operation("show_hub_secrets", "The same with the queries of URLs.", "Hub", 400),
                "parameters": [_HUB],
            },
            f"{root}/:keys": {"get": _operation("show_keys", "The access keys.", "Keys")},
            f"{root}/:regenerateKey": {
                "post": _operation("make_key", "A new key in place of one.", "NewKey", 400, 413, takes="Which"),
            },
        },
        "components": {
            "schemas": _SCHEMAS,
            "securitySchemes": {"administrator": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(name: str, summary: str, gives: str | None, *refusals: int, takes: str | None = None) -> Schema:
    done = {"200": {"description": "Done", "content": _json(gives)}} if gives else {"204": {"description": "Done"}}
    operation: Schema = {
        "operationId": name,
        "summary": summary,
        "responses": {
            **done,
            **{str(status): {"description": "Refused", "content": _json("Error")} for status in refusals},
            "401": {"description": "Not the administrator's token"},
            "429": {"description": "Too many wrong tokens"},
            "414": {"description": "An address of more than 32 KiB"},
            "431": {"description": "Large headers"},
        },
    }
    if takes is not None:
        operation["requestBody"] = {"required": True, "content": _json(takes)}
    return operation


def _json(schema: str) -> Schema:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
