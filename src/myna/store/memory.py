"""The store that keeps nothing: what the process knows ends with it.

It is not durable, and so the core gives it no records and waits for none. What a newcomer gets wrong: `append` may be
called all the same and must then hand out sequences that are safe at once, for here nothing ever becomes safer.
"""

from myna.core.ports import Store
from myna.core.records import Record


class MemoryStore(Store):
    def append(self, record: Record) -> int:
        self.sequence += 1
        self.committed = self.sequence
        return self.sequence
