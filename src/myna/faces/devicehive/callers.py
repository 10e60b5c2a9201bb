"""Who is at the other end: one Caller per connection, with its identity and its requests under way.

A connection brings an Identity of the core, a new one each time, so that is what callers are found by. What a newcomer
gets wrong: `authenticate` changes the caller, never the Identity; with the next connection it is forgotten. A session
that waits for its client keeps the caller of its last connection, which is how events are queued for it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from myna.core.broker import Broker
from myna.core.identity import Identity
from myna.core.message import Origin
from myna.core.receiver import Receiver, Subscription
from myna.faces.devicehive.permissions import Principal
from myna.faces.devicehive.signing import BadToken
from myna.faces.devicehive.tokens import REMEMBRANCE, Claims, Tokens, principal_of
from myna.formats.directory import Directory

log = logging.getLogger("myna.devicehive")

ATTRIBUTE: Final = "devicehive"  # of an identity: a token of ours that survives with the session
SWEPT_FROM: Final = 1024


class Caller:
    __slots__ = (
        "answers",
        "busy",
        "identity",
        "last_stored",
        "principal",
        "queue",
        "queued_bytes",
        "receiver",
    )

    def __init__(self, receiver: Receiver, identity: Identity, principal: Principal | None) -> None:
        self.receiver = receiver
        self.identity = identity
        self.principal = principal
        self.queue: deque[tuple[Callable[[], None], int]] = deque()  # what waits its turn, and its size
        self.queued_bytes = 0
        self.busy = False
        self.last_stored: asyncio.Future[None] | None = None  # until it is done, later reads must wait
        self.answers: dict[str, Subscription | None] = {}  # action -> which subscription wants its answers

    @property
    def client_id(self) -> str:
        return self.receiver.key[2]

    def is_connected(self) -> bool:
        """Still the connection this caller came with."""
        return self.receiver.identity is self.identity and self.receiver.is_online()


class Callers:
    def __init__(self, broker: Broker, tokens: Tokens, directory: Directory) -> None:
        self._broker = broker
        self._tokens = tokens
        self._directory = directory
        self._callers: dict[Identity, Caller] = {}
        self._sweep_at = SWEPT_FROM

    def __len__(self) -> int:
        return len(self._callers)

    def of(self, receiver: Receiver) -> Caller:
        caller = self._callers.get(receiver.identity)
        return self._enter(receiver, receiver.identity) if caller is None else caller

    def find(self, receiver: Receiver) -> Caller | None:
        """The caller of a connection that has had to do with us."""
        return self._callers.get(receiver.identity)

    def of_origin(self, origin: Origin) -> Caller | None:
        """Whoever published; None for what comes from no client, such as an HTTP call."""
        identity, sender = origin.identity, origin.sender
        if identity is None or not isinstance(sender, Receiver):
            return None
        caller = self._callers.get(identity)
        return self._enter(sender, identity) if caller is None else caller

    def authenticate(self, caller: Caller, principal: Principal, claims: Claims) -> None:
        """From now on the connection is this user; the session remembers it for as long as it lasts."""
        caller.principal = principal
        caller.identity.attributes[ATTRIBUTE] = self.remembrance(claims)

    def remembrance(self, claims: Claims) -> str:
        return self._tokens.write(msgspec.structs.replace(claims, t=REMEMBRANCE))

    def _enter(self, receiver: Receiver, identity: Identity) -> Caller:
        principal = identity.claims if isinstance(identity.claims, Principal) else None
        if principal is None and not receiver.is_online():
            principal = self._recall(identity)
        caller = Caller(receiver, identity, principal)
        if len(self._callers) >= self._sweep_at:
            self._sweep()
        self._callers[identity] = caller
        return caller

    def _recall(self, identity: Identity) -> Principal | None:
        """Who the session of an absent client was, when the broker that knew has been restarted."""
        token = identity.attributes.get(ATTRIBUTE)
        if token is None:
            return None
        try:
            claims = self._tokens.read(token)
        except BadToken:
            log.warning("the session of %s was authenticated with another secret", identity.user)
            return None
        return principal_of(claims, self._directory) if claims.t == REMEMBRANCE else None

    def _sweep(self) -> None:
        """Forget those whose sessions are gone or have moved on to another connection."""
        for identity, caller in list(self._callers.items()):
            receiver = caller.receiver
            lives = self._broker.session(*receiver.key) is receiver and receiver.identity is identity
            if not lives and not caller.busy:
                del self._callers[identity]
        self._sweep_at = max(SWEPT_FROM, 2 * len(self._callers))

    def forget(self, receiver: Receiver) -> None:
        """Its session has ended."""
        self._callers.pop(receiver.identity, None)
