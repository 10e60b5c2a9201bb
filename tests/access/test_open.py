"""BifroMQ's development rule."""

import pytest

from myna.access.authenticator import NoSettings
from myna.access.open import Open, read_user_name
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from tests.access.contexts import access_context
from tests.access.tickets import FakeTicket


@pytest.mark.parametrize(
    ("user_name", "tenant", "user"),
    [
        ("acme/alice", "acme", "alice"),
        ("alice", "DevOnly", "alice"),
        ("", "DevOnly", "DevUser"),
        (None, "DevOnly", "DevUser"),
        ("acme/", "DevOnly", "acme/"),
        ("/alice", "", "alice"),
        ("a/b/c", "DevOnly", "a/b/c"),
        ("acme/alice/", "acme", "alice"),
        ("a//b", "DevOnly", "a//b"),
        ("/", "DevOnly", "/"),
    ],
)
def test_exactly_two_parts_name_tenant_and_user(user_name: str | None, tenant: str, user: str) -> None:
    assert read_user_name(user_name) == (tenant, user)


def test_client_ids_are_per_user() -> None:
    ticket = FakeTicket(user_name="acme/alice", password=b"whatever")
    identity = Open(NoSettings(), access_context()).judge(ticket, 0.0)
    assert isinstance(identity, Identity)
    assert (identity.tenant, identity.user, identity.scope) == ("acme", "alice", "alice")


def test_nobody_speaks_for_every_tenant_over_http_by_calling_himself_so() -> None:
    ticket = FakeTicket(user_name="*/alice")
    assert isinstance(Open(NoSettings(), access_context()).judge(ticket, 0.0), Refusal)
    ticket.level = 5
    assert isinstance(Open(NoSettings(), access_context()).judge(ticket, 0.0), Identity)


def test_whoever_names_a_method_of_authentication_is_not_let_in_unasked() -> None:
    ticket = FakeTicket(user_name="alice")
    ticket.method = "SCRAM-SHA-256"
    assert Open(NoSettings(), access_context()).judge(ticket, 0.0) is None


def test_nobody_is_known_at_an_address_by_a_name_that_was_only_believed() -> None:
    ticket = FakeTicket(user_name="alice", password=b"anything")
    Open(NoSettings(), access_context()).judge(ticket, 0.0)
    assert not ticket.counts
