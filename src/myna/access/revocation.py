"""Who is inside stays only while what let them in does: a password, a key, a certificate, an authenticator of a list.

    begin()                    something of that kind has changed: everybody who is connected is judged again
    connected(…)               … and so is whoever was on his way in meanwhile

    Warrant                    what an authenticator was shown, and what it said then; `again` says what it says now
    Entrance                   the gate somebody came through, and the certificate of his connection

What a newcomer gets wrong: nobody's password is at hand any more, so what is compared is what it was checked against.
A session outlives its connection as it would any other; without a way in nobody can go on with it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from myna.access.chain import Entrance
from myna.core.broker import Broker
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Watcher
from myna.core.receiver import Receiver
from myna.formats.certificates import is_trusted
from myna.wire import reasons

if TYPE_CHECKING:
    from myna.access.authenticator import Authenticator

log = logging.getLogger("myna.access")

AT_A_TIME: Final = 200  # clients; in between others get their turn
CLOSED: Final = "what let this client in is no longer listed for where it came in"
DIFFERENT: Final = "what is known of this user has changed: connect again"
DISTRUSTED: Final = "the certificate is no longer trusted"

Known = tuple[str, str, str, Mapping[str, str]]


class Warrant:
    """`authenticator` by its name in the configuration; `shown` is its own."""

    __slots__ = ("authenticator", "known", "shown")

    def __init__(self, authenticator: str, shown: object, known: Known) -> None:
        self.authenticator = authenticator
        self.shown = shown
        self.known = known

    def __eq__(self, other: object) -> bool:
        """Faces compare what they are given of one user at two times."""
        return isinstance(other, Warrant) and (self.authenticator, self.shown, self.known) == (
            other.authenticator,
            other.shown,
            other.known,
        )

    __hash__ = None  # type: ignore[assignment]  # nobody looks one up


def let_in(identity: Identity, authenticator: str, shown: object) -> Identity:
    """The identity, with what it rests on."""
    identity.warrant = Warrant(authenticator, shown, _known(identity))
    return identity


class Revocation(Watcher):
    """`find`: the authenticator that bears a name now."""

    def __init__(
        self,
        broker: Broker,
        now: Callable[[], float],
        arm: Callable[[], None],
        find: Callable[[str], "Authenticator | None"],
    ) -> None:
        super().__init__()
        self._broker = broker
        self._now = now
        self._arm = arm
        self._find = find
        self._others: list[Callable[[], Iterable[Receiver]]] = []
        self._waiting: list[Receiver] = []
        self._handle: asyncio.Handle | None = None
        self._ended = 0

    def begin(self) -> None:
        """Everybody, from the first one on; soon, and so not before a change that is being made is whole."""
        self.stop()
        self._waiting = []
        self._ended = 0
        self._handle = asyncio.get_running_loop().call_soon(self._gather)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def look_after(self, receivers: Callable[[], Iterable[Receiver]]) -> None:
        """Some that are no sessions."""
        self._others.append(receivers)

    def connected(self, receiver: Receiver, address: str, now: float) -> None:
        self._judge(receiver, now)

    def objection(self, identity: Identity) -> str:
        """Why somebody may not stay, or ""."""
        entrance = identity.entrance
        if isinstance(entrance, Entrance):
            if not entrance.is_listed():
                return CLOSED
            if not is_trusted(entrance.certificate):
                return DISTRUSTED
        warrant = identity.warrant
        if not isinstance(warrant, Warrant):
            return ""
        authenticator = self._find(warrant.authenticator)
        verdict = None if authenticator is None else authenticator.again(warrant.shown)
        if isinstance(verdict, Refusal):
            return verdict.text
        return "" if verdict is None or _known(verdict) == warrant.known else DIFFERENT

    def _gather(self) -> None:
        self._waiting = [one for tenant in self._broker.tenants.values() for one in tenant.sessions()]
        self._waiting += [one for others in self._others for one in others()]
        self._go_on()

    def _go_on(self) -> None:
        self._handle = None
        now = self._now()
        for receiver in self._waiting[-AT_A_TIME:]:
            if receiver.is_online():
                self._judge(receiver, now)
        del self._waiting[-AT_A_TIME:]
        self._arm()
        if self._waiting:
            self._handle = asyncio.get_running_loop().call_soon(self._go_on)
        elif self._ended:
            log.warning("clients that may not stay have been disconnected: %d", self._ended)

    def _judge(self, receiver: Receiver, now: float) -> None:
        cause = self.objection(receiver.identity)
        if not cause:
            return
        self._ended += 1
        tenant, client_id, user = receiver.names()
        self._broker.counters.refuse("credentials:withdrawn")
        self._broker.watcher.refused("to stay connected", tenant, client_id, receiver.peer_address(), cause, now, user)
        receiver.end(reasons.NOT_AUTHORIZED, now, text=cause)


def _known(identity: Identity) -> Known:
    return identity.tenant, identity.user, identity.scope, identity.attributes
