"""An event on its way to one destination: the CloudEvent as it was formed once, and how often it has been tried.

Its bytes never change, so that a repetition is one: the same id, time and enrichments. What a newcomer gets wrong: it
is JSON already. Only who sends another form has it decoded.
"""

from typing import Any

import msgspec

from myna.core.delivery import Delivery
from myna.core.message import Message
from myna.formats.cloudevents import NotAnEvent
from myna.routing.times import rfc3339

UNTRIED = "NotAttempted"


class Event:
    """`due` is when it may be tried again; 0 for one that has not been put back."""

    __slots__ = ("_body", "_decoded", "attempted_at", "attempts", "delivery", "due", "message", "result")

    def __init__(self, delivery: Delivery, message: Message, *, plain: bool = False) -> None:
        self.delivery = delivery
        self.message = message
        self._body = b"" if plain else message.payload  # of a plain message it is made when somebody asks
        self.attempts = 0
        self.attempted_at = 0.0
        self.due = 0.0
        self.result = UNTRIED  # of the last attempt, in the contract's words
        self._decoded: dict[str, Any] | None = None

    @property
    def body(self) -> bytes:
        """The CloudEvent in JSON."""
        if not self._body:
            self._body = describe_message(self.message, self.number)
        return self._body

    @property
    def topic(self) -> str:
        """What it is ordered by: the topic of the message, the subject of other events."""
        return self.message.topic

    @property
    def number(self) -> int:
        """Its place in the queue; higher for later ones."""
        return self.delivery.number

    @property
    def size(self) -> int:
        return self.delivery.size

    def decoded(self) -> dict[str, Any]:
        """The CloudEvent as a value. Raises NotAnEvent where what a client sent is JSON that cannot be read after all:
        nested without end, or a number beyond all bounds.
        """
        if self._decoded is None:
            try:
                self._decoded = msgspec.json.decode(self.body, type=dict[str, Any])
            except (msgspec.MsgspecError, RecursionError) as error:
                raise NotAnEvent(str(error)) from None
        return self._decoded


def describe_message(message: Message, number: int) -> bytes:
    """A message that is in a queue as it was published, as the event it would have been."""
    event = {
        "specversion": "1.0",
        "id": str(number),
        "source": message.origin.tenant,
        "type": "MQTT.EventPublished",
        "subject": message.topic,
        "time": rfc3339(message.published_at),
        "data_base64": message.payload,  # bytes are base64 in JSON
    }
    return msgspec.json.encode(event)
