"""What was counted of predictions and what happened, as the relations that metrics read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from driftline.engine.outcome_sql import REST, WIDE, Scale, Unit, opposite
from driftline.engine.plan import Pair, Plan

Row = dict[str, Any]
# Scan, window, segment.
Key = tuple[int, int, str]

SIDES: Final = ("reference", "production")


@dataclass
class Counted:
    """What was read.

    Attributes:
        errors: Sums of errors by scan, window and segment.
        scales: What they are counted in, by scan.
        confusion, reliability, ranks: Rows of the relations of these names, likewise.
        failed: Name of a relation to what the warehouse said when it was asked.
    """

    errors: dict[Key, Row] = field(default_factory=dict)
    scales: dict[int, Scale] = field(default_factory=dict)
    confusion: dict[Key, list[Row]] = field(default_factory=dict)
    reliability: dict[Key, list[Row]] = field(default_factory=dict)
    ranks: dict[Key, list[Row]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def sides_of(plan: Plan) -> Iterator[tuple[Pair, str, Key]]:
    """The sides of every pair whose outcomes are read, and where what was counted of them stands."""
    performance = plan.performance
    if performance is None:
        return
    for pair in plan.pairs:
        places = (
            (pair.reference_scan, pair.reference_window, pair.segment),
            (pair.production_scan, pair.window_id, pair.segment),
        )
        for side, key in zip(SIDES, places, strict=True):
            if performance.of(key[0]) is not None:
                yield pair, side, key


def relation_rows(plan: Plan, counted: Counted) -> Mapping[str, list[Row]]:
    """Rows of `labels`, `errors`, `confusion`, `reliability` and `ranks`.

    Args:
        plan: The plan.
        counted: What was read.
    """
    names = ("labels", "errors", "confusion", "reliability", "ranks")
    rows: dict[str, list[Row]] = {name: [] for name in names}
    if plan.performance is None:
        return rows
    for pair, side, key in sides_of(plan):
        head = {"pair": pair.id, "side": side}
        if plan.performance.task == "regression":
            told = counted.errors.get(key, {})
            found = _errors(told, counted.scales.get(key[0]))
            rows["errors"].append({**head, **found})
            labels = {name: int(told.get(name, 0)) for name in ("row_count", "labelled")}
            rows["labels"].append({**head, **labels, "judged": found["n"]})
            continue
        cells = _named(plan, pair, counted, key)
        rows["confusion"] += [{**head, **cell} for cell in cells]
        every = counted.confusion.get(key, [])
        rows["labels"].append(
            {
                **head,
                "row_count": sum(row["n"] for row in every),
                "labelled": sum(row["labelled"] for row in every),
                "judged": sum(cell["n"] for cell in cells),
            }
        )
        rows["reliability"] += [
            {
                **head,
                **{name: row[name] for name in ("bin", "n", "hits")},
                **{name: float(limbs(row, name) * of) for name, of in _SHARES.items()},
            }
            for row in sorted(counted.reliability.get(key, []), key=lambda row: row["bin"])
        ]
        rows["ranks"] += [
            {
                **head,
                **{name: row[name] for name in ("target", "positives", "negatives", "wins")},
                **{name: float(limbs(row, name) * 2**32) for name in ("missed", "passed")},
            }
            for row in sorted(counted.ranks.get(key, []), key=lambda row: row["target"])
        ]
    return rows


# What sums of `reliability` are divided by, to be at most 1.
_SHARES: Final = {"x": 1, "doubt": 1, "loss": 64, "brier": 2}


def limbs(row: Mapping[str, Any], name: str) -> Fraction:
    """A sum that comes in two columns; 0 where there is none."""
    if row[name] is None:
        return Fraction(0)
    return (Fraction(row[name]) + Fraction(row[f"{name}_rest"]) / Fraction(REST)) / Fraction(WIDE)


def _named(plan: Plan, pair: Pair, counted: Counted, key: Key) -> list[Row]:
    """Rows with an actual and a prediction; those predicted not to be of a class get its opposite.

    That is the only other class of the reference, else of production; where there are several, all
    of them are one.
    """
    performance = plan.performance
    assert performance is not None
    cells = [
        {name: row[name] for name in ("actual", "predicted", "n")}
        for row in counted.confusion.get(key, [])
        if row["actual"] is not None and row["predicted"] is not None
    ]
    cells.sort(key=lambda cell: (cell["actual"], cell["predicted"]))
    outcome = performance.of(key[0])
    if outcome is None or outcome.prediction is not None or len(performance.classes) != 1:
        return cells
    (positive,) = performance.classes
    unnamed = opposite(positive)
    sides = {side: at for other, side, at in sides_of(plan) if other == pair}
    for side in SIDES:
        there = counted.confusion.get(sides[side], []) if side in sides else []
        others = {row["actual"] for row in there} - {positive, None}
        if len(others) == 1:
            (other,) = others
            return _merged(
                {**cell, "predicted": other if cell["predicted"] == unnamed else positive}
                for cell in cells
            )
        if others:
            break
    return _merged(
        {**cell, "actual": positive if cell["actual"] == positive else unnamed} for cell in cells
    )


def _merged(cells: Iterable[Row]) -> list[Row]:
    """Cells of one pair of classes each."""
    found: dict[tuple[str, str], int] = {}
    for cell in cells:
        pair = cell["actual"], cell["predicted"]
        found[pair] = found.get(pair, 0) + cell["n"]
    return [{"actual": a, "predicted": p, "n": n} for (a, p), n in sorted(found.items())]


def _errors(row: Mapping[str, Any], scale: Scale | None) -> Row:
    """A row of `errors` from sums in two limbs each."""

    def total(name: str, unit: Unit | None, power: int = 1) -> Fraction:
        if not row or unit is None:
            return Fraction(0)
        assert isinstance(unit.size, float)
        return limbs(row, name) * Fraction(unit.size) ** power

    units: Mapping[str, Unit | None] = {
        name: None if scale is None else getattr(scale, name)
        for name in ("error", "apart", "relative", "expected")
    }
    counts = {name: int(row.get(name) or 0) for name in ("n", "n_nonzero", "n_expected")}
    n, m = counts["n"], counts["n_expected"]
    spread = total("spread", units["apart"], 2)
    if n:
        spread -= total("moved", units["apart"]) ** 2 / n
    expected = total("expected", units["expected"])
    deviation = Fraction(0)
    if m > 1:
        squares = total("expected_squared", units["expected"], 2)
        deviation = max(Fraction(0), squares - expected**2 / m) / (m - 1)
    return {
        **counts,
        "absolute": float(total("absolute", units["error"])),
        "squared": float(total("squared", units["error"], 2)),
        "spread": _told(spread, total("spread", units["apart"], 2)),
        "relative": float(total("relative", units["relative"])),
        "expected": float(expected),
        "expected_deviation": float(deviation) ** 0.5,
    }


def _told(rest: Fraction, of: Fraction) -> float:
    """What is left of a sum once another is taken from it; 0 where that is no more than rounding."""
    return float(rest) if rest > of / 2**48 else 0.0
