"""Reading claims: by name or by the way to them, and the values that one holds.

What a newcomer gets wrong: a name is first taken as it is, for there are claims called `https://example.com/tenant`;
only then is it a way, as in `realm_access.roles`.
"""

from collections.abc import Mapping
from typing import Any


def find_claim(claims: Mapping[str, Any], name: str) -> Any:
    if name in claims:
        return claims[name]
    found: Any = claims
    for step in name.split("."):
        if not isinstance(found, Mapping) or step not in found:
            return None
        found = found[step]
    return found


def values_of(held: Any) -> set[str]:
    """The claim itself, the elements of a list, or the words of a text, as scopes are written."""
    if isinstance(held, list):
        return {text for one in held if (text := show_claim(one)) is not None}
    text = show_claim(held)
    return set() if text is None else {text, *text.split()}


def show_claim(value: Any) -> str | None:
    """A claim as text; None for what has none, objects for instance."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ",".join(value)
    return None
