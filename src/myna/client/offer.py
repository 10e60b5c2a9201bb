"""What a broker has said in its CONNACK that it does not take (§3.2.2.3), held against a message before it is sent.

It would end the connection for such a message, with a reason code; who wrote the message deserves a sentence.
"""

from myna.client.errors import NotAllowed
from myna.wire.packets import Publish
from myna.wire.properties import Properties


def check_allowed(packet: Publish, offer: Properties) -> None:
    """Raises NotAllowed."""
    if 0 <= offer.maximum_qos < packet.qos:
        raise NotAllowed(f"this broker takes messages up to QoS {offer.maximum_qos} only")  # [MQTT-3.2.2-11]
    if packet.retain and offer.retain_available == 0:
        raise NotAllowed("this broker keeps no retained messages")  # [MQTT-3.2.2-14]
    if 0 < offer.maximum_packet_size < len(packet.payload):
        size = offer.maximum_packet_size
        raise NotAllowed(f"this broker takes packets of up to {size:,} bytes")  # [MQTT-3.2.2-15]
    alias = packet.properties.topic_alias if packet.properties is not None else -1
    allowed = max(offer.topic_alias_maximum, 0)
    if alias > allowed:
        aliases = f"topic aliases 1 to {allowed}" if allowed else "no topic aliases"
        raise NotAllowed(f"this broker takes {aliases}, so not {alias}")  # [MQTT-3.3.2-9]
