"""Topic templates: filters with a client's name and attributes in them, and which topics and filters they cover.

    machines/${client.authenticationName|.factory1}/temp      for machine1: machines/machine1.factory1/temp
    areas/${client.attributes.area}/alerts/#                  for a list attribute: one filter per element

What a newcomer gets wrong: a value is never allowed to be more than a part of one level. One that holds `/`, `+` or
`#` makes the template cover nothing, or whoever chooses an attribute would choose what they may read. And a filter is
granted only if one template covers it whole; two that cover it together do not.
"""

import itertools
import logging
import math
import re
from dataclasses import dataclass
from typing import Final

from myna.faces.eventgrid.clients import KEY, Client
from myna.wire.topics import check_filter

log = logging.getLogger("myna.eventgrid")

NAME: Final = ""  # the variable that is no attribute
MOST_FILTERS: Final = 1000  # of one template for one client; list attributes multiply

_VARIABLE: Final = re.compile(r"\$\{([^{}|]*)(?:\|([^{}]*))?\}")
_FORBIDDEN: Final = re.compile(r"[/+#\x00]")


class BadTemplate(ValueError):
    """A template that means nothing; says why."""


@dataclass(frozen=True, slots=True)
class Template:
    """`pieces` are texts with the variables between them: one more text than variables."""

    text: str
    texts: tuple[str, ...]
    variables: tuple[str, ...]

    def filters(self, client: Client) -> list[str]:
        """What the template means for this client; nothing if an attribute is missing or unfit."""
        if not self.variables:
            return [self.text]
        # A variable that stands twice has the same value in both places.
        names = list(dict.fromkeys(self.variables))
        choices = [_values(client, name) for name in names]
        count = math.prod(map(len, choices))
        if count > MOST_FILTERS:
            log.warning(
                "the template %r makes %d filters for the client %r; it gets none of them",
                self.text,
                count,
                client.authentication_name,
            )
            return []
        found = []
        for combination in itertools.product(*choices):
            values = dict(zip(names, combination, strict=True))
            text = self.texts[0] + "".join(
                values[name] + text for name, text in zip(self.variables, self.texts[1:], strict=True)
            )
            if not text.startswith("$") and check_filter(text):
                found.append(text)
        return found


def parse_template(text: str) -> Template:
    """Raises BadTemplate."""
    texts: list[str] = []
    variables: list[str] = []
    position = 0
    glued = ""
    for match in _VARIABLE.finditer(text):
        texts.append(glued + text[position : match.start()])
        variables.append(_variable(match[1], text))
        glued = match[2] or ""
        if _FORBIDDEN.search(glued):
            raise BadTemplate(f"{text!r}: the text behind a | must stay within its level")
        position = match.end()
    texts.append(glued + text[position:])
    if any("${" in piece for piece in texts):
        raise BadTemplate(f"{text!r}: a ${{ without a variable behind it")
    sample = "x".join(texts)
    if sample.startswith("$"):
        raise BadTemplate(f"{text!r}: topics that begin with $ are reserved")
    if not check_filter(sample):
        raise BadTemplate(f"{text!r} is no legal topic filter")
    return Template(text, tuple(texts), tuple(variables))


def covers(template: list[str], filter: list[str]) -> bool:
    """Does a template, as levels, reach everything that a filter or topic reaches?"""
    for index, level in enumerate(template):
        if level == "#":
            return True  # the parent level included
        if index == len(filter):
            return False
        given = filter[index]
        if given == "#" or level not in ("+", given):
            return False
    return len(template) == len(filter)


class Coverage:
    """All that somebody may publish or subscribe to: exact names in a set, filters as levels."""

    __slots__ = ("_exact", "_wide")

    def __init__(self, filters: list[str]) -> None:
        wide = [text for text in filters if "+" in text or "#" in text]
        self._exact = frozenset(filters).difference(wide)
        self._wide = [text.split("/") for text in dict.fromkeys(wide)]

    def is_empty(self) -> bool:
        return not self._exact and not self._wide

    def covers(self, filter: str) -> bool:
        """A topic or a filter; those that begin with $ are reserved."""
        if filter.startswith("$"):
            return False
        if filter in self._exact:
            return True
        levels = filter.split("/")
        return any(covers(template, levels) for template in self._wide)


def _variable(name: str, text: str) -> str:
    if name == "client.authenticationName":
        return NAME
    key = name.removeprefix("client.attributes.")
    if key != name and KEY.fullmatch(key):
        return key
    raise BadTemplate(f"{text!r}: there is no variable {name!r}")


def _values(client: Client, variable: str) -> list[str]:
    held = client.attributes.get(variable) if variable else client.authentication_name
    if held is None:
        return []
    elements = held if isinstance(held, tuple) else (str(held),)
    return [element for element in dict.fromkeys(elements) if not _FORBIDDEN.search(element)]
