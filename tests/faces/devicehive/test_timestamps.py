"""Times in and out."""

import pytest

from myna.faces.devicehive.timestamps import format_time, read_time


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        ("2018-02-08T15:49:29.123", 1518104969123),
        ("2018-02-08T15:49:29", 1518104969000),
        ("2018-02-08T15:49:29.123456Z", 1518104969123),
        ("2018-02-08T16:49:29.123+01:00", 1518104969123),
        ("2018-02-08", 1518048000000),
        (1518104969123, 1518104969123),
        ("1518104969123", 1518104969123),
        (0, 0),
        ("soon", None),
        ("", None),
        (-1, None),
        (True, None),
        (1.5, None),
        (10**18, None),
        ([], None),
        ("0001-01-01T00:00:00+23:00", None),
    ],
)
def test_reading(value: object, ms: int | None) -> None:
    assert read_time(value) == ms


def test_writing_has_milliseconds_and_no_zone() -> None:
    assert format_time(1518104969123) == "2018-02-08T15:49:29.123"
    assert format_time(0) == "1970-01-01T00:00:00.000"
    assert read_time(format_time(253_402_300_799_999)) == 253_402_300_799_999
