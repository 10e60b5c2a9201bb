"""Myna: one realtime message broker that speaks four dialects."""

from myna.version import version as __version__

__all__ = ["__version__"]
