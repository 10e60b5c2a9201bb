"""What every action is given: the inventory, who may do what, the tokens, and the ways to tell others.

`Call` is one request seen by its action. What a newcomer gets wrong: by the time an action runs, permission and access
to the device, network or type it names have been checked; it checks its parameters, and what it finds.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from myna.faces.devicehive import texts
from myna.faces.devicehive.answers import Refused, denied
from myna.faces.devicehive.callers import Caller, Callers
from myna.faces.devicehive.guessing import Guessing
from myna.faces.devicehive.parameters import Parameters
from myna.faces.devicehive.permissions import Permissions, Principal
from myna.faces.devicehive.pushes import Pushes
from myna.faces.devicehive.subscriptions import Subscriptions
from myna.faces.devicehive.tokens import Tokens
from myna.formats.directory import Directory
from myna.formats.inventory import Page
from myna.formats.inventory_port import Inventory

ENTITIES_IN_PAGE: Final = 20
HISTORY_IN_PAGE: Final = 100


class Facts(Struct, frozen=True):
    """What `server/info` and `cluster/info` say, and how long a page is where a request does not."""

    rest_url: Callable[[], str]
    bootstrap_servers: str = "localhost:9092"
    zookeeper_connect: str = "localhost:2181"
    entities_in_page: int = ENTITIES_IN_PAGE
    history_in_page: int = HISTORY_IN_PAGE


class Call:
    __slots__ = ("caller", "principal", "request")

    def __init__(self, caller: Caller, principal: Principal | None, request: Parameters) -> None:
        self.caller = caller
        self.principal = principal
        self.request = request

    def who(self) -> Principal:
        """Only for actions that need somebody."""
        assert self.principal is not None
        return self.principal


class Desk:
    def __init__(
        self,
        inventory: Inventory,
        allowed: Permissions,
        tokens: Tokens,
        callers: Callers,
        pushes: Pushes,
        subscriptions: Subscriptions,
        facts: Facts,
        guessing: Guessing,
        now_ms: Callable[[], int],
    ) -> None:
        self.inventory = inventory
        self.allowed = allowed
        self.tokens = tokens
        self.callers = callers
        self.pushes = pushes
        self.subscriptions = subscriptions
        self.facts = facts
        self.guessing = guessing
        self.now_ms = now_ms
        self.replays: set[asyncio.Task[None]] = set()  # the loop itself holds tasks only weakly

    @property
    def directory(self) -> Directory:
        return self.inventory.directory

    def allowed_principal(self, caller: Caller) -> Principal | None:
        """Who the caller is, as long as that user exists."""
        principal = caller.principal
        return None if principal is None or self.allowed.person(principal) is None else principal

    def read_page(self, request: Parameters, sortable: dict[str, str]) -> Page:
        """Of a list of entities: which fields may order it, by their names in lower case."""
        take = request.integer("take")
        skip = request.integer("skip")
        return Page(
            self.facts.entities_in_page if take is None else take,
            skip or 0,
            _read_sort(request.text("sortField"), sortable),
            _is_descending(request.text("sortOrder")),
        )

    def device_id(self, call: Call) -> str:
        """The id of a device that must be there; an administrator is told that it is not, others were refused."""
        id = call.request.text("deviceId")
        if not id:
            raise Refused(400, texts.DEVICE_ID_EMPTY)
        if id not in self.directory.devices:
            if not self.allowed.is_administrator(call.who()):
                raise denied()
            raise Refused(404, texts.DEVICE_UNKNOWN % id)
        return id


def _read_sort(field: str | None, sortable: dict[str, str]) -> str | None:
    if field is None:
        return None
    column = sortable.get(field.lower())
    if column is None:
        raise Refused(400, texts.INVALID_PARAMETERS)
    return column


def _is_descending(order: str | None) -> bool:
    if order is None or order.upper() == "ASC":
        return False
    if order.upper() == "DESC":
        return True
    raise Refused(400, texts.BAD_SORT_ORDER % order)
