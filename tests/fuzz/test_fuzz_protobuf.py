"""Whatever a protobuf client says, it is answered or its connection ends; and what is said to it can always be read.

The corpus holds one UpstreamMessage a file, one at least of each kind.
"""

from myna.faces.webpubsub.clients.requests import BadInvocation, BadRequest, BadStream, Malformed
from myna.faces.webpubsub.protobuf.reading import read_request
from tests.faces.webpubsub.hub import PROTOBUF, RELIABLE_PROTOBUF, Hub, Member
from tests.fuzz.mutate import SEED, inputs

ROLES = tuple(f"webpubsub.{name}" for name in ("joinLeaveGroup", "sendToGroup", "setGroupState", "getGroupState"))
TURNS = 200  # of one hub, before another one takes over


def test_any_bytes_are_a_request_or_a_clean_error() -> None:
    for data, _ in inputs("protobuf"):
        try:
            read_request(data)
        except (Malformed, BadRequest, BadStream, BadInvocation):
            pass
        except Exception as error:
            raise AssertionError(f"seed {SEED}: {data.hex()}") from error


class World:
    """A hub with somebody in every group that the corpus names, in every subprotocol."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.quiet = [self.hub.client("quiet", roles=ROLES, groups=["g"], protocol=name) for name in (None, PROTOBUF)]
        self.client = self.join()

    def join(self) -> Member:
        return self.hub.client("loud", roles=ROLES, groups=["g"], protocol=RELIABLE_PROTOBUF)

    def say(self, data: bytes) -> None:
        self.client.endpoint.on_bytes(data)
        self.hub.world.pass_time(0)
        self.client.taken_protobuf()  # whatever it is, it can be read
        self.quiet[0].raw()
        self.quiet[1].taken_protobuf()
        if self.client.socket.closed is not None:
            assert self.client.socket.closed == 1007
            self.client = self.join()


def test_no_client_disturbs_another_one() -> None:
    world = World()
    for count, (data, _) in enumerate(inputs("protobuf")):
        try:
            world.say(data)
        except Exception as error:
            raise AssertionError(f"seed {SEED}: {data.hex()}") from error
        if count % TURNS == TURNS - 1:
            world = World()
