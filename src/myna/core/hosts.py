"""The other side's address as the edge shows it (`192.0.2.1:4711`, `[2001:db8::1]:4711`, `unix`), and what lies in it.

Knows no socket and looks nothing up. What a newcomer gets wrong: one machine has two spellings where IPv4 arrives on an
IPv6 socket (`::ffff:192.0.2.1`), and one IPv6 customer has 2^64 addresses; so the first is read as IPv4, and whatever
counts by address counts an IPv6 host by its /64.
"""

import ipaddress
from typing import Final, final

BITS_4: Final = 32
BITS_6: Final = 128
CUSTOMER_6: Final = 64  # what one subscriber of an IPv6 provider is given at least


@final
class Network:
    """`number` is the address without the bits behind `prefix`. A single host has all of them."""

    __slots__ = ("number", "prefix", "version")

    def __init__(self, version: int, prefix: int, number: int) -> None:
        self.version = version
        self.prefix = prefix
        self.number = number

    def contains(self, host: "Network") -> bool:
        bits = BITS_4 if self.version == 4 else BITS_6
        return self.version == host.version and host.number >> (bits - self.prefix) == self.number >> (
            bits - self.prefix
        )

    def text(self) -> str:
        """`192.0.2.1`, `192.0.2.0/24`: one spelling for each."""
        is_4 = self.version == 4
        address = ipaddress.IPv4Address(self.number) if is_4 else ipaddress.IPv6Address(self.number)
        return str(address) if self.prefix == (BITS_4 if is_4 else BITS_6) else f"{address}/{self.prefix}"


def host_of(address: str) -> str:
    """Without port, brackets and zone; empty for what has no address, as the peers of unix sockets."""
    host = address
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    return "" if host == "unix" else host.partition("%")[0]


def parse_host(address: str) -> Network | None:
    """The host of a peer's address as a number; None where there is none."""
    return parse_network(host_of(address))


def parse_network(text: str) -> Network | None:
    """An address, or one with a prefix length. Bits behind the prefix are dropped."""
    try:
        parsed = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    number = int(parsed.network_address)
    prefix = parsed.prefixlen
    if parsed.version == 6 and number >> BITS_4 == 0xFFFF and prefix >= BITS_6 - BITS_4:
        return Network(4, prefix - (BITS_6 - BITS_4), number & 0xFFFF_FFFF)
    return Network(parsed.version, prefix, number)


def counted_by(address: str) -> str:
    """The name by which everything that comes from one host, or one IPv6 customer, is counted together.

    Empty for those without an address, who are not counted.
    """
    host = host_of(address)
    if ":" not in host:
        return host
    parsed = parse_network(host)
    if parsed is None or parsed.version == 4:
        return host if parsed is None else parsed.text()
    spare = BITS_6 - CUSTOMER_6
    return Network(6, CUSTOMER_6, parsed.number >> spare << spare).text()
