"""Shared subscriptions: one member of a group gets each message.

A group is itself a receiver that holds one ordinary subscription, so the router needs no word for it. `$share` spreads
messages at random over the members who can take them; `$oshare` keeps all messages of one publisher with one member,
in order,
until the membership changes. What a newcomer gets wrong: a member's refusal is final, nobody else gets the message
[MQTT-4.8.2-5].
"""

from typing import Final, final

from myna.core.identity import Identity
from myna.core.message import Message
from myna.core.ports import TopicGuard
from myna.core.receiver import MISSED, Receiver, Subscription
from myna.core.selection import Selection

SHARED: Final = "$share"
ORDERED: Final = "$oshare"
PUBLISHERS_REMEMBERED: Final = 10_000

GROUP_IDENTITY: Final = Identity("", "")


@final
class ShareGroup(Receiver):
    """The members of one `$share/name/filter` or `$oshare/name/filter`."""

    def __init__(self, tenant: str, kind: str, name: str, filter: str) -> None:
        super().__init__((tenant, kind, name), GROUP_IDENTITY)
        self.kind = kind
        self.subscription = Subscription(self, f"{kind}/{name}/{filter}", filter, 2)
        self.subscription.plain = False
        self.members: list[Subscription] = []
        self._places: dict[Subscription, int] = {}
        self._seed = 0x2545F491
        self._chosen: dict[tuple[str, str, str], Subscription] = {}

    def join(self, member: Subscription) -> None:
        self._places[member] = len(self.members)
        self.members.append(member)
        self._chosen.clear()

    def leave(self, member: Subscription) -> None:
        """The last one takes its place: thousands may leave at once."""
        place = self._places.pop(member, -1)
        if place < 0:
            return
        last = self.members.pop()
        if last is not member:
            self.members[place] = last
            self._places[last] = place
        self._chosen.clear()

    def deliver(self, message: Message, subscription: Subscription, now: float) -> int:
        return self._hand_over(message, self.members, now)

    def deliver_chosen(
        self, message: Message, guard: TopicGuard | None, selection: Selection | None, now: float
    ) -> int:
        """As `deliver`, among the members whom the guard lets have it and the selection takes."""
        chosen = [
            member
            for member in self.members
            if (guard is None or guard.delivering(message, member.receiver, member, now))
            and (selection is None or selection.takes(member.receiver))
        ]
        return self._hand_over(message, chosen, now)

    def _hand_over(self, message: Message, members: list[Subscription], now: float) -> int:
        if not members:
            return MISSED
        member = self._owner(message, members) if self.kind == ORDERED else self._any_ready(members)
        return MISSED if member is None else member.receiver.deliver(message, member, now)

    def _any_ready(self, members: list[Subscription]) -> Subscription | None:
        """A random member, or the next one after it that is connected and keeping up.

        Where none keeps up, one that is connected; else one that will come back for it.
        """
        count = len(members)
        start = self._random(count)
        second: Subscription | None = None
        third: Subscription | None = None
        for step in range(count):
            member = members[(start + step) % count]
            receiver = member.receiver
            if member.dormant:
                continue
            if receiver.is_ready():
                return member
            if second is None and receiver.is_online():
                second = member
            elif third is None:
                third = member
        return third if second is None else second

    def _owner(self, message: Message, members: list[Subscription]) -> Subscription | None:
        """The publisher's member: highest of a hash over both, so that a new member moves few publishers."""
        origin = message.origin
        publisher = (origin.source, origin.user, origin.client_id)
        everybody = members is self.members
        chosen = self._chosen.get(publisher) if everybody else None
        if chosen is not None and not chosen.dormant:
            return chosen
        best: Subscription | None = None
        weight = 0
        for member in members:
            mine = hash((publisher, member.receiver.key))
            if not member.dormant and (best is None or mine > weight):
                best, weight = member, mine
        if everybody and best is not None:
            if len(self._chosen) >= PUBLISHERS_REMEMBERED:
                self._chosen.clear()
            self._chosen[publisher] = best
        return best

    def _random(self, count: int) -> int:
        """xorshift: fair enough to share work, and the core needs no source of true chance."""
        seed = self._seed
        seed ^= (seed << 13) & 0xFFFFFFFF
        seed ^= seed >> 17
        seed ^= (seed << 5) & 0xFFFFFFFF
        self._seed = seed
        return seed % count
