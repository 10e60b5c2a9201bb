"""The cluster and operations endpoints, answered truthfully: one node, no services of BifroMQ's and none of its stores.

What a newcomer gets wrong: these are 404 for every name because there is nothing by any name, not because the path is
unknown; that would be 400.
"""

import base64
import os
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from myna.faces.bifromq.answers import Answer, json_answer, text_answer
from myna.faces.bifromq.calls import Call, Handler
from myna.faces.bifromq.naming import BALANCER, SERVER_ID, SERVICE_NAME, STORE_ID, STORE_NAME

ENVIRONMENT: Final = "myna"
LISTENER: Final = "bifromq"


class Operations:
    def __init__(self, node: str, urls: Mapping[str, Sequence[str]]) -> None:
        self._id = base64.b64encode(node.encode()).decode()
        self._urls = urls

    def handlers(self) -> dict[tuple[str, str], Handler]:
        service = _absent("Service not found: {}", SERVICE_NAME)
        landscape = _absent("Service not found: {}", STORE_NAME)
        balancer = _absent("Store not found: {}", STORE_NAME, BALANCER)
        return {
            ("GET", "/cluster"): self.show_cluster,
            ("GET", "/services"): self.show_nothing,
            ("GET", "/service/landscape"): service,
            ("GET", "/service/traffic"): service,
            ("PUT", "/service/traffic"): service,
            ("DELETE", "/service/traffic"): service,
            ("PUT", "/service/group"): _absent("Service not found: {}", SERVICE_NAME, SERVER_ID),
            ("GET", "/stores"): self.show_nothing,
            ("GET", "/store/landscape"): landscape,
            ("GET", "/store/ranges"): _absent("Store not found: {}", STORE_NAME, STORE_ID),
            ("GET", "/store/balancer"): balancer,
            ("PUT", "/store/balancer/enable"): balancer,
            ("PUT", "/store/balancer/disable"): balancer,
            ("GET", "/store/balancer/rules"): balancer,
            ("PUT", "/store/balancer/rules"): balancer,
        }

    async def show_cluster(self, call: Call) -> Answer:
        """This node, by the address callers reach it at."""
        url = urlsplit(next(iter(self._urls.get(LISTENER, ())), ""))
        node = {"id": self._id, "address": url.hostname or "", "port": url.port or 0, "pid": os.getpid()}
        return json_answer({"env": ENVIRONMENT, "nodes": [node], "local": self._id})

    async def show_nothing(self, call: Call) -> Answer:
        return json_answer([])


def _absent(words: str, name: bytes, *others: bytes) -> Handler:
    """404 for whatever is named; a header that is missing is said first."""

    async def answer(call: Call) -> Answer:
        wanted = call.text(name)
        for other in others:
            call.raw(other)
        return text_answer(404, words.format(wanted))

    return answer
