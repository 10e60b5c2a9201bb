"""The broker is a calculation: nothing in wire and core waits, and nothing there reads a clock, a socket or a disk.

Time arrives as an argument, bytes arrive by `feed` and leave by `take`. That is why these two folders can be compiled,
tested without a network, and replayed.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src/myna"
FILES = {str(path.relative_to(SOURCE)): path for floor in ("wire", "core") for path in (SOURCE / floor).rglob("*.py")}

OUTSIDE = {
    *("asyncio", "concurrent", "multiprocessing", "queue", "select", "selectors", "signal", "subprocess", "threading"),
    *("http", "socket", "ssl", "urllib"),
    *("io", "logging", "os", "pathlib", "shutil", "sqlite3", "sys", "tempfile"),
    *("datetime", "random", "secrets", "time", "uuid"),  # a second run with the same input must do the same
}
BUILTINS = {"open", "print", "input"}
LONGEST = 400  # lines of a file; split along an idea before that


def offences(text: str) -> Iterator[str]:
    """What in a source waits or reaches outside."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await):
            yield f"line {node.lineno} waits"
        elif isinstance(node, ast.Import):
            yield from (f"line {node.lineno} imports {a.name}" for a in node.names if a.name.split(".")[0] in OUTSIDE)
        elif isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in OUTSIDE:
            yield f"line {node.lineno} imports {node.module}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BUILTINS:
            yield f"line {node.lineno} calls {node.func.id}"


@pytest.mark.parametrize("name", sorted(FILES))
def test_wire_and_core_neither_wait_nor_reach_outside(name: str) -> None:
    assert list(offences(FILES[name].read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_file_of_wire_and_core_grows_long(name: str) -> None:
    assert len(FILES[name].read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize(
    "text",
    [
        "async def feed(): ...",
        "import asyncio",
        "from os import path",
        "import os.path",
        "def f():\n    from time import monotonic",
        "print(1)",
    ],
)
def test_whatever_waits_or_reaches_outside_is_found(text: str) -> None:
    assert len(list(offences(text))) == 1
