"""Development's issuer: its key is well known, so that a token of yesterday's run still works today.

What a newcomer gets wrong: this harms nobody, for it holds only in development mode, where nothing but loopback
addresses are open.
"""

from collections.abc import Mapping
from typing import Any, Final

from myna.formats.jwt import sign

KEY: Final = "myna-development-key-known-to-everybody"
ISSUER: Final = "myna-development"
CLIENT: Final = "DevUser"
LIFETIME: Final = 365 * 86_400.0


def development_token(
    audience: str,
    now: float,
    *,
    client: str = CLIENT,
    lifetime: float = LIFETIME,
    claims: Mapping[str, Any] | None = None,
) -> str:
    held: dict[str, Any] = {
        "iss": ISSUER,
        "sub": client,
        "oid": client,
        "aud": audience,
        "nbf": int(now) - 60,
        "exp": int(now + lifetime),
    }
    return sign({**held, **(claims or {})}, KEY.encode())
