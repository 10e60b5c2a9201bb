"""Whether certificates of before are still believed."""

import ssl
from pathlib import Path

import pytest

from myna.commands.certificates.authority import Authority
from myna.net.tls import Certificate, TlsContexts, TlsError, TlsSettings
from myna.net.trust import Trust
from tests.net.harness import on_our_loop
from tests.net.test_tls import Demanding, demanding


def der(path: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(path.read_text())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "one")


def test_who_was_signed_by_one_of_the_authorities_or_stands_among_them_is_covered(authority: Authority) -> None:
    other = Authority(authority.folder.parent / "two")
    mine, foreign = authority.client("a", 5)[0], other.client("b", 5)[0]
    bundle = authority.folder / "bundle.pem"
    bundle.write_bytes((authority.folder / "ca.pem").read_bytes() + foreign.read_bytes())
    trust = Trust(str(bundle), "")
    assert trust.covers(der(mine))
    assert trust.covers(der(foreign))
    assert not trust.covers(der(other.client("c", 5)[0]))  # though an authority of that very name is there
    assert not trust.has_revoked(der(mine))


def test_who_is_on_a_list_of_his_issuer_is_revoked(authority: Authority) -> None:
    bad, good = authority.client("bad", 5)[0], authority.client("good", 5)[0]
    trust = Trust(str(authority.folder / "ca.pem"), str(authority.revoke("bad", 5)))
    assert trust.has_revoked(der(bad))
    assert not trust.has_revoked(der(good))


def test_files_that_cannot_be_read_trust_nobody(authority: Authority, tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("-----BEGIN X509 CRL-----\nno\n-----BEGIN CERTIFICATE-----\nno")
    mine = der(authority.client("a", 5)[0])
    for path in (str(junk), str(tmp_path / "nowhere"), ""):
        trust = Trust(path, path)
        assert not trust.covers(mine)
        assert not trust.has_revoked(mine)


def test_authorities_are_the_same_as_long_as_their_file_is(authority: Authority, tmp_path: Path) -> None:
    path = str(authority.folder / "ca.pem")
    before = Trust(path, "")
    assert Trust(path, "").has_same_authorities(before)
    Path(path).write_bytes(Path(path).read_bytes() + b"\n")
    assert not Trust(path, "").has_same_authorities(before)


class Door:
    """The contexts of a listener, and a certificate that was shown there."""

    def __init__(self, authority: Authority) -> None:
        server = [str(path) for path in authority.server(["localhost"], 5)]
        self.ca = authority.folder / "trusted.pem"
        self.ca.write_bytes((authority.folder / "ca.pem").read_bytes())
        authority.client("nobody", 5)
        crl = str(authority.revoke("nobody", 5))
        settings = TlsSettings(server[0], server[1], client_ca=str(self.ca), client_certificate="required", crl=crl)
        self.told = 0
        self.contexts = TlsContexts(settings, (), self.tell)
        self.shown = self.show(authority, "pump")

    def show(self, authority: Authority, name: str) -> Certificate:
        made = Certificate(name, (), {}, "", "", der=der(authority.client(name, 5)[0]))
        self.contexts._shown.add(made)
        return made

    def tell(self) -> None:
        self.told += 1


def test_new_files_take_nothing_back_that_they_still_cover(authority: Authority) -> None:
    door = Door(authority)
    door.contexts.reload()
    more = Authority(authority.folder.parent / "two").folder / "ca.pem"
    door.ca.write_bytes(door.ca.read_bytes() + more.read_bytes())
    door.contexts.reload()
    assert (door.shown.trusted, door.told) == (True, 0)


def test_an_authority_that_goes_takes_those_along_whom_it_signed(authority: Authority) -> None:
    door = Door(authority)
    other = Authority(authority.folder.parent / "two")
    door.ca.write_bytes(door.ca.read_bytes() + (other.folder / "ca.pem").read_bytes())
    door.contexts.reload()
    theirs = door.show(other, "valve")
    door.ca.write_bytes((other.folder / "ca.pem").read_bytes())
    door.contexts.reload()
    assert (door.shown.trusted, theirs.trusted, door.told) == (False, True, 1)


def test_a_revoked_certificate_is_trusted_no_longer(authority: Authority) -> None:
    door = Door(authority)
    other = door.show(authority, "valve")
    authority.revoke("pump", 5)
    door.contexts.reload()
    assert (door.shown.trusted, other.trusted, door.told) == (False, True, 1)


def test_files_that_cannot_be_used_take_nothing_back(authority: Authority) -> None:
    door = Door(authority)
    door.ca.write_text("junk")
    with pytest.raises(TlsError):
        door.contexts.reload()
    assert (door.shown.trusted, door.told) == (True, 0)


@on_our_loop
async def test_a_listener_remembers_the_certificates_of_those_who_are_connected() -> None:
    contexts = demanding(names=())
    async with Demanding(contexts) as served:
        _, writer = await served.dial(certificate=True)
        talker = await served.talker()
        assert [one.common_name for one in contexts._shown] == ["myna-1"]
        assert talker.peer.certificate in contexts._shown
        writer.close()
