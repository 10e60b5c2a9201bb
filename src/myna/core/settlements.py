"""Deliveries that are done, gathered so that the store hears of all of a batch at once."""

from typing import final

from myna.core.delivery import Delivery
from myna.core.journal import Journal, Settling
from myna.core.receiver import SessionKey
from myna.core.records import Settled


@final
class Settlements(Settling):
    __slots__ = ("_done", "_journal", "_key")

    def __init__(self, key: SessionKey, journal: Journal) -> None:
        self._key = key
        self._journal = journal
        self._done: list[Delivery] | None = None

    def add(self, delivery: Delivery) -> None:
        if delivery.number:
            done = self._done
            if done is None:
                done = []
                self._done = done
            done.append(delivery)

    def flush_settled(self) -> None:
        done = self._done
        if done is not None:
            self._done = None
            self._journal.close()  # so that all of them have their places
            numbers = [delivery.number for delivery in done]
            places = [delivery.place for delivery in done]
            self._journal.note(Settled(self._key, numbers, places))

    def flush_later(self) -> None:
        """Once the message that is being routed is stored; nobody else may come by for long."""
        if self._done is not None:
            self._journal.settle_later(self)
