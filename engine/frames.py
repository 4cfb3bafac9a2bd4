"""Tables in memory: whatever holds columns becomes Arrow, and Arrow becomes JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from importlib import import_module
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from driftline.engine.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa


def arrow_of(frame: Any, *, name: str) -> pa.Table:
    """A data frame as an Arrow table; an index of pandas is no column.

    Args:
        frame: Arrow, pandas or Polars data, or anything that exports an Arrow stream.
        name: What messages call it.

    Raises:
        ConfigError: When it is none of them, or holds a column that Arrow has no type for.
    """
    import pyarrow as pa

    library = type(frame).__module__.split(".")[0]
    try:
        if isinstance(frame, pa.Table):
            return frame
        if library == "pandas" and hasattr(frame, "columns"):
            return pa.Table.from_pandas(frame, preserve_index=False)
        if library == "polars" and hasattr(frame, "collect"):
            frame = frame.collect()
        if hasattr(frame, "__arrow_c_stream__") and library != "pandas":
            return pa.table(frame)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise ConfigError(f"{name} cannot be read as a table: {error}") from error
    raise ConfigError(
        f"{name} is a {type(frame).__module__}.{type(frame).__qualname__}, not a table",
        hint="give a path, a table's name, an Arrow table, or a pandas or Polars data frame",
    )


def of_values(values: Sequence[Any]) -> pa.Table:
    """Values of one dataclass, at least one, as a table with a column for each of its fields."""
    import pyarrow as pa

    return pa.Table.from_pylist([asdict(value) for value in values])


def plain(value: object) -> object:
    """A value as JSON and CSV hold it: times in ISO 8601 and UTC; NaN and infinities are None."""
    match value:
        case datetime():
            moment = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
            return f"{moment.isoformat()}Z"
        case date():
            return value.isoformat()
        case float() if not math.isfinite(value):
            return None
    return value


def to_json(table: pa.Table) -> str:
    """An array with an object a row, a line each, its keys the table's columns."""
    rows = (
        json.dumps({name: plain(value) for name, value in row.items()}, ensure_ascii=False)
        for row in table.to_pylist()
    )
    text = ",\n ".join(rows)
    return f"[{text}]"


def to_csv(table: pa.Table) -> str:
    """A header and a line a row; null is an empty field."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        writer.writerow([_field(plain(value)) for value in row.values()])
    return out.getvalue().removesuffix("\n")


def _field(value: object) -> object:
    """Booleans as JSON and DuckDB write them."""
    return str(value).lower() if isinstance(value, bool) else value


# Modules that wrap compiled ones, slowly, in what a run does not ask for.
_COMPILED: Final[Mapping[str, str]] = {
    "pyarrow.compute": "pyarrow._compute",
    "scipy.special": "scipy.special._ufuncs",
}


class Unneeded:
    """A finder that answers for what others import and no run uses: first in `sys.meta_path`.

    Arrow imports pandas to see whether a list of values is one of its series; where no user's code
    runs, none is, so pandas is not there. SciPy looks at all of NumPy, its Fortran compiler too:
    that is an empty module. Wrappers around compiled functions wait until they are asked for.
    Together they would take more than a second.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuse pandas, make up `numpy.f2py`, put off wrappers, and say nothing about other modules."""
        if name == "pandas":
            raise ModuleNotFoundError(name)
        if name == "numpy.f2py":
            return ModuleSpec(name, _Empty())
        found = PathFinder.find_spec(name, path, target) if name in _COMPILED else None
        if found is not None and found.loader is not None:
            found.loader = _Wrapped(found.loader)
        return found


class _Empty(Loader):
    """Loads a module with nothing in it."""

    def exec_module(self, module: ModuleType) -> None:
        """Leave it empty."""


class _Wrapped(Loader):
    """Loads what a module wraps, and the module itself when anything else is asked for."""

    def __init__(self, whole: Loader) -> None:
        self._whole = whole

    def exec_module(self, module: ModuleType) -> None:
        """Answer for what is compiled; load everything where that has moved."""
        try:
            compiled = import_module(_COMPILED[module.__name__])
        except ImportError:
            self._whole.exec_module(module)
            return

        def found(name: str) -> Any:
            if not name.startswith("_") and hasattr(compiled, name):
                return getattr(compiled, name)
            del module.__dict__["__getattr__"]
            self._whole.exec_module(module)
            return getattr(module, name)

        module.__dict__["__getattr__"] = found
