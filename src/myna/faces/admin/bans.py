"""Bans: list, add, remove.

What a newcomer gets wrong: a ban is named by tenant, kind and what, so whoever bans somebody again changes the ban.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from myna.core.bans import KINDS, Ban
from myna.core.hosts import parse_network
from myna.core.outcome import Refusal
from myna.faces.admin import views
from myna.faces.admin.endpoint import Call, Operation, Reply
from myna.faces.admin.pages import CURSOR, LIMIT, find_page
from myna.faces.admin.parameters import Parameter, choice
from myna.faces.admin.problems import Problem, not_found
from myna.faces.admin.views import at
from myna.faces.async_broker import AsyncBroker
from myna.wire import reasons

Name = Annotated[str, Meta(min_length=1)]
YEARS = 100 * 366 * 86_400


class NewBan(Struct, kw_only=True, forbid_unknown_fields=True):
    """`tenant` null or not there: in all of them. `seconds`: how long; for good if not there. The client is told the
    `reason`. For a client_of_user `what` is the JSON list of both names.
    """

    kind: Literal["user", "client_id", "address", "client_of_user"]
    what: Name
    tenant: Name | None = None
    seconds: Annotated[int, Meta(ge=1, le=YEARS)] | None = None
    reason: Annotated[str, Meta(max_length=500)] = ""


class BanOperations:
    def __init__(self, broker: AsyncBroker) -> None:
        self._broker = broker
        self._bans = broker.core.bans

    def operations(self) -> list[Operation]:
        one = (
            Parameter("kind", "Of what", choice(*KINDS), required=True),
            Parameter(
                "what", "The user, client id, address or network; of a client_of_user the JSON list", required=True
            ),
            Parameter("tenant", "The tenant; not given: the ban that holds in all of them"),
        )
        return [
            Operation(
                "GET", "/api/admin/bans", "listBans", "Who must stay out",
                self._list, (LIMIT, CURSOR), gives=views.Bans,
            ),
            Operation(
                "POST", "/api/admin/bans", "ban", "Keep a user, a client id, an address or a network out",
                self._ban, takes=NewBan, gives=views.Ban, status=201, problems=(507,),
            ),
            Operation(
                "DELETE", "/api/admin/bans", "unban", "Lift a ban", self._unban, one, status=204, problems=(404,)
            ),
        ]  # fmt: skip

    async def _list(self, call: Call) -> Reply:
        held = self._bans.listed(self._broker.now())
        page, following = await find_page(held, _key, lambda _: True, call["cursor"], call["limit"])
        return Reply(views.Bans([_show(ban) for ban in page], following))

    async def _ban(self, call: Call) -> Reply:
        new: NewBan = call.body
        if new.kind == "address" and parse_network(new.what) is None:
            raise Problem(400, "neither an address nor a network such as 192.0.2.0/24", "what")
        now = self._broker.now()
        expires_at = 0.0 if new.seconds is None else now + new.seconds
        ban = self._bans.ban(new.tenant, new.kind, new.what, now, expires_at=expires_at, reason=new.reason)
        if isinstance(ban, Refusal):
            full = ban.reason == reasons.QUOTA_EXCEEDED
            raise Problem(507, ban.text) if full else Problem(400, ban.text, "what")
        await self._broker.settle()
        return Reply(_show(ban), 201, changed=_name(ban))

    async def _unban(self, call: Call) -> Reply:
        if not self._bans.unban(call["tenant"], call["kind"], call["what"]):
            where = "all tenants" if call["tenant"] is None else f"tenant {call['tenant']!r}"
            raise not_found(f"there is no ban of the {call['kind']} {call['what']!r} in {where}")
        await self._broker.settle()
        return Reply()


def _key(ban: Ban) -> tuple[str, ...]:
    return (ban.tenant or "", ban.kind, ban.what)


def _name(ban: Ban) -> str:
    """For the log."""
    where = "all tenants" if ban.tenant is None else f"tenant {ban.tenant!r}"
    ends = at(ban.expires_at)
    until = "it is lifted" if ends is None else f"{ends:%Y-%m-%dT%H:%M:%SZ}"
    reason = f", reason {ban.reason!r}" if ban.reason else ""
    return f"{ban.kind} {ban.what!r} in {where}, until {until}{reason}"


def _show(ban: Ban) -> views.Ban:
    return views.Ban(
        tenant=ban.tenant,
        kind=ban.kind,
        what=ban.what,
        reason=ban.reason,
        made=at(ban.made_at),
        until=at(ban.expires_at),
    )
