from myna.core.message import Message, Origin
from myna.core.records import (
    Enqueued,
    Kept,
    Queued,
    Received,
    Record,
    Released,
    RetainedSet,
    Sent,
    SessionForgotten,
    SessionSaved,
    Settled,
    Subscribed,
    Unsubscribed,
    WillSet,
)

KEY = ("t", "", "c")
MESSAGE = Message("a", b"", 1, False, Origin("api", "t"), 0.0)


def test_every_record_says_whom_it_concerns() -> None:
    records: list[tuple[Record, dict[str, object]]] = [
        (SessionSaved(KEY, "u", {"a": "b"}, 5, 1.0), {"user": "u", "attributes": {"a": "b"}, "expiry": 5}),
        (SessionForgotten(KEY), {}),
        (Subscribed(KEY, "a/#", "b/#", 1, True, True, 2, [3], False), {"text": "a/#", "qos": 1, "identifiers": [3]}),
        (Unsubscribed(KEY, "a/#"), {"text": "a/#"}),
        (Sent(KEY, [4], [5], [6]), {"numbers": [4], "packet_ids": [5], "places": [6]}),
        (Released(KEY, 4, 6), {"number": 4, "place": 6}),
        (Settled(KEY, [4, 5], [6, 7]), {"numbers": [4, 5], "places": [6, 7]}),
        (Received(KEY, 5, True), {"packet_id": 5, "open": True}),
        (WillSet(KEY, MESSAGE, 5, 9.0, 0.0), {"message": MESSAGE, "delay": 5, "due": 9.0}),
    ]
    for record, fields in records:
        assert getattr(record, "key") == KEY  # noqa: B009
        for name, value in fields.items():
            assert getattr(record, name) == value


def test_a_message_for_many_is_one_record_that_names_them() -> None:
    part = Queued(KEY, 7, 0x32, [1], 3)
    record = Enqueued("t", MESSAGE, [part])
    assert record.receivers == [part]
    assert (part.key, part.number, part.flags, part.identifiers, part.packet_id) == (KEY, 7, 0x32, [1], 3)
    assert (record.tenant, record.message) == ("t", MESSAGE)


def test_a_small_value_is_kept_under_a_name() -> None:
    kept = Kept("bans", "c", b"1")
    assert (kept.space, kept.name, kept.value) == ("bans", "c", b"1")


def test_a_retained_message_is_named_by_tenant_and_topic() -> None:
    assert RetainedSet("t", "a", None).message is None
    assert RetainedSet("t", "a", MESSAGE).topic == "a"
    assert RetainedSet("t", "a", MESSAGE).tenant == "t"
