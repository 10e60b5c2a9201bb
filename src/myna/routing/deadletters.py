"""Events that are given up: kept in a queue of their own to be looked at and tried again, written to a folder,
published to a topic, or dropped. Always counted.

What a newcomer gets wrong: the event leaves its queue only when it is safe in its grave; `settle` is called then.
"""

import asyncio
import logging
import os
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from myna.core.broker import Broker
from myna.core.delivery import Delivery
from myna.core.message import Message, Origin, copy_for_delivery
from myna.core.outbox import Outbox
from myna.core.outcome import Refusal
from myna.routing.event import Event, describe_message
from myna.routing.folders import sync_folder
from myna.routing.hops import DEAD
from myna.routing.times import rfc3339
from myna.wire.properties import Properties

log = logging.getLogger("myna.routing")

EXPIRED: Final = "TimeToLiveExceeded"
ATTEMPTS: Final = "MaxDeliveryAttemptsExceeded"
REFUSED: Final = "NotRetryable"

SHOWN: Final = 100  # dead letters a page
SAID: Final = 5  # properties of a dead letter
REPLAYED: Final = 100  # at once
REPLAYED_BYTES: Final = 1024 * 1024
BACKLOG: Final = 5000  # dead letters on their way to a folder
BACKLOG_BYTES: Final = 16 * 1024 * 1024
COMPLAIN: Final = 60.0  # seconds between two lines of the log that say the same


@dataclass(frozen=True, slots=True)
class DeadLetter:
    event: Event
    reason: str
    now: float

    def properties(self) -> dict[str, Any]:
        event = self.event
        return {
            "deadletterreason": self.reason,
            "deliveryattempts": event.attempts,
            "deliveryresult": event.result,
            "publishutc": rfc3339(event.message.published_at),
            "deliveryattemptutc": rfc3339(event.attempted_at) if event.attempts else "",
        }

    def entry(self) -> dict[str, Any]:
        """As the contract has it."""
        return {"deadLetterProperties": self.properties(), "event": msgspec.Raw(self.event.body)}


class Burial(ABC):
    @abstractmethod
    def bury(self, letters: Sequence[DeadLetter], settle: Callable[[], None]) -> None: ...

    def count(self) -> int:
        """How many are kept here."""
        return 0

    def lost(self) -> int:
        """How many had to make way since the broker started, or were too large to be kept."""
        return 0

    def is_full(self) -> bool:
        """Is so much on its way to the grave that nothing more should be given up for now?"""
        return False

    async def finish(self) -> None:
        """What is being written is."""
        return


class Dropped(Burial):
    def bury(self, letters: Sequence[DeadLetter], settle: Callable[[], None]) -> None:
        settle()


class Kept(Burial):
    """In an outbox of their own, the oldest making way; with what is said of each in its user properties."""

    def __init__(self, outbox: Outbox, broker: Broker, *, plain: bool = False) -> None:
        self.outbox = outbox
        self._plain = plain
        self._journal = broker.journal
        self._complained_at = float("-inf")

    def bury(self, letters: Sequence[DeadLetter], settle: Callable[[], None]) -> None:
        lost = self.outbox.overflowed
        for letter in letters:
            event = letter.event.message
            properties = copy_for_delivery(event.properties)
            said = [(name, str(value)) for name, value in letter.properties().items()]
            properties.user_properties = [*(properties.user_properties or ()), *said]
            self.outbox.put(
                Message(
                    event.topic,
                    event.payload,
                    event.qos,
                    event.retain,
                    event.origin,
                    event.published_at,
                    properties=properties,
                )
            )
            self._journal.close()
        settle()
        if self.outbox.overflowed != lost and letters[-1].now - self._complained_at > COMPLAIN:
            self._complained_at = letters[-1].now
            log.warning(
                "routing: more dead letters of %s than are kept (%d now): the oldest make way for good",
                self.outbox.key[2].removeprefix("dead "), len(self.outbox),
            )  # fmt: skip

    def count(self) -> int:
        return len(self.outbox)

    def lost(self) -> int:
        return self.outbox.overflowed

    def show(self, after: int, most: int = SHOWN) -> list[dict[str, Any]]:
        """From behind the one of this number on."""
        found: list[dict[str, Any]] = []
        for held in self.outbox.queue.deliveries:
            if held.number <= after:
                continue
            message = self.outbox.message_of(held)
            if message is not None:
                pairs = (message.properties.user_properties if message.properties else None) or []
                said: dict[str, Any] = dict(pairs[-SAID:])
                said["deliveryattempts"] = int(said.get("deliveryattempts", 0))
                event = describe_message(message, held.number) if self._plain else message.payload
                found.append({"number": held.number, "deadLetterProperties": said, "event": msgspec.Raw(event)})
            if len(found) >= most:
                break
        return found

    async def replay(self, put: Callable[[Message], bool], now: Callable[[], float]) -> int:
        """Into the queue again, to live as long as new ones, as far as there is room; says how many. Those that die
        meanwhile stay dead.
        """
        count, last = 0, self.outbox.last_number
        while True:
            taken = self.outbox.take(REPLAYED, REPLAYED_BYTES)
            mine = [one for one in taken if one.number <= last and self._put_again(one, put, now())]
            self.outbox.settle(mine)
            count += len(mine)
            if len(mine) < len(taken) or not taken:
                self.outbox.give_back(taken)  # as far as they are not settled
                return count
            await asyncio.sleep(0)  # others have their turn

    def _put_again(self, held: Delivery, put: Callable[[Message], bool], now: float) -> bool:
        dead = held.message
        assert dead is not None  # an outbox hands out no others
        message = Message(
            dead.topic, dead.payload, dead.qos, dead.retain, dead.origin, now, properties=_before_death(dead)
        )
        kept = put(message)
        self._journal.close()
        return kept


def _before_death(dead: Message) -> Properties | None:
    """Its properties without what was said of its end."""
    if dead.properties is None:
        return None
    properties = copy_for_delivery(dead.properties)
    properties.user_properties = (properties.user_properties or [])[:-SAID] or None
    return properties


class ToTopic(Burial):
    """Published, each as a JSON object, to whoever subscribes. They do not enter routing again."""

    def __init__(
        self, topic: str, tenant: str, broker: Broker, now: Callable[[], float], last_resort: Burial
    ) -> None:  # fmt: skip
        self._topic = topic
        self._last_resort = last_resort
        self._tenant = tenant
        self._broker = broker
        self._now = now
        self._origin = Origin(DEAD, tenant)

    def bury(self, letters: Sequence[DeadLetter], settle: Callable[[], None]) -> None:
        now = self._now()
        tenant = self._broker.tenant(self._tenant)
        refused: list[DeadLetter] = []
        for letter in letters:
            message = Message(self._topic, msgspec.json.encode(letter.entry()), 1, False, self._origin, now)
            outcome: Any = self._broker.publish(tenant, message, now)
            if isinstance(outcome, Refusal):
                if not refused:
                    log.error("routing: dead letters cannot be published: %s; they are kept", outcome.text)
                refused.append(letter)
        if refused:
            self._last_resort.bury(refused, settle)
        else:
            settle()

    def count(self) -> int:
        return self._last_resort.count()

    def lost(self) -> int:
        return self._last_resort.lost()


class ToFolder(Burial):
    """One file for all that die together: a JSON array. Written aside, synced, then named, all on another thread."""

    def __init__(self, folder: Path, last_resort: Burial) -> None:
        self._folder = folder
        self._last_resort = last_resort
        self._waiting: list[tuple[Sequence[DeadLetter], Callable[[], None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._backlog = 0
        self._backlog_bytes = 0

    def bury(self, letters: Sequence[DeadLetter], settle: Callable[[], None]) -> None:
        self._waiting.append((letters, settle))
        self._backlog += len(letters)
        self._backlog_bytes += sum(letter.event.size for letter in letters)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._write())

    def count(self) -> int:
        return self._last_resort.count()

    def lost(self) -> int:
        return self._last_resort.lost()

    def is_full(self) -> bool:
        return self._backlog >= BACKLOG or self._backlog_bytes >= BACKLOG_BYTES

    async def finish(self) -> None:
        if self._task is not None:
            await self._task

    async def _write(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            backlog, size = self._backlog, self._backlog_bytes
            entries = [letter.entry() for letters, _ in waiting for letter in letters]
            now = waiting[0][0][0].now
            try:
                await asyncio.to_thread(_write_file, self._folder, rfc3339(now), msgspec.json.encode(entries))
            except OSError as error:
                log.error("routing: dead letters cannot be written to %s: %s; they are kept", self._folder, error)
                self._written(backlog, size)
                for letters, settle in waiting:
                    self._last_resort.bury(letters, settle)
                continue
            self._written(backlog, size)
            for _, settle in waiting:
                settle()

    def _written(self, count: int, size: int) -> None:
        self._backlog -= count
        self._backlog_bytes -= size


def _write_file(folder: Path, time: str, data: bytes) -> None:
    """YEAR/MONTH/DAY/HOUR/…json, as others find them by the hour."""
    place = folder / time[:4] / time[5:7] / time[8:10] / time[11:13]
    place.mkdir(parents=True, exist_ok=True)
    name = f"{time.replace(':', '').replace('.', '')}-{secrets.token_hex(4)}.json"
    beside = place / f".{name}"
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(place / name)
    sync_folder(place)
