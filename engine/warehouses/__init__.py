"""One file a warehouse, found by the connection's type."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Final

from driftline.engine.errors import ConfigError

if TYPE_CHECKING:
    from driftline.engine.project import Connection
    from driftline.engine.warehouses.base import Warehouse

_CLASSES: Final = {"duckdb": ("duckdb", "DuckDB")}


def open_warehouse(connection: Connection) -> Warehouse:
    """Open a session of a connection.

    Raises:
        ConfigError: When its type is not known.
        WarehouseError: When it cannot be reached.
    """
    if connection.type not in _CLASSES:
        raise ConfigError(f"connection.type {connection.type!r} is not built in this version")
    module, name = _CLASSES[connection.type]
    opened: Warehouse = getattr(import_module(f"driftline.engine.warehouses.{module}"), name)(
        connection.options
    )
    return opened


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
