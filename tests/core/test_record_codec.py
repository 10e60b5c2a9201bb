"""Records to bytes and back: the same comes out, and damage is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.core.message import Message, Origin
from myna.core.record_codec import (
    HEADER,
    DamagedRecord,
    RecordEncoder,
    decode_message,
    decode_session,
    decode_subscription,
    decode_will,
    encode_message,
    encode_part,
    encode_session,
    encode_subscription,
    encode_will,
    enqueued_of,
    frame,
    message_of_record,
    read_varint,
    seal,
    unseal,
    varint,
)
from myna.core.records import Enqueued, Queued, Released, Sent, SessionSaved, Settled, Subscribed, WillSet
from myna.core.replay import stored_messages
from myna.wire.properties import Properties

KEY = ("t", "u", "c")
texts = st.text(max_size=40)


def message(**more: object) -> Message:
    held = Message("a/b", b"payload", 1, False, Origin("mqtt", "t", user="u", client_id="c"), 100.0)
    for name, value in more.items():
        setattr(held, name, value)
    return held


def same(one: Message, other: Message) -> None:
    for name in ("topic", "payload", "qos", "retain", "published_at", "expires_at"):
        assert getattr(one, name) == getattr(other, name)


@given(st.integers(0, 1 << 70))
def test_a_number_comes_back_whatever_its_size(value: int) -> None:
    data = varint(value)
    assert read_varint(data, 0, len(data)) == (value, len(data))


def test_a_number_without_an_end_is_damage() -> None:
    with pytest.raises(DamagedRecord):
        read_varint(b"\x80\x80", 0, 2)


def test_a_checksum_covers_everything() -> None:
    sealed = seal(b"some bytes")
    assert unseal(sealed) == b"some bytes"
    for at in range(len(sealed)):
        altered = sealed[:at] + bytes((sealed[at] ^ 1,)) + sealed[at + 1 :]
        with pytest.raises(DamagedRecord):
            unseal(altered)
    with pytest.raises(DamagedRecord):
        unseal(b"abc")


@given(
    st.text(min_size=1, max_size=30),
    st.binary(max_size=50),
    st.integers(0, 2),
    st.booleans(),
    st.sampled_from((0.0, 500.0)),
    st.booleans(),
)
def test_a_message_comes_back(
    topic: str, payload: bytes, qos: int, retain: bool, expires_at: float, with_origin: bool
) -> None:
    origin = Origin("api", "t", user="ü", client_id="c")
    held = Message(topic.encode("utf-8", "replace").decode(), payload, qos, retain, origin, 100.0, expires_at)
    data = encode_message(held, 7.0, with_origin)
    found = decode_message(data, 0, len(data), 7.0, "t")
    same(held, found)
    assert found.origin.tenant == "t"
    assert (found.origin.source, found.origin.user) == (("api", "ü") if with_origin else ("store", ""))


def test_properties_come_back() -> None:
    properties = Properties()
    properties.content_type = "text/x"
    properties.correlation_data = b"\0\1"
    properties.user_properties = [("a", "b"), ("a", "c")]
    data = encode_message(message(properties=properties), 0.0, False)
    found = decode_message(data, 0, len(data), 0.0, "t").properties
    assert found is not None
    assert found.content_type == "text/x"
    assert found.correlation_data == b"\0\1"
    assert found.user_properties == [("a", "b"), ("a", "c")]


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_damage(data: bytes) -> None:
    try:
        decode_message(data, 0, len(data), 0.0, "t")
    except DamagedRecord:
        return


def test_damage_in_the_parts_of_a_message_is_named() -> None:
    for has, rest in (
        (0x10, b"\0" * 8 + b"\x01a\x03\x02\xff\xff"),  # properties that are none
        (0x20, b"\0" * 8 + b"\x01a\x50"),  # an origin longer than the record
        (0x20, b"\0" * 8 + b"\x01a\x01\xff\0\0"),  # one that is no text
        (0x00, b"\0" * 8 + b"\x01\xff"),  # a topic that is no text
        (0x00, b"\0" * 8 + b"\x50"),  # one longer than the record
        (0x08, b"\0" * 9),  # an expiry that is cut off
    ):
        data = bytes((has,)) + rest
        with pytest.raises(DamagedRecord):
            decode_message(data, 0, len(data), 0.0, "t")
    with pytest.raises(DamagedRecord):
        decode_message(b"", 0, 0, 0.0, "t")


@given(texts, st.dictionaries(texts, texts, max_size=3), st.integers(0, 0xFFFFFFFF), st.sampled_from((0.0, 5.0)))
def test_a_session_comes_back(user: str, attributes: dict[str, str], expiry: int, since: float) -> None:
    found = decode_session(encode_session(SessionSaved(KEY, user, attributes, expiry, since), 3.0), 3.0)
    assert (found.key, found.user, found.attributes) == (KEY, user, attributes)
    assert (found.expiry, found.offline_since) == (expiry, since)


@pytest.mark.parametrize("filter", ["a/#", "rewritten/a/#"])
@pytest.mark.parametrize("identifiers", [None, [1], [268_435_455, 5]])
def test_a_subscription_comes_back(filter: str, identifiers: list[int] | None) -> None:
    record = Subscribed(KEY, "a/#", filter, 2, True, True, 2, identifiers, True)
    found = decode_subscription(KEY, "a/#", encode_subscription(record))
    assert (found.text, found.filter, found.qos, found.identifiers) == ("a/#", filter, 2, identifiers)
    assert (found.no_local, found.retain_as_published, found.retain_handling, found.dormant) == (True, True, 2, True)
    assert (found.filter is found.text) == (filter == "a/#")
    with pytest.raises(DamagedRecord):
        decode_subscription(KEY, "a", b"")


@pytest.mark.parametrize("due", [0.0, 70.0])
def test_a_will_comes_back(due: float) -> None:
    held = message(retain=True)
    found = decode_will(KEY, encode_will(WillSet(KEY, held, 30, due, 9.0), held, 2.0), 2.0)
    assert found.message is not None
    same(found.message, held)
    assert (found.delay, found.due, found.lifetime) == (30, due, 9.0)


def test_records_of_sessions_that_are_not_stored_are_no_bytes() -> None:
    encoder = RecordEncoder(0.0)
    stranger = ("t", "", "x")
    assert encoder.enqueued(Enqueued("t", message(), [Queued(stranger, 1, 0x32, None, 0)])) == b""
    assert encoder.sent(Sent(stranger, [1], [1], [1])) == b""
    assert encoder.released(Released(stranger, 1, 1)) == b""
    assert encoder.settled(Settled(stranger, [1], [1])) == b""


def test_a_message_for_several_is_one_record_with_a_part_for_each() -> None:
    encoder = RecordEncoder(0.0)
    others = [("t", "", name) for name in ("a", "b", "c")]
    encoder.numbers = {others[0]: 1, others[2]: 300}
    parts = [Queued(key, 5, 0x32, [9, 8], 7) for key in others]
    record = encoder.enqueued(Enqueued("t", message(), parts))
    (found,) = stored_messages(b"head" + record, 4)
    assert found.sessions == [1, 300]
    assert (found.at, found.end) == (4, 4 + len(record))
    same(message_of_record(record, 0.0, "t"), message())
    carried = enqueued_of(encode_part(300, 5, 0x32, None, 7, True), (b"head" + record)[found.message_at : found.end])
    same(message_of_record(carried + b"behind it", 0.0, "t"), message())


def test_what_is_no_stored_message_is_damage() -> None:
    with pytest.raises(DamagedRecord):
        message_of_record(frame(2, b"abc"), 0.0, "t")
    with pytest.raises(DamagedRecord):
        message_of_record(frame(1, b"abc")[:-1], 0.0, "t")
    with pytest.raises(DamagedRecord):
        stored_messages(frame(1, b"abc")[: HEADER + 1], 0)
    assert stored_messages(frame(4, b"\x01\x00"), 0) == []
