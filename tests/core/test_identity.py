"""Who somebody is, and who judges them."""

import pytest

from myna.core.identity import ALLOW_ALL, UNRULED, UNSAID, Identity, Rules, Waiting, remembered
from myna.testing import FakeRules, SlowRules


def test_client_ids_are_unique_per_tenant_unless_the_gate_says_per_user() -> None:
    assert Identity("t", "alice").scope == ""
    assert Identity("t", "alice", client_ids_per_user=True).scope == "alice"


def test_an_identity_without_rules_leaves_everything_to_the_brokers() -> None:
    identity = Identity("t", "alice")
    rules = identity.rules
    assert rules is UNRULED
    assert rules.may_connect(identity) == UNSAID
    assert rules.may_publish(identity, "a", 2, True) == UNSAID
    assert rules.may_subscribe(identity, "#", 2) == UNSAID
    assert rules.may_unsubscribe(identity, "#") == UNSAID


def test_rules_allow_everything_unless_they_are_others() -> None:
    identity = Identity("t", "alice")
    assert ALLOW_ALL.may_connect(identity) == 0
    assert ALLOW_ALL.may_publish(identity, "a", 2, True) == 0
    assert ALLOW_ALL.may_subscribe(identity, "#", 2) == 0
    assert ALLOW_ALL.granted_qos(identity, "#", 2) == 2
    assert ALLOW_ALL.may_unsubscribe(identity, "#") == 0


def test_nobody_waits_for_rules_that_always_know() -> None:
    class Nobody(Waiting):
        def decided(self, now: float) -> None:
            return

    with pytest.raises(AssertionError):
        ALLOW_ALL.await_answer(Identity("t", "alice"), Nobody())


def test_clients_admitted_as_one_object_get_an_identity_each() -> None:
    shared = Identity("t", "alice", client_ids_per_user=True, attributes={"floor": "3"}, expires_at=9.0, claims=1)
    shared.authenticator = "passwords"
    first, second = shared.of_client("a", "mqtt"), shared.of_client("b", "mqtt")
    assert (shared.client_id, first.client_id, second.client_id) == ("", "a", "b")
    assert (second.tenant, second.user, second.scope) == ("t", "alice", "alice")
    assert (second.attributes, second.expires_at, second.claims) == ({"floor": "3"}, 9.0, 1)
    assert second.authenticator == "passwords"
    assert shared.of_client("a", "mqtt-2").listener == "mqtt-2"


def test_an_identity_with_rules_of_its_own_stays_one_object() -> None:
    shared = Identity("t", "alice", rules=Rules())
    assert shared.of_client("a", "mqtt") is shared
    assert shared.of_client("b", "mqtt") is shared


def test_a_session_without_its_client_is_judged_as_the_same_identity() -> None:
    identity = Identity("t", "alice", client_ids_per_user=True, attributes={"floor": "3"}).of_client("a", "mqtt")
    identity.authenticator = "passwords"
    back = remembered("t", "alice", "alice", "a", identity.remembrance())
    assert (back.user, back.scope, back.client_id) == ("alice", "alice", "a")
    assert (back.attributes, back.authenticator, back.listener) == ({"floor": "3"}, "passwords", "mqtt")
    assert back.rules is UNRULED


def test_what_a_dialect_has_allowed_stays_allowed_until_its_client_is_back() -> None:
    identity = Identity("t", "alice", attributes={"floor": "3"}, rules=SlowRules())
    back = remembered("t", "alice", "", "a", identity.remembrance())
    assert back.rules is ALLOW_ALL
    assert back.attributes == {"floor": "3"}


def test_an_attribute_cannot_say_who_judges_it() -> None:
    identity = Identity("t", "alice", attributes={"$own-rules": "yes", "$authenticator": "admin", "floor": "3"})
    back = remembered("t", "alice", "", "a", identity.remembrance())
    assert back.rules is UNRULED
    assert (back.authenticator, back.attributes) == ("", {"floor": "3"})


def test_an_identity_brings_what_its_gate_gave_it() -> None:
    rules = FakeRules()
    identity = Identity(
        "t", "alice", attributes={"floor": "3"}, rules=rules, groups=["hall"], expires_at=9.0, dialect="x", claims=1
    )
    assert (identity.attributes, identity.groups) == ({"floor": "3"}, ["hall"])
    assert identity.rules is rules
    assert (identity.expires_at, identity.dialect, identity.claims) == (9.0, "x", 1)


def test_two_identities_never_share_their_attributes_or_groups() -> None:
    one, other = Identity("t", "a"), Identity("t", "b")
    one.attributes["x"] = "1"
    one.groups.append("g")
    assert other.attributes == {}
    assert other.groups == []
