"""One administrator's request after the other, and why one was not answered, in words and with an exit code.

What a newcomer gets wrong: lists come in pages. `collect` follows them, up to as many entries as are wanted.
"""

import argparse
import http.client
import json
import socket
import ssl
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from myna.commands.administration.finding import NotFound, Place, find
from myna.commands.exits import REFUSED, UNREACHABLE, USAGE

PATIENCE: Final = 30.0  # seconds
PAGE: Final = 1000


class Failed(Exception):
    """`code` is what the command ends with."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Administrator:
    """Whoever asks. Raises Failed."""

    def __init__(self, place: Place, tls: ssl.SSLContext | None) -> None:
        self._place = place
        self._where = place.path or place.url
        address = urlsplit(place.url)
        self._prefix = address.path
        host, port = address.hostname or "", address.port
        if place.path:
            self._http: http.client.HTTPConnection = _Unix(place.path)
        elif tls is not None:
            self._http = http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=tls)
        else:
            self._http = http.client.HTTPConnection(host, port, timeout=PATIENCE)

    def get(self, path: str, **query: object) -> Any:
        return json.loads(self.call("GET", path, query))

    def post(self, path: str, body: object = None, **query: object) -> Any:
        return json.loads(self.call("POST", path, query, None if body is None else json.dumps(body).encode()))

    def call(self, method: str, path: str, query: dict[str, object], body: bytes | None = None) -> bytes:
        """The body of the answer. `path` is quoted already; a part of the query that is None is left out."""
        given = {name: value for name, value in query.items() if value is not None}
        target = f"{self._prefix}/api/admin{path}{'?' + urlencode(given) if given else ''}"
        try:
            self._http.request(method, target, body, {"authorization": f"Bearer {self._place.token}"})
            answer = self._http.getresponse()
            content = answer.read()
        except ssl.SSLError as error:
            raise Failed(UNREACHABLE, f"{self._where}: {_explain_tls(error)}") from None
        except (OSError, http.client.HTTPException) as error:
            raise Failed(UNREACHABLE, f"{self._where}: {_explain(error)}") from None
        finally:
            self._http.close()  # the next call opens it again
        if answer.status >= 400:
            raise self._refusal(answer.status, content)
        return content

    def collect(self, path: str, what: str, most: int, **query: object) -> tuple[list[Any], bool]:
        """The entries of a list, at most so many; and whether there are more."""
        found: list[Any] = []
        cursor = None
        while True:
            page = self.get(path, limit=min(PAGE, most - len(found)), cursor=cursor, **query)
            found += page[what]
            cursor = page["next"]
            if cursor is None or len(found) >= most:
                return found, cursor is not None

    def tenant(self, wanted: str | None) -> str:
        """The tenant that was named, or the only one there is."""
        if wanted is not None:
            return wanted
        tenants, more = self.collect("/tenants", "tenants", 20)
        names = [one["tenant"] for one in tenants]
        if len(names) == 1:
            return str(names[0])
        if not names:
            raise Failed(USAGE, "no tenant has been used since the broker was started; name one with --tenant")
        raise Failed(USAGE, f"say which tenant with --tenant: {', '.join(names)}{', …' if more else ''}")

    def _refusal(self, status: int, content: bytes) -> Failed:
        if status == 401:
            return Failed(
                REFUSED,
                f"{self._where} refused the token of {self._place.token_from}. If its configuration says another one:"
                " -c FILE; else give a file that holds it with --token-file",
            )
        try:
            problem = json.loads(content)
            detail = problem["detail"]
        except (ValueError, KeyError, TypeError):
            return Failed(REFUSED, f"{self._where} answers with status {status}; is it a broker of ours?")
        if status == 404 and "parameter" not in problem and detail.startswith("there is nothing at"):
            return Failed(REFUSED, f"{self._where} has no administration: add [faces.admin] to its configuration")
        return Failed(USAGE if status in (400, 404, 409) else REFUSED, str(detail))


def administrator(args: argparse.Namespace) -> Administrator:
    from myna.config import ConfigError

    try:
        place = find(args)
    except (NotFound, ConfigError) as error:
        raise Failed(UNREACHABLE if isinstance(error, NotFound) else USAGE, str(error)) from None
    address = urlsplit(place.url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise Failed(USAGE, f"{place.url!r} is no URL; try http://localhost:8080")
    return Administrator(place, _tls(args) if address.scheme == "https" else None)


def quoted(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")


def _tls(args: argparse.Namespace) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=args.ca)
    except OSError as error:
        raise Failed(USAGE, f"cannot use {args.ca}: {error.strerror or error}") from None
    if args.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _explain(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError | FileNotFoundError):
        return "connection refused. Is the broker running? Start one with: myna serve"
    if isinstance(error, TimeoutError):
        return f"no answer within {PATIENCE:g} s"
    return str(error) or type(error).__name__


def _explain_tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted: {error.verify_message}. Say who signed it with --ca FILE, use a name that"
            " it holds with --url, or take any with --insecure"
        )
    return f"no TLS: {error.reason or error}"
