"""`myna pub`: publish messages, from the command line, a file or standard input.

What is said here is which messages to send and how it ended; the exchange is myna.client's.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from myna.commands.exits import DONE, INTERRUPTED, REFUSED, UNREACHABLE, USAGE, say
from myna.commands.numbers import above_zero, zero_or_more

if TYPE_CHECKING:
    from myna.client import Client
    from myna.commands.clients.connection_options import Approach
    from myna.wire.properties import Properties

NAME: Final = "pub"
HELP: Final = "publish messages"
EPILOG: Final = """\
examples:
  myna pub -t home/kitchen/light -m on
  myna pub -t home/kitchen/temperature -m 21.5 -r -q 1      kept for later subscribers
  myna pub -t home/kitchen/temperature -n -r                takes it back
  tail -F events.log | myna pub -t logs/events -l           each line a message
  myna pub -t camera/1 -f picture.jpg -D publish content-type image/jpeg
  myna pub -t orders -m '{"id": 7}' -D publish user-property shop 12 -D publish message-expiry-interval 60
  myna pub -L mqtts://user:secret@broker.example.com/a/topic -m hello
  myna pub -L wss://broker.example.com/mqtt -t a/topic -m hello
  myna pub -t load/test -m x --repeat 1000 --rate 100

exit codes:
  0  published; at QoS 1 and 2, acknowledged      2  no connection, or it was lost
  1  wrong usage                                  3  refused by the broker: the connection or a message
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from myna.commands.clients.connection_options import add_connection_options

    message = parser.add_argument_group("message")
    message.add_argument("-t", "--topic", help="where to publish")
    source = message.add_mutually_exclusive_group()
    source.add_argument("-m", "--message", help="the payload")
    source.add_argument("-f", "--file", help="the payload is this file's content")
    source.add_argument(
        "-n", "--null-message", action="store_true", help="no payload; with -r clears what was retained"
    )
    source.add_argument("-s", "--stdin-file", action="store_true", help="the payload is all of standard input")
    source.add_argument("-l", "--stdin-line", action="store_true", help="each line of standard input is a message")
    message.add_argument("-q", "--qos", type=int, choices=(0, 1, 2), default=0, help="quality of service (0)")
    message.add_argument("-r", "--retain", action="store_true", help="the broker keeps it for later subscribers")
    message.add_argument("--repeat", type=int, default=1, metavar="N", help="send it N times")
    message.add_argument("--repeat-delay", type=zero_or_more, default=0.0, metavar="SECONDS", help="pause between two")
    message.add_argument("--rate", type=above_zero, metavar="N", help="at most N messages a second")
    message.add_argument(
        "-M", "--max-inflight", type=int, default=100, metavar="N", help="unacknowledged at once (100)"
    )
    add_connection_options(parser)
    output = parser.add_argument_group("output")
    output.add_argument("-d", "--debug", action="store_true", help="show the packets exchanged")
    output.add_argument("--quiet", action="store_true", help="no error messages")


def run(args: argparse.Namespace) -> int:
    from myna.commands.clients.connection_options import approach

    try:
        to = approach(args)
        topic = _topic(args, to)
        return asyncio.run(_run(args, to, topic))
    except (ValueError, OSError) as error:
        reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
        return say(USAGE, f"myna pub: {reason}", args.quiet)
    except KeyboardInterrupt:
        return INTERRUPTED


def _topic(args: argparse.Namespace, to: "Approach") -> str:
    from myna.wire.topics import check_topic

    topic = args.topic if args.topic is not None else to.topic
    if topic is None:
        raise ValueError("where to? Name a topic with -t")
    if not check_topic(topic):
        raise ValueError(f"-t {topic!r}: a topic to publish to has no wildcards (+ #) and is not empty")
    if (args.message, args.file) == (None, None) and not (args.null_message or args.stdin_file or args.stdin_line):
        raise ValueError("what? Give the message with -m, -f, -s or -l, or say -n for an empty one")
    if args.repeat < 1 or args.max_inflight < 1 or (args.rate is not None and args.rate <= 0):
        raise ValueError("--repeat, --rate and --max-inflight are above 0")
    return str(topic)


async def _run(args: argparse.Namespace, to: "Approach", topic: str) -> int:
    from myna.client import CannotConnect, Client, ClientError, ConnectionLost

    payloads = _payloads(args)
    trace = (lambda line: print(line, file=sys.stderr, flush=True)) if args.debug else None
    client = Client(to.address, to.introduction, window=args.max_inflight, trace=trace)
    try:
        await client.connect(args.connect_timeout)
        try:
            refused = await _publish(args, client, payloads, topic, to.properties.get("publish"))
        finally:
            await client.disconnect(properties=to.properties.get("disconnect"))
    except (CannotConnect, ConnectionLost) as error:
        return say(UNREACHABLE, f"myna pub: {error}", args.quiet)
    except ClientError as error:
        return say(REFUSED, f"myna pub: {error}", args.quiet)
    if refused:
        return say(REFUSED, f"myna pub: {refused}", args.quiet)
    return DONE


async def _publish(
    args: argparse.Namespace,
    client: "Client",
    payloads: AsyncIterator[bytes],
    topic: str,
    properties: "Properties | None",
) -> str:
    """Send them all and wait for their acknowledgements. What was refused, in words; empty if nothing was."""
    from myna.wire.reasons import UNSPECIFIED_ERROR, reason_name

    refused: dict[int, int] = {}
    waiting: set[asyncio.Future[int]] = set()

    def settled(done: "asyncio.Future[int]") -> None:
        waiting.discard(done)
        if not done.cancelled() and done.result() >= UNSPECIFIED_ERROR:
            refused[done.result()] = refused.get(done.result(), 0) + 1

    pace = Pace(args.rate, args.repeat_delay)
    async for payload in payloads:
        await pace.wait()
        done = await client.send(topic, payload, args.qos, args.retain, properties)
        waiting.add(done)
        done.add_done_callback(settled)
        if properties is not None and properties.topic_alias > 0:
            topic = ""  # the broker knows the topic now, that is what an alias is for
    for done in list(waiting):
        await client.settled(done)
    await asyncio.sleep(0)  # lets the last callback run
    return ", ".join(f"{_messages(count)} refused: {reason_name(code)}" for code, count in refused.items())


class Pace:
    """So many messages a second, or so long between two."""

    def __init__(self, rate: float | None, delay: float) -> None:
        self._interval = delay if rate is None else max(delay, 1 / rate)
        self._next = 0.0

    async def wait(self) -> None:
        if self._interval <= 0:
            return
        now = asyncio.get_running_loop().time()
        if now < self._next:
            await asyncio.sleep(self._next - now)
        self._next = max(self._next, now) + self._interval


def _payloads(args: argparse.Namespace) -> AsyncIterator[bytes]:
    """Raises OSError at once if a file cannot be read."""
    from myna.commands.clients.lines import read_lines

    if args.stdin_line:
        return read_lines(sys.stdin.fileno())
    if args.file is not None:
        with open(args.file, "rb") as file:
            payload = file.read()
    elif args.stdin_file:
        payload = sys.stdin.buffer.read()
    else:
        payload = b"" if args.null_message else args.message.encode("utf-8", "surrogateescape")
    return _repeat(payload, args.repeat)


async def _repeat(payload: bytes, times: int) -> AsyncIterator[bytes]:
    for _ in range(times):
        yield payload


def _messages(count: int) -> str:
    return "the message was" if count == 1 else f"{count:,} messages were"
