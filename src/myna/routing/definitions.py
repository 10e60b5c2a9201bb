"""What destinations and rules there are: those of the configuration, and those made at run time, which are kept.

What a newcomer gets wrong: what the file says is the file's. It can be paused here, but not changed; and a name of the
file hides one that was made at run time.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from myna.core.kept import KeptValues

log = logging.getLogger("myna.routing")

DESTINATIONS: Final = "routing.destinations"
RULES: Final = "routing.rules"
PAUSED: Final = "routing.paused"

FILE: Final = "configuration"
RUN_TIME: Final = "api"


@dataclass(frozen=True, slots=True)
class Definition:
    """`values` as they were written."""

    name: str
    values: Mapping[str, Any]
    origin: str = RUN_TIME


class Definitions:
    """Of one sort, by name."""

    def __init__(self, space: str, kept: KeptValues) -> None:
        self._space = space
        self._kept = kept
        self._of_file: dict[str, Definition] = {}

    def set_file(self, values: Mapping[str, Mapping[str, Any]]) -> None:
        self._of_file = {name: Definition(name, given, FILE) for name, given in values.items()}
        self.say_hidden()

    def say_hidden(self) -> None:
        """To be called, too, once what is kept is known."""
        for name in self._of_file.keys() & self._kept.of(self._space).keys():
            log.warning("routing: %s is in the configuration; what was made of that name later is hidden", name)

    def __iter__(self) -> Iterator[Definition]:
        yield from self._of_file.values()
        for name, body in self._kept.of(self._space).items():
            if name not in self._of_file:
                yield Definition(name, msgspec.json.decode(body, type=dict[str, Any]))

    def find(self, name: str) -> Definition | None:
        return next((one for one in self if one.name == name), None)

    def keep(self, name: str, values: Mapping[str, Any] | None) -> None:
        """Remember it across restarts, or forget it."""
        self._kept.keep(self._space, name, None if values is None else msgspec.json.encode(values))
