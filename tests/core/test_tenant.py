from myna.core.identity import Identity
from myna.core.limits import Limits
from myna.core.receiver import Receiver
from myna.core.tenant import Index, Tenant
from myna.testing import FakeReceiver


def receiver(name: str, user: str = "u", scope: str = "") -> Receiver:
    made = FakeReceiver(name)
    made.key = ("t", scope, name)
    made.identity = Identity("t", user)
    return made


def test_a_session_is_found_by_scope_and_client_id_by_client_id_and_by_user() -> None:
    tenant = Tenant("t", Limits())
    one, other = receiver("c", "alice", "alice"), receiver("c", "bob", "bob")
    tenant.enter(one)
    tenant.enter(other)
    assert tenant.session("alice", "c") is one
    assert tenant.session("bob", "c") is other
    assert tenant.session("", "c") is None
    assert tenant.sessions_of_client("c") == [one, other]
    assert tenant.sessions_of_user("alice") == [one]
    assert tenant.sessions() == [one, other]
    assert tenant.session_count() == 2


def test_who_leaves_is_found_no_more() -> None:
    tenant = Tenant("t", Limits())
    one, other = receiver("c", "alice", "alice"), receiver("c", "bob", "bob")
    tenant.enter(one)
    tenant.enter(other)
    tenant.leave(one)
    tenant.leave(one)
    assert tenant.session("alice", "c") is None
    assert tenant.sessions_of_client("c") == [other]
    assert tenant.sessions_of_user("alice") == []
    tenant.leave(other)
    assert tenant.sessions() == []


def test_a_session_that_was_replaced_cannot_take_its_successor_out() -> None:
    tenant = Tenant("t", Limits())
    old, new = receiver("c"), receiver("c")
    tenant.enter(old)
    tenant.leave(old)
    tenant.enter(new)
    tenant.leave(old)
    assert tenant.session("", "c") is new


def test_a_session_that_changes_its_user_is_found_under_the_new_one() -> None:
    tenant = Tenant("t", Limits())
    session = receiver("c", "alice")
    tenant.enter(session)
    session.identity = Identity("t", "bob")
    tenant.change_identity(session, "alice")
    assert tenant.sessions_of_user("alice") == []
    assert tenant.sessions_of_user("bob") == [session]
    tenant.change_identity(session, "bob")
    assert tenant.sessions_of_user("bob") == [session]


def test_an_index_holds_one_as_it_is_and_several_together() -> None:
    index = Index()
    a, b, c = receiver("a"), receiver("b"), receiver("c")
    index.remove("n", a)
    index.add("n", a)
    index.add("n", a)
    assert index.find("n") == [a]
    index.add("n", b)
    index.add("n", c)
    assert index.find("n") == [a, b, c]
    assert len(index) == 1
    index.remove("n", receiver("stranger"))
    index.remove("n", b)
    index.remove("n", a)
    index.remove("n", c)
    assert index.find("n") == []
    assert len(index) == 0
