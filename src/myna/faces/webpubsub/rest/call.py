"""One REST call, as handlers read it: names of the path, fields of the query, the body.

Whatever cannot be read raises `Refused` with the answer that says so. What a newcomer gets wrong: lists repeat their
field (`excluded=a&excluded=b`), and a body may come in chunks.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlencode

import msgspec

from myna.core.receiver import Receiver
from myna.core.tenant import Tenant
from myna.faces.contract import BodyTooLarge, Receive, Scope, read_body
from myna.faces.webpubsub.answers import INVALID_JSON, INVALID_LENGTH, Refused, invalid
from myna.faces.webpubsub.filter import Filter, FilterError, Filters
from myna.faces.webpubsub.naming import is_group
from myna.faces.webpubsub.rest.backend import Backend

BODY_AT_MOST: Final = 1024 * 1024
TTL_AT_MOST: Final = 300
INTEGER_AT_MOST: Final = 2**31 - 1

_read_json: Final = msgspec.json.Decoder().decode


METADATA: Final = b"x-webpubsub-metadata-"


class Head(NamedTuple):
    """The headers that matter. `metadata` comes of X-WebPubSub-Metadata-…; its keys are lower-cased, as names are."""

    authorization: bytes
    host: str
    content_type: str | None
    metadata: dict[str, str] | None


def read_head(headers: Sequence[tuple[bytes, bytes]]) -> Head:
    authorization = host = b""
    content_type: str | None = None
    metadata: dict[str, str] | None = None
    for name, value in headers:
        if name == b"authorization":
            authorization = value
        elif name == b"host":
            host = value
        elif name == b"content-type":
            content_type = value.decode("latin-1")
        elif name.startswith(METADATA):
            metadata = {} if metadata is None else metadata
            metadata[name[len(METADATA) :].decode("latin-1")] = value.decode("utf-8", "replace")
    return Head(authorization, host.decode("latin-1"), content_type, metadata)


class Call:
    __slots__ = ("backend", "content_type", "host", "hub", "metadata", "names", "query", "receive", "scope", "version")

    def __init__(
        self,
        backend: Backend,
        scope: Scope,
        receive: Receive,
        hub: str,
        names: Sequence[str],
        query: Mapping[str, Sequence[str]],
        version: str,
        head: Head,
    ) -> None:
        self.backend = backend
        self.scope = scope
        self.receive = receive
        self.hub = hub
        self.names = names
        self.query = query
        self.version = version
        self.host = head.host
        self.content_type = head.content_type
        self.metadata = head.metadata

    # Who is meant

    def tenant(self) -> Tenant:
        return self.backend.tenant(self.hub)

    def group(self, at: int = 0) -> str:
        name = self.names[at]
        if not is_group(name):
            raise Refused(invalid("group", "Invalid group name."))
        return name

    def connections(self, at: int = 0) -> list[Receiver]:
        """Those that bear the id: several, where client ids are per user."""
        return self.tenant().sessions_of_client(self.names[at])

    def user(self, at: int = 0) -> list[Receiver]:
        return self.tenant().sessions_of_user(self.names[at])

    # Fields

    def text(self, name: str) -> str | None:
        values = self.query.get(name)
        return values[0] if values else None

    def texts(self, *names: str) -> list[str]:
        """A repeated field, under any of its names."""
        return [value for name in names for value in self.query.get(name, ())]

    def integer(self, name: str, default: int, least: int, most: int = INTEGER_AT_MOST) -> int:
        given = self.text(name)
        if given is None or given == "":
            return default
        if not (given.isascii() and given.isdigit() and len(given) <= 10 and least <= int(given) <= most):
            raise Refused(invalid(name, f"The value '{given[:64]}' of {name} must be between {least} and {most}."))
        return int(given)

    def filter(self) -> Filter | None:
        given = self.text("filter")
        return read_filter(self.backend.filters, given, "filter") if given else None

    def ttl(self) -> int:
        return self.integer("messageTtlSeconds", 0, 0, TTL_AT_MOST) if self.query else 0

    # Body

    async def body(self) -> bytes:
        try:
            return await read_body(self.scope, self.receive, BODY_AT_MOST)
        except BodyTooLarge:
            raise Refused(invalid("Content-Length", INVALID_LENGTH)) from None

    async def json(self) -> object:
        try:
            return _read_json(await self.body())
        except (msgspec.DecodeError, RecursionError):
            raise Refused(invalid("body", INVALID_JSON)) from None

    # Addresses

    def base(self) -> str:
        return f"{self.scope['scheme']}://{self.host}"

    def address_with(self, fields: Mapping[str, object]) -> str:
        """This operation's own address with other fields."""
        path = self.scope["raw_path"].decode("latin-1")
        return f"{self.base()}{path}?{urlencode({name: str(value) for name, value in fields.items()})}"


def read_filter(filters: Filters, text: str, target: str) -> Filter:
    try:
        return filters.get(text)
    except FilterError as wrong:
        raise Refused(invalid(target, str(wrong))) from None
