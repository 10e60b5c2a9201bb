"""Faces come to their end, each by itself."""

import asyncio
from typing import Any

import pytest

from myna.app.ending import end_faces
from myna.faces.contract import Claims, Face


class Ending(Face):
    def __init__(self, context: Any, settings: Any) -> None:
        self.steps: list[str] = []

    def claims(self) -> Claims:
        return Claims()

    async def stop(self) -> None:
        self.steps.append("stop")

    async def finish(self) -> None:
        self.steps.append("finish")


class Broken(Ending):
    async def stop(self) -> None:
        raise LookupError("a bug")


class Slow(Ending):
    async def stop(self) -> None:
        await asyncio.Event().wait()


def test_one_that_fails_or_takes_too_long_keeps_no_other_from_its_end(caplog: pytest.LogCaptureFixture) -> None:
    good = Ending(None, None)
    faces = {"broken": Broken(None, None), "slow": Slow(None, None), "good": good}

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await end_faces(faces, "stop", loop.time() + 0.01)
        await end_faces(faces, "finish", loop.time() + 5.0)

    asyncio.run(main())
    assert good.steps == ["stop", "finish"]
    assert "the face broken did not stop properly" in caplog.text
    assert "the face slow had no time to stop" in caplog.text
