"""Users of the broker as callers of this API, each for their own tenant."""

import asyncio
from collections.abc import Awaitable

import pytest

from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.core.verdict import Answer
from myna.faces.bifromq.protection import Protection
from myna.faces.contract import Judged, Scope
from myna.testing import World


class Callers:
    def __init__(self, judged: Judged, *, later: bool = False) -> None:
        self._judged = judged
        self._later = later

    def call(self, scope: Scope, now: float) -> Judged | Awaitable[Judged]:
        assert now == 7.0

        async def wait() -> Judged:
            return self._judged

        return wait() if self._later else self._judged

    def claim(self, scope: Scope, now: float) -> Judged | None:
        raise AssertionError("nobody else is asked here")

    def judge(self, ticket: Ticket, now: float) -> Answer:
        raise AssertionError("only calls are judged here")

    def look_after(self, receivers: object) -> None:
        raise AssertionError("nobody stays here")


SCOPE = {"client": ("192.0.2.1", 4711), "extensions": {}, "headers": []}
ACME = {b"tenant_id": b"acme"}


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    ("judged", "headers", "status"),
    [
        (Identity("acme", "billing"), ACME, 0),
        (Identity("acme", "billing"), {}, 0),
        (Identity("*", "billing"), ACME, 0),
        (Identity("other", "billing"), ACME, 403),
        (Refusal(0x86), ACME, 401),
        (Refusal(0x87), ACME, 401),
        (Refusal(0x8A), ACME, 403),
        (Refusal(0x89), ACME, 503),
        (Refusal(0x97), ACME, 429),
        (Refusal(0x80), ACME, 500),
    ],
)
def test_who_is_known_may_act_for_their_own_tenant(
    judged: Judged, headers: dict[bytes, bytes], status: int, later: bool
) -> None:
    protection = Protection(World().broker, (), (), False, Callers(judged, later=later), now=lambda: 7.0)
    assert protection.is_on
    assert not protection.admits(SCOPE, headers)
    answer = asyncio.run(protection.judge(SCOPE, headers))
    assert (0 if answer is None else answer.status) == status


def test_without_authenticators_a_stranger_stays_one() -> None:
    answer = asyncio.run(Protection(World().broker, ("0123456789abcdef",), (), False).judge(SCOPE, ACME))
    assert answer is not None
    assert answer.status == 401
