"""Topics and what they mean."""

import pytest

from myna.faces.devicehive.naming import PushTopic, is_request, read_push_filter, read_push_topic, with_ids
from myna.formats.directory import Directory


@pytest.mark.parametrize(
    ("filter", "parts"),
    [
        ("dh/notification/12/1/devX/temp", ("12", "1", "devX", "temp")),
        ("dh/notification/+/1/devX/#", (None, "1", "devX", None)),
        ("dh/command/12/1/+/temp", ("12", "1", None, "temp")),
        ("dh/command_update/12/1/+/temp/more", ("12", "1", None, "temp/more")),
        ("dh/notification/#", (None, None, None, None)),
        ("dh/notification", (None, None, None, None)),
        ("dh/command/1", ("1", None, None, None)),
        ("dh/command/1/#", ("1", None, None, None)),
    ],
)
def test_filters_of_pushes(filter: str, parts: tuple[str | None, ...]) -> None:
    push = read_push_filter(filter)
    assert push is not None
    assert (push.network, push.device_type, push.device, push.name) == parts
    assert push.bare == filter
    assert push.marked_for is None


def test_the_clients_mark_begins_at_the_first_at_sign() -> None:
    push = read_push_filter("dh/command/1/1/d/n@a@b/c")
    assert push is not None
    assert (push.bare, push.name, push.marked_for) == ("dh/command/1/1/d/n", "n", "a@b/c")


@pytest.mark.parametrize("filter", ["dh/#", "dh/+/1", "dh/response/x", "dh/commands/1", "other/command/1", "dh"])
def test_what_is_no_filter_of_pushes(filter: str) -> None:
    assert read_push_filter(filter) is None


def test_topics_of_native_publishes() -> None:
    assert read_push_topic("dh/command/1/2/d/a/b@c1", "c1") == PushTopic("command", "1", "2", "d", "a/b")
    assert read_push_topic("dh/command/1/2/d/a@c2", "c1") == PushTopic("command", "1", "2", "d", "a@c2")
    for topic in ("dh/command/1/2/d", "dh/command/1//d/n", "dh/x/1/2/d/n", "dh/command/1/2/d/"):
        assert read_push_topic(topic, "c1") is None


def test_names_become_ids_where_there_is_such_a_place() -> None:
    directory = Directory()
    directory.put_place("network", 3, "home")
    directory.put_place("device_type", 4, "7")
    assert with_ids("dh/command/home/7/+/x", directory) == "dh/command/3/4/+/x"
    assert with_ids("dh/command/away/+/#", directory) == "dh/command/away/+/#"
    assert with_ids("dh/command", directory) == "dh/command"


def test_requests() -> None:
    assert is_request("dh/request")
    assert is_request("dh/request/x/y")
    assert not is_request("dh/requests")
