"""One DuckDB file, opened for a moment: making it, waiting for it, and what its tables are.

`ResultsFile.opened` is the only way to the file. It waits while someone else has it, and closes it
again, so that nothing stands beside it and no dashboard is locked out for longer than one
transaction.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from driftline.engine import VERSION
from driftline.engine.errors import StoreError
from driftline.engine.results import SCHEMA, Schema
from driftline.engine.sqltext import as_sql, sql

if TYPE_CHECKING:
    import duckdb

# A format that every DuckDB from 1.2 on reads, whichever one writes it.
_STORAGE_VERSION: Final = "v1.2.0"

# What DuckDB says of a file that someone else has open, with and without naming them.
_HELD = re.compile(r"lock is held in (?P<who>.+?) \(PID (?P<pid>\d+)\)")
_HELD_UNNAMED = re.compile(r"Could not set lock on file|being used by another process")
_OPEN_HERE: Final = "Unique file handle conflict"

_ELSEWHERE: Final = "Name another file in the project: `results: {to: FILE}`."

# `duckdb_columns()` would tell all this at once, and bind every view of the file for it.
_NAMES: Final = """
select {kind}_name
from duckdb_{kind}s()
where database_name = 'results' and schema_name = 'main'
"""
_COLUMNS: Final = "select {name} as table_name, name from pragma_table_info({name})"

# POSIX drops a process's locks on a file when it closes any handle of it, so a second attempt to
# open one from the same process must not begin before the first has ended.
_turns: Final[dict[Path, threading.Lock]] = {}


class ResultsFile:
    """The file, and the engine that opens it.

    The engine is kept from one time to the next, without the file: starting one takes longer than
    most of what is done with it.

    Args:
        file: The file; it need not exist.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._idle: list[duckdb.DuckDBPyConnection] = []

    def create(self) -> None:
        """Make an empty DuckDB file that old and new DuckDB read, unless there is one already.

        Missing folders are made too.

        Raises:
            StoreError: When it cannot be made.
        """
        import duckdb

        path = self.file.resolve()
        if path.exists() and not path.is_file():
            raise StoreError(f"{self.file} is not a file", hint=_ELSEWHERE)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with alone_in(path.parent):
                if path.exists() and path.stat().st_size > 0:
                    return
                # DuckDB takes an empty or half-made file for a broken one: it gets its name last
                new = path.with_name(f".{path.name}.new")
                new.unlink(missing_ok=True)
                with self._engine() as con:
                    con.execute(
                        f"attach {as_sql(str(new))} as new (storage_version '{_STORAGE_VERSION}')"
                    )
                    con.execute("detach new")
                new.replace(path)
        except (OSError, duckdb.Error) as error:
            raise StoreError(f"cannot create {self.file}: {error}", hint=_ELSEWHERE) from error

    @contextmanager
    def opened(
        self, *, read_only: bool, wait_seconds: float
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection whose current database is the file, which exists; the file is closed at the end.

        Args:
            read_only: Whether to open it for reading alone, which others may do at the same time.
            wait_seconds: How long to wait for whoever has it open; 0 or more.

        Raises:
            StoreError: When the file stays in use or cannot be opened; for any error of DuckDB
                inside.
        """
        import duckdb

        file, path = self.file, self.file.resolve()
        deadline = time.monotonic() + wait_seconds
        turn = _turns.setdefault(path, threading.Lock())
        if not turn.acquire(timeout=wait_seconds):
            raise _in_use(file, "another thread of this process", wait_seconds)
        try:
            with self._engine() as con:
                attach = f"attach {as_sql(str(path))} as results (type duckdb"
                attach += ", read_only)" if read_only else ")"
                pause = 0.02
                while holder := _attached(con, attach, file):
                    left = deadline - time.monotonic()
                    if left <= 0:
                        raise _in_use(file, holder, wait_seconds)
                    time.sleep(min(pause, left))
                    pause = min(1.5 * pause, 1.0)
                con.execute("use results")
                yield con
                con.execute("use memory")
                con.execute("detach results")
        except duckdb.Error as error:
            doing = "read" if read_only else "write"
            raise StoreError(f"cannot {doing} {file}: {error}") from error
        finally:
            turn.release()

    @contextmanager
    def _engine(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A DuckDB that holds nothing; one that failed is closed, and what it had open with it."""
        con = self._idle.pop() if self._idle else _started()
        try:
            yield con
        except BaseException:
            con.close()
            raise
        self._idle.append(con)


def stored_version(
    con: duckdb.DuckDBPyConnection, file: Path, schema: Schema = SCHEMA
) -> int | None:
    """The version of the tables in an opened file; None when it holds none of them.

    Args:
        con: What `opened` gave.
        file: The file, for messages.
        schema: The newest schema known.

    Raises:
        StoreError: When the tables come from a newer Driftline or from something else.
    """
    known = (*schema.tables, *schema.views)
    tables = _names(con, "table")
    ours = tables.intersection(known) or _names(con, "view").intersection(known)
    if not ours:
        return None
    columns = _columns(con, tables.intersection(schema.tables))
    reached: list[tuple[int, str]] = []
    if columns.get("schema_version") == list(schema.tables["schema_version"].names):
        reached = con.execute("select version, driftline_version from schema_version").fetchall()
    if not reached:
        first = min(ours, key=known.index)
        what = f"{file} holds a table {first!r} that Driftline did not make"
        raise StoreError(what, hint=_ELSEWHERE)
    version, writer = max(reached)
    if version > schema.version:
        raise StoreError(
            f"{file} was written by a newer Driftline ({writer}, schema {version}); "
            f"this one knows schema {schema.version}",
            hint="Upgrade Driftline, then retry.",
        )
    if version == schema.version:
        for name, spec in schema.tables.items():
            if columns.get(name) != list(spec.names):
                raise StoreError(
                    f"table {name!r} in {file} does not have the columns of schema {version}",
                    hint=f"Something other than Driftline changed it. {_ELSEWHERE}",
                )
    return version


def _names(con: duckdb.DuckDBPyConnection, kind: Literal["table", "view"]) -> set[str]:
    """Names of the tables or views of an opened file."""
    return {name for (name,) in con.execute(_NAMES.format(kind=kind)).fetchall()}


def _columns(con: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> dict[str, list[str]]:
    """Names of the columns of tables of an opened file, by table."""
    found: dict[str, list[str]] = {name: [] for name in tables}
    if found:
        asked = (_COLUMNS.format(name=as_sql(name)) for name in found)
        for table, column in con.execute(" union all ".join(asked)).fetchall():
            found[table].append(column)
    return found


def migrate(
    con: duckdb.DuckDBPyConnection, file: Path, now: datetime, schema: Schema = SCHEMA
) -> None:
    """Bring the tables and views to a schema, inside the caller's transaction.

    Args:
        con: What `opened` gave, for writing.
        file: The file, for messages.
        now: Dates the new version; naive UTC.
        schema: The schema to reach.

    Raises:
        StoreError: As `stored_version`; also when the steps do not lead to the schema.
    """
    version = stored_version(con, file, schema)
    for step in migration(version, now, schema):
        con.execute(step)
    if version not in (None, schema.version):
        stored_version(con, file, schema)
    there = {name for (name,) in con.execute("select table_name from duckdb_tables()").fetchall()}
    if not there.issuperset(schema.internal):
        con.execute(schema.internal_sql)


def migration(version: int | None, now: datetime, schema: Schema = SCHEMA) -> tuple[str, ...]:
    """What `migrate` sends to a file of a version, but for internal tables; nothing when it is there.

    Args:
        version: The version of its tables; None makes them.
        now: Dates the new version; naive UTC.
        schema: The schema to reach.
    """
    steps = schema.steps(version)
    if not steps:
        return ()
    stamp = sql(
        "insert into schema_version values ({version}, {now}, {driftline});",
        version=schema.version,
        now=now.replace(tzinfo=UTC),
        driftline=VERSION,
    )
    return (*steps, str(stamp))


def _started() -> duckdb.DuckDBPyConnection:
    """A new engine."""
    import duckdb

    con = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            # nothing is spilled, so a killed run leaves nothing
            "temp_directory": "",
            # a commit goes straight into the file, instead of first, and whole, into the log and
            # through the memory that takes
            "wal_autocheckpoint": "1KB",
        },
    )
    # a table that is missing is an error, never a Python variable of that name
    con.execute("set python_enable_replacements = false")
    return con


@contextmanager
def alone_in(folder: Path, *, wait_seconds: float = 60.0) -> Iterator[None]:
    """One process at a time; the lock is on the folder, so that it leaves no file.

    Args:
        folder: An existing folder.
        wait_seconds: How long to wait for whoever is in it; 0 or more.

    Raises:
        StoreError: When someone else stays in it.
    """
    handle = os.open(folder, os.O_RDONLY)
    deadline = time.monotonic() + wait_seconds
    try:
        # a file system without such locks costs the guard, not the run
        with suppress(OSError):
            while _held(handle):
                if time.monotonic() > deadline:
                    what = f"another Driftline writes to {folder}; waited {wait_seconds:g} s"
                    raise StoreError(what, hint="Retry when it is done.")
                time.sleep(0.02)
        yield
    finally:
        os.close(handle)


def _held(handle: int) -> bool:
    """Try to lock a folder; whether someone else has it locked."""
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _attached(con: duckdb.DuckDBPyConnection, attach: str, file: Path) -> str | None:
    """Try to attach the file; who holds it, or None on success."""
    import duckdb

    try:
        con.execute(attach)
    except duckdb.Error as error:
        message = str(error)
        if held := _HELD.search(message):
            return f"{held['who']} (process {held['pid']})"
        if _HELD_UNNAMED.search(message):
            return "another process"
        if _OPEN_HERE in message:
            what, hint = "is open in this Python process", "Close that connection, then retry."
            raise StoreError(f"{file} {what}", hint=hint) from error
        if "not a valid DuckDB database file" in message:
            raise StoreError(f"{file} is not a DuckDB file", hint=_ELSEWHERE) from error
        raise StoreError(f"cannot open {file}: {message}") from error
    return None


def _in_use(file: Path, holder: str, waited: float) -> StoreError:
    return StoreError(
        f"{file} is in use by {holder}; waited {waited:g} s",
        hint="Close it there, then retry. Dashboards should read a published copy.",
    )
