"""What routing has done, as Prometheus text: the contract's two names for all of it, and our own for each part.

What a newcomer gets wrong: a message counts as routed when its destination has it, not when it waits for it.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from myna.routing.line import Line
from myna.routing.rules import Rule

Sample = tuple[Mapping[str, str], float]

_GAUGES: Final = (
    ("queued", "queued", "Events that wait for a destination, or are on their way."),
    ("queued_bytes", "queuedBytes", "Their weight."),
    ("lag_seconds", "lagSeconds", "How old the oldest event is that a destination does not have."),
    ("dead_letters", "deadLetters", "Events that were given up and kept."),
    ("paused", "paused", "1 while an administrator has stopped deliveries."),
)
_COUNTERS: Final = (
    ("accepted", "accepted", "Events that were put into a destination's queue."),
    ("delivered", "delivered", "Events a destination has taken."),
    ("attempts", "attempts", "Events sent, each attempt counted."),
    ("overflowed", "overflowed", "Events for which a queue had no room, or that made way."),
    ("dead_letters_lost", "deadLettersLost", "Kept dead letters that made way for later ones, or were too large."),
)


def render(lines: Iterable[Line], rules: Iterable[Rule]) -> str:
    text: list[str] = []
    lines = list(lines)
    states = {line.name: line.state() for line in lines}
    failed: dict[str, int] = {}
    for line in lines:
        for error, count in line.failed.items():
            failed[error] = failed.get(error, 0) + count
    delivered = sum(line.delivered for line in lines)
    _add(
        text,
        "mqtt_successful_routed_messages_total",
        "counter",
        "Events that got where they belong.",
        [({}, delivered)],
    )
    errors: list[Sample] = [({"error": error}, count) for error, count in failed.items()]
    _add(text, "mqtt_failed_routed_messages_total", "counter", "Attempts that failed, by class.", errors)
    for kind, names in (("gauge", _GAUGES), ("counter", _COUNTERS)):
        for name, key, help_text in names:
            full = f"myna_routing_{name}{'_total' if kind == 'counter' else ''}"
            _add(text, full, kind, help_text, [({"destination": name}, state[key]) for name, state in states.items()])
    _add(
        text, "myna_routing_failed_attempts_total", "counter", "Attempts that failed.",
        [({"destination": one.name, "error": error}, count) for one in lines for error, count in one.failed.items()],
    )  # fmt: skip
    _add(
        text, "myna_routing_dead_lettered_total", "counter", "Events given up.",
        [({"destination": one.name, "reason": why}, count) for one in lines for why, count in one.buried.items()],
    )  # fmt: skip
    _add(
        text, "myna_routing_matched_total", "counter", "Messages and events a rule has taken.",
        [({"rule": rule.name}, rule.matched) for rule in rules],
    )  # fmt: skip
    return "\n".join(text)


def _add(text: list[str], name: str, kind: str, help_text: str, samples: Iterable[Sample]) -> None:
    text += (f"# HELP {name} {help_text}", f"# TYPE {name} {kind}")
    for labels, value in samples:  # names of destinations and rules hold nothing that would have to be escaped
        inner = ",".join(f'{key}="{label}"' for key, label in labels.items())
        number = int(value) if isinstance(value, bool) else value
        text.append(f"{name}{{{inner}}} {number}" if inner else f"{name} {number}")
