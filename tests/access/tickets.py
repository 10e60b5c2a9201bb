"""A CONNECT that waits for its gate, and remembers what the gate said."""

from myna.core.identity import Identity
from myna.core.ports import Ticket


class FakeTicket(Ticket):
    def __init__(self, *, user_name: str | None = None, password: bytes | None = None) -> None:
        super().__init__()
        self.user_name = user_name
        self.password = password
        self.answers: list[str] = []

    def admit(self, identity: Identity, now: float, data: bytes | None = None) -> None:
        said = "" if data is None else f" with {data.decode()}"
        self.answers.append(f"admitted {identity.user} at {now:g}{said}")

    def refuse(self, reason: int, now: float, text: str = "") -> None:
        self.answers.append(f"refused 0x{reason:02X} at {now:g}: {text}")

    def challenge(self, data: bytes, now: float) -> None:
        self.answers.append(f"challenged with {data.decode()}")
