import pytest

from myna.wire.encode import encode, encode_trimmed
from myna.wire.packets import (
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
    Will,
)
from myna.wire.properties import Properties
from tests.wire.vectors import USER, frame, props, text


def talkative() -> Properties:
    properties = Properties()
    properties.reason_string = "because"
    properties.user_properties = [("key", "value")]
    return properties


ANSWERS: list[Packet] = [
    Connack(False, 0x87, talkative()),
    Puback(1, 0x87, talkative()),
    Pubrec(1, 0x87, talkative()),
    Pubrel(1, 0x92, talkative()),
    Pubcomp(1, 0x92, talkative()),
    Suback(1, [0x87], talkative()),
    Unsuback(1, [0x87], talkative()),
    Disconnect(0x87, talkative()),
    Auth(0x18, talkative()),
]


@pytest.mark.parametrize("packet", ANSWERS, ids=lambda packet: type(packet).__name__)
def test_an_answer_gives_up_user_properties_then_its_reason_then_itself(packet: Packet) -> None:
    whole = encode(packet, 5)
    shorter = encode(packet, 5, 1)
    bare = encode(packet, 5, 2)
    assert b"because" in whole
    assert b"value" in whole
    assert b"because" in shorter
    assert b"value" not in shorter
    assert b"because" not in bare
    assert b"value" not in bare
    assert encode_trimmed(packet, 5, len(whole)) == whole
    assert encode_trimmed(packet, 5, len(whole) - 1) == shorter
    assert encode_trimmed(packet, 5, len(shorter) - 1) == bare
    assert encode_trimmed(packet, 5, len(bare) - 1) == b""


def test_a_message_keeps_its_user_properties_or_is_not_sent() -> None:
    properties = Properties()
    properties.user_properties = [("key", "value")]
    packet = Publish("a", b"x", properties=properties)
    whole = encode(packet, 5)
    assert encode(packet, 5, 2) == whole
    assert encode_trimmed(packet, 5, len(whole)) == whole
    assert encode_trimmed(packet, 5, len(whole) - 1) == b""


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (Connack(True, 0), "2002 0100"),
        (Connack(False, 0x84), "2002 0001"),
        (Connack(False, 0x85, talkative()), "2002 0002"),
        (Connack(False, 0x86), "2002 0004"),
        (Connack(False, 0x87), "2002 0005"),
        (Connack(False, 0x89), "2002 0003"),
        (Connack(False, 0x02), "2002 0002"),
        (Puback(1, 0x87, talkative()), "4002 0001"),
        (Pubrel(1, 0x92), "6202 0001"),
        (Suback(1, [1, 0x87, 0]), "9005 0001 018000"),
        (Unsuback(1, [0x11]), "b002 0001"),
        (Disconnect(0x87, talkative()), "e000"),
        (Subscribe(1, [SubscriptionRequest("a", 1, True, True, 2)]), "8206 0001 000161 01"),
        (Unsubscribe(1, ["a"], talkative()), "a205 0001 000161"),
        (Publish("a", b"x", properties=talkative()), "3004 000161 78"),
    ],
)
def test_before_mqtt_5_codes_are_translated_and_properties_left_out(packet: Packet, expected: str) -> None:
    assert encode(packet, 4) == bytes.fromhex(expected)


def test_mqtt_3_1_never_announces_a_session() -> None:
    assert encode(Connack(True, 0), 3) == b"\x20\2\0\0"


def test_auth_does_not_exist_before_mqtt_5() -> None:
    with pytest.raises(ValueError, match="level 4"):
        encode(Auth(), 4)


def test_only_packets_are_encoded() -> None:
    with pytest.raises(ValueError, match="level 5"):
        encode(Packet(), 5)


def test_a_connect_is_encoded_for_its_own_level() -> None:
    packet = Connect(3, "c", True, 60, will=Will("w", b"", 1, False))
    assert encode(packet, 5) == frame(0x10, text("MQIsdp"), b"\x03\x0e", b"\0\x3c", text("c"), text("w"), b"\0\0")


def test_no_property_list_and_an_empty_one_are_the_same() -> None:
    properties = Properties()
    properties.user_properties = []
    assert encode(Puback(1, 0, properties), 5) == encode(Puback(1), 5)
    assert encode(Disconnect(0, properties), 5) == encode(Disconnect(), 5) == b"\xe0\0"


def test_a_subscription_identifier_and_user_properties_are_sent_with_a_request() -> None:
    properties = Properties()
    properties.subscription_identifiers = [300]
    properties.user_properties = [("key", "value")]
    packet = Subscribe(1, [SubscriptionRequest("a", 0)], properties)
    assert encode(packet, 5) == frame(0x82, b"\0\1", props(b"\x0b\xac\x02", USER), text("a"), b"\0")


def test_a_text_too_long_for_its_field_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="65536"):
        encode(Unsubscribe(1, ["a" * 65536]), 4)
