"""What has been checked before."""

from myna.formats.remembered import Remembered


def test_something_is_known_until_it_expires() -> None:
    known: Remembered[str] = Remembered()
    known.keep(b"token", "alice", 100.0)
    known.keep(b"key", "backend", 0.0)
    assert known.find(b"token", 99.0) == "alice"
    assert known.find(b"token", 100.0) is None
    assert known.find(b"key", 1e9) == "backend"
    assert known.find(b"another", 0.0) is None
    assert len(known) == 1


def test_the_oldest_goes_when_there_are_too_many() -> None:
    known: Remembered[int] = Remembered(2)
    for number in (1, 2, 1, 3):
        known.keep(b"%d" % number, number, 0.0)
    assert [known.find(b"%d" % number, 0.0) for number in (1, 2, 3)] == [1, None, 3]


def test_what_was_shown_is_not_kept() -> None:
    known: Remembered[int] = Remembered()
    known.keep(b"a secret", 1, 0.0)
    assert b"a secret" not in known._held
    known.clear()
    assert known.find(b"a secret", 0.0) is None
