"""Runs packet sequences written for another broker against ours, in memory: what is sent, what must come back.

The vectors are not part of this project. `MYNA_VECTORS` names a folder of JSON files of the form

    [{group, ver, connect?, expect_disconnect?, tests: [{name, msgs: [{type, payload …}]}]}]

with the types `send`, `recv` and `external_publish`, and the broker hanging up at the end unless that is not expected.

Tolerant where the standard leaves a choice: a CONNACK is compared by its flags and code, packet ids the broker chose
are not compared, a DISCONNECT before the end is welcome, and 0x81, 0x82 and a more specific code are the same refusal.
"""

import json
import re
from pathlib import Path
from typing import Any

from myna.core.broker import Broker
from myna.core.connection import Connection
from myna.core.ports import Peer
from myna.testing import FakeOutlet, FakePeers, KeepsNothing, OpenGate
from myna.wire.encode import encode
from myna.wire.packets import MQTT_5, Connect, Publish

NOW = 1000.0
TOKEN = re.compile(r"'[^']*'|[^\s']+")
REFUSALS = range(0x81, 0x100)


class Vector:
    """One sequence with the settings of its group."""

    def __init__(self, file: str, group: dict[str, Any], test: dict[str, Any]) -> None:
        self.name = f"{file} {group['group']}: {test['name']}"
        self.level: int = test.get("ver", group.get("ver", 4))
        self.connects: bool = test.get("connect", group.get("connect", True))
        self.ends: bool = test.get("expect_disconnect", group.get("expect_disconnect", True))
        self.steps: list[dict[str, Any]] = test["msgs"]


def load(folder: Path) -> list[Vector]:
    return [
        Vector(path.stem, group, test)
        for path in sorted(folder.glob("*.json"))
        for group in json.loads(path.read_text())
        for test in group["tests"]
    ]


def to_bytes(payload: str) -> bytes:
    """`30 r14 s5 'topic'`: hex, or a number with the letter of its size, or text."""
    out = bytearray()
    for token in TOKEN.findall(payload):
        letter, rest = token[0], token[1:]
        if letter == "'":
            out += rest[:-1].encode()
        elif letter == "i":
            out.append(int(rest))
        elif letter in "Hkms":
            out += int(rest).to_bytes(2, "big")
        elif letter == "L":
            out += int(rest).to_bytes(4, "big")
        elif letter in "vr":
            out += _varint(int(rest))
        else:
            out += bytes.fromhex(token)
    return bytes(out)


def _varint(value: int) -> bytes:
    """Also of five bytes, which is one too many: that is what some vectors are about."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Conversation:
    """One client of a broker of its own, and a helper that publishes."""

    def __init__(self, vector: Vector, number: int) -> None:
        self._broker = Broker(KeepsNothing(), FakePeers())
        self._broker.packet_size = 0x0FFF_FFFF + 5
        self._gate = OpenGate()
        self.outlet = FakeOutlet()
        self._connection = Connection(self._broker, self._gate, self.outlet, Peer(), NOW)
        self._waiting = b""
        self._level = vector.level
        self._number = number

    def connect(self) -> None:
        self.send(encode(Connect(self._level, f"vector-{self._number}", True, 60), self._level))
        self._take()
        self._waiting = b""

    def send(self, data: bytes) -> None:
        self._connection.feed(data, NOW)

    def publish(self, topic: str, payload: str, qos: int) -> None:
        helper = Connection(self._broker, self._gate, FakeOutlet(), Peer(), NOW)
        helper.feed(encode(Connect(4, "helper", True, 60), 4), NOW)
        helper.feed(encode(Publish(topic, payload.encode(), qos, packet_id=1 if qos else 0), 4), NOW)

    def next_packet(self) -> bytes:
        """The next whole packet the broker has sent, or nothing."""
        self._take()
        if len(self._waiting) < 2:
            return b""
        length, at, shift = 0, 1, 0
        while True:
            byte = self._waiting[at]
            length |= (byte & 0x7F) << shift
            shift += 7
            at += 1
            if byte < 0x80:
                break
        packet, self._waiting = self._waiting[: at + length], self._waiting[at + length :]
        return packet

    def has_ended(self) -> bool:
        return self.outlet.closed

    def answers_ping(self) -> bool:
        self.send(b"\xc0\x00")
        while packet := self.next_packet():
            if packet == b"\xd0\x00":
                return True
        return False

    def _take(self) -> None:
        if self._connection.has_pending():
            data = self._connection.take()
            self._connection.sent(len(data), NOW)
            self._waiting += data


def run(vector: Vector, number: int) -> str:
    """Empty if the broker did what the vector says, else what was different."""
    talk = Conversation(vector, number)
    if vector.connects:
        talk.connect()
    for step in vector.steps:
        if step["type"] == "send":
            talk.send(to_bytes(step["payload"]))
        elif step["type"] == "external_publish":
            talk.publish(step["topic"], step["payload"], step["qos"])
        else:
            difference = _compare(to_bytes(step["payload"]), talk, vector)
            if difference:
                return difference
    if vector.ends:
        return "" if talk.has_ended() else "the connection was not closed"
    if talk.has_ended():
        return "the connection was closed"
    return "" if talk.answers_ping() else "a PINGREQ was not answered"


def _compare(wanted: bytes, talk: Conversation, vector: Vector) -> str:
    got = talk.next_packet()
    if not got:
        if vector.level < MQTT_5 and wanted[0] == 0xE0 and talk.has_ended():
            return ""
        return f"nothing came, {wanted.hex(' ')} was expected"
    kind = wanted[0] >> 4
    if kind != got[0] >> 4:
        return f"{got.hex(' ')} came, {wanted.hex(' ')} was expected"
    if kind == 2:
        return _codes_differ(wanted[2:4], got[2:4], got, wanted)
    if kind == 14:
        return _codes_differ(wanted[2:3], got[2:3], got, wanted)
    if kind == 3 and wanted[0] & 0x06:
        id_at = 4 + (wanted[2] << 8 | wanted[3])
        wanted = wanted[:id_at] + wanted[id_at + 2 :]
        got = got[:id_at] + got[id_at + 2 :]
    if kind in (6, 7) and got[2:] == wanted[2:4] + b"\x92":
        return ""  # the packet identifier is unknown, and the answer may say so (§3.6.2.1, §3.7.2.1)
    return "" if wanted == got else f"{got.hex(' ')} came, {wanted.hex(' ')} was expected"


def _codes_differ(wanted: bytes, got: bytes, packet: bytes, expected: bytes) -> str:
    if wanted == got:
        return ""
    both_refuse = bool(wanted) and bool(got) and wanted[-1] in REFUSALS and got[-1] in REFUSALS
    if both_refuse and wanted[:-1] == got[:-1] and {wanted[-1], got[-1]} & {0x81, 0x82}:
        return ""
    return f"{packet.hex(' ')} came, {expected.hex(' ')} was expected"
