import asyncio
import errno
import socket
from typing import Any, cast

import pytest

from myna.net import acceptor
from myna.net.acceptor import Acceptor
from tests.net.harness import Client, on_our_loop


class Exhausted:
    """A listening socket whose accept fails so many times for want of descriptors."""

    def __init__(self, sock: socket.socket, failures: int, code: int) -> None:
        self._sock = sock
        self.failures = failures
        self._code = code

    def accept(self) -> Any:
        if self.failures:
            self.failures -= 1
            raise OSError(self._code, "Too many open files")
        return self._sock.accept()

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        self._sock.close()


@pytest.mark.parametrize("code", [errno.EMFILE, errno.EPERM])
@on_our_loop
async def test_without_descriptors_accepting_rests_and_says_so(
    code: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptor, "REST", 0.02)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    exhausted = Exhausted(listening, 2, code)
    accepted: asyncio.Queue[socket.socket] = asyncio.Queue()
    taking = Acceptor(
        asyncio.get_running_loop(), cast(socket.socket, exhausted), lambda sock, _: accepted.put_nowait(sock)
    )
    taking.start()
    client = await Client.connect(*listening.getsockname())
    (await accepted.get()).close()
    assert exhausted.failures == 0
    assert len(caplog.records) == 2, "one line per rest, not one per attempt of the loop"
    assert ("ulimit -n" in caplog.text) == (code == errno.EMFILE)
    taking.stop()
    client.close()


@on_our_loop
async def test_it_can_be_stopped_while_it_rests() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    exhausted = Exhausted(listening, 99, errno.EMFILE)
    taking = Acceptor(asyncio.get_running_loop(), cast(socket.socket, exhausted), lambda sock, _: sock.close())
    taking.start()
    client = await Client.connect(*listening.getsockname())
    while exhausted.failures == 99:
        await asyncio.sleep(0)
    taking.stop()
    assert listening.fileno() == -1
    client.close()


@on_our_loop
async def test_a_bug_in_what_is_done_with_a_connection_costs_that_one_only(caplog: pytest.LogCaptureFixture) -> None:
    seen: asyncio.Queue[int] = asyncio.Queue()

    def accepted(sock: socket.socket, address: Any) -> None:
        seen.put_nowait(address[1])
        raise RuntimeError("a bug for the test")

    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    taking = Acceptor(asyncio.get_running_loop(), listening, accepted)
    taking.start()
    for _ in range(2):
        client = await Client.connect(*listening.getsockname())
        assert await client.read_all() == b""
        assert await seen.get() == client.socket.getsockname()[1]
        client.close()
    assert "a bug for the test" in caplog.text
    taking.stop()
