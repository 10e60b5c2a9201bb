"""Packet sequences of another broker's test suite: all but the differences listed here must go as they say.

Set MYNA_VECTORS to the folder that holds them; see README.md. Each difference names its clause; one that no longer
differs fails as well, so that the list stays true.
"""

import os
from pathlib import Path

import pytest

from tests.conformance.differences import DIFFERENCES
from tests.conformance.packet_vectors import Vector, load, run

FOLDER = os.environ.get("MYNA_VECTORS", "")
LEAST = 1780

pytestmark = pytest.mark.skipif(not FOLDER, reason="MYNA_VECTORS names no folder of packet vectors")


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    vectors: list[Vector] = load(Path(FOLDER))
    assert vectors, f"no vectors in {FOLDER}"
    return {f"{vector.name} [{number}]": run(vector, number) for number, vector in enumerate(vectors)}


def test_every_difference_is_one_we_defend(outcomes: dict[str, str]) -> None:
    unexpected = {name: text for name, text in outcomes.items() if text and _plain(name) not in DIFFERENCES}
    assert not unexpected, "\n".join(f"{name}: {text}" for name, text in unexpected.items())


def test_no_defended_difference_has_gone(outcomes: dict[str, str]) -> None:
    differing = {_plain(name) for name, text in outcomes.items() if text}
    assert set(DIFFERENCES) <= differing


def test_nearly_all_vectors_go_as_they_say(outcomes: dict[str, str]) -> None:
    assert sum(1 for text in outcomes.values() if not text) >= LEAST


def _plain(name: str) -> str:
    return name.rpartition(" [")[0]
