from myna.wire.errors import Malformed, ProtocolViolation, WireError


def test_each_error_carries_the_reason_a_server_answers() -> None:
    assert Malformed("x").reason == 0x81
    assert ProtocolViolation("x").reason == 0x82
    assert ProtocolViolation("x", 0x95, 5).reason == 0x95


def test_level_is_told_only_if_known() -> None:
    assert Malformed("x").level == 0
    assert Malformed("x", level=5).level == 5


def test_message_is_what_a_log_shows() -> None:
    error = WireError("no such thing", 0x80)
    assert error.message == str(error) == "no such thing"
