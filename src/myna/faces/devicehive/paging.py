"""Pages of commands and notifications, whose rules differ from those of all other lists."""

from myna.faces.devicehive.desk import Desk
from myna.faces.devicehive.parameters import Parameters
from myna.formats.inventory import HistoryQuery, Page


def read_history_page(desk: Desk, request: Parameters, sortable: dict[str, str]) -> Page:
    """An unknown field is passed over; a known one without an order sorts downwards, one with a strange one upwards."""
    take, skip = request.integer("take"), request.integer("skip")
    count = desk.facts.history_in_page if take is None else take
    column = sortable.get((request.text("sortField") or "").lower())
    if column is None:
        return Page(count, skip or 0, "timestamp")
    order = request.text("sortOrder")
    return Page(count, skip or 0, column, order is None or order.upper() == "DESC")


def read_history_query(
    request: Parameters, device_id: str, name_member: str, status: str | None = None
) -> HistoryQuery:
    name = request.text(name_member)
    return HistoryQuery(
        frozenset((device_id,)),
        None if name is None else frozenset((name,)),
        request.time("start"),
        request.time("end"),
        status,
    )
