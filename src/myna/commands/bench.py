"""`myna bench`: put a broker under load and say what it did with it. Any broker, not only this one.

Only options and printing; the load itself is in myna.commands.load. The broker's processor time is the figure to trust:
rates also depend on what else the machine does, and on the generator.
"""

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Final

from myna.commands.exits import DONE, LOST, REFUSED, UNREACHABLE, USAGE, say
from myna.commands.numbers import above_zero, zero_or_more

if TYPE_CHECKING:
    from myna.commands.load.channel import Target
    from myna.commands.load.result import Result

NAME: Final = "bench"
HELP: Final = "put a broker under load: rate, processor time and latency, checked for loss"
EPILOG: Final = """\
loads:
  pairs         --pairs publishers, each with a subscriber of its own
  fanout        one publisher, --subscribers subscribers
  fanin         --publishers publishers, one subscriber
  rate          pairs at a fixed --rate of messages per second in all, with latencies
  connections   --connections idle connections: memory of each

examples:
  myna bench pairs                            what a broker at localhost:1883 can take
  myna bench pairs --qos 1 --pid 4711         … and how much processor time each delivery costs it
  myna bench fanout --subscribers 1000 --seconds 20
  myna bench rate --rate 20000 --json > rate.json
  myna bench connections --connections 10000 --pid $(pidof mosquitto)

Never more than --window messages per publisher are under way. Every message is numbered, and each must arrive once and
in order at each of its subscribers.

exit codes:
  0  done, nothing lost      1  wrong usage              2  no connection, or it broke
  3  refused by the broker   4  messages were lost, repeated or out of order
"""
_WINDOW: Final = (500, 100, 100)  # by QoS: what clients commonly have under way
_WINDOW_HELP: Final = "undelivered messages per publisher (500 at QoS 0, else 100)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("load", choices=("pairs", "fanout", "fanin", "rate", "connections"), help="see below")
    broker = parser.add_argument_group("broker")
    broker.add_argument("-h", "--host", default="localhost", help="where it is (localhost)")
    broker.add_argument("-p", "--port", type=int, default=1883, help="its port (1883)")
    broker.add_argument("-u", "--username", help="user name")
    broker.add_argument("-P", "--password", help="password")
    broker.add_argument("--level", type=int, choices=(3, 4, 5), default=4, help="MQTT 3.1, 3.1.1 or 5 (4: 3.1.1)")
    broker.add_argument("--pid", type=int, help="its process, on this machine: measures its processor time and memory")
    load = parser.add_argument_group("load")
    load.add_argument("--qos", type=int, choices=(0, 1, 2), default=0, help="quality of service (0)")
    load.add_argument("--size", type=_count, default=64, help="bytes of payload (64)")
    load.add_argument("--pairs", type=_count, default=50, help="publishers with a subscriber each (50)")
    load.add_argument("--subscribers", type=_count, default=200, help="subscribers of fanout (200)")
    load.add_argument("--publishers", type=_count, default=100, help="publishers of fanin (100)")
    load.add_argument("--connections", type=_count, default=10_000, help="idle connections (10000)")
    load.add_argument("--rate", type=above_zero, default=5000.0, help="messages per second in all (5000)")
    load.add_argument("--window", type=_count, help=_WINDOW_HELP)
    load.add_argument("--seconds", type=above_zero, default=5.0, help="how long to measure (5)")
    load.add_argument("--warm-up", type=zero_or_more, default=1.0, help="seconds before that (1)")
    output = parser.add_argument_group("output")
    output.add_argument("--json", action="store_true", help="one JSON object instead of text")
    output.add_argument("--quiet", action="store_true", help="no progress line")


def run(args: argparse.Namespace) -> int:
    from myna.commands.load.channel import CannotReach, Refused
    from myna.commands.load.meter import NoSuchProcess

    try:
        return _run(args)
    except (ValueError, NoSuchProcess) as error:
        return say(USAGE, f"myna bench: {error}")
    except CannotReach as error:
        return say(UNREACHABLE, f"myna bench: {error}")
    except Refused as error:
        return say(REFUSED, f"myna bench: {error}")


def _run(args: argparse.Namespace) -> int:
    from myna.commands.load.channel import Target
    from myna.commands.load.idle import describe_idle, run_idle
    from myna.commands.load.meter import usage
    from myna.commands.load.result import describe

    if args.pid is not None:
        usage(args.pid)  # a wrong number is said at once
    password = None if args.password is None else args.password.encode()
    target = Target(args.host, args.port, args.level, args.username, password)
    progress = None if args.quiet or not sys.stderr.isatty() else ProgressLine()
    if args.load == "connections":
        idle = run_idle(target, args.connections, args.pid, progress)
        _finish(progress)
        print(json.dumps(idle.as_json()) if args.json else describe_idle(idle))
        return LOST if idle.closed_by_broker else DONE
    result = _run_load(args, target, progress)
    _finish(progress)
    print(json.dumps(result.as_json()) if args.json else describe(result))
    return DONE if result.is_complete else LOST


def _run_load(args: argparse.Namespace, target: "Target", progress: "ProgressLine | None") -> "Result":
    from myna.commands.load.idle import allow_descriptors
    from myna.commands.load.paced import SMALLEST_PAYLOAD, run_paced
    from myna.commands.load.run import Timing
    from myna.commands.load.wired import Plan, run_closed_loop

    publishers = {"fanout": 1, "fanin": args.publishers}.get(args.load, args.pairs)
    subscribers = {"fanout": args.subscribers, "fanin": 1}.get(args.load, args.pairs)
    allow_descriptors(publishers + subscribers)
    window = args.window or _WINDOW[args.qos]
    plan = Plan(args.load, publishers, subscribers, args.qos, args.size, window, args.pid)
    timing = Timing(args.seconds, args.warm_up)
    if args.load != "rate":
        return run_closed_loop(target, plan, timing, progress)
    if args.size < SMALLEST_PAYLOAD:
        raise ValueError(f"--size: a payload with a time in it needs {SMALLEST_PAYLOAD} bytes")
    return run_paced(target, plan, args.rate, timing, progress)


class ProgressLine:
    """How it goes, on one line of the terminal that is written over."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._before = (self._started, 0)

    def __call__(self, now: float, count: int) -> None:
        then, before = self._before
        self._before = (now, count)
        rate = (count - before) / max(now - then, 1e-9)
        text = f"\r{now - self._started:5.1f} s  {count:,} in all  {rate:,.0f}/s"
        print(f"{text:<60}", end="", file=sys.stderr, flush=True)

    def erase(self) -> None:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _finish(progress: ProgressLine | None) -> None:
    if progress is not None:
        progress.erase()


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text}: at least 1")
    return count
