"""What a measurement rests on: how likely it is without drift, and how far off it may be.

One probability a feature serves all binned distances; Wasserstein and Kolmogorov-Smirnov have their
own; rates are held against the reference's rate. All of it is computed from counts in the workbench,
for all comparisons of a metric together, and each comparison's numbers are what they were alone.

Where windows of the reference differ more than independent rows would, all of it is computed a second
time for rows in clusters, and what says less counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from driftline.engine.dispersion import Dispersion, OfScans
from driftline.engine.intervals import (
    SMIRNOV_95,
    chi_squared_95,
    few_p,
    jensen_shannon_span,
    noise_radius,
    pearson_span,
    psi_span,
    squared_hellinger_span,
    two_rates,
    wasserstein_radius,
)
from driftline.engine.measure import Measurement, Results
from driftline.engine.plan import Plan
from driftline.engine.significance import (
    benjamini_hochberg,
    binned_p,
    categories_p,
    kolmogorov_smirnov_of,
    permutation_p,
    seed_of,
    total,
    wasserstein_p,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.float64]

# Up to this many distinct values a gap's law is that of the permuted rows, not of a continuous one.
FEW_VALUES: Final = 256
# Below it, 1/n + 1/m asks for more rows than any table has.
FEWEST_NEEDED: Final = 1e-15
# Cells that are computed together: what a processor keeps at hand.
BLOCK: Final = 1 << 16
# What is closer to 1 is as likely chance as clusters.
LEAST_TOLD: Final = 1.05

RATES: Final = frozenset(
    {"null_value_rate", "data_type_error_rate", "out_of_bounds_rate", "new_category_rate"}
)


# Metrics of the distance between distribution functions.
OF_GAPS: Final = frozenset(
    {
        "normalized_wasserstein_distance",
        "kolmogorov_smirnov_distance",
        "two_sample_kolmogorov_smirnov_test",
    }
)

# What probabilities are adjusted within: reference, segment, signal, metric.
Family = tuple[str, str, str, str]

# Counts of many comparisons to a number each: columns in, columns out.
Law = Callable[..., tuple["Counts", ...]]


@dataclass(frozen=True)
class Evidence:
    """What is known of one measurement beside its value.

    Attributes:
        p: Probability of a value this far out without drift; None where it cannot be told.
        low, high: 95 % interval of the population's value, of the statistic for tests.
        by_chance: What 95 % of samples without drift stay below, in the value's unit.
        why: Why there is no probability.
        note: What it was widened by.
    """

    p: float | None = None
    low: float | None = None
    high: float | None = None
    by_chance: float | None = None
    why: str | None = None
    note: str | None = None

    def widened(self, other: Evidence, factor: float) -> Evidence:
        """What this and the same of clustered rows, so many times more scattered, both allow."""
        ends = ((self.low, other.low, min), (self.high, other.high, max))
        low, high = (None if a is None or b is None else of(a, b) for a, b, of in ends)
        if self.p is None or other.p is None:
            return replace(self, low=low, high=high)
        chance = self.by_chance
        if chance is not None and other.by_chance is not None:
            chance = max(chance, other.by_chance)
        told = (
            f"windows of the reference differ {factor:.2g} times as much as independent rows would"
        )
        note = f"{told}: p and interval are widened" if factor >= LEAST_TOLD else None
        return Evidence(max(self.p, other.p), low, high, chance, note=note)


@dataclass(frozen=True)
class Spread:
    """By how much clustered rows scatter more, float64, shape (comparisons,); see `dispersion.py`."""

    factor: Counts
    share: Counts

    @classmethod
    def none(cls, count: int) -> Spread:
        """Of so many comparisons of independent rows."""
        import numpy as np

        return cls(np.ones(count), np.ones(count))


def with_evidence(
    windows: Sequence[tuple[Plan, Sequence[Measurement], Sequence[Mapping[str, Any]]]],
    results: Results,
    dispersions: OfScans = MappingProxyType({}),
) -> list[tuple[Measurement, ...]]:
    """Add probabilities, intervals and adjusted probabilities to the measurements of windows.

    All comparisons of a metric are computed together, each from its own numbers alone.

    Args:
        windows: For each window its plan; all its measurements, because adjusting needs whole
            families; and its stored rows, whose probabilities complete the families of a run that
            computes a part of it.
        results: The workbench's results.
        dispersions: How windows of a reference differ, by its scan and a feature, of its values and, of
            the third, whether it has one.
    """
    every = [each for _, measurements, _ in windows for each in measurements]
    plans = [plan for plan, _, _ in windows]
    told = iter(_Evidence(plans, results, dispersions).of(every))
    out = []
    for plan, measurements, standing in windows:
        found = [next(told) for _ in measurements]
        p = [*map(_probability, measurements, found)]
        beside: dict[Family, list[float]] = {}
        for row in standing:
            if row["p_value"] is not None and not plan.takes(row["signal"], row["feature"]):
                family = (row["reference"], row["segment"], row["signal"], row["metric"])
                beside.setdefault(family, []).append(row["p_value"])
        q = _adjusted(plan, measurements, p, beside)
        out.append(tuple(map(_added, measurements, found, p, q)))
    return out


def _probability(measurement: Measurement, evidence: Evidence | None) -> float | None:
    """What a test says of independent rows, or what is told of rows as they come: the larger one."""
    known = [measurement.p_value, None if evidence is None else evidence.p]
    return max((each for each in known if each is not None), default=None)


def _added(
    measurement: Measurement, evidence: Evidence | None, p: float | None, q: float | None
) -> Measurement:
    if evidence is None:
        return measurement if q is None else replace(measurement, q_value=q)
    known = {
        "p_value": p,
        "q_value": q,
        "ci_low": evidence.low,
        "ci_high": evidence.high,
        "by_chance": evidence.by_chance,
        "has_p": True,
        "why_no_p": evidence.why,
    }
    if evidence.note is not None:
        told = (measurement.reason, evidence.note)
        known["reason"] = "; ".join(each for each in told if each is not None)
    # what `replace` does, in a third of its time: a backfill has tens of thousands
    return Measurement(**(vars(measurement) | known))


def _adjusted(
    plan: Plan,
    measurements: Sequence[Measurement],
    p: Sequence[float | None],
    beside: Mapping[Family, Sequence[float]],
) -> list[float | None]:
    """Benjamini-Hochberg over the features of one reference, segment, signal and metric."""
    families: dict[Family, list[tuple[int, float]]] = {}
    for place, (each, probability) in enumerate(zip(measurements, p, strict=True)):
        if probability is not None and each.pair is not None:
            reference = plan.scans[each.pair.reference_scan].reference
            family = (reference, each.pair.segment, each.signal, each.metric)
            families.setdefault(family, []).append((place, probability))
    adjusted: list[float | None] = [None] * len(measurements)
    for family, own in families.items():
        q = benjamini_hochberg([*(value for _, value in own), *beside.get(family, ())])
        for (place, _), value in zip(own, q, strict=False):
            adjusted[place] = value
    return adjusted


class _Evidence:
    """Reads a relation once, and computes all comparisons of a metric together."""

    def __init__(
        self,
        plans: Sequence[Plan],
        results: Results,
        dispersions: OfScans,
    ) -> None:
        self._dispersions = dispersions
        self._plans = {plan.pairs[0].window_id: plan for plan in plans}
        self._results = results
        self._metrics = plans[0].metrics
        # what all binned distances of a comparison share
        self._binned_p: dict[tuple[int, float, float], float] = {}

    def of(self, found: Sequence[Measurement]) -> list[Evidence | None]:
        """The evidence of each measurement; None where none is defined."""
        out: list[Evidence | None] = [None] * len(found)
        together: dict[tuple[str, str | None], list[int]] = {}
        for place, each in enumerate(found):
            metric = self._metrics[each.metric]
            if each.pair is None or each.comparison is None or metric.scope == "dataset":
                continue
            if each.metric in RATES:
                if each.value is None or each.reference_value is None or not _has_rows(each):
                    out[place] = Evidence(why="a side has no rows")
                else:
                    together.setdefault(("rate", None), []).append(place)
            elif metric.family == "drift":
                if each.value is None or not _has_rows(each):
                    out[place] = Evidence(why="a side has no values")
                else:
                    together.setdefault((each.metric, each.feature_type), []).append(place)
        for (name, kind), places in together.items():
            alone = Spread.none(len(places))
            told = self._told(name, kind, [found[place] for place in places], alone)
            for place, evidence in zip(places, told, strict=True):
                out[place] = evidence
            self._widen(name, kind, found, places, out)
        return out

    def _widen(
        self,
        metric: str,
        kind: str | None,
        found: Sequence[Measurement],
        places: Sequence[int],
        out: list[Evidence | None],
    ) -> None:
        """Have what is told of a metric at some places hold for clustered rows, too."""
        scattered = {place: known for place in places if (known := self._scatter(found[place]))}
        if not scattered:
            return
        spread = Spread(
            _floats(factor for factor, _ in scattered.values()),
            _floats(known.share for _, known in scattered.values()),
        )
        again = self._told(metric, kind, [found[place] for place in scattered], spread)
        for place, other in zip(scattered, again, strict=True):
            factor, told = scattered[place]
            evidence, wider = out[place], other
            assert evidence is not None
            if metric in OF_GAPS and other.p is not None:
                n, m = self._bins.one(_id(found[place]))
                largest = metric != "normalized_wasserstein_distance"
                wider = replace(other, p=max(other.p, told.gap_p(n, m, largest=largest)))
            out[place] = evidence.widened(wider, factor)

    def _scatter(self, found: Measurement) -> tuple[float, Dispersion] | None:
        """By how much a measurement's rows scatter more, and what tells it."""
        pair, n, m = found.pair, found.n_reference, found.n_production
        if not self._dispersions or pair is None or not n or not m:
            return None
        if found.metric in RATES and found.metric != "null_value_rate":
            return None
        scan = self._plans[pair.window_id].scans[pair.reference_scan]
        of = scan.id if scan.base is None else scan.base
        known = self._dispersions.get((of, found.feature, found.metric in RATES))
        if known is None:
            return None
        return (known.at_gaps if found.metric in OF_GAPS else known.at)(n, m), known

    def _told(
        self, metric: str, kind: str | None, found: Sequence[Measurement], spread: Spread
    ) -> Iterable[Evidence]:
        match metric:
            case "rate":
                return _rates(found, spread)
            case "normalized_wasserstein_distance":
                return self._wasserstein(found, spread)
            case "kolmogorov_smirnov_distance":
                return self._largest_gaps(found, spread)
            case "two_sample_kolmogorov_smirnov_test":
                return _gap_tests(found, spread)
            case "pearsons_chi_squared_test":
                return self._tables(found, spread)
            case _:
                return self._distances(metric, kind, found, spread)

    def _distances(
        self, metric: str, kind: str | None, found: Sequence[Measurement], spread: Spread
    ) -> Iterator[Evidence]:
        ids = [_id(each) for each in found]
        cells = self._categories if kind == "categorical" else self._bins
        bins, s = self._computed(self._bins, ids, _sizes, spread)
        chance = chi_squared_95((bins - 1) * spread.share) * s
        match metric:
            case "population_stability_index":
                low, high = self._computed(cells, ids, _psi_ends, spread)
            case "jensen_shannon_distance":
                low, high = self._computed(cells, ids, _jensen_shannon_ends, spread)
                chance = (chance / (8 * math.log(2))) ** 0.5
            case "hellinger_distance":
                low, high = self._computed(cells, ids, _hellinger_ends, spread)
                chance = (chance / 8) ** 0.5
            case _:
                largest = metric == "chebyshev_distance"
                law = _largest_noise if largest else _half_the_noise
                (chance,) = self._computed(self._bins, ids, law, spread)
                low, high = _ball(_floats(each.value for each in found), chance, 1.0)
        columns = map(_known, (self._shared_p(kind, ids, spread), low, high, chance))
        for p, least, most, by_chance in zip(*columns, strict=True):
            why = "too few rows in the bins to test them" if p is None else None
            yield Evidence(p, least, most, by_chance, why)

    def _shared_p(self, kind: str | None, comparisons: Sequence[int], spread: Spread) -> Counts:
        """One probability a feature for all of its binned distances."""
        names = [*zip(comparisons, spread.factor.tolist(), spread.share.tolist(), strict=True)]
        new = {name: None for name in names if name not in self._binned_p}
        if new:
            cells, law = (
                (self._categories, _categories_p)
                if kind == "categorical"
                else (self._bins, _binned_p)
            )
            ids, *scattered = zip(*new, strict=True)
            (p,) = self._computed(cells, ids, law, Spread(*map(_floats, scattered)))
            self._binned_p |= dict(zip(new, p.tolist(), strict=True))
        return _floats(self._binned_p[name] for name in names)

    def _wasserstein(self, found: Sequence[Measurement], spread: Spread) -> Iterator[Evidence]:
        ids = [_id(each) for each in found]
        has_rows, p, radius = self._computed(self._finite_cells, ids, _bridged, spread)
        answers = self._results.of(self._metrics["normalized_wasserstein_distance"])
        radius = radius / _floats(float(answers[each]["unit"]) for each in ids)
        ends = _ball(_floats(each.value for each in found), radius, math.inf)
        columns = zip(*map(_known, (has_rows, p, *ends, radius, spread.factor)), strict=True)
        for each, (held, p_value, low, high, by_chance, factor) in zip(found, columns, strict=True):
            if held is None:
                yield Evidence(why="a side has no finite values")
            elif p_value is None:
                x, n, m = self._finite_cells.one(_id(each))
                x, n, m = _worth(x, n, m, factor or 1.0)
                drawn = permutation_p(_scaled(x), n, m, self._seed(each))
                yield Evidence(drawn, low, high, by_chance)
            else:
                yield Evidence(p_value, low, high, by_chance)

    def _largest_gaps(self, found: Sequence[Measurement], spread: Spread) -> Iterator[Evidence]:
        test = self._metrics["two_sample_kolmogorov_smirnov_test"]
        for each, factor in zip(found, spread.factor.tolist(), strict=True):
            x, n, m, single = self._cells.one(_id(each))
            if not n.sum() or not m.sum():
                yield Evidence(why="a side has no finite values")
                continue
            if single.all() and len(x) <= FEW_VALUES:
                x, n, m = _worth(x, n, m, factor)
                p = permutation_p(x, n, m, self._seed(each), largest=True)
            elif factor > 1:
                p = _gap_p(each, each.value, factor)
            else:
                tested = self._results.tested(test, _id(each))
                p = None if tested is None else tested.p_value
            radius = _smirnov(each, factor)
            low, high = _around(each.value, radius, 1.0)
            yield Evidence(p, low, high, radius)

    def _tables(self, found: Sequence[Measurement], spread: Spread) -> Iterator[Evidence]:
        metric = self._metrics["pearsons_chi_squared_test"]
        scattered = zip(spread.factor.tolist(), spread.share.tolist(), strict=True)
        for each, (factor, share) in zip(found, scattered, strict=True):
            test = self._results.tested(metric, _id(each))
            if test is None or each.statistic is None:
                yield Evidence(each.value)
                continue
            cells = _floats([test.cells])
            span = pearson_span(_floats([each.statistic / factor]), cells, share).mapped(factor)
            (low,), (high,) = _known(span.low), _known(span.high)
            p = each.value
            if factor > 1 or share < 1:
                again = self._results.tested(metric, _id(each), factor, share)
                p = None if again is None else again.p_value
            yield Evidence(p, low, high)

    def _seed(self, found: Measurement) -> int:
        pair = found.pair
        assert pair is not None
        plan = self._plans[pair.window_id]
        return seed_of(
            plan.monitor.name,
            found.feature,
            plan.scans[pair.reference_scan].reference,
            plan.window_start,
            plan.window_end,
            pair.segment,
        )

    @staticmethod
    def _computed(
        relation: _Relation, comparisons: Sequence[int], law: Law, spread: Spread
    ) -> list[Counts]:
        """Columns of what a law says of comparisons, in their order, of rows as few as they are worth."""
        import numpy as np

        columns: list[Counts] = []
        for places, cells in relation.blocks(comparisons, spread.factor):
            found = law(*cells, spread.share[places])
            columns = columns or [np.empty(len(comparisons)) for _ in found]
            for column, values in zip(columns, found, strict=True):
                column[places] = values
        return columns

    @cached_property
    def _bins(self) -> _Relation:
        filled = "(from bins where n_reference + n_production > 0)"
        return self._read(filled, "bin", "n_reference", "n_production")

    @cached_property
    def _categories(self) -> _Relation:
        names = ("n_reference", "n_production", "categories")
        return self._read("each_category", "cell", *names)

    @cached_property
    def _cells(self) -> _Relation:
        single = "(select *, whole and values_ = 1 as single from coarse)"
        return self._read(single, "x", "x", "n_reference", "n_production", "single")

    @cached_property
    def _finite_cells(self) -> _Relation:
        return self._read(
            "(from coarse where isfinite(x))", "x", "x", "n_reference", "n_production"
        )

    def _read(self, relation: str, order: str, *names: str) -> _Relation:
        found = self._results.arrays(relation, f"comparison, {order}", ("comparison", *names))
        return _Relation(found.pop("comparison"), found)


# Columns of relations that count rows.
ROWS: Final = ("n_reference", "n_production")


class _Relation:
    """A relation of the workbench, its rows in the order of comparisons and cells."""

    def __init__(self, comparison: Counts, columns: Mapping[str, Counts]) -> None:
        self._comparison = comparison
        self._columns = columns

    def one(self, comparison: int) -> list[Counts]:
        """The columns of one comparison, float64, shape (cells,)."""
        import numpy as np

        first, end = np.searchsorted(self._comparison, [comparison, comparison + 1])
        return [column[first:end] for column in self._columns.values()]

    def blocks(
        self, comparisons: Sequence[int], factor: Counts
    ) -> Iterator[tuple[NDArray[np.intp], list[Counts]]]:
        """The columns of comparisons of about as many cells, float64, shape (cells, comparisons).

        Rows are divided by the factor, shape (comparisons,): what clustered ones are worth.

        Shorter ones end in zeros, their values `x` in the last one again. With each block come the
        places of its comparisons among those asked for.
        """
        import numpy as np

        first = np.searchsorted(self._comparison, comparisons)
        cells = np.searchsorted(self._comparison, comparisons, "right") - first
        order = np.argsort(cells, kind="stable")
        end = len(order)
        while end:
            most = max(1, int(cells[order[end - 1]]))
            begin = max(0, end - max(1, BLOCK // most))
            some, end = order[begin:end], begin
            steps = np.arange(most)[:, None]
            held = (steps < cells[some]).astype(float)
            at = first[some] + np.minimum(steps, np.maximum(cells[some] - 1, 0))
            at = np.minimum(at, max(len(self._comparison) - 1, 0))
            yield some, [self._at(name, at, held, factor[some]) for name in self._columns]

    def _at(self, name: str, at: NDArray[np.intp], held: Counts, factor: Counts) -> Counts:
        column = self._columns[name]
        if not len(column):
            return held
        if name == "x":
            return column[at]
        return column[at] * held / factor if name in ROWS else column[at] * held


def _sizes(n: Counts, m: Counts, _: Counts) -> tuple[Counts, Counts]:
    """How many bins there are, and 1/n + 1/m."""
    return total((n + m > 0).astype(float)), 1 / total(n) + 1 / total(m)


def _binned_p(n: Counts, m: Counts, share: Counts) -> tuple[Counts]:
    return (binned_p(n, m, share),)


def _categories_p(n: Counts, m: Counts, alike: Counts, share: Counts) -> tuple[Counts]:
    return (categories_p(n, m, alike, share),)


def _psi_ends(n: Counts, m: Counts, *more: Counts) -> tuple[Counts, Counts]:
    span = psi_span(n, m, *_alike(more))
    return span.low, span.high


def _jensen_shannon_ends(n: Counts, m: Counts, *more: Counts) -> tuple[Counts, Counts]:
    span = jensen_shannon_span(n, m, *_alike(more)).mapped(1 / math.log(2), root=True, top=1.0)
    return span.low, span.high


def _hellinger_ends(n: Counts, m: Counts, *more: Counts) -> tuple[Counts, Counts]:
    span = squared_hellinger_span(n, m, *_alike(more)).mapped(root=True, top=1.0)
    return span.low, span.high


def _alike(more: tuple[Counts, ...]) -> tuple[Counts | None, Counts]:
    """How many categories each cell is, which bins do not say, and the share of freedom."""
    *alike, share = more
    return (alike[0] if alike else None, share)


def _half_the_noise(n: Counts, m: Counts, _: Counts) -> tuple[Counts]:
    return (noise_radius(n, m, largest=False),)


def _largest_noise(n: Counts, m: Counts, _: Counts) -> tuple[Counts]:
    return (noise_radius(n, m, largest=True),)


def _bridged(x: Counts, n: Counts, m: Counts, _: Counts) -> tuple[Counts, Counts, Counts]:
    """Whether both sides have rows, W1's probability where its law is known, and its radius."""
    import numpy as np

    # widths of the widest values leave the range of a double: compare in units of the largest
    size = abs(x).max(axis=0)
    x = _scaled(x)
    has_rows = np.where((total(n) > 0) & (total(m) > 0), 1.0, np.nan)
    with np.errstate(over="ignore"):
        radius = wasserstein_radius(x, n, m) * size
    return has_rows, wasserstein_p(x, n, m), radius


def _scaled(x: Counts) -> Counts:
    """Values in units of the largest one."""
    import numpy as np

    size = abs(x).max(axis=0)
    return x / np.where(size > 0, size, 1.0)


def _rates(found: Sequence[Measurement], spread: Spread) -> Iterator[Evidence]:
    import numpy as np

    known = _floats(each.reference_value for each in found)
    n, m = (
        _floats(each.n_reference for each in found) / spread.factor,
        _floats(each.n_production for each in found) / spread.factor,
    )
    values = _floats(each.value for each in found)
    p, span = two_rates(known * n, n, values * m, m)
    # of few clusters the normal law is none
    p = np.where(spread.factor > 1, np.maximum(p, few_p(known * n, n, values * m, m)), p)
    ends = (np.minimum(np.maximum(known + end, 0.0), 1.0) for end in (span.low, span.high))
    return map(Evidence, *map(_known, (p, *ends)))


def _smirnov(found: Measurement, factor: float) -> float:
    n, m = found.n_reference, found.n_production
    return SMIRNOV_95 * math.sqrt(factor * (1 / n + 1 / m)) if n and m else 1.0


def _gap_tests(found: Sequence[Measurement], spread: Spread) -> Iterator[Evidence]:
    for each, factor in zip(found, spread.factor.tolist(), strict=True):
        p = each.value if factor <= 1 else _gap_p(each, each.statistic, factor)
        yield Evidence(p, *_around(each.statistic, _smirnov(each, factor), 1.0))


def _gap_p(found: Measurement, gap: float | None, factor: float) -> float | None:
    """The probability of a gap between clustered rows, of as many as they are worth."""
    n, m = found.n_reference, found.n_production
    if gap is None or not n or not m:
        return None
    return kolmogorov_smirnov_of(gap, n / factor, m / factor)


def _worth(x: Counts, n: Counts, m: Counts, factor: float) -> tuple[Counts, Counts, Counts]:
    """How many independent rows clustered ones of each cell are worth, whole, and together so many."""
    import numpy as np

    if factor <= 1:
        return x, n, m
    n, m = (np.diff(np.rint(np.cumsum(side) / factor), prepend=0.0) for side in (n, m))
    there = n + m > 0
    return x[there], n[there], m[there]


def _id(found: Measurement) -> int:
    assert found.comparison is not None
    return found.comparison


def _has_rows(found: Measurement) -> bool:
    return bool(found.n_reference and found.n_production)


def _ball(value: Counts, radius: Counts, top: float) -> tuple[Counts, Counts]:
    """Ends of value -+ radius in [0, top]; an upper end beyond any double is not known."""
    import numpy as np

    high = np.minimum(value + radius, top)
    return np.maximum(value - radius, 0.0), np.where(np.isfinite(high), high, np.nan)


def _around(value: float | None, radius: float, top: float) -> tuple[float | None, float | None]:
    return (None, None) if value is None else (max(0.0, value - radius), min(top, value + radius))


def rows_needed(found: Measurement, threshold: float) -> str | None:
    """How many rows it takes before a value at the threshold could mean anything.

    Returns:
        A sentence, or None when there are enough rows or chance is not known.
    """
    chance, n, m = found.by_chance, found.n_reference, found.n_production
    if chance is None or not n or not m or threshold <= 0 or chance < threshold:
        return None
    power = 1.0 if found.metric == "population_stability_index" else 2.0
    wanted = (1 / n + 1 / m) * (threshold / chance) ** power
    told = f"chance alone reaches {chance:.3g} with {n} and {m} rows"
    if wanted < FEWEST_NEEDED:
        return f"{told}; no number of rows lets a threshold of {threshold:.3g} mean anything"
    both = math.ceil(2 / wanted)
    alone = f", or {math.ceil(1 / (wanted - 1 / n))} in production" if wanted > 1 / n else ""
    return f"{told}; a threshold of {threshold:.3g} takes {both} rows a side{alone}"


def _floats(values: Iterable[float | None]) -> Counts:
    import numpy as np

    return np.array([math.nan if value is None else value for value in values], dtype=float)


def _known(values: Counts) -> list[float | None]:
    """Numbers of Python, None where there is none."""
    return [value if math.isfinite(value) else None for value in values.tolist()]
