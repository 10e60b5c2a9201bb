"""One broker for all the tests of real clients: a process, as a user would start it."""

from collections.abc import Iterator

import pytest

from myna.faces import FACES
from tests.commands.processes import Serving, serve


@pytest.fixture(scope="session")
def broker() -> Iterator[Serving]:
    own_port = ["--bifromq", "127.0.0.1:0"] if "bifromq" in FACES else []
    with serve("--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0", *own_port, "--memory") as serving:
        yield serving
