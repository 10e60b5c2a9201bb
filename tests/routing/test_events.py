"""What a message becomes when it leaves."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.core.message import Message, Origin
from myna.formats.offered import OfferedEvent
from myna.routing.enrichment import Enrichment, EnrichmentSettings
from myna.routing.events import Draft, Ids, MessageDraft, OfferedDraft, View
from myna.routing.filters import MISSING
from myna.testing import properties

ORIGIN = Origin("mqtt", "tenant", user="client1")
ENRICHMENT = Enrichment(
    msgspec.convert(
        {
            "static": [{"key": "namespaceid", "value": "123", "valueType": "string"}],
            "dynamic": [
                {"key": "clientname", "value": "${client.authenticationName}"},
                {"key": "mqtttopic", "value": "${mqtt.message.topicName}"},
            ],
        },
        EnrichmentSettings,
    )
)


def message(payload: bytes, **given: Any) -> Message:
    return Message("campus/b17", payload, 1, False, ORIGIN, 0.25, 0.0, properties(**given) if given else None)


def draft(payload: bytes, **given: Any) -> MessageDraft:
    return MessageDraft(message(payload, **given), "testnamespace", Ids())


def formed(made: Draft, enrichment: Enrichment | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(made.encode(enrichment))
    return found


def content(payload: bytes, **given: Any) -> dict[str, Any]:
    found = formed(draft(payload, **given))
    return {name: found[name] for name in ("datacontenttype", "data", "data_base64") if name in found}


def test_the_contract_s_sample() -> None:
    found = formed(draft(b"\0\1"), ENRICHMENT)
    assert found.pop("id")
    assert list(found.items()) == [
        ("specversion", "1.0"),
        ("time", "1970-01-01T00:00:00.250000Z"),
        ("type", "MQTT.EventPublished"),
        ("source", "testnamespace"),
        ("subject", "campus/b17"),
        ("namespaceid", "123"),
        ("clientname", "client1"),
        ("mqtttopic", "campus/b17"),
        ("datacontenttype", "application/octet-stream"),
        ("data_base64", "AAE="),
    ]


def test_ids_are_never_alike() -> None:
    one, other = Ids(), Ids()
    found = [ids.next() for ids in (one, other) for _ in range(100)]
    assert len(set(found)) == 200


@pytest.mark.parametrize(
    ("payload", "given", "expected"),
    [
        (b"x", {}, {"datacontenttype": "application/octet-stream", "data_base64": "eA=="}),
        (b"x", {"content_type": "text/plain"}, {"datacontenttype": "text/plain", "data_base64": "eA=="}),
        (b'{"a":1}', {}, {"datacontenttype": "application/octet-stream", "data_base64": "eyJhIjoxfQ=="}),
        (b'{"a":1}', {"content_type": "Application/JSON"}, {"datacontenttype": "Application/JSON", "data": {"a": 1}}),
        (b"[1]", {"content_type": "x/y+json; v=1"}, {"datacontenttype": "x/y+json; v=1", "data": [1]}),
        (b"{", {"content_type": "application/json"}, {"datacontenttype": "application/json", "data_base64": "ew=="}),
        (b"", {"content_type": "application/json"}, {"datacontenttype": "application/json", "data_base64": ""}),
        (b"{", {"content_type": "a/json+json", "payload_format": 1}, {"datacontenttype": "a/json+json", "data": "{"}),
        (b"\xff", {"payload_format": 1}, {"datacontenttype": "application/octet-stream", "data_base64": "/w=="}),
        ("é".encode(), {"payload_format": 1}, {"data": "é"}),
        (b"12", {"payload_format": 1}, {"data": 12}),
        (b"hi", {"payload_format": 1, "content_type": "text/plain"}, {"datacontenttype": "text/plain", "data": "hi"}),
        (b"", {"payload_format": 1}, {"data": ""}),
        (b'{\n "a":\n1}', {"payload_format": 1}, {"data": {"a": 1}}),
        (b"[" * 100_000, {"payload_format": 1}, {"data": "[" * 100_000}),
    ],
)  # fmt: skip
def test_the_form_of_the_payload(payload: bytes, given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert content(payload, **given) == expected


def test_an_event_is_one_line() -> None:
    made = draft(b'{\n "a":\n1}', content_type="application/json")
    assert b"\n" not in made.encode(None)


CLOUD_EVENT = {"specversion": "1.0", "id": "i", "source": "/s", "type": "t", "subject": "mine", "own": 5}


def test_a_structured_event_keeps_its_attributes() -> None:
    sent = CLOUD_EVENT | {"datacontenttype": "text/plain", "data": "x", "clientname": "forged"}
    made = draft(json.dumps(sent).encode(), content_type="application/cloudevents+json; charset=utf-8")
    assert formed(made, ENRICHMENT) == sent | {
        "namespaceid": "123",
        "clientname": "client1",
        "mqtttopic": "campus/b17",
    }


def test_the_data_of_a_structured_event_stays_as_it_was_written() -> None:
    body = json.dumps(CLOUD_EVENT | {"data": 0}).replace('"data": 0', '"data": {\n"n": 1.10, "big": 1e400}').encode()
    made = draft(body, content_type="application/cloudevents+json")
    assert b'"data":{"n":1.10,"big":1e400}' in made.encode(None)
    assert made.lookup(("data", "n")) is MISSING  # for it cannot be read
    both = json.dumps(CLOUD_EVENT | {"data": 0, "data_base64": ""}).encode()
    assert formed(draft(both, content_type="application/cloudevents+json"))["type"] == "MQTT.EventPublished"


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"specversion":"1.0","id":"1"}', b"[" * 100_000])
def test_what_only_says_it_is_an_event_is_an_ordinary_message(body: bytes) -> None:
    found = formed(draft(body, content_type="application/cloudevents+json"))
    assert (found["type"], found["subject"]) == ("MQTT.EventPublished", "campus/b17")


def test_a_binary_event_has_its_attributes_among_the_user_properties() -> None:
    pairs = [(name, str(value)) for name, value in CLOUD_EVENT.items()] + [("Not-One", "x")]
    found = formed(draft(b'{"t":1}', user_properties=pairs, content_type="application/json"))
    assert found == CLOUD_EVENT | {"own": "5", "datacontenttype": "application/json", "data": {"t": 1}}


@pytest.mark.parametrize("missing", ["specversion", "id", "source", "type"])
def test_without_all_it_must_have_it_is_none(missing: str) -> None:
    pairs = [(name, str(value)) for name, value in CLOUD_EVENT.items() if name != missing]
    assert formed(draft(b"x", user_properties=[*pairs, ("z", "1")]))["type"] == "MQTT.EventPublished"


def test_filters_see_attributes_data_and_what_is_added() -> None:
    view = View(draft(b'{"t":{"u":[1]},"n":null}', payload_format=1), ENRICHMENT)
    assert view.lookup(("subject",)) == "campus/b17"
    assert view.lookup(("clientname",)) == "client1"
    assert view.lookup(("data", "t", "u")) == [1]
    assert view.lookup(("data", "n")) is None
    assert [view.lookup(path) for path in [("data", "x"), ("data", "n", "x"), ("nope",), ("datacontenttype",)]] == [
        MISSING
    ] * 4
    assert View(draft(b"text", payload_format=1), ENRICHMENT).lookup(("data",)) == "text"
    assert View(draft(b"\0"), ENRICHMENT).lookup(("data",)) is MISSING
    assert View(draft(b"1e999", payload_format=1), ENRICHMENT).lookup(("data",)) is MISSING


@pytest.mark.parametrize(
    ("data", "content_type", "expected"),
    [
        (None, "", {}),
        ({"a": 1}, "", {"datacontenttype": "application/json", "data": {"a": 1}}),
        (b"x", "text/plain", {"datacontenttype": "text/plain", "data": "x"}),
        (b"[1]", "application/json", {"datacontenttype": "application/json", "data": [1]}),
        (b"\xff", "", {"datacontenttype": "application/octet-stream", "data_base64": "/w=="}),
    ],
)
def test_events_that_are_offered(data: object, content_type: str, expected: dict[str, Any]) -> None:
    event = OfferedEvent("webpubsub", "tenant", "a.type", "/source", "subject", data, content_type, {"hub": "chat"})
    found = formed(OfferedDraft(event, Ids(), 0.0), ENRICHMENT)
    assert found.pop("id")
    assert found == {
        "specversion": "1.0",
        "time": "1970-01-01T00:00:00.000000Z",
        "type": "a.type",
        "source": "/source",
        "subject": "subject",
        "hub": "chat",
        "namespaceid": "123",
        "clientname": "",
        "mqtttopic": "",
        **expected,
    }


@given(
    st.binary(max_size=40),
    st.sampled_from(["", "application/json", "application/cloudevents+json", "text/x"]),
    st.booleans(),
)
def test_whatever_is_published_becomes_an_event(payload: bytes, content_type: str, is_text: bool) -> None:
    found = formed(draft(payload, content_type=content_type, payload_format=1 if is_text else -1))
    assert ("data" in found) != ("data_base64" in found)
