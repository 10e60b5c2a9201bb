import os
import socket
import stat
from pathlib import Path

import pytest

from myna.net.addresses import ListenError, listen_tcp, listen_unix, remove_unix, show, show_peer


def close(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


def has_ipv6() -> bool:
    try:
        close([socket.create_server(("::1", 0), family=socket.AF_INET6)])
    except OSError:
        return False
    return True


def test_localhost_is_both_loopback_addresses_on_one_port() -> None:
    for _ in range(20):
        sockets = listen_tcp("localhost", 0)
        assert [sock.getsockname()[0] for sock in sockets] == ["127.0.0.1", "::1"][: 2 if has_ipv6() else 1]
        assert len({sock.getsockname()[1] for sock in sockets}) == 1
        close(sockets)


def test_an_empty_host_is_every_address() -> None:
    sockets = listen_tcp("", 0)
    assert sockets[0].getsockname()[0] == "0.0.0.0"
    assert len({sock.getsockname()[1] for sock in sockets}) == 1
    close(sockets)


def test_a_port_that_is_taken_is_named_and_nothing_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=f"already in use: another process listens on localhost:{port}"):
            listen_tcp("localhost", port)


@pytest.mark.parametrize(
    ("host", "port", "message"),
    [
        ("203.0.113.1", 0, "no such address"),
        ("no-such-host.invalid", 1, "host name is not known"),
        ("x" * 300, 1, "host name"),
        ("127.0.0.1", 70_000, "0 to 65535"),
    ],
)
def test_what_cannot_be_opened_says_why(host: str, port: int, message: str) -> None:
    with pytest.raises(ListenError, match=message):
        listen_tcp(host, port)


def test_accepted_sockets_inherit_the_options() -> None:
    (sock,) = listen_tcp("127.0.0.1", 0)
    with socket.create_connection(sock.getsockname()):
        accepted, address = sock.accept()
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert show_peer(address) == f"127.0.0.1:{address[1]}"
        accepted.close()
    sock.close()


def test_a_stale_unix_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = str(tmp_path / "myna.sock")
    listen_unix(path).close()  # its file stays behind, as after a crash
    sock = listen_unix(path, 0o600)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with pytest.raises(ListenError, match="another process listens there"):
        listen_unix(path)
    remove_unix(path)
    assert os.path.exists(path), "somebody listens"
    sock.close()
    remove_unix(path)
    assert not os.path.exists(path)


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(ListenError, match="no socket"):
        listen_unix(str(path))
    assert path.read_text() == "data"


def test_a_unix_path_without_a_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="folder does not exist"):
        listen_unix(str(tmp_path / "no" / "myna.sock"))


def test_addresses_are_shown_as_one_writes_them() -> None:
    assert show("::1", 80) == "[::1]:80"
    assert show("h", 80) == "h:80"
    assert show_peer("") == "unix"
