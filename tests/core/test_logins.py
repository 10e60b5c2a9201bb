"""Failed logins: who has to wait, who is answered late, and who must not suffer from what others do."""

import pytest

from myna.core import logins as module
from myna.core.counters import Counters
from myna.core.logins import Logins
from myna.core.ports import Gate, Ticket
from myna.testing import Client, OpenGate, World
from myna.wire import reasons
from myna.wire.packets import Connect

HERE, THERE = "192.0.2.1:4711", "198.51.100.7:1"


class Doorman(Gate):
    """Lets those in whose password is "right"; counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self._open = OpenGate()

    def admit(self, ticket: Ticket, now: float) -> None:
        self.asked += 1
        if ticket.password == b"right":
            self._open.admit(ticket, now)
        else:
            ticket.refuse(reasons.BAD_USER_NAME_OR_PASSWORD, now)


class Guessed(World):
    """A broker with such a doorman, where three failures are too many, and six on one name."""

    def __init__(self) -> None:
        self.doorman = Doorman()
        super().__init__(gate=self.doorman)
        self.logins = self.broker.logins
        self.logins.failures = 3
        self.logins.failures_per_name = 6

    def log_in(self, name: str, password: str | None, level: int = 5, address: str = HERE) -> Client:
        client = Client(self, f"c-{name}", level, self.doorman, address)
        client.send(Connect(level, f"c-{name}", True, 0, name, None if password is None else password.encode()))
        return client

    def fail(self, name: str, times: int, address: str = HERE) -> None:
        for _ in range(times):
            self.log_in(name, "wrong", address=address).expect_connack(reasons.BAD_USER_NAME_OR_PASSWORD)


@pytest.mark.parametrize(("level", "code"), [(3, 3), (4, 3), (5, 0x9F)])
def test_a_name_that_fails_too_often_from_an_address_waits_longer_each_time_and_costs_nothing(
    level: int, code: int
) -> None:
    world = Guessed()
    world.fail("alice", 3)
    for wait in (1.0, 2.0, 4.0):
        asked = world.doorman.asked
        world.pass_time(wait - 0.01)
        client = world.log_in("alice", "right", level)
        client.expect_connack(code)
        assert client.is_closed()
        assert world.doorman.asked == asked
        world.log_in("bob", "right", level).expect_connack()  # who shares the address is not kept out
        world.pass_time(0.02)
        world.fail("alice", 1)
    assert world.refused("login:name_waits") == 3
    assert world.logins.waiting(world.now) == 1
    world.pass_time(8)
    client = world.log_in("alice", "right")
    world.pass_time(1)  # by now the name is one that is being guessed
    client.expect_connack()


def test_an_address_that_tries_many_names_waits_with_all_that_never_got_in() -> None:
    world = Guessed()
    world.log_in("dave", "right").disconnect()
    for name in ("alice", "bob", "carol"):
        world.fail(name, 1)
    asked = world.doorman.asked
    world.log_in("erin", "right").expect_connack(0x9F)
    assert world.doorman.asked == asked
    assert world.refused("login:address_waits") == 1
    world.log_in("dave", "right").expect_connack()
    world.log_in("erin", "right", address=THERE).expect_connack()
    world.pass_time(1.1)
    world.fail("alice", 1)  # no new name, and yet the address goes on guessing
    world.pass_time(1.1)
    world.log_in("erin", "right").expect_connack(0x9F)
    world.pass_time(1)
    world.log_in("erin", "right").expect_connack()


def test_others_elsewhere_are_not_touched_by_what_an_address_does() -> None:
    world = Guessed()
    world.fail("alice", 3)
    world.log_in("alice", "right", address=THERE).expect_connack()


def test_nobody_waits_longer_than_he_may_and_is_forgiven_after_a_while() -> None:
    counters = Counters()
    logins = Logins(counters)
    now = 0.0
    for _ in range(60):
        logins.failed(HERE, "alice", now)
        now += logins.wait(HERE, "alice", now)
    logins.failed(HERE, "alice", now)
    assert logins.wait(HERE, "alice", now) == 300.0
    logins.failed(HERE, "alice", now + 601)
    assert logins.wait(HERE, "alice", now + 601) == 0.0
    assert counters.refused["login:failed"] == 62


def test_a_success_forgives_nothing() -> None:
    world = Guessed()
    for _ in range(3):
        world.log_in("mallory", "right").disconnect()
        world.fail("alice", 1)
    world.log_in("mallory", "right").expect_connack()
    world.log_in("alice", "right").expect_connack(0x9F)


def test_a_name_that_is_guessed_from_everywhere_is_answered_late_and_never_locked() -> None:
    world = Guessed()
    world.log_in("alice", "right", address=THERE).disconnect()
    for number in range(6):
        world.fail("alice", 1, f"203.0.113.{number}:1")
    known = world.log_in("alice", "right", address=THERE)
    known.expect_connack()
    stranger = world.log_in("alice", "right", address="203.0.113.99:1")
    assert not stranger.received()
    assert not stranger.is_closed()
    world.pass_time(0.6)
    stranger.expect_connack()
    world.log_in("bob", "right", address="203.0.113.99:1").expect_connack()
    guess = world.log_in("alice", "wrong", address="203.0.113.98:1")
    world.pass_time(0.6)
    guess.expect_connack(reasons.BAD_USER_NAME_OR_PASSWORD)
    later = world.log_in("alice", "right", address="203.0.113.97:1")
    world.pass_time(0.6)
    assert not later.received()
    gone = world.log_in("alice", "right", address="203.0.113.96:1")
    gone.drop()
    asked = world.doorman.asked
    world.pass_time(1)
    later.expect_connack()
    assert world.doorman.asked == asked + 1, "nobody is asked about those who have gone"
    assert world.refused("login:answered_late") == 4


def test_a_name_is_answered_late_by_five_seconds_at_most_and_forgotten_after_a_while() -> None:
    logins = Logins(Counters())
    for number in range(1000):
        logins.failed(f"10.0.{number // 250}.{number % 250}:1", "alice", 0.0)
    assert logins.delay(HERE, "alice", 1.0) == 5.0
    assert logins.delay(HERE, "alice", 301.0) == 0.0
    assert logins.delay(HERE, "", 1.0) == 0.0


def test_clients_that_show_nothing_are_not_counted() -> None:
    world = Guessed()
    for _ in range(10):
        world.log_in("alice", None).expect_connack(reasons.BAD_USER_NAME_OR_PASSWORD)
    assert world.refused("login:failed") == 0


def test_who_has_no_address_is_counted_by_name_alone() -> None:
    logins = Logins(Counters())
    for _ in range(1000):
        logins.failed("unix", "alice", 0.0)
    assert logins.wait("unix", "alice", 0.0) == 0.0
    assert logins.delay("unix", "alice", 0.0) == 5.0


def test_bounds_of_0_count_nothing() -> None:
    logins = Logins(Counters())
    logins.failures = logins.failures_per_name = 0
    for _ in range(1000):
        logins.failed(HERE, "alice", 0.0)
    assert (logins.wait(HERE, "alice", 0.0), logins.delay(HERE, "alice", 0.0)) == (0.0, 0.0)


def test_what_is_remembered_is_bounded() -> None:
    logins = Logins(Counters())
    for number in range(module.REMEMBERED + 50):
        logins.failed(f"[2001:db8:{number // 65536:x}:{number % 65536:x}::1]:1", f"name {number}" + "x" * 1000, 0.0)
    assert len(logins._pairs) == len(logins._addresses) == len(logins._names) == module.REMEMBERED
    assert max(map(len, logins._names)) == module.LONGEST_NAME
    for number in range(module.KNOWN + 50):
        logins.succeeded(HERE, str(number))
    assert len(logins._known) == module.KNOWN


def test_without_a_user_name_it_counts_what_is_shown_and_not_the_client_id() -> None:
    world = Guessed()

    def show(secret: bytes, client_id: str) -> Client:
        client = Client(world, client_id, 5, world.doorman, HERE)
        client.send(Connect(5, client_id, True, 0, None, secret))
        return client

    for number in range(3):
        show(b"run out", f"c{number}").expect_connack(reasons.BAD_USER_NAME_OR_PASSWORD)
    show(b"run out", "c").expect_connack(0x9F)
    show(b"right", "c").expect_connack()  # others are not kept out by it
    for number in range(2):
        show(b"guess %d" % number, "c").expect_connack(reasons.BAD_USER_NAME_OR_PASSWORD)
    show(b"new", "c").expect_connack(0x9F)  # three that were wrong are too many for an address
    show(b"right", "c").expect_connack()  # known there


def test_who_got_in_without_proving_the_name_is_not_known_by_it() -> None:
    world = Guessed()

    class Believes(Gate):
        def admit(self, ticket: Ticket, now: float) -> None:
            ticket.counts = False
            OpenGate().admit(ticket, now)

    client = Client(world, "c-erin", 5, Believes(), HERE)
    client.send(Connect(5, "c-erin", True, 0, "erin", b"whatever"))
    client.expect_connack()
    for name in ("alice", "bob", "carol"):
        world.fail(name, 1)
    world.log_in("erin", "right").expect_connack(0x9F)


def test_what_was_genuine_and_is_no_good_is_no_guess() -> None:
    world = Guessed()

    class RunOut(Gate):
        def admit(self, ticket: Ticket, now: float) -> None:
            ticket.counts = False
            ticket.refuse(reasons.NOT_AUTHORIZED, now)

    for _ in range(5):
        client = Client(world, "c", 5, RunOut(), HERE)
        client.send(Connect(5, "c", True, 0, "alice", b"token"))
        client.expect_connack(reasons.NOT_AUTHORIZED)
    assert world.refused("login:failed") == 0


def test_another_spelling_of_a_name_is_no_other_name() -> None:
    world = Guessed()
    for name in ("alice", " alice", "ALICE  "):
        world.fail(name, 1)
    for name in ("Alice", "alice"):
        world.log_in(name, "right").expect_connack(0x9F)
    world.log_in("bob", "right").expect_connack()
