"""A hub whose events a back end handles: the hub in memory, and a back end that answers as told, now or later.

hub = handled()                             every event goes to http://app/{event}
alice = hub.client("alice")                 … once `await settle()` has let the connect event pass
hub.back_end.answers["move"] = Answer(200, {"content-type": "text/plain"}, b"ok")
hub.back_end.hold("slow")                   … and `release("slow", answer)`
"""

import asyncio
import functools
import json
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from myna.faces.webpubsub.events.dispatcher import Dispatcher
from myna.faces.webpubsub.events.row import Row
from myna.faces.webpubsub.hub_settings import Handler, HubSettings, SystemEvent
from myna.faces.webpubsub.settings import Settings
from myna.formats.outgoing import LARGEST_ANSWER, Answer, CallFailed
from myna.testing.outgoing import Asked
from tests.faces.webpubsub.hub import Hub

BOUND = 60.0
ALL: tuple[SystemEvent, ...] = ("connect", "connected", "disconnected", "joined", "left")
WELCOME = Answer(200, {"webhook-allowed-origin": "*"}, b"")
NOTHING = Answer(204, {}, b"")

Result = Answer | CallFailed


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a coroutine test, within a bound that only a hang reaches."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), BOUND))

    return run


async def settle() -> None:
    """Whatever can go on without an answer from outside has gone on."""
    for _ in range(30):
        await asyncio.sleep(0)


class BackEnd:
    """Answers by the event's name: always the same, one after the other, or when it is released."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []  # events, not the handshake
        self.validations: list[Asked] = []
        self.validation: Result = WELCOME
        self.answers: dict[str, Result | deque[Result]] = {}
        self.under_way = 0
        self.most_under_way = 0
        self._held: dict[str, deque[asyncio.Future[Result]]] = {}

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        timeout: float = 30.0,
        largest: int = LARGEST_ANSWER,
        redirects: int = 0,
        trust: str = "",
    ) -> Answer:
        asked = Asked(method, url, {name.lower(): value for name, value in headers}, body)
        if method != "POST":
            self.validations.append(asked)
            return _given(self.validation)
        self.asked.append(asked)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return _given(await self._find(asked.headers["ce-eventname"]))
        finally:
            self.under_way -= 1

    def hold(self, event: str) -> None:
        self._held[event] = deque()

    def release(self, event: str, answer: Result = NOTHING) -> None:
        """The oldest one."""
        self._held[event].popleft().set_result(answer)

    def release_all(self, event: str) -> None:
        """From now on, too."""
        for future in self._held.pop(event):
            future.set_result(NOTHING)

    def events(self) -> list[str]:
        return [asked.headers["ce-eventname"] for asked in self.asked]

    def bodies(self, event: str) -> list[Any]:
        return [json.loads(asked.body) for asked in self.asked if asked.headers["ce-eventname"] == event]

    async def _find(self, event: str) -> Result:
        if event in self._held:
            future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
            self._held[event].append(future)
            return await future
        answer = self.answers.get(event, NOTHING)
        if isinstance(answer, deque):
            return answer.popleft() if answer else NOTHING
        return answer


class HandledHub(Hub):
    def __init__(self, settings: Settings, **more: Any) -> None:
        self.back_end = BackEnd()
        super().__init__(settings, outgoing=self.back_end, **more)

    def rows(self) -> dict[tuple[str, str], Row]:
        """Of whom something is on its way."""
        dispatcher = self.face.upstream
        assert isinstance(dispatcher, Dispatcher)
        return dispatcher._rows


def handled(*system_events: SystemEvent, user_events: str = "*", **more: Any) -> HandledHub:
    """A hub with one handler for everything, or for these events of the service."""
    handler = Handler("http://app/{event}", user_events, system_events or ALL)
    return HandledHub(Settings(hubs={"chat": HubSettings(handlers=(handler,), **more)}))


def welcome(**fields: object) -> Answer:
    return Answer(200, {"content-type": "application/json"}, json.dumps(fields).encode())


def _given(answer: Result) -> Answer:
    if isinstance(answer, CallFailed):
        raise answer
    return answer
