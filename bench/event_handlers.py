"""What handlers that are flooded, slow or gone cost everybody else: `python bench/event_handlers.py [seconds]`.

    burn       two processes that do nothing but use the machine, for comparison
    flood      100 clients of a hub raise events as fast as they are read, to a handler that answers at once
    slow       the same with a handler that takes two seconds
    hung       a handler that never answers; 50 clients a second try to come in past its connect event
    gone       nobody listens where the handler should be; the same clients

Meanwhile two bystanders measure: an MQTT message to oneself (`mqtt`), and an event of another hub whose handler answers
at once (`event`). Percentiles are in milliseconds, over all that was sent in the phase. Handlers, the flood and the
bystanders are processes of their own, but on one machine: a part of what a flood costs is the cost of making it.
"""

import asyncio
import contextlib
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from myna.faces.webpubsub.tokens import CLIENT, Tokens
from myna.wire.encode import encode
from myna.wire.packets import Connect, Publish, Subscribe, SubscriptionRequest

KEY = "a key for measuring event handlers, long enough"
JSON = "json.webpubsub.azure.v1"
FLOODERS = 100
ARRIVALS = 50  # a second
PHASES = ("burn", "flood", "slow", "hung", "gone")
OK = b"HTTP/1.1 200 OK\r\nWebHook-Allowed-Origin: *\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


async def back_end() -> None:
    """Handlers at four ports: two that are quick, a slow one, a hung one. Prints them."""
    pauses = (0.0, 0.0, 2.0, 3600.0)

    async def serve(pause: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0
                )
                await reader.readexactly(length)
                if pause and head.startswith(b"POST"):
                    await asyncio.sleep(pause)
                writer.write(OK)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    servers = [await asyncio.start_server(functools.partial(serve, pause), "127.0.0.1", 0) for pause in pauses]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.Event().wait()


def configuration(calm: str, quick: str, slow: str, hung: str) -> str:
    ports = {"calm": calm, "flood": quick, "slow": slow, "hung": hung, "gone": "1"}
    text = '[server]\nmemory = true\n[log]\nlevel = "error"\n[[mqtt]]\nlisten = "127.0.0.1:0"\n'
    text += f'[[http]]\nlisten = "127.0.0.1:0"\n[access]\nmqtt = ["open"]\n[faces.webpubsub]\naccess_key = "{KEY}"\n'
    for hub, port in ports.items():
        connect = '["connect"]' if hub in ("hung", "gone") else "[]"
        text += f'[[faces.webpubsub.hubs.{hub}.handlers]]\nurl_template = "http://127.0.0.1:{port}/{{event}}"\n'
        text += f'user_event_pattern = "*"\nsystem_events = {connect}\n'
    return text


async def open_client(session: aiohttp.ClientSession, http: str, hub: str) -> aiohttp.ClientWebSocketResponse:
    token = Tokens([KEY]).issue(CLIENT, hub, http, {"sub": "u"}, 600, time.time())
    socket = await session.ws_connect(f"{http}/client/hubs/{hub}?access_token={token}", protocols=[JSON])
    await socket.receive()
    return socket


async def load(http: str, hub: str) -> None:
    """Until it is killed."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        if hub in ("flood", "slow"):
            clients = [await open_client(session, http, hub) for _ in range(FLOODERS)]
            await asyncio.gather(*(flood(client) for client in clients))
        tries = set()
        while True:
            task = asyncio.create_task(arrive(session, http, hub))
            tries.add(task)
            task.add_done_callback(tries.discard)
            await asyncio.sleep(1 / ARRIVALS)


async def flood(socket: aiohttp.ClientWebSocketResponse) -> None:
    event = json.dumps({"type": "event", "event": "e", "dataType": "text", "data": "x" * 64})

    async def drain() -> None:
        async for _ in socket:
            pass

    reading = asyncio.create_task(drain())
    while not reading.done():
        await socket.send_str(event)
        await asyncio.sleep(0)


async def arrive(session: aiohttp.ClientSession, http: str, hub: str) -> None:
    with contextlib.suppress(aiohttp.ClientError):
        await open_client(session, http, hub)


async def sample(once: Callable[[], Awaitable[None]], seconds: float) -> list[float]:
    found = []
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        before = time.perf_counter()
        await once()
        found.append((time.perf_counter() - before) * 1000)
        await asyncio.sleep(0.005)
    return found


def show(name: str, times: list[float]) -> str:
    cuts = statistics.quantiles(times, n=100)
    return f"{name}: p50 {cuts[49]:6.2f}  p99 {cuts[98]:7.2f}  max {max(times):7.2f}  ({len(times)})"


async def measure(seconds: float, listeners: dict[str, str]) -> None:
    address = listeners["mqtt"].removeprefix("mqtt://")
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    subscribe = Subscribe(1, [SubscriptionRequest("bench", 0)])
    writer.write(encode(Connect(4, "bench", True, 0), 4) + encode(subscribe, 4))
    await reader.readexactly(4 + 5)
    message = encode(Publish("bench", b"x" * 64, 0), 4)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        http = listeners["http"].rstrip("/")
        calm = await open_client(session, http, "calm")

        async def by_mqtt() -> None:
            writer.write(message)
            await reader.readexactly(len(message))

        async def by_event() -> None:
            await calm.send_str(json.dumps({"type": "event", "event": "e", "data": 1, "ackId": time.perf_counter_ns()}))
            await calm.receive()
            await calm.receive()

        async def both(name: str) -> None:
            first, second = await asyncio.gather(sample(by_mqtt, seconds), sample(by_event, seconds))
            print(f"{name:6}  {show('mqtt', first)}   {show('event', second)}", flush=True)

        await both("calm")
        for phase in PHASES:
            burn = [sys.executable, "-c", "while True: pass"]
            command = burn if phase == "burn" else [sys.executable, __file__, "load", http, phase]
            busy = [subprocess.Popen(command) for _ in range(1 + (phase == "burn"))]
            await asyncio.sleep(3.0)
            await both(phase)
            for process in busy:
                process.kill()
                process.wait()
            await asyncio.sleep(8.0)  # what had been taken from clients that are gone is still handed on
        await both("after")


def main(seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        handlers = subprocess.Popen([sys.executable, __file__, "back-end"], stdout=subprocess.PIPE, text=True)
        assert handlers.stdout is not None
        file = Path(folder) / "myna.toml"
        file.write_text(configuration(*handlers.stdout.readline().split()), encoding="utf-8")
        server = subprocess.Popen(
            [sys.executable, "-m", "myna", "serve", "-c", str(file)], stdout=subprocess.PIPE, text=True, env=os.environ
        )
        assert server.stdout is not None
        found: dict[str, str] = {}
        for line in server.stdout:
            for scheme in ("mqtt", "http"):
                if f"{scheme}://" in line:
                    found.setdefault(scheme, f"{scheme}://" + line.split(f"{scheme}://")[1].split()[0])
            if line.startswith("ready"):
                break
        try:
            asyncio.run(measure(seconds, found))
        finally:
            for process in (server, handlers):
                process.terminate()
                process.wait()


if __name__ == "__main__":
    if sys.argv[1:] == ["back-end"]:
        asyncio.run(back_end())
    elif sys.argv[1:2] == ["load"]:
        asyncio.run(load(*sys.argv[2:]))
    else:
        main(float(sys.argv[1]) if sys.argv[1:] else 5.0)
