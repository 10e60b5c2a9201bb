"""SCRAM-SHA-256 (RFC 5802, 7677), the server's side: who knows a password shows that, and so does the server.

    client   n,,n=alice,r=abc                                 `read_first`
    server   r=abcXYZ,s=salt,i=60000                          `Exchange.question`
    client   c=biws,r=abcXYZ,p=proof                          `Exchange.finish`
    server   v=signature                                      … its answer

The password never travels, and what is kept of it is enough to check a proof but not to make one. Knows no user and
no connection. What a newcomer gets wrong: a replayed proof fails by itself, because half of the nonce is the server's
and new each time.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from myna.formats.saslprep import prepare

METHOD: Final = "SCRAM-SHA-256"
ITERATIONS: Final = 60_000  # RFC 7677 asks for 4096 or more, and for what takes a modern machine a tenth of a second
FEWEST: Final = 4096
MOST: Final = 10_000_000
_SALT: Final = 16  # bytes
_NONCE: Final = 256  # characters of a client's


class BadExchange(ValueError):
    """What the client has sent breaks the rules, or proves nothing. `wrong`: the form was right, the proof was not."""

    def __init__(self, text: str, *, wrong: bool = False) -> None:
        super().__init__(text)
        self.wrong = wrong


@dataclass(frozen=True, slots=True)
class Secret:
    """What is kept of a password, written as RFC 5803 does."""

    iterations: int
    salt: bytes
    stored_key: bytes
    server_key: bytes

    def __str__(self) -> str:
        return f"{METHOD}${self.iterations}:{_encode(self.salt)}${_encode(self.stored_key)}:{_encode(self.server_key)}"


def make_secret(password: bytes, iterations: int = ITERATIONS, salt: bytes = b"") -> Secret:
    """Slow by design. Raises ValueError where SASLprep prohibits the password."""
    salt = salt or secrets.token_bytes(_SALT)
    salted = hashlib.pbkdf2_hmac("sha256", prepare(password.decode()).encode(), salt, iterations)
    client_key = _hmac(salted, b"Client Key")
    return Secret(iterations, salt, hashlib.sha256(client_key).digest(), _hmac(salted, b"Server Key"))


def mock_secret(name: str, key: bytes, iterations: int = ITERATIONS) -> Secret:
    """For a name that does not exist: the same salt whenever it is asked for, and a key that nothing fits."""
    salt, stored, server = (_hmac(key, f"{what} {name}".encode()) for what in ("salt", "stored", "server"))
    return Secret(iterations, salt[:_SALT], stored, server)


def read_secret(text: str) -> Secret:
    """Raises ValueError."""
    try:
        method, cost, keys = text.split("$")
        count, salt = cost.split(":")
        stored, server = keys.split(":")
        iterations = int(count)
        secret = Secret(iterations, *(base64.b64decode(one, validate=True) for one in (salt, stored, server)))
    except (binascii.Error, ValueError):
        raise ValueError(f"this does not look like {METHOD}$iterations:salt$stored key:server key") from None
    if method != METHOD or not secret.salt or (len(secret.stored_key), len(secret.server_key)) != (32, 32):
        raise ValueError(f"this is not of {METHOD}, or its keys have not 32 bytes")
    if not FEWEST <= iterations <= MOST:
        raise ValueError(f"iterations are {FEWEST} to {MOST}")
    return secret


def is_password(password: bytes, secret: Secret) -> bool:
    """For who sends the password itself. Slow by design."""
    try:
        made = make_secret(password, secret.iterations, secret.salt)
    except ValueError:
        return False
    return hmac.compare_digest(made.stored_key, secret.stored_key)


@dataclass(frozen=True, slots=True)
class First:
    """A client's first message: who it claims to be. `header` comes back in its second one."""

    name: str
    nonce: str
    header: str
    bare: str


def read_first(data: bytes) -> First:
    text = _read_text(data)
    binding, _, rest = text.partition(",")
    acting_as, _, bare = rest.partition(",")
    if binding.startswith("p="):
        raise BadExchange("channel binding is not offered here")
    if binding not in ("n", "y"):  # y: the client could, and has seen that we do not offer it
        raise BadExchange("the first message does not begin with n or y")
    parts = bare.split(",")
    if parts[0].startswith("m="):
        raise BadExchange("a mandatory extension that is not known here")
    if len(parts) < 2 or not parts[0].startswith("n=") or not parts[1].startswith("r="):
        raise BadExchange("the first message has no name or nonce")
    name, nonce = _read_name(parts[0][2:]), parts[1][2:]
    if not nonce or len(nonce) > _NONCE or not (nonce.isascii() and nonce.isprintable()):
        raise BadExchange("the nonce is empty, too long or not printable")
    if acting_as and _read_name(acting_as.removeprefix("a=")) != name:
        raise BadExchange("nobody may act as somebody else")
    return First(name, nonce, f"{binding},{acting_as},", bare)


class Exchange:
    """One client's proof. `finish` may be tried once."""

    def __init__(self, first: First, secret: Secret, nonce: str = "") -> None:
        self._first = first
        self._secret = secret
        self._nonce = first.nonce + (nonce or secrets.token_urlsafe(18))
        self._question = f"r={self._nonce},s={_encode(secret.salt)},i={secret.iterations}"

    @property
    def question(self) -> bytes:
        return self._question.encode()

    def is_about(self, secret: Secret) -> bool:
        return self._secret == secret

    def finish(self, data: bytes) -> bytes:
        """The server's own proof. Raises BadExchange."""
        text = _read_text(data)
        without_proof, comma, proof = text.rpartition(",p=")
        parts = without_proof.split(",")
        if not comma or len(parts) < 2 or not parts[0].startswith("c=") or not parts[1].startswith("r="):
            raise BadExchange("the final message has no channel binding, nonce or proof")
        if parts[0][2:] != _encode(self._first.header.encode()):
            raise BadExchange("the channel binding is not that of the first message")
        if not hmac.compare_digest(parts[1][2:].encode(), self._nonce.encode()):
            raise BadExchange("the nonce is not the one of this exchange")
        try:
            shown = base64.b64decode(proof, validate=True)
        except (binascii.Error, ValueError):
            raise BadExchange("the proof is no base64") from None
        signed = f"{self._first.bare},{self._question},{without_proof}".encode()
        signature = _hmac(self._secret.stored_key, signed)
        if len(shown) != len(signature):
            raise BadExchange("the proof is not as long as it should be")
        client_key = bytes(a ^ b for a, b in zip(shown, signature, strict=True))
        if not hmac.compare_digest(hashlib.sha256(client_key).digest(), self._secret.stored_key):
            raise BadExchange("wrong", wrong=True)
        return b"v=" + base64.b64encode(_hmac(self._secret.server_key, signed))


def _read_text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise BadExchange("the message is no UTF-8") from None


def _read_name(text: str) -> str:
    """`=2C` is a comma and `=3D` an equals sign; no other one may stand there."""
    if "=" in text.replace("=2C", "").replace("=3D", ""):
        raise BadExchange("an equals sign in a name is written =3D")
    try:
        name = prepare(text.replace("=2C", ",").replace("=3D", "="))
    except ValueError as error:
        raise BadExchange(f"the name cannot be used: {error}") from None
    if not name:
        raise BadExchange("the name is empty")
    return name


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
