"""One publish over HTTP, as far as it has got; in the end it is counted, and leaves a record.

What a newcomer gets wrong: a batch makes one for each of its items, all with the id of the request.
"""

import time

from myna.faces.eventgrid.answers import Fault
from myna.faces.eventgrid.callers import Caller
from myna.faces.eventgrid.naming import Publication
from myna.faces.eventgrid.records import Record
from myna.faces.eventgrid.service import Service


class Attempt:
    __slots__ = ("address", "caller", "publication", "request_id", "size", "started")

    def __init__(self, request_id: str, address: str, caller: Caller | None = None) -> None:
        self.request_id = request_id
        self.address = address
        self.started = time.perf_counter()
        self.caller = caller
        self.publication: Publication | None = None
        self.size = 0

    def note(self, service: Service, status: int, fault: Fault | None) -> None:
        """Count it, and leave a record of it."""
        publication = self.publication
        seconds = time.perf_counter() - self.started
        qos = -1 if publication is None else publication.qos
        retain = publication is not None and publication.retain
        service.metrics.publish(status, qos, retain, self.size, seconds)
        if fault is None and not service.records.wants_successes:
            return
        service.records.add(
            Record(
                service.now(),
                self.request_id,
                "" if publication is None else publication.topic,
                self.address,
                self.caller,
                qos,
                status,
                "" if fault is None else fault.code,
                "" if fault is None else fault.message,
                seconds,
                self.size,
            )
        )
