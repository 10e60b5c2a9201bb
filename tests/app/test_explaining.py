"""What faces' settings mean, in words."""

from myna.app import explain_faces
from myna.config import load_text


def test_faces_explain_their_own_settings() -> None:
    text = '[[http]]\nlisten = "localhost:0"\n[faces.webpubsub.hubs.chat]\nanonymous = true\n[faces.eventgrid]\n'
    assert explain_faces(load_text(text.encode(), "myna.toml", {})) == [
        "the access key is made on first use and kept in the data folder",
        "hub chat: no event handlers",
        "hub chat: clients need no token",
    ]


def test_settings_that_are_wrong_are_for_others_to_report() -> None:
    text = '[[http]]\nlisten = "localhost:0"\n[faces.webpubsub.hubs.chat]\ncolour = 1\n'
    assert explain_faces(load_text(text.encode(), "myna.toml", {})) == []
