"""How many there are in all tenants together. Plain numbers, kept by the tenants themselves."""

from typing import final


@final
class Census:
    """`half_open`: connections that have not said who they are, or of whom that has not been found out. What is asked
    about in the depth of a tenant has its bound beside it, 0 for none.
    """

    __slots__ = (
        "connections",
        "half_open",
        "most_retained_bytes",
        "most_subscriptions",
        "retained_bytes",
        "sessions",
        "subscriptions",
    )

    def __init__(self) -> None:
        self.connections = 0
        self.half_open = 0
        self.sessions = 0
        self.subscriptions = 0
        self.most_subscriptions = 0
        self.retained_bytes = 0
        self.most_retained_bytes = 0
