"""The default store: one SQLite file in the data folder."""

from myna.store.embedded.engine import EmbeddedStore
from myna.store.embedded.layout import StoreError

__all__ = ["EmbeddedStore", "StoreError"]
