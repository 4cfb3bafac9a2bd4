"""ClickHouse: a server that is asked over HTTP, or its engine inside this process."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from driftline.engine.ddl import kept_in
from driftline.engine.dialects import spelled
from driftline.engine.errors import SourceError, StatementError, WarehouseError
from driftline.engine.interpolate import mask
from driftline.engine.project import Source
from driftline.engine.results import SPECS
from driftline.engine.sqltext import as_sql
from driftline.engine.warehouses.base import (
    About,
    Column,
    Keeps,
    Kind,
    kind_in,
    lacking,
    lost,
    stoppable,
)
from driftline.engine.warehouses.marks import LANDED, MarkingKeeper, deletions

if TYPE_CHECKING:
    import pyarrow as pa

# https://clickhouse.com/docs/sql-reference/data-types, and the short names that project files may use
_KINDS: Final[tuple[tuple[str, Kind], ...]] = (
    (r"U?Int(8|16|32|64|128|256)|(tiny|small|big)?int|integer", "integer"),
    (r"B?Float(16|32|64)|float|double( precision)?|real", "float"),
    (r"(Decimal(32|64|128|256)?|numeric)(\(.*\))?", "decimal"),
    (r"(String|FixedString|Enum(8|16)?|UUID|text|(var)?char)(\(.*\))?", "text"),
    (r"Bool(ean)?", "boolean"),
    (r"Date(32)?", "date"),
    (r"DateTime(32)?|DateTime64\(\d\)|timestamp", "timestamp"),
    (r"DateTime(32)?\('.*'\)|DateTime64\(\d, *'.*'\)|timestamptz", "timestamptz"),
)
# Around a type, and no part of what its values are.
_AROUND: Final = re.compile(r"(?:Nullable|LowCardinality)\((.*)\)", re.DOTALL)

# What makes ClickHouse answer as other engines do.
# https://clickhouse.com/docs/operations/settings/settings
_ANSWERS: Final[Mapping[str, object]] = {
    # a name means a column before it means an alias
    "prefer_column_name_to_alias": 1,
    # what has no partner is null, and so is what is made of no rows
    "join_use_nulls": 1,
    "aggregate_functions_null_for_empty": 1,
    "session_timezone": "UTC",
}
# For bins that are asked for by the thousand, and hundreds of columns.
_LIMITS: Final[Mapping[str, object]] = {
    "max_query_size": 100_000_000,
    "max_ast_elements": 10_000_000,
    "max_expanded_ast_elements": 10_000_000,
    "max_ast_depth": 100_000,
    "query_plan_max_optimizations_to_apply": 10_000_000,
}

# What to do about an error, by its code.
# https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp
_HINTS: Final[Mapping[int, str]] = {
    497: "ask for it: grant select on the table",
    159: "raise connection.statement_timeout, or look at a shorter window",
    241: "the server is short of memory: try again when it is less busy, or raise max_memory_usage",
    202: "the server is busy: try again later",
}
_MISSING: Final = frozenset({60, 81})


def _bare(native: str) -> str:
    """A type without what may be around it."""
    while (found := _AROUND.fullmatch(native)) is not None:
        native = found[1]
    return native


def kind_of(native: str) -> Kind:
    """The kind of a ClickHouse type name; types without one (arrays, maps, JSON) are `other`."""
    return kind_in(_KINDS, _bare(native))


class ClickHouse:
    """A session of a ClickHouse server, or of the engine in this process over a folder.

    A session is no transaction: rows that arrive while a run lasts may be seen by its later statements.
    """

    dialect = "clickhouse"
    # the least and largest value of a column are read, as others are
    keeps_bounds = False
    # a temporary table belongs to a session of the server's, which balancers of load do not keep
    keeps_rows = False
    draws = ""
    most_cells = None
    ranks_nan = False
    # nothing replaces the rows of several tables at once
    keeps: Keeps | None = Keeps("marks", made_at_once=False)

    def __init__(self, options: Mapping[str, object]) -> None:
        """Connect.

        Args:
            options: Keys of a `connection` of type clickhouse.

        Raises:
            WarehouseError: When a package is missing, the server cannot be reached or refuses.
        """
        self._options = options
        self._path = options.get("path")
        self._secrets = frozenset({str(options.get("password", ""))} - {""})
        self._in_parts: set[str] = set()
        try:
            from clickhouse_connect.driver.exceptions import ClickHouseError
        except ImportError:
            raise lacking("clickhouse", "clickhouse-connect") from None
        # what goes wrong is told by exceptions
        logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())
        self._errors: tuple[type[Exception], ...] = (ClickHouseError, OSError)
        self._client = self._connect()
        (row,) = self.fetch(
            "select currentUser() as user, hostName() as host, currentDatabase() as database"
        ).to_pylist()
        self.user = str(row["user"])
        place = f"the folder {self._path}" if self._path else f"{row['user']} at {row['host']}"
        self._where = f"{place}, database {row['database']}"

    def _connect(self) -> Any:
        import clickhouse_connect

        try:
            client = clickhouse_connect.get_client(**self._arguments())
        except ImportError:
            raise lacking("clickhouse", "chdb", "chdb") from None
        except self._errors as error:
            raise WarehouseError(
                f"cannot connect to ClickHouse: {self._said(error)}",
                hint="check the keys of connection: host, port, user, password, database, secure",
            ) from error
        try:
            self._settle(client)
        except self._errors as error:
            client.close()
            raise WarehouseError(
                f"ClickHouse lets this user change no settings: {self._said(error)}",
                hint="give its profile readonly = 2, or: alter user … settings "
                + ", ".join(f"{name} = {as_sql(value)}" for name, value in _ANSWERS.items()),
            ) from error
        return client

    def _arguments(self) -> dict[str, Any]:
        """What the driver connects by."""
        told = self._options
        if self._path:
            return {"interface": "chdb", "path": str(self._path), **_given(told, "database")}
        return {
            "host": told.get("host", "localhost"),
            "username": told.get("user", "default"),
            "password": told.get("password", ""),
            "connect_timeout": told.get("connect_timeout", 10),
            # a statement takes as long as it takes
            "send_receive_timeout": told.get("statement_timeout", 24 * 3600),
            "client_name": "driftline",
            # statements of one session would wait for each other
            "autogenerate_session_id": False,
            **_given(told, "port", "database", "secure", "verify", "ca_cert"),
        }

    def _settle(self, client: Any) -> None:
        """Make statements answer as they should, whoever connects."""
        needed = dict(_ANSWERS)
        if "statement_timeout" in self._options:
            needed["max_execution_time"] = self._options["statement_timeout"]
        for name, value in needed.items():
            _set(client, name, value)
        for name, value in _LIMITS.items():
            # what the user has may do
            with suppress(*self._errors):
                _set(client, name, value)

    @staticmethod
    def column(name: str, native: str) -> Column:
        return Column(name, _bare(native), kind_of(native))

    def about(self) -> About:
        (row,) = self.fetch("select version() as version, timezone() as time_zone").to_pylist()
        return About(row["version"], row["time_zone"], f"clickhouse as {self._where}")

    def estimated_rows(self, source: Source) -> int | None:
        if not source.table:
            return None
        rows = self.fetch(
            f"select total_rows from system.tables where {_named(source)}"
        ).to_pylist()
        return int(rows[0]["total_rows"]) if rows and rows[0]["total_rows"] is not None else None

    def columns(self, source: Source) -> tuple[Column, ...]:
        relation = self.relation(source)
        described = relation.removesuffix(" AS source") if source.query else relation
        try:
            rows = self.fetch(f"describe table {described}").to_pylist()
        except StatementError as error:
            cause = error.__cause__
            if getattr(cause, "code", None) in _MISSING:
                raise SourceError(
                    f"there is no table or view {source.written} in {self._where}",
                    hint="name its database, as in sales.orders, or give connection.database",
                ) from error
            raise SourceError(
                f"cannot read {source.written}: {error.message.partition(': ')[2]}",
                hint=error.hint or "check its name, and that connection.user may read it",
            ) from error
        if source.table and self._is_in_parts(source):
            self._in_parts.add(relation)
        return tuple(
            self.column(row["name"], row["type"])
            for row in rows
            if row["default_type"] != "EPHEMERAL"
        )

    def _is_in_parts(self, source: Source) -> bool:
        rows = self.fetch(f"select engine from system.tables where {_named(source)}").to_pylist()
        return bool(rows) and rows[0]["engine"].endswith("MergeTree")

    def fingerprint(self, source: Source) -> str | None:
        if not source.table:
            return None
        # numbers of blocks outlive the merging of parts; of what changes rows in their place mutations tell
        named = _named(source, "table")
        asked = (
            "select lower(hex(sipHash128(groupArray(part), ("
            "select (argMax(mutation_id, (create_time, mutation_id)), min(is_done))"
            f" from system.mutations where {named})))) as print, count() as parts from ("
            "select (partition_id, sum(rows), max(max_block_number)) as part"
            f" from system.parts where active and {named}"
            " group by partition_id order by partition_id)"
        )
        try:
            (row,) = self.fetch(asked).to_pylist()
        except StatementError:
            return None
        return str(row["print"])[:16] if row["parts"] else None

    def relation(self, source: Source) -> str:
        if source.files:
            raise SourceError(
                f"{source.written} is a file, and the connection reads tables of ClickHouse",
                hint="give a table, as in sales.orders, or a query",
            )
        return spelled(source, self.dialect)

    def sampled(self, relation: str, percent: float) -> str:
        if relation in self._in_parts:
            # runs of rows, each read at a stretch
            every = max(_RUN, round(_RUN * 100 / percent))
            picked = f"_part_offset % {every} < {_RUN}"
        else:
            picked = f"cityHash64(tuple(*)) % 1000000 < {round(percent * 10_000)}"
        return f"(select * from {relation} where {picked}) as sampled"

    def fetch(self, sql: str) -> pa.Table:
        number = uuid.uuid4().hex
        try:
            answer = stoppable(partial(self._answer, sql, number), partial(self._stop, number))
        except self._errors as error:
            raise self._refused(error, sql) from error
        return _plain(answer)

    def execute(self, sql: str) -> None:
        try:
            self._client.command(sql)
        except self._errors as error:
            raise self._refused(error, sql) from error

    def fetch_bytes(self, sql: str, names: Collection[str]) -> pa.Table:
        """As `fetch`, but the texts of some columns are any bytes.

        Raises:
            WarehouseError: When the server refuses it.
        """
        try:
            answer = self._client.query_arrow(sql, use_strings=False)
        except self._errors as error:
            raise self._refused(error, sql) from error
        return _plain(answer, names)

    def insert(self, name: str, rows: pa.Table) -> None:
        """Insert rows into a table that has their columns.

        Raises:
            WarehouseError: When the server refuses it.
        """
        try:
            self._client.insert_arrow(name, rows)
        except self._errors as error:
            raise self._refused(error, f"insert into {name}") from error

    def let_go(self) -> None:
        # who reads keeps nobody from writing
        pass

    def close(self) -> None:
        self._client.close()

    def _answer(self, sql: str, number: str) -> pa.Table:
        own = {} if self._path else {"query_id": number}
        return self._client.query_arrow(sql, settings=own, use_strings=True)

    def _stop(self, number: str) -> None:
        """End a statement on the server; the engine in this process ends with it."""
        if self._path:
            return
        with suppress(*self._errors):
            other = self._connect()
            other.command(f"kill query where query_id = '{number}' async")
            other.close()

    def _refused(self, error: Exception, sql: str) -> WarehouseError:
        """What to raise about a statement."""
        said, code = self._said(error), getattr(error, "code", None)
        if code is None:
            return lost("ClickHouse", said, sql)
        if self._path:
            # what the engine had written of its answer would be the start of the next one
            with suppress(Exception):
                self._client.query_arrow("select 1")
        return StatementError(
            f"ClickHouse refused a statement: {said}", sql=sql, hint=_HINTS.get(code)
        )

    def _said(self, error: Exception) -> str:
        """What the server or its driver said, in one line, without secrets."""
        text = str(error)
        if (found := _TOLD.match(text)) is not None:
            text = found[1]
        return mask(" ".join(text.split())[:1_000], self._secrets)


# What of an error's text is news: not where in the query it was, nor the server's version.
_TOLD: Final = re.compile(
    r".*DB::Exception: (.*?)"
    r"(?::? [Ww]hile executing .*|\. In scope .*|:? In scope .*)?"
    r"(?:\. \([A-Z_]+\).*)?$",
    re.DOTALL,
)
# Rows that a sample takes at a stretch: a granule of a table.
_RUN: Final = 8_192


def _set(client: Any, name: str, value: object) -> None:
    """Send a setting with every statement, unless it is so already."""
    known = client.server_settings.get(name)
    if known is None or known.value != str(value):
        client.set_client_setting(name, value)


def _given(options: Mapping[str, object], *names: str) -> dict[str, object]:
    return {name: options[name] for name in names if name in options}


def _named(source: Source, column: str = "name") -> str:
    """The condition that a system table's row is about a source."""
    *above, name = source.table
    database = _literal(above[-1]) if above else "currentDatabase()"
    return f"database = {database} and {column} = {_literal(name)}"


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _plain(answer: pa.Table, blobs: Collection[str] = ()) -> pa.Table:
    """Moments without the zone, which is UTC; bytes as texts, but in some columns."""
    import pyarrow as pa

    def plain(field: pa.Field) -> pa.DataType:
        if pa.types.is_timestamp(field.type):
            return pa.timestamp("us")
        if blobs and pa.types.is_binary(field.type) and field.name not in blobs:
            return pa.string()
        if blobs and pa.types.is_uint8(field.type):
            # what a comparison gives
            return pa.bool_()
        if blobs and pa.types.is_unsigned_integer(field.type):
            return pa.int64()
        return field.type

    return answer.cast(pa.schema([pa.field(each.name, plain(each)) for each in answer.schema]))


_BLOBS: Final = frozenset(
    column.name for spec in SPECS.values() for column in spec.columns if column.type == "blob"
)


class ClickHouseKeeper(MarkingKeeper):
    """Result tables in a database of a ClickHouse server, which has no transactions."""

    dialect: ClassVar = "clickhouse"
    within: ClassVar = "database"
    _of_turn: ClassVar = " ENGINE = Memory"
    _rename: ClassVar = "RENAME TABLE"
    _renamed: ClassVar = "TO"

    def _open(self, options: Mapping[str, object]) -> ClickHouse:
        return ClickHouse(options)

    def _is_there(self) -> bool:
        there = f"select 1 as one from system.databases where name = {_literal(self._schema)}"
        return bool(self._session.fetch(there).num_rows)

    def _listed(self) -> list[tuple[str, Literal["table", "view"], Sequence[str]]]:
        within = f"database = {_literal(self._schema)}"
        engines = self._session.fetch(f"select name, engine from system.tables where {within}")
        columns: dict[str, list[str]] = {}
        for row in self._session.fetch(
            f"select table, name from system.columns where {within} order by table, position"
        ).to_pylist():
            columns.setdefault(row["table"], []).append(row["name"])
        return [
            (row["name"], "view" if row["engine"] == "View" else "table", columns[row["name"]])
            for row in engines.to_pylist()
            # what is dropped in between has no columns
            if row["name"] in columns
        ]

    def _answer(self, sql: str) -> pa.Table:
        return self._session.fetch_bytes(sql, _BLOBS)

    def land(self, table: str, rows: pa.Table) -> str:
        columns = ", ".join(rows.column_names)
        self._run(
            f"create or replace table {LANDED} engine = Memory as"
            f" select {columns} from {kept_in(table)} limit 0"
        )
        self._session.insert(LANDED, rows)
        return LANDED

    def _clear(self, name: str, lost: Sequence[int], gone: Sequence[int]) -> None:
        for statement in deletions(name, lost, gone):
            self._run(statement)

    def lacking(self, names: Collection[str], *, writes: bool) -> tuple[str, ...]:
        place = self._placed(None)
        needed = ["SELECT"]
        if writes:
            needed += ["INSERT", "ALTER", "CREATE", "DROP TABLE", "DROP VIEW"]
        lacks = []
        for right in needed:
            try:
                asked = f"check grant {right} on {place}.*"
                granted = self._session.fetch(asked).column(0)[0].as_py()
            except StatementError:
                # servers before 24.10 do not know the question
                return ()
            if not granted:
                lacks.append(right)
        del names
        return (f"GRANT {', '.join(lacks)} ON {place}.* TO {self._session.user}",) if lacks else ()
