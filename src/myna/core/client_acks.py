"""PUBACK, PUBREC, PUBREL and PUBCOMP as a client sends them: mostly in their short form, and many at once.

Knows what to tell the session and what to answer, not what any of it means there. What a newcomer gets wrong: a PUBREC
is answered only when the store has it, or the PUBLISH might come once more after a restart.
"""

from typing import Final

from myna.core.acks import Acks
from myna.core.inbound import Inbound
from myna.core.session import Session
from myna.wire.encode import encode
from myna.wire.encode_publish import encode_ack
from myna.wire.errors import ProtocolViolation
from myna.wire.packets import MQTT_5, PUBACK, PUBREC, PUBREL, Pubrel
from myna.wire.reader import FrameReader

PUBREL_HEADER: Final = 0x62


def read_acks(reader: FrameReader, session: Session, inbound: Inbound, acks: Acks, level: int) -> None:
    """Acks in their short form, as many as lie together."""
    outbound = session.outbound
    buffer = reader.buffer
    header = reader.header
    kind = header >> 4  # the flags may differ: MQTT 3.1 has a PUBREL with DUP
    position = reader.start
    last = len(buffer) - 4
    while position <= last and buffer[position] == header and buffer[position + 1] == 2:
        packet_id = buffer[position + 2] << 8 | buffer[position + 3]
        if packet_id == 0:
            raise ProtocolViolation("packet identifier 0")  # [MQTT-2.2.1-3]
        if kind == PUBACK:
            outbound.acknowledged(packet_id)
        elif kind == PUBREL:
            inbound.release(packet_id)
        elif kind == PUBREC:
            answer_pubrec(session, acks, level, packet_id, 0)
        else:
            outbound.completed(packet_id)
        position += 4
    reader.skip_to(position)


def answer_pubrec(session: Session, acks: Acks, level: int, packet_id: int, code: int) -> None:
    answer = session.outbound.received(packet_id, code)
    if answer >= 0:
        plain = answer == 0 or level < MQTT_5
        pubrel = encode_ack(PUBREL_HEADER, packet_id) if plain else encode(Pubrel(packet_id, answer), MQTT_5)
        acks.send(pubrel, session.noted_so_far())  # it frees the id: the PUBLISH must not come again, ever
