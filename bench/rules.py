"""What rules cost a publish: the core alone, in memory, beside the same broker without rules, interleaved.

    python bench/rules.py

Prints the processor time of one publish, best of several rounds, and the ratio. It measures whatever `myna` is
installed; `compiled` says which form that is.
"""

import time

from myna.access.rules.book import Rulebook
from myna.access.rules.house import HouseRules
from myna.config.rules_file import read_rules
from myna.testing import Client, World
from myna.version import is_compiled
from myna.wire.encode import encode
from myna.wire.packets import Publish

ROUNDS = 7
PACKETS = 60_000  # of each round
PAYLOAD = b"x" * 64
RULES = b"""
[[rule]]
deny = "publish"
topics = "vault/#"
[[rule]]
allow = ["publish", "subscribe"]
topics = ["home/${user}/#", "news/#", "t/+/x"]
"""
LOADS = {
    "QoS 0, runs of 100": [Publish("t/1/x", PAYLOAD, 0)] * 100,
    "QoS 0, one at a time": [Publish("t/1/x", PAYLOAD, 0)],
    "QoS 0, 20 topics in turn": [Publish(f"t/{number}/x", PAYLOAD, 0) for number in range(20)],
    "QoS 1, 20 topics in turn": [Publish(f"t/{n}/x", PAYLOAD, 1, packet_id=n + 1) for n in range(20)],
    "QoS 0, retained": [Publish("t/1/x", PAYLOAD, 0, True)],
}


class Bench:
    """A publisher and a subscriber."""

    def __init__(self, *, ruled: bool) -> None:
        self.world = World()
        if ruled:
            self.world.broker.rules = HouseRules(Rulebook(read_rules(RULES, "rules.toml")))
        self.subscriber = self.world.connected("subscriber")
        self.subscriber.subscribe("t/+/x")
        self.publisher = self.world.connected("publisher")

    def run(self, data: bytes, times: int) -> float:
        started = time.process_time()
        for _ in range(times):
            self.publisher.send_bytes(data)
            drain(self.publisher)
            drain(self.subscriber)
        return time.process_time() - started


def drain(client: Client) -> None:
    connection = client.connection
    connection.sent(len(connection.take()), client.world.now)


def main() -> None:
    print("compiled" if is_compiled() else "interpreted")
    for name, packets in LOADS.items():
        data = b"".join(encode(packet, 5) for packet in packets)
        times = PACKETS // len(packets)
        without, ruled = Bench(ruled=False), Bench(ruled=True)
        best_without = best_ruled = float("inf")
        for _ in range(ROUNDS):
            best_without = min(best_without, without.run(data, times))
            best_ruled = min(best_ruled, ruled.run(data, times))
        each = 1e6 / (times * len(packets))
        ratio = best_ruled / best_without
        print(f"{name:26} without {best_without * each:6.3f} us   with {best_ruled * each:6.3f} us   {ratio:.2f}")


if __name__ == "__main__":
    main()
