"""Guessing passwords: who fails too often waits, and a name that is being guessed is answered late.

    a name from an address      so many failures, and it is refused for 1 s, 2 s, 4 s … without anybody being asked
    an address                  so many names have failed there, and all are refused that never got in from there
    a name                      so many failures from anywhere, and strangers to it are answered late

Names are never locked, or anybody could lock out anybody from anywhere; and one device with an old password does not
keep out the thousand that share its address. What a newcomer gets wrong: a success forgives nothing, or whoever has one
account could guess at others for ever.
"""

import hashlib
from typing import Final, final

from myna.core.counters import Counters
from myna.core.hosts import counted_by

REMEMBERED: Final = 10_000  # of each kind; the one that failed longest ago goes first
KNOWN: Final = 100_000  # addresses and names that got in
LONGEST_NAME: Final = 128  # characters; longer ones are taken for the same if they begin alike
FIRST_LATE: Final = 0.5
LATEST: Final = 5.0  # seconds; a client that has got it right still hears of it before it gives up


def login_name(user_name: str | None, shown: bytes | None) -> str:
    """What a login is counted by, beside its address. Without a user name that is what it shows, for all else can be
    chosen anew with each try; and a token that is no good any more must not make others wait.
    """
    return user_name or ("" if not shown else hashlib.sha256(shown).hexdigest()[:16])


def must_wait(seconds: float) -> str:
    """What those are told who have to wait."""
    return f"too many failed logins from there: wait {seconds:.0f} s"


@final
class _Failures:
    __slots__ = ("count", "last", "until")

    def __init__(self) -> None:
        self.count = 0
        self.last = 0.0
        self.until = 0.0


@final
class Logins:
    """`failures` and `failures_per_name` 0: nobody waits for it."""

    def __init__(self, counters: Counters) -> None:
        self.failures = 20
        self.failures_per_name = 100
        self.window = 300.0  # seconds a failure counts, from the last one on
        self.longest = 300.0
        self._counters = counters
        self._pairs: dict[str, _Failures] = {}
        self._addresses: dict[str, _Failures] = {}
        self._names: dict[str, _Failures] = {}
        self._known: dict[str, None] = {}

    def wait(self, address: str, name: str, now: float) -> float:
        """Seconds until anybody may try again from here by this name; 0.0 if it may now."""
        if not self._pairs:
            return 0.0
        host = counted_by(address)
        pair = f"{host} {_as_counted(name)}"
        held = self._pairs.get(pair)
        if held is not None and held.until > now:
            self._counters.refuse("login:name_waits")
            return held.until - now
        held = self._addresses.get(host)
        if held is not None and held.until > now and pair not in self._known:
            self._counters.refuse("login:address_waits")
            return held.until - now
        return 0.0

    def delay(self, address: str, name: str, now: float) -> float:
        """Seconds to let pass before anybody is asked about this login."""
        if not self._names:
            return 0.0
        name = _as_counted(name)
        held = self._names.get(name)
        if held is None or not self.failures_per_name or held.count < self.failures_per_name:
            return 0.0
        if now - held.last > self.window or f"{counted_by(address)} {name}" in self._known:
            return 0.0
        self._counters.refuse("login:answered_late")
        return min(FIRST_LATE * 2.0 ** min(held.count - self.failures_per_name, 10), LATEST)

    def failed(self, address: str, name: str, now: float) -> None:
        """Somebody showed credentials that were no good."""
        self._counters.refuse("login:failed")
        host = counted_by(address)
        name = _as_counted(name)
        if host and self.failures:
            of_pair = _youngest(self._pairs, f"{host} {name}")
            self._count(of_pair, now)
            of_address = _youngest(self._addresses, host)
            if of_pair.count == 1 or of_address.count >= self.failures:
                self._count(of_address, now)
        if name and self.failures_per_name:
            self._count(_youngest(self._names, name), now)

    def succeeded(self, address: str, name: str) -> None:
        """Somebody got in by a name."""
        if not name:
            return
        pair = f"{counted_by(address)} {_as_counted(name)}"
        if pair not in self._known and len(self._known) >= KNOWN:
            del self._known[next(iter(self._known))]
        self._known[pair] = None

    def waiting(self, now: float) -> int:
        """Addresses, and names from an address, that are refused now."""
        pairs = sum([held.until > now for held in self._pairs.values()])
        return pairs + sum([held.until > now for held in self._addresses.values()])

    def _count(self, held: _Failures, now: float) -> None:
        if now - held.last > self.window:
            held.count = 0
        held.count += 1
        held.last = now
        if self.failures and held.count >= self.failures:
            held.until = now + min(2.0 ** min(held.count - self.failures, 30), self.longest)


def _as_counted(name: str) -> str:
    """Without what many take for the same name: case, and blanks around it."""
    return name.strip().casefold()[:LONGEST_NAME]


def _youngest(table: dict[str, _Failures], key: str) -> _Failures:
    """The one of this key, at the table's end."""
    held = table.pop(key, None)
    if held is None:
        held = _Failures()
        if len(table) >= REMEMBERED:
            del table[next(iter(table))]
    table[key] = held
    return held
