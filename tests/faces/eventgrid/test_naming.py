"""A query and headers -> a Publication, by the contract's vectors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.faces.eventgrid.answers import Fault
from myna.faces.eventgrid.naming import Publication, check_topic_name, read_headers, read_publication, read_query
from myna.wire.topics import check_topic


def read(query: bytes, *headers: tuple[bytes, bytes], strict: bool = False) -> Publication:
    return read_publication(read_query(query, strict), read_headers(headers))


def fault(query: bytes, *headers: tuple[bytes, bytes], strict: bool = False) -> tuple[int, str]:
    with pytest.raises(Fault) as raised:
        check_topic_name(read(query, *headers, strict=strict).topic)
    return raised.value.status, raised.value.code


def test_the_example_of_the_contract() -> None:
    publication = read(
        b"topic=devices%2FCXa-23112%2Fprompt&api-version=2025-02-15-preview",
        (b"mqtt-qos", b"1"),
        (b"mqtt-retain", b"0"),
        (b"mqtt-response-topic", b"devices%2FCXa-23112%2Freply"),
        (b"mqtt-correlation-data", b"PlXCscK2wrbCuy8="),
        (b"mqtt-user-properties", b"W3siVXJnZW5jeSI6ImFsZXJ0In1d"),
        (b"content-type", b"text/plain;charset=UTF-8"),
        (b"postman-token", b"x"),
    )
    assert (publication.topic, publication.qos, publication.retain) == ("devices/CXa-23112/prompt", 1, False)
    properties = publication.properties
    assert properties is not None
    assert properties.response_topic == "devices/CXa-23112/reply"
    assert properties.correlation_data == bytes.fromhex("3E55C2B1C2B6C2B6C2BB2F")
    assert properties.user_properties == [("Urgency", "alert")]
    assert properties.content_type == "text/plain;charset=UTF-8"


@pytest.mark.parametrize(
    ("query", "header", "qos"),
    [
        (b"topic=a&qos=0", b"1", 0),
        (b"topic=a&qos=1", b"0", 1),
        (b"topic=a&qos=0", b"nonsense", 0),
        (b"topic=a", b"0", 0),
        (b"topic=a", None, 1),
    ],
)
def test_the_query_wins_over_the_header(query: bytes, header: bytes | None, qos: int) -> None:
    headers = [] if header is None else [(b"mqtt-qos", header)]
    assert read(query, *headers).qos == qos


def test_retain_has_two_homes_as_well() -> None:
    assert read(b"topic=a&retain=1", (b"mqtt-retain", b"0")).retain
    assert read(b"topic=a", (b"mqtt-retain", b"1")).retain
    assert not read(b"topic=a").retain


@pytest.mark.parametrize(
    ("query", "headers", "status", "code"),
    [
        (b"", (), 400, "MissingTopic"),
        (b"topic=", (), 400, "MissingTopic"),
        (b"topic=devices%2XXXX", (), 400, "InvalidEncoding"),
        (b"topic=a&topic=b", (), 400, "DuplicateParameter"),
        (b"topic=a", ((b"mqtt-qos", b"1"), (b"mqtt-qos", b"1")), 400, "DuplicateParameter"),
        (b"topic=a&qos=2", (), 400, "InvalidQos"),
        (b"topic=a", ((b"mqtt-qos", b"2"),), 400, "InvalidQos"),
        (b"topic=a&retain=true", (), 400, "InvalidRetain"),
        (b"topic=a&retain=", (), 400, "InvalidRetain"),
        (b"topic=a", ((b"mqtt-payload-format-indicator", b"2"),), 400, "InvalidPayloadFormatIndicator"),
        (b"topic=a", ((b"mqtt-message-expiry", b"-1"),), 400, "InvalidMessageExpiry"),
        (b"topic=a", ((b"mqtt-correlation-data", b"A"),), 400, "InvalidCorrelationData"),
        (b"topic=a", ((b"content-encoding", b"gzip"),), 415, "UnsupportedContentEncoding"),
        (b"topic=a&api-version=yesterday", (), 400, "UnsupportedApiVersion"),
        (b"topic=a&api-version=", (), 400, "UnsupportedApiVersion"),
        (b"topic=a", ((b"mqtt-reply-wait-ms", b"soon"),), 400, "InvalidParameter"),
        (b"topic=a+b", (), 403, "InvalidTopicName"),
        (b"topic=a%2Bb", (), 403, "InvalidTopicName"),
        (b"topic=a%2F%23", (), 403, "InvalidTopicName"),
        (b"topic=a%00b", (), 403, "InvalidTopicName"),
        (b"topic=%24SYS%2Fx", (), 403, "InvalidTopicName"),
    ],
)
def test_what_is_wrong_is_named(query: bytes, headers: tuple[tuple[bytes, bytes], ...], status: int, code: str) -> None:
    assert fault(query, *headers) == (status, code)


@pytest.mark.parametrize(
    "version", [b"2025-02-15-preview", b"2025-08-01-preview", b"2025-11-16-preview", b"2031-01-01"]
)
def test_any_dated_version_will_do(version: bytes) -> None:
    assert read(b"topic=a&api-version=" + version).topic == "a"


def test_a_strict_server_wants_a_version_it_knows() -> None:
    assert fault(b"topic=a", strict=True) == (400, "UnsupportedApiVersion")
    assert fault(b"topic=a&api-version=2031-01-01", strict=True) == (400, "UnsupportedApiVersion")
    assert read(b"topic=a&api-version=2025-11-16-preview", strict=True).topic == "a"


def test_unknown_parameters_are_ignored_even_twice() -> None:
    assert read(b"topic=a&x=1&x=2&&=&mqtt-qos=0").qos == 1


def test_identity_is_no_encoding() -> None:
    assert read(b"topic=a", (b"content-encoding", b"Identity")).topic == "a"


def test_a_plain_publish_has_no_properties() -> None:
    assert read(b"topic=a", (b"mqtt-qos", b"0")).properties is None


def test_payload_format_0_is_what_its_absence_means() -> None:
    zero = read(b"topic=a", (b"mqtt-payload-format-indicator", b"0")).properties
    one = read(b"topic=a", (b"mqtt-payload-format-indicator", b"1")).properties
    assert zero is not None
    assert one is not None
    assert (zero.payload_format, one.payload_format) == (-1, 1)


@given(st.binary(max_size=60).map(lambda raw: raw.replace(b"&", b"")))
def test_any_query_gives_a_legal_topic_or_a_fault(raw: bytes) -> None:
    try:
        topic = read(b"topic=" + raw).topic
        check_topic_name(topic)
    except Fault:
        return
    assert check_topic(topic)
    assert not topic.startswith("$")
