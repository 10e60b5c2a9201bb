"""The vendor's JSON in the shapes it comes in."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from myna.faces.eventgrid.clients import Client
from myna.faces.eventgrid.importing import BadNamespace, build_namespace, list_files, load_namespace, parse_document
from myna.faces.eventgrid.namespace import Namespace
from myna.faces.eventgrid.settings import Settings
from tests.faces.eventgrid.harness import Desk

CLIENT = {
    "properties": {
        "authenticationName": "device-17",
        "state": "Enabled",
        "clientCertificateAuthentication": {"validationScheme": "SubjectMatchesAuthenticationName"},
        "attributes": {"type": "sensor", "floor": 3, "sensors": ["motion", "noise"]},
        "description": "",
    }
}
GROUP = {"properties": {"description": "…", "query": "attributes.sensors IN ['noise','light']"}}
SPACE = {"properties": {"topicTemplates": ["machines/${client.authenticationName}/telemetry", "areas/+/alerts/#"]}}
BINDING = {"properties": {"clientGroupName": "noisy", "topicSpaceName": "sample", "permission": "Publisher"}}
TYPE = "Microsoft.EventGrid/namespaces"

BY_NAME: dict[str, dict[str, Any]] = {
    "clients": {"d17": CLIENT},
    "clientGroups": {"noisy": GROUP},
    "topicSpaces": {"sample": SPACE},
    "permissionBindings": {"b": BINDING},
}
TEMPLATE: dict[str, Any] = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "parameters": {},
    "resources": [
        {"type": TYPE, "name": "ns", "properties": {}, "resources": [{"type": "topics", "name": "t"}]},
        {"type": f"{TYPE}/clients", "name": "ns/d17", **CLIENT},
        {"type": f"{TYPE}/clientGroups", "name": "ns/noisy", **GROUP},
        {"type": f"{TYPE}/topicSpaces", "name": "ns/sample", **SPACE},
        {"type": f"{TYPE}/permissionBindings", "name": "ns/b", **BINDING},
        {"type": f"{TYPE}/caCertificates", "name": "ns/ca", "properties": {}},
    ],
}
FLAT = [
    {"type": f"{TYPE}/clients", "name": "d17", **CLIENT["properties"]},
    {"type": f"{TYPE}/clientGroups", "name": "$all", "query": "true"},
    {"type": f"{TYPE}/clientGroups", "name": "noisy", **GROUP["properties"]},
    {"type": f"{TYPE}/topicSpaces", "name": "sample", **SPACE["properties"]},
    {"type": f"{TYPE}/permissionBindings", "name": "b", **BINDING["properties"]},
]
LISTINGS = {
    "clients": {"value": [{"name": "d17", **CLIENT}]},
    "clientGroups": [{"name": "noisy", **GROUP}],
    "topicSpaces": {"value": [{"name": "sample", **SPACE}]},
    "permissionBindings": [{"name": "b", **BINDING}],
    "topicSpacesConfiguration": {"state": "Enabled", "maximumClientSessionsPerAuthenticationName": 1},
}


def load(value: object) -> Namespace:
    return build_namespace(parse_document(json.dumps(value).encode()))


def assert_complete(namespace: Namespace) -> None:
    client = namespace.find_client("DEVICE-17")
    assert client is not None
    assert client.attributes == {"type": "sensor", "floor": 3, "sensors": ("motion", "noise")}
    grants = namespace.grants(client)
    assert grants.publish.covers("machines/device-17/telemetry")
    assert grants.publish.covers("areas/1/alerts/x")
    assert not grants.publish.covers("machines/device-18/telemetry")
    assert not grants.subscribe.covers("areas/1/alerts/x")
    assert not namespace.grants(Client("stranger")).publish.covers("areas/1/alerts/x")


@pytest.mark.parametrize("document", [BY_NAME, TEMPLATE, FLAT, {"value": FLAT}, LISTINGS])
def test_every_shape_means_the_same(document: object) -> None:
    assert_complete(load(document))


def test_a_folder_has_a_folder_per_kind(tmp_path: Path) -> None:
    for kind, named in BY_NAME.items():
        (tmp_path / kind).mkdir()
        for name, resource in named.items():
            (tmp_path / kind / f"{name}.json").write_text(json.dumps(resource))
    assert_complete(load_namespace(tmp_path))
    assert len(list_files(tmp_path)) == 4


def test_a_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "namespace.json"
    file.write_text(json.dumps(TEMPLATE))
    assert_complete(load_namespace(file))


@pytest.mark.parametrize(
    ("kind", "name", "properties", "problem"),
    [
        ("clients", "a b", {}, "no name for a client"),
        ("clients", "a", {"authenticationName": ""}, "1 to 128"),
        ("clients", "a", {"authenticationName": 7}, "must be a string"),
        ("clients", "a", {"state": "Asleep"}, "Enabled or Disabled"),
        ("clients", "a", {"attributes": []}, "must be an object"),
        ("clients", "a", {"attributes": {"a": 1.5}}, "32-bit"),
        ("clients", "a", {"attributes": {"a": 2**31}}, "32-bit"),
        ("clients", "a", {"attributes": {"a-b": "x"}}, "32-bit"),
        ("clients", "a", {"attributes": {"a": "x" * 4096}}, "bytes"),
        ("clients", "a", {"clientCertificateAuthentication": {"validationScheme": "X"}}, "validationScheme"),
        ("clients", "a", {"clientCertificateAuthentication": {"validationScheme": "ThumbprintMatch"}}, "one or two"),
        ("clientGroups", "ab", {"query": "attributes.a = 1"}, "3 to 50"),
        ("clientGroups", "abc", {"query": "nonsense"}, "expected"),
        ("clientGroups", "abc", {}, "must be a string"),
        ("topicSpaces", "a", {}, "list of strings"),
        ("topicSpaces", "a", {"topicTemplates": ["a"] * 11}, "at most 10"),
        ("topicSpaces", "a", {"topicTemplates": ["$SYS/#"]}, "reserved"),
        ("permissionBindings", "a", {"permission": "Owner"}, "Publisher or Subscriber"),
        (
            "permissionBindings",
            "a",
            {"permission": "Publisher", "clientGroupName": "x", "topicSpaceName": "y"},
            "no client group 'x'",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(kind: str, name: str, properties: object, problem: str) -> None:
    with pytest.raises(BadNamespace) as raised:
        load({kind: {name: {"properties": properties}}})
    assert problem in str(raised.value)
    assert f"{kind}.{name}" in str(raised.value)


@pytest.mark.parametrize(
    "document",
    [
        "text",
        [7],
        {"clients": {"a": 7}},
        {"clients": [7]},
        [{"type": "Microsoft.EventGrid/namespaces/queues", "name": "x"}],
    ],
)
def test_what_is_no_namespace_is_refused(document: object) -> None:
    with pytest.raises(BadNamespace):
        load(document)


def test_two_clients_whose_names_differ_in_case_only_are_refused() -> None:
    with pytest.raises(BadNamespace, match="is taken"):
        load(
            {
                "clients": {
                    "a": {"properties": {"authenticationName": "X"}},
                    "b": {"properties": {"authenticationName": "x"}},
                }
            }
        )


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(BadNamespace, match="not JSON"):
        parse_document(b"{")


def certificate() -> tuple[rsa.RSAPrivateKey, str]:
    """A key, and its certificate as the vendor's JSON holds it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + timedelta(days=36_500))
    signed = builder.sign(key, hashes.SHA256())
    return key, base64.b64encode(signed.public_bytes(serialization.Encoding.PEM)).decode()


async def test_the_configuration_of_a_namespace_brings_an_issuer_of_its_own(tmp_path: Path) -> None:
    key, encoded = certificate()
    configuration = {
        "maximumClientSessionsPerAuthenticationName": 3,
        "clientAuthentication": {
            "alternativeAuthenticationNameSources": ["ClientCertificateDns"],
            "customJwtAuthentication": {
                "tokenIssuer": "https://custom.example",
                "encodedIssuerCertificates": [{"kid": "k1", "encodedCertificate": encoded}],
            },
        },
    }
    resource = {"type": TYPE, "name": "ns", "properties": {"topicSpacesConfiguration": configuration}}
    file = tmp_path / "namespace.json"
    file.write_text(json.dumps({"resources": [*TEMPLATE["resources"], resource]}))
    desk = Desk(Settings(namespace=str(file), host="broker.example"), development=False)
    held = desk.face._directory.namespace.configuration
    assert (held.name_sources, held.sessions_per_name) == (("ClientCertificateDns",), 3)
    claims = {"iss": "https://custom.example", "sub": "device-17", "aud": "broker.example", "exp": 10_000}
    token = jwt.encode(claims, key, algorithm="RS256", headers={"kid": "k1"}).encode()
    answer = await desk.publish("topic=machines/device-17/telemetry", token=token)
    assert answer.status == 204
    file.write_text(json.dumps(TEMPLATE))
    desk.face.look_again()
    assert (await desk.publish("topic=machines/device-17/telemetry", token=token)).status == 401


@pytest.mark.parametrize(
    "configuration",
    [
        {"clientAuthentication": 7},
        {"clientAuthentication": {"alternativeAuthenticationNameSources": ["Subject"]}},
        {"maximumClientSessionsPerAuthenticationName": "many"},
        {"clientAuthentication": {"customJwtAuthentication": {"encodedIssuerCertificates": [7]}}},
        {
            "clientAuthentication": {
                "customJwtAuthentication": {"encodedIssuerCertificates": [{"encodedCertificate": "!"}]}
            }
        },
        {
            "clientAuthentication": {
                "customJwtAuthentication": {"encodedIssuerCertificates": [{"encodedCertificate": "AA=="}]}
            }
        },
        {"clientAuthentication": {"customJwtAuthentication": {"tokenIssuer": "i", "issuerCertificates": [{}]}}},
    ],
)
def test_a_configuration_that_cannot_work_is_refused(configuration: object) -> None:
    with pytest.raises(BadNamespace, match="topicSpacesConfiguration"):
        load({"topicSpacesConfiguration": configuration})
