"""What is remembered of a caller."""

from myna.faces.eventgrid.callers import Caller
from myna.faces.eventgrid.clients import Client
from myna.faces.eventgrid.namespace import open_namespace
from myna.faces.eventgrid.rules import Directory
from myna.testing import TENANT


def caller() -> Caller:
    return Caller(TENANT, Directory(open_namespace()), Client("backend", {"floor": 3, "tags": ("a", "b")}), "id")


def test_a_topic_that_was_allowed_is_remembered_until_rules_change() -> None:
    made = caller()
    made.remember("a", 1)
    assert made.is_known_to_publish("a", 1)
    assert not made.is_known_to_publish("b", 1)
    assert not made.is_known_to_publish("a", 2)
    made.remember("b", 2)
    assert not made.is_known_to_publish("a", 2)


def test_what_is_remembered_has_its_bounds() -> None:
    made = caller()
    made.remember("x" * 257, 1)
    assert not made.is_known_to_publish("x" * 257, 1)
    for number in range(1025):
        made.remember(str(number), 1)
    assert made.is_known_to_publish("1024", 1)
    assert not made.is_known_to_publish("0", 1)


def test_attributes_are_shown_as_text() -> None:
    assert dict(caller().identity.attributes) == {"floor": "3", "tags": "a,b"}


def test_an_origin_is_made_once_for_each_address() -> None:
    made = caller()
    first = made.origin("192.0.2.1")
    assert made.origin("192.0.2.1") is first
    assert made.origin("192.0.2.2").address == "192.0.2.2"
    assert (first.client_id, first.user) == ("id", "backend")
