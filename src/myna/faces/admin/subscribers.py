"""Who holds a filter, and who would get a message to a topic.

What a newcomer gets wrong: the second is not the first. It is asked of the router and the topic's guard as for a
message, so overlapping subscriptions of a client are one there, and dormant ones none.
"""

from collections.abc import Iterator
from typing import Final

from myna.core.broker import Broker
from myna.core.message import Message, Origin
from myna.core.receiver import Subscription
from myna.core.shared import ORDERED, SHARED, ShareGroup
from myna.core.tenant import Tenant
from myna.faces.admin import views
from myna.faces.admin.endpoint import Call, Operation, Reply
from myna.faces.admin.pages import CURSOR, LIMIT, find_page
from myna.faces.admin.parameters import FILTER, TOPIC, Parameter
from myna.faces.admin.problems import Problem
from myna.faces.async_broker import AsyncBroker
from myna.wire.topics import check_topic, parse_filter

TENANT: Final = Parameter("tenant", "The tenant", required=True)
Found = tuple[Subscription, str]  # and its share group, or ""


class SubscriberOperations:
    def __init__(self, broker: AsyncBroker) -> None:
        self._broker = broker

    def operations(self) -> list[Operation]:
        parameters = (
            TENANT,
            Parameter("filter", "Who holds exactly this filter; $share/NAME/FILTER for a group's members", FILTER),
            Parameter("topic", "Who would get a message to this topic; this or filter", TOPIC),
            LIMIT,
            CURSOR,
        )
        return [
            Operation(
                "GET", "/api/admin/subscriptions", "findSubscribers",
                "Who holds a filter, or would get a message to a topic",
                self._find, parameters, gives=views.Holders,
            )
        ]  # fmt: skip

    async def _find(self, call: Call) -> Reply:
        filter, topic = call["filter"], call["topic"]
        if (filter is None) == (topic is None):
            raise Problem(400, "give either filter or topic", "topic")
        tenant = self._broker.core.tenants.get(call["tenant"])
        if tenant is None:
            return Reply(views.Holders([]))
        if topic is None:
            found = holders(tenant, filter)
        else:
            found = list(receivers(self._broker.core, tenant, topic, self._broker.now()))
        page, following = await find_page(found, _key, lambda _: True, call["cursor"], call["limit"])
        return Reply(views.Holders([_show(one, group) for one, group in page], following))


def holders(tenant: Tenant, text: str) -> list[Found]:
    parsed = parse_filter(text)
    if parsed is None:
        raise Problem(400, "this is no topic filter", "filter")
    if not parsed.group:
        return [(held, "") for held in tenant.router.subscribers(parsed.filter)]
    kind = ORDERED if parsed.ordered else SHARED
    members = tenant.router.members(kind, parsed.group, parsed.filter)
    return [(held, f"{kind}/{parsed.group}") for held in members]


def receivers(broker: Broker, tenant: Tenant, topic: str, now: float) -> Iterator[Found]:
    if not check_topic(topic):
        raise Problem(400, "this is no topic name", "topic")
    route = tenant.router.route(topic.encode())
    if route is None:
        raise Problem(400, "this topic is longer or deeper than the tenant's limits allow", "topic")
    message = Message(topic, b"", 0, False, Origin("admin", tenant.name), now)
    for held in route.subscriptions:
        receiver = held.receiver
        if isinstance(receiver, ShareGroup):
            members = [(one, f"{receiver.kind}/{receiver.key[2]}") for one in receiver.members if not one.dormant]
        else:
            members = [(held, "")]
        for one, group in members:
            if route.guard is None or route.guard.delivering(message, one.receiver, one, now):
                yield one, group


def _key(found: Found) -> tuple[str, ...]:
    return (*found[0].receiver.key, found[0].text)


def _show(held: Subscription, group: str) -> views.Holder:
    tenant, scope, client_id = held.receiver.key
    return views.Holder(
        tenant=tenant,
        client_id=client_id,
        scope=scope,
        user=held.receiver.identity.user,
        online=held.receiver.is_online(),
        filter=held.text,
        qos=held.qos,
        group=group,
        dormant=held.dormant,
    )
