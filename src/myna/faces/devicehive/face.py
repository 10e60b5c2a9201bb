"""The DeviceHive face: everything under `dh/` of one tenant, and its users as a way to connect.

What a newcomer gets wrong: it claims no HTTP path. Clients speak MQTT; requests, answers and events are messages.
"""

import logging
import os
import time
from collections.abc import Sequence
from typing import ClassVar, Final

from msgspec import Struct

from myna.config.quantities import Duration
from myna.config.sections import Section
from myna.faces.contract import Claims, Face, FaceContext
from myna.faces.devicehive.authenticator import DeviceHiveAuthenticator
from myna.faces.devicehive.callers import Callers
from myna.faces.devicehive.desk import ENTITIES_IN_PAGE, HISTORY_IN_PAGE, Desk, Facts
from myna.faces.devicehive.guard import Departures, DeviceHiveGuard
from myna.faces.devicehive.guessing import Guessing
from myna.faces.devicehive.native import NativePublish
from myna.faces.devicehive.permissions import Permissions
from myna.faces.devicehive.pushes import Pushes
from myna.faces.devicehive.requests import Requests
from myna.faces.devicehive.subscriptions import Subscriptions
from myna.faces.devicehive.tokens import BadSecret, Tokens, derive_key

log = logging.getLogger("myna.devicehive")

SECRET_PROPERTY: Final = "jwt.secret"


class Settings(Section, frozen=True):
    registry: str = ""  # postgresql://user:password@host/name; empty for SQLite in the data folder
    tenant: str = ""  # whose topics under dh/ these are; empty for the default tenant
    secret: str = ""  # of the tokens, as the original takes it; JWT_SECRET in the environment comes before it
    access_lifetime: Duration = Duration(1800)  # of an access token
    refresh_lifetime: Duration = Duration(182 * 86_400)  # of a refresh token
    retention: Duration = Duration(3600)  # of commands and notifications; never less than two minutes
    anonymous: bool = False  # admit connections without a login, which may authenticate later
    ordinary_topics: bool = True  # whether anonymous connections may use topics outside dh/
    unknown_logins: str = ""  # "refuse", or "next" for the next authenticator; empty: next in development, else refuse
    entities_in_page: int = ENTITIES_IN_PAGE  # of lists of devices, networks, users …, where `take` is not given
    history_in_page: int = HISTORY_IN_PAGE  # of lists of commands and notifications
    rest_url: str = ""  # what server/info says; empty for our own HTTP address
    bootstrap_servers: str = "localhost:9092"  # what cluster/info says
    zookeeper_connect: str = "localhost:2181"

    def __post_init__(self) -> None:
        if self.unknown_logins not in ("", "refuse", "next"):
            raise ValueError('`unknown_logins` is "refuse" or "next"')
        if self.registry and not self.registry.startswith(("postgresql:", "sqlite:")):
            raise ValueError('`registry` is the URL of a database, like "postgresql://user:password@host/name"')
        try:
            if self.secret:
                derive_key(self.secret)
        except BadSecret as error:
            raise ValueError(str(error)) from None


class DeviceHiveFace(Face):
    SETTINGS: ClassVar[type[Struct]] = Settings

    def __init__(self, context: FaceContext, settings: Settings) -> None:
        self._context = context
        self._settings = settings
        self._tenant = settings.tenant or context.default_tenant
        self._inventory = context.open_registry(settings.registry, float(settings.retention))
        broker = context.broker.core
        tenant = broker.tenant(self._tenant)
        tenant.is_held = True
        directory = self._inventory.directory
        tokens = Tokens(
            derive_key(self._find_secret()),
            int(settings.access_lifetime * 1000),
            int(settings.refresh_lifetime * 1000),
        )
        allowed = Permissions(directory)
        self._subscriptions = Subscriptions()
        self._callers = Callers(broker, tokens, directory)
        pushes = Pushes(broker, tenant, self._callers, allowed, self._subscriptions, context.now)
        facts = Facts(
            self._rest_url,
            settings.bootstrap_servers,
            settings.zookeeper_connect,
            settings.entities_in_page,
            settings.history_in_page,
        )
        guessing = Guessing(broker.logins, context.now)
        desk = Desk(
            self._inventory,
            allowed,
            tokens,
            self._callers,
            pushes,
            self._subscriptions,
            facts,
            guessing,
            _milliseconds,
        )
        self._requests = Requests(broker, tenant, desk, context.now)
        native = NativePublish(broker, desk, self._requests)
        self._guard = DeviceHiveGuard(self._callers, self._requests, native, pushes, allowed)

    def claims(self) -> Claims:
        settings = self._settings
        development = self._context.development
        refuse = settings.unknown_logins == "refuse" or (not settings.unknown_logins and not development)
        authenticator = DeviceHiveAuthenticator(
            self._inventory,
            self._callers,
            self._tenant,
            anonymous=settings.anonymous,
            ordinary_topics=settings.ordinary_topics,
            refuse_unknown=refuse,
        )
        return Claims(
            guards=[(self._tenant, self._guard)],
            authenticators={"devicehive": authenticator},
            watchers=[Departures(self._callers, self._subscriptions)],
        )

    async def start(self) -> None:
        await self._inventory.start()

    async def stop(self) -> None:
        """What has been asked for is done. The registry stays open for the wills of those who are sent away next."""
        await self._requests.finish()

    def banner(self) -> Sequence[str]:
        password = self._inventory.first_password
        if password:
            return [f"DeviceHive: the administrator is dhadmin with password {password} (shown this once)"]
        if self._context.development:
            return ["DeviceHive: connect as dhadmin with password dhadmin_#911, or anonymously and `authenticate`"]
        return []

    def _find_secret(self) -> str:
        """From the environment, the settings, the registry, or made up now and kept there; in this order."""
        secret = os.environ.get("JWT_SECRET", "") or self._settings.secret
        if not secret:
            return self._inventory.shared_secret(SECRET_PROPERTY)
        return secret

    def _rest_url(self) -> str:
        urls = self._context.urls.get("http") or ("http://localhost",)
        return self._settings.rest_url or urls[0]


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
