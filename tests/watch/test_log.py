"""A line for each refusal, and not more."""

import logging

import pytest

from myna.core.message import Message, Origin
from myna.watch.lines import FIELDS
from myna.watch.log import BREACH, PER_SECOND, LogWatcher, find_hint
from tests.watch.brokers import Client


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "myna.clients")
    return caplog


def test_a_refusal_says_what_who_where_why_and_what_to_do(lines: pytest.LogCaptureFixture) -> None:
    LogWatcher().refused("PUBLISH to 'a'", "acme", "c1", "1.2.3.4:5", "quota exceeded", 0.0, "alice")
    (line,) = lines.records
    assert line.getMessage() == "refused: PUBLISH to 'a'"
    assert getattr(line, FIELDS) == {
        "cause": "quota exceeded",
        "client": "c1",
        "tenant": "acme",
        "user": "alice",
        "address": "1.2.3.4:5",
        "fix": "raise the limit it names in [limits]",
    }


def test_a_message_is_described_without_what_is_in_it(lines: pytest.LogCaptureFixture) -> None:
    origin = Origin("mqtt", "acme", client_id="c1")
    for _ in range(PER_SECOND * 2):
        LogWatcher().published("acme", Message("a/b", b"secret", 1, False, origin, 0.0), False, 0.0)
    assert len(lines.records) == PER_SECOND * 2
    assert getattr(lines.records[0], FIELDS) == {
        "tenant": "acme",
        "topic": "a/b",
        "qos": 1,
        "retain": False,
        "size": 6,
        "matched": False,
        "source": "mqtt",
        "client": "c1",
    }


def test_what_is_left_out_is_named_by_its_noun(lines: pytest.LogCaptureFixture) -> None:
    watcher = LogWatcher()
    for _ in range(PER_SECOND + 3):
        watcher.refused("a connection", "", "", "192.0.2.1", "no TLS", 0.0)
    watcher.flush(1.0)
    assert lines.messages[-1] == "refused: connection, 3 more within a second"


def test_a_thousand_refusals_are_a_few_lines_and_a_sum(lines: pytest.LogCaptureFixture) -> None:
    watcher = LogWatcher()
    for number in range(1000):
        watcher.refused(f"PUBLISH to 'a/{number}'", "acme", "c1", "", "not authorized", 0.0)
    watcher.refused("PUBLISH to 'a'", "acme", "c1", "", "quota exceeded", 0.0)
    assert len(lines.records) == PER_SECOND + 1
    watcher.flush(1.0)
    assert lines.messages[-1] == f"refused: PUBLISH, {1000 - PER_SECOND} more within a second"
    watcher.flush(2.0)
    assert len(lines.records) == PER_SECOND + 2
    watcher.refused("PUBLISH to 'a'", "acme", "c1", "", "not authorized", 3.0)
    assert len(lines.records) == PER_SECOND + 3


def test_causes_made_up_by_clients_do_not_grow_without_bound(lines: pytest.LogCaptureFixture) -> None:
    watcher = LogWatcher()
    for number in range(10_000):
        watcher.refused("a packet", "", "c1", "", f"topic alias {number}", 0.0)
    assert len(watcher._counts) < 300
    assert len(lines.records) < 300


def test_clients_come_and_go(lines: pytest.LogCaptureFixture) -> None:
    watcher = LogWatcher()
    watcher.connected(Client(), "1.2.3.4:5", 0.0)
    watcher.disconnected(Client(), 0, True, 0.0)
    watcher.disconnected(Client(), 0x8D, False, 0.0)
    assert lines.messages == ["client connected", "client disconnected", "client disconnected"]
    assert getattr(lines.records[0], FIELDS)["address"] == "1.2.3.4:5"
    assert getattr(lines.records[2], FIELDS)["why"] == "keep alive timeout"


def test_a_crowd_that_comes_is_summed_up(lines: pytest.LogCaptureFixture) -> None:
    watcher = LogWatcher()
    for _ in range(5000):
        watcher.connected(Client(), "", 0.0)
    watcher.flush(1.0)
    assert lines.messages[-1] == f"clients connected: {5000 - PER_SECOND:,} more within a second"


def test_lines_about_connections_can_be_turned_off(lines: pytest.LogCaptureFixture) -> None:
    watcher = LogWatcher(connections=False)
    watcher.connected(Client(), "", 0.0)
    watcher.disconnected(Client(), 0, True, 0.0)
    assert lines.messages == []


@pytest.mark.parametrize(
    "cause",
    ["no authenticator knows this client", "packet too large", "not authorized", "wrong user name or password"],
)
def test_common_causes_have_a_remedy(cause: str) -> None:
    assert find_hint(cause)
    assert find_hint("something nobody thought of") == ""


@pytest.mark.parametrize(
    "cause",
    ["QoS 3 in a subscription", "no local on a shared subscription", "retain handling 3", "will QoS or will retain …"],
)
def test_no_setting_is_named_for_what_no_setting_allows(cause: str) -> None:
    assert find_hint(cause) == BREACH


def test_settings_are_named_for_what_they_bound() -> None:
    assert "packet_size" in find_hint("packet of 2000000 bytes, larger than 1048576")
    assert "maximum_qos" in find_hint("QoS 2 is not supported")
    assert "filters_per_subscribe" in find_hint("11 filters in one packet")
    assert "topic_alias_maximum" in find_hint("topic alias 101")
    assert "3.1.1" in find_hint("MQTT level 6")


@pytest.mark.parametrize(
    ("cause", "remedy"),
    [
        ("the token is signed with another access key", "AccessKey"),
        ("the token's audience is another host", "`hosts`"),
        ("there is no access token", "access_token="),
        ("the handler must not be called: it does not allow calls from h (WebHook-Allowed-Origin)", "OPTIONS"),
        ("the handler must not be called: http://app: Connect call failed", "url_template"),
        ("no turn within 15 s: 32 calls at once are the hub's limit", "`calls`"),
        ("the handler answered 500", "log"),
        ("it reads too slowly for what it is sent", "unsent_bytes"),
        ("it leaves too much unacknowledged", "unacknowledged_messages"),
    ],
)
def test_what_keeps_clients_from_a_hub_has_its_own(cause: str, remedy: str) -> None:
    assert remedy in find_hint(cause)
