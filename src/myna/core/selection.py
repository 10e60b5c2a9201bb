"""A publisher's choice among those who subscribe: "all but me", "only users whose …". One question per receiver.

Knows no dialect's way of saying it. What a newcomer gets wrong: it narrows who gets one message, so nothing of it is
remembered with the route.
"""

from abc import ABC, abstractmethod

from mypy_extensions import mypyc_attr

from myna.core.receiver import Receiver


@mypyc_attr(allow_interpreted_subclasses=True)
class Selection(ABC):
    @abstractmethod
    def takes(self, receiver: Receiver) -> bool:
        """Is the message for this one, too?"""
