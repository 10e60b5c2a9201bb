"""MQTT 5 properties on the command line, in mosquitto's form: `-D publish user-property room kitchen`.

Which packet may bear which property, and its type, is read from the table of the wire; here are only the names.
What a newcomer gets wrong: `-D publish …` describes the messages, `-D connect …` the connection, and so on.
"""

import argparse
from collections.abc import Sequence
from typing import Any, Final

from myna.wire import properties as wire
from myna.wire.properties import Properties
from myna.wire.topics import check_topic

# mosquitto's names, where they are not simply the attribute's with hyphens.
_NAMES: Final = {
    "payload_format": "payload-format-indicator",
    "message_expiry": "message-expiry-interval",
    "session_expiry": "session-expiry-interval",
    "will_delay": "will-delay-interval",
    "subscription_identifiers": "subscription-identifier",
    "user_properties": "user-property",
}
_COMMANDS: Final = {
    "connect": wire.IN_CONNECT,
    "publish": wire.IN_PUBLISH,
    "disconnect": wire.IN_DISCONNECT,
    "subscribe": wire.IN_SUBSCRIBE,
    "unsubscribe": wire.IN_UNSUBSCRIBE,
    "will": wire.IN_WILL,
}
_LARGEST: Final = {wire.BYTE: 1, wire.TWO_BYTES: 65_535, wire.FOUR_BYTES: 4_294_967_295, wire.VARINT: 268_435_455}
_NOT_ZERO: Final = ("receive_maximum", "maximum_packet_size", "topic_alias", "subscription_identifiers")
# What a server alone may say in a packet that both send, or what makes no sense from a command line.
_NOT_OURS: Final = {("disconnect", "server_reference"), ("publish", "subscription_identifiers")}

PropertySets = dict[str, Properties]


def add_property_option(parser: argparse._ArgumentGroup) -> None:
    parser.add_argument(
        "-D",
        "--property",
        action=AddProperty,
        nargs="+",
        default={},
        metavar=("PACKET NAME", "VALUE"),
        help="an MQTT 5 property: PACKET NAME VALUE, or PACKET user-property KEY VALUE. PACKET is one of "
        f"{', '.join(_COMMANDS)}",
    )


class AddProperty(argparse.Action):
    """Collects `-D` into one Properties per packet."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        sets: PropertySets = dict(getattr(namespace, self.dest))
        try:
            add_property(sets, values)
        except ValueError as error:
            parser.error(f"{option} {' '.join(values)}: {error}")
        setattr(namespace, self.dest, sets)


def add_property(sets: PropertySets, words: Sequence[str]) -> None:
    """Raises ValueError if the words are no property of that packet."""
    if len(words) < 3:
        raise ValueError("expected PACKET NAME VALUE, as in: -D publish content-type text/plain")
    command, name, *values = words
    names = names_for(command)
    if name not in names:
        raise ValueError(f"{command} has no property {name!r}; it may have {', '.join(sorted(names))}")
    attribute, kind = names[name]
    properties = sets.setdefault(command, Properties())
    if kind == wire.STRING_PAIR:
        if len(values) != 2:
            raise ValueError("a user property has a key and a value")
        properties.user_properties = [*(properties.user_properties or []), (values[0], values[1])]
        return
    if len(values) != 1:
        raise ValueError("one value expected: put quotes around one with spaces")
    _set(properties, attribute, kind, values[0])


def names_for(command: str) -> dict[str, tuple[str, int]]:
    """The properties a packet of this kind may bear: name -> attribute and type."""
    bearer = _COMMANDS.get(command)
    if bearer is None:
        raise ValueError(f"{command!r} is no packet; there are {', '.join(_COMMANDS)}")
    return {
        _NAMES.get(attribute, attribute.replace("_", "-")): (attribute, kind)
        for attribute, kind, bearers, _repeatable in wire.TABLE.values()
        if bearers & bearer and (command, attribute) not in _NOT_OURS
    }


def _set(properties: Properties, attribute: str, kind: int, text: str) -> None:
    value: int | str | bytes | list[int]
    if kind == wire.STRING:
        value = text
    elif kind == wire.BINARY:
        value = text.encode("utf-8", "surrogateescape")
    else:
        value = _number(text, 1 if attribute in _NOT_ZERO else 0, _LARGEST[kind])
        if attribute == "subscription_identifiers":
            value = [value]
    if attribute == "response_topic" and not check_topic(text):
        raise ValueError("a response topic has no wildcards and is not empty")
    setattr(properties, attribute, value)


def _number(text: str, smallest: int, largest: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not smallest <= number <= largest:
        raise ValueError(f"a number from {smallest} to {largest} expected")
    return number
