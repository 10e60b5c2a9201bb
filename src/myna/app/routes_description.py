"""What `routes_api` answers, as an OpenAPI document made of its table.

What a newcomer gets wrong: only what all kinds of destinations have in common is described; the rest is in the
configuration's manual, and what is wrong is said by name.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from myna.routing.destinations import KINDS
from myna.routing.reading import NAME
from myna.routing.rules import RuleSettings

Schema = dict[str, Any]

_REFERENCE: Final = "#/components/schemas/{name}"
_NAMED: Final[Schema] = {
    "name": "name",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": f"^{NAME.pattern}$"},
}
_AFTER: Final[Schema] = {
    "name": "after",
    "in": "query",
    "description": "The number of the last dead letter of the page before.",
    "schema": {"type": "integer", "minimum": 0},
}
_DESTINATION: Final[Schema] = {
    "type": "object",
    "description": "And the settings of its kind, as in the configuration.",
    "properties": {"kind": {"type": "string", "enum": list(KINDS)}},
    "required": ["kind"],
}
_PROBLEM: Final[Schema] = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}},
    "required": ["title", "status", "detail"],
}
_TITLES: Final = {
    400: "What was asked for is wrong",
    401: "Not the administrator's token",
    404: "There is no such thing",
    409: "It cannot be as things are",
    413: "A large body",
    429: "Too many wrong tokens",
}
_BY_THE_PORT: Final[Schema] = {
    "414": {"description": "An address of more than 32 KiB"},
    "431": {"description": "Large headers"},
}


def describe_routes(operations: Sequence[tuple[str, str, str]], events: Sequence[str]) -> Schema:
    """Of method, path and summary; and whose events rules may ask for."""
    _, schemas = msgspec.json.schema_components([RuleSettings], ref_template=_REFERENCE)
    schemas["RuleSettings"]["properties"]["events"] |= {"minItems": 1, "items": {"enum": list(events)}}
    paths: dict[str, Schema] = {}
    for method, path, summary in operations:
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, summary)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Routing", "description": "Messages that leave: rules, destinations, dead letters."},
        "security": [{"administrator": []}],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "DestinationSettings": _DESTINATION, "Problem": _PROBLEM},
            "securitySchemes": {"administrator": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(method: str, path: str, summary: str) -> Schema:
    is_of_rules = "/rules/" in path
    refusals = [401, 429]
    parameters = []
    if "{name}" in path:
        parameters.append(_NAMED)
        refusals.append(404)
    if path.endswith("/dead-letters") and method == "GET":
        parameters.append(_AFTER)
        refusals.append(400)
    if method == "PUT":
        refusals += [400, 409, 413]
    elif method == "DELETE" and path.endswith("}"):
        refusals.append(409)
    responses: Schema = {str(status): _refused(status) for status in sorted(refusals)}
    done = {"description": "Done", "content": {"application/json": {"schema": {"type": "object"}}}}
    if method == "DELETE" and is_of_rules:
        responses["204"] = {"description": "Done"}
    else:
        responses["200"] = done
        if method == "PUT":
            responses["201"] = {**done, "description": "Made"}
    operation: Schema = {"summary": summary, "parameters": parameters, "responses": {**responses, **_BY_THE_PORT}}
    if method == "PUT":
        wanted = _REFERENCE.format(name="RuleSettings" if is_of_rules else "DestinationSettings")
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": {"$ref": wanted}}}}
    return operation


def _refused(status: int) -> Schema:
    schema = {"$ref": _REFERENCE.format(name="Problem")}
    return {"description": _TITLES[status], "content": {"application/problem+json": {"schema": schema}}}
