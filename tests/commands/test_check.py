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


def test_the_folder_of_a_unix_socket_must_be_there(tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    file.write_text(f'[server]\nmemory = true\n[[mqtt]]\nlisten = "unix:{tmp_path}/none/m.sock"\n')
    code, _, err = outcome("check", "-c", str(file))
    assert (code, err) == (2, f"myna check: {file}:4: mqtt[1].listen: the folder {tmp_path}/none does not exist\n")


def test_an_empty_file_opens_nothing_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    file.touch()
    code, out, _ = outcome("check", "-c", str(file), cwd=tmp_path)
    assert code == 0
    assert "warning: nothing listens" in out


def test_a_file_for_the_clients_of_an_api_need_not_let_others_in(tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    text = '[server]\nmemory = true\n[[http]]\nlisten = "localhost:0"\n'
    file.write_text(f"{text}[faces.webpubsub]\n")
    _, out, _ = outcome("check", "-c", str(file))
    assert "  clients     of MQTT over WebSocket: all refused, there are no authenticators" in out
    assert out.endswith("\nusable\n")
    for more in ("", "[faces.webpubsub]\n[access]\nwebsocket = []\n"):
        file.write_text(text + more)
        _, out, _ = outcome("check", "-c", str(file))
        assert "warning: MQTT over WebSocket: nobody can connect" in out


def test_protection_and_proxies_are_explained(tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    text = (
        '[server]\nmemory = true\n[access]\nmqtt = ["open"]\n[[mqtt]]\nlisten = "localhost:0"\nproxy_protocol = true\n'
    )
    file.write_text(text)
    code, out, _ = outcome("check", "-c", str(file))
    assert code == 0
    assert "warning: mqtt on localhost:0: nobody can connect: list trusted_proxies in [protection]" in out
    assert "  protection" not in out
    file.write_text(text + '[protection]\ntrusted_proxies = ["10.0.0.0/8"]\nhalf_open = 500\nqueue_memory = "2 GiB"\n')
    _, out, _ = outcome("check", "-c", str(file))
    assert "  MQTT        listens on localhost:0 (any free port), behind proxies: 10.0.0.0/8\n" in out
    assert "  protection  queue_memory = 2 GiB\n              half_open = 500\n" in out
    assert "trusted_proxies in" not in out


ACCESS = """\
[[mqtt]]
listen = "localhost:0"
[[http]]
listen = "localhost:0"
[access]
mqtt = ["certificate", "passwords", "eventgrid"]
websocket = ["api-keys"]
[access.passwords]
file = "{folder}/users.jsonl"
[access.api-keys]
keys = [{{ name = "billing", key = "{key}" }}]
[faces.eventgrid]
access = ["passwords", "api-keys"]
"""


def test_it_says_whom_each_endpoint_lets_in_and_never_a_secret(tmp_path: Path) -> None:
    file, key = tmp_path / "myna.toml", "a key of sixteen characters"
    file.write_text(ACCESS.format(folder=tmp_path, key=key))
    code, out, err = outcome("check", "-c", str(file), cwd=tmp_path)
    assert (code, f"{tmp_path}/users.jsonl: no such file; make it by `myna passwd" in err) == (2, True)
    (tmp_path / "users.jsonl").touch(mode=0o600)
    code, out, err = outcome("check", "-c", str(file), cwd=tmp_path)
    assert (code, err) == (0, "")
    for line in (
        "  clients     of MQTT: those known to certificate, then passwords, then eventgrid",
        "  clients     of MQTT over WebSocket: those known to api-keys",
        "  callers     of eventgrid: those known to passwords, then api-keys, besides its own",
        "              certificate: client certificates that the listener's TLS trusts, named by cn; tenant DevOnly",
        f"              passwords: users of {tmp_path}/users.jsonl, by password or SCRAM-SHA-256;"
        " of tenant DevOnly unless their entry names one",
        "              api-keys: who shows a key named here: billing",
        'warning: MQTT: "passwords" is asked before "eventgrid": its users are not held to the rules of Event Grid',
        'warning: MQTT: "certificate" knows nobody, no listener asks for one: set client_certificate in [tls]',
    ):
        assert line in out.splitlines(), line
    assert key not in out


def test_a_face_s_list_is_checked_as_well(tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    file.write_text('[[http]]\nlisten = "localhost:0"\n[faces.eventgrid]\naccess = ["pasword"]\n')
    code, _, err = outcome("check", "-c", str(file), cwd=tmp_path)
    assert code == 1
    assert f'{file}:4: faces.eventgrid.access: no such authenticator "pasword"; did you mean' in err


def test_tokens_and_webhooks_are_explained_and_what_is_risky_about_them_is_said(tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    file.write_text(
        """
[server]
memory = true
[[mqtt]]
listen = "localhost:0"
[[http]]
listen = "localhost:0"
[access]
mqtt = ["webhook", "jwt"]
[access.webhook]
url = "http://hooks.example/check?code=s3cret"
[[access.jwt.issuers]]
issuer = "https://login.example"
jwks = "http://localhost:9/keys"
audiences = ["broker"]
[faces.webpubsub.oidc]
accept_unvalidated = true
"""
    )
    code, out, error = outcome("check", "-c", str(file))
    assert code == 0
    assert "jwt: bearers of tokens of https://login.example, shown as password, by OAUTH2-JWT, by CUSTOM-JWT" in out
    assert "webhook: whoever http://hooks.example/check knows, asked in BifroMQ's form, within 5 s" in out
    assert "http://hooks.example/check is not encrypted" in out
    assert "localhost:9/keys is not encrypted" not in out
    assert "accept_unvalidated lets anybody" in out
    assert '"webhook" has the last word' in out
    assert "s3cret" not in out + error


def test_what_event_grid_had_under_the_name_jwt_is_named(tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    file.write_text(
        '[server]\nmemory = true\n[[mqtt]]\nlisten = "localhost:0"\n[access]\nmqtt = ["jwt"]\n[faces.eventgrid]\n'
    )
    code, _, error = outcome("check", "-c", str(file))
    assert code == 1
    assert "access.jwt: no issuers" in error
    assert "eventgrid-jwt" in error


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
    assert code == 1
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


def test_a_file_destination_lies_in_the_data_folder_unless_nothing_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    text = '[server]\ndata = "{data}"\nmemory = {memory}\n'
    text += '[routing.destinations.archive]\nkind = "file"\npath = "a.jsonl"\n'
    file.write_text(text.format(data=tmp_path / "data", memory="false"))
    code, _, err = outcome("check", "-c", str(file))
    assert (code, err) == (0, "")
    assert not (tmp_path / "data").exists()
    file.write_text(text.format(data=tmp_path / "data", memory="true"))
    code, _, err = outcome("check", "-c", str(file))
    assert code != 0
    assert "without a data folder the file needs an absolute path" in err


def test_who_may_call_bifromqs_api_is_said(tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    listener = f'[server]\ndata = "{tmp_path}/data"\n[[bifromq]]\nlisten = "localhost:0"\n'
    said = {
        "": "whoever reaches the API may do anything to every tenant",
        '[faces.bifromq]\ntokens = ["0123456789abcdef"]\n': "open to those of tokens, and to nobody else",
        '[faces.bifromq]\ntokens = ["0123456789abcdef"]\ntrust_loopback = true\n': "and to everybody on this machine",
    }
    for settings, words in said.items():
        file.write_text(listener + settings)
        code, out, _ = outcome("check", "-c", str(file))
        assert (code, words in out) == (0, True)


def test_it_says_where_the_administration_is_if_anywhere(tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    memory, http = "[server]\nmemory = true\n", '[[http]]\nlisten = "localhost:0"\n'
    said = {
        "": "admin       off",
        http: "admin       off: neither [[admin]] nor [faces.admin]; /metrics by the token in admin-token.key",
        "[faces.admin]\n": "admin       nowhere to be reached: add [[http]] or [[admin]]",
        f"{http}[faces.admin]\n": "admin       /api/admin on the HTTP listeners, by the token in admin-token.key;"
        " /metrics, too",
    }
    for text, line in said.items():
        file.write_text(memory + text)
        assert f"  {line}" in outcome("check", "-c", str(file))[1].splitlines()


def test_unknown_names_are_wrong_in_themselves_and_end_with_1(tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    for text in (
        '[[mqtt]]\nlisten = "localhost:0"\n[access]\nmqtt = ["opne"]\n',
        '[routing.rules.all]\ndestination = "nobody"\n',
        '[routing.destinations.one]\nkind = "pigeon"\n',
        "[faces.pigeon]\n",
    ):
        file.write_text(f"[server]\nmemory = true\n{text}")
        assert outcome("check", "-c", str(file))[0] == 1, text
