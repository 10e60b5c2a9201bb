"""HTTP requests as ASGI scopes, with what their callers show."""

import base64
from typing import Any


def scope(*headers: tuple[str, str | bytes], certificate: object = None, client: object = ("192.0.2.1", 4711)) -> Any:
    pairs = [(name.encode(), value.encode() if isinstance(value, str) else value) for name, value in headers]
    extensions = {} if certificate is None else {"tls": {"myna.certificate": certificate}}
    return {"type": "http", "raw_path": b"/call", "headers": pairs, "client": client, "extensions": extensions}


def basic(name: str, password: str) -> tuple[str, str]:
    return "authorization", "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def bearer(token: str) -> tuple[str, str]:
    return "authorization", f"Bearer {token}"
