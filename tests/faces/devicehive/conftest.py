"""Every story is told twice: over SQLite and over PostgreSQL, where that is installed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faces.devicehive.house import Story, tell
from tests.registry.databases import BACKENDS


@pytest.fixture(params=BACKENDS)
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., None]:
    def run(story: Story, **options: Any) -> None:
        tell(story, request.param, tmp_path, **options)

    return run
