"""Rules in force, and taken over anew while clients are connected."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from myna.access.rules.authority import Authority, prepare
from myna.config import ConfigError, Duration, Source
from myna.config.rules import CheckSettings, RuleSettings, RulesSettings
from myna.core.identity import ALLOW_ALL
from myna.formats.outgoing import Answer
from myna.testing import Client, World
from myna.testing.outgoing import ScriptedHttp

SOURCE = Source("myna.toml", {("rules",): 3, ("rules", "file"): 4}, {})
PATIENCE = 60.0
YES = Answer(200, {}, b"true")
NO = Answer(200, {}, b"false")

ALL = '[[rule]]\nallow = ["publish", "subscribe"]\ntopics = "#"\n'
SOME = '[[rule]]\nallow = ["publish", "subscribe"]\ntopics = "a/#"\n'


class House:
    """A broker with rules from a file."""

    def __init__(self, folder: Path, text: str, **settings: str) -> None:
        self.file = folder / "rules.toml"
        self.file.write_text(text)
        self.world = World()
        self.authority = Authority(self.world.broker, ScriptedHttp(), lambda: self.world.now, lambda: None)
        self.settings = RulesSettings(file=str(self.file), **settings)  # type: ignore[arg-type]  # a word of its own
        self.authority.use(prepare(self.settings, SOURCE))

    def write(self, text: str) -> None:
        """As a careful editor does."""
        new = self.file.with_suffix(".new")
        new.write_text(text)
        os.replace(new, self.file)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not true():
                await asyncio.sleep(0.01)


def subscriptions(client: Client) -> list[str]:
    return sorted(client.session.subscriptions)


def test_without_the_section_everything_is_allowed() -> None:
    world = World()
    authority = Authority(world.broker, ScriptedHttp(), lambda: world.now, lambda: None)
    authority.use(prepare(None, SOURCE))
    assert world.broker.rules is ALLOW_ALL


def test_with_an_empty_section_nothing_is_allowed() -> None:
    world = World()
    authority = Authority(world.broker, ScriptedHttp(), lambda: world.now, lambda: None)
    authority.use(prepare(RulesSettings(), SOURCE))
    client = world.connected("alice")
    assert client.subscribe("a") == 0x87
    client.publish("a", b"x")
    assert world.refused("publish:not authorized") == 1


def test_rules_of_the_configuration_come_before_those_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(ALL)
    inline = RuleSettings(deny="subscribe", topics="secret/#")
    ready = prepare(RulesSettings(file=str(file), rule=(inline,)), SOURCE)
    assert [(rule.number, rule.allow, rule.place) for rule in ready.book.rules] == [
        (1, False, "myna.toml:3: rules.rule[1]"),
        (2, True, f"{file}:1: rule[1]"),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[rule]]\nallw = 1\n", "{file}:2: rule[1].allw: unknown key; did you mean allow?"),
        (
            "[[rule]]\ntopics = 'a'\n",
            "{file}:1: rule[1]: a rule either allows or denies: give one of `allow` and `deny`",
        ),
        ("[[rule]]\nallow = 'read'\ntopics = 'a'\n", "{file}:2: rule[1].allow: "),
        ("[[rule]\n", "{file}:1: "),
        ("\n[[rule]]\nallow = 'publish'\ntopics = 'a+'\n", '{file}:2: rule[1]: "a+" is no topic filter'),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        prepare(RulesSettings(file=str(file)), SOURCE)
    assert caught.value.problems[0].startswith(problem.format(file=file))


def test_a_file_that_is_not_there_is_said_where_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        prepare(RulesSettings(file=str(tmp_path / "none")), SOURCE)
    assert caught.value.problems == [f"myna.toml:4: rules.file: cannot read {tmp_path}/none: No such file or directory"]


@pytest.mark.parametrize("url", ["ftp://x", "x", "http://", "http://[", "http://x/?key=1"])
def test_a_check_has_an_http_url_to_which_a_path_can_be_added(url: str) -> None:
    with pytest.raises(ConfigError):
        prepare(RulesSettings(check=CheckSettings(url)), SOURCE)


def test_a_changed_file_holds_for_those_who_are_connected(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        house = House(tmp_path, ALL)
        world = house.world
        alice, bob = world.connected("alice"), world.connected("bob")
        alice.subscribe("#")
        bob.subscribe("a/+")
        alice.publish("b", b"1")
        house.authority.start(asyncio.get_running_loop())
        house.write(SOME)
        await house.until(lambda: subscriptions(alice) == [])
        assert subscriptions(bob) == ["a/+"]
        alice.publish("b", b"2")
        assert world.refused("publish:not authorized") == 1
        alice.publish("a/1", b"3")
        assert bob.payloads() == [b"3"]
        assert not alice.is_closed()
        house.authority.stop()

    caplog.set_level("INFO")
    asyncio.run(test())
    assert "no longer allow: 1, of so many clients: 1" in caplog.text


def test_clients_may_be_disconnected_instead(tmp_path: Path) -> None:
    async def test() -> None:
        house = House(tmp_path, ALL, revoked="disconnect")
        alice, bob = house.world.connected("alice"), house.world.connected("bob")
        alice.subscribe("#")
        bob.subscribe("a/+")
        house.authority.start(asyncio.get_running_loop())
        house.write(SOME)
        await house.until(alice.is_closed)
        assert not bob.is_closed()
        house.authority.stop()

    asyncio.run(test())


@pytest.mark.parametrize("broken", ["[[rule", '[[rule]]\nallow = "publish"\ntopics = "a/#/b"\n', None])
def test_a_broken_file_leaves_the_rules_as_they_were(
    tmp_path: Path, broken: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        house = House(tmp_path, SOME)
        alice = house.world.connected("alice")
        assert alice.subscribe("a/1") == 0
        house.authority.start(asyncio.get_running_loop())
        if broken is None:
            house.file.unlink()
        else:
            house.write(broken)
        await house.until(lambda: "the rules stay as they were" in caplog.text)
        assert subscriptions(alice) == ["a/1"]
        assert alice.subscribe("a/2") == 0
        assert alice.subscribe("b") == 0x87
        house.write(ALL)
        await house.until(lambda: house.authority._ready.stamp is not None and "read again" in caplog.text)
        assert alice.subscribe("b") == 0
        house.authority.stop()

    caplog.set_level("INFO")
    asyncio.run(test())
    assert caplog.text.count("the rules stay as they were") == 1


def test_a_file_that_is_being_written_is_not_taken_over_half(tmp_path: Path) -> None:
    async def test() -> None:
        house = House(tmp_path, ALL)
        alice = house.world.connected("alice")
        alice.subscribe("#")
        house.authority.start(asyncio.get_running_loop())
        for size in range(0, len(ALL), 8):  # each look finds another file than the one before
            house.write(ALL[:size])
            house.authority._look()
        house.write(ALL + "\n")
        await house.until(lambda: house.authority._ready.book.rules != [] and house.authority._reading is None)
        assert subscriptions(alice) == ["#"]
        house.authority.stop()

    asyncio.run(test())


def test_many_sessions_are_judged_a_few_at_a_time(tmp_path: Path) -> None:
    async def test() -> None:
        house = House(tmp_path, ALL)
        clients = [house.world.connected(f"c{number}") for number in range(450)]
        for client in clients:
            client.subscribe("#")
        house.authority.start(asyncio.get_running_loop())
        house.write(SOME)
        await house.until(lambda: not any(client.session.subscriptions for client in clients))
        assert house.world.refused("subscription_ended") == 450
        house.authority.stop()

    asyncio.run(test())


def test_a_check_stays_the_same_if_nothing_is_said_differently_of_it() -> None:
    world = World()
    authority = Authority(world.broker, ScriptedHttp(), lambda: world.now, lambda: None)
    first = RulesSettings(check=CheckSettings("http://rules.example"))
    authority.use(prepare(first, SOURCE))
    check = authority._check
    assert check is not None
    authority.use(prepare(RulesSettings(revoked="disconnect", check=CheckSettings("http://rules.example")), SOURCE))
    assert authority._check is check
    authority.use(prepare(RulesSettings(check=CheckSettings("http://elsewhere.example")), SOURCE))
    assert authority._check not in (None, check)
    authority.use(prepare(None, SOURCE))
    authority.tick(world.now)
    assert authority._check is None


def test_subscriptions_are_asked_about_again_where_that_is_wanted() -> None:
    async def test() -> None:
        world = World()
        http = ScriptedHttp(YES, YES, NO)
        authority = Authority(world.broker, http, lambda: world.now, lambda: None)
        check = CheckSettings("http://rules.example", remember=Duration(10), recheck=Duration(30))
        authority.use(prepare(RulesSettings(check=check), SOURCE))
        authority.start(asyncio.get_running_loop())
        client = world.client("alice")
        client.send_subscribe("a")

        async def until(true: Callable[[], bool]) -> None:
            async with asyncio.timeout(PATIENCE):
                while not true():
                    await asyncio.sleep(0)

        await until(lambda: len(http.asked) == 2 and not client.is_paused())
        assert subscriptions(client) == ["a"]
        world.now += 15
        authority.tick(world.now)
        assert subscriptions(client) == ["a"]
        world.now += 15
        authority.tick(world.now)
        await until(lambda: subscriptions(client) == [])
        authority.stop()

    asyncio.run(test())


def test_a_changed_answer_has_subscriptions_looked_at() -> None:
    async def test() -> None:
        world = World()
        http = ScriptedHttp(YES, YES, YES, NO)
        authority = Authority(world.broker, http, lambda: world.now, lambda: None)
        authority.use(prepare(RulesSettings(check=CheckSettings("http://rules.example")), SOURCE))
        authority.start(asyncio.get_running_loop())
        first = world.client("alice")
        first.send_subscribe("a")
        async with asyncio.timeout(PATIENCE):
            while len(http.asked) < 2 or first.is_paused():
                await asyncio.sleep(0)
        world.now += 61
        second = world.client("alice2")  # the same user, as the gate of this world has it
        second.send_subscribe("a")
        async with asyncio.timeout(PATIENCE):
            while subscriptions(first):
                authority.tick(world.now)
                await asyncio.sleep(0)
        authority.stop()

    asyncio.run(test())


def test_a_bug_while_reading_leaves_the_rules_as_they_were_and_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        house = House(tmp_path, SOME)
        alice = house.world.connected("alice")
        house.authority.start(asyncio.get_running_loop())
        house.write("x = " + "[" * 100_000)  # more than the parser can stand
        await house.until(lambda: "they stay as they were" in caplog.text)
        for _ in range(3):
            house.authority._look()
        assert house.authority._reading is None
        assert alice.subscribe("a/2") == 0
        house.authority.stop()

    asyncio.run(test())
