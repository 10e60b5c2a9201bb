from myna.client.errors import Refused, connack_text


def test_the_words_of_a_refusal_depend_on_the_version() -> None:
    assert connack_text(4, 4) == "bad user name or password"
    assert connack_text(0x86, 5) == "bad user name or password"
    assert connack_text(77, 4) == "return code 77"


def test_a_refusal_carries_its_code() -> None:
    assert Refused("no", 0x87).code == 0x87
    assert Refused("no").code is None
