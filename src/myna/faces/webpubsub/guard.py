"""The topics under $webpubsub: events go to the back end, everything else there is ours alone.

    $webpubsub/server/messages            what REST sends to a client; delivered to it directly, nobody can publish it
    $webpubsub/server/events/{event}      from MQTT clients; taken here
    $webpubsub/server/events/{event}/…    answers, delivered like the first
    anything else                         refused, to publishers and to subscribers

What a newcomer gets wrong: nothing is ever routed below $webpubsub. A subscription there has no effect but for the QoS
it wishes for.
"""

from myna.core.counters import Counters
from myna.core.message import Message
from myna.core.ports import GRANT, TAKEN, TopicGuard
from myna.core.receiver import Receiver, Subscription
from myna.faces.webpubsub.naming import EVENTS, RESERVED, SERVER_MESSAGES
from myna.faces.webpubsub.upstream import Upstream
from myna.wire import reasons


class EventGuard(TopicGuard):
    def __init__(self, upstream: Upstream, counters: Counters) -> None:
        super().__init__(RESERVED)
        self._upstream = upstream
        self._counters = counters

    def publishing(self, message: Message, now: float) -> int:
        sender = message.origin.sender
        event = message.topic.removeprefix(EVENTS)
        if event == message.topic or not event or "/" in event or message.origin.source != "mqtt":
            return reasons.NOT_AUTHORIZED
        if not isinstance(sender, Receiver) or not self._upstream.take(sender, event, message, now):
            self._counters.refuse("webpubsub_event_without_handler")
        return TAKEN

    def subscribing(self, receiver: Receiver, subscription: Subscription, now: float) -> int:
        filter = subscription.filter
        is_legal = filter == SERVER_MESSAGES or filter.startswith(EVENTS) or not filter.startswith(RESERVED)
        return GRANT if is_legal else reasons.NOT_AUTHORIZED

    def delivering(self, message: Message, receiver: Receiver, subscription: Subscription, now: float) -> bool:
        return False
