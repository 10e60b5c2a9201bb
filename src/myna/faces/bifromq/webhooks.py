"""The webhooks that this face asks, as its settings name them: what holds for a tenant, and how much it may use.

What a newcomer gets wrong: others may ask webhooks of this broker, too (`[access]`); these two are about tenants only.
"""

import asyncio
from typing import Final

from myna.core.quotas import Quotas
from myna.faces.bifromq.tenant_settings import TenantSettings
from myna.faces.bifromq.throttler import Throttler
from myna.faces.bifromq.webhook import Webhook
from myna.faces.contract import FaceContext

INTERVAL: Final = 1.0  # seconds between two looks at which tenants are used


class Webhooks:
    def __init__(self, context: FaceContext) -> None:
        self._context = context
        self._in_use: tuple[str, float, str] = ("", 0.0, "")
        self._settings: TenantSettings | None = None
        self._open: list[Webhook] = []
        self._closing: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def use(self, settings_url: str, refresh: float, throttler_url: str) -> None:
        """From now on these. What others have said before holds no longer."""
        if (settings_url, refresh, throttler_url) == self._in_use:
            return
        broker = self._context.broker.core
        for webhook in self._open:
            task = asyncio.get_running_loop().create_task(webhook.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        self._open = []
        if self._settings is not None:
            self._settings.forget_all()
            self._settings = None
        if settings_url:
            webhook = self._webhook("bifromq_settings", settings_url)
            self._settings = TenantSettings(webhook, broker, self._context.limit_tenant, refresh)
        if throttler_url:
            webhook = self._webhook("bifromq_throttler", throttler_url)
            broker.ask(Throttler(webhook, broker.counters, self._context.now))
        elif self._in_use[2]:
            broker.ask(Quotas())
        self._in_use = (settings_url, refresh, throttler_url)

    def start(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(INTERVAL, self.start)
        if self._settings is not None:
            self._settings.tick(self._context.now())

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for webhook in self._open:
            await webhook.close()

    def _webhook(self, name: str, url: str) -> Webhook:
        context = self._context
        webhook = Webhook(name, url, context.http, context.broker.core.counters, context.now)
        self._open.append(webhook)
        return webhook
