"""One ASGI application and one WebSocket route per port, made of what the faces claim.

    hot[(method, raw path)]                  one dictionary look-up, then
    (number of segments, first segment)      a few candidates, literal ones first, then
    first segment                            those that end in /*, the longest first

What a newcomer gets wrong: nothing is decoded before it has been matched. A group called `a/b` is one segment `a%2Fb`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from urllib.parse import unquote_to_bytes

import msgspec

from myna.faces.contract import (
    Asgi,
    Receive,
    Route,
    Scope,
    Send,
    UpgradeRequest,
    WebSocketEndpoint,
    WebSocketRoute,
    answer,
)

T = TypeVar("T")

PROBLEM: Final = (b"content-type", b"application/problem+json")


class ClaimedTwice(Exception):
    """Two faces want the same path; says which."""


@dataclass(frozen=True)
class Pattern(Generic[T]):
    """A claimed path, taken apart. None stands for a placeholder."""

    text: str
    segments: tuple[bytes | None, ...]
    names: tuple[str, ...]
    has_tail: bool
    target: T

    def is_verb(self) -> bool:
        """Does it end in something to do, such as `:keys`? That is itself, and never a thing of that name."""
        return bool(self.segments) and (self.segments[-1] or b"").startswith(b":")

    def match(self, segments: list[bytes]) -> dict[str, str] | None:
        """The decoded placeholders, if it fits."""
        values = []
        for wanted, given in zip(self.segments, segments, strict=False):
            if wanted is None:
                values.append(given)
            elif wanted != given:
                return None
        return {name: decode_segment(value) for name, value in zip(self.names, values, strict=True)}


class PathTable(Generic[T]):
    def __init__(self) -> None:
        self._exact: dict[tuple[int, bytes], list[Pattern[T]]] = {}
        self._tails: dict[bytes, list[Pattern[T]]] = {}

    def add(self, text: str, target: T) -> None:
        pattern = _parse(text, target)
        first = pattern.segments[0] if pattern.segments else b""
        if first is None:
            raise ValueError(f"the first segment of {text!r} cannot be a placeholder")
        if pattern.has_tail:
            known = self._tails.setdefault(first, [])
            known.append(pattern)
            known.sort(key=lambda one: -len(one.segments))
        else:
            known = self._exact.setdefault((len(pattern.segments), first), [])
            known.append(pattern)
            known.sort(key=lambda one: [segment is None for segment in one.segments])

    def find(self, raw_path: bytes) -> Iterable[tuple[Pattern[T], dict[str, str]]]:
        """What fits, best first."""
        segments = raw_path.split(b"/")[1:]
        for pattern in self._exact.get((len(segments), segments[0]), ()):
            values = pattern.match(segments)
            if values is not None:
                yield pattern, values
        for pattern in self._tails.get(segments[0], ()):
            if len(pattern.segments) <= len(segments):
                values = pattern.match(segments)
                if values is not None:
                    yield pattern, values


class HttpRoutes:
    """The ASGI application of a port."""

    def __init__(
        self, hot: Mapping[tuple[str, str], Asgi], routes: Iterable[Route], fallback: Asgi | None = None
    ) -> None:
        self._hot = {(method, path.encode()): app for (method, path), app in hot.items()}
        self._table: PathTable[dict[str, Asgi]] = PathTable()
        self._fallback: Asgi = _not_found if fallback is None else fallback
        by_pattern: dict[str, dict[str, Asgi]] = {}
        for route in routes:
            if route.pattern not in by_pattern:
                by_pattern[route.pattern] = {}
                self._table.add(route.pattern, by_pattern[route.pattern])
            for method in route.methods or ("*",):
                if method in by_pattern[route.pattern]:
                    raise ClaimedTwice(f"{method} {route.pattern} is claimed twice")
                by_pattern[route.pattern][method] = route.app

    def find_hot(self, scope: Scope) -> Asgi | None:
        return self._hot.get((scope["method"], scope["raw_path"]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        hot = self._hot.get((method, scope["raw_path"]))
        if hot is not None:
            await hot(scope, receive, send)
            return
        allowed: list[str] = []
        is_verb = False
        for pattern, values in self._table.find(scope["raw_path"]):
            if is_verb and not pattern.has_tail:
                continue
            is_verb = is_verb or pattern.is_verb()
            methods = pattern.target
            app = methods.get(method) or (methods.get("GET") if method == "HEAD" else None) or methods.get("*")
            if app is not None:
                scope["path_params"] = values
                await app(scope, receive, send)
                return
            allowed += methods
        if self._fallback is _not_found:
            allowed += [known for known, path in self._hot if path == scope["raw_path"]]
            if allowed:
                await _not_allowed(send, allowed)
                return
        await self._fallback(scope, receive, send)


class WebSocketRoutes:
    """The WebSocket endpoints of a port; None sends the request to the HTTP application."""

    def __init__(self, routes: Iterable[WebSocketRoute]) -> None:
        self._table: PathTable[WebSocketRoute] = PathTable()
        for route in routes:
            self._table.add(route.pattern, route)

    def __call__(self, request: UpgradeRequest) -> WebSocketEndpoint | None:
        for pattern, values in self._table.find(request.raw_path):
            route = pattern.target
            if route.subprotocols and not set(route.subprotocols).intersection(request.subprotocols):
                continue
            endpoint = route.open(request, values)
            if endpoint is not None:
                return endpoint
        return None


def decode_segment(segment: bytes) -> str:
    """Percent-decoded. Bytes that are not UTF-8 become lone surrogates, which no legal name contains."""
    if b"%" in segment:
        segment = unquote_to_bytes(segment)
    return segment.decode("utf-8", "surrogateescape")


def _parse(text: str, target: T) -> Pattern[T]:
    if not text.startswith("/"):
        raise ValueError(f"a path starts with /: {text!r}")
    has_tail = text.endswith("/*")
    parts = text.removesuffix("/*").split("/")[1:]
    names = tuple(part[1:-1] for part in parts if part[:1] + part[-1:] == "{}")
    segments = tuple(None if part[:1] + part[-1:] == "{}" else part.encode() for part in parts)
    return Pattern(text, segments, names, has_tail, target)


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    path = scope["raw_path"].decode("ascii", "replace")
    await _problem(send, 404, "Not Found", f"there is nothing at {path[:200]}")


async def _not_allowed(send: Send, allowed: list[str]) -> None:
    names = ", ".join(sorted(set(allowed)))
    await _problem(send, 405, "Method Not Allowed", f"this path takes {names}", (b"allow", names.encode()))


async def _problem(send: Send, status: int, title: str, detail: str, *headers: tuple[bytes, bytes]) -> None:
    body = msgspec.json.encode({"title": title, "status": status, "detail": detail})
    await answer(send, status, body, (PROBLEM, *headers))
