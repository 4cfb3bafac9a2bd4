"""How number columns arrive from the warehouse and leave for the workbench: Arrow in, rows out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftline.engine.cells import Edges, Side, quantile_cells
from driftline.engine.distances import Coarse, Gaps
from driftline.engine.plan import ALL

if TYPE_CHECKING:
    import pyarrow as pa

    from driftline.engine.cells import Wholes

# Which scan, window and segment a side is of.
Key = tuple[int, int, str]
# Columns of a relation, by name.
Columns = dict[str, Any]


# Columns that hold numbers as they are stored.
_NUMBERS: Final = frozenset({"value", "low", "high"})
_WHOLE: Final = frozenset({"bin", "n"})


def split(table: pa.Table, *, by_bin: bool = False) -> Iterator[tuple[int, Key, Columns]]:
    """The rows of each feature, scan, window and segment of a relation, ascending by bin if asked.

    Rows that do not say are of the first window and of no segment.
    """
    pieces: dict[tuple[int, Key], list[dict[str, Any]]] = {}
    # batch by batch, whose columns are read where they are and sorted where they stay
    for batch in table.to_batches():
        if not batch.num_rows:
            continue
        columns = {name: batch[name] for name in batch.schema.names}
        nothing = np.zeros(batch.num_rows, np.int64)
        segments, names = nothing, [ALL]
        if "segment" in columns:
            encoded = columns.pop("segment").dictionary_encode()
            segments, names = encoded.indices.to_numpy(), encoded.dictionary.to_pylist()
        arrays = {name: c.to_numpy(zero_copy_only=False) for name, c in columns.items()}
        keys = [arrays.pop(name, nothing) for name in ("feature", "scan", "window_id")]
        keys.append(segments)
        code = np.zeros(batch.num_rows, np.int64)
        for part in keys:
            code = code * (int(part.max()) + 1) + part
        # NumPy counts 16 bits instead of comparing them
        order = np.argsort(_narrow(code), kind="stable")
        sorted_ = {name: column[order] for name, column in arrays.items()}
        sorted_ |= {name: sorted_[name].astype(np.int64) for name in _WHOLE & sorted_.keys()}
        ends = np.flatnonzero(np.diff(code[order], append=-1)) + 1
        for start, end in pairwise((0, *ends.tolist())):
            feature, scan, window, segment = (int(part[order[start]]) for part in keys)
            piece = {name: column[start:end] for name, column in sorted_.items()}
            pieces.setdefault((feature, (scan, window, names[segment])), []).append(piece)
    for (feature, key), parts in sorted(pieces.items(), key=lambda each: each[0]):
        rows = parts[0]
        if len(parts) > 1:
            rows = {name: np.concatenate([part[name] for part in parts]) for name in rows}
        for name in _NUMBERS & rows.keys():
            # engines take -0.0 and 0.0 for one value, and tell either
            rows[name] += 0.0
        if by_bin:
            order = np.argsort(rows["bin"])
            rows = {name: column[order] for name, column in rows.items()}
        yield feature, key, rows


def _narrow(code: Wholes) -> np.ndarray:
    """Whole numbers from 0 on, in 16 bits where these hold them."""
    return code.astype(np.uint16) if len(code) and code.max() < 1 << 16 else code


def single_values(side: Side) -> Iterator[tuple[float, int]]:
    """Each value of a side whose bins were all read, and its rows; infinities last."""
    cells = side.cells()
    yield from zip(cells.low.tolist(), cells.n.tolist(), strict=True)
    if side.below_infinity:
        yield -math.inf, side.below_infinity
    if side.above_infinity:
        yield math.inf, side.above_infinity


def quantiles(side: Side) -> dict[str, float]:
    """The quantiles of a profile, by name; inside a bin that was not read, its middle."""
    cells = side.cells()
    return {
        # inside a bin that was not read its middle is nearest
        name: float(cells.low[k] + (cells.high[k] / 2 - cells.low[k] / 2))
        if cells.low[k] < cells.high[k]
        else float(cells.low[k])
        for name, k in quantile_cells(cells).items()
    }


def intervals(
    named: Mapping[str, Any], edges: Edges, reference: Wholes, production: Wholes
) -> list[dict[str, Any]]:
    """Rows of the relation `intervals`: the bins of a comparison and the rows of both sides in them."""
    last = len(edges.start) - 1
    return [
        {
            **named,
            "bin": k,
            "kind": "point" if point else "interval",
            "lower_bound": start if math.isfinite(start) else None,
            "upper_bound": until,
            "n_reference": n,
            "n_production": m,
            "least": edges.least if k == 0 else None,
            "greatest": edges.greatest if k == last else None,
        }
        for k, (point, start, until, n, m) in enumerate(
            zip(
                edges.point.tolist(),
                edges.start.tolist(),
                edges.until,
                reference.tolist(),
                production.tolist(),
                strict=True,
            )
        )
    ]


def gap_row(far: Gaps) -> dict[str, Any]:
    """A row of the relation `gaps`, without the comparison that it is of."""
    area = far.area or (None, None)
    return {
        "widest_low": far.widest[0],
        "widest_high": far.widest[1],
        "below_reference": far.below[0],
        "below_production": far.below[1],
        "area_low": area[0],
        "area_high": area[1],
    }


def coarse_table(cells: Sequence[tuple[int, Coarse]]) -> pa.Table:
    """The relation `coarse`, of comparisons by number."""
    import pyarrow as pa

    def column(name: str, kind: str) -> np.ndarray:
        parts = [getattr(each, name) for _, each in cells]
        return np.concatenate([np.empty(0, kind), *parts]).astype(kind)

    lengths = [len(each.x) for _, each in cells]
    comparisons = np.repeat(np.array([number for number, _ in cells], np.int64), lengths)
    columns = {
        "comparison": comparisons,
        "x": column("x", "f8"),
        "n_reference": column("n", "f8"),
        "n_production": column("m", "f8"),
        "values_": column("values", "i8"),
        "whole": column("whole", "?"),
    }
    return pa.table(columns)
