"""Services that a broker asks, as real HTTP servers on threads: an OIDC provider, and a webhook that behaves as told.

with provider() as oidc: oidc.issuer, oidc.token(sub="alice"), oidc.rotate()
with webhook() as hook: hook.answer = …; hook.asked[-1]
"""

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives.asymmetric import ec

from tests.formats.signers import RSA, jwk, token
from tests.net import certificates

CLIENT = ("my:na", "s3cret of ours")
Said = tuple[int, bytes]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, respond: Callable[[Request], Said]) -> None:
        self.respond = respond
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        assert isinstance(self.server, _Server)
        try:
            status, answer = self.server.respond(Request(self.command, self.path, headers, body))
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
        except OSError:
            self.close_connection = True  # whoever asked has given up

    do_GET = _serve  # noqa: N815  # the library's names
    do_POST = _serve  # noqa: N815

    def log_message(self, format: str, *arguments: Any) -> None:
        return


@contextmanager
def _serving(respond: Callable[[Request], Said], *, tls: bool = False) -> Iterator[str]:
    """The server's address."""
    server = _Server(respond)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.folder() / "server.pem", certificates.folder() / "server.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Provider:
    """Discovery document, JWKS, key rotation, and tokens for clients who know their secret."""

    issuer: str = ""
    asked: list[Request] = field(default_factory=list)
    keys: dict[str, Any] = field(default_factory=lambda: {"k1": RSA})
    given: int = 0
    is_down: bool = False

    def token(self, **claims: Any) -> str:
        """Signed with the newest key."""
        kid, key = list(self.keys.items())[-1]
        held = {"iss": self.issuer, "aud": "broker", "sub": "alice", "exp": int(time.time()) + 600, **claims}
        return token(held, key, kid=kid, algorithm="RS256" if key is RSA else "ES256")

    def rotate(self) -> None:
        """A new key takes the place of all there were."""
        self.keys = {f"k{len(self.asked) + 2}": ec.generate_private_key(ec.SECP256R1())}

    def fetches(self) -> int:
        return sum(request.path == "/keys" for request in self.asked)

    def respond(self, request: Request) -> Said:
        self.asked.append(request)
        if self.is_down:
            return 503, b""
        if request.path == "/.well-known/openid-configuration":
            endpoints = {"jwks_uri": f"{self.issuer}/keys", "token_endpoint": f"{self.issuer}/token"}
            return 200, json.dumps({"issuer": self.issuer, **endpoints}).encode()
        if request.path == "/keys":
            return 200, json.dumps({"keys": [jwk(key, kid) for kid, key in self.keys.items()]}).encode()
        if request.path == "/token" and request.method == "POST":
            return self._grant(request)
        return 404, b""

    def _grant(self, request: Request) -> Said:
        form = parse_qs(request.body.decode())
        shown = base64.b64decode(request.headers.get("authorization", "").removeprefix("Basic ")).decode()
        if form.get("grant_type") != ["client_credentials"] or shown != "my%3Ana:s3cret%20of%20ours":
            return 401, b'{"error": "invalid_client"}'
        self.given += 1
        granted = {"access_token": f"granted-{self.given}", "token_type": "Bearer", "expires_in": 3600}
        return 200, json.dumps(granted).encode()


@contextmanager
def provider() -> Iterator[Provider]:
    made = Provider()
    with _serving(made.respond) as made.issuer:
        yield made


@dataclass
class Hook:
    """Callers wait while `may_answer` is not set; `accepts` is the only credential that it takes."""

    url: str = ""
    answer: object = None
    status: int = 200
    raw: bytes | None = None
    accepts: str | None = None
    asked: list[Request] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)

    def respond(self, request: Request) -> Said:
        self.asked.append(request)
        self.may_answer.wait(20.0)
        if self.accepts is not None and request.headers.get("authorization") != self.accepts:
            return 401, b""
        return self.status, json.dumps(self.answer).encode() if self.raw is None else self.raw


@contextmanager
def webhook(*, tls: bool = False) -> Iterator[Hook]:
    made = Hook()
    made.may_answer.set()
    with _serving(made.respond, tls=tls) as made.url:
        try:
            yield made
        finally:
            made.may_answer.set()
