"""What is wrong with a configuration beyond its spelling: found by building a broker of it that opens nothing."""

from collections.abc import Mapping

from myna.app.broker import App, CannotStart
from myna.config import Loaded
from myna.faces import FACES
from myna.store.folder import check_folder


async def examine(loaded: Loaded, faces: Mapping[str, str] = FACES) -> list[str]:
    """A line for each problem. Opens nothing and writes nothing."""
    problems: list[str] = []
    server = loaded.config.server
    if not server.memory and (problem := check_folder(server.data)):
        problems.append(f"{loaded.source.place(('server', 'data'))}: {problem}")
    app = App(loaded, faces, examining=True)
    try:
        app.prepare()
    except CannotStart as error:
        problems += str(error).split("\n")
    finally:
        app.close()
    return problems
