"""What an issuer's claims mean here."""

from typing import Any

import pytest

from myna.access.claims import check_required, find_name, read_attributes
from myna.formats.jwt import BadToken

CLAIMS: dict[str, Any] = {
    "sub": "alice",
    "https://example.com/tenant": "acme",
    "realm_access": {"roles": ["meter", "admin"]},
    "scope": "read mqtt",
    "floor": 3,
    "verified": True,
    "empty": "",
    "none": None,
}


@pytest.mark.parametrize(
    "required",
    [
        {"sub": "*"},
        {"sub": "alice"},
        {"sub": ("bob", "alice")},
        {"scope": "mqtt"},
        {"scope": "read mqtt"},
        {"realm_access.roles": "admin"},
        {"verified": "true"},
        {"floor": "3"},
        {"realm_access": "*"},
    ],
)
def test_what_is_required_may_be_the_claim_a_word_or_an_element_of_it(required: dict[str, Any]) -> None:
    check_required(CLAIMS, required)


@pytest.mark.parametrize(
    "required",
    [{"nothing": "*"}, {"sub": "bob"}, {"scope": "writ"}, {"none": "*"}, {"verified": "1"}, {"sub": "*", "floor": "4"}],
)
def test_what_is_required_and_not_there_is_refused(required: dict[str, Any]) -> None:
    with pytest.raises(BadToken):
        check_required(CLAIMS, required)


def test_a_name_is_the_first_claim_that_is_one() -> None:
    assert find_name(CLAIMS, ("empty", "floor", "none", "sub"), "user") == "alice"
    with pytest.raises(BadToken, match="names no user: there is no a or b"):
        find_name(CLAIMS, ("a", "b"), "user")
    for bad in ("x" * 2000, "a\x00b", "\ud800"):
        with pytest.raises(BadToken, match="is no name"):
            find_name({"sub": bad}, ("sub",), "user")


def test_attributes_are_text() -> None:
    wanted = {"floor": "floor", "roles": "realm_access.roles", "ok": "verified", "no": "nothing", "map": "realm_access"}
    assert read_attributes(CLAIMS, wanted) == {"floor": "3", "roles": "meter,admin", "ok": "true"}
