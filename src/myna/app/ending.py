"""The end: faces all at once, each within the time there is, and none keeps another from it; clients with a word."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Literal

from myna.config import Config
from myna.core.broker import Broker
from myna.core.session import Session
from myna.faces.contract import Face
from myna.wire import reasons

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


def send_away(broker: Broker, config: Config, now: float) -> None:
    """Tell everybody who is connected that it is over."""
    for tenant in list(broker.tenants.values()):
        receivers = tenant.sessions()
        if not (config.server.wills_at_shutdown and tenant.limits.wills_at_shutdown):
            for receiver in receivers:
                if isinstance(receiver, Session):
                    receiver.set_will(None)
        broker.disconnect(receivers, reasons.SERVER_SHUTTING_DOWN, now)
