"""Callers: who a connection is, who an absent client was, and that nobody is remembered for ever."""

from myna.cluster.solo import SoloPeers
from myna.core.broker import Broker
from myna.core.identity import Identity
from myna.core.message import Origin
from myna.faces.devicehive import callers as module
from myna.faces.devicehive.callers import ATTRIBUTE, Callers
from myna.faces.devicehive.permissions import Principal
from myna.faces.devicehive.tokens import Claims, Tokens
from myna.formats.directory import Directory
from myna.store.memory import MemoryStore
from myna.testing import FakeReceiver

TOKENS = Tokens(b"secret", 1, 1)
CLAIMS = Claims([0], 0, 1, 1, ["*"], ["*"])


def make() -> tuple[Callers, Directory]:
    directory = Directory()
    directory.put_person(1, "alice", 0, 0, True)
    return Callers(Broker(MemoryStore(), SoloPeers()), TOKENS, directory), directory


def receiver(identity: Identity, *, online: bool = True) -> FakeReceiver:
    made = FakeReceiver("c")
    made.identity = identity
    made.online = online
    return made


def test_a_connection_is_who_its_gate_says() -> None:
    callers, _ = make()
    principal = Principal(1, frozenset(), None, None)
    assert callers.of(receiver(Identity("t", "alice", claims=principal))).principal is principal
    assert callers.of(receiver(Identity("t", "somebody", claims="another dialect's"))).principal is None


def test_the_session_of_an_absent_client_is_remembered_over_a_restart() -> None:
    before, _ = make()
    identity = Identity("t", "alice")
    caller = before.of(receiver(identity))
    before.authenticate(caller, Principal(1, frozenset(), None, None), CLAIMS)
    after, directory = make()
    stored = Identity("t", "alice", attributes=dict(identity.attributes))
    recalled = after.of(receiver(stored, online=False)).principal
    assert recalled is not None
    assert recalled.user_id == 1
    directory.drop_person(1)
    again = Identity("t", "alice", attributes=dict(identity.attributes))
    assert after.of(receiver(again, online=False)).principal is None


def test_no_live_connection_is_believed_for_an_attribute_nor_any_other_kind_of_token() -> None:
    callers, _ = make()
    remembrance = callers.remembrance(CLAIMS)
    assert callers.of(receiver(Identity("t", "a", attributes={ATTRIBUTE: remembrance}))).principal is None
    for token in (TOKENS.write(CLAIMS), "nonsense", Tokens(b"other", 1, 1).write(CLAIMS)):
        absent = receiver(Identity("t", "a", attributes={ATTRIBUTE: token}), online=False)
        assert callers.of(absent).principal is None


def test_what_comes_from_no_client_has_no_caller() -> None:
    callers, _ = make()
    assert callers.of_origin(Origin("http", "t")) is None
    assert callers.of_origin(Origin("http", "t", identity=Identity("t", "u"))) is None


def test_those_whose_sessions_are_gone_are_forgotten_in_time() -> None:
    callers, _ = make()
    for _ in range(3 * module.SWEPT_FROM):
        callers.of(receiver(Identity("t", "u")))
    assert len(callers) <= module.SWEPT_FROM
