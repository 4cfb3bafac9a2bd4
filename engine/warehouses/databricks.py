"""Databricks: tables, queries and files of a SQL warehouse or a cluster, through its SQL connector."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from driftline.engine import VERSION
from driftline.engine.errors import StatementError, WarehouseError
from driftline.engine.interpolate import mask, sensitive
from driftline.engine.project import Source
from driftline.engine.sqltext import as_sql
from driftline.engine.warehouses.base import About, lacking, lost, stoppable
from driftline.engine.warehouses.marks import StandardKeeper
from driftline.engine.warehouses.sparksql import SparkSQL, hint_for, of_path, one_line, written

if TYPE_CHECKING:
    import pyarrow as pa

# How a session must answer, whoever set up its warehouse; a cluster knows the second, a warehouse the third.
# https://docs.databricks.com/sql/language-manual/sql-ref-parameters.html
_SETTINGS: Final = ("set time zone 'UTC'",)
_SETTINGS_OF_ONE: Final = ("set spark.sql.ansi.enabled = true", "set ansi_mode = true")


class Databricks(SparkSQL):
    """A session of a Databricks SQL warehouse or cluster."""

    dialect: ClassVar = "databricks"
    name: ClassVar = "Databricks"

    def __init__(self, options: Mapping[str, object]) -> None:
        """Connect.

        Args:
            options: Keys of a `connection` of type databricks.

        Raises:
            WarehouseError: When the connector is missing, or Databricks cannot be reached or refuses.
        """
        self._options = options
        self._secrets = _secrets(options)
        try:
            from databricks import sql
        except ImportError:
            raise lacking("databricks", "databricks-sql-connector") from None
        self._errors = sql.exc.Error
        self._lost_errors = (sql.exc.RequestError, sql.exc.InterfaceError)
        try:
            self._connection: Any = sql.connect(**_arguments(options))
        except (self._errors, OSError, ValueError) as error:
            raise WarehouseError(
                f"cannot connect to Databricks: {self._said(error)[1]}",
                hint="check the keys of connection: host, http_path, token, catalog, schema",
            ) from error
        try:
            for statement in _SETTINGS:
                self.execute(statement)
            for statement in _SETTINGS_OF_ONE:
                with suppress(StatementError):
                    self.execute(statement)
        except BaseException:
            self.close()
            raise

    def _place(self) -> str:
        return f"Databricks at {self._options['host']}"

    def about(self) -> About:
        (row,) = self.fetch(
            "select version() as version, current_timezone() as time_zone, current_user() as user"
        ).to_pylist()
        return About(row["version"], row["time_zone"], f"{self._place()} as {row['user']}")

    def _types(self, relation: str) -> list[tuple[str, str]]:
        rows = self.fetch(f"describe query select * from {relation}").to_pylist()
        return [(row["col_name"], row["data_type"]) for row in rows]

    def _files(self, source: Source, name: str, options: Mapping[str, str]) -> str:
        (path,) = source.files
        if not options:
            return of_path(name, path)
        # https://docs.databricks.com/sql/language-manual/functions/read_files.html
        told = {"format": name, **{key: options[key] for key in options if key != "inferSchema"}}
        given = "".join(f", {key} => {as_sql(value)}" for key, value in told.items())
        return f"read_files({as_sql(path)}{given})"

    def fingerprint(self, source: Source) -> str | None:
        # nobody tells without listing, which takes rights of its own
        del source
        return None

    def fetch(self, sql: str) -> pa.Table:
        try:
            with self._connection.cursor() as cursor:
                return stoppable(partial(_answer, cursor, sql), cursor.cancel)
        except self._errors as error:
            raise self._refused(error, sql) from error

    def execute(self, sql: str) -> None:
        try:
            with self._connection.cursor() as cursor:
                stoppable(lambda: cursor.execute(sql), cursor.cancel)
        except self._errors as error:
            raise self._refused(error, sql) from error

    def close(self) -> None:
        with suppress(self._errors):
            self._connection.close()

    def _refused(self, error: BaseException, sql: str) -> WarehouseError:
        condition, said = self._said(error)
        if isinstance(error, self._lost_errors) or "SessionHandle" in said:
            return lost(self.name, said, sql)
        return StatementError(
            f"Databricks refused a statement: {said}", sql=sql, hint=hint_for(condition)
        )

    def _said(self, error: BaseException) -> tuple[str | None, str]:
        """The condition and what was said, in one line, without secrets."""
        condition, said = one_line(str(error))
        return condition, mask(said or type(error).__name__, self._secrets)


class DatabricksKeeper(StandardKeeper):
    """Result tables in a schema of Unity Catalog: Delta tables, of which a statement changes one."""

    dialect: ClassVar = "databricks"
    changes: ClassVar = True
    # https://docs.databricks.com/aws/en/resources/limits: 16 MB, of which a parameter has none
    longest: ClassVar = 4_000_000

    def _open(self, options: Mapping[str, object]) -> Databricks:
        return Databricks(options)


def _answer(cursor: Any, sql: str) -> pa.Table:
    cursor.execute(sql)
    return cursor.fetchall_arrow()


def _arguments(options: Mapping[str, object]) -> dict[str, object]:
    """What the connector connects by."""
    host = str(options["host"]).removeprefix("https://").rstrip("/")
    told = options.get("conf") or {}
    assert isinstance(told, Mapping)
    settings = {name: written(value) for name, value in told.items()}
    if "statement_timeout" in options:
        settings.setdefault("statement_timeout", str(options["statement_timeout"]))
    keys = {
        "token": "access_token",
        "auth_type": "auth_type",
        "catalog": "catalog",
        "schema": "schema",
    }
    return {
        "server_hostname": host,
        "http_path": options["http_path"],
        **{name: options[key] for key, name in keys.items() if key in options},
        **({"session_configuration": settings} if settings else {}),
        "user_agent_entry": f"driftline/{VERSION}",
        "enable_telemetry": False,
    }


def _secrets(options: Mapping[str, object]) -> frozenset[str]:
    """Texts that no message may hold."""
    told = options.get("conf") or {}
    assert isinstance(told, Mapping)
    hidden = {str(value) for name, value in told.items() if sensitive(str(name))}
    return frozenset(hidden | {str(options.get("token", ""))})
