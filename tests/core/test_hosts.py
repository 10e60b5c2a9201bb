"""Peers' addresses as hosts and networks."""

import pytest

from myna.core.hosts import counted_by, host_of, parse_host, parse_network


@pytest.mark.parametrize(
    ("address", "host", "counted"),
    [
        ("192.0.2.1:4711", "192.0.2.1", "192.0.2.1"),
        ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("[2001:db8:1:2:3::9]:4711", "2001:db8:1:2:3::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3::9", "2001:db8:1:2:3::9", "2001:db8:1:2::/64"),
        ("[fe80::1%eth0]:1", "fe80::1", "fe80::/64"),
        ("[::ffff:192.0.2.1]:9", "::ffff:192.0.2.1", "192.0.2.1"),
        ("unix", "", ""),
        ("", "", ""),
        ("[no:address]:1", "no:address", "no:address"),
    ],
)
def test_a_peer_s_address_holds_a_host_which_is_counted_by_customer(address: str, host: str, counted: str) -> None:
    assert (host_of(address), counted_by(address)) == (host, counted)


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("192.0.2.77", "192.0.2.77"),
        ("192.0.2.77/24", "192.0.2.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1/120", "192.0.2.0/24"),
        ("::/0", "::/0"),
        ("2001:db8::1/128", "2001:db8::1"),
    ],
)
def test_a_network_has_one_spelling(text: str, network: str) -> None:
    parsed = parse_network(text)
    assert parsed is not None
    assert parsed.text() == network


@pytest.mark.parametrize("text", ["", "alice", "192.0.2", "192.0.2.1/33", "1.2.3.4:5", "::1/129"])
def test_what_is_no_network_is_none(text: str) -> None:
    assert parse_network(text) is None


@pytest.mark.parametrize(
    ("network", "address", "inside"),
    [
        ("192.0.2.0/24", "192.0.2.255:1", True),
        ("192.0.2.0/24", "192.0.3.0:1", False),
        ("192.0.2.0/24", "[::ffff:192.0.2.9]:1", True),
        ("0.0.0.0/0", "[::1]:1", False),
        ("::/0", "[::1]:1", True),
        ("2001:db8::/32", "[2001:db8:ffff::1]:1", True),
    ],
)
def test_a_host_is_inside_of_a_network_or_not(network: str, address: str, inside: bool) -> None:
    parsed, host = parse_network(network), parse_host(address)
    assert parsed is not None
    assert host is not None
    assert parsed.contains(host) == inside
