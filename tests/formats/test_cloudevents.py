"""CloudEvents 1.0: what is one, and what its data is."""

from typing import Any

import pytest

from myna.formats.cloudevents import NotAnEvent, attributes_of, check_event, content_of, is_json, is_structured

EVENT: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("APPLICATION/JSON;Charset=UTF-8", True),
        ('application/json;charset="utf-8"', True),
        ("application/json; charset=latin-1", False),
        ("application/geo+json", True),
        ("application/vnd.x+JSON; v=1", True),
        ("application/jsonx", False),
        ("text/plain", False),
        ("", False),
    ],
)
def test_which_types_are_json(content_type: str, expected: bool) -> None:
    assert is_json(content_type) is expected


def test_which_types_are_a_whole_event() -> None:
    assert is_structured("application/cloudevents+json; charset=utf-8")
    assert is_structured("Application/CloudEvents+JSON")
    assert not is_structured("application/json")


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": 5},
        {"source": None},
        {"specversion": "0.3"},
        {"Big": "x"},
        {"a-b": "x"},
        {"nested": {"a": 1}},
        {"fraction": 1.5},
        {"data": 1, "data_base64": "AA=="},
    ],
)
def test_what_is_no_event(change: dict[str, Any]) -> None:
    with pytest.raises(NotAnEvent):
        check_event(EVENT | change)
    with pytest.raises(NotAnEvent):
        check_event([EVENT])


def test_what_is_one() -> None:
    event = EVENT | {"number": 5, "flag": True, "nothing": None, "data": {"any": [1.5]}}
    assert check_event(event) is event
    assert attributes_of(event) == {
        "specversion": "1.0",
        "id": "1",
        "source": "s",
        "type": "t",
        "number": "5",
        "flag": "true",
    }


@pytest.mark.parametrize(
    ("part", "content", "content_type"),
    [
        ({}, b"", ""),
        ({"data": None}, b"", ""),
        ({"data_base64": "AP8=", "datacontenttype": "x/y"}, b"\0\xff", "x/y"),
        ({"data": {"a": 1}}, b'{"a":1}', "application/json"),
        ({"data": "text"}, b'"text"', "application/json"),
        ({"data": "text", "datacontenttype": "text/plain"}, b"text", "text/plain"),
        ({"data": [1], "datacontenttype": "application/x+json"}, b"[1]", "application/x+json"),
    ],
)
def test_the_data_as_bytes(part: dict[str, Any], content: bytes, content_type: str) -> None:
    assert content_of(EVENT | part) == (content, content_type)


def test_data_that_is_not_base64_is_said() -> None:
    with pytest.raises(NotAnEvent):
        content_of(EVENT | {"data_base64": "?"})
