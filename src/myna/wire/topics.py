"""Topic names and topic filters (§4.7), and the shared filters that carry a group's name in front (§4.8).

Knows nothing of who subscribed to what: `matches` compares one filter with one topic and is the plain statement of the
rules, against which the broker's index is tested.
An empty level is a level: "/a" has two, and "a//b" is not "a/b". Nothing is ever normalised.  [MQTT-4.7.3-4]
"""

from typing import Final, final

from myna.wire.fields import MAXIMUM_STRING, is_wanted

SHARED: Final = "$share/"
SHARED_ORDERED: Final = "$oshare/"


@final
class ParsedFilter:
    """A filter as subscribed to: `group` is empty for an ordinary one, `filter` is what topics are compared with."""

    __slots__ = ("filter", "group", "ordered")

    def __init__(self, filter: str, group: str = "", ordered: bool = False) -> None:
        self.filter = filter
        self.group = group
        self.ordered = ordered


def split_levels(text: str) -> list[str]:
    return text.split("/")


def _fits(text: str) -> bool:
    """Between one character and 65,535 bytes, of characters that may stand in a packet."""
    if not text or not is_wanted(text):  # [MQTT-4.7.3-1] [MQTT-4.7.3-2]
        return False
    return len(text) * 4 <= MAXIMUM_STRING or len(text.encode("utf-8")) <= MAXIMUM_STRING  # [MQTT-4.7.3-3]


def check_topic(topic: str) -> bool:
    """Is this a legal topic name?"""
    return "+" not in topic and "#" not in topic and _fits(topic)  # [MQTT-4.7.0-1]


def check_filter(raw: str) -> bool:
    """Is this a legal filter, shared or not?"""
    return parse_filter(raw) is not None


def parse_filter(raw: str) -> ParsedFilter | None:
    """Take a filter apart; None if it breaks the syntax."""
    if not _fits(raw):
        return None
    if raw.startswith(SHARED):
        return _parse_shared(raw, len(SHARED), False)
    if raw.startswith(SHARED_ORDERED):
        return _parse_shared(raw, len(SHARED_ORDERED), True)
    return ParsedFilter(raw) if _wildcards_stand_alone(raw) else None


def _parse_shared(raw: str, start: int, ordered: bool) -> ParsedFilter | None:
    slash = raw.find("/", start)
    if slash <= start:
        return None  # No group, or nothing behind it.  [MQTT-4.8.2-1] [MQTT-4.8.2-2]
    group = raw[start:slash]
    bare = raw[slash + 1 :]
    if "+" in group or "#" in group or not bare or not _wildcards_stand_alone(bare):
        return None  # [MQTT-4.8.2-2]
    return ParsedFilter(bare, group, ordered)


def _wildcards_stand_alone(bare: str) -> bool:
    if "#" in bare and (bare.index("#") != len(bare) - 1 or (len(bare) > 1 and bare[-2] != "/")):
        return False  # [MQTT-4.7.1-1]
    if "+" not in bare:
        return True
    return all(level == "+" or "+" not in level for level in bare.split("/"))  # [MQTT-4.7.1-2]


def matches(filter: str, topic: str) -> bool:
    """Does the topic match the filter? Both are legal, and the filter is bare (no group)."""
    if topic.startswith("$") and filter.startswith(("+", "#")):
        return False  # [MQTT-4.7.2-1]
    wanted = filter.split("/")
    given = topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index == len(given) or (level != "+" and level != given[index]):
            return False
    return len(wanted) == len(given)


def covers(wide: str, narrow: str) -> bool:
    """Does every topic that matches `narrow` match `wide`? Both are legal filters without a group."""
    if wide.startswith(("+", "#")):
        if narrow.startswith("$"):
            return False  # [MQTT-4.7.2-1]
        if wide == "+/#":
            return True  # the same as "#", for no topic has less than one level
    given = narrow.split("/")
    for index, level in enumerate(wide.split("/")):
        if level == "#":
            return True  # the parent level included
        if index == len(given) or given[index] == "#" or level not in ("+", given[index]):
            return False
    return wide.count("/") + 1 == len(given)


def overlaps(one: str, other: str) -> bool:
    """Is there a topic that matches both? They are legal filters without a group."""
    for first, second in ((one, other), (other, one)):
        if first.startswith(("+", "#")) and second.startswith("$"):
            return False  # [MQTT-4.7.2-1]
    ours = one.split("/")
    theirs = other.split("/")
    for mine, its in zip(ours, theirs, strict=False):
        if "#" in (mine, its):
            return True
        if mine != its and "+" not in (mine, its):
            return False
    if len(ours) == len(theirs):
        return True
    longer = ours if len(ours) > len(theirs) else theirs
    return longer[min(len(ours), len(theirs))] == "#"  # whose parent level the shorter one is
