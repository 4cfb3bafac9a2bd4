"""Snowflake: tables, views and queries of an account, read through its own driver as Arrow."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from driftline.engine.dialects import column_type, inserts, spelled, spelled_schema
from driftline.engine.errors import StatementError
from driftline.engine.project import Source
from driftline.engine.results import SPECS
from driftline.engine.sqltext import as_sql
from driftline.engine.warehouses.base import About, InUse, Keeps, Relation, lacking, stoppable
from driftline.engine.warehouses.driven import Driven

if TYPE_CHECKING:
    import pyarrow as pa

# What the driver calls types, by its numbers of them, and what SQL does.
# https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-api#type-codes
_CODES: Final = {
    1: "FLOAT", 2: "VARCHAR", 3: "DATE", 5: "VARIANT", 6: "TIMESTAMP_LTZ", 7: "TIMESTAMP_TZ",
    8: "TIMESTAMP_NTZ", 9: "OBJECT", 10: "ARRAY", 11: "BINARY", 12: "TIME", 13: "BOOLEAN",
}  # fmt: skip
_FIXED: Final = 0
# The session is gone, or nobody answers.
_LOST: Final = (250001, 250002, 250003, 390104, 390111, 390112, 390114)


class Snowflake(Driven):
    """A session of a Snowflake account."""

    dialect: ClassVar = "snowflake"
    name: ClassVar = "Snowflake"
    keys: ClassVar = "account, user, password or private_key_path, role, warehouse"
    secrets: ClassVar = ("password", "token", "private_key_passphrase")
    # https://docs.snowflake.com/en/sql-reference/transactions#ddl
    # https://docs.snowflake.com/en/sql-reference/identifiers-syntax
    keeps: ClassVar = Keeps("transaction", longest_name=255, made_at_once=False)
    example: ClassVar = "ML.PROD.SCORED"
    # https://docs.snowflake.com/en/sql-reference/intro-summary-data-types
    kinds: ClassVar = (
        (r"(number|decimal|numeric)(\(\d+(, ?0)?\))?|(big|small|tiny|byte)?int|integer", "integer"),
        (r"(number|decimal|numeric)\(\d+, ?\d+\)", "decimal"),
        (r"float[48]?|double( precision)?|real", "float"),
        (r"(varchar|char|character|string|text|nvarchar|nchar)(\(\d+\))?", "text"),
        (r"boolean", "boolean"),
        (r"date", "date"),
        (r"(timestamp_ntz|datetime)(\(\d\))?", "timestamp"),
        (r"timestamp_(ltz|tz)(\(\d\))?", "timestamptz"),
    )
    # https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-api#error
    hints: ClassVar = {
        606: "name a warehouse that may compute: connection.warehouse",
        630: "raise connection.statement_timeout, or look at a shorter window",
        2003: "check its name, database and schema, which are upper case unless they were made in"
        " quotes, and ask for: grant select on the table, usage on its schema and database",
        2043: "check its name, database and schema, and ask for: grant usage on them",
        3001: "ask for it: grant select on the table, usage on its schema, database and warehouse",
    }

    def _driver(self) -> tuple[type[Exception], ...]:
        try:
            from snowflake import connector
        except ImportError:
            raise lacking("snowflake", "snowflake-connector-python") from None
        return (connector.errors.Error,)

    def _connect(self) -> Any:
        from snowflake import connector

        told = dict(self._options)
        parameters: dict[str, object] = {"TIMEZONE": "UTC", "QUERY_TAG": "driftline"}
        if (seconds := told.pop("statement_timeout", None)) is not None:
            parameters["STATEMENT_TIMEOUT_IN_SECONDS"] = seconds
        if (file := told.pop("private_key_path", None)) is not None:
            told["private_key_file"] = file
        if (phrase := told.pop("private_key_passphrase", None)) is not None:
            told["private_key_file_pwd"] = phrase
        return connector.connect(application="driftline", session_parameters=parameters, **told)

    def about(self) -> About:
        (row,) = self.fetch(
            "select current_version() as version, current_user() as person,"
            " current_role() as role, current_warehouse() as warehouse,"
            " current_database() as database"
        ).to_pylist()
        place = f"snowflake as {row['person']}, database {row['database']}"
        more = tuple(f"{word} {row[word]}" for word in ("role", "warehouse") if row[word])
        return About(str(row["version"]), "UTC", place, more)

    def estimated_rows(self, source: Source) -> int | None:
        if not source.table:
            return None
        *outer, name = source.table
        place = (
            f"{spelled(Source('', table=tuple(outer[:-1])), self.dialect)}." if outer[1:] else ""
        )
        schema = as_sql(outer[-1]) if outer else "current_schema()"
        rows = self.fetch(
            f"select row_count as rows_there from {place}information_schema.tables"
            f" where table_schema = {schema} and table_name = {as_sql(name)}"
        ).to_pylist()
        found = rows[0]["rows_there"] if rows else None
        return None if found is None else int(found)

    def _described(self, relation: str) -> list[tuple[str, str]]:
        with self._session.cursor() as cursor:
            told = cursor.describe(f"select * from {relation}")
        return [(each.name, _native(each)) for each in told]

    def sampled(self, relation: str, percent: float) -> str:
        # views cannot be sampled the same way twice, and nobody tells a view from a table here
        # https://docs.snowflake.com/en/sql-reference/constructs/sample
        return f"(select * from {relation} sample bernoulli ({percent:.6f})) as sampled"

    def _answer(self, sql: str) -> pa.Table:
        with self._session.cursor() as cursor:

            def answer() -> pa.Table:
                cursor.execute(sql)
                table = cursor.fetch_arrow_all(force_return_table=True)
                # names that are not quoted come in upper case
                return table.rename_columns([name.lower() for name in table.column_names])

            return stoppable(answer, lambda: cursor.sfqid and cursor.abort_query(cursor.sfqid))

    def _code(self, error: Any) -> object:
        return error.errno

    def _is_lost(self, error: Any) -> bool:
        return error.errno in _LOST

    def _said(self, error: Any) -> str:
        return str(getattr(error, "raw_msg", None) or error.msg or error)


def _native(told: Any) -> str:
    """SQL's name of the type of a column that the driver describes."""
    if told.type_code == _FIXED:
        return f"NUMBER({told.precision},{told.scale})"
    return _CODES.get(told.type_code, "OTHER")


# Is written to by who writes: a change locks a table until its transaction ends, for writers alone.
_TURN: Final = "_turn"
# Rows land in temporary tables of these names.
_LANDED: Final = "driftline_"
# Characters of a statement; the service reads 1 MB.
# https://docs.snowflake.com/en/user-guide/query-size-limits
_LONGEST: Final = 500_000
# https://docs.snowflake.com/en/sql-reference/transactions#lock-wait-timeout
_LOCKED: Final = 625


class SnowflakeKeeper:
    """Result tables in a schema of a Snowflake database.

    A transaction that writes changes the row of a table of its own first, and has its lock until it
    ends. Whatever makes a table ends a transaction, so rows land in temporary tables that were there
    before it began. Each statement that reads sees what was whole when it began.
    """

    def __init__(self, options: Mapping[str, object], schema: str) -> None:
        # statements about results are short, and may have to wait for those of someone else
        given = {key: options[key] for key in options if key not in ("schema", "statement_timeout")}
        self._session = Snowflake(given)
        self._spelled = spelled_schema(schema)
        # how it is stored
        self._schema = schema if '"' in self._spelled else schema.upper()
        self._tag = ""
        self._relations: Mapping[str, Relation] | None = None
        self._is_inside = self._has_landings = self._is_open = False
        self._writes = False
        self._patience = 0.0

    def begin(self, *, writes: bool, wait_seconds: float, tag: str) -> None:
        self._tag = f"/* {tag.replace('*/', '* /')} */\n"
        self._relations = None
        self._writes, self._patience = False, wait_seconds
        self._go_inside()
        if writes:
            self._prepare()
            self._take_turn()
            self._writes = True

    def _go_inside(self) -> None:
        """Let names stand for those of the schema, once it is there."""
        there = f"select 1 as one from information_schema.schemata where schema_name = {as_sql(self._schema)}"
        if not self._is_inside and self.fetch(there).num_rows:
            self._run(f"use schema {self._spelled}")
            self._is_inside = True

    def _prepare(self) -> None:
        """Make what a transaction that writes needs, before it begins."""
        if not self._is_inside:
            self._run(f"create schema if not exists {self._spelled}")
            self._go_inside()
        if _TURN not in self.relations():
            self._run(f"create table if not exists {_TURN} as select 1 as taken")
        if not self._has_landings:
            for name, spec in SPECS.items():
                typed = ", ".join(
                    f"{each.name} {column_type(each.type, Snowflake.dialect)}"
                    for each in spec.columns
                )
                self._run(f"create temporary table if not exists {_LANDED}{name} ({typed})")
            self._has_landings = True
        self._relations = None
        # seconds, of which none is for ever
        # https://docs.snowflake.com/en/sql-reference/parameters#lock-timeout
        self._run(f"alter session set lock_timeout = {max(1, round(self._patience))}")

    def _take_turn(self) -> None:
        self._run("begin transaction")
        self._is_open = True
        try:
            self._run(f"update {_TURN} set taken = taken + 1")
        except StatementError as error:
            if getattr(error.__cause__, "errno", None) != _LOCKED:
                raise
            self._run("rollback")
            self._is_open = False
            raise InUse(f"another session; waited {self._patience:g} s") from error

    def relations(self) -> Mapping[str, Relation]:
        if self._relations is None:
            found: dict[str, Relation] = {}
            for row in self.fetch(_RELATIONS.format(schema=as_sql(self._schema))).to_pylist():
                kind: Literal["table", "view"] = "view" if row["sort"] == "VIEW" else "table"
                name = _plain(row["name"])
                before = found.get(name, Relation(kind, ()))
                more = () if row["title"] is None else (_plain(row["title"]),)
                found[name] = Relation(kind, (*before.columns, *more))
            self._relations = found
        return self._relations

    def create_schema(self) -> None:
        # before a transaction that writes began
        pass

    def fetch(self, sql: str) -> pa.Table:
        self._go_on()
        return _of_results(self._session.fetch(self._tag + sql))

    def stream(self, sql: str) -> pa.RecordBatchReader:
        return self.fetch(sql).to_reader()

    def execute(self, sql: str) -> None:
        self._go_on()
        self._run(sql)

    def make(self, sql: str) -> None:
        if self._is_open:
            self._run("commit")
            self._is_open = False
        self._relations = None
        self._run(sql)

    def _go_on(self) -> None:
        """Begin the transaction anew that the making of tables has ended."""
        if self._writes and not self._is_open:
            self._take_turn()

    def land(self, table: str, rows: pa.Table) -> str:
        name = f"{_LANDED}{table}"
        for statement in inserts(name, table, rows, Snowflake.dialect, most=_LONGEST):
            self.execute(statement)
        return name

    def lift(self, name: str) -> None:
        self.execute(f"delete from {name}")

    def lacking(self, names: Collection[str], *, writes: bool) -> tuple[str, ...]:
        # a role has what its own roles have, and nobody tells that in one statement
        del names, writes
        return ()

    def commit(self) -> None:
        if self._is_open:
            self._run("commit")
        self._writes = self._is_open = False

    def end(self) -> None:
        # nothing was begun
        pass

    def close(self) -> None:
        # the service undoes a transaction that was not committed
        self._session.close()

    def _run(self, sql: str) -> None:
        self._session.fetch(self._tag + sql)


def _plain(name: str) -> str:
    """A name as statements that do not quote it have it."""
    return name.lower() if name == name.upper() else name


def _of_results(rows: pa.Table) -> pa.Table:
    """Rows in the types of the result tables: whole numbers come as decimals, moments of any length."""
    import pyarrow as pa

    def plain(type_: pa.DataType) -> pa.DataType:
        if pa.types.is_timestamp(type_):
            return pa.timestamp("us")
        if pa.types.is_integer(type_) or (pa.types.is_decimal(type_) and type_.scale == 0):
            return pa.int64()
        return type_

    return rows.cast(pa.schema([pa.field(each.name, plain(each.type)) for each in rows.schema]))


# The temporary tables of a session are in its schema, too.
_RELATIONS: Final = """
select t.table_name as name, t.table_type as sort, c.column_name as title
from information_schema.tables as t
left join information_schema.columns as c
    on c.table_schema = t.table_schema and c.table_name = t.table_name
where t.table_schema = {schema}
order by t.table_name, c.ordinal_position
"""
