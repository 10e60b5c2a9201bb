"""What every request goes through: framing, `req_id`, sizes, tenants, unknown paths; byte for byte."""

import re
import socket

import pytest

from tests.commands.processes import Serving, read_all
from tests.faces.bifromq.talk import Api, new_tenant, paho

TEXT = "text/plain; charset=UTF-8"
PUB = {"tenant_id": "calls", "topic": "a", "qos": "0", "client_type": "test"}


def raw(api: Api, request: bytes) -> bytes:
    """All that is answered until the server closes."""
    with socket.create_connection(("127.0.0.1", api.port), timeout=60) as http:
        http.sendall(request)
        return read_all(http)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/pub"), ("HEAD", "/session"), ("POST", "/nothing"), ("POST", "/pub/"), ("POST", "/PUB"), ("GET", "/"),
        ("PUT", "/kill"), ("OPTIONS", "/pub"), ("POST", "/p%75b"), ("GET", "/health"), ("DELETE", "/pub"),
    ],
)  # fmt: skip
def test_an_unknown_path_or_method_is_an_empty_400(api: Api, method: str, path: str) -> None:
    reply = api.call(method, path, {**PUB, "req_id": "5"})
    assert reply.told() == (400, "")
    assert reply.headers["content-length"] == "0"
    assert reply.headers["req_id"] == "5"


def test_a_query_is_ignored(api: Api) -> None:
    assert api.call("POST", "/pub?x=1&tenant_id=2", PUB).told() == (200, "NO_MATCH")


@pytest.mark.parametrize("tenant", [None, ""])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/pub"), ("POST", "/retain"), ("DELETE", "/retain"), ("GET", "/session"), ("DELETE", "/session"),
        ("GET", "/session/inbox"), ("DELETE", "/kill"), ("PUT", "/sub"), ("DELETE", "/unsub"),
    ],
)  # fmt: skip
def test_a_call_names_its_tenant(api: Api, method: str, path: str, tenant: str | None) -> None:
    reply = api.call(method, path, {"req_id": "9"} | ({} if tenant is None else {"tenant_id": tenant}))
    assert reply.told() == (400, "")
    assert reply.headers["content-type"] == TEXT
    assert reply.headers["req_id"] == "9"


@pytest.mark.parametrize(
    ("sent", "returned"),
    [
        ("77", "77"), ("0", "0"), ("-5", "-5"), ("+5", "5"), (" 12 ", "12"), ("007", "7"),
        ("9223372036854775807", "9223372036854775807"), ("-9223372036854775808", "-9223372036854775808"),
    ],
)  # fmt: skip
def test_req_id_comes_back(api: Api, sent: str, returned: str) -> None:
    for status, headers in ((200, PUB), (400, {}), (403, {**PUB, "topic": "+"})):
        reply = api.call("POST", "/pub", {**headers, "req_id": sent})
        assert (reply.status, reply.headers["req_id"]) == (status, returned)
    found = api.call("GET", "/session", {"tenant_id": "x", "user_id": "x", "client_id": "x", "req_id": sent})
    assert (found.status, found.headers["req_id"]) == (404, returned)


@pytest.mark.parametrize("sent", [None, "", "x", "1.5", "9223372036854775808", "1" * 100, "é"])
def test_without_a_usable_req_id_there_is_a_new_one(api: Api, sent: str | None) -> None:
    made = []
    for _ in range(3):
        reply = api.call("POST", "/pub", PUB if sent is None else {**PUB, "req_id": sent})
        assert reply.status == 200
        made.append(int(reply.headers["req_id"]))
    assert 0 < made[0] < made[1] < made[2] < 2**63
    assert made[0] >> 16 > 1_700_000_000_000  # milliseconds


def test_header_names_come_in_any_case_and_the_first_counts(api: Api) -> None:
    names = ("Tenant_ID: calls", "TOPIC: a", "Qos: 0", "qos: 9", "client_Type: x", "REQ_ID: 3", "req_id: 4")
    head = "\r\n".join(["POST /pub HTTP/1.1", "host: x", "connection: close", "content-length: 0", *names])
    answer = raw(api, head.encode() + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nreq_id: 3\r\n" in answer


def test_sub_qos_has_two_spellings(broker: Serving, api: Api) -> None:
    with paho(broker, "5", new_tenant()) as client:
        assert api.call("PUT", "/sub", {**client.key, "topic_filter": "a", "sub_qoS": "1"}).told() == (200, "OK")


def test_a_word_has_no_content_type(api: Api) -> None:
    reply = api.call("POST", "/pub", PUB)
    assert "content-type" not in reply.headers
    assert reply.headers["content-length"] == "8"
    assert api.call("POST", "/pub", {**PUB, "qos": "x"}).headers["content-type"] == TEXT


def test_http_1_0_is_closed_unless_it_asks_to_stay(api: Api) -> None:
    request = (
        "POST /pub HTTP/1.0\r\ntenant_id: calls\r\ntopic: a\r\nqos: 0\r\nclient_type: x\r\n{}content-length: 1\r\n\r\nx"
    )
    once = request.format("").encode()
    assert b"connection: close\r\n" in raw(api, once)
    answers = raw(api, request.format("connection: keep-alive\r\n").encode() + once)
    heads = re.findall(rb"HTTP/1\.1 200 OK\r\n.*?\r\n\r\n", answers, re.DOTALL)
    assert [b"connection: keep-alive" in head for head in heads] == [True, False]


def test_chunks_and_expect_100_are_understood(api: Api) -> None:
    names = ("host: x", "tenant_id: calls", "topic: a", "qos: 0", "client_type: x", "connection: close", "")
    head = "\r\n".join(["POST /pub HTTP/1.1", *names]).encode()
    chunked = raw(api, head + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert chunked.startswith(b"HTTP/1.1 200 OK\r\n")
    patient = raw(api, head + b"expect: 100-continue\r\ncontent-length: 3\r\n\r\nabc")
    assert patient.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_a_body_in_pieces_arrives_whole(broker: Serving, api: Api) -> None:
    tenant = new_tenant()
    body = bytes(range(256)) * 900
    with paho(broker, "5", tenant) as client:
        client.subscribe("big")
        assert api.publish(tenant, "big", body).told() == (200, "OK")
        assert client.next().payload == body


def test_too_large_a_body_is_413_before_anything_else(api: Api) -> None:
    for head in (b"content-length: 262145\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n40001\r\n"):
        answer = raw(api, b"POST /nowhere HTTP/1.1\r\nhost: x\r\nreq_id: 1\r\n" + head + b"x" * 0x40001)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"req_id" not in answer
        assert answer.endswith(b"content-length: 0\r\nconnection: close\r\n\r\n")


def test_the_tenant_s_own_payload_is_413_and_the_connection_stays(api: Api) -> None:
    over = api.call("POST", "/pub", {**PUB, "tenant_id": "narrow", "req_id": "4"}, b"x" * 1001)
    assert over.told() == (413, "")
    assert over.headers["req_id"] == "4"
    assert "connection" not in over.headers
    assert api.call("PUT", "/sub", {"tenant_id": "narrow"}, b"x" * 1001).told() == (413, "")
    assert api.call("POST", "/pub", {**PUB, "tenant_id": "narrow"}, b"x" * 1000).told() == (200, "NO_MATCH")


def test_bytes_that_are_no_http_are_refused(api: Api) -> None:
    for junk in (b"\0\xff" * 100 + b"\r\n\r\n", b"POST\r\n\r\n", b"POST /pub HTTP/1.1\r\nbad header\r\n\r\n"):
        assert raw(api, junk).startswith(b"HTTP/1.1 400 ")
    assert api.call("POST", "/pub", {**PUB, "topic": "\u0080"}).status == 403
