"""The limits of the cloud for MQTT clients of a hub, each as the profile `webpubsub` sets it, in both versions."""

import pytest

from myna.app.limits import core_limits
from myna.config.limits import PROFILES
from myna.testing import Client, properties
from myna.wire import reasons
from myna.wire.packets import Connack, Connect, Disconnect, Packet, Puback, Will
from tests.faces.webpubsub.hub import Hub

EVERYTHING = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]


def hub() -> Hub:
    return Hub(limits=core_limits(PROFILES["webpubsub"]))


def opened(level: int, keep_alive: int = 60, will: Will | None = None, expiry: int = -1) -> tuple[Hub, Client, Packet]:
    """A client that has said CONNECT, and the answer."""
    made = hub()
    client = made.mqtt_stranger(level=level, role=EVERYTHING)
    fields = properties(session_expiry=expiry) if expiry >= 0 else None
    client.send(Connect(level, "c", True, keep_alive, None, None, will, fields))
    return made, client, client.received()[0]


@pytest.mark.parametrize(("keep_alive", "code"), [(0, 3), (1, 0), (180, 0), (181, 3), (65_535, 3)])
def test_keep_alive_of_3_1_1(keep_alive: int, code: int) -> None:
    _, client, answer = opened(4, keep_alive)
    assert isinstance(answer, Connack)
    assert (answer.code, client.is_closed()) == (code, code != 0)


@pytest.mark.parametrize(("keep_alive", "told"), [(0, 180), (1, -1), (180, -1), (181, 180), (65_535, 180)])
def test_keep_alive_of_mqtt_5(keep_alive: int, told: int) -> None:
    _, _, answer = opened(5, keep_alive)
    assert isinstance(answer, Connack)
    assert answer.properties is not None
    assert (answer.code, answer.properties.server_keep_alive) == (0, told)


@pytest.mark.parametrize(
    ("topic", "payload", "retain", "codes"),
    [
        ("w", b"x" * 2000, False, (0, 0)),
        ("w", b"x" * 2001, False, (3, reasons.PACKET_TOO_LARGE)),
        (" ", b"x", False, (3, reasons.TOPIC_NAME_INVALID)),
        ("w" * 1024, b"x", False, (0, 0)),
        ("w" * 1025, b"x", False, (3, reasons.TOPIC_NAME_INVALID)),
        ("w", b"x", True, (3, reasons.RETAIN_NOT_SUPPORTED)),
    ],
)
def test_wills(topic: str, payload: bytes, retain: bool, codes: tuple[int, int]) -> None:
    for level, code in zip((4, 5), codes, strict=True):
        _, _, answer = opened(level, will=Will(topic, payload, 0, retain, None))
        assert isinstance(answer, Connack)
        assert answer.code == code


def test_only_3_1_1_and_5_are_spoken() -> None:
    _, client, answer = opened(3)
    assert isinstance(answer, Connack)
    assert (answer.code, client.is_closed()) == (1, True)


def test_sessions_last_half_a_minute() -> None:
    for expiry, told in ((10, -1), (30, -1), (31, 30), (0xFFFFFFFF, 30)):
        _, _, answer = opened(5, expiry=expiry)
        assert isinstance(answer, Connack)
        assert answer.properties is not None
        assert answer.properties.session_expiry == told
    made = hub()
    client = made.mqtt("c", level=4, clean=False)
    client.drop()
    made.world.pass_time(29)
    assert made.session("c") is not None
    made.world.pass_time(2)
    assert made.session("c") is None


@pytest.mark.parametrize(("filter", "code"), [("a/+", 0xA2), ("#", 0xA2), ("$share/g/a", 0x9E)])
def test_what_cannot_be_subscribed_to(filter: str, code: int) -> None:
    assert hub().mqtt("c", level=5, role=EVERYTHING).subscribe(filter, 1) == code
    assert hub().mqtt("c", level=4, role=EVERYTHING).subscribe(filter, 1) == 0x80


@pytest.mark.parametrize(("level", "code"), [(4, 0x80), (5, reasons.NOT_AUTHORIZED)])
def test_without_permission(level: int, code: int) -> None:
    client = hub().mqtt("c", level=level)
    assert client.subscribe("a", 1) == code
    packet_id = client.publish("a", b"x", 1)
    (ack,) = client.received()
    assert isinstance(ack, Puback)
    assert (ack.packet_id, ack.code) == (packet_id, code if level == 5 else 0)
    client.publish("a", b"x")
    assert client.is_closed()
    assert [packet.code for packet in client.received() if isinstance(packet, Disconnect)] == (
        [reasons.NOT_AUTHORIZED] if level == 5 else []
    )


@pytest.mark.parametrize("level", [4, 5])
def test_a_retained_message_ends_the_connection(level: int) -> None:
    client = hub().mqtt("c", level=level, role=EVERYTHING)
    client.publish("a", b"x", 1, retain=True)
    assert client.is_closed()
