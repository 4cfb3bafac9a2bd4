"""What a measurement rests on: how likely it is without drift, and how far off it may be.

One probability a feature serves all binned distances; Wasserstein and Kolmogorov-Smirnov have their
own; rates are held against the reference's rate. All of it is computed from counts in the workbench.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from driftline.engine.catalog import METRICS, Metric
from driftline.engine.intervals import (
    SMIRNOV_95,
    UNKNOWN,
    Span,
    benjamini_hochberg,
    binned_p,
    categories_p,
    chi_squared_95,
    jensen_shannon_span,
    noise_radius,
    pearson_span,
    permutation_p,
    psi_span,
    seed_of,
    squared_hellinger_span,
    two_rates,
    wasserstein_radius,
)
from driftline.engine.measure import Measurement, Results
from driftline.engine.plan import ALL, Plan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.float64]

# Up to this many distinct values a gap's law is that of the permuted rows, not of a continuous one.
FEW_VALUES: Final = 256
# Below it, 1/n + 1/m asks for more rows than any table has.
FEWEST_NEEDED: Final = 1e-15

RATES: Final = frozenset(
    {"null_value_rate", "data_type_error_rate", "out_of_bounds_rate", "new_category_rate"}
)


# What probabilities are adjusted within: reference, segment, signal, metric.
Family = tuple[str, str, str, str]


@dataclass(frozen=True)
class Evidence:
    """What is known of one measurement beside its value.

    Attributes:
        p: Probability of a value this far out without drift; None where it cannot be told.
        span: 95 % interval of the population's value, of the statistic for tests.
        by_chance: What 95 % of samples without drift stay below, in the value's unit.
        why: Why there is no probability.
    """

    p: float | None = None
    span: Span = UNKNOWN
    by_chance: float | None = None
    why: str | None = None


def with_evidence(
    plan: Plan,
    measurements: Sequence[Measurement],
    results: Results,
    standing: Sequence[Mapping[str, Any]] = (),
) -> tuple[Measurement, ...]:
    """Add probabilities, intervals and adjusted probabilities to measurements.

    Args:
        plan: The plan they come from.
        measurements: All measurements of the run: adjusting needs whole families.
        results: The workbench's results.
        standing: Stored rows of the window, whose probabilities complete the families of a run that
            computes a part of it.
    """
    source = _Evidence(plan, results)
    found = [_added(each, source.of(each)) for each in measurements]
    beside: dict[Family, list[float]] = {}
    for row in standing:
        if row["p_value"] is not None and not plan.takes(row["signal"], row["feature"]):
            family = (row["reference"], row["segment"], row["signal"], row["metric"])
            beside.setdefault(family, []).append(row["p_value"])
    return tuple(_adjusted(plan, found, beside))


def _added(measurement: Measurement, evidence: Evidence | None) -> Measurement:
    if evidence is None:
        return measurement
    return replace(
        measurement,
        p_value=measurement.p_value if measurement.p_value is not None else evidence.p,
        ci_low=evidence.span.low,
        ci_high=evidence.span.high,
        by_chance=evidence.by_chance,
        has_p=True,
        why_no_p=evidence.why,
    )


def _adjusted(
    plan: Plan, found: Iterable[Measurement], beside: Mapping[Family, Sequence[float]]
) -> list[Measurement]:
    """Benjamini-Hochberg over the features of one reference, segment, signal and metric."""
    listed = list(found)
    families: dict[Family, list[int]] = {}
    for place, each in enumerate(listed):
        if each.p_value is not None and each.pair is not None:
            reference = plan.scans[each.pair.reference_scan].reference
            family = (reference, each.pair.segment, each.signal, each.metric)
            families.setdefault(family, []).append(place)
    for family, places in families.items():
        own = [listed[k].p_value or 0.0 for k in places]
        q = benjamini_hochberg([*own, *beside.get(family, ())])
        for k, value in zip(places, q, strict=False):
            listed[k] = replace(listed[k], q_value=value)
    return listed


class _Evidence:
    """Reads counts once a comparison, and computes what several metrics share once."""

    def __init__(self, plan: Plan, results: Results) -> None:
        self._plan = plan
        self._results = results
        self._bins: dict[int, tuple[Counts, Counts]] | None = None
        self._split: dict[int, tuple[Counts, Counts, Counts]] | None = None
        self._cells: dict[int, list[Mapping[str, Any]]] | None = None
        self._binned_p: dict[int, tuple[float | None, str | None]] = {}
        self._metrics = plan.conventions.metrics

    def of(self, found: Measurement) -> Evidence | None:
        """The evidence of one measurement; None where none is defined."""
        if (
            found.pair is None
            or found.comparison is None
            or METRICS[found.metric].scope == "dataset"
        ):
            return None
        if found.metric in RATES:
            return self._rate(found)
        if METRICS[found.metric].family != "drift":
            return None
        if found.value is None or not found.n_reference or not found.n_production:
            return Evidence(why="a side has no values")
        if found.metric in ("normalized_wasserstein_distance", "kolmogorov_smirnov_distance"):
            return self._exact(found)
        if found.metric == "two_sample_kolmogorov_smirnov_test":
            return Evidence(found.value, self._around(found.statistic, self._smirnov(found), 1.0))
        if found.metric == "pearsons_chi_squared_test":
            test = self._results.tested(self._metrics[found.metric], found.comparison)
            if test is None or found.statistic is None:
                return Evidence(found.value)
            return Evidence(found.value, pearson_span(found.statistic, test.cells))
        return self._distance(found)

    def _rate(self, found: Measurement) -> Evidence:
        n, m = found.n_reference, found.n_production
        if found.value is None or found.reference_value is None or not n or not m:
            return Evidence(why="a side has no rows")
        p, span = two_rates(found.reference_value * n, n, found.value * m, m)
        ends = [
            None if end is None else min(1.0, max(0.0, found.reference_value + end))
            for end in (span.low, span.high)
        ]
        return Evidence(p, Span(ends[0], ends[1]))

    def _distance(self, found: Measurement) -> Evidence:
        assert found.comparison is not None
        n, m = self._counts(found.comparison)
        p, why = self._shared_p(found, n, m)
        s = 1 / n.sum() + 1 / m.sum()
        cells: tuple[Counts, ...] = (n, m)
        if found.feature_type == "categorical":
            cells = self._categories(found.comparison)
        chance = chi_squared_95(len(n) - 1) * s if len(n) > 1 else 0.0
        match found.metric:
            case "population_stability_index":
                return Evidence(p, psi_span(*cells), chance, why)
            case "jensen_shannon_distance":
                span = jensen_shannon_span(*cells).mapped(1 / math.log(2), 0.5, 1.0)
                return Evidence(p, span, math.sqrt(chance / (8 * math.log(2))), why)
            case "hellinger_distance":
                span = squared_hellinger_span(*cells).mapped(1.0, 0.5, 1.0)
                return Evidence(p, span, math.sqrt(chance / 8), why)
            case _:
                radius = noise_radius(n, m, largest=found.metric == "chebyshev_distance")
                return Evidence(p, self._around(found.value, radius, 1.0), radius, why)

    def _shared_p(
        self, found: Measurement, n: Counts, m: Counts
    ) -> tuple[float | None, str | None]:
        """One probability a feature for all of its binned distances."""
        assert found.comparison is not None
        if found.comparison not in self._binned_p:
            if found.feature_type == "categorical":
                p = categories_p(*self._categories(found.comparison))
            else:
                p = binned_p(n, m)
            why = "too few rows in the bins to test them" if p is None else None
            self._binned_p[found.comparison] = (p, why)
        return self._binned_p[found.comparison]

    def _exact(self, found: Measurement) -> Evidence:
        assert found.comparison is not None
        largest = found.metric == "kolmogorov_smirnov_distance"
        cells = self._coarse(found.comparison)
        if not largest:
            cells = [cell for cell in cells if math.isfinite(cell["x"])]
        x, n, m = (_column(cells, name) for name in ("x", "n_reference", "n_production"))
        if not n.sum() or not m.sum():
            return Evidence(why="a side has no finite values")
        seed = seed_of(
            self._plan.monitor.name,
            found.feature,
            self._plan.scans[found.pair.reference_scan].reference if found.pair else ALL,
            self._plan.window_start,
            self._plan.window_end,
            found.pair.segment if found.pair else ALL,
        )
        if largest:
            radius = self._smirnov(found)
            few = all(c["whole"] and c["values_"] == 1 for c in cells) and len(cells) <= FEW_VALUES
            p = (
                permutation_p(x, n, m, seed, largest=True)
                if few
                else self._tested(
                    self._metrics["two_sample_kolmogorov_smirnov_test"], found.comparison
                )
            )
            return Evidence(p, self._around(found.value, radius, 1.0), radius)
        metric = self._metrics[found.metric]
        unit = float(self._results.of(metric)[found.comparison]["unit"])
        # widths of the widest values leave the range of a double: compare in units of the largest
        size = float(abs(x).max()) or 1.0
        x = x / size
        radius = wasserstein_radius(x, n, m) * (size / unit)
        return Evidence(
            permutation_p(x, n, m, seed), self._around(found.value, radius, math.inf), radius
        )

    def _smirnov(self, found: Measurement) -> float:
        n, m = found.n_reference, found.n_production
        return SMIRNOV_95 * math.sqrt(1 / n + 1 / m) if n and m else 1.0

    def _tested(self, metric: Metric, comparison: int) -> float | None:
        test = self._results.tested(metric, comparison)
        return None if test is None else test.p_value

    @staticmethod
    def _around(value: float | None, radius: float, top: float) -> Span:
        if value is None:
            return UNKNOWN
        high = min(top, value + radius)
        return Span(max(0.0, value - radius), high if math.isfinite(high) else None)

    def _counts(self, comparison: int) -> tuple[Counts, Counts]:
        if self._bins is None:
            filled = "(from bins where n_reference + n_production > 0)"
            grouped = _grouped(self._results.rows(filled, "comparison, bin"))
            self._bins = {
                key: (_column(rows, "n_reference"), _column(rows, "n_production"))
                for key, rows in grouped.items()
            }
        return self._bins[comparison]

    def _categories(self, comparison: int) -> tuple[Counts, Counts, Counts]:
        if self._split is None:
            grouped = _grouped(self._results.rows("each_category", "comparison, cell"))
            names = ("n_reference", "n_production", "categories")
            self._split = {
                key: (_column(rows, names[0]), _column(rows, names[1]), _column(rows, names[2]))
                for key, rows in grouped.items()
            }
        return self._split[comparison]

    def _coarse(self, comparison: int) -> list[Mapping[str, Any]]:
        if self._cells is None:
            self._cells = _grouped(self._results.rows("coarse", "comparison, x"))
        return self._cells.get(comparison, [])


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


def _grouped(rows: Iterable[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    found: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["comparison"], []).append(row)
    return found


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> Counts:
    import numpy as np

    return np.asarray([row[name] for row in rows], dtype=float)
