"""Retained messages for those who page through them: in the order of their topics, looking at so many at a time.

The order is made when somebody first asks for it, and then followed: what comes meanwhile is sorted in at the next
look. What a newcomer gets wrong: what goes meanwhile stays in the order until it is made anew, and is passed over.
"""

from bisect import bisect_left, bisect_right
from typing import Final, final

from myna.core.message import Message
from myna.wire.topics import matches

SLACK: Final = 1000  # topics that may be out of date before the order is made anew, besides as many as there are


@final
class RetainedPage:
    """`end`: the last topic that was looked at; empty where nothing comes behind."""

    __slots__ = ("end", "messages")

    def __init__(self, messages: list[Message], end: str) -> None:
        self.messages = messages
        self.end = end


@final
class TopicOrder:
    __slots__ = ("_fresh", "_known", "_sorted")

    def __init__(self) -> None:
        self._known = False  # has somebody asked?
        self._sorted: list[str] = []
        self._fresh: list[str] = []  # not sorted in yet

    def add(self, topic: str) -> None:
        """There is a message where there was none."""
        if not self._known:
            return
        self._fresh.append(topic)
        if len(self._fresh) > len(self._sorted) + SLACK:  # nobody has looked for long
            self._known = False
            self._sorted, self._fresh = [], []

    def is_stale(self, count: int) -> bool:
        """Must it be made anew, now that there are so many?"""
        return not self._known or len(self._sorted) + len(self._fresh) > 2 * count + SLACK

    def renew(self, topics: list[str]) -> None:
        self._known = True
        self._sorted, self._fresh = sorted(topics), []

    def topics(self) -> list[str]:
        """In order, some perhaps twice or gone."""
        if self._fresh:
            self._sorted += self._fresh
            self._sorted.sort()  # nearly sorted, which costs little
            self._fresh = []
        return self._sorted


def literal_part(filter: str) -> str:
    """What every topic that matches a filter begins with."""
    levels: list[str] = []
    for level in filter.split("/"):
        if level == "#":
            return "/".join(levels)  # the parent level is included
        if level == "+":
            return "/".join([*levels, ""]) if levels else ""
        levels.append(level)
    return filter


def first_behind(topics: list[str], prefix: str, after: str) -> int:
    """Where to begin: behind `after`, and where topics begin with the prefix."""
    at = bisect_left(topics, prefix)
    return max(at, bisect_right(topics, after)) if after else at


def is_wanted(message: Message | None, filter: str, now: float) -> bool:
    return message is not None and not message.is_expired(now) and matches(filter, message.topic)
