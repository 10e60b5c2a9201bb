"""Asking somebody else what is allowed, by BifroMQ's webhook: one call per user and question, remembered for a while.

    nothing known                        LATER, and a call is made
    known, not older than `remember`     that
    known, not older than twice that     that, and a call is made, so that nobody who goes on has to wait
    no answer to the call                as `permission_errors_allow` of the tenant says, for a second

The client waits, and nobody else does. What a newcomer gets wrong: any answer but 200 with the word true is a no; only
where there is no answer at all, or no way to ask, is it an error.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import msgspec

from myna.config.rules import CheckSettings
from myna.core.broker import Broker
from myna.core.identity import LATER, Identity, Waiting
from myna.formats.outgoing import CallFailed, HttpCaller
from myna.wire import reasons

log = logging.getLogger("myna.rules")

ERROR_KEPT: Final = 1.0  # seconds
UNDER_WAY: Final = 10_000  # questions at once; more are errors
CALLS: Final = 64  # of those that are made at once: the time for an answer must not pass while others are served
REDIRECTS: Final = 5
LARGEST: Final = 4096
QOS: Final = {1: "AT_LEAST_ONCE", 2: "EXACTLY_ONCE"}  # 0 is left out

Key = tuple[str, str, bytes]  # tenant, user, body


class _Answer:
    __slots__ = ("asking", "fresh_until", "stale_until", "verdict")

    def __init__(self) -> None:
        self.verdict = LATER
        self.asking = False
        self.fresh_until = 0.0
        self.stale_until = 0.0


class Check:
    def __init__(
        self,
        settings: CheckSettings,
        http: HttpCaller,
        broker: Broker,
        now: Callable[[], float],
        arm: Callable[[], None],
    ) -> None:
        self._url = settings.url.rstrip("/") + "/check"
        self._settings = settings
        self._http = http
        self._broker = broker
        self._now = now
        self._arm = arm
        self._answers: dict[Key, _Answer] = {}
        self._waiting: dict[Key, list[Waiting]] = {}
        self._asked: Key = ("", "", b"")  # the last question to which LATER was said
        self._calls: set[asyncio.Task[None]] = set()  # the loop itself holds tasks only weakly
        self._turns = asyncio.Semaphore(CALLS)
        self._failing = False
        self.changed = False  # an answer is no longer what it was; for somebody else to look at, and to take back
        self._forgotten_at = 0.0

    def connect(self, identity: Identity) -> int:
        return self._ask(identity, {"conn": {}})

    def publish(self, identity: Identity, topic: str, qos: int, retain: bool) -> int:
        asked: dict[str, object] = {"topic": topic}
        if qos:
            asked["qos"] = QOS[qos]
        if retain:
            asked["isRetained"] = True
        return self._ask(identity, {"pub": asked})

    def subscribe(self, identity: Identity, filter: str, qos: int) -> int:
        asked: dict[str, object] = {"topicFilter": filter}
        if qos:
            asked["qos"] = QOS[qos]
        return self._ask(identity, {"sub": asked})

    def unsubscribe(self, identity: Identity, filter: str) -> int:
        return self._ask(identity, {"unsub": {"topicFilter": filter}})

    def await_answer(self, identity: Identity, waiting: Waiting) -> None:
        """By question and not by user: thousands of devices may be one user, each with a topic of its own."""
        assert self._asked[:2] == (identity.tenant, identity.user)  # it has just been said LATER
        self._waiting.setdefault(self._asked, []).append(waiting)

    def tick(self, now: float) -> None:
        """Once a second. Connections remember a yes by themselves: twice in the time an answer holds, they forget."""
        if now - self._forgotten_at >= self._settings.remember / 2:
            self._forgotten_at = now
            self._broker.rules_changed()

    def forget(self) -> None:
        """Ask about everything anew."""
        self._answers = {key: held for key, held in self._answers.items() if held.asking}
        for held in self._answers.values():
            held.verdict = LATER
        self._broker.rules_changed()

    async def settled(self) -> None:
        """Whatever is under way has been answered: wills of clients that are sent away wait for it."""
        while self._calls:
            await asyncio.wait(self._calls)

    def close(self) -> None:
        for task in self._calls:
            task.cancel()

    def _ask(self, identity: Identity, question: dict[str, dict[str, object]]) -> int:
        key = (identity.tenant, identity.user, msgspec.json.encode(question))
        now = self._now()
        held = self._answers.get(key)
        if held is not None and held.verdict != LATER:
            if now < held.fresh_until:
                return held.verdict
            if now < held.stale_until:
                if not held.asking:
                    self._call(key, held)
                return held.verdict
        if held is None:
            held = self._remember(key)
        if not held.asking and not self._call(key, held):
            self._broker.counters.refuse("check_overload")
            return self._error(identity.tenant)
        self._asked = key
        return LATER

    def _remember(self, key: Key) -> _Answer:
        """The oldest ones give way; those that are being asked for stay."""
        answers = self._answers
        while len(answers) >= self._settings.remembered:
            oldest = next((one for one, held in answers.items() if not held.asking), None)
            if oldest is None:
                break
            del answers[oldest]
        made = answers[key] = _Answer()
        return made

    def _call(self, key: Key, held: _Answer) -> bool:
        if len(self._calls) >= UNDER_WAY:
            return False
        held.asking = True
        task = asyncio.ensure_future(self._find_out(key, held))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return True

    async def _find_out(self, key: Key, held: _Answer) -> None:
        tenant, user, body = key
        keep = max(float(self._settings.remember), ERROR_KEPT)
        try:
            allowed = await self._put(tenant, user, body)
        except CallFailed as failure:
            self._failed(str(failure))
            verdict, keep = self._error(tenant), ERROR_KEPT
        except Exception:
            log.exception("asking for a permission failed by a bug of ours")
            verdict, keep = self._error(tenant), ERROR_KEPT
        else:
            self._works()
            verdict = reasons.SUCCESS if allowed else reasons.NOT_AUTHORIZED
        before = held.verdict
        now = self._now()
        held.asking = False
        held.verdict = verdict
        held.fresh_until = now + keep
        held.stale_until = now + 2 * keep
        if before not in (LATER, verdict):
            self.changed = True
            self._broker.rules_changed()  # others have remembered what is no longer so
        for waiting in self._waiting.pop(key, ()):
            try:
                waiting.decided(now)
            except Exception:
                log.exception("going on after an answer failed by a bug of ours; others go on")
        self._arm()

    async def _put(self, tenant: str, user: str, body: bytes) -> bool:
        if not (_is_sendable(tenant) and _is_sendable(user)):
            self._broker.counters.refuse("check_name")
            return False  # a header cannot hold it, and nobody else may be asked about in its place
        async with self._turns:
            answer = await self._http.call(
                "POST",
                self._url,
                headers=[("content-type", "application/json"), ("tenant_id", tenant), ("user_id", user)],
                body=body,
                timeout=float(self._settings.timeout),
                largest=LARGEST,
                redirects=REDIRECTS,
            )
        return answer.status == 200 and answer.body.strip().lower() == b"true"

    def _error(self, tenant: str) -> int:
        allows = self._broker.limits_of(tenant).permission_errors_allow
        return reasons.SUCCESS if allows else reasons.UNSPECIFIED_ERROR

    def _failed(self, text: str) -> None:
        self._broker.counters.refuse("check_unanswered")
        if not self._failing:
            self._failing = True
            log.warning(
                "permissions cannot be asked for: %s; what is asked meanwhile is decided by permission_errors_allow"
                " in [limits]",
                text,
            )

    def _works(self) -> None:
        if self._failing:
            self._failing = False
            log.warning("permissions can be asked for again")


def _is_sendable(name: str) -> bool:
    """In a header, as it is: no control characters, nothing at the ends that would be cut off."""
    return name == name.strip() and all(character >= " " and character != "\x7f" for character in name)
