"""Times as events say them: RFC 3339 in UTC, with microseconds."""

from datetime import UTC, datetime
from functools import lru_cache


def rfc3339(seconds: float) -> str:
    whole = int(seconds)
    return f"{_whole(whole)}.{int((seconds - whole) * 1e6):06d}Z"


@lru_cache(maxsize=16)
def _whole(seconds: int) -> str:
    """Thousands of events share a second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
