import pytest

from myna.net.endpoint import UpgradeRequest
from myna.net.upgrade import accept_response, check_upgrade, is_websocket, offered_subprotocols, plain_response
from tests.net.websocket_client import ACCEPT, KEY

HEADERS = ((b"Sec-WebSocket-Version", b"13"), (b"Sec-WebSocket-Key", KEY), (b"Upgrade", b"WebSocket"))


def request(*headers: tuple[bytes, bytes]) -> UpgradeRequest:
    return UpgradeRequest(b"/", b"", headers or HEADERS, (), "h:1", "http", "http")


def test_the_key_is_answered_as_the_rfc_says() -> None:
    response = accept_response(request(), "mqtt", ((b"x", b"1"), (b"evil", b"a\r\nset-cookie: b")))
    assert b"sec-websocket-accept: " + ACCEPT + b"\r\n" in response
    assert b"sec-websocket-protocol: mqtt\r\n" in response
    assert b"x: 1\r\n" in response
    assert b"evil" not in response, "a line break would let a value write headers of its own"
    assert response.endswith(b"\r\n\r\n")


def test_a_good_handshake_has_nothing_against_it() -> None:
    assert check_upgrade("GET", "1.1", request()) is None


@pytest.mark.parametrize(
    ("method", "version", "headers", "status"),
    [
        ("PUT", "1.1", HEADERS, 405),
        ("GET", "1.0", HEADERS, 505),
        ("GET", "1.1", HEADERS[1:], 426),
        ("GET", "1.1", HEADERS[:1], 400),
        ("GET", "1.1", (*HEADERS, HEADERS[1]), 400),
        ("GET", "1.1", (HEADERS[0], (b"Sec-WebSocket-Key", b"c2hvcnQ=")), 400),
        ("GET", "1.1", (HEADERS[0], (b"Sec-WebSocket-Key", b"\xff")), 400),
    ],
)
def test_a_bad_handshake_has_a_status(
    method: str, version: str, headers: tuple[tuple[bytes, bytes], ...], status: int
) -> None:
    refusal = check_upgrade(method, version, request(*headers))
    assert refusal is not None
    assert refusal.status == status


def test_subprotocols_may_come_in_several_headers() -> None:
    headers = [(b"sec-websocket-protocol", b"a, b,"), (b"Sec-WebSocket-Protocol", b"c")]
    assert offered_subprotocols(headers) == ("a", "b", "c")
    assert is_websocket(HEADERS)
    assert not is_websocket([(b"upgrade", b"h2c")])


def test_a_plain_response_ends_the_connection() -> None:
    assert plain_response(404, (), b"x") == b"HTTP/1.1 404 Not Found\r\ncontent-length: 1\r\nconnection: close\r\n\r\nx"
    assert plain_response(799, (), b"x", head_only=True).startswith(b"HTTP/1.1 799 \r\n")
