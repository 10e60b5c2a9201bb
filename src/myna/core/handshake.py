"""CONNECT to CONNACK: checks, the gate, take-over, the session, the answer.

The gate may answer at once or much later; until then nothing the client has sent behind its CONNECT is read. What a
newcomer gets wrong:
a refused CONNECT leaves no trace, its will is never seen [MQTT-3.1.2-7], and what is refused before MQTT 5 has one of
five codes.
"""

from typing import Final, final

from myna.core.admission import check_connection
from myna.core.bans import words_of
from myna.core.broker import Broker
from myna.core.identity import Identity
from myna.core.limits import Limits, bucket
from myna.core.link import UNLIMITED, Link
from myna.core.logins import login_name, must_wait
from myna.core.message import Message, Origin, copy_for_delivery
from myna.core.ports import Peer
from myna.core.property_limits import judge_properties
from myna.core.receiver import SessionKey
from myna.core.reviewing import may_inherit, review
from myna.core.session import Session
from myna.core.subscribing import Asked, subscribe
from myna.core.tenant import Tenant
from myna.core.will import PendingWill
from myna.wire import reasons
from myna.wire.packets import MQTT_3_1, MQTT_5, Connack, Connect
from myna.wire.properties import Properties
from myna.wire.topics import check_topic

ABSENT = -1
SAYS_NAME_LATER: Final = "SCRAM-"  # methods whose exchange holds the name: whether that has to wait is asked then
LONGEST_NAME: Final = 128  # characters of a user name in the log


@final
class Opened:
    """An accepted CONNECT: the session, who it is, and what the connection must know."""

    __slots__ = ("identity", "keep_alive", "origin", "resumed", "session")

    def __init__(self, session: Session, identity: Identity, keep_alive: int, resumed: bool, origin: Origin) -> None:
        self.session = session
        self.identity = identity
        self.keep_alive = keep_alive
        self.resumed = resumed
        self.origin = origin


@final
class Refused:
    """A CONNECT that is answered with this reason code, in the words of its version."""

    __slots__ = ("reason", "text")

    def __init__(self, reason: int, text: str = "") -> None:
        self.reason = reason
        self.text = text


def check_connect(connect: Connect) -> Refused | None:
    """What can be said against a CONNECT before asking who it is."""
    needs_name = connect.level == MQTT_3_1 or (connect.level < MQTT_5 and not connect.clean_start)
    if needs_name and not connect.client_id:
        return Refused(reasons.CLIENT_IDENTIFIER_NOT_VALID, "empty client id")  # 311: [MQTT-3.1.3-8]
    properties = connect.properties
    if properties is None:
        return None
    if properties.authentication_data is not None and properties.authentication_method is None:
        return Refused(reasons.PROTOCOL_ERROR, "authentication data without a method")  # §3.1.2.11.10
    return None


def keep_out(broker: Broker, connect: Connect, address: str, now: float) -> Refused | None:
    """Those whom no tenant may have, and those who guess: found before a gate does any work for them."""
    ban = broker.bans.banned_everywhere(address, now, client_id=connect.client_id)
    if ban is not None:
        return Refused(reasons.BANNED, words_of(ban))
    properties = connect.properties
    method = None if properties is None else properties.authentication_method
    shown = connect.password if properties is None or method is None else properties.authentication_data
    if connect.password is None and method is None:
        return None  # it has nothing to guess by
    if method is not None and method.startswith(SAYS_NAME_LATER) and connect.password is None:
        return None  # with a password it may be meant for a webhook, which takes any method
    wait = broker.logins.wait(address, login_name(connect.user_name, shown), now)
    return Refused(reasons.CONNECTION_RATE_EXCEEDED, must_wait(wait)) if wait > 0.0 else None


def open_session(
    broker: Broker,
    link: Link,
    connect: Connect,
    client_id: str,
    identity: Identity,
    peer: Peer,
    data: bytes | None,
    now: float,
) -> Opened | Refused:
    """An identified client: find or make its session, and answer with CONNACK."""
    tenant = broker.tenant(identity.tenant)
    limits = tenant.limits
    key = (tenant.name, identity.scope, client_id)
    expiry = _session_expiry(limits, connect)
    refused = _check(broker, tenant, connect, key, identity, peer, expiry, now)
    if refused is not None:
        identity.turned_away(now)
        return refused
    resumed = _take_over(broker, tenant, key, identity, connect, now)
    session = Session(broker, tenant, key, identity, now) if resumed is None else resumed
    if resumed is None:
        tenant.enter(session)
    else:
        user_before = session.identity.user
        identity.takes_over(session.identity)
        session.identity = identity
        tenant.change_identity(session, user_before)
        review(broker, session, now)
    session.expiry = expiry
    _accept_link(limits, link, connect)
    origin = origin_of(session, peer.address)
    keep_alive = _keep_alive(limits, connect)
    connack = _connack(limits, connect, client_id, expiry, keep_alive, resumed is not None, data)
    if link.words and connack.properties is not None:
        connack.properties.user_properties = link.words
    if not link.write_packet(connack):
        if resumed is None:
            session.discard(reasons.PACKET_TOO_LARGE, now)
        return Refused(reasons.PACKET_TOO_LARGE, "the client's maximum packet size leaves no room for CONNACK")
    session.save(now)
    session.set_will(_make_will(broker, key, connect, origin, now))
    if resumed is None:
        for group in identity.groups:
            subscribe(broker, session, Asked(group, identity.group_qos, retain_handling=2), now, judged=True)
    return Opened(session, identity, keep_alive, resumed is not None, origin)


def report_refusal(
    broker: Broker, connect: Connect | None, identity: Identity | None, address: str, reason: int, text: str, now: float
) -> None:
    name = reasons.reason_name(reason)
    client_id = "" if connect is None else connect.client_id
    tenant, user = "", "" if connect is None else public_name(connect.user_name)
    if identity is not None:
        tenant, user = identity.tenant, identity.user
    broker.counters.refuse(f"connect:{name}")
    broker.watcher.refused("CONNECT", tenant, client_id, address, text or name, now, user)


def public_name(user_name: str | None) -> str:
    """What somebody calls himself, for the log; nothing that looks like a token in the wrong place."""
    if user_name is None or len(user_name) > LONGEST_NAME or user_name.startswith("eyJ"):
        return ""
    return user_name


def origin_of(session: Session, address: str) -> Origin:
    """Of what a client publishes as who it is now."""
    tenant, _, client_id = session.key
    identity = session.identity
    return Origin(
        "mqtt", tenant, user=identity.user, client_id=client_id, identity=identity, sender=session, address=address
    )


def _check(
    broker: Broker,
    tenant: Tenant,
    connect: Connect,
    key: SessionKey,
    identity: Identity,
    peer: Peer,
    expiry: int,
    now: float,
) -> Refused | None:
    refused = _check_limits(tenant, connect)
    if refused is not None:
        return refused
    ban = broker.bans.banned(tenant.name, identity.user, key[2], peer.address, now)
    if ban is not None:
        return Refused(reasons.BANNED, words_of(ban))
    refusal = check_connection(broker, tenant, identity, tenant.session(key[1], key[2]), expiry > 0, now)
    return None if refusal is None else Refused(refusal.reason, refusal.text)


def _check_limits(tenant: Tenant, connect: Connect) -> Refused | None:
    limits = tenant.limits
    if connect.level not in limits.levels:
        return Refused(reasons.UNSUPPORTED_PROTOCOL_VERSION)
    most = limits.keep_alive_maximum
    if limits.keep_alive_refused_3 and connect.level < MQTT_5 and most and not 0 < connect.keep_alive <= most:
        return Refused(reasons.SERVER_UNAVAILABLE, f"a keep-alive of {connect.keep_alive} s, and 1 to {most} are taken")
    will = connect.will
    if will is None:
        return None
    if limits.blank_wills_refused and not will.topic.strip():
        return Refused(reasons.TOPIC_NAME_INVALID, "blank will topic")
    if not check_topic(will.topic) or not tenant.router.fits(will.topic):
        return Refused(reasons.TOPIC_NAME_INVALID, "will topic")
    if will.qos > limits.maximum_qos:
        return Refused(reasons.QOS_NOT_SUPPORTED, "will QoS")  # [MQTT-3.2.2-12]
    if will.retain and not limits.retain_available:
        return Refused(reasons.RETAIN_NOT_SUPPORTED, "will retain")  # [MQTT-3.2.2-13]
    if limits.will_size and len(will.payload) > limits.will_size:
        return Refused(reasons.PACKET_TOO_LARGE, "will payload")
    properties = will.properties
    verdict = reasons.SUCCESS if properties is None else judge_properties(limits, properties, will.payload)
    return None if verdict == reasons.SUCCESS else Refused(verdict, "will payload or properties")


def _session_expiry(limits: Limits, connect: Connect) -> int:
    """Seconds the session outlives its connection. Before MQTT 5 that is all or nothing."""
    if limits.force_transient:
        return 0
    if connect.level < MQTT_5:
        return 0 if connect.clean_start else limits.session_expiry_maximum
    properties = connect.properties
    asked = 0 if properties is None or properties.session_expiry < 0 else properties.session_expiry
    return bounded_expiry(limits, asked)


def bounded_expiry(limits: Limits, asked: int) -> int:
    if asked == 0 or limits.force_transient:
        return 0
    return min(max(asked, limits.session_expiry_minimum), limits.session_expiry_maximum)


def _take_over(
    broker: Broker, tenant: Tenant, key: SessionKey, identity: Identity, connect: Connect, now: float
) -> Session | None:
    """End whoever bears the name now [MQTT-3.1.4-3]; the session to go on with, if there is one to be had."""
    held = tenant.session(key[1], key[2])
    broker.peers.claim(key[0], key[1], key[2])
    if held is None:
        return None
    if held.is_online():
        broker.counters.taken_over += 1
    elif isinstance(held, Session) and held.is_overdue(now):
        held.expire(now)
        return None
    is_theirs = held.identity.user == identity.user or may_inherit(broker, held, identity)
    if connect.clean_start or not is_theirs or not isinstance(held, Session):
        held.end(reasons.SESSION_TAKEN_OVER, now, discard=True)  # [MQTT-3.1.2-4]
        return None
    held.end(reasons.SESSION_TAKEN_OVER, now)
    return None if held.ended else held


def _accept_link(limits: Limits, link: Link, connect: Connect) -> None:
    """What the client can take, within the bounds of what we give."""
    properties = connect.properties
    receive_maximum, packet_size, aliases = limits.inflight or 65_535, UNLIMITED, 0
    if properties is not None:
        if properties.receive_maximum > 0:
            receive_maximum = min(receive_maximum, properties.receive_maximum)
        if properties.maximum_packet_size > 0:
            packet_size = properties.maximum_packet_size
        aliases = max(min(properties.topic_alias_maximum, limits.topic_alias_maximum), 0)
    link.accept(connect.level, receive_maximum, packet_size, aliases)
    link.is_bridge = connect.is_bridge
    link.subscribe_rate = bucket(limits.subscribes_per_second, 0.0)


def _make_will(broker: Broker, key: SessionKey, connect: Connect, origin: Origin, now: float) -> PendingWill | None:
    will = connect.will
    if will is None:
        return None
    message = Message(will.topic, will.payload, will.qos, will.retain, origin, now)
    delay = 0
    lifetime = 0.0
    properties = will.properties
    if properties is not None:
        message.properties = copy_for_delivery(properties)
        delay = max(properties.will_delay, 0)
        longest = broker.tenant(key[0]).limits.will_delay_maximum
        if longest:
            delay = min(delay, longest)
        lifetime = float(max(properties.message_expiry, 0))
    return PendingWill(broker, key, message, delay, lifetime)


def _keep_alive(limits: Limits, connect: Connect) -> int:
    asked = connect.keep_alive
    if limits.keep_alive_maximum and (asked == 0 or asked > limits.keep_alive_maximum):
        # Only MQTT 5 can be told (§3.2.2.3.14); an older client keeps what it asked for.
        return limits.keep_alive_maximum if connect.level == MQTT_5 else asked
    if asked and asked < limits.keep_alive_minimum:
        return limits.keep_alive_minimum
    return asked


def _connack(
    limits: Limits, connect: Connect, client_id: str, expiry: int, keep_alive: int, resumed: bool, data: bytes | None
) -> Connack:
    """MQTT 3.1 knows no Session Present: the encoder leaves it out."""
    if connect.level < MQTT_5:
        return Connack(resumed, reasons.SUCCESS)
    answer = Properties()
    asked = connect.properties
    if expiry != (0 if asked is None or asked.session_expiry < 0 else asked.session_expiry):
        answer.session_expiry = expiry  # §3.2.2.3.2
    if limits.receive_maximum < 65_535:
        answer.receive_maximum = limits.receive_maximum
    if limits.maximum_qos < 2:
        answer.maximum_qos = limits.maximum_qos
    answer.retain_available = ABSENT if limits.retain_available else 0
    answer.maximum_packet_size = limits.packet_size if 0 < limits.packet_size < UNLIMITED else ABSENT
    if not connect.client_id:
        answer.assigned_client_id = client_id  # [MQTT-3.2.2-16]
    if limits.topic_alias_maximum:
        answer.topic_alias_maximum = limits.topic_alias_maximum
    answer.wildcard_subscription_available = ABSENT if limits.wildcards_available else 0
    answer.subscription_identifier_available = ABSENT if limits.identifiers_available else 0
    answer.shared_subscription_available = ABSENT if limits.shared_available else 0
    if keep_alive != connect.keep_alive:
        answer.server_keep_alive = keep_alive  # [MQTT-3.2.2-21]
    if asked is not None and asked.authentication_method is not None:
        answer.authentication_method = asked.authentication_method  # [MQTT-4.12.0-5]
        answer.authentication_data = data
    return Connack(resumed, reasons.SUCCESS, answer)
