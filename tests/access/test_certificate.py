"""Client certificates that TLS has verified."""

from typing import Any

import pytest

from myna.access.certificate import ByCertificate, ClientSettings, Settings
from myna.config import ConfigError, Table, decode_table
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Peer
from myna.net.tls import Certificate
from tests.access.contexts import access_context
from tests.access.tickets import FakeTicket

SUBJECT = (("organizationName", "acme"), ("localityName", "hall 3"), ("commonName", "device-17"))
NAMES: dict[str, tuple[str, ...]] = {
    "DNS": ("d17.example",),
    "URI": ("urn:d17",),
    "email": ("d17@example",),
    "IP Address": ("192.0.2.17",),
}
SHOWN = Certificate("device-17", SUBJECT, NAMES, "aa" * 20, "bb" * 32, expires_at=99.0)
OF_ALL = Certificate("ops", (("organizationName", "*"),), {}, "ee" * 20, "ff" * 32)
NAMELESS = Certificate("", (), {}, "cc" * 20, "dd" * 32)


def judge(certificate: object = SHOWN, *, method: str | None = None, **settings: Any) -> Identity | Refusal | None:
    ticket = FakeTicket(user_name="ignored")
    ticket.method = method
    ticket.peer = Peer("192.0.2.1:1", certificate=certificate)
    return ByCertificate(Settings(**settings), access_context()).judge(ticket, 0.0)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        (("cn",), "device-17"),
        (("dns",), "d17.example"),
        (("uri",), "urn:d17"),
        (("email",), "d17@example"),
        (("ip",), "192.0.2.17"),
        (("ip", "cn"), "192.0.2.17"),
    ],
)
def test_the_name_stands_in_the_first_field_that_has_one(fields: tuple[str, ...], name: str) -> None:
    identity = judge(name_fields=fields)
    assert isinstance(identity, Identity)
    assert (identity.tenant, identity.user, identity.scope, identity.expires_at) == ("DevOnly", name, name, 99.0)
    only_cn = judge(Certificate("x", (), {}, "", ""), name_fields=(*fields, "cn"))
    assert isinstance(only_cn, Identity)
    assert only_cn.user == "x"


def test_tenant_and_attributes_come_from_the_subject_and_from_what_is_said_of_the_client() -> None:
    settings: dict[str, Any] = {
        "tenant_field": "organizationName",
        "attribute_fields": {"site": "localityName", "no": "x"},
    }
    identity = judge(client_ids_per_user=False, **settings)
    assert isinstance(identity, Identity)
    assert (identity.tenant, identity.scope, identity.attributes) == ("acme", "", {"site": "hall 3"})
    said = ClientSettings("plant", "pump", {"site": "hall 4", "kind": "pump"})
    identity = judge(clients={"device-17": said}, **settings)
    assert isinstance(identity, Identity)
    assert (identity.tenant, identity.user) == ("plant", "pump")
    assert identity.attributes == {"site": "hall 4", "kind": "pump"}


@pytest.mark.parametrize(
    ("certificate", "settings", "reason"),
    [
        (NAMELESS, {}, 0x87),
        (SHOWN, {"allowed": ("other",)}, 0x87),
        (SHOWN, {"fingerprints": ("cc" * 20,)}, 0x87),
        (SHOWN, {"tenant_field": "countryName"}, 0x87),
        (OF_ALL, {"tenant_field": "organizationName"}, 0x87),
        (SHOWN, {"disabled": ("device-17",)}, 0x8A),
        (SHOWN, {"disabled": ("BB:" * 31 + "BB",)}, 0x8A),
        (SHOWN, {"clients": {"device-17": ClientSettings(disabled=True)}}, 0x8A),
    ],
)
def test_some_are_refused(certificate: Certificate, settings: dict[str, Any], reason: int) -> None:
    refusal = judge(certificate, **settings)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason


@pytest.mark.parametrize("settings", [{"allowed": ("device-17",)}, {"fingerprints": ("AA:" * 19 + "AA",)}])
def test_who_is_allowed_is_let_in(settings: dict[str, Any]) -> None:
    assert isinstance(judge(**settings), Identity)


def test_without_a_certificate_or_with_a_method_it_is_not_ours() -> None:
    assert judge(None) is None
    assert judge(method="SCRAM-SHA-256") is None


@pytest.mark.parametrize("values", [{"name_fields": []}, {"name_fields": ["subject"]}, {"nmae_fields": ["cn"]}])
def test_wrong_settings_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"access\.certificate"):
        decode_table(Table(("access", "certificate"), values), Settings)
