"""The topics under $webpubsub: events go to the back end, everything else there is ours alone.

    $webpubsub/server/messages            what REST sends to a client; delivered to it directly, nobody can publish it
    $webpubsub/server/events/{event}      from MQTT clients; taken here
    $webpubsub/server/events/{event}/…    answers, delivered like the first
    anything else                         refused, to publishers and to subscribers

What a newcomer gets wrong: nothing is ever routed below $webpubsub. A subscription there has no effect but for the QoS
it wishes for; and an event is acknowledged when it has been taken, not when it has been answered.
"""

from typing import Final

from myna.core.broker import Broker
from myna.core.message import Message, Origin
from myna.core.ports import GRANT, TAKEN, TopicGuard
from myna.core.receiver import Receiver, Subscription
from myna.faces.webpubsub.mqtt_events import answer_to, event_name, read_event
from myna.faces.webpubsub.naming import DIALECT, EVENTS, RESERVED, SERVER_MESSAGES
from myna.faces.webpubsub.selecting import is_ours
from myna.faces.webpubsub.upstream import Reply, Upstream
from myna.wire import reasons

BAD_TYPE: Final = Reply(400, error="BadRequest", text="The content type is no media type.")


class EventGuard(TopicGuard):
    def __init__(self, upstream: Upstream, broker: Broker) -> None:
        super().__init__(RESERVED)
        self._upstream = upstream
        self._broker = broker

    def publishing(self, message: Message, now: float) -> int:
        sender = message.origin.sender
        name = event_name(message.topic)
        if not name or message.origin.source != "mqtt" or not isinstance(sender, Receiver) or not is_ours(sender):
            return reasons.NOT_AUTHORIZED
        event = read_event(name, message)
        if event is None:
            self._answer(sender, message, BAD_TYPE, now)
        else:
            self._upstream.ask(sender, event, lambda reply, now: self._answer(sender, message, reply, now), now)
        return TAKEN

    def subscribing(self, receiver: Receiver, subscription: Subscription, now: float) -> int:
        filter = subscription.filter
        is_legal = filter == SERVER_MESSAGES or filter.startswith(EVENTS) or not filter.startswith(RESERVED)
        return GRANT if is_legal else reasons.NOT_AUTHORIZED

    def delivering(self, message: Message, receiver: Receiver, subscription: Subscription, now: float) -> bool:
        return False

    def _answer(self, receiver: Receiver, asked: Message, reply: Reply, now: float) -> None:
        """To the session that asked, while there is one: it needs no subscription."""
        broker = self._broker
        if not reply.is_success:
            broker.counters.refuse(reply.refusal)
        if broker.session(*receiver.key) is not receiver:
            return
        tenant = broker.tenant(receiver.key[0])
        message = answer_to(asked, reply, Origin(DIALECT, tenant.name), now)
        held = receiver.subscriptions.get(message.topic)
        terms = Subscription(receiver, message.topic, message.topic, message.qos) if held is None else held
        broker.deliver_to(tenant, message, [terms], now)
