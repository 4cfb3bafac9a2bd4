"""Performance without labels: what the reference says of scores, applied to production's (CBPE). Pure.

Rows are taken by what was predicted and by the part of the reference's scores that theirs is in. Of each
cell the reference tells how often which class happens, and production's rows are expected to do alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

MOST_PARTS: Final = 20
ROWS_A_PART: Final = 100
# Fewer labelled rows of the reference say too little of an area.
FEWEST_FOR_AREA: Final = 2_000
# More classes take long to draw.
MOST_CLASSES: Final = 20
DRAWS: Final = 1_000
Z: Final = 1.959963984540054

# (predicted, part) to rows by what happened.
Cells = Mapping[tuple[str, int], Mapping[str, int]]
Ends = tuple[float, float]


def parts_of(rows: int) -> int:
    """Into how many parts scores are cut, by the labelled rows of the reference."""
    return max(1, min(MOST_PARTS, rows // ROWS_A_PART))


@dataclass(frozen=True)
class Forecast:
    """What is expected of one window.

    Attributes:
        reference: Labelled rows of the reference, by cell and class.
        production: Rows of production, by cell.
        seed: Of the draws that intervals are made of.
    """

    reference: Cells
    production: Mapping[tuple[str, int], int]
    seed: int

    @cached_property
    def cells(self) -> tuple[tuple[str, int], ...]:
        """Production's cells, in order of parts."""
        return tuple(sorted(self.production, key=lambda cell: (cell[1], cell[0])))

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Every class that happens in the reference or is predicted."""
        happened = {name for counts in self.reference.values() for name in counts}
        return tuple(sorted(happened | {predicted for predicted, _ in self.production}))

    @property
    def unknown(self) -> tuple[str, ...]:
        """Classes that production predicts and no labelled row of the reference was predicted to be."""
        known = {predicted for predicted, _ in self.reference}
        return tuple(sorted({predicted for predicted, _ in self.production} - known))

    @cached_property
    def _rows(self) -> Numbers:
        return np.array([self.production[cell] for cell in self.cells], float)

    @cached_property
    def _counts(self) -> Numbers:
        """Rows of the reference by cell and class; of a cell without any, those of the nearest ones."""
        return np.array([self._nearest(*cell) for cell in self.cells])

    def _nearest(self, predicted: str, part: int) -> list[float]:
        there = {p: counts for (name, p), counts in self.reference.items() if name == predicted}
        near = min(abs(p - part) for p in there)
        found = [counts for p, counts in there.items() if abs(p - part) == near]
        return [float(sum(each.get(name, 0) for each in found)) for name in self.classes]

    @cached_property
    def _shares(self) -> Numbers:
        counts = self._counts
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))

    @cached_property
    def _around(self) -> Numbers:
        """The same of each cell and those beside it, which is never quite 0 or 1."""
        out = []
        for predicted, part in self.cells:
            beside = [self.reference.get((predicted, p), {}) for p in (part - 1, part, part + 1)]
            rows = [sum(each.get(name, 0) for each in beside) for name in self.classes]
            out.append(rows if any(rows) else self._nearest(predicted, part))
        counts = np.array(out, float) + 0.5 / len(self.classes)
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))

    def confusion(self) -> dict[tuple[str, str], float]:
        """Rows that are expected, by (happened, predicted)."""
        found: dict[tuple[str, str], float] = {}
        expected = self._rows[:, None] * self._shares
        for (predicted, _), row in zip(self.cells, expected, strict=True):
            for name, rows in zip(self.classes, row.tolist(), strict=True):
                found[name, predicted] = found.get((name, predicted), 0.0) + rows
        return found

    def parts(self) -> list[tuple[float, Mapping[str, float]]]:
        """Rows of each cell in order of scores, and the share of them that each class is expected to be."""
        return [
            (rows, dict(zip(self.classes, shares.tolist(), strict=True)))
            for rows, shares in zip(self._rows.tolist(), self._shares, strict=True)
        ]

    def share_ends(self, predicted: str | None = None) -> Ends:
        """95 % interval of the share of predictions that turn out right: of all, or of one class."""
        chosen = [k for k, (name, _) in enumerate(self.cells) if predicted in (None, name)]
        index = {name: k for k, name in enumerate(self.classes)}
        own = [index[self.cells[k][0]] for k in chosen]
        m, n = self._rows[chosen], self._counts.sum(axis=1)[chosen]
        a, spread = self._shares[chosen, own], self._around[chosen, own]
        doubt = spread * (1 - spread)
        total = m.sum()
        value = float(m @ a / total)
        variance = float(m @ doubt / total**2 + (m / total) ** 2 @ (doubt / n))
        reach = Z * math.sqrt(variance)
        return max(0.0, value - reach), min(1.0, value + reach)

    @cached_property
    def _drawn(self) -> Numbers:
        """Rows by draw, cell and class: what the shares may be, and what chance makes of them."""
        rng = np.random.default_rng(self.seed)
        weights = self._counts + self._around
        out = np.empty((DRAWS, len(self.cells), len(self.classes)))
        for k, rows in enumerate(self._rows):
            shares = rng.dirichlet(weights[k], DRAWS)
            out[:, k] = rng.multinomial(int(rows), shares)
        return out

    @cached_property
    def _drawn_confusion(self) -> Numbers:
        """Drawn rows by draw, class predicted and class that happened."""
        index = {name: k for k, name in enumerate(self.classes)}
        out = np.zeros((DRAWS, len(self.classes), len(self.classes)))
        for k, (predicted, _) in enumerate(self.cells):
            out[:, index[predicted]] += self._drawn[:, k]
        return out

    def class_ends(self) -> dict[str, dict[str, Ends]]:
        """95 % intervals of recall and f1 by class, and of the averages over classes under `__all__`."""
        drawn = self._drawn_confusion
        right = np.einsum("dkk->dk", drawn)
        predicted, happened = drawn.sum(axis=2), drawn.sum(axis=1)
        precision, recall = _ratio(right, predicted), _ratio(right, happened)
        f1 = _ratio(2 * right, predicted + happened)
        there = (predicted + happened) > 0
        found: dict[str, dict[str, Ends]] = {
            "recall": dict(zip(self.classes, map(_ends, recall.T), strict=True)),
            "f1": dict(zip(self.classes, map(_ends, f1.T), strict=True)),
        }
        for name, values in (("precision", precision), ("recall", recall), ("f1", f1)):
            found[f"{name}_macro"] = {
                "__all__": _ends((values * there).sum(axis=1) / there.sum(axis=1))
            }
        return found

    def area_ends(self, positive: str, offset: float) -> Ends | None:
        """95 % interval of the area under the curve, of which scores within a part say `offset`."""
        k = self.classes.index(positive)
        hits = self._drawn[:, :, k]
        others = self._drawn.sum(axis=2) - hits
        below = np.cumsum(others, axis=1) - others
        pairs = hits.sum(axis=1) * others.sum(axis=1)
        if not pairs.any():
            return None
        wins = (hits * (below + others / 2)).sum(axis=1)[pairs > 0] / pairs[pairs > 0] + offset
        low, high = _ends(wins)
        return max(0.0, low), min(1.0, high)


def _ratio(part: Numbers, whole: Numbers) -> Numbers:
    return np.asarray(np.divide(part, whole, out=np.zeros_like(part), where=whole > 0))


def _ends(values: Numbers) -> Ends:
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def binned_area(parts: Sequence[tuple[float, float]]) -> float | None:
    """The area under the curve of rows of a class and others, by parts in order, ties by half."""
    below = wins = 0.0
    for hits, others in parts:
        wins += hits * (below + others / 2)
        below += others
    hits = sum(each for each, _ in parts)
    return wins / (hits * below) if hits and below else None
