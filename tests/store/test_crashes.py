"""kill -9 at any moment, again and again, and an account of every acknowledged message.

Rounds per run: MYNA_ROUNDS times ten. Each starts `myna serve` on what the one before has left, lets clients publish
and receive, and kills it: at work, while it cleans its journal, while it starts. What a newcomer gets wrong: a seed
does not make a run repeatable, as the kernel has its say; it only says which mixture was drawn.
"""

import asyncio
import os
import random
import re
import sqlite3
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.store.accounting import Broken, Publisher, Subscriber, check, fold, lacks, pause

ROUNDS = int(os.environ.get("MYNA_ROUNDS", "1")) * 10
PATIENCE = 60.0
IDLE = 1.0  # seconds without a message after which nothing more is to come that is not due


class Server:
    """One life of the broker."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, str(Path(__file__).with_name("serving.py")), "--data", str(folder)),
                *("--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0", "--log-level", "warning"),
                *(more or ("--bifromq", "127.0.0.1:0")),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""

    def wait_until_ready(self) -> tuple[str, int]:
        assert self.process.stdout is not None  # it is a pipe
        for line in self.process.stdout:
            self.said += line
            if line.startswith("ready"):
                break
        found = re.search(r"mqtt://127\.0\.0\.1:(\d+)", self.said)
        assert found is not None, self.said
        return "127.0.0.1", int(found[1])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.said += self.process.stdout.read()
        self.process.stdout.close()
        assert "Traceback" not in self.said, self.said


class Account:
    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        self.publishers = [
            Publisher("one", "t/1", 1),
            Publisher("two", "t/2", 2),
            Publisher("big", "t/3", 1, size=3000),
            Publisher("kept", "r/4", 1, retain=True),
        ]
        self.online = [Subscriber("on1", 1), Subscriber("on2", 2)]
        self.offline = [Subscriber("off1", 1), Subscriber("off2", 2)]
        self.until = 0

    async def begin(self) -> None:
        server = Server(self.folder)
        address = await asyncio.to_thread(server.wait_until_ready)
        for subscriber in [*self.online, *self.offline]:
            await subscriber.subscribe(address, "t/#")
        server.kill()

    async def round(self) -> None:
        """One life: perhaps too short to be ready, perhaps with everybody at work."""
        server = Server(self.folder)
        if self.chance.random() < 0.2:
            await asyncio.sleep(pause(self.chance, 1.0))
            server.kill()
            return
        address = await asyncio.to_thread(server.wait_until_ready)
        self.until += 500
        works = [
            asyncio.create_task(publisher.run(address, self.until, self.chance.choice((1, 10, 100))))
            for publisher in self.publishers
        ]
        works += [asyncio.create_task(subscriber.run(address)) for subscriber in self.online]
        if self.chance.random() < 0.5:  # some of what has been waiting is fetched
            works += [
                asyncio.create_task(subscriber.run(address, idle=5, most=self.chance.randrange(1000)))
                for subscriber in self.offline
            ]
        await asyncio.sleep(pause(self.chance, 1.0))
        await asyncio.to_thread(server.kill)
        await fold(*works)

    async def settle(self) -> None:
        """A last life in which everything is delivered."""
        server = Server(self.folder)
        address = await asyncio.to_thread(server.wait_until_ready)
        try:
            for publisher in self.publishers:
                await publisher.run(address, publisher.next_number, 100)
            subscribers = [*self.online, *self.offline]
            heard = [one.run(address, idle=IDLE, due=partial(lacks, one, self.publishers[:3])) for one in subscribers]
            await asyncio.gather(*heard)
            check(self.publishers[:3], subscribers)
            reader = Subscriber("reader", 1)
            await reader.subscribe(address, "r/#")
            last = [self.publishers[3].next_number - 1]
            await reader.run(address, idle=0.2, due=lambda: reader.seen.get("kept", [])[-1:] != last)
            assert reader.seen["kept"][-1:] == last
        except Broken:
            server.kill()
            raise AssertionError(f"the broker ended: {server.said}") from None
        server.kill()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_nothing_acknowledged_is_lost_however_often_the_broker_is_killed(tmp_path: Path, seed: int) -> None:
    async def story() -> None:
        account = Account(tmp_path, seed)
        await account.begin()
        for number in range(ROUNDS):
            await account.round()
            if number % 10 == 9:
                await account.settle()
        assert sum(len(publisher.acknowledged) for publisher in account.publishers) > 0

    asyncio.run(story())
    connection = sqlite3.connect(tmp_path / "messages.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
