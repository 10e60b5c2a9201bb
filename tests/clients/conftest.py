"""One broker for all the tests of real clients: a process, as a user would start it."""

from collections.abc import Iterator

import pytest

from tests.commands.processes import Serving, serve


@pytest.fixture(scope="session")
def broker() -> Iterator[Serving]:
    with serve("--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0", "--memory") as serving:
        yield serving
