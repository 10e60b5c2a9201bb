"""server/info, server/cacheInfo, cluster/info: what a client may know before it has said who it is."""

from typing import Final

from myna.faces.devicehive.answers import Members
from myna.faces.devicehive.desk import Call, Desk
from myna.faces.devicehive.timestamps import format_time

API_VERSION: Final = "3.5.0"  # of the server whose actions these are


def info(desk: Desk, call: Call) -> Members:
    return {
        "info": {
            "apiVersion": API_VERSION,
            "serverTimestamp": format_time(desk.now_ms()),
            "restServerUrl": desk.facts.rest_url(),
        }
    }


def cache_info(desk: Desk, call: Call) -> Members:
    """The original prints its object cache's statistics; ours has one cache, and says how much is in it."""
    directory = desk.directory
    stats = f"devices={len(directory.devices)}, users={len(directory.people)}, callers={len(desk.callers)}"
    return {"cacheInfo": {"serverTimestamp": format_time(desk.now_ms()), "cacheStats": stats}}


def cluster_info(desk: Desk, call: Call) -> Members:
    """Where the original's message bus is. There is none here, but clients check that both are said."""
    facts = desk.facts
    return {
        "clusterInfo": {
            "bootstrap.servers": facts.bootstrap_servers,
            "zookeeper.connect": facts.zookeeper_connect,
        }
    }
