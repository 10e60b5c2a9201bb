"""A PUBLISH that is not taken: which answer that is, in the client's version, and who is told.

Knows no reason by itself; whoever refuses brings it. What a newcomer gets wrong: before MQTT 5 there is no word for
"no", so the client gets the ack of a message that was taken, unless its tenant would rather end the connection.
"""

from typing import Final

from myna.core.acks import Acks
from myna.core.broker import Broker
from myna.core.link import Link
from myna.core.session import Session
from myna.wire import reasons
from myna.wire.encode import encode
from myna.wire.encode_publish import encode_ack
from myna.wire.packets import MQTT_5, Puback, Publish, Pubrec

PUBACK_HEADER: Final = 0x40
PUBREC_HEADER: Final = 0x50


def refuse_publish(
    broker: Broker, link: Link, session: Session, acks: Acks, packet: Publish, reason: int, now: float
) -> None:
    """An ack with the reason where there is such a thing, else as the tenant's limits say."""
    broker.watcher.not_published(session, packet.topic, packet.qos, packet.retain, reason, link.address, now)
    limits = session.tenant.limits
    name = reasons.reason_name(reason)
    broker.counters.refuse(f"publish:{name}")
    tenant, client_id, user = session.names()
    broker.watcher.refused(f"PUBLISH to {packet.topic[:200]!r}", tenant, client_id, link.address, name, now, user)
    if link.level != MQTT_5:
        if limits.refused_publish_disconnects_3 or (packet.qos == 0 and limits.refused_qos_0_disconnects):
            session.received.release(packet.packet_id, False)
            link.disconnect(reason, now)
        elif packet.qos:
            header = PUBACK_HEADER if packet.qos == 1 else PUBREC_HEADER
            if packet.qos == 2:
                session.received.begin(packet.packet_id, session.is_durable())
            acks.send(encode_ack(header, packet.packet_id), 0)  # 311: [MQTT-3.3.5-2]
    elif packet.qos == 0:
        if limits.refused_qos_0_disconnects:
            link.disconnect(reason, now)
    elif packet.qos == 1:
        acks.send(encode(Puback(packet.packet_id, reason), MQTT_5), 0)
    else:
        session.received.release(packet.packet_id, False)  # the id is free: [MQTT-4.3.3-9]
        acks.send(encode(Pubrec(packet.packet_id, reason), MQTT_5), 0)
