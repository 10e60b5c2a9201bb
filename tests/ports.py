"""A port for a server that is started later, or never: ours until then."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reserved_port() -> Iterator[int]:
    """Bound and not listening: nobody else is given it, whoever connects is refused, and whoever is told of it may
    listen there, since servers share a port that is not listened on (SO_REUSEADDR).
    """
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]
