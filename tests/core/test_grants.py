from myna.core.grants import Grants


def test_nothing_has_been_said_of_a_permission_at_first() -> None:
    assert Grants().check("sendToGroup", "room") is None
    assert Grants().check("sendToGroup", None) is None


def test_a_permission_for_one_target_is_for_that_target_only() -> None:
    grants = Grants()
    grants.grant("sendToGroup", "room")
    assert grants.check("sendToGroup", "room") is True
    assert grants.check("sendToGroup", "hall") is None
    assert grants.check("joinLeaveGroup", "room") is None
    assert grants.check("sendToGroup", None) is None


def test_a_permission_without_a_target_is_for_all_of_them() -> None:
    grants = Grants()
    grants.grant("sendToGroup", None)
    assert grants.check("sendToGroup", "room") is True
    assert grants.check("sendToGroup", None) is True


def test_what_was_said_of_single_targets_is_cleared_by_what_is_said_of_all() -> None:
    grants = Grants()
    grants.grant("sendToGroup", "room")
    grants.revoke("joinLeaveGroup", "room")
    grants.revoke("sendToGroup", None)
    assert grants.check("sendToGroup", "room") is False
    assert grants.check("joinLeaveGroup", "room") is False


def test_one_target_can_be_taken_out_while_all_are_allowed() -> None:
    grants = Grants()
    grants.grant("sendToGroup", None)
    grants.revoke("sendToGroup", "room")
    assert grants.check("sendToGroup", "room") is False
    assert grants.check("sendToGroup", "hall") is True


def test_what_was_said_can_be_said_again() -> None:
    grants, again = Grants(), Grants()
    grants.grant("send", None)
    grants.revoke("send", "a")
    for permission, target, allowed in grants.said():
        again.say(permission, target, allowed)
    assert [again.check("send", target) for target in (None, "a", "b")] == [True, False, True]
