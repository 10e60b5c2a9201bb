"""The description of the hubs' administration says what there is. Whether it is true is tried by schemathesis."""

from myna.faces.webpubsub.hub_description import describe_hubs
from myna.faces.webpubsub.hub_settings import Handler, HubSettings
from tests.faces.webpubsub.hub import Hub


def test_every_route_is_described() -> None:
    claims = Hub().face.claims()
    assert claims.description is not None
    described = {
        (method.upper(), path)
        for path, item in claims.description["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert described == {(method, route.pattern) for route in claims.administration for method in route.methods}


def test_every_setting_is_described() -> None:
    schemas = describe_hubs("/api/admin/hubs")["components"]["schemas"]
    for name, kind in (("HubSettings", HubSettings), ("AllHubSettings", HubSettings), ("Handler", Handler)):
        assert tuple(schemas[name]["properties"]) == kind.__struct_fields__
