"""Logging what a Python service scores: from its requests to Parquet files that a monitor reads."""

from __future__ import annotations

import atexit

# Arrow needs it, and it cannot be imported any more when the last buffer is written at the end
import concurrent.futures.thread  # noqa: F401
import hashlib
import itertools
import logging
import math
import os
import re
import socket
import threading
import time
import uuid
import weakref
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from driftline.engine.durable import UNFINISHED, put_in_place, unfinished
from driftline.engine.errors import ConfigError
from driftline.engine.events import EVENT_ID, INDEX, ROW_ID, TIME, column_name
from driftline.engine.records import Columns, Kind, Row, plain, rows_of, wider, write_parquet

SOURCE: Final = "ce_source"
SAMPLE: Final = "ce_sample"
SIDES: Final = ("inputs", "outputs")

# What a column of scalars is called, such as the predictions that a model returns.
SCALARS: Final[Mapping[str, str]] = {"inputs": "input", "outputs": "prediction"}

_FIXED: Final[Mapping[str, Kind]] = {
    ROW_ID: "text", TIME: "time", EVENT_ID: "text", INDEX: "int", SOURCE: "text", SAMPLE: "float",
}  # fmt: skip
# Kinds of numbers that files could disagree on.
_AS_NUMBERS: Final[Mapping[Kind, Kind]] = {"int": "float", "wide": "text"}
_NAME: Final = re.compile(r"[^/\\\x00]+")
_SCALAR: Final = (str, int, float, Decimal, date, type(None))
# Seconds: when what is unfinished is nobody's; between attempts to write.
_LEFT_BEHIND: Final = 3600.0
_PATIENCE: Final = 5.0

_log: Final = logging.getLogger("driftline")


@dataclass(frozen=True)
class CollectorStats:
    """What became of the calls of `Collector.collect`; each call is counted once in the first four.

    Attributes:
        collected: Taken into the buffer; each is later `written` or `failed`.
        sampled_out: Left out by `sample`.
        dropped: Left out because the buffer was full, or the collector closed.
        refused: Not taken because their data could not be copied.
        written: In files.
        failed: Taken, and lost since: data that is no rows, or a last attempt to write that failed.
        write_errors: Attempts to write that failed; what they were about is kept and tried again.
    """

    collected: int = 0
    sampled_out: int = 0
    dropped: int = 0
    refused: int = 0
    written: int = 0
    failed: int = 0
    write_errors: int = 0


@dataclass(frozen=True)
class _Call:
    """One request in the buffer."""

    at: datetime
    correlation_id: str
    data: tuple[Any, Any]
    rows: int


class Collector:
    """Writes what a service scores to Parquet files by hour, beside its requests.

        collector = driftline.Collector("scored", name="churn", sample=0.1)

        def score(request):
            predictions = model.predict(request.frame)
            collector.collect(request.frame, predictions, correlation_id=request.id)
            return predictions

    Inputs and outputs are two tables, `FOLDER/NAME/inputs` and `FOLDER/NAME/outputs`, with a file
    `day=2026-11-28/hour-13-….parquet` for each hour, process and flush. Both have `correlationid` (the
    request's id, `_` and the row's place in it) to join them by, `ce_time`, `ce_correlationid`, `ce_index`,
    `ce_source` (the name) and `ce_sample` (the share of requests that is collected); other columns are
    those of the data. Numbers are doubles, whole ones beyond 2^53 text; nested values are JSON text.

    `collect` copies its data into memory and returns: it opens no file, waits for no disk and raises
    nothing. A thread writes every `flush_seconds`, or as soon as half of the buffer is full. When the
    buffer is full, because the disk is or the folder is gone, calls are dropped and counted in `stats`;
    what is in it is tried again.

    What a crash loses: the buffer, at most `buffer_rows` rows of inputs and as many of outputs, which are
    those of the last `flush_seconds` and of the flush under way while files can be written. Files are
    whole or not there. SIGKILL and a SIGTERM that nobody handles are crashes; at an ordinary end of the
    process, the buffer is written.

    Safe to use from threads; a process that is forked has a buffer of its own, and names of its own.

    Args:
        folder: Where tables are; made when the first file is written.
        name: The model's or service's name, a folder in it.
        sample: The share of requests to collect, in [0, 1]. It is decided by a hash of the correlation id,
            so that inputs, outputs, and services that pass the id on, are collected together.
        buffer_rows: How many rows of inputs, and how many of outputs, wait in memory at most; 1 or more.
        flush_seconds: How often files are written; more than 0.

    Raises:
        ConfigError: When an argument cannot be right; nothing later raises.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        name: str = "model",
        *,
        sample: float = 1.0,
        buffer_rows: int = 10_000,
        flush_seconds: float = 300.0,
    ) -> None:
        if not _NAME.fullmatch(name) or name in (".", ".."):
            raise ConfigError(f"name: {name!r} cannot be a folder", hint="write one like churn")
        if not 0 <= sample <= 1:
            raise ConfigError(f"sample: {sample} is no share", hint="write one like 0.1")
        if buffer_rows < 1:
            raise ConfigError(f"buffer_rows: {buffer_rows} rows are no buffer")
        if not (0 < flush_seconds < math.inf):
            raise ConfigError(
                f"flush_seconds: {flush_seconds} is no time", hint="write one like 60"
            )
        self.folder = Path(folder).absolute() / name
        self.name = name
        self.sample = float(sample)
        self.buffer_rows = buffer_rows
        self.flush_seconds = float(flush_seconds)
        self._closed = False
        self._begin()
        atexit.register(self.close)
        if hasattr(os, "register_at_fork"):
            me = weakref.ref(self)
            os.register_at_fork(
                before=lambda: _tell(me, "_before_fork"),
                after_in_parent=lambda: _tell(me, "_after_fork"),
                after_in_child=lambda: _tell(me, "_begin"),
            )

    def _begin(self) -> None:
        """Be new in this process: what is in the buffer belongs to the one it was forked from."""
        self._stats = CollectorStats()
        self._buffer: deque[_Call] = deque()
        self._rows = 0
        self._kinds: dict[str, dict[str, Kind]] = {side: {} for side in SIDES}
        # never held while anything is written
        self._lock = threading.RLock()
        self._writing = threading.Lock()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._files = 0
        host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:40]
        self._process = f"{host}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._swept: set[Path] = set()
        self._in_trouble = False
        self._forking = False

    def _before_fork(self) -> None:
        """Have no thread import or write: a child that was forked then would wait for it for ever."""
        self._forking = self._writing.acquire(timeout=_PATIENCE)

    def _after_fork(self) -> None:
        if self._forking:
            self._writing.release()

    def collect(
        self, inputs: Any, outputs: Any = None, correlation_id: str | None = None
    ) -> str | None:
        """Keep what a request asked and what it was answered; returns at once and never raises.

        Args:
            inputs: An object by column name (a row, or columns where all values are lists of one length), a
                list of rows, a pandas or Polars data frame, an Arrow table; None has no rows.
            outputs: The same; or numbers or texts, one or a list or array of them, which are the column
                `prediction`.
            correlation_id: The request's id; None makes one.

        Returns:
            The correlation id, to pass on or to store with a label that comes later; None where the given
            one cannot be text.
        """
        identity: str | None = None
        try:
            identity = uuid.uuid4().hex if correlation_id is None else str(correlation_id)
            if not self._is_sampled(identity):
                self._count("sampled_out")
                return identity
            rows = max(_count(inputs), _count(outputs))
            if self._closed or self._rows + rows > self.buffer_rows:
                self._count("dropped")
                return identity
            self._keep(_Call(_now(), identity, (_copy(inputs), _copy(outputs)), rows))
        except Exception:  # noqa: BLE001 (no request may fail for being watched)
            self._count("refused")
        return identity

    def _is_sampled(self, identity: str) -> bool:
        if self.sample >= 1:
            return True
        digest = hashlib.blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big") < self.sample * 2**64

    def _keep(self, call: _Call) -> None:
        with self._lock:
            if self._closed or self._rows + call.rows > self.buffer_rows:
                self._count("dropped")
                return
            self._rows += call.rows
            self._buffer.append(call)
            self._count("collected")
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="driftline-collector", daemon=True
                )
                self._thread.start()
            if 2 * self._rows >= self.buffer_rows:
                self._wake.set()

    def _count(self, what: str, count: int = 1) -> None:
        with self._lock:
            self._stats = replace(self._stats, **{what: getattr(self._stats, what) + count})

    @property
    def stats(self) -> CollectorStats:
        """What became of the calls so far, of this process."""
        return self._stats

    def flush(self, timeout: float = 10.0) -> bool:
        """Write what is in the buffer now; never raises.

        Args:
            timeout: How long to wait for a flush that is under way, in seconds.

        Returns:
            Whether all of it is written.
        """
        return self._flush(timeout)

    def close(self, timeout: float = 10.0) -> None:
        """Write what is in the buffer, and take no more; never raises.

        Args:
            timeout: How long to wait for a flush that is under way, in seconds.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._stop.set()
        self._wake.set()
        self._flush(timeout)
        with self._lock:
            left = len(self._buffer)
            self._buffer.clear()
            self._rows = 0
        if left:
            self._count("failed", left)
            _log.warning("collector %s: %d requests could not be written", self.name, left)
        atexit.unregister(self.close)

    def __enter__(self) -> Collector:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _work(self) -> None:
        """Write now and then, until it is closed."""
        with self._writing:
            # slow to import: not when a full buffer waits
            import pyarrow.parquet  # noqa: F401

        while not self._stop.is_set():
            self._wake.wait(self.flush_seconds)
            self._wake.clear()
            if not self._stop.is_set() and not self._flush(self.flush_seconds):
                self._stop.wait(min(self.flush_seconds, _PATIENCE))

    def _flush(self, timeout: float) -> bool:
        """Write what is in the buffer at this moment, an hour at a time; whether that went well."""
        if not self._writing.acquire(timeout=timeout):
            return False
        try:
            left = len(self._buffer)
            while left:
                calls = self._of_one_hour(left)
                left -= len(calls)
                written = self._written(calls)
                with self._lock:
                    for call in calls:
                        if self._buffer and self._buffer[0] is call:
                            self._buffer.popleft()
                            self._rows -= call.rows
                self._count("written", written)
                self._count("failed", len(calls) - written)
            self._tell_trouble(None)
            return True
        except OSError as error:
            # a full disk, a folder that is gone: it may be well the next time
            self._count("write_errors")
            self._tell_trouble(error)
            return False
        finally:
            self._writing.release()

    def _written(self, calls: Sequence[_Call]) -> int:
        """Write calls; how many are in files. What no file can hold is passed over.

        Raises:
            OSError: When files cannot be written now.
        """
        try:
            return self._write(calls)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 (nobody is there to hear of it)
            _log.warning("collector %s lost %d requests: %s", self.name, len(calls), error)
            return 0

    def _of_one_hour(self, most: int) -> list[_Call]:
        """The first calls in the buffer that are of one hour."""
        with self._lock:
            first = self._buffer[0]
            found = itertools.takewhile(
                lambda call: _hour(call) == _hour(first), itertools.islice(self._buffer, most)
            )
            return list(found)

    def _write(self, calls: Sequence[_Call]) -> int:
        """Write the rows of calls of one hour to a file a side; how many are rows at all.

        Both files are whole before one has its name. When they cannot be written, the next attempt has
        the same names, so nothing is there twice.

        Raises:
            OSError: When they cannot be written; the calls are as they were.
        """
        tables = {side: Columns() for side in SIDES}
        good, wrong = 0, []
        for call in calls:
            try:
                rows = {
                    side: self._rows_of(call, data, side)
                    for side, data in zip(SIDES, call.data, strict=True)
                }
            except Exception as error:  # noqa: BLE001 (one request's data takes no other's away)
                wrong.append(error)
                continue
            good += 1
            for side in SIDES:
                for row in rows[side]:
                    tables[side].add(row)
        if wrong:
            told = "collector %s: %d requests have no rows: %s"
            _log.warning(told, self.name, len(wrong), wrong[0])
        at = calls[0].at
        name = f"hour-{at:%H}-{self._process}-{self._files:06d}.parquet"
        files = []
        for side, table in tables.items():
            if not table.count:
                continue
            file = self.folder / side / f"day={at:%Y-%m-%d}" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            self._sweep(file.parent)
            columns, found = table.settled()
            kinds = self._kinds[side] = _widened(self._kinds[side], found)
            known = {name: kind for name, kind in kinds.items() if kind != "null"}
            write_parquet(unfinished(file), columns, known, table.count)
            files.append(file)
        for file in files:
            put_in_place(file)
        self._files += 1
        return good

    def _rows_of(self, call: _Call, data: object, side: str) -> list[Row]:
        """The rows of one side of a call, as its table has them."""
        return [
            {
                ROW_ID: f"{call.correlation_id}_{index}",
                TIME: call.at,
                EVENT_ID: call.correlation_id,
                INDEX: index,
                SOURCE: self.name,
                SAMPLE: self.sample,
                **{column_name(_clean(str(name))): _clean(plain(row[name])) for name in row},
            }
            for index, row in enumerate(_rows(data, SCALARS[side]))
        ]

    def _sweep(self, folder: Path) -> None:
        """Remove files that crashes left unfinished, once a folder."""
        if folder in self._swept:
            return
        self._swept = {folder}
        for left in folder.glob(f".*{UNFINISHED}"):
            if time.time() - left.stat().st_mtime > _LEFT_BEHIND:
                left.unlink(missing_ok=True)

    def _tell_trouble(self, error: OSError | None) -> None:
        """Log that files cannot be written, or can again, once."""
        if error is not None and not self._in_trouble:
            _log.warning(
                "collector %s cannot write to %s: %s; rows wait, and are dropped when %d do",
                *(self.name, self.folder, error.strerror or error, self.buffer_rows),
            )
        elif error is None and self._in_trouble:
            _log.warning("collector %s writes to %s again", self.name, self.folder)
        self._in_trouble = error is not None


def _tell(collector: weakref.ref[Collector], what: str) -> None:
    """Call a method of a collector, if it is still there."""
    found = collector()
    if found is not None:
        getattr(found, what)()


def _now() -> datetime:
    return datetime.now(UTC)


def _hour(call: _Call) -> datetime:
    return call.at.replace(minute=0, second=0, microsecond=0)


def _widened(known: Mapping[str, Kind], found: Mapping[str, Kind]) -> dict[str, Kind]:
    """Kinds that hold what was known and what was found.

    Whether a request writes 1 or 1.0 is chance, and who reads files by the first one's columns would
    round the others: all numbers are doubles, and what a double would round is text.
    """
    kinds: dict[str, Kind] = {**_FIXED, **known}
    for name, kind in found.items():
        if name not in _FIXED:
            kinds[name] = wider(kinds.get(name, "null"), _AS_NUMBERS.get(kind, kind))
    return kinds


def _count(data: Any) -> int:
    """How many rows data has, about: it is looked at, not read."""
    if data is None:
        return 0
    if isinstance(data, dict):
        lengths = {len(each) if isinstance(each, list | tuple) else 0 for each in data.values()}
        return max(1, lengths.pop() if len(lengths) == 1 else 1)
    rows = getattr(data, "num_rows", None)
    if isinstance(rows, int):
        return rows
    if isinstance(data, str | bytes) or getattr(data, "shape", None) == ():
        return 1
    return len(data) if hasattr(data, "__len__") else 1


def _copy(data: Any) -> Any:
    """Data that the service may change or use again, so that what is kept stays as it is."""
    if isinstance(data, dict):
        return {name: _copy(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [_copy(value) for value in data]
    # Arrow's data does not change, nor do scalars
    library = type(data).__module__.partition(".")[0]
    return data.copy() if library in ("numpy", "pandas") and hasattr(data, "copy") else data


def _rows(data: Any, scalars: str) -> Iterator[Row]:
    """Rows of any data that a service may have.

    Args:
        data: What was collected.
        scalars: The column of values that are no rows; of several beside each other, its beginning.
    """
    library = type(data).__module__.partition(".")[0]
    if data is None:
        return
    if library == "pandas" and hasattr(data, "columns"):
        for row in data.to_dict("records"):
            # pandas has NaN for nothing
            yield {name: None if _is_nan(value) else value for name, value in row.items()}
        return
    for way in ("to_pylist", "to_dicts", "tolist", "to_list"):
        if hasattr(data, way):
            data = getattr(data, way)()
            break
    if isinstance(data, dict):
        yield from rows_of({name: _listed(value) for name, value in data.items()})
        return
    for row in data if isinstance(data, list | tuple) else [data]:
        if isinstance(row, dict):
            yield row
        elif isinstance(row, list | tuple):
            yield {f"{scalars}_{place}": value for place, value in enumerate(row)}
        elif isinstance(row, _SCALAR) or hasattr(row, "tolist"):
            yield {scalars: row}
        else:
            raise TypeError(f"a {type(row).__name__} is no row")


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _listed(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def _clean(value: Any) -> Any:
    """A text that can be written: half a surrogate pair is a question mark."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
