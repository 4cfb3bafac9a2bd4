"""What a table holds, as far as counts tell: one statement, one row, no rows of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from driftline.engine.render import facts
from driftline.engine.warehouses.base import Column, Kind

if TYPE_CHECKING:
    from driftline.engine.project import Source
    from driftline.engine.warehouses.base import Warehouse

_COUNTS: Final = ("filled", "distinct", "days", "times")
_FACTS: Final = (*_COUNTS, "low", "high", "least")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Fact:
    """What is known of one column.

    Attributes:
        column: Its name, type and kind.
        filled: Rows that have a value; NaN is none.
        distinct: Distinct values of a text or whole-number column; 0 for others.
        low, high: Smallest and largest finite number, 1 for true; of moments, seconds since 1970 in
            UTC; None where there is none.
        least: The first text in the alphabet, or None.
        days: Days that moments are of; 0 for others.
        times: Texts that say a date or a time.
    """

    column: Column
    filled: int
    distinct: int
    low: float | None
    high: float | None
    least: str | None
    days: int
    times: int

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column.name

    @property
    def kind(self) -> Kind:
        """The column's kind."""
        return self.column.kind

    @property
    def first_at(self) -> datetime | None:
        """The earliest moment, in UTC."""
        return _moment(self.low)

    @property
    def last_at(self) -> datetime | None:
        """The latest moment, in UTC."""
        return _moment(self.high)


@dataclass(frozen=True)
class Table:
    """What is known of a table.

    Attributes:
        rows: How many there are.
        columns: All of its columns, in order.
        facts: What is known of those asked about, by name.
    """

    rows: int
    columns: tuple[Column, ...]
    facts: Mapping[str, Fact]


def look_at(
    warehouse: Warehouse, source: Source, *, only: Sequence[str] | None = None, tag: str
) -> Table:
    """Ask for the facts of a table.

    Args:
        warehouse: Where it is.
        source: Which it is.
        only: The columns asked about; None is all. Those the table lacks are passed over.
        tag: Text of the comment that opens the statement; `{step}` is replaced.

    Raises:
        SourceError: When it is missing or unreadable.
        WarehouseError: When the warehouse refuses the statement.
    """
    columns = warehouse.columns(source)
    asked = [column for column in columns if only is None or column.name in only]
    relation = warehouse.relation(source)
    statement = facts(relation, asked, dialect=warehouse.dialect, tag=tag)
    (row,) = warehouse.fetch(statement.sql).to_pylist()
    found = {}
    for place, column in enumerate(asked):
        told = {name: row.get(f"{name}_{place}") for name in _FACTS}
        counts = {name: told[name] or 0 for name in _COUNTS}
        found[column.name] = Fact(column, **{**told, **counts})
    return Table(row["row_count"], columns, found)


def _moment(seconds: float | None) -> datetime | None:
    """Seconds since 1970 as a moment; None where the calendar has none, as for infinity."""
    try:
        return None if seconds is None else _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return None
