"""What a certificate says of its bearer."""

import pytest

from myna.formats.certificates import (
    Certificate,
    all_names,
    has_fingerprint,
    names_in,
    normal_fingerprint,
    subject_value,
)
from myna.net.tls import Certificate as Shown

SUBJECT = (("organizationName", "acme"), ("commonName", "device-17"), ("organizationName", "second"))
SHOWN = Shown("device-17", SUBJECT, {"DNS": ("a.example", "b.example"), "email": ("d@example",)}, "aa" * 20, "bb" * 32)


def test_what_net_hands_on_is_a_certificate() -> None:
    assert isinstance(SHOWN, Certificate)
    assert not isinstance(object(), Certificate)


@pytest.mark.parametrize(
    ("field", "names"),
    [("cn", ("device-17",)), ("dns", ("a.example", "b.example")), ("uri", ()), ("email", ("d@example",)), ("ip", ())],
)
def test_names_stand_in_fields(field: str, names: tuple[str, ...]) -> None:
    assert names_in(SHOWN, field) == names


def test_names_come_in_the_order_asked_for() -> None:
    assert list(all_names(SHOWN, ["uri", "dns", "cn"])) == ["a.example", "b.example", "device-17"]
    assert names_in(Shown("", (), {}, "", ""), "cn") == ()


def test_a_subject_has_fields() -> None:
    assert subject_value(SHOWN, "organizationName") == "acme"
    assert subject_value(SHOWN, "countryName") == ""


@pytest.mark.parametrize(
    ("allowed", "has"),
    [(["aa" * 20], True), ([":".join(["bb"] * 32)], True), (["BB" * 32], True), ([], False), (["CC"], False)],
)
def test_fingerprints_are_compared_without_their_spelling(allowed: list[str], has: bool) -> None:
    assert has_fingerprint(SHOWN, map(normal_fingerprint, allowed)) == has
