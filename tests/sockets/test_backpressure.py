import socket

import pytest

from myna.sockets.backpressure import Backlog, StreamLimits


def test_a_backlog_is_sent_from_where_it_stopped() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)  # what is not the kernel's has to wait
        data = bytes(range(256)) * 10_000
        backlog = Backlog(data, 256)
        heard = b""
        backlog.send(ours)
        with pytest.raises(BlockingIOError):
            backlog.send(ours)
        while not backlog.is_empty():
            heard += theirs.recv(65536)
            try:
                backlog.send(ours)
            except BlockingIOError:
                pass
        while len(heard) < len(data) - 256:
            heard += theirs.recv(65536)
        assert heard == data[256:]


def test_a_backlog_can_be_taken_in_pieces() -> None:
    backlog = Backlog(b"abcdefg", 1)
    assert [backlog.next_piece(4), backlog.next_piece(4)] == [b"bcde", b"fg"]
    assert backlog.is_empty()


def test_a_slow_reader_has_a_minute_unless_told_otherwise() -> None:
    assert StreamLimits().slow_reader == 60.0
