"""The broker as a whole: its counters with explanations, its health, and reading the configuration again.

What a newcomer gets wrong: a configuration that is wrong changes nothing, and is the caller's to hear of: 409.
"""

from collections.abc import Mapping
from typing import Final

from myna.core.counters import Counters
from myna.faces.admin import views
from myna.faces.admin.endpoint import Call, Operation, Reply
from myna.faces.admin.explanations import DROPPED, REFUSED, explain
from myna.faces.admin.problems import Problem
from myna.faces.contract import Process

TOTALS: Final = (
    "bytes_received",
    "bytes_sent",
    "connections_closed",
    "connections_opened",
    "connects_accepted",
    "messages_received",
    "messages_sent",
    "retained_stored",
    "sessions_expired",
    "taken_over",
    "unmatched",
    "wills_published",
)


class ProcessOperations:
    """`urls` fill up while the broker starts."""

    def __init__(self, counters: Counters, process: Process, urls: Mapping[str, object]) -> None:
        self._counters = counters
        self._process = process
        self._urls = urls

    def operations(self) -> list[Operation]:
        return [
            Operation(
                "GET", "/api/admin/counters", "getCounters", "What was counted, dropped and refused, and why",
                self._count, gives=views.Counters,
            ),
            Operation(
                "GET", "/api/admin/health", "getHealth", "How the broker does, and what is open",
                self._health, gives=views.Health,
            ),
            Operation(
                "POST", "/api/admin/reload", "reload", "Read the configuration and the certificates again",
                self._reload, gives=views.Reloaded, problems=(409,),
            ),
        ]  # fmt: skip

    async def _count(self, call: Call) -> Reply:
        counters = self._counters
        totals = {name: getattr(counters, name) for name in TOTALS}
        return Reply(
            views.Counters(totals, _explained(counters.dropped, DROPPED), _explained(counters.refused, REFUSED))
        )

    async def _health(self, call: Call) -> Reply:
        healthy, details = self._process.health()
        listeners = {kind: list(urls) for kind, urls in self._urls.items() if isinstance(urls, list)}
        return Reply(views.Health(healthy, str(details["status"]), listeners))

    async def _reload(self, call: Call) -> Reply:
        done = self._process.reread()
        if done.problems:
            raise Problem(409, "the configuration stays as it was", problems=list(done.problems))
        return Reply(views.Reloaded(list(done.in_force), list(done.waiting)))


def _explained(counts: dict[str, int], known: dict[str, str]) -> list[views.Count]:
    return [views.Count(cause, count, explain(cause, known)) for cause, count in sorted(counts.items())]
