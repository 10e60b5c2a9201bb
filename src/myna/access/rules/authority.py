"""The rules in force: made of what the configuration says, and made anew when that or the rules file changes.

    prepare -> Ready      all that can be wrong is found out here; nothing has changed yet
    use(Ready)            from now on
    start, stop           looking at the file

What a newcomer gets wrong: a file is taken over when it has been the same for one look. Some editors empty a file
before they write it, and an empty one would end every subscription there is.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from myna.access.rules.book import Rulebook
from myna.access.rules.check import Check
from myna.access.rules.house import HouseRules
from myna.access.rules.review import Review
from myna.config import ConfigError, NotUsableHere, Source
from myna.config.rules import RulesSettings
from myna.config.rules_file import PlacedRule, place_rules, read_rules
from myna.core.broker import Broker
from myna.core.identity import ALLOW_ALL
from myna.formats.outgoing import HttpCaller

log = logging.getLogger("myna.rules")

LOOK: Final = 0.25  # seconds between two looks at the file: what it says holds within a second
LARGEST: Final = 64 * 1024 * 1024

Stamp = tuple[int, int, int, int] | None


@dataclass(frozen=True, slots=True)
class Ready:
    """`inline` are the rules of the configuration itself; `stamp` is the file's when it was read."""

    settings: RulesSettings | None
    inline: list[PlacedRule]
    book: Rulebook
    stamp: Stamp


class Authority:
    def __init__(
        self,
        broker: Broker,
        http: HttpCaller,
        now: Callable[[], float],
        arm: Callable[[], None],
    ) -> None:
        self._broker = broker
        self._http = http
        self._now = now
        self._arm = arm
        self._ready = Ready(None, [], Rulebook([]), None)
        self._check: Check | None = None
        self._review = Review(broker, now, arm)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reading: asyncio.Task[None] | None = None
        self._seen: Stamp = None
        self._rechecked_at = now()

    def use(self, ready: Ready) -> None:
        settings = ready.settings
        if settings is None or settings.check is None:
            self._check = None
        elif (
            self._check is not None
            and self._ready.settings is not None
            and (self._ready.settings.check == settings.check)
        ):
            self._check.forget()
        else:
            self._check = Check(settings.check, self._http, self._broker, self._now, self._arm)
        self._ready = ready
        self._seen = ready.stamp
        self._broker.rules = ALLOW_ALL if settings is None else HouseRules(ready.book, self._check)
        self._broker.rules_changed()
        self._review.disconnects = settings is not None and settings.revoked == "disconnect"
        self._look_through()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Sessions from the store are there: what holds now may not be what held when they subscribed."""
        self._loop = loop
        self._look_through()
        self._look()

    async def settled(self) -> None:
        """Nobody waits for an answer any more."""
        if self._check is not None:
            await self._check.settled()

    def stop(self) -> None:
        self._review.stop()
        if self._check is not None:
            self._check.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._reading is not None:
            self._reading.cancel()
        self._loop = None

    def tick(self, now: float) -> None:
        """Once a second."""
        check, settings = self._check, self._ready.settings
        if check is None or settings is None or settings.check is None:
            return
        check.tick(now)
        due = settings.check.recheck > 0 and now - self._rechecked_at >= settings.check.recheck
        if due or check.changed:
            self._rechecked_at = now if due else self._rechecked_at
            check.changed = False
            self._look_through()

    def _look_through(self) -> None:
        """All that is subscribed; where everything is allowed there is nothing to find."""
        if self._ready.settings is None:
            self._review.stop()
        elif self._loop is not None:
            self._review.start(self._loop)

    # The file

    def _look(self) -> None:
        loop = self._loop
        if loop is None:
            return
        self._timer = loop.call_later(LOOK, self._look)
        settings = self._ready.settings
        if settings is None or not settings.file or self._reading is not None:
            return
        stamp = stamp_of(settings.file)
        changed, self._seen = stamp != self._seen, stamp
        if changed or stamp == self._ready.stamp:
            return
        self._reading = loop.create_task(self._read_again(self._ready, stamp))
        self._reading.add_done_callback(self._has_read)

    async def _read_again(self, before: Ready, stamp: Stamp) -> None:
        settings = before.settings
        assert settings is not None
        try:
            book = await asyncio.to_thread(_read_book, before.inline, settings.file)
        except ConfigError as error:
            for problem in error.problems:
                log.error("the rules stay as they were: %s", problem)
            book = before.book
        if self._ready is not before:
            return  # the configuration has been read meanwhile
        if book is before.book:
            self._ready = replace(before, stamp=stamp)
            return
        log.info("rules read again: %s, %d rules are in force", settings.file, len(book.rules))
        self.use(replace(before, book=book, stamp=stamp))

    def _has_read(self, task: "asyncio.Task[None]") -> None:
        self._reading = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("reading the rules again failed by a bug of ours; they stay as they were", exc_info=error)
            self._ready = replace(self._ready, stamp=self._seen)  # until the file is another one


def prepare(settings: RulesSettings | None, source: Source) -> Ready:
    """Raises ConfigError."""
    if settings is None:
        return Ready(None, [], Rulebook([]), None)
    inline = place_rules(settings.rule, ("rules", "rule"), source)
    if settings.check is not None and not _is_url(settings.check.url):
        raise ConfigError(
            [f"{source.place(('rules', 'check', 'url'))}: an http or https URL without a query is wanted"]
        )
    stamp = stamp_of(settings.file) if settings.file else None
    try:
        return Ready(settings, inline, _read_book(inline, settings.file), stamp)
    except _Unreadable as error:
        raise NotUsableHere([f"{source.place(('rules', 'file'))}: {problem}" for problem in error.problems]) from None


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query


def stamp_of(path: str) -> Stamp:
    """What changes when a file does; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    # With the change of permissions that makes a file readable at last.
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


class _Unreadable(NotUsableHere):
    """Not what the file says, but that it says nothing."""


def _read_book(inline: list[PlacedRule], path: str) -> Rulebook:
    if not path:
        return Rulebook(inline)
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise _Unreadable([f"cannot read {path}: {error.strerror}"]) from None
    if len(content) > LARGEST:
        raise _Unreadable([f"{path} is larger than {LARGEST // 1024 // 1024} MiB"])
    return Rulebook([*inline, *read_rules(content, path)])
