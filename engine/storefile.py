"""Results in one DuckDB file, opened for a moment: making it, waiting for it, closing it again.

`ResultsFile.opened` is the only way to the file. It waits while someone else has it, and closes it
again, so that nothing stands beside it and no dashboard is locked out for longer than one
transaction.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from driftline.engine.errors import StoreError
from driftline.engine.place import TAG, Params, Tables, stamp
from driftline.engine.results import SPECS, Schema
from driftline.engine.sqltext import as_sql, quoted

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# A format that every DuckDB from 1.2 on reads, whichever one writes it.
_STORAGE_VERSION: Final = "v1.2.0"

# What DuckDB says of a file that someone else has open, with and without naming them.
_HELD = re.compile(r"lock is held in (?P<who>.+?) \(PID (?P<pid>\d+)\)")
_HELD_UNNAMED = re.compile(r"Could not set lock on file|being used by another process")
_OPEN_HERE: Final = "Unique file handle conflict"

# `duckdb_columns()` would tell all this at once, and bind every view of the file for it.
_NAMES: Final = """
select {kind}_name
from duckdb_{kind}s()
where database_name = 'results' and schema_name = {schema}
"""
_COLUMNS: Final = "select {name} as table_name, name from pragma_table_info({name})"

# POSIX drops a process's locks on a file when it closes any handle of it, so a second attempt to
# open one from the same process must not begin before the first has ended.
_turns: Final[dict[Path, threading.Lock]] = {}


class ResultsFile:
    """The file, and the engine that opens it: a `Place`.

    The engine is kept from one time to the next, without the file: starting one takes longer than
    most of what is done with it.

    Args:
        file: The file; it need not exist.
        schema: Where in the file the tables are, which is of someone else where it is not `main`.
        before: Called before the file is opened: whatever else of this process has it lets go.
    """

    elsewhere = "Name another file in the project: `results: {to: FILE}`."
    made_at_once = True

    def __init__(
        self, file: Path, schema: str = "main", before: Callable[[], None] | None = None
    ) -> None:
        self.file = file
        self.name = str(file)
        self.creation: tuple[str, ...] = ()
        self.migrates = schema == "main"
        self._schema = schema
        self._before = before
        self._idle: list[duckdb.DuckDBPyConnection] = []
        if not self.migrates:
            self.name = f"schema {schema} in {file}"
            self.elsewhere = (
                "Name another schema in the project: `results: {connection: same, schema: NAME}`."
            )
            self.creation = (f"create schema if not exists {quoted(schema)};",)

    def is_there(self) -> bool:
        return self.file.is_file() and self.file.stat().st_size > 0

    @contextmanager
    def reading(self, *, wait_seconds: float, tag: str = TAG) -> Iterator[Tables]:
        del tag
        with self.opened(read_only=True, wait_seconds=wait_seconds) as con:
            tables = FileTables(con, self._schema)
            if tables.is_there():
                con.execute(f"use results.{quoted(self._schema)}")
            yield tables

    @contextmanager
    def writing(self, *, wait_seconds: float, tag: str = TAG) -> Iterator[Tables]:
        del tag
        if self.migrates:
            self.create()
        else:
            self._expect()
        with self.opened(read_only=False, wait_seconds=wait_seconds) as con:
            con.execute("begin")
            for statement in self.creation:
                con.execute(statement)
            con.execute(f"use results.{quoted(self._schema)}")
            yield FileTables(con, self._schema)
            con.execute("commit")
            # the log goes into the file, which then stands alone
            con.execute("checkpoint results")

    def _expect(self) -> None:
        """Refuse to make a database that is someone else's."""
        if not self.is_there():
            raise StoreError(f"there is no {self.file}", hint="see connection.database")

    def before_a_run(self, *, wait_seconds: float) -> None:
        del wait_seconds
        if not self.migrates:
            self._expect()
        if self.is_there():
            if not os.access(self.file, os.W_OK):
                raise StoreError(f"{self.name} is not writable", hint="Allow it, then retry.")
            return
        folder = next(each for each in self.file.absolute().parents if each.exists())
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise StoreError(
                f"{self.name} cannot be made: {folder} is not writable",
                hint="allow it, or name another file in `results: {to: …}`",
            )

    def check_writable(self, *, wait_seconds: float) -> str:
        self.before_a_run(wait_seconds=wait_seconds)
        if not self.is_there():
            return "can be made"
        with self.opened(read_only=False, wait_seconds=wait_seconds):
            return "is writable, and nobody holds it"

    def steps(self, schema: Schema, version: int | None, now: datetime) -> tuple[str, ...]:
        found = schema.steps(version)
        if not found:
            return ()
        within = () if self.migrates else (f"use {quoted(self._schema)};",)
        return (*within, *found, stamp(schema, now))

    def internal_steps(self, schema: Schema) -> tuple[str, ...]:
        return (schema.internal_sql,)

    def create(self) -> None:
        """Make an empty DuckDB file that old and new DuckDB read, unless there is one already.

        Missing folders are made too.

        Raises:
            StoreError: When it cannot be made.
        """
        import duckdb

        path = self.file.resolve()
        if path.exists() and not path.is_file():
            raise StoreError(f"{self.file} is not a file", hint=self.elsewhere)
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
            raise StoreError(f"cannot create {self.file}: {error}", hint=self.elsewhere) from error

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
            if self._before is not None:
                self._before()
            with self._engine() as con:
                attach = f"attach {as_sql(str(path))} as results (type duckdb"
                attach += ", read_only)" if read_only else ")"
                pause = 0.02
                while holder := self._attached(con, attach):
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
        con = self._idle.pop() if self._idle else scratch()
        try:
            yield con
        except BaseException:
            con.close()
            raise
        self._idle.append(con)

    def _attached(self, con: duckdb.DuckDBPyConnection, attach: str) -> str | None:
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
                raise StoreError(f"{self.name} {what}", hint=hint) from error
            if "not a valid DuckDB database file" in message:
                raise StoreError(
                    f"{self.name} is not a DuckDB file", hint=self.elsewhere
                ) from error
            raise StoreError(f"cannot open {self.name}: {message}") from error
        return None


class FileTables:
    """The tables of an opened file: `Tables` over the engine that has it."""

    def __init__(self, con: duckdb.DuckDBPyConnection, schema: str) -> None:
        self._con = con
        self._schema = schema

    def is_there(self) -> bool:
        """Whether the schema is."""
        named = "select schema_name from duckdb_schemas() where database_name = 'results'"
        return (self._schema,) in self._con.execute(named).fetchall()

    def fetch(self, sql: str, params: Params = None) -> pa.Table:
        answer = self._con.sql(sql, params=params)
        if answer is None:
            raise StoreError(f"not a SELECT: {sql}")
        return answer.to_arrow_table()

    def execute(self, sql: str, params: Params = None) -> None:
        self._con.execute(sql, params)

    def put(self, table: str, rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        con, key = self._con, SPECS[table].key
        # what is registered in a transaction stays in memory until its end
        con.register("new_rows", rows.select(list(key)))
        same = " and ".join(f"new_rows.{name} = {table}.{name}" for name in key)
        con.execute(f"delete from {table} using new_rows where {same}")
        con.unregister("new_rows")
        # a file that a newer version made may have more columns
        there = con.table(table).columns
        columns = (name if name in rows.column_names else "null" for name in there)
        con.from_arrow(rows).project(", ".join(columns)).insert_into(table)

    def update(
        self, table: str, rows: pa.Table, *, same: Sequence[str], columns: Sequence[str]
    ) -> None:
        assigned = ", ".join(f"{name} = new_rows.{name}" for name in columns)
        agree = " and ".join(f"new_rows.{name} = {table}.{name}" for name in same)
        self._con.register("new_rows", rows.select([*same, *columns]))
        self._con.execute(f"update {table} set {assigned} from new_rows where {agree}")
        self._con.unregister("new_rows")

    def send(self, statement: str) -> None:
        self._con.execute(statement)

    def named(self, kind: Literal["table", "view"]) -> set[str]:
        found = self._con.execute(_NAMES.format(kind=kind, schema=as_sql(self._schema))).fetchall()
        return {name for (name,) in found}

    def columns(self, tables: Iterable[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {name: [] for name in tables}
        if found:
            asked = (_COLUMNS.format(name=as_sql(name)) for name in found)
            for table, column in self._con.execute(" union all ".join(asked)).fetchall():
                found[table].append(column)
        return found

    @contextmanager
    def in_duckdb(self) -> Iterator[tuple[duckdb.DuckDBPyConnection, Callable[[str], str]]]:
        yield self._con, lambda name: f"results.{quoted(self._schema)}.{name}"


def scratch() -> duckdb.DuckDBPyConnection:
    """A DuckDB of its own that holds nothing, and leaves nothing behind."""
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


def _in_use(file: Path, holder: str, waited: float) -> StoreError:
    return StoreError(
        f"{file} is in use by {holder}; waited {waited:g} s",
        hint="Close it there, then retry. Dashboards should read a published copy.",
    )
