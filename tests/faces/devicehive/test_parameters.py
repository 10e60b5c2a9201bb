"""Reading members: what is tolerated, what is malformed, and that any bytes give one or the other."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.faces.devicehive.answers import Refused
from myna.faces.devicehive.parameters import NotAnObject, Parameters, read_object


def one(text: str) -> Parameters:
    return read_object(f'{{"m": {text}}}'.encode())


@pytest.mark.parametrize(
    ("text", "number"),
    [("5", 5), ('"5"', 5), ('" -5 "', -5), ("5.0", 5), ("null", None), ("9223372036854775807", 2**63 - 1)],
)
def test_integers_come_as_numbers_or_text(text: str, number: int | None) -> None:
    assert one(text).integer("m") == number


@pytest.mark.parametrize(
    "text", ['"x"', '""', "true", "1.5", "{}", "[]", "9223372036854775808", '"1_0"', '"٣"', "1e400", '"--5"']
)
def test_what_is_no_integer_is_malformed(text: str) -> None:
    with pytest.raises((Refused, NotAnObject)):
        one(text).integer("m")


def test_text_may_be_a_number_and_never_holds_a_nul() -> None:
    assert one("999999").text("m") == "999999"
    assert one("true").text("m") == "true"
    with pytest.raises(Refused):
        one(r'"a\u0000"').text("m")


def test_arbitrary_json_comes_back_as_it_was() -> None:
    assert one('{"b":1.50 , "a":[ ]}').json("m") == '{"b":1.50 , "a":[ ]}'
    assert one("null").json("m") is None
    assert one("null").holds("m")
    assert not one("1").holds("other")


@given(st.binary(max_size=60))
def test_any_bytes_are_an_object_or_not(payload: bytes) -> None:
    check(payload)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text() | st.integers(), st.lists, max_leaves=5))
def test_any_member_is_readable_or_malformed(value: Any) -> None:
    import json

    check(json.dumps({"m": value}).encode())


def check(payload: bytes) -> None:
    try:
        found = read_object(payload)
    except NotAnObject:
        return
    for name in found.names() | {"m"}:
        for read in (found.text, found.integer, found.flag, found.time, found.texts, found.integers, found.object):
            with contextlib.suppress(Refused):
                read(name)
        found.json(name)
