"""Faces come to their end: all at once, each within the time there is, and none keeps another from it."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Literal

from myna.faces.contract import Face

log = logging.getLogger("myna.app")

Step = Literal["stop", "finish"]


async def end_faces(faces: Mapping[str, Face], step: Step, ends_at: float) -> None:
    await asyncio.gather(*(_end(name, face, step, ends_at) for name, face in faces.items()))


async def _end(name: str, face: Face, step: Step, ends_at: float) -> None:
    try:
        async with asyncio.timeout_at(ends_at):
            await (face.stop() if step == "stop" else face.finish())
    except TimeoutError:
        log.warning("the face %s had no time to %s what it was doing: see server.drain", name, step)
    except Exception:
        log.exception("the face %s did not %s properly", name, step)
