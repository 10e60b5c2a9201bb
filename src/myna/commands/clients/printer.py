"""Messages to standard output: which are shown, how, and when there have been enough.

Knows no connection. Writes are gathered for one turn of the loop, so that a burst costs one system call. When whoever
reads our output goes away (`| head -1`), there have been enough.
"""

import argparse
import asyncio
from typing import BinaryIO

from myna.commands.clients.formats import Piece, compile_format, json_line
from myna.wire.packets import Publish
from myna.wire.topics import check_filter, matches


class Printer:
    def __init__(self, args: argparse.Namespace, out: BinaryIO) -> None:
        """Raises ValueError if the options do not go together."""
        if args.json and (args.format is not None or args.verbose):
            raise ValueError("--json prints everything there is; leave -F and -v out")
        if args.count is not None and args.count < 1:
            raise ValueError("-C: at least one message")
        for hidden in args.filter_out:
            if not check_filter(hidden):
                raise ValueError(f"-T {hidden!r}: not a topic filter")
        self.enough = asyncio.Event()
        self.is_read = True
        self._out = out
        self._pieces = _pieces(args)
        self._end = b"" if args.no_newline else b"\n"
        self._hidden: list[str] = args.filter_out
        self._left: int | None = args.count
        self._no_retained: bool = args.no_retained
        self._retained_only: bool = args.retained_only
        self._pending: list[bytes] = []

    def show(self, message: Publish) -> bool:
        """False once there have been enough."""
        if self.enough.is_set():
            return False
        if self._retained_only and not message.retain:
            return self._stop()
        if not self._is_shown(message):
            return True
        if not self._pending:
            asyncio.get_running_loop().call_soon(self.flush)
        self._pending.extend([piece(message) for piece in self._pieces])
        self._pending.append(self._end)
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                return self._stop()
        return True

    def flush(self) -> None:
        pending = b"".join(self._pending)
        self._pending.clear()
        try:
            self._out.write(pending)
            self._out.flush()
        except BrokenPipeError:
            self.is_read = False
            self._stop()

    def _is_shown(self, message: Publish) -> bool:
        if self._no_retained and message.retain:
            return False
        return not any(matches(hidden, message.topic) for hidden in self._hidden)

    def _stop(self) -> bool:
        self.enough.set()
        return False


def _pieces(args: argparse.Namespace) -> list[Piece]:
    if args.json:
        return [json_line]
    if args.format is not None:
        return compile_format(args.format)
    return compile_format("%t %p" if args.verbose else "%p")
