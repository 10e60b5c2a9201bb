"""Enabled faces."""

import pytest

from myna.config import ConfigError, Source, Table
from myna.faces import FACES
from myna.faces.enabled import find_faces, load_face
from tests.faces.pigeon import PigeonFace

KNOWN = {"pigeon": "tests.faces.pigeon:PigeonFace"}
SOURCE = Source("myna.toml", {("faces", "pigeon"): 3, ("faces", "pigon"): 7}, {})


def table(name: str, **values: object) -> dict[str, Table]:
    return {name: Table(("faces", name), values)}


def test_a_face_comes_with_its_settings() -> None:
    kind, settings = find_faces(KNOWN, table("pigeon", loft="north"), SOURCE)["pigeon"]
    assert kind is PigeonFace
    assert settings.loft == "north"


def test_unknown_faces_and_settings_are_refused_together() -> None:
    with pytest.raises(ConfigError) as caught:
        find_faces(KNOWN, table("pigon") | table("pigeon", x=1), SOURCE)
    assert caught.value.problems == [
        "myna.toml:7: faces.pigon: no such face; did you mean pigeon?",
        "myna.toml:3: faces.pigeon.x: unknown key; there are: loft",
    ]


@pytest.mark.parametrize("name", FACES)
def test_every_face_can_be_loaded(name: str) -> None:
    assert load_face(FACES[name])
