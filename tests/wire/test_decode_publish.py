from myna.wire.decode_publish import decode_puback, decode_pubcomp, decode_publish, decode_pubrec, decode_pubrel
from tests.wire.vectors import USER, props, text


def test_every_field_of_a_publish_arrives() -> None:
    body = b"??" + text("a/b") + b"\x12\x34" + props(b"\x01\1", USER, USER) + b"payload"
    packet = decode_publish(0x3D, body, 2, len(body), 5)
    assert (packet.topic, packet.payload, packet.packet_id) == ("a/b", b"payload", 0x1234)
    assert (packet.qos, packet.retain, packet.dup) == (2, True, True)
    assert packet.properties is not None
    assert packet.properties.payload_format == 1
    assert packet.properties.user_properties == [("key", "value"), ("key", "value")]


def test_a_plain_publish_bears_no_properties() -> None:
    body = text("a") + b"\0x"
    packet = decode_publish(0x30, body, 0, len(body), 5)
    assert packet.properties is None
    assert (packet.qos, packet.retain, packet.dup, packet.packet_id, packet.payload) == (0, False, False, 0, b"x")


def test_before_mqtt_5_the_payload_follows_at_once() -> None:
    body = text("a") + b"\0x"
    assert decode_publish(0x30, body, 0, len(body), 4).payload == b"\0x"


def test_a_publish_by_alias_has_an_empty_topic() -> None:
    body = text("") + props(b"\x23\0\5")
    packet = decode_publish(0x30, body, 0, len(body), 5)
    assert packet.topic == ""
    assert packet.properties is not None
    assert packet.properties.topic_alias == 5


def test_acknowledgements_keep_identifier_code_and_properties() -> None:
    body = b"\1\2\0" + props(b"\x1f" + text("fine"))
    for decode_one in (decode_puback, decode_pubrec, decode_pubrel, decode_pubcomp):
        packet = decode_one(body, 0, len(body), 5)
        assert (packet.packet_id, packet.code) == (0x102, 0)
        assert packet.properties is not None
        assert packet.properties.reason_string == "fine"
        assert decode_one(body, 0, 2, 4).properties is None
