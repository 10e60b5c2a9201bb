"""The ASGI application of the REST API: finds the operation, checks the token, reads the query, answers.

    /api/hubs/{hub}/groups/g%2F1/:send   ->   hub, shape "groups/*/:send", names ["g/1"]

Everything is matched as it was sent and decoded afterwards, since groups hold slashes. What a newcomer gets wrong:
this is the hot path. What can be remembered between calls (the path, the query, the token) is.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeVar
from urllib.parse import parse_qs, unquote

from myna.faces.contract import ClientGone, Receive, Scope, Send
from myna.faces.webpubsub.answers import (
    INVALID_HUB,
    NOT_FOUND,
    OK,
    SUPPORTED,
    Answer,
    Refused,
    forbidden,
    invalid,
)
from myna.faces.webpubsub.naming import is_hub, is_text
from myna.faces.webpubsub.rest.backend import Backend
from myna.faces.webpubsub.rest.call import Call, read_head
from myna.faces.webpubsub.rest.operations import BY_SHAPE, Operation
from myna.faces.webpubsub.rest.versions import OLDEST, RELEASES

T = TypeVar("T")

KEPT: Final = 1024
LONGEST_KEPT: Final = 256
FIELDS_AT_MOST: Final = 1000

Query = Mapping[str, Sequence[str]]


class Place(NamedTuple):
    """A path, taken apart."""

    hub: str
    operations: Mapping[str, Operation] | None
    names: Sequence[str]
    problem: Answer | None


class RestApplication:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._places: dict[bytes, Place] = {}
        self._queries: dict[bytes, tuple[str, Query]] = {}

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
        raw_path = scope["raw_path"]
        place = self._places.get(raw_path) or self._place(raw_path)
        if place.operations is None:
            return NOT_FOUND
        head = read_head(scope["headers"])
        backend = self._backend
        now = backend.now()
        objection = backend.tokens.objection(head.authorization, raw_path, head.host, now)
        if objection and not backend.oidc.is_known(head.authorization, now):
            is_own = backend.tokens.has_signed(head.authorization, now)
            refused = await backend.oidc.opens(head.authorization, address_of(scope), objection, is_own=is_own)
            if refused is not None:
                return refused
        banned = backend.banned(place.hub, address_of(scope), now) if backend.core.bans else ""
        if banned:
            return forbidden(banned)
        operation = place.operations.get(scope["method"])
        if operation is None:
            return _not_allowed(place.operations)
        version, query = self._queries.get(scope["query_string"]) or self._query(scope["query_string"])
        _check_version(operation, version)
        if place.problem is not None:
            return place.problem
        answer = await operation.handler(Call(backend, scope, receive, place.hub, place.names, query, version, head))
        if answer.status == 204 and version == OLDEST:
            return Answer(200, answer.body, answer.headers)
        return answer

    def _place(self, raw_path: bytes) -> Place:
        hub, shape, names = take_apart(raw_path.decode("latin-1"))
        problem = None
        if not is_hub(hub):
            problem = invalid("hub", INVALID_HUB)
        elif not all(name and is_text(name) for name in names):
            problem = invalid("path", "A name in the path is empty or not UTF-8.")
        place = Place(hub, BY_SHAPE.get(shape), names, problem)
        _remember(self._places, raw_path, place)
        return place

    def _query(self, raw: bytes) -> tuple[str, Query]:
        """The version, and the other fields."""
        try:
            fields = parse_qs(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=FIELDS_AT_MOST)
        except ValueError:
            raise Refused(invalid("query", "The query cannot be read.")) from None
        read = (fields.pop("api-version", [OLDEST])[0], fields)
        _remember(self._queries, raw, read)
        return read


def _remember(kept: dict[bytes, T], raw: bytes, value: T) -> None:
    if len(raw) <= LONGEST_KEPT:
        if len(kept) >= KEPT:
            del kept[next(iter(kept))]
        kept[raw] = value


def address_of(scope: Scope) -> str:
    peer = scope.get("client")
    return str(peer[0]) if peer else "unix"


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


def _not_allowed(methods: Mapping[str, Operation] | list[str]) -> Answer:
    return Answer(405, b"", (SUPPORTED, (b"allow", ", ".join(sorted(methods)).encode())))


async def _write(send: Send, answer: Answer) -> None:
    length = (b"content-length", b"%d" % len(answer.body))
    await send({"type": "http.response.start", "status": answer.status, "headers": [length, *answer.headers]})
    await send({"type": "http.response.body", "body": answer.body})
