"""Reading claims."""

from typing import Any

import pytest

from myna.formats.claims import find_claim, show_claim, values_of

CLAIMS: dict[str, Any] = {
    "sub": "alice",
    "https://example.com/tenant": "acme",
    "realm_access": {"roles": ["meter", "admin"]},
}


def test_claims_are_found_by_name_or_by_the_way_to_them() -> None:
    assert find_claim(CLAIMS, "https://example.com/tenant") == "acme"
    assert find_claim(CLAIMS, "realm_access.roles") == ["meter", "admin"]
    for name in ("nothing", "sub.more", "realm_access.nothing", "realm_access.roles.0"):
        assert find_claim(CLAIMS, name) is None


@pytest.mark.parametrize(
    ("held", "values"),
    [
        ("read mqtt", {"read mqtt", "read", "mqtt"}),
        (["a b", 1, {}], {"a b", "1"}),
        (True, {"true"}),
        (3, {"3"}),
        ({}, set()),
        (None, set()),
    ],
)
def test_a_claim_holds_values(held: object, values: set[str]) -> None:
    assert values_of(held) == values


@pytest.mark.parametrize(
    ("value", "shown"), [(["a", "b"], "a,b"), (["a", 1], None), ({}, None), (False, "false"), (1.5, "1.5")]
)
def test_lists_of_text_are_shown_and_objects_are_not(value: object, shown: str | None) -> None:
    assert show_claim(value) == shown
