"""A request's target, cut into what ASGI wants to know of it."""

from urllib.parse import unquote

import httptools


def split_target(target: bytes) -> tuple[bytes, str, bytes]:
    """Raw path, decoded path and query of a request target; raises where it is none."""
    if target.startswith(b"/"):
        raw_path, _, query = target.partition(b"?")
    else:
        parsed = httptools.parse_url(target)  # absolute form, or * or an authority, which have no path
        raw_path, query = parsed.path or b"/", parsed.query or b""
    path = raw_path.decode("ascii")
    return raw_path, unquote(path) if "%" in path else path, query
