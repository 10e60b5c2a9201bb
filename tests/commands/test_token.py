"""`myna token`: what it makes is what the broker takes."""

import asyncio
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from myna.access.jwt import Jwt, Settings
from myna.app.tokens import put_claim
from myna.commands import main
from myna.core.identity import Identity
from myna.faces.webpubsub.settings import DEVELOPMENT_KEY
from myna.faces.webpubsub.tokens import CLIENT, MQTT, Tokens
from myna.formats.jwt import read_unverified
from myna.testing import World
from tests.access.contexts import access_context
from tests.access.tickets import FakeTicket
from tests.commands.processes import outcome, serve
from tests.faces.eventgrid.harness import Desk
from tests.formats.signers import PRIVATE, SECRET, pem, private_pem


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data folder of whoever runs the tests is nobody's business."""
    monkeypatch.chdir(tmp_path)


class Said:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def ok(self, *arguments: str) -> str:
        assert main(["token", *arguments]) == 0
        said = self._capsys.readouterr()
        assert said.err == ""
        assert said.out.count("\n") == 1
        return said.out.strip()

    def complaint(self, code: int, *arguments: str) -> str:
        assert main(["token", *arguments]) == code
        said = self._capsys.readouterr()
        assert said.out == ""
        return said.err


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(capsys)


def claims_of(token: str) -> dict[str, Any]:
    return read_unverified(token)[1]


# Web PubSub


def test_a_client_s_address_is_one_the_hub_opens(said: Said) -> None:
    url = said.ok("webpubsub", "--hub", "chat", "--user", "alice", "--role", "r", "--group", "g", "--claim", "n=1")
    address, _, token = url.partition("?access_token=")
    assert address == "ws://localhost:8080/client/hubs/chat"
    found = Tokens((DEVELOPMENT_KEY,)).client(token, CLIENT, "chat", "localhost:8080", time.time())
    assert found is not None
    assert (found.user, found.roles, found.groups, found.others["n"]) == ("alice", ("r",), ("g",), 1)
    assert abs(found.others["exp"] - time.time() - 3600) < 60


def test_mqtt_clients_have_addresses_of_their_own(said: Said) -> None:
    token = said.ok("webpubsub", "--hub", "chat", "--mqtt", "--token-only", "--expires", "2 min")
    found = Tokens((DEVELOPMENT_KEY,)).client(token, MQTT, "chat", "x", time.time() + 100)
    assert found is not None
    assert found.user == ""


def test_key_and_address_come_from_a_configuration(said: Said, tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    key = "k" * 40
    file.write_text(f'[[http]]\nlisten = "0.0.0.0:8443"\n[faces.webpubsub]\naccess_key = "{key}"\n')
    url = said.ok("webpubsub", "-c", str(file), "--hub", "chat", "--endpoint", "https://push.example")
    assert url.startswith("wss://push.example/client/hubs/chat?access_token=")
    assert Tokens((key,)).client(url.partition("=")[2], CLIENT, "chat", "push.example", time.time()) is not None
    assert said.ok("webpubsub", "-c", str(file), "--hub", "chat").startswith("ws://0.0.0.0:8443/")


def test_a_key_that_the_broker_has_made_is_found_in_its_folder(said: Said, tmp_path: Path) -> None:
    file, data = tmp_path / "myna.toml", tmp_path / "data"
    file.write_text(f'[server]\ndata = "{data}"\n[faces.webpubsub]\n')
    assert "there is no access key in" in said.complaint(
        2, "webpubsub", "-c", str(file), "--hub", "a", "--endpoint", "http://x"
    )
    data.mkdir()
    (data / "webpubsub-access-key.key").write_text("m" * 64 + "\n")
    assert "nothing listens for HTTP" in said.complaint(2, "webpubsub", "-c", str(file), "--hub", "a")
    (data / "listeners.json").write_text('{"listeners": [{"name": "http", "url": "http://127.0.0.1:9/"}]}')
    url = said.ok("webpubsub", "-c", str(file), "--hub", "a")
    assert url.startswith("ws://127.0.0.1:9/client/hubs/a?")
    assert Tokens(("m" * 64,)).client(url.partition("=")[2], CLIENT, "a", "x", time.time()) is not None


def test_a_connection_string_has_both(said: Said, tmp_path: Path) -> None:
    file = tmp_path / "string"
    file.write_text(f"AccessKey={DEVELOPMENT_KEY}==;Port=8080;endpoint=http://localhost;Version=1.0;\n")
    url = said.ok("webpubsub", "--hub", "chat", "--connection-string-file", str(file))
    assert url.startswith("ws://localhost:8080/client/hubs/chat?")
    assert Tokens((DEVELOPMENT_KEY + "==",)).client(url.partition("=")[2], CLIENT, "chat", "x", time.time()) is not None
    file.write_text("Endpoint=http://localhost")
    assert "lacks" in said.complaint(2, "webpubsub", "--hub", "chat", "--connection-string-file", str(file))


# The authenticator jwt


def judged(settings: dict[str, Any], token: str, client_id: str = "c", user_name: str | None = None) -> object:
    world = World()
    world.now = time.time()
    ticket = FakeTicket(user_name=user_name, password=token.encode())
    ticket.level, ticket.client_id = 5, client_id
    answer = Jwt(msgspec.convert(settings, Settings), access_context(world)).judge(ticket, world.now)

    async def wait() -> object:
        return await answer if isinstance(answer, Awaitable) else answer

    return asyncio.run(wait())


@pytest.mark.parametrize("algorithm", ["RS256", "PS512", "ES256", "ES512", "EdDSA"])
def test_a_token_is_signed_with_a_key_file(said: Said, tmp_path: Path, algorithm: str) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(private_pem(PRIVATE[algorithm]))
    options = ["--key", str(file), "--issuer", "i", "--audience", "broker", "--kid", "k1", "--claim", "tenant=acme"]
    algorithms = ["--algorithm", algorithm] if algorithm == "PS512" else []
    token = said.ok("jwt", "--user", "alice", *options, *algorithms)
    assert read_unverified(token)[0] | {"typ": "JWT"} == {"alg": algorithm, "kid": "k1", "typ": "JWT"}
    issuer = {
        "issuer": "i",
        "keys": [pem(PRIVATE[algorithm]).decode()],
        "audiences": ["broker"],
        "tenant_claim": "tenant",
    }
    identity = judged({"issuers": [issuer]}, token)
    assert isinstance(identity, Identity)
    assert (identity.tenant, identity.user) == ("acme", "alice")


def test_a_token_is_what_the_configured_issuer_asks_for(said: Said, tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    file.write_text(
        f"""
[[access.jwt.issuers]]
issuer = "other"
keys = ["whatever.pem"]
[[access.jwt.issuers]]
issuer = "mine"
secret = "{SECRET.decode()}"
audiences = ["broker"]
user_claims = ["preferred_username"]
tenant_claim = "org.name"
client_id_claim = "cid"
user_name_claim = "https://example.com/name"
required_claims = {{ scope = ["mqtt", "all"], seen = "*" }}
"""
    )
    who = ["--user", "alice", "--tenant", "acme", "--client-id", "c", "--user-name", "al", "--claim", "seen=true"]
    token = said.ok("jwt", "-c", str(file), *who)
    settings = {"issuers": [msgspec.toml.decode(file.read_bytes())["access"]["jwt"]["issuers"][1]]}
    identity = judged(settings, token, user_name="al")
    assert isinstance(identity, Identity)
    assert (identity.tenant, identity.user) == ("acme", "alice")
    assert not isinstance(judged(settings, token, client_id="d"), Identity)
    assert "no issuer of the name other with a `secret`" in said.complaint(
        2, "jwt", "-c", str(file), "--user", "a", "--issuer", "other"
    )


@pytest.mark.parametrize(
    ("mapping", "options", "complaint"),
    [
        ("", ["--tenant", "acme"], "has no tenant_claim: all its users are of the tenant DevOnly"),
        ('tenant_claim = "t"', [], "takes the tenant from the claim t: give it with --tenant"),
        ('client_id_claim = "c"', [], "binds tokens to a client id by the claim c: give it with --client-id"),
        ('user_name_claim = "u"', [], "binds tokens to a user name by the claim u: give it with --user-name"),
    ],
)
def test_a_token_that_would_let_in_nobody_or_somebody_else_is_not_made(
    said: Said, tmp_path: Path, mapping: str, options: list[str], complaint: str
) -> None:
    file = tmp_path / "myna.toml"
    file.write_text(f'[[access.jwt.issuers]]\nissuer = "mine"\nsecret = "{SECRET.decode()}"\n{mapping}\n')
    assert complaint in said.complaint(1, "jwt", "-c", str(file), "--user", "alice", *options)


def test_a_secret_comes_from_a_file_or_standard_input(said: Said, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(SECRET + b"\n")
    token = said.ok(
        "jwt", "--secret-file", str(file), "--user", "alice", "--expires", "90", "--audience", "a", "--audience", "b"
    )
    assert claims_of(token)["aud"] == ["a", "b"]
    assert isinstance(judged({"issuers": [{"secret": SECRET.decode()}]}, token), Identity)


@pytest.mark.parametrize(
    ("code", "words", "arguments"),
    [
        (1, "for whom", ["jwt"]),
        (1, "of which hub", ["webpubsub"]),
        (1, "is no address", ["webpubsub", "--hub", "a", "--endpoint", "localhost:80"]),
        (2, "no hub can be named", ["webpubsub", "--hub", "a/b"]),
        (2, "no group can be named", ["webpubsub", "--hub", "a", "--group", ""]),
        (2, "no issuer with a `secret`", ["jwt", "--user", "a"]),
        (2, "nothing.pem: No such file", ["jwt", "--user", "a", "--key", "nothing.pem"]),
        (1, "cannot read nothing.toml", ["jwt", "--user", "a", "-c", "nothing.toml"]),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(said: Said, code: int, words: str, arguments: list[str]) -> None:
    complaint = said.complaint(code, *arguments)
    assert words in complaint
    assert complaint.count("\n") == 1


def test_a_key_that_cannot_sign_is_named_and_not_shown(said: Said, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(pem(PRIVATE["RS256"]))
    assert "no private key that can be used" in said.complaint(2, "jwt", "--user", "a", "--key", str(file))
    file.write_bytes(private_pem(PRIVATE["ES256"]))
    complaint = said.complaint(2, "jwt", "--user", "a", "--key", str(file), "--algorithm", "RS256")
    assert "cannot sign by RS256" in complaint
    assert "BEGIN" not in complaint
    file.write_bytes(b"")
    assert "there is nothing in it" in said.complaint(2, "jwt", "--user", "a", "--secret-file", str(file))


@pytest.mark.parametrize("option", ["--expires=0", "--expires=never", "--claim=x", "--claim==1"])
def test_what_is_no_value_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["token", "eventgrid", option])
    assert ended.value.code == 1
    assert "Try: myna token --help" in capsys.readouterr().err


def test_the_way_to_a_claim_is_made() -> None:
    claims: dict[str, Any] = {}
    for name in ("a.b", "a.c", "https://x.y/z"):
        put_claim(claims, name, 1)
    assert claims == {"a": {"b": 1, "c": 1}, "https://x.y/z": 1}


# Event Grid


async def test_development_s_bearer_is_taken_in_development_mode(said: Said) -> None:
    desk = Desk()
    desk.world.now = time.time()
    token = ""
    for arguments in ((), ("--user", "device-1", "--claim", "floor=3")):
        token = said.ok("eventgrid", *arguments)
        assert (await desk.publish("topic=a", token=token.encode())).status == 204
    assert (claims_of(token)["sub"], claims_of(token)["floor"]) == ("device-1", 3)


def test_with_a_configuration_it_is_that_of_its_issuer(said: Said, tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    file.write_text("[faces.eventgrid]\n")
    assert "no issuer with a `secret`" in said.complaint(2, "eventgrid", "-c", str(file))
    file.write_text(f'[[faces.eventgrid.issuers]]\nissuer = "i"\nsecret = "{SECRET.decode()}"\n')
    claims = claims_of(said.ok("eventgrid", "-c", str(file), "--user", "d"))
    assert (claims["iss"], claims["sub"], claims["oid"], claims["aud"]) == (
        "i",
        "d",
        "d",
        "https://eventgrid.azure.net",
    )


def test_a_real_broker_takes_what_the_command_prints(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    with serve("--data", data, "--mqtt", "localhost:0", "--http", "localhost:0") as broker:
        code, url, error = outcome("token", "webpubsub", "--hub", "chat", "--data", data)
        assert (code, error) == (0, "")
        assert "{}:{}".format(*broker.address("http")) in url.replace("localhost", "127.0.0.1").replace(
            "[::1]", "127.0.0.1"
        )
        token = outcome("token", "eventgrid")[1].strip()
        with broker.connect("http") as http:
            head = f"POST /mqtt/messages?topic=a HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"
            http.sendall(f"{head}content-length: 0\r\nconnection: close\r\n\r\n".encode())
            assert http.recv(65536).startswith(b"HTTP/1.1 204")
