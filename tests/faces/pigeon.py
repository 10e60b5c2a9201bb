"""A face that claims one of everything, for tests of what is done with claims."""

from collections.abc import Sequence

from myna.config import Section
from myna.core.identity import Identity
from myna.core.message import Message, Origin
from myna.core.ports import Peer, Ticket
from myna.faces.contract import (
    Claims,
    Face,
    FaceContext,
    PathParameters,
    Receive,
    Route,
    Scope,
    Send,
    UpgradeRequest,
    WebSocketConnection,
    WebSocketEndpoint,
    WebSocketRoute,
    answer,
    read_body,
)


class Settings(Section, frozen=True):
    loft: str = "home"


class PigeonFace(Face):
    SETTINGS = Settings

    def __init__(self, context: FaceContext, settings: Settings) -> None:
        self._context = context
        self.settings = settings
        self.life: list[str] = []

    def claims(self) -> Claims:
        return Claims(
            hot={("POST", "/pigeon/send"): self.send},
            routes=[Route("/pigeon/lofts/{loft}", self.show, ("GET",))],
            websockets=[
                WebSocketRoute("/pigeon/echo", lambda request, values: Echo()),
                WebSocketRoute("/pigeon/mqtt/{loft}", self.open_mqtt),
            ],
            authenticators={"pigeon": self},
        )

    def judge(self, ticket: Ticket, now: float) -> Identity | None:
        return Identity("loft", ticket.user_name) if ticket.user_name else None

    async def start(self) -> None:
        self.life.append(f"started at {self._context.urls['http'][0]}")

    async def stop(self) -> None:
        self.life.append("stopped")

    def reload(self, settings: Settings) -> bool:
        self.settings = settings
        return settings.loft != "immovable"

    def banner(self) -> Sequence[str]:
        return [f"the loft is {self.settings.loft}, its key {len(self._context.secret('loft'))} characters"]

    def metrics(self) -> str:
        return "pigeons 7"

    async def send(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(scope, receive, 1024)
        message = Message("pigeon", body, 0, False, Origin("pigeon", "loft"), self._context.now())
        await self._context.broker.publish("loft", message)
        await answer(send, 202)

    async def show(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, 200, scope["path_params"]["loft"].encode())

    def open_mqtt(self, request: UpgradeRequest, values: PathParameters) -> WebSocketEndpoint:
        return Carrier(self._context, request)


class Echo(WebSocketEndpoint):
    def opening(self, socket: WebSocketConnection) -> None:
        self._socket = socket
        socket.accept()

    def on_text(self, text: str) -> None:
        self._socket.send_text(text)


class Carrier(WebSocketEndpoint):
    def __init__(self, context: FaceContext, request: UpgradeRequest) -> None:
        self._context = context
        self._request = request

    def opening(self, socket: WebSocketConnection) -> None:
        gate = self._context.gate(["pigeon"])
        peer = Peer(self._request.address)
        socket.carry(lambda outlet, now: self._context.connect_mqtt(gate, outlet, peer, now), "mqtt")
