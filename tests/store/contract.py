"""What every store promises the core. A store's test file inherits this and says how one is made and how it commits."""

from abc import ABC, abstractmethod

from myna.core.ports import Store
from myna.core.records import Record, SessionForgotten, SessionSaved, Unsubscribed

KEY = ("acme", "", "c1")
RECORDS: list[Record] = [SessionSaved(KEY, "alice", {}, 60, 0.0), Unsubscribed(KEY, "a/b"), SessionForgotten(KEY)]


class StoreContract(ABC):
    @abstractmethod
    def make_store(self) -> Store:
        """A new store with nothing in it."""

    def commit(self, store: Store) -> None:
        """Make everything safe that has been appended, and tell the store so as the broker would."""
        return

    def test_a_new_store_owes_nothing(self) -> None:
        store = self.make_store()
        assert store.committed == store.sequence

    def test_sequences_grow_and_the_last_one_is_known(self) -> None:
        store = self.make_store()
        handed_out = [store.append(record) for record in RECORDS]
        assert handed_out == sorted(set(handed_out))
        assert handed_out[0] > 0
        assert store.sequence == handed_out[-1]

    def test_nothing_is_safe_before_it_was_appended(self) -> None:
        store = self.make_store()
        for record in RECORDS:
            sequence = store.append(record)
            assert store.committed <= sequence

    def test_everything_is_safe_in_the_end(self) -> None:
        store = self.make_store()
        for record in RECORDS:
            store.append(record)
        self.commit(store)
        assert store.committed == store.sequence
