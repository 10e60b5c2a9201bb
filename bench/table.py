"""The figures as tables: medians of all rounds, each beside its ratio to the peer it is compared with.

Knows only what was measured, not how. A ratio says how many times better the broker is than the first peer: rate over
rate, but processor time and latency the other way round, so that above 1 is better everywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from bench.loads import LOADS, Load

Measured = Mapping[str, Any]  # one `myna bench --json`
Rounds = Mapping[str, Mapping[str, Sequence[Measured]]]  # load -> broker -> its rounds

HEADINGS: Final = ("load", "broker", "deliveries/s", "ratio", "CPU µs", "ratio", "p99 µs", "ratio", "generator")


@dataclass(frozen=True)
class Figures:
    """Of one broker under one load. None where it does not apply."""

    rate: float | None
    processor: float | None
    p99: float | None
    generator: float
    complete: bool


def figures(load: Load, rounds: Sequence[Measured]) -> Figures:
    return Figures(
        None if load.latency else median([one["deliveries_per_second"] for one in rounds]),
        median([one["broker_us_per_delivery"] for one in rounds]),
        median([one["latency_us"]["p99"] for one in rounds]) if load.latency else None,
        median([one["generator_cores"] for one in rounds]),
        all(one["complete"] for one in rounds),
    )


def rows(rounds: Rounds, base: str | None) -> list[list[str]]:
    """One for each load and broker; ratios to the broker named, if it took part."""
    made = []
    for load in LOADS:
        of_load = {name: figures(load, found) for name, found in rounds.get(load.title, {}).items() if found}
        other = of_load.get(base) if base is not None else None
        for place, (name, found) in enumerate(of_load.items()):
            made.append([load.title if place == 0 else "", name, *_cells(found, None if name == base else other)])
    return made


def as_text(table: Sequence[Sequence[str]]) -> str:
    lines = [HEADINGS, *table]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) if column < 2 else cell.rjust(width) for column, (cell, width) in enumerate(cells))
        for cells in (list(zip(line, widths, strict=True)) for line in lines)
    )


def as_markdown(table: Sequence[Sequence[str]]) -> str:
    rule = ["---", "---", *["--:"] * (len(HEADINGS) - 2)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (HEADINGS, rule, *table))


def _cells(found: Figures, other: Figures | None) -> list[str]:
    cells = [
        *_pair(found.rate, other.rate if other else None, higher_is_better=True),
        *_pair(found.processor, other.processor if other else None, higher_is_better=False),
        *_pair(found.p99, other.p99 if other else None, higher_is_better=False),
        f"{found.generator:.2f}",
    ]
    if not found.complete:
        cells[0] = f"{cells[0]} LOST"
    return cells


def _pair(value: float | None, other: float | None, higher_is_better: bool) -> tuple[str, str]:
    """A figure, and how many times better it is than the other one."""
    if value is None:
        return "", ""
    text = f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
    if not other or not value:
        return text, ""
    return text, f"{value / other if higher_is_better else other / value:.1f}"
