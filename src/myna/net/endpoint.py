"""What a face implements to speak WebSocket, and what it is given to speak with. Imports nothing of ours but the core.

    route(request) -> endpoint or None      None: no WebSocket here, the HTTP application answers the request
    endpoint.opening(socket)                answer now or later by socket.accept(…), socket.carry(…) or socket.reject(…)
    endpoint.on_text / on_bytes             whole messages, from accept on
    endpoint.on_closed(code, reason, clean) exactly once, also where the client vanished before the answer

What a newcomer gets wrong: none of the socket's methods waits or raises; after the end they do nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from myna.core.ports import Outlet

Headers = Sequence[tuple[bytes, bytes]]


class ByteConversation(Protocol):
    """A conversation of bytes: the core's Connection."""

    def feed(self, data: bytes, now: float) -> None: ...
    def has_pending(self) -> bool: ...
    def take(self) -> bytes: ...
    def sent(self, count: int, now: float) -> None: ...
    def lost(self, now: float) -> None: ...


@dataclass(frozen=True, slots=True)
class UpgradeRequest:
    """The HTTP request that asks for a WebSocket. Header names are as sent; `header` finds them in any case."""

    raw_path: bytes
    query_string: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    subprotocols: tuple[str, ...]
    address: str
    listener: str
    scheme: str
    certificate: object = None

    def header(self, name: bytes) -> bytes | None:
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


class WebSocketConnection(ABC):
    """The server's side of one WebSocket, as a face sees it."""

    __slots__ = ()

    @abstractmethod
    def accept(self, subprotocol: str | None = None, headers: Headers = ()) -> None:
        """Answer 101 and exchange messages. `subprotocol` must be one the client offered."""

    @abstractmethod
    def carry(
        self,
        start: Callable[[Outlet, float], ByteConversation],
        subprotocol: str | None = None,
        headers: Headers = (),
    ) -> None:
        """Answer 101 and carry a conversation of bytes (MQTT) in binary frames. The endpoint hears nothing more."""

    @abstractmethod
    def reject(self, status: int, headers: Headers = (), body: bytes = b"") -> None:
        """Answer the request with an HTTP response instead."""

    @abstractmethod
    def send_text(self, text: str) -> None: ...

    @abstractmethod
    def send_bytes(self, data: bytes) -> None: ...

    @abstractmethod
    def send_frame(self, frame: bytes) -> int:
        """A whole frame made by `encode_text_frame` or `encode_binary_frame`: encoded once, sent to many.

        Answers the bytes, of this frame and of those before, that are not with the kernel yet.
        """

    @abstractmethod
    def direct(self) -> Outlet | None:
        """Once accepted: where a whole frame may be sent by `send_now`, for those who send to thousands. What has not
        gone by it must follow by `send_frame`."""

    @abstractmethod
    def close(self, code: int = 1000, reason: str = "") -> None:
        """Send what is waiting and a close frame, then end."""

    @abstractmethod
    def pause(self) -> None:
        """Read no more from this client until `resume`."""

    @abstractmethod
    def resume(self) -> None: ...


class WebSocketEndpoint(ABC):
    """One client's conversation, as the face holds it. Called on the loop's thread; must not wait."""

    @abstractmethod
    def opening(self, socket: WebSocketConnection) -> None:
        """A client asks to connect. Answer through `socket`, now or later."""

    def on_text(self, text: str) -> None:
        return

    def on_bytes(self, data: bytes) -> None:
        return

    def on_closed(self, code: int, reason: str, clean: bool) -> None:
        """It is over. Not clean, 1006: the connection was lost without a word; 1011: the client did not answer pings;
        else the code of the mistake in its frames that ended it.
        """
        return


Route = Callable[[UpgradeRequest], WebSocketEndpoint | None]
