"""A message's topic to the receivers that must have it; answered once per topic and remembered.

A Route is that answer. It is handed out and kept by connections, so it is not replaced but matched anew: a change of
wildcard filters raises `generation`, which concerns all routes, a change of an exact filter touches its one topic. That
way clients coming and going with filters of their own cost nobody else anything. What a newcomer gets wrong: a route
can be `retired`, and is then told of nothing any more; whoever keeps one must look.
"""

from typing import Final, final

from myna.core.limits import Limits
from myna.core.ports import Tap, TopicGuard
from myna.core.receiver import Receiver, Subscription
from myna.core.shared import ORDERED, SHARED, ShareGroup
from myna.core.trie import Subscribers, WildcardTrie
from myna.wire.topics import ParsedFilter, check_topic

# What is remembered is a matter of speed, and bounded: in number, in the length of topics, in the bytes of all.
ROUTES_REMEMBERED: Final = 65_536
TOPIC_REMEMBERED: Final = 1024
ROUTES_WEIGHT: Final = 64 * 1024 * 1024
ROUTE_WEIGHT: Final = 400
STALE: Final = -1


@final
class Route:
    """Where the messages of one topic go. `plain`: packets may be shared with all of them just as they came."""

    __slots__ = (
        "bounded",
        "encoded",
        "generation",
        "guard",
        "logged",
        "plain",
        "retired",
        "subscriptions",
        "tapped",
        "topic",
    )

    def __init__(self, topic: str, encoded: bytes, guard: TopicGuard | None) -> None:
        self.topic = topic
        self.encoded = encoded
        self.guard = guard
        self.generation = STALE
        self.subscriptions: list[Subscription] = []
        self.plain = False
        self.bounded = False  # more may be subscribed than one message may go to
        self.logged = False  # the watcher wants to see each message
        self.tapped = False  # the tap wants to see each message
        self.retired = False  # the router knows it no longer: ask for a new one


@final
class Router:
    """The subscriptions of one tenant."""

    def __init__(self, limits: Limits, tenant: str = "", heaviest: int = ROUTES_WEIGHT) -> None:
        self.limits = limits
        self.asks_quotas = False  # somebody outside has a say in how many get a message
        self.tap: Tap | None = None
        self._tenant = tenant
        self.generation = 0
        self.guards: dict[str, TopicGuard] = {}
        self._exact: dict[str, Subscribers] = {}
        self._wildcards = WildcardTrie()
        self._routes: dict[bytes, Route] = {}
        self._weight = 0  # of the routes remembered, with the lists they hold
        self._heaviest = heaviest
        self._groups: dict[str, ShareGroup] = {}

    def route(self, encoded_topic: bytes) -> Route | None:
        """The route of a topic; None if that is no legal topic here."""
        route = self._routes.get(encoded_topic)
        if route is None:
            route = self._open(encoded_topic)
            if route is None:
                return None
        if route.generation != self.generation:
            self._match(route)
        return route

    def route_of_name(self, name: str) -> Route:
        """The route of any name, legal or not: one with wildcard characters reaches those who hold it literally."""
        encoded = name.encode("utf-8", "surrogatepass")
        route = self.route(encoded)
        if route is None:
            route = self._remember(Route(name, encoded, self.guard_of(name)))
            self._match(route)
        return route

    def refresh(self, route: Route) -> None:
        """Match a route anew if something has changed since."""
        if route.generation != self.generation:
            self._match(route)

    def add(self, subscription: Subscription) -> None:
        """Deliver to it from now on."""
        if _has_wildcard(subscription.filter):
            self._wildcards.add(subscription)
            self.generation += 1
        else:
            self.add_literal(subscription)

    def add_literal(self, subscription: Subscription) -> None:
        """As `add`, for a name that is no filter even where it holds wildcard characters."""
        subscribers = self._exact.get(subscription.filter)
        if subscribers is None:
            subscribers = Subscribers()
            self._exact[subscription.filter] = subscribers
        subscribers.add(subscription)
        self._touch(subscription.filter)

    def remove(self, subscription: Subscription) -> None:
        filter = subscription.filter
        subscribers = self._exact.get(filter)
        if subscribers is not None and subscribers.remove(subscription):
            if len(subscribers) == 0:
                del self._exact[filter]
            self._touch(filter)
        elif self._wildcards.remove(subscription):
            self.generation += 1

    def touch(self, subscription: Subscription) -> None:
        """A subscription has changed in place: whoever remembers it must look again."""
        if _has_wildcard(subscription.filter):
            self.generation += 1
        self._touch(subscription.filter)

    def join_group(self, tenant: str, kind: str, name: str, member: Subscription) -> bool:
        """Put a subscription among the members of its share group; False when the group is full."""
        key = f"{kind}/{name}/{member.filter}"
        group = self._groups.get(key)
        if group is None:
            group = ShareGroup(tenant, kind, name, member.filter)
            self._groups[key] = group
            self.add(group.subscription)
        limit = self.limits.group_members
        if limit and len(group.members) >= limit:
            return False
        group.join(member)
        return True

    def leave_group(self, kind: str, name: str, member: Subscription) -> None:
        key = f"{kind}/{name}/{member.filter}"
        group = self._groups.get(key)
        if group is None:
            return
        group.leave(member)
        if not group.members:
            del self._groups[key]
            self.remove(group.subscription)

    def subscribers(self, filter: str) -> list[Subscription]:
        """Who holds exactly this filter or name, in no group."""
        subscribers = self._exact.get(filter)
        found: list[Subscription] = []
        if subscribers is not None:
            subscribers.extend(found)
        if _has_wildcard(filter):
            self._wildcards.holders(filter, found)
        return [held for held in found if not isinstance(held.receiver, ShareGroup)]

    def group(self, parsed: ParsedFilter) -> ShareGroup | None:
        """The share group of such a filter, while it has members."""
        return self._groups.get(f"{ORDERED if parsed.ordered else SHARED}/{parsed.group}/{parsed.filter}")

    def members(self, kind: str, name: str, filter: str) -> list[Subscription]:
        """Who is in this share group."""
        group = self._groups.get(f"{kind}/{name}/{filter}")
        return [] if group is None else list(group.members)

    def guards_reached(self, filter: str) -> list[TopicGuard]:
        """The guards of every space a filter could reach."""
        first = filter.split("/", 1)[0]
        if first in ("+", "#"):
            return list(self.guards.values())
        guard = self.guards.get(first)
        return [] if guard is None else [guard]

    def guard_of(self, topic: str) -> TopicGuard | None:
        return self.guards.get(topic.split("/", 1)[0]) if self.guards else None

    def retire(self) -> None:
        """Forget all answers, for a change that concerns every topic. Whoever keeps one sees that it is `retired`."""
        for route in self._routes.values():
            route.retired = True
        self._routes.clear()
        self._weight = 0
        self.generation += 1

    def fits(self, topic: str) -> bool:
        """Within the tenant's sizes, for topics as for filters."""
        limits = self.limits
        if limits.topic_length and len(topic) > limits.topic_length:
            return False
        if not limits.topic_levels and not limits.level_length:
            return True
        levels = topic.split("/")
        if limits.topic_levels and len(levels) > limits.topic_levels:
            return False
        return not limits.level_length or max(map(len, levels)) <= limits.level_length

    def _open(self, encoded_topic: bytes) -> Route | None:
        try:
            topic = encoded_topic.decode()
        except UnicodeDecodeError:
            return None
        if not check_topic(topic) or not self.fits(topic):
            return None
        return self._remember(Route(topic, encoded_topic, self.guard_of(topic)))

    def _remember(self, route: Route) -> Route:
        size = len(route.encoded)
        if size > TOPIC_REMEMBERED:
            route.retired = True  # good for once
            return route
        if len(self._routes) >= ROUTES_REMEMBERED:
            self.retire()
        self._routes[route.encoded] = route
        self._weight += ROUTE_WEIGHT + 2 * size
        return route

    def _match(self, route: Route) -> None:
        found: list[Subscription] = []
        exact = self._exact.get(route.topic)
        if exact is not None:
            exact.extend(found)
        if check_topic(route.topic):  # an MQTT client cannot be sent any other name
            self._wildcards.match(route.topic, found)
        found = [held for held in found if not held.dormant]
        if len(found) > 1:
            found = _one_per_receiver(found)
        weight = 8 * (len(found) - len(route.subscriptions))
        route.subscriptions = found
        limits = self.limits
        route.bounded = _may_exceed(limits, len(found)) or (self.asks_quotas and len(found) > 1)
        route.logged = limits.messages_logged
        route.tapped = self.tap is not None and self.tap.wants(self._tenant, route.topic)
        nobody_looks = route.guard is None and not (route.bounded or route.logged or route.tapped)
        route.plain = nobody_looks and all([held.plain for held in found])
        route.generation = self.generation
        if not route.retired:
            self._weight += weight
            if self._weight > self._heaviest:
                self.retire()

    def _touch(self, filter: str) -> None:
        route = self._routes.get(filter.encode("utf-8", "surrogatepass"))
        if route is not None:
            route.generation = STALE


def _may_exceed(limits: Limits, count: int) -> bool:
    if limits.persistent_fanout_bytes and count > 1:
        return True
    if limits.group_fanout and count > limits.group_fanout:
        return True
    return bool(limits.persistent_fanout) and count > limits.persistent_fanout


def _has_wildcard(filter: str) -> bool:
    return "+" in filter or "#" in filter


def _one_per_receiver(found: list[Subscription]) -> list[Subscription]:
    """Overlapping subscriptions of one receiver become one, at the highest QoS, with all identifiers [MQTT-3.3.4-2]."""
    by_receiver: dict[Receiver, list[Subscription]] = {}
    for held in found:
        mine = by_receiver.get(held.receiver)
        if mine is None:
            by_receiver[held.receiver] = [held]
        else:
            mine.append(held)
    if len(by_receiver) == len(found):
        return found
    return [mine[0] if len(mine) == 1 else merged(mine) for mine in by_receiver.values()]


def merged(parts: list[Subscription]) -> Subscription:
    """One subscription that stands for several of one receiver."""
    identifiers: list[int] = []
    for part in parts:
        if part.identifiers is not None:
            identifiers.extend(part.identifiers)
    first = parts[0]
    whole = Subscription(
        first.receiver,
        first.text,
        first.filter,
        max([part.qos for part in parts]),
        any([part.no_local for part in parts]),
        any([part.retain_as_published for part in parts]),
        first.retain_handling,
        identifiers or None,
    )
    remote = [part for part in parts if not part.no_local]
    if remote and len(remote) < len(parts):
        whole.without_local = remote[0] if len(remote) == 1 else merged(remote)
    return whole
