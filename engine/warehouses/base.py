"""What every warehouse offers the pipeline, and the small values that pass between them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeVar

from driftline.engine.errors import WarehouseError
from driftline.engine.project import Source

if TYPE_CHECKING:
    import pyarrow as pa

Answer = TypeVar("Answer")

# Seconds after which Ctrl-C is heard at the latest.
_HEARD_AFTER: Final = 0.2

Kind = Literal[
    "integer", "float", "decimal", "text", "boolean", "date", "timestamp", "timestamptz", "other"
]

NUMBERS: Final[frozenset[str]] = frozenset({"integer", "float", "decimal"})
MOMENTS: Final[frozenset[str]] = frozenset({"date", "timestamp", "timestamptz"})


@dataclass(frozen=True)
class Column:
    """A column of a source: its exact name, the warehouse's type, and the kind that decides its use.

    `join` is the name of the join that brings it; None for a source's own. `unbounded` where the
    engine's values of the kind may also be infinite, or NaN.
    """

    name: str
    type: str
    kind: Kind
    join: str | None = None
    unbounded: bool = False

    @property
    def floating(self) -> bool:
        """Whether a value may be NaN or infinite."""
        return self.kind == "float" or self.unbounded


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

    def fetch(self, warehouse: Warehouse, statement: Statement) -> pa.Table:
        """Run a SELECT and note how it went.

        Raises:
            WarehouseError: When the warehouse refuses it.
        """
        return self._noted(warehouse, statement, warehouse.fetch, lambda table: table.num_rows)

    def execute(self, warehouse: Warehouse, statement: Statement) -> None:
        """Run a statement for its effect and note how it went.

        Raises:
            WarehouseError: When the warehouse refuses it.
        """
        self._noted(warehouse, statement, warehouse.execute, lambda _: None)

    def _noted(
        self,
        warehouse: Warehouse,
        statement: Statement,
        send: Callable[[str], Answer],
        count: Callable[[Answer], int | None],
    ) -> Answer:
        started = time.perf_counter()
        rows: int | None = None
        message: str | None = None
        try:
            answer = send(statement.sql)
            rows = count(answer)
        except WarehouseError as error:
            message = error.message
            raise
        finally:
            self.sent.append(
                Sent(
                    statement.step,
                    len(self.sent) + 1,
                    warehouse.dialect,
                    statement.sql,
                    rows,
                    time.perf_counter() - started,
                    message,
                )
            )
        return answer


@dataclass(frozen=True)
class About:
    """What an open session tells of itself.

    Attributes:
        version: Of the engine.
        time_zone: Of the session.
        where: What is connected to, without secrets.
        more: Anything else worth a word.
    """

    version: str
    time_zone: str
    where: str
    more: tuple[str, ...] = ()


def kind_in(kinds: Iterable[tuple[str, Kind]], native: str) -> Kind:
    """The kind of an engine's name of a type, by the first pattern that is all of it; else `other`."""
    for pattern, kind in kinds:
        if re.fullmatch(pattern, native, flags=re.IGNORECASE | re.DOTALL):
            return kind
    return "other"


def lacking(type_: str, package: str, extra: str | None = None) -> WarehouseError:
    """What to raise where a package that a type of connection needs is not installed.

    Args:
        type_: Of the connection.
        package: What is missing.
        extra: Of ours, what brings it; the type when omitted.
    """
    return WarehouseError(
        f"a connection of type {type_} needs the package {package}, which is not installed",
        hint=f"pip install 'driftline[{extra or type_}]'",
    )


def lost(name: str, said: str, sql: str) -> WarehouseError:
    """What to raise about a statement where no other will do better.

    Args:
        name: Of the engine.
        said: By it or by its driver, without secrets.
        sql: The statement.
    """
    return WarehouseError(
        f"the connection to {name} was lost: {said}",
        sql=sql,
        hint="nothing of this run is stored: run again",
    )


def tablesample(relation: str, percent: float) -> str:
    """The sample of a table that DuckDB's dialect has a clause for."""
    return f"{relation} tablesample system ({percent:.6g} percent) repeatable (42)"


def stoppable(
    work: Callable[[], Answer], interrupt: Callable[[], object], *, seconds: float | None = None
) -> Answer:
    """Do something that Ctrl-C is to end.

    Drivers hear no signal, or keep it to themselves, while they work for the main thread: another one
    waits for them.

    Args:
        work: Is done in another thread.
        interrupt: Makes it end soon.
        seconds: How long it may take.

    Raises:
        TimeoutError: When it took longer.
    """
    started = time.perf_counter()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(work)
        try:
            # some drivers leave signals behind that end no wait
            while not wait([answer], timeout=_HEARD_AFTER).done:
                if seconds is not None and time.perf_counter() - started > seconds:
                    interrupt()
                    raise TimeoutError
            return answer.result()
        except KeyboardInterrupt:
            interrupt()
            raise


@dataclass(frozen=True)
class Keeps:
    """How an engine keeps result tables.

    Attributes:
        replace: How old rows make way for new ones, all or none. `file`: the database is a file that
            one writer at a time has open. `transaction`: a session deletes and inserts, then commits.
            `marks`: nothing is deleted that readers see; one row that is written last makes what is new
            there and what is old gone.
        longest_name: Bytes that a name may have, longer ones would be cut; None where all are kept.
        longest_text: Bytes that a text may have, longer ones are cut; None where all are kept.
        made_at_once: Whether tables are made, and brought forward, all or none. Else what was cut off is
            done again, from its beginning.
    """

    replace: Literal["file", "transaction", "marks"]
    longest_name: int | None = None
    longest_text: int | None = None
    made_at_once: bool = True


class InUse(WarehouseError):
    """Someone else writes results for longer than one is willing to wait; the message names them."""


class Keeper(Protocol):
    """A session over the schema of the result tables; names stand for those in it.

    It is used for one transaction after another, each from `begin` to `commit` or `end`.
    """

    def __init__(self, options: Mapping[str, object], schema: str) -> None:
        """Connect.

        Args:
            options: Keys of a `connection` of its type.
            schema: The schema of the tables.

        Raises:
            WarehouseError: When the engine cannot be reached.
        """
        ...

    def begin(self, *, writes: bool, wait_seconds: float, tag: str) -> None:
        """Begin a transaction.

        Args:
            writes: Whether it writes, which one session at a time does.
            wait_seconds: How long to wait for another that writes; 0 or more.
            tag: What its statements are searched by in the engine's log.

        Raises:
            InUse: When another session keeps writing.
            WarehouseError: When the engine refuses.
        """
        ...

    def relations(self) -> Mapping[str, Relation]:
        """The tables and views of the schema by name, as they are now."""
        ...

    def create_schema(self) -> None:
        """Make the schema where there is none.

        Raises:
            WarehouseError: When that is not allowed.
        """
        ...

    def fetch(self, sql: str) -> pa.Table:
        """Run one SELECT.

        Raises:
            WarehouseError: When the engine refuses it.
        """
        ...

    def stream(self, sql: str) -> pa.RecordBatchReader:
        """Run one SELECT whose rows are read bit by bit, all of them before the next statement.

        Raises:
            WarehouseError: When the engine refuses it.
        """
        ...

    def execute(self, sql: str) -> None:
        """Run one statement for its effect.

        Raises:
            WarehouseError: When the engine refuses it.
        """
        ...

    def make(self, sql: str) -> None:
        """Run one statement that makes or changes tables; an engine may keep it at once.

        Raises:
            WarehouseError: When the engine refuses it.
        """
        ...

    def land(self, table: str, rows: pa.Table) -> str:
        """Put rows, which have columns of a table, where statements find them; returns its name.

        Raises:
            WarehouseError: When the engine refuses it.
        """
        ...

    def lift(self, name: str) -> None:
        """Forget the rows that landed somewhere.

        Raises:
            WarehouseError: When the engine refuses it.
        """
        ...

    def lacking(self, names: Collection[str], *, writes: bool) -> tuple[str, ...]:
        """Statements that would give the session's user what it lacks to read, or write, results.

        Args:
            names: The tables and views of results; who writes makes those that are missing.
            writes: Whether it is to write.

        Raises:
            WarehouseError: When the engine does not answer.
        """
        ...

    def commit(self) -> None:
        """Keep what was done, and end the transaction.

        Raises:
            WarehouseError: When the engine refuses, or is lost: then it is kept whole or not at all.
        """
        ...

    def end(self) -> None:
        """End a transaction that only read.

        Raises:
            WarehouseError: When the engine is lost.
        """
        ...

    def close(self) -> None:
        """Give everything back; what was not kept is undone."""
        ...


@dataclass(frozen=True)
class Relation:
    """A table or a view, and its columns in order."""

    kind: Literal["table", "view"]
    columns: tuple[str, ...]


class Warehouse(Protocol):
    """Where the tables live. What an engine can do is declared by its class, known without a session.

    Attributes:
        dialect: sqlglot's name of its SQL.
        keeps_bounds: A column's min and max over a whole table cost no scan.
        keeps_rows: A statement may leave a temporary table that later ones read.
        keeps: How it keeps result tables; None where it does not.
        draws: A condition, as templates have it, that is true of about `{share}` of the rows and of the
            same ones each time; empty where `sampled` is asked instead.
        most_cells: In about how many fine bins, of all columns together, a side is counted where
            fetching rows is dear; what they leave open the engine then settles itself. None where
            rows are cheap: bins are finer, and what they leave open is read.
        ranks_nan: The largest value of a column is NaN where it has any, so that finite bounds tell
            that all its values are finite.
    """

    dialect: str
    keeps_bounds: bool
    keeps_rows: bool
    keeps: Keeps | None
    draws: str
    most_cells: int | None
    ranks_nan: bool

    def __init__(self, options: Mapping[str, object]) -> None:
        """Open a session by the keys of a `connection` of its type.

        Raises:
            WarehouseError: When it cannot be reached.
        """
        ...

    @staticmethod
    def column(name: str, native: str) -> Column:
        """A column of a type by the engine's name of it; types of no kind are `other`."""
        ...

    def about(self) -> About:
        """What the session tells of itself.

        Raises:
            WarehouseError: When it does not answer.
        """
        ...

    def estimated_rows(self, source: Source) -> int | None:
        """About how many rows a table has, as far as that costs no scan; None where nobody can tell."""
        ...

    def columns(self, source: Source) -> tuple[Column, ...]:
        """Columns of a source, in order.

        Raises:
            SourceError: When it is missing or unreadable.
        """
        ...

    def relation(self, source: Source) -> str:
        """What stands after FROM to read a source."""
        ...

    def sampled(self, relation: str, percent: float) -> str:
        """What stands after FROM to read about such a share of a table, the same rows each time.

        Rows may come in runs: what a sample decides is how fast a run is, never what it finds.

        Args:
            relation: What stands after FROM to read all of it; not a query.
            percent: Above 0, below 100.
        """
        ...

    def fingerprint(self, source: Source) -> str | None:
        """A hash that changes when the files of a source do; None where nobody can tell."""
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

    def let_go(self) -> None:
        """Give up, until the next statement, what keeps others from writing to what is read."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...
