"""The rules of somebody this API has identified, by whatever protocol they speak: topic spaces decide.

What a newcomer gets wrong: the namespace can change under a connected client. Each identity has rules of its own,
which look at the directory's version before they use what they have computed.
"""

from typing import Final

from myna.core.identity import Identity, Rules
from myna.faces.eventgrid.clients import Client
from myna.faces.eventgrid.namespace import Grants, Namespace, Role
from myna.wire import reasons

REPLIES: Final = "$http-reply"  # first level of the private topics that HTTP callers await answers on


class Directory:
    """The namespace in force, and how often it has been replaced."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.version = 1

    def replace(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.version += 1

    def registered(self, client: Client) -> Client:
        """As registered, with the attributes of both; where they differ, the registration's."""
        held = self.namespace.find_client(client.authentication_name)
        if held is None:
            return client
        return Client(held.authentication_name, {**client.attributes, **held.attributes}, held.enabled)


class TopicSpaceRules(Rules):
    def __init__(self, directory: Directory, client: Client, roles: tuple[Role, ...] = ()) -> None:
        super().__init__()
        self._directory = directory
        self._client = client
        self._roles = roles
        self._version = 0
        self._grants: Grants | None = None

    def may_publish(self, identity: Identity, topic: str, qos: int, retain: bool) -> int:
        if self.grants().publish.covers(topic) or topic.startswith(f"{REPLIES}/"):
            return reasons.SUCCESS  # whoever knows a private reply topic has been told it by the one who waits there
        return reasons.NOT_AUTHORIZED

    def may_subscribe(self, identity: Identity, filter: str, qos: int) -> int:
        return reasons.SUCCESS if self.grants().subscribe.covers(filter) else reasons.NOT_AUTHORIZED

    def is_enabled(self) -> bool:
        return self._directory.registered(self._client).enabled

    def grants(self) -> Grants:
        grants = self._grants
        if grants is None or self._version != self._directory.version:
            grants = self._directory.namespace.grants(self._directory.registered(self._client), self._roles)
            self._grants = grants
            self._version = self._directory.version
        return grants
