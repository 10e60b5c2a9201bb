"""How many there are in all tenants together. Plain numbers, kept by the tenants themselves."""

from typing import final


@final
class Census:
    """`half_open`: connections that have not said who they are, or of whom that has not been found out."""

    __slots__ = ("connections", "half_open", "sessions")

    def __init__(self) -> None:
        self.connections = 0
        self.half_open = 0
        self.sessions = 0
