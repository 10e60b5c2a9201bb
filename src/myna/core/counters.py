"""Plain integers that say what happened; read when somebody scrapes them, never sent anywhere.

A drop or a refusal always has a cause, so that nothing is lost silently; `drop` and `refuse` are the only ways.
"""

from typing import Final, final

from mypy_extensions import i64

# Why a message did not reach a receiver that wanted it.
DROP_OFFLINE: Final = "qos0_offline"
DROP_SLOW_READER: Final = "qos0_slow_reader"
DROP_QUEUE_FULL: Final = "queue_full"
DROP_EXPIRED: Final = "expired"
DROP_TOO_LARGE: Final = "larger_than_client_accepts"
DROP_MEMORY: Final = "process_memory"
DROP_GUARDED: Final = "guarded"
DROP_UNDELIVERABLE: Final = "undeliverable_name"
DROP_FANOUT: Final = "fanout_limit"
DROP_QUOTA: Final = "quota"
DROP_NOT_PERMITTED: Final = "not_permitted"


@final
class Counters:
    __slots__ = (
        "bytes_received",
        "bytes_sent",
        "connections_closed",
        "connections_opened",
        "connects_accepted",
        "dropped",
        "messages_received",
        "messages_sent",
        "packets_received",
        "refused",
        "retained_stored",
        "sessions_expired",
        "taken_over",
        "unmatched",
        "wills_published",
    )

    def __init__(self) -> None:
        self.bytes_received: i64 = 0
        self.bytes_sent: i64 = 0
        self.connections_opened = 0
        self.connections_closed = 0
        self.connects_accepted = 0
        self.packets_received = 0
        self.messages_received: i64 = 0
        self.messages_sent: i64 = 0
        self.unmatched: i64 = 0
        self.retained_stored = 0
        self.sessions_expired = 0
        self.taken_over = 0
        self.wills_published = 0
        self.dropped: dict[str, int] = {}
        self.refused: dict[str, int] = {}

    def drop(self, cause: str, count: int = 1) -> None:
        self.dropped[cause] = self.dropped.get(cause, 0) + count

    def refuse(self, cause: str) -> None:
        self.refused[cause] = self.refused.get(cause, 0) + 1
