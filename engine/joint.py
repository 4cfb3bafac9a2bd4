"""How much a feature tells of what the model says, from the rows of each of their bins together. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftline.engine.cells import Edges
from driftline.engine.features import Watched

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

# A value with fewer rows than this for each of the target's says too little by itself.
LEAST_ROWS: Final = 5
# With fewer values of the target nothing is told.
LEAST_TARGETS: Final = 2
# Values of a category that are told by name: each is counted by an expression of its own.
MOST_VALUES: Final = 1000
# Expressions that one statement may count; Postgres and Redshift return some 1 600 columns at most.
MOST_COUNTS: Final = 1000


@dataclass(frozen=True)
class Axis:
    """How the values of a column are bins.

    Attributes:
        limits: Of numbers: where each bin but the last ends, and whether it holds that very number.
        values: Of categories: those that are bins of their own; None of numbers.
        kept: All that have a name in the report; what has none is one more bin.
    """

    limits: tuple[tuple[object, bool], ...] = ()
    values: tuple[object, ...] | None = None
    kept: tuple[object, ...] = ()

    @classmethod
    def of_numbers(cls, edges: Edges) -> Axis:
        """The bins of a numerical column."""
        starts, points = edges.start.tolist(), edges.point.tolist()
        return cls(
            tuple(
                (start, True) if point else (following, False)
                for start, point, following in zip(starts, points, starts[1:], strict=False)
            )
        )

    @classmethod
    def of_categories(cls, rows: Sequence[Mapping[str, Any]], targets: int | None = None) -> Axis:
        """The values of a categorical column.

        Args:
            rows: `value`, and `most`: the most rows that it has in any window; the largest first.
            targets: Fewest values of the target that can tell anything; None of the target itself.
        """
        kept = tuple(row["value"] for row in rows[:MOST_VALUES])
        # what every window pools need not be counted apart
        least = 0 if targets is None else LEAST_ROWS * targets
        return cls((), tuple(r["value"] for r in rows[:MOST_VALUES] if r["most"] >= least), kept)

    @property
    def counts(self) -> int:
        """Expressions that are counted of it."""
        if self.values is None:
            return 1 + len(self.limits)
        return 1 + len(self.values) + (self.values != self.kept)

    def bins(self, counted: Sequence[int]) -> tuple[list[int], int]:
        """Rows of each bin, and of values that are too few to be one.

        Args:
            counted: What each expression counted, of shape (counts,).
        """
        rows, *found = counted
        if self.values is None:
            up_to = [*found, rows]
            return [up_to[0], *(b - a for a, b in pairwise(up_to))], 0
        known = found.pop(0) if self.values != self.kept else sum(found)
        return [*found, rows - known], known - sum(found)


def together(items: Iterable[Watched], axes: Mapping[int, Axis]) -> Iterator[Sequence[Watched]]:
    """Columns whose bins one statement may count.

    Args:
        items: The columns.
        axes: Their bins, by id.
    """
    batch: list[Watched] = []
    held = 0
    for item in items:
        if batch and held + axes[item.id].counts > MOST_COUNTS:
            yield batch
            batch, held = [], 0
        batch.append(item)
        held += axes[item.id].counts
    if batch:
        yield batch


def mutual_information(bins: Counts, few: Counts | None = None) -> tuple[int, float | None]:
    """What a feature and the target tell of each other, corrected for what chance alone would tell.

    Args:
        bins: Rows by bin of the feature and of the target, int64, shape (bins, targets).
        few: Rows of values that are pooled anyway, int64, shape (targets,).

    Returns:
        Rows, and the mutual information in nats, 0 or more; None without rows. Values of fewer than five
        rows for each bin of the target that has any are pooled first; from the sum over cells of
        n / N * ln(n * N / (rows of the value * rows of the target's bin)) goes Miller and Madow's
        (cells - values - targets + 1) / (2 N).
    """
    pooled = np.zeros(bins.shape[1], np.int64) if few is None else few
    rows = int(bins.sum() + pooled.sum())
    if not rows:
        return 0, None
    targets = int(np.count_nonzero(bins.sum(axis=0) + pooled))
    small = bins.sum(axis=1) < LEAST_ROWS * targets
    table = np.vstack([bins[~small], bins[small].sum(axis=0) + pooled])
    of_value, of_target = table.sum(axis=1), table.sum(axis=0)
    terms = [
        int(n) / rows * math.log(int(n) * rows / (int(of_value[i]) * int(of_target[j])))
        for (i, j), n in np.ndenumerate(table)
        if n
    ]
    cells, values = int(np.count_nonzero(table)), int(np.count_nonzero(of_value))
    by_chance = (cells - values - targets + 1) / (2 * rows)
    return rows, max(0.0, math.fsum(terms) - by_chance)
