"""Several watchers as one. A watcher that fails is a bug of ours; it must not take a client's connection with it."""

import logging
from collections.abc import Callable

from myna.core.message import Message
from myna.core.ports import Watcher
from myna.core.receiver import Receiver, Subscription

log = logging.getLogger("myna.watch")


class Watchers(Watcher):
    def __init__(self) -> None:
        super().__init__()
        self._watchers: list[Watcher] = []

    def add(self, watcher: Watcher) -> None:
        self._watchers.append(watcher)

    def connected(self, receiver: Receiver, address: str, now: float) -> None:
        for watcher in self._watchers:
            _call(watcher.connected, receiver, address, now)

    def disconnected(self, receiver: Receiver, reason: int, by_client: bool, now: float) -> None:
        for watcher in self._watchers:
            _call(watcher.disconnected, receiver, reason, by_client, now)

    def session_ended(self, receiver: Receiver, reason: int, now: float) -> None:
        for watcher in self._watchers:
            _call(watcher.session_ended, receiver, reason, now)

    def subscribed(self, receiver: Receiver, subscription: Subscription, now: float) -> None:
        for watcher in self._watchers:
            _call(watcher.subscribed, receiver, subscription, now)

    def unsubscribed(self, receiver: Receiver, subscription: Subscription, now: float) -> None:
        for watcher in self._watchers:
            _call(watcher.unsubscribed, receiver, subscription, now)

    def answered(self, receiver: Receiver, what: str, filters: list[str], codes: list[int], now: float) -> None:
        for watcher in self._watchers:
            _call(watcher.answered, receiver, what, filters, codes, now)

    def not_published(
        self, receiver: Receiver, topic: str, qos: int, retain: bool, reason: int, address: str, now: float
    ) -> None:
        for watcher in self._watchers:
            _call(watcher.not_published, receiver, topic, qos, retain, reason, address, now)

    def published(self, tenant: str, message: Message, matched: bool, now: float) -> None:
        for watcher in self._watchers:
            _call(watcher.published, tenant, message, matched, now)

    def refused(
        self, what: str, tenant: str, client_id: str, address: str, cause: str, now: float, user: str = ""
    ) -> None:
        for watcher in self._watchers:
            _call(watcher.refused, what, tenant, client_id, address, cause, now, user)


def _call(tell: Callable[..., None], *args: object) -> None:
    try:
        tell(*args)
    except Exception:
        log.exception("a watcher failed by a bug of ours")
