"""The isolation unit: its own topics, sessions, retained messages and limits. Nothing here reaches another tenant."""

from typing import final

from myna.core.limits import Limits
from myna.core.receiver import Receiver, SessionKey
from myna.core.retained import Retained
from myna.core.router import Router
from myna.core.throughput import Throughput


@final
class Index:
    """Receivers by a name that most of them have for themselves: only where several share one is there a container."""

    __slots__ = ("_several", "_single")

    def __init__(self) -> None:
        self._single: dict[str, Receiver] = {}
        self._several: dict[str, dict[Receiver, None]] = {}

    def add(self, name: str, receiver: Receiver) -> None:
        several = self._several.get(name)
        if several is not None:
            several[receiver] = None
            return
        single = self._single.setdefault(name, receiver)
        if single is not receiver:
            del self._single[name]
            self._several[name] = {single: None, receiver: None}

    def remove(self, name: str, receiver: Receiver) -> None:
        if self._single.get(name) is receiver:
            del self._single[name]
            return
        several = self._several.get(name)
        if several is not None and receiver in several:
            del several[receiver]
            if not several:
                del self._several[name]

    def find(self, name: str) -> list[Receiver]:
        single = self._single.get(name)
        return list(self._several.get(name, ())) if single is None else [single]

    def __len__(self) -> int:
        return len(self._single) + len(self._several)


@final
class Tenant:
    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.limits = limits
        self.throughput: Throughput | None = None
        self.router = Router(limits, name)
        self.retained = Retained()
        self.connections = 0
        self.messages_received = 0
        self._sessions: dict[SessionKey, Receiver] = {}
        self._of_user = Index()
        self._of_client = Index()
        self.set_limits(limits)

    def set_limits(self, limits: Limits) -> None:
        """Also anew, while clients are connected."""
        self.limits = limits
        self.router.limits = limits
        bounded = limits.tenant_publishes_per_second > 0 or limits.tenant_bytes_per_second > 0
        self.throughput = Throughput(limits, 0.0) if bounded else None

    def session(self, scope: str, client_id: str) -> Receiver | None:
        return self._sessions.get((self.name, scope, client_id))

    def sessions(self) -> list[Receiver]:
        return list(self._sessions.values())

    def sessions_of_user(self, user: str) -> list[Receiver]:
        return self._of_user.find(user)

    def sessions_of_client(self, client_id: str) -> list[Receiver]:
        return self._of_client.find(client_id)

    def session_count(self) -> int:
        return len(self._sessions)

    def enter(self, receiver: Receiver) -> None:
        """A session exists from now on."""
        self._sessions[receiver.key] = receiver
        self._of_client.add(receiver.key[2], receiver)
        self._of_user.add(receiver.identity.user, receiver)

    def leave(self, receiver: Receiver) -> None:
        if self._sessions.get(receiver.key) is not receiver:
            return
        del self._sessions[receiver.key]
        self._of_client.remove(receiver.key[2], receiver)
        self._of_user.remove(receiver.identity.user, receiver)

    def change_identity(self, receiver: Receiver, user_before: str) -> None:
        """A session has been resumed by another user of the same scope, or has authenticated anew."""
        if user_before != receiver.identity.user:
            self._of_user.remove(user_before, receiver)
            self._of_user.add(receiver.identity.user, receiver)
