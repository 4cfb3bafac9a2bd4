"""What was counted of predictions and what happened, as the relations that metrics read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from driftline.engine.estimating import FEWEST_FOR_AREA, MOST_CLASSES, Forecast, binned_area
from driftline.engine.outcome_sql import REST, WIDE, Scale, Unit, opposite
from driftline.engine.plan import ALL, Pair, Plan
from driftline.engine.significance import seed_of

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
        calibration: Rows of that relation by scan, the reference that cuts it, window and segment.
        unknown: Classes by pair that are predicted and of which the reference tells nothing.
    """

    errors: dict[Key, Row] = field(default_factory=dict)
    scales: dict[int, Scale] = field(default_factory=dict)
    confusion: dict[Key, list[Row]] = field(default_factory=dict)
    reliability: dict[Key, list[Row]] = field(default_factory=dict)
    ranks: dict[Key, list[Row]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    calibration: dict[tuple[int, int, int, str], list[Row]] = field(default_factory=dict)
    unknown: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def of_scan(self, scan: int) -> list[str]:
        """What tells a scan's rows from others, as texts in order."""
        rows = [row for key, row in self.errors.items() if key[0] == scan]
        rows += [row for key, of in self.confusion.items() if key[0] == scan for row in of]
        return sorted(repr(sorted(row.items())) for row in rows)


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
    names = (
        *("labels", "errors", "confusion", "reliability", "ranks"),
        *("forecast", "forecast_parts", "forecast_ends"),
    )
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
        cells = _cells(plan, pair, counted, key)
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
    if plan.performance.estimates:
        for pair in plan.pairs:
            _forecast(plan, pair, counted, rows)
    return rows


def _forecast(plan: Plan, pair: Pair, counted: Counted, rows: dict[str, list[Row]]) -> None:
    """Add what is expected of one pair's window, beside how its reference really was."""
    performance = plan.performance
    assert performance is not None
    reference = (pair.reference_scan, pair.reference_window, pair.segment)
    production = (pair.production_scan, pair.window_id, pair.segment)
    before = _calibrated(plan, pair, counted, reference)
    cells: dict[tuple[str, int], dict[str, int]] = {}
    for row in before:
        told = cells.setdefault((row["predicted"], row["part"]), {})
        told[row["actual"]] = told.get(row["actual"], 0) + row["n"]
    expected: dict[tuple[str, int], int] = {}
    for row in _calibrated(plan, pair, counted, production):
        cell = row["predicted"], row["part"]
        expected[cell] = expected.get(cell, 0) + row["n"]
    scan = plan.scans[pair.reference_scan]
    seed = seed_of(plan.monitor.name, scan.reference, *_window(plan, pair), pair.segment)
    forecast = Forecast(cells, expected, seed)
    if not cells or not expected:
        return
    if forecast.unknown:
        counted.unknown[pair.id] = forecast.unknown
        return
    head = {"pair": pair.id, "side": "production"}
    for (actual, predicted), n in sorted(forecast.confusion().items()):
        rows["forecast"].append({**head, "actual": actual, "predicted": predicted, "n": n})
    rows["forecast"] += [
        {"pair": pair.id, "side": "reference", **cell}
        for cell in _merged({**row} for row in before)
    ]
    ends = [("accuracy", ALL, forecast.share_ends())]
    names = sorted({predicted for predicted, _ in expected})
    ends += [("precision", name, forecast.share_ends(name)) for name in names]
    if performance.draws and len(forecast.classes) <= MOST_CLASSES:
        for metric, by_class in forecast.class_ends().items():
            ends += [(metric, name, found) for name, found in by_class.items()]
    rows["forecast_ends"] += [_end(pair, *each) for each in ends]
    if not performance.several and sum(row["n"] for row in before) >= FEWEST_FOR_AREA:
        _area_ahead(plan, pair, before, _area(counted.ranks.get(reference, [])), forecast, rows)


def _area_ahead(
    plan: Plan,
    pair: Pair,
    before: Sequence[Row],
    exact: float | None,
    forecast: Forecast,
    rows: dict[str, list[Row]],
) -> None:
    """Add the area under the curve that is expected, by parts of the reference's scores."""
    assert plan.performance is not None
    positive = plan.performance.classes[plan.performance.target]
    own = _parts(before, positive)
    binned = binned_area(own)
    if exact is None or binned is None or positive not in forecast.classes:
        return
    beyond = exact - binned
    ours = [(m * share[positive], m * (1 - share[positive])) for m, share in forecast.parts()]
    for side, parts in (("reference", own), ("production", ours)):
        head = {"pair": pair.id, "side": side, "beyond": beyond}
        rows["forecast_parts"] += [
            {**head, "place": k, "hits": hits, "others": others}
            for k, (hits, others) in enumerate(parts)
        ]
    ends = forecast.area_ends(positive, beyond)
    if ends is not None:
        rows["forecast_ends"].append(_end(pair, "roc_auc", ALL, ends))


def _end(pair: Pair, metric: str, name: str, ends: tuple[float, float]) -> Row:
    """A row of `forecast_ends`."""
    told = {"pair": pair.id, "metric": metric, "class": name}
    return {**told, "ci_low": ends[0], "ci_high": ends[1]}


def _calibrated(plan: Plan, pair: Pair, counted: Counted, key: Key) -> list[Row]:
    """Rows by what was predicted, part of the reference's scores and class, by their names."""
    cut_by = plan.scan_of(plan.scans[pair.reference_scan].reference).id
    found = counted.calibration.get((key[0], cut_by, *key[1:]), [])
    named = _named(plan, pair, counted, found)
    return sorted(named, key=lambda row: (row["part"], row["predicted"], row["actual"] or ""))


def _parts(rows: Iterable[Row], positive: str) -> list[tuple[float, float]]:
    """Rows of a class and others by part and prediction, in order of scores."""
    found: dict[tuple[int, bool], list[float]] = {}
    for row in rows:
        place = found.setdefault((row["part"], row["predicted"] == positive), [0.0, 0.0])
        place[row["actual"] != positive] += row["n"]
    return [(hits, others) for _, (hits, others) in sorted(found.items())]


def _area(rows: Sequence[Row]) -> float | None:
    """The area under the curve of one class's scores."""
    if len(rows) != 1 or not rows[0]["positives"] or not rows[0]["negatives"]:
        return None
    return float(rows[0]["wins"] / (2 * rows[0]["positives"] * rows[0]["negatives"]))


def _window(plan: Plan, pair: Pair) -> tuple[str, str]:
    """The bounds of a pair's window, as text."""
    window = next(each for each in plan.production.windows if each.id == pair.window_id)
    return str(window.start), str(window.end)


# What sums of `reliability` are divided by, to be at most 1.
_SHARES: Final = {"x": 1, "doubt": 1, "loss": 64, "brier": 2}


def limbs(row: Mapping[str, Any], name: str) -> Fraction:
    """A sum that comes in two columns; 0 where there is none."""
    if row[name] is None:
        return Fraction(0)
    return (Fraction(row[name]) + Fraction(row[f"{name}_rest"]) / Fraction(REST)) / Fraction(WIDE)


def _naming(plan: Plan, pair: Pair, counted: Counted) -> tuple[str, str, bool] | None:
    """What rows are called that are predicted not to be of a class.

    Returns what scores say, its name, and whether all classes but the positive one are it. That is
    the only other class of the reference, else of production; where there are several, all of them
    are one. None where predictions have names of their own.
    """
    performance = plan.performance
    assert performance is not None
    ours = performance.of(plan.production.id)
    if ours is None or ours.prediction is not None or len(performance.classes) != 1:
        return None
    (positive,) = performance.classes
    for _, side, key in (each for each in sides_of(plan) if each[0] == pair):
        there = {row["actual"] for row in counted.confusion.get(key, [])}
        others = there - {positive, None}
        if len(others) == 1:
            return opposite(positive), others.pop(), False
        if others and side == "reference":
            break
    return opposite(positive), opposite(positive), True


def _named(plan: Plan, pair: Pair, counted: Counted, rows: Iterable[Row]) -> list[Row]:
    """Rows by the class that happened, which may be none, and the one predicted, by their names."""
    naming = _naming(plan, pair, counted)
    if naming is None:
        return [dict(row) for row in rows]
    unnamed, name, whole = naming
    (positive,) = plan.performance.classes if plan.performance else ("",)
    return [
        {
            **row,
            "actual": name
            if whole and row["actual"] is not None and row["actual"] != positive
            else row["actual"],
            "predicted": name if row["predicted"] == unnamed else row["predicted"],
        }
        for row in rows
    ]


def _cells(plan: Plan, pair: Pair, counted: Counted, key: Key) -> list[Row]:
    """Rows with an actual and a prediction, by both."""
    named = _named(plan, pair, counted, counted.confusion.get(key, []))
    return _merged(
        row for row in named if row["actual"] is not None and row["predicted"] is not None
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
