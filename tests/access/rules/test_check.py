"""Asking somebody else: what is asked, how long an answer holds, and what an absent one means."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from myna.access.rules.check import Check
from myna.config import Duration
from myna.config.rules import CheckSettings
from myna.core.identity import LATER, Identity, Waiting
from myna.core.limits import Limits
from myna.formats.outgoing import Answer, CallFailed, Cause
from myna.testing import World
from myna.testing.outgoing import ScriptedHttp
from myna.wire import reasons
from tests.access.rules.people import person

YES = Answer(200, {}, b"true")
NO = Answer(200, {}, b"false")
DEAD = CallFailed(Cause.TIMEOUT, "did not answer")


class Waiter(Waiting):
    def __init__(self) -> None:
        self.told = 0

    def decided(self, now: float) -> None:
        self.told += 1


class Asking:
    """A check whose calls are answered in the order given."""

    def __init__(self, *answers: Answer | CallFailed, allows: bool = False, remembered: int = 1000) -> None:
        limits = Limits()
        limits.permission_errors_allow = allows
        self.world = World(limits=limits)
        self.http = ScriptedHttp(*answers)
        self.armed = 0
        settings = CheckSettings("http://rules.example/x/", remember=Duration(60), remembered=remembered)
        self.check = Check(settings, self.http, self.world.broker, lambda: self.world.now, self._arm)

    def _arm(self) -> None:
        self.armed += 1

    async def settle(self) -> None:
        while self.check._calls:
            await asyncio.gather(*self.check._calls)
            await asyncio.sleep(0)  # the tasks take themselves off the list

    async def ask(self, ask: Callable[[], int]) -> int:
        """As a client that waits does."""
        waiter = Waiter()
        assert ask() == LATER
        self.check.await_answer(person(), waiter)
        await self.settle()
        assert waiter.told == 1
        return ask()


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await test()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("ask", "body"),
    [
        (lambda check, who: check.connect(who), {"conn": {}}),
        (lambda check, who: check.publish(who, "a/b", 0, False), {"pub": {"topic": "a/b"}}),
        (
            lambda check, who: check.publish(who, "a/b", 1, True),
            {"pub": {"topic": "a/b", "qos": "AT_LEAST_ONCE", "isRetained": True}},
        ),
        (lambda check, who: check.subscribe(who, "a/#", 0), {"sub": {"topicFilter": "a/#"}}),
        (
            lambda check, who: check.subscribe(who, "a/#", 2),
            {"sub": {"topicFilter": "a/#", "qos": "EXACTLY_ONCE"}},
        ),
        (lambda check, who: check.unsubscribe(who, "a/#"), {"unsub": {"topicFilter": "a/#"}}),
    ],
)
def test_a_question_is_one_post_with_the_names_in_headers(
    ask: Callable[[Check, Identity], int], body: dict[str, object]
) -> None:
    async def test() -> None:
        asking = Asking(YES)
        assert await asking.ask(lambda: ask(asking.check, person())) == reasons.SUCCESS
        (asked,) = asking.http.asked
        assert (asked.method, asked.url) == ("POST", "http://rules.example/x/check")
        assert (asked.headers["tenant_id"], asked.headers["user_id"]) == ("acme", "alice")
        assert asked.headers["content-type"] == "application/json"
        assert msgspec.json.decode(asked.body) == body
        assert asking.armed == 1

    run(test)


@pytest.mark.parametrize(
    ("answer", "allowed"),
    [
        (YES, True),
        (Answer(200, {}, b"TRUE\n"), True),
        (NO, False),
        (Answer(200, {}, b""), False),
        (Answer(200, {}, b"\xff"), False),
        (Answer(200, {}, b'{"ok":true}'), False),
        (Answer(204, {}, b"true"), False),
        (Answer(403, {}, b"true"), False),
        (Answer(500, {}, b"true"), False),
    ],
)
def test_only_200_and_the_word_true_is_a_yes(answer: Answer, allowed: bool) -> None:
    async def test() -> None:
        asking = Asking(answer, allows=True)
        code = await asking.ask(lambda: asking.check.publish(person(), "a", 0, False))
        assert code == (reasons.SUCCESS if allowed else reasons.NOT_AUTHORIZED)

    run(test)


@pytest.mark.parametrize(("allows", "code"), [(True, reasons.SUCCESS), (False, reasons.UNSPECIFIED_ERROR)])
def test_no_answer_is_what_the_tenant_makes_of_it_and_only_for_a_second(
    allows: bool, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        asking = Asking(DEAD, DEAD, NO, allows=allows)

        def ask() -> int:
            return asking.check.subscribe(person(), "a", 0)

        assert await asking.ask(ask) == code
        assert asking.world.refused("check_unanswered") == 1
        asking.world.now += 5
        assert await asking.ask(ask) == code
        asking.world.now += 5
        assert await asking.ask(ask) == reasons.NOT_AUTHORIZED

    run(test)
    said = [record.getMessage() for record in caplog.records]
    assert [text.split(":")[0] for text in said] == [
        "permissions cannot be asked for",
        "permissions can be asked for again",
    ]


def test_an_answer_is_remembered_by_user_and_question_whatever_connection_asks() -> None:
    async def test() -> None:
        asking = Asking(YES, NO, NO)

        def may(user: str, client: str, topic: str, qos: int = 0) -> int:
            return asking.check.publish(person(user, client=client), topic, qos, False)

        assert await asking.ask(lambda: may("alice", "phone", "a")) == reasons.SUCCESS
        assert may("alice", "tablet", "a") == reasons.SUCCESS
        assert may("bob", "phone", "a") == LATER
        assert may("alice", "phone", "a", 1) == LATER
        assert len(asking.http.asked) < 3
        await asking.settle()
        assert len(asking.http.asked) == 3

    run(test)


def test_a_question_that_is_under_way_is_not_asked_twice() -> None:
    async def test() -> None:
        asking = Asking(YES)
        for _ in range(3):
            assert asking.check.publish(person(), "a", 0, False) == LATER
        await asking.settle()
        assert len(asking.http.asked) == 1

    run(test)


def test_an_old_answer_is_asked_for_again_while_it_still_serves_and_a_very_old_one_does_not() -> None:
    async def test() -> None:
        asking = Asking(YES, NO, YES)

        def ask() -> int:
            return asking.check.publish(person(), "a", 0, False)

        assert await asking.ask(ask) == reasons.SUCCESS
        asking.world.now += 61
        version = asking.world.broker.rules_version
        assert ask() == reasons.SUCCESS
        await asking.settle()
        assert ask() == reasons.NOT_AUTHORIZED
        assert asking.world.broker.rules_version == version + 1  # connections had remembered the yes
        asking.world.now += 121
        assert await asking.ask(ask) == reasons.SUCCESS

    run(test)


def test_connections_are_made_to_ask_again_while_answers_grow_old() -> None:
    asking = Asking()
    broker = asking.world.broker
    asking.check.tick(asking.world.now)
    version = broker.rules_version
    asking.check.tick(asking.world.now + 29)
    assert broker.rules_version == version
    asking.check.tick(asking.world.now + 30)
    assert broker.rules_version == version + 1


def test_all_answers_can_be_forgotten() -> None:
    async def test() -> None:
        asking = Asking(YES, NO)

        def ask() -> int:
            return asking.check.publish(person(), "a", 0, False)

        assert await asking.ask(ask) == reasons.SUCCESS
        asking.check.forget()
        assert await asking.ask(ask) == reasons.NOT_AUTHORIZED

    run(test)


def test_what_is_remembered_is_bounded() -> None:
    async def test() -> None:
        asking = Asking(*[YES] * 1500)
        for number in range(1500):
            assert asking.check.publish(person(), f"a/{number}", 0, False) == LATER
            await asking.settle()
        assert len(asking.check._answers) == 1000
        assert asking.check.publish(person(), "a/1499", 0, False) == reasons.SUCCESS
        assert asking.check.publish(person(), "a/0", 0, False) == LATER
        await asking.settle()

    run(test)


def test_so_are_the_questions_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myna.access.rules.check.UNDER_WAY", 3)

    async def test() -> None:
        asking = Asking(YES, YES, YES)
        verdicts = [asking.check.publish(person(), f"a/{number}", 0, False) for number in range(5)]
        assert verdicts == [LATER, LATER, LATER, reasons.UNSPECIFIED_ERROR, reasons.UNSPECIFIED_ERROR]
        assert asking.world.refused("check_overload") == 2
        await asking.settle()

    run(test)


@pytest.mark.parametrize("name", ["a\r\nuser_id: root", " a", "a\t", "a\x7f", "\n"])
def test_a_name_that_no_header_holds_is_a_no_that_nobody_is_asked_for(name: str) -> None:
    async def test() -> None:
        asking = Asking(YES, allows=True)
        assert asking.check.publish(person(name), "a", 0, False) == LATER
        await asking.settle()
        assert asking.check.publish(person(name), "a", 0, False) == reasons.NOT_AUTHORIZED
        assert asking.http.asked == []
        assert asking.world.refused("check_name") == 1

    run(test)


def test_one_who_fails_to_go_on_does_not_keep_others_from_it(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Waiting):
        def decided(self, now: float) -> None:
            raise LookupError("a bug")

    async def test() -> None:
        asking, waiter = Asking(YES), Waiter()
        asking.check.publish(person(), "a", 0, False)
        asking.check.await_answer(person(), Failing())
        asking.check.await_answer(person(), waiter)
        await asking.settle()
        assert waiter.told == 1

    run(test)
    assert "a bug" in caplog.text


def test_a_bug_in_asking_is_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(ScriptedHttp):
        async def call(self, *args: object, **more: object) -> Answer:
            raise LookupError("a bug")

    async def test() -> None:
        asking = Asking()
        asking.check._http = Broken()
        code = await asking.ask(lambda: asking.check.publish(person(), "a", 0, False))
        assert code == reasons.UNSPECIFIED_ERROR

    run(test)
    assert "a bug" in caplog.text


def test_those_who_wait_are_told_of_their_own_answer_alone() -> None:
    class Holding(ScriptedHttp):
        """Answers about a/1 when it may."""

        may = asyncio.Event()

        async def call(self, method: str, url: str, *, body: bytes = b"", **more: object) -> Answer:
            if b"a/1" in body:
                await self.may.wait()
            return YES

    async def test() -> None:
        asking = Asking()
        asking.check._http = http = Holding()
        waiters = [Waiter(), Waiter()]
        for number, waiter in enumerate(waiters):
            asking.check.publish(person(client=f"device {number}"), f"a/{number}", 0, False)
            asking.check.await_answer(person(), waiter)
        while waiters[0].told == 0:
            await asyncio.sleep(0)
        assert waiters[1].told == 0
        http.may.set()
        await asking.settle()
        assert [waiter.told for waiter in waiters] == [1, 1]

    run(test)
