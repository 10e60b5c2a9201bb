"""Coroutines that begin without a task: an application that never waits needs none, and tasks cost time."""

from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any


async def go_on(answering: Coroutine[Any, Any, None], awaited: Any) -> None:
    """The rest of what has run without a task up to its first wait, for the task that it needs from there on."""
    await _rest(answering, awaited)  # since Python 3.12 a task takes no generator, whatever it is decorated with


@coroutine
def _rest(answering: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    try:
        while True:
            try:
                value = yield awaited
            except BaseException as error:
                awaited = answering.throw(error)
            else:
                awaited = answering.send(value)
    except StopIteration:
        return
