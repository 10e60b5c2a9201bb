"""Every kind of data from every kind of sender to every kind of receiver."""

import base64
from collections.abc import Callable
from typing import Any, Final

import pytest

from myna.testing import properties
from myna.wire.packets import Publish
from tests.faces.webpubsub.hub import PROTOBUF, RELIABLE, RELIABLE_PROTOBUF, Hub, Member, groups_of_token

ROLES: Final = ["webpubsub.sendToGroup"]
ANY: Final = b"\x0a\x03t/x\x12\x02\xff\x00"
JSON_TEXT: Final = b'{ "a" : [1.50, "h\xc3\xa9"] }'
TYPES: Final = {
    "text": "text/plain",
    "json": "application/json",
    "binary": "application/octet-stream",
    "protobuf": "application/x-protobuf",
}
PAYLOADS: Final = {"text": "hé\n".encode(), "json": JSON_TEXT, "binary": b"\x00\xff", "protobuf": ANY}
PROTOBUF_FIELDS: Final = {"text": "text_data", "json": "json_data", "binary": "binary_data"}


def from_json(hub: Hub, kind: str, protocol: str = "json.webpubsub.azure.v1") -> None:
    payload = PAYLOADS[kind]
    value = (
        payload.decode() if kind == "json" else json_string(payload if kind == "text" else base64.b64encode(payload))
    )
    sender = hub.client("alice", roles=ROLES, protocol=protocol)
    sender.endpoint.on_text(f'{{"type":"sendToGroup","group":"g","dataType":"{kind}","data":{value}}}')


def json_string(text: bytes) -> str:
    return '"' + text.decode().replace("\n", "\\n") + '"'


def from_protobuf(hub: Hub, kind: str) -> None:
    value: Any = {"type_url": "t/x", "value": b"\xff\0"} if kind == "protobuf" else PAYLOADS[kind]
    if kind in ("text", "json"):
        value = value.decode()
    fields = {PROTOBUF_FIELDS.get(kind, "protobuf_data"): value}
    hub.client("alice", roles=ROLES, protocol=PROTOBUF).say_protobuf(
        send_to_group_message={"group": "g", "data": fields}
    )


def from_simple(hub: Hub, kind: str) -> None:
    sender = hub.client("alice", roles=ROLES, protocol=None, query="webpubsub_mode=sendToGroup&group=g")
    if kind == "text":
        sender.endpoint.on_text(PAYLOADS[kind].decode())
    else:
        sender.endpoint.on_bytes(PAYLOADS[kind])


def from_rest(hub: Hub, kind: str) -> None:
    assert hub.call("POST", "groups/g/:send", PAYLOADS[kind], content_type=TYPES[kind]).status == 202


def from_mqtt_5(hub: Hub, kind: str) -> None:
    sender = hub.mqtt("sender", "alice", role=ROLES)
    sender.send(Publish("g", PAYLOADS[kind], 0, properties=properties(content_type=TYPES[kind])))


def from_mqtt_311(hub: Hub, kind: str) -> None:
    hub.mqtt("sender", "alice", 4, role=ROLES).send(Publish("g", PAYLOADS[kind], 0))


ALL: Final = tuple(TYPES)
SENDERS: Final[dict[str, tuple[Callable[[Hub, str], None], tuple[str, ...]]]] = {
    "json": (from_json, ALL),
    "reliable json": (lambda hub, kind: from_json(hub, kind, RELIABLE), ALL),
    "protobuf": (from_protobuf, ALL),
    "simple": (from_simple, ("text", "binary")),
    "REST": (from_rest, ("text", "json", "binary")),
    "MQTT 5": (from_mqtt_5, ALL),
    "MQTT 3.1.1": (from_mqtt_311, ("binary",)),
}
CELLS: Final = [(sender, kind) for sender, (_, kinds) in SENDERS.items() for kind in kinds]


@pytest.mark.parametrize(("sender", "kind"), CELLS)
def test_what_each_receiver_gets(sender: str, kind: str) -> None:
    hub = Hub()
    members = {name: hub.client(groups=["g"], protocol=name) for name in (None, PROTOBUF, RELIABLE_PROTOBUF, RELIABLE)}
    json = hub.client(groups=["g"])
    five = hub.mqtt("five", **groups_of_token("g"))
    three = hub.mqtt("three", level=4, **groups_of_token("g"))
    SENDERS[sender][0](hub, kind)
    payload = PAYLOADS[kind]

    for member in (json, members[RELIABLE]):
        expect_json(member, kind, payload)
    for member in (members[PROTOBUF], members[RELIABLE_PROTOBUF]):
        expect_protobuf(member, kind, payload)
    assert members[None].raw() == [(b"T" if kind in ("text", "json") else b"B") + payload]
    (got,) = five.messages()
    declared = None if got.properties is None else got.properties.content_type
    assert (got.payload, declared) == (payload, None if sender == "MQTT 3.1.1" else TYPES[kind])
    assert three.payloads() == [payload]


def expect_json(member: Member, kind: str, payload: bytes) -> None:
    frame = member.raw()[0]
    written = base64.b64encode(payload) if kind in ("binary", "protobuf") else payload
    value = written if kind == "json" else json_string(written).encode()
    assert frame.endswith(b'"dataType":"%b","data":%b}' % (kind.encode(), value))


def expect_protobuf(member: Member, kind: str, payload: bytes) -> None:
    got = member.take_protobuf().data_message
    assert (getattr(got, "from"), got.group) == ("group", "g")
    field = got.data.WhichOneof("data")
    if kind == "protobuf":
        assert (field, got.data.protobuf_data.SerializeToString()) == ("protobuf_data", payload)
    elif kind == "binary":
        assert (field, got.data.binary_data) == ("binary_data", payload)
    else:
        assert (field, got.data.text_data) == ("text_data", payload.decode())


@pytest.mark.parametrize(
    ("content_type", "payload"),
    [("text/plain", b"\xff"), ("application/json", b"{"), ("image/png", b"x"), ("application/x-protobuf", b"\x0a\x09")],
)
def test_what_is_not_what_mqtt_says_it_is_reaches_protobuf_clients_as_binary(content_type: str, payload: bytes) -> None:
    hub = Hub()
    member = hub.client(groups=["g"], protocol=PROTOBUF)
    sender = hub.mqtt("sender", role=ROLES)
    sender.send(Publish("g", payload, 0, properties=properties(content_type=content_type)))
    assert member.take_protobuf().data_message.data.binary_data == payload


@pytest.mark.parametrize("kind", ["text", "json", "binary"])
@pytest.mark.parametrize("protocol", [PROTOBUF, RELIABLE_PROTOBUF])
def test_what_the_server_sends(kind: str, protocol: str) -> None:
    hub = Hub()
    member = hub.client("alice", protocol=protocol)
    for path in (":send", "users/alice/:send", f"connections/{member.id}/:send"):
        assert hub.call("POST", path, PAYLOADS[kind], content_type=TYPES[kind]).status == 202
        got = member.take_protobuf().data_message
        assert (getattr(got, "from"), got.HasField("group")) == ("server", False)
        assert (got.data.binary_data or got.data.text_data.encode()) == PAYLOADS[kind]
