"""Rules as a user meets them: `myna serve` with a rules file, paho and mosquitto's clients, and the file changed while
they are connected.
"""

import os
import queue
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")

from tests.clients.hook import Hook, serving
from tests.clients.test_paho import PATIENCE, PahoClient
from tests.commands.processes import Serving, serve

RULES = """
[[rule]]
deny = ["publish", "subscribe"]
topics = "home/vault/#"

[[rule]]
allow = ["publish", "subscribe"]
topics = ["home/${user}/#", "inbox/${client}"]

[[rule]]
allow = "subscribe"
topics = "news/#"
qos = 1

[[rule]]
allow = ["publish", "subscribe"]
topics = "#"
user = "root"
"""
REFUSED = 0x87
UNSPECIFIED = 0x80


@contextmanager
def broker(folder: Path, rules: str = RULES, more: str = "") -> Iterator[Serving]:
    (folder / "rules.toml").write_text(rules)
    (folder / "myna.toml").write_text(
        f"""
[server]
data = "{folder}/data"
sys_topics = 0
[[mqtt]]
listen = "127.0.0.1:0"
[access]
mqtt = ["open"]
{more or f'[rules]{chr(10)}file = "{folder}/rules.toml"'}
"""
    )
    with serve("-c", str(folder / "myna.toml")) as serving:
        yield serving


def write(folder: Path, rules: str) -> None:
    new = folder / "rules.new"
    new.write_text(rules)
    os.replace(new, folder / "rules.toml")


@contextmanager
def connected(serving: Serving, user: str, version: str = "5", **options: Any) -> Iterator[PahoClient]:
    client = PahoClient(serving, version, **options)
    client.client.username_pw_set(f"acme/{user}")
    try:
        code = client.connect()[1]
        assert code == 0, code
        yield client
    finally:
        client.stop()


def publish(client: PahoClient, topic: str, payload: bytes = b"x", **options: Any) -> int:
    """The code of its PUBACK."""
    client.client.publish(topic, payload, 1, **options)
    code = client.published.get(timeout=PATIENCE)
    return int(code.value)


def granted(client: PahoClient, filter: str, qos: int = 0) -> int:
    return int(client.subscribe(filter, qos)[0].value)


def test_everything_is_judged_and_said(tmp_path: Path) -> None:
    with broker(tmp_path) as serving, connected(serving, "alice", client_id="phone") as alice:
        assert granted(alice, "home/alice/#", 2) == 2
        assert granted(alice, "inbox/phone") == 0
        assert granted(alice, "inbox/+") == REFUSED
        assert granted(alice, "$share/g/home/bob/#") == REFUSED
        assert granted(alice, "news/sport", 2) == 1
        assert granted(alice, "#") == REFUSED
        assert publish(alice, "home/alice/lamp") == 0
        assert publish(alice, "home/bob/lamp") == REFUSED
        assert publish(alice, "news/sport") == REFUSED
        assert publish(alice, "inbox/phone", retain=True) == 0
    with broker(tmp_path) as serving, connected(serving, "root", "3.1.1") as root:
        assert granted(root, "#") == 0x80  # a part of it is denied to everybody
        assert granted(root, "home/+/lamp") == 0x80
        assert granted(root, "garden/#") == 0


def test_a_will_on_a_forbidden_topic_is_not_published(tmp_path: Path) -> None:
    with broker(tmp_path) as serving, connected(serving, "root") as root:
        assert granted(root, "news/+") == 0
        assert granted(root, "garden/+") == 0
        for topic in ("news/will", "garden/will"):
            other = PahoClient(serving, "5")
            other.client.username_pw_set("acme/alice" if topic == "news/will" else "acme/root")
            other.client.will_set(topic, b"gone")
            other.connect()
            sock = other.client.socket()
            assert sock is not None
            sock.shutdown(2)  # without a word
            other.stop()
        assert root.next_message().topic == "garden/will"
        assert root.messages.empty()


@pytest.mark.parametrize("way", ["by itself", "by SIGHUP"])
def test_a_changed_file_holds_at_once_for_those_who_are_connected(tmp_path: Path, way: str) -> None:
    with (
        broker(tmp_path) as serving,
        connected(serving, "root") as root,
        connected(serving, "alice") as alice,
    ):
        assert granted(alice, "news/#") == 0
        assert granted(alice, "home/alice/#") == 0
        assert publish(root, "news/1") == 0
        assert alice.next_message().topic == "news/1"
        write(tmp_path, RULES.replace('"news/#"', '"olds/#"'))
        if way == "by SIGHUP":
            serving.process.send_signal(signal.SIGHUP)
        assert "no longer allow: 1, of so many clients: 1" in serving.wait_for("have ended that")
        assert publish(root, "news/2") == 0x10  # nobody gets it
        assert publish(root, "home/alice/1") == 0
        assert alice.next_message().topic == "home/alice/1"
        write(tmp_path, RULES.replace('"home/${user}/#", ', ""))
        serving.wait_for("have ended that")
        assert publish(alice, "home/alice/2") == REFUSED
        assert alice.gone.empty()


def test_a_broken_file_changes_nothing_and_is_said_loudly(tmp_path: Path) -> None:
    with broker(tmp_path) as serving, connected(serving, "alice") as alice:
        assert granted(alice, "home/alice/#") == 0
        write(tmp_path, RULES + "[[rule]]\nallow = 'publish'\n")
        line = serving.wait_for("stay as they were")
        assert "the key topics is missing" in line
        assert "ERROR" in line.upper()
        assert publish(alice, "home/alice/1") == 0


def test_clients_are_told_by_the_end_of_their_connection_if_that_is_wanted(tmp_path: Path) -> None:
    more = f'[rules]\nfile = "{tmp_path}/rules.toml"\nrevoked = "disconnect"'
    with broker(tmp_path, more=more) as serving, connected(serving, "alice") as alice:
        assert granted(alice, "news/#") == 0
        write(tmp_path, RULES.replace('"news/#"', '"olds/#"'))
        assert int(alice.gone.get(timeout=PATIENCE).value) == REFUSED


def test_what_a_session_may_no_longer_have_is_gone_after_a_restart_too(tmp_path: Path) -> None:
    session = {"client_id": uuid.uuid4().hex[:20], "clean_session": False}
    with broker(tmp_path) as serving, connected(serving, "alice", "3.1.1", **session) as alice:
        alice.subscribe("news/#", 1)
        alice.subscribe("home/alice/#", 1)
    with broker(tmp_path, RULES.replace('"news/#"', '"olds/#"')) as serving:
        serving.wait_for("no longer allow: 1, of so many clients: 1")
        with connected(serving, "root") as root:
            assert publish(root, "news/1") == 0x10
            assert publish(root, "home/alice/1") == 0
        with connected(serving, "alice", "3.1.1", **session) as alice:
            assert alice.next_message().topic == "home/alice/1"


def test_mosquittos_clients_meet_the_same_rules(tmp_path: Path) -> None:
    for tool in ("mosquitto_sub", "mosquitto_pub"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    with broker(tmp_path) as serving, connected(serving, "root") as root:
        assert granted(root, "home/alice/+") == 0
        host, port = serving.address("mqtt")

        def run(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
            where = (tool, "-h", host, "-p", str(port), "-u", "acme/alice", "-V", "5")
            return subprocess.run([*where, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False)

        assert run("mosquitto_pub", "-t", "home/alice/x", "-m", "1", "-q", "1").returncode == 0
        assert root.next_message().payload == b"1"
        refused = run("mosquitto_pub", "-t", "home/bob/x", "-m", "1", "-q", "1")
        assert "Not authorized" in refused.stdout + refused.stderr
        refused = run("mosquitto_sub", "-t", "home/bob/x", "-E")
        assert "denied" in refused.stderr


# Somebody else is asked.


@contextmanager
def asking(folder: Path, hook: Hook, more: str = "", limits: str = "") -> Iterator[Serving]:
    with broker(folder, more=f'{limits}\n[rules.check]\nurl = "{hook.url}"\n{more}') as serving:
        yield serving


def test_a_webhook_decides_and_is_asked_once(tmp_path: Path) -> None:
    with serving() as hook, asking(tmp_path, hook) as myna:
        hook.forbidden = {"b", "c/#", "d"}
        hook.forbidden_users = {"mallory"}
        with connected(myna, "alice") as alice:
            assert granted(alice, "a/#", 1) == 1
            assert granted(alice, "c/#") == REFUSED
            assert publish(alice, "a/1") == 0
            assert publish(alice, "b") == REFUSED
            for _ in range(5):
                assert publish(alice, "a/1") == 0
            assert alice.next_message().topic == "a/1"
        mallory = PahoClient(myna, "5")
        mallory.client.username_pw_set("acme/mallory")
        assert mallory.connect()[1].value == REFUSED
        mallory.stop()
    questions = [question for question in hook.seen if "pub" in question]
    assert questions == [
        {"pub": {"topic": "a/1", "qos": "AT_LEAST_ONCE"}},
        {"pub": {"topic": "b", "qos": "AT_LEAST_ONCE"}},
    ]


def test_a_slow_answer_holds_up_its_client_alone_and_keeps_its_order(tmp_path: Path) -> None:
    with serving() as hook, asking(tmp_path, hook) as myna:
        hook.held = {"slow"}
        with connected(myna, "alice") as alice, connected(myna, "bob") as bob:
            assert granted(bob, "#", 1) == 1
            alice.client.publish("slow", b"1", 1)
            alice.client.publish("quick", b"2", 1)
            alice.client.publish("slow", b"3", 1)
            assert hook.wait_for("pub")["pub"]["topic"] == "slow"
            assert publish(bob, "of bob", b"0") == 0
            assert bob.next_message().payload == b"0"
            with pytest.raises(queue.Empty):
                alice.published.get_nowait()
            hook.let_go()
            assert [bob.next_message().payload for _ in range(3)] == [b"1", b"2", b"3"]


@pytest.mark.parametrize(("limits", "code"), [("", UNSPECIFIED), ("[limits]\npermission_errors_allow = true", 0)])
def test_where_nobody_answers_the_tenants_setting_does(tmp_path: Path, limits: str, code: int) -> None:
    with serving() as hook:
        pass  # nobody is there any more
    with asking(tmp_path, hook, limits=limits) as myna:
        alice = PahoClient(myna, "5")
        alice.client.username_pw_set("acme/alice")
        assert alice.connect()[1].value == code
        if code == 0:
            assert granted(alice, "a") == 0
            assert publish(alice, "a") == 0
        alice.stop()
        assert "permissions cannot be asked for" in myna.wait_for("permissions cannot")


def test_one_who_never_answers_is_not_waited_for_longer_than_is_said(tmp_path: Path) -> None:
    with serving() as hook, asking(tmp_path, hook, 'timeout = "2 s"') as myna:
        hook.held = {"never"}
        with connected(myna, "alice") as alice:
            assert publish(alice, "never") == UNSPECIFIED
            assert publish(alice, "other") == 0x10


def test_rules_of_the_file_are_looked_at_before_anybody_is_asked(tmp_path: Path) -> None:
    with serving() as hook:
        more = f'[rules]\nfile = "{tmp_path}/rules.toml"\n[rules.check]\nurl = "{hook.url}"'
        with broker(tmp_path, more=more) as myna, connected(myna, "alice") as alice:
            assert publish(alice, "home/alice/1") in (0, 0x10)
            assert publish(alice, "home/vault/1") == REFUSED
            assert publish(alice, "garden") in (0, 0x10)
    assert [question for question in hook.seen if "pub" in question] == [
        {"pub": {"topic": "garden", "qos": "AT_LEAST_ONCE"}}
    ]


def test_rules_know_who_let_a_client_in_and_where(tmp_path: Path) -> None:
    rules = """
[[rule]]
allow = "publish"
topics = "by/open"
authenticator = "open"
[[rule]]
allow = "publish"
topics = "at/first"
listener = "mqtt"
[[rule]]
allow = "publish"
topics = "never"
authenticator = "passwords"
[[rule]]
allow = "publish"
topics = "never"
listener = "mqtt-2"
"""
    with broker(tmp_path, rules) as serving, connected(serving, "alice") as alice:
        assert [publish(alice, topic) for topic in ("by/open", "at/first", "never")] == [0x10, 0x10, REFUSED]


def test_wills_of_clients_that_are_sent_away_wait_for_their_answer(tmp_path: Path) -> None:
    session = {"client_id": uuid.uuid4().hex[:20], "clean_session": False}
    with serving() as hook:
        with asking(tmp_path, hook) as myna:
            with connected(myna, "alice", "3.1.1", **session) as alice:
                alice.subscribe("will", 1)
            hook.held = {"will"}
            leaving = PahoClient(myna, "5")
            leaving.client.username_pw_set("acme/bob")
            leaving.client.will_set("will", b"gone", 1)
            assert leaving.connect()[1] == 0
            myna.process.send_signal(signal.SIGTERM)
            hook.wait_for("pub")
            hook.let_go()
            code, _, errors = myna.wait()
            assert (code, "Traceback" in errors) == (0, False)
            leaving.stop()
        with asking(tmp_path, hook) as myna, connected(myna, "alice", "3.1.1", **session) as alice:
            assert alice.next_message().payload == b"gone"
