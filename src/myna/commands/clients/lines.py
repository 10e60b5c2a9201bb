"""Standard input, line by line, for a program that must not wait for it.

A thread of its own reads, since a terminal, a pipe and a file are waited for in different ways and reading works for
all. It is a daemon thread: nobody can wake it from a read, and Ctrl-C must not wait for the next line.
"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from typing import Final

_CHUNK: Final = 1 << 16
_CHUNKS_AHEAD: Final = 16


async def read_lines(fd: int) -> AsyncIterator[bytes]:
    """Each line without its end, as soon as it is there; the last one also if it does not end."""
    rest = b""
    async for chunk in _chunks(fd):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r")
    if rest:
        yield rest


async def _chunks(fd: int) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes] = asyncio.Queue(_CHUNKS_AHEAD)

    def read() -> None:
        try:
            while True:
                chunk = os.read(fd, _CHUNK)
                asyncio.run_coroutine_threadsafe(queue.put(chunk), loop).result()
                if not chunk:
                    return
        except (OSError, RuntimeError):
            return  # the program has ended meanwhile

    threading.Thread(target=read, name="standard input", daemon=True).start()
    while chunk := await queue.get():
        yield chunk
