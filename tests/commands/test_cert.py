"""`myna cert`, and a broker that runs with what it made."""

import re
import ssl
import stat
import tomllib
from pathlib import Path

import pytest

from tests.commands.processes import outcome, serve


def test_a_broker_runs_with_what_is_printed_and_clients_trust_it(tmp_path: Path) -> None:
    code, out, err = outcome("cert", "server", "broker.test", "192.0.2.7", cwd=tmp_path)
    assert (code, err) == (0, "")
    folder = tmp_path / "myna-certificates"
    assert {file.name for file in folder.iterdir()} == {"ca.pem", "ca.key", "server.pem", "server.key"}
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in folder.iterdir())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "localhost, 127.0.0.1, ::1, broker.test, 192.0.2.7" in out
    printed = out[out.index("[[mqtt]]") : out.index("Clients trust")]
    printed = re.sub(r'"localhost:\d+"', '"127.0.0.1:0"', printed)
    assert set(tomllib.loads(printed)) == {"mqtt", "http", "tls"}
    code, out, _ = outcome("cert", "client", "sensor-7", cwd=tmp_path)
    assert code == 0
    demands = "".join(line + "\n" for line in out.splitlines() if line.startswith("client_c"))
    file = tmp_path / "myna.toml"
    file.write_text(f'{printed}\n{demands}\n[server]\nmemory = true\n[access]\nmqtt = ["open"]\n')
    with serve("-c", str(file), "--log-level", "error") as serving:
        host, port = serving.address("mqtts")
        files = ("--cafile", str(folder / "ca.pem"))
        own = ("--cert", str(folder / "client-sensor-7.pem"), "--key", str(folder / "client-sensor-7.key"))
        assert outcome("pub", "-h", host, "-p", str(port), *files, *own, "-t", "a", "-m", "b")[0] == 0
        assert outcome("pub", "-h", host, "-p", str(port), *files, "-t", "a", "-m", "b")[0] != 0


def test_the_authority_is_kept_and_certificates_are_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    for _ in range(2):
        assert outcome("cert", "server", "--dir", str(folder))[0] == 0
    authority = (folder / "ca.pem").read_bytes()
    assert outcome("cert", "server", "--dir", str(folder))[0] == 0
    assert (folder / "ca.pem").read_bytes() == authority
    ssl.create_default_context(cafile=str(folder / "ca.pem"))


def test_clients_are_revoked_one_after_the_other(tmp_path: Path) -> None:
    from cryptography import x509

    for name in ("one", "two"):
        outcome("cert", "client", name, cwd=tmp_path)
    for name in ("one", "two", "two"):
        code, out, _ = outcome("cert", "revoke", name, cwd=tmp_path)
        assert code == 0
        assert "crl = " in out
    revoked = x509.load_pem_x509_crl((tmp_path / "myna-certificates" / "crl.pem").read_bytes())
    assert len(list(revoked)) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("client",), "say which client"),
        (("client", "a", "b"), "say which client"),
        (("client", "../x"), "cannot be part of a file's name"),
        (("client", "x" * 65), "cannot be a common name"),
        (("server", "a..b"), "is neither"),
        (("server", "a b"), "is neither"),
        (("server", "--days", "0"), "--days takes"),
        (("revoke", "nobody"), "there is no"),
        (("server", "--dir", "/proc/x"), "cannot use /proc/x"),
    ],
)
def test_what_cannot_be_made_is_said_in_one_line(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    code, _, err = outcome("cert", *arguments, cwd=tmp_path)
    assert code == 1
    assert words in err
    assert "Traceback" not in err


def test_a_file_that_is_no_key_is_in_the_way(tmp_path: Path) -> None:
    outcome("cert", "server", cwd=tmp_path)
    (tmp_path / "myna-certificates" / "ca.key").write_text("junk")
    code, _, err = outcome("cert", "server", cwd=tmp_path)
    assert code == 1
    assert "is no key that was made here" in err
