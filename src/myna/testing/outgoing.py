"""A double of the client for calls to others: it remembers what was asked, and answers what a test has told it to."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from myna.formats.outgoing import LARGEST_ANSWER, Answer, CallFailed, Cause


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class ScriptedHttp:
    """Answers in the order given by `answers`; when there are none left, as a destination that refuses connections."""

    def __init__(self, *answers: Answer | CallFailed) -> None:
        self.answers = deque(answers)
        self.asked: list[Asked] = []

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        timeout: float = 30.0,
        largest: int = LARGEST_ANSWER,
        redirects: int = 0,
        trust: str = "",
    ) -> Answer:
        self.asked.append(Asked(method, url, {name.lower(): value for name, value in headers}, body))
        if not self.answers:
            raise CallFailed(Cause.CONNECTION, "nobody listens there")
        answer = self.answers.popleft()
        if isinstance(answer, CallFailed):
            raise answer
        return answer
