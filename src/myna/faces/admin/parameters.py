"""Parameters of the path and the query: one schema each, which both reads them and describes them.

Strict on purpose: an unknown parameter, one that stands twice or one that does not fit is refused by name, since
`DELETE …?tenat=x` must not mean something else than was meant.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from myna.faces.admin.problems import Problem

Schema = Mapping[str, Any]
Values = dict[str, Any]

_MOST: Final = 32  # parameters of one query
# What MQTT has in no string: control characters and those that are none (§1.5.4).
_NONE: Final = "".join(chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(17))
_NEVER: Final = f"\\u0000-\\u001f\\u007f-\\u009f\\ufdd0-\\ufdef{_NONE}"
_LEVEL: Final = rf"(\+|[^+#/{_NEVER}]*)"

# How long a name may be is left to the HTTP port, which takes no more than 32 KiB of address.
TEXT: Final[Schema] = {"type": "string", "minLength": 1}
TOPIC: Final[Schema] = {**TEXT, "title": "topic name", "pattern": f"^[^+#{_NEVER}]+$"}
FILTER: Final[Schema] = {**TEXT, "title": "topic filter", "pattern": f"^(#|{_LEVEL}(/{_LEVEL})*(/#)?)$"}
FLAG: Final[Schema] = {"type": "boolean"}


def number(minimum: int, maximum: int, default: int | None = None) -> Schema:
    schema: dict[str, Any] = {"type": "integer", "minimum": minimum, "maximum": maximum}
    return schema if default is None else {**schema, "default": default}


def choice(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    description: str
    schema: Schema = field(default_factory=lambda: TEXT)
    required: bool = False
    in_path: bool = False

    def describe(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "in": "path" if self.in_path else "query",
            "required": self.required or self.in_path,
            "description": self.description,
            "schema": dict(self.schema),
        }


def in_path(name: str, description: str, schema: Schema = TEXT) -> Parameter:
    return Parameter(name, description, schema, in_path=True)


def read_parameters(parameters: Sequence[Parameter], path: Mapping[str, str], query: bytes) -> Values:
    """Every parameter by name; None for one that is neither there nor has a default. Raises Problem."""
    given = _read_query(query)
    known = {one.name for one in parameters if not one.in_path}
    for name in given:
        if name not in known:
            raise Problem(400, f"there is no parameter {name[:100]!r} here; there are: {_list(known)}", name[:100])
    values: Values = {}
    for one in parameters:
        text = path.get(one.name) if one.in_path else given.get(one.name)
        if text is None and one.required:
            raise Problem(400, f"{one.name} is missing: {one.description}", one.name)
        values[one.name] = one.schema.get("default") if text is None else _read(one, text)
    return values


def _read_query(query: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="surrogateescape", max_num_fields=_MOST)
    except ValueError:
        raise Problem(400, f"the query is not ASCII, or has more than {_MOST} parameters") from None
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            raise Problem(400, f"{name[:100]} stands there twice", name[:100])
        given[name] = value
    return given


def _read(parameter: Parameter, text: str) -> Any:
    schema = parameter.schema
    name = parameter.name
    if not _is_unicode(text):
        raise Problem(400, f"{name} is not UTF-8", name)
    if "enum" in schema:
        if text not in schema["enum"]:
            raise Problem(400, f"{name} is one of {_list(schema['enum'])}", name)
        return text
    if schema["type"] == "integer":
        return _read_number(name, schema, text)
    if schema["type"] == "boolean":
        if text not in ("true", "false"):
            raise Problem(400, f"{name} is true or false", name)
        return text == "true"
    if len(text) < schema["minLength"]:
        raise Problem(400, f"{name} must not be empty", name)
    if "pattern" in schema and not re.fullmatch(schema["pattern"], text):
        raise Problem(400, f"{name} is no {schema['title']}", name)
    return text


def _read_number(name: str, schema: Schema, text: str) -> int:
    minimum, maximum = schema["minimum"], schema["maximum"]
    if text.isascii() and text.isdigit() and len(text) <= len(str(maximum)) and minimum <= int(text) <= maximum:
        return int(text)
    raise Problem(400, f"{name} is a whole number from {minimum} to {maximum}", name)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _list(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"
