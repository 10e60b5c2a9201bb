"""The resource throttler: somebody outside says how much of each resource a tenant may use. A GET for each question,
with the headers tenant_id and resource_type; `false` as the answer means no, everything else yes.

Nobody ever waits for it: the answer is the last one, or yes until there is one. What a newcomer gets wrong: nothing is
asked on a clock. A question that has been put in the last minute is asked again, at most once a second, when it is put
again.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from myna.core.counters import Counters
from myna.core.quotas import Quotas
from myna.faces.bifromq.webhook import Webhook

REFRESHED: Final = 1.0  # seconds after an answer from which the question is asked again
REMEMBERED: Final = 60.0  # seconds after a question was last put
QUESTIONS: Final = 20_000  # all 21 resources of about a thousand tenants

Question = tuple[str, str]


class _Held:
    __slots__ = ("allowed", "answered_at", "is_asked", "used_at")

    def __init__(self, now: float) -> None:
        self.allowed = True
        self.answered_at = float("-inf")
        self.is_asked = False
        self.used_at = now


class Throttler(Quotas):
    def __init__(self, webhook: Webhook, counters: Counters, now: Callable[[], float]) -> None:
        super().__init__()
        self.asked = True
        self._webhook = webhook
        self._counters = counters
        self._now = now
        self._held: OrderedDict[Question, _Held] = OrderedDict()  # the one used longest ago comes first

    def allows(self, tenant: str, resource: str) -> bool:
        now = self._now()
        question = (tenant, resource)
        held = self._held.get(question)
        if held is None:
            if len(self._held) >= QUESTIONS and not self._forget(now):
                self._counters.refuse("bifromq_throttler:too_many_tenants")
                return True
            held = self._held[question] = _Held(now)
        else:
            self._held.move_to_end(question)
            if now - held.used_at > REMEMBERED:
                held.allowed = True  # it had been forgotten
        held.used_at = now
        if not held.is_asked and now - held.answered_at >= REFRESHED:
            held.is_asked = self._webhook.ask(
                {"tenant_id": tenant, "resource_type": resource}, lambda answer: self._answered(held, answer)
            )
        return held.allowed

    def _answered(self, held: _Held, answer: str | None) -> None:
        held.is_asked = False
        held.answered_at = self._now()
        held.allowed = answer is None or answer.lower() != "false"

    def _forget(self, now: float) -> bool:
        """Make room by what has not been asked for a minute: was there any?"""
        question, held = next(iter(self._held.items()))
        if now - held.used_at <= REMEMBERED:
            return False
        del self._held[question]
        return True
