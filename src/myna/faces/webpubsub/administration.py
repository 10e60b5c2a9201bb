"""Hubs for administrators, below /api/admin/hubs: their settings at run time, and the access keys.

    GET    /api/admin/hubs                   all that have settings of their own
    GET    /api/admin/hubs/{hub}             what holds for one, secrets masked
    PUT    /api/admin/hubs/{hub}             its settings from now on, across restarts
    DELETE /api/admin/hubs/{hub}             the configuration's again
    GET    /api/admin/hubs/{hub}/:secrets    the same with the queries of URLs
    GET    /api/admin/hubs/:keys             the access keys
    POST   /api/admin/hubs/:regenerateKey    {"key": "primary"}: a new one from now on, which is the answer

Whoever gets here has shown the administrator's token. What a newcomer gets wrong: a colon begins no hub's name, so
nothing here hides one.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from myna.config.decode import ConfigError
from myna.faces.async_broker import AsyncBroker
from myna.faces.contract import JSON, BodyTooLarge, ClientGone, Receive, Route, Scope, Send, answer, read_body
from myna.faces.webpubsub.hub_settings import DEFAULT_HUB, HubSettings, read_hub_settings, show_hub_settings
from myna.faces.webpubsub.hubs import Hubs
from myna.faces.webpubsub.keys import NAMES, AccessKeys
from myna.faces.webpubsub.naming import is_hub

log = logging.getLogger("myna.webpubsub")

ROOT: Final = "/api/admin/hubs"
LARGEST_BODY: Final = 256 * 1024
NO_STORE: Final = (b"cache-control", b"no-store")


class HubAdministration:
    """`changed` is called when keys or settings have."""

    def __init__(self, broker: AsyncBroker, hubs: Hubs, keys: AccessKeys, changed: Callable[[], None]) -> None:
        self._broker = broker
        self._hubs = hubs
        self._keys = keys
        self._changed = changed

    def routes(self) -> list[Route]:
        return [
            Route(ROOT, self.show_all, ("GET",)),
            Route(f"{ROOT}/{{hub}}", self._for_hub(self.show), ("GET",)),
            Route(f"{ROOT}/{{hub}}", self._for_hub(self.put), ("PUT",)),
            Route(f"{ROOT}/{{hub}}", self._for_hub(self.remove), ("DELETE",)),
            Route(f"{ROOT}/{{hub}}/:secrets", self._for_hub(self.show_secrets), ("GET",)),
            Route(f"{ROOT}/:keys", self.show_keys, ("GET",)),
            Route(f"{ROOT}/:regenerateKey", self.make_key, ("POST",)),
        ]

    async def show_all(self, scope: Scope, receive: Receive, send: Send) -> None:
        hubs = [_describe(name, settings, source) for name, (settings, source) in self._hubs.listed().items()]
        await _answer(send, 200, {"hubs": hubs})

    async def show(self, hub: str, scope: Scope, receive: Receive, send: Send) -> None:
        await _answer(send, 200, self._describe(hub, secrets=False))

    async def show_secrets(self, hub: str, scope: Scope, receive: Receive, send: Send) -> None:
        await _answer(send, 200, self._describe(hub, secrets=True), NO_STORE)

    async def put(self, hub: str, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(scope, receive, send)
        if body is None:
            return
        try:
            settings = read_hub_settings(body, hub)
        except ConfigError as error:
            await _answer(send, 400, {"error": str(error)})
            return
        self._hubs.put(hub, settings)
        self._changed()
        await self._broker.safe()
        log.info("the settings of the hub %s have been set by an administrator", hub)
        await _answer(send, 200, self._describe(hub, secrets=False))

    async def remove(self, hub: str, scope: Scope, receive: Receive, send: Send) -> None:
        if self._hubs.remove(hub) is None:
            await _answer(send, 404, {"error": f"nothing has been set at run time for the hub {hub}"})
            return
        self._changed()
        await self._broker.safe()
        log.info("the settings of the hub %s are the configuration's again", hub)
        await answer(send, 204)

    async def show_keys(self, scope: Scope, receive: Receive, send: Send) -> None:
        keys = {
            name: {"key": getattr(self._keys, name), "made_at_run_time": self._keys.is_made(name)} for name in NAMES
        }
        await _answer(send, 200, keys, NO_STORE)

    async def make_key(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(scope, receive, send)
        if body is None:
            return
        name = body.get("key")
        if name not in NAMES or len(body) > 1:
            await _answer(send, 400, {"error": 'say which one: {"key": "primary"} or {"key": "secondary"}'})
            return
        self._keys.make(name)
        self._changed()
        await self._broker.safe()
        log.warning(
            "the %s access key has been replaced by an administrator; tokens signed with the old one fail", name
        )
        await _answer(send, 200, {name: getattr(self._keys, name)}, NO_STORE)

    def _describe(self, hub: str, *, secrets: bool) -> dict[str, Any]:
        found = self._hubs.listed()
        own = found.get(hub) or found.get(DEFAULT_HUB)
        settings, source = (self._hubs.of(hub), "default") if own is None else own
        if hub not in found and own is not None:
            source = DEFAULT_HUB
        return _describe(hub, settings, source, secrets=secrets)

    def _for_hub(
        self, app: Callable[[str, Scope, Receive, Send], Awaitable[None]]
    ) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        async def checked(scope: Scope, receive: Receive, send: Send) -> None:
            hub = scope["path_params"]["hub"]
            if hub != DEFAULT_HUB and not is_hub(hub):
                await _answer(send, 400, {"error": "no hub can have this name"})
                return
            await app(hub.lower(), scope, receive, send)

        return checked


def _describe(hub: str, settings: HubSettings, source: str, *, secrets: bool = False) -> dict[str, Any]:
    return {"hub": hub, "source": source, "settings": show_hub_settings(settings, secrets=secrets)}


async def _read(scope: Scope, receive: Receive, send: Send) -> dict[str, Any] | None:
    """The JSON object of the body; None if it has been answered that there is none."""
    try:
        body = msgspec.json.decode(await read_body(scope, receive, LARGEST_BODY))
    except BodyTooLarge:
        await _answer(send, 413, {"error": f"more than {LARGEST_BODY} bytes"})
        return None
    except ClientGone:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = None
    if not isinstance(body, dict):
        await _answer(send, 400, {"error": "the body is no JSON object"})
        return None
    return body


async def _answer(send: Send, status: int, body: object, *headers: tuple[bytes, bytes]) -> None:
    await answer(send, status, msgspec.json.encode(body), (JSON, *headers))
