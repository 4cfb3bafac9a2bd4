"""Collecting: what Azure ML's data collector wrote becomes tables that a project file can name."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from driftline.engine.collected import (
    QUARANTINE,
    Batch,
    Collected,
    Read,
    Waiting,
    collecting,
)
from driftline.engine.errors import ConfigError, SourceError
from driftline.engine.events import (
    BadLine,
    Event,
    Waits,
    event_rows,
    parse_event,
    read_referred,
    referred,
    split_folder,
)
from driftline.engine.records import Columns, Row

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES: Final = (".jsonl", ".ndjson")

# A batch is committed when it has so many rows, or so many bytes were read for it.
MOST_ROWS: Final = 100_000
MOST_BYTES: Final = 64 * 2**20
# A longer line is none: the collector itself puts what is larger than 4 MB elsewhere.
LONGEST_LINE: Final = 64 * 2**20

# Shares of lines that gave no rows: told above the first, an error above the second.
MUCH_LOST: Final = 0.10
TOO_MUCH_LOST: Final = 1 / 3

_PRINTED: Final = 4096
_KEPT_TEXT: Final = 2**20

_log: Final = logging.getLogger("driftline")


@dataclass(frozen=True)
class CollectedTable:
    """What one call did for a table.

    Attributes:
        table: Its folder below the destination; `.` is the destination itself.
        files: Source files that had something new.
        lines: Lines that were new, blank ones aside.
        rows: Rows that were added.
        late: Those among them that came after their time: their hour lies before their file's folder, or
            their day before one that an earlier call had collected.
        late_since: The earliest day of these.
        malformed: Lines that are no events; they are in the quarantine.
        waiting: Lines, older ones too, whose data is in a file that is not there or not whole yet; each
            call looks for it again.
        unfinished: Last lines that are not whole yet.
        first_day: The earliest day that rows were added to.
        last_day: The latest one.
    """

    table: str
    files: int = 0
    lines: int = 0
    rows: int = 0
    late: int = 0
    late_since: date | None = None
    malformed: int = 0
    waiting: int = 0
    unfinished: int = 0
    first_day: date | None = None
    last_day: date | None = None


@dataclass(frozen=True)
class CollectResult:
    """What one call of `collect` did.

    Attributes:
        destination: The folder with the tables.
        tables: What it did for each, by name; those without anything new are there too.
        quarantine: Files with the malformed lines of this call.
        notes: What is worth a look, a sentence each: why lines are malformed or wait, the first of a kind.
        error: Why the exit code is not 0: files that could not be read, or too many lines without rows.
    """

    destination: Path
    tables: tuple[CollectedTable, ...]
    quarantine: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    error: SourceError | None = None

    @property
    def rows(self) -> int:
        """Rows that were added to all tables."""
        return sum(table.rows for table in self.tables)

    @property
    def exit_code(self) -> int:
        """0, or 3 with an error."""
        return 0 if self.error is None else self.error.exit_code

    def to_arrow(self) -> pa.Table:
        """A row a table, with the attributes of `CollectedTable` as columns."""
        import pyarrow as pa

        text, count, day = pa.string(), pa.int64(), pa.date32()
        types = {"table": text, **dict.fromkeys(("late_since", "first_day", "last_day"), day)}
        schema = pa.schema(
            [(name, types.get(name, count)) for name in CollectedTable.__dataclass_fields__]
        )
        return pa.Table.from_pylist([asdict(table) for table in self.tables], schema=schema)


def collect(source: str | os.PathLike[str], destination: str | os.PathLike[str]) -> CollectResult:
    """Read what is new in folders of Azure ML's data collector into tables of Parquet by day.

    A row's day is that of its event's `time`, in UTC, whatever folder it was found in; an event without
    one counts at the beginning of its folder. Calls add rows once, however often they are made or ended;
    one call at a time collects into a folder.

    Args:
        source: A folder of this machine: `modelDataCollector`, or any below it.
        destination: The folder for the tables, made if it is not there; not in the source.

    Returns:
        What was done, a line a table.

    Raises:
        ConfigError: When the destination is in the source.
        SourceError: When there is no file of lines in the source; when files in it cannot be read, or
            more than a third of the new lines, and more than one, gave no rows. What could be read is
            collected then, and the attribute `result` tells of it.
        StoreError: When the destination cannot be written, or another process collects into it.
    """
    folder = _source(source)
    target = Path(destination).resolve()
    if target.is_relative_to(folder):
        raise ConfigError(
            f"{destination} is in the folder that is collected, {source}",
            hint="name a destination beside it",
        )
    files = sorted(_files(folder))
    if not files:
        raise SourceError(
            f"{source} has no file of lines (*{', *'.join(SUFFIXES)})",
            hint="name the folder modelDataCollector, or one below it",
        )
    with collecting(target) as collected:
        job = _Collecting(folder, target, collected)
        for place, file in enumerate(files):
            step = f"reading {file.relative_to(folder)} ({place + 1} of {len(files)})"
            _log.info(step, extra={"step": step})
            job.read(file)
        job.commit()
        collected.unify()
    result = job.result(Path(destination))
    if result.error is not None:
        result.error.result = result
        raise result.error
    return result


def _source(source: str | os.PathLike[str]) -> Path:
    told = os.fspath(source)
    if "://" in told:
        raise SourceError(
            f"{told.partition('?')[0]} is not on this machine",
            hint="copy it with `azcopy sync`, or mount it, and name the folder",
        )
    folder = Path(told).resolve()
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise SourceError(
            f"{told} {what}", hint="name the folder modelDataCollector, or one below it"
        )
    return folder


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith((".", "_"))]
        yield from (
            Path(parent, name)
            for name in names
            if name.endswith(SUFFIXES) and not name.startswith(".")
        )


def lost_too_much(before: int, after: int) -> bool:
    """Whether so few of so many are left that more than a third are lost."""
    return before > 0 and (before - after) / before > TOO_MUCH_LOST


@dataclass
class _Counts:
    """What is counted for a table while files are read."""

    counts: dict[str, int] = field(default_factory=dict)
    days: set[date] = field(default_factory=set)
    late_days: set[date] = field(default_factory=set)

    def add(self, what: str, count: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + count

    def of(self, table: str) -> CollectedTable:
        return CollectedTable(
            table or ".",
            **self.counts,
            late_since=min(self.late_days, default=None),
            first_day=min(self.days, default=None),
            last_day=max(self.days, default=None),
        )


class _Unreadable(Exception):
    """A file of lines that cannot be read; the message says why."""


@dataclass(frozen=True)
class _Place:
    """Where lines come from, and what is counted for them."""

    file: Path
    name: str
    table: str
    begins: datetime | None
    counts: _Counts


class _Lines:
    """The lines of an open file from an offset on.

    Attributes:
        offset: The end of what is done with.
    """

    def __init__(self, handle: BinaryIO, offset: int) -> None:
        self._handle = handle
        self.offset = offset
        self._size, self._end = 0, b""
        with _reading():
            self._head = handle.read(min(offset, _PRINTED))
            handle.seek(max(0, offset - _PRINTED))
            self._tail = handle.read(min(offset, _PRINTED))

    @property
    def print(self) -> str:
        """What tells whether the bytes before the offset are those that were read: their ends, hashed."""
        if not self.offset:
            return ""
        return hashlib.sha256(self._head + self._tail).hexdigest()[:32]

    def at(self, offset: int) -> bytes:
        """The line that begins at an offset."""
        with _reading():
            self._handle.seek(offset)
            return self._line()[0]

    def next(self) -> bytes:
        """The line after what is done with; nothing at the end."""
        with _reading():
            self._handle.seek(self.offset)
            line, self._size, self._end = self._line()
        return line

    def done(self, line: bytes) -> None:
        """Go on behind the line that was next."""
        self.offset += self._size
        self._head += line[: _PRINTED - len(self._head)]
        self._tail = (self._tail + self._end)[-_PRINTED:]

    def _line(self) -> tuple[bytes, int, bytes]:
        """The next line, of one that is too long its beginning; its size, and its end."""
        line = end = self._handle.readline(LONGEST_LINE + 1)
        size = len(line)
        while len(end) > LONGEST_LINE and not end.endswith(b"\n"):
            end = self._handle.readline(LONGEST_LINE + 1)
            size += len(end)
        if size > len(line) and end.endswith(b"\n"):
            line += b"\n"
        return line, size, end


def _without(waiting: Waiting, number: int) -> Waiting:
    return tuple(each for each in waiting if each[0] != number)


@contextmanager
def _reading() -> Iterator[None]:
    """Tell trouble with a source file from trouble with the destination."""
    try:
        yield
    except OSError as error:
        raise _Unreadable(error.strerror or str(error)) from error


def _is_whole(line: bytes) -> bool:
    """Whether a last line without an end is whole: no part of an object is one."""
    if len(line) > LONGEST_LINE:
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


class _Collecting:
    """One call: files are read into a batch, which is committed when it is large."""

    def __init__(self, source: Path, target: Path, collected: Collected) -> None:
        self.source = source
        self.target = target
        self.collected = collected
        self.newest = {name: table.newest for name, table in collected.tables.items()}
        self.batch = Batch()
        self.tables: dict[str, _Counts] = {}
        self.quarantine: list[Path] = []
        self.unreadable: list[str] = []
        self.reasons: dict[str, list[str]] = {}
        self.lost = self.usable = 0

    def commit(self) -> None:
        """Keep what was read."""
        if not self.batch.read:
            return
        if (bad := self.collected.commit(self.batch)) is not None:
            self.quarantine.append(bad)
        self.batch = Batch()

    def read(self, file: Path) -> None:
        """Read what is new in a file; one that cannot be read is told and passed over."""
        name = file.relative_to(self.source).as_posix()
        above, begins = split_folder(file.parent)
        below = above.relative_to(self.source) if above.is_relative_to(self.source) else Path()
        table = "" if below == Path() else below.as_posix()
        counts = self.tables.setdefault(table, _Counts())
        before = self.collected.read.get(name, Read())
        try:
            with _reading():
                about = file.stat()
                same = (about.st_size, about.st_mtime_ns) == (before.size, before.mtime_ns)
                if same and not before.waiting:
                    counts.add("unfinished", before.offset < before.size)
                    return
                handle = file.open("rb")
            with handle:
                lines = _Lines(handle, before.offset)
                if lines.print != before.print:
                    told = "has changed where it was read already: its rows stay as they were"
                    raise _Unreadable(told)
                self._read(_Place(file, name, table, begins, counts), lines, about, before)
        except _Unreadable as error:
            self.unreadable.append(f"{name} {error}")

    def _read(self, place: _Place, lines: _Lines, about: os.stat_result, before: Read) -> None:
        """Take what waited, then what is new, and remember how far that was."""
        counts = place.counts
        # without the file's size, so that it is opened again if this is the last that is kept
        read = replace(before, size=0, mtime_ns=0)
        found = False
        try:
            for number, offset in before.waiting:
                if self._take(place, lines.at(offset), number, offset, again=True):
                    read = replace(read, waiting=_without(read.waiting, number))
                    found = True
            while line := lines.next():
                if not line.endswith(b"\n") and not _is_whole(line):
                    counts.add("unfinished")
                    break
                number, offset = read.lines + 1, lines.offset
                waits = False
                if line.strip():
                    found = True
                    waits = not self._take(place, line, number, offset)
                lines.done(line)
                more = ((number, offset),) if waits else ()
                read = replace(
                    read,
                    offset=lines.offset,
                    lines=number,
                    waiting=read.waiting + more,
                )
                if self.batch.count >= MOST_ROWS or self.batch.size >= MOST_BYTES:
                    self.batch.read[place.name] = replace(read, print=lines.print)
                    self.commit()
            read = replace(read, size=about.st_size, mtime_ns=about.st_mtime_ns)
        finally:
            # of a file that breaks off, what was read before counts
            self.batch.read[place.name] = replace(read, print=lines.print)
            counts.add("files", found)
            counts.add("waiting", len(read.waiting))

    def _take(
        self, place: _Place, line: bytes, number: int, offset: int, *, again: bool = False
    ) -> bool:
        """Take the rows of a line into the batch; whether it is done with, and need not wait."""
        counts = place.counts
        if not again:
            counts.add("lines")
        self.batch.size += len(line)
        where = f"{place.name} line {number}"
        try:
            if len(line) > LONGEST_LINE:
                raise BadLine(f"is longer than {LONGEST_LINE} bytes")
            event = parse_event(line.removeprefix(b"" if offset else BOM_UTF8).rstrip(b"\r\n"))
            at = event.time or place.begins
            if at is None:
                raise BadLine("has no time, and its file is in no folder by time")
            rows = event_rows(event, self._data(event, place), at)
        except BadLine as reason:
            counts.add("malformed")
            self.lost += not again
            self._note("malformed", f"{where} {reason}")
            text = line[:_KEPT_TEXT].decode("utf-8", "backslashreplace").rstrip("\n")
            about = {"file": place.name, "line": number, "offset": offset}
            self.batch.bad.append({**about, "reason": str(reason), "text": text})
            return True
        except Waits as reason:
            self.lost += not again
            self._note("waiting", f"{where} waits: {reason}")
            return False
        self.usable += not again
        self._add(place, at, rows)
        return True

    def _data(self, event: Event, place: _Place) -> object:
        if event.dataref is None:
            return event.data
        data, size = read_referred(referred(event.dataref, place.file, self.source))
        self.batch.size += size
        return data

    def _add(self, place: _Place, at: datetime, rows: Sequence[Row]) -> None:
        counts, day = place.counts, at.date()
        if not rows:
            return
        columns = self.batch.rows.setdefault((place.table, day), Columns())
        for row in rows:
            columns.add(row)
        counts.add("rows", len(rows))
        counts.days.add(day)
        newest = self.newest.get(place.table)
        if (place.begins and at < place.begins) or (newest and day < newest):
            counts.add("late", len(rows))
            counts.late_days.add(day)

    def _note(self, kind: str, sentence: str) -> None:
        """Remember why lines gave no rows."""
        self.reasons.setdefault(kind, []).append(sentence)

    def result(self, destination: Path) -> CollectResult:
        """What the call did."""
        error = None
        hint = "put that right, then collect again: what was read stays"
        if self.unreadable:
            first, *rest = self.unreadable
            more = f" (and {len(rest)} more files)" if rest else ""
            error = SourceError(f"not all could be read: {first}{more}", hint=hint)
        elif self.lost > 1 and lost_too_much(self.lost + self.usable, self.usable):
            error = SourceError(
                f"{self.lost} of {self.lost + self.usable} lines gave no rows: more than a third",
                hint=f"see {destination / QUARANTINE}" if self.quarantine else hint,
            )
        notes = []
        for sentences in self.reasons.values():
            more = f" (and {len(sentences) - 1} more)" if len(sentences) > 1 else ""
            notes.append(f"{sentences[0]}{more}")
        share = self.lost / max(1, self.lost + self.usable)
        if error is None and share > MUCH_LOST:
            notes.append(f"{100 * share:.0f} % of the lines gave no rows")
        return CollectResult(
            destination,
            tuple(self.tables[name].of(name) for name in sorted(self.tables)),
            tuple(destination / each.relative_to(self.target) for each in self.quarantine),
            tuple(notes),
            error,
        )
