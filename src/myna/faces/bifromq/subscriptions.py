"""PUT /sub and DELETE /unsub: as if the connected client had asked itself.

Its rules and limits hold, retained messages go to it, and what is subscribed lives as long as its session. What a
newcomer gets wrong: the client must be connected; for one that is away the answer is 404 even if its session is kept.
"""

from myna.core.subscribing import Asked
from myna.faces.bifromq import answers
from myna.faces.bifromq.answers import Answer, text_answer
from myna.faces.bifromq.calls import Call
from myna.faces.bifromq.naming import SUB_QOS, TOPIC_FILTER
from myna.faces.bifromq.sessions import Sessions
from myna.faces.contract import FaceContext
from myna.wire.topics import parse_filter


class Subscriptions:
    def __init__(self, context: FaceContext, sessions: Sessions) -> None:
        self._broker = context.broker
        self._sessions = sessions

    async def subscribe(self, call: Call) -> Answer:
        filter = call.text(TOPIC_FILTER)
        qos = call.number(SUB_QOS)
        if not 0 <= qos <= 2:
            return text_answer(400, f"Invalid sub qos: {qos}")
        receiver = self._sessions.find_online(call)
        if receiver is None:
            return answers.NOT_FOUND
        granted = await self._broker.subscribe(receiver, Asked(filter, qos))
        if granted.code <= 2:
            return answers.EXISTS if granted.existed else answers.OK
        return answers.SUBSCRIBE.get(granted.code, answers.FAILED)

    async def unsubscribe(self, call: Call) -> Answer:
        filter = call.text(TOPIC_FILTER)
        receiver = self._sessions.find_online(call)
        if receiver is None:
            return answers.NOT_FOUND
        if parse_filter(filter) is None:
            return answers.INVALID_FILTER
        return answers.UNSUBSCRIBE.get(await self._broker.unsubscribe(receiver, filter), answers.FAILED)
