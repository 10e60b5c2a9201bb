"""`myna routes`: what leaves the broker: rules, destinations, how they fare, and changing them while it runs."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from myna.commands.administration.asking import Administrator, Failed, administrator, quoted
from myna.commands.administration.finding import add_arguments as add_place
from myna.commands.administration.tables import harmless, plural, show_json, show_table
from myna.commands.exits import DONE, USAGE, say

NAME: Final = "routes"
HELP: Final = "list, change, pause and replay what a running broker sends elsewhere"
EPILOG: Final = """\
examples:
  myna routes                                        destinations and rules, and how they fare
  myna routes show hook                              all about one
  myna routes set destination hook kind=webhook url=https://example.com/events
  myna routes set rule alarms destination=hook 'topic_filters=["plant/+/alarm"]'
  myna routes set rule alarms rule.json              as a file has it; - for standard input
  myna routes delete rule alarms
  myna routes pause hook                             what comes meanwhile waits; resume goes on
  myna routes dead hook                              events that were given up
  myna routes replay hook                            … try them again; forget throws them away
  myna routes clear hook                             throw away what waits

exit codes:
  0  done      1  wrong usage, or no such thing      2  no broker, or no token      3  refused
"""
SORTS: Final = ("rule", "destination")
DESTINATIONS: Final = ("DESTINATION", "KIND", "STATUS", "QUEUED", "DELIVERED", "FAILED", "DEAD", "LAG", "LAST ERROR")
RULES: Final = ("RULE", "DESTINATION", "STATUS", "MATCHED", "EVENTS", "TOPICS")
OF_ONE: Final = ("show", "pause", "resume", "dead", "replay", "forget", "clear")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = ("list", *OF_ONE, "set", "delete")
    parser.add_argument("action", nargs="?", choices=actions, default="list", metavar="ACTION", help=", ".join(actions))
    parser.add_argument("words", nargs="*", metavar="WORD", help="which one, and for `set` its settings")
    add_place(parser)


def run(args: argparse.Namespace) -> int:
    try:
        _check(args.action, args.words)
        broker = administrator(args)
        if args.action == "list":
            return _list(broker, args.json)
        if args.action in ("set", "delete"):
            return _change(broker, args.action, args.words)
        return _of_one(broker, args.action, args.words[0], args.json)
    except Failed as error:
        return say(error.code, f"myna routes: {error}")


def _check(action: str, words: list[str]) -> None:
    if action == "list" and words:
        raise Failed(USAGE, "list lists all; try show NAME")
    if action in OF_ONE and len(words) != 1:
        raise Failed(USAGE, f"{action} takes the name of a destination{' or a rule' if action == 'show' else ''}")
    if action == "delete" and (len(words) != 2 or words[0] not in SORTS):
        raise Failed(USAGE, "delete takes `rule NAME` or `destination NAME`")
    if action == "set" and (len(words) < 3 or words[0] not in SORTS):
        raise Failed(USAGE, "set takes `rule NAME` or `destination NAME`, and then KEY=VALUE …, a JSON file, or -")


def _list(broker: Administrator, as_json: bool) -> int:
    found = broker.get("/routes")
    if as_json:
        print(show_json(found))
        return DONE
    print(*show_table(DESTINATIONS, [_destination_row(one) for one in found["destinations"]]), sep="\n")
    print("", *show_table(RULES, [_rule_row(one) for one in found["rules"]]), sep="\n")
    for name in found["orphans"]:
        print(f"\nevents of {harmless(name)} are kept, and there is no such destination: define it again, or delete it")
    return DONE


def _destination_row(one: dict[str, Any]) -> tuple[object, ...]:
    state = one["state"]
    held_back = state.get("heldBackSeconds")
    status = "paused" if state["paused"] else f"held back {held_back:.0f} s" if held_back else "running"
    last = state.get("lastError", {"time": "", "text": ""})
    error = last["text"] if last["time"] > state.get("lastDelivery", "") else ""  # what is over is for `show`
    if state.get("connected") is False:  # a bridge
        status, error = "not connected", state.get("trouble") or error
    failed = sum(state["failedAttempts"].values())
    return (
        *(one["name"], one["definition"].get("kind", ""), status),
        *(state["queued"], state["delivered"], failed, state["deadLetters"]),
        f"{state['lagSeconds']:.0f} s" if state["queued"] else "",
        error,
    )


def _rule_row(one: dict[str, Any]) -> tuple[object, ...]:
    definition = one["definition"]
    return (
        *(one["name"], definition.get("destination", ""), "active" if one["state"]["active"] else "off"),
        one["state"]["matched"],
        ", ".join(definition.get("events", ["messages"])),
        " ".join(definition.get("topic_filters", ["#"])),
    )


def _of_one(broker: Administrator, action: str, name: str, as_json: bool) -> int:
    place = f"/routes/destinations/{quoted(name)}"
    if action == "show":
        print(json.dumps(_find(broker, name), indent=2, ensure_ascii=True))
    elif action == "dead":
        return _dead(broker, name, place, as_json)
    elif action == "replay":
        print(f"{plural(broker.post(f'{place}/dead-letters/replay')['replayed'], 'event')} to be delivered again")
    elif action in ("forget", "clear"):
        what = "dead-letters" if action == "forget" else "queue"
        found = json.loads(broker.call("DELETE", f"{place}/{what}", {}))
        print(f"{plural(found['forgotten'], 'event')} forgotten")
    else:
        broker.post(f"{place}/{action}")
        print(f"{name} {'is paused' if action == 'pause' else 'goes on'}")
    return DONE


def _find(broker: Administrator, name: str) -> Any:
    found = broker.get("/routes")
    both = [one for sort in ("destinations", "rules") for one in found[sort] if one["name"] == name]
    if not both:
        raise Failed(USAGE, f"there is neither a destination nor a rule {name!r}")
    return both[0] if len(both) == 1 else both


def _dead(broker: Administrator, name: str, place: str, as_json: bool) -> int:
    after = 0
    while True:
        page = broker.get(f"{place}/dead-letters", after=after)["deadLetters"]
        for one in page:
            said, event = one["deadLetterProperties"], one["event"]
            if as_json:
                print(show_json({"deadLetterProperties": said, "event": event}))
            else:
                words = f"{said['deadletterreason']} after {plural(said['deliveryattempts'], 'attempt')}"
                what = f"{event.get('type')} {event.get('subject')} {event.get('id')}"
                print(harmless(f"{said['publishutc']}  {words} ({said['deliveryresult']})  {what}"))
        if not page:
            if after == 0 and not as_json:
                return say(DONE, f"no dead letters of {harmless(name)}")
            return DONE
        after = page[-1]["number"]


def _change(broker: Administrator, action: str, words: list[str]) -> int:
    sort, name = words[:2]
    place = f"/routes/{sort}s/{quoted(name)}"
    if action == "delete":
        answer = broker.call("DELETE", place, {})
        lost = json.loads(answer)["forgotten"] if answer else 0
        print(f"{sort} {name} is gone" + (f", {plural(lost, 'event')} with it" if lost else ""))
    else:
        broker.call("PUT", place, {}, json.dumps(_values(words[2:])).encode())
        print(f"{sort} {name} is in force")
    return DONE


def _values(words: list[str]) -> Any:
    """What is to be set: KEY=VALUE, where a value is JSON if it can be; or a file with all of it."""
    if len(words) == 1 and "=" not in words[0]:
        try:
            text = sys.stdin.read() if words[0] == "-" else Path(words[0]).read_text(encoding="utf-8")
            return json.loads(text)
        except OSError as error:
            raise Failed(USAGE, f"cannot read {words[0]}: {error.strerror}") from None
        except ValueError as error:
            raise Failed(USAGE, f"{words[0]} is not JSON: {error}") from None
    values: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise Failed(USAGE, f"{word!r} is not KEY=VALUE")
        try:
            values[key] = json.loads(text)
        except ValueError:
            values[key] = text
    return values
