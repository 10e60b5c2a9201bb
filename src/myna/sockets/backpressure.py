"""Bytes that the kernel would not take: where the rest starts, and how long its reader may stand still.

A stream has one of these only while something is left over, so that ten thousand idle connections hold none. Reading
is paused and resumed by the core (`Outlet.pause`); that is the other direction and lives with the streams.
"""

import socket
from dataclasses import dataclass
from typing import final


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """`slow_reader`: seconds without progress while bytes wait. `closing`: seconds to get rid of them once we want to
    end. `linger`: how long, and for how many bytes, a peer may go on talking after we have ended; closing earlier would
    make TCP send a reset, which can destroy our last words."""

    slow_reader: float = 60.0
    closing: float = 5.0
    linger: float = 1.0
    linger_bytes: int = 1024 * 1024


@final
class Backlog:
    """What could not be written yet. Sent from a view, because copying the rest each time would be quadratic."""

    __slots__ = ("_data", "_offset")

    def __init__(self, data: bytes, offset: int) -> None:
        self._data = data
        self._offset = offset

    def send(self, sock: socket.socket) -> int:
        with memoryview(self._data) as view, view[self._offset :] as rest:
            count = sock.send(rest)
        self._offset += count
        return count

    def next_piece(self, size: int) -> bytes:
        piece = self._data[self._offset : self._offset + size]
        self._offset += len(piece)
        return piece

    def is_empty(self) -> bool:
        return self._offset >= len(self._data)
