"""MQTT over TLS: what happens between the end of the TLS handshake and the first byte of MQTT.

Nothing is read before the stream has taken over; this protocol lives for one call.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import cast

from myna.core.ports import Conversation, Outlet, Peer
from myna.net.tls import read_certificate
from myna.net.transport_stream import TransportStream
from myna.sockets.stream import Place, Streams

log = logging.getLogger("myna.net")


class MqttTlsProtocol(asyncio.Protocol):
    def __init__(
        self,
        streams: Streams,
        listener: str,
        address: str,
        connect: Callable[[Outlet, Peer, float], Conversation],
        place: Place,
    ) -> None:
        self._place = place
        self._streams = streams
        self._listener = listener
        self._address = address
        self._connect = connect

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connection = transport.get_extra_info("ssl_object")
        certificate = read_certificate(connection) if isinstance(connection, ssl.SSLObject) else None
        stream = TransportStream(self._streams, cast(asyncio.Transport, transport))
        stream.place = self._place
        peer = Peer(self._address, listener=self._listener, certificate=certificate)
        try:
            stream.start(self._connect(stream, peer, self._streams.clock.now()))
        except Exception:
            log.exception("a new connection failed by a bug of ours; closing it")
            stream.abort(self._streams.clock.now())
