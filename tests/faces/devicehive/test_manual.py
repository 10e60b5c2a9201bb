"""The manual's table of actions says what the code does; its examples run."""

import re
from pathlib import Path

from myna.faces.devicehive.actions import ACTIONS
from myna.faces.devicehive.face import Settings
from myna.faces.devicehive.permissions import NAMES

MANUAL = (Path(__file__).resolve().parents[3] / "docs/faces/devicehive.md").read_text(encoding="utf-8")


def test_the_table_has_every_action_with_its_permissions_and_no_other() -> None:
    table = MANUAL.partition("## Actions")[2].partition("\n## ")[0]
    said = {}
    for name, permissions in re.findall(r"^\| `([^`]+)` \| (.+) \|$", table, re.MULTILINE):
        said[name] = {NAMES[one.lower()] for one in re.findall(r"`(\w+)`", permissions)}
    assert said == {name: set(action.needs) for name, action in ACTIONS.items()}


def test_every_setting_is_in_the_manual() -> None:
    settings = MANUAL.partition("## Settings")[2]
    for name in Settings.__struct_fields__:
        assert re.search(rf"^{name} = ", settings, re.MULTILINE), name


def test_the_examples_are_ten_lines_at_most_and_compile() -> None:
    examples = re.findall(r"```python\n(.*?)```", MANUAL, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        assert len([line for line in example.splitlines() if line.strip()]) <= 10
        compile(example, "example", "exec")
