"""`myna sub`: subscribe, and print what arrives.

Only the options and how it ended; what is shown is clients/printer.py, trying again clients/listening.py, and the
exchange itself myna.client.
"""

import argparse
import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING, Final

from myna.commands.exits import DONE, REFUSED, TIMED_OUT, UNREACHABLE, USAGE, say
from myna.commands.numbers import above_zero

if TYPE_CHECKING:
    from myna.commands.clients.listening import Wishes

NAME: Final = "sub"
HELP: Final = "subscribe, and print what arrives"
EPILOG: Final = """\
examples:
  myna sub -t 'home/#' -v                          everything below home, with its topic
  myna sub -t home/kitchen/temperature -C 1        one message, the retained one if there is
  myna sub -t 'home/#' -F '@H:@M:@S %t %p'         a format of one's own
  myna sub -t 'home/#' --json | jq .topic          a line of JSON for each
  myna sub -t 'orders/#' -q 1 -c -i worker-7       a session that waits for us when we are away
  myna sub -t '$share/workers/orders/#' -q 1       each order to one of the workers
  myna sub -t '#' -T 'noise/#' -W 10               for ten seconds, without the noise
  myna sub -L mqtts://user:secret@broker.example.com/a/topic

format (-F):
  %t topic  %p payload  %x %X payload in hex  %l its length  %q QoS  %r retain  %m packet id  %j JSON
  %C content type  %D correlation data  %E expiry  %F payload format  %P user properties  %R response topic
  %S subscription identifiers  %A topic alias  %I %U time (ISO, Unix)  @H @M … fields of strftime  \\n \\t %% @@

Broken connections are made again, unless --no-reconnect is given. Ctrl-C ends with a proper good-bye.

exit codes:
  0  done, or ended by Ctrl-C      2  no connection          27  the time of -W was up
  1  wrong usage                   3  refused by the broker: the connection or every subscription
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from myna.commands.clients.connection_options import add_connection_options

    wanted = parser.add_argument_group("subscription")
    wanted.add_argument("-t", "--topic", action="append", default=[], help="what to subscribe to; may be repeated")
    wanted.add_argument("-q", "--qos", type=int, choices=(0, 1, 2), default=0, help="highest quality of service (0)")
    wanted.add_argument("-T", "--filter-out", action="append", default=[], metavar="FILTER", help="do not show these")
    wanted.add_argument(
        "-U",
        "--unsubscribe",
        action="append",
        default=[],
        metavar="FILTER",
        help="end this subscription of an earlier session",
    )
    wanted.add_argument("--no-local", action="store_true", help="not what this client publishes itself")
    wanted.add_argument("--retain-as-published", action="store_true", help="leave the retain flag as it was published")
    wanted.add_argument(
        "--retain-handling",
        choices=("always", "new", "never"),
        default="always",
        help="when retained messages are sent (always)",
    )
    until = parser.add_argument_group("until")
    until.add_argument("-C", "--count", type=int, metavar="N", help="end after N messages")
    until.add_argument(
        "-W", "--timeout", type=above_zero, metavar="SECONDS", help="end after so long, with exit code 27"
    )
    until.add_argument("-E", "--exit-after-subscribe", action="store_true", help="end once subscribed")
    until.add_argument("--no-reconnect", action="store_true", help="end when the connection breaks")
    add_connection_options(parser)
    output = parser.add_argument_group("output")
    output.add_argument("-v", "--verbose", action="store_true", help="the topic before each payload")
    output.add_argument("-F", "--format", help="print by this format, see below")
    output.add_argument("--json", action="store_true", help="a line of JSON for each message")
    output.add_argument("-N", "--no-newline", action="store_true", help="no end of line after a payload")
    output.add_argument("-R", "--no-retained", action="store_true", help="do not show retained messages")
    output.add_argument("--retained-only", action="store_true", help="show retained messages, end at the first other")
    output.add_argument("-d", "--debug", action="store_true", help="show the packets exchanged")
    output.add_argument("--quiet", action="store_true", help="no error messages")


def run(args: argparse.Namespace) -> int:
    from myna.commands.clients.listening import wishes

    try:
        return asyncio.run(_run(args, wishes(args)))
    except ValueError as error:
        return say(USAGE, f"myna sub: {error}", args.quiet)


async def _run(args: argparse.Namespace, wanted: "Wishes") -> int:
    from myna.client import CannotConnect, ClientError, ConnectionLost
    from myna.commands.clients.listening import Listening
    from myna.commands.clients.printer import Printer

    printer = Printer(args, sys.stdout.buffer)
    listening = Listening(wanted, printer, lambda text: say(DONE, f"myna sub: {text}", args.quiet))
    task = asyncio.current_task()
    assert task is not None  # we are in a coroutine
    terminated = False

    def terminate() -> None:
        nonlocal terminated
        terminated = True
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell has started us with SIGINT ignored
        asyncio.get_running_loop().add_signal_handler(number, terminate)
    try:
        async with asyncio.timeout(args.timeout):
            await listening.run()
    except TimeoutError:
        return TIMED_OUT
    except asyncio.CancelledError:
        if not terminated:
            raise
    except (CannotConnect, ConnectionLost) as error:
        return say(UNREACHABLE, f"myna sub: {error}", args.quiet)
    except ClientError as error:
        return say(REFUSED, f"myna sub: {error}", args.quiet)
    finally:
        printer.flush()
        if not printer.is_read:  # Python flushes once more when it ends, and would complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE
