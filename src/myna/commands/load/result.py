"""What a run of the load measured, as numbers for a program and as lines for a person."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

_QUIET: Final = 0.1  # cores; a machine that does less besides is fit to measure on


@dataclass
class Result:
    """Of one run. Times in microseconds are None where nothing was there to measure them by."""

    load: str
    level: int
    qos: int
    payload_bytes: int
    publishers: int
    subscribers: int
    window: int
    seconds: float = 0.0
    deliveries: int = 0
    deliveries_per_second: float = 0.0
    broker_us_per_delivery: float | None = None
    broker_cores: float | None = None
    broker_resident_bytes: int | None = None
    broker_threads: int | None = None
    generator_us_per_delivery: float = 0.0
    generator_cores: float = 0.0
    others_cores: float | None = None
    latency_us: dict[str, float] = field(default_factory=dict)
    late_us: dict[str, float] = field(default_factory=dict)
    offered_per_second: float | None = None
    sent: int = 0
    expected: int = 0
    received: int = 0
    lost: int = 0
    misplaced: int = 0
    foreign: int = 0
    refused: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Everything arrived, once and in order."""
        return self.received == self.expected and not (self.lost or self.misplaced or self.foreign or self.refused)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "complete": self.is_complete}


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p99 and the worst of many times, in microseconds."""
    if not seconds:
        return {}
    ordered = sorted(seconds)
    last = len(ordered) - 1
    found = {"p50": ordered[last // 2], "p99": ordered[round(last * 0.99)], "max": ordered[last]}
    return {name: round(value * 1e6, 1) for name, value in found.items()}


def describe(result: Result) -> str:
    """A few aligned lines."""
    lines = [("load", _what(result)), ("rate", f"{result.deliveries_per_second:,.0f} deliveries/s")]
    if result.offered_per_second is not None:
        lines[-1] = ("rate", f"{lines[-1][1]}, {result.offered_per_second:,.0f}/s offered")
    if result.broker_us_per_delivery is not None:
        resident = (result.broker_resident_bytes or 0) / 1e6
        cores = f"{result.broker_cores:.2f} cores, {result.broker_threads} threads, {resident:,.1f} MB"
        lines.append(("broker", f"{result.broker_us_per_delivery:.2f} µs of processor per delivery ({cores})"))
    generator = f"{result.generator_us_per_delivery:.2f} µs of processor per delivery"
    lines.append(("generator", f"{generator} ({result.generator_cores:.2f} cores)"))
    if (result.others_cores or 0.0) > _QUIET:
        lines.append(("others", f"{result.others_cores:.2f} cores were busy with something else: rates are too low"))
    if result.latency_us:
        lines.append(("latency", _times(result.latency_us)))
    if result.late_us:
        lines.append(("sent late", _times(result.late_us)))
    lines.append(("checked", _checked(result)))
    lines.extend(("note", note) for note in result.notes)
    return "\n".join(f"{name:<10} {text}" for name, text in lines)


def _what(result: Result) -> str:
    version = {3: "3.1", 4: "3.1.1", 5: "5"}[result.level]
    clients = f"{_many(result.publishers, 'publisher')}, {_many(result.subscribers, 'subscriber')}"
    message = f"QoS {result.qos}, {result.payload_bytes} bytes, MQTT {version}, window {result.window}"
    return f"{result.load}: {clients}, {message}, {result.seconds:.1f} s"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _times(times: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:,.0f} µs" for name, value in times.items())


def _checked(result: Result) -> str:
    if result.is_complete:
        return f"all {result.received:,} messages arrived, once and in order"
    missing = max(result.expected - result.received, result.lost)
    troubles = [
        (missing, "lost"),
        (result.misplaced, "repeated or out of order"),
        (result.foreign, "not of this run"),
        (result.refused, "refused by the broker"),
    ]
    found = ", ".join(f"{count:,} {trouble}" for count, trouble in troubles if count)
    return f"FAILED: of {result.expected:,} messages: {found or 'more arrived than were sent'}"
