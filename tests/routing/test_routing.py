"""All of routing put together: what the file says, what is made at run time, and what changes meanwhile."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from myna.config import ConfigError, Source, Table
from myna.config.sections import Routing as Settings
from myna.core.outcome import Outcome
from myna.core.ports import CARRIED, LEFT
from myna.formats.offered import OfferedEvent
from myna.routing.boxes import TO
from myna.routing.destination import Destination, DestinationContext
from myna.routing.routing import Routing, RoutingError
from myna.routing.settings import DestinationSettings
from myna.testing import TENANT, CommitsOnCommand, World
from myna.testing.outgoing import ScriptedHttp
from tests.routing.harness import FakeDestination, until

NOWHERE = Source("", {}, {})


class FakeSettings(DestinationSettings, frozen=True, kw_only=True):
    word: str = ""


class Fake(FakeDestination):
    """All of them are in `made`, by name and in order."""

    SETTINGS = FakeSettings
    made: list["Fake"]

    def __init__(self, context: DestinationContext, settings: FakeSettings) -> None:
        super().__init__()
        if settings.word == "bad":
            raise ValueError("word: bad is no word")
        self.name = context.name
        self.settings = settings
        self.made.append(self)


async def safe() -> None:
    """Nobody here waits for the store."""


class House:
    def __init__(self, data: Path | None = None, world: World | None = None) -> None:
        self.kind: type[Fake] = type("OwnFake", (Fake,), {"made": []})
        self.kinds: dict[str, type[Destination]] = {"fake": self.kind}
        self.world = world or World(store=CommitsOnCommand())
        self.routing = Routing(
            self.world.broker,
            ScriptedHttp(),
            lambda: self.world.now,
            default_tenant=TENANT,
            data=data,
            safe=safe,
            kinds=self.kinds,
            offering=("face",),
        )

    def prepare(self, destinations: dict[str, Any], rules: dict[str, Any] | None = None) -> None:
        settings = Settings(
            namespace="ns",
            destinations={
                name: Table(("routing", "destinations", name), {"kind": "fake", **values})
                for name, values in destinations.items()
            },
            rules={name: Table(("routing", "rules", name), values) for name, values in (rules or {}).items()},
        )
        self.routing.prepare(settings, NOWHERE)

    async def start(self) -> None:
        self.routing.restore()
        await self.routing.start()

    def publish(self, topic: str = "a", payload: bytes = b"x") -> int:
        outcome = self.world.publish(topic, payload)
        assert isinstance(outcome, Outcome)
        return outcome.carried

    def newest(self) -> Fake:
        return self.kind.made[-1]


async def test_the_file_s_rules_and_destinations_are_in_force_once_restored() -> None:
    house = House()
    house.prepare({"d": {}}, {"r": {"destination": "d", "topic_filters": ["a"]}})
    assert house.publish() == LEFT
    await house.start()
    assert [house.publish(topic) for topic in ("a", "b")] == [CARRIED, LEFT]
    await until(lambda: house.newest().batches)
    assert b'"source":"ns"' in house.newest().sent[0]
    assert 'myna_routing_delivered_total{destination="d"} 1' in house.routing.metrics()
    await house.routing.stop(1.0)


@pytest.mark.parametrize(
    ("destinations", "rules", "said"),
    [
        ({"d": {"nope": 1}}, {}, "routing.destinations.d.nope: unknown key"),
        ({"d": {"word": "bad"}}, {}, "routing.destinations.d: word: bad is no word"),
        ({"d d": {}}, {}, "no name"),
        ({"d": {"kind": "pigeon"}}, {}, "there is no kind 'pigeon'"),
        ({"d": {"kind": None}}, {}, "`kind` is missing: one of fake"),
        ({"d": {}}, {"r": {"destination": "e"}}, "there is no destination 'e'"),
        ({"d": {}}, {"r": {}}, "the key destination is missing"),
        ({"d": {}}, {"r r": {"destination": "d"}}, "no name"),
        ({"d": {}}, {"r": {"destination": "d", "events": ["mesages"]}}, "'mesages'; did you mean messages?"),
        ({"d": {"dead_letter": "topic:a/#"}}, {}, "'a/#' is no topic to publish to"),
        (
            {"d": {}},
            {"r": {"destination": "d", "enrichments": {"static": [{"key": "ID", "value": ""}]}}},
            "routing.rules.r.enrichments: 'ID': a key is made of a-z and 0-9",
        ),
    ],
)
def test_what_cannot_be_meant_is_explained(destinations: Any, rules: Any, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        House().prepare(destinations, rules)
    assert said in str(caught.value)


async def test_what_is_made_at_run_time_is_kept_and_may_be_taken_back() -> None:
    house = House()
    await house.start()
    assert await house.routing.put_destination("d", {"kind": "fake", "word": "one"})
    assert not await house.routing.put_destination("d", {"kind": "fake", "word": "two"})
    assert house.routing.put_rule("r", {"destination": "d"})
    assert not house.routing.put_rule("r", {"destination": "d", "topic_filters": ["a"]})
    await house.routing.stop(1.0)
    again = House(world=house.world)  # the same store, as after a restart
    await again.start()
    assert again.newest().settings.word == "two"
    assert again.publish() == CARRIED
    with pytest.raises(RoutingError, match="rules send to it: r"):
        await again.routing.delete_destination("d")
    again.routing.delete_rule("r")
    assert again.publish() == LEFT
    await until(lambda: again.newest().batches)
    assert await again.routing.delete_destination("d") == 0
    assert list(again.world.broker.outboxes.names()) == []
    for work in (lambda: again.routing.station("d"), lambda: again.routing.delete_rule("r")):
        with pytest.raises(RoutingError) as caught:
            work()
        assert caught.value.missing


async def test_what_the_file_says_is_the_file_s() -> None:
    house = House()
    house.prepare({"d": {}}, {"r": {"destination": "d"}})
    await house.start()
    for name, work in (("d", house.routing.put_destination("d", {"kind": "fake"})),):
        with pytest.raises(RoutingError, match=f"{name} is defined in the configuration"):
            await work
    with pytest.raises(RoutingError, match="defined in the configuration"):
        house.routing.put_rule("r", {"destination": "d"})
    with pytest.raises(RoutingError, match="defined in the configuration"):
        house.routing.delete_rule("r")
    with pytest.raises(ConfigError, match="no name"):
        house.routing.put_rule("../r", {"destination": "d"})


async def test_a_change_of_the_file_rebuilds_only_what_has_changed() -> None:
    house = House()
    house.prepare({"d": {}, "e": {}, "gone": {}}, {"r": {"destination": "d"}})
    await house.start()
    house.kind.made.clear()
    house.prepare({"d": {}, "e": {"word": "new"}, "f": {}}, {"r": {"destination": "f"}})
    house.kind.made.clear()  # judged, and thrown away
    await house.routing.apply()
    assert {one.name for one in house.kind.made} == {"e", "f"}
    assert house.publish() == CARRIED
    await until(lambda: house.newest().batches)
    assert list(house.routing.stations) == ["d", "e", "f"]
    assert house.routing.orphans() == []  # nothing waits for the one that is gone


async def test_events_find_their_destination_again_when_it_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    house.prepare({"d": {}}, {"r": {"destination": "d"}})
    await house.start()
    house.routing.pause("d", True)
    house.publish()
    house.prepare({})
    await house.routing.apply()
    assert (house.publish(), house.routing.orphans()) == (LEFT, ["d"])
    assert caplog.text.count("events of d are kept") == 1
    await house.routing.apply()
    assert caplog.text.count("events of d are kept") == 1
    house.prepare({"d": {"word": "again"}})
    await house.routing.apply()
    assert house.routing.station("d").line.paused
    house.routing.pause("d", False)
    await until(lambda: house.newest().batches)
    assert house.newest().settings.word == "again"


async def test_what_waits_for_nobody_may_be_thrown_away() -> None:
    house = House()
    house.prepare({"d": {}}, {"r": {"destination": "d"}})
    await house.start()
    house.routing.pause("d", True)
    house.publish()
    house.prepare({})
    await house.routing.apply()
    assert await house.routing.delete_destination("d") == 1
    assert house.routing.orphans() == []


async def test_a_change_while_a_delivery_is_under_way_loses_nothing() -> None:
    house = House()
    await house.start()
    await house.routing.put_destination("d", {"kind": "fake"})
    house.routing.put_rule("r", {"destination": "d"})
    first = house.newest()
    first.verdicts.append(RuntimeError("in the middle"))
    house.publish(payload=b"1")
    await until(lambda: first.batches)
    await house.routing.put_destination("d", {"kind": "fake", "word": "new"})
    await until(lambda: house.newest().batches)
    assert house.newest().sent == first.sent
    assert first.stopped
    assert house.routing.station("d").line.attempts == 2


async def test_dead_letters_go_where_the_settings_say(tmp_path: Path) -> None:
    from myna.routing.verdict import never

    house = House(tmp_path)
    client = house.world.connected("c")
    client.subscribe("dead")
    graves = {"kept": "keep", "none": "drop", "folder": "folder:graves", "topic": "topic:dead"}
    house.prepare(
        {name: {"dead_letter": where} for name, where in graves.items()},
        {name: {"destination": name, "topic_filters": ["a"]} for name in graves},
    )
    await house.start()
    for one in house.kind.made:
        one.verdicts.append(never("no"))
    house.publish()
    await until(lambda: all(len(station.line.outbox) == 0 for station in house.routing.stations.values()))
    assert house.routing.station("kept").kept.count() == 1
    assert len(list((tmp_path / "graves").rglob("*.json"))) == 1
    assert len(client.payloads()) == 1
    assert await house.routing.replay("kept") == 1
    await until(lambda: house.routing.station("kept").line.delivered == 1)


async def test_others_may_offer_events() -> None:
    house = House()
    house.prepare({"d": {}}, {"r": {"destination": "d", "events": ["face", "clients"]}})
    await house.start()
    assert house.routing.want("face", TENANT)
    assert house.routing.offer(OfferedEvent("face", TENANT, "t", "s", "j"))
    house.world.broker.watcher = house.routing.client_events()
    house.world.connected("c")
    await until(lambda: len(house.newest().sent) == 2)
    assert b"providers/Microsoft.EventGrid/namespaces/ns" in house.newest().sent[1]


async def test_a_definition_of_another_version_is_said_and_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    house.world.broker.kept.keep("routing.destinations", "old", b'{"kind":"fake","gone":1}')
    house.world.broker.kept.keep("routing.rules", "old", b'{"destination":"old"}')
    await house.start()
    assert house.routing.stations == {}
    assert "old cannot be used" in caplog.text
    assert "sends to old, which is not there" in caplog.text


class Plain(Fake):
    PLAIN = True


async def test_what_waits_in_one_form_is_not_for_a_kind_that_wants_another(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    house.kinds["plain"] = type("OwnPlain", (Plain,), {"made": []})
    house.prepare({"d": {}}, {"r": {"destination": "d"}})
    await house.start()
    house.routing.pause("d", True)
    house.publish()
    with pytest.raises(ConfigError, match="events are kept for it, of which its new kind can make nothing"):
        house.prepare({"d": {"kind": "plain"}}, {"r": {"destination": "d"}})
    house.routing.station("d").line.clear()
    house.prepare({"d": {"kind": "plain"}}, {"r": {"destination": "d"}})
    house.publish()  # between the two
    await house.routing.apply()
    assert "the destination d stays as it was" in caplog.text
    assert house.routing.station("d").definition.values["kind"] == "fake"
    house.routing.station("d").line.clear()
    await house.routing.apply()
    assert house.routing.station("d").definition.values["kind"] == "plain"
    assert house.routing.station("d").line.paused


async def test_what_is_made_anew_while_it_is_deleted_is_there_whole() -> None:
    house = House()
    house.prepare({})
    await house.start()
    routing = house.routing
    await routing.put_destination("d", {"kind": "fake"})
    ending, go_on, stop = asyncio.Event(), asyncio.Event(), house.newest().stop

    async def slow() -> None:
        ending.set()
        await go_on.wait()
        await stop()

    house.newest().stop = slow  # type: ignore[method-assign]
    deleting = asyncio.ensure_future(routing.delete_destination("d"))
    await ending.wait()
    making = asyncio.ensure_future(routing.put_destination("d", {"kind": "fake", "word": "new"}))
    for _ in range(3):
        await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(deleting, making)
    assert "d" in routing.stations
    assert routing.destinations.find("d") is not None
    assert house.world.broker.outboxes.find(TO + "d") is not None
    await routing.stop(0.1)
