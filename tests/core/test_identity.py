from myna.core.identity import ALLOW_ALL, Identity
from myna.testing import FakeRules


def test_client_ids_are_unique_per_tenant_unless_the_gate_says_per_user() -> None:
    assert Identity("t", "alice").scope == ""
    assert Identity("t", "alice", client_ids_per_user=True).scope == "alice"


def test_an_identity_without_rules_may_do_everything() -> None:
    identity = Identity("t", "alice")
    assert identity.rules is ALLOW_ALL
    assert identity.rules.may_publish(identity, "a", 2, True) == 0
    assert identity.rules.may_subscribe(identity, "#", 2) == 0


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
