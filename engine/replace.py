"""What a run replaces in the result tables: the rows of its slices, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from driftline.engine.errors import StoreError
from driftline.engine.place import Tables
from driftline.engine.results import SPECS, arrow_rows, is_throughout
from driftline.engine.stored import Slice

if TYPE_CHECKING:
    import pyarrow as pa


def facts_of(part: Slice) -> dict[str, pa.Table]:
    """The slice's rows as Arrow by table, once they are known to belong to it.

    Raises:
        StoreError: When rows do not fit their table, or belong to another slice.
    """
    import pyarrow as pa

    tables = {
        "metrics": arrow_rows("metrics", part.metrics),
        "histograms": arrow_rows("histograms", part.histograms),
        "profiles": arrow_rows("profiles", part.profiles),
        "features": arrow_rows("features", part.features),
        "_grounds": arrow_rows("_grounds", part.grounds),
    }
    window = {"window_start": part.window_start, "window_end": part.window_end}
    for name, rows in tables.items():
        expected = {"monitor": part.monitor, **({} if name == "features" else window)}
        for column, value in expected.items():
            if not is_throughout(rows[column], pa.scalar(value, rows[column].type)):
                found = next(each for each in rows[column].to_pylist() if each != value)
                raise StoreError(f"table {name}: {column} {found} is not the slice's {value}")
    return tables


_Batch: TypeAlias = "list[tuple[Slice, Mapping[str, pa.Table]]]"


def _batches(parts: Sequence[Slice], facts: Sequence[Mapping[str, pa.Table]]) -> Iterator[_Batch]:
    """Slices in their order, as many at once as do not replace each other's rows."""
    batch: _Batch = []
    seen: set[tuple[object, ...]] = set()
    for part, tables in zip(parts, facts, strict=True):
        touched: set[object] = {*part.signals, *tables["metrics"]["signal"].to_pylist()}
        if _measured(part) != () or tables["histograms"].num_rows or tables["profiles"].num_rows:
            touched.add(None)
        keys = {(part.window_start, part.window_end, each) for each in touched}
        if seen & keys:
            yield batch
            batch, seen = [], set()
        batch.append((part, tables))
        seen |= keys
    yield batch


def _measured(part: Slice) -> tuple[str, ...] | None:
    """The features whose histograms and profiles it replaces; None is all of them."""
    return part.selected if part.measured is None else part.measured


def replace_slices(
    tables: Tables, parts: Sequence[Slice], facts: Sequence[Mapping[str, pa.Table]]
) -> None:
    """Replace what is stored for slices, those of a window in the order given.

    Args:
        tables: The store, opened for writing.
        parts: Slices of one monitor.
        facts: What `facts_of` made of each.
    """
    import pyarrow as pa

    for batch in _batches(parts, facts):
        for part, rows in batch:
            _clear(tables, part, rows)
        for name in ("metrics", "histograms", "profiles", "_grounds"):
            tables.put(name, pa.concat_tables([rows[name] for _, rows in batch]))


def _clear(tables: Tables, part: Slice, rows: Mapping[str, pa.Table]) -> None:
    """Delete what a slice replaces, and replace its features."""
    window = {"monitor": part.monitor, "start": part.window_start, "finish": part.window_end}
    for name in ("metrics", "_grounds"):
        _delete(tables, name, window, part.spared, signal=part.signals, feature=part.selected)
    measured = _measured(part)
    for name in ("histograms", "profiles"):
        references = None if measured is None else set(rows[name]["reference"].to_pylist())
        _delete(tables, name, window, part.spared, feature=measured, reference=references)
    if measured is not None and not rows["features"].num_rows:
        return
    later = tables.fetch(
        "select feature from features where monitor = $monitor and window_end > $finish limit 1",
        {"monitor": part.monitor, "finish": part.window_end},
    )
    # an older window computed afterwards says nothing about the columns of today
    if not later.num_rows:
        if measured is None:
            tables.execute(
                "delete from features where monitor = $monitor", {"monitor": part.monitor}
            )
        tables.put("features", rows["features"])


def _delete(
    tables: Tables,
    table: str,
    window: Mapping[str, object],
    spared: Iterable[str],
    **among: Iterable[str] | None,
) -> None:
    """Delete a monitor's rows of one window, of these values where some are given.

    Rows of the features in `spared` stay.
    """
    params = {name: list(values) for name, values in among.items() if values is not None}
    if not all(params.values()):
        return
    tests = "".join(f" and {name} in ${name}" for name in params)
    if kept := list(spared):
        tests += " and feature not in $spared"
        params["spared"] = kept
    tables.execute(
        f"delete from {table} where monitor = $monitor and window_start = $start"
        f" and window_end = $finish{tests}",
        {**window, **params},
    )


def replace_definitions(tables: Tables, rows: pa.Table) -> None:
    """Let `metric_definitions` hold these rows, which are in the order of its key, and no others."""
    table = "metric_definitions"
    order = ", ".join(SPECS[table].key)
    if tables.fetch(f"select * from {table} order by {order}").to_pylist() != rows.to_pylist():
        tables.execute(f"delete from {table}")
        tables.put(table, rows)


def first_seen_kept(tables: Tables, rows: pa.Table) -> pa.Table:
    """The row of `monitors`, with the time at which the monitor was first seen."""
    (row,) = rows.to_pylist()
    stored = tables.fetch(
        "select first_seen_at from monitors where monitor = $monitor", {"monitor": row["monitor"]}
    ).to_pylist()
    first_seen = stored[0]["first_seen_at"] if stored else None
    if first_seen is None:
        return rows
    return arrow_rows("monitors", [row | {"first_seen_at": first_seen}])
