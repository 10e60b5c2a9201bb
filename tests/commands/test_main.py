import os
import re
import subprocess
import sys

import pytest

from myna.commands import VERBS, find_verb, main, verb_parser
from myna.version import version


def test_the_version_says_the_form(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out in (f"myna {version} (compiled)\n", f"myna {version} (pure Python)\n")


def test_the_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert [verb for verb in VERBS if not re.search(rf"^    {verb}\s", out, re.MULTILINE)] == []


def test_without_a_verb_there_is_help_and_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    assert "VERB" in capsys.readouterr().out


def test_an_unknown_verb_is_answered_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish"]) == 1
    assert "there is no verb 'publish'. There are: serve, pub, sub" in capsys.readouterr().err


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_is_what_its_file_says(name: str) -> None:
    verb = find_verb(name)
    assert name == verb.NAME
    assert verb_parser(verb).format_help().startswith(f"usage: myna {name} ")


def test_wrong_usage_ends_with_1_and_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["pub", "--nonsense"])
    assert ended.value.code == 1
    assert "Try: myna pub --help" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["pub", "sub", "bench"])
def test_h_is_the_host_and_help_is_help(verb: str) -> None:
    parser = verb_parser(find_verb(verb))
    arguments = ["-h", "example.com"] if verb != "bench" else ["pairs", "-h", "example.com"]
    assert parser.parse_args(arguments).host == "example.com"
    assert "--help" in parser.format_help()


def test_only_the_verb_asked_for_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith("myna.commands.bench")]:
        monkeypatch.delitem(sys.modules, module)
    find_verb("pub")
    assert "myna.commands.bench" not in sys.modules


def test_whoever_reads_no_further_gets_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-m", "myna", "check"], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")
