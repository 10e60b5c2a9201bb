"""Where SQL runs: one thread that writes, some that read. The event loop never waits for either.

    loop:    submit ----> queue                      futures <---- one call_soon_threadsafe per batch
    writer:               take everything -> one transaction -> commit
    reader:               take some       -> one snapshot

What a newcomer gets wrong: each write of a batch stands in a savepoint of its own, so one that fails spoils no other;
only the commit is shared, and all their answers wait for it. Bulk rows skip the savepoint and go in as one statement
per table; should that fail they are tried one by one.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, TypeVar

from sqlalchemy import Engine, Table, insert
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.sql.compiler import SQLCompiler

from myna.formats.inventory import Conflict, Unavailable

log = logging.getLogger("myna.registry")

T = TypeVar("T")
MOST_WAITING: Final = 50_000  # jobs; beyond, whoever asks is told that the registry takes no more
MOST_BYTES: Final = 256 * 1024 * 1024  # of rows that wait, likewise
READ_BATCH: Final = 16  # jobs a reader takes at once: few enough for its siblings to have some, too


class Job:
    """One piece of work and who waits for it. `then` runs on the loop's thread, before anybody hears of the result."""

    __slots__ = ("args", "error", "future", "result", "row", "size", "table", "then", "work")

    def __init__(self, future: "asyncio.Future[Any]") -> None:
        self.future = future
        self.work: Callable[..., Any] | None = None
        self.args: tuple[Any, ...] = ()
        self.then: Callable[[Any], None] | None = None
        self.table: Table | None = None
        self.row: dict[str, Any] = {}
        self.size = 0
        self.result: Any = None
        self.error: BaseException | None = None


class _Queue:
    """Jobs on their way to the threads."""

    def __init__(self) -> None:
        self.jobs: deque[Job] = deque()
        self._size = 0
        self._condition = threading.Condition()
        self._ended = False

    def put(self, job: Job) -> None:
        with self._condition:
            if self._ended or len(self.jobs) >= MOST_WAITING or self._size >= MOST_BYTES:
                raise Unavailable("the registry has ended" if self._ended else "the registry is behind")
            self.jobs.append(job)
            self._size += job.size
            self._condition.notify()

    def take(self, most: int) -> list[Job]:
        """Some jobs, after waiting for the first; none when it has ended and everything is done."""
        with self._condition:
            while not self.jobs and not self._ended:
                self._condition.wait()
            taken = [self.jobs.popleft() for _ in range(min(most, len(self.jobs)))]
            self._size -= sum([job.size for job in taken])
            return taken

    def end(self) -> None:
        with self._condition:
            self._ended = True
            self._condition.notify_all()


class Threads:
    """The writer and the readers over one database."""

    def __init__(self, engine: Engine, readers: int = 2) -> None:
        self._engine = engine
        self._loop: asyncio.AbstractEventLoop | None = None
        self._all_ended: asyncio.Event | None = None
        self._working = readers + 1
        self._writes = _Queue()
        self._reads = _Queue()
        self._threads = [threading.Thread(target=self._write, name="registry-writer", daemon=True)]
        for number in range(readers):
            self._threads.append(threading.Thread(target=self._read, name=f"registry-reader-{number}", daemon=True))

    def start(self) -> None:
        """From now on; what has been asked before is done now."""
        self._loop = asyncio.get_running_loop()
        self._all_ended = asyncio.Event()
        for thread in self._threads:
            thread.start()

    def write(self, work: Callable[..., T], *args: Any, then: Callable[[T], None] | None = None) -> "asyncio.Future[T]":
        """Run `work(connection, *args)` in a transaction; done when it is committed."""
        job = Job(asyncio.get_running_loop().create_future())
        job.work = work
        job.args = args
        job.then = then
        self._writes.put(job)
        return job.future

    def write_row(self, table: Table, row: dict[str, Any]) -> "asyncio.Future[None]":
        """Insert a row along with all others of this moment; done when it is committed."""
        job = Job(asyncio.get_running_loop().create_future())
        job.table = table
        job.row = row
        job.size = sum([len(value) for value in row.values() if isinstance(value, str)])
        self._writes.put(job)
        return job.future

    def read(self, work: Callable[..., T], *args: Any) -> "asyncio.Future[T]":
        """Run `work(connection, *args)` on a snapshot that holds everything committed by now."""
        job = Job(asyncio.get_running_loop().create_future())
        job.work = work
        job.args = args
        self._reads.put(job)
        return job.future

    async def close(self) -> None:
        """After what is queued has been done."""
        self._writes.end()
        self._reads.end()
        if self._all_ended is not None:
            await self._all_ended.wait()

    # On the threads

    def _write(self) -> None:
        while jobs := self._writes.take(MOST_WAITING):
            try:
                with self._engine.begin() as connection:
                    _run_writes(connection, jobs)
            except Exception as error:
                _fail_all(jobs, error)
            self._tell_loop(_tell, jobs)
        self._tell_loop(self._ended)

    def _read(self) -> None:
        engine = self._engine.execution_options(writes=False)
        while jobs := self._reads.take(READ_BATCH):
            try:
                with engine.connect() as connection:
                    for job in jobs:
                        if connection.invalidated:  # the job before has lost it
                            raise Unavailable("the connection to the database was lost")
                        _run(connection, job)
            except Exception as error:
                _fail_all(jobs, error)
            self._tell_loop(_tell, jobs)
        self._tell_loop(self._ended)

    def _ended(self) -> None:
        """One of the threads has ended."""
        self._working -= 1
        if self._working == 0 and self._all_ended is not None:
            self._all_ended.set()

    def _tell_loop(self, what: Callable[..., None], *args: Any) -> None:
        assert self._loop is not None  # it started this thread
        try:
            self._loop.call_soon_threadsafe(what, *args)
        except RuntimeError:
            log.warning("the loop closed before the registry had ended")


def _run_writes(connection: Connection, jobs: list[Job]) -> None:
    position = 0
    while position < len(jobs):
        job = jobs[position]
        if job.table is None:
            if len(jobs) == 1:
                _run(connection, job)
                if job.error is not None:
                    raise job.error
            else:
                _run_apart(connection, job)
            position += 1
            continue
        end = position
        while end < len(jobs) and jobs[end].table is not None:
            end += 1
        _insert(connection, jobs[position:end])
        position = end


def _run(connection: Connection, job: Job) -> None:
    assert job.work is not None
    try:
        job.result = job.work(connection, *job.args)
    except Exception as error:
        job.error = _translated(error)


def _run_apart(connection: Connection, job: Job) -> None:
    """In a savepoint: what fails takes back only itself."""
    assert job.work is not None
    try:
        with connection.begin_nested():
            job.result = job.work(connection, *job.args)
    except Exception as error:
        if connection.invalidated:
            raise
        job.error = _translated(error)


def _insert(connection: Connection, jobs: Sequence[Job]) -> None:
    by_table: dict[Table, list[Job]] = {}
    for job in jobs:
        assert job.table is not None
        by_table.setdefault(job.table, []).append(job)
    for table, mine in by_table.items():
        try:
            with connection.begin_nested():
                _insert_many(connection, table, [job.row for job in mine])
        except IntegrityError:
            for job in mine:
                job.work = _insert_one
                job.args = (table, job.row)
                _run_apart(connection, job)


def _insert_many(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Past the toolkit's own handling of each row, which costs several times what the database does."""
    text, order = _statement(connection.dialect, table, tuple(rows[0]))
    if order is None:
        connection.exec_driver_sql(text, rows)
    else:
        connection.exec_driver_sql(text, [tuple([row[name] for name in order]) for row in rows])


@cache
def _statement(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> tuple[str, list[str] | None]:
    """An INSERT as the driver takes it, and the order of its parameters where they have no names."""
    compiled = insert(table).inline().compile(dialect=dialect, column_keys=list(columns))
    assert isinstance(compiled, SQLCompiler)
    return str(compiled), None if compiled.positiontup is None else list(compiled.positiontup)


def _insert_one(connection: Connection, table: Table, row: dict[str, Any]) -> None:
    connection.execute(insert(table), row)


def _fail_all(jobs: list[Job], error: Exception) -> None:
    """Nothing of a transaction that could not be committed has happened, whatever its parts say."""
    translated = _translated(error)
    if any(job.error is None for job in jobs):
        log.error("the registry failed: %s", error)
    for job in jobs:
        job.error = job.error or translated


def _translated(error: Exception) -> Exception:
    """The few things callers tell apart."""
    if isinstance(error, IntegrityError):
        return Conflict(str(error.orig))
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return Unavailable(str(error.orig))
    if isinstance(error, SQLAlchemyError):
        log.error("a query of the registry failed: %s", error)
    return error


def _tell(jobs: list[Job]) -> None:
    for job in jobs:
        future = job.future
        if job.error is None and job.then is not None:
            job.then(job.result)
        if future.done():
            continue  # whoever waited has gone
        if job.error is not None:
            future.set_exception(job.error)
        else:
            future.set_result(job.result)
