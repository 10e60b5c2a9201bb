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
from myna.core.message import Message, Origin, copy_for_delivery
from myna.core.outbox import Outbox
from myna.routing.event import Event, describe_message
from myna.routing.hops import DEAD
from myna.routing.times import rfc3339
from myna.wire.properties import Properties

log = logging.getLogger("myna.routing")

EXPIRED: Final = "TimeToLiveExceeded"
ATTEMPTS: Final = "MaxDeliveryAttemptsExceeded"
REFUSED: Final = "NotRetryable"

SHOWN: Final = 100  # dead letters a page
SAID: Final = 5  # properties of a dead letter


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

    def bury(self, letters: Sequence[DeadLetter], settle: Callable[[], None]) -> None:
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

    def count(self) -> int:
        return len(self.outbox)

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

    def replay(self, put: Callable[[Message], bool], now: float) -> int:
        """Into the queue again, to live as long as new ones, as far as there is room; says how many."""
        count = 0
        while taken := self.outbox.take(1, 1):
            dead = taken[0].message
            assert dead is not None  # an outbox hands out no others
            message = Message(
                dead.topic, dead.payload, dead.qos, dead.retain, dead.origin, now, properties=_before_death(dead)
            )
            kept = put(message)
            self._journal.close()
            if not kept:
                self.outbox.give_back(taken)
                break
            self.outbox.settle(taken)
            count += 1
        return count


def _before_death(dead: Message) -> Properties | None:
    """Its properties without what was said of its end."""
    if dead.properties is None:
        return None
    properties = copy_for_delivery(dead.properties)
    properties.user_properties = (properties.user_properties or [])[:-SAID] or None
    return properties


class ToTopic(Burial):
    """Published, each as a JSON object, to whoever subscribes. They do not enter routing again."""

    def __init__(self, topic: str, tenant: str, broker: Broker, now: Callable[[], float]) -> None:
        self._topic = topic
        self._tenant = tenant
        self._broker = broker
        self._now = now
        self._origin = Origin(DEAD, tenant)

    def bury(self, letters: Sequence[DeadLetter], settle: Callable[[], None]) -> None:
        now = self._now()
        for letter in letters:
            message = Message(self._topic, msgspec.json.encode(letter.entry()), 1, False, self._origin, now)
            self._broker.publish(self._broker.tenant(self._tenant), message, now)
        settle()


class ToFolder(Burial):
    """One file for all that die together: a JSON array. Written aside, synced, then named, all on another thread."""

    def __init__(self, folder: Path, last_resort: Burial) -> None:
        self._folder = folder
        self._last_resort = last_resort
        self._waiting: list[tuple[Sequence[DeadLetter], Callable[[], None]]] = []
        self._task: asyncio.Task[None] | None = None

    def bury(self, letters: Sequence[DeadLetter], settle: Callable[[], None]) -> None:
        self._waiting.append((letters, settle))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._write())

    def count(self) -> int:
        return self._last_resort.count()

    async def finish(self) -> None:
        if self._task is not None:
            await self._task

    async def _write(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            entries = [letter.entry() for letters, _ in waiting for letter in letters]
            now = waiting[0][0][0].now
            try:
                await asyncio.to_thread(_write_file, self._folder, rfc3339(now), msgspec.json.encode(entries))
            except OSError as error:
                log.error("routing: dead letters cannot be written to %s: %s; they are kept", self._folder, error)
                for letters, settle in waiting:
                    self._last_resort.bury(letters, settle)
                continue
            for _, settle in waiting:
                settle()


def _write_file(folder: Path, time: str, data: bytes) -> None:
    """YEAR/MONTH/DAY/HOUR/…json, as others find them by the hour."""
    place = folder / time[:4] / time[5:7] / time[8:10] / time[11:13]
    place.mkdir(parents=True, exist_ok=True)
    name = f"{time.replace(':', '').replace('.', '')}-{secrets.token_hex(4)}.json"
    beside = place / f".{name}"
    with beside.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(place / name)
