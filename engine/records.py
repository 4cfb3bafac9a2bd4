"""Rows as services log them, and the one type that each of their columns gets.

A column's kind is the narrowest that holds all its values, whatever their order: kinds widen along

    null < bool, int < wide, int < float, date, time; any other two are text.

`wide` is a whole number that a double would round, so it never becomes one. What becomes text is spelled
the same from whichever kind it comes, so that rows do not depend on what was read first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

if TYPE_CHECKING:
    import pyarrow as pa

Kind: TypeAlias = Literal["null", "bool", "int", "wide", "float", "date", "time", "text"]
Row: TypeAlias = Mapping[str, object]

# Beyond it doubles skip whole numbers.
EXACT: Final = 2**53
_INT64: Final = 2**63
_WIDER: Final[Mapping[frozenset[Kind], Kind]] = {
    frozenset[Kind](("int", "wide")): "wide",
    frozenset[Kind](("int", "float")): "float",
}
_KINDS: Final[Mapping[type, Kind]] = {
    bool: "bool",
    int: "int",
    float: "float",
    date: "date",
    datetime: "time",
    str: "text",
}


def wider(one: Kind, other: Kind) -> Kind:
    """The narrowest kind that holds values of both."""
    if other in (one, "null"):
        return one
    if one == "null":
        return other
    return _WIDER.get(frozenset((one, other)), "text")


class Columns:
    """Rows by column, all columns of one length."""

    def __init__(self) -> None:
        self.values: dict[str, list[object]] = {}
        self.count = 0

    def add(self, row: Row) -> None:
        """Add a row; a column that it lacks is null there."""
        count = self.count
        for name, value in row.items():
            column = self.values.get(name)
            if column is None:
                column = self.values[name] = []
            if len(column) < count:
                column.extend([None] * (count - len(column)))
            column.append(value)
        self.count = count + 1

    def settled(self) -> tuple[dict[str, list[object]], dict[str, Kind]]:
        """Values that Arrow has a type for, and the kind of each column."""
        columns, kinds = {}, {}
        for name, values in self.values.items():
            padded = values + [None] * (self.count - len(values))
            columns[name], kinds[name] = settle(padded)
        return columns, kinds


def settle(values: list[object]) -> tuple[list[object], Kind]:
    """Values that Arrow has a type for, nested ones as JSON, and their kind."""
    types = set(map(type, values)) - {type(None)}
    if not types <= _KINDS.keys():
        values = [plain(value) for value in values]
        types = set(map(type, values)) - {type(None)}
    kind: Kind = "null"
    for each in types:
        kind = wider(kind, _KINDS[each])
    if int in types:
        whole = [value for value in values if type(value) is int]
        low, high = min(whole), max(whole)
        if low < -_INT64 or high >= _INT64:
            kind = "text"
        elif low < -EXACT or high > EXACT:
            kind = wider(kind, "wide")
    return values, kind


def plain(value: Any) -> object:
    """A value as one of the kinds; nested ones are JSON text, scalars of other libraries Python's."""
    if value is None or type(value) in _KINDS:
        return value
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_as_json)
    # what pandas has for nothing
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, datetime):
        return datetime.combine(datetime.date(value), datetime.timetz(value))
    for base in (str, float, int):
        if isinstance(value, base):
            return base(value)
    # scalars and arrays of NumPy
    unboxed = value.tolist() if hasattr(value, "tolist") else value
    if type(unboxed) is not type(value):
        return plain(unboxed)
    return str(value)


def _as_json(value: object) -> object:
    found = plain(value)
    return found if found is None or isinstance(found, str | int | float) else str(found)


def spell(value: object) -> str:
    """A value as text: `true`, `1` for 1 and 1.0, a moment in ISO 8601 and UTC."""
    match value:
        case bool():
            return str(value).lower()
        case float() if abs(value) < EXACT and value.is_integer():
            return str(int(value))
        case float():
            return repr(value)
        case datetime():
            return f"{utc(value).replace(tzinfo=None).isoformat()}Z"
        case date():
            return value.isoformat()
    return str(value)


def utc(moment: datetime) -> datetime:
    """A moment in UTC; one without a zone is taken for UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def arrow_type(kind: Kind) -> pa.DataType:
    """The Arrow type of a kind; of nothing but nulls, text."""
    import pyarrow as pa

    types: Mapping[Kind, pa.DataType] = {
        "bool": pa.bool_(),
        "int": pa.int64(),
        "wide": pa.int64(),
        "float": pa.float64(),
        "date": pa.date32(),
        "time": pa.timestamp("us", tz="UTC"),
    }
    return types.get(kind, pa.string())


def array(values: Sequence[object], kind: Kind) -> pa.Array:
    """Values as an Arrow array of a kind that is as wide as theirs, or wider.

    Raises:
        UnicodeEncodeError: For a text with half a surrogate pair.
    """
    import pyarrow as pa

    type_ = arrow_type(kind)
    convert: Mapping[Kind, Any] = {"float": float, "time": utc, "text": spell}
    if kind in convert:
        values = [None if value is None else convert[kind](value) for value in values]
    return pa.array(values, type_)


def schema_of(kinds: Mapping[str, Kind]) -> pa.Schema:
    """The Arrow schema of columns of these kinds."""
    import pyarrow as pa

    return pa.schema([(name, arrow_type(kind)) for name, kind in kinds.items()])


def write_parquet(
    file: Path, columns: Mapping[str, Sequence[object]], kinds: Mapping[str, Kind], count: int
) -> None:
    """Write rows to a Parquet file.

    Args:
        file: The file.
        columns: Values by name, as `settle` leaves them.
        kinds: The columns that the file has, each as wide as its values or wider; one without values is
            null.
        count: How many rows there are.

    Raises:
        OSError: When it cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = [
        array(columns[name], kind) if name in columns else pa.nulls(count, arrow_type(kind))
        for name, kind in kinds.items()
    ]
    table = pa.Table.from_arrays(arrays, schema=schema_of(kinds))
    pq.write_table(table, file, compression="zstd")


def rows_of(data: object) -> Iterator[Row]:
    """The rows of logged data, in whichever way it is oriented.

    A list holds a row an element: an object, or the value of a column `data`. An object is columns where
    all its values are lists of one length, or objects with the keys 0, 1, …; the parts of pandas' `split`;
    else a row. Text is JSON, else the value of a column `data`.
    """
    if isinstance(data, str):
        try:
            inner = json.loads(data)
        except (ValueError, RecursionError):
            inner = None
        data = inner if isinstance(inner, list | dict) else [data]
    if isinstance(data, dict):
        yield from _rows_of_object(data)
        return
    for row in data if isinstance(data, list | tuple) else [data]:
        yield row if isinstance(row, dict) else {"data": row}


def _rows_of_object(data: dict[str, Any]) -> Iterator[Row]:
    values = list(data.values())
    if data.keys() - {"index"} == {"columns", "data"} and all(
        isinstance(each, list) for each in values
    ):
        names = [spell(name) for name in data["columns"]]
        for row in data["data"]:
            yield dict(zip(names, row, strict=True)) if isinstance(row, list) else {"data": row}
    elif (columns := _columns(values)) is not None:
        for row in zip(*columns, strict=True):
            yield dict(zip(data, row, strict=True))
    else:
        yield data


def _columns(values: list[Any]) -> list[list[Any]] | None:
    """The values of each column, where all are lists of one length or objects numbered alike."""
    columns = [list(each.values()) if _is_numbered(each) else each for each in values]
    lengths = {len(each) if isinstance(each, list) else None for each in columns}
    return columns if len(lengths) == 1 and None not in lengths else None


def _is_numbered(value: object) -> bool:
    return isinstance(value, dict) and [*value] == [str(k) for k in range(len(value))] != []
