"""One running broker, with a face, on real sockets of this machine."""

import asyncio
import contextlib
import json
import shutil
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from myna.app import App, CannotStart, examine
from myna.config import Loaded, load_text
from myna.faces.contract import Face
from tests.net import certificates

FACES = {"pigeon": "tests.faces.pigeon:PigeonFace"}
FILE = """
[server]
memory = {memory}
data = "{data}"
[[mqtt]]
listen = "localhost:0"
[[http]]
listen = "localhost:0"
[access]
mqtt = ["pigeon", "open"]
[log]
format = "json"
"""
CONNECT = b"\x10\x10\0\4MQTT\4\2\0\0\0\4test"
CONNECT_AS_PIGEON = b"\x10\x15\0\4MQTT\4\x82\0\0\0\4test\0\3bob"


def loaded(tmp_path: Path, more: str = "[faces.pigeon]\n", *, memory: bool = True, text: str = FILE) -> Loaded:
    filled = text.format(memory=str(memory).lower(), data=tmp_path / "data") + more
    return load_text(filled.encode(), "myna.toml", {})


def run(configuration: Loaded, scenario: Callable[[App], Awaitable[None]]) -> None:
    """A scenario with a broker that runs, and ends in order."""

    async def inner() -> None:
        app = App(configuration, FACES)
        await app.start()
        try:
            await scenario(app)
        finally:
            await hang_up()
            await app.drain()

    asyncio.run(asyncio.wait_for(inner(), 60))


WRITERS: list[asyncio.StreamWriter] = []


async def hang_up() -> None:
    while WRITERS:
        writer = WRITERS.pop()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def open_stream(app: App, kind: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = app.urls[kind][0].split("://")[1].rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    WRITERS.append(writer)
    return reader, writer


async def fetch(app: App, request: bytes) -> tuple[int, bytes]:
    reader, writer = await open_stream(app, "http")
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    body = await reader.readexactly(length)
    return int(head.split(b" ")[1]), body


def test_clients_connect_and_pages_are_served(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        reader, writer = await open_stream(app, "mqtt")
        writer.write(CONNECT)
        assert await reader.readexactly(4) == b"\x20\x02\0\0"
        status, body = await fetch(app, b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        assert status == 200
        assert json.loads(body) == {"status": "ok"}
        assert app.health() == (True, {"status": "ok", "listeners": app.urls})
        status, body = await fetch(app, b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b"myna_connections 1\n" in body
        assert b"pigeons 7\n" in body

    run(loaded(tmp_path, '[faces.pigeon]\n[administration]\nmetrics = "open"\n'), scenario)


def test_a_message_over_http_reaches_an_mqtt_client_of_the_same_tenant(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        reader, writer = await open_stream(app, "mqtt")
        writer.write(CONNECT_AS_PIGEON + b"\x82\x0b\0\1\0\6pigeon\0")
        assert await reader.readexactly(9) == b"\x20\x02\0\0\x90\x03\0\1\0"
        request = b"POST /pigeon/send HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\ncoo"
        assert (await fetch(app, request))[0] == 202
        assert await reader.readexactly(13) == b"\x30\x0b\0\6pigeoncoo"

    run(loaded(tmp_path), scenario)


def test_placeholders_of_a_face_s_path_are_decoded(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        assert await fetch(app, b"GET /pigeon/lofts/a%2Fb HTTP/1.1\r\nhost: x\r\n\r\n") == (200, b"a/b")

    run(loaded(tmp_path), scenario)


@pytest.mark.parametrize("path", [b"/mqtt", b"/pigeon/mqtt/north"])
def test_mqtt_over_websocket_at_the_broker_s_path_and_at_a_face_s(tmp_path: Path, path: bytes) -> None:
    async def scenario(app: App) -> None:
        reader, writer = await open_stream(app, "http")
        writer.write(
            b"GET " + path + b" HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            b"sec-websocket-protocol: mqtt\r\n\r\n"
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101")
        writer.write(bytes((0x82, 0x80 | len(CONNECT_AS_PIGEON))) + b"\0\0\0\0" + CONNECT_AS_PIGEON)
        assert await reader.readexactly(6) == b"\x82\x04\x20\x02\0\0"

    run(loaded(tmp_path), scenario)


def test_without_authenticators_every_connect_is_refused(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        reader, writer = await open_stream(app, "mqtt")
        writer.write(CONNECT)
        assert await reader.read() == b"\x20\x02\0\5"

    text = FILE.replace('mqtt = ["pigeon", "open"]', "")
    run(loaded(tmp_path, text=text), scenario)


def test_the_listeners_are_written_down_while_they_are_open(tmp_path: Path) -> None:
    file = tmp_path / "data/listeners.json"

    async def scenario(app: App) -> None:
        written = json.loads(file.read_bytes())
        assert [one["url"] for one in written["listeners"]] == [*app.urls["mqtt"], *app.urls["http"]]
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.parent.stat().st_mode & 0o777 == 0o700

    run(loaded(tmp_path, memory=False), scenario)
    assert not file.exists()


@pytest.mark.parametrize(
    ("wills", "of_tenant", "expected"), [(True, True, ["w"]), (False, True, []), (True, False, [])]
)
def test_draining_tells_mqtt_5_clients_and_publishes_wills_unless_told_not_to(
    tmp_path: Path, wills: bool, of_tenant: bool, expected: list[str]
) -> None:
    connect_with_will = b"\x10\x1b\0\4MQTT\5\6\0\0\0\0\4test\0\0\1w\0\4gone"
    published: list[str] = []

    async def inner() -> None:
        text = FILE.replace("[[mqtt]]", f"wills_at_shutdown = {str(wills).lower()}\n[[mqtt]]")
        more = f"[faces.pigeon]\n[tenant.DevOnly.limits]\nwills_at_shutdown = {str(of_tenant).lower()}\n"
        app = App(loaded(tmp_path, more, text=text), FACES)
        await app.start()
        reader, writer = await open_stream(app, "mqtt")
        writer.write(connect_with_will)
        connack = await reader.read(100)
        assert connack[0] == 0x20
        silent_reader, _ = await open_stream(app, "mqtt")
        before = app.broker.counters.wills_published
        draining = asyncio.ensure_future(app.drain())
        assert (await reader.read())[::2] == b"\xe0\x8b"  # DISCONNECT, and why
        assert await silent_reader.read() == b""
        await hang_up()
        await draining
        published.extend(["w"] * (app.broker.counters.wills_published - before))
        healthy, details = app.health()
        assert not healthy
        assert details["status"] == "draining"

    asyncio.run(asyncio.wait_for(inner(), 60))
    assert published == expected


def test_faces_start_when_all_is_open_and_stop_before_it_closes(tmp_path: Path) -> None:
    faces: list[Face] = []

    async def scenario(app: App) -> None:
        faces.extend(app._faces.values())
        assert faces[0].life == [f"started at {app.urls['http'][0]}"]  # type: ignore[attr-defined]  # the pigeon's
        assert app.banner() == ["the loft is home, its key 64 characters"]

    run(loaded(tmp_path), scenario)
    assert faces[0].life[-1] == "stopped"  # type: ignore[attr-defined]  # the pigeon's


def refusal(configuration: Loaded) -> str:
    async def start() -> None:
        app = App(configuration, FACES)
        await app.start()

    with pytest.raises(CannotStart) as caught:
        asyncio.run(start())
    return str(caught.value)


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = FILE.replace("localhost:0", f"127.0.0.1:{port}", 1)
        said = refusal(loaded(tmp_path, text=text))
    assert said.startswith(f"address already in use: another process listens on 127.0.0.1:{port}.")


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    more = f'[faces.pigeon]\n[tls]\ncertificate = "{tmp_path}/none.pem"\nkey = "{tmp_path}/none.key"\n'
    text = FILE.replace('listen = "localhost:0"', 'listen = "localhost:0"\ntls = true', 1)
    assert refusal(loaded(tmp_path, more, text=text)) == f"cannot read {tmp_path}/none.pem: No such file or directory"


def test_unknown_faces_and_authenticators_are_named(tmp_path: Path) -> None:
    assert "no such face; did you mean pigeon?" in refusal(loaded(tmp_path, "[faces.pigon]\n"))
    assert 'no such authenticator "pigeon"' in refusal(loaded(tmp_path, ""))


def test_a_listener_for_a_face_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "faces.bifromq: no such face" in refusal(loaded(tmp_path, '[[bifromq]]\nlisten = "localhost:0"\n'))


def test_reading_again_changes_what_can_change_and_says_what_cannot(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(app: App) -> None:
        reader, writer = await open_stream(app, "mqtt")
        writer.write(CONNECT)
        await reader.readexactly(4)
        said: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("myna.app.broker.lines.set_up", lambda level, form: said.append(f"{level} {form}"))
            text = FILE.replace('mqtt = ["pigeon", "open"]', "mqtt = []").replace("[log]", '[log]\nlevel = "error"')
            text = text.replace("[[mqtt]]", '[[mqtt]]\nlisten = "localhost:9"\n[[mqtt]]', 1)
            more = (
                '[faces.pigeon]\nloft = "immovable"\n[limits]\nmaximum_qos = 1\n[tenant.DevOnly.limits]\nsessions = 7\n'
            )
            app.reload(loaded(tmp_path, more, text=text))
        assert said == ["error json"]
        assert app.broker.tenant("DevOnly").limits.sessions == 7
        assert app.broker.tenant("other").limits.maximum_qos == 1
        assert app.urls["mqtt"] == [url for url in app.urls["mqtt"] if not url.endswith(":9")]
        assert "changes that wait for a restart: faces.pigeon, mqtt" in caplog.text
        refused_reader, refused_writer = await open_stream(app, "mqtt")
        refused_writer.write(CONNECT)
        assert await refused_reader.read() == b"\x20\x02\0\5"
        writer.write(b"\xc0\0")  # who is inside stays
        assert await reader.readexactly(2) == b"\xd0\0"

    run(loaded(tmp_path), scenario)


def test_reading_something_wrong_changes_nothing(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        before = app.config
        with pytest.raises(CannotStart, match="no such authenticator"):
            app.reload(loaded(tmp_path, text=FILE.replace("open", "opn")))
        assert app.config is before
        text = FILE.replace('mqtt = ["pigeon", "open"]', 'mqtt = []\nwebsocket = ["opn"]')
        with pytest.raises(CannotStart, match="no such authenticator"):
            app.reload(loaded(tmp_path, text=text))
        reader, writer = await open_stream(app, "mqtt")
        writer.write(CONNECT)
        assert await reader.readexactly(4) == b"\x20\x02\0\0"

    run(loaded(tmp_path), scenario)


def test_examining_opens_and_writes_nothing(tmp_path: Path) -> None:
    assert asyncio.run(examine(loaded(tmp_path, memory=False), FACES)).problems == []
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "data").touch()
    problems = asyncio.run(examine(loaded(tmp_path, "[faces.pigon]\n", memory=False), FACES)).problems
    assert problems == [
        f"myna.toml:4: server.data: {tmp_path}/data is not a folder",
        "myna.toml:13: faces.pigon: no such face; did you mean pigeon?",
    ]


def test_tls_is_spoken_and_a_new_certificate_is_used_after_reading_again(tmp_path: Path) -> None:
    made = certificates.folder()
    pair = tmp_path / "pair"
    pair.mkdir()

    def install(name: str) -> None:
        shutil.copy(made / f"{name}.pem", pair / "c.pem")
        shutil.copy(made / f"{name}.key", pair / "c.key")

    text = FILE.replace('listen = "localhost:0"', 'listen = "localhost:0"\ntls = true', 1)
    more = f'[faces.pigeon]\n[tls]\ncertificate = "{pair}/c.pem"\nkey = "{pair}/c.key"\n'
    install("server")

    async def scenario(app: App) -> None:
        url = app.urls["mqtt"][0]
        assert url.startswith("mqtts://")
        port = int(url.rsplit(":", 1)[1])

        async def shown() -> bytes:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            WRITERS.append(writer)
            writer.write(CONNECT)
            assert await reader.readexactly(4) == b"\x20\x02\0\0"
            certificate: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            return certificate

        before = await shown()
        install("client")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("myna.app.broker.lines.set_up", lambda level, form: None)
            app.reload(loaded(tmp_path, more, text=text))
        assert await shown() != before
        (pair / "c.pem").write_text("broken")
        with pytest.raises(CannotStart, match="cannot be used with the key"):
            app.reload(loaded(tmp_path, more, text=text))
        assert await shown() != before

    run(loaded(tmp_path, more, text=text), scenario)
