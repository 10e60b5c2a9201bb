"""Events of MQTT clients: a publication becomes an event, the answer a publication to that client alone.

    $webpubsub/server/events/{event}             payload, content type, user properties as headers mqtt-<name>
    $webpubsub/server/events/{event}/succeeded   the answer: body, content type, headers mqtt-* as user properties,
    $webpubsub/server/events/{event}/failed      the status as the user property azure-status-code

Knows neither handlers nor sessions. What a newcomer gets wrong: header names are known in any case, so user properties
come back in lower case; and a 3.1.1 client gets nothing but topic and payload.
"""

import re
from typing import Final

from myna.core.message import Message, Origin
from myna.faces.webpubsub.naming import BINARY, CONTENT_TYPES, EVENTS, is_text
from myna.faces.webpubsub.upstream import Reply, UserEvent
from myna.formats.header_text import header_text
from myna.wire.properties import Properties

PREFIX: Final = "mqtt-"
DOTS: Final = (".", "..")  # in a handler's URL they would mean another one
STATUS: Final = "azure-status-code"
LONGEST: Final = 8 * 1024  # of a user property or content type
TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
MEDIA_TYPE: Final = re.compile(r"[!#$&^_.+\-0-9A-Za-z]+/[!#$&^_.+\-0-9A-Za-z]+(?:[ \t]*;[\x20-\x7e\t]*)?")


def event_name(topic: str) -> str:
    """Of a topic that raises one; empty if it does not."""
    name = topic[len(EVENTS) :] if topic.startswith(EVENTS) else ""
    return "" if "/" in name or name in DOTS else name


def read_event(name: str, message: Message) -> UserEvent | None:
    """None where the content type is none."""
    properties = message.properties
    content_type = None if properties is None else properties.content_type
    if content_type and MEDIA_TYPE.fullmatch(content_type) is None:
        return None
    given = None if properties is None else properties.user_properties
    headers = [(PREFIX + key, header_text(value)) for key, value in given or () if TOKEN.fullmatch(key)]
    return UserEvent(name, content_type or CONTENT_TYPES[BINARY], message.payload, tuple(headers))


def is_mqtt_text(text: str) -> bool:
    """A header may hold any bytes, a property only text."""
    return 0 < len(text) <= LONGEST and text.isprintable() and is_text(text)


def answer_to(asked: Message, reply: Reply, origin: Origin, now: float) -> Message:
    """What the client is told, with the QoS it used itself."""
    properties = Properties()
    properties.user_properties = [
        (name[len(PREFIX) :], value)
        for name, value in reply.headers.items()
        if name.startswith(PREFIX) and is_mqtt_text(value)
    ]
    properties.user_properties.append((STATUS, str(reply.status)))
    if is_mqtt_text(reply.content_type):
        properties.content_type = reply.content_type
    if asked.properties is not None:
        properties.correlation_data = asked.properties.correlation_data
    topic = f"{asked.topic}/{'succeeded' if reply.is_success else 'failed'}"
    body = reply.body or reply.text.encode()
    return Message(topic, body, asked.qos, False, origin, now, properties=properties)
