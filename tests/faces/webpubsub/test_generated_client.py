"""A protobuf client that protoc generates of our .proto file, in Python, against `myna serve` as a real process.

What it does is what a program in any other language would do with the same file; protobufjs, which reads the file
itself, is with the SDKs.
"""

import importlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from myna.faces.webpubsub.settings import DEVELOPMENT_KEY
from myna.faces.webpubsub.tokens import CLIENT, Tokens
from tests.commands.processes import Serving, serve

PLAIN = "protobuf.webpubsub.azure.v1"
RELIABLE = "protobuf.reliable.webpubsub.azure.v1"
ROLES = [f"webpubsub.{role}" for role in ("joinLeaveGroup", "sendToGroup", "setGroupState", "getGroupState")]
PATIENCE = 20.0

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    # Errors alone are logged: nobody reads the pipe meanwhile.
    with serve(
        "--memory", "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0", environ={"MYNA_LOG__LEVEL": "error"}
    ) as serving:
        yield serving


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The module that protoc has made."""
    pytest.importorskip("grpc_tools", reason="grpcio-tools, which brings protoc, is not installed")
    folder = tmp_path_factory.mktemp("generated")
    source = Path(str(files("myna.faces.webpubsub.protobuf").joinpath("webpubsub.proto")))
    command = ["-m", "grpc_tools.protoc", f"-I{source.parent}", f"--python_out={folder}", source.name]
    subprocess.run([sys.executable, *command], check=True)
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module("webpubsub_pb2")
    finally:
        sys.path.remove(str(folder))


class Client:
    def __init__(self, server: Serving, schema: Any, subprotocol: str, *, lost: "Client | None" = None) -> None:
        """`lost`: the one that this one continues."""
        host, port = server.address("http")
        claims = {"sub": "pb", "role": ROLES, "webpubsub.group": ["g"]}
        token = Tokens([DEVELOPMENT_KEY]).issue(CLIENT, "Generated", f"http://{host}:{port}", claims, 600, time.time())
        query = {"access_token": token}
        if lost is not None:
            query = {"awps_connection_id": lost.id, "awps_reconnection_token": lost.token}
        url = f"ws://{host}:{port}/client/hubs/Generated?{urlencode(query)}"
        self._schema = schema
        self._opened = ExitStack()
        opening = connect(url, subprotocols=[Subprotocol(subprotocol)], max_size=None)
        self.socket: ClientConnection = self._opened.enter_context(opening)
        connected = self.take().system_message.connected_message
        assert connected.user_id == "pb"
        self.id: str = connected.connection_id
        self.token: str = connected.reconnection_token
        assert bool(self.token) == (subprotocol == RELIABLE)

    def say(self, **fields: object) -> None:
        self.socket.send(self._schema.UpstreamMessage(**fields).SerializeToString())

    def take(self) -> Any:
        frame = self.socket.recv(PATIENCE)
        assert isinstance(frame, bytes)
        return self._schema.DownstreamMessage.FromString(frame)

    def send(self, data: object, **more: object) -> None:
        self.say(send_to_group_message={"group": "g", "data": data, **more})

    def ask(self, **fields: object) -> Any:
        self.say(**fields)
        return self.take()

    def vanish(self) -> None:
        """No close frame, no goodbye."""
        self.socket.socket.shutdown(socket.SHUT_RDWR)
        self.close()

    def close(self) -> None:
        self._opened.close()

    def ends_after(self, frame: str | bytes) -> int:
        """The code of the broker's close frame, which may come while we still send."""
        with suppress(ConnectionClosed):
            self.socket.send(frame)
            while True:
                self.socket.recv(PATIENCE)
        return self.socket.close_code or 0


@pytest.mark.parametrize("subprotocol", [PLAIN, RELIABLE])
def test_every_kind_of_request_is_answered(server: Serving, schema: Any, subprotocol: str) -> None:
    with closing(Client(server, schema, subprotocol)) as client:
        package = schema.DESCRIPTOR.package
        any_data = {"type_url": f"types.example/{package}.Nobody", "value": b"\xff\x00"}
        kinds: list[dict[str, Any]] = [
            {"text_data": "hé"},
            {"binary_data": b"\x00\xff"},
            {"protobuf_data": any_data},
            {"text_data": ""},
        ]
        for number, data in enumerate(kinds, 1):
            client.send(data, ack_id=number)
            got, acked = client.take(), client.take()
            if got.WhichOneof("message") == "ack_message":
                got, acked = acked, got
            assert (got.data_message.group, getattr(got.data_message, "from")) == ("g", "group")
            assert got.data_message.data == schema.MessageData(**data)
            assert got.data_message.sequence_id == (number if subprotocol == RELIABLE else 0)
            assert (acked.ack_message.ack_id, acked.ack_message.success) == (number, True)
        client.send({"json_data": '{"a": 1.0}'}, metadata={"k": "v"})
        got = client.take().data_message
        assert (got.data.text_data, dict(got.metadata)) == ('{"a": 1.0}', {"k": "v"})
        client.send({"text_data": "again"}, ack_id=1)
        assert client.take().ack_message.error.name == "Duplicate"
        client.send({"text_data": "zero"}, ack_id=0, no_echo=True)
        assert client.take().ack_message.success
        assert client.ask(ping_message={}).HasField("pong_message")
        assert client.ask(join_group_message={"group": "h", "ack_id": 20}).ack_message.success
        assert client.ask(leave_group_message={"group": "h", "ack_id": 21}).ack_message.success
        assert client.ask(event_message={"event": "e", "data": {"text_data": "x"}, "ack_id": 22}).ack_message.error.name
        state = {"group": "g", "ack_id": 23, "state": {"entries": {"k": "v"}}}
        assert client.ask(set_group_state_message=state).ack_message.success
        assert client.ask(subscribe_group_state_message={"group": "g", "ack_id": 24}).ack_message.success
        (item,) = client.take().group_state_snapshot_message.items
        assert (item.connection_id, item.user_id, dict(item.state.entries)) == (client.id, "pb", {"k": "v"})
        assert client.ask(unsubscribe_group_state_message={"group": "g", "ack_id": 25}).ack_message.success
        invoked = client.ask(invoke_event_message={"event": "e", "invocation_id": "i"}).invoke_response_message
        assert (invoked.invocation_id, invoked.success, invoked.error.name) == ("i", False, "NotFound")
        client.say(cancel_invocation_message={"invocation_id": "i"})
        started = client.ask(send_to_group_message={"group": "g", "no_echo": True, "stream": {"stream_id": "s"}})
        assert started.stream_ack_message.expected_sequence_id == 1
        piece = {"stream_id": "s", "stream_sequence_id": 1, "data": {"text_data": "piece"}}
        assert client.ask(stream_data_message=piece).stream_ack_message.expected_sequence_id == 2
        early = client.ask(stream_data_message={**piece, "stream_sequence_id": 5}).stream_nack_message
        assert (early.name, early.expected_sequence_id) == ("InvalidSequenceId", 2)
        assert not client.ask(stream_end_message={"stream_id": "s"}).stream_closed_message.HasField("error")


@pytest.mark.parametrize("subprotocol", [PLAIN, RELIABLE])
def test_fields_of_later_schemas_are_skipped_and_nonsense_ends_the_connection(
    server: Serving, schema: Any, subprotocol: str
) -> None:
    join = schema.UpstreamMessage(join_group_message={"group": "h", "ack_id": 1}).join_group_message
    later = join.SerializeToString() + bytes([0x9A, 0x06, 1, 0x78])  # field 99: "x"
    with closing(Client(server, schema, subprotocol)) as client:
        client.socket.send(bytes([0x32, len(later)]) + later + bytes([0xA0, 0x06, 7]))  # field 100: 7
        assert client.take().ack_message.success
        client.send({"text_data": "x" * 1_000_000})
        assert len(client.take().data_message.data.text_data) == 1_000_000
    for frame, code in (
        ("text", 1003),
        (b"", 1007),
        (b"\xff", 1007),
        (bytes([0xA0, 0x06, 7]), 1007),  # nothing but field 100
        (b"\x32\x03\x0a\x01", 1007),  # cut short
        (b"\x32\x03\x0a\x01\xff", 1007),  # a name that is not UTF-8
        (b"\x30\x01", 1007),  # join_group_message as a number
        (b"\x00" * (1024 * 1024 + 1), 1009),
    ):
        with closing(Client(server, schema, subprotocol)) as client:
            assert client.ends_after(frame) == code, frame[:10]


def test_a_reliable_client_comes_back_and_misses_nothing(server: Serving, schema: Any) -> None:
    with closing(Client(server, schema, PLAIN)) as sender:
        reader = Client(server, schema, RELIABLE)
        numbers: list[int] = []
        texts: list[str] = []

        def read(count: int) -> None:
            while len(numbers) < count:
                message = reader.take().data_message
                if message.sequence_id not in numbers:  # what comes again keeps its number
                    numbers.append(message.sequence_id)
                    texts.append(message.data.text_data)

        for attempt in range(3):
            for n in range(50):
                sender.send({"text_data": f"{attempt}.{n}"}, no_echo=True)
            read(attempt * 50 + 20)
            reader.say(sequence_ack_message={"sequence_id": attempt * 50 + 10})
            reader.vanish()
            reader, before = Client(server, schema, RELIABLE, lost=reader), reader
            assert (reader.id, reader.token != "") == (before.id, True)
        read(150)
        assert numbers == list(range(1, 151))
        assert texts == [f"{attempt}.{n}" for attempt in range(3) for n in range(50)]
        reader.close()


def test_nobody_else_comes_back_in_its_place(server: Serving, schema: Any) -> None:
    with closing(Client(server, schema, RELIABLE)) as alice, closing(Client(server, schema, RELIABLE)) as eve:
        host, port = server.address("http")
        query = urlencode({"awps_connection_id": alice.id, "awps_reconnection_token": eve.token})
        url = f"ws://{host}:{port}/client/hubs/Generated?{query}"
        with connect(url, subprotocols=[Subprotocol(RELIABLE)]) as thief:
            with pytest.raises(ConnectionClosed) as ended:
                thief.recv(PATIENCE)
            assert ended.value.rcvd is not None
            assert ended.value.rcvd.code == 1008
        assert alice.ask(ping_message={}).HasField("pong_message")
