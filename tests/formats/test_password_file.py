"""A file of users and keys."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.json import encode as to_json

from myna.formats.password_file import (
    BadPasswordFile,
    Entry,
    hash_api_key,
    is_right,
    read_password_file,
    with_api_key,
    with_password,
    with_secret,
    write_password_file,
)
from myna.formats.password_hash import hash_secret

SECRET = hash_secret(b"s3cret")


def line(**fields: str) -> bytes:
    return write_password_file([Entry("alice", secret=SECRET)])[:-2] + b"".join(
        f',"{key}":{value}'.encode() for key, value in fields.items()
    ) + b"}\n"  # fmt: skip


def test_entries_are_written_and_read_again() -> None:
    entries = [
        with_password(Entry("zoë", attributes={"floor": "3"}), b"pass word", 4096),
        with_secret(Entry("acme/dev-1", "acme", "dev-1", client_ids="tenant", disabled=True), b"s3cret"),
        with_api_key(Entry("billing"), b"a key"),
    ]
    text = write_password_file(entries)
    assert text.count(b"\n") == 3
    assert list(read_password_file(b"\n" + text).values()) == entries
    assert b"s3cret" not in text
    assert b"a key" not in text


def test_each_kind_is_checked_its_way() -> None:
    person = with_password(Entry("p"), b"pencil", 4096)
    proved_only = Entry("q", scram=person.scram)
    device = with_secret(person, b"s3cret")
    assert (device.argon2, device.scram) == ("", "")
    for entry, right in ((person, b"pencil"), (proved_only, b"pencil"), (device, b"s3cret")):
        assert is_right(entry, right)
        assert not is_right(entry, b"wrong")
    key = with_api_key(person, b"a key")
    assert key.api_key == hash_api_key(b"a key")
    assert not is_right(key, b"a key")
    assert with_password(Entry("p"), b"pencil", 0).scram == ""


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (b"{", "line 1: "),
        (b"[]", "line 1: Expected `object`"),
        (line() + b'{"name":"bob"}', "line 2: none of argon2"),
        (line() + line(), "line 2: a second entry"),
        (b'{"name":"","secret":"x"}', "line 1: "),
        (b'{"name":"bob","secret":"x"}', "line 1: this does not look like HMAC"),
        (b'{"name":"bob","argon2":"x"}', "line 1: this is no hash"),
        (b'{"name":"bob","scram":"x"}', "line 1: this does not look like SCRAM"),
        (b'{"name":"bob","api_key":"x"}', "line 1: "),
        (line(tenannt='"x"'), "line 1: .*tenannt"),
        (line(client_ids='"both"'), "line 1: .*both"),
        (b"\xff\xff", "line 1: "),
    ],
)
def test_one_broken_line_is_named_and_its_secret_is_not(text: bytes, cause: str) -> None:
    with pytest.raises(BadPasswordFile, match=cause) as caught:
        read_password_file(text)
    assert SECRET.split("$")[2] not in str(caught.value)


@given(st.binary(max_size=300) | st.recursive(st.text(), lambda one: st.dictionaries(st.text(), one)).map(to_json))
def test_any_bytes_are_entries_or_are_refused(data: bytes) -> None:
    with contextlib.suppress(BadPasswordFile):
        read_password_file(data)
