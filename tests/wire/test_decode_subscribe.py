from myna.wire.decode_subscribe import decode_suback, decode_subscribe, decode_unsuback, decode_unsubscribe
from tests.wire.vectors import props, text


def test_every_option_of_a_subscription_arrives() -> None:
    body = b"\0\7" + props(b"\x0b\x05") + text("a") + b"\x2e" + text("b") + b"\x11"
    packet = decode_subscribe(body, 0, len(body), 5)
    first, second = packet.requests
    assert packet.packet_id == 7
    assert (first.filter, first.qos, first.no_local, first.retain_as_published) == ("a", 2, True, True)
    assert first.retain_handling == 2
    assert (second.filter, second.qos, second.no_local, second.retain_as_published) == ("b", 1, False, False)
    assert second.retain_handling == 1
    assert packet.properties is not None
    assert packet.properties.subscription_identifiers == [5]


def test_mqtt_3_1_ignores_the_bits_it_calls_unused() -> None:
    body = b"\0\7" + text("a") + b"\xfd"
    (request,) = decode_subscribe(body, 0, len(body), 3).requests
    assert (request.qos, request.no_local, request.retain_as_published, request.retain_handling) == (1, False, False, 0)


def test_the_longest_filter_and_many_filters_are_read() -> None:
    longest = b"\0\7" + text("/" * 65535) + b"\0"
    assert len(decode_subscribe(longest, 0, len(longest), 4).requests[0].filter) == 65535
    many = b"\0\7" + (text("a/b") + b"\0") * 10_000
    assert len(decode_subscribe(many, 0, len(many), 4).requests) == 10_000


def test_unsubscribe_keeps_its_filters_in_order() -> None:
    body = b"\0\7" + text("b") + text("a") + text("b")
    assert decode_unsubscribe(body, 0, len(body), 4).filters == ["b", "a", "b"]


def test_codes_stay_in_order() -> None:
    assert decode_suback(b"\0\7\2\x80\0", 0, 5, 4).codes == [2, 0x80, 0]
    assert decode_unsuback(b"\0\7\0\x11\0", 0, 5, 5).codes == [0x11, 0]
    assert decode_unsuback(b"\0\7", 0, 2, 4).codes == []
