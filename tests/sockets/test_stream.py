import asyncio
import logging

import pytest

from myna.core.ports import Outlet, Peer
from myna.net.listeners import MqttListener
from myna.sockets.backpressure import StreamLimits
from myna.sockets.stream import CHUNK, SILENCE, Stream
from tests.net.harness import Client, Served, Talker, on_our_loop


def stream_of(talker: Talker) -> Stream:
    assert isinstance(talker.outlet, Stream)
    return talker.outlet


@on_our_loop
async def test_what_is_said_is_answered() -> None:
    async with Served() as served:
        client = await served.client()
        await client.send(b"hello")
        assert await client.read(5) == b"HELLO"
        client.close()


@on_our_loop
async def test_one_byte_per_segment_arrives_whole() -> None:
    async with Served() as served:
        client = await served.client()
        for byte in b"slowly":
            await client.send(bytes((byte,)))
            assert await client.read(1) == bytes((byte,)).upper()
        assert (await served.talker()).heard == b"slowly"
        client.close()


@on_our_loop
async def test_the_end_of_the_client_is_told_once() -> None:
    async with Served() as served:
        client = await served.client()
        talker = await served.talker()
        client.close()
        await talker.until(lambda it: it.losses == 1)
        assert not served.listeners.streams.open


@on_our_loop
async def test_a_reset_is_an_end_like_any_other() -> None:
    async with Served() as served:
        client = await served.client()
        await client.send(b"x")
        await client.read(1)
        client.reset()
        await (await served.talker()).until(lambda it: it.losses == 1)


@on_our_loop
async def test_a_reset_is_noticed_while_reading_is_paused() -> None:
    async with Served() as served:
        client = await served.client()
        talker = await served.talker()
        talker.outlet.pause()
        client.reset()
        await talker.until(lambda it: it.losses == 1)


@on_our_loop
async def test_the_last_words_arrive_although_the_client_is_still_sending() -> None:
    """A close with unread input would send a reset, which destroys what is on its way."""
    async with Served() as served:
        client = await served.client()
        await client.send(b"bye" + b"x" * 200_000)
        answer = await client.read_all()
        assert answer.startswith(b"BYE")
        client.close()


@on_our_loop
async def test_the_conversation_ends_before_the_farewell() -> None:
    async with Served(limits=StreamLimits(linger=30)) as served:
        client = await served.client()
        await client.send(b"bye")
        assert await client.read_all() == b"BYE"
        talker = await served.talker()
        await talker.until(lambda it: it.losses == 1)
        assert served.listeners.streams.open, "the socket still hears the client out"
        await client.send(b"and another thing")
        client.close()
        await served.listeners.streams.wait_ended()
        assert talker.heard == b"bye"


@on_our_loop
async def test_a_farewell_has_a_time_limit() -> None:
    async with Served(limits=StreamLimits(linger=0.05)) as served:
        client = await served.client()
        await client.send(b"bye")
        assert await client.read_all() == b"BYE"
        await served.listeners.streams.wait_ended()
        client.close()


@on_our_loop
async def test_a_farewell_has_a_size_limit() -> None:
    async with Served(limits=StreamLimits(linger=30, linger_bytes=100_000)) as served:
        client = await served.client()
        await client.send(b"bye")
        assert await client.read_all() == b"BYE"
        with pytest.raises(OSError, match=r"reset|[Bb]roken"):
            await client.send(b"x" * 50_000_000)
        await served.listeners.streams.wait_ended()
        client.close()


@on_our_loop
async def test_a_bug_ends_its_own_connection_only(caplog: pytest.LogCaptureFixture) -> None:
    async with Served() as served:
        good, bad = await served.client(), await served.client()
        await bad.send(b"bug")
        assert await bad.read_all() == b""
        await good.send(b"still here")
        assert await good.read(10) == b"STILL HERE"
        assert "a bug for the test" in caplog.text
        good.close()
        bad.close()


@on_our_loop
async def test_megabytes_arrive_in_order() -> None:
    async with Served() as served:
        client = await served.client()
        await client.send(b"x")
        talker = await served.talker()
        await talker.until(lambda it: it.heard != b"")
        payload = bytes(range(256)) * 20_000
        talker.say(payload)
        assert await client.read(1 + len(payload)) == b"X" + payload
        await talker.until(lambda it: it.unsent == 0)
        assert not served.listeners.streams.patience._waiting
        client.close()


@on_our_loop
async def test_what_is_said_while_bytes_wait_follows_them() -> None:
    async with Served() as served:
        client = await served.client()
        talker = await served.talker()
        payload = b"a" * 8_000_000
        talker.say(payload)
        await talker.until(lambda it: it.unsent > 0)
        talker.say(b"the end")
        assert await client.read(len(payload) + 7) == payload + b"the end"
        client.close()


@on_our_loop
async def test_a_piece_sent_now_is_there_before_the_turn_ends() -> None:
    async with Served() as served:
        client = await served.client()
        stream = stream_of(await served.talker())
        assert stream.send_now(b"now") == 3
        assert stream.send_now(b" and again") == 10
        assert served.listeners.streams.turn.dirty is None
        assert await client.read(13) == b"now and again"
        client.close()


@on_our_loop
async def test_in_a_batch_only_the_first_piece_is_sent_now() -> None:
    """The others are many, perhaps: they are collected and written together."""
    async with Served() as served:
        client = await served.client()
        stream = stream_of(await served.talker())
        turn = served.listeners.streams.turn
        for _ in range(2):
            now = turn.begin()
            assert stream.send_now(b"first") == 5
            assert stream.send_now(b"second") == 0
            turn.end(now)
        assert await client.read(10) == b"firstfirst"
        client.close()


@on_our_loop
async def test_nothing_is_sent_now_while_bytes_wait() -> None:
    async with Served() as served:
        client = await served.client()
        talker = await served.talker()
        payload = b"a" * 8_000_000
        sent = stream_of(talker).send_now(payload)
        assert 0 < sent < len(payload)
        talker.say(payload[sent:])
        await talker.until(lambda it: it.unsent > 0)
        assert stream_of(talker).send_now(b"too early") == 0
        talker.say(b"the end")
        assert await client.read(len(payload) + 7) == payload + b"the end"
        await talker.until(lambda it: it.unsent == 0)
        client.close()


@on_our_loop
async def test_nothing_is_sent_now_once_the_stream_closes_or_has_ended() -> None:
    async with Served() as served:
        client = await served.client()
        talker = await served.talker()
        stream = stream_of(talker)
        talker.outlet.close()
        assert stream.send_now(b"behind the end") == 0
        assert await client.read_all() == b""
        client.close()
        await served.listeners.streams.wait_ended()
        assert stream.send_now(b"nobody is there") == 0


@on_our_loop
async def test_a_broken_connection_does_not_end_within_send_now() -> None:
    async with Served() as served:
        client = await served.client()
        talker = await served.talker()
        client.reset()
        for _ in range(3):
            stream_of(talker).send_now(b"x")
        assert talker.losses == 0
        await talker.until(lambda it: it.losses == 1)


@on_our_loop
async def test_a_close_behind_waiting_bytes_lets_them_arrive() -> None:
    async with Served() as served:
        client = await served.client()
        talker = await served.talker()
        payload = b"a" * 8_000_000
        talker.say(payload)
        await talker.until(lambda it: it.unsent > 0)
        talker.say(b"reason")
        talker.outlet.close()
        assert await client.read_all() == payload + b"reason"
        assert talker.losses == 1
        client.close()


@on_our_loop
async def test_a_slow_reader_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "myna.net")
    async with Served(limits=StreamLimits(slow_reader=0.05)) as served:
        client = await served.client()
        talker = await served.talker()
        talker.say(b"a" * 8_000_000)
        await talker.until(lambda it: it.losses == 1)
        assert "slow reader" in caplog.text
        client.close()


@on_our_loop
async def test_closing_a_reader_that_stands_still_is_bounded() -> None:
    async with Served(limits=StreamLimits(closing=0.05)) as served:
        client = await served.client()
        talker = await served.talker()
        talker.say(b"a" * 8_000_000)
        talker.outlet.close()
        await talker.until(lambda it: it.losses == 1)
        await served.listeners.streams.wait_ended()
        client.close()


@on_our_loop
async def test_a_paused_publisher_is_not_read_from_until_resumed() -> None:
    async with Served() as served:
        client, other = await served.client(), await served.client()
        talker = await served.talker()
        talker.outlet.pause()
        await client.send(b"wait")
        for _ in range(3):  # turns of the loop in which it would have been read
            await other.send(b"x")
            await other.read(1)
        assert talker.heard == b""
        talker.outlet.resume()
        assert await client.read(4) == b"WAIT"
        client.close()
        other.close()


@on_our_loop
async def test_one_chunk_is_bounded_and_a_flood_does_not_hold_up_others() -> None:
    sizes: list[int] = []

    class Counting(Talker):
        def feed(self, data: bytes, now: float) -> None:
            sizes.append(len(data))
            self.heard = data[-1:]
            self.changed.set()

    def connect(outlet: Outlet, peer: Peer, now: float) -> Talker:
        return Counting(outlet, peer, now)

    async with Served() as served:
        flooded = served.listeners.open([MqttListener("flood", connect, host="127.0.0.1", port=0)])[0]
        flood = await Client.connect("127.0.0.1", flooded.port)
        client = await served.client()
        flooding = asyncio.ensure_future(flood.send(b"f" * 30_000_000))
        for _ in range(20):
            await client.send(b"ping")
            assert await client.read(4) == b"PING"
            assert not flooding.done()
        flooding.cancel()
        assert 0 < max(sizes) <= CHUNK
        flood.close()
        client.close()


@on_our_loop
async def test_a_stream_is_deaf_to_what_comes_after_its_end() -> None:
    async with Served() as served:
        client = await served.client()
        talker = await served.talker()
        client.close()
        await talker.until(lambda it: it.losses == 1)
        talker.outlet.wake()
        talker.outlet.pause()
        talker.outlet.resume()
        talker.outlet.close()
        served.listeners.streams.abort_all()
        await asyncio.sleep(0)
        assert talker.losses == 1


def test_silence_takes_everything_and_says_nothing() -> None:
    SILENCE.feed(b"x", 0.0)
    SILENCE.sent(0, 0.0)
    SILENCE.lost(0.0)
    assert not SILENCE.has_pending()
    assert SILENCE.take() == b""
