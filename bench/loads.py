"""The loads all brokers are put under, and what of each is compared."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Load:
    title: str
    arguments: tuple[str, ...]  # of `myna bench`
    latency: bool = False  # at a fixed rate latency is what counts, and the rate says nothing


LOADS: Final = (
    Load("50 pairs, QoS 0", ("pairs",)),
    Load("50 pairs, QoS 0, few under way", ("pairs", "--window", "10")),
    Load("50 pairs, QoS 1", ("pairs", "--qos", "1")),
    Load("50 pairs, QoS 2", ("pairs", "--qos", "2")),
    Load("1 to 200, QoS 0", ("fanout",)),
    Load("1 to 200, QoS 0, one under way", ("fanout", "--window", "1")),
    Load("100 to 1, QoS 0", ("fanin",)),
    Load("50 pairs at 5,000/s", ("rate", "--rate", "5000"), latency=True),
)
