"""What somebody outside may have a say in: how much of each resource a tenant may use. Nobody has, unless asked to.

The names are those of the contract of BifroMQ's resource throttler, with its two spellings of "per second", because
clients are told them. What a newcomer gets wrong: the answer comes at once and may be a minute old; whoever implements
this remembers, and says yes to what it has not heard of yet.
"""

from typing import Final

from mypy_extensions import mypyc_attr

CONNECTIONS: Final = "TotalConnections"
CONNECT_RATE: Final = "TotalConnectPerSecond"
SESSION_MEMORY: Final = "TotalSessionMemoryBytes"
PERSISTENT_SESSIONS: Final = "TotalPersistentSessions"
PERSISTENT_SESSION_SPACE: Final = "TotalPersistentSessionSpaceBytes"
SHARED_SUBSCRIPTIONS: Final = "TotalSharedSubscriptions"
TRANSIENT_SUBSCRIPTIONS: Final = "TotalTransientSubscriptions"
PERSISTENT_SUBSCRIPTIONS: Final = "TotalPersistentSubscriptions"
TRANSIENT_SUBSCRIBE_RATE: Final = "TotalTransientSubscribePerSecond"
PERSISTENT_SUBSCRIBE_RATE: Final = "TotalPersistentSubscribePerSecond"
TRANSIENT_UNSUBSCRIBE_RATE: Final = "TotalTransientUnsubscribePerSecond"
PERSISTENT_UNSUBSCRIBE_RATE: Final = "TotalPersistentUnsubscribePerSecond"
RETAIN_MATCH_RATE: Final = "TotalRetainMatchPerSeconds"
RETAIN_MATCH_BYTES: Final = "TotalRetainMatchBytesPerSecond"
RETAIN_TOPICS: Final = "TotalRetainTopics"
RETAIN_SPACE: Final = "TotalRetainMessageSpaceBytes"
RETAIN_RATE: Final = "TotalRetainedMessagesPerSeconds"
RETAIN_BYTES: Final = "TotalRetainedBytesPerSecond"
INBOUND_BYTES: Final = "TotalInboundBytesPerSecond"
TRANSIENT_FANOUT: Final = "TotalTransientFanOutBytesPerSeconds"
PERSISTENT_FANOUT: Final = "TotalPersistentFanOutBytesPerSeconds"

# What each act asks for, in the order in which it is asked.
TO_CONNECT: Final = (CONNECTIONS, SESSION_MEMORY, CONNECT_RATE)
TO_PERSIST: Final = (PERSISTENT_SESSIONS, PERSISTENT_SESSION_SPACE)
TO_RETAIN: Final = (RETAIN_SPACE, RETAIN_RATE, RETAIN_BYTES)
TO_MATCH_RETAINED: Final = (RETAIN_MATCH_RATE, RETAIN_MATCH_BYTES)
RESOURCES: Final = (
    *TO_CONNECT,
    *TO_PERSIST,
    SHARED_SUBSCRIPTIONS,
    TRANSIENT_SUBSCRIPTIONS,
    PERSISTENT_SUBSCRIPTIONS,
    TRANSIENT_SUBSCRIBE_RATE,
    PERSISTENT_SUBSCRIBE_RATE,
    TRANSIENT_UNSUBSCRIBE_RATE,
    PERSISTENT_UNSUBSCRIBE_RATE,
    *TO_MATCH_RETAINED,
    RETAIN_TOPICS,
    *TO_RETAIN,
    INBOUND_BYTES,
    TRANSIENT_FANOUT,
    PERSISTENT_FANOUT,
)


@mypyc_attr(allow_interpreted_subclasses=True)
class Quotas:
    """Everything may be had. A subclass that is `asked` knows better."""

    def __init__(self) -> None:
        self.asked = False

    def allows(self, tenant: str, resource: str) -> bool:
        """May this tenant use more of it?"""
        return True

    def missing(self, tenant: str, resources: tuple[str, ...]) -> str:
        """The first of them that it may not use more of; empty if there is none."""
        if self.asked:
            for resource in resources:
                if not self.allows(tenant, resource):
                    return resource
        return ""
