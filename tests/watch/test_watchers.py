"""Several watchers as one."""

import pytest

from myna.core.message import Message, Origin
from myna.core.ports import Watcher
from myna.core.receiver import Receiver, Subscription
from myna.watch.watchers import Watchers
from tests.watch.brokers import Client


class Notes(Watcher):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def connected(self, receiver: Receiver, address: str, now: float) -> None:
        self.heard.append(f"connected {address}")

    def disconnected(self, receiver: Receiver, reason: int, by_client: bool, now: float) -> None:
        self.heard.append(f"disconnected {reason}")

    def session_ended(self, receiver: Receiver, reason: int, now: float) -> None:
        self.heard.append(f"ended {reason}")

    def subscribed(self, receiver: Receiver, subscription: Subscription, now: float) -> None:
        self.heard.append(f"subscribed {subscription.text}")

    def unsubscribed(self, receiver: Receiver, subscription: Subscription, now: float) -> None:
        self.heard.append(f"unsubscribed {subscription.text}")

    def answered(self, receiver: Receiver, what: str, filters: list[str], codes: list[int], now: float) -> None:
        self.heard.append(f"answered {what} {filters} {codes}")

    def not_published(
        self, receiver: Receiver, topic: str, qos: int, retain: bool, reason: int, address: str, now: float
    ) -> None:
        self.heard.append(f"not published {topic} {qos} {retain} {reason}")

    def published(self, tenant: str, message: Message, matched: bool, now: float) -> None:
        self.heard.append(f"published {message.topic}")

    def refused(
        self, what: str, tenant: str, client_id: str, address: str, cause: str, now: float, user: str = ""
    ) -> None:
        self.heard.append(f"refused {what}: {cause}")


class Broken(Watcher):
    def connected(self, receiver: Receiver, address: str, now: float) -> None:
        raise LookupError("a bug")


def test_all_hear_everything_and_a_bug_in_one_stays_there(caplog: pytest.LogCaptureFixture) -> None:
    watchers, first, last = Watchers(), Notes(), Notes()
    for watcher in (first, Broken(), last):
        watchers.add(watcher)
    watchers.connected(Client(), "1.2.3.4:5", 0.0)
    watchers.disconnected(Client(), 0, True, 0.0)
    watchers.session_ended(Client(), 4, 0.0)
    watchers.refused("CONNECT", "", "c", "", "why", 0.0)
    watchers.published("acme", Message("a", b"", 0, False, Origin("mqtt", "acme"), 0.0), True, 0.0)
    subscription = Subscription(Client(), "a", "a", 0)
    watchers.subscribed(Client(), subscription, 0.0)
    watchers.unsubscribed(Client(), subscription, 0.0)
    watchers.answered(Client(), "SUBSCRIBE", ["a"], [1], 0.0)
    watchers.not_published(Client(), "a", 1, True, 0x87, "", 0.0)
    assert first.heard == last.heard
    assert first.heard[:3] == ["connected 1.2.3.4:5", "disconnected 0", "ended 4"]
    assert first.heard[3:7] == ["refused CONNECT: why", "published a", "subscribed a", "unsubscribed a"]
    assert first.heard[7:] == ["answered SUBSCRIBE ['a'] [1]", "not published a 1 True 135"]
    assert "a bug" in caplog.text
