"""Each source file of wire, core and sockets has one test file, of the same name in the same place.

`core/retained.py` is tested by `tests/core/test_retained.py`, so nobody has to search.
"""

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
SOURCE = TESTS.parent / "src/myna"
FILES = sorted(
    str(path.relative_to(SOURCE))
    for floor in ("wire", "core", "sockets")
    for path in (SOURCE / floor).rglob("*.py")
    if path.name != "__init__.py"  # holds names, not behaviour
)


@pytest.mark.parametrize("name", FILES)
def test_every_source_file_has_its_test_file(name: str) -> None:
    path = Path(name)
    assert (TESTS / path.parent / f"test_{path.name}").is_file()
