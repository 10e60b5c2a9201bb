"""SUBSCRIBE, UNSUBSCRIBE and DISCONNECT as a client sends them: one answer per filter, in the order they were asked.

The deciding is done in `subscribing`; here is what only a packet has: its limits, its answer, and what follows the
answer.
"""

from typing import Final, final

from myna.core.acks import Acks
from myna.core.broker import Broker
from myna.core.handshake import bounded_expiry
from myna.core.identity import LATER
from myna.core.link import Link, Step
from myna.core.message import Message
from myna.core.receiver import Subscription
from myna.core.session import Session
from myna.core.subscribing import Asked, subscribe, unsubscribe
from myna.wire import reasons
from myna.wire.encode import encode
from myna.wire.errors import ProtocolViolation
from myna.wire.packets import MQTT_5, Disconnect, Suback, Subscribe, SubscriptionRequest, Unsuback, Unsubscribe
from myna.wire.reasons import suback_code_for_3
from myna.wire.topics import SHARED, SHARED_ORDERED, parse_filter

ASKED_AHEAD: Final = 32  # filters of one packet that the rules are asked about together


def request_subscribe(broker: Broker, link: Link, acks: Acks, session: Session, packet: Subscribe, now: float) -> None:
    _check_number(session, len(packet.requests))
    if not _is_in_time(broker, link, session, "SUBSCRIBE", now):
        codes = [reasons.QUOTA_EXCEEDED] * len(packet.requests)
        acks.send(encode(Suback(packet.packet_id, _codes_for(link.level, codes)), link.level), 0)
        broker.watcher.answered(session, "SUBSCRIBE", [one.filter for one in packet.requests], codes, now)
        return
    _Subscribing(broker, link, acks, session, packet).take(now)


def request_unsubscribe(
    broker: Broker, link: Link, acks: Acks, session: Session, packet: Unsubscribe, now: float
) -> None:
    _check_number(session, len(packet.filters))
    if not _is_in_time(broker, link, session, "UNSUBSCRIBE", now) and link.level == MQTT_5:
        # Before MQTT 5 there is no way to say no, so it is done all the same.
        codes = [reasons.UNSPECIFIED_ERROR] * len(packet.filters)
        acks.send(encode(Unsuback(packet.packet_id, codes), link.level), 0)
        broker.watcher.answered(session, "UNSUBSCRIBE", packet.filters, codes, now)
        return
    _Unsubscribing(broker, link, acks, session, packet).take(now)


@final
class _Subscribing(Step):
    """Filter by filter, up to the answer for all of them."""

    def __init__(self, broker: Broker, link: Link, acks: Acks, session: Session, packet: Subscribe) -> None:
        self._broker = broker
        self._link = link
        self._acks = acks
        self._session = session
        self._packet = packet
        self._codes: list[int] = []
        self._retained: list[tuple[list[Message], Subscription]] = []
        self._sequence = 0

    def take(self, now: float) -> None:
        properties = self._packet.properties
        identifiers = None if properties is None else properties.subscription_identifiers
        level = self._link.level
        requests = self._packet.requests
        while len(self._codes) < len(requests):
            request = requests[len(self._codes)]
            granted = subscribe(self._broker, self._session, _asked(self._link, request, identifiers), now)
            if granted.code == LATER:
                self._link.suspend(self, now)
                self._ask_ahead()
                return
            self._codes.append(granted.code)
            self._sequence = max(self._sequence, granted.sequence)
            if granted.retained and granted.subscription is not None:
                self._retained.append((granted.retained, granted.subscription))
        self._acks.send(encode(Suback(self._packet.packet_id, _codes_for(level, self._codes)), level), self._sequence)
        for messages, subscription in self._retained:
            self._session.deliver_retained(messages, subscription, now)
        filters = [request.filter for request in requests]
        self._broker.watcher.answered(self._session, "SUBSCRIBE", filters, self._codes, now)

    def _ask_ahead(self) -> None:
        """So that the answers for the next filters come together with this one's."""
        behind = len(self._codes) + 1
        for request in self._packet.requests[behind : behind + ASKED_AHEAD]:
            parsed = parse_filter(request.filter)
            if parsed is not None:
                self._broker.may_subscribe(self._session.identity, parsed.filter, request.qos)


def _asked(link: Link, request: SubscriptionRequest, identifiers: list[int] | None) -> Asked:
    """A bridge of MQTT 3 wants what MQTT 5 has options for: RETAIN as it was, and nothing back that it has sent."""
    bridged = link.is_bridge and not request.filter.startswith((SHARED, SHARED_ORDERED))
    return Asked(
        request.filter,
        request.qos,
        request.no_local or bridged,
        request.retain_as_published or link.is_bridge,
        request.retain_handling,
        identifiers,
    )


@final
class _Unsubscribing(Step):
    def __init__(self, broker: Broker, link: Link, acks: Acks, session: Session, packet: Unsubscribe) -> None:
        self._broker = broker
        self._link = link
        self._acks = acks
        self._session = session
        self._packet = packet
        self._codes: list[int] = []

    def take(self, now: float) -> None:
        filters = self._packet.filters
        while len(self._codes) < len(filters):
            text = filters[len(self._codes)]
            code = reasons.TOPIC_FILTER_INVALID
            if parse_filter(text) is not None:
                code = unsubscribe(self._broker, self._session, text, now)
            if code == LATER:
                self._link.suspend(self, now)
                return
            self._codes.append(code)
        sequence = self._broker.journal.store.sequence if self._session.is_durable() else 0
        self._acks.send(encode(Unsuback(self._packet.packet_id, self._codes), self._link.level), sequence)
        self._broker.watcher.answered(self._session, "UNSUBSCRIBE", filters, self._codes, now)


def _codes_for(level: int, codes: list[int]) -> list[int]:
    """In the words of the client's version."""
    return codes if level == MQTT_5 else [suback_code_for_3(code) for code in codes]


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
        tenant, client_id, user = session.names()
        broker.watcher.refused(what, tenant, client_id, link.address, cause.replace("_", " "), now, user)
    return not cause


def _check_number(session: Session, count: int) -> None:
    limit = session.tenant.limits.filters_per_subscribe
    if limit and count > limit:
        raise ProtocolViolation(f"{count} filters in one packet", reasons.ADMINISTRATIVE_ACTION)
