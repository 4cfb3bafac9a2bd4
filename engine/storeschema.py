"""Results in a schema of a warehouse.

Rows go into a table of their own first; what they replace is deleted and they are inserted in the same
transaction, which ends last, or in what a `Keeper` makes of one where the engine has none. No
transaction is open while a run measures.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from driftline.engine.ddl import container, internal_steps, steps
from driftline.engine.dialects import in_words, spelled_schema, steps_in
from driftline.engine.errors import StatementError, StoreError, WarehouseError
from driftline.engine.place import TAG, Params, Tables, stamp
from driftline.engine.results import SCHEMA, SPECS, Schema
from driftline.engine.storefile import scratch
from driftline.engine.warehouses import class_of, keeper_of
from driftline.engine.warehouses.base import InUse, Keeper

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from driftline.engine.project import Connection

_ARRIVING: Final = "driftline_rows"
_NAMES: Final = frozenset({*SCHEMA.tables, *SCHEMA.views, *SCHEMA.internal})


class ResultsSchema:
    """The schema: a `Place`.

    Args:
        connection: How to reach it; of a type that keeps results in transactions.
        schema: Its name, exactly as it is stored.
    """

    elsewhere = (
        "Name another schema in the project: `results: {connection: same, schema: NAME}`,"
        " or a file: `results: {to: FILE}`."
    )
    migrates = False

    def __init__(self, connection: Connection, schema: str) -> None:
        self.name = f"schema {schema} in {connection.type}"
        self._connection = connection
        self._schema = schema
        self._spelled = spelled_schema(schema)
        found = class_of(connection.type)
        assert found is not None
        assert found.keeps is not None
        self._longest = found.keeps.longest_text
        self.made_at_once = found.keeps.made_at_once
        self.creation: tuple[str, ...] = (f"{container(connection.type, self._spelled)};",)
        # connecting takes longer than most of what is done then
        self._idle: list[Keeper] = []
        weakref.finalize(self, _close, self._idle)

    def is_there(self) -> bool:
        return True

    @contextmanager
    def reading(self, *, wait_seconds: float, tag: str = TAG) -> Iterator[Tables]:
        with self._opened(wait_seconds, tag, writes=False) as keeper:
            yield SchemaTables(keeper, self._connection.type, self._longest)
            keeper.end()

    @contextmanager
    def writing(self, *, wait_seconds: float, tag: str = TAG) -> Iterator[Tables]:
        with self._opened(wait_seconds, tag, writes=True) as keeper:
            keeper.create_schema()
            yield SchemaTables(keeper, self._connection.type, self._longest)
            keeper.commit()

    def before_a_run(self, *, wait_seconds: float) -> None:
        with self._opened(wait_seconds, TAG, writes=False) as keeper:
            lacking = keeper.lacking(_NAMES, writes=True)
            keeper.end()
        if lacking:
            raise StoreError(f"{self.name} may not be written to", hint=_to_ask(lacking))

    def check_writable(self, *, wait_seconds: float) -> str:
        self.before_a_run(wait_seconds=wait_seconds)
        return "may be written to"

    def steps(self, schema: Schema, version: int | None, now: datetime) -> tuple[str, ...]:
        dialect = self._connection.type
        found = steps(schema, version, dialect, self._spelled)
        if not found:
            return ()
        stamped = steps_in(stamp(schema, now), dialect, schema.tables, self._spelled)
        return tuple(f"{each};" for each in (*found, *stamped))

    def internal_steps(self, schema: Schema) -> tuple[str, ...]:
        return internal_steps(schema, self._connection.type, self._spelled)

    @contextmanager
    def _opened(self, wait_seconds: float, tag: str, *, writes: bool) -> Iterator[Keeper]:
        doing = "write to" if writes else "read"
        try:
            keeper = self._begun(wait_seconds, tag, writes=writes)
            try:
                yield keeper
            except BaseException:
                keeper.close()
                raise
            self._idle.append(keeper)
        except InUse as error:
            raise StoreError(
                f"{self.name} is in use by {error.message}",
                hint="Another run writes its results: retry when it is done.",
            ) from error
        except StatementError as error:
            hint = self._asking(writes=writes) or error.hint
            raise StoreError(f"cannot {doing} {self.name}: {error.message}", hint=hint) from error
        except WarehouseError as error:
            what = f"cannot {doing} {self.name}: {error.message}"
            raise StoreError(what, hint=error.hint) from error

    def _begun(self, wait_seconds: float, tag: str, *, writes: bool) -> Keeper:
        """A session in a new transaction: one that is idle, unless it was lost, else a new one."""
        while True:
            is_new = not self._idle
            keeper = self._new() if is_new else self._idle.pop()
            try:
                keeper.begin(writes=writes, wait_seconds=wait_seconds, tag=tag)
            except BaseException as error:
                keeper.close()
                lost = isinstance(error, WarehouseError) and not isinstance(
                    error, InUse | StatementError
                )
                if is_new or not lost:
                    raise
            else:
                return keeper

    def _new(self) -> Keeper:
        return keeper_of(self._connection.type)(self._connection.options, self._schema)

    def _asking(self, *, writes: bool) -> str | None:
        """What to ask for after a statement was refused; None where nothing is lacking."""
        try:
            with self._opened(0, TAG, writes=False) as keeper:
                lacking = keeper.lacking(_NAMES, writes=writes)
                keeper.end()
        except StoreError:
            return None
        return _to_ask(lacking) if lacking else None


def _close(idle: list[Keeper]) -> None:
    while idle:
        idle.pop().close()


def _to_ask(lacking: Iterable[str]) -> str:
    return f"ask for it: {'; '.join(lacking)}"


class SchemaTables:
    """The tables of an opened schema: `Tables` in the words of its dialect."""

    def __init__(self, keeper: Keeper, dialect: str, longest: int | None = None) -> None:
        self._keeper = keeper
        self._dialect = dialect
        self._longest = longest

    def fetch(self, sql: str, params: Params = None) -> pa.Table:
        return _plain(self._keeper.fetch(in_words(sql, self._dialect, params or {}, reads=True)))

    def execute(self, sql: str, params: Params = None) -> None:
        self._keeper.execute(self._said(sql, params))

    def put(self, table: str, rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        key = SPECS[table].key
        columns = ", ".join(rows.column_names)
        with self._landed(table, rows) as landed:
            same = " and ".join(f"{landed}.{name} = {table}.{name}" for name in key)
            self.execute(f"delete from {table} using {landed} where {same}")
            self.execute(f"insert into {table} ({columns}) select {columns} from {landed}")

    def update(
        self, table: str, rows: pa.Table, *, same: Sequence[str], columns: Sequence[str]
    ) -> None:
        with self._landed(table, rows.select([*same, *columns])) as landed:
            assigned = ", ".join(f"{name} = {landed}.{name}" for name in columns)
            agree = " and ".join(f"{landed}.{name} = {table}.{name}" for name in same)
            self.execute(f"update {table} set {assigned} from {landed} where {agree}")

    def send(self, statement: str) -> None:
        self._keeper.make(statement.rstrip().rstrip(";"))

    def named(self, kind: Literal["table", "view"]) -> set[str]:
        found = self._keeper.relations().items()
        return {name for name, relation in found if relation.kind == kind}

    def columns(self, tables: Iterable[str]) -> Mapping[str, Sequence[str]]:
        found = self._keeper.relations()
        return {name: found[name].columns for name in tables}

    @contextmanager
    def in_duckdb(self) -> Iterator[tuple[duckdb.DuckDBPyConnection, Callable[[str], str]]]:
        con = scratch()

        def arriving(name: str) -> str:
            con.register(_ARRIVING, self._keeper.stream(self._said(f"select * from {name}", None)))
            return _ARRIVING

        try:
            yield con, arriving
        finally:
            con.close()

    def _said(self, sql: str, params: Params) -> str:
        return in_words(sql, self._dialect, params or {})

    @contextmanager
    def _landed(self, table: str, rows: pa.Table) -> Iterator[str]:
        """The name that statements find rows by, for the length of the block."""
        name = self._keeper.land(table, _shortened(rows, self._longest))
        yield name
        self._keeper.lift(name)


def _shortened(rows: pa.Table, longest: int | None) -> pa.Table:
    """Rows whose texts have so many bytes at most."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if longest is None:
        return rows
    for at, field in enumerate(rows.schema):
        if not pa.types.is_string(field.type):
            continue
        most = pc.max(pc.binary_length(rows[at])).as_py()
        if most is not None and most > longest:
            short = [
                None if text is None else text.encode()[:longest].decode(errors="ignore")
                for text in rows[at].to_pylist()
            ]
            rows = rows.set_column(at, field, pa.chunked_array([short], field.type))
    return rows


def _plain(rows: Any) -> Any:
    """An Arrow table without what a driver tells of its columns' own types."""
    import pyarrow as pa

    fields = [field.remove_metadata() for field in rows.schema]
    return pa.Table.from_arrays(rows.columns, schema=pa.schema(fields))
