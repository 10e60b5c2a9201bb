"""The face as a whole: settings that change, the cloud's limits, what a stop does."""

import pytest

from myna.app.limits import core_limits
from myna.config.limits import PROFILES
from myna.faces.webpubsub.hub_settings import Handler, HubSettings
from myna.faces.webpubsub.settings import Settings
from myna.wire import reasons
from myna.wire.packets import Connect, Disconnect
from tests.faces.webpubsub.hub import Hub

EVERYTHING = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]


def test_settings_change_without_a_restart_and_nobody_is_sent_away() -> None:
    hub = Hub(Settings(access_key="a" * 32, secondary_key="b" * 32))
    assert hub.call("POST", ":send", b"x", token=hub.token("/api/hubs/chat", key=b"a" * 32)).status == 202
    assert hub.call("POST", ":send", b"x", token=hub.token("/api/hubs/chat", key=b"b" * 32)).status == 202
    path = "/client/hubs/chat"
    opened = hub.upgrade(path, f"access_token={hub.token(path, key=b'a' * 32)}")
    assert hub.face.reload(Settings(access_key="c" * 32, anonymous_hubs=("lobby",), strict_client_ids=True))
    assert hub.call("POST", ":send", b"x", token=hub.token("/api/hubs/chat", key=b"a" * 32)).status == 401
    assert hub.call("POST", ":send", b"x", token=hub.token("/api/hubs/chat", key=b"c" * 32)).status == 202
    assert hub.upgrade("/client/hubs/lobby").socket.answer == ("accepted", None)
    assert opened.socket.closed is None


@pytest.mark.parametrize(
    "settings",
    [
        {"access_key": "short"},
        {"unacknowledged_messages": 0},
        {"invocation_timeout": 0},
        {"anonymous_hubs": ("1",)},
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Settings(**settings)  # type: ignore[arg-type]  # the wrong values are the test


def test_the_profile_restores_the_limits_of_the_cloud() -> None:
    hub = Hub(limits=core_limits(PROFILES["webpubsub"]))
    client = hub.mqtt_stranger(role=EVERYTHING)
    client.send(Connect(5, "c", True, 0))
    answer = client.expect_connack().properties
    assert answer is not None
    assert answer.retain_available == 0
    assert answer.wildcard_subscription_available == 0
    assert answer.shared_subscription_available == 0
    assert answer.topic_alias_maximum == -1
    assert answer.server_keep_alive == 180
    assert answer.maximum_packet_size == 1024 * 1024
    assert client.subscribe("a/+", 1) == reasons.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED
    assert client.subscribe("$share/g/a", 1) == reasons.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED
    assert client.subscribe("a", 1) == 1
    client.publish("a", b"x", 1, retain=True)
    refused = client.received()[-1]
    assert isinstance(refused, Disconnect)
    assert refused.code == reasons.RETAIN_NOT_SUPPORTED


def test_without_the_profile_mqtt_clients_have_more() -> None:
    hub = Hub()
    client = hub.mqtt("c", role=EVERYTHING)
    assert [client.subscribe(filter, 2) for filter in ("a/+", "#", "$share/g/a/+")] == [2, 2, 2]
    client.publish("a/b", b"kept", 1, retain=True)
    other = hub.mqtt("other", role=EVERYTHING)
    other.subscribe("a/+", 1)
    assert [message.payload for message in other.messages()] == [b"kept"]


def test_without_permission_a_publish_at_qos_0_ends_the_connection_as_in_the_cloud() -> None:
    hub = Hub(limits=core_limits(PROFILES["webpubsub"]))
    client = hub.mqtt("c")
    client.publish("a", b"x")
    refused = client.received()[-1]
    assert isinstance(refused, Disconnect)
    assert refused.code == reasons.NOT_AUTHORIZED


def test_the_banner_says_where_events_go() -> None:
    handler = Handler("http://app/?code=secret", "*")
    hub = Hub(Settings(hubs={"chat": HubSettings(handlers=(handler,)), "other": HubSettings()}))
    assert list(hub.face.banner())[2:] == ["  hub chat: all user events to http://app/?code=***"]
