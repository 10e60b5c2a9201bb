"""Connections that come through a proxy: its header is read before anybody else sees the socket.

Exactly the header is taken from the kernel, so that TLS, HTTP and MQTT find the socket as if the client itself had
connected. What a newcomer gets wrong: whoever is not a trusted proxy must not be believed, and is closed at once; else
anybody could come from any address.
"""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final

from myna.net.acceptor import Accepted
from myna.net.addresses import show_peer
from myna.net.proxy import LONGEST_2, BadHeader, read_header
from myna.sockets.patience import Patience

log = logging.getLogger("myna.net")

PATIENCE: Final = 5.0  # seconds; a proxy sends its header with its first packet

Refused = Callable[[str, str], None]  # address and cause


class Proxies:
    """Whom to believe, and those whose header has yet to come."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, patience: Patience, now: Callable[[], float], refused: Refused
    ) -> None:
        self.loop = loop
        self.patience = patience
        self.now = now
        self.refused = refused
        self.waiting: set[Preamble] = set()
        self._trusted: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []

    def trust(self, networks: Sequence[str]) -> None:
        self._trusted = [ipaddress.ip_network(network, strict=False) for network in networks]

    def before(self, accepted: Accepted) -> Accepted:
        """The same for sockets whose other end is a proxy; it gets the address of the proxy's client."""

        def proxied(sock: socket.socket, address: Any) -> None:
            if self._trusts(address):
                Preamble(self, sock, address, accepted).start()
            else:
                self.refused(show_peer(address), "not a trusted proxy")
                sock.close()

        return proxied

    def close(self) -> None:
        for preamble in list(self.waiting):
            preamble.end()

    def _trusts(self, address: Any) -> bool:
        if not isinstance(address, tuple):
            return True  # a unix socket: its file's permissions say who may come
        host = ipaddress.ip_address(address[0].partition("%")[0])
        if isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped is not None:
            host = host.ipv4_mapped
        return any(host in network for network in self._trusted)


class Preamble:
    """One socket whose header is being read."""

    def __init__(self, proxies: Proxies, sock: socket.socket, address: Any, accepted: Accepted) -> None:
        self.deadline = proxies.now() + PATIENCE
        self._proxies = proxies
        self._socket = sock
        self._address = address
        self._accepted = accepted
        self._read = b""

    def start(self) -> None:
        self._proxies.waiting.add(self)
        self._proxies.patience.add(self)
        self._proxies.loop.add_reader(self._socket.fileno(), self._readable)

    def expire(self, now: float) -> None:
        self._refuse("no PROXY header in time")

    def end(self) -> None:
        self._leave()
        self._socket.close()

    def _readable(self) -> None:
        try:
            ahead = self._socket.recv(LONGEST_2, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.end()
            return
        if not ahead:
            self._refuse("closed without a PROXY header") if self._read else self.end()
            return
        try:
            header = read_header(self._read + ahead)
        except BadHeader as error:
            self._refuse(str(error))
            return
        if header is None:
            self._read += self._socket.recv(len(ahead))  # all of it belongs to the header
            return
        self._socket.recv(header.length - len(self._read))
        self._leave()
        address = self._address if header.source is None else header.source
        try:
            self._accepted(self._socket, address)
        except Exception:
            log.exception("a new connection failed by a bug of ours; closing it")
            self._socket.close()

    def _refuse(self, cause: str) -> None:
        self._proxies.refused(show_peer(self._address), cause)
        self.end()

    def _leave(self) -> None:
        self._proxies.waiting.discard(self)
        self._proxies.patience.remove(self)
        self._proxies.loop.remove_reader(self._socket.fileno())
