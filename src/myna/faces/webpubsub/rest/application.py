"""The ASGI application of the REST API: finds the operation, checks the token, reads the query, answers.

    /api/hubs/{hub}/groups/g%2F1/:send   ->   hub, shape "groups/*/:send", names ["g/1"]

Everything is matched as it was sent and decoded afterwards, since groups hold slashes. What a newcomer gets wrong:
this is the hot path. What can be remembered between calls (the query, the token) is.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs, unquote

from myna.faces.contract import ClientGone, Receive, Scope, Send
from myna.faces.webpubsub.answers import (
    INVALID_HUB,
    NOT_FOUND,
    OK,
    SUPPORTED,
    UNAUTHORIZED,
    Answer,
    Refused,
    invalid,
)
from myna.faces.webpubsub.naming import is_hub
from myna.faces.webpubsub.rest.backend import Backend
from myna.faces.webpubsub.rest.call import Call
from myna.faces.webpubsub.rest.operations import BY_SHAPE, Operation
from myna.faces.webpubsub.rest.versions import OLDEST, RELEASES

HEALTH: Final = b"/api/health"
HUBS: Final = b"/api/hubs/"
QUERIES_KEPT: Final = 1024
FIELDS_AT_MOST: Final = 1000

Query = Mapping[str, Sequence[str]]


class RestApplication:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._queries: dict[bytes, Query] = {}

    async def health(self, scope: Scope, receive: Receive, send: Send) -> None:
        """For anybody who asks, token or not."""
        await _write(send, OK if scope["method"] in ("HEAD", "GET") else _not_allowed(["HEAD"]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(scope, receive)
        except Refused as refused:
            answer = refused.answer
        except ClientGone:
            return
        await _write(send, answer)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        raw_path = scope["raw_path"].decode("latin-1")
        hub, shape, names = take_apart(raw_path)
        operations = BY_SHAPE.get(shape)
        if operations is None:
            return NOT_FOUND
        authorization, host, content_type = _headers(scope)
        token = authorization[7:] if authorization[:7].lower() == "bearer " else ""
        backend = self._backend
        if not token or not backend.tokens.opens(token.strip(), raw_path, host, backend.now()):
            return UNAUTHORIZED
        operation = operations.get(scope["method"])
        if operation is None:
            return _not_allowed(operations)
        query = self._query(scope["query_string"])
        version = query["api-version"][0] if "api-version" in query else OLDEST
        _check_version(operation, version)
        if not is_hub(hub):
            return invalid("hub", INVALID_HUB)
        if any("\udc80" <= character <= "\udcff" for name in names for character in name) or "" in names:
            return invalid("path", "A name in the path is empty or not UTF-8.")
        answer = await operation.handler(Call(backend, scope, receive, hub, names, query, version, host, content_type))
        if answer.status == 204 and version == OLDEST:
            return Answer(200, answer.body, answer.headers)
        return answer

    def _query(self, raw: bytes) -> Query:
        query = self._queries.get(raw)
        if query is None:
            try:
                query = parse_qs(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=FIELDS_AT_MOST)
            except ValueError:
                raise Refused(invalid("query", "The query cannot be read.")) from None
            if len(raw) <= 256:
                if len(self._queries) >= QUERIES_KEPT:
                    self._queries.clear()
                self._queries[raw] = query
        return query


def take_apart(raw_path: str) -> tuple[str, str, list[str]]:
    """Hub, shape and names of a path below /api/hubs/. Actions are known as `:send` and as `%3Asend`."""
    segments = raw_path.split("/")[3:]
    if len(segments) > 1 and segments[-1] == "":
        segments.pop()
    if "%" in raw_path:
        segments = [unquote(segment, errors="surrogateescape") if "%" in segment else segment for segment in segments]
    hub, rest = segments[0], segments[1:]
    names = rest[1::2]
    shape = "/".join(["*" if at % 2 else segment for at, segment in enumerate(rest)])
    return hub, shape, names


def _check_version(operation: Operation, version: str) -> None:
    release = RELEASES.get(version)
    if release is None:
        raise Refused(invalid("api-version", f"The API version '{version[:64]}' is not supported."))
    if not operation.since <= release <= operation.until:
        raise Refused(invalid("api-version", f"The API version '{version}' does not have this operation."))


def _headers(scope: Scope) -> tuple[str, str, str | None]:
    """Authorization, Host and Content-Type."""
    authorization = host = b""
    content_type: bytes | None = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization = value
        elif name == b"host":
            host = value
        elif name == b"content-type":
            content_type = value
    return (
        authorization.decode("latin-1"),
        host.decode("latin-1"),
        None if content_type is None else content_type.decode("latin-1"),
    )


def _not_allowed(methods: Mapping[str, Operation] | list[str]) -> Answer:
    return Answer(405, b"", (SUPPORTED, (b"allow", ", ".join(sorted(methods)).encode())))


async def _write(send: Send, answer: Answer) -> None:
    length = (b"content-length", b"%d" % len(answer.body))
    await send({"type": "http.response.start", "status": answer.status, "headers": [length, *answer.headers]})
    await send({"type": "http.response.body", "body": answer.body})
