from myna.core.journal import Journal
from myna.core.kept import KeptValues
from myna.core.records import Kept
from myna.testing import CommitsOnCommand, KeepsNothing


def test_a_value_is_kept_until_it_is_forgotten() -> None:
    store = CommitsOnCommand()
    kept = KeptValues(Journal(store))
    assert kept.keep("bans", "a", b"1") == 1
    assert kept.keep("bans", "a", b"2") == 2
    assert kept.keep("settings", "a", b"3") == 3
    assert (kept.of("bans"), kept.of("settings"), kept.of("nothing")) == ({"a": b"2"}, {"a": b"3"}, {})
    assert kept.keep("bans", "a", None) == 4
    assert kept.keep("bans", "a", None) == 0
    assert kept.of("bans") == {}
    assert [type(record) for record in store.records] == [Kept] * 4


def test_what_is_restored_is_not_noted_again_and_nothing_is_awaited_where_nothing_is_kept() -> None:
    kept = KeptValues(Journal(KeepsNothing()))
    kept.restore("bans", "a", b"1")
    assert kept.of("bans") == {"a": b"1"}
    assert kept.keep("bans", "b", b"2") == 0
