"""A large store starts in time and within its memory."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from myna.core.record_codec import encode_session, encode_subscription, seal
from myna.core.records import SessionSaved, Subscribed
from myna.store.embedded.layout import FILE, open_file

SESSIONS = 100_000
SUBSCRIPTIONS = 10

PROGRAM = """
import sys, time, resource
from myna.cluster.solo import SoloPeers
from myna.core.broker import Broker
from myna.store.embedded import EmbeddedStore
begun = time.process_time()
store = EmbeddedStore(sys.argv[1])
store.open()
broker = Broker(store, SoloPeers())
store.restore(broker, time.time())
taken = time.process_time() - begun
assert len(broker.sessions("DevOnly")) == int(sys.argv[2])
print(taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def write(folder: Path) -> None:
    connection = open_file(folder / FILE, sync="off")
    connection.execute("BEGIN")
    for number in range(1, SESSIONS + 1):
        key = ("DevOnly", f"user{number}", f"device-{number:06d}")
        saved = encode_session(SessionSaved(key, key[1], {}, 0xFFFFFFFF, 1.0), 0.0)
        connection.execute("INSERT INTO sessions VALUES (?, ?)", (number, saved))
        for one in range(SUBSCRIPTIONS):
            text = f"devices/{number:06d}/{'+/state' if one == 0 else f'commands/{one}'}"
            body = seal(encode_subscription(Subscribed(key, text, text, 1, False, False, 0, None, False)))
            connection.execute("INSERT INTO subscriptions VALUES (?, ?, ?)", (number, text, body))
    connection.execute("COMMIT")
    connection.close()


@pytest.mark.slow
@pytest.mark.skipif(resource.getpagesize() != 4096, reason="memory was measured with small pages")
def test_a_hundred_thousand_sessions_with_ten_subscriptions_each(tmp_path: Path) -> None:
    write(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), str(SESSIONS)], capture_output=True, text=True, check=True
    )
    seconds, memory = map(float, done.stdout.split())
    assert seconds < 20.0  # half of that, compiled, on the machine it was written on; here it must only not explode
    assert memory < 1 << 30
