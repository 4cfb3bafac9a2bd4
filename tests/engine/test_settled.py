"""Where fetching is dear the engine settles open bins itself: few rows come, and the numbers stay exact."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import Scores, score

from driftline.engine.dialects import DIALECTS, check_parses
from driftline.engine.distances import rows_of_gap
from driftline.engine.render import Renderer
from driftline.engine.warehouses.duckdb import DuckDB

CELLS = 8_000
METRICS = (
    *("normalized_wasserstein_distance", "kolmogorov_smirnov_distance"),
    *("population_stability_index", "out_of_bounds_rate"),
)
SHAPES = {
    "normal": lambda rng, rows: rng.normal(0, 1, rows),
    "heavy": lambda rng, rows: rng.standard_cauchy(rows),
    "tied": lambda rng, rows: rng.lognormal(4, 1.5, rows).round(2),
    "two scales": lambda rng, rows: (
        rng.normal(0, 1, rows) * np.where(rng.random(rows) < 0.3, 1e-4, 1)
    ),
}


def table(rows: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table({name: shape(rng, rows) for name, shape in SHAPES.items()})


def scores(rows: int, exact: str = "always", **given: Any) -> Scores:
    return score(table(rows, 1), table(rows, 2), metrics=METRICS, path="grid", exact=exact, **given)


@pytest.fixture
def dear() -> Iterator[None]:
    """DuckDB as an engine whose rows are dear to fetch."""
    with patch.object(DuckDB, "most_cells", CELLS), patch.object(DuckDB, "ranks_nan", True):
        yield


def fetched(found: Scores) -> dict[str, int]:
    rows: dict[str, int] = {}
    for each in found.run.statements:
        rows[each["step"]] = rows.get(each["step"], 0) + (each["rows_returned"] or 0)
    return rows


@pytest.mark.parametrize("exact", ["always", "when_it_matters"])
@pytest.mark.parametrize("rows", [30_000, 60_000])
@pytest.mark.usefixtures("dear")
def test_what_is_fetched_is_bounded_whatever_the_rows(rows: int, exact: str) -> None:
    came = fetched(scores(rows, exact))
    # bins of both sides; then for each column the pieces that edges and quantiles make of theirs
    assert came["histogram"] <= 2 * (CELLS + 5 * len(SHAPES))
    assert came["settled"] <= 100 * len(SHAPES)
    # of no column a single value
    assert "ties" not in came


@pytest.mark.usefixtures("dear")
def test_a_row_of_a_bin_takes_no_more_than_48_bytes() -> None:
    widths = []
    sent = DuckDB.fetch

    def noted(session: DuckDB, sql: str) -> pa.Table:
        answer = sent(session, sql)
        if "step=histogram" in sql:
            widths.append(answer.nbytes / answer.num_rows)
        return answer

    with patch.object(DuckDB, "fetch", noted):
        scores(30_000)
    assert widths
    assert max(widths) <= 48


def test_the_numbers_are_those_of_values_that_are_fetched() -> None:
    wanted = scores(30_000)
    with patch.object(DuckDB, "most_cells", CELLS), patch.object(DuckDB, "ranks_nan", True):
        found = scores(30_000)
    assert "ties" in fetched(wanted)
    assert "settled" in fetched(found)
    for key, row in wanted.by_key.items():
        assert found[key]["value"] == pytest.approx(row["value"], rel=1e-9, abs=1e-15), key


@pytest.mark.usefixtures("dear")
def test_every_dialect_can_say_how_bins_are_settled() -> None:
    asked: list[tuple[Renderer, tuple[Any, ...]]] = []
    settled = Renderer.settled

    def noted(renderer: Renderer, *given: Any) -> Any:
        asked.append((renderer, given))
        return settled(renderer, *given)

    with patch.object(Renderer, "settled", noted):
        scores(30_000)
    ((renderer, (items, grids, stretches)),) = asked
    # of one column, and no more bins than are cut: thousands take long to be read
    item, (stretch,) = items[0], stretches[items[0].id]
    cut = np.isin(stretch.cells.bin, [mark.bin for mark in stretch.marks])
    few = {item.id: [replace(stretch, cells=stretch.cells[cut])]}
    for dialect in DIALECTS:
        relations = {scan.id: f"side_{scan.id}" for scan in renderer.plan.scans}
        said = settled(Renderer(renderer.plan, relations, dialect=dialect), [item], grids, few)
        check_parses(said.sql, dialect)


@given(st.data())
def test_rows_of_a_gap_are_that_far_apart(data: st.DataObject) -> None:
    n, m = (data.draw(st.integers(1, 10**6)) for _ in range(2))
    a, b = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    gap = abs(a * m - b * n)
    rows, others = rows_of_gap(gap, n, m)
    assert rows * m - others * n == gap
    assert 0 <= rows <= n
    assert 0 <= others <= m


def test_a_gap_that_no_rows_make_is_told_by_the_nearest() -> None:
    rows, others = rows_of_gap(7, 4, 2)
    assert others == 0
    assert math.isclose(rows * 2, 7, abs_tol=2)
