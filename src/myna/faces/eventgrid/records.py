"""A record for each HTTP publish: what was asked, by whom, from where, and what became of it.

Failures go to the process log, a few a second; every publish goes to `log_file`, if there is one, in the vendor's
shape, one JSON object a line. What a newcomer gets wrong: nothing is formatted or written while a client waits.
Records are kept as they are and written by a thread a few times a second; if that cannot keep up, they are counted
and dropped, not queued without end.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from myna.core.identity import Identity
from myna.faces.eventgrid.answers import outcome_of
from myna.faces.eventgrid.callers import HTTP, Caller
from myna.faces.eventgrid.metrics import Metrics

log = logging.getLogger("myna.eventgrid.publish")

PAUSE: Final = 0.2  # seconds between two writes
MOST_WAITING: Final = 100_000
PER_SECOND: Final = 5  # lines of failures of one kind in the process log
LONGEST: Final = 256  # characters of a topic
_FIELDS: Final = "myna_fields"  # where log lines carry what stands beside the message


class Record(NamedTuple):
    """`description` is empty for a success."""

    time: float
    request_id: str
    topic: str
    address: str
    caller: Caller | None
    qos: int
    status: int
    code: str
    description: str
    seconds: float
    size: int


class Records:
    def __init__(self, namespace: str, path: Path | None, metrics: Metrics) -> None:
        self._namespace = namespace
        self._path = path
        self._metrics = metrics
        self._waiting: list[Record | tuple[float, Mapping[str, Any]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._second = 0
        self._said: dict[str, int] = {}

    def add(self, record: Record) -> None:
        if record.description:
            self._say(record)
        elif log.isEnabledFor(logging.DEBUG):
            log.debug("published", extra={_FIELDS: fields(record)})
        if self._path is None:
            return
        self._keep(record, self._path)

    def add_line(self, line: Mapping[str, Any], now: float) -> None:
        """What an MQTT client did; see `mqtt_watch`."""
        if self._path is not None:
            self._keep((now, line), self._path)

    @property
    def is_writing(self) -> bool:
        return self._path is not None

    def _keep(self, record: "Record | tuple[float, Mapping[str, Any]]", path: Path) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._metrics.lost_records += 1
            return
        self._waiting.append(record)
        if self._writing is None:
            self._writing = asyncio.ensure_future(self._write_later(path))

    @property
    def wants_successes(self) -> bool:
        return self._path is not None or log.isEnabledFor(logging.DEBUG)

    async def stop(self) -> None:
        """Write what is left."""
        while self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
            self._writing = None
            if self._path is not None and self._waiting:
                self._append(self._path)

    async def _write_later(self, path: Path) -> None:
        await asyncio.sleep(PAUSE)
        try:
            await asyncio.to_thread(self._append, path)
        finally:
            self._writing = asyncio.ensure_future(self._write_later(path)) if self._waiting else None

    def _append(self, path: Path) -> None:
        records, self._waiting = self._waiting, []
        try:
            with path.open("ab") as file:
                file.write(msgspec.json.Encoder().encode_lines([self._show(one) for one in records]))
        except OSError as error:
            self._metrics.lost_records += len(records)
            log.error("%d records could not be written to %s: %s", len(records), path, error)

    def _show(self, record: Record | tuple[float, Mapping[str, Any]]) -> dict[str, Any]:
        if isinstance(record, Record):
            return as_line(record, self._namespace)
        return as_mqtt_line(record[0], record[1], self._namespace)

    def _say(self, record: Record) -> None:
        """Like failures within a second get a few lines, and then one that counts the rest."""
        second = int(record.time)
        if second != self._second:
            for code, count in self._said.items():
                if count > PER_SECOND:
                    log.warning("publish failed: %s, %d more within a second", code, count - PER_SECOND)
            self._second = second
            self._said = {}
        count = self._said[record.code] = self._said.get(record.code, 0) + 1
        if count <= PER_SECOND:
            level = logging.ERROR if record.status >= 500 else logging.WARNING
            log.log(level, "publish failed: %s", record.description, extra={_FIELDS: fields(record)})


def fields(record: Record) -> dict[str, object]:
    """For the process log, which has its own shape."""
    return {
        "code": record.code,
        "status": record.status,
        "protocol": HTTP,
        "request": record.request_id,
        "topic": record.topic[:LONGEST],
        "address": record.address,
        "principal": record.caller.principal if record.caller is not None else "",
    }


def as_line(record: Record, namespace: str) -> dict[str, Any]:
    """In the vendor's shape."""
    failed = record.status >= 400
    line: dict[str, Any] = {
        "time": iso_time(record.time),
        "resourceId": namespace,
        "location": "",
        "operationName": "Microsoft.EventGrid/topicspaces/publish",
        "category": "FailedMqttPublishedMessages" if failed else "SuccessfulMqttPublishedMessages",
        "resultType": "Failed" if failed else "Succeeded",
        "resultSignature": outcome_of(record.status) or "Success",
        "resultDescription": record.description,
    }
    caller = record.caller
    if caller is not None:
        line["identity"] = _show_identity(caller, caller.principal)
    line["properties"] = {
        "sessionName": caller.client_id if caller is not None else "",
        "protocol": HTTP,
        "traceId": record.request_id,
        "requestId": record.request_id,
        "qos": record.qos,
        "topicName": record.topic[:LONGEST],
        "operationCount": 1,
        "sourceIp": record.address,
        "statusCode": record.status,
        "durationMs": round(record.seconds * 1000, 3),
        "bytes": record.size,
    }
    return line


def as_mqtt_line(now: float, line: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "time": iso_time(now),
        "resourceId": namespace,
        "location": "",
        "operationName": f"Microsoft.EventGrid/topicspaces/{line['operation']}",
        "category": line["category"],
        "resultType": "Failed" if line["failed"] else "Succeeded",
        "resultSignature": line["signature"],
        "resultDescription": line["description"],
    }
    if "identity" in line:
        shown["identity"] = line["identity"]
    shown["properties"] = line["properties"]
    return shown


def identity_of(identity: Identity) -> dict[str, str]:
    """Of an MQTT client; by whatever door it came."""
    caller = identity.claims
    return _show_identity(caller if isinstance(caller, Caller) else None, identity.user)


def _show_identity(caller: Caller | None, name: str) -> dict[str, str]:
    return {
        "authenticationType": "Unknown" if caller is None else caller.authentication,
        "clientIdentitySource": "Unknown" if caller is None else caller.source,
        "authenticationAuthority": "Local",
        "clientIdentity": name,
    }


def iso_time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"
