"""BifroMQ's words and ours: its header names, how their values are read, and who a caller is.

Everything a caller says comes as request headers, in any case. What a newcomer gets wrong: the caller's identity is
for logs and routing alone. It is not checked against any rule, no subscriber sees it, and it never equals a client's,
so that No Local does not concern what comes this way.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from myna.core.identity import Identity
from myna.core.message import Origin

REQ_ID: Final = b"req_id"
TENANT_ID: Final = b"tenant_id"
USER_ID: Final = b"user_id"
CLIENT_ID: Final = b"client_id"
CLIENT_TYPE: Final = b"client_type"
CLIENT_META: Final = b"client_meta_"
TOPIC: Final = b"topic"
TOPIC_FILTER: Final = b"topic_filter"
QOS: Final = b"qos"
SUB_QOS: Final = b"sub_qos"
EXPIRY_SECONDS: Final = b"expiry_seconds"
SERVER_REDIRECT: Final = b"server_redirect"
SERVER_REFERENCE: Final = b"server_reference"
SERVICE_NAME: Final = b"service_name"
SERVER_ID: Final = b"server_id"
STORE_NAME: Final = b"store_name"
STORE_ID: Final = b"store_id"
BALANCER: Final = b"balancer_factory_class"

DIALECT: Final = "bifromq"
CALLERS_REMEMBERED: Final = 1024
CLOCK_READ_EVERY: Final = 63  # ids need to be new and to grow, not to be exact
SHORT: Final = 18  # digits that fit 64 bits whatever they are

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)

Metadata = tuple[tuple[bytes, bytes], ...]


class Unusable(Exception):
    """A header is missing or cannot be read: 400 with this text."""


def decode_value(value: bytes) -> str:
    """UTF-8 where it is that, else Latin-1, as HTTP had it once."""
    try:
        return value.strip(b" \t").decode()
    except UnicodeDecodeError:
        return value.strip(b" \t").decode("latin-1")


def read_integer(text: str, bits: int = 32) -> int:
    """A signed decimal of so many bits."""
    if _INTEGER.fullmatch(text):
        number = int(text)
        if -(1 << bits - 1) <= number < 1 << bits - 1:
            return number
    raise Unusable(f'For input string: "{text}"')


class RequestIds:
    """Names for requests that bring none: milliseconds shifted left by 16 bits, and a count."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._last = int(now() * 1000) << 16

    def of(self, given: bytes | None) -> bytes:
        """What the answer carries: the id that was sent if it is a number of 64 bits, else a new one."""
        if given is not None:
            if given.isdigit() and len(given) <= SHORT and not given.startswith(b"0"):
                return given
            try:
                return b"%d" % read_integer(decode_value(given), 64)
            except Unusable:
                pass  # it is never an error [contract]: a new one takes its place
        self._last += 1
        if self._last & CLOCK_READ_EVERY == 0:
            self._last = max(self._last, int(self._now() * 1000) << 16)
        return b"%d" % self._last


def read_metadata(headers: Sequence[tuple[bytes, bytes]]) -> Metadata:
    """The `client_meta_*` pairs, keys as they were sent. BifroMQ wants a lower-case prefix; proxies differ."""
    cut = len(CLIENT_META)
    return tuple((name[cut:], value) for name, value in headers if name[:cut].lower() == CLIENT_META)


class Callers:
    """The origin of each caller's messages, made once for as long as it is remembered."""

    def __init__(self) -> None:
        self._origins: dict[tuple[str, bytes, Metadata], Origin] = {}

    def find(self, tenant: str, client_type: bytes, metadata: Metadata) -> Origin:
        key = (tenant, client_type, metadata)
        origin = self._origins.get(key)
        if origin is None:
            if len(self._origins) >= CALLERS_REMEMBERED:
                self._origins.clear()
            origin = self._origins[key] = _make_origin(tenant, decode_value(client_type), read_pairs(metadata))
        return origin


def read_pairs(metadata: Metadata) -> dict[str, str]:
    """Of a key that is repeated, the last value."""
    return {decode_value(name): decode_value(value) for name, value in metadata}


def _make_origin(tenant: str, client_type: str, metadata: Mapping[str, str]) -> Origin:
    identity = Identity(tenant, "", attributes=dict(metadata), dialect=DIALECT, claims=client_type)
    return Origin(DIALECT, tenant, identity=identity)
