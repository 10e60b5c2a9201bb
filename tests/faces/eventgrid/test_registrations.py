"""Registered clients that change, as events."""

from myna.faces.eventgrid.clients import Client
from myna.faces.eventgrid.namespace import Namespace
from myna.faces.eventgrid.registrations import CHANGED, DELETED, Registrations
from myna.formats.offered import OfferedEvent


class Sink:
    def __init__(self) -> None:
        self.wanted = True
        self.events: list[OfferedEvent] = []

    def want(self, kind: str, tenant: str) -> bool:
        return self.wanted and (kind, tenant) == ("clients", "tenant")

    def offer(self, event: OfferedEvent) -> bool:
        self.events.append(event)
        return True


def namespace(*clients: Client) -> Namespace:
    return Namespace(clients={client.authentication_name.casefold(): client for client in clients})


def test_what_is_different_is_told_once_for_each_client() -> None:
    sink = Sink()
    one, two, gone = Client("One"), Client("two", {"room": "7"}), Client("gone")
    registrations = Registrations(sink, "tenant", "ns", namespace(one, gone), 10.0)
    registrations.replaced(namespace(Client("One", enabled=False), two), 20.0)
    assert [(event.type, event.subject, event.source) for event in sink.events] == [
        (CHANGED, "clients/One", ""),
        (CHANGED, "clients/two", ""),
        (DELETED, "clients/gone", ""),
    ]
    assert sink.events[0].data == {
        "namespaceName": "ns",
        "clientName": "One",
        "clientAuthenticationName": "One",
        "createdOn": "1970-01-01T00:00:10.000000Z",
        "updatedOn": "1970-01-01T00:00:20.000000Z",
        "state": "Disabled",
        "attributes": {},
    }
    assert sink.events[1].data["attributes"] == {"room": "7"}
    assert sink.events[1].data["createdOn"] == sink.events[1].data["updatedOn"]
    assert sink.events[2].data == {"namespaceName": "ns", "clientName": "gone", "clientAuthenticationName": "gone"}


def test_what_nobody_wants_is_not_made_and_not_made_up_for_later() -> None:
    sink = Sink()
    sink.wanted = False
    registrations = Registrations(sink, "tenant", "ns", namespace(), 10.0)
    registrations.replaced(namespace(Client("a")), 20.0)
    sink.wanted = True
    registrations.replaced(namespace(Client("a")), 30.0)
    assert sink.events == []
