"""Topics under dh/ and what they mean.

    dh/request                                    a request; anything behind it is ignored
    dh/response/ACTION@CLIENT                     its answer
    dh/CATEGORY/NETWORK/TYPE/DEVICE/NAME[@CLIENT] something that happened; published by a client: something to do

What a newcomer gets wrong: an action and a name may hold slashes, and the mark of the client begins at the first `@`.
"""

from typing import Final

from msgspec import Struct

from myna.formats.directory import Directory, Names

SPACE: Final = "dh"
REQUEST: Final = "dh/request"
RESPONSE: Final = "dh/response/"

NOTIFICATION: Final = "notification"
COMMAND: Final = "command"
COMMAND_UPDATE: Final = "command_update"
CATEGORIES: Final = (NOTIFICATION, COMMAND, COMMAND_UPDATE)


class PushFilter(Struct, frozen=True):
    """A filter of pushes, level by level; None where any will do. `bare` is without the client's mark."""

    category: str
    network: str | None
    device_type: str | None
    device: str | None
    name: str | None
    bare: str
    marked_for: str | None


class PushTopic(Struct, frozen=True):
    category: str
    network: str
    device_type: str
    device: str
    name: str


def is_request(topic: str) -> bool:
    return topic == REQUEST or topic.startswith("dh/request/")


def response_topic(action: str, client_id: str) -> str:
    return f"{RESPONSE}{action}@{client_id}"


def push_topic(category: str, network_id: int, device_type_id: int, device_id: str, name: str) -> str:
    return f"dh/{category}/{network_id}/{device_type_id}/{device_id}/{name}"


def read_push_filter(filter: str) -> PushFilter | None:
    """None if the filter is not one of pushes alone."""
    bare, mark, marked_for = filter.partition("@")
    levels = bare.split("/")
    if len(levels) < 2 or levels[0] != SPACE or levels[1] not in CATEGORIES:
        return None
    parts: list[str | None] = []
    for level in levels[2:5]:
        if level == "#":
            break
        parts.append(None if level == "+" else level)
    parts += [None] * (3 - len(parts))
    name = "/".join(levels[5:])
    is_any = not name or "+" in name or "#" in name
    return PushFilter(
        levels[1], parts[0], parts[1], parts[2], None if is_any else name, bare, marked_for if mark else None
    )


def read_push_topic(topic: str, client_id: str) -> PushTopic | None:
    """The topic of a native publish, without the mark of its own client."""
    topic = topic.removesuffix(f"@{client_id}")
    levels = topic.split("/", 5)
    if len(levels) != 6 or levels[1] not in CATEGORIES or not all(levels):
        return None
    return PushTopic(levels[1], levels[2], levels[3], levels[4], levels[5])


def with_ids(bare: str, directory: Directory) -> str:
    """A filter with ids where it names a network or a device type: pushes carry nothing else."""
    levels = bare.split("/")
    for at, names in ((2, directory.networks), (3, directory.device_types)):
        if len(levels) > at and levels[at] not in ("+", "#"):
            levels[at] = _id(levels[at], names)
    return "/".join(levels)


def _id(level: str, names: Names) -> str:
    id = names.find(level)
    return level if id is None else str(id)
