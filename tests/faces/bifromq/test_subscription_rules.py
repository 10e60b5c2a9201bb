"""PUT /sub and DELETE /unsub ask the rules of the client in whose name they act. In memory, for rules of our own."""

import asyncio

import pytest

from myna.config import Size
from myna.core.identity import Identity
from myna.faces.async_broker import AsyncBroker
from myna.faces.bifromq.face import BifroMqFace, Settings
from myna.faces.contract import FaceContext
from myna.testing import TENANT, FakeRules, OpenGate, World
from myna.testing.outgoing import ScriptedHttp
from myna.wire import reasons
from tests.faces.exchanges import Reply, ask


class Forbids(FakeRules):
    def may_unsubscribe(self, identity: Identity, filter: str) -> int:
        return self.forbidden.get(filter, reasons.SUCCESS)


def face_on(world: World, settings: Settings | None = None) -> BifroMqFace:
    def unused(*arguments: object) -> None:
        raise AssertionError("this face asks for no such thing")

    context = FaceContext(
        broker=AsyncBroker(world.broker, lambda: world.now, lambda: None),
        now=lambda: world.now,
        arm=lambda: None,
        development=False,
        default_tenant=TENANT,
        data=None,
        secret=str,
        http=ScriptedHttp(),
        gate=unused,  # type: ignore[arg-type]
        connect_mqtt=unused,  # type: ignore[arg-type]
        text_frame=bytes,
        binary_frame=bytes,
        urls={},
    )
    return BifroMqFace(context, settings or Settings())


def call(face: BifroMqFace, method: str, path: str, **headers: str) -> Reply:
    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    return asyncio.run(ask(face.claims().hot[method, path], method, path, headers=given))


@pytest.mark.parametrize("filter", ["mine", "$share/g/mine"])
def test_what_the_client_may_not_do_is_401(filter: str) -> None:
    gate = OpenGate()
    gate.rules = Forbids()
    world = World(gate=gate)
    world.connected("c", user="u")
    face = face_on(world)
    who = {"tenant_id": TENANT, "user_id": "u", "client_id": "c", "topic_filter": filter, "sub_qos": "1"}
    assert call(face, "PUT", "/sub", **who).body == b"OK"
    gate.rules.forbidden = {"mine": reasons.NOT_AUTHORIZED}
    for method, path in (("PUT", "/sub"), ("DELETE", "/unsub")):
        refused = call(face, method, path, **who)
        assert (refused.status, refused.body) == (401, b"")
        assert b"www-authenticate" not in refused.headers
    gate.rules.forbidden = {}
    assert call(face, "DELETE", "/unsub", **who).body == b"OK"


def test_the_limit_of_bodies_is_a_setting() -> None:
    face = face_on(World(), Settings(body_limit=Size(10)))
    assert call(face, "POST", "/pub", **{"content-length": "11"}).status == 413
    assert call(face, "POST", "/pub", **{"content-length": "0"}).status == 400
