"""The embedded DuckDB where relations land and metrics are computed.

It holds sufficient statistics only, never a user's rows. Sums of many doubles are taken in a stated order, so
they are the same from run to run.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from driftline.engine.errors import TemplateError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


class Workbench:
    """A scratch database; closing it forgets everything."""

    def __init__(self, *, memory_limit: str | None = None) -> None:
        import duckdb

        config: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            # what any DuckDB of the process has let go of goes back to the system
            "allocator_background_threads": "true",
        }
        self._connection = duckdb.connect(":memory:", config=config)
        self._errors = duckdb.Error
        self._connection.execute("set enable_progress_bar = false")
        if memory_limit is not None:
            self._connection.execute("set memory_limit = '" + memory_limit.replace("'", "''") + "'")

    @property
    def memory(self) -> int:
        """Bytes that its session may take: as many as the user grants, else most of the machine's."""
        from pydantic import ByteSize, TypeAdapter

        (row,) = self.rows("select current_setting('memory_limit') as memory")
        return TypeAdapter(ByteSize).validate_python(row["memory"])

    def land(self, name: str, table: pa.Table, *, append: bool = False) -> None:
        """Keep an Arrow table under a name, in place of what is there, or after its rows."""
        self._connection.register("driftline_arriving", table)
        if append:
            self._connection.execute(f"insert into {name} by name select * from driftline_arriving")
        else:
            self._connection.execute(
                f"create or replace table {name} as select * from driftline_arriving"
            )
        self._connection.unregister("driftline_arriving")

    def derive(self, name: str) -> None:
        """Make a relation from `sql/statistics/<name>.sql` out of those that it reads."""
        text = (files("driftline") / "sql" / "statistics" / f"{name}.sql").read_text("utf-8")
        self._run(f"create or replace table {name} as\n{text}", name)

    def append(self, name: str, statistic: str) -> None:
        """Extend a relation by the rows of `sql/statistics/<statistic>.sql`."""
        text = (files("driftline") / "sql" / "statistics" / f"{statistic}.sql").read_text("utf-8")
        self._run(f"insert into {name} by name\n{text}", statistic)

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        """Run a statement for its effect."""
        self._connection.execute(sql, list(parameters))

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Run a SELECT; one dictionary a row.

        Raises:
            TemplateError: When DuckDB refuses it.
        """
        try:
            result = self._connection.execute(sql)
            names = [column[0] for column in result.description or ()]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        except self._errors as error:
            raise TemplateError(f"a statistic does not compute: {error}\n{sql}") from error

    def arrays(self, sql: str) -> dict[str, NDArray[np.float64]]:
        """Run a SELECT of numbers; an array of doubles a column.

        Raises:
            TemplateError: When DuckDB refuses it.
        """
        import numpy as np

        try:
            found = self._connection.execute(sql).fetchnumpy()
        except self._errors as error:
            raise TemplateError(f"a statistic does not compute: {error}\n{sql}") from error
        return {name: np.asarray(column, dtype=float) for name, column in found.items()}

    def _run(self, sql: str, name: str) -> None:
        try:
            self._connection.execute(sql)
        except self._errors as error:
            raise TemplateError(f"sql/statistics/{name}.sql does not compute: {error}") from error

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()
