"""New files are taken over while the listener runs, bad ones are not, and nobody is surprised by the end of one."""

import contextlib
import logging
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from myna.commands.certificates.authority import Authority
from myna.net.certificate_file import expires_at, names_in
from myna.net.tls import TlsContexts, TlsError, TlsName, TlsSettings, make_context
from myna.net.tls_watch import TlsWatch

DAY = 86_400.0


class Desk:
    """A listener's certificate that comes and goes."""

    def __init__(self, folder: Path, days: int = 100) -> None:
        self.authority = Authority(folder)
        self.certificate, self.key = self.authority.server(["localhost"], days)
        self.settings = TlsSettings(str(self.certificate), str(self.key))
        self.contexts = TlsContexts(self.settings)
        self.watch = TlsWatch()
        self.watch.add("mqtt", self.contexts)
        self.now = datetime.now(UTC).timestamp()

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.watch.tick(self.now)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_files_that_changed_and_were_then_left_alone_are_read(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    before = desk.contexts.current
    desk.look(3)
    assert desk.contexts.current is before
    desk.authority.server(["new.test"], 100)
    desk.look()
    assert desk.contexts.current is before  # they may still be in the middle of it
    with caplog.at_level(logging.INFO):
        desk.look()
    assert desk.contexts.current is not before
    assert "certificates read again" in caplog.text


def test_a_bad_file_is_said_once_and_loudly_and_the_old_one_stays(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    before, key = desk.contexts.current, desk.key.read_bytes()
    desk.key.write_text("junk")
    desk.look(5)
    assert desk.contexts.current is before
    assert caplog.text.count("NEW CERTIFICATE IS NOT IN USE") == 1
    assert 'myna_tls_new_files_unusable{listener="mqtt"} 1' in desk.watch.metrics()
    desk.key.unlink()
    desk.look(5)
    assert caplog.text.count("NEW CERTIFICATE IS NOT IN USE") == 2
    assert "cannot read" in caplog.text
    desk.key.write_bytes(key)
    desk.look(5)
    assert desk.contexts.current is not before
    assert 'myna_tls_new_files_unusable{listener="mqtt"} 0' in desk.watch.metrics()


def test_a_key_that_does_not_belong_to_the_certificate_is_bad(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    before = desk.contexts.current
    _, other = desk.authority.client("other", 1)
    desk.key.write_bytes(other.read_bytes())
    desk.look(3)
    assert desk.contexts.current is before
    assert "belong together" in caplog.text


def test_the_end_of_a_certificate_is_a_figure_and_a_warning_a_day(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(tmp_path, days=20)
    ends = expires_at(str(desk.certificate))
    assert ends is not None
    assert f'file="{desk.certificate}"}} {ends:.0f}' in desk.watch.metrics()
    desk.look()
    assert caplog.text == ""
    desk.now += 7 * DAY
    desk.look(10)
    assert caplog.text.count("is out of date from") == 1
    assert "in 12 days" in caplog.text
    desk.now += DAY
    desk.look(10)
    assert caplog.text.count("is out of date from") == 2
    desk.now += 20 * DAY
    desk.look()
    assert "is out of date since" in caplog.text


def test_without_tls_there_is_nothing_to_say() -> None:
    assert TlsWatch().metrics() == ""


def test_what_a_file_says_of_itself(desk: Desk, tmp_path: Path) -> None:
    assert names_in(str(desk.certificate)) == ["localhost"]
    client, _ = desk.authority.client("sensor-7", 1)
    assert names_in(str(client)) == ["sensor-7"]
    revoked = desk.authority.revoke("sensor-7", 5)
    at = expires_at(str(revoked))
    assert at is not None
    assert 4.9 * DAY < at - desk.now < 5.1 * DAY
    for nothing in (tmp_path / "nowhere", desk.key):
        assert names_in(str(nothing)) == []
        assert expires_at(str(nothing)) is None


def shake(server: ssl.SSLContext, folder: Path, host: str, client: str = "") -> dict[str, object]:
    """A whole handshake in memory: what the server showed. Raises SSLError."""
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.check_hostname = False
    if client:
        context.load_cert_chain(folder / f"client-{client}.pem", folder / f"client-{client}.key")
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(up, down, server_side=True)
    theirs = context.wrap_bio(down, up, server_hostname=host)
    for _ in range(4):
        for side in (theirs, ours):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return dict(theirs.getpeercert() or {})


def dns_names(shown: dict[str, object]) -> list[str]:
    names = shown["subjectAltName"]
    assert isinstance(names, tuple)
    return [name for _, name in names]


def test_a_client_gets_the_certificate_of_the_name_it_asks_for(tmp_path: Path) -> None:
    pairs: dict[str, tuple[str, str]] = {}
    for name in ("main.test", "other.test", "*.wild.test"):
        authority = Authority(tmp_path)
        certificate, key = authority.server([name], 10)
        for file in (certificate, key):
            file.rename(file.with_name(f"{len(pairs)}{file.suffix}"))
        pairs[name] = (str(tmp_path / f"{len(pairs)}.pem"), str(tmp_path / f"{len(pairs)}.key"))
    names = (TlsName(*pairs["other.test"]), TlsName(*pairs["*.wild.test"], ("*.wild.test", "tame.test")))
    context = make_context(TlsSettings(*pairs["main.test"], names=names))
    for asked, shown in (
        ("main.test", "main.test"),
        ("nobody.test", "main.test"),
        ("OTHER.test", "other.test"),
        ("a.wild.test", "*.wild.test"),
        ("a.b.wild.test", "main.test"),
        ("wild.test", "main.test"),
        ("tame.test", "*.wild.test"),
        ("127.0.0.1", "main.test"),
    ):
        assert dns_names(shake(context, tmp_path, asked)) == [shown], asked
    with pytest.raises(TlsError, match="cannot read /nowhere"):
        make_context(TlsSettings(*pairs["main.test"], names=(TlsName("/nowhere", "/nowhere"),)))


@pytest.mark.parametrize("host", ["localhost", "other.test"])
def test_a_revoked_client_certificate_is_refused_whatever_name_was_asked_for(tmp_path: Path, host: str) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.server(["localhost"], 10)
    for name in ("good", "bad"):
        authority.client(name, 10)
    crl = authority.revoke("bad", 10)
    files = (str(certificate), str(key))
    settings = TlsSettings(
        *files,
        client_ca=str(tmp_path / "ca.pem"),
        client_certificate="required",
        crl=str(crl),
        names=(TlsName(*files, ("other.test",)),),
    )
    context = make_context(settings)
    shake(context, tmp_path, host, "good")
    with pytest.raises(ssl.SSLCertVerificationError, match="revoked"):
        shake(context, tmp_path, host, "bad")
    with pytest.raises(TlsError, match="holds none"):
        make_context(TlsSettings(*files, client_ca=files[0], client_certificate="required", crl=files[0]))


def resumes(server: ssl.SSLContext, client: ssl.SSLContext, session: ssl.SSLSession | None) -> ssl.SSLObject:
    """A client's side of a handshake that may go on with an earlier session."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(up, down, server_side=True)
    theirs = client.wrap_bio(down, up, server_hostname="localhost", session=session)
    for _ in range(4):
        for side in (theirs, ours):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    ours.write(b"x")  # behind the session ticket
    assert theirs.read(1) == b"x"
    return theirs


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_session_tickets_are_void_when_certificates_or_revocations_have_changed(
    desk: Desk, version: ssl.TLSVersion
) -> None:
    client = ssl.create_default_context(cafile=str(desk.authority.folder / "ca.pem"))
    client.maximum_version = version
    before = desk.contexts.current
    first = resumes(before, client, None)
    assert resumes(before, client, first.session).session_reused
    desk.contexts.reload()
    assert not resumes(desk.contexts.current, client, first.session).session_reused


def test_old_versions_and_weak_ciphers_are_off(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.server(["localhost"], 10)
    context = make_context(TlsSettings(str(certificate), str(key)))
    ciphers = {str(cipher["name"]) for cipher in context.get_ciphers()}
    assert all("GCM" in name or "CHACHA20" in name for name in ciphers)
    assert all(name.startswith(("TLS_", "ECDHE-")) for name in ciphers)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.num_tickets == 1
