"""Events to a Kafka-compatible broker, by the CloudEvents binding: attributes as ce_ headers, or whole as JSON.

What a newcomer gets wrong: the key decides the partition, and thereby the order: it is the enrichment `partitionkey`
where a rule adds one, else the topic of the message.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final, Literal

from myna.config import Duration
from myna.formats.cloudevents import CHARSET, STRUCTURED, NotAnEvent, attributes_of, content_of
from myna.routing.destination import Destination, DestinationContext, DestinationSettings, NotReady
from myna.routing.event import Event
from myna.routing.verdict import AUTHENTICATION, DELIVERED, NOT_FOUND, Verdict, again, never

SCHEDULE: Final = (1.0, 5.0, 10.0, 30.0, 60.0)
PARTITION_KEY: Final = "partitionkey"


class KafkaSettings(DestinationSettings, frozen=True, kw_only=True):
    servers: tuple[str, ...]  # host:9092
    topic: str
    mode: Literal["structured", "binary"] = "binary"
    acks: Literal["all", "leader"] = "all"  # who must have it
    compression: Literal["none", "gzip"] = "none"
    tls: bool = False
    trust: str = ""  # PEM: authorities to believe, instead of the system's
    mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = ""
    user_name: str = ""
    password: str = ""
    timeout: Duration = Duration(30)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.servers:
            raise ValueError('servers: where is it? `servers = ["localhost:9092"]`')
        if bool(self.mechanism) != bool(self.user_name):
            raise ValueError("`mechanism` and `user_name` go together")


class KafkaDestination(Destination):
    SETTINGS = KafkaSettings
    SCHEDULE = SCHEDULE
    SEPARATE = True
    RENEWS = True  # a producer may be fenced off for good

    def __init__(self, context: DestinationContext, settings: KafkaSettings) -> None:
        try:  # an extra, and imported only for those who name it
            self._kafka: Any = import_module("aiokafka")
            self._errors: Any = import_module("aiokafka.errors")
        except ImportError:
            raise ValueError("Kafka needs its client: pip install 'myna[kafka]'") from None
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it repeats what is said of each delivery
        self._name = context.name
        self._settings = settings
        self._producer: Any = None

    async def start(self) -> None:
        settings = self._settings
        with contextlib.suppress(TimeoutError):  # what it still holds is sent again by the next
            async with asyncio.timeout(float(settings.timeout)):
                await self.stop()
        producer = self._kafka.AIOKafkaProducer(
            bootstrap_servers=list(settings.servers),
            client_id=f"myna-{self._name}",
            acks="all" if settings.acks == "all" else 1,
            enable_idempotence=settings.acks == "all",
            compression_type=None if settings.compression == "none" else settings.compression,
            request_timeout_ms=int(settings.timeout * 1000),
            security_protocol=("SASL_" if settings.mechanism else "") + ("SSL" if settings.tls else "PLAINTEXT"),
            ssl_context=ssl.create_default_context(cafile=settings.trust or None) if settings.tls else None,
            sasl_mechanism=settings.mechanism or "PLAIN",
            sasl_plain_username=settings.user_name or None,
            sasl_plain_password=settings.password or None,
        )
        try:
            async with asyncio.timeout(float(settings.timeout)):
                await producer.start()
        except (TimeoutError, OSError, self._errors.KafkaError) as error:
            await producer.stop()
            raise NotReady(again(_explain(error), result="SocketError", hold=10.0)) from None
        except asyncio.CancelledError:
            await producer.stop()
            raise
        self._producer = producer

    async def stop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def deliver(self, events: Sequence[Event]) -> Sequence[Verdict]:
        """All are handed over in order, so that the client makes batches of them; then all are waited for."""
        sent: list[Any] = []
        for event in events:
            try:
                sent.append(await self._send(event))
            except NotAnEvent as error:
                sent.append(never(f"an event cannot be sent: {error}", result="InvalidEvent"))
            except (OSError, self._errors.KafkaError) as error:
                sent.append(self._judge(error))
        return [one if isinstance(one, Verdict) else await self._settled(one) for one in sent]

    async def _send(self, event: Event) -> Any:
        decoded = event.decoded()
        key = str(decoded.get(PARTITION_KEY) or event.topic).encode("utf-8", "surrogatepass")
        headers: list[tuple[str, bytes]]
        if self._settings.mode == "structured":
            body, headers = event.body, [("content-type", (STRUCTURED + CHARSET).encode())]
        else:
            body, content_type = content_of(decoded)
            attributes = attributes_of(decoded)
            headers = [(f"ce_{name}", value.encode("utf-8", "surrogatepass")) for name, value in attributes.items()]
            if content_type:
                headers.append(("content-type", content_type.encode("utf-8", "surrogatepass")))
        return await self._producer.send(self._settings.topic, body, key=key, headers=headers)

    async def _settled(self, future: Any) -> Verdict:
        try:
            async with asyncio.timeout(float(self._settings.timeout)):
                await future
        except (TimeoutError, OSError, self._errors.KafkaError) as error:
            return self._judge(error)
        return DELIVERED

    def _judge(self, error: Exception) -> Verdict:
        errors = self._errors
        if isinstance(error, errors.MessageSizeTooLargeError):
            return never("the event is larger than the broker allows", result="PayloadTooLarge")
        if isinstance(error, errors.UnknownTopicOrPartitionError):
            return again(f"there is no topic {self._settings.topic}", result="NotFound", error=NOT_FOUND, hold=30.0)
        if isinstance(error, errors.TopicAuthorizationFailedError):
            return again(_explain(error), result="NotAuthorized", error=AUTHENTICATION, hold=60.0)
        return again(_explain(error), result="SocketError")


def _explain(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
