"""What may be shown of a definition, and that secrets come through a change."""

from typing import Any

import pytest

from myna.routing.showing import shown, still_hidden, with_secrets

DEFINITION: dict[str, Any] = {
    "kind": "webhook",
    "url": "https://me:pass@example.com/hook?code=secret",
    "headers": {"x-key": "secret"},
    "credentials": {"bearer": "secret", "scope": "all", "token_url": "https://id.example/token"},
    "concurrency": 3,
    "list": ["https://x/?y"],
    "keys": ["one", "two"],
    "servers": ["me:pass@host:4222", "nats://me:pass@host", "host:9092"],
}


def test_secrets_are_hidden() -> None:
    assert shown(DEFINITION) == {
        "kind": "webhook",
        "url": "https://***@example.com/hook?***",
        "headers": {"x-key": "***"},
        "credentials": {"bearer": "***", "scope": "all", "token_url": "https://id.example/token"},
        "concurrency": 3,
        "list": ["https://x/?***"],
        "keys": ["***", "***"],
        "servers": ["***@host:4222", "nats://***@host", "host:9092"],
    }


def test_what_was_shown_means_what_was_there() -> None:
    changed = shown(DEFINITION) | {"concurrency": 4}
    assert with_secrets(changed, DEFINITION) == DEFINITION | {"concurrency": 4}
    new = changed | {"headers": {"x-key": "new", "x-more": "1"}, "url": "https://example.org"}
    merged = with_secrets(new, DEFINITION)
    assert merged["headers"] == {"x-key": "new", "x-more": "1"}
    assert merged["url"] == "https://example.org"
    assert merged["credentials"]["bearer"] == "secret"


def test_a_secret_may_be_added_to_a_list_of_them() -> None:
    changed = shown(DEFINITION) | {"keys": ["***", "***", "three"]}
    assert with_secrets(changed, DEFINITION)["keys"] == ["one", "two", "three"]
    unknown = shown(DEFINITION) | {"keys": ["***"] * 3, "headers": {"x-other": "***"}}
    merged = with_secrets(unknown, DEFINITION)
    assert merged["keys"] == ["one", "two", "***"]
    assert still_hidden(merged)
    assert not still_hidden(DEFINITION)


@pytest.mark.parametrize("value", ["", None, 5, True, "plain", "http://["])
def test_odd_values_are_harmless(value: object) -> None:
    shown({"url": value, "bearer": value})
    with_secrets({"url": value}, {"url": value})


def test_what_hides_a_part_of_an_address_that_has_changed_is_no_value() -> None:
    before = {"kind": "webhook", "url": "https://h.example/a?code=secret"}
    moved = shown(before) | {"url": "https://h.example/b?***"}
    assert still_hidden(with_secrets(moved, before))
    assert still_hidden({"servers": ["***@nats:4222"]})
