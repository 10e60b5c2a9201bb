"""What it costs to know somebody: a password for the first time and again, a generated secret, a whole HTTP call.

    python bench/access.py

Prints the best of five rounds, and how long a password file takes to be read. What a newcomer gets wrong: the first
check of a person's password is slow on purpose, and happens on a thread; only the other figures load the broker.
"""

import asyncio
import base64
import inspect
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from myna.access.authenticator import AccessContext
from myna.access.callers import Callers
from myna.access.passwords import Passwords, Settings
from myna.formats.password_file import Entry, read_password_file, with_password, with_secret, write_password_file
from myna.testing import World
from myna.testing.outgoing import ScriptedHttp

ROUNDS = 5
CALLS = 50_000
ENTRIES = 100_000
PENCIL = b"pencil"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "users.jsonl"
        file.touch(mode=0o600)
        person, device = with_password(Entry("alice"), PENCIL, 4096), with_secret(Entry("pump"), PENCIL)
        file.write_bytes(write_password_file([person, device]))
        asyncio.run(measure(file))


async def measure(file: Path) -> None:
    world = World()
    context = AccessContext(lambda: world.now, None, ScriptedHttp(), world.broker, str)
    passwords = Passwords(Settings(str(file)), context)
    callers = Callers(world.broker, lambda: world.now)
    callers.use([passwords])

    def call(name: str) -> Callable[[], object]:
        shown = base64.b64encode(name.encode() + b":" + PENCIL)
        scope = {"headers": [(b"authorization", b"Basic " + shown)], "raw_path": b"/", "client": ("192.0.2.1", 1)}
        return lambda: callers.call(scope, 0.0)

    begun = time.perf_counter()
    first = call("alice")()
    assert inspect.isawaitable(first)
    await first
    print(f"a person's password, the first time   {(time.perf_counter() - begun) * 1e3:8.1f} ms, on a thread")
    print(f"a whole call with it, from then on    {best(call('alice')):8.1f} µs")
    print(f"a whole call with a generated secret  {best(call('pump')):8.1f} µs")
    text = write_password_file(with_secret(Entry(f"device-{number}"), PENCIL) for number in range(ENTRIES))
    begun = time.perf_counter()
    read_password_file(text)
    print(f"reading a file of {ENTRIES:,} entries    {time.perf_counter() - begun:8.2f} s, on a thread")
    passwords.close()


def best(call: Callable[[], object]) -> float:
    """µs."""
    found = float("inf")
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(CALLS):
            call()
        found = min(found, (time.perf_counter() - begun) / CALLS)
    return found * 1e6


if __name__ == "__main__":
    main()
