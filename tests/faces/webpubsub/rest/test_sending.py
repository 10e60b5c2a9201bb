"""`:send`: kinds of data, whom it reaches, and what is refused."""

import pytest

from tests.faces.webpubsub.hub import JSON, Hub

TEXT = "text/plain"


@pytest.mark.parametrize(
    ("body", "content_type", "data_type", "data"),
    [
        (b"hi", "text/plain", "text", "hi"),
        ("hé".encode("utf-16"), "text/plain; charset=UTF-16", "text", "hé"),
        ("hé".encode(), "Text/Plain; charset=utf-8", "text", "hé"),
        (b"", "text/plain", "text", ""),
        (b' {"a": 1} ', "application/json", "json", {"a": 1}),
        (b'"hello"', "application/json;charset=utf-8", "json", "hello"),
        (b"\x00\xff", "application/octet-stream", "binary", "AP8="),
        (b"hi", None, "binary", "aGk="),
    ],
)
def test_the_content_type_says_the_kind_of_data(
    body: bytes, content_type: str | None, data_type: str, data: object
) -> None:
    hub = Hub()
    alice = hub.client()
    reply = hub.call("POST", ":send", body, content_type=content_type)
    assert (reply.status, reply.body) == (202, b"")
    assert alice.take() == {"type": "message", "from": "server", "dataType": data_type, "data": data}


@pytest.mark.parametrize(
    ("body", "content_type", "status", "message"),
    [
        (b"{", "application/json", 400, "The request body is not a valid JSON."),
        (b"", "application/json", 400, "The request body is not a valid JSON."),
        (b'"\xff"', "application/json", 400, "The request body is not a valid JSON."),
        (b"[" * 100_000, "application/json", 400, "The request body is not a valid JSON."),
        (b"\xff", "text/plain", 400, "The request body is not a valid text."),
        (b"x", "text/plain; charset=nonsense", 415, "Unsupported content type"),
        (b"x", "text/plain; charset=utf-16", 400, "The request body is not in its charset."),
        (b"x", "application/xml", 415, "Unsupported content type 'application/xml'."),
        (b"x" * (1024 * 1024 + 1), "application/octet-stream", 400, "Invalid Content-Length header."),
    ],
)
def test_what_cannot_be_sent(body: bytes, content_type: str, status: int, message: str) -> None:
    hub = Hub()
    alice = hub.client()
    reply = hub.call("POST", ":send", body, content_type=content_type)
    assert reply.status == status
    assert reply.json()["message"].startswith(message)
    assert reply.code() == reply.json()["code"]
    assert alice.taken() == []


def test_excluded_and_filter_both_have_to_let_one_through() -> None:
    hub = Hub()
    alice, twin, bob = (
        hub.client("alice", groups=["g"]),
        hub.client("alice", groups=["g"]),
        hub.client("bob", groups=["g"]),
    )
    for path in (":send", "groups/g/:send"):
        hub.call("POST", path, b"x", content_type=TEXT, excluded=[twin.id, "nobody"], filter="userId eq 'alice'")
        assert [len(client.taken()) for client in (alice, twin, bob)] == [1, 0, 0]
    hub.call("POST", "users/alice/:send", b"x", content_type=TEXT, filter=f"connectionId eq '{twin.id}'")
    assert [len(client.taken()) for client in (alice, twin, bob)] == [0, 1, 0]


def test_filters_see_groups_and_protocols() -> None:
    hub = Hub()
    alice, simple = hub.client(groups=["a/b"]), hub.client(protocol=None)
    mqtt = hub.mqtt("m", role="webpubsub.joinLeaveGroup")
    mqtt.subscribe("t/+", 0)
    for text, reached in (
        ("'a/b' in groups", [1, 0, 0]),
        ("'t/+' in groups", [0, 0, 1]),
        (f"protocol eq '{JSON}'", [1, 0, 0]),
        ("protocol eq null", [0, 1, 0]),
        ("protocol eq 'mqtt' or length(groups) eq 0", [0, 1, 1]),
    ):
        hub.call("POST", ":send", b"x", content_type=TEXT, filter=text)
        assert [len(alice.taken()), len(simple.raw()), len(mqtt.messages())] == reached, text


@pytest.mark.parametrize("path", [":send", "groups/g/:send", "users/alice/:send"])
def test_a_bad_filter_is_refused_before_anything_is_delivered(path: str) -> None:
    hub = Hub()
    alice = hub.client("alice", groups=["g"])
    reply = hub.call("POST", path, b"x", content_type=TEXT, filter="invalid filter")
    message = (
        "Invalid syntax for 'invalid filter': Syntax error at position 14 in 'invalid filter'. (Parameter 'filter')"
    )
    assert reply.status == 400
    assert reply.headers[b"content-type"] == b"application/problem+json; charset=utf-8"
    assert reply.code() == "Error.BadRequest"
    assert reply.json() == {
        "code": "Error.BadRequest",
        "message": message,
        "target": "filter",
        "errors": {"filter": [message]},
        "type": None,
        "title": "One or more validation errors occurred.",
        "status": 400,
        "detail": None,
        "instance": None,
        "extensions": {},
    }
    assert alice.taken() == []


@pytest.mark.parametrize(
    ("ttl", "status"), [("0", 202), ("300", 202), ("301", 400), ("-1", 400), ("x", 400), ("", 202)]
)
def test_a_lifetime_is_up_to_300_seconds(ttl: str, status: int) -> None:
    hub = Hub()
    for path in (":send", "groups/g/:send", "users/u/:send", "connections/c/:send"):
        assert hub.call("POST", path, b"x", content_type=TEXT, messageTtlSeconds=ttl).status == status


def test_nobody_being_there_is_no_mistake() -> None:
    hub = Hub()
    for path in (":send", "groups/g/:send", "users/u/:send", "connections/c/:send"):
        assert hub.call("POST", path, b"x", content_type=TEXT).status == 202


def test_a_group_with_any_name_is_reached_and_a_bad_name_refused() -> None:
    hub = Hub()
    name = "g/1 é?#+%2F"
    alice = hub.client(groups=[name])
    assert hub.call("POST", "groups/g%2F1%20%C3%A9%3F%23%2B%252F/:send", b"x", content_type=TEXT).status == 202
    assert alice.take()["group"] == name
    assert hub.call("POST", "groups/g%2F1%20%C3%A9%3F%23%2B%252F/%3Asend", b"x", content_type=TEXT).status == 202
    assert len(alice.taken()) == 1
    for bad in ("%20%09", "a%0Ab", "x" * 1025, "%FF", ""):
        assert hub.call("POST", f"groups/{bad}/:send", b"x", content_type=TEXT).status == 400
    assert hub.call("POST", "groups/%24webpubsub%2Fserver%2Fmessages/:send", b"x", content_type=TEXT).status == 403


def test_metadata_of_headers_reaches_json_clients() -> None:
    hub = Hub()
    alice = hub.client(groups=["g"])
    headers = [("x-webpubsub-metadata-trace", "1"), ("x-webpubsub-metadata-b", "two")]
    hub.call("POST", "groups/g/:send", b"x", content_type=TEXT, headers=headers)
    assert alice.take()["metadata"] == {"trace": "1", "b": "two"}
    too_long = [("x-webpubsub-metadata-a", "x" * 1025)]
    assert hub.call("POST", ":send", b"x", content_type=TEXT, headers=too_long).status == 400
