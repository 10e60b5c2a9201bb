"""Expressions of the vendor's deployment templates, as far as names and properties of a namespace need them.

    "[concat(parameters('namespaces_name'), '/sensors')]"      what the portal exports
    "[format('{0}/{1}', parameters('name'), 'sensors')]"       what Bicep compiles to

Literals, `concat`, `format`, `parameters` (by their default) and `variables`. What a newcomer gets wrong: whatever
needs more than that stays as it stands; most of it, such as locations, means nothing here, and the rest is refused
where it is read. A text that begins with two brackets is a text.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

DEEPEST: Final = 32  # calls within calls, variables behind variables
LONGEST: Final = 24_576  # characters, the vendor's own bound

_TOKEN: Final = re.compile(r"\s*(?:'((?:[^']|'')*)'|([A-Za-z_][A-Za-z0-9_.]*)|([(),]))")
_HOLE: Final = re.compile(r"\{([0-9]{1,2})\}")

Json = Mapping[str, Any]


class Unresolved(Exception):
    """It needs more than is known here."""


def is_template(document: object) -> bool:
    return isinstance(document, dict) and "contentVersion" in document and "resources" in document


def resolve_template(document: Json) -> dict[str, Any]:
    """The same, with the expressions in its resources worked out. Newer templates have these by name, not in a list."""
    resources = document["resources"]
    if isinstance(resources, dict):
        resources = [one for one in resources.values() if not (isinstance(one, dict) and one.get("existing"))]
    return {**document, "resources": _Template(document).resolve(resources, 0)}


class _Template:
    def __init__(self, document: Json) -> None:
        self._parameters = _table(document.get("parameters"))
        self._variables = _table(document.get("variables"))

    def resolve(self, value: object, depth: int) -> object:
        if isinstance(value, dict):
            return {key: self.resolve(held, depth) for key, held in value.items()}
        if isinstance(value, list):
            return [self.resolve(held, depth) for held in value]
        if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
            if value.startswith("[["):
                return value[1:]
            try:
                return self._work_out(value[1:-1], depth)
            except Unresolved:
                return value
        return value

    def _work_out(self, text: str, depth: int) -> object:
        if len(text) > LONGEST:
            raise Unresolved
        found, rest = self._term(_tokens(text), depth)
        if rest:
            raise Unresolved
        return found

    def _term(self, tokens: list[tuple[str, str]], depth: int) -> tuple[object, list[tuple[str, str]]]:
        """What the tokens begin with, and those behind it."""
        if not tokens or depth > DEEPEST:
            raise Unresolved
        (kind, text), rest = tokens[0], tokens[1:]
        if kind == "text":
            return text, rest
        if kind != "name" or rest[:1] != [("sign", "(")]:
            raise Unresolved
        arguments: list[object] = []
        rest = rest[1:]
        while rest[:1] != [("sign", ")")]:
            if arguments:
                if rest[:1] != [("sign", ",")]:
                    raise Unresolved
                rest = rest[1:]
            argument, rest = self._term(rest, depth + 1)
            arguments.append(argument)
        return self._call(text.lower(), arguments, depth), rest[1:]

    def _call(self, function: str, arguments: list[object], depth: int) -> object:
        texts = [argument for argument in arguments if isinstance(argument, str)]
        if not texts or len(texts) != len(arguments):
            raise Unresolved
        if function == "concat":
            return "".join(texts)
        if function == "format":
            return _HOLE.sub(lambda hole: _pick(texts, int(hole[1]) + 1), texts[0])
        if function == "parameters" and "defaultValue" in _table(self._parameters.get(texts[0])):
            return self.resolve(self._parameters[texts[0]]["defaultValue"], depth + 1)
        if function == "variables" and texts[0] in self._variables:
            return self.resolve(self._variables[texts[0]], depth + 1)
        raise Unresolved


def _pick(texts: list[str], index: int) -> str:
    if index >= len(texts):
        raise Unresolved
    return texts[index]


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise Unresolved
        literal, name, sign = match.groups()
        if literal is not None:
            tokens.append(("text", literal.replace("''", "'")))
        else:
            tokens.append(("name", name) if name else ("sign", sign))
        position = match.end()
    return tokens
