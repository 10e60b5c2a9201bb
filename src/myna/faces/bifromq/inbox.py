"""The JSON of a session's inbox: whole numbers of 64 bits as strings, and nothing that is zero, false or empty."""

from typing import Any, Final

from myna.core.delivery import QOS_BITS
from myna.core.limits import NEVER
from myna.core.receiver import Subscription
from myna.core.session import Session

QOS: Final = {1: "AT_LEAST_ONCE", 2: "EXACTLY_ONCE"}
HANDLING: Final = {1: "SEND_AT_SUBSCRIBE_IF_NOT_YET_EXISTS", 2: "DONT_SEND_AT_SUBSCRIBE"}


def describe_inbox(session: Session) -> dict[str, Any]:
    link = session.link
    limits = session.tenant.limits
    unsent, unsent_0 = _count_waiting(session)
    persistent = session.is_persistent()
    described = {
        "createdAt": _milliseconds(session.created_at),
        "lastActiveAt": _milliseconds(session.offline_since if link is None else link.last_heard),
        "detachedAt": _milliseconds(session.offline_since) if link is None else "",
        "limit": limits.queue_messages,
        "expirySeconds": session.expiry,
        "will": _describe_will(session),
        "topicFilters": {text: _describe_option(held) for text, held in session.subscriptions.items()},
        "undeliveredMsgCount": str(unsent) if unsent else "",
        "unfetchedQoS0MsgCount": str(unsent_0) if persistent and unsent_0 else "",
        "dropOldest": persistent and limits.queue_qos_0_drops_oldest,
    }
    assert session.expiry <= NEVER  # as an unsigned number of 32 bits it needs no string
    return {name: value for name, value in described.items() if value}


def _describe_will(session: Session) -> dict[str, Any]:
    will = session.will
    if will is None:
        return {}
    message = will.message
    described = {
        "topic": message.topic,
        "qos": QOS.get(message.qos),
        "isRetain": message.retain,
        "delaySeconds": will.delay,
    }
    return {name: value for name, value in described.items() if value}


def _describe_option(held: Subscription) -> dict[str, Any]:
    described = {
        "qos": QOS.get(held.qos),
        "subId": held.identifiers[0] if held.identifiers else 0,
        "retainAsPublished": held.retain_as_published,
        "noLocal": held.no_local,
        "retainHandling": HANDLING.get(held.retain_handling),
    }
    return {name: value for name, value in described.items() if value}


def _count_waiting(session: Session) -> tuple[int, int]:
    """Above QoS 0, and at QoS 0."""
    outbound = session.outbound
    waiting = () if outbound.queue is None else outbound.queue.deliveries
    queued_0 = sum(1 for delivery in waiting if delivery.flags & QOS_BITS == 0)
    return outbound.waiting() - queued_0, queued_0


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))
