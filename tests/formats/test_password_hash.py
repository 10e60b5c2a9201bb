"""Passwords as they are kept."""

import pytest

from myna.formats.password_hash import (
    NOBODY,
    check_hash,
    hash_password,
    hash_secret,
    is_password,
    is_secret,
    is_weak,
    make_secret,
    read_secret,
    strangers_hash,
)


def test_a_password_is_known_again_and_another_is_not() -> None:
    stored = hash_password(b"secret \xff")
    assert stored.startswith("$argon2id$")
    assert stored != hash_password(b"secret \xff")
    assert is_password(b"secret \xff", stored)
    assert not is_password(b"secret", stored)
    assert not is_weak(stored)


@pytest.mark.parametrize("stored", ["", "x", "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$!$!", "$argon2i$v=19$m=8$YQ$YQ"])
def test_what_is_no_hash_fits_nothing_and_is_found_out(stored: str) -> None:
    assert not is_password(b"", stored)
    with pytest.raises(ValueError, match="no hash of argon2id"):
        check_hash(stored)


@pytest.mark.parametrize(
    "cost", ["m=1048577,t=2,p=1", "m=8,t=65,p=1", "m=800,t=1,p=17", "m=8,t=0,p=1", f"m={9**99},t=1,p=1"]
)
def test_a_hash_that_would_take_a_machine_to_check_is_found_out(cost: str) -> None:
    with pytest.raises(ValueError, match="more than 1048576 KiB, 64 rounds or 16 lanes"):
        check_hash(f"$argon2id$v=19${cost}$c29tZXRoaW5n$c29tZXRoaW5n")


def test_strangers_cost_what_most_of_a_file_do() -> None:
    heavy = "$argon2id$v=19$m=64,t=3,p=1$c29tZXRoaW5n$c29tZXRoaW5nIGVsc2U"
    made = strangers_hash([heavy, heavy, hash_password(b"x")])
    assert made.startswith("$argon2id$v=19$m=64,t=3,p=1$")
    check_hash(made)
    assert not is_password(b"x", made)
    assert strangers_hash([]) == strangers_hash([hash_password(b"x")]) == NOBODY


def test_nobody_costs_what_everybody_costs() -> None:
    check_hash(NOBODY)
    assert NOBODY.split("$")[3] == hash_password(b"x").split("$")[3]
    assert is_password(b"x", NOBODY) is False
    assert is_weak("c2hhMjU2")


def test_a_generated_secret_is_long_random_and_known_again() -> None:
    secret = make_secret().encode()
    assert len(secret) == 32
    assert secret != make_secret().encode()
    stored = hash_secret(secret)
    assert secret.decode() not in stored
    assert stored != hash_secret(secret)
    assert is_secret(secret, stored)
    assert not is_secret(secret[:-1], stored)


@pytest.mark.parametrize(
    "stored", ["", "HMAC-SHA-256", "HMAC-SHA-256$YQ==", "SHA$YQ==$YQ==", "HMAC-SHA-256$!$!", "HMAC-SHA-256$YQ==$YQ=="]
)
def test_what_is_no_digest_is_found_out(stored: str) -> None:
    with pytest.raises(ValueError, match=r"HMAC-SHA-256|base64|bytes"):
        read_secret(stored)
