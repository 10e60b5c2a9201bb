"""Events that are made of no message, offered to routing by whoever has them: a face, the watcher of clients.

    if events.want("webpubsub", tenant):
        events.offer(OfferedEvent("webpubsub", tenant, "azure.webpubsub.sys.connected", source, subject, data={…}))

What a newcomer gets wrong: ask first. Nearly always nobody wants them, and then they need not be made.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class OfferedEvent:
    """`kind` is what rules choose by (`events = [...]`). `source` may be empty for the broker's own. `data` is bytes,
    or anything that JSON can say.
    """

    kind: str
    tenant: str
    type: str
    source: str
    subject: str
    data: Any = None
    content_type: str = ""
    attributes: Mapping[str, str | int | bool] = field(default_factory=dict)


class EventSink(Protocol):
    def want(self, kind: str, tenant: str) -> bool:
        """Is there a rule for such events?"""

    def offer(self, event: OfferedEvent) -> bool:
        """Has a rule taken it? It waits in the store then; await `AsyncBroker.safe` for whom that is promised."""


class NoSink:
    """Where nothing is routed."""

    def want(self, kind: str, tenant: str) -> bool:
        return False

    def offer(self, event: OfferedEvent) -> bool:
        return False
