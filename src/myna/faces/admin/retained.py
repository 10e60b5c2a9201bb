"""Retained messages: list, read, set, remove.

What a newcomer gets wrong: setting one publishes nothing. It is there for those who subscribe from now on; whoever is
to hear of it at once is published to.
"""

from typing import Final
from urllib.parse import quote

from myna.core.broker import Broker
from myna.core.message import Message, Origin
from myna.core.retained import Retained
from myna.core.tenant import Tenant
from myna.faces.admin import views
from myna.faces.admin.endpoint import Call, Operation, Reply
from myna.faces.admin.pages import CURSOR, LIMIT, find_page
from myna.faces.admin.parameters import FILTER, TOPIC, Parameter, Values, in_path, number
from myna.faces.admin.problems import Problem, not_found
from myna.faces.admin.views import at
from myna.faces.async_broker import AsyncBroker
from myna.wire import reasons
from myna.wire.topics import check_topic, matches, parse_filter

_ONE: Final = (in_path("tenant", "The tenant"), in_path("topic", "The topic, percent-encoded: a%2Fb", TOPIC))
EVERYTHING: Final = {**FILTER, "default": "#"}
_NO_ROOM: Final = {
    reasons.QUOTA_EXCEEDED: (507, "the tenant has as many retained messages as it may, or they weigh too much"),
    reasons.PACKET_TOO_LARGE: (413, "it is larger than the tenant's retained_size"),
    reasons.RETAIN_NOT_SUPPORTED: (409, "retain_available is off for this tenant"),
}


class RetainedOperations:
    def __init__(self, broker: AsyncBroker) -> None:
        self._broker = broker

    def operations(self) -> list[Operation]:
        one = "/api/admin/retained/{tenant}/{topic}"
        narrowed = (
            Parameter("tenant", "The tenant", required=True),
            Parameter("filter", "Only topics that match this filter; $SYS/# for the broker's own", EVERYTHING),
            LIMIT,
            CURSOR,
        )
        setting = (
            *_ONE,
            Parameter("qos", "QoS of the message", number(0, 2, default=1)),
            Parameter("expires_after", "Seconds until it is gone; never if not given", number(1, 0xFFFF_FFFF)),
        )
        return [
            Operation(
                "GET", "/api/admin/retained", "listRetained", "Retained messages, without their payloads",
                self._list, narrowed, gives=views.RetainedPage,
            ),
            Operation(
                "GET", one, "getRetained", "A retained message's payload", self._read, _ONE, gives=bytes,
                problems=(404,),
            ),
            Operation(
                "PUT", one, "setRetained", "Set a retained message; the body is its payload",
                self._set, setting, takes=bytes, status=204, problems=(403, 409, 413, 507),
            ),
            Operation(
                "DELETE", one, "removeRetained", "Remove a retained message",
                self._remove, _ONE, status=204, problems=(404,),
            ),
        ]  # fmt: skip

    async def _list(self, call: Call) -> Reply:
        filter: str = call["filter"]
        parsed = parse_filter(filter)
        if parsed is None or parsed.group:
            raise Problem(400, "this is no topic filter", "filter")
        tenant = self._broker.core.tenants.get(call["tenant"])
        if tenant is None:
            return Reply(views.RetainedPage([]))
        page, following = await find_page(
            tenant.retained.topics(),
            lambda topic: (topic,),
            lambda topic: matches(filter, topic),
            call["cursor"],
            call["limit"],
        )
        return Reply(views.RetainedPage(_show_all(tenant, page, self._broker.now()), following))

    async def _read(self, call: Call) -> Reply:
        topic = call["topic"]
        held = self._broker.core.tenants.get(call["tenant"])
        message = None if held is None else _find(held.retained, topic, self._broker.now())
        if message is None:
            raise not_found(f"tenant {call['tenant']!r} has no retained message at {topic!r}")
        published = at(message.published_at)
        headers = [
            (b"myna-topic", quote(topic, safe="/").encode()),
            (b"myna-qos", b"%d" % message.qos),
            (b"myna-published", b"" if published is None else published.isoformat().encode()),
        ]
        return Reply(message.payload, headers=headers)

    async def _set(self, call: Call) -> Reply:
        topic, tenant = call["topic"], self._broker.core.tenant(call["tenant"])
        if not call.body:
            raise Problem(400, "an empty payload would remove it: use DELETE for that", "body")
        if not check_topic(topic) or not tenant.router.fits(topic):
            raise Problem(400, "this is no topic name within the tenant's limits", "topic")
        if tenant.router.guard_of(topic) is not None:
            raise Problem(403, f"{topic.split('/')[0]} is kept by one of the APIs; nothing is retained there", "topic")
        now = self._broker.now()
        lasts = call["expires_after"]
        origin = Origin("admin", tenant.name, user="administrator")
        expires_at = 0.0 if lasts is None else now + lasts
        code = await self._broker.retain(
            tenant.name, Message(topic, call.body, call["qos"], True, origin, now, expires_at)
        )
        if code != reasons.SUCCESS:
            status, words = _NO_ROOM[code]
            raise Problem(status, words)
        return Reply()

    async def _remove(self, call: Call) -> Reply:
        known = call["tenant"] in self._broker.core.tenants
        if not known or not await self._broker.clear_retained(call["tenant"], call["topic"]):
            raise not_found(f"tenant {call['tenant']!r} has no retained message at {call['topic']!r}")
        return Reply()


def largest_payload(broker: Broker, values: Values) -> int:
    """Bytes of a body: what the tenant's clients may send."""
    return broker.limits_of(values["tenant"]).packet_size or broker.packet_size


def _find(retained: Retained, topic: str, now: float) -> Message | None:
    message = retained.get(topic)
    return None if message is None or message.is_expired(now) else message


def _show_all(tenant: Tenant, topics: list[str], now: float) -> list[views.Retained]:
    found = [_find(tenant.retained, topic, now) for topic in topics]
    return [_show(tenant.name, message) for message in found if message is not None]


def _show(tenant: str, message: Message) -> views.Retained:
    return views.Retained(
        tenant=tenant,
        topic=message.topic,
        qos=message.qos,
        size=len(message.payload),
        published=at(message.published_at),
        expires=at(message.expires_at),
        user=message.origin.user,
        client_id=message.origin.client_id,
    )
