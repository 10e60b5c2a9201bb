"""One connection as its back end sees it: who it is, what has been said of it, how many events it has had.

Knows neither handlers nor rows of events. What a newcomer gets wrong: of an MQTT session that is resumed the line goes
on, with the new physical connection's id and count. So it belongs to the session, though identities hand it on.
"""

from myna.faces.webpubsub.events.cloud_event import Source


class Ending:
    """How an MQTT session's last connection ended: the client's DISCONNECT or ours, if there was one. `reason`: or
    LOST, as watchers are told.
    """

    __slots__ = ("by_client", "code", "reason", "user_properties")

    def __init__(
        self, reason: int, by_client: bool, code: int | None, user_properties: list[tuple[str, str]] | None
    ) -> None:
        self.reason = reason
        self.by_client = by_client
        self.code = code
        self.user_properties = user_properties


class Line:
    """`resumes` before it is shown to a handler, `resumed` once its client is in."""

    __slots__ = ("_count", "address", "ending", "is_known", "is_lasting", "shown", "source")

    def __init__(self, source: Source, address: str = "") -> None:
        self.source = source
        self.address = address
        self.is_known = False  # the back end has been told that it is connected, or need not be
        self.shown = ""  # the state its connect handler was shown, where it resumes a session
        self.is_lasting = False  # its session outlives this process
        self.ending: Ending | None = None
        self._count = 1  # 0 is the connect event's

    def number(self) -> int:
        number = self._count
        self._count += 1
        return number

    def resumes(self, state: str) -> None:
        self.shown = self.source.state = state

    def resumed(self, by: "Line") -> None:
        """The session goes on with another connection, which has got its own connect event."""
        self.source.physical_id = by.source.physical_id
        self.source.user = by.source.user
        if by.source.state != by.shown:  # else events of the session may have changed it meanwhile
            self.source.state = by.source.state
        self.address = by.address
        self.ending = None
        self._count = by._count
