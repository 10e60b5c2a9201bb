"""Settings of faces and authenticators: tables that somebody else decodes."""

from typing import Annotated

import pytest
from msgspec import Meta, field

from myna.config import ConfigError, Section, Size, Source, Table, decode_table
from myna.config.decode import show_path, suggest


class Chick(Section, frozen=True):
    age: int = 0


class Pigeon(Section, frozen=True):
    loft: str = "home"
    weight: Size = Size(300)
    rings: tuple[Annotated[int, Meta(ge=0)], ...] = ()
    chicks: dict[str, "Chick"] = field(default_factory=dict)


SOURCE = Source("myna.toml", {("faces", "pigeon"): 4, ("faces", "pigeon", "loft"): 5}, {})


def test_a_table_becomes_the_settings_of_its_face() -> None:
    table = Table(("faces", "pigeon"), {"weight": "1 KiB", "rings": [1]})
    assert decode_table(table, Pigeon, SOURCE) == Pigeon(weight=Size(1024), rings=(1,))


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"loft": 3}, "myna.toml:5: faces.pigeon.loft: expected text in quotes, got 3"),
        ({"lft": 3}, "myna.toml:4: faces.pigeon.lft: unknown key; did you mean loft?"),
        ({"rings": [1, "x"]}, 'myna.toml:4: faces.pigeon.rings[2]: expected a whole number from 0, got "x"'),
        (
            {"chicks": {"a": {}, "b": {"agee": 1}}},
            "myna.toml:4: faces.pigeon.chicks.b.agee: unknown key; did you mean age?",
        ),
        (
            {"chicks": {"b": {"age": "x"}}},
            'myna.toml:4: faces.pigeon.chicks.b.age: expected a whole number, got "x"',
        ),
        ({"rings": 1}, "myna.toml:4: faces.pigeon.rings: expected a list of a whole number from 0, got 1"),
    ],
)
def test_its_errors_name_the_place_in_the_file(values: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        decode_table(Table(("faces", "pigeon"), values), Pigeon, SOURCE)
    assert caught.value.problems == [problem]


def test_paths_count_from_one() -> None:
    assert show_path(("mqtt", 0, "listen")) == "mqtt[1].listen"


def test_a_name_that_is_like_none_is_answered_with_all() -> None:
    assert suggest("zzz", ["a", "b"]) == "there are: a, b"
    assert suggest("zzz", []) == "there are none"
