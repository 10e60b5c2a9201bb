"""Tenants and what they use of what they may.

What a newcomer gets wrong: the rate is the mean since this tenant was last asked about, kept for so many tenants only;
nothing is measured while nobody asks.
"""

from collections import OrderedDict
from typing import Final

from myna.core.tenant import Tenant
from myna.faces.admin import views
from myna.faces.admin.endpoint import Call, Operation, Reply
from myna.faces.admin.pages import CURSOR, LIMIT, find_page
from myna.faces.admin.parameters import in_path
from myna.faces.admin.problems import not_found
from myna.faces.async_broker import AsyncBroker

REMEMBERED: Final = 10_000


class TenantOperations:
    def __init__(self, broker: AsyncBroker) -> None:
        self._broker = broker
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()  # when, and messages received until then

    def operations(self) -> list[Operation]:
        return [
            Operation(
                "GET", "/api/admin/tenants", "listTenants", "Tenants, and what they use of what they may",
                self._list, (LIMIT, CURSOR), gives=views.Tenants,
            ),
            Operation(
                "GET", "/api/admin/tenants/{tenant}", "getTenant", "One tenant",
                self._show, (in_path("tenant", "The tenant"),), gives=views.Tenant, problems=(404,),
            ),
        ]  # fmt: skip

    async def _list(self, call: Call) -> Reply:
        held = list(self._broker.core.tenants.values())
        page, following = await find_page(held, lambda one: (one.name,), lambda _: True, call["cursor"], call["limit"])
        return Reply(views.Tenants([self._view(tenant) for tenant in page], following))

    async def _show(self, call: Call) -> Reply:
        tenant = self._broker.core.tenants.get(call["tenant"])
        if tenant is None:
            raise not_found(f"tenant {call['tenant']!r} has not been used since the broker was started")
        return Reply(self._view(tenant))

    def _view(self, tenant: Tenant) -> views.Tenant:
        limits, throughput = tenant.limits, tenant.throughput
        return views.Tenant(
            tenant=tenant.name,
            connections=_use(tenant.connections, limits.connections),
            sessions=_use(tenant.session_count(), limits.sessions),
            subscriptions=_use(tenant.subscriptions, limits.subscriptions),
            retained_messages=_use(tenant.retained.count, limits.retained_messages),
            retained_bytes=_use(tenant.retained.size, limits.retained_bytes),
            messages_received=tenant.messages_received,
            messages_per_second=self._rate(tenant),
            throttled=0 if throughput is None else throughput.short_of_messages + throughput.short_of_bytes,
        )

    def _rate(self, tenant: Tenant) -> views.Use | None:
        now, count = self._broker.now(), int(tenant.messages_received)
        before = self._seen.pop(tenant.name, None)
        self._seen[tenant.name] = (now, count)
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        if before is None or now - before[0] < 0.001:
            return None
        return _use(round((count - before[1]) / (now - before[0]), 3), tenant.limits.tenant_publishes_per_second)


def _use(used: float, limit: float) -> views.Use:
    return views.Use(used, limit or None)
