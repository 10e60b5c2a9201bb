"""Who must stay out: a user, a client id (of one user or of any), an address or a network; in one tenant or in all,
for a while or for good.

A ban ends the connections it fits at once, is asked at every CONNECT and upgrade, and survives a restart (`kept`). What
a newcomer gets wrong: the session of a banned client lives on and expires as always; whoever wants it gone ends it as
well. And whoever calls over HTTP is asked about twice: at the door, where only what holds in all tenants can be looked
at, and by the face once it knows whose tenant the request is for.
"""

import json
from typing import Final, final

from myna.core.counters import Counters
from myna.core.deadlines import Deadline, Deadlines, Timed
from myna.core.hosts import Network, parse_host, parse_network
from myna.core.kept import KeptValues
from myna.core.outcome import Refusal
from myna.core.receiver import Receiver
from myna.core.tenant import Tenant
from myna.wire import reasons

USER: Final = "user"
CLIENT_ID: Final = "client_id"
ADDRESS: Final = "address"
CLIENT_OF_USER: Final = "client_of_user"  # where several users may have the same client ids; see `name_client`
KINDS: Final = (USER, CLIENT_ID, ADDRESS, CLIENT_OF_USER)

SPACE: Final = "bans"  # of the kept values
MAXIMUM: Final = 100_000  # more is not a list of people but a firewall's
LONGEST_REASON: Final = 500  # characters

Key = tuple[str | None, str, str]
Range = tuple[int, int, int]  # version, prefix, number


@final
class Ban(Timed):
    """`tenant` is None for all of them; `expires_at` 0.0 for never. `reason` is for people, the client is told it."""

    def __init__(
        self, bans: "Bans", tenant: str | None, kind: str, what: str, reason: str, made_at: float, expires_at: float
    ) -> None:
        self.tenant = tenant
        self.kind = kind
        self.what = what
        self.reason = reason
        self.made_at = made_at
        self.expires_at = expires_at
        self.sequence = 0  # what to await before it is safe
        self.network: Network | None = parse_network(what) if kind == ADDRESS else None
        self.deadline: Deadline | None = None
        self._bans = bans

    def key(self) -> Key:
        return (self.tenant, self.kind, self.what)

    def due(self, now: float) -> None:
        self.deadline = None
        self._bans.unban(self.tenant, self.kind, self.what)

    def has_ended(self, now: float) -> bool:
        return 0.0 < self.expires_at <= now

    def fits(self, receiver: Receiver) -> bool:
        if self.kind == USER:
            return receiver.identity.user == self.what
        if self.kind == CLIENT_ID:
            return receiver.key[2] == self.what
        if self.kind == CLIENT_OF_USER:
            return name_client(receiver.identity.user, receiver.key[2]) == self.what
        host = parse_host(receiver.peer_address())
        return host is not None and self.network is not None and self.network.contains(host)


@final
class Bans:
    def __init__(self, kept: KeptValues, tenants: dict[str, Tenant], counters: Counters, deadlines: Deadlines) -> None:
        self.maximum = MAXIMUM
        self._kept = kept
        self._tenants = tenants
        self._counters = counters
        self._deadlines = deadlines
        self._bans: dict[Key, Ban] = {}
        self._ranges: dict[Range, dict[str | None, Ban]] = {}
        self._of_users = 0  # bans of clients of a user
        self._shapes: dict[tuple[int, int], int] = {}  # version and prefix of those ranges, and how many have it

    def ban(
        self, tenant: str | None, kind: str, what: str, now: float, *, expires_at: float = 0.0, reason: str = ""
    ) -> Ban | Refusal:
        """From now on; those who are connected are ended. Banned again, it is the new words and time that count.

        `what` is a user, a client id, an address, or a network as 192.0.2.0/24; `tenant` None means all tenants.
        """
        if kind not in KINDS or not what:
            return Refusal(reasons.IMPLEMENTATION_SPECIFIC_ERROR, f"a ban is of a {', a '.join(KINDS)}")
        if kind == ADDRESS:
            network = parse_network(what)
            if network is None:
                return Refusal(reasons.IMPLEMENTATION_SPECIFIC_ERROR, "neither an address nor a network")
            what = network.text()
        if kind == CLIENT_OF_USER:
            name = _read_client(what)
            if name is None:
                return Refusal(reasons.IMPLEMENTATION_SPECIFIC_ERROR, 'not the JSON list ["user", "client id"]')
            what = name
        if 0.0 < expires_at <= now:
            return Refusal(reasons.IMPLEMENTATION_SPECIFIC_ERROR, "this ban would have ended already")
        if (tenant, kind, what) not in self._bans and len(self._bans) >= self.maximum:
            return Refusal(reasons.QUOTA_EXCEEDED, f"there are {self.maximum} bans already")
        ban = Ban(self, tenant, kind, what, reason[:LONGEST_REASON], now, expires_at)
        self._enter(ban)
        ban.sequence = self._kept.keep(SPACE, _name(ban), _encode(ban))
        for receiver in self._connected(ban):
            self._counters.refuse("banned")
            # 0x8A is for CONNACK alone, and clients choke on it elsewhere [MQTT-3.14.2-1].
            receiver.end(reasons.ADMINISTRATIVE_ACTION, now, text=words_of(ban))
        return ban

    def unban(self, tenant: str | None, kind: str, what: str) -> bool:
        """Was there such a ban?"""
        if kind == ADDRESS:
            network = parse_network(what)
            what = what if network is None else network.text()
        elif kind == CLIENT_OF_USER:
            what = _read_client(what) or what
        ban = self._bans.get((tenant, kind, what))
        if ban is None:
            return False
        self._take_out(ban)
        self._kept.keep(SPACE, _name(ban), None)
        return True

    def listed(self, now: float) -> list[Ban]:
        """All that hold, in the order in which they were made."""
        return [ban for ban in self._bans.values() if not ban.has_ended(now)]

    def banned(self, tenant: str, user: str, client_id: str, address: str, now: float) -> Ban | None:
        """The ban that keeps this client of a tenant out, if there is one."""
        if not self._bans:
            return None
        for owner in (tenant, None):
            for kind, what in ((USER, user), (CLIENT_ID, client_id)):
                ban = self._bans.get((owner, kind, what))
                if ban is not None and not ban.has_ended(now):
                    return ban
        if self._of_users:
            what = name_client(user, client_id)
            for owner in (tenant, None):
                ban = self._bans.get((owner, CLIENT_OF_USER, what))
                if ban is not None and not ban.has_ended(now):
                    return ban
        return self._find_range(tenant, address, now)

    def banned_everywhere(self, address: str, now: float, *, client_id: str = "") -> Ban | None:
        """The same of what is known before anybody has said which tenant and user it is."""
        if not self._bans:
            return None
        ban = self._bans.get((None, CLIENT_ID, client_id))
        if ban is not None and not ban.has_ended(now):
            return ban
        return self._find_range(None, address, now)

    def restore(self, now: float) -> None:
        """Take up what was kept, before anybody connects. What has ended meanwhile is forgotten."""
        for name, value in list(self._kept.of(SPACE).items()):
            ban = _decode(self, value)
            if ban is None:
                continue  # another version's: it stays where it is
            if ban.has_ended(now):
                self._kept.keep(SPACE, name, None)
            else:
                self._enter(ban)

    def __len__(self) -> int:
        return len(self._bans)

    def _enter(self, ban: Ban) -> None:
        before = self._bans.get(ban.key())
        if before is not None:
            self._take_out(before)
        self._bans[ban.key()] = ban
        self._of_users += int(ban.kind == CLIENT_OF_USER)
        if ban.expires_at:
            ban.deadline = self._deadlines.add(ban.expires_at, ban)
        network = ban.network
        if network is not None:
            key = (network.version, network.prefix, network.number)
            held = self._ranges.get(key)
            if held is None:
                self._ranges[key] = held = {}
                shape = (network.version, network.prefix)
                self._shapes[shape] = self._shapes.get(shape, 0) + 1
            held[ban.tenant] = ban

    def _take_out(self, ban: Ban) -> None:
        del self._bans[ban.key()]
        self._of_users -= int(ban.kind == CLIENT_OF_USER)
        if ban.deadline is not None:
            ban.deadline.cancel()
            ban.deadline = None
        network = ban.network
        if network is not None:
            key = (network.version, network.prefix, network.number)
            held = self._ranges[key]
            del held[ban.tenant]
            if not held:
                del self._ranges[key]
                shape = (network.version, network.prefix)
                self._shapes[shape] -= 1
                if not self._shapes[shape]:
                    del self._shapes[shape]

    def _find_range(self, tenant: str | None, address: str, now: float) -> Ban | None:
        if not self._shapes:
            return None
        host = parse_host(address)
        if host is None:
            return None
        for version, prefix in self._shapes:
            if version != host.version:
                continue
            spare = host.prefix - prefix
            held = self._ranges.get((version, prefix, host.number >> spare << spare))
            if held is None:
                continue
            for owner in (tenant, None):
                ban = held.get(owner)
                if ban is not None and not ban.has_ended(now):
                    return ban
        return None

    def _connected(self, ban: Ban) -> list[Receiver]:
        if ban.tenant is None:
            tenants = list(self._tenants.values())
        else:
            tenant = self._tenants.get(ban.tenant)
            tenants = [] if tenant is None else [tenant]
        found: list[Receiver] = []
        for tenant in tenants:
            if ban.kind == USER:
                candidates = tenant.sessions_of_user(ban.what)
            elif ban.kind == CLIENT_ID:
                candidates = tenant.sessions_of_client(ban.what)
            else:
                candidates = tenant.sessions()
            found += [receiver for receiver in candidates if receiver.is_online() and ban.fits(receiver)]
        return found


def name_client(user: str, client_id: str) -> str:
    """What a ban of a user's client is of: both names, so that no other two look alike."""
    return json.dumps([user, client_id])


def _read_client(what: str) -> str | None:
    """The same in the one spelling it has here; None for anything else."""
    try:
        names = json.loads(what)
    except (ValueError, RecursionError):
        return None
    if not isinstance(names, list) or len(names) != 2:
        return None
    user, client_id = names
    return name_client(user, client_id) if isinstance(user, str) and isinstance(client_id, str) else None


def words_of(ban: Ban) -> str:
    """What a client is told."""
    return f"banned: {ban.reason}" if ban.reason else "banned"


def _name(ban: Ban) -> str:
    return json.dumps([ban.tenant, ban.kind, ban.what], ensure_ascii=True)


def _encode(ban: Ban) -> bytes:
    fields = [ban.tenant, ban.kind, ban.what, ban.reason, ban.made_at, ban.expires_at]
    return json.dumps(fields, ensure_ascii=True).encode()


def _decode(bans: Bans, value: bytes) -> Ban | None:
    """None for what another version has written in a way that this one does not know."""
    try:
        tenant, kind, what, reason, made_at, expires_at = json.loads(value)
    except (ValueError, TypeError):
        return None
    texts = isinstance(what, str) and isinstance(reason, str) and (tenant is None or isinstance(tenant, str))
    if not texts or kind not in KINDS or not isinstance(made_at, float) or not isinstance(expires_at, float):
        return None
    return Ban(bans, tenant, kind, what, reason, made_at, expires_at)
