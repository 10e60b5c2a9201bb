"""Any bytes at the beginning of a proxied connection are a PROXY header, the beginning of one, or a refusal; and a
header is no longer than what was read, whatever lies behind it.
"""

import ipaddress

from myna.net.proxy import LONGEST_2, BadHeader, Header, read_header
from tests.fuzz.mutate import SEED, inputs


def verdict(data: bytes) -> Header | str | None:
    try:
        return read_header(data)
    except BadHeader:
        return "refused"


def check(data: bytes) -> None:
    whole = verdict(data)
    if isinstance(whole, Header):
        assert 0 < whole.length <= min(len(data), LONGEST_2)
        assert verdict(data[: whole.length]) == whole
        assert verdict(data[: whole.length - 1]) is None, "it ends where it says"
        if whole.source is not None:
            host, port = whole.source
            assert str(ipaddress.ip_address(host)) == host
            assert 0 <= port <= 65_535
    elif whole is None:
        assert len(data) < LONGEST_2, "nobody reads on for ever"


def test_any_bytes_are_a_header_a_beginning_or_a_refusal() -> None:
    for data, _ in inputs("proxy"):
        try:
            check(data)
        except Exception as error:
            raise AssertionError(f"seed {SEED}: {data.hex()}") from error
