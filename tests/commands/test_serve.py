"""`myna serve` as people and service managers see it."""

import json
import signal
import socket
from pathlib import Path

import pytest

from myna.faces import FACES
from tests.commands.processes import listeners_of, outcome, read_all, serve

FREE = ("--mqtt", "localhost:0", "--http", "localhost:0", *(("--bifromq", "localhost:0") if "bifromq" in FACES else ()))
CONNECT = b"\x10\x10\0\4MQTT\4\2\0\0\0\4test"
CONNECT_5 = b"\x10\x11\0\4MQTT\5\2\0\0\0\0\4test"
CONNACK = b"\x20\x02\0\0"


def test_development_mode_serves_mqtt_and_http_and_says_how_to_reach_them(tmp_path: Path) -> None:
    with serve(*FREE, "--memory", cwd=tmp_path) as broker:
        port = broker.address("mqtt")[1]
        assert f"-p {port} -t hello/world" in broker.banner
        assert "everybody on this machine" in broker.banner
        with broker.connect() as client:
            client.sendall(CONNECT)
            assert client.recv(100) == CONNACK
            assert broker.fetch("/health")[0] == 200
            assert "myna_connections 1\n" in broker.fetch("/metrics")[1]
        assert list(tmp_path.iterdir()) == []
        code, out, err = broker.stop()
    assert code == 0
    assert out.endswith("stopped\n")
    assert "client connected  client=test tenant=DevOnly user=DevUser" in err


def test_the_data_folder_tells_programs_where_to_connect(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with serve(*FREE, "--data", str(folder)) as broker:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert set(listeners_of(folder)) == {"mqtt", "http", *({"bifromq"} & set(FACES))}
        assert str(broker.address("mqtt")[1]) in listeners_of(folder)["mqtt"]
        code, out, err = outcome("serve", *FREE, "--data", str(folder))
        assert (code, out) == (2, "")
        assert err.startswith(
            f"myna serve: the data folder {folder} is in use by process {broker.process.pid}. Stop it"
        )
        assert broker.stop()[0] == 0
    assert not (folder / "listeners.json").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopping_tells_mqtt_5_clients_why(number: int) -> None:
    with serve(*FREE, "--memory") as broker, broker.connect() as client, broker.connect() as silent:
        client.sendall(CONNECT_5)
        assert client.recv(100)[0] == 0x20
        broker.process.send_signal(number)
        assert read_all(client)[::2][:2] == b"\xe0\x8b"
        assert read_all(silent) == b""
        client.close()
        silent.close()
        assert broker.wait()[0] == 0


def test_a_second_signal_stops_at_once() -> None:
    with serve(*FREE, "--memory") as broker, broker.connect() as client:
        client.sendall(CONNECT_5)
        client.recv(100)
        broker.process.send_signal(signal.SIGTERM)
        read_all(client)  # it waits for this client to go, too
        assert broker.stop()[0] == 1


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, out, err = outcome(
            "serve", "--mqtt", address, "--http", "localhost:0", "--bifromq", "localhost:0", "--memory"
        )
    assert (code, out) == (2, "")
    assert err == (
        f"myna serve: address already in use: another process listens on {address}. Stop it or choose another port\n"
    )


@pytest.mark.parametrize("address", ["0.0.0.0:1883", "[::]:1883", ":1883", "192.0.2.1:1883", "example.com:1883"])
def test_without_a_file_nobody_from_elsewhere_may_come(address: str) -> None:
    code, _, err = outcome("serve", "--mqtt", address, "--memory")
    assert code == 1
    assert err.startswith("myna serve: refusing to listen on ")
    assert "Listen on localhost:1883, or say in a file who may connect and start with -c" in err
    assert err.count("\n") == 1


def test_everything_wrong_with_a_file_is_said_with_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    file.write_text('[limits]\nmaximum_qos = 3\n[server]\nmemry = true\n[[mqtt]]\nlisten = "x"\n')
    code, out, err = outcome("serve", "-c", str(file))
    assert (code, out) == (1, "")
    assert err.splitlines()[0] == f"myna serve: {file}:4: server.memry: unknown key; did you mean memory?"
    assert f"{file}:2: limits.maximum_qos: expected a whole number from 0 up to 2, got 3" in err
    assert f"{file}:6: mqtt[1].listen: expected an address" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-c", "/does/not/exist.toml"), "cannot read /does/not/exist.toml: No such file or directory"),
        (("--mqtt", "nowhere"), 'argument --mqtt: expected an address such as "localhost:1883"'),
        (
            ("--data", "/dev/null/x", *FREE),
            "cannot use /dev/null/x: Not a directory. Choose another folder with --data",
        ),
        (("--bifromq", "localhost:99999"), "argument --bifromq: expected an address"),
    ],
)
def test_what_a_user_gets_wrong_is_one_clear_line(arguments: tuple[str, ...], said: str) -> None:
    code, _, err = outcome("serve", *arguments)
    assert code in (1, 2)
    assert said in err
    assert "Traceback" not in err


def test_the_environment_overrides_and_logs_can_be_json() -> None:
    environ = {
        "MYNA_MQTT__0__LISTEN": "localhost:0",
        "MYNA_HTTP__0__LISTEN": "localhost:0",
        "MYNA_BIFROMQ__0__LISTEN": "localhost:0",
        "MYNA_SERVER__MEMORY": "true",
    }
    with serve("--log-format", "json", environ=environ) as broker, broker.connect() as client:
        client.sendall(CONNECT)
        assert client.recv(100) == CONNACK
        line = json.loads(broker.wait_for("client connected"))
        assert (line["level"], line["client"], line["tenant"]) == ("info", "test", "DevOnly")


def test_a_file_without_authenticators_refuses_everybody_and_hangup_reads_it_again(tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    text = '[server]\nmemory = true\n[[mqtt]]\nlisten = "127.0.0.1:0"\n'
    file.write_text(text)
    with serve("-c", str(file)) as broker:
        assert "NOBODY" in broker.banner
        with broker.connect() as client:
            client.sendall(CONNECT)
            assert read_all(client) == b"\x20\x02\0\5"
        line = broker.wait_for("refused: CONNECT")
        assert "this endpoint has no authenticators" in line
        file.write_text(text + "[access]\nmqtt = ['opn']\n")
        broker.process.send_signal(signal.SIGHUP)
        assert 'no such authenticator "opn"; did you mean open?' in broker.wait_for("stays as it was")
        file.write_text(text.replace("127.0.0.1:0", "127.0.0.1:9") + "[access]\nmqtt = ['open']\n")
        broker.process.send_signal(signal.SIGHUP)
        assert "wait for a restart: mqtt" in broker.wait_for("wait for a restart")
        with broker.connect() as client:
            client.sendall(CONNECT)
            assert client.recv(100) == CONNACK
        assert broker.stop()[0] == 0


def test_a_unix_socket_is_served_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "mqtt.sock"
    file = tmp_path / "myna.toml"
    file.write_text(
        f'[server]\nmemory = true\n[[mqtt]]\nlisten = "unix:{path}"\nmode = 0o600\n[access]\nmqtt = ["open"]\n'
    )
    with serve("-c", str(file)) as broker:
        assert path.stat().st_mode & 0o777 == 0o600
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(str(path))
            client.sendall(CONNECT)
            assert client.recv(100) == CONNACK
        assert broker.stop()[0] == 0
    assert not path.exists()
