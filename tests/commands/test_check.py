"""`myna check`."""

from pathlib import Path

import pytest

from tests.commands.processes import outcome

FILE = """\
[server]
data = "{folder}/data"
[[mqtt]]
listen = "0.0.0.0:1883"
[[mqtt]]
listen = "localhost:0"
access = ["open"]
[limits]
profile = "webpubsub"
[tenant.big.limits]
packet_size = "4 MiB"
"""


def test_it_says_what_a_file_means(tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    file.write_text(FILE.format(folder=tmp_path))
    code, out, err = outcome("check", "-c", str(file))
    assert (code, err) == (0, "")
    for line in (
        "  MQTT        listens on 0.0.0.0:1883",
        "  clients     of MQTT: all refused, there are no authenticators",
        "  clients     of MQTT on localhost:0: all let in, and believed who they say they are",
        f"  data        {tmp_path}/data",
        "  limits      of the profile webpubsub:",
        "              session_expiry_maximum = 30 s  (otherwise never)",
        "              packet_size = 4 MiB  (otherwise 1 MiB)",
        'warning: MQTT: nobody can connect: no authenticators. List some under [access], like mqtt = ["open"]',
        "warning: mqtt on 0.0.0.0:1883 is not encrypted: passwords and messages can be read on the way",
        "usable, but see the warnings",
    ):
        assert line in out.splitlines(), line
    assert [one.name for one in tmp_path.iterdir()] == ["myna.toml"]


def test_without_a_file_it_speaks_of_development_mode(tmp_path: Path) -> None:
    code, out, _ = outcome("check", cwd=tmp_path)
    assert code == 0
    assert out.startswith("development mode, no configuration file")
    assert out.endswith("\nusable\n")
    assert "warning" not in out


def test_a_file_that_is_wrong_in_itself_ends_with_1(tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    file.write_text("[server]\nmemry = true\n")
    code, out, err = outcome("check", "-c", str(file))
    assert (code, out) == (1, "")
    assert err == f"myna check: {file}:2: server.memry: unknown key; did you mean memory?\n"


def test_what_cannot_be_used_here_ends_with_2(tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    file.write_text(
        FILE.format(folder=file) + '[[http]]\nlisten = "localhost:0"\ntls = { certificate = "/none", key = "/none" }\n'
    )
    code, _, err = outcome("check", "-c", str(file))
    assert code == 2
    assert f"myna check: {file}:2: server.data: {file} is not a folder" in err
    assert "myna check: cannot read /none: No such file or directory" in err


def test_an_empty_file_opens_nothing_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    file.touch()
    code, out, _ = outcome("check", "-c", str(file), cwd=tmp_path)
    assert code == 0
    assert "warning: nothing listens" in out


RULES = """\
[server]
memory = true
[[mqtt]]
listen = "localhost:0"
[access]
mqtt = ["open"]
[rules]
file = "{folder}/rules.toml"
"""


def ruled(tmp_path: Path, rules: str) -> str:
    (tmp_path / "rules.toml").write_text(rules)
    file = tmp_path / "myna.toml"
    file.write_text(RULES.format(folder=tmp_path))
    return str(file)


def test_it_says_rules_in_words(tmp_path: Path) -> None:
    file = ruled(tmp_path, '[[rule]]\nallow = "publish"\ntopics = "home/${user}/#"\n')
    code, out, err = outcome("check", "-c", file)
    assert (code, err) == (0, "")
    assert f"  rules       1. allow publish: home/${{user}}/#, for everybody  ({tmp_path}/rules.toml:1: rule[1])" in out


def test_rules_that_are_wrong_make_a_configuration_unusable(tmp_path: Path) -> None:
    file = ruled(tmp_path, '[[rule]]\nallow = "publish"\ntopics = "a/#/b"\n')
    code, _, err = outcome("check", "-c", file)
    assert code == 2
    assert f'{tmp_path}/rules.toml:1: rule[1]: "a/#/b" is no topic filter' in err


@pytest.mark.parametrize(
    ("question", "code", "begins"),
    [
        (("acme/alice/phone", "publish", "home/alice/lamp"), 0, "yes: rule 1"),
        (("alice", "publish", "home/bob/lamp"), 3, "no: no rule allows it"),
        (("acme/alice", "subscribe", "ward/1", "--attribute", "role=nurse"), 0, "yes: rule 2"),
        (("acme/alice", "subscribe", "ward/1"), 3, "no:"),
    ],
)
def test_it_answers_one_question(tmp_path: Path, question: tuple[str, ...], code: int, begins: str) -> None:
    file = ruled(
        tmp_path,
        '[[rule]]\nallow = "publish"\ntopics = "home/${user}/#"\n'
        '[[rule]]\nallow = "subscribe"\ntopics = "ward/+"\nattributes = { role = "nurse" }\n',
    )
    answered, out, err = outcome("check", "-c", file, "--may", *question)
    assert (answered, err) == (code, "")
    assert out.startswith(begins)


@pytest.mark.parametrize(
    ("question", "problem"),
    [(("a", "read", "b"), "no such action: read"), (("a", "publish", "b/#"), "is no topic that can be published to")],
)
def test_a_question_that_is_none_is_wrong_usage(tmp_path: Path, question: tuple[str, ...], problem: str) -> None:
    code, _, err = outcome("check", "-c", ruled(tmp_path, ""), "--may", *question)
    assert code == 1
    assert problem in err
