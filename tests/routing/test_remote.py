"""A connection to another broker that breaks at the wrong moment."""

import asyncio
from types import SimpleNamespace

import pytest

from myna.client import ClientError, Introduction
from myna.routing import remote as module
from myna.wire.packets import SubscriptionRequest


class Scripted:
    """A client whose connections go as `script` says: is the session there, and does SUBSCRIBE get its answer?"""

    level = 5
    script: list[tuple[bool, bool]]
    asked: list[str]
    over: asyncio.Event

    async def connect(self) -> SimpleNamespace:
        if not self.script:
            self.over.set()
            await asyncio.Event().wait()
        present, self.works = self.script.pop(0)
        return SimpleNamespace(session_present=present)

    async def subscribe(self, requests: list[SubscriptionRequest]) -> list[int]:
        self.asked.append("answered" if self.works else "broken")
        if not self.works:
            raise ClientError("the connection was lost")
        return [0 for _ in requests]

    async def wait_closed(self) -> None:
        await asyncio.sleep(0)

    async def disconnect(self) -> None:
        return


async def test_it_subscribes_again_until_that_has_been_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    Scripted.script, Scripted.asked, Scripted.over = [(False, True), (False, False), (True, True)], [], asyncio.Event()
    monkeypatch.setattr(module, "Client", lambda *given, **more: Scripted())
    monkeypatch.setattr(module, "backoff", lambda *given, **more: 0.0)
    one = module.Remote("r", None, Introduction(), [SubscriptionRequest("a/#", 1)], lambda packet: None, None)  # type: ignore[arg-type]
    one.start()
    await Scripted.over.wait()
    await one.stop()
    assert Scripted.asked == ["answered", "broken", "answered"]
