"""`myna devicehive export` and `import`."""

import json
from pathlib import Path

from tests.commands.processes import outcome
from tests.registry.databases import fresh_database


def test_what_is_exported_can_be_imported_and_exported_again(tmp_path: Path) -> None:
    held = tmp_path / "held"
    held.mkdir()
    fresh_database("sqlite", held)
    file = tmp_path / "registry.jsonl"
    assert outcome("devicehive", "export", "--data", str(held), "-f", str(file)) == (0, "", "")
    assert file.stat().st_mode & 0o777 == 0o600
    kinds = [json.loads(line)["kind"] for line in file.read_text().splitlines()]
    assert kinds == ["network", *["deviceType"] * 8, "user", "device", "configuration"]
    copy = str(tmp_path / "copy")
    assert outcome("devicehive", "import", "-f", str(file), "--data", copy) == (0, "12 things imported\n", "")
    code, out, _ = outcome("devicehive", "export", "--data", copy)
    assert (code, out) == (0, file.read_text())
    code, _, error = outcome("devicehive", "import", "-f", str(file), "--data", copy)
    assert (code, "--replace" in error) == (2, True)
    assert outcome("devicehive", "import", "-f", str(file), "--data", copy, "--replace")[0] == 0


def test_a_line_that_is_wrong_is_named_and_nothing_is_imported(tmp_path: Path) -> None:
    file = tmp_path / "registry.jsonl"
    file.write_text('{"kind":"network","id":1,"name":"n"}\n{"kind":"network","id":2}\n')
    code, _, error = outcome("devicehive", "import", "-f", str(file), "--data", str(tmp_path / "new"))
    assert code == 2
    assert "line 2" in error
    assert outcome("devicehive", "export", "--data", str(tmp_path / "new")) == (0, "", "")


def test_what_is_not_there_is_said_in_a_line(tmp_path: Path) -> None:
    code, _, error = outcome("devicehive", "export", "--data", str(tmp_path / "nowhere"))
    assert (code, error.count("\n")) == (2, 1)
    assert outcome("devicehive", "import", "-f", str(tmp_path / "no.jsonl"), "--data", str(tmp_path))[0] == 2
