"""Every metric by its definition, on raw rows: slow, naive, and sharing no code with the engine.

A side is a list of values as a table has them. Missing is None; NaN is missing too, infinities are
counted apart. Counts stay whole numbers until the last division.
"""

from __future__ import annotations

import itertools
import math
import re
import statistics
import warnings
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Container, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from scipy import stats
from scipy.spatial import distance

Values = Sequence[object]

NUMBER = re.compile(r" *[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)? *", re.ASCII)


@dataclass(frozen=True)
class Numbers:
    """One side of a number column, sorted out."""

    rows: int
    nulls: int
    type_errors: int
    finite: tuple[float, ...]
    infinite: tuple[float, ...]

    @property
    def counted(self) -> tuple[float, ...]:
        """All numbers, infinities among them."""
        return self.finite + self.infinite


def numbers(values: Values, *, whole: bool = False) -> Numbers:
    """Sort out a side; text is read as numbers, whole ones if the reference's are."""
    missing = wrong = 0
    finite: list[float] = []
    infinite: list[float] = []
    for value in values:
        number = value
        if isinstance(value, str):
            number = float(value) if NUMBER.fullmatch(value) else None
            if number is None or (whole and number % 1 != 0 and not math.isinf(number)):
                wrong += 1
                continue
        if number is None or (isinstance(number, float) and math.isnan(number)):
            missing += 1
        elif math.isinf(float(number)):  # type: ignore[arg-type]
            infinite.append(float(number))  # type: ignore[arg-type]
        else:
            finite.append(float(number))  # type: ignore[arg-type]
    return Numbers(len(values), missing, wrong, tuple(finite), tuple(infinite))


# Distances of the raw values


def kolmogorov_smirnov(reference: Numbers, production: Numbers) -> float | None:
    """The largest gap of the two shares at or below any value."""
    a, b = np.sort(reference.counted), np.sort(production.counted)
    n, m = len(a), len(b)
    if not n or not m:
        return None
    at = np.unique(np.concatenate([a, b]))
    gaps = np.searchsorted(a, at, "right") * m - np.searchsorted(b, at, "right") * n
    return int(np.abs(gaps).max()) / (n * m)


def kolmogorov_smirnov_p(reference: Numbers, production: Numbers) -> float | None:
    """SciPy's two-sample test: exact up to n * m = 1e6, else asymptotic."""
    a, b = reference.counted, production.counted
    if not a or not b:
        return None
    method = "exact" if len(a) * len(b) <= 1_000_000 else "asymp"
    with warnings.catch_warnings():
        # where the exact count overflows, SciPy takes the asymptotic law and warns
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(stats.ks_2samp(a, b, method=method).pvalue)


def wasserstein(reference: Sequence[float], production: Sequence[float]) -> float | None:
    """The area between the two distribution functions of finite values."""
    a, b = np.sort(reference), np.sort(production)
    n, m = len(a), len(b)
    if not n or not m:
        return None
    at = np.unique(np.concatenate([a, b]))
    gaps = np.searchsorted(a, at, "right") * m - np.searchsorted(b, at, "right") * n
    return math.fsum(np.abs(gaps[:-1]) * np.diff(at)) / (n * m)


def deviation(values: Sequence[float]) -> float | None:
    """The sample deviation, in two passes with the correction for the mean's rounding.

    Squares are taken in units of the farthest value, so that none leaves the range of a double.
    """
    n = len(values)
    if n < 2:
        return None
    around = np.asarray(values) - math.fsum(values) / n
    farthest = float(np.abs(around).max())
    if farthest == 0:
        return 0.0
    around /= farthest
    squares = math.fsum(around * around) - math.fsum(around) ** 2 / n
    return farthest * math.sqrt(max(squares, 0.0) / (n - 1))


def unit(reference: Sequence[float]) -> float:
    """What W1 is measured in: the deviation, or a floor where the values hardly differ."""
    spread = deviation(reference)
    if spread is not None and spread > 1e-12 * max(abs(x) for x in reference):
        return spread
    # a thousandth of the smallest numbers is 0: the least number stands for it
    return max(0.001 * abs(min(reference)), math.ulp(0.0)) if min(reference) else 0.001


def normalized_wasserstein(reference: Numbers, production: Numbers) -> float | None:
    """W1 in reference deviations."""
    area = wasserstein(reference.finite, production.finite)
    return None if area is None else area / unit(reference.finite)


# Bins


@dataclass(frozen=True)
class Bins:
    """Points, and where intervals start; an interval that starts at a point leaves it out."""

    points: tuple[float, ...]
    starts: tuple[float, ...]

    def place(self, value: float) -> Hashable:
        """The bin a value falls into."""
        if value in self.points:
            return ("point", value)
        return ("interval", bisect_right(self.starts, value) if value > -math.inf else 1)


def quantile_bins(reference: Sequence[float], count: int) -> Bins:
    """Points that alone hold 1/count of the rows; the gaps between them cut at their quantiles."""
    rows = sorted(reference)
    n = len(rows)
    points = sorted(x for x, k in Counter(rows).items() if k * count >= n)
    starts = {-math.inf, *points}
    bounds = [-math.inf, *points, math.inf]
    for left, right in itertools.pairwise(bounds):
        gap = [x for x in rows if left < x < right]
        pieces = max(1, (2 * len(gap) * count + n) // (2 * n)) if n else 1
        for piece in range(1, pieces):
            # the smallest value with F(value) >= piece / pieces
            starts.add(gap[math.ceil(piece * len(gap) / pieces) - 1])
    return Bins(tuple(points), tuple(sorted(starts)))


def equal_width_bins(reference: Sequence[float], count: int) -> Bins:
    """Equal steps over the finite range."""
    if not reference:
        return Bins((), (-math.inf,))
    low, high = min(reference), max(reference)
    starts = {low + step * (high - low) / count for step in range(1, count)}
    return Bins((), tuple(sorted({-math.inf, *starts})))


def given_bins(edges: Sequence[float]) -> Bins:
    """Given edges; the outer bins are open, so the outer edges separate nothing."""
    return Bins((), (-math.inf, *edges[1:-1]))


Counts = tuple[np.ndarray, np.ndarray]


def bin_counts(bins: Bins, reference: Numbers, production: Numbers) -> Counts:
    """Rows of both sides in every bin that has any."""
    a = Counter(map(bins.place, reference.counted))
    b = Counter(map(bins.place, production.counted))
    return _paired(a, b, sorted(a.keys() | b.keys(), key=repr))


def category_counts(reference: Values, production: Values, *, most: int = 1000) -> Counts:
    """Rows of both sides in every category: the most frequent ones, the other ones, the new ones."""
    known = Counter(value for value in reference if value is not None)
    largest = sorted(known, key=lambda value: (-known[value], str(value)))[:most]
    named = set(largest)

    def place(value: object) -> Hashable:
        if value in named:
            return ("category", value)
        return "other" if value in known else "new"

    a = Counter(place(value) for value in reference if value is not None)
    b = Counter(place(value) for value in production if value is not None)
    order = ["new", *(("category", value) for value in largest), "other"]
    return _paired(a, b, [place for place in order if a[place] + b[place]])


def _paired(a: Counter[Hashable], b: Counter[Hashable], places: Sequence[Hashable]) -> Counts:
    return (
        np.array([a[place] for place in places], dtype=np.int64),
        np.array([b[place] for place in places], dtype=np.int64),
    )


# Distances of shares


def _shares(counts: Counts) -> tuple[np.ndarray, np.ndarray] | None:
    a, b = counts
    return (a / a.sum(), b / b.sum()) if a.sum() and b.sum() else None


def jensen_shannon(counts: Counts) -> float | None:
    """SciPy's, in bits."""
    shares = _shares(counts)
    if shares is None:
        return None
    # SciPy normalises again, and its sum of signed terms may end just below 0
    found = float(distance.jensenshannon(*shares, base=2))
    return 0.0 if math.isnan(found) else found


def population_stability(counts: Counts) -> float | None:
    """Half a row more in every bin of both sides."""
    a, b = counts
    if not a.sum() or not b.sum():
        return None
    p = (a + 0.5) / (a.sum() + 0.5 * len(a))
    q = (b + 0.5) / (b.sum() + 0.5 * len(b))
    return math.fsum((q - p) * np.log(q / p))


def chebyshev(counts: Counts) -> float | None:
    """The largest change of a share."""
    shares = _shares(counts)
    return None if shares is None else float(np.abs(shares[0] - shares[1]).max())


def hellinger(counts: Counts) -> float | None:
    """The root of half the summed squares of the roots' changes."""
    shares = _shares(counts)
    if shares is None:
        return None
    return math.sqrt(math.fsum((np.sqrt(shares[0]) - np.sqrt(shares[1])) ** 2) / 2)


def total_variation(counts: Counts) -> float | None:
    """Half the summed changes."""
    shares = _shares(counts)
    return None if shares is None else math.fsum(np.abs(shares[0] - shares[1])) / 2


def chi_squared_p(counts: Counts) -> float | None:
    """Pearson's homogeneity test; rare cells are pooled and judged by the permutation moments.

    A pool that is still rare joins the smallest cell; of equals the first: that of new values, then the
    known ones from the most frequent on.
    """
    a, b = counts
    n, m = int(a.sum()), int(b.sum())
    if not n or not m:
        return None
    if len(a) == 1:
        return 1.0
    cells = [(int(x), int(y)) for x, y in zip(a, b, strict=True)]

    def rows(cell: tuple[int, int]) -> int:
        return sum(cell)

    def rare(cell: tuple[int, int], below: int) -> bool:
        return rows(cell) * min(n, m) < below * (n + m)

    if any(rare(cell, 1) for cell in cells):
        pool = tuple(map(sum, zip(*(cell for cell in cells if rare(cell, 1)), strict=True)))
        cells = sorted((cell for cell in cells if not rare(cell, 1)), key=rows)
        if rare(pool, 1) and cells:
            pool = (pool[0] + cells[0][0], pool[1] + cells[0][1])
            cells = cells[1:]
        cells.append(pool)
    if len(cells) < 2:
        return None
    table = np.array(cells, dtype=float).T
    found = stats.chi2_contingency(table, correction=False)
    if not any(rare(cell, 5) for cell in cells):
        return float(found.pvalue)
    mean, variance = permutation_moments(table)
    return float(stats.gamma.sf(found.statistic, mean**2 / variance, scale=variance / mean))


def permutation_moments(table: np.ndarray) -> tuple[float, float]:
    """Exact mean and variance of Pearson's statistic over all tables with the same margins."""
    columns = table.sum(axis=0)
    n, m = table.sum(axis=1)
    total, k = n + m, len(columns)
    nu_r = (total - 2) / (total - 1)
    sigma_r = (total * (1 / n + 1 / m) - 4) / (total - 2)
    nu_c = (k - 1) * (total - k) / (total - 1)
    sigma_c = (total * (1 / columns).sum() - k * k) / (total - 2)
    mean = total * (k - 1) / (total - 1)
    variance = 2 * total / (total - 3) * (nu_r - sigma_r) * (nu_c - sigma_c)
    return mean, variance + total * total / (total - 1) * sigma_r * sigma_c


# Rates of production


def _share(part: int, rows: int) -> float | None:
    return part / rows if rows else None


def null_rate(values: Values) -> float | None:
    """Nulls and NaN among the rows."""
    missing = sum(v is None or (isinstance(v, float) and math.isnan(v)) for v in values)
    return _share(missing, len(values))


def out_of_range_rate(
    reference: Numbers, production: Numbers, bounds: tuple[float, float] | None = None
) -> float | None:
    """Numbers outside the reference's finite range or the given one; infinities always are."""
    finite = reference.finite
    low, high = bounds or ((min(finite), max(finite)) if finite else (-math.inf, math.inf))
    outside = sum(not low <= x <= high for x in production.finite) + len(production.infinite)
    return _share(outside, production.rows)


def unseen_rows(reference: Values, production: Values) -> int:
    """Production's rows with a category the reference never had."""
    known = {value for value in reference if value is not None}
    return sum(value is not None and value not in known for value in production)


# All of them

Expected = dict[str, float | None]

SHARED: Mapping[str, Callable[[Counts], float | None]] = {
    "jensen_shannon_distance": jensen_shannon,
    "population_stability_index": population_stability,
    "chebyshev_distance": chebyshev,
    "hellinger_distance": hellinger,
    "total_variation_distance": total_variation,
}


def numerical(
    reference: Values,
    production: Values,
    *,
    count: int = 10,
    bins: Bins | None = None,
    whole: bool = False,
    bounds: tuple[float, float] | None = None,
) -> Expected:
    """Every metric of a numerical feature.

    Args:
        reference: The reference's values.
        production: Production's values.
        count: Quantile bins asked for.
        bins: Bins decided otherwise.
        whole: Whether the reference is a column of whole numbers.
        bounds: Bounds given in the project file.
    """
    r, p = numbers(reference, whole=whole), numbers(production, whole=whole)
    counts = bin_counts(bins or quantile_bins(r.finite, count), r, p)
    return {
        **{name: formula(counts) for name, formula in SHARED.items()},
        "normalized_wasserstein_distance": normalized_wasserstein(r, p),
        "kolmogorov_smirnov_distance": kolmogorov_smirnov(r, p),
        "two_sample_kolmogorov_smirnov_test": kolmogorov_smirnov_p(r, p),
        "null_value_rate": null_rate(production),
        "data_type_error_rate": _share(p.type_errors, p.rows),
        "out_of_bounds_rate": out_of_range_rate(r, p, bounds),
    }


def categorical(reference: Values, production: Values, *, most: int = 1000) -> Expected:
    """Every metric of a categorical feature whose values have the reference's type."""
    counts = category_counts(reference, production, most=most)
    filled = sum(value is not None for value in production)
    unseen = unseen_rows(reference, production)
    return {
        **{name: formula(counts) for name, formula in SHARED.items()},
        "pearsons_chi_squared_test": chi_squared_p(counts),
        "null_value_rate": null_rate(production),
        "data_type_error_rate": _share(0, len(production)),
        "out_of_bounds_rate": _share(unseen, len(production)),
        "new_category_rate": _share(unseen, filled),
    }


def measures_of_numbers(values: Values) -> Expected:
    """The informational measures of one side of a column of numbers."""
    finite = [x for x in values if isinstance(x, int | float) and math.isfinite(x)]
    counted = [x for x in values if x is not None and not math.isnan(float(x))]  # type: ignore[arg-type]
    return {
        "zero_rate": _share(sum(x == 0 for x in values), len(values)),
        "distinct_count": len(set(finite)) if counted else None,
        "mean": statistics.fmean(finite) if finite else None,
        "stddev": statistics.stdev(finite) if len(finite) > 1 else None,
        "minimum": min(finite, default=None),
        "maximum": max(finite, default=None),
    }


def measures_of_texts(values: Values) -> Expected:
    """The informational measures of one side of a column of text."""
    kept = {x for x in values if x is not None}
    return {
        "empty_string_rate": _share(sum(x == "" for x in values), len(values)),
        "distinct_count": len(kept) if kept else None,
    }


def freshness(moments: Sequence[datetime], end: datetime) -> float | None:
    """Seconds from the newest moment to the end."""
    return min(((end - moment).total_seconds() for moment in moments), default=None)


def duplicate_rate(ids: Values) -> float | None:
    """Rows whose id occurred before, one after the other; null is no id."""
    seen: set[object] = set()
    repeated = 0
    for each in ids:
        repeated += each in seen
        seen |= set() if each is None else {each}
    return repeated / len(ids) if seen else None


def findings(
    reference: Mapping[str, str], production: Mapping[str, str], known: Container[str] = ()
) -> dict[str, set[str]]:
    """What schema findings there are: metric to columns.

    Args:
        reference: Kind of each column of the reference.
        production: The same of production.
        known: Columns that are listed, or that production once had.
    """
    both = reference.keys() & production.keys()
    return {
        "missing_feature": {x for x in reference.keys() - production.keys() if x in known},
        "new_column": production.keys() - reference.keys(),
        "type_changed": {name for name in both if reference[name] != production[name]},
    }


def of_column(reference: Values, production: Values, *, is_text: bool) -> Expected:
    """Every metric of a column of text or of numbers."""
    return (categorical if is_text else numerical)(reference, production)


def rows(production: Values) -> float:
    """All rows of the window."""
    return float(len(production))


def match_rate(ours: Values, theirs: Values) -> float | None:
    """Share of keys that another table has; what is null it has not."""
    known = {key for key in theirs if key is not None}
    return _share(sum(key in known for key in ours), len(ours))


# Measures of the window as a whole.
OF_WINDOWS: Mapping[str, Callable[..., float | None]] = {
    "row_count": rows,
    "freshness": freshness,
    "duplicate_rate": duplicate_rate,
    "match_rate": match_rate,
}


# Importances


def ndcg(reference: Sequence[float], production: Sequence[float]) -> float:
    """Gain of the reference's importances in production's order, of that in their own; ties share.

    Every order that production's ties allow is as good as another: the mean over them.
    """
    relevance, order = np.asarray(reference, float), np.asarray(production, float)
    discounts = 1 / np.log2(np.arange(2, len(relevance) + 2))
    gain = 0.0
    for value in np.unique(order):
        places = np.flatnonzero(np.sort(order)[::-1] == value)
        gain += relevance[order == value].mean() * discounts[places].sum()
    return float(gain / (np.sort(relevance)[::-1] @ discounts))


def random_ndcg(reference: Sequence[float]) -> float:
    """What a random order scores, on average over all of them."""
    return ndcg(reference, [1.0] * len(reference))


def importance(attributions: Values) -> float | None:
    """Mean size of the attributions that are numbers."""
    finite = [abs(float(x)) for x in attributions if x is not None and math.isfinite(float(x))]
    return math.fsum(finite) / len(finite) if finite else None


def placed(
    reference: Values, values: Values, *, is_text: bool, most: int = 1000
) -> list[Hashable | None]:
    """The report's bin of each value of a side, None where it is in none."""
    if is_text:
        known = Counter(value for value in reference if value is not None)
        kept = sorted(known, key=lambda value: (-known[value], str(value)))[:most]
        named = set(kept)
        return [None if v is None else ("value", v) if v in named else "other" for v in values]
    bins = quantile_bins(numbers(reference).finite, 10)
    known_numbers = (math.nan if value is None else float(value) for value in values)  # type: ignore[arg-type]
    return [None if math.isnan(x) else bins.place(x) for x in known_numbers]


def mutual_information(
    feature: Sequence[Hashable | None], target: Sequence[Hashable | None]
) -> float | None:
    """Entropies of the two, less that of both, each with Miller and Madow's correction, in nats."""
    rows = [(x, y) for x, y in zip(feature, target, strict=True) if x is not None and y is not None]
    if not rows:
        return None
    least = 5 * len({y for _, y in rows})
    often = Counter(x for x, _ in rows)
    pooled = [(x if often[x] >= least else "rare", y) for x, y in rows]

    def entropy(values: Sequence[Hashable]) -> float:
        n = np.array([*Counter(values).values()])
        p = n / n.sum()
        return float(-(p * np.log(p)).sum()) + (len(n) - 1) / (2 * n.sum())

    parts = ([x for x, _ in pooled], [y for _, y in pooled], pooled)
    x, y, both = map(entropy, parts)
    return max(0.0, x + y - both)


def ranks(importances: Sequence[float | None]) -> list[int | None]:
    """1 for the largest; as many as are larger, and one."""
    known = [x for x in importances if x is not None]
    return [None if x is None else 1 + sum(other > x for other in known) for x in importances]


OF_IMPORTANCES: Mapping[str, Callable[..., object]] = {
    "normalized_discounted_cumulative_gain": ndcg,
    "feature_importance": importance,
    "feature_importance_rank": ranks,
}


# Model performance


def _finite(*columns: Values) -> list[np.ndarray]:
    """The rows in which every column has a finite number, as arrays."""
    rows = [
        [float(x) for x in row]  # type: ignore[arg-type]
        for row in zip(*columns, strict=True)
        if all(x is not None and math.isfinite(float(x)) for x in row)  # type: ignore[arg-type]
    ]
    return [np.array([row[k] for row in rows]) for k in range(len(columns))]


def label_coverage(actual: Values) -> float | None:
    """Share of rows whose actual is there."""
    there = [x is not None and not (isinstance(x, float) and math.isnan(x)) for x in actual]
    return sum(there) / len(there) if there else None


def errors(actual: Values, prediction: Values) -> dict[str, float | None]:
    """Every metric of numbers that were predicted."""
    y, x = _finite(actual, prediction)
    if not len(y):
        return dict.fromkeys(OF_ERRORS)
    squared = math.fsum((y - x) ** 2)
    mean = math.fsum(y) / len(y)
    spread = math.fsum((y - mean) ** 2) if len(set(y)) > 1 else 0.0
    shares = [abs((a - b) / a) for a, b in zip(y, x, strict=True) if a]
    return {
        "mean_absolute_error": math.fsum(abs(y - x)) / len(y),
        "mean_squared_error": squared / len(y),
        "root_mean_squared_error": math.sqrt(squared / len(y)),
        "mean_absolute_percentage_error": math.fsum(shares) / len(shares) if shares else None,
        "r2_score": 1 - squared / spread if spread else None,
    }


OF_ERRORS = (
    "mean_absolute_error",
    "mean_squared_error",
    "root_mean_squared_error",
    "mean_absolute_percentage_error",
    "r2_score",
)


def _share_or_zero(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def classes(actual: Values, prediction: Values) -> dict[str, object]:
    """Every metric of classes that were predicted; of each class where it has its own."""
    rows = [
        (a, p) for a, p in zip(actual, prediction, strict=True) if a is not None and p is not None
    ]
    found: dict[str, object] = dict.fromkeys(OF_CLASSES)
    if not rows:
        return found | {"precision": {}, "recall": {}, "f1": {}}
    names = sorted({str(name) for row in rows for name in row})
    precision, recall, f1, happened = {}, {}, {}, {}
    for name in names:
        right = sum(str(a) == str(p) == name for a, p in rows)
        happened[name] = sum(str(a) == name for a, _ in rows)
        predicted = sum(str(p) == name for _, p in rows)
        precision[name] = _share_or_zero(right, predicted)
        recall[name] = _share_or_zero(right, happened[name])
        both = precision[name] + recall[name]
        f1[name] = _share_or_zero(2 * precision[name] * recall[name], both)
    return {
        "accuracy": sum(str(a) == str(p) for a, p in rows) / len(rows),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "precision_macro": statistics.fmean(precision.values()),
        "recall_macro": statistics.fmean(recall.values()),
        "f1_macro": statistics.fmean(f1.values()),
        "f1_weighted": sum(f1[name] * happened[name] for name in names) / len(rows),
    }


OF_CLASSES = (
    *("accuracy", "precision_macro", "recall_macro", "f1_macro", "f1_weighted"),
    *("precision", "recall", "f1"),
)


def area(happened: Sequence[bool], scores: Sequence[float]) -> tuple[float, float] | None:
    """Share of pairs that are in order, ties by half, and its standard error after DeLong."""
    hits = [s for s, h in zip(scores, happened, strict=True) if h]
    others = [s for s, h in zip(scores, happened, strict=True) if not h]
    if not hits or not others:
        return None
    wins = [[(x > z) + (x == z) / 2 for z in others] for x in hits]
    rows = [statistics.fmean(row) for row in wins]
    columns = [statistics.fmean(column) for column in zip(*wins, strict=True)]
    error = math.nan
    if len(hits) > 1 and len(others) > 1:
        spreads = (statistics.variance(each) / len(each) for each in (rows, columns))
        error = math.sqrt(sum(spreads))
    return statistics.fmean(rows), error


def scores(
    actual: Values, told: Mapping[str, Sequence[float]], positive: str | None = None
) -> dict[str, float | None]:
    """Every metric of probabilities, a list for each class; of one class alone, or of a positive one.

    Every row has an actual, and a score in [0, 1] for each class.
    """
    names = [*told]
    n = len(actual)
    if positive is None:
        top = [max(names, key=lambda name: told[name][k]) for k in range(n)]
        x = [told[top[k]][k] for k in range(n)]
        hits = [actual[k] == top[k] for k in range(n)]
        likely = [told[str(a)][k] if a in names else 0.0 for k, a in enumerate(actual)]
        brier = [
            sum((told[name][k] - (name == actual[k])) ** 2 for name in names)
            + (actual[k] not in names)
            for k in range(n)
        ]
        areas = [area([a == name for a in actual], told[name]) for name in names]
    else:
        x = [*told[positive]]
        hits = [a == positive for a in actual]
        likely = [s if h else 1 - s for s, h in zip(x, hits, strict=True)]
        brier = [(1 - s) ** 2 for s in likely]
        areas = [area(hits, x)]
    known = [each[0] for each in areas if each is not None]
    bins: dict[int, list[int]] = {}
    for k, each in enumerate(x):
        bins.setdefault(min(9, int(each * 10)), []).append(k)
    apart = [abs(sum(hits[k] - x[k] for k in of)) for of in bins.values()]
    return {
        "roc_auc": statistics.fmean(known) if known else None,
        "log_loss": -sum(math.log(max(each, 2.0**-52)) for each in likely) / n,
        "brier_score": sum(brier) / n,
        "expected_calibration_error": sum(apart) / n,
    }


OF_SCORES = ("roc_auc", "log_loss", "brier_score", "expected_calibration_error")


Scored = Sequence[tuple[str, float]]


def expected_classes(reference: Scored, production: Sequence[float]) -> dict[str, object]:
    """What is expected of scores of the class `yes`, which is predicted from 0.5 on; others are `no`.

    A row of production is worth the shares of the reference's rows with the same prediction in the same
    part of scores; every metric is that of rows so weighed.
    """
    parts = max(1, min(20, len(reference) // 100))
    order = sorted(score for _, score in reference)
    edges = sorted({order[math.ceil(len(order) * k / parts) - 1] for k in range(1, parts)})

    def cell(score: float) -> tuple[str, int]:
        return ("yes" if score >= 0.5 else "no"), bisect_right(edges, score)

    known: dict[tuple[str, int], Counter[str]] = {}
    for actual, score in reference:
        known.setdefault(cell(score), Counter())[actual] += 1
    right: Counter[str] = Counter()
    happened: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    for score in production:
        said, part = cell(score)
        near = min(abs(part - p) for name, p in known if name == said)
        of: Counter[str] = Counter()
        for (name, p), counts in known.items():
            if name == said and abs(p - part) == near:
                of += counts
        for actual, count in of.items():
            share = count / of.total()
            happened[actual] += share  # type: ignore[assignment]
            right[actual] += share if actual == said else 0  # type: ignore[assignment]
        predicted[said] += 1
    names = sorted({*happened, *predicted})
    precision = {name: _share_or_zero(right[name], predicted[name]) for name in names}
    recall = {name: _share_or_zero(right[name], happened[name]) for name in names}
    f1 = {name: _share_or_zero(2 * right[name], happened[name] + predicted[name]) for name in names}
    return {
        "estimated_accuracy": right.total() / len(production),
        "estimated_precision": precision,
        "estimated_recall": recall,
        "estimated_f1": f1,
        "estimated_precision_macro": statistics.fmean(precision.values()),
        "estimated_recall_macro": statistics.fmean(recall.values()),
        "estimated_f1_macro": statistics.fmean(f1.values()),
    }


def expected_area(reference: Scored, production: Sequence[float]) -> float | None:
    """The area that is expected: of parts, and what scores within parts add in the reference."""
    exact = area([actual == "yes" for actual, _ in reference], [score for _, score in reference])
    order = sorted(score for _, score in reference)
    edges = sorted({order[math.ceil(len(order) * k / 20) - 1] for k in range(1, 20)})
    known: dict[tuple[int, bool], list[int]] = {}
    for actual, score in reference:
        place = bisect_right(edges, score), score >= 0.5
        known.setdefault(place, []).append(actual == "yes")

    def of_parts(rows: Mapping[tuple[int, bool], float]) -> float:
        hits = others = wins = 0.0
        for place in sorted(rows):
            share = statistics.fmean(known[place])
            a, b = rows[place] * share, rows[place] * (1 - share)
            wins += a * (others + b / 2)
            hits, others = hits + a, others + b
        return wins / (hits * others)

    own = {place: len(rows) for place, rows in known.items()}
    ours = Counter((bisect_right(edges, score), score >= 0.5) for score in production)
    return None if exact is None else of_parts(ours) + exact[0] - of_parts(own)


def mean_of(expected: Values) -> float | None:
    """Mean of the numbers that are there."""
    (known,) = _finite(expected)
    return math.fsum(known) / len(known) if len(known) else None


OF_PERFORMANCE: Mapping[str, Callable[..., object]] = {
    "label_coverage": label_coverage,
    **dict.fromkeys(OF_CLASSES, classes),
    **dict.fromkeys(OF_SCORES, scores),
    **dict.fromkeys(OF_ERRORS, errors),
    "estimated_mean_absolute_error": mean_of,
    **dict.fromkeys(
        (
            *("estimated_accuracy", "estimated_precision", "estimated_recall", "estimated_f1"),
            *("estimated_precision_macro", "estimated_recall_macro", "estimated_f1_macro"),
        ),
        expected_classes,
    ),
    "estimated_roc_auc": expected_area,
}


# As Azure Machine Learning defines them


def shared_width_bins(reference: Sequence[float], production: Sequence[float], count: int) -> Bins:
    """Equal steps over both sides' range; the ends are open for what is infinite."""
    both = [*reference, *production]
    if not both:
        return Bins((), (-math.inf,))
    low, high = min(both), max(both)
    steps = count if low < high else 1
    return Bins((), (-math.inf, *(low + step * (high - low) / steps for step in range(1, steps))))


def azure_population_stability(counts: Counts, bins: int) -> float | None:
    """A row more in every bin of both sides, those without rows among them."""
    a, b = counts
    if not a.sum() or not b.sum():
        return None
    empty = bins - len(a)
    a, b = (np.concatenate([side, np.zeros(empty, dtype=np.int64)]) for side in (a, b))
    p, q = (a + 1) / (a.sum() + bins), (b + 1) / (b.sum() + bins)
    return math.fsum((q - p) * np.log(q / p))


def goodness_of_fit_p(counts: Counts) -> float | None:
    """SciPy's one-sample test of production's counts against the reference's shares."""
    a, b = counts
    if not a.sum() or not b.sum() or len(a) == 1:
        return None
    if (a == 0).any():
        return 0.0
    return float(stats.chisquare(b, a / a.sum() * b.sum()).pvalue)


def azure_numerical(reference: Values, production: Values) -> Expected:
    """Metrics of a numerical feature."""
    r, p = numbers(reference), numbers(production)
    smaller = min(len(r.counted), len(p.counted))
    count = math.ceil(math.log2(max(smaller, 1)) + 1)
    bins = shared_width_bins(r.finite, p.finite, count)
    counts = bin_counts(bins, r, p)
    area = wasserstein(r.finite, p.finite)
    unit_ = max(deviation(r.finite) or 0.0, 0.001)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        test = stats.ks_2samp(r.counted, p.counted) if smaller else None
    return {
        **{name: formula(counts) for name, formula in SHARED.items()},
        "population_stability_index": azure_population_stability(counts, len(bins.starts)),
        "normalized_wasserstein_distance": None if area is None else area / unit_,
        "two_sample_kolmogorov_smirnov_test": None if test is None else float(test.pvalue),
        **azure_rates(production, out_of_range_rate(r, p)),
    }


def azure_categorical(reference: Values, production: Values) -> Expected:
    """Metrics of a text feature: every value of either side is a category."""
    a, b = (Counter(v for v in side if v is not None) for side in (reference, production))
    counts = _paired(a, b, sorted(a.keys() | b.keys(), key=str))
    unseen = unseen_rows(reference, production)
    return {
        **{name: formula(counts) for name, formula in SHARED.items()},
        "population_stability_index": azure_population_stability(counts, len(counts[0])),
        "pearsons_chi_squared_test": goodness_of_fit_p(counts),
        **azure_rates(production, _share(unseen, len(production))),
    }


def azure_rates(production: Values, outside: float | None) -> Expected:
    """Rates of production to five decimals; NaN is a value."""
    nulls = _share(sum(value is None for value in production), len(production))
    return {
        "null_value_rate": None if nulls is None else round(nulls, 5),
        "out_of_bounds_rate": None if outside is None else round(outside, 5),
    }
