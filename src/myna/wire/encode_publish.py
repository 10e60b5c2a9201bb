"""The packets sent most, from parts that are encoded already: PUBLISH, and an acknowledgement of four bytes.

Knows no Publish: a message goes to many receivers, and its topic, payload and properties are bytes but once.
`flags` is the lower half of the first byte: DUP 8, QoS 2 or 4, RETAIN 1. `properties_block` starts with its length;
None stands for "before MQTT 5", which is not the same as the empty block b"\\0".
"""

from myna.wire.fields import BYTES, MAXIMUM_STRING, write_varint


def encode_publish(
    topic_bytes: bytes, payload: bytes, flags: int, packet_id: int, properties_block: bytes | None
) -> bytes:
    """A whole PUBLISH. At QoS 0 the packet identifier is not looked at."""
    if flags & 6:
        head, tail = publish_parts(topic_bytes, payload, flags, properties_block)
        return b"".join((head, packet_id.to_bytes(2, "big"), tail))
    size = len(topic_bytes)
    if size > MAXIMUM_STRING:
        raise ValueError(f"topic of {size} bytes")
    start = BYTES[0x30 | flags]
    if properties_block is None:
        length = write_varint(2 + size + len(payload))
        return b"".join((start, length, size.to_bytes(2, "big"), topic_bytes, payload))
    length = write_varint(2 + size + len(properties_block) + len(payload))
    return b"".join((start, length, size.to_bytes(2, "big"), topic_bytes, properties_block, payload))


def publish_parts(
    topic_bytes: bytes, payload: bytes, flags: int, properties_block: bytes | None
) -> tuple[bytes, bytes]:
    """What stands before and behind the packet identifier of a PUBLISH at QoS 1 or 2, the same for all receivers."""
    size = len(topic_bytes)
    if size > MAXIMUM_STRING:
        raise ValueError(f"topic of {size} bytes")
    tail = payload if properties_block is None else properties_block + payload
    length = write_varint(4 + size + len(tail))
    return b"".join((BYTES[0x30 | flags], length, size.to_bytes(2, "big"), topic_bytes)), tail


def encode_ack(header: int, packet_id: int) -> bytes:
    """PUBACK, PUBREC, PUBREL or PUBCOMP in the form every version reads: success, and nothing to add."""
    return (header << 24 | 2 << 16 | packet_id).to_bytes(4, "big")


def encode_acks(header: int, packet_ids: list[int]) -> bytes:
    """As `encode_ack` for several identifiers, one behind the other."""
    acks = bytearray(4 * len(packet_ids))
    at = 0
    for packet_id in packet_ids:
        acks[at] = header
        acks[at + 1] = 2
        acks[at + 2] = packet_id >> 8
        acks[at + 3] = packet_id & 0xFF
        at += 4
    return bytes(acks)
