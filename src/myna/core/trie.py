"""Filters to subscriptions: exact ones in a dictionary, those with wildcards in a tree of levels.

Knows nothing of routes, caches or shares. Every walk is a loop with its own list of nodes: a filter may have 65,535
levels, and
deep recursion ends a compiled program instead of raising.

    a/+/c     root -"a"-> node -plus-> node -"c"-> node.here
    a/#       root -"a"-> node.below                    matches a itself, too  (§4.7.1.2)
"""

from typing import Final, final

from myna.core.receiver import Subscription

MANY: Final = 16


@final
class Subscribers:
    """Those who hold one filter. A list while they are few, a dictionary when leaving must not cost a search."""

    __slots__ = ("_few", "_many")

    def __init__(self) -> None:
        self._few: list[Subscription] = []
        self._many: dict[Subscription, None] | None = None

    def add(self, subscription: Subscription) -> None:
        many = self._many
        if many is not None:
            many[subscription] = None
            return
        self._few.append(subscription)
        if len(self._few) > MANY:
            self._many = dict.fromkeys(self._few)
            self._few = []

    def remove(self, subscription: Subscription) -> bool:
        many = self._many
        if many is not None:
            if subscription not in many:
                return False
            del many[subscription]
            return True
        for index, held in enumerate(self._few):
            if held is subscription:
                del self._few[index]
                return True
        return False

    def extend(self, into: list[Subscription]) -> None:
        many = self._many
        into.extend(self._few if many is None else many)

    def __len__(self) -> int:
        many = self._many
        return len(self._few) if many is None else len(many)


@final
class Node:
    __slots__ = ("below", "children", "here", "plus")

    def __init__(self) -> None:
        self.children: dict[str, Node] | None = None
        self.plus: Node | None = None
        self.here: Subscribers | None = None
        self.below: Subscribers | None = None

    def is_empty(self) -> bool:
        return self.children is None and self.plus is None and self.here is None and self.below is None


@final
class WildcardTrie:
    def __init__(self) -> None:
        self._root = Node()

    def add(self, subscription: Subscription) -> None:
        node = self._root
        levels = subscription.filter.split("/")
        multi = levels[-1] == "#"
        if multi:
            levels.pop()
        for level in levels:
            node = self._enter(node, level)
        held = node.below if multi else node.here
        if held is None:
            held = Subscribers()
            if multi:
                node.below = held
            else:
                node.here = held
        held.add(subscription)

    def remove(self, subscription: Subscription) -> bool:
        """Take it out, and the nodes that only it needed."""
        levels = subscription.filter.split("/")
        multi = levels[-1] == "#"
        if multi:
            levels.pop()
        path: list[Node] = [self._root]
        for level in levels:
            child = self._child(path[-1], level)
            if child is None:
                return False
            path.append(child)
        node = path[-1]
        held = node.below if multi else node.here
        if held is None or not held.remove(subscription):
            return False
        if len(held) == 0:
            if multi:
                node.below = None
            else:
                node.here = None
        self._prune(path, levels)
        return True

    def match(self, topic: str, found: list[Subscription]) -> None:
        """All subscriptions whose filter matches. A leading wildcard matches no `$` topic [MQTT-4.7.2-1]."""
        nodes: list[Node] = [self._root]
        first = topic.startswith("$")
        for level in topic.split("/"):
            following: list[Node] = []
            for node in nodes:
                if not first:
                    below = node.below
                    if below is not None:
                        below.extend(found)
                    plus = node.plus
                    if plus is not None:
                        following.append(plus)
                children = node.children
                if children is not None:
                    child = children.get(level)
                    if child is not None:
                        following.append(child)
            first = False
            nodes = following
            if not nodes:
                return
        for node in nodes:
            here = node.here
            if here is not None:
                here.extend(found)
            below = node.below
            if below is not None:
                below.extend(found)

    def holders(self, filter: str, found: list[Subscription]) -> None:
        """All subscriptions with exactly this filter."""
        levels = filter.split("/")
        multi = levels[-1] == "#"
        if multi:
            levels.pop()
        node = self._root
        for level in levels:
            child = self._child(node, level)
            if child is None:
                return
            node = child
        held = node.below if multi else node.here
        if held is not None:
            held.extend(found)

    def is_empty(self) -> bool:
        return self._root.is_empty()

    def _enter(self, node: Node, level: str) -> Node:
        if level == "+":
            plus = node.plus
            if plus is None:
                plus = Node()
                node.plus = plus
            return plus
        children = node.children
        if children is None:
            children = {}
            node.children = children
        child = children.get(level)
        if child is None:
            child = Node()
            children[level] = child
        return child

    def _child(self, node: Node, level: str) -> Node | None:
        if level == "+":
            return node.plus
        children = node.children
        return None if children is None else children.get(level)

    def _prune(self, path: list[Node], levels: list[str]) -> None:
        for depth in range(len(levels), 0, -1):
            if not path[depth].is_empty():
                return
            parent = path[depth - 1]
            level = levels[depth - 1]
            if level == "+":
                parent.plus = None
                continue
            children = parent.children
            assert children is not None  # the path was walked through it
            del children[level]
            if not children:
                parent.children = None
