"""Which of a hub's connections a call means: by exclusion, by filter, by whether they are of this dialect at all.

What a newcomer gets wrong: groups of an MQTT session are its filters as written; a filter sees those texts.
"""

from myna.core.receiver import Receiver
from myna.core.selection import Selection
from myna.faces.webpubsub.clients.client import WebSocketClient
from myna.faces.webpubsub.filter import Filter, Subject
from myna.faces.webpubsub.naming import DIALECT


class Chosen(Selection):
    """All but the excluded, and of those only whom the filter matches."""

    def __init__(self, excluded: frozenset[str], filter: Filter | None) -> None:
        self._excluded = excluded
        self._filter = filter

    def takes(self, receiver: Receiver) -> bool:
        if receiver.key[2] in self._excluded:
            return False
        return self._filter is None or self._filter.matches(subject_of(receiver))


def subject_of(receiver: Receiver) -> Subject:
    protocol = receiver.protocol() if isinstance(receiver, WebSocketClient) else "mqtt"
    return Subject(receiver.identity.user or None, receiver.key[2], receiver.subscriptions, protocol)


def is_ours(receiver: Receiver) -> bool:
    """Admitted by this dialect. A session that outlived a restart is known by what was stored of it."""
    identity = receiver.identity
    return identity.dialect == DIALECT or identity.attributes.get("dialect") == DIALECT
