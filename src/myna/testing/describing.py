"""A packet in words, for what a failing test says."""

from myna.wire.packets import Packet
from myna.wire.properties import TABLE, Properties


def describe(packet: Packet) -> str:
    """A packet in one line, its properties included, for messages of failed tests."""
    names = ("session_present", "code", "topic", "payload", "qos", "retain", "dup", "packet_id", "codes")
    parts = [f"{name}={getattr(packet, name)!r}" for name in names if hasattr(packet, name)]
    held: Properties | None = getattr(packet, "properties", None)
    if held is not None:
        for name, *_ in TABLE.values():
            value = getattr(held, name)
            if value not in (-1, None):
                parts.append(f"{name}={value!r}")
    return f"{type(packet).__name__}({', '.join(parts)})"
