import asyncio
import hashlib
import json
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from myna.net.listeners import HttpListener, MqttListener
from myna.net.tls import Certificate, TlsContexts, TlsError, TlsSettings, make_context
from tests.net.certificates import client_context, folder
from tests.net.harness import Served, on_our_loop


def settings(**changes: Any) -> TlsSettings:
    values = {"certificate": str(folder() / "server.pem"), "key": str(folder() / "server.key"), **changes}
    return TlsSettings(**values)


def demanding(**changes: Any) -> TlsContexts:
    values = {"client_ca": str(folder() / "ca.pem"), "client_certificate": "required", **changes}
    return TlsContexts(settings(**values))


class Demanding(Served):
    def __init__(self, contexts: TlsContexts) -> None:
        super().__init__(MqttListener("mqtts", self.connect, host="127.0.0.1", port=0, tls=contexts))

    async def dial(self, *, certificate: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = client_context(certificate=certificate)
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname="localhost")


async def say_something(served: Demanding, *, certificate: bool) -> None:
    reader, writer = await served.dial(certificate=certificate)
    try:
        writer.write(b"x")
        await reader.readexactly(1)
    finally:
        writer.transport.abort()


async def assert_refused(served: Demanding, *, certificate: bool) -> None:
    """With TLS 1.3 the refusal comes after the client's side of the handshake."""
    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        await say_something(served, certificate=certificate)


@on_our_loop
async def test_a_clients_certificate_reaches_the_peer() -> None:
    async with Demanding(demanding()) as served:
        _, writer = await served.dial(certificate=True)
        certificate = (await served.talker()).peer.certificate
        assert isinstance(certificate, Certificate)
        assert certificate.common_name == "myna-1"
        assert ("organizationName", "Birds") in certificate.subject
        assert certificate.names["DNS"] == ("one.example", "two.example")
        assert certificate.names["URI"] == ("urn:myna:1",)
        binary = ssl.PEM_cert_to_DER_cert((folder() / "client.pem").read_text())
        assert certificate.sha1 == hashlib.sha1(binary).hexdigest()
        assert certificate.sha256 == hashlib.sha256(binary).hexdigest()
        assert 29 * 86_400 < certificate.expires_at - time.time() < 31 * 86_400
        assert certificate.der == binary
        assert certificate.trusted
        writer.close()


@on_our_loop
async def test_a_required_certificate_that_is_missing_ends_the_connection() -> None:
    async with Demanding(demanding()) as served:
        await assert_refused(served, certificate=False)
        assert not served.talkers


@on_our_loop
async def test_an_optional_certificate_may_be_missing() -> None:
    async with Demanding(demanding(client_certificate="optional")) as served:
        reader, writer = await served.dial(certificate=False)
        writer.write(b"x")
        assert await reader.readexactly(1) == b"X"
        assert (await served.talker()).peer.certificate is None
        writer.close()


@on_our_loop
async def test_new_certificates_hold_from_the_next_connection_on() -> None:
    contexts = demanding(client_ca=str(folder() / "another.pem"))
    async with Demanding(contexts) as served:
        await assert_refused(served, certificate=True)
        contexts.reload(settings(client_ca=str(folder() / "ca.pem"), client_certificate="required"))
        reader, writer = await served.dial(certificate=True)
        writer.write(b"x")
        assert await reader.readexactly(1) == b"X"
        writer.close()


@on_our_loop
async def test_the_scope_of_a_request_tells_of_tls() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        tls = scope["extensions"]["tls"]
        answer = json.dumps([scope["scheme"], tls["client_cert_name"], tls["myna.certificate"].common_name]).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": answer})

    async with Served(HttpListener("https", app, host="127.0.0.1", port=0, tls=demanding())) as served:
        context = client_context(certificate=True)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", served.port, ssl=context, server_hostname="localhost"
        )
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        answer = await reader.read()
        assert json.loads(answer.partition(b"\r\n\r\n")[2]) == [
            "https",
            "organizationName=Birds,commonName=myna-1",
            "myna-1",
        ]
        assert served.opened[0].url.startswith("https://127.0.0.1:")
        writer.close()


@on_our_loop
async def test_a_connection_whose_certificate_is_no_longer_trusted_carries_no_further_request() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    contexts = demanding()
    async with Served(HttpListener("https", app, host="127.0.0.1", port=0, tls=contexts)) as served:
        context = client_context(certificate=True)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", served.port, ssl=context, server_hostname="localhost"
        )
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
        (shown,) = contexts._shown
        shown.trusted = False
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 401")  # and it ends
        writer.close()


def test_the_minimum_version_is_a_setting() -> None:
    assert make_context(settings()).minimum_version is ssl.TLSVersion.TLSv1_2
    assert make_context(settings(minimum_version="1.3"), ("mqtt",)).minimum_version is ssl.TLSVersion.TLSv1_3
    assert make_context(settings(ciphers="ECDHE+AESGCM")).get_ciphers()


def test_what_cannot_be_used_is_named_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "junk.pem").write_text("no certificate")
    cases: list[tuple[dict[str, str], str]] = [
        ({"certificate": "/nowhere/cert.pem"}, "cannot read /nowhere/cert.pem: No such file"),
        ({"certificate": str(tmp_path / "junk.pem")}, "cannot be used with the key"),
        ({"key": str(folder() / "client.key")}, "belong together"),
        ({"client_certificate": "required"}, "no client_ca"),
        ({"client_certificate": "required", "client_ca": str(tmp_path / "junk.pem")}, "client CA .* cannot be used"),
        ({"ciphers": "NOSUCH"}, "no usable cipher in 'NOSUCH'"),
    ]
    for changes, message in cases:
        with pytest.raises(TlsError, match=message):
            make_context(settings(**changes))


def test_a_failed_reload_keeps_the_old_context() -> None:
    contexts = TlsContexts(settings())
    before = contexts.current
    with pytest.raises(TlsError):
        contexts.reload(settings(key="/nowhere"))
    assert contexts.current is before
    contexts.reload()
    assert contexts.current is not before
