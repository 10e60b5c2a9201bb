"""Deployment templates: what the portal exports and what Bicep makes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.faces.eventgrid.clients import Client
from myna.faces.eventgrid.expressions import is_template, resolve_template
from myna.faces.eventgrid.importing import BadNamespace, build_namespace, parse_document

KIND = "Microsoft.EventGrid/namespaces"


def template(*resources: dict[str, Any]) -> dict[str, Any]:
    return {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {
            "namespaces_name": {"defaultValue": "myns", "type": "String"},
            "asked": {"type": "String"},
            "own": {"defaultValue": "[concat(parameters('namespaces_name'), '-own')]"},
        },
        "variables": {"space": "own", "endless": "[variables('endless')]", "list": ["a"]},
        "resources": list(resources),
    }


def resolved(text: str) -> object:
    found: Any = resolve_template(template({"name": text}))
    return found["resources"][0]["name"]


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("[concat(parameters('namespaces_name'), '/sensors')]", "myns/sensors"),
        ("[format('{0}/{1}', parameters('namespaces_name'), 'sensors')]", "myns/sensors"),
        ("[parameters('own')]", "myns-own"),
        ("[ Concat( 'it''s', ' ', variables('space') ) ]", "it's own"),
        ("[variables('list')]", ["a"]),
        ("[[literally]", "[literally]"),
        ("plain", "plain"),
        ("attributes.b IN ['a']", "attributes.b IN ['a']"),
    ],
)
def test_an_expression_is_worked_out(text: str, means: object) -> None:
    assert resolved(text) == means


@pytest.mark.parametrize(
    "text",
    [
        "[parameters('asked')]",
        "[resourceGroup().location]",
        "[format('{0}/{7}', 'a')]",
        "[concat('a']",
        "[concat('a') 'b']",
        "[concat('a' 'b')]",
        "[variables('endless')]",
        "[concat(variables('list'), 'a')]",
        "[]",
        "[" + "concat(" * 5000 + "'a'" + ")" * 5000 + "]",
    ],
)
def test_what_needs_more_stays_as_it_stands(text: str) -> None:
    assert resolved(text) == text


@given(st.text(alphabet="[]()',{}01 conatfrmpesvbl", max_size=60))
def test_any_text_is_worked_out_or_stays(text: str) -> None:
    resolved(f"[{text}]")


def test_the_template_that_the_portal_exports_is_taken_unchanged() -> None:
    def name(last: str) -> str:
        return f"[concat(parameters('namespaces_name'), '/{last}')]"

    document = template(
        {
            "type": KIND,
            "name": "[parameters('namespaces_name')]",
            "location": "[resourceGroup().location]",
            "properties": {"topicSpacesConfiguration": {"maximumClientSessionsPerAuthenticationName": 2}},
        },
        {"type": "Microsoft.Storage/storageAccounts", "name": "[parameters('asked')]", "properties": {}},
        {"type": f"{KIND}/caCertificates", "name": name("ca"), "properties": {"encodedCertificate": "-----BEGIN"}},
        {"type": f"{KIND}/clientGroups", "name": name("$all"), "properties": {"query": "true"}},
        {"type": f"{KIND}/clientGroups", "name": name("sensors"), "properties": {"query": "attributes.type = 's'"}},
        {
            "type": f"{KIND}/clients",
            "name": name("device-17"),
            "dependsOn": ["[resourceId('Microsoft.EventGrid/namespaces', parameters('namespaces_name'))]"],
            "properties": {"state": "Enabled", "attributes": {"type": "s"}},
        },
        {
            "type": f"{KIND}/permissionBindings",
            "name": name("pub"),
            "properties": {
                "topicSpaceName": "[variables('space')]",
                "permission": "Publisher",
                "clientGroupName": "sensors",
            },
        },
        {
            "type": f"{KIND}/topicSpaces",
            "name": name("own"),
            "properties": {"topicTemplates": ["devices/${client.authenticationName}/#"]},
        },
    )
    assert is_template(document)
    namespace = build_namespace(parse_document(json.dumps(document).encode()))
    assert namespace.configuration.sessions_per_name == 2
    client = namespace.find_client("device-17")
    assert client == Client("device-17", {"type": "s"})
    assert namespace.grants(client).publish.covers("devices/device-17/x")


def test_resources_may_stand_by_their_names() -> None:
    space = {"type": f"{KIND}/topicSpaces", "name": "myns/own", "properties": {"topicTemplates": ["a/#"]}}
    document = {
        **template(),
        "languageVersion": "2.0",
        "resources": {"space": space, "ns": {"existing": True, "type": KIND, "name": "myns"}},
    }
    namespace = build_namespace(parse_document(json.dumps(document).encode()))
    assert list(namespace.topic_spaces) == ["own"]


def test_a_name_that_cannot_be_worked_out_is_told_with_its_place() -> None:
    document = template({"type": f"{KIND}/topicSpaces", "name": "[parameters('asked')]", "properties": {}})
    with pytest.raises(BadNamespace, match=r"resources\[0\].*\[parameters\('asked'\)\].*default value"):
        parse_document(json.dumps(document).encode())
