"""The operations as an OpenAPI document. Made of what the server does, so it cannot say anything else.

What a newcomer gets wrong: paths are exact, schemas are those of the structs in `views`; nothing is written twice.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from myna.faces.admin.endpoint import Operation
from myna.faces.admin.problems import TITLES, ProblemDetails
from myna.version import version

Schema = dict[str, Any]

_REFERENCE: Final = "#/components/schemas/{name}"
_ALWAYS: Final = (400, 500)
_BY_THE_TOKEN: Final = (401, 429)
_BY_THE_PORT: Final = {
    "414": {"description": "An address of more than 32 KiB"},
    "431": {"description": "Large headers"},
}


def describe(operations: Sequence[Operation]) -> Schema:
    kinds = {kind for one in operations for kind in (one.takes, one.gives) if kind not in (None, bytes)}
    _, schemas = msgspec.json.schema_components([*sorted(kinds, key=str), ProblemDetails], ref_template=_REFERENCE)
    paths: dict[str, Schema] = {}
    for one in operations:
        paths.setdefault(one.pattern, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Administration", "version": version, "description": "Looking after a running broker."},
        "security": [{"administrator": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"administrator": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(one: Operation) -> Schema:
    described: Schema = {
        "operationId": one.name,
        "summary": one.summary,
        "parameters": [parameter.describe() for parameter in one.parameters],
        "responses": {str(one.status): _success(one)},
    }
    for status in sorted({*_ALWAYS, *_BY_THE_TOKEN, *one.problems, *([413] if one.takes else [])}):
        described["responses"][str(status)] = {
            "description": TITLES.get(status, "Refused for the token"),
            "content": {"application/problem+json": {"schema": {"$ref": _REFERENCE.format(name="ProblemDetails")}}},
        }
    described["responses"].update(_BY_THE_PORT)
    if one.takes is not None:
        described["requestBody"] = {"required": True, "content": _content(one.takes)}
    return described


def _success(one: Operation) -> Schema:
    if one.gives is None:
        return {"description": "Done"}
    return {"description": "Done", "content": _content(one.gives)}


def _content(kind: type) -> Schema:
    if kind is bytes:
        return {"application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 1}}}
    return {"application/json": {"schema": {"$ref": _REFERENCE.format(name=kind.__name__)}}}
