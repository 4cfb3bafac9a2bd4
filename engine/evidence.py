"""What a measurement rests on: how likely it is without drift, and how far off it may be.

One probability a feature serves all binned distances; Wasserstein and Kolmogorov-Smirnov have their
own; rates are held against the reference's rate. All of it is computed from counts in the workbench,
for all comparisons of a metric together, and each comparison's numbers are what they were alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from driftline.engine.intervals import (
    SMIRNOV_95,
    chi_squared_95,
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

RATES: Final = frozenset(
    {"null_value_rate", "data_type_error_rate", "out_of_bounds_rate", "new_category_rate"}
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
    """

    p: float | None = None
    low: float | None = None
    high: float | None = None
    by_chance: float | None = None
    why: str | None = None


def with_evidence(
    windows: Sequence[tuple[Plan, Sequence[Measurement], Sequence[Mapping[str, Any]]]],
    results: Results,
) -> list[tuple[Measurement, ...]]:
    """Add probabilities, intervals and adjusted probabilities to the measurements of windows.

    All comparisons of a metric are computed together, each from its own numbers alone.

    Args:
        windows: For each window its plan; all its measurements, because adjusting needs whole
            families; and its stored rows, whose probabilities complete the families of a run that
            computes a part of it.
        results: The workbench's results.
    """
    every = [each for _, measurements, _ in windows for each in measurements]
    told = iter(_Evidence([plan for plan, _, _ in windows], results).of(every))
    out = []
    for plan, measurements, standing in windows:
        found = [next(told) for _ in measurements]
        p = [
            each.p_value if each.p_value is not None or evidence is None else evidence.p
            for each, evidence in zip(measurements, found, strict=True)
        ]
        beside: dict[Family, list[float]] = {}
        for row in standing:
            if row["p_value"] is not None and not plan.takes(row["signal"], row["feature"]):
                family = (row["reference"], row["segment"], row["signal"], row["metric"])
                beside.setdefault(family, []).append(row["p_value"])
        q = _adjusted(plan, measurements, p, beside)
        out.append(tuple(map(_added, measurements, found, p, q)))
    return out


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

    def __init__(self, plans: Sequence[Plan], results: Results) -> None:
        self._plans = {plan.pairs[0].window_id: plan for plan in plans}
        self._results = results
        self._metrics = plans[0].metrics
        # what all binned distances of a comparison share
        self._binned_p: dict[int, float] = {}

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
            told = self._told(name, kind, [found[place] for place in places])
            for place, evidence in zip(places, told, strict=True):
                out[place] = evidence
        return out

    def _told(
        self, metric: str, kind: str | None, found: Sequence[Measurement]
    ) -> Iterable[Evidence]:
        match metric:
            case "rate":
                return _rates(found)
            case "normalized_wasserstein_distance":
                return self._wasserstein(found)
            case "kolmogorov_smirnov_distance":
                return self._largest_gaps(found)
            case "two_sample_kolmogorov_smirnov_test":
                return [
                    Evidence(each.value, *_around(each.statistic, _smirnov(each), 1.0))
                    for each in found
                ]
            case "pearsons_chi_squared_test":
                return self._tables(found)
            case _:
                return self._distances(metric, kind, found)

    def _distances(
        self, metric: str, kind: str | None, found: Sequence[Measurement]
    ) -> Iterator[Evidence]:
        ids = [_id(each) for each in found]
        cells = self._categories if kind == "categorical" else self._bins
        bins, s = self._computed(self._bins, ids, _sizes)
        chance = chi_squared_95(bins - 1) * s
        match metric:
            case "population_stability_index":
                low, high = self._computed(cells, ids, _psi_ends)
            case "jensen_shannon_distance":
                low, high = self._computed(cells, ids, _jensen_shannon_ends)
                chance = (chance / (8 * math.log(2))) ** 0.5
            case "hellinger_distance":
                low, high = self._computed(cells, ids, _hellinger_ends)
                chance = (chance / 8) ** 0.5
            case _:
                largest = metric == "chebyshev_distance"
                (chance,) = self._computed(
                    self._bins, ids, _largest_noise if largest else _half_the_noise
                )
                low, high = _ball(_floats(each.value for each in found), chance, 1.0)
        columns = map(_known, (self._shared_p(kind, ids), low, high, chance))
        for p, least, most, by_chance in zip(*columns, strict=True):
            why = "too few rows in the bins to test them" if p is None else None
            yield Evidence(p, least, most, by_chance, why)

    def _shared_p(self, kind: str | None, comparisons: Sequence[int]) -> Counts:
        """One probability a feature for all of its binned distances."""
        new = [each for each in comparisons if each not in self._binned_p]
        if new:
            cells, law = (
                (self._categories, _categories_p)
                if kind == "categorical"
                else (self._bins, _binned_p)
            )
            (p,) = self._computed(cells, new, law)
            self._binned_p |= dict(zip(new, p.tolist(), strict=True))
        return _floats(self._binned_p[each] for each in comparisons)

    def _wasserstein(self, found: Sequence[Measurement]) -> Iterator[Evidence]:
        ids = [_id(each) for each in found]
        has_rows, p, radius = self._computed(self._finite_cells, ids, _bridged)
        answers = self._results.of(self._metrics["normalized_wasserstein_distance"])
        radius = radius / _floats(float(answers[each]["unit"]) for each in ids)
        ends = _ball(_floats(each.value for each in found), radius, math.inf)
        columns = zip(*map(_known, (has_rows, p, *ends, radius)), strict=True)
        for each, (held, p_value, low, high, by_chance) in zip(found, columns, strict=True):
            if held is None:
                yield Evidence(why="a side has no finite values")
            elif p_value is None:
                x, n, m = self._finite_cells.one(_id(each))
                drawn = permutation_p(_scaled(x), n, m, self._seed(each))
                yield Evidence(drawn, low, high, by_chance)
            else:
                yield Evidence(p_value, low, high, by_chance)

    def _largest_gaps(self, found: Sequence[Measurement]) -> Iterator[Evidence]:
        test = self._metrics["two_sample_kolmogorov_smirnov_test"]
        for each in found:
            x, n, m, single = self._cells.one(_id(each))
            if not n.sum() or not m.sum():
                yield Evidence(why="a side has no finite values")
                continue
            if single.all() and len(x) <= FEW_VALUES:
                p = permutation_p(x, n, m, self._seed(each), largest=True)
            else:
                tested = self._results.tested(test, _id(each))
                p = None if tested is None else tested.p_value
            radius = _smirnov(each)
            low, high = _around(each.value, radius, 1.0)
            yield Evidence(p, low, high, radius)

    def _tables(self, found: Sequence[Measurement]) -> Iterator[Evidence]:
        metric = self._metrics["pearsons_chi_squared_test"]
        for each in found:
            test = self._results.tested(metric, _id(each))
            if test is None or each.statistic is None:
                yield Evidence(each.value)
                continue
            span = pearson_span(_floats([each.statistic]), _floats([test.cells]))
            (low,), (high,) = _known(span.low), _known(span.high)
            yield Evidence(each.value, low, high)

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
    def _computed(relation: _Relation, comparisons: Sequence[int], law: Law) -> list[Counts]:
        """Columns of what a law says of comparisons, in their order."""
        import numpy as np

        columns: list[Counts] = []
        for places, cells in relation.blocks(comparisons):
            found = law(*cells)
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

    def blocks(self, comparisons: Sequence[int]) -> Iterator[tuple[NDArray[np.intp], list[Counts]]]:
        """The columns of comparisons of about as many cells, float64, shape (cells, comparisons).

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
            yield some, [self._at(name, at, held) for name in self._columns]

    def _at(self, name: str, at: NDArray[np.intp], held: Counts) -> Counts:
        column = self._columns[name]
        if not len(column):
            return held
        return column[at] if name == "x" else column[at] * held


def _sizes(n: Counts, m: Counts) -> tuple[Counts, Counts]:
    """How many bins there are, and 1/n + 1/m."""
    return total((n + m > 0).astype(float)), 1 / total(n) + 1 / total(m)


def _binned_p(n: Counts, m: Counts) -> tuple[Counts]:
    return (binned_p(n, m),)


def _categories_p(n: Counts, m: Counts, alike: Counts) -> tuple[Counts]:
    return (categories_p(n, m, alike),)


def _psi_ends(n: Counts, m: Counts, alike: Counts | None = None) -> tuple[Counts, Counts]:
    span = psi_span(n, m, alike)
    return span.low, span.high


def _jensen_shannon_ends(
    n: Counts, m: Counts, alike: Counts | None = None
) -> tuple[Counts, Counts]:
    span = jensen_shannon_span(n, m, alike).mapped(1 / math.log(2), root=True, top=1.0)
    return span.low, span.high


def _hellinger_ends(n: Counts, m: Counts, alike: Counts | None = None) -> tuple[Counts, Counts]:
    span = squared_hellinger_span(n, m, alike).mapped(root=True, top=1.0)
    return span.low, span.high


def _half_the_noise(n: Counts, m: Counts) -> tuple[Counts]:
    return (noise_radius(n, m, largest=False),)


def _largest_noise(n: Counts, m: Counts) -> tuple[Counts]:
    return (noise_radius(n, m, largest=True),)


def _bridged(x: Counts, n: Counts, m: Counts) -> tuple[Counts, Counts, Counts]:
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


def _rates(found: Sequence[Measurement]) -> Iterator[Evidence]:
    import numpy as np

    known = _floats(each.reference_value for each in found)
    n, m = (
        _floats(each.n_reference for each in found),
        _floats(each.n_production for each in found),
    )
    p, span = two_rates(known * n, n, _floats(each.value for each in found) * m, m)
    ends = (np.minimum(np.maximum(known + end, 0.0), 1.0) for end in (span.low, span.high))
    return map(Evidence, *map(_known, (p, *ends)))


def _smirnov(found: Measurement) -> float:
    n, m = found.n_reference, found.n_production
    return SMIRNOV_95 * math.sqrt(1 / n + 1 / m) if n and m else 1.0


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
