"""What a TOML file breaks the syntax with, in one line that names where."""

import re
from typing import Final

_AT_LINE: Final = re.compile(r"(.*?) \(at line (\d+), column (\d+)\)", re.DOTALL)


def explain_syntax(name: str, text: str) -> str:
    """`text` is what the parser says."""
    match = _AT_LINE.match(text)
    return f"{name}:{match[2]}: {match[1]}, at column {match[3]}" if match else f"{name}: {text}"
