"""Events of a hub that the rules of routing may take."""

from myna.faces.webpubsub.hub_settings import Handler, HubSettings
from myna.faces.webpubsub.settings import Settings
from myna.formats.offered import OfferedEvent
from tests.faces.webpubsub.events.handled import HandledHub, in_a_loop, settle


class Rules:
    """Wants the events of some tenants, and takes those of some names."""

    def __init__(self, tenant: str = "chat", *names: str) -> None:
        self.tenant = tenant
        self.names = names
        self.offered: list[OfferedEvent] = []

    def want(self, kind: str, tenant: str) -> bool:
        return (kind, tenant) == ("webpubsub", self.tenant)

    def offer(self, event: OfferedEvent) -> bool:
        self.offered.append(event)
        return event.attributes["eventname"] in self.names


def hub(rules: Rules, name: str = "chat", **settings: object) -> HandledHub:
    told = HubSettings(routed_user_events="a,b", routed_system_events=("connected", "disconnected"), **settings)  # type: ignore[arg-type]
    return HandledHub(Settings(hubs={name: told}), name=name, events=rules)


@in_a_loop
async def test_they_are_offered_as_they_happen() -> None:
    rules = Rules("chat", "a")
    alice = hub(rules).client("alice")
    alice.say(type="event", event="a", dataType="text", data="x", ackId=1)
    alice.say(type="event", event="b", data=1, ackId=2)
    alice.say(type="event", event="c", data=1, ackId=3)
    assert [ack["success"] for ack in alice.taken()] == [True, False, False]  # a rule takes the first one
    alice.leave()
    assert [event.type for event in rules.offered] == [
        "azure.webpubsub.sys.connected",
        "azure.webpubsub.user.a",
        "azure.webpubsub.user.b",
        "azure.webpubsub.sys.disconnected",
    ]
    assert rules.offered[1] == OfferedEvent(
        "webpubsub",
        "chat",
        "azure.webpubsub.user.a",
        f"/hubs/chat/client/{alice.id}",
        alice.id,
        b"x",
        "text/plain",
        {
            "hub": "chat",
            "connectionid": alice.id,
            "eventname": "a",
            "userid": "alice",
            "subprotocol": "json.webpubsub.azure.v1",
        },
    )
    assert rules.offered[3].data == b'{"reason":"Normal"}'


@in_a_loop
async def test_handlers_get_them_all_the_same() -> None:
    rules = Rules("chat", "a", "connected")
    served = hub(rules, handlers=(Handler("http://app/", "*", ("connect", "connected")),))
    alice = served.open("alice")
    await settle()
    alice.say(type="event", event="a", data=1)
    await settle()
    assert served.back_end.events() == ["connect", "connected", "a"]
    assert [event.attributes["eventname"] for event in rules.offered] == ["connected", "a"]


@in_a_loop
async def test_of_a_hub_no_rule_wants_nothing_is_made() -> None:
    rules = Rules("other")
    mqtt = hub(rules).mqtt("m")
    mqtt.drop()
    assert rules.offered == []


@in_a_loop
async def test_the_default_tenant_is_found_by_its_own_name() -> None:
    rules = Rules("DevOnly")
    hub(rules, "devonly").open("alice")
    assert [event.tenant for event in rules.offered] == ["DevOnly"]
