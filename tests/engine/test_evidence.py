"""Evidence of a window is the same to the last bit alone and in one pass over many windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from driftline.bench.evidence_cost import FEATURES, landed, simulated, told
from driftline.engine.measure import Measurement
from driftline.engine.significance import running, total, wasserstein_p

BINNED: Final = (
    "population_stability_index",
    "hellinger_distance",
    "total_variation_distance",
    "chebyshev_distance",
)
WINDOWS: Final = 6
Pass = tuple[Mapping[str, pa.Table], list[Measurement]]


@pytest.fixture(scope="module")
def pass_over_windows() -> Pass:
    """Counts of six windows of 20 features, and a measurement of each kind that reads them."""
    relations, measured = simulated(np.random.default_rng(1), WINDOWS, 2_000, 150)
    every = [
        replace(each, metric=metric)
        for each in measured
        for metric in (each.metric, *(BINNED if each.metric == "jensen_shannon_distance" else ()))
    ]
    return relations, every


def _numbers(measured: Iterable[Measurement]) -> dict[tuple[int | None, str], tuple[object, ...]]:
    return {
        (each.comparison, each.metric): (each.p_value, each.ci_low, each.ci_high, each.by_chance)
        for each in measured
    }


def _alone(given: Pass, comparisons: Sequence[int]) -> dict[tuple[int | None, str], object]:
    """What these comparisons get when the workbench holds no other."""
    relations, measured = given
    held = pa.array(comparisons, pa.int64())
    results = landed(
        {
            name: table.filter(pc.is_in(table["comparison"], value_set=held))
            for name, table in relations.items()
        }
    )
    return _numbers(told(results, [x for x in measured if x.comparison in comparisons]))


def test_a_window_gets_the_same_bits_alone_and_among_many(pass_over_windows: Pass) -> None:
    relations, measured = pass_over_windows
    together = _numbers(told(landed(relations), measured))
    for window in range(WINDOWS):
        found = _alone(pass_over_windows, range(FEATURES * window, FEATURES * (window + 1)))
        assert found == {key: together[key] for key in found}


def test_a_feature_gets_the_same_bits_alone_and_among_many(pass_over_windows: Pass) -> None:
    relations, measured = pass_over_windows
    together = _numbers(told(landed(relations), measured))
    for comparison in range(FEATURES):
        found = _alone(pass_over_windows, [comparison])
        assert found == {key: together[key] for key in found}


def test_some_of_these_rows_are_permuted_and_some_not(pass_over_windows: Pass) -> None:
    # a probability by permuting is 20 / draws, or so many thousandths
    relations, measured = pass_over_windows
    areas = [x for x in measured if x.metric == "normalized_wasserstein_distance"]
    p = [x.p_value for x in told(landed(relations), areas)]
    drawn = [x for x in p if x is not None and (20 / x).is_integer()]
    assert 10 < len(drawn) < len(p) - 10


@pytest.mark.parametrize("columns", [1, 2, 3, 8, 63, 64, 65, 300])
def test_a_sum_does_not_depend_on_how_many_are_taken_together(columns: int) -> None:
    rng = np.random.default_rng(2)
    values = rng.lognormal(0, 5, (301, columns))
    for place in (0, columns // 2, columns - 1):
        one_by_one = 0.0
        for value in values[:, place].tolist():
            one_by_one += value
        assert total(values)[place] == one_by_one
        assert running(values)[-1, place] == one_by_one


def test_the_law_of_w1_does_not_depend_on_cells_without_rows() -> None:
    rng = np.random.default_rng(3)
    x, n, m = np.sort(rng.normal(size=200)), *rng.poisson(20, (2, 200)).astype(float)
    longer = [np.append(x, [x[-1]] * 56), *(np.append(side, [0.0] * 56) for side in (n, m))]
    (short,) = wasserstein_p(*(column[:, None] for column in (x, n, m)))
    (long,) = wasserstein_p(*(column[:, None] for column in longer))
    assert short == long
