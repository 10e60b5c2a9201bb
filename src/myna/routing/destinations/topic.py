"""Events that become messages again: published in this broker, on one topic or on one made of the event's attributes.

What a newcomer gets wrong: what is published here may match a rule again. The hops it has made go along, and a message
with too many is routed no further.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from myna.core.message import Message
from myna.core.outcome import Refusal
from myna.formats.cloudevents import STRUCTURED, NotAnEvent, content_of
from myna.routing.destination import Destination, DestinationContext
from myna.routing.event import Event
from myna.routing.hops import origin_after
from myna.routing.settings import DestinationSettings
from myna.routing.verdict import DELIVERED, Verdict, never
from myna.wire.properties import Properties
from myna.wire.topics import check_topic

_ATTRIBUTE: Final = re.compile(r"\$\{([a-z0-9]{1,40})\}")


class TopicSettings(DestinationSettings, frozen=True, kw_only=True):
    topic: str  # with attributes of the event: "archive/${subject}"
    tenant: str | None = None  # the default one
    qos: Annotated[int, Meta(ge=0, le=2)] = 1
    retain: bool = False
    form: Literal["event", "data"] = "event"  # the CloudEvent, or what the message was


class TopicDestination(Destination):
    SETTINGS = TopicSettings

    def __init__(self, context: DestinationContext, settings: TopicSettings) -> None:
        self._context = context
        self._settings = settings
        self._tenant = context.tenant if settings.tenant is None else settings.tenant
        if not check_topic(_ATTRIBUTE.sub("x", settings.topic)) or "$" in _ATTRIBUTE.sub("x", settings.topic)[:1]:
            raise ValueError(f"topic: {settings.topic!r} is no topic to publish to")

    async def deliver(self, events: Sequence[Event]) -> Sequence[Verdict]:
        return [self._publish(event) for event in events]

    def _publish(self, event: Event) -> Verdict:
        settings = self._settings
        try:
            decoded = event.decoded()
            topic = _ATTRIBUTE.sub(lambda found: str(decoded.get(found[1], "")), settings.topic)
            payload, content_type = content_of(decoded) if settings.form == "data" else (event.body, STRUCTURED)
        except NotAnEvent as error:
            return never(f"an event cannot be read: {error}", result="InvalidEvent")
        properties = Properties()
        properties.content_type = content_type or None
        broker, now = self._context.broker, self._context.now()
        message = Message(
            topic,
            payload,
            settings.qos,
            settings.retain,
            origin_after(event.message, self._tenant),
            now,
            properties=properties,
        )
        outcome: Any = broker.publish(broker.tenant(self._tenant), message, now)
        if isinstance(outcome, Refusal):
            return never(f"{topic!r} cannot be published to: {outcome.text}", result="InvalidTopic")
        return DELIVERED
