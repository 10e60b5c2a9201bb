"""Definitions as they may be shown: without their secrets.

What a newcomer gets wrong: what has been shown may come back. Where a new definition says of a secret what was shown of
it, the secret stays as it is.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

HIDDEN: Final = "***"
_SECRET: Final = frozenset({"bearer", "password", "client_secret", "token", "secret", "keys"})
_ADDRESSES: Final = frozenset({"url", "servers"})  # which may name who calls, with or without a scheme
_ALL_SECRET: Final = frozenset({"headers"})


def shown(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _show(name, value, False) for name, value in values.items()}


def _show(name: str, value: Any, secret: bool) -> Any:
    if isinstance(value, Mapping):
        return {key: _show(key, one, secret or name in _ALL_SECRET) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_show(name, one, secret) for one in value]
    if not isinstance(value, str) or not value:
        return value
    if secret or name in _SECRET:
        return HIDDEN
    if name in _ADDRESSES and "://" not in value:
        return f"{HIDDEN}@{value.rpartition('@')[2]}" if "@" in value else value
    return hide_in_url(value) if "://" in value else value


def hide_in_url(url: str) -> str:
    """Without who calls and what is asked: both may be secrets."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return HIDDEN
    host = parts.netloc.rpartition("@")[2]
    shown_host = f"{HIDDEN}@{host}" if host != parts.netloc else host
    return urlunsplit((parts.scheme, shown_host, parts.path, HIDDEN if parts.query else "", ""))


def with_secrets(values: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """`values`, with what is only hidden in them taken from what was there before."""
    return {name: _restore(value, before.get(name), shown(before).get(name)) for name, value in values.items()}


def still_hidden(values: Any) -> bool:
    """Does it name a secret that nobody knows? Nothing was there before, or it stood elsewhere."""
    if isinstance(values, Mapping):
        return any(still_hidden(one) for one in values.values())
    if isinstance(values, list | tuple):
        return any(still_hidden(one) for one in values)
    if not isinstance(values, str):
        return False
    return values == HIDDEN or f"{HIDDEN}@" in values or values.endswith(f"?{HIDDEN}")


def _restore(value: Any, before: Any, was_shown: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(before, Mapping) and isinstance(was_shown, Mapping):
        return {key: _restore(one, before.get(key), was_shown.get(key)) for key, one in value.items()}
    if isinstance(value, list) and isinstance(before, list | tuple) and isinstance(was_shown, list):
        known = dict(enumerate(before))
        shown_ones = dict(enumerate(was_shown))
        return [_restore(one, known.get(place), shown_ones.get(place)) for place, one in enumerate(value)]
    return before if value == was_shown and before is not None else value
