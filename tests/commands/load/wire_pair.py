"""Two ends of a connection without a broker: a Channel that joined a poller, and the socket on its other side."""

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from myna.commands.load.channel import Channel, Target
from myna.wire.encode import encode
from myna.wire.packets import Connack


@contextmanager
def channel_and_peer(level: int = 4) -> Iterator[tuple[Channel, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server, select.epoll() as poller:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # accepted sockets inherit it
        host, port = server.getsockname()

        class Introduced(Channel):
            def _introduce(self, target: Target) -> None:
                self.peer, _ = server.accept()
                self.peer.sendall(encode(Connack(False, 0), level))
                super()._introduce(target)

        channel = Introduced(Target(host, port, level), "tester")
        peer = channel.peer
        with channel.socket, peer:
            peer.settimeout(60)
            peer.recv(4096)
            channel.join(poller)
            yield channel, peer


def wait_readable(channel: Channel) -> None:
    assert select.select([channel.socket], [], [], 60)[0]
