"""An HTTP endpoint that takes events, as a process: honest about what it has had, and as unreliable as it is told.

    python sink.py FILE [--port N] [--seed N] [--fail P] [--drop P] [--slow P]

Prints its port. The events it says yes to are in FILE, a line each, before the answer leaves. With the given
probabilities it answers 500, closes the connection (before or after it has taken the event), or takes a while.
"""

import argparse
import asyncio
import json
import random
import re
from typing import BinaryIO


class Sink:
    def __init__(self, args: argparse.Namespace, file: BinaryIO) -> None:
        self._args = args
        self._file = file
        self._dice = random.Random(args.seed)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                found = re.search(rb"(?i)content-length: *(\d+)", head)
                body = await reader.readexactly(int(found[1]) if found else 0)
                if not await self._answer(body, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    async def _answer(self, body: bytes, writer: asyncio.StreamWriter) -> bool:
        args, dice = self._args, self._dice
        if dice.random() < args.slow:
            await asyncio.sleep(dice.random() * 0.05)
        if dice.random() < args.drop:
            if dice.random() < 0.5:
                self._keep(body)
            return False
        status = b"500 Sorry" if dice.random() < args.fail else b"200 OK"
        if status[:1] == b"2":
            self._keep(body)
        writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        return True

    def _keep(self, body: bytes) -> None:
        events = json.loads(body)
        for event in events if isinstance(events, list) else [events]:
            self._file.write(json.dumps(event).encode() + b"\n")
        self._file.flush()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    for name in ("fail", "drop", "slow"):
        parser.add_argument(f"--{name}", type=float, default=0.0)
    args = parser.parse_args()
    with open(args.file, "ab") as file:
        server = await asyncio.start_server(Sink(args, file).serve, "127.0.0.1", args.port, limit=1 << 24)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
