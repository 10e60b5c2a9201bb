"""Turns good bytes into bad ones: the mutations that parsers of lengths and flags fall for.

Deterministic for a seed, so that a finding can be made again. A finding belongs into the corpus, as a file.
"""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
SECONDS = float(os.environ.get("MYNA_FUZZ_SECONDS", "3"))
SEED = int(os.environ.get("MYNA_FUZZ_SEED", str(time.time_ns() % 1_000_000)))
INTERESTING = (0, 1, 2, 0x7F, 0x80, 0x81, 0xC0, 0xFE, 0xFF)


def corpus(folder: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / folder).iterdir())]


def inputs(folder: str) -> Iterator[tuple[bytes, random.Random]]:
    """Every file as it is, then mutations of one or two, until the time is up; the same at every run of a seed."""
    chance = random.Random(SEED)
    seeds = corpus(folder)
    assert seeds, f"no corpus in {folder}"
    for seed in seeds:
        yield seed, chance
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        yield mutate(chance, chance.choice(seeds), chance.choice(seeds)), chance


def mutate(chance: random.Random, first: bytes, second: bytes) -> bytes:
    data = bytearray(first)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(7)
        if kind == 0 and data:
            data[at % len(data)] = chance.choice(INTERESTING)
        elif kind == 1 and data:
            data[at % len(data)] ^= 1 << chance.randrange(8)
        elif kind == 2:
            data[at:at] = chance.randbytes(chance.randint(1, 8))
        elif kind == 3:
            del data[at : at + chance.randint(1, 8)]
        elif kind == 4:
            data[at:at] = second[: chance.randrange(len(second) + 1)]
        elif kind == 5:
            data = data[:at]
        else:
            data += second
    return bytes(data)


def pieces(chance: random.Random, data: bytes) -> Iterator[bytes]:
    """The same bytes, split anyhow."""
    at = 0
    while at < len(data):
        size = chance.choice((1, 2, 3, 7, 64, len(data)))
        yield data[at : at + size]
        at += size
