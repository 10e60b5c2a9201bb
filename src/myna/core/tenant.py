"""The isolation unit: its own topics, sessions, retained messages and limits. Nothing here reaches another tenant."""

from typing import final

from myna.core.limits import Limits
from myna.core.receiver import Receiver
from myna.core.retained import Retained
from myna.core.router import Router
from myna.core.throughput import Throughput


@final
class Tenant:
    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.limits = limits
        self.throughput: Throughput | None = None
        self.router = Router(limits)
        self.retained = Retained()
        self.connections = 0
        self.messages_received = 0
        self._sessions: dict[tuple[str, str], Receiver] = {}  # (scope, client id)
        self._of_user: dict[str, dict[Receiver, None]] = {}
        self._of_client: dict[str, list[Receiver]] = {}
        self.set_limits(limits)

    def set_limits(self, limits: Limits) -> None:
        """Also anew, while clients are connected."""
        self.limits = limits
        self.router.limits = limits
        bounded = limits.tenant_publishes_per_second > 0 or limits.tenant_bytes_per_second > 0
        self.throughput = Throughput(limits, 0.0) if bounded else None

    def session(self, scope: str, client_id: str) -> Receiver | None:
        return self._sessions.get((scope, client_id))

    def sessions(self) -> list[Receiver]:
        return list(self._sessions.values())

    def sessions_of_user(self, user: str) -> list[Receiver]:
        return list(self._of_user.get(user, ()))

    def sessions_of_client(self, client_id: str) -> list[Receiver]:
        return list(self._of_client.get(client_id, ()))

    def session_count(self) -> int:
        return len(self._sessions)

    def enter(self, receiver: Receiver) -> None:
        """A session exists from now on."""
        _, scope, client_id = receiver.key
        self._sessions[(scope, client_id)] = receiver
        self._of_client.setdefault(client_id, []).append(receiver)
        self._of_user.setdefault(receiver.identity.user, {})[receiver] = None

    def leave(self, receiver: Receiver) -> None:
        _, scope, client_id = receiver.key
        if self._sessions.get((scope, client_id)) is not receiver:
            return
        del self._sessions[(scope, client_id)]
        namesakes = [held for held in self._of_client[client_id] if held is not receiver]
        if namesakes:
            self._of_client[client_id] = namesakes
        else:
            del self._of_client[client_id]
        of_user = self._of_user[receiver.identity.user]
        del of_user[receiver]
        if not of_user:
            del self._of_user[receiver.identity.user]

    def change_identity(self, receiver: Receiver, user_before: str) -> None:
        """A session has been resumed by another user of the same scope, or has authenticated anew."""
        of_user = self._of_user.get(user_before)
        if of_user is not None and receiver in of_user:
            del of_user[receiver]
            if not of_user:
                del self._of_user[user_before]
        self._of_user.setdefault(receiver.identity.user, {})[receiver] = None
