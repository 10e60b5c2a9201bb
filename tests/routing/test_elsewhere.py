"""The broker as a process, delivering to servers that nobody here wrote: mosquitto, NATS, a Kafka cluster, and the
vendor's own client that fetches events.
"""

import asyncio
import importlib
import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.brokers import CannotStart, find_peer
from myna.commands import main
from tests.commands.processes import PATIENCE, Serving, serve
from tests.ports import reserved_port

KEY = "0123456789abcdef0123456789abcdef"
CONFIGURATION = """
[server]
data = "data"
[[mqtt]]
listen = "127.0.0.1:0"
[[http]]
listen = "127.0.0.1:0"
[access]
mqtt = ["open"]
[routing.rules.all]
destination = "there"
[routing.destinations.there]
"""


@contextmanager
def delivering(folder: Path, destination: str) -> Iterator[Serving]:
    (folder / "myna.toml").write_text(CONFIGURATION + destination)
    with serve("-c", "myna.toml", cwd=folder) as serving:
        yield serving


def publish(serving: Serving, topic: str, text: str, *options: str) -> None:
    _, port = serving.address("mqtt")
    assert main(["pub", "-p", str(port), "-q", "1", "-t", topic, "-m", text, *options]) == 0


# Another MQTT broker


@pytest.fixture(scope="module")
def mosquitto() -> Iterator[int]:
    try:
        peer = find_peer("mosquitto")
    except CannotStart as reason:
        pytest.skip(f"{reason} (apt-get install mosquitto)")
    with peer.running() as running:
        yield running.port


@contextmanager
def listening(port: int, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """mosquitto_sub, subscribed."""
    program = shutil.which("mosquitto_sub")
    if program is None:
        pytest.skip("mosquitto_sub is not installed (apt-get install mosquitto-clients)")
    command = [
        "stdbuf",
        "-oL",
        program,
        "-p",
        str(port),
        "-q",
        "1",
        "-V",
        "5",
        "-d",
        "-W",
        str(int(PATIENCE)),
        *options,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None  # it is a pipe
        next(line for line in process.stdout if "SUBACK" in line)
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


def got(process: "subprocess.Popen[str]") -> str:
    """The next message it prints."""
    assert process.stdout is not None  # it is a pipe
    return next(line for line in process.stdout if line.startswith("got ")).removeprefix("got ").strip()


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_bridge_carries_messages_both_ways_as_they_are(mosquitto: int, version: str, tmp_path: Path) -> None:
    site = f"site{version[0]}"
    destination = f"""
kind = "mqtt"
url = "mqtt://127.0.0.1:{mosquitto}"
client_id = "{site}"
version = "{version}"
prefix = "{site}/"
remove = "local/"
subscribe = [{{ filter = "{site}-cmd/#", remove = "{site}-", prefix = "from/" }}]
"""
    with delivering(tmp_path, destination) as serving:
        serving.wait_for("is connected to")
        with listening(mosquitto, "-t", f"{site}/#", "-F", "got %t %p %r %P") as there:
            publish(serving, "local/a", '{ "n" : 1.0 }', "-r", "-D", "publish", "user-property", "k", "v")
            expected = f'{site}/a {{ "n" : 1.0 }} 0' + (" k:v" if version == "5" else "")
            assert got(there) == expected
        with listening(mosquitto, "-t", f"{site}/a", "-F", "got %t %r") as late:
            assert got(late) == f"{site}/a 1"  # it is retained there as well
        _, port = serving.address("mqtt")
        with (
            listening(port, "-t", "from/#", "-F", "got %t %p") as here,
            listening(mosquitto, "-t", f"{site}/#", "-R", "-F", "got %t %p") as back,
        ):
            assert main(["pub", "-p", str(mosquitto), "-q", "1", "-t", f"{site}-cmd/go", "-m", "now"]) == 0
            assert got(here) == "from/cmd/go now"
            publish(serving, "last", "x")
            assert got(back) == f"{site}/last x"  # what came from there has not gone back


def test_what_another_broker_cannot_take_now_waits_for_it(tmp_path: Path) -> None:
    try:
        peer = find_peer("mosquitto")
    except CannotStart as reason:
        pytest.skip(f"{reason} (apt-get install mosquitto)")
    settings = 'kind = "mqtt"\nretry = ["0.2s"]\nurl = "mqtt://127.0.0.1:{}"\n'
    with reserved_port() as port, delivering(tmp_path, settings.format(port)) as serving:
        serving.wait_for("trying again")
        publish(serving, "a", "early", "-r")
        (tmp_path / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
        late = subprocess.Popen([peer.program, "-c", str(tmp_path / "mosquitto.conf")], stderr=subprocess.DEVNULL)
        try:
            serving.wait_for("is connected to")
            with listening(port, "-t", "a", "-F", "got %p") as there:
                assert got(there) == "early"
        finally:
            late.kill()
            late.wait(PATIENCE)


# NATS


@pytest.fixture(scope="module")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    program = shutil.which("nats-server")
    if program is None:
        pytest.skip("nats-server is not installed (apt-get install nats-server)")
    if importlib.util.find_spec("nats") is None:
        pytest.skip("the client of NATS is not installed (pip install nats-py)")
    folder = tmp_path_factory.mktemp("jetstream")
    with reserved_port() as port:
        command = [program, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr is not None  # it is a pipe
            next(line for line in process.stderr if "Server is ready" in line)
            yield port
        finally:
            process.kill()
            process.communicate(timeout=PATIENCE)


def test_events_go_to_subjects_of_nats(nats_server: int, tmp_path: Path) -> None:
    import nats  # where there is a server, there is its client

    async def run(serving: Serving) -> tuple[str, dict[str, Any]]:
        client = await nats.connect(f"nats://127.0.0.1:{nats_server}")
        subscription = await client.subscribe("plain.>")
        await client.flush()
        await asyncio.to_thread(publish, serving, "a/b c/d.e", "hello")
        message = await subscription.next_msg(PATIENCE)
        await client.close()
        return message.subject, json.loads(message.data)

    destination = f'kind = "nats"\nservers = ["nats://127.0.0.1:{nats_server}"]\nsubject = "plain.${{topic}}"\n'
    with delivering(tmp_path, destination) as serving:
        subject, event = asyncio.run(run(serving))
    assert subject == "plain.a.b%20c.d%2Ee"
    assert (event["type"], event["subject"]) == ("MQTT.EventPublished", "a/b c/d.e")


def test_a_stream_of_nats_has_an_event_before_it_is_settled(nats_server: int, tmp_path: Path) -> None:
    import nats  # where there is a server, there is its client

    async def run(serving: Serving) -> tuple[bytes, dict[str, str]]:
        client = await nats.connect(f"nats://127.0.0.1:{nats_server}")
        stream = client.jetstream()
        await asyncio.to_thread(publish, serving, "a", "before")  # no stream has the subject yet: tried again
        await asyncio.to_thread(serving.wait_for, "no stream has the subject")
        await stream.add_stream(name="kept", subjects=["kept.>"])
        subscription = await stream.subscribe("kept.>", durable="test")
        message = await subscription.next_msg(PATIENCE)
        await message.ack()
        await client.close()
        return message.data, dict(message.headers or {})

    destination = (
        f'kind = "nats"\nservers = ["nats://127.0.0.1:{nats_server}"]\nsubject = "kept.${{topic}}"\n'
        'jetstream = true\nmode = "binary"\nretry = ["0.2s"]\n'
    )
    with delivering(tmp_path, destination) as serving:
        body, headers = asyncio.run(run(serving))
    assert body == b"before"
    assert headers["ce-type"] == "MQTT.EventPublished"
    assert headers["Nats-Msg-Id"] == headers["ce-id"]


# Kafka


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A cluster in memory that speaks the protocol, of the authors of a client for Go; or the one that MYNA_KAFKA
    names, as host:port, which makes topics when they are asked for.
    """
    if given := os.environ.get("MYNA_KAFKA"):
        yield given
        return
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not installed, in which the cluster for this test is written")
    if importlib.util.find_spec("aiokafka") is None:
        pytest.skip("the client of Kafka is not installed (pip install aiokafka)")
    source = Path(__file__).parent / "kafka"
    program = Path(__file__).parents[2] / ".cache" / "kafka" / "kfake"
    if not program.exists():
        command = [go, "build", "-o", str(program), "."]
        built = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
        if built.returncode:
            pytest.skip(f"the cluster for this test cannot be built: {built.stderr[-300:]}")
    process = subprocess.Popen([program, "events"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None  # it is a pipe
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


def test_events_go_to_a_topic_of_kafka(kafka: str, tmp_path: Path) -> None:
    kafka_client: Any = importlib.import_module("aiokafka")

    async def read() -> Any:
        consumer = kafka_client.AIOKafkaConsumer("events", bootstrap_servers=kafka, auto_offset_reset="earliest")
        await consumer.start()
        try:
            return await asyncio.wait_for(consumer.getone(), PATIENCE)
        finally:
            await consumer.stop()

    waiting = 'timeout = "5s"\nretry = ["0.2s"]\n'  # a real cluster may first have to make the topic
    with delivering(tmp_path, f'kind = "kafka"\nservers = ["{kafka}"]\ntopic = "events"\n{waiting}') as serving:
        publish(serving, "room/1", "hello", "-D", "publish", "content-type", "text/plain")
        record = asyncio.run(read())
    headers = {name: value.decode() for name, value in record.headers}
    assert (record.key, record.value) == (b"room/1", b"hello")
    assert (headers["ce_type"], headers["ce_subject"]) == ("MQTT.EventPublished", "room/1")
    assert headers["content-type"] == "text/plain"


# The vendor's client


def test_the_vendors_client_publishes_receives_and_acknowledges(tmp_path: Path) -> None:
    if importlib.util.find_spec("azure.eventgrid") is None:
        pytest.skip("the client is not installed (pip install azure-eventgrid)")
    from azure.core.credentials import AzureKeyCredential  # only where it is installed
    from azure.core.messaging import CloudEvent  # likewise
    from azure.eventgrid import EventGridConsumerClient, EventGridPublisherClient  # likewise

    with delivering(tmp_path, f'kind = "pull"\ntopic = "orders"\nkeys = ["{KEY}"]\n') as serving:
        publish(serving, "room/1", '{"n": 1}', "-D", "publish", "content-type", "application/json")
        host, port = serving.address("http")
        endpoint, credential = f"http://{host}:{port}", AzureKeyCredential(KEY)
        producer = EventGridPublisherClient(endpoint, credential, namespace_topic="orders")
        producer.send([CloudEvent(source="shop", type="ordered", data={"n": 2})])
        consumer = EventGridConsumerClient(endpoint, credential, namespace_topic="orders", subscription="there")
        found = consumer.receive(max_events=10, max_wait_time=10)
        assert [one.event.data for one in found] == [{"n": 1}, {"n": 2}]
        assert found[0].event.subject == "room/1"
        tokens = [one.broker_properties.lock_token for one in found]
        assert consumer.renew_locks(lock_tokens=tokens).failed_lock_tokens == []
        assert consumer.release(lock_tokens=tokens[:1]).succeeded_lock_tokens == tokens[:1]
        assert consumer.acknowledge(lock_tokens=tokens[1:]).succeeded_lock_tokens == tokens[1:]
        again = consumer.receive(max_events=10, max_wait_time=10)
        assert [(one.event.data, one.broker_properties.delivery_count) for one in again] == [({"n": 1}, 2)]
        assert consumer.reject(lock_tokens=[again[0].broker_properties.lock_token]).failed_lock_tokens == []
