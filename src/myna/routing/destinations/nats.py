"""Events to NATS: published to a subject, and with JetStream acknowledged by a stream.

What a newcomer gets wrong: without JetStream nobody says that a message has arrived; then it is delivered when the
server has answered a ping behind it.
"""

import asyncio
import re
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, Final, Literal

from myna.config import Duration
from myna.formats.cloudevents import CHARSET, STRUCTURED, NotAnEvent, attributes_of, content_of
from myna.routing.destination import Destination, DestinationContext, DestinationSettings, NotReady
from myna.routing.event import Event
from myna.routing.verdict import AUTHENTICATION, DELIVERED, NOT_FOUND, Fate, Verdict, again, never

SCHEDULE: Final = (1.0, 5.0, 10.0, 30.0, 60.0)
_TOPIC: Final = "${topic}"
_WORD: Final = re.compile(r"[\s.*>%\x00-\x1f\x7f]")


class NatsSettings(DestinationSettings, frozen=True, kw_only=True):
    servers: tuple[str, ...]  # nats://host:4222, tls://
    subject: str = "myna.${topic}"  # a topic's levels become words: a/b is a.b; what NATS reserves is written %XX
    jetstream: bool = False  # wait for a stream to have it; there must be one for the subject
    mode: Literal["structured", "binary"] = "structured"  # binary: the data, with ce- headers
    credentials_file: str = ""  # as `nsc` makes them
    token: str = ""
    user_name: str = ""
    password: str = ""
    timeout: Duration = Duration(5)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.servers:
            raise ValueError('servers: where is it? `servers = ["nats://localhost:4222"]`')
        if not self.subject or re.search(r"[\s*>]", self.subject):
            raise ValueError(f"subject: {self.subject!r} cannot be published to")


class NatsDestination(Destination):
    SETTINGS = NatsSettings
    SCHEDULE = SCHEDULE
    SEPARATE = True
    RENEWS = True  # the client gives up for good where a login is refused while it reconnects

    def __init__(self, context: DestinationContext, settings: NatsSettings) -> None:
        try:  # an extra, and imported only for those who name it
            self._nats: Any = import_module("nats")
        except ImportError:
            raise ValueError("NATS needs its client: pip install 'myna[nats]'") from None
        self._name = context.name
        self._settings = settings
        self._connection: Any = None
        self._heard_last = ""

    async def start(self) -> None:
        await self.stop()
        settings = self._settings
        options: dict[str, Any] = {
            "servers": list(settings.servers),
            "name": f"myna {self._name}",
            "connect_timeout": float(settings.timeout),
            "allow_reconnect": True,
            "max_reconnect_attempts": -1,
            "error_cb": self._heard,
        }
        for option, value in (
            ("user_credentials", settings.credentials_file),
            ("token", settings.token),
            ("user", settings.user_name),
            ("password", settings.password),
        ):
            if value:
                options[option] = value
        options["max_reconnect_attempts"] = 1  # of the first connection; from then on it comes back by itself
        connection = self._nats.NATS()
        try:
            await connection.connect(**options)
        except (OSError, self._nats.errors.Error) as error:
            await connection.close()
            raise NotReady(self._judge(error)) from None
        except asyncio.CancelledError:
            await connection.close()
            raise
        self._connection = connection
        self._connection.options["max_reconnect_attempts"] = -1

    async def stop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def deliver(self, events: Sequence[Event]) -> Verdict | Sequence[Verdict]:
        if self._settings.jetstream:
            return [await self._to_stream(event) for event in events]
        verdicts: list[Verdict] = []
        connections = self._connection.stats["reconnects"]
        for event in events:
            verdict = await self._try(self._publish(event))
            if verdict.fate is Fate.AGAIN:
                return verdict
            verdicts.append(verdict)
        flushed = await self._try(self._flush(connections))
        return verdicts if flushed is DELIVERED else flushed

    async def _try(self, work: Coroutine[Any, Any, None]) -> Verdict:
        """The client may wait for a connection without end, and says nowhere else why there is none."""
        try:
            async with asyncio.timeout(float(self._settings.timeout)):
                await work
        except NotAnEvent as error:
            return never(f"an event cannot be sent: {error}", result="InvalidEvent")
        except self._nats.errors.MaxPayloadError:
            return never("the event is larger than the server allows", result="PayloadTooLarge")
        except self._nats.js.errors.NoStreamResponseError:
            return again("no stream has the subject", result="NotFound", error=NOT_FOUND)
        except (OSError, TimeoutError, self._nats.errors.Error) as error:
            return self._judge(error)
        return DELIVERED

    async def _publish(self, event: Event) -> None:
        headers, body = self._form(event)
        if not self._connection.is_connected:  # the client would hold it in memory
            raise ConnectionError("not connected")
        await self._connection.publish(self._subject(event), body, headers=headers)

    async def _flush(self, connections: int) -> None:
        """Until the server has answered behind all that was published. Without a connection, and after a break, it is
        not this that the client waits for.
        """
        connection = self._connection
        await connection.flush(float(self._settings.timeout))
        if not connection.is_connected or connection.stats["reconnects"] != connections:
            raise ConnectionError("the connection was lost")

    async def _to_stream(self, event: Event) -> Verdict:
        verdict = await self._try(self._publish_to_stream(event))
        if verdict.error == NOT_FOUND:
            return replace(verdict, cause=f"{verdict.cause} {self._subject(event)}")
        return verdict

    async def _publish_to_stream(self, event: Event) -> None:
        headers, body = self._form(event)
        headers["Nats-Msg-Id"] = str(event.decoded().get("id", ""))  # so that a repetition is known as one
        stream = self._connection.jetstream(timeout=float(self._settings.timeout))
        await stream.publish(self._subject(event), body, headers=headers)

    def _form(self, event: Event) -> tuple[dict[str, str], bytes]:
        if self._settings.mode == "structured":
            return {"content-type": STRUCTURED + CHARSET}, event.body
        decoded = event.decoded()
        body, content_type = content_of(decoded)
        headers = {f"ce-{name}": _printable(value) for name, value in attributes_of(decoded).items()}
        if content_type:
            headers["content-type"] = _printable(content_type)
        return headers, body

    def _subject(self, event: Event) -> str:
        return self._settings.subject.replace(_TOPIC, subject_of(event.topic))

    async def _heard(self, error: Exception) -> None:
        """Trouble in the background: why there is no connection, which the client says nowhere else."""
        self._heard_last = _explain(error)

    def _judge(self, error: Exception) -> Verdict:
        """Why there is no connection."""
        heard = self._heard_last
        cause = _explain(error) if not heard or heard in str(error) else f"{_explain(error)} ({heard})"
        if "authorization" in heard.lower():
            return again(cause, result="NotAuthorized", error=AUTHENTICATION, hold=30.0)
        return again(cause, result="SocketError", hold=10.0)


def subject_of(topic: str) -> str:
    """A topic's levels as the words of a subject."""
    return ".".join([_WORD.sub(_escape, level) or "%" for level in topic.split("/")])


def _escape(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode())


def _printable(value: str) -> str:
    return "".join(one if one.isprintable() else " " for one in value)


def _explain(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
