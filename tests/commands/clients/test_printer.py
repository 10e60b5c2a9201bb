import argparse
import asyncio
import io

from myna.commands.clients.printer import Printer
from myna.wire.packets import Publish


def options(**changed: object) -> argparse.Namespace:
    usual: dict[str, object] = {
        "json": False,
        "format": None,
        "verbose": False,
        "count": None,
        "filter_out": [],
        "no_newline": False,
    }
    return argparse.Namespace(**{**usual, "no_retained": False, "retained_only": False, **changed})


class Counted(io.BytesIO):
    """Counts its writes."""

    writes = 0

    def write(self, data: object) -> int:
        self.writes += 1
        return super().write(data)  # type: ignore[arg-type]  # bytes, as everywhere


class Gone(io.BytesIO):
    """The other end of a pipe nobody reads."""

    def write(self, _data: object) -> int:
        raise BrokenPipeError


def test_a_burst_is_one_write() -> None:
    async def run() -> None:
        out = Counted()
        printer = Printer(options(), out)
        for number in range(100):
            assert printer.show(Publish("a", b"%d" % number))
        await asyncio.sleep(0)
        assert out.writes == 1
        assert out.getvalue().count(b"\n") == 100

    asyncio.run(run())


def test_after_enough_nothing_is_shown() -> None:
    async def run() -> None:
        out = io.BytesIO()
        printer = Printer(options(count=1), out)
        assert not printer.show(Publish("a", b"1"))
        assert not printer.show(Publish("a", b"2"))
        assert printer.enough.is_set()
        printer.flush()
        assert out.getvalue() == b"1\n"

    asyncio.run(run())


def test_when_nobody_reads_there_have_been_enough() -> None:
    async def run() -> None:
        printer = Printer(options(), Gone())
        printer.show(Publish("a", b"1"))
        await asyncio.wait_for(printer.enough.wait(), 60)
        assert not printer.is_read

    asyncio.run(run())
