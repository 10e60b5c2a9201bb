"""Sessions: list, show, disconnect, discard; and what each is subscribed to.

What a newcomer gets wrong: a client id need not be unique in a tenant, where gates say that it is unique per user only.
`scope` names the user then, and whoever leaves it out is asked for it only where there are several.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from myna.core.broker import Broker
from myna.core.framed import FramedReceiver
from myna.core.hosts import parse_host, parse_network
from myna.core.limits import NEVER
from myna.core.link import Link
from myna.core.receiver import Receiver
from myna.core.receiver import Subscription as Held
from myna.core.session import Session
from myna.faces.admin import views
from myna.faces.admin.endpoint import Call, Operation, Reply
from myna.faces.admin.pages import CURSOR, LIMIT, find_page
from myna.faces.admin.parameters import Parameter, choice, in_path
from myna.faces.admin.problems import Problem, not_found
from myna.faces.admin.views import at
from myna.faces.async_broker import AsyncBroker
from myna.wire import reasons
from myna.wire.packets import MQTT_3_1, MQTT_3_1_1, MQTT_5

SHOWN: Final = 100  # subscriptions of a session in a list
VERSIONS: Final = {MQTT_3_1: "MQTT 3.1", MQTT_3_1_1: "MQTT 3.1.1", MQTT_5: "MQTT 5"}
WORDS: Final = "disconnected by an administrator"

_TENANT: Final = in_path("tenant", "The tenant")
_CLIENT: Final = in_path("client_id", "The client id, percent-encoded")
_SCOPE: Final = Parameter("scope", "The user, where client ids are unique per user only")
_ONE: Final = (_TENANT, _CLIENT, _SCOPE)


class SessionOperations:
    def __init__(self, broker: AsyncBroker) -> None:
        self._broker = broker

    def operations(self) -> list[Operation]:
        one = "/api/admin/sessions/{tenant}/{client_id}"
        filters = (
            Parameter("tenant", "Only this tenant's"),
            Parameter("user", "Only this user's"),
            Parameter("client_id", "Only those of this client id"),
            Parameter("address", "Only those connected from this address or network, or from this address and port"),
            Parameter("status", "Only those that are connected, or that are not", choice("online", "offline")),
        )
        return [
            Operation(
                "GET", "/api/admin/sessions", "listSessions", "Sessions, connected or not",
                self._list, (*filters, LIMIT, CURSOR), gives=views.Sessions,
            ),
            Operation(
                "GET", one, "getSession", "One session", self._show, _ONE, gives=views.Session, problems=(404, 409)
            ),
            Operation(
                "DELETE", one, "endSession", "Disconnect the client and discard its session",
                self._end, _ONE, status=204, problems=(404, 409),
            ),
            Operation(
                "POST", f"{one}/disconnect", "disconnectSession", "Disconnect the client and leave it its session",
                self._disconnect, _ONE, gives=views.Disconnected, problems=(404, 409),
            ),
            Operation(
                "GET", f"{one}/subscriptions", "listSessionSubscriptions", "What a session is subscribed to",
                self._subscriptions, (*_ONE, LIMIT, CURSOR), gives=views.Subscriptions, problems=(404, 409),
            ),
        ]  # fmt: skip

    async def _list(self, call: Call) -> Reply:
        wanted = Wanted(call["address"], call["status"])
        found = candidates(self._broker.core, call["tenant"], call["user"], call["client_id"])
        page, following = await find_page(found, _key, wanted.fits, call["cursor"], call["limit"])
        return Reply(views.Sessions([show(receiver) for receiver in page], following))

    async def _show(self, call: Call) -> Reply:
        return Reply(show(self._find(call)))

    async def _end(self, call: Call) -> Reply:
        await self._broker.disconnect([self._find(call)], reasons.ADMINISTRATIVE_ACTION, discard=True, text=WORDS)
        return Reply()

    async def _disconnect(self, call: Call) -> Reply:
        count = await self._broker.disconnect([self._find(call)], reasons.ADMINISTRATIVE_ACTION, text=WORDS)
        return Reply(views.Disconnected(count > 0))

    async def _subscriptions(self, call: Call) -> Reply:
        held = list(self._find(call).subscriptions.values())
        page, following = await find_page(held, lambda one: (one.text,), lambda _: True, call["cursor"], call["limit"])
        return Reply(views.Subscriptions([show_subscription(one) for one in page], following))

    def _find(self, call: Call) -> Receiver:
        tenant, client_id, scope = call["tenant"], call["client_id"], call["scope"]
        if scope is not None:
            found = self._broker.session(tenant, scope, client_id)
            several = [] if found is None else [found]
        else:
            several = self._broker.sessions(tenant, client_id=client_id)
        if not several:
            raise not_found(f"tenant {tenant!r} has no session of client id {client_id!r}")
        if len(several) > 1:
            scopes = ", ".join(sorted(receiver.key[1] for receiver in several[:10]))
            raise Problem(409, f"several users have a client of this id; say which by scope: {scopes}", "scope")
        return several[0]


class Wanted:
    """What a list is narrowed to, beyond what the broker finds by itself."""

    def __init__(self, address: str | None, status: str | None) -> None:
        self._address = address
        self._network = None if address is None else parse_network(address.strip("[]"))
        self._status = status

    def fits(self, receiver: Receiver) -> bool:
        if self._status is not None and receiver.is_online() != (self._status == "online"):
            return False
        if self._address is None:
            return True
        address = receiver.peer_address()
        if self._network is None:
            return self._address == address
        host = parse_host(address)
        return host is not None and self._network.contains(host)


def candidates(broker: Broker, tenant: str | None, user: str | None, client_id: str | None) -> Iterator[Receiver]:
    names = list(broker.tenants) if tenant is None else [tenant]
    for name in names:
        yield from broker.sessions(name, user=user, client_id=client_id)


def _key(receiver: Receiver) -> tuple[str, str, str]:
    return receiver.key


def show(receiver: Receiver) -> views.Session:
    tenant, scope, client_id = receiver.key
    view = views.Session(
        tenant=tenant,
        client_id=client_id,
        scope=scope,
        user=receiver.identity.user,
        dialect=receiver.dialect(),
        protocol=receiver.dialect(),
        online=receiver.is_online(),
        address=receiver.peer_address(),
        persistent=receiver.is_persistent(),
        expires_after=0,
        subscription_count=len(receiver.subscriptions),
        subscriptions=[show_subscription(held) for held in islice(receiver.subscriptions.values(), SHOWN)],
    )
    if isinstance(receiver, Session):
        _add_session(view, receiver)
    elif isinstance(receiver, FramedReceiver) and receiver.is_online():
        view.connected_since = at(receiver.connected_at)
    return view


def _add_session(view: views.Session, session: Session) -> None:
    view.protocol = "MQTT"
    view.created = at(session.created_at)
    view.offline_since = at(session.offline_since)
    view.expires_after = None if session.expiry == NEVER else session.expiry
    queue, window = session.outbound.queue, session.outbound.window
    view.queue = views.Waiting(0, 0) if queue is None else views.Waiting(len(queue), queue.size)
    view.window = views.Waiting(0 if window is None else len(window), session.outbound.window_bytes)
    will = session.will
    if will is not None:
        message = will.message
        view.will = views.Will(message.topic, message.qos, message.retain, will.delay, len(message.payload))
    if session.link is not None:
        _add_link(view, session.link)


def _add_link(view: views.Session, link: Link) -> None:
    view.protocol = VERSIONS.get(link.level, "MQTT")
    view.connected_since = at(link.connected_at)
    view.last_heard = at(link.last_heard)
    view.unsent = link.output.unsent


def show_subscription(held: Held) -> views.Subscription:
    return views.Subscription(
        held.text, held.qos, held.no_local, held.retain_as_published, held.identifiers or [], held.dormant
    )
