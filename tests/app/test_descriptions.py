import json
from typing import Any

from myna.app.descriptions import Description, merge


def document(title: str, path: str) -> dict[str, Any]:
    reference = {"$ref": "#/components/schemas/Error"}
    return {
        "openapi": "3.1.0",
        "info": {"title": title},
        "security": [{"key": []}],
        "paths": {
            path: {
                "parameters": [reference],
                "get": {"operationId": "show", "responses": {"400": reference}},
                "post": {"operationId": "open", "security": [], "responses": {}},
            }
        },
        "components": {
            "schemas": {"Error": {"type": "object", "properties": {"inner": reference}}},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def merged(*, administration: bool = False) -> Any:
    both = [Description("one", document("One", "/one")), Description("two", document("Two", "/api/admin/two"))]
    return json.loads(merge([*both, Description("three", document("Three", "/three"))], administration=administration))


def test_names_of_two_documents_do_not_meet() -> None:
    whole = merged()
    assert set(whole["paths"]) == {"/one", "/three"}
    assert set(whole["components"]["schemas"]) == {"one.Error", "three.Error"}
    shown = whole["paths"]["/one"]["get"]
    assert shown["operationId"] == "one.show"
    assert shown["tags"] == ["one"]
    assert shown["responses"]["400"] == {"$ref": "#/components/schemas/one.Error"}
    inner = whole["components"]["schemas"]["three.Error"]["properties"]["inner"]
    assert inner == {"$ref": "#/components/schemas/three.Error"}
    assert whole["paths"]["/one"]["parameters"] == [{"$ref": "#/components/schemas/one.Error"}]


def test_who_may_call_is_said_of_each_operation() -> None:
    item = merged()["paths"]["/one"]
    assert item["get"]["security"] == [{"one.key": []}]
    assert item["post"]["security"] == []
    assert "security" not in merged()


def test_the_administration_has_a_document_of_its_own() -> None:
    whole = merged(administration=True)
    assert list(whole["paths"]) == ["/api/admin/two"]
    assert [tag["name"] for tag in whole["tags"]] == ["two"]


def test_nothing_described_is_an_empty_document() -> None:
    assert json.loads(merge([], administration=False))["paths"] == {}
