"""The counted cells of every side of every number column of a run, and which sides are compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from driftline.engine.cells import Side
from driftline.engine.features import Watched
from driftline.engine.grid import room_at
from driftline.engine.number_rows import Columns, Key, split
from driftline.engine.plan import ALL, Pair, Plan

if TYPE_CHECKING:
    import pyarrow as pa

    from driftline.engine.cells import Wholes
    from driftline.engine.grid import Grid


@dataclass
class Sides:
    """The number columns of one run, as they were counted.

    Attributes:
        plan: The plan.
        grids: The fine grid of each feature that has one.
        sides: By feature and key, what was counted.
        shifts: How often the statements join fine bins by two, by key.
        least: The least of these in each scan.
        levels: The same of features whose open bins were counted in finer ones; below 0 these are
            finer than the grid's own.
    """

    plan: Plan
    grids: dict[int, Grid] = field(default_factory=dict)
    sides: dict[int, dict[Key, Side]] = field(default_factory=dict)
    shifts: dict[Key, int] = field(default_factory=dict)
    least: dict[int, int] = field(default_factory=dict)
    levels: dict[int, int] = field(default_factory=dict)

    def side(self, feature: int, key: Key) -> Side:
        """A side; one without rows where nothing was counted."""
        found = self.sides.get(feature, {}).get(key)
        if found is None:
            nothing = np.empty(0)
            found = Side.of_values({}, nothing, np.empty(0, np.int64), 0.0)
        return found

    def pair(self, feature: int, pair: Pair) -> tuple[Side, Side]:
        """The reference's side and production's of one pair."""
        reference, production = self.keys(pair)
        return self.side(feature, reference), self.side(feature, production)

    def pairs_of(self, item: Watched) -> list[Pair]:
        """The pairs that a feature is compared in."""
        pairs = self.plan.pairs
        return [pair for pair in pairs if self.plan.tells_apart(item, pair.segmentation)]

    def keys(self, pair: Pair) -> tuple[Key, Key]:
        """Which side of a feature is the reference's in a pair, and which is production's."""
        return (
            (pair.reference_scan, pair.reference_window, pair.segment),
            (pair.production_scan, pair.window_id, pair.segment),
        )

    def comparison(self, pair: Pair, item: Watched) -> int:
        """The number of a feature's comparison in a pair."""
        return pair.id * len(self.plan.read) + item.id

    def finest(self, feature: int, key: Key) -> int:
        """How often statements that read single values join the bins of a side of a feature."""
        return self._finest(feature, self.shifts[key])

    def _finest(self, feature: int, shift: int) -> int:
        own = shift if self.grids[feature].width else 0
        return min(own, self.levels.get(feature, own))

    def codes(self, feature: int, key: Key, bins: Wholes) -> Wholes:
        """How statements number bins of a side: those of a scan of several keys, key by key.

        Args:
            feature: The feature.
            key: The side.
            bins: Its bins.
        """
        scan = self.plan.scans[key[0]]
        if not scan.several:
            return bins
        keys = np.array(scan.keys_of[key[1:]], np.int64)
        room = room_at(self._finest(feature, self.least[key[0]]))
        return (keys[:, None] * room + bins).ravel()

    def told(self, table: pa.Table, *, by_bin: bool = False) -> Iterator[tuple[int, Key, Columns]]:
        """The rows of each feature and side in a relation of numbers, as `split` has them.

        Where rows say nothing but their keys, these are put to their windows and segments.
        """
        scans = self.plan.scans
        for feature, key, rows in split(table, by_bin=by_bin):
            own = scans[key[0]].own
            yield feature, (key[0], *own[key[1]]) if own else key, rows

    def keep(self, feature: int, key: Key, side: Side) -> None:
        """Keep what was counted of a side."""
        self.sides.setdefault(feature, {})[key] = side

    def is_still(self, scan: int) -> bool:
        """Whether a scan is of a whole reference that is the same for every window.

        Segments may have cells in common: of what one waits for another may see a part.
        """
        found = self.plan.scans[scan]
        return found.side == "reference" and len(found.windows) == 1 and found.base is None

    def still(self, feature: int) -> Iterator[Key]:
        """The sides of a feature that are the same for every window."""
        yield from (key for key in self.sides.get(feature, {}) if self.is_still(key[0]))

    def primary(self, feature: int) -> Side:
        """The side of the reference that decides edges."""
        return self.side(feature, (self.plan.primary.id, 0, ALL))
