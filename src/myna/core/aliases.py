"""Topic aliases, both directions. A map belongs to one connection and direction, never to the session [MQTT-3.3.2-7]"""

from typing import final

from myna.wire import reasons
from myna.wire.errors import ProtocolViolation


@final
class OutboundAliases:
    """Gives the first topics an alias each, up to the client's maximum. None is taken away again: no alias dangles."""

    __slots__ = ("_by_topic", "_maximum")

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._by_topic: dict[str, int] = {}

    def known(self, topic: str) -> int:
        """The alias the client has for this topic, or 0."""
        return self._by_topic.get(topic, 0)

    def next_free(self) -> int:
        """An alias for a topic that is about to be written in full; 0 when there are no more [MQTT-3.1.2-26]."""
        count = len(self._by_topic)
        return count + 1 if count < self._maximum else 0

    def bind(self, topic: str, alias: int) -> None:
        """The packet that says so is on its way: only now does the client know it."""
        self._by_topic[topic] = alias


@final
class InboundAliases:
    """What the client has made its aliases stand for."""

    __slots__ = ("_topics", "maximum")

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self._topics: dict[int, str] = {}

    def resolve(self, alias: int, topic: str) -> str:
        """The topic of a packet with an alias: its own, which the alias stands for from now on, or what it stands for.

        Aliases reach from one to the maximum.
        """
        if not 1 <= alias <= self.maximum:
            raise ProtocolViolation(f"topic alias {alias}", reasons.TOPIC_ALIAS_INVALID)  # [MQTT-3.3.2-8]
        if topic:
            self._topics[alias] = topic
            return topic
        known = self._topics.get(alias, "")
        if not known:
            raise ProtocolViolation(f"topic alias {alias} has not been set")  # §3.3.2.3.4
        return known
