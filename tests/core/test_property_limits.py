"""Bounds of what the properties of a message weigh."""

from typing import Any

import pytest

from myna.core.limits import Limits
from myna.testing import World, assert_received, properties
from myna.wire import reasons
from myna.wire.packets import Puback, Will


def bounded() -> World:
    limits = Limits()
    limits.property_length = 4
    limits.user_properties_size = 6
    limits.payload_format_checked = True
    return World(limits=limits)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"content_type": "four"}, reasons.SUCCESS),
        ({"content_type": "f\u00fcnf"}, reasons.QUOTA_EXCEEDED),  # bytes, not characters
        ({"response_topic": "a/b/c"}, reasons.QUOTA_EXCEEDED),
        ({"correlation_data": b"12345"}, reasons.QUOTA_EXCEEDED),
        ({"user_properties": [("a", "1"), ("b", "234")]}, reasons.SUCCESS),
        ({"user_properties": [("a", "1"), ("b", "2345")]}, reasons.QUOTA_EXCEEDED),
        ({"payload_format": 1}, reasons.PAYLOAD_FORMAT_INVALID),
    ],
)
def test_a_message_beyond_them_is_refused(fields: dict[str, Any], code: int) -> None:
    client = bounded().connected("c")
    reader = client.world.connected("r")
    reader.subscribe("a")
    sent = client.publish("a", b"\xff", 1, **fields)
    assert_received(client, Puback(sent, code))
    assert len(reader.messages()) == (1 if code == reasons.SUCCESS else 0)


def test_a_will_beyond_them_is_refused_with_its_connect() -> None:
    will = Will("a", b"x", 0, False, properties(content_type="x" * 5))
    bounded().client("c", will=will).expect_connack(reasons.QUOTA_EXCEEDED)


def test_without_bounds_anything_goes() -> None:
    client = World().connected("c")
    sent = client.publish("a", b"\xff", 1, content_type="x" * 60_000, payload_format=1)
    assert_received(client, Puback(sent, reasons.NO_MATCHING_SUBSCRIBERS))
