"""The result tables as data: what `sql/results/tables.sql` declares, and rows in its types.

The SQL file is the only place that lists the columns. `TABLES` is read from it, `arrow_schema`
turns a table into Arrow, `arrow_rows` brings rows into that schema or says which column does not
fit. Arrow is imported where it is used: reading a project needs none.

`SCHEMA` is the whole store in its newest version, with the steps that bring an older one there. To
change the tables, edit `tables.sql` and put what brings the tables of the version before there into
`migrations/0002_what_it_does.sql`, numbered by the version it leads to. Views are made anew.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from importlib.resources import files
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from driftline.engine.errors import StoreError, TemplateError

if TYPE_CHECKING:
    import pyarrow as pa

ALL: Final = "__all__"
"""In a key column: the whole dataset, no segment, no reference."""

Status = Literal[
    "ok", "warning", "breached", "inconclusive", "insufficient_data", "not_computable", "error"
]
"""What a row of `metrics` is judged to be."""

Rows: TypeAlias = "Sequence[Mapping[str, object]] | pa.Table"
"""Rows of one table: a sequence of mappings from column to value, or a `pyarrow.Table`."""


@dataclass(frozen=True)
class ColumnSpec:
    """One column: `type` is text, bigint, double, boolean, timestamp (UTC, naive), date or blob."""

    name: str
    type: str
    nullable: bool
    comment: str


@dataclass(frozen=True)
class TableSpec:
    """One result table; `key` names the columns that identify a row, none of them nullable."""

    name: str
    comment: str
    key: tuple[str, ...]
    columns: tuple[ColumnSpec, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in order."""
        return tuple(column.name for column in self.columns)


# The Arrow types a column takes: values of these kinds become it without a change of meaning.
_KINDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "text": ("string",),
        "bigint": ("integer", "decimal"),
        "double": ("floating", "integer", "decimal"),
        "boolean": ("boolean",),
        "timestamp": ("timestamp",),
        "date": ("date",),
        "blob": ("binary",),
    }
)

# The Python types whose values are a column's as they are; times may have a zone.
_PYTHON: Final[Mapping[str, type]] = MappingProxyType(
    {"text": str, "bigint": int, "double": float, "boolean": bool, "date": date, "blob": bytes}
)

_TABLE = re.compile(
    r"^-- key: (?P<key>[a-z0-9_, ]+)\ncreate table (?:if not exists )?(?P<name>[a-z_]+) \("
    r"\n(?P<body>.*?)\n\);$",
    re.MULTILINE | re.DOTALL,
)
_COLUMN = re.compile(
    r"^    (?P<name>[a-z][a-z0-9_]*) (?P<type>[a-z]+)(?P<not_null> not null)?,?$", re.MULTILINE
)
_COMMENT = re.compile(
    r"^comment on (?P<what>table|view|column) (?P<name>[a-z0-9_.]+) is\s+'(?P<text>(?:[^']|'')*)';$",
    re.MULTILINE,
)
_VIEW = re.compile(r"^create view ([a-z_]+) as$", re.MULTILINE)


def _text(name: str) -> str:
    return (files("driftline") / "sql" / "results" / name).read_text("utf-8")


def parse_comments(text: str) -> Mapping[str, str]:
    """The comments of a file of `comment on`, by the name of the table, view or column."""
    return MappingProxyType(
        {match["name"]: match["text"].replace("''", "'") for match in _COMMENT.finditer(text)}
    )


def parse_tables(text: str) -> Mapping[str, TableSpec]:
    """Read the tables that a file of `-- key:`, `create table` and `comment on` declares.

    Args:
        text: The whole SQL file.

    Raises:
        TemplateError: When a column has no known type or no comment, or a key column may be null.
    """
    comments = parse_comments(text)
    tables: dict[str, TableSpec] = {}
    for found in _TABLE.finditer(text):
        name = found["name"]
        columns = tuple(
            ColumnSpec(
                name=column["name"],
                type=column["type"],
                nullable=column["not_null"] is None,
                comment=comments.get(f"{name}.{column['name']}", ""),
            )
            for column in _COLUMN.finditer(found["body"])
        )
        spec = TableSpec(name, comments.get(name, ""), tuple(found["key"].split(", ")), columns)
        _check(spec, lines=found["body"].count("\n") + 1)
        tables[name] = spec
    return MappingProxyType(tables)


def _check(spec: TableSpec, *, lines: int) -> None:
    required = {column.name for column in spec.columns if not column.nullable}
    if len(spec.columns) != lines:
        raise TemplateError(f"tables.sql, {spec.name}: a line is not 'name type [not null],'")
    for column in spec.columns:
        if column.type not in _KINDS:
            raise TemplateError(f"tables.sql, {spec.name}.{column.name}: no type {column.type!r}")
        if not column.comment:
            raise TemplateError(f"tables.sql, {spec.name}.{column.name}: has no comment")
    if not spec.comment:
        raise TemplateError(f"tables.sql, {spec.name}: has no comment")
    if not required.issuperset(spec.key):
        raise TemplateError(f"tables.sql, {spec.name}: a key column is missing or may be null")


@dataclass(frozen=True)
class Migration:
    """A step from the version of the tables before to this one: DuckDB SQL, several statements."""

    version: int
    name: str
    sql: str


def read_migrations(texts: Mapping[str, str]) -> tuple[Migration, ...]:
    """The steps that files `0002_name.sql`, `0003_name.sql` … hold, in order.

    Args:
        texts: What the files hold, by their names.

    Raises:
        TemplateError: When a name is of another form, or the numbers are not those from 2 on.
    """
    found: list[Migration] = []
    for name, text in sorted(texts.items()):
        numbered = _NUMBERED.fullmatch(name)
        if numbered is None or int(numbered[1]) != len(found) + 2:
            raise TemplateError(f"migrations/{name}: the next one is {len(found) + 2:04}_name.sql")
        found.append(Migration(int(numbered[1]), name.removesuffix(".sql"), text))
    return tuple(found)


_NUMBERED = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


@dataclass(frozen=True)
class Schema:
    """What a results store is made of, all of it DuckDB SQL of several statements.

    Attributes:
        tables_sql: The tables with their comments.
        views_sql: The views with their comments; after the tables.
        internal_sql: Tables that are nobody's contract, with their comments, made where missing.
        migrations: Steps that lead here from version 1.
    """

    tables_sql: str
    views_sql: str
    internal_sql: str = ""
    migrations: tuple[Migration, ...] = ()

    @property
    def version(self) -> int:
        """The version of the tables and views; stored files of a higher one are refused."""
        return 1 + len(self.migrations)

    @cached_property
    def tables(self) -> Mapping[str, TableSpec]:
        """The result tables by name, in the order of the file."""
        return parse_tables(self.tables_sql)

    @cached_property
    def internal(self) -> Mapping[str, TableSpec]:
        """The internal tables by name, which begins with `_`."""
        return parse_tables(self.internal_sql)

    @cached_property
    def views(self) -> tuple[str, ...]:
        """Names of the views, in the order of the file."""
        return tuple(_VIEW.findall(self.views_sql))

    def steps(self, version: int | None) -> tuple[str, ...]:
        """The SQL that makes this schema out of a version, or out of nothing; none when it is there.

        Args:
            version: The version that is there; None makes everything.
        """
        if version is None:
            return (self.tables_sql, self.views_sql)
        if version >= self.version:
            return ()
        # a view may name what a step changes
        dropped = "".join(f"drop view if exists {name};\n" for name in reversed(self.views))
        pending = tuple(each.sql for each in self.migrations if each.version > version)
        return (dropped, *pending, self.views_sql)


def _shipped() -> Schema:
    folder = files("driftline") / "sql" / "results" / "migrations"
    steps = (
        {each.name: each.read_text("utf-8") for each in folder.iterdir()} if folder.is_dir() else {}
    )
    return Schema(
        _text("tables.sql"), _text("views.sql"), _text("internal.sql"), read_migrations(steps)
    )


SCHEMA: Final = _shipped()
"""The schema that this version of Driftline writes."""

TABLES_SQL: Final = SCHEMA.tables_sql
VIEWS_SQL: Final = SCHEMA.views_sql
TABLES: Final = SCHEMA.tables
VIEWS: Final = SCHEMA.views
SPECS: Final[Mapping[str, TableSpec]] = MappingProxyType({**TABLES, **SCHEMA.internal})
"""The result tables and the internal ones by name."""


def arrow_schema(table: str) -> pa.Schema:
    """The Arrow schema of a table of the store: string, int64, double, bool, timestamp[us], date32.

    Args:
        table: Name of the table.

    Raises:
        KeyError: When there is no such table.
    """
    import pyarrow as pa

    types = {
        "text": pa.string(),
        "bigint": pa.int64(),
        "double": pa.float64(),
        "boolean": pa.bool_(),
        "timestamp": pa.timestamp("us"),
        "date": pa.date32(),
        "blob": pa.binary(),
    }
    return pa.schema(
        [
            pa.field(column.name, types[column.type], nullable=column.nullable)
            for column in SPECS[table].columns
        ]
    )


def metric_id(
    monitor: str,
    signal: str,
    window_start: datetime,
    window_end: datetime,
    reference: str,
    segment: str,
    feature: str,
    metric: str,
) -> str:
    """The `metric_id` of a row: the same on every run, machine and engine.

    The first 32 hex digits of the SHA-256 of a JSON array in UTF-8: the eight key columns in this
    order, as strings, without spaces, non-ASCII characters as themselves, times as
    `2026-11-22T00:00:00.000000` in UTC. DuckDB gives the same with
    `left(sha256(to_json([monitor, signal, …])), 32)` over
    `strftime(window_start, '%Y-%m-%dT%H:%M:%S.%f')`.

    Args:
        monitor: Name of the monitor.
        signal: Name of the signal.
        window_start: Start of the production window; naive is UTC.
        window_end: End of the production window; naive is UTC.
        reference: Name of the reference, or `__all__`.
        segment: Name of the segment, or `__all__`.
        feature: Name of the feature, or `__all__`.
        metric: Name of the metric.
    """
    times = [
        naive_utc(each).isoformat(timespec="microseconds") for each in (window_start, window_end)
    ]
    key = [monitor, signal, *times, reference, segment, feature, metric]
    text = json.dumps(key, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def utc_now() -> datetime:
    """The time as the tables hold it: UTC, without zone."""
    return naive_utc(datetime.now(UTC))


def naive_utc(time: datetime) -> datetime:
    """The time in UTC without zone, as the tables hold it; naive times are UTC already."""
    return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def arrow_listing(table: str, rows: Sequence[Mapping[str, object]], *more: str) -> pa.Table:
    """Rows in the order they are in, in a result table's types; with more columns, of timestamps.

    Args:
        table: Name of the table.
        rows: Mappings with the table's columns, and those of `more`.
        more: Names of columns that the table does not have.
    """
    import pyarrow as pa

    found = pa.Table.from_pylist([dict(row) for row in rows], schema=arrow_schema(table))
    for name in more:
        found = found.append_column(name, pa.array([r[name] for r in rows], pa.timestamp("us")))
    return found


def arrow_rows(table: str, rows: Rows) -> pa.Table:
    """Rows in a result table's own columns and types, sorted by its key.

    Args:
        table: Name of the table.
        rows: Mappings with exactly the table's columns, or an Arrow table with them in any order;
            aware times become UTC.

    Raises:
        StoreError: When a column is missing, unknown, of another type, or null where it must not
            be; when two rows have the same key.
    """
    import pyarrow as pa

    spec = SPECS[table]
    schema = arrow_schema(table)
    if isinstance(rows, pa.Table):
        if sorted(rows.column_names) != sorted(spec.names):
            raise _wrong_names(spec, rows.column_names, "")
        arrays = [rows.column(name) for name in spec.names]
        made = _table(spec, schema, arrays)
        order = _order(spec, made)
        return made if order == list(range(made.num_rows)) else made.take(order)
    wanted = set(spec.names)
    for number, row in enumerate(rows, start=1):
        if row.keys() != wanted:
            raise _wrong_names(spec, list(row), f", row {number}")
    # the key alone tells the order: all else is put into columns once
    keys = {
        column.name: _cast(
            spec,
            column,
            _array(spec, column, [row[column.name] for row in rows], field.type),
            field.type,
        )
        for column, field in zip(spec.columns, schema, strict=True)
        if column.name in spec.key
    }
    order = _order(spec, pa.table(keys))
    told = _columns(spec, [rows[at] for at in order])
    arrays = [
        _array(spec, column, told[column.name], field.type)
        for column, field in zip(spec.columns, schema, strict=True)
    ]
    return _table(spec, schema, arrays, order)


def _columns(
    spec: TableSpec, rows: Sequence[Mapping[str, object]]
) -> Mapping[str, Sequence[object]]:
    """Rows as columns, by name."""
    named = [*rows[0]] if rows else []
    if rows and all([*row] == named for row in rows):
        # each row is looked at once: there may be a hundred thousand, far apart in memory
        return dict(zip(named, zip(*(row.values() for row in rows), strict=True), strict=True))
    return {name: [row[name] for row in rows] for name in spec.names}


def _table(
    spec: TableSpec, schema: pa.Schema, arrays: Sequence[Any], order: Sequence[int] | None = None
) -> pa.Table:
    """Columns in a table's own types; with the place at which each of their rows was given."""
    import pyarrow as pa

    columns = [
        _cast(spec, column, array, field.type, order)
        for column, array, field in zip(spec.columns, arrays, schema, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _wrong_names(spec: TableSpec, names: list[str], where: str) -> StoreError:
    missing = [name for name in spec.names if name not in names]
    unknown = [name for name in names if name not in spec.names]
    if missing:
        what = f"no column {_listed(missing)}"
    elif unknown:
        what = f"unknown column {_listed(unknown)}"
    else:
        what = "a column comes twice"
    return StoreError(f"table {spec.name}{where}: {what}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)


def _array(
    spec: TableSpec, column: ColumnSpec, values: Sequence[object], target: pa.DataType
) -> pa.Array:
    import pyarrow as pa

    # without a type, Arrow looks for one in every value, and for pandas and dateutil in every array
    own = {*map(type, values)} <= {_PYTHON.get(column.type), type(None)}
    try:
        return pa.array(values, target if own else None)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise StoreError(f"table {spec.name}, column {column.name!r}: {error}") from error


def _kind(kind: pa.DataType) -> str:
    import pyarrow as pa

    of = pa.types
    if of.is_dictionary(kind):
        return _kind(kind.value_type)
    tests = {
        "null": of.is_null,
        "string": lambda t: of.is_string(t) or of.is_large_string(t) or of.is_string_view(t),
        "integer": of.is_integer,
        "floating": of.is_floating,
        "decimal": of.is_decimal,
        "boolean": of.is_boolean,
        "timestamp": of.is_timestamp,
        "date": of.is_date,
        "binary": of.is_binary,
    }
    return next((name for name, is_kind in tests.items() if is_kind(kind)), str(kind))


def _cast(
    spec: TableSpec,
    column: ColumnSpec,
    array: Any,
    target: pa.DataType,
    order: Sequence[int] | None = None,
) -> Any:
    import pyarrow as pa

    where = f"table {spec.name}, column {column.name!r}"
    if not column.nullable and array.null_count:
        row = array.is_null().index(True).as_py()
        given = 1 + (row if order is None else order[row])
        raise StoreError(f"{where}: null in row {given}, but it is never null")
    kind = _kind(array.type)
    if kind not in ("null", *_KINDS[column.type]):
        raise StoreError(f"{where} is {column.type}, not {kind}")
    if kind == "null":
        return pa.nulls(len(array), target)
    if array.type == target:
        # a cast of nothing would import Arrow's functions: slow, and no run needs them otherwise
        return array
    try:
        # a whole number beyond 2^53 in a column of doubles is rounded, as SQL does
        return array.cast(target, safe=target != pa.float64())
    except pa.ArrowException as error:
        raise StoreError(f"{where}: {error}") from error


def _order(spec: TableSpec, rows: pa.Table) -> list[int]:
    """Which row comes first, second … by the key."""
    # most of a key is alike in all rows of a run
    varied = [
        name for name in spec.key if rows.num_rows and not is_throughout(rows[name], rows[name][0])
    ]
    keys = list(zip(*(rows[name].to_pylist() for name in varied), strict=True))
    keys = keys or [()] * rows.num_rows
    order = sorted(range(len(keys)), key=keys.__getitem__)
    for one, other in pairwise(order):
        if keys[one] == keys[other]:
            told = ", ".join(f"{name}={rows[name][one]}" for name in spec.key)
            raise StoreError(f"table {spec.name}: two rows have the key {told}")
    return order


def is_throughout(column: pa.ChunkedArray, value: pa.Scalar) -> bool:
    """Whether every row of a column is a value of its type."""
    import pyarrow as pa

    return bool(column.combine_chunks().equals(pa.repeat(value, len(column))))
