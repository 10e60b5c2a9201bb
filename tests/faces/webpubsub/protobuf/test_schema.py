"""The schema: what the broker loads is what webpubsub.proto says, and what other people's clients were made of."""

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

from myna.faces.webpubsub.protobuf.schema import DownstreamMessage, GroupStateItem, MessageData, UpstreamMessage

FIELD = re.compile(r"(?:optional |repeated )?(?:map<.*>|[\w.]+) (\w+) = (\d+);")


def fields_as_written() -> Iterator[tuple[str, str, int]]:
    """(message, field, number) by the text of the .proto file."""
    scopes: list[str] = []
    text = files("myna.faces.webpubsub.protobuf").joinpath("webpubsub.proto").read_text(encoding="utf-8")
    for line in text.splitlines():
        code = line.partition("//")[0].strip()
        if opened := re.fullmatch(r"(message|oneof) (\w+) \{(\})?", code):
            if not opened[3]:
                scopes.append(opened[2] if opened[1] == "message" else "")
        elif code == "}":
            scopes.pop()
        elif field := FIELD.fullmatch(code):
            yield ".".join(scope for scope in scopes if scope), field[1], int(field[2])


def fields_as_loaded(descriptor: Any, prefix: str = "") -> Iterator[tuple[str, str, int]]:
    name = prefix + descriptor.name
    for field in descriptor.fields:
        yield name, field.name, field.number
    for nested in descriptor.nested_types:
        if not nested.GetOptions().map_entry:
            yield from fields_as_loaded(nested, f"{name}.")


def test_the_descriptor_is_of_this_proto_file() -> None:
    file = UpstreamMessage.DESCRIPTOR.file
    assert file.package == "azure.webpubsub"
    loaded = {field for message in file.message_types_by_name.values() for field in fields_as_loaded(message)}
    assert loaded == set(fields_as_written())
    assert ("DownstreamMessage.SystemMessage.DisconnectedMessage", "reason", 2) in loaded


@pytest.mark.parametrize(
    ("descriptor", "numbers"),
    [
        (UpstreamMessage.DESCRIPTOR, [1, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17]),
        (DownstreamMessage.DESCRIPTOR, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (MessageData.DESCRIPTOR, [1, 2, 3, 4]),
        (GroupStateItem.DESCRIPTOR, [1, 2, 3, 4]),
    ],
)
def test_the_numbers_are_those_of_the_subprotocol(descriptor: Any, numbers: list[int]) -> None:
    assert [field.number for field in descriptor.fields] == numbers


@pytest.mark.parametrize(
    ("data", "message"),
    [
        # As clients of the first schema wrote them, byte for byte.
        ("0a07 0a0167 1a00 1002", {"send_to_group_message": {"group": "g", "ack_id": 2, "data": {}}}),
        ("3205 0a0167 1001", {"join_group_message": {"group": "g", "ack_id": 1}}),
        ("3a03 0a0167", {"leave_group_message": {"group": "g"}}),
        ("4202 0805", {"sequence_ack_message": {"sequence_id": 5}}),
        ("4a00", {"ping_message": {}}),
    ],
)
def test_bytes_mean_what_they_always_have(data: str, message: dict[str, Any]) -> None:
    assert UpstreamMessage.FromString(bytes.fromhex(data)) == UpstreamMessage(**message)
