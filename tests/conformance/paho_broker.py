"""A broker with the settings that the Eclipse Paho interoperability suites assume, as a process.

Everything is what `myna serve` runs; the limits come from a configuration file, and a face of a few lines refuses the
one filter the suites want refused. Prints the port when it is open.
"""

import asyncio
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from myna.app import App, new_event_loop
from myna.config import load
from myna.core.message import Message
from myna.core.ports import GRANT, PASS, TopicGuard
from myna.core.receiver import Receiver, Subscription
from myna.faces.contract import Claims, Face, FaceContext, Nothing

CONFIGURATION = """
[[mqtt]]
listen = "127.0.0.1:0"

[server]
memory = true
sys_topics = "0 s"

[access]
mqtt = ["open"]

[limits]
keep_alive_maximum = 60
receive_maximum = 20

[log]
level = "warning"

[faces.refusal]
"""


class OneFilterRefused(TopicGuard):
    """The suites compare with 0x80 exactly; 0x87 would say more."""

    def publishing(self, message: Message, now: float) -> int:
        return PASS

    def subscribing(self, receiver: Receiver, subscription: Subscription, now: float) -> int:
        return 0x80 if subscription.filter == "test/nosubscribe" else GRANT

    def delivering(self, message: Message, receiver: Receiver, subscription: Subscription, now: float) -> bool:
        return True


class Refusal(Face):
    SETTINGS = Nothing

    def __init__(self, context: FaceContext, settings: Nothing) -> None:
        pass

    def claims(self) -> Claims:
        return Claims(guards=[("", OneFilterRefused("test"))])


async def serve() -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder, "paho.toml")
        file.write_text(CONFIGURATION)
        app = App(load(str(file), {}), {"refusal": f"{__name__}:Refusal"})
        await app.start()
        print(app.urls["mqtt"][0].rpartition(":")[2], flush=True)
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        await stopped.wait()
        await app.drain()


if __name__ == "__main__":
    sys.modules.setdefault("paho_broker", sys.modules[__name__])
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve())
