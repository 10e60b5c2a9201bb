"""The store that keeps nothing keeps its promises all the same."""

from myna.store.memory import MemoryStore
from tests.store.contract import RECORDS, StoreContract


class TestMemoryStore(StoreContract):
    def make_store(self) -> MemoryStore:
        return MemoryStore()

    def test_it_is_not_durable_and_nothing_waits_for_it(self) -> None:
        store = MemoryStore()
        assert not store.durable
        assert store.append(RECORDS[0]) == store.committed
