"""SUBSCRIBE, UNSUBSCRIBE and their acknowledgements (§3.8 to §3.11), from bytes.

Does not judge the syntax of a filter, only that it is not empty: one bad filter is answered on its own, with a code in
its place among the others, so whoever answers must see it.
The four bits of options that MQTT 5 added are reserved before it, and must be 0 there in 3.1.1 but not in 3.1.
"""

from typing import Final

from myna.wire.decode_publish import read_packet_id
from myna.wire.errors import Malformed, ProtocolViolation
from myna.wire.fields import read_byte, read_string
from myna.wire.packets import MQTT_3_1, MQTT_5, Suback, Subscribe, SubscriptionRequest, Unsuback, Unsubscribe
from myna.wire.properties import IN_SUBACK, IN_SUBSCRIBE, IN_UNSUBACK, IN_UNSUBSCRIBE, Properties
from myna.wire.property_block import read_properties
from myna.wire.reasons import SUBACK_CODES, UNSUBACK_CODES
from myna.wire.topics import SHARED, SHARED_ORDERED

_CODES_3: Final = frozenset({0, 1, 2, 0x80})


def decode_subscribe(buffer: bytes, body: int, end: int, level: int) -> Subscribe:
    packet_id = read_packet_id(buffer, body, end)
    properties, position = _read_optional(buffer, body + 2, end, level, IN_SUBSCRIBE)
    requests: list[SubscriptionRequest] = []
    while position < end:
        filter, position = _read_filter(buffer, position, end)
        options, position = read_byte(buffer, position, end)
        requests.append(_request_of(filter, options, level))
    if not requests:
        raise ProtocolViolation("SUBSCRIBE without a filter")  # [MQTT-3.8.3-2]
    return Subscribe(packet_id, requests, properties)


def _read_optional(buffer: bytes, position: int, end: int, level: int, bearer: int) -> tuple[Properties | None, int]:
    if level < MQTT_5:
        return None, position
    return read_properties(buffer, position, end, bearer)


def _read_filter(buffer: bytes, position: int, end: int) -> tuple[str, int]:
    filter, position = read_string(buffer, position, end)  # [MQTT-3.8.3-1] [MQTT-3.10.3-1]
    if not filter:
        raise Malformed("empty topic filter")  # [MQTT-4.7.3-1]
    return filter, position


def _request_of(filter: str, options: int, level: int) -> SubscriptionRequest:
    qos = options & 0x03
    if qos == 3:
        raise ProtocolViolation("QoS 3 in a subscription")
    if level < MQTT_5:
        if options > 2 and level != MQTT_3_1:
            raise Malformed("reserved bits in a subscription")  # [MQTT-3-8.3-4] of 3.1.1
        return SubscriptionRequest(filter, qos)
    if options & 0xC0:
        raise Malformed("reserved bits in a subscription")  # [MQTT-3.8.3-5]
    retain_handling = options >> 4
    if retain_handling == 3:
        raise ProtocolViolation("retain handling 3")
    no_local = options & 0x04 != 0
    if no_local and filter.startswith((SHARED, SHARED_ORDERED)):
        raise ProtocolViolation("no local on a shared subscription")  # [MQTT-3.8.3-4]
    return SubscriptionRequest(filter, qos, no_local, options & 0x08 != 0, retain_handling)


def decode_unsubscribe(buffer: bytes, body: int, end: int, level: int) -> Unsubscribe:
    packet_id = read_packet_id(buffer, body, end)
    properties, position = _read_optional(buffer, body + 2, end, level, IN_UNSUBSCRIBE)
    filters: list[str] = []
    while position < end:
        filter, position = _read_filter(buffer, position, end)
        filters.append(filter)
    if not filters:
        raise ProtocolViolation("UNSUBSCRIBE without a filter")  # [MQTT-3.10.3-2]
    return Unsubscribe(packet_id, filters, properties)


def decode_suback(buffer: bytes, body: int, end: int, level: int) -> Suback:
    packet_id = read_packet_id(buffer, body, end)
    properties, position = _read_optional(buffer, body + 2, end, level, IN_SUBACK)
    allowed = SUBACK_CODES if level >= MQTT_5 else _CODES_3
    return Suback(packet_id, _read_codes(buffer, position, end, allowed), properties)  # [MQTT-3.9.3-2]


def decode_unsuback(buffer: bytes, body: int, end: int, level: int) -> Unsuback:
    packet_id = read_packet_id(buffer, body, end)
    if level < MQTT_5:
        if body + 2 != end:
            raise Malformed("UNSUBACK longer than two bytes")
        return Unsuback(packet_id, [])
    properties, position = read_properties(buffer, body + 2, end, IN_UNSUBACK)
    return Unsuback(packet_id, _read_codes(buffer, position, end, UNSUBACK_CODES), properties)  # [MQTT-3.11.3-2]


def _read_codes(buffer: bytes, position: int, end: int, allowed: frozenset[int]) -> list[int]:
    codes = list(buffer[position:end])
    if not codes:
        raise Malformed("acknowledgement without a code")
    for code in codes:
        if code not in allowed:
            raise ProtocolViolation(f"reason code 0x{code:02X} does not belong in this packet")
    return codes
