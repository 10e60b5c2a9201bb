"""A message to the receivers of its route: all of them, or those whom guard, selection and bounds let have it.

Knows neither what a receiver does with it nor who is told of the outcome. What a newcomer gets wrong: a share group is
one receiver here, and chooses among its members itself; it has to be told who may not have the message.
"""

from typing import Final

from myna.core.counters import DROP_FANOUT, DROP_QUOTA, Counters
from myna.core.limits import Limits
from myna.core.message import Message
from myna.core.ports import TopicGuard
from myna.core.quotas import PERSISTENT_FANOUT, TRANSIENT_FANOUT, Quotas
from myna.core.receiver import Subscription
from myna.core.router import Route
from myna.core.selection import Selection
from myna.core.shared import ShareGroup
from myna.core.tenant import Tenant

NOBODY: Final = -1
TRANSIENT: Final = 0
PERSISTENT: Final = 1
EVERYBODY: Final = 2


def deliver(route: Route, message: Message, now: float) -> bool:
    """To all of them: did anybody take it?"""
    matched = False
    for subscription in route.subscriptions:
        if subscription.receiver.deliver(message, subscription, now):
            matched = True
    return matched


def deliver_chosen(
    counters: Counters,
    tenant: Tenant,
    route: Route,
    message: Message,
    selection: Selection | None,
    quotas: Quotas,
    now: float,
) -> bool:
    """To those whom guard and selection let have it, and to no more of a kind than the tenant's limits say."""
    guard = route.guard
    limits = tenant.limits
    matched = False
    groups = 0
    persistent = 0
    throttled = _throttled(quotas, tenant) if route.bounded and quotas.asked else NOBODY
    for subscription in route.subscriptions:
        receiver = subscription.receiver
        if isinstance(receiver, ShareGroup):
            groups += 1
            if limits.group_fanout and groups > limits.group_fanout:
                counters.drop(DROP_FANOUT)
            elif guard is None and selection is None:
                matched = bool(receiver.deliver(message, subscription, now)) or matched
            else:
                matched = bool(receiver.deliver_chosen(message, guard, selection, now)) or matched
            continue
        if selection is not None and not selection.takes(receiver):
            continue
        if guard is not None and not guard.delivering(message, receiver, subscription, now):
            continue
        if throttled != NOBODY and (throttled == EVERYBODY or throttled == int(receiver.is_persistent())):
            counters.drop(DROP_QUOTA)
            continue
        if route.bounded and receiver.is_persistent():
            persistent += 1
            if _is_too_many(limits, persistent, len(message.payload)):
                counters.drop(DROP_FANOUT)
                continue
        matched = bool(receiver.deliver(message, subscription, now)) or matched
    return matched


def _throttled(quotas: Quotas, tenant: Tenant) -> int:
    """Which kind of receivers is left out of messages that go to several."""
    transient = not quotas.allows(tenant.name, TRANSIENT_FANOUT)
    persistent = not quotas.allows(tenant.name, PERSISTENT_FANOUT)
    if transient and persistent:
        return EVERYBODY
    return TRANSIENT if transient else PERSISTENT if persistent else NOBODY


def deliver_to(guard: TopicGuard | None, subscriptions: list[Subscription], message: Message, now: float) -> bool:
    """To exactly these, whom a guard has found itself; a share group asks it about each of its members."""
    matched = False
    for subscription in subscriptions:
        receiver = subscription.receiver
        if guard is not None and isinstance(receiver, ShareGroup):
            matched = bool(receiver.deliver_chosen(message, guard, None, now)) or matched
        else:
            matched = bool(receiver.deliver(message, subscription, now)) or matched
    return matched


def count_persistent(subscriptions: list[Subscription]) -> int:
    count = 0
    for subscription in subscriptions:
        if subscription.receiver.is_persistent():
            count += 1
    return count


def _is_too_many(limits: Limits, persistent: int, weight: int) -> bool:
    if limits.persistent_fanout and persistent > limits.persistent_fanout:
        return True
    most = limits.persistent_fanout_bytes
    return bool(most) and persistent > 1 and persistent * weight > most
