"""The cluster and operations endpoints of one node."""

import base64
import json

import pytest

from tests.commands.processes import Serving
from tests.faces.bifromq.talk import Api


def test_the_cluster_is_this_process(broker: Serving, api: Api) -> None:
    reply = api.call("GET", "/cluster", {"req_id": "8"})
    assert (reply.status, reply.headers["req_id"]) == (200, "8")
    described = json.loads(reply.body)
    (node,) = described["nodes"]
    assert described["env"]
    assert described["local"] == node["id"]
    assert base64.b64decode(node["id"], validate=True)
    assert (node["address"], node["port"], node["pid"]) == ("127.0.0.1", api.port, broker.process.pid)


@pytest.mark.parametrize("path", ["/services", "/stores"])
def test_there_are_no_services_and_stores(api: Api, path: str) -> None:
    reply = api.call("GET", path)
    assert (reply.status, reply.headers["content-type"], json.loads(reply.body)) == (200, "application/json", [])


@pytest.mark.parametrize(
    ("method", "path", "names", "text"),
    [
        ("GET", "/service/landscape", ["service_name"], "Service not found: X"),
        ("GET", "/service/traffic", ["service_name"], "Service not found: X"),
        ("PUT", "/service/traffic", ["service_name"], "Service not found: X"),
        ("DELETE", "/service/traffic", ["service_name"], "Service not found: X"),
        ("PUT", "/service/group", ["service_name", "server_id"], "Service not found: X"),
        ("GET", "/store/landscape", ["store_name"], "Service not found: X"),
        ("GET", "/store/ranges", ["store_name", "store_id"], "Store not found: X"),
        ("GET", "/store/balancer", ["store_name", "balancer_factory_class"], "Store not found: X"),
        ("PUT", "/store/balancer/enable", ["store_name", "balancer_factory_class"], "Store not found: X"),
        ("PUT", "/store/balancer/disable", ["store_name", "balancer_factory_class"], "Store not found: X"),
        ("GET", "/store/balancer/rules", ["store_name", "balancer_factory_class"], "Store not found: X"),
        ("PUT", "/store/balancer/rules", ["store_name", "balancer_factory_class"], "Store not found: X"),
    ],
)
def test_nothing_is_found_by_any_name(api: Api, method: str, path: str, names: list[str], text: str) -> None:
    assert api.call(method, path, dict.fromkeys(names, "X"), b"{}").told() == (404, text)
    for name in names:
        others = {other: "X" for other in names if other != name}
        assert api.call(method, path, others, b"{}").told() == (400, f"header not found: {name}")
