"""One file a warehouse, found by the connection's type."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

from driftline.engine.errors import ConfigError, WarehouseError

if TYPE_CHECKING:
    from driftline.engine.project import Connection
    from driftline.engine.warehouses.base import Keeper, Warehouse

_CLASSES: Final = {
    "duckdb": ("duckdb", "DuckDB"),
    "postgres": ("postgres", "Postgres"),
    "clickhouse": ("clickhouse", "ClickHouse"),
    "spark": ("spark", "Spark"),
    "databricks": ("databricks", "Databricks"),
    "snowflake": ("snowflake", "Snowflake"),
    "bigquery": ("bigquery", "BigQuery"),
    "redshift": ("redshift", "Redshift"),
    "trino": ("trino", "Trino"),
}


_KEEPERS: Final = {
    "postgres": ("postgres", "PostgresKeeper"),
    "clickhouse": ("clickhouse", "ClickHouseKeeper"),
    "spark": ("spark", "SparkKeeper"),
    "databricks": ("databricks", "DatabricksKeeper"),
    "trino": ("trino", "TrinoKeeper"),
    "bigquery": ("bigquery", "BigQueryKeeper"),
    "redshift": ("redshift", "RedshiftKeeper"),
    "snowflake": ("snowflake", "SnowflakeKeeper"),
}


def class_of(type_: str) -> type[Warehouse] | None:
    """The class of a type of connection, which declares what the engine can do; None of an unknown one."""
    if type_ not in _CLASSES:
        return None
    module, name = _CLASSES[type_]
    found: type[Warehouse] = getattr(import_module(f"driftline.engine.warehouses.{module}"), name)
    return found


def keeper_of(type_: str) -> type[Keeper]:
    """The class of sessions over result tables in a type of connection that is no file."""
    module, name = _KEEPERS[type_]
    found: type[Keeper] = getattr(import_module(f"driftline.engine.warehouses.{module}"), name)
    return found


def open_warehouse(connection: Connection) -> Warehouse:
    """Open a session of a connection.

    Raises:
        ConfigError: When its type is not known.
        WarehouseError: When it cannot be reached.
    """
    found = class_of(connection.type)
    if found is None:
        raise ConfigError(f"connection.type {connection.type!r} is not known")
    return found(connection.options)


# Packages that classes of open sessions are of, and the type of connection that reads beside one.
_OPEN: Final = {
    "duckdb": "duckdb",
    "_duckdb": "duckdb",
    "adbc_driver_manager": "postgres",
    "pyspark": "spark",
}


def session_beside(connection: Any) -> Warehouse:
    """A session beside one that the caller has open, which stays so.

    Args:
        connection: DuckDB's, Spark's, or one of ADBC to a PostgreSQL server.

    Raises:
        ConfigError: When it is of another kind.
        WarehouseError: When it is closed.
    """
    kind = type(connection)
    names = {"DuckDBPyConnection", "Connection", "SparkSession"}
    type_ = _OPEN.get(kind.__module__.partition(".")[0]) if kind.__name__ in names else None
    if type_ is None:
        raise ConfigError(
            f"connection is a {kind.__module__}.{kind.__qualname__}, not an open session",
            hint="give a DuckDB connection, a Spark session, or an ADBC connection to PostgreSQL",
        )
    found: Any = class_of(type_)
    session: Warehouse = found.of(connection)
    return session


class _Unreachable:
    def __init__(self, dialect: str, error: WarehouseError) -> None:
        self.dialect = dialect
        self._error = error

    def __getattr__(self, name: str) -> Any:
        raise self._error


def unreachable(connection: Connection, error: WarehouseError) -> Warehouse:
    """What stands for a session that could not be opened: whatever is asked of it raises the error."""
    return cast("Warehouse", _Unreachable(connection.type, error))


@contextmanager
def session_of(connection: Connection, given: Warehouse | None) -> Iterator[Warehouse]:
    """A session that the caller has open, which stays so; else one of a connection, closed at the end.

    Raises:
        ConfigError: When the connection's type is not known.
        WarehouseError: When it cannot be reached.
    """
    if given is not None:
        yield given
        return
    opened = open_warehouse(connection)
    try:
        yield opened
    finally:
        opened.close()
