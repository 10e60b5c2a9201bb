import pytest

from myna.wire import reasons


def constants() -> dict[str, int]:
    return {name: value for name, value in vars(reasons).items() if name.isupper() and type(value) is int}


def test_every_code_has_a_readable_name() -> None:
    for name, code in constants().items():
        if not name.endswith("_3"):
            assert "0x" not in reasons.reason_name(code)


def test_an_unknown_code_is_shown_as_a_number() -> None:
    assert reasons.reason_name(0x05) == "reason code 0x05"


def test_the_codes_of_the_standard_are_all_there() -> None:
    assert set(reasons.NAMES) == {0, 1, 2, 4, 0x10, 0x11, 0x18, 0x19, *range(0x80, 0xA3)}


@pytest.mark.parametrize(
    ("code", "before"),
    [(0x00, 0), (0x84, 1), (0x85, 2), (0x88, 3), (0x89, 3), (0x86, 4), (0x8C, 4), (0x87, 5), (0x8A, 5), (0x80, 3)],
)
def test_a_connack_code_becomes_one_of_mqtt_3(code: int, before: int) -> None:
    assert reasons.connack_code_for_3(code) == before


def test_every_refusal_stays_a_refusal_in_mqtt_3() -> None:
    assert all(1 <= reasons.connack_code_for_3(code) <= 5 for code in reasons.CONNACK_CODES - {0})


@pytest.mark.parametrize(("code", "before"), [(0, 0), (1, 1), (2, 2), (0x80, 0x80), (0x87, 0x80), (0xA2, 0x80)])
def test_a_suback_code_becomes_a_qos_or_the_one_failure(code: int, before: int) -> None:
    assert reasons.suback_code_for_3(code) == before


def test_tables_have_the_size_of_those_in_the_standard() -> None:
    assert len(reasons.CONNACK_CODES) == 22
    assert len(reasons.PUBACK_CODES) == len(reasons.PUBREC_CODES) == 9
    assert len(reasons.PUBREL_CODES) == len(reasons.PUBCOMP_CODES) == 2
    assert len(reasons.SUBACK_CODES) == 12
    assert len(reasons.UNSUBACK_CODES) == 7
    assert len(reasons.DISCONNECT_CODES) == 29
    assert len(reasons.AUTH_CODES) == 3


def test_a_client_may_send_fewer_disconnect_codes_than_a_server() -> None:
    assert reasons.CLIENT_DISCONNECT_CODES < reasons.DISCONNECT_CODES
    assert len(reasons.CLIENT_DISCONNECT_CODES) == 14
    assert reasons.SERVER_SHUTTING_DOWN not in reasons.CLIENT_DISCONNECT_CODES
