"""What every warehouse offers the pipeline, and the small values that pass between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol

from driftline.engine.project import Source

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal[
    "integer", "float", "decimal", "text", "boolean", "date", "timestamp", "timestamptz", "other"
]

NUMBERS: Final[frozenset[str]] = frozenset({"integer", "float", "decimal"})
MOMENTS: Final[frozenset[str]] = frozenset({"date", "timestamp", "timestamptz"})


@dataclass(frozen=True)
class Column:
    """A column of a source: its exact name, the warehouse's type, and the kind that decides its use.

    `join` is the name of the join that brings it; None for a source's own.
    """

    name: str
    type: str
    kind: Kind
    join: str | None = None


@dataclass(frozen=True)
class Statement:
    """One SELECT of a run.

    Attributes:
        step: What it fetches, the name of its relation.
        sql: The text as sent.
        features: Ids of the features it reads, in the order of its branches; empty for whole scans.
    """

    step: str
    sql: str
    features: tuple[int, ...] = ()


@dataclass(frozen=True)
class Sent:
    """A statement that was sent, and how it went; a row of `statements`."""

    step: str
    sequence: int
    dialect: str
    sql: str
    rows_returned: int | None
    seconds: float
    error: str | None


@dataclass
class Ledger:
    """Statements sent so far, in order."""

    sent: list[Sent] = field(default_factory=list)

    def add(
        self,
        statement: Statement,
        dialect: str,
        rows: int | None,
        seconds: float,
        error: str | None,
    ) -> None:
        """Note one statement."""
        number = len(self.sent) + 1
        self.sent.append(Sent(statement.step, number, dialect, statement.sql, rows, seconds, error))


class Warehouse(Protocol):
    """Where the tables live.

    Attributes:
        dialect: sqlglot's name of its SQL.
        keeps_bounds: A column's min and max over a whole table cost no scan.
        keeps_rows: A statement may leave a temporary table that later ones read.
    """

    dialect: str
    keeps_bounds: bool
    keeps_rows: bool

    def columns(self, source: Source) -> tuple[Column, ...]:
        """Columns of a source, in order.

        Raises:
            SourceError: When it is missing or unreadable.
        """
        ...

    def relation(self, source: Source) -> str:
        """What stands after FROM to read a source."""
        ...

    def fetch(self, sql: str) -> pa.Table:
        """Run one SELECT.

        Raises:
            WarehouseError: When the warehouse refuses it.
        """
        ...

    def execute(self, sql: str) -> None:
        """Run one statement for its effect on the session.

        Raises:
            WarehouseError: When the warehouse refuses it.
        """
        ...

    def close(self) -> None:
        """Give everything back."""
        ...
