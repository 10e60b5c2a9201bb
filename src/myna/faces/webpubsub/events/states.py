"""What of an MQTT session's line outlives the process: its session id, and the state its handlers want back.

    hub TAB client id   ->   session id SPACE state

What a newcomer gets wrong: only sessions that are stored have it stored; all else ends with the process anyway.
"""

from collections.abc import Callable
from typing import Final

from myna.core.kept import KeptValues
from myna.faces.webpubsub.events.line import Line

SPACE: Final = "webpubsub.states"


class KeptStates:
    def __init__(self, kept: KeptValues) -> None:
        self._kept = kept

    def keep(self, line: Line) -> None:
        if line.is_lasting:
            source = line.source
            value = f"{source.session_id} {source.state}".encode()
            name = _name(source.hub, source.connection_id)
            if self._kept.of(SPACE).get(name) != value:
                self._kept.keep(SPACE, name, value)

    def resume(self, line: Line) -> None:
        """The session goes on that was here before the restart. Its state has been shown to whoever let it in."""
        line.source.session_id = self._of(line)[0] or line.source.session_id

    def restore(self, line: Line) -> None:
        """It has not come back, and its line is made only now."""
        self.resume(line)
        line.source.state = self.state_of(line)

    def state_of(self, line: Line) -> str:
        return self._of(line)[1]

    def _of(self, line: Line) -> tuple[str, str]:
        held = self._kept.of(SPACE).get(_name(line.source.hub, line.source.connection_id), b"")
        session_id, _, state = held.decode().partition(" ")
        return session_id, state

    def forget(self, hub: str, client_id: str) -> None:
        self._kept.keep(SPACE, _name(hub, client_id), None)

    def forget_all_but(self, is_here: Callable[[str, str], bool]) -> None:
        """Of sessions that ended while no process was there; asked by hub and client id."""
        for name in list(self._kept.of(SPACE)):
            hub, _, client_id = name.partition("\t")
            if not is_here(hub, client_id):
                self._kept.keep(SPACE, name, None)


def _name(hub: str, client_id: str) -> str:
    return f"{hub}\t{client_id}"
