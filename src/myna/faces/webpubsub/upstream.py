"""The seam to a hub's back end: what a client tells it, and what it answers.

    client.space.upstream.ask(client, UserEvent("move", "application/json", b'{"x":1}'), client.answered, now)
    …later, on the loop: client.answered(Reply(200, "text/plain", b"ok"), now)

Events of one client are asked one after the other, in their order, and so are their answers; those of others do not
wait for it. What a newcomer gets wrong: `then` is called exactly once, perhaps before `ask` returns and perhaps when
the client has long gone; whoever asks looks whether it still wants the answer.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from myna.core.receiver import Receiver
from myna.faces.webpubsub.naming import CONTENT_TYPES, DATA_TYPES, PROTOBUF, TEXT, check_metadata, is_text, media_type
from myna.faces.webpubsub.payloads import is_as_declared

METADATA: Final = "x-webpubsub-metadata-"  # the headers that carry a message's metadata, both ways

# Names of errors, as the clients' protocols have them.
NOT_FOUND: Final = "InvocationFailed"  # nobody takes such events
FAILED: Final = "InternalServerError"
TIMED_OUT: Final = "Timeout"
TOO_MANY: Final = "TooManyRequests"


@dataclass(frozen=True, slots=True)
class UserEvent:
    """What a client says. `headers` go into the request as they are."""

    name: str
    content_type: str
    payload: bytes
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of it. `status` is the handler's own, or (404, 429, 502, 504) stands for what kept us from having it.
    A failure has an `error` by name, and says it in words: `text`.
    """

    status: int
    content_type: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)  # by lower-case name
    error: str = ""
    text: str = ""

    @property
    def is_success(self) -> bool:
        return not self.error

    @property
    def refusal(self) -> str:
        """What a failure is counted as."""
        return "webpubsub_event_without_handler" if self.error == NOT_FOUND else f"webpubsub_event:{self.error}"

    def data_type(self) -> str:
        """The kind of data in `body`, for clients whose protocol tells them. A type we do not know is refused early."""
        return DATA_TYPES[media_type(self.content_type)] if self.content_type else TEXT

    def metadata(self) -> dict[str, str] | None:
        """What the handler wants the answer's metadata to be."""
        found = {name[len(METADATA) :]: value for name, value in self.headers.items() if name.startswith(METADATA)}
        is_good = found and all(map(is_text, found.values())) and not check_metadata(found)
        return found if is_good else None


Then = Callable[[Reply, float], None]


class Upstream(ABC):
    @abstractmethod
    def ask(self, receiver: Receiver, event: UserEvent, then: Then, now: float) -> None:
        """An event of this client, whose answer `then` is to hear."""


def nobody_takes(event: str) -> Reply:
    return Reply(404, error=NOT_FOUND, text=f"No event handler takes the event '{event}'.")


def event_of(name: str, data_type: str, payload: bytes, metadata: Mapping[str, str] | None) -> UserEvent:
    """An event of a client whose protocol knows kinds of data."""
    headers = tuple((METADATA + key, value) for key, value in metadata.items()) if metadata else ()
    return UserEvent(name, CONTENT_TYPES[data_type], payload, headers)


def readable(reply: Reply) -> Reply:
    """The same, or a failure where its body is nothing such a client can be told."""
    if not reply.is_success or not reply.body:
        return reply
    kind = media_type(reply.content_type)
    if reply.content_type and (kind not in DATA_TYPES or DATA_TYPES[kind] == PROTOBUF):
        return Reply(502, error=FAILED, text=f"The event handler answered with the type '{kind[:100]}'.")
    if not is_as_declared(reply.data_type(), reply.body):
        return Reply(502, error=FAILED, text=f"The event handler's answer is not {kind or 'text'}.")
    return reply
