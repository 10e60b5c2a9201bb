"""Group state: what each connection says of itself in a group, and who watches that.

    GroupStates    all groups of all hubs
    Presence       one client's side: what it has set, what it watches

An entry goes when its connection leaves the group or ends; being away for a while is no end. What a newcomer gets
wrong: watchers drop what is not newer than what they have, so a connection's times only ever grow, within a millisecond
too; and nothing here is numbered or sent again: a client that was away is told everything anew.
"""

from collections import deque
from typing import TYPE_CHECKING, Final

from myna.faces.webpubsub.clients.notices import GroupStateSnapshot, GroupStateUpdate, StateItem
from myna.faces.webpubsub.clients.subprotocol import Subprotocol

if TYPE_CHECKING:
    from myna.faces.webpubsub.clients.pubsub_client import PubSubClient

Key = tuple[str, str]  # tenant, group


class _Group:
    __slots__ = ("items", "snapshots", "watchers")

    def __init__(self) -> None:
        self.items: dict[str, StateItem] = {}  # by connection
        self.snapshots: dict[Subprotocol, bytes] = {}  # frames, as long as nothing changes: they may be megabytes
        self.watchers: dict[PubSubClient, None] = {}


class GroupStates:
    def __init__(self) -> None:
        self._groups: dict[Key, _Group] = {}
        self._news: deque[tuple[Key, StateItem]] = deque()
        self._is_telling = False

    def count(self, key: Key) -> int:
        group = self._groups.get(key)
        return 0 if group is None else len(group.items)

    def put(self, key: Key, item: StateItem, now: float) -> None:
        """Keep it, or remove what was kept; and tell whoever watches."""
        group = self._open(key)
        if item.state is None:
            group.items.pop(item.connection_id, None)
        else:
            group.items[item.connection_id] = item
        group.snapshots.clear()
        self._news.append((key, item))
        if not self._is_telling:  # else a watcher has been cut off by being told: one after the other
            self._is_telling = True
            try:
                self._tell(now)
            finally:
                self._is_telling = False

    def _tell(self, now: float) -> None:
        while self._news:
            key, item = self._news.popleft()
            group = self._groups.get(key)
            if group is None:
                continue
            frames: dict[Subprotocol, bytes] = {}
            for watcher in list(group.watchers):
                frame = frames.get(watcher.subprotocol)
                if frame is None:
                    frame = watcher.subprotocol.notice(GroupStateUpdate(key[1], [item]))
                    frames[watcher.subprotocol] = frame
                watcher.push(frame, now)
            self._close(key, group)

    def watch(self, key: Key, watcher: "PubSubClient") -> None:
        self._open(key).watchers[watcher] = None

    def unwatch(self, key: Key, watcher: "PubSubClient") -> None:
        group = self._open(key)
        group.watchers.pop(watcher, None)
        self._close(key, group)

    def snapshot(self, key: Key, subprotocol: Subprotocol) -> bytes:
        """A frame with all of it, for somebody who watches."""
        group = self._groups[key]
        frame = group.snapshots.get(subprotocol)
        if frame is None:
            frame = subprotocol.notice(GroupStateSnapshot(key[1], list(group.items.values())))
            group.snapshots[subprotocol] = frame
        return frame

    def __len__(self) -> int:
        """Groups that have anything."""
        return len(self._groups)

    def _open(self, key: Key) -> _Group:
        group = self._groups.get(key)
        if group is None:
            group = _Group()
            self._groups[key] = group
        return group

    def _close(self, key: Key, group: _Group) -> None:
        if not group.items and not group.watchers and self._groups.get(key) is group:
            del self._groups[key]


class Presence:
    """One client's. The answers are what is wrong, or nothing."""

    __slots__ = ("_client", "_set", "_states", "_time", "_watched")

    def __init__(self, client: "PubSubClient") -> None:
        self._client: Final = client
        self._states: Final = client.space.states
        self._set: dict[str, None] = {}
        self._watched: dict[str, None] = {}
        self._time = 0

    def set(self, group: str, state: dict[str, str] | None, now: float) -> str:
        if state is None:
            self.clear(group, now)
            return ""
        bounds = self._client.space.bounds
        if group not in self._set:
            if len(self._set) >= bounds.states:
                return f"A connection may have a state in at most {bounds.states} groups."
            if self._states.count(self._key(group)) >= bounds.states_of_group:
                return f"At most {bounds.states_of_group} connections may have a state in one group."
        self._set[group] = None
        self._put(group, state, now)
        return ""

    def clear(self, group: str, now: float) -> None:
        if group in self._set:
            del self._set[group]
            self._put(group, None, now)

    def watch(self, group: str) -> str:
        bound = self._client.space.bounds.states
        if group not in self._watched and len(self._watched) >= bound:
            return f"A connection may watch the state of at most {bound} groups."
        self._watched[group] = None
        self._states.watch(self._key(group), self._client)
        return ""

    def unwatch(self, group: str) -> None:
        if group in self._watched:
            del self._watched[group]
            self._states.unwatch(self._key(group), self._client)

    def tell(self, group: str, now: float) -> None:
        """The whole state of a group."""
        self._client.push(self._states.snapshot(self._key(group), self._client.subprotocol), now)

    def recovered(self, now: float) -> None:
        for group in list(self._watched):
            self.tell(group, now)

    def ended(self, now: float) -> None:
        for group in list(self._watched):
            self.unwatch(group)
        for group in list(self._set):
            self.clear(group, now)

    def _key(self, group: str) -> Key:
        return self._client.tenant.name, group

    def _put(self, group: str, state: dict[str, str] | None, now: float) -> None:
        self._time = max(self._time + 1, int(now * 1000))
        client = self._client
        item = StateItem(client.key[2], client.identity.user, state, self._time)
        self._states.put(self._key(group), item, now)
