"""One tenant's retained messages: the last one of each topic, found by topic or by filter.

A tree of topic levels, so that a filter looks only where it can match. An expired message is passed over until the
broker, whose deadlines know when it is time, removes it.
"""

from typing import Final, final

from myna.core.census import Census
from myna.core.deadlines import Deadline
from myna.core.message import Message
from myna.core.receiver import Subscription
from myna.core.retained_pages import RetainedPage, TopicOrder, first_behind, is_wanted, literal_part

OWN: Final = "$SYS/"  # what the broker says of itself: nobody else publishes there


@final
class RetainedNode:
    __slots__ = ("children", "message")

    def __init__(self) -> None:
        self.children: dict[str, RetainedNode] | None = None
        self.message: Message | None = None


@final
class Retained:
    """`count` and `size` are what limits look at: all but the broker's own. `census` counts those of all tenants."""

    def __init__(self, census: Census | None = None) -> None:
        self._census = Census() if census is None else census
        self._root = RetainedNode()
        self._topics: dict[str, RetainedNode] = {}
        self._expiries: dict[str, Deadline] = {}
        self.count = 0
        self.size = 0
        self._order = TopicOrder()
        self.expired = 0  # how many have gone because their time was up

    def get(self, topic: str) -> Message | None:
        node = self._topics.get(topic)
        return None if node is None else node.message

    def set(self, message: Message) -> None:
        """Keep it as its topic's only one [MQTT-3.3.1-5]."""
        node = self._topics.get(message.topic)
        if node is None:
            node = self._make(message.topic)
            self._topics[message.topic] = node
            self._order.add(message.topic)
        replaced = node.message
        node.message = message
        if message.topic.startswith(OWN):
            return
        grown = message.size()
        if replaced is None:
            self.count += 1
        else:
            grown -= replaced.size()
        self._grow(grown)

    def remove(self, topic: str) -> bool:
        node = self._topics.pop(topic, None)
        if node is None:
            return False
        message = node.message
        assert message is not None  # a topic is listed only while it has one
        node.message = None
        if not topic.startswith(OWN):
            self.count -= 1
            self._grow(-message.size())
        self.set_expiry(topic, None)
        self._prune(topic)
        return True

    def _grow(self, size: int) -> None:
        self.size += size
        self._census.retained_bytes += size

    def match(self, filter: str, now: float, limit: int = 0) -> list[Message]:
        """Those a new subscription to this filter must see; at most `limit` of them if that is not 0."""
        if "+" not in filter and "#" not in filter:
            message = self.get(filter)
            return [] if message is None or message.is_expired(now) else [message]
        nodes: list[RetainedNode] = [self._root]
        levels = filter.split("/")
        found: list[Message] = []
        for depth, level in enumerate(levels):
            if level == "#":
                for node in nodes:
                    _collect(node, depth == 0, now, limit, found)
                    if limit and len(found) >= limit:
                        break
                return found
            nodes = _step(nodes, level, depth == 0)
        for node in nodes:
            message = node.message
            if message is not None and not message.is_expired(now):
                found.append(message)
                if limit and len(found) == limit:
                    break
        return found

    def page(self, filter: str, now: float, after: str = "", looks: int = 0) -> RetainedPage:
        """Those that match, in the order of topics, from behind `after` on; of so many topics looked at, or of all."""
        if "+" not in filter and "#" not in filter:
            message = self.get(filter)
            found = [] if message is None or filter <= after or message.is_expired(now) else [message]
            return RetainedPage(found, "")
        if self._order.is_stale(len(self._topics)):
            self._order.renew(list(self._topics))
        topics = self._order.topics()
        prefix = literal_part(filter)
        start = first_behind(topics, prefix, after)
        end = min(start + looks, len(topics)) if looks else len(topics)
        messages: list[Message] = []
        for index in range(start, end):
            topic = topics[index]
            if not topic.startswith(prefix):
                return RetainedPage(messages, "")
            message = self.get(topic)
            if is_wanted(message, filter, now) and (index == start or topics[index - 1] != topic):
                assert message is not None  # or nobody would want it
                messages.append(message)
        return RetainedPage(messages, topics[end - 1] if start < end < len(topics) else "")

    def is_empty(self) -> bool:
        """Of the broker's own, too."""
        return not self._topics

    def topics(self) -> list[str]:
        return list(self._topics)

    def has_expiry(self, topic: str) -> bool:
        """Will somebody look at this topic already, sooner or later?"""
        return topic in self._expiries

    def set_expiry(self, topic: str, deadline: Deadline | None) -> None:
        """When somebody will; not any more, if None."""
        if deadline is not None:
            self._expiries[topic] = deadline
            return
        expiry = self._expiries.pop(topic, None)
        if expiry is not None:
            expiry.cancel()

    def _make(self, topic: str) -> RetainedNode:
        node = self._root
        for level in topic.split("/"):
            children = node.children
            if children is None:
                children = {}
                node.children = children
            child = children.get(level)
            if child is None:
                child = RetainedNode()
                children[level] = child
            node = child
        return node

    def _prune(self, topic: str) -> None:
        levels = topic.split("/")
        path: list[RetainedNode] = [self._root]
        for level in levels:
            children = path[-1].children
            assert children is not None  # the topic was there a moment ago
            path.append(children[level])
        for depth in range(len(levels), 0, -1):
            node = path[depth]
            if node.message is not None or node.children is not None:
                return
            parent = path[depth - 1]
            siblings = parent.children
            assert siblings is not None
            del siblings[levels[depth - 1]]
            if not siblings:
                parent.children = None


def _step(nodes: list[RetainedNode], level: str, first: bool) -> list[RetainedNode]:
    following: list[RetainedNode] = []
    for node in nodes:
        children = node.children
        if children is None:
            continue
        if level == "+":
            for name, child in children.items():
                if not (first and name.startswith("$")):  # [MQTT-4.7.2-1]
                    following.append(child)
        else:
            only = children.get(level)
            if only is not None:
                following.append(only)
    return following


def _collect(node: RetainedNode, first: bool, now: float, limit: int, found: list[Message]) -> None:
    """The messages of a node and of all below it; under a leading `#` no `$` topics [MQTT-4.7.2-1]."""
    waiting: list[RetainedNode] = [node]
    while waiting:
        here = waiting.pop()
        message = here.message
        if message is not None and not message.is_expired(now):
            found.append(message)
            if limit and len(found) >= limit:
                return
        children = here.children
        if children is None:
            continue
        if first:
            waiting.extend(child for name, child in children.items() if not name.startswith("$"))
            first = False
        else:
            waiting.extend(children.values())


@final
class Backlog:
    """Retained messages a new subscription has yet to see; sent as the client keeps up, not dropped for being many."""

    __slots__ = ("messages", "position", "subscription")

    def __init__(self, messages: list[Message], subscription: Subscription) -> None:
        self.messages = messages
        self.position = 0
        self.subscription = subscription
