"""What of a new configuration takes effect at once, and what waits for a restart.

What a newcomer gets wrong: a section is here under the name it has in the file; of faces each speaks for itself.
"""

from collections.abc import Callable
from typing import Final

from myna.config import Config
from myna.faces.contract import Reloaded

FIXED: Final = ("server", "network", "mqtt", "http", "bifromq", "admin")  # which ports there are, and the like


def compare(old: Config, new: Config, face_takes: Callable[[str], bool]) -> Reloaded:
    """`face_takes` gives a face its new settings: did they take effect?"""
    changed = [name for name in new.__struct_fields__ if getattr(old, name) != getattr(new, name)]
    in_force = ["certificates", *(name for name in changed if name not in (*FIXED, "faces"))]
    waiting = [name for name in changed if name in FIXED]
    for name in {*old.faces, *new.faces}:
        if old.faces.get(name) != new.faces.get(name):
            (in_force if face_takes(name) else waiting).append(f"faces.{name}")
    return Reloaded(in_force=sorted(in_force), waiting=sorted(waiting))
