"""Rules on the road of messages: what they take, what they cost, and what happens when there is no room."""

import json
from typing import Any

import msgspec
import pytest

from myna.core.message import Message, Origin
from myna.core.outcome import Outcome
from myna.core.ports import CARRIED, LEFT, NOT_CARRIED
from myna.core.records import Enqueued
from myna.formats.offered import OfferedEvent
from myna.routing.deadletters import DeadLetter, Dropped, ToTopic
from myna.routing.hops import MOST, origin_after
from myna.routing.rules import Enrichments, Rule, RuleSettings
from myna.routing.tap import RoutingTap
from myna.testing import TENANT
from myna.testing import properties as make_properties
from tests.routing.harness import Depot

ORIGIN = Origin("api", TENANT)
ENRICH = {"static": [{"key": "a", "value": "1"}]}


class Desk:
    """A broker with a tap and two destinations."""

    def __init__(self, **settings: Any) -> None:
        self.depot = Depot(**settings)
        self.world = self.depot.world
        self.line = self.depot.line
        self.tap = RoutingTap(self.world.broker, lambda tenant: f"source of {tenant}")
        self.world.broker.carry(self.tap)

    def use(self, *rules: dict[str, Any]) -> list[Rule]:
        enrichments = Enrichments()
        made = []
        for number, raw in enumerate(rules):
            settings = msgspec.convert({"destination": "d", **raw}, RuleSettings)
            made.append(Rule(str(number), settings, self.line, enrichments.of(settings.enrichments), TENANT))
        self.tap.use(made)
        return made

    def publish(self, topic: str, payload: bytes = b"x", **given: Any) -> Outcome:
        retain = given.pop("retain", False)
        properties = make_properties(**given) if given else None
        message = Message(topic, payload, 1, retain, ORIGIN, self.world.now, 0.0, properties)
        outcome = self.world.broker.publish(self.world.tenant, message, self.world.now)
        assert isinstance(outcome, Outcome)
        return outcome

    def events(self) -> list[dict[str, Any]]:
        return [event.decoded() for event in self.line.take(1000, 1 << 30)]


def test_what_a_rule_wants_becomes_an_event_and_is_stored_with_the_publish() -> None:
    desk = Desk()
    desk.use({"topic_filters": ["a/+", "b"]})
    assert [desk.publish(topic).carried for topic in ("a/1", "b", "c", "a/1/2")] == [CARRIED, CARRIED, LEFT, LEFT]
    outcome = desk.publish("b")
    assert outcome.sequence == desk.world.store.sequence > 0
    assert [event["subject"] for event in desk.events()] == ["a/1", "b", "b"]


def test_other_tenants_are_left_alone_unless_they_are_named() -> None:
    desk = Desk()
    other = desk.world.broker.tenant("other")

    def publish_there() -> int:
        message = Message("a", b"x", 1, False, Origin("api", "other"), 0.0)
        outcome = desk.world.broker.publish(other, message, desk.world.now)
        assert isinstance(outcome, Outcome)
        return outcome.carried

    desk.use({})
    assert publish_there() == LEFT
    desk.use({"tenants": ["other"]})
    assert publish_there() == CARRIED
    assert desk.publish("a").carried == LEFT
    desk.use({"tenants": ["*"]})
    assert publish_there() == desk.publish("a").carried == CARRIED
    assert {event["source"] for event in desk.events()} == {"source of other", f"source of {TENANT}"}


def test_rules_that_add_the_same_share_an_event_and_a_destination_gets_it_once() -> None:
    desk = Desk()
    rules = desk.use({"topic_filters": ["a"]}, {"topic_filters": ["#"]}, {"enrichments": ENRICH})
    desk.world.records()
    desk.publish("a")
    assert [type(record) for record in desk.world.records()] == [Enqueued, Enqueued]
    first, second = desk.events()
    assert (first.get("a"), second["a"]) == (None, "1")
    assert first["id"] == second["id"]
    assert [rule.matched for rule in rules] == [1, 1, 1]


def test_filters_judge_each_message() -> None:
    desk = Desk()
    desk.use(
        {
            "filter": {"advancedFilters": [{"operatorType": "NumberGreaterThan", "key": "data.t", "value": 5}]},
            "enrichments": ENRICH,
        },
        {"filter": {"advancedFilters": [{"operatorType": "StringIn", "key": "a", "values": ["1"]}]}},
    )
    assert desk.publish("a", b'{"t":6}', payload_format=1).carried == CARRIED
    assert desk.publish("a", b'{"t":5}', payload_format=1).carried == LEFT
    assert len(desk.events()) == 1


def test_a_full_queue_is_told_to_the_publisher() -> None:
    desk = Desk(queue_messages=1)
    desk.use({})
    assert [desk.publish("a").carried for _ in range(2)] == [CARRIED, NOT_CARRIED]


def test_rules_may_change_at_any_time() -> None:
    desk = Desk()
    client = desk.world.connected("c")
    client.publish("a", b"0")
    desk.use({"topic_filters": ["a"]})
    client.publish("a", b"1")
    desk.use({"topic_filters": ["a"], "enabled": False})
    client.publish("a", b"2")
    assert len(desk.events()) == 1


def test_wills_and_retained_messages_are_messages() -> None:
    desk = Desk()
    desk.use({})
    desk.publish("a", b"x", retain=True)
    late = desk.world.connected("late")
    late.subscribe("a")  # gets the retained one, which is no publish
    assert len(desk.events()) == 1


@pytest.mark.parametrize("hops", [MOST - 1, MOST])
def test_what_has_come_round_too_often_goes_no_further(hops: int, caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    desk.use({})
    desk.publish("a")
    (event,) = desk.line.take(1, 1)
    origin = origin_after(event.message, TENANT)
    for _ in range(hops - 1):
        desk.world.broker.publish(desk.world.tenant, Message("a", b"", 0, False, origin, 0.0), desk.world.now)
        (event,) = desk.line.take(1, 1)
        origin = origin_after(event.message, TENANT)
    desk.world.broker.publish(desk.world.tenant, Message("a", b"", 0, False, origin, 0.0), desk.world.now)
    assert len(desk.line.take(1, 1)) == (1 if hops < MOST else 0)
    assert ("rules feed each other" in caplog.text) is (hops == MOST)
    assert desk.world.broker.counters.dropped.get("routing_loop", 0) == (1 if hops == MOST else 0)


def test_a_bug_in_routing_is_not_the_publisher_s(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    desk.use({})
    message = Message("\ud800", b"x", 0, False, ORIGIN, 0.0)  # no dialect publishes that
    assert desk.tap.offered(TENANT, message, 0.0) == NOT_CARRIED
    assert "by a bug of ours" in caplog.text


def test_dead_letters_are_not_routed() -> None:
    desk = Desk()
    desk.use({})
    grave = ToTopic("dead", TENANT, desk.world.broker, lambda: desk.world.now, Dropped())
    desk.publish("a")
    events = desk.line.take(1, 1)
    grave.bury([DeadLetter(event, "Any", 0.0) for event in events], lambda: None)
    assert desk.line.take(1, 1) == []


def test_other_events_are_for_rules_that_name_their_kind() -> None:
    desk = Desk()
    desk.use({"events": ["webpubsub"], "filter": {"includedEventTypes": ["wanted"]}})
    assert desk.tap.want("webpubsub", TENANT)
    assert not desk.tap.want("clients", TENANT)
    assert not desk.tap.want("webpubsub", "other")
    assert desk.tap.offer(OfferedEvent("webpubsub", TENANT, "wanted", "s", "j", {"x": 1}), desk.world.now)
    assert not desk.tap.offer(OfferedEvent("webpubsub", TENANT, "other", "s", "j"), desk.world.now)
    assert not desk.tap.offer(OfferedEvent("clients", TENANT, "wanted", "s", "j"), desk.world.now)
    (event,) = desk.events()
    assert (event["type"], event["subject"], event["data"]) == ("wanted", "j", {"x": 1})
    assert desk.publish("a").carried == LEFT


def test_an_event_keeps_its_id_and_time_for_all_attempts() -> None:
    desk = Desk()
    desk.use({})
    desk.publish("a")
    first = desk.line.take(1, 1)
    desk.line.give_back(first)
    desk.world.pass_time(100)
    assert json.loads(desk.line.take(1, 1)[0].body) == json.loads(first[0].body)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ({"topic_filters": ["a/#/b"]}, "no topic filter"),
        ({"topic_filters": ["$share/g/a"]}, "no topic filter"),
        ({"events": []}, "of which kind"),
        ({"nope": 1}, "unknown field"),
    ],
)
def test_rules_that_cannot_be_meant(raw: dict[str, Any], why: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=why):
        msgspec.convert({"destination": "d", **raw}, RuleSettings)
