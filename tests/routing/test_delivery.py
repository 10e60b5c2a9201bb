"""The real process and a real endpoint: what is published gets there, whatever the endpoint does meanwhile."""

import base64
import http.client
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.commands.processes import PATIENCE, Serving, outcome, serve
from tests.ports import reserved_port
from tests.routing.running import configure, endpoint

CONNECT = b"\x10\x0f\0\4MQTT\4\2\0\0\0\3pub"


def publish(serving: Serving, topic: str, count: int, first: int = 0) -> None:
    """At QoS 1; returns when all are acknowledged."""
    with serving.connect() as client:
        client.sendall(CONNECT)
        assert client.recv(4) == b"\x20\2\0\0"
        name = topic.encode()
        for number in range(first, first + count):
            body = len(name).to_bytes(2, "big") + name + (number % 65_535 + 1).to_bytes(2, "big") + b"%d" % number
            client.sendall(b"\x32" + bytes((len(body),)) + body)
        acks = b""
        while len(acks) < 4 * count:
            acks += client.recv(65_536)


def numbers(events: list[dict[str, Any]]) -> list[int]:
    return [int(base64.b64decode(event["data_base64"])) for event in events]


def call(serving: Serving, folder: Path, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(*serving.address("http"), timeout=PATIENCE)
    token = (folder / "data" / "admin-token.key").read_text().strip()
    data = None if body is None else json.dumps(body)
    connection.request(method, f"/api/admin/routes{path}", data, {"authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, json.loads(content) if content else None


def test_what_is_published_gets_there_and_over_http_is_answered_with_202(tmp_path: Path) -> None:
    with endpoint(tmp_path / "events") as hook, serve("-c", str(configure(tmp_path, hook.port))) as serving:
        publish(serving, "t/1", 3)
        publish(serving, "other", 1)
        events = hook.wait_for(lambda events: len(events) >= 3)
        assert sorted(numbers(events)) == [0, 1, 2]
        assert {(event["type"], event["source"], event["subject"]) for event in events} == {
            ("MQTT.EventPublished", "ns", "t/1")
        }
        http_client = http.client.HTTPConnection(*serving.address("http"), timeout=PATIENCE)
        found = []
        for topic in ("t%2Fx", "other"):
            headers = {"authorization": "Bearer 0123456789abcdef", "content-type": "application/json"}
            http_client.request("POST", f"/mqtt/messages?topic={topic}", '{"a":1}', headers)
            answer = http_client.getresponse()
            answer.read()
            found.append(answer.status)
        http_client.close()
        assert found == [202, 204]
        events = hook.wait_for(lambda events: len(events) >= 4)
        assert events[3]["data"] == {"a": 1}
        code, _, err = serving.stop()
        assert code == 0
        assert "Traceback" not in err


def test_failures_slowness_and_broken_connections_lose_nothing_and_keep_order(tmp_path: Path) -> None:
    unreliable = ("--fail", "0.2", "--drop", "0.1", "--slow", "0.2")
    more = "ordered = true\nmax_events_per_batch = 3\nconcurrency = 4\n"
    with (
        endpoint(tmp_path / "events", *unreliable) as hook,
        serve("-c", str(configure(tmp_path, hook.port, more))) as serving,
    ):
        for topic in range(5):
            publish(serving, f"t/{topic}", 30, topic * 100)
        events = hook.wait_for(lambda events: len({event["id"] for event in events}) == 150)
        for topic in range(5):
            mine = list(dict.fromkeys(numbers([event for event in events if event["subject"] == f"t/{topic}"])))
            assert mine == list(range(topic * 100, topic * 100 + 30))


def test_what_waits_for_an_endpoint_that_is_away_is_there_after_a_restart(tmp_path: Path) -> None:
    with reserved_port() as port:
        check_what_waits(tmp_path, port, configure(tmp_path, port, "concurrency = 1\n", hold="1 s"))


def check_what_waits(tmp_path: Path, port: int, file: Path) -> None:
    with serve("-c", str(file)) as serving:
        publish(serving, "t/1", 20)
        assert call(serving, tmp_path, "GET", "/destinations/hook")[1]["state"]["queued"] == 20
        serving.process.send_signal(signal.SIGKILL)
        serving.process.wait(PATIENCE)
    with serve("-c", str(file)) as serving:
        publish(serving, "t/1", 5, 100)
        status, state = call(serving, tmp_path, "GET", "/destinations/hook")
        assert (status, state["state"]["queued"]) == (200, 25)
        assert state["definition"]["url"].endswith("/events?***")
        with endpoint(tmp_path / "events", "--port", str(port)) as hook:
            events = hook.wait_for(lambda events: len(events) >= 25)
        assert set(numbers(events)) == {*range(20), *range(100, 105)}


def test_a_crash_neither_counts_attempts_anew_nor_forgets_when_the_next_is_due(tmp_path: Path) -> None:
    """`retry` follows those of `configure`, of which the last one repeats."""
    with endpoint(tmp_path / "events", "--fail", "1") as hook:
        file = configure(tmp_path, hook.port, "concurrency = 1\n")
        file.write_text(file.read_text().replace('"20 ms", "50 ms"', '"1 ms", "1 h"'))
        with serve("-c", str(file)) as serving:
            publish(serving, "t/1", 1)
            while (state := call(serving, tmp_path, "GET", "/destinations/hook")[1]["state"])["attempts"] < 2:
                pass
            publish(serving, "other", 1)  # acknowledged, so that what came before it is stored
            serving.process.send_signal(signal.SIGKILL)
            serving.process.wait(PATIENCE)
        assert state["failedAttempts"] == {"ServiceError": 2}
    with endpoint(tmp_path / "events", "--port", str(hook.port)) as hook, serve("-c", str(file)) as serving:
        publish(serving, "t/1", 1, 100)
        hook.wait_for(lambda events: len(events) == 1)
        state = call(serving, tmp_path, "GET", "/destinations/hook")[1]["state"]
        assert (state["attempts"], state["retrying"]) == (1, 1)
        assert numbers(hook.events()) == [100]
        code, _, err = serving.stop()
        assert (code, "Traceback" in err) == (0, False)


def test_rules_and_destinations_are_made_at_run_time_and_last(tmp_path: Path) -> None:
    with endpoint(tmp_path / "events") as hook:
        file = configure(tmp_path, hook.port)
        url = f"http://127.0.0.1:{hook.port}/other?code=secret"
        with serve("-c", str(file)) as serving:
            made = {"kind": "webhook", "url": url, "headers": {"x-key": "secret"}}
            assert call(serving, tmp_path, "PUT", "/destinations/other", made)[0] == 201
            status, shown = call(serving, tmp_path, "PUT", "/destinations/other", {**made, "concurrency": 2})
            assert (status, "secret" in json.dumps(shown)) == (200, False)
            definition = shown["definition"] | {"concurrency": 3}
            assert call(serving, tmp_path, "PUT", "/destinations/other", definition)[0] == 200
            rule = {"destination": "other", "topic_filters": ["own/#"]}
            assert call(serving, tmp_path, "PUT", "/rules/own", rule)[0] == 201
            assert call(serving, tmp_path, "DELETE", "/destinations/other")[0] == 409
            assert call(serving, tmp_path, "PUT", "/rules/all", rule)[0] == 409
            assert call(serving, tmp_path, "PUT", "/rules/x", {"destination": "nope"})[0] == 409
            status, problem = call(serving, tmp_path, "PUT", "/rules/x", {"destination": "hook", "topics": []})
            assert status == 400
            assert "unknown key" in problem["detail"]
            assert call(serving, tmp_path, "GET", "/rules/nope")[0] == 404
            serving.stop()
        with serve("-c", str(file)) as serving:
            publish(serving, "own/1", 1)
            hook.wait_for(lambda events: len(events) == 1)
            assert call(serving, tmp_path, "DELETE", "/rules/own")[0] == 204
            assert call(serving, tmp_path, "DELETE", "/destinations/other") == (200, {"forgotten": 0})
            _, found = call(serving, tmp_path, "GET", "")
            assert [one["name"] for one in found["destinations"]] == ["hook"]


def test_the_file_is_read_again_while_it_runs(tmp_path: Path) -> None:
    with endpoint(tmp_path / "events") as hook:
        file = configure(tmp_path, hook.port)
        with serve("-c", str(file)) as serving:
            rules = '[routing.rules.new]\ndestination = "hook"\ntopic_filters = ["new"]\n'
            configure(tmp_path, hook.port, rules=rules)
            serving.process.send_signal(signal.SIGHUP)
            serving.wait_for("configuration read again")
            publish(serving, "new", 1)
            hook.wait_for(lambda events: len(events) == 1)
            configure(tmp_path, hook.port, more="nope = 1\n")
            serving.process.send_signal(signal.SIGHUP)
            assert "routing.destinations.hook.nope: unknown key" in serving.wait_for("nope")
            publish(serving, "new", 1, 1)
            hook.wait_for(lambda events: len(events) == 2)


def test_myna_routes_shows_and_changes_them(tmp_path: Path) -> None:
    with endpoint(tmp_path / "events") as hook, serve("-c", str(configure(tmp_path, hook.port))) as serving:
        place = ("--data", str(tmp_path / "data"))

        def routes(*words: str) -> tuple[int, str, str]:
            return outcome("routes", *words, *place)

        assert routes("pause", "hook") == (0, "hook is paused\n", "")
        publish(serving, "t/1", 3)
        code, out, err = routes()
        assert (code, err) == (0, "")
        assert out.splitlines()[1].split()[:4] == ["hook", "webhook", "paused", "3"]
        assert routes("clear", "hook") == (0, "3 events forgotten\n", "")
        assert routes("set", "destination", "afar", "kind=mqtt", "url=mqtt://me:s3cr3t@127.0.0.1:9")[0] == 0
        while "connection refused" not in (out := routes()[1]):
            assert "s3cr3t" not in out
        assert "not connected" in out
        assert routes("delete", "destination", "afar")[0] == 0
        assert routes("resume", "hook")[1] == "hook goes on\n"
        url = f"url=http://127.0.0.1:{hook.port}/gone"
        assert routes("set", "destination", "own", "kind=webhook", url, "max_delivery_count=1")[0] == 0
        rule = tmp_path / "rule.json"
        rule.write_text('{"destination": "own", "topic_filters": ["own"]}', encoding="utf-8")
        assert routes("set", "rule", "own", str(rule)) == (0, "rule own is in force\n", "")
        hook.end()
        publish(serving, "own", 1)
        for _ in range(100):
            code, out, _ = routes("dead", "own")
            if out:
                break
        assert "MaxDeliveryAttemptsExceeded after 1 attempt (SocketError)  MQTT.EventPublished own" in out
        assert json.loads(routes("dead", "own", "--json")[1])["event"]["subject"] == "own"
        assert routes("replay", "own")[1] == "1 event to be delivered again\n"
        assert json.loads(routes("show", "own")[1])[0]["definition"]["kind"] == "webhook"
        assert routes("delete", "rule", "own")[0] == 0
        assert routes("delete", "destination", "own")[1].startswith("destination own is gone")
        assert routes("show", "own")[0] == 1
        assert routes("set", "rule", "own", "x")[0] == 1
        assert routes("pause")[0] == 1


def test_myna_check_warns_of_what_is_probably_not_meant(tmp_path: Path) -> None:
    more = (
        '[routing.destinations.afar]\nkind = "webhook"\nurl = "http://me:s3cr3t@hook.example/x?code=s3cr3t"\n'
        f'[routing.destinations.shelf]\nkind = "pull"\ntopic = "orders"\nkeys = ["{"k" * 32}"]\n'
    )
    code, out, err = outcome("check", "-c", str(configure(tmp_path, 9, more)))
    assert (code, "s3cr3t" in out + err) == (0, False)
    assert "warning: http://hook.example/x is not encrypted" in out
    assert "no rule of this file sends anything to the destination afar" in out
    assert "destination shelf" not in out
    assert "http://127.0.0.1:9" not in out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('kind2 = "x"\n', "routing.destinations.hook.kind2: unknown key"),
        ("concurrency = 0\n", "routing.destinations.hook.concurrency: expected a whole number from 1"),
        ('mode = "binary"\nmax_events_per_batch = 5\n', "batches are structured"),
        ('[routing.destinations.x]\nkind = "pigeon"\n', "there is no kind 'pigeon'"),
        ('[routing.rules.x]\ndestination = "hok"\n', "there is no destination 'hok'; did you mean hook?"),
    ],
)
def test_myna_check_explains_what_is_wrong(tmp_path: Path, more: str, said: str) -> None:
    code, out, err = outcome("check", "-c", str(configure(tmp_path, 9, more)))
    assert code != 0
    assert said in out + err
