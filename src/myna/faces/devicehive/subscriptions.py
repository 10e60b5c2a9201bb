"""Subscriptions made by request, beside those of MQTT: what each wants, found by the device it names.

What a newcomer gets wrong: these belong to a connection and are gone with it; those of MQTT belong to the session, and
their numbers are made from the filter, so that everybody who holds a filter shares its messages.
"""

import hashlib
import time
from functools import lru_cache
from typing import Any

from msgspec import Struct

from myna.faces.devicehive.callers import Caller
from myna.faces.devicehive.naming import COMMAND, NOTIFICATION, read_push_filter
from myna.faces.devicehive.projections import time as projected_time
from myna.formats.directory import Directory


class Requested(Struct, eq=False):
    """One subscription made by request. None: any."""

    id: int
    caller: Caller
    category: str
    device_id: str | None
    networks: frozenset[int] | None
    device_types: frozenset[int] | None
    names: frozenset[str] | None
    timestamp: int | None

    def wants(self, category: str, network_id: int, device_type_id: int, device_id: str, name: str) -> bool:
        return (
            category == self.category
            and (self.device_id is None or device_id == self.device_id)
            and (self.names is None or name in self.names)
            and (self.networks is None or network_id in self.networks)
            and (self.device_types is None or device_type_id in self.device_types)
        )

    def describe(self) -> dict[str, Any]:
        return {
            "subscriptionId": self.id,
            "type": NOTIFICATION if self.category == NOTIFICATION else COMMAND,
            "deviceId": self.device_id,
            "networkIds": None if self.networks is None else sorted(self.networks),
            "deviceTypeIds": None if self.device_types is None else sorted(self.device_types),
            "names": None if self.names is None else sorted(self.names),
            "timestamp": projected_time(self.timestamp),
        }


class Subscriptions:
    def __init__(self) -> None:
        self._of_caller: dict[Caller, dict[int, Requested]] = {}
        self._of_device: dict[str, dict[int, Requested]] = {}
        self._of_any: dict[int, Requested] = {}
        self._last_id = 0

    def new_id(self) -> int:
        """Milliseconds and a counter, as the original; it stays within what JavaScript can count."""
        self._last_id = max(self._last_id + 1, time.time_ns() // 1_000_000 * 1000)
        return self._last_id

    def add(self, requested: Requested) -> None:
        self._of_caller.setdefault(requested.caller, {})[requested.id] = requested
        self._table(requested)[requested.id] = requested

    def remove(self, requested: Requested) -> None:
        mine = self._of_caller.get(requested.caller, {})
        mine.pop(requested.id, None)
        if not mine:
            self._of_caller.pop(requested.caller, None)
        self._table(requested).pop(requested.id, None)
        if requested.device_id is not None and not self._of_device[requested.device_id]:
            del self._of_device[requested.device_id]

    def of(self, caller: Caller) -> list[Requested]:
        """In the order in which they were made."""
        return list(self._of_caller.get(caller, {}).values())

    def holds(self, requested: Requested) -> bool:
        """Has it not been ended?"""
        return requested.id in self._of_caller.get(requested.caller, {})

    def remove_all(self, caller: Caller) -> None:
        for requested in self.of(caller):
            self.remove(requested)

    def forget_device(self, device_id: str) -> None:
        for requested in list(self._of_device.get(device_id, {}).values()):
            self.remove(requested)

    def find(self, category: str, network_id: int, device_type_id: int, device_id: str, name: str) -> list[Requested]:
        """Whoever wants this event."""
        found: list[Requested] = []
        for table in (self._of_device.get(device_id), self._of_any):
            if table:
                for held in table.values():
                    if held.wants(category, network_id, device_type_id, device_id, name):
                        found.append(held)
        return found

    def _table(self, requested: Requested) -> dict[int, Requested]:
        if requested.device_id is None:
            return self._of_any
        return self._of_device.setdefault(requested.device_id, {})


@lru_cache(maxsize=65_536)
def filter_id(filter: str) -> int:
    """The number of the subscription behind a filter of MQTT."""
    return int.from_bytes(hashlib.blake2b(filter.encode(), digest_size=6).digest(), "big")


def describe_filter(filter: str, directory: Directory) -> dict[str, Any] | None:
    """The same of a filter: where it names a device, its network and type are not looked at."""
    push = read_push_filter(filter)
    if push is None:
        return None
    network = None if push.device or push.network is None else directory.networks.find(push.network)
    device_type = None if push.device or push.device_type is None else directory.device_types.find(push.device_type)
    return {
        "subscriptionId": filter_id(filter),
        "type": NOTIFICATION if push.category == NOTIFICATION else COMMAND,
        "deviceId": push.device,
        "networkIds": None if network is None else [network],
        "deviceTypeIds": None if device_type is None else [device_type],
        "names": None if push.name is None else [push.name],
        "timestamp": None,
    }
