"""The webhooks of the setting provider and of the resource throttler: what is asked, when, and what an answer does."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from myna.app.limits import TenantLimits
from myna.config import load_text
from myna.config.limits import LimitSettings
from myna.core.counters import Counters
from myna.core.limits import Limits, vars_of
from myna.core.quotas import RESOURCES
from myna.faces.bifromq import tenant_settings, throttler
from myna.faces.bifromq.face import Settings
from myna.faces.bifromq.tenant_settings import LEVELS, SETTINGS, TenantSettings, limits_from
from myna.faces.bifromq.throttler import Throttler
from myna.faces.bifromq.webhook import AT_ONCE, Webhook
from myna.formats.outgoing import LARGEST_ANSWER, Answer, CallFailed, Cause
from myna.testing import TENANT, World


class Backend:
    """Answers by what is asked: `answers` by (tenant, name), else 404. Counts, and may be made to wait."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], str] = {}
        self.asked: list[tuple[str, str]] = []
        self.status = 200
        self.failure: CallFailed | None = None
        self.at_once = 0
        self.most_at_once = 0

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        timeout: float = 30.0,
        largest: int = LARGEST_ANSWER,
        redirects: int = 0,
        trust: str = "",
    ) -> Answer:
        assert (method, url, timeout) == ("GET", "http://hook", 5.0)
        assert redirects
        given = dict(headers)
        question = (given["tenant_id"], given.get("setting_name") or given["resource_type"])
        self.asked.append(question)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.failure is not None:
            raise self.failure
        answer = self.answers.get(question)
        return Answer(404 if answer is None else self.status, {}, (answer or "").encode())


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 60))


async def settle(webhook: Webhook) -> None:
    while webhook._tasks:
        await asyncio.sleep(0)


class Throttled:
    def __init__(self) -> None:
        self.world = World()
        self.backend = Backend()
        self.counters = self.world.broker.counters
        self.webhook = Webhook("bifromq_throttler", "http://hook", self.backend, self.counters, lambda: self.world.now)
        self.throttler = Throttler(self.webhook, self.counters, lambda: self.world.now)
        self.world.broker.ask(self.throttler)

    async def allows(self, resource: str, tenant: str = TENANT) -> bool:
        """What is said at once; what has been asked by it is then awaited."""
        said = self.throttler.allows(tenant, resource)
        await settle(self.webhook)
        return said


@pytest.mark.parametrize("resource", RESOURCES)
def test_the_first_answer_is_yes_and_the_next_what_was_heard(resource: str) -> None:
    async def scenario() -> None:
        throttled = Throttled()
        throttled.backend.answers[TENANT, resource] = "false"
        assert await throttled.allows(resource)
        assert not await throttled.allows(resource)
        assert throttled.backend.asked == [(TENANT, resource)]

    run(scenario)


@pytest.mark.parametrize(
    ("text", "allowed"), [("false", False), ("FALSE\n", False), ("true", True), ("no", True), ("", True), ("0", True)]
)
def test_only_false_means_no(text: str, allowed: bool) -> None:
    async def scenario() -> None:
        throttled = Throttled()
        throttled.backend.answers[TENANT, "TotalConnections"] = text
        await throttled.allows("TotalConnections")
        assert await throttled.allows("TotalConnections") == allowed

    run(scenario)


def test_any_other_status_or_no_answer_means_yes_also_after_a_no() -> None:
    async def scenario() -> None:
        throttled = Throttled()
        backend, world = throttled.backend, throttled.world
        backend.answers[TENANT, "TotalConnections"] = "false"
        for status, failure in ((500, None), (200, CallFailed(Cause.TIMEOUT, "hook did not answer"))):
            backend.status, backend.failure = 200, None
            world.now += 2
            await throttled.allows("TotalConnections")
            assert not await throttled.allows("TotalConnections")
            backend.status, backend.failure = status, failure
            world.now += 2
            await throttled.allows("TotalConnections")
            assert await throttled.allows("TotalConnections")
        assert world.refused("bifromq_throttler:no_answer") == 2

    run(scenario)


def test_a_question_is_asked_once_a_second_and_forgotten_after_a_minute() -> None:
    async def scenario() -> None:
        throttled = Throttled()
        throttled.backend.answers[TENANT, "TotalConnections"] = "false"
        for step, asked in ((0.0, 1), (0.5, 1), (0.6, 2), (0.9, 2), (59.0, 3)):
            throttled.world.now += step
            await throttled.allows("TotalConnections")
            assert len(throttled.backend.asked) == asked
        throttled.world.now += 61
        assert await throttled.allows("TotalConnections")

    run(scenario)


def test_tenants_that_are_asked_for_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttler, "QUESTIONS", 3)

    async def scenario() -> None:
        throttled = Throttled()
        for number in range(5):
            assert await throttled.allows("TotalConnections", f"tenant {number}")
        assert len(throttled.backend.asked) == 3
        assert throttled.world.refused("bifromq_throttler:too_many_tenants") == 2
        throttled.world.now += 61
        await throttled.allows("TotalConnections", "tenant 4")
        assert throttled.backend.asked[-1] == ("tenant 4", "TotalConnections")

    run(scenario)


def test_a_client_is_refused_by_what_the_webhook_says() -> None:
    async def scenario() -> None:
        throttled = Throttled()
        throttled.backend.answers[TENANT, "TotalConnections"] = "false"
        throttled.world.connected("first")
        await settle(throttled.webhook)
        throttled.world.client("second").expect_connack(0x97)

    run(scenario)


def test_questions_go_out_a_few_at_a_time_and_the_rest_waits() -> None:
    async def scenario() -> None:
        backend = Backend()
        webhook = Webhook("hook", "http://hook", backend, Counters(), lambda: 0.0)
        told: list[str | None] = []
        for number in range(100):
            backend.answers[str(number), "x"] = str(number)
            assert webhook.ask({"tenant_id": str(number), "setting_name": "x"}, told.append)
        await settle(webhook)
        assert sorted(map(str, told)) == sorted(map(str, range(100)))
        assert backend.most_at_once <= AT_ONCE
        await webhook.close()
        assert not webhook.ask({"tenant_id": "t", "setting_name": "x"}, told.append)

    run(scenario)


def test_a_tenant_s_name_cannot_become_a_header_of_its_own() -> None:
    async def scenario() -> None:
        backend = Backend()
        webhook = Webhook("hook", "http://hook", backend, Counters(), lambda: 0.0)
        webhook.ask({"tenant_id": "a\r\nx: y", "setting_name": "x"}, lambda answer: None)
        await settle(webhook)
        assert backend.asked == [("a??x: y", "x")]

    run(scenario)


# Settings


class Provided:
    def __init__(self, configuration: str = "", refresh: float = 5.0) -> None:
        self.world = World()
        self.backend = Backend()
        broker = self.world.broker
        webhook = Webhook("bifromq_settings", "http://hook", self.backend, broker.counters, lambda: self.world.now)
        self.webhook = webhook
        self.limits = TenantLimits(broker, load_text(configuration.encode(), "", {}).config)
        self.settings = TenantSettings(webhook, broker, self.limits.provide, refresh)

    def say(self, **values: object) -> None:
        for name, value in values.items():
            self.backend.answers[TENANT, name] = str(value).lower() if isinstance(value, bool) else str(value)

    async def tick(self, seconds: float = 1.0) -> None:
        self.world.now += seconds
        self.settings.tick(self.world.now)
        await settle(self.webhook)


CASES = [
    ("MQTT3Enabled", "false", "levels", (4, 5)),
    ("MQTT4Enabled", "false", "levels", (3, 5)),
    ("MQTT5Enabled", "false", "levels", (3, 4)),
    ("NoLWTWhenServerShuttingDown", "true", "wills_at_shutdown", False),
    ("DebugModeEnabled", "true", "messages_logged", True),
    ("ForceTransient", "true", "force_transient", True),
    ("ByPassPermCheckError", "true", "permission_errors_allow", True),
    ("PayloadFormatValidationEnabled", "true", "payload_format_checked", True),
    ("RetainEnabled", "False", "retain_available", False),
    ("WildcardSubscriptionEnabled", "false", "wildcards_available", False),
    ("SubscriptionIdentifierEnabled", "false", "identifiers_available", False),
    ("SharedSubscriptionEnabled", "false", "shared_available", False),
    ("MaximumQoS", "1", "maximum_qos", 1),
    ("MaxTopicLevelLength", "41", "level_length", 41),
    ("MaxTopicLevels", "17", "topic_levels", 17),
    ("MaxTopicLength", "256", "topic_length", 256),
    ("MaxTopicAlias", "0", "topic_alias_maximum", 0),
    ("MaxSharedGroupMembers", "201", "group_members", 201),
    ("MaxTopicFiltersPerInbox", "101", "subscriptions_per_session", 101),
    ("MsgPubPerSec", "1000", "publishes_per_second", 1000.0),
    ("ReceivingMaximum", "201", "receive_maximum", 201),
    ("InBoundBandWidth", "0", "inbound_bytes_per_second", 0.0),
    ("OutBoundBandWidth", "1048576", "outbound_bytes_per_second", 1_048_576.0),
    ("MaxLastWillBytes", "129", "will_size", 129),
    ("MaxUserPayloadBytes", "268435456", "packet_size", 268_435_456),
    ("MaxTopicFiltersPerSub", "100", "filters_per_subscribe", 100),
    ("MaxGroupFanout", "101", "group_fanout", 101),
    ("MaxPersistentFanout", "2147483647", "persistent_fanout", 2_147_483_647),
    ("MaxPersistentFanoutBytes", "9223372036854775807", "persistent_fanout_bytes", 2**63 - 1),
    ("MaxSessionExpirySeconds", "86401", "session_expiry_maximum", 86_401),
    ("MinSessionExpirySeconds", "61", "session_expiry_minimum", 61),
    ("MinKeepAliveSeconds", "61", "keep_alive_minimum", 61),
    ("SessionInboxSize", "1001", "queue_messages", 1001),
    ("QoS0DropOldest", "true", "queue_qos_0_drops_oldest", True),
    ("RetainMessageMatchLimit", "11", "retained_per_subscription", 11),
]


def test_every_setting_has_its_case() -> None:
    assert [name for name, _, _, _ in CASES] == list(SETTINGS)
    assert len(SETTINGS) == 38 - 3


@pytest.mark.parametrize(("name", "text", "limit", "value"), CASES)
def test_a_setting_becomes_a_limit_of_the_tenant_alone(name: str, text: str, limit: str, value: object) -> None:
    async def scenario() -> None:
        provided = Provided()
        provided.say(**{name: text})
        usual = vars_of(Limits())
        provided.world.connected("c")
        await provided.tick()
        limits = vars_of(provided.world.tenant.limits)
        assert {key: limits[key] for key in limits if limits[key] != usual[key]} in ({limit: value}, {})
        assert limits[limit] == value
        assert vars_of(provided.world.broker.tenant("other").limits) == usual

    run(scenario)


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("MaximumQoS", ("3", "-1", "x", "1.0", "", "٣", "1" * 40)),
        ("MsgPubPerSec", ("0", "1001")),
        ("MaxTopicLength", ("0", "65536")),
        ("MaxTopicFiltersPerSub", ("0", "101")),
        ("SessionInboxSize", ("0", "65536")),
        ("MinKeepAliveSeconds", ("0", "65535")),
        ("MaxPersistentFanoutBytes", ("9223372036854775808",)),
        ("RetainEnabled", ("yes", "1", "null")),
    ],
)
def test_a_value_that_cannot_be_leaves_the_one_before(name: str, texts: tuple[str, ...]) -> None:
    for text in texts:
        assert SETTINGS[name].read(text) is None


def test_what_is_gone_or_wrong_later_changes_nothing() -> None:
    async def scenario() -> None:
        provided = Provided()
        provided.say(MaximumQoS=1, RetainEnabled=False)
        provided.world.connected("c")
        await provided.tick()
        provided.backend.answers.clear()
        provided.say(MaximumQoS=7)
        await provided.tick(6)
        limits = provided.world.tenant.limits
        assert (limits.maximum_qos, limits.retain_available) == (1, False)
        assert provided.world.refused("bifromq_settings:bad_value") == 1
        provided.say(MaximumQoS=0)
        await provided.tick(6)
        assert provided.world.tenant.limits.maximum_qos == 0

    run(scenario)


def test_a_tenant_in_use_is_asked_for_every_few_seconds_and_one_that_is_not_is_forgotten() -> None:
    async def scenario() -> None:
        provided = Provided()
        provided.say(MaximumQoS=1)
        client = provided.world.connected("c")
        for _ in range(11):
            await provided.tick()
        assert len(provided.backend.asked) == 3 * len(SETTINGS)
        client.disconnect()
        await provided.tick(290)
        assert provided.world.tenant.limits.maximum_qos == 1
        await provided.tick(20)
        assert provided.world.tenant.limits.maximum_qos == 2
        assert len(provided.backend.asked) == 3 * len(SETTINGS)

    run(scenario)


def test_messages_of_an_api_are_use_as_well() -> None:
    async def scenario() -> None:
        provided = Provided()
        provided.say(MaxTopicLevels=3)
        provided.world.publish("a")
        await provided.tick()
        assert provided.world.tenant.limits.topic_levels == 3

    run(scenario)


def test_what_the_file_says_of_the_tenant_goes_over_it_and_what_it_says_of_everybody_below() -> None:
    async def scenario() -> None:
        provided = Provided(
            f"[limits]\nmaximum_qos = 0\ntopic_levels = 5\n[tenant.{TENANT}.limits]\ntopic_length = 9\n"
        )
        provided.say(MaximumQoS=1, MaxTopicLength=100, MaxTopicLevelLength=7)
        provided.world.connected("c")
        await provided.tick()
        limits = provided.world.tenant.limits
        assert (limits.maximum_qos, limits.topic_levels) == (1, 5)
        assert (limits.topic_length, limits.level_length) == (9, 7)
        provided.limits.use(load_text(b"[limits]\ntopic_levels = 6\n", "", {}).config)
        limits = provided.world.tenant.limits
        assert (limits.topic_length, limits.topic_levels, limits.level_length) == (100, 6, 7)
        provided.settings.forget_all()
        limits = provided.world.tenant.limits
        assert (limits.topic_levels, limits.level_length) == (6, 0)

    run(scenario)


def test_tenants_beyond_the_bound_keep_what_the_file_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenant_settings, "TENANTS", 2)

    async def scenario() -> None:
        provided = Provided()
        for name in "abc":
            provided.world.broker.tenant(name)
            provided.backend.answers[name, "MaximumQoS"] = "0"
        await provided.tick()
        tenants = provided.world.broker.tenants
        assert [tenants[name].limits.maximum_qos for name in "abc"] == [0, 0, 2]
        assert provided.world.refused("bifromq_settings:too_many_tenants") == 1

    run(scenario)


def test_versions_are_told_one_by_one() -> None:
    assert limits_from({name: name != "MQTT3Enabled" for name in LEVELS}).levels == ("3.1.1", "5")
    assert limits_from({}) == LimitSettings()


@pytest.mark.parametrize(
    "settings", [{"settings_url": "ftp://x"}, {"throttler_url": "hook:80"}, {"settings_refresh": 0.5}]
)
def test_settings_of_the_face_that_make_no_sense(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"begins with|at least"):
        Settings(**settings)
