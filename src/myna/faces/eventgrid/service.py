"""What the handlers of this API share: the broker, who callers are, how much they may do, and where it is noted down.

`publish` is the one road of everything that is published here, by a single request, in a batch, awaiting a reply or
clearing a retained message: checks in the contract's order, the shared quota, then the core. What a newcomer gets
wrong: the order. 400 and 413 come before 403, and that before 429, so that nobody learns about topics or uses up
quota by mistakes.
"""

import uuid
from collections.abc import Mapping
from typing import Final

from myna.core.message import FORM_5, Message
from myna.core.outcome import Outcome, Refusal
from myna.core.property_limits import size_of_pairs
from myna.faces.async_broker import AsyncBroker
from myna.faces.contract import Scope
from myna.faces.eventgrid.answers import Fault, refusal
from myna.faces.eventgrid.callers import Caller
from myna.faces.eventgrid.identify import Doorman
from myna.faces.eventgrid.metrics import Metrics
from myna.faces.eventgrid.naming import Publication, check_topic_name
from myna.faces.eventgrid.operations import Operations
from myna.faces.eventgrid.quota import HttpQuota, Throttled
from myna.faces.eventgrid.records import Records
from myna.faces.eventgrid.settings import Settings
from myna.wire import reasons
from myna.wire.properties import Properties

LARGEST: Final = 256 * 1024 * 1024 - 1024  # of an MQTT packet, where the tenant has no bound of its own
MANY: Final = 64 * 1024  # bytes that topic and properties take at most, as long as headers are bounded by that

# The published limits on properties, in bytes.
_VENDOR_TEXT: Final = 256
_VENDOR_USER_PROPERTIES: Final = 32 * 1024


class Service:
    def __init__(
        self,
        broker: AsyncBroker,
        tenant: str,
        settings: Settings,
        doorman: Doorman,
        quota: HttpQuota,
        records: Records,
        metrics: Metrics,
    ) -> None:
        self.broker = broker
        self.tenant = broker.core.tenant(tenant)
        self.tenant.is_held = True
        self.settings = settings
        self.doorman = doorman
        self.quota = quota
        self.records = records
        self.metrics = metrics
        self.operations = Operations(records, metrics)
        self.now = broker.now
        self._id_prefix = str(uuid.uuid4())[:24]
        self._ids_given = 0

    def next_id(self) -> str:
        """A UUID; its last part counts."""
        self._ids_given += 1
        return f"{self._id_prefix}{self._ids_given & 0xFFFFFFFFFFFF:012x}"

    def message_limit(self) -> int:
        return self.settings.message_size or self.tenant.limits.packet_size or LARGEST

    async def publish(
        self, caller: Caller, publication: Publication, payload: bytes, address: str, now: float
    ) -> Outcome:
        """Raises Fault. Returns when what QoS 1 promises is safe."""
        if publication.properties is not None:
            self._check_properties(publication.properties)
        message = self._message(caller, publication, payload, address, now)
        size = self._check_size(message, now)
        self._authorize(caller, publication.topic)
        if message.retain:
            self._check_retain(message)
        self._throttle(caller, 2 if publication.retain else 1, size, now)
        outcome = self.broker.core.publish(self.tenant, message, now)
        if isinstance(outcome, Refusal):
            raise refusal(outcome.reason, outcome.text)
        if outcome.sequence:
            await self.broker.safe()
        return outcome

    def _check_properties(self, properties: Properties) -> None:
        limits = self.tenant.limits
        longest, most = limits.property_length, limits.user_properties_size
        if self.settings.vendor_limits:
            longest, most = longest or _VENDOR_TEXT, most or _VENDOR_USER_PROPERTIES
        if longest or most:
            check_properties(properties, longest, most)

    def _message(self, caller: Caller, publication: Publication, payload: bytes, address: str, now: float) -> Message:
        return Message(
            publication.topic,
            payload,
            publication.qos,
            publication.retain,
            caller.origin(address),
            now,
            now + publication.expiry if publication.expiry else 0.0,
            publication.properties,
        )

    def _check_size(self, message: Message, now: float) -> int:
        size = len(message.payload)
        limit = self.message_limit()
        if size + MANY > limit:
            size = packet_size(message, now)
            if size > limit:
                raise Fault("MessageTooLarge", f"the message is larger than {limit} bytes")
        return size

    def _authorize(self, caller: Caller, topic: str) -> None:
        version = self.broker.core.rules_version
        if caller.is_known_to_publish(topic, version):
            return
        check_topic_name(topic)
        if not self.tenant.router.fits(topic):
            raise Fault("InvalidTopicName", "the topic is longer or deeper than allowed here", "topic")
        if not caller.may_publish(topic):
            raise Fault("TopicNotAuthorized", f"Topic name '{topic[:256]}' does not match any topicspaces", "topic")
        caller.remember(topic, version)

    def _check_retain(self, message: Message) -> None:
        """An MQTT client whose message is not kept is not told; a caller who waits for an answer is."""
        reason = self.broker.core.may_retain(self.tenant, message)
        if reason == reasons.RETAIN_NOT_SUPPORTED:
            raise Fault("InvalidRetain", "this namespace keeps no retained messages", "retain")
        if reason == reasons.PACKET_TOO_LARGE:
            most = self.tenant.limits.retained_size
            raise Fault("MessageTooLarge", f"a retained message has at most {most} bytes", "retain")
        if reason != reasons.SUCCESS:
            raise Fault("QuotaExceeded", "there is no room for another retained message", "retain", retry_after=60.0)

    def _throttle(self, caller: Caller, count: int, size: int, now: float) -> None:
        quota = self.quota
        if quota.is_bounded:
            buckets = caller.buckets
            if buckets is None:
                buckets = caller.buckets = quota.buckets_of_client(caller.client_id, now)
            try:
                quota.take(buckets, count, size, now)
            except Throttled as throttled:
                self.metrics.throttled(throttled.kind)
                raise Fault("QuotaExceeded", f"throttled by {throttled.kind}", retry_after=throttled.wait) from None
        throughput = self.tenant.throughput
        if throughput is not None:
            wait = throughput.take(count, size, now)
            if wait > 0.0:
                raise Fault("QuotaExceeded", "the namespace's throughput is used up", retry_after=wait)

    # Answers

    def cors_headers(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        """For a page of an allowed origin; nothing unless configured."""
        allowed = self.settings.cors
        if not allowed:
            return []
        for name, value in scope["headers"]:
            if name == b"origin" and ("*" in allowed or value.decode("ascii", "replace") in allowed):
                return [
                    (b"access-control-allow-origin", value),
                    (b"access-control-expose-headers", b"*"),
                    (b"vary", b"origin"),
                ]
        return []


def packet_size(message: Message, now: float) -> int:
    """Of the whole MQTT 5 packet."""
    head = message.head(FORM_5, 0x30 | message.qos << 1 | int(message.retain), now)
    return len(head) + (2 if message.qos else 0) + len(message.tail(FORM_5, now))


def check_properties(properties: Properties, longest: int, most: int) -> None:
    """0 is no bound."""
    texts: Mapping[str, bytes] = {
        "content-type": (properties.content_type or "").encode(),
        "mqtt-response-topic": (properties.response_topic or "").encode(),
        "mqtt-correlation-data": properties.correlation_data or b"",
    }
    for target, value in texts.items():
        if longest and len(value) > longest:
            raise Fault("PropertyTooLarge", f"{target} is larger than {longest} bytes", target)
    if most and size_of_pairs(properties.user_properties or []) > most:
        target = "mqtt-user-properties"
        raise Fault("PropertyTooLarge", f"{target} are larger than {most} bytes", target)
