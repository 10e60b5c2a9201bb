"""What a connect handler is told, and what its answer means."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from myna.faces.webpubsub.events.connect_event import BadAnswer, MqttConnect, Welcome, connect_body, read_welcome
from myna.faces.webpubsub.events.mqtt_connect import read_refusal
from myna.faces.webpubsub.upstream import Reply


@dataclass
class Shown:
    sha1: str = "ab" * 20
    der: bytes = b"\x30\x00"


def test_the_body_holds_everything_but_the_token() -> None:
    body = json.loads(
        connect_body(
            {"sub": "alice", "role": ["a", "b"], "exp": 12, "nested": {"x": 1}, "ok": True},
            {"access_token": ["secret"], "a": ["1", "2"]},
            ((b"Host", b"h"), (b"host", b"i"), (b"Authorization", b"Bearer secret"), (b"x", b"\xe9")),
            ("p", "q"),
            Shown(),
        )
    )
    assert body.pop("clientCertificates") == [
        {"thumbprint": "AB" * 20, "content": "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"}
    ]
    assert body == {
        "claims": {"sub": ["alice"], "role": ["a", "b"], "exp": ["12"], "nested": ['{"x":1}'], "ok": ["true"]},
        "query": {"a": ["1", "2"]},
        "headers": {"Host": ["h", "i"], "x": ["é"]},
        "subprotocols": ["p", "q"],
    }


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            MqttConnect(4, True, None, None, None),
            {
                "protocolVersion": 4,
                "cleanStart": True,
                "username": None,
                "password": None,
                "userProperties": None,
            },
        ),
        (
            MqttConnect(5, False, "mary", b"\xff", [("a", "1"), ("a", "2")]),
            {
                "protocolVersion": 5,
                "cleanStart": False,
                "username": "mary",
                "password": "/w==",
                "userProperties": [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}],
            },
        ),
    ],
)
def test_of_mqtt_clients_it_holds_what_connect_said(said: MqttConnect, shown: dict[str, Any]) -> None:
    body = json.loads(connect_body({}, {}, (), ["mqtt"], None, said))
    assert body["mqtt"] == shown
    assert (body["subprotocols"], body["clientCertificates"]) == (["mqtt"], [])


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        (b"", Welcome()),
        (b" \n", Welcome()),
        (b"{}", Welcome()),
        (b'{"userId":"","groups":null,"subprotocol":"","more":1}', Welcome()),
        (b'{"userId":"u","groups":["g"],"roles":["r"],"subprotocol":"p"}', Welcome("u", ("g",), ("r",), "p")),
        (b'{"USERID":"u","subProtocol":"p"}', Welcome("u", subprotocol="p")),
        (b'{"mqtt":{"userProperties":[{"name":"a","value":"b"}]}}', Welcome(words=[("a", "b")])),
        (b'{"mqtt":{"userProperties":[]}}', Welcome()),
        (b'{"mqtt":null}', Welcome()),
    ],
)
def test_an_answer_that_lets_in(body: bytes, meaning: Welcome) -> None:
    assert read_welcome(Reply(200, "application/json", body)) == meaning


@pytest.mark.parametrize(
    "body",
    [
        b"x",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"userId":1}',
        b'{"userId":"\\ud800"}',
        b'{"subprotocol":[]}',
        b'{"groups":"g"}',
        b'{"groups":[1]}',
        b'{"groups":[" "]}',
        b'{"roles":{}}',
        b'{"mqtt":{"userProperties":{}}}',
        b'{"mqtt":{"userProperties":[1]}}',
        b'{"mqtt":{"userProperties":[{"name":"a"}]}}',
        b'{"mqtt":{"userProperties":[{"name":"a","value":"\\u0000"}]}}',
        b'{"mqtt":{"userProperties":[%s]}}' % b",".join([b'{"name":"a","value":"b"}'] * 101),
    ],
)
def test_an_answer_that_means_nothing_lets_nobody_in(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        read_welcome(Reply(200, "application/json", body))


@pytest.mark.parametrize(
    ("status", "body", "level", "code", "text"),
    [
        (401, b'{"mqtt":{"code":138,"reason":"banned"}}', 5, 0x8A, "banned"),
        (401, b'{"MQTT":{"Code":138}}', 5, 0x8A, "the connect handler has refused"),
        (500, b'{"mqtt":{"code":137}}', 5, 0x89, "the connect handler has failed"),
        (401, b'{"mqtt":{"code":5}}', 5, 0x80, "the connect handler has refused"),
        (401, b'{"mqtt":{"code":0}}', 5, 0x80, "the connect handler has refused"),
        (401, b'{"mqtt":{"code":true}}', 5, 0x87, "the connect handler has refused"),
        (401, b'{"mqtt":{"code":5}}', 4, 0x87, "the connect handler has refused"),
        (400, b'{"mqtt":{"code":2}}', 4, 0x85, "the connect handler has refused"),
        (400, b'{"mqtt":{"code":138}}', 4, 0x88, "the connect handler has refused"),
        (400, b'{"mqtt":{"reason":"a\\u0000"}}', 5, 0x86, "the connect handler has refused"),
        (400, b"no JSON", 5, 0x86, "the connect handler has refused"),
        (400, b"", 4, 0x86, "the connect handler has refused"),
        (401, b"", 5, 0x87, "the connect handler has refused"),
        (403, b"", 5, 0x80, "the connect handler has refused"),
        (403, b"", 4, 0x88, "the connect handler has refused"),
        (504, b"", 5, 0x80, "the connect handler has failed"),
    ],
)
def test_a_refusal_becomes_a_code_of_the_version(status: int, body: bytes, level: int, code: int, text: str) -> None:
    refusal = read_refusal(Reply(status, "application/json", body, error="x"), level).refusal
    assert (refusal.reason, refusal.text) == (code, text)


def test_words_of_a_refusal_that_mean_nothing_are_left_out() -> None:
    good = b'{"mqtt":{"code":138,"userProperties":[{"name":"a","value":"b"}]}}'
    assert read_refusal(Reply(401, "", good, error="x"), 5).words == [("a", "b")]
    bad = b'{"mqtt":{"code":138,"userProperties":1}}'
    assert read_refusal(Reply(401, "", bad, error="x"), 5).words is None
