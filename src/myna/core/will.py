"""Last wills: published once, on every end of a connection but a clean one, at once or after a delay.

    connection ends, not by DISCONNECT 0x00      delay 0, or the session ends with it     publish now
                                                 else                                     publish at min(delay,
                                                 session expiry)
    the client is back before that                                                        never [MQTT-3.1.3-9]

Its session's identity is asked when it fires: what was allowed at CONNECT may not be any more.
"""

from typing import final

from myna.core.broker import Broker
from myna.core.counters import DROP_NOT_PERMITTED
from myna.core.deadlines import Deadline, Timed
from myna.core.identity import LATER, Waiting
from myna.core.message import Message
from myna.core.receiver import SessionKey
from myna.core.records import WillSet
from myna.wire import reasons


@final
class _Undecided(Waiting):
    """A will that has fired, and of which the rules have yet to say whether it may."""

    def __init__(self, will: "PendingWill") -> None:
        self._will = will

    def decided(self, now: float) -> None:
        self._will.go_out(now)


@final
class PendingWill(Timed):
    """One session's will, from CONNECT until it is published or called off."""

    def __init__(self, broker: Broker, key: SessionKey, message: Message, delay: int, expiry: float) -> None:
        self._broker = broker
        self._key = key
        self._deadline: Deadline | None = None
        self._lifetime = expiry  # message expiry in seconds, counted from when it is published; 0 for none
        self._stored = False
        self._published = False
        self._identity = message.origin.identity
        self.message = message
        self.delay = delay

    def store(self, due: float) -> None:
        """Let the store know of it, and when it is due; 0 while its connection is open.

        Not of one that may not be published: after a restart there may be nobody who knows the rules that forbid it.
        """
        identity = self._identity
        if identity is not None:
            message = self.message
            verdict = self._broker.may_publish(identity, message.topic, message.qos, message.retain)
            if verdict not in (reasons.SUCCESS, LATER):
                return
        self._stored = True
        self._broker.journal.note(WillSet(self._key, self.message, self.delay, due, self._lifetime))

    def forget(self) -> None:
        """It is done with, or called off."""
        if self._stored:
            self._stored = False
            self._broker.journal.note(WillSet(self._key, None, 0, 0.0, 0.0))

    def restored(self, due: float, now: float) -> None:
        """It comes from the store: its delay runs on, or begins where the broker ended before the connection did."""
        self._stored = True
        if due == 0.0:
            due = now + self.delay
            self.store(due)
        self._deadline = self._broker.deadlines.add(due, self)

    def connection_ended(self, session_lasts: float, durable: bool, now: float) -> bool:
        """Publish or start waiting; True if it is done with."""
        wait = min(float(self.delay), session_lasts)
        if wait <= 0:
            self.publish(now)
            return True
        self._deadline = self._broker.deadlines.add(now + wait, self)
        if durable:
            self.store(now + wait)
        return False

    def cancel(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def due(self, now: float) -> None:
        """The delay has passed, and the session lives on without a will."""
        self._deadline = None
        self.publish(now)

    def publish(self, now: float) -> None:
        """The message goes out as if its client had just published it, and only once."""
        self.cancel()
        if self._published:
            return
        self._published = True
        session = self._broker.session(*self._key)  # there until its will is done with
        if session is not None:
            self._identity = session.identity
        self.forget()  # before anything is asked: the client's next will has the same place in the store
        self.go_out(now)

    def go_out(self, now: float) -> None:
        broker = self._broker
        message = self.message
        identity = self._identity
        verdict = reasons.SUCCESS
        if identity is not None:
            verdict = broker.may_publish(identity, message.topic, message.qos, message.retain)
            if verdict == LATER:
                broker.await_verdict(identity, _Undecided(self))
                return
        if verdict != reasons.SUCCESS:
            broker.counters.drop(DROP_NOT_PERMITTED)
            broker.watcher.refused(
                f"will on {message.topic!r}",
                self._key[0],
                self._key[2],
                message.origin.address,
                reasons.reason_name(verdict),
                now,
                message.origin.user,
            )
            return
        message.published_at = now
        if self._lifetime:
            message.expires_at = now + self._lifetime
        broker.counters.wills_published += 1
        broker.publish(broker.tenant(self._key[0]), message, now)
