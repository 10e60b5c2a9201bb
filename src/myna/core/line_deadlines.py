"""The three clocks of one connection: it must say CONNECT in time, be heard again and again, and hold valid
credentials.

What a newcomer gets wrong: keep-alive is not moved by packets. It looks, when due, at when the client was last heard,
and moves itself.
"""

from typing import Final, final

from myna.core.authentication import Authentication
from myna.core.deadlines import Deadline, Deadlines, Timed
from myna.core.link import Link
from myna.wire import reasons

JUDGING: Final = 60.0  # seconds a gate may take, exchanges of AUTH included


@final
class _SilentConnect(Timed):
    """A connection that says nothing, or never finishes saying it (§3.1.4)."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def due(self, now: float) -> None:
        self._link.give_up_waiting(now)


@final
class _KeepAlive(Timed):
    def __init__(self, owner: "LineDeadlines", limit: float) -> None:
        self._owner = owner
        self.limit = limit

    def due(self, now: float) -> None:
        self._owner.keep_alive_due(self, now)


@final
class _Expiry(Timed):
    """The identity's time is up, unless it authenticates anew."""

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication

    def due(self, now: float) -> None:
        self._authentication.dismiss(reasons.NOT_AUTHORIZED, "the credentials have expired", now)


@final
class LineDeadlines:
    __slots__ = ("_deadlines", "_expiry", "_link", "_silence")

    def __init__(self, deadlines: Deadlines, link: Link) -> None:
        self._deadlines = deadlines
        self._link = link
        self._silence: Deadline | None = None  # for CONNECT first, for keep-alive later
        self._expiry: Deadline | None = None

    def await_connect(self, at: float) -> None:
        self._silence = self._deadlines.add(at, _SilentConnect(self._link))

    def await_gate(self, now: float) -> None:
        """CONNECT has come in time; how long judging it takes is not the client's fault."""
        if self._silence is not None:
            self._silence.cancel()
        self.await_connect(now + JUDGING)

    def keep_alive(self, seconds: int, now: float) -> None:
        """CONNECT has come; from now on it is this, or nothing for 0."""
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
        if seconds:
            timer = _KeepAlive(self, seconds * 1.5)  # [MQTT-3.1.2-22]
            self._silence = self._deadlines.add(now + timer.limit, timer)

    def keep_alive_due(self, timer: _KeepAlive, now: float) -> None:
        heard = now if self._link.is_resting() else self._link.last_heard  # nobody can be heard who is not read from
        if now - heard >= timer.limit:
            self._silence = None
            self._link.disconnect(reasons.KEEP_ALIVE_TIMEOUT, now)
        else:
            self._silence = self._deadlines.add(heard + timer.limit, timer)

    def credentials_expire(self, at: float, authentication: Authentication) -> None:
        """When the identity does; 0 for never."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if at:
            self._expiry = self._deadlines.add(at, _Expiry(authentication))

    def cancel(self) -> None:
        for deadline in (self._silence, self._expiry):
            if deadline is not None:
                deadline.cancel()
        self._silence = None
        self._expiry = None
