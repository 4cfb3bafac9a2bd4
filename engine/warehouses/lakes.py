"""Delta and Iceberg tables on disk, read through their Python packages: no DuckDB extension needed.

Both are folders whose log says which Parquet files count. `open_lake` turns the log into whatever
DuckDB reads best: the files themselves, an Arrow data set, or rows once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from driftline.engine.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Field:
    """A column of an Iceberg table: files know it by its id, whatever they call it."""

    id: int
    name: str
    type: str


@dataclass(frozen=True)
class Files:
    """Parquet files that together are the table, and the columns to read from them by id."""

    paths: tuple[str, ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Scannable:
    """An Arrow data set: DuckDB reads the columns and rows that each statement needs."""

    dataset: Any


@dataclass(frozen=True)
class Rows:
    """An Arrow reader of the whole table, to be read once."""

    reader: Any


Lake = Files | Scannable | Rows

_DELTA_LOG: Final = "_delta_log"
_METADATA: Final = ".metadata.json"


def open_lake(path: str, written: str) -> Lake | None:
    """Open the newest state of a Delta or Iceberg table.

    Args:
        path: A folder; or the `….metadata.json` of an Iceberg table, which is that very state.
        written: The path as the project file has it, for messages.

    Returns:
        None when it is neither.

    Raises:
        SourceError: When the package that reads it is missing, or the table is unreadable.
    """
    opened: Callable[[], Lake]
    here = Path(path)
    if (here / _DELTA_LOG).is_dir():
        package, kind = "deltalake", "delta"
        opened = partial(_delta, path)
    elif newest := _metadata_of(here):
        package, kind = "pyiceberg", "iceberg"
        opened = partial(_iceberg, newest)
    else:
        return None
    try:
        import_module(package)
    except ImportError:
        raise SourceError(
            f"{written} is {_KINDS[kind]} table, and the package {package} is not installed",
            hint=f"pip install 'driftline[{kind}]'",
        ) from None
    try:
        return opened()
    except _unreadable(kind) as error:
        said = str(error).strip() or type(error).__name__
        raise SourceError(
            f"cannot read {written}, {_KINDS[kind]} table: {said.splitlines()[0]}",
            hint="check that its log and data files are whole and where they were written",
        ) from error


_KINDS: Final = {"delta": "a Delta", "iceberg": "an Iceberg"}


def _unreadable(kind: str) -> tuple[type[Exception], ...]:
    """What reading a broken table raises."""
    general = (OSError, ValueError, LookupError, NotImplementedError)
    if kind == "delta":
        from deltalake.exceptions import DeltaError

        return (*general, DeltaError)
    # they have no common base
    named = vars(import_module("pyiceberg.exceptions")).values()
    own = [kind for kind in named if isinstance(kind, type) and issubclass(kind, Exception)]
    return (*general, *own)


def _delta(path: str) -> Lake:
    from deltalake import DeltaTable, QueryBuilder
    from deltalake.exceptions import DeltaProtocolError

    table = DeltaTable(path)
    try:
        return Scannable(table.to_pyarrow_dataset())
    except DeltaProtocolError:
        # deleted rows and renamed columns are marked in the log: only the Delta engine applies them
        import pyarrow as pa

        scan = QueryBuilder().register("lake", table).execute("select * from lake")
        return Rows(pa.RecordBatchReader.from_stream(scan))


# https://iceberg.apache.org/spec/#primitive-types
_TYPES: Final = {
    "boolean": "BOOLEAN",
    "int": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "string": "VARCHAR",
    "uuid": "UUID",
    "binary": "BLOB",
}


def _metadata_of(path: Path) -> str | None:
    """The file with an Iceberg table's newest state."""
    if path.name.endswith(_METADATA) and path.is_file():
        return str(path)
    folder = path / "metadata"
    numbered = [
        (int(number[1]), file.name)
        for file in folder.glob(f"*{_METADATA}")
        if (number := re.match(r"v?(\d+)", file.name))
    ]
    return str(folder / max(numbered)[1]) if numbered else None


def _iceberg(metadata: str) -> Lake:
    from pyiceberg.table import StaticTable

    table = StaticTable.from_metadata(metadata)
    scan = table.scan()
    tasks = list(scan.plan_files())
    fields = tuple(
        Field(field.field_id, field.name, native)
        for field in table.schema().fields
        if (native := _native(str(field.field_type))) and field.initial_default is None
    )
    # Files are enough where nothing else decides what a row is: no deletes beside them, no columns
    # that some files lack by id (those imported from Hive have a name mapping instead).
    if (
        tasks
        and len(fields) == len(table.schema().fields)
        and table.name_mapping() is None
        and all(
            task.file.file_format.value == "PARQUET"
            and not task.delete_files
            and urlsplit(task.file.file_path).scheme in ("", "file")
            for task in tasks
        )
    ):
        return Files(tuple(sorted(_local(task.file.file_path) for task in tasks)), fields)
    return Rows(scan.to_arrow_batch_reader())


def _native(iceberg: str) -> str | None:
    if iceberg.startswith("decimal("):
        return iceberg.upper()
    return _TYPES.get(iceberg)


def _local(uri: str) -> str:
    return unquote(urlsplit(uri).path) if uri.startswith("file:") else uri
