"""Where the configuration names no access key, one is made, and the user is told where."""

import re
from pathlib import Path

from tests.commands.processes import serve

CONFIGURATION = """
[server]
data = "{data}"
[[http]]
listen = "127.0.0.1:0"
[faces.webpubsub]
"""


def test_the_file_of_a_key_that_was_made_is_named_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "myna.toml"
    file.write_text(CONFIGURATION.format(data=tmp_path / "data"))
    with serve("-c", str(file)) as broker:
        found = re.search(r"the access key is in (\S+)", broker.banner)
        assert found is not None
        assert found[1] == str(tmp_path / "data" / "webpubsub-access-key.key")
        assert len(Path(found[1]).read_text().strip()) >= 32
        assert broker.stop()[0] == 0
