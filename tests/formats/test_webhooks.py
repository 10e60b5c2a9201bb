"""What webhooks are asked and what they answer, in both forms."""

import base64
import json
import ssl
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.formats.webhooks import (
    Allowed,
    BadAnswer,
    Denied,
    Question,
    bifromq_body,
    eventgrid_body,
    read_bifromq,
    read_eventgrid,
)
from tests.net import certificates


def der() -> bytes:
    return ssl.PEM_cert_to_DER_cert((certificates.folder() / "client.pem").read_text())


def test_bifromq_is_told_what_is_known_and_nothing_else() -> None:
    full = Question("c", "alice", b"p\x00w", certificate=b"DER", address="[::1]:4711", level=3)
    assert json.loads(bifromq_body(full, "abc")) == {
        "isMQIsdp": True,
        "username": "alice",
        "password": base64.b64encode(b"p\x00w").decode(),
        "cert": base64.b64encode(b"DER").decode(),
        "clientId": "c",
        "remoteAddr": "::1",
        "remotePort": 4711,
        "channelId": "abc",
    }
    assert json.loads(bifromq_body(Question("c", level=5, address="unix"), "abc")) == {"clientId": "c"}


def test_event_grid_s_hook_is_told_the_client_id_always() -> None:
    assert json.loads(eventgrid_body(Question())) == {"clientId": ""}
    told = json.loads(eventgrid_body(Question("c", "alice", b"pw", "METHOD", b"data", der(), "h:1", 5)))
    assert told.pop("clientCertificate").startswith("-----BEGIN CERTIFICATE-----")
    assert told == {
        "clientId": "c",
        "userName": "alice",
        "password": base64.b64encode(b"pw").decode(),
        "authenticationMethod": "METHOD",
        "authenticationData": base64.b64encode(b"data").decode(),
    }


@pytest.mark.parametrize(
    ("answer", "decision"),
    [
        ({"ok": {"tenantId": "acme", "userId": "alice"}}, Allowed("alice", "acme")),
        (
            {"ok": {"tenantId": "acme", "userId": "alice", "attrs": {"role": "meter"}, "x": 1}},
            Allowed("alice", "acme", {"role": "meter"}),
        ),
        ({"reject": {}}, Denied("BadPass")),
        ({"reject": {"code": "NotAuthorized", "reason": "no"}}, Denied("NotAuthorized", "no")),
        ({"reject": {"code": 1, "tenantId": "acme"}}, Denied("NotAuthorized")),
        ({"reject": {"code": 7}}, Denied("Error")),
        ({"reject": {"code": "Banned", "reason": "a\r\nb"}}, Denied("Banned")),
    ],
)
def test_bifromq_s_answers(answer: dict[str, Any], decision: object) -> None:
    assert read_bifromq(json.dumps(answer).encode()) == decision


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"ok": {}},
        {"ok": {"tenantId": "a", "userId": ""}},
        {"ok": {"tenantId": "a\x00", "userId": "b"}},
        {"ok": {"tenantId": "a", "userId": "x" * 2000}},
        {"ok": {"tenantId": "a", "userId": "b", "attrs": {"n": 1}}},
        {"ok": {"tenantId": "a", "userId": "b"}, "reject": {}},
        [],
        "yes",
    ],
)
def test_what_is_no_answer_of_bifromq_s_form(answer: object) -> None:
    with pytest.raises(BadAnswer):
        read_bifromq(json.dumps(answer).encode())


@pytest.mark.parametrize(
    ("answer", "decision"),
    [
        ({"decision": "allow", "clientAuthenticationName": "d17"}, Allowed("d17")),
        (
            {"decision": "allow", "clientAuthenticationName": "d", "attributes": {"a": 1, "b": ["x"]}, "expiration": 9},
            Allowed("d", "", {"a": 1, "b": ["x"]}, 9.0),
        ),
        ({"decision": "deny"}, Denied("NotAuthorized")),
        ({"decision": "deny", "errorReason": "no"}, Denied("NotAuthorized", "no")),
    ],
)
def test_event_grid_s_answers(answer: dict[str, Any], decision: object) -> None:
    assert read_eventgrid(json.dumps(answer).encode()) == decision


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"decision": "Allow", "clientAuthenticationName": "d"},
        {"decision": "allow"},
        {"decision": "allow", "clientAuthenticationName": 1},
        {"decision": "allow", "clientAuthenticationName": "d", "expiration": "tomorrow"},
        {"decision": "allow", "clientAuthenticationName": "d", "expiration": -1},
        {"decision": "allow", "clientAuthenticationName": "d", "expiration": 1e300},
        {"decision": "allow", "clientAuthenticationName": "d", "attributes": {"a": 1.5}},
        {"decision": "allow", "clientAuthenticationName": "d", "attributes": {"a": True}},
    ],
)
def test_what_is_no_answer_of_event_grid_s_form(answer: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        read_eventgrid(json.dumps(answer).encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_none(body: bytes) -> None:
    for read in (read_bifromq, read_eventgrid):
        try:
            assert isinstance(read(body), Allowed | Denied)
        except BadAnswer:
            continue
