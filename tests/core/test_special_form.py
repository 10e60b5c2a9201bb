from myna.core.message import Message, Origin
from myna.core.special_form import special_form
from myna.testing import World
from myna.wire.decode_publish import decode_publish
from myna.wire.packets import Publish
from myna.wire.reader import FrameReader


def message(payload: bytes = b"x") -> Message:
    return Message("a", payload, 1, False, Origin("api", "t"), 0.0)


def parts(world: World, name: str, payload: bytes = b"x", at_once: bool = True) -> Publish | None:
    link = world.sessions[name].link if hasattr(world, "sessions") else world.broker.session("tenant", "", name).link  # type: ignore[union-attr]
    found = special_form(link, message(payload), 0x32, [7], 5, at_once, 1.0)
    if found is None:
        return None
    reader = FrameReader(1 << 20, 5)
    reader.feed(b"".join(found))
    assert reader.next_frame()
    return decode_publish(reader.header, reader.buffer, reader.body, reader.end, 5)


def test_it_bears_the_clients_identifiers_and_an_alias_from_the_second_time_on() -> None:
    world = World()
    world.connected("c", topic_alias_maximum=5)
    first, second = parts(world, "c"), parts(world, "c")
    assert first is not None
    assert first.properties is not None
    assert (first.topic, first.packet_id, first.properties.subscription_identifiers) == ("a", 5, [7])
    assert first.properties.topic_alias == 1
    assert second is not None
    assert second.properties is not None
    assert (second.topic, second.properties.topic_alias) == ("", 1)


def test_a_packet_that_waits_defines_no_alias() -> None:
    world = World()
    world.connected("c", topic_alias_maximum=5)
    waiting = parts(world, "c", at_once=False)
    assert waiting is not None
    assert waiting.properties is not None
    assert (waiting.topic, waiting.properties.topic_alias) == ("a", -1)


def test_what_is_too_large_for_the_client_is_nothing() -> None:
    world = World()
    world.connected("c", maximum_packet_size=60)
    assert parts(world, "c") is not None
    assert parts(world, "c", b"x" * 100) is None
