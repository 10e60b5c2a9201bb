"""A file of users and keys: a JSON object a line, one for each name. Text in, entries out, and back.

    {"name":"alice","argon2":"$argon2id$…","scram":"SCRAM-SHA-256$60000:…"}
    {"name":"acme/dev-1","tenant":"acme","user":"dev-1","secret":"HMAC-SHA-256$…","attributes":{"floor":"3"}}
    {"name":"billing","api_key":"…"}

Knows no disk. What a newcomer gets wrong: a file of which one line is wrong is refused whole. Whoever was in that line
would be locked out, and nobody would know.
"""

import hashlib
from collections.abc import Iterable
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from myna.formats import password_hash, scram
from myna.formats.saslprep import prepare

_HEX: Final = r"^[0-9a-f]{64}$"


class BadPasswordFile(ValueError):
    """Says which line is wrong, and why, without showing what it holds."""


class Entry(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is known of a name. `tenant`, `user` and `client_ids` may be empty: as the authenticator is set."""

    name: Annotated[str, Meta(min_length=1)]  # what a client sends as its user name
    tenant: str = ""
    user: str = ""  # who it is then; the name unless said
    attributes: dict[str, str] = {}
    client_ids: Literal["", "tenant", "user"] = ""  # within what client ids are unique
    disabled: bool = False
    argon2: str = ""  # a person's password
    scram: str = ""  # the same password, for who proves it by SCRAM-SHA-256
    secret: str = ""  # a generated one
    api_key: Annotated[str, Meta(pattern=_HEX)] | Literal[""] = ""  # SHA-256 of a key that is sent without any name


_DECODER: Final = msgspec.json.Decoder(Entry)


def read_password_file(data: bytes) -> dict[str, Entry]:
    """By name, in the file's order. Raises BadPasswordFile."""
    found: dict[str, Entry] = {}
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = _DECODER.decode(line)
            _check(entry)
        except (msgspec.MsgspecError, ValueError) as error:
            raise BadPasswordFile(f"line {number}: {error}") from None
        if entry.name in found:
            raise BadPasswordFile(f"line {number}: a second entry of this name")
        found[entry.name] = entry
    return found


def write_password_file(entries: Iterable[Entry]) -> bytes:
    return b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)


def with_password(entry: Entry, password: bytes, iterations: int) -> Entry:
    """A person's: for who sends it and, with iterations, for who proves it. Raises ValueError as SASLprep does."""
    proof = str(scram.make_secret(password, iterations)) if iterations else ""
    hashed = password_hash.hash_password(password)
    return msgspec.structs.replace(entry, argon2=hashed, scram=proof, secret="", api_key="")


def with_secret(entry: Entry, secret: bytes) -> Entry:
    """A device's, which was generated."""
    hashed = password_hash.hash_secret(secret)
    return msgspec.structs.replace(entry, argon2="", scram="", secret=hashed, api_key="")


def with_api_key(entry: Entry, key: bytes) -> Entry:
    return msgspec.structs.replace(entry, argon2="", scram="", secret="", api_key=hash_api_key(key))


def hash_api_key(key: bytes) -> str:
    """Without a salt, for it is what the entry is found by; a generated key needs none."""
    return hashlib.sha256(key).hexdigest()


def is_right(entry: Entry, password: bytes) -> bool:
    """Slow where it is a person's password."""
    if entry.secret:
        return password_hash.is_secret(password, entry.secret)
    if entry.argon2:
        return password_hash.is_password(password, entry.argon2)
    if entry.scram:
        return scram.is_password(password, scram.read_secret(entry.scram))
    return False


def _check(entry: Entry) -> None:
    if not (entry.argon2 or entry.scram or entry.secret or entry.api_key):
        raise ValueError("none of argon2, scram, secret and api_key is there")
    if entry.argon2:
        password_hash.check_hash(entry.argon2)
    if entry.secret:
        password_hash.read_secret(entry.secret)
    if entry.scram:
        scram.read_secret(entry.scram)
        prepare(entry.name)
