"""Somebody who has proved who they are, by HTTP or MQTT: one Identity of the core, and what this API remembers of it.

What a newcomer gets wrong: the client id of an HTTP caller is the object id of its token, which may belong to a
connected MQTT client at the same time. Nothing here touches that session; only No Local sees that it is the same
client.
"""

from collections.abc import Mapping
from typing import Final

from myna.core.identity import Identity
from myna.core.message import Origin
from myna.faces.eventgrid.clients import Client
from myna.faces.eventgrid.namespace import Role
from myna.faces.eventgrid.quota import Buckets
from myna.faces.eventgrid.rules import Directory, TopicSpaceRules
from myna.faces.eventgrid.settings import IssuerSettings
from myna.formats.jwt import Key
from myna.wire import reasons

HTTP: Final = "http-publish"  # the protocol's name in metrics, logs and origins
_REMEMBERED: Final = 1024  # topics per caller
_LONGEST: Final = 256  # characters of a topic that is remembered: there are thousands of callers


class Caller:
    """In logs: `principal`, and the vendor's words for how it was proved, `authentication` and `source`."""

    def __init__(
        self,
        tenant: str,
        directory: Directory,
        client: Client,
        client_id: str,
        *,
        principal: str = "",
        authentication: str = "AccessToken",
        source: str = "JWT",
        roles: tuple[Role, ...] = (),
        expires_at: float = 0.0,
        claims: Mapping[str, object] | None = None,
        warrant: object = None,
    ) -> None:
        client = directory.registered(client)
        self.enabled = client.enabled
        self.client_id = client_id
        self.name = client.authentication_name
        self.principal = principal or client_id
        self.authentication = authentication
        self.source = source
        self.expires_at = expires_at
        self.claims = claims
        self.rules = TopicSpaceRules(directory, client, roles)
        self._tenant = tenant
        self._attributes = {key: _show(value) for key, value in client.attributes.items()}
        self._warrant = warrant
        self.identity = self.admitted()
        self.key: Key | None = None  # that has signed its token
        self.issuer: IssuerSettings | None = None  # whose key that is
        self.buckets: Buckets | None = None
        self._version = -1  # of the rules that `_approved` was looked up in
        self._approved: set[str] = set()
        self._origin: Origin | None = None

    def admitted(self) -> Identity:
        """Its identity, for one connection alone: gates note in it where and by which certificate that came in."""
        identity = Identity(
            self._tenant,
            self.name,
            attributes=self._attributes,
            rules=self.rules,
            expires_at=self.expires_at,
            claims=self,
        )
        identity.warrant = self._warrant
        return identity

    def may_publish(self, topic: str) -> bool:
        return self.rules.may_publish(self.identity, topic, 1, False) == reasons.SUCCESS

    def is_known_to_publish(self, topic: str, version: int) -> bool:
        """Has `remember` been told so, and have the broker's rules and limits not changed since?"""
        return topic in self._approved and self._version == version

    def remember(self, topic: str, version: int) -> None:
        """Everything that could be said against this topic has been looked into."""
        if len(topic) > _LONGEST:
            return
        if self._version != version or len(self._approved) >= _REMEMBERED:
            self._approved.clear()
            self._version = version
        self._approved.add(topic)

    def origin(self, address: str) -> Origin:
        origin = self._origin
        if origin is None or origin.address != address:
            identity = self.identity
            origin = self._origin = Origin(
                HTTP,
                identity.tenant,
                user=identity.user,
                client_id=self.client_id,
                identity=identity,
                address=address,
            )
        return origin


def _show(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)
