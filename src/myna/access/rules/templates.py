"""Topics of a rule: filters with a client's names in them.

    home/${user}/#              for alice: home/alice/#
    meters/${attributes.site}   for somebody without that attribute: nothing

What a newcomer gets wrong: a value is never more than a part of one level, and never empty. One that holds `/`, `+`,
`#` or NUL makes the whole template allow nothing, or whoever chooses a name would choose what it may read. So does one
that would make it begin with `$`: those are the broker's topics. What is denied is the other way round.
"""

import re
from collections.abc import Sequence
from typing import Final

from myna.core.identity import Identity
from myna.wire.topics import check_filter, parse_filter

ATTRIBUTE: Final = "attributes."
VARIABLES: Final = ("tenant", "user", "client")
SHOWN: Final = "${tenant}, ${user}, ${client} and ${attributes.NAME}"

_VARIABLE: Final = re.compile(r"\$\{([^{}]*)\}")
_FORBIDDEN: Final = re.compile(r"[/+#\x00]")


class BadTemplate(ValueError):
    """Says what is wrong with it."""


class Template:
    """`pieces` are texts and names of variables, in turn: a text is first and last."""

    __slots__ = ("pieces", "text")

    def __init__(self, text: str) -> None:
        """Raises BadTemplate."""
        self.text = text
        self.pieces = _VARIABLE.split(text)
        if any("${" in piece for piece in self.pieces[::2]):
            raise BadTemplate(f'"{text}": a ${{ without its }}')
        for name in self.pieces[1::2]:
            if name not in VARIABLES and (not name.startswith(ATTRIBUTE) or name == ATTRIBUTE):
                raise BadTemplate(f'"{text}": there is no variable ${{{name}}}; there are {SHOWN}')
        sample = parse_filter("x".join(self.pieces[::2]))
        if sample is None:
            raise BadTemplate(f'"{text}" is no topic filter: + stands for a whole level, # for the last one')
        if sample.group:
            raise BadTemplate(f'"{text}": rules are about the filter behind the group; leave out the first two levels')

    @property
    def is_fixed(self) -> bool:
        """The same for everybody."""
        return len(self.pieces) == 1

    def fill(self, identity: Identity) -> str | None:
        """The filter it is for somebody; None if there is none. For what is allowed: see `cover`."""
        pieces = self.pieces
        if len(pieces) == 1:
            return self.text
        filled = [pieces[0]]
        for name, text in zip(pieces[1::2], pieces[2::2], strict=True):
            value = _value(identity, name)
            if not value or _FORBIDDEN.search(value):
                return None
            filled += (value, text)
        filter = "".join(filled)
        if filter.startswith("$") and not pieces[0].startswith("$"):
            return None
        return filter if check_filter(filter) else None

    def cover(self, identity: Identity) -> str | None:
        """The same, for what is denied: a value that fits nowhere stands for any, or whoever chooses such a name would
        have chosen not to be denied anything. None only where there is no value at all.
        """
        pieces = self.pieces
        values = [_value(identity, name) for name in pieces[1::2]]
        if not all(values):
            return None
        fitting = ["\0" if _FORBIDDEN.search(value) else value for value in values]
        filter = self._cover(fitting)
        return filter if check_filter(filter) else self._cover(["\0"] * len(values))

    def _cover(self, values: Sequence[str]) -> str:
        """With `+` for each level that a NUL has come into."""
        filled = [self.pieces[0]]
        for value, text in zip(values, self.pieces[2::2], strict=True):
            filled += (value, text)
        return "/".join("+" if "\0" in level else level for level in "".join(filled).split("/"))


def _value(identity: Identity, name: str) -> str:
    if name.startswith(ATTRIBUTE):
        return identity.attributes.get(name.removeprefix(ATTRIBUTE), "")
    if name == "tenant":
        return identity.tenant
    return identity.user if name == "user" else identity.client_id
