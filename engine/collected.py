"""A folder of collected tables: Parquet by day, and what has been read for it.

`_driftline/collected.json` says how far each source file was read; replacing it is what commits a batch. The
batch's files are written before under other names, and get their own after; a run that is killed in between
leaves that to the next one. So rows are seen once or not yet, never twice.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, TypeAlias

from driftline.engine.durable import UNFINISHED, put_in_place, sync, unfinished, write_whole
from driftline.engine.errors import StoreError
from driftline.engine.events import EVENT_ID, INDEX, ROW_ID, TIME
from driftline.engine.records import (
    Columns,
    Kind,
    array,
    arrow_type,
    schema_of,
    wider,
    write_parquet,
)

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT: Final = 1
STATE: Final = "_driftline"
QUARANTINE: Final = "_quarantine"

# What every table has, in this order; columns of the data and of envelopes follow as they are met.
FIXED: Final[Mapping[str, Kind]] = {ROW_ID: "text", TIME: "time", EVENT_ID: "text", INDEX: "int"}
_PART: Final = re.compile(r"part-(\d+)\.parquet")
_ROWS_AT_ONCE: Final = 65_536


Waiting: TypeAlias = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Read:
    """How far a source file was read.

    Attributes:
        size: Its bytes when it was last looked at.
        mtime_ns: When it had last changed then.
        offset: Bytes that are done with.
        lines: Lines in them.
        print: A fingerprint of these bytes.
        waiting: Lines among them whose data is elsewhere and not there yet: (number, offset).
    """

    size: int = 0
    mtime_ns: int = 0
    offset: int = 0
    lines: int = 0
    print: str = ""
    waiting: Waiting = ()


@dataclass(frozen=True)
class Held:
    """A collected table.

    Attributes:
        columns: Kinds by name.
        newest: The newest day that has rows.
        uniform: Whether all its files have these columns.
    """

    columns: Mapping[str, Kind]
    newest: date
    uniform: bool


@dataclass
class Batch:
    """What was read and is not committed.

    Attributes:
        rows: By table and day.
        read: How far files were read.
        bad: Lines that are no events.
        size: Bytes that were read for it.
    """

    rows: dict[tuple[str, date], Columns] = field(default_factory=dict)
    read: dict[str, Read] = field(default_factory=dict)
    bad: list[Mapping[str, object]] = field(default_factory=list)
    size: int = 0

    @property
    def count(self) -> int:
        """Rows in it."""
        return sum(columns.count for columns in self.rows.values())


class Collected:
    """The folder, while no one else collects into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.read: dict[str, Read] = {}
        self.tables: dict[str, Held] = {}
        self._generation = 0
        self._unnamed: list[str] = []
        self._load()

    @property
    def _manifest(self) -> Path:
        return self.folder / STATE / "collected.json"

    def _load(self) -> None:
        try:
            found = json.loads(self._manifest.read_text("utf-8"))
            if found["format"] > FORMAT:
                raise StoreError(
                    f"{self.folder} was collected by a newer Driftline",
                    hint="upgrade Driftline, or name another folder",
                )
            self._generation = found["generation"]
            self._unnamed = found["unnamed"]
            self.read = {
                name: Read(**{**each, "waiting": tuple((n, at) for n, at in each["waiting"])})
                for name, each in found["read"].items()
            }
            self.tables = {
                name: Held(**{**each, "newest": date.fromisoformat(each["newest"])})
                for name, each in found["tables"].items()
            }
        except FileNotFoundError:
            return
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(
                f"{self._manifest} cannot be read: {error!r}",
                hint="restore it; or collect everything anew into another folder",
            ) from error

    def _save(self) -> None:
        told = {
            "format": FORMAT,
            "generation": self._generation,
            "unnamed": self._unnamed,
            "tables": {
                name: {**vars(each), "newest": each.newest.isoformat()}
                for name, each in self.tables.items()
            },
            "read": {name: vars(each) for name, each in self.read.items()},
        }
        text = json.dumps(told, separators=(",", ":"))
        write_whole(self._manifest, lambda path: _write_text(path, text))

    def recover(self) -> None:
        """Finish what a killed run committed, and remove what it did not."""
        for name in self._unnamed:
            file = self.folder / name
            if unfinished(file).exists():
                put_in_place(file)
        for left in self.folder.rglob(f".*{UNFINISHED}"):
            left.unlink()

    def commit(self, batch: Batch) -> Path | None:
        """Keep a batch: all of it or, when this is interrupted, nothing.

        Returns:
            The file with its bad lines, if there are any.

        Raises:
            OSError: When the folder cannot be written to; what was committed before stays.
        """
        generation = self._generation + 1
        name = f"{generation:08d}"
        tables = dict(self.tables)
        settled = {key: columns.settled() for key, columns in batch.rows.items() if columns.count}
        for (table, day), (_, kinds) in settled.items():
            tables[table] = _widened(tables.get(table), kinds, day)
        files: list[str] = []
        for (table, day), (columns, _) in settled.items():
            file = self.folder / table / f"day={day.isoformat()}" / f"part-{name}.parquet"
            self._make(file.parent)
            write_parquet(
                unfinished(file), columns, tables[table].columns, batch.rows[table, day].count
            )
            files.append(file.relative_to(self.folder).as_posix())
        bad = self.folder / QUARANTINE / f"{name}.jsonl"
        if batch.bad:
            self._make(bad.parent)
            lines = (json.dumps(line, ensure_ascii=False) + "\n" for line in batch.bad)
            _write_text(unfinished(bad), "".join(lines))
            files.append(bad.relative_to(self.folder).as_posix())
        for each in files:
            sync(unfinished(self.folder / each))
            sync((self.folder / each).parent)
        before = self._generation, self.tables, self.read, self._unnamed
        self._generation, self.tables, self._unnamed = generation, tables, files
        self.read = {**self.read, **batch.read}
        try:
            self._save()
        except BaseException:
            self._generation, self.tables, self.read, self._unnamed = before
            raise
        for each in files:
            put_in_place(self.folder / each)
        return bad if batch.bad else None

    def _make(self, folder: Path) -> None:
        """A folder that is there after a crash, and those above it."""
        if not folder.exists():
            self._make(folder.parent)
            folder.mkdir(exist_ok=True)
            sync(folder.parent)

    def unify(self) -> None:
        """Write files again that lack columns of their table, or have narrower ones.

        Each file is replaced by one with the same rows, so this may end anywhere and begin anew.
        """
        narrow = {name: table for name, table in self.tables.items() if not table.uniform}
        if narrow:
            # what is found under another name from here on is no part of the last batch
            self._unnamed = []
            self._save()
        for name, table in narrow.items():
            for file in sorted((self.folder / name).glob("day=*/part-*.parquet")):
                if _PART.fullmatch(file.name):
                    _rewrite(file, table.columns)
            self.tables[name] = replace(table, uniform=True)
            self._save()


def _widened(table: Held | None, kinds: Mapping[str, Kind], day: date) -> Held:
    """A table that rows with columns of these kinds were added to."""
    if table is None:
        columns = {**FIXED, **{name: kind for name, kind in kinds.items() if name not in FIXED}}
        return Held(columns, day, uniform=True)
    columns = dict(table.columns)
    for name, kind in kinds.items():
        columns[name] = wider(columns.get(name, "null"), kind)
    before = {name: arrow_type(kind) for name, kind in table.columns.items()}
    after = {name: arrow_type(kind) for name, kind in columns.items()}
    return Held(columns, max(table.newest, day), table.uniform and before == after)


def _rewrite(file: Path, kinds: Mapping[str, Kind]) -> None:
    """Give a file all columns of its table, unless it has them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = schema_of(kinds)

    def write(new: Path) -> None:
        with pq.ParquetFile(file) as old, pq.ParquetWriter(new, schema, compression="zstd") as out:
            for part in old.iter_batches(_ROWS_AT_ONCE):
                arrays = [_recast(part, name, kind) for name, kind in kinds.items()]
                out.write_table(pa.Table.from_arrays(arrays, schema=schema))

    if not pq.read_schema(file).equals(schema):
        write_whole(file, write)


def _recast(part: pa.RecordBatch, name: str, kind: Kind) -> pa.Array:
    import pyarrow as pa

    type_ = arrow_type(kind)
    if name not in part.schema.names:
        return pa.nulls(part.num_rows, type_)
    column = part.column(name)
    return column if column.type == type_ else array(column.to_pylist(), kind)


def _write_text(file: Path, text: str) -> None:
    # names of files may be no UTF-8
    file.write_text(text, "utf-8", "backslashreplace")


@contextmanager
def collecting(folder: Path) -> Iterator[Collected]:
    """Open a folder of collected tables, which is made if it is not there, for this process alone.

    Raises:
        StoreError: When another process collects into it, or it cannot be read or written.
    """
    try:
        state = folder / STATE
        state.mkdir(parents=True, exist_ok=True)
        with (state / "lock").open("a+", encoding="utf-8") as lock:
            _take(lock, folder)
            found = Collected(folder)
            found.recover()
            yield found
    except OSError as error:
        raise StoreError(
            f"cannot collect into {folder}: {error.strerror or error}",
            hint="what was collected before is as it was; put that right, then retry",
        ) from error


def _take(lock: IO[str], folder: Path) -> None:
    """Lock the folder, and write into the lock who has it."""
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "another process"
        raise StoreError(
            f"{folder} is being collected into by {holder}", hint="Retry when it is done."
        ) from None
    now = datetime.now(UTC)
    lock.truncate(0)
    lock.write(f"process {os.getpid()} on {socket.gethostname()} since {now:%Y-%m-%d %H:%M:%S} UTC")
    lock.flush()
