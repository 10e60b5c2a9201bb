"""One OpenAPI document made of those that the faces bring: /openapi.json, and one of what is below /api/admin.

Names within `components` and of operations get the face's name in front, so that two faces may both have an `Error`.
What a newcomer gets wrong: what stands at the top of a face's document and means its operations (`security`) is said of
each operation instead, since the others' must not inherit it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from myna.version import version

_COMPONENTS: Final = "#/components/"
_ROOT: Final = "/api/admin/"
_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


@dataclass(frozen=True, slots=True)
class Description:
    face: str
    document: Mapping[str, Any]


def merge(descriptions: Sequence[Description], *, administration: bool) -> bytes:
    """What they say of the administration's paths, or of all others, as JSON."""
    paths: dict[str, Any] = {}
    components: dict[str, dict[str, Any]] = {}
    tags: list[dict[str, str]] = []
    for one in descriptions:
        wanted = {
            path: item for path, item in one.document["paths"].items() if path.startswith(_ROOT) == administration
        }
        if not wanted:
            continue
        info = one.document["info"]
        tags.append({"name": one.face, "description": info.get("description", info["title"])})
        for path, item in wanted.items():
            paths[path] = {key: _operation(one, key, value) for key, value in item.items()}
        for kind, held in one.document.get("components", {}).items():
            named = {f"{one.face}.{name}": _renamed(one.face, value) for name, value in held.items()}
            components.setdefault(kind, {}).update(named)
    title = "Myna's administration" if administration else "Myna"
    document = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "tags": tags,
        "paths": paths,
        "components": components,
    }
    return msgspec.json.encode(document)


def _operation(one: Description, method: str, value: Any) -> Any:
    renamed = _renamed(one.face, value)
    if method not in _METHODS:
        return renamed
    security = value.get("security", one.document.get("security", []))
    operation = {
        **renamed,
        "tags": [one.face],
        "security": [{f"{one.face}.{name}": scopes for name, scopes in need.items()} for need in security],
    }
    if "operationId" in value:
        operation["operationId"] = f"{one.face}.{value['operationId']}"
    return operation


def _renamed(face: str, value: Any) -> Any:
    """The same with its references to the face's components under their new names."""
    if isinstance(value, dict):
        return {key: _reference(face, held) if key == "$ref" else _renamed(face, held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(face, held) for held in value]
    return value


def _reference(face: str, target: Any) -> Any:
    if not isinstance(target, str) or not target.startswith(_COMPONENTS):
        return target
    kind, _, name = target.removeprefix(_COMPONENTS).partition("/")
    return f"{_COMPONENTS}{kind}/{face}.{name}"
