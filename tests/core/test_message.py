from myna.core.message import FORM_3, FORM_5, Message, Origin, copy_for_delivery
from myna.testing import properties
from myna.wire.encode import encode
from myna.wire.packets import Publish
from myna.wire.properties import Properties

ORIGIN = Origin("mqtt", "t", user="u", client_id="c", address="192.0.2.1")


def message(payload: bytes = b"hello", held: Properties | None = None, expires_at: float = 0.0) -> Message:
    return Message("a/b", payload, 2, False, ORIGIN, 100.0, expires_at, held)


def whole(message: Message, form: int, flags: int, now: float, packet_id: bytes = b"") -> bytes:
    return message.head(form, flags, now) + packet_id + message.tail(form, now)


def test_a_frame_is_the_packet_the_codec_makes() -> None:
    sent = message()
    assert sent.frame(FORM_3, 100.0) == encode(Publish("a/b", b"hello"), 4)
    assert sent.frame(FORM_5, 100.0) == encode(Publish("a/b", b"hello"), 5)


def test_head_id_and_tail_are_the_packet_the_codec_makes() -> None:
    sent = message()
    for form, level in ((FORM_3, 4), (FORM_5, 5)):
        for qos, dup, retain in ((1, False, False), (2, True, False), (1, False, True)):
            flags = 0x30 | qos << 1 | (8 if dup else 0) | (1 if retain else 0)
            expected = encode(Publish("a/b", b"hello", qos, retain, dup, 7), level)
            assert whole(sent, form, flags, 100.0, b"\0\7") == expected
        assert whole(sent, form, 0x31, 100.0) == encode(Publish("a/b", b"hello", retain=True), level)


def test_each_form_is_made_once() -> None:
    sent = message()
    for form in (FORM_3, FORM_5):
        assert sent.frame(form, 100.0) is sent.frame(form, 200.0)
        assert sent.head(form, 0x32, 100.0) is sent.head(form, 0x32, 200.0)
        assert sent.tail(form, 100.0) is sent.tail(form, 200.0)


def test_the_form_it_arrived_in_is_taken_over() -> None:
    arrived = encode(Publish("a/b", b"hello", 1, packet_id=9), 5)
    sent = message()
    head = arrived[:7]
    sent.adopt_form(FORM_5, head, b"hello")
    assert sent.head(FORM_5, 0x32, 100.0) is head
    assert whole(sent, FORM_5, 0x32, 100.0, b"\0\x09") == arrived
    assert whole(sent, FORM_5, 0x34, 100.0, b"\0\x09") == encode(Publish("a/b", b"hello", 2, packet_id=9), 5)
    older = encode(Publish("a/b", b"hello", 1, packet_id=9), 4)
    sent.adopt_form(FORM_3, older[:7], b"hello")
    assert whole(sent, FORM_3, 0x32, 100.0, b"\0\x09") == older


def test_properties_of_a_message_travel_unchanged_and_nothing_else_does() -> None:
    pairs = [("a", "1"), ("b", "2"), ("a", "3")]  # [MQTT-3.3.2-17], [MQTT-3.3.2-18]
    held = properties(
        payload_format=1,
        content_type="text/plain",
        response_topic="answer",
        correlation_data=b"\0\xff",
        user_properties=pairs,
        topic_alias=5,
        message_expiry=9,
    )
    copied = copy_for_delivery(held)
    expected = properties(
        payload_format=1,
        content_type="text/plain",
        response_topic="answer",
        correlation_data=b"\0\xff",
        user_properties=pairs,
    )
    sent = message(held=copied)
    assert sent.frame(FORM_5, 100.0) == encode(Publish("a/b", b"hello", properties=expected), 5)
    assert sent.frame(FORM_3, 100.0) == encode(Publish("a/b", b"hello"), 4)
    assert copy_for_delivery(None).payload_format == -1


def test_the_remaining_lifetime_is_encoded_anew_as_it_shrinks_and_never_grows() -> None:
    sent = message(expires_at=110.0)  # [MQTT-3.3.2-6]
    for now, remaining in ((100.0, 10), (100.4, 10), (103.0, 7), (109.9, 1), (110.0, 1)):
        expected = encode(Publish("a/b", b"hello", properties=properties(message_expiry=remaining)), 5)
        assert sent.frame(FORM_5, now) == expected
        assert whole(sent, FORM_5, 0x30, now) == expected
        assert sent.frame(FORM_3, now) == encode(Publish("a/b", b"hello"), 4)
        first = sent.tail(FORM_5, now)
        assert sent.tail(FORM_5, now) is first


def test_a_lifetime_of_nothing_stays_nothing() -> None:
    sent = message(expires_at=100.0)
    expected = encode(Publish("a/b", b"hello", properties=properties(message_expiry=0)), 5)
    assert sent.frame(FORM_5, 100.0) == expected


def test_a_message_is_expired_when_its_time_has_passed() -> None:
    assert not message().is_expired(1e12)
    assert not message(expires_at=110.0).is_expired(110.0)
    assert message(expires_at=110.0).is_expired(110.1)


def test_a_special_form_bears_what_concerns_one_client() -> None:
    sent = message(held=properties(content_type="x"), expires_at=105.0)
    fields = properties(content_type="x", message_expiry=5, subscription_identifiers=[3, 200], topic_alias=2)
    head, tail = sent.special_form(0x32, [3, 200], 2, True, 100.0)
    assert head + b"\0\x07" + tail == encode(Publish("a/b", b"hello", 1, packet_id=7, properties=fields), 5)
    head, tail = sent.special_form(0x30, [3, 200], 2, False, 100.0)
    assert head + tail == encode(Publish("", b"hello", properties=fields), 5)
    head, tail = message().special_form(0x30, None, 0, True, 100.0)
    assert head + tail == encode(Publish("a/b", b"hello"), 5)


def test_its_weight_counts_all_that_a_client_can_make_heavy() -> None:
    bare = message(b"").size()
    assert message(b"12345").size() == bare + 5
    assert message(b"", Properties()).size() > bare
    heavy = properties(content_type="x" * 1000, response_topic="y" * 1000, correlation_data=b"z" * 1000)
    assert message(b"", heavy).size() > bare + 3000
    many = properties(user_properties=[("k" * 100, "v" * 100)] * 50)
    assert message(b"", many).size() > bare + 50 * 200


def test_a_topic_is_encoded_once() -> None:
    sent = Message("ä", b"", 0, False, ORIGIN, 0.0, encoded_topic=b"\xc3\xa4")
    assert sent.topic_bytes() == b"\xc3\xa4"
    other = Message("ä", b"", 0, False, ORIGIN, 0.0)
    assert other.topic_bytes() is other.topic_bytes()
    assert other.topic_bytes() == b"\xc3\xa4"
