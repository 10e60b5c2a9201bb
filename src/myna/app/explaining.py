"""What the settings of faces mean, in their own words: for `myna check`. Makes no face, opens nothing."""

from collections.abc import Mapping

from myna.config import ConfigError, Loaded
from myna.faces import FACES
from myna.faces.enabled import find_faces


def explain_faces(loaded: Loaded, faces: Mapping[str, str] = FACES) -> list[str]:
    """What the faces' settings mean, in words; nothing of those that are wrong."""
    try:
        found = find_faces(faces, loaded.config.faces, loaded.source)
    except ConfigError:
        return []
    return [line for kind, settings in found.values() for line in kind.explain(settings)]
