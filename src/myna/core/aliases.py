"""Topic aliases, both directions. A map belongs to one connection and direction, never to the session [MQTT-3.3.2-7]"""

from typing import final


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

    def is_legal(self, alias: int) -> bool:
        return 1 <= alias <= self.maximum  # [MQTT-3.3.2-8]

    def bind(self, alias: int, topic: str) -> None:
        self._topics[alias] = topic

    def topic(self, alias: int) -> str:
        """What it stands for, or the empty string."""
        return self._topics.get(alias, "")
