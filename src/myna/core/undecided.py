"""Whoever waits for a verdict of the rules, on behalf of a connection: told of an answer, they let it ask again.

Two small classes, because a connection is a link and cannot be another port as well. What a newcomer gets wrong: the
connection may have ended meanwhile; it looks at itself before it does anything.
"""

from typing import final

from myna.core.identity import Identity, Waiting
from myna.core.link import Link


@final
class AskedAgain(Waiting):
    """A PUBLISH, SUBSCRIBE or UNSUBSCRIBE."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def decided(self, now: float) -> None:
        self._link.go_on(now)


@final
class ConnectAskedAgain(Waiting):
    """A CONNECT whose gate has said yes."""

    def __init__(self, link: Link, identity: Identity, data: bytes | None) -> None:
        self._link = link
        self._identity = identity
        self._data = data

    def decided(self, now: float) -> None:
        self._link.judge_connect(self._identity, self._data, now)
