"""Packets in one line each, for those who watch the exchange (`-d`)."""

from myna.wire.packets import (
    Connack,
    Disconnect,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
)
from myna.wire.reasons import reason_name


def describe(packet: Packet) -> str:
    name = type(packet).__name__.upper()
    if isinstance(packet, Publish):
        flags = f"q{packet.qos}{' retain' if packet.retain else ''}{' dup' if packet.dup else ''}"
        return f"{name} ({flags}, id {packet.packet_id}, {packet.topic!r}, {len(packet.payload)} bytes)"
    if isinstance(packet, Connack):
        return f"{name} (code {packet.code}{', session present' if packet.session_present else ''})"
    if isinstance(packet, (Puback, Pubrec, Pubrel, Pubcomp)):
        return f"{name} (id {packet.packet_id}, {reason_name(packet.code)})"
    if isinstance(packet, Suback):
        return f"{name} (id {packet.packet_id}, {', '.join(reason_name(code) for code in packet.codes)})"
    if isinstance(packet, Disconnect):
        return f"{name} ({reason_of(packet)})"
    return name


def reason_of(packet: Disconnect) -> str:
    """Why a broker ended the connection, in words."""
    name = "normal disconnection" if packet.code == 0 else reason_name(packet.code)
    given = packet.properties
    return f"{name} ({given.reason_string})" if given is not None and given.reason_string else name
