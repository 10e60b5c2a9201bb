"""SCRAM-SHA-256, by the exchange of RFC 7677 and against a client of our own."""

import base64
import contextlib
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.formats.scram import (
    BadExchange,
    Exchange,
    is_password,
    make_secret,
    mock_secret,
    read_first,
    read_secret,
)
from tests.formats.scram_client import ScramClient

# RFC 7677, section 3
SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
FINAL = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
PENCIL = make_secret(b"pencil", 4096, SALT)


def exchange() -> Exchange:
    return Exchange(read_first(FIRST), PENCIL, NONCE)


def test_the_exchange_of_the_standard() -> None:
    begun = exchange()
    assert begun.question == f"r=rOprNGfwEbeRWgbNEkqO{NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".encode()
    assert begun.finish(FINAL) == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_a_replayed_proof_is_for_another_nonce() -> None:
    again = Exchange(read_first(FIRST), PENCIL)
    with pytest.raises(BadExchange, match="nonce"):
        again.finish(FINAL)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (FINAL.replace(b"c=biws", b"c=eSws"), "channel binding"),  # y,, where the first message said n,,
        (FINAL.replace(b"r=rO", b"r=xx"), "nonce"),
        (FINAL.replace(b"p=dH", b"p=dI"), "wrong"),
        (FINAL.replace(b"p=dHzb", b"p="), "long"),
        (FINAL.replace(b"p=d", b"p=!"), "base64"),
        (FINAL.partition(b",p=")[0], "no channel binding, nonce or proof"),
        (b"", "no channel binding, nonce or proof"),
        (b"c=biws,p=YQ==", "no channel binding, nonce or proof"),
        (b"\xff\xfe", "UTF-8"),
        (FINAL.replace(b",p=", b",x=extension,p="), "wrong"),  # an extension is signed, too
    ],
)
def test_a_final_message_that_proves_nothing(data: bytes, cause: str) -> None:
    with pytest.raises(BadExchange, match=cause) as caught:
        exchange().finish(data)
    assert caught.value.wrong == (cause == "wrong")


@pytest.mark.parametrize(
    ("data", "name", "header"),
    [
        (b"n,,n=alice,r=abc", "alice", "n,,"),
        (b"y,,n=alice,r=abc", "alice", "y,,"),
        (b"n,a=alice,n=alice,r=abc", "alice", "n,a=alice,"),
        (b"n,,n=a=2Cb=3Dc,r=abc,x=later", "a,b=c", "n,,"),
        ("n,,n=\u2168,r=abc".encode(), "IX", "n,,"),
        (b"n,,n=acme/alice,r=abc", "acme/alice", "n,,"),
    ],
)
def test_a_first_message_says_who_it_is(data: bytes, name: str, header: str) -> None:
    first = read_first(data)
    assert (first.name, first.nonce, first.header) == (name, "abc", header)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "n or y"),
        (b"p=tls-unique,,n=alice,r=abc", "channel binding is not offered"),
        (b"x,,n=alice,r=abc", "n or y"),
        (b"n,,m=must,n=alice,r=abc", "mandatory"),
        (b"n,,n=alice", "no name or nonce"),
        (b"n,,r=abc,n=alice", "no name or nonce"),
        (b"n,,n=,r=abc", "the name is empty"),
        (b"n,,n=a=b,r=abc", "=3D"),
        (b"n,,n=a=2cb,r=abc", "=3D"),
        (b"n,,n=alice,r=", "nonce"),
        (b"n,,n=alice,r=" + b"x" * 300, "nonce"),
        ("n,,n=alice,r=ä".encode(), "nonce"),
        (b"n,a=bob,n=alice,r=abc", "somebody else"),
        (b"n,,n=a\x07,r=abc", "cannot be used"),
        (b"\xff", "UTF-8"),
    ],
)
def test_a_first_message_that_breaks_the_rules(data: bytes, cause: str) -> None:
    with pytest.raises(BadExchange, match=cause):
        read_first(data)


def test_what_is_kept_is_written_and_read_again() -> None:
    text = str(PENCIL)
    assert text.startswith("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$")
    assert read_secret(text) == PENCIL
    assert is_password(b"pencil", PENCIL)
    assert not is_password(b"pen", PENCIL)
    assert not is_password(b"\xff", PENCIL)


@pytest.mark.parametrize(
    "text",
    ["", "SCRAM-SHA-1$4096:YQ==$" + "$".join(str(PENCIL).split("$")[2:]), str(PENCIL).replace("4096", "1"),
     str(PENCIL).replace("4096", "x"), str(PENCIL)[:-8], str(PENCIL).replace(":W", ":!")],
)  # fmt: skip
def test_what_is_none_is_found_out(text: str) -> None:
    with pytest.raises(ValueError, match=r"SCRAM|iterations"):
        read_secret(text)


def test_a_name_that_does_not_exist_has_always_the_same_salt_and_no_password() -> None:
    one, again, other = (mock_secret(name, b"key", 4096) for name in ("mallory", "mallory", "trent"))
    assert one == again
    assert one.salt != other.salt
    assert len(one.salt) == len(PENCIL.salt)
    client = ScramClient("mallory", "guess")
    begun = Exchange(read_first(client.first()), one)
    with pytest.raises(BadExchange, match="wrong"):
        begun.finish(client.final(begun.question))


@pytest.mark.parametrize(("name", "password"), [("alice", "secret"), ("a,b=c", "pass word"), ("zoë", "\u2168")])
def test_a_client_and_a_server_convince_each_other(name: str, password: str) -> None:
    client = ScramClient(name, password)
    begun = Exchange(read_first(client.first()), make_secret(password.encode(), 4096))
    assert client.is_server(begun.finish(client.final(begun.question)))


def test_stored_keys_are_those_of_the_standard() -> None:
    salted = hashlib.pbkdf2_hmac("sha256", b"pencil", SALT, 4096)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    assert PENCIL.stored_key == hashlib.sha256(client_key).digest()


@given(st.binary(max_size=200) | st.text(alphabet="nypa=,rmc:2CD biws", max_size=60).map(str.encode))
def test_any_bytes_are_a_message_or_break_the_rules(data: bytes) -> None:
    with contextlib.suppress(BadExchange):
        first = read_first(data)
        assert first.name
        assert first.nonce
    with pytest.raises(BadExchange):
        exchange().finish(data)


@given(st.text(max_size=80) | st.text(alphabet="SCRAM-SHA-256$:4096=abc", max_size=80))
def test_any_text_is_a_secret_or_is_found_out(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert str(read_secret(text))
