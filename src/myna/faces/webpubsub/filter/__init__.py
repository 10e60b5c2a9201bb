"""Filters that choose connections: a subset of OData, read once, compiled to closures, cached."""

from myna.faces.webpubsub.filter.cache import Filters
from myna.faces.webpubsub.filter.lexer import FilterError
from myna.faces.webpubsub.filter.program import Filter, Subject

__all__ = ["Filter", "FilterError", "Filters", "Subject"]
