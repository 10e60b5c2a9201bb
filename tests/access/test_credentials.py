"""What an HTTP request shows of its caller."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.access.credentials import read_ticket
from myna.core.outcome import Refusal
from tests.access.calls import basic, bearer, scope


@pytest.mark.parametrize(
    ("headers", "user_name", "password", "token"),
    [
        ([], None, None, ""),
        ([basic("alice", "secret")], "alice", b"secret", ""),
        ([basic("alice", "a:b:c")], "alice", b"a:b:c", ""),
        ([basic("zoë", "…")], "zoë", "…".encode(), ""),
        ([basic("", "")], "", b"", ""),
        ([("authorization", "bAsIc YTpi")], "a", b"b", ""),
        ([bearer("a.b.c")], None, b"a.b.c", "a.b.c"),
        ([("authorization", "bearer   t ")], None, b"t", "t"),
        ([("x-api-key", "k1")], None, b"k1", "k1"),
        ([("x-api-key", "k1"), bearer("t")], None, b"t", "t"),
        ([bearer("first"), bearer("second")], None, b"first", "first"),
        ([("x-api-key", "")], None, None, ""),
    ],
)
def test_headers_become_what_a_connect_would_say(
    headers: list[tuple[str, str]], user_name: str | None, password: bytes | None, token: str
) -> None:
    ticket = read_ticket(scope(*headers))
    assert not isinstance(ticket, Refusal)
    assert (ticket.user_name, ticket.password, ticket.peer.token) == (user_name, password, token)
    assert (ticket.level, ticket.client_id, ticket.method) == (0, "", None)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Basic",
        "Basic !!!",
        "Basic YWxpY2U=",  # alice, without a colon
        "Basic /zo=",  # no UTF-8
        "Bearer",
        "Bearer  ",
        "Digest username=alice",
        "Bearer " + "x" * 70_000,
        "Basic " + "YTpi" * 20_000,
        b"Basic \xff\xff",
    ],
)
def test_what_nobody_could_judge_is_refused(value: str | bytes) -> None:
    refused = read_ticket(scope(("authorization", value), ("x-api-key", "k1")))
    assert isinstance(refused, Refusal)
    assert refused.reason == 0x86
    assert "YTpi" not in refused.text


def test_the_peer_is_the_connection() -> None:
    shown = object()
    ticket = read_ticket(scope(certificate=shown))
    assert not isinstance(ticket, Refusal)
    assert (ticket.peer.certificate, ticket.peer.address, ticket.peer.path) == (shown, "192.0.2.1:4711", "/call")
    of_unix = read_ticket(scope(client=None))
    assert not isinstance(of_unix, Refusal)
    assert of_unix.peer.address == "unix"


@given(
    st.binary(max_size=200) | st.binary(max_size=60).map(lambda data: b"Basic " + base64.b64encode(data)), st.binary()
)
def test_any_headers_are_a_ticket_or_refused(authorization: bytes, key: bytes) -> None:
    ticket = read_ticket(scope(("authorization", authorization), ("x-api-key", key)))
    assert isinstance(ticket, Refusal) or ticket.password is not None
