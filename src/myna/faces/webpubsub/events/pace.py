"""How many calls begin in one turn of the loop: a few, so that everybody else has their turn as well.

A call costs half a millisecond of the loop's time. Answers that arrive together would begin as many new calls together,
and whoever else waits for the loop would wait for all of them; begun a few at a time they also end a few at a time, and
as many are done per second. What a newcomer gets wrong: hubs go round, so that one with a hundred calls in the row does
not stand before another's only one.
"""

import asyncio
from collections import deque
from typing import Final

PER_TURN: Final = 4


class Pace:
    def __init__(self) -> None:
        self._left = PER_TURN
        self._is_armed = False
        self._rows: dict[str, deque[asyncio.Future[None]]] = {}  # in the order in which it is their turn

    async def wait(self, hub: str) -> None:
        if not self._is_armed:
            self._is_armed = True
            asyncio.get_running_loop().call_soon(self._turn)
        if self._left and not self._rows:
            self._left -= 1
            return
        begin: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._rows.setdefault(hub, deque()).append(begin)
        await begin

    def _turn(self) -> None:
        self._left = PER_TURN
        while self._left and self._rows:
            hub = next(iter(self._rows))
            row = self._rows.pop(hub)
            begin = row.popleft()
            if row:
                self._rows[hub] = row  # behind the others
            if not begin.done():  # whoever waited may have given up
                begin.set_result(None)
                self._left -= 1
        self._is_armed = bool(self._rows)
        if self._is_armed:
            asyncio.get_running_loop().call_soon(self._turn)
