"""What engines that speak Spark's SQL share: their types, how sources are named, sampled and asked about."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, ClassVar, Final

from driftline.engine.dialects import spelled
from driftline.engine.errors import SourceError, StatementError
from driftline.engine.project import Source
from driftline.engine.warehouses.base import Column, Keeps, Kind, kind_in

if TYPE_CHECKING:
    import pyarrow as pa

# https://spark.apache.org/docs/latest/sql-ref-datatypes.html: a `timestamp` has a zone, unlike elsewhere
_KINDS: Final[tuple[tuple[str, Kind], ...]] = (
    (r"byte|short|int(eger)?|long|(tiny|small|big)int", "integer"),
    (r"float|real|double", "float"),
    (r"(dec|decimal|numeric)(\(.*\))?", "decimal"),
    (r"string( collate \w+)?|(char|varchar)\(\d+\)", "text"),
    (r"boolean", "boolean"),
    (r"date", "date"),
    (r"timestamp_ntz", "timestamp"),
    (r"timestamp(_ltz)?", "timestamptz"),
)

# Formats by suffix. Texts need to be told what their first line is.
_FORMATS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    ".parquet": ("parquet", {}),
    ".pq": ("parquet", {}),
    ".orc": ("orc", {}),
    ".csv": ("csv", {"header": "true", "inferSchema": "true"}),
    ".tsv": ("csv", {"header": "true", "inferSchema": "true", "sep": "\t"}),
    ".json": ("json", {}),
    ".jsonl": ("json", {}),
    ".ndjson": ("json", {}),
}

# What to do about an error, by its condition.
# https://spark.apache.org/docs/latest/sql-error-conditions.html
_HINTS: Final = (
    ("TABLE_OR_VIEW_NOT_FOUND", "name its catalog and schema, or give connection.schema"),
    ("SCHEMA_NOT_FOUND", "check connection.catalog and connection.schema"),
    ("PATH_NOT_FOUND", "check the path, and that all executors can read it"),
    ("INSUFFICIENT_P", "ask for it: grant select on the table, use schema, use catalog"),
    ("PERMISSION_DENIED", "ask for it: grant select on the table, use schema, use catalog"),
    ("DIVIDE_BY_ZERO", "divide by nullif(x, 0) in the filter or query"),
    ("CAST_INVALID_INPUT", "use try_cast in the filter or query"),
    ("ARITHMETIC_OVERFLOW", "cast to a wider type in the filter or query"),
)


def kind_of(native: str) -> Kind:
    """The kind of a Spark type name; types without one (arrays, maps, structs, binary) are `other`."""
    return kind_in(_KINDS, native)


def hint_for(condition: str | None) -> str | None:
    """What to do about an error of a condition."""
    return next((hint for start, hint in _HINTS if (condition or "").startswith(start)), None)


def one_line(message: str) -> tuple[str | None, str]:
    """The condition of a message, if it has one, and what it says without plans, places and advice."""
    text = message.strip()
    found = re.match(r"\[([A-Z0-9_.]+)\] ", text)
    said = " ".join(re.split(r"\n\n|\n==|\n'|\nJVM stack|\n\tat ", text)[0].split())
    said = re.sub(r" ?SQLSTATE: \w+.*$", "", said)
    return (None if found is None else found[1]), said


class SparkSQL(ABC):
    """A session that speaks Spark's SQL; how statements get there is its subclass's.

    Attributes:
        name: What messages call the engine.
    """

    dialect: ClassVar[str]
    name: ClassVar[str]
    keeps_bounds: ClassVar = False
    # it has no temporary tables
    keeps_rows: ClassVar = False
    # each statement is whole, several are not
    keeps: ClassVar[Keeps | None] = Keeps("marks", made_at_once=False)
    # beside the other conditions it leaves partitions unread, which a sample of the whole would not
    draws: ClassVar = "rand(42) < {share}"
    most_cells: ClassVar = None
    ranks_nan: ClassVar = False

    @staticmethod
    def column(name: str, native: str) -> Column:
        return Column(name, native, kind_of(native))

    @abstractmethod
    def fetch(self, sql: str) -> pa.Table: ...

    @abstractmethod
    def _types(self, relation: str) -> list[tuple[str, str]]:
        """Names and types of a relation's columns."""

    @abstractmethod
    def _place(self) -> str:
        """What is connected to, without secrets."""

    def columns(self, source: Source) -> tuple[Column, ...]:
        try:
            found = self._types(self.relation(source))
        except StatementError as error:
            condition, said = one_line(error.message.partition(": ")[2])
            if (condition or "").startswith("TABLE_OR_VIEW_NOT_FOUND"):
                said = f"there is no table or view {source.written} in {self._place()}"
            elif (condition or "").startswith("PATH_NOT_FOUND"):
                said = f"no file matches {source.written}"
            else:
                said = f"cannot read {source.written}: {said}"
            hint = error.hint or "check its name, and that the connection may read it"
            raise SourceError(said, hint=hint) from error
        return tuple(self.column(*each) for each in found)

    def relation(self, source: Source) -> str:
        """Tables and queries as all dialects have them, files as the engine reads them."""
        if not source.files:
            return spelled(source, self.dialect)
        name, options = format_of(source)
        return self._files(source, name, options)

    @abstractmethod
    def _files(self, source: Source, name: str, options: Mapping[str, str]) -> str:
        """What stands after FROM to read files.

        Args:
            source: Its files.
            name: Of their format.
            options: How it is read.
        """

    def sampled(self, relation: str, percent: float) -> str:
        condition = self.draws.format(share=repr(percent / 100))
        return f"(select * from {relation} where {condition}) as sampled"

    def let_go(self) -> None:  # noqa: B027 - who reads keeps nobody from writing
        pass

    def estimated_rows(self, source: Source) -> int | None:
        if not source.table:
            return None
        try:
            plan = self.fetch(f"explain cost select * from {self.relation(source)}")
        except StatementError:
            return None
        # what the catalog knows of a table that was analysed, or its format of itself
        told = re.search(r"rowCount=([0-9.E+]+)\)", str(plan.column(0)[0]).partition("\n\n")[0])
        return None if told is None else int(float(told[1]))


def written(value: object) -> str:
    """A setting as Spark reads it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def format_of(source: Source) -> tuple[str, Mapping[str, str]]:
    """The format of a source's files, by their suffix; a folder is Parquet, or a Delta table.

    Raises:
        SourceError: When the suffix is of no format that is known.
    """
    from pathlib import Path

    path = source.files[0].rstrip("/")
    suffix = "".join(PurePosixPath(path).suffixes[-1:]).lower()
    if suffix in (".gz", ".zst", ".bz2"):
        suffix = PurePosixPath(PurePosixPath(path).stem).suffix.lower()
    if suffix in _FORMATS:
        return _FORMATS[suffix]
    if Path(path).is_dir() or "." not in PurePosixPath(path).name:
        return ("delta" if (Path(path) / "_delta_log").is_dir() else "parquet"), {}
    raise SourceError(
        f"{source.written}: unknown kind of file; known are {', '.join(_FORMATS)}, and folders of Parquet"
        " files"
    )


def of_path(name: str, path: str) -> str:
    """What stands after FROM to read one path in a format: parquet.`/path`."""
    escaped = path.replace("`", "``")
    return f"{name}.`{escaped}`"
