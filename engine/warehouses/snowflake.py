"""Snowflake: tables, views and queries of an account, read through its own driver as Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from driftline.engine.dialects import spelled
from driftline.engine.project import Source
from driftline.engine.sqltext import as_sql
from driftline.engine.warehouses.base import About, stoppable
from driftline.engine.warehouses.driven import Driven, lacking

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
        inner = relation.removesuffix(" as source")
        return f"(select * from {inner} sample bernoulli ({percent:.6f})) as sampled"

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
