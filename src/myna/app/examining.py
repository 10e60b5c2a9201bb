"""What is wrong with a configuration beyond its spelling: found by building a broker of it that opens nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from myna.app.broker import App, CannotStart
from myna.config import Loaded
from myna.config.load import LISTENERS
from myna.faces import FACES
from myna.store.folder import check_folder


@dataclass
class Findings:
    """A line for each problem; `in_itself`: at least one would be there on any machine."""

    problems: list[str] = field(default_factory=list)
    in_itself: bool = False


async def examine(loaded: Loaded, faces: Mapping[str, str] = FACES) -> Findings:
    """Opens nothing and writes nothing."""
    found = Findings()
    server = loaded.config.server
    if not server.memory and (problem := check_folder(server.data)):
        found.problems.append(f"{loaded.source.place(('server', 'data'))}: {problem}")
    found.problems += _folders_missing(loaded)
    app = App(loaded, faces, examining=True)
    try:
        app.prepare()
    except CannotStart as error:
        found.problems += str(error).split("\n")
        found.in_itself = error.in_itself
    finally:
        app.close()
    return found


def _folders_missing(loaded: Loaded) -> list[str]:
    """Of unix sockets; it needs no look at whether they can be made."""
    return [
        f"{loaded.source.place((kind, index, 'listen'))}: the folder {Path(path).parent} does not exist"
        for kind in LISTENERS
        for index, listener in enumerate(getattr(loaded.config, kind))
        if (path := listener.listen.path) and not Path(path).parent.is_dir()
    ]
