"""What an authenticator is given, in a test: a broker without a network, and others that answer as told."""

from pathlib import Path

from myna.access.authenticator import AccessContext
from myna.testing import World
from myna.testing.outgoing import ScriptedHttp


def access_context(
    world: World | None = None, http: ScriptedHttp | None = None, data: Path | None = None
) -> AccessContext:
    inhabited = World() if world is None else world
    return AccessContext(
        now=lambda: inhabited.now,
        data=data,
        http=ScriptedHttp() if http is None else http,
        broker=inhabited.broker,
        secret=lambda name: f"the secret {name}",
    )
