"""Measure Myna beside other brokers: the same loads, interleaved, several rounds, medians, ratios.

Every broker is started anew for each load of each round, measured, and ended, in turn: whatever the machine does
besides falls on all of them. The generator is `myna bench`, for all brokers alike, and checks every message.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench.brokers import Broker, CannotStart, Myna, find_peer
from bench.loads import LOADS, Load
from bench.table import as_markdown, as_text, rows

ROOT: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = ROOT / "bench/results.json"
_LOST: Final = 4  # exit code of `myna bench` that found messages missing
_SLACK: Final = 60.0  # seconds a run may take besides its own

Collected = dict[str, dict[str, list[dict[str, Any]]]]


class CannotMeasure(Exception):
    """Says what went wrong, in the words of the program that failed."""


def main() -> int:
    args = parser().parse_args()
    if args.markdown and args.from_results:
        print(markdown(json.loads(args.results.read_text())))
        return 0
    try:
        brokers = [Myna("myna", args.myna), *([Myna("myna, pure Python", args.pure)] if args.pure else [])]
        everyone: list[Broker] = [*brokers, *(find_peer(peer) for peer in args.peers.split(",") if peer)]
        report = measure(args, everyone)
    except (CannotStart, CannotMeasure) as error:
        print(f"compare: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    args.results.write_text(json.dumps(report, indent=1) + "\n")
    print(markdown(report) if args.markdown else text(report))
    return (
        0 if all(one["complete"] for load in report["loads"].values() for all_ in load.values() for one in all_) else 4
    )


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="bench/compare.py", description="Myna beside other brokers, in one run.")
    made.add_argument("--quick", action="store_true", help="one round of one second each: to see that it works")
    made.add_argument("--rounds", type=int, default=3, help="rounds, of which the median counts (3)")
    made.add_argument("--seconds", type=float, default=5.0, help="how long each load is measured (5)")
    made.add_argument("--loads", default="", help="only those whose name contains this")
    made.add_argument("--peers", default="mosquitto", help="names or paths, with commas: mosquitto,/opt/bin/flashmq")
    made.add_argument(
        "--myna", default=str(ROOT / ".venv/bin/myna"), help="the program to measure, and to measure with"
    )
    made.add_argument("--pure", help="another Myna to measure, uncompiled: .venv-pure/bin/myna")
    made.add_argument("--results", type=Path, default=RESULTS, help="where the figures go (bench/results.json)")
    made.add_argument("--markdown", action="store_true", help="print what goes into docs/performance.md")
    made.add_argument("--from-results", action="store_true", help="with --markdown: print earlier results again")
    return made


def measure(args: argparse.Namespace, brokers: Sequence[Broker]) -> dict[str, Any]:
    seconds, rounds = (1.0, 1) if args.quick else (args.seconds, args.rounds)
    report: dict[str, Any] = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "brokers": {broker.name: broker.version() for broker in brokers},
        "base": next((broker.name for broker in brokers if not isinstance(broker, Myna)), None),
        "command": " ".join(["python bench/compare.py", *sys.argv[1:]]),
        "rounds": rounds,
        "seconds": seconds,
    }
    loads = [load for load in LOADS if args.loads in load.title]
    collected: Collected = {load.title: {broker.name: [] for broker in brokers} for load in loads}
    report["loads"] = collected
    for number in range(rounds):
        for load in loads:
            for broker in brokers:
                _show(f"round {number + 1} of {rounds}: {load.title}, {broker.name}")
                collected[load.title][broker.name].append(run(args.myna, broker, load, seconds))
    _show("")
    return report


def run(generator: str, broker: Broker, load: Load, seconds: float) -> dict[str, Any]:
    """One load on one fresh broker."""
    with broker.running() as running:
        where = ["-h", "127.0.0.1", "-p", str(running.port), "--pid", str(running.process.pid)]
        command = [generator, "bench", *load.arguments, *where, "--seconds", str(seconds), "--json", "--quiet"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + _SLACK, check=False)
        except OSError as error:
            raise CannotMeasure(f"{generator}: {error.strerror}. Build it with: make build") from None
        except subprocess.TimeoutExpired:
            raise CannotMeasure(f"{broker.name}, {load.title}: no end after {seconds + _SLACK:.0f} seconds") from None
        if done.returncode not in (0, _LOST):
            raise CannotMeasure(f"{broker.name}, {load.title}: {done.stderr.strip()}{running.obituary()}")
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def machine() -> dict[str, Any]:
    return {
        "processor": _processor(),
        "processors": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def text(report: dict[str, Any]) -> str:
    noise = others(report)
    warning = f"\n\n{noise}" if noise else ""
    return f"{as_text(rows(report['loads'], report['base']))}\n\n{_legend(report)}{warning}"


def markdown(report: dict[str, Any]) -> str:
    on = report["machine"]
    brokers = ", ".join(f"{name} {version}" for name, version in report["brokers"].items())
    noise = others(report)
    return "\n".join(
        [
            f"Measured {report['when'][:10]} on {on['processors']} x {on['processor']}, {on['system']}, "
            f"Python {on['python']}: {brokers}. {report['rounds']} rounds of {report['seconds']:g} s, medians.",
            "",
            as_markdown(rows(report["loads"], report["base"])),
            "",
            _legend(report) + (f" {noise}" if noise else ""),
            "",
            "```",
            report["command"],
            "```",
        ]
    )


def others(report: dict[str, Any]) -> str:
    """How much the machine did besides, if that was enough to matter."""
    found = [
        one["others_cores"]
        for load in report["loads"].values()
        for rounds in load.values()
        for one in rounds
        if one["others_cores"] is not None
    ]
    worst = max(found, default=0.0)
    if worst < 0.1:
        return ""
    return f"Up to {worst:.1f} cores were busy with something else meanwhile: processor times hold, rates are too low."


def _legend(report: dict[str, Any]) -> str:
    base = report["base"]
    ratio = f" ratio: how many times better than {base}." if base is not None else ""
    return (
        f"64-byte payloads, MQTT 3.1.1; CPU µs: the broker's processor time per delivery;{ratio}"
        " generator: cores it used. Every message was checked for loss and order."
    )


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _show(line: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
    elif line:
        print(line, file=sys.stderr, flush=True)
