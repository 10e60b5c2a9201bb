"""An authenticator under the name that the configuration lists it by, so that rules can speak of it.

What a newcomer gets wrong: the name is noted before the authenticator is asked. Those who are asked in vain leave
theirs behind, and the last one to be asked is the one who admits.
"""

from myna.access.judges import Judge
from myna.core.ports import Ticket
from myna.core.verdict import Answer


class Named:
    """Everything but `judge` is the authenticator's own."""

    __slots__ = ("_judge", "_name")

    def __init__(self, name: str, judge: Judge) -> None:
        self._name = name
        self._judge = judge

    def judge(self, ticket: Ticket, now: float) -> Answer:
        ticket.authenticator = self._name
        return self._judge.judge(ticket, now)

    def __getattr__(self, name: str) -> object:
        return getattr(self._judge, name)
