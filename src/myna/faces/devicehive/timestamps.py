"""Times as DeviceHive writes them: UTC to the millisecond, without saying so. Inside they are milliseconds."""

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LAST: Final = 253_402_300_799_999  # the end of the year 9999


def format_time(ms: int) -> str:
    return (EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds")[:23]


def read_time(value: object) -> int | None:
    """Milliseconds from a number or any ISO 8601 form; without a zone it is UTC. None if it is no time."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if 0 <= value <= LAST else None
    if not isinstance(value, str):
        return None
    text = value.strip()
    if text.isascii() and text.isdecimal() and len(text) != 8:  # eight digits are a date without hyphens
        return read_time(int(text))
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        ms = (moment - EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None
    return ms if 0 <= ms <= LAST else None
