"""What BifroMQ's API claims: a listener of its own, since there every path but its own is an empty 400.

What a newcomer gets wrong: all paths are claimed as hot ones, for they hold no parameters and the contract knows them
by their exact bytes, without HEAD for GET or a slash at the end.
"""

import logging
import secrets
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from myna.config import Duration, Section, Size
from myna.faces.bifromq import answers
from myna.faces.bifromq.answers import Answer
from myna.faces.bifromq.calls import Call, Desk, Endpoint, Handler
from myna.faces.bifromq.messages import Messages
from myna.faces.bifromq.naming import RequestIds
from myna.faces.bifromq.operations import LISTENER, Operations
from myna.faces.bifromq.protection import Protection
from myna.faces.bifromq.sessions import Sessions
from myna.faces.bifromq.subscriptions import Subscriptions
from myna.faces.bifromq.webhooks import Webhooks
from myna.faces.contract import Claims, Face, FaceContext

log = logging.getLogger("myna.faces.bifromq")

SHORTEST_TOKEN: Final = 16
LOOPBACK: Final = ("127.", "localhost", "::1")


class Settings(Section, frozen=True):
    body_limit: Size = Size(262_144)  # the largest request body; 413 beyond. Also bound by the tenant's packet_size
    tokens: tuple[str, ...] = ()  # callers send `Authorization: Bearer TOKEN` with one of these
    certificates: tuple[str, ...] = ()  # or show one: common names, SHA-256 fingerprints, "*" for any that is verified
    access: tuple[str, ...] = ()  # or are known to one of these authenticators of the broker's
    trust_loopback: bool | None = None  # callers on this machine need none of it; unsaid: unless one of them is set
    settings_url: str = ""  # a webhook that is asked what holds for each tenant
    settings_refresh: Duration = Duration(5)  # how often, while a tenant is used
    throttler_url: str = ""  # a webhook that is asked whether a tenant may use more of each resource

    def __post_init__(self) -> None:
        if any(len(token) < SHORTEST_TOKEN for token in self.tokens):
            raise ValueError(f"a token has at least {SHORTEST_TOKEN} characters")
        for name in ("settings_url", "throttler_url"):
            url = getattr(self, name)
            if url and not url.startswith(("http://", "https://")):
                raise ValueError(f"{name} begins with http:// or https://")
        if self.settings_refresh < 1:
            raise ValueError("settings_refresh is a second at least")

    def is_locked(self) -> bool:
        return bool(self.tokens or self.certificates or self.access)

    def trusts_loopback(self) -> bool:
        """Whoever locks the API means it for this machine, too, unless the file says otherwise."""
        return not self.is_locked() if self.trust_loopback is None else self.trust_loopback


class BifroMqFace(Face):
    SETTINGS = Settings

    def __init__(self, context: FaceContext, settings: Settings) -> None:
        self._context = context
        self._access = settings.access
        self._callers = context.callers(settings.access) if settings.access else None
        protection = self._protection(settings)
        ids = RequestIds(context.now)
        self._desk = Desk(context.broker.core, protection, ids, int(settings.body_limit), context.now)
        node = secrets.token_hex(8)
        self._messages = Messages(context)
        self._sessions = Sessions(context, node)
        self._subscriptions = Subscriptions(context, self._sessions)
        self._operations = Operations(node, context.urls)
        self._webhooks = Webhooks(context)
        self._webhooks.use(settings.settings_url, float(settings.settings_refresh), settings.throttler_url)

    def claims(self) -> Claims:
        of_tenants: dict[tuple[str, str], Handler] = {
            ("POST", "/pub"): self._messages.publish,
            ("POST", "/retain"): self._messages.retain,
            ("DELETE", "/retain"): self._messages.expire_retained,
            ("GET", "/session"): self._sessions.show,
            ("DELETE", "/session"): self._sessions.expire,
            ("GET", "/session/inbox"): self._sessions.show_inbox,
            ("DELETE", "/kill"): self._sessions.kill,
            ("PUT", "/sub"): self._subscriptions.subscribe,
            ("DELETE", "/unsub"): self._subscriptions.unsubscribe,
        }
        desk = self._desk
        endpoints = {key: Endpoint(desk, handler) for key, handler in of_tenants.items()}
        for key, handler in self._operations.handlers().items():
            endpoints[key] = Endpoint(desk, handler, of_tenant=False)
        return Claims(hot=endpoints, own_listener=LISTENER, fallback=Endpoint(desk, _unknown, of_tenant=False))

    async def start(self) -> None:
        self._webhooks.start()
        if self._desk.protection.is_on:
            return
        for url in self._context.urls.get(LISTENER, ()):
            host = urlsplit(url).hostname
            if host is not None and not host.startswith(LOOPBACK):
                log.warning(
                    "anybody who reaches %s can publish, read sessions and disconnect clients of every tenant;"
                    " set `tokens`, `certificates` or `access` in [faces.bifromq]",
                    url,
                )

    def reload(self, settings: Settings) -> bool:
        self._desk.protection = self._protection(settings)
        self._desk.body_limit = int(settings.body_limit)
        self._webhooks.use(settings.settings_url, float(settings.settings_refresh), settings.throttler_url)
        return settings.access == self._access

    def _protection(self, settings: Settings) -> Protection:
        shown = settings.tokens, settings.certificates, settings.trusts_loopback()
        return Protection(self._context.broker.core, *shown, self._callers, self._context.now)

    async def stop(self) -> None:
        await self._webhooks.stop()

    @classmethod
    def explain(cls, settings: Settings) -> Sequence[str]:
        if not settings.is_locked():
            return ["bifromq: whoever reaches the API may do anything to every tenant"]
        named = [name for name in ("tokens", "certificates", "access") if getattr(settings, name)]
        local = "and to everybody on this machine" if settings.trusts_loopback() else "and to nobody else"
        return [f"bifromq: the API is open to those of {', '.join(named)}, {local}"]

    def banner(self) -> Sequence[str]:
        urls = self._context.urls.get(LISTENER, ())
        if not urls:
            return ()
        headers = "-H 'tenant_id: DevOnly' -H 'topic: hello/world' -H 'qos: 1' -H 'client_type: shell'"
        protection = self._desk.protection
        if protection.is_on and not protection.trusts_loopback:
            if not protection.takes_tokens:
                return [f"the BifroMQ API at {urls[0]} asks everybody for what [faces.bifromq] lists, here as well"]
            headers = f"-H 'Authorization: Bearer <one of tokens>' {headers}"
        return [f"curl -d 'Hello from BifroMQ' {headers} {urls[0]}/pub"]


async def _unknown(call: Call) -> Answer:
    return answers.UNKNOWN_PATH
