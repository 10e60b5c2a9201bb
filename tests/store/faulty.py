"""A broker whose disk fails somewhere: publishes, prints what has been acknowledged, and reports trouble and its end.

Run as a program with the data folder as its argument, under the library made of `faults.c`.
"""

import asyncio
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from myna.store.embedded import StoreError, cleaning, writer
from myna.wire.packets import Puback

harness: Any = import_module("harness")  # it lies beside this file; by its full name it may be somebody else's `tests`

MESSAGES = 30


def say(*words: object) -> None:
    """In one piece: it may be killed at any time, and where PYTHONUNBUFFERED is set each word is written by itself."""
    print(" ".join([str(word) for word in words]) + "\n", end="", flush=True)


async def story(folder: Path) -> None:
    try:
        machine = harness.Machine(folder, sync="full")
    except StoreError as error:
        say("refused", error)
        return
    store = machine.engine
    store.start(asyncio.get_running_loop())

    async def committed() -> None:
        while store.committed < store.sequence:
            if store.trouble and store.trouble not in told:
                told.append(store.trouble)
                say("trouble", store.trouble)
            await asyncio.sleep(0.001)

    told: list[str] = []
    machine.commit = lambda: None
    sub = harness.Client(machine, "sub", 4)
    sub.connect()
    sub.start_subscribing("a")
    await committed()
    say("subscribed")
    sub.lose()
    publisher = harness.Client(machine, "pub", 4)
    publisher.connect(clean=True)
    for number in range(MESSAGES):
        publisher.publish("a", b"%d" % number + b"." * 3000, packet_id=number + 1)
        await committed()
        if any(isinstance(packet, Puback) for packet in publisher.receive()):
            say("acked", number)
        if number == MESSAGES // 2:
            reader = harness.Client(machine, "sub", 4)
            reader.connect()
            for payload in reader.messages():
                say("got", payload.partition(b".")[0].decode())
            await committed()
            say("settled")
            reader.lose()
    await committed()
    store.close()
    say("done")


if __name__ == "__main__":
    writer.RETRY = 0.005  # type: ignore[misc]
    writer.CHECKPOINT_AFTER = 30_000  # type: ignore[misc]
    writer.WRAP_AFTER = 60_000  # type: ignore[misc]
    cleaning.WASTE_FROM = 20_000  # type: ignore[misc]
    asyncio.run(story(Path(sys.argv[1])))
