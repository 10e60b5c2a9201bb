"""Gates made of what a configuration lists."""

from typing import ClassVar

import pytest
from msgspec import Struct

from myna.access import AUTHENTICATORS
from myna.access.authenticator import AccessContext, Authenticator, NoSettings
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


async def test_an_endpoint_keeps_its_gate_when_its_authenticators_change() -> None:
    made = gates()
    gate = made.use("mqtt", [])
    assert made.use("mqtt", ["open"]) is gate
    ticket = FakeTicket(user_name="bob")
    gate.admit(ticket, 0.0)
    assert ticket.answers == ["admitted bob at 0"]


class Counting(Authenticator):
    """Notes what happens to it."""

    made: ClassVar[list["Counting"]] = []

    class SETTINGS(NoSettings, frozen=True, forbid_unknown_fields=True):
        user: str = "bob"

    def __init__(self, settings: Struct, context: AccessContext) -> None:
        assert isinstance(settings, Counting.SETTINGS)
        if settings.user == "nobody":
            raise ConfigError(["nobody is nobody"])
        self.user = settings.user
        self.seen: list[str] = []
        Counting.made.append(self)

    def judge(self, ticket: Ticket, now: float) -> Identity:
        return Identity("acme", self.user)

    def tick(self, now: float) -> None:
        self.seen.append("tick")

    def close(self) -> None:
        self.seen.append("close")


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> list[Counting]:
    monkeypatch.setitem(AUTHENTICATORS, "counting", f"{__name__}:Counting")
    Counting.made = []
    return Counting.made


async def test_read_again_an_authenticator_of_the_same_settings_goes_on(counting: list[Counting]) -> None:
    tables = {"counting": Table(("access", "counting"), {"user": "carol"})}
    made = gates(tables)
    chain, callers = made.make(["counting"]), made.callers(("faces", "pigeon"), ["counting"])
    made.configure(dict(tables), SOURCE)
    assert len(counting) == 1
    made.tick(1.0)
    made.configure({}, SOURCE)
    made.tick(2.0)
    assert [one.seen for one in counting] == [["tick", "close"], ["tick"]]
    ticket = FakeTicket()
    chain.admit(ticket, 0.0)
    assert ticket.answers == ["admitted bob at 0"]
    judged = callers.judge(ticket, 0.0)
    assert isinstance(judged, Identity)
    made.close()
    assert counting[1].seen == ["tick", "close"]


def test_what_cannot_be_made_leaves_everything_as_it_was(counting: list[Counting]) -> None:
    made = gates()
    chain = made.make(["counting"])
    with pytest.raises(ConfigError, match=r"access.counting: nobody is nobody"):
        made.configure({"counting": Table(("access", "counting"), {"user": "nobody"})}, SOURCE)
    ticket = FakeTicket()
    chain.admit(ticket, 0.0)
    assert ticket.answers == ["admitted bob at 0"]
    assert len(counting) == 1


async def test_what_was_held_can_be_gone_back_to(counting: list[Counting]) -> None:
    made = gates()
    chain, gate = made.make(["counting"]), made.use("mqtt", ["counting"])
    go_back = made.hold()
    made.configure({"counting": Table(("access", "counting"), {"user": "carol"})}, SOURCE)
    made.use("mqtt", [])
    go_back()
    ticket = FakeTicket()
    chain.admit(ticket, 0.0)
    gate.admit(ticket, 0.0)
    assert ticket.answers == ["admitted bob at 0"] * 2


def test_a_face_may_ask_for_callers_before_everything_is_brought() -> None:
    made = Gates(access_context())
    callers = made.callers(("faces", "loft", "access"), ["pigeon"])
    with pytest.raises(ConfigError, match=r'faces.loft.access: no such authenticator "pigeon"'):
        made.configure({}, SOURCE)
    made.bring("pigeon", Pigeon())
    made.configure({}, SOURCE)
    judged = callers.judge(FakeTicket(), 0.0)
    assert isinstance(judged, Identity)
    assert judged.user == "pigeon"


@pytest.mark.parametrize("name", AUTHENTICATORS)
def test_every_authenticator_can_be_loaded(name: str) -> None:
    assert load_authenticator(name)
