"""How log lines look."""

import json
import logging
from collections.abc import Iterator

import pytest

from myna.watch.lines import FIELDS, JsonLines, TextLines, printable, say, set_up


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


def record(message: str, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("myna.clients", logging.WARNING, "", 0, "%s", (message,), None)
    made.created, made.msecs = 0.25, 250.0
    setattr(made, FIELDS, fields)
    return made


def test_text_is_for_people() -> None:
    line = TextLines().format(record("refused: CONNECT", client="dev 1", tenant="acme", cause='say "x"'))
    assert line.endswith('.250 warn  refused: CONNECT  client="dev 1" tenant=acme cause="say "x""')


def test_json_is_for_machines() -> None:
    line = JsonLines().format(record("refused", client="dev\n1", count=3))
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.250Z",
        "level": "warning",
        "logger": "myna.clients",
        "message": "refused",
        "client": "dev\n1",
        "count": 3,
    }
    assert "\n" not in line


@pytest.mark.parametrize("hostile", ["a\nb", "\x1b[2J", "\u202e", "a\r", "\ud800"])
def test_what_a_client_sends_cannot_start_a_line_or_move_a_cursor(hostile: str) -> None:
    line = TextLines().format(record("refused", client=hostile))
    assert line.isprintable()
    assert line.encode()
    assert JsonLines().format(record("refused", client=hostile)).encode()


def test_long_values_are_cut() -> None:
    assert len(printable("x" * 100_000)) == 300
    assert len(JsonLines().format(record("refused", client="x" * 100_000))) < 600


def test_a_traceback_follows_its_line() -> None:
    made = record("a bug")
    try:
        raise LookupError("inner")
    except LookupError as error:
        made.exc_info = (LookupError, error, error.__traceback__)
    assert "LookupError: inner" in TextLines().format(made)
    assert "LookupError: inner" in json.loads(JsonLines().format(made))["traceback"]


def test_the_level_decides_what_is_written(root: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    set_up("warning", "json")
    log = logging.getLogger("myna.test")
    say(log, logging.INFO, "quiet")
    say(log, logging.WARNING, "loud", empty="", client="c")
    written = capsys.readouterr().err
    assert "quiet" not in written
    assert json.loads(written)["client"] == "c"
    assert "empty" not in written
    set_up("info", "text")
    assert len(root.handlers) == 1
