"""SUBSCRIBE, UNSUBSCRIBE and DISCONNECT as a client sends them: one answer per filter, in the order they were asked.

The deciding is done in `subscribing`; here is what only a packet has: its limits, its answer, and what follows the
answer.
"""

from myna.core.acks import Acks
from myna.core.broker import Broker
from myna.core.handshake import bounded_expiry
from myna.core.link import Link
from myna.core.message import Message
from myna.core.receiver import Subscription
from myna.core.session import Session
from myna.core.subscribing import Asked, subscribe, unsubscribe
from myna.wire import reasons
from myna.wire.encode import encode
from myna.wire.errors import ProtocolViolation
from myna.wire.packets import MQTT_5, Disconnect, Suback, Subscribe, Unsuback, Unsubscribe
from myna.wire.reasons import suback_code_for_3
from myna.wire.topics import parse_filter


def request_subscribe(broker: Broker, link: Link, acks: Acks, session: Session, packet: Subscribe, now: float) -> None:
    _check_number(session, len(packet.requests))
    properties = packet.properties
    identifiers = None if properties is None else properties.subscription_identifiers
    if not _is_in_time(broker, link, session, "SUBSCRIBE", now):
        code = suback_code_for_3(reasons.QUOTA_EXCEEDED) if link.level < MQTT_5 else reasons.QUOTA_EXCEEDED
        acks.send(encode(Suback(packet.packet_id, [code] * len(packet.requests)), link.level), 0)
        return
    codes: list[int] = []
    retained: list[tuple[list[Message], Subscription]] = []
    sequence = 0
    for request in packet.requests:
        granted = subscribe(
            broker,
            session,
            Asked(
                request.filter,
                request.qos,
                request.no_local,
                request.retain_as_published,
                request.retain_handling,
                identifiers,
            ),
            now,
        )
        codes.append(granted.code if link.level == MQTT_5 else suback_code_for_3(granted.code))
        sequence = max(sequence, granted.sequence)
        if granted.retained and granted.subscription is not None:
            retained.append((granted.retained, granted.subscription))
    acks.send(encode(Suback(packet.packet_id, codes), link.level), sequence)
    for messages, subscription in retained:
        session.deliver_retained(messages, subscription, now)


def request_unsubscribe(
    broker: Broker, link: Link, acks: Acks, session: Session, packet: Unsubscribe, now: float
) -> None:
    _check_number(session, len(packet.filters))
    if not _is_in_time(broker, link, session, "UNSUBSCRIBE", now) and link.level == MQTT_5:
        # Before MQTT 5 there is no way to say no, so it is done all the same.
        codes = [reasons.UNSPECIFIED_ERROR] * len(packet.filters)
        acks.send(encode(Unsuback(packet.packet_id, codes), link.level), 0)
        return
    codes = []
    for text in packet.filters:
        if parse_filter(text) is None:
            codes.append(reasons.TOPIC_FILTER_INVALID)
        else:
            codes.append(unsubscribe(broker, session, text, now))
    sequence = broker.journal.store.sequence if session.is_durable() else 0
    acks.send(encode(Unsuback(packet.packet_id, codes), link.level), sequence)


def request_disconnect(session: Session, packet: Disconnect) -> bool:
    """A client says goodbye. True if its will is to be published all the same [MQTT-3.14.4-3]."""
    properties = packet.properties
    if properties is not None and properties.session_expiry >= 0:
        if session.expiry == 0 and properties.session_expiry > 0:
            raise ProtocolViolation("a session that ends with its connection cannot be extended")  # §3.14.2.2.2
        session.expiry = bounded_expiry(session.tenant.limits, properties.session_expiry)
    if session.link is not None:
        session.link.goodbye = packet
    return packet.code != reasons.SUCCESS


def _is_in_time(broker: Broker, link: Link, session: Session, what: str, now: float) -> bool:
    """Within what this connection and its tenant may ask for in a second?"""
    cause = ""
    if link.subscribe_rate is not None and not link.subscribe_rate.take(1.0, now):
        cause = "subscribe_rate"
    else:
        rate = session.tenant.subscribe_rate
        if rate is not None and not rate.take(1.0, now):
            cause = "tenant_subscribe_rate"
    if cause:
        broker.counters.refuse(cause)
        tenant, _, client_id = session.key
        broker.watcher.refused(what, tenant, client_id, link.address, cause.replace("_", " "), now)
    return not cause


def _check_number(session: Session, count: int) -> None:
    limit = session.tenant.limits.filters_per_subscribe
    if limit and count > limit:
        raise ProtocolViolation(f"{count} filters in one packet", reasons.ADMINISTRATIVE_ACTION)
