"""What a hub's clients and back ends may do in a second: clients are read from later, REST is told to come again."""

import pytest

from myna.core.limits import Limits
from tests.faces.webpubsub.hub import JSON, RELIABLE, Hub, Socket

TEXT = "text/plain"
SEND = ["webpubsub.sendToGroup"]


class Pausing(Socket):
    """Remembers whether it is read from."""

    paused = False

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False


def hub_with(**bounds: object) -> Hub:
    limits = Limits()
    for name, value in bounds.items():
        setattr(limits, name, value)
    return Hub(limits=limits)


@pytest.mark.parametrize("protocol", [JSON, RELIABLE])
@pytest.mark.parametrize(
    "bounds",
    [{"tenant_publishes_per_second": 2}, {"user_publishes_per_second": 2}, {"user_bytes_per_second": 2}],
)
def test_a_client_that_sends_too_much_is_read_from_later_and_loses_nothing(
    bounds: dict[str, object], protocol: str
) -> None:
    hub = hub_with(**bounds)
    reader = hub.client(groups=["g"])
    alice = hub.client("alice", roles=SEND, protocol=protocol)
    socket = Pausing()
    receiver = hub.core.session("chat", "", alice.id)
    assert receiver is not None
    receiver.socket = socket  # type: ignore[attr-defined]  # a client's, as this test knows
    alice.endpoint._socket = socket  # type: ignore[attr-defined]
    for number in range(3):
        alice.say(type="sendToGroup", group="g", data=number)
    assert len(reader.taken()) == 3
    assert socket.paused
    hub.world.pass_time(2.1)
    assert not socket.paused


def test_rest_is_told_when_to_come_again() -> None:
    hub = hub_with(tenant_publishes_per_second=1)
    replies = [hub.call("POST", ":send", b"x", content_type=TEXT) for _ in range(2)]
    replies.append(hub.call("POST", "groups/g/:send", b"x", content_type=TEXT))
    assert [reply.status for reply in replies] == [202, 429, 429]
    assert replies[1].headers[b"retry-after"] == b"1"
    assert replies[1].code() == "Error.TooManyRequests"
    assert hub.world.refused("webpubsub_send:throughput") == 2
    hub.world.pass_time(1)
    assert hub.call("POST", ":send", b"x", content_type=TEXT).status == 202


@pytest.mark.parametrize(
    ("bounds", "cause"), [({"connections": 1}, "tenant_connections"), ({"sessions": 1}, "tenant_sessions")]
)
def test_a_client_too_many_is_429(bounds: dict[str, object], cause: str) -> None:
    hub = hub_with(**bounds)
    hub.client()
    path = "/client/hubs/chat"
    assert hub.upgrade(path, f"access_token={hub.token(path)}").socket.answer == ("rejected", 429)
    assert hub.world.refused(cause) == 1
