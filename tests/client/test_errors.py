import pytest

from myna.client.errors import Refused, connack_text, no_answer_hint


def test_the_words_of_a_refusal_depend_on_the_version() -> None:
    assert connack_text(4, 4) == "bad user name or password"
    assert connack_text(0x86, 5) == "bad user name or password"
    assert connack_text(77, 4) == "return code 77"


def test_a_refusal_carries_its_code() -> None:
    assert Refused("no", 0x87).code == 0x87
    assert Refused("no").code is None


@pytest.mark.parametrize(
    ("tls", "certificate", "hint"),
    [
        (False, False, "Is this a TLS port?"),
        (True, False, "Does it want a client certificate (--cert, --key)"),
        (True, True, "Does it not accept our certificate"),
    ],
)
def test_a_connection_that_ends_before_an_answer_is_explained(tls: bool, certificate: bool, hint: str) -> None:
    assert no_answer_hint(tls, certificate).startswith(hint)
