from typing import final

from myna.core.identity import Identity
from myna.core.link import BANDWIDTH, BEHIND, UNLIMITED, Link, Step
from myna.core.message import FORM_3, FORM_5
from myna.core.output import Output, OutputMemory
from myna.testing import FakeOutlet, properties
from myna.wire.encode import encode
from myna.wire.packets import Connack, Puback


@final
class BareLink(Link):
    def disconnect(self, reason: int, now: float, *, reference: str = "", text: str = "") -> None:
        return

    def admitted(self, identity: Identity, data: bytes | None, now: float) -> None:
        return

    def give_up_waiting(self, now: float) -> None:
        return

    def settled(self, sequence: int) -> None:
        return

    def judge_connect(self, identity: Identity, data: bytes | None, now: float) -> None:
        return

    def suspend(self, step: Step, now: float) -> None:
        return

    def go_on(self, now: float) -> None:
        return

    def feed(self, data: bytes, now: float) -> None:
        return

    def has_pending(self) -> bool:
        return self.output.has_pending()

    def take(self) -> bytes:
        return self.output.take()

    def sent(self, count: int, now: float) -> None:
        return

    def lost(self, now: float) -> None:
        return


def link() -> BareLink:
    return BareLink(Output(FakeOutlet(), OutputMemory()))


def test_a_link_takes_plain_frames_unless_its_client_wants_something_of_its_own() -> None:
    plain = link()
    plain.accept(4, 100, UNLIMITED, 0)
    assert (plain.level, plain.form, plain.receive_maximum, plain.plain) == (4, FORM_3, 100, True)
    plain.accept(3, 100, UNLIMITED, 0)
    assert plain.form == FORM_3
    plain.accept(5, 100, UNLIMITED, 0)
    assert (plain.form, plain.plain, plain.aliases) == (FORM_5, True, None)
    small = link()
    small.accept(5, 100, UNLIMITED - 1, 0)
    assert not small.plain
    aliased = link()
    aliased.accept(5, 100, UNLIMITED, 1)
    assert not aliased.plain
    assert aliased.aliases is not None


def test_a_packet_is_shortened_to_what_the_client_accepts_or_not_sent() -> None:
    small = link()  # [MQTT-3.2.2-19], [MQTT-3.1.2-24]
    small.accept(5, 100, 5, 0)
    small.write_packet(Connack(False, 0, properties(reason_string="because")))
    assert small.output.take() == encode(Connack(False, 0), 5)
    small.write_packet(Puback(1, 0x97, properties(reason_string="because")))
    assert small.output.take() == encode(Puback(1, 0x97), 5)
    small.accept(5, 100, 4, 0)
    small.write_packet(Puback(1, 0x97))
    assert not small.output.has_pending()


def test_a_client_is_read_from_when_no_reason_against_it_is_left() -> None:
    outlet = FakeOutlet()
    resting = BareLink(Output(outlet, OutputMemory()))
    resting.read_on(BEHIND)
    resting.rest(BEHIND)
    resting.rest(BANDWIDTH)
    resting.rest(BANDWIDTH)
    resting.read_on(BANDWIDTH)
    rests = [outlet.paused]
    resting.read_on(BEHIND)
    assert [*rests, outlet.paused] == [True, False]
