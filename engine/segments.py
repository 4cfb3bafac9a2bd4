"""Which segments there are: decided by the rows that their values have. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from driftline.engine.plan import Batch, Pair, Plan, Scan, Segment
from driftline.engine.project import Segmentation

# What holds the rows of all values that are not kept apart.
OTHER: Final = "__other__"
# So many values of a step are told by a statement; more than anyone keeps apart.
MOST_VALUES: Final = 10_000

# Values of the columns that tell segments apart, as texts; none of a condition.
Values = tuple[str, ...]
# Rows by scan, step and values.
Counts = Mapping[tuple[int, int], Mapping[Values, int]]


def most_values(plan: Plan) -> int:
    """How many values of each step have to be told."""
    return max(MOST_VALUES, plan.monitor.max_segments)


def counted(plan: Plan, rows: Iterable[Mapping[str, Any]]) -> Counts:
    """Rows of the relation `segments` by scan, step and values."""
    widths = {scan.id: len(scan.keys) for scan in plan.segmented}
    found: dict[tuple[int, int], dict[Values, int]] = {}
    for row in rows:
        values = tuple(row[f"key_{k}"] for k in range(widths[row["scan"]]))
        found.setdefault((row["scan"], row["window_id"]), {})[values] = int(row["n"])
    return found


def told_apart(batch: Batch, counts: Counts) -> Batch:
    """The windows of a batch with the segments that they have.

    Of each window the largest by production's rows are kept apart, those alike by name, the rest are one;
    so each window has the segments that it would have by itself.

    Args:
        batch: Windows whose segments are not known.
        counts: Rows of the values of each segmentation.
    """
    telling = _Telling(batch, counts)
    for segmentation in dict.fromkeys(scan.segmentation for scan in batch.whole.segmented):
        assert segmentation is not None
        telling.tell(segmentation)
    return telling.batch()


@dataclass
class _Telling:
    start: Batch
    counts: Counts
    scans: dict[int, Scan] = field(default_factory=dict)
    pairs: dict[int, list[Pair]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._next = 1 + max(pair.id for pair in self.start.whole.pairs)

    def tell(self, segmentation: Segmentation) -> None:
        """Decide the segments of one segmentation, in every window."""
        scans = [s for s in self.start.whole.segmented if s.segmentation == segmentation]
        production, *references = scans
        windows = [plan.pairs[0].window_id for plan in self.start.plans]
        kept = {window: self._kept(production, window, references) for window in windows}
        cells = {values: k for k, values in enumerate(sorted({*_chained(kept.values())}))}
        for scan in scans:
            self.scans[scan.id] = replace(
                scan,
                cells=tuple(cells),
                rest=any(values not in cells for values in self._values(scan)),
            )
        names = [key.name for key in (references or scans)[0].keys]
        found: dict[int, dict[tuple[int, str], Segment]] = {scan.id: {} for scan in scans}
        # one window of a reference has as many rests as windows of production have kept different values
        rests: dict[tuple[int, int, frozenset[Values]], int] = {}
        for number, window in enumerate(windows):
            chosen = kept[window]
            others = any(
                values not in chosen
                for scan, of in ((production, window), *((r, 0) for r in references))
                for values in self._in_window(scan, of)
            )
            told: list[tuple[str, tuple[int, ...] | None]] = [
                (_name(segmentation, names, values), (cells[values],)) for values in chosen
            ]
            if others:
                told.append((_name(segmentation, names, (OTHER,) * len(names)), None))
            for name, own in told:
                for scan in scans:
                    reference = scan.id != production.id
                    of = 0 if reference else window
                    group = of
                    if own is None and reference:
                        key = (scan.id, of, frozenset(chosen))
                        group = rests.setdefault(key, sum(k[0] == scan.id for k in rests))
                    place = (group, name)
                    found[scan.id].setdefault(
                        place, Segment(group, name, of, own or self._rest(scan, cells, chosen))
                    )
                    if reference:
                        pair = Pair(
                            self._next, window, scan.id, group, name, production.id, segmentation
                        )
                        self.pairs.setdefault(number, []).append(pair)
                        self._next += 1
        for scan in scans:
            segments = tuple(found[scan.id].values())
            self.scans[scan.id] = replace(self.scans[scan.id], segments=segments)

    def batch(self) -> Batch:
        """The batch as it was decided."""
        whole = self.start.whole
        segmented = tuple(self.scans.get(scan.id, scan) for scan in whole.segmented)
        plans = tuple(
            replace(plan, segmented=segmented, pairs=(*plan.pairs, *self.pairs.get(number, ())))
            for number, plan in enumerate(self.start.plans)
        )
        pairs = (*whole.pairs, *_chained(self.pairs.values()))
        return Batch(replace(whole, segmented=segmented, pairs=pairs), plans)

    def _kept(
        self, production: Scan, window: int, references: Sequence[Scan]
    ) -> tuple[Values, ...]:
        """The values of a window that are kept apart, the largest first."""
        if not production.keys:
            return ((),)
        rows = self._in_window(production, window)
        for scan in references:
            for values in self._in_window(scan, 0):
                rows.setdefault(values, 0)
        order = sorted(rows, key=lambda values: (-rows[values], values))
        return tuple(order[: self.start.whole.monitor.max_segments])

    def _in_window(self, scan: Scan, window: int) -> dict[Values, int]:
        """Rows of one window of a scan, by values."""
        found: Counter[Values] = Counter()
        for step in scan.steps_of[window]:
            found.update(self.counts.get((scan.id, step), {}))
        return dict(found)

    def _values(self, scan: Scan) -> Iterable[Values]:
        """All values that any step of a scan has."""
        return _chained(rows for (number, _), rows in self.counts.items() if number == scan.id)

    def _rest(
        self, scan: Scan, cells: Mapping[Values, int], chosen: Sequence[Values]
    ) -> tuple[int, ...]:
        """The cells of a scan that a window does not keep apart."""
        rest = [cell for values, cell in cells.items() if values not in chosen]
        if self.scans[scan.id].rest:
            rest.append(len(cells))
        return tuple(rest)


def _chained(parts: Iterable[Iterable[Any]]) -> Iterable[Any]:
    return (each for part in parts for each in part)


def _name(segmentation: Segmentation, names: Sequence[str], values: Values) -> str:
    """What results call a segment."""
    if not names:
        return segmentation.name
    return ", ".join(f"{name}={value}" for name, value in zip(names, values, strict=True))
