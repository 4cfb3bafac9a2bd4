"""Trino: tables, views and queries of a cluster's catalogs, asked over HTTP by its own client."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Final

from driftline.engine.dialects import spelled
from driftline.engine.errors import StatementError
from driftline.engine.project import Source
from driftline.engine.warehouses.base import About, Keeps, lacking, stoppable
from driftline.engine.warehouses.driven import Driven
from driftline.engine.warehouses.marks import StandardKeeper

if TYPE_CHECKING:
    import pyarrow as pa

# Statements have a branch a column, and each is a stage or two.
# https://trino.io/docs/current/admin/properties-query-management.html#query-max-stage-count
_STAGES: Final = {"query_max_stage_count": "2000"}


class Trino(Driven):
    """A session of a Trino cluster, or of a service that speaks its protocol."""

    dialect: ClassVar = "trino"
    name: ClassVar = "Trino"
    keys: ClassVar = "host, port, user, password or token, secure, catalog"
    example: ClassVar = "hive.sales.orders"
    # most of its connectors have no transactions of several statements
    keeps: ClassVar[Keeps | None] = Keeps("marks", made_at_once=False)
    # https://trino.io/docs/current/language/types.html
    kinds: ClassVar = (
        (r"(tiny|small|big)int|int(eger)?", "integer"),
        (r"real|double", "float"),
        (r"decimal(\(.*\))?", "decimal"),
        (r"(var)?char(\(\d+\))?", "text"),
        (r"boolean", "boolean"),
        (r"date", "date"),
        (r"timestamp(\(\d+\))?", "timestamp"),
        (r"timestamp(\(\d+\))? with time zone", "timestamptz"),
    )
    # https://github.com/trinodb/trino/blob/master/core/trino-spi/src/main/java/io/trino/spi/StandardErrorCode.java
    hints: ClassVar = {
        "TABLE_NOT_FOUND": "name its catalog and schema, as in hive.sales.orders, or give"
        " connection.catalog and connection.schema",
        "SCHEMA_NOT_FOUND": "check connection.schema",
        "CATALOG_NOT_FOUND": "check connection.catalog",
        "PERMISSION_DENIED": "ask for it: grant select on the table",
        "EXCEEDED_TIME_LIMIT": "raise connection.statement_timeout, or look at a shorter window",
        "EXCEEDED_GLOBAL_MEMORY_LIMIT": "look at a shorter window, or raise query_max_memory in"
        " connection.session",
        "QUERY_HAS_TOO_MANY_STAGES": "raise query.max-stage-count of the cluster, or monitor fewer"
        " features at a time",
        "QUERY_TEXT_TOO_LARGE": "raise query.max-length of the cluster, or monitor fewer features"
        " at a time",
        "QUERY_QUEUE_FULL": "the cluster is busy: try again later",
    }

    def _driver(self) -> tuple[type[Exception], ...]:
        try:
            from trino import exceptions
        except ImportError:
            raise lacking("trino", "trino") from None
        # an error of HTTP is none of its errors, and those of what it sends by are of their own kind
        return (exceptions.Error, exceptions.HttpError, OSError, ValueError)

    def _connect(self) -> Any:
        from trino import auth, dbapi

        told = self._options
        user = str(told.get("user", "driftline"))
        signed = None
        if "token" in told:
            signed = auth.JWTAuthentication(str(told["token"]))
        elif "password" in told:
            signed = auth.BasicAuthentication(user, str(told["password"]))
        given = told.get("session") or {}
        assert isinstance(given, dict)
        session = {name: str(value) for name, value in given.items()}
        if "statement_timeout" in told:
            session.setdefault("query_max_execution_time", f"{told['statement_timeout']}s")
        secure = bool(told.get("secure", signed is not None))
        connection = dbapi.connect(
            host=told["host"],
            port=told.get("port", 443 if secure else 8080),
            user=user,
            catalog=told.get("catalog"),
            schema=told.get("schema"),
            http_scheme="https" if secure else "http",
            auth=signed,
            verify=told.get("ca_cert") or told.get("verify", True),
            roles=told.get("role"),
            source="driftline",
            timezone="UTC",
            session_properties={**_STAGES, **session},
            request_timeout=told.get("connect_timeout", 30),
        )
        try:
            _run(connection, "select 1")
        except self._errors as error:
            # clusters older than the property, and those that let nobody set it, do without
            if "query_max_stage_count" not in str(error):
                raise
            for name in _STAGES:
                connection._client_session.properties.pop(name, None)
            _run(connection, "select 1")
        return connection

    def about(self) -> About:
        (row,) = self.fetch(
            "select version() as version, current_timezone() as time_zone, current_user as person"
        ).to_pylist()
        place = f"trino as {row['person']} at {self._options['host']}"
        return About(row["version"], row["time_zone"], place)

    def estimated_rows(self, source: Source) -> int | None:
        if not source.table:
            return None
        # the row about the whole table has no column's name
        rows = self.fetch(f"show stats for {spelled(source, self.dialect)}").to_pylist()
        told = [row["row_count"] for row in rows if row["column_name"] is None]
        return None if not told or told[0] is None else int(told[0])

    def _described(self, relation: str) -> list[tuple[str, str]]:
        _, told = _run(self._session, f"select * from {relation} limit 0")
        return told

    def sampled(self, relation: str, percent: float) -> str:
        # no function of it draws the same rows twice without reading all columns
        return f"(select * from {relation} where random() < {percent / 100!r}) as sampled"

    def _answer(self, sql: str) -> pa.Table:
        import pyarrow as pa

        rows, told = _run(self._session, sql)
        columns = list(zip(*rows, strict=True)) or [()] * len(told)
        arrays = [
            pa.array(values, _arrow(native))
            for values, (_, native) in zip(columns, told, strict=True)
        ]
        return pa.table(arrays, names=[name for name, _ in told])

    def _code(self, error: Any) -> object:
        return getattr(error, "error_name", None)

    def _is_lost(self, error: Any) -> bool:
        # what the cluster says of a statement has a name
        return getattr(error, "error_name", None) is None

    def _said(self, error: Any) -> str:
        return str(getattr(error, "message", None) or error)


class TrinoKeeper(StandardKeeper):
    """Result tables in a schema of a catalog whose connector makes tables and views, and inserts.

    Where it also deletes, what nobody sees is cleared away.
    """

    dialect: ClassVar = "trino"
    # https://trino.io/docs/current/admin/properties-query-management.html#query-max-length
    longest: ClassVar = 500_000
    pieces: ClassVar = "_pieces"

    def _open(self, options: Mapping[str, object]) -> Trino:
        return Trino(options)

    def make(self, sql: str) -> None:
        # not every connector keeps comments
        with suppress(*((StatementError,) if sql.startswith("COMMENT ON ") else ())):
            super().make(sql)


def _run(connection: Any, sql: str) -> tuple[list[list[Any]], list[tuple[str, str]]]:
    """Rows of an answer, and names and types of its columns; Ctrl-C ends the statement."""
    cursor = connection.cursor()

    def answer() -> list[list[Any]]:
        cursor.execute(sql)
        rows: list[list[Any]] = cursor.fetchall()
        return rows

    rows = stoppable(answer, cursor.cancel)
    return rows, [(each[0], each[1]) for each in cursor.description or ()]


def _arrow(native: str) -> pa.DataType:
    """Arrow's type of the values of one of Trino's."""
    import pyarrow as pa

    if (found := re.fullmatch(r"decimal\((\d+), ?(\d+)\)", native)) is not None:
        return pa.decimal128(int(found[1]), int(found[2]))
    if native.startswith("timestamp"):
        return pa.timestamp("us")
    return {
        "tinyint": pa.int64(),
        "smallint": pa.int64(),
        "integer": pa.int64(),
        "bigint": pa.int64(),
        "real": pa.float64(),
        "double": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "varbinary": pa.binary(),
    }.get(native, pa.string())
