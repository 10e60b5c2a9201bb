"""The vendor's JSON in the shapes it comes in."""

import json
from pathlib import Path
from typing import Any

import pytest

from myna.faces.eventgrid.clients import Client
from myna.faces.eventgrid.importing import BadNamespace, build_namespace, list_files, load_namespace, parse_document
from myna.faces.eventgrid.namespace import Namespace

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
TEMPLATE = {
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
    "topicSpacesConfiguration": {"state": "Enabled"},
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
    "document", ["text", [7], {"clients": {"a": 7}}, {"clients": [7]}, [{"type": "a/queues", "name": "x"}]]
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
