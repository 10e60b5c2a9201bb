"""What a verb answers: an Outcome where it was done, a Refusal where it was not. Values, never exceptions."""

from typing import Final, final

from myna.wire.reasons import reason_name


@final
class Outcome:
    """`matched`: somebody wanted it, connected or not. `sequence`: what to await until it is durable, or 0.

    `carried` is what the tap said: see `ports.Tap`.
    """

    __slots__ = ("carried", "matched", "sequence")

    def __init__(self, matched: bool, sequence: int, carried: int = 0) -> None:
        self.matched = matched
        self.sequence = sequence
        self.carried = carried


@final
class Refusal:
    """`reason` is an MQTT 5 reason code; each face has a table from it to its own answers.

    `wait`: seconds after which it makes sense to try again, 0 where nobody can tell.
    """

    __slots__ = ("reason", "text", "wait")

    def __init__(self, reason: int, text: str = "", wait: float = 0.0) -> None:
        self.reason = reason
        self.wait = wait
        self.text = text or reason_name(reason)


# Shared, so that a publish which waits for nothing makes no object.
MATCHED: Final = Outcome(True, 0)
UNMATCHED: Final = Outcome(False, 0)
