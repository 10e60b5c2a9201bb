"""How header values are read, and who a caller is."""

import pytest

from myna.faces.bifromq.naming import (
    CALLERS_REMEMBERED,
    Callers,
    RequestIds,
    Unusable,
    decode_value,
    read_integer,
    read_metadata,
)


@pytest.mark.parametrize(
    ("value", "text"), [(b" a\t", "a"), ("é".encode(), "é"), (b"\xe9", "é"), (b"", ""), (b"\xc3\x28", "Ã(")]
)
def test_values_are_utf_8_or_else_latin_1(value: bytes, text: str) -> None:
    assert decode_value(value) == text


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("+7", 7), ("-1", -1), ("007", 7), ("2147483647", 2**31 - 1)])
def test_integers_are_decimal(text: str, number: int) -> None:
    assert read_integer(text) == number


@pytest.mark.parametrize("text", ["", " ", "1 ", "1.0", "0x1", "1_000", "2147483648", "--1", "٣", "9" * 5000])
def test_anything_else_is_named(text: str) -> None:
    with pytest.raises(Unusable) as caught:
        read_integer(text)
    assert str(caught.value) == f'For input string: "{text}"'


def test_ids_grow_also_when_the_clock_does_not() -> None:
    ids = RequestIds(lambda: 1000.0)
    made = [int(ids.of(None)) for _ in range(1000)]
    assert made == sorted(set(made))
    assert made[0] >> 16 == 1_000_000


def test_ids_follow_the_clock() -> None:
    clock = [1000.0]
    ids = RequestIds(lambda: clock[0])
    clock[0] = 2000.0
    assert int([ids.of(b"x") for _ in range(64)][-1]) >> 16 == 2_000_000


def test_metadata_keeps_its_keys_as_they_were_sent() -> None:
    headers = [(b"Client_Meta_App", b"x"), (b"client_meta_userId", b"7"), (b"client_meta", b"no"), (b"topic", b"a")]
    assert read_metadata(headers) == ((b"App", b"x"), (b"userId", b"7"))


def test_a_caller_is_made_once_and_is_no_client() -> None:
    callers = Callers()
    metadata = ((b"app", b"billing"), (b"app", b"last"), (b"Key", b"v"))
    origin = callers.find("acme", b"backend", metadata)
    assert callers.find("acme", b"backend", metadata) is origin
    assert callers.find("other", b"backend", metadata) is not origin
    assert (origin.source, origin.tenant, origin.user, origin.client_id) == ("bifromq", "acme", "", "")
    identity = origin.identity
    assert identity is not None
    assert identity.attributes == {"app": "last", "Key": "v"}
    assert identity.claims == "backend"


def test_callers_that_make_up_names_do_not_grow_without_bound() -> None:
    callers = Callers()
    for number in range(CALLERS_REMEMBERED + 10):
        callers.find("acme", b"%d" % number, ())
    assert len(callers._origins) == 10
