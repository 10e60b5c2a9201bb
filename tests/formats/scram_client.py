"""The client's side of SCRAM-SHA-256, for tests: it convinces a server, and checks that the server knows it, too."""

import base64
import hashlib
import hmac
import secrets

from myna.formats.saslprep import prepare


class ScramClient:
    def __init__(self, name: str, password: str) -> None:
        self._bare = f"n={name.replace('=', '=3D').replace(',', '=2C')},r={secrets.token_urlsafe(12)}"
        self._password = prepare(password).encode()
        self._signature = b""

    def first(self) -> bytes:
        return f"n,,{self._bare}".encode()

    def final(self, question: bytes) -> bytes:
        said = dict(part.split("=", 1) for part in question.decode().split(","))
        salt = base64.b64decode(said["s"])
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, int(said["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        without_proof = f"c=biws,r={said['r']}"
        signed = f"{self._bare},{question.decode()},{without_proof}".encode()
        signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        self._signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def is_server(self, final: bytes) -> bool:
        return final == b"v=" + base64.b64encode(self._signature)
