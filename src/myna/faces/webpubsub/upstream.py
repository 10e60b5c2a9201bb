"""Where clients' events go: whoever answers for a hub's back end. Nobody does unless something is put here.

What a newcomer gets wrong: an event nobody takes is not lost silently. The client is told where its protocol has a
word for that, and it is counted in any case.
"""

from abc import ABC, abstractmethod

from myna.core.message import Message
from myna.core.receiver import Receiver


class Upstream(ABC):
    @abstractmethod
    def take(self, receiver: Receiver, event: str, message: Message, now: float) -> bool:
        """An event of this client: has it been taken?"""


class Nobody(Upstream):
    def take(self, receiver: Receiver, event: str, message: Message, now: float) -> bool:
        return False
