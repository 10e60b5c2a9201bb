"""Gates made of what a configuration lists."""

import pytest

from myna.access import AUTHENTICATORS
from myna.access.gates import Gates, load_authenticator
from myna.config import ConfigError, Source, Table
from myna.core.identity import Identity
from myna.core.ports import Ticket
from tests.access.contexts import access_context
from tests.access.tickets import FakeTicket

SOURCE = Source("myna.toml", {("access",): 1, ("access", "mqtt"): 2, ("access", "opn"): 5}, {})


class Pigeon:
    def judge(self, ticket: Ticket, now: float) -> Identity:
        return Identity("loft", "pigeon")


def gates(tables: dict[str, Table] | None = None) -> Gates:
    made = Gates(access_context())
    made.bring("pigeon", Pigeon())
    made.configure(tables or {}, SOURCE)
    return made


def test_authenticators_are_found_by_name_those_of_faces_too() -> None:
    ticket = FakeTicket(user_name="bob")
    gates().use("mqtt", ["open"]).admit(ticket, 0.0)
    gates().make(["pigeon"]).admit(ticket, 0.0)
    assert ticket.answers == ["admitted bob at 0", "admitted pigeon at 0"]


def test_an_unknown_one_is_refused_with_its_place() -> None:
    with pytest.raises(
        ConfigError, match=r'myna.toml:2: access.mqtt: no such authenticator "opn"; did you mean open\?'
    ):
        gates().use("mqtt", ["opn"])


def test_settings_for_an_unknown_one_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"myna.toml:5: access.opn: no such authenticator; did you mean open\?"):
        gates({"opn": Table(("access", "opn"), {})})


def test_settings_it_does_not_know_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"access.open.x: unknown key"):
        gates({"open": Table(("access", "open"), {"x": 1})}).use("mqtt", ["open"])


def test_an_endpoint_keeps_its_gate_when_its_authenticators_change() -> None:
    made = gates()
    gate = made.use("mqtt", [])
    assert made.use("mqtt", ["open"]) is gate
    ticket = FakeTicket(user_name="bob")
    gate.admit(ticket, 0.0)
    assert ticket.answers == ["admitted bob at 0"]


@pytest.mark.parametrize("name", AUTHENTICATORS)
def test_every_authenticator_can_be_loaded(name: str) -> None:
    assert load_authenticator(name)
