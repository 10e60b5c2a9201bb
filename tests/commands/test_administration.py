"""`myna sessions`, `retained`, `kick` and `ban` against a real broker, which they find by themselves."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.processes import Serving, outcome, serve

CONNECT = b"\x10\x14\0\4MQTT\4\2\0\0\0\x08sensor-7"
ACCEPTED = b"\x20\x02\0\0"
SUBSCRIBE = b"\x82\x08\0\1\0\3a/b\1"


class Running:
    def __init__(self, serving: Serving, folder: Path) -> None:
        self.serving = serving
        self.folder = folder

    def run(self, *arguments: str) -> tuple[int, str, str]:
        return outcome(*arguments, "--data", str(self.folder))

    def connect(self) -> socket.socket:
        client = self.serving.connect()
        client.sendall(CONNECT + SUBSCRIBE)
        assert client.recv(9, socket.MSG_WAITALL) == ACCEPTED + b"\x90\x03\0\1\1"
        return client


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("administration") / "data"
    with serve("--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", str(folder)) as serving:
        yield Running(serving, folder)


def test_sessions_are_listed_shown_and_kicked(running: Running) -> None:
    client = running.connect()
    code, out, err = running.run("sessions")
    assert (code, err) == (0, "")
    assert out.splitlines()[0].split()[:3] == ["CLIENT", "TENANT", "USER"]
    assert "sensor-7" in out.splitlines()[1]
    assert out.endswith("\n1 session\n")
    code, out, _ = running.run("sessions", "sensor-7")
    assert "protocol    MQTT 3.1.1" in out
    assert "subscribed  a/b  QoS 1" in out
    shown = json.loads(running.run("sessions", "--json", "--online")[1])
    assert [one["client_id"] for one in shown] == ["sensor-7"]
    assert running.run("kick", "sensor-7") == (0, "sensor-7 of tenant DevOnly: disconnected\n", "")
    assert client.recv(1) == b""
    client.close()
    code, out, err = running.run("kick", "sensor-7")
    assert (code, out, err) == (1, "", "myna kick: nobody of that name is connected\n")
    assert running.run("sessions", "sensor-7")[0] == 1


def test_bans_are_made_listed_and_lifted(running: Running) -> None:
    assert running.run("ban", "add", "--client", "sensor-7", "--for", "1h", "--reason", "floods")[0] == 0
    with running.serving.connect() as refused:
        refused.sendall(CONNECT)
        assert refused.recv(4) != ACCEPTED
    code, out, _ = running.run("ban")
    assert code == 0
    assert "client id  sensor-7  all tenants" in out
    assert "floods" in out
    assert running.run("ban", "remove", "--client", "sensor-7") == (0, "lifted: client id sensor-7\n", "")
    assert json.loads(running.run("ban", "--json")[1]) == []
    code, _, err = running.run("ban", "remove", "--client", "sensor-7")
    assert (code, err) == (1, "myna ban: there is no ban of the client_id 'sensor-7' in all tenants\n")
    assert running.run("ban", "add", "--user", "ann", "--client", "phone")[0] == 0
    assert "client of user  ann / phone  all tenants" in running.run("ban")[1]
    lifted = "lifted: client of user ann / phone\n"
    assert running.run("ban", "remove", "--user", "ann", "--client", "phone") == (0, lifted, "")
    assert "say whom" in running.run("ban", "add", "--user", "ann", "--address", "::1")[2]
    assert "expected a duration" in running.run("ban", "add", "--user", "x", "--for", "soon")[2]


def test_retained_messages_are_set_read_listed_and_removed(running: Running) -> None:
    tenant = ("--tenant", "acme")
    assert running.run("retained", "set", "plant/7", "-m", "off", *tenant) == (0, "set: plant/7\n", "")
    assert running.run("retained", "get", "plant/7", *tenant)[1] == "off"
    _, out, _ = running.run("retained", "list", "plant/+", *tenant)
    assert out.splitlines()[1].split()[:3] == ["plant/7", "1", "3"]
    assert running.run("retained", "remove", "plant/7", *tenant)[0] == 0
    assert json.loads(running.run("retained", "--json", *tenant)[1]) == []
    assert running.run("retained", "remove", "plant/7", *tenant)[0] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("sessions", "-n", "0"), 1, "a number from 1"),
        (("kick",), 1, "say whom"),
        (("ban", "add"), 1, "say whom"),
        (("ban", "--user", "x"), 1, "lists all"),
        (("retained", "get"), 1, "say which topic"),
        (("retained", "set", "a"), 1, "-m TEXT or -f FILE"),
        (("retained", "set", "a", "-f", "/nowhere", "--tenant", "t"), 1, "cannot read /nowhere"),
        (("sessions", "--url", "foo"), 1, "is no URL"),
        (("sessions", "-c", "/nowhere.toml"), 2, "cannot read /nowhere.toml"),
        (("sessions", "--token-file", "/nowhere"), 2, "there is no token in /nowhere"),
        (("sessions", "--url", "http://127.0.0.1:1"), 2, "connection refused"),
        (("sessions", "--url", "https://127.0.0.1:1", "--ca", "/nowhere"), 1, "cannot use /nowhere"),
    ],
)
def test_what_cannot_be_done_ends_in_one_line(
    running: Running, arguments: tuple[str, ...], code: int, words: str
) -> None:
    ended, out, err = running.run(*arguments)
    assert (ended, out) == (code, "")
    assert words in err
    assert err.startswith(f"myna {arguments[0]}")
    assert "Traceback" not in err


def test_a_wrong_token_is_explained(running: Running, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("wrong\n")
    code, _, err = running.run("sessions", "--token-file", str(tmp_path / "token"))
    assert code == 3
    assert "refused the token of" in err


def test_without_a_broker_it_says_how_to_start_one(tmp_path: Path) -> None:
    code, _, err = outcome("sessions", cwd=tmp_path)
    assert code == 2
    assert "Start one with: myna serve" in err


CONFIGURATION = """
[server]
data = "{data}"
[[http]]
listen = "127.0.0.1:0"
[[admin]]
listen = "unix:{data}.sock"
[administration]
token = "{token}"
"""


def test_a_unix_socket_and_a_token_of_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    file.write_text(CONFIGURATION.format(data=tmp_path / "d", token="0123456789abcdef" * 2))
    with serve("-c", str(file)) as serving:
        assert "as [administration] says" in serving.banner
        assert outcome("sessions", "-c", str(file)) == (0, outcome("sessions", "-c", str(file))[1], "")
        assert not (tmp_path / "d" / "admin-token.key").exists()
        assert serving.fetch("/api/admin/sessions")[0] == 404  # not on the common port
        assert serving.fetch("/metrics")[0] == 404


def test_a_broker_that_keeps_nothing_says_its_token(tmp_path: Path) -> None:
    with serve("--memory", "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0") as serving:
        token = next(line.split()[-1] for line in serving.banner.splitlines() if line.startswith("  token"))
        (tmp_path / "token").write_text(token)
        url = "http://{}:{}".format(*serving.address("http"))
        assert outcome("sessions", "--url", url, "--token-file", str(tmp_path / "token"))[0] == 0
        assert serving.fetch("/metrics")[0] == 200  # development: open


def test_a_broker_that_keeps_nothing_is_found_by_its_configuration(tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    text = CONFIGURATION.format(data=tmp_path / "d", token="0123456789abcdef" * 2)
    file.write_text(text.replace("[server]", "[server]\nmemory = true"))
    with serve("-c", str(file)) as serving:
        assert outcome("sessions", "-c", str(file))[0] == 0
        line = next(one for one in serving.banner.splitlines() if "http+unix:" in one)
        printed = line[line.index("http+unix:") : line.index(".sock") + len(".sock")]  # there may be spaces in it
        (tmp_path / "token").write_text("0123456789abcdef" * 2)
        for url in (printed, f"unix:{tmp_path}/d.sock"):
            assert outcome("sessions", "--url", url, "--token-file", str(tmp_path / "token"))[0] == 0, url
