"""Clients that were registered, changed or removed, as events for those who route them.

What a newcomer gets wrong: registrations live in files, which say nothing of when. `createdOn` is when this process has
seen one first; and however often a file changed between two looks, there is one event for each client.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from myna.faces.eventgrid.clients import Client
from myna.faces.eventgrid.namespace import Namespace
from myna.formats.offered import EventSink, OfferedEvent

KIND: Final = "clients"
CHANGED: Final = "Microsoft.EventGrid.MQTTClientCreatedOrUpdated"
DELETED: Final = "Microsoft.EventGrid.MQTTClientDeleted"


class Registrations:
    def __init__(self, sink: EventSink, tenant: str, namespace_name: str, namespace: Namespace, now: float) -> None:
        self._sink = sink
        self._tenant = tenant
        self._name = namespace_name
        self._known: Mapping[str, Client] = namespace.clients
        self._seen: dict[str, float] = dict.fromkeys(namespace.clients, now)

    def replaced(self, namespace: Namespace, now: float) -> None:
        """This one holds from now on: tell what is different."""
        before, self._known = self._known, namespace.clients
        seen = self._seen
        self._seen = {name: seen.get(name, now) for name in namespace.clients}
        if self._sink.want(KIND, self._tenant):
            for event in self._changes(before, now):
                self._sink.offer(event)

    def _changes(self, before: Mapping[str, Client], now: float) -> Iterator[OfferedEvent]:
        for name, client in self._known.items():
            if before.get(name) != client:
                more = {
                    "createdOn": _time(self._seen[name]),
                    "updatedOn": _time(now),
                    "state": "Enabled" if client.enabled else "Disabled",
                    "attributes": dict(client.attributes),
                }
                yield self._event(CHANGED, client, more)
        for name, client in before.items():
            if name not in self._known:
                yield self._event(DELETED, client, {})

    def _event(self, type: str, client: Client, more: dict[str, Any]) -> OfferedEvent:
        name = client.authentication_name
        data = {"namespaceName": self._name, "clientName": name, "clientAuthenticationName": name, **more}
        return OfferedEvent(KIND, self._tenant, type, "", f"clients/{name}", data)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
