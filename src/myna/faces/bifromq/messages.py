"""POST /pub, POST /retain and DELETE /retain.

/pub never retains and /retain delivers to nobody: whoever wants both calls both. What a newcomer gets wrong: topics
are judged before the QoS is, though the QoS must have been readable before that; callers see it in the status.
"""

from typing import Final

from myna.core.message import Message
from myna.core.outcome import Refusal
from myna.core.router import Route
from myna.core.tenant import Tenant
from myna.faces.bifromq import answers
from myna.faces.bifromq.answers import Answer
from myna.faces.bifromq.calls import Call
from myna.faces.bifromq.naming import CLIENT_TYPE, EXPIRY_SECONDS, QOS, TOPIC, Callers, Unusable, decode_value
from myna.faces.contract import FaceContext

SHARED: Final = (b"$share/", b"$oshare/")


class Messages:
    def __init__(self, context: FaceContext) -> None:
        self._broker = context.broker
        self._now = context.now
        self._arm = context.arm
        self._callers = Callers()

    async def publish(self, call: Call) -> Answer:
        topic = call.raw(TOPIC)
        qos = call.number(QOS)
        expiry = call.optional_number(EXPIRY_SECONDS)
        route = find_route(self._broker.core.tenant(call.tenant), topic)
        if route is None:
            return answers.UNACCEPTED_TOPIC
        if not 0 <= qos <= 2:
            return answers.INVALID_QOS
        if expiry is not None and expiry <= 0:
            return answers.INVALID_EXPIRY
        origin = self._callers.find(call.tenant, call.raw(CLIENT_TYPE), call.metadata())
        now = self._now()
        expires_at = 0.0 if expiry is None else now + expiry
        message = Message(route.topic, call.body, qos, False, origin, now, expires_at, None, route.encoded)
        outcome = await self._broker.publish(call.tenant, message)
        if isinstance(outcome, Refusal):
            return answers.PUBLISH.get(outcome.reason, answers.FAILED)
        return answers.OK if outcome.matched else answers.NO_MATCH

    async def retain(self, call: Call) -> Answer:
        """Keep the body as the topic's retained message; an empty one clears it."""
        topic = call.raw(TOPIC)
        qos = call.number(QOS)
        tenant = self._broker.core.tenant(call.tenant)
        if not tenant.limits.retain_available:
            return answers.DENIED
        route = find_route(tenant, topic)
        if route is None or route.guard is not None or not 0 <= qos <= 2:  # guarded topics keep what they want
            return answers.UNUSABLE
        expiry = call.optional_number(EXPIRY_SECONDS)
        origin = self._callers.find(call.tenant, call.raw(CLIENT_TYPE), call.metadata())
        if not call.body:
            await self._broker.clear_retained(call.tenant, route.topic)
            return answers.CLEARED
        if expiry is not None and expiry <= 0:  # expired when it comes: all it does is replace the one before
            await self._broker.clear_retained(call.tenant, route.topic)
            return answers.RETAINED
        now = self._now()
        expires_at = 0.0 if expiry is None else now + expiry
        message = Message(route.topic, call.body, qos, True, origin, now, expires_at, None, route.encoded)
        code = await self._broker.retain(call.tenant, message)
        if expiry is not None:
            self._arm()
        return answers.RETAIN.get(code, answers.FAILED)

    async def expire_retained(self, call: Call) -> Answer:
        """Remove a tenant's retained messages of at least an age, whatever their own expiry says."""
        older_than = call.number(EXPIRY_SECONDS)
        if older_than < 0:
            raise Unusable(f'For input string: "{older_than}"')
        if call.tenant in self._broker.core.tenants:
            await self._broker.expire_retained(call.tenant, older_than)
        return answers.DONE


def find_route(tenant: Tenant, topic: bytes) -> Route | None:
    """None where the tenant takes no such topic."""
    topic = topic.strip(b" \t")
    if topic.startswith(SHARED):
        return None
    route = tenant.router.route(topic)
    if route is None and decode_value(topic).encode() != topic:
        route = tenant.router.route(decode_value(topic).encode())  # Latin-1
    return route
