"""How log lines look: text for people, one JSON object a line for machines. Each may carry fields beside its message.

What a newcomer gets wrong: whatever a client has sent may stand in a field, line breaks and escape sequences
included. It is written so that it can neither start a line of its own nor move the cursor of a terminal.
"""

import logging
import sys
import time
from typing import Any, Final

import msgspec

LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
FIELDS: Final = "myna_fields"
LONGEST: Final = 300  # characters of a field

_SHORT: Final = {"DEBUG": "debug", "INFO": "info ", "WARNING": "warn ", "ERROR": "ERROR", "CRITICAL": "ERROR"}
_ENCODER: Final = msgspec.json.Encoder()


def set_up(level: str, form: str) -> None:
    """All logging of the process to standard error, in one form. May be called again."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    set_level(level)


def set_level(level: str) -> None:
    logging.getLogger().setLevel(LEVELS[level])
    # What these say at info is not for operators.
    for chatty in ("alembic", "asyncio", "sqlalchemy", "uvicorn", "websockets"):
        logging.getLogger(chatty).setLevel(max(LEVELS[level], logging.WARNING))


def say(log: logging.Logger, level: int, message: str, **fields: object) -> None:
    """A line with fields. Empty ones are left out."""
    if log.isEnabledFor(level):
        log.log(level, "%s", message, extra={FIELDS: {key: value for key, value in fields.items() if value != ""}})


class TextLines(logging.Formatter):
    """2026-01-31 12:00:00.123 info  client connected  client=dev-17 tenant=acme"""

    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        level = _SHORT.get(record.levelname, record.levelname)
        line = f"{when}.{int(record.msecs):03d} {level} {printable(record.getMessage())}"
        fields = getattr(record, FIELDS, {})
        if fields:
            line += "  " + " ".join(f"{key}={_quote(value)}" for key, value in fields.items())
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLines(logging.Formatter):
    """{"time":"…","level":"info","message":"client connected","client":"dev-17","tenant":"acme"}"""

    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{when}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for key, value in getattr(record, FIELDS, {}).items():
            line[key] = _shorten(value) if isinstance(value, str) else value
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return _ENCODER.encode(line).decode()


def printable(text: str) -> str:
    """The text without anything that a terminal would act upon, on one line, of bounded length."""
    text = _shorten(text)
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape", "surrogatepass").decode() for one in text)


def _shorten(text: str) -> str:
    text = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return text.encode(errors="backslashreplace").decode()  # lone surrogates cannot be written


def _quote(value: object) -> str:
    text = printable(str(value))
    return f'"{text}"' if " " in text or "=" in text else text
