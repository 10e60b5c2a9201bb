"""How a list is narrowed, ordered and cut: the same for every table."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Select, false

from myna.formats.inventory import Page

FARTHEST: Final = (1 << 31) - 1  # rows that can be skipped; what PostgreSQL takes there
LARGEST_PAGE: Final = 100_000  # rows of one answer; whoever wants more turns pages


def in_page(query: Select[Any], page: Page, key: ColumnElement[Any], columns: Any) -> Select[Any]:
    """Ordered by the page's field, or by key; ties by key, so that pages never overlap."""
    if page.sort is not None:
        column = columns[page.sort]
        query = query.order_by(column.desc() if page.descending else column.asc())
    last = key.desc() if page.sort is not None and page.descending else key.asc()
    return query.order_by(last).limit(min(page.take, LARGEST_PAGE)).offset(min(page.skip, FARTHEST))


def is_among(column: ColumnElement[Any], values: frozenset[Any]) -> ColumnElement[bool]:
    return column.in_(sorted(values)) if values else false()


def is_empty(page: Page) -> bool:
    """A page that cannot hold anything."""
    return page.take <= 0 or page.skip < 0
