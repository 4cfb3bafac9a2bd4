"""What a run asks of the engine stays what it is: statements, scans, plans, rows that come back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import driftline
from driftline.engine.grid import MOST_BINS, shift_for

ROWS: Final = 30_000
NUMBERS: Final = ("normal", "heavy", "whole")
PROJECT: Final = """\
monitors:
  - name: m
    production: {{table: production.parquet, timestamp: at, window: {{size: P1D}}}}
    reference: {{table: reference.parquet}}
    exact: {exact}
"""


def rows_of(rng: np.random.Generator, moved: float) -> pa.Table:
    texts = pa.array([f"v{k}" for k in range(50)])
    moments = np.datetime64("2026-01-01", "us") + (np.arange(ROWS) * 5_000_000).astype("m8[us]")
    return pa.table(
        {
            "at": moments,
            "normal": rng.normal(moved, 1, ROWS),
            "heavy": rng.lognormal(moved, 2.5, ROWS),
            "whole": rng.poisson(4, ROWS),
            "text": texts.take(pa.array(rng.integers(0, 50, ROWS))),
            "unused": pa.array(rng.normal(size=ROWS)),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("cost")
    rng = np.random.default_rng(1)
    pq.write_table(rows_of(rng, 0.0), found / "reference.parquet", row_group_size=5_000)
    pq.write_table(rows_of(rng, 0.0), found / "production.parquet", row_group_size=5_000)
    return found


def ran(folder: Path, exact: str, **limits: int) -> driftline.MonitorRun:
    """A run with some limits of `execute` set otherwise."""
    path = folder / exact / "driftline.yml"
    path.parent.mkdir(exist_ok=True)
    text = PROJECT.format(exact=exact).replace("table: ", f"table: {folder}/")
    path.write_text(text + f"    features: [{', '.join(NUMBERS)}, text]\n", "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        # the smaller side has 17 280 rows
        for name, value in ({"SMALL_ROWS": 1_000} | limits).items():
            patch.setattr(f"driftline.engine.execute.{name}", value)
        (found,) = driftline.run(path, at="2026-01-02").monitors
    (path.parent / "driftline.duckdb").unlink()
    return found


def sent(folder: Path, exact: str) -> list[dict[str, Any]]:
    return list(ran(folder, exact).statements)


@pytest.fixture(scope="module")
def always(folder: Path) -> list[dict[str, Any]]:
    return sent(folder, "always")


def operators(node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield node["name"].strip(), node.get("extra_info") or {}
    for child in node.get("children", ()):
        yield from operators(child)


def plan(statement: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The operators that DuckDB runs for a statement."""
    with duckdb.connect() as con:
        text = con.execute(f"explain (format json) {statement['sql']}").fetchall()[0][1]
    return [each for root in json.loads(text) for each in operators(root)]


def test_an_exact_run_sends_six_statements(always: list[dict[str, Any]]):
    steps = [row["step"] for row in always]
    assert steps == ["profile", "categories", "bounds", "sample", "histogram", "ties"]


@pytest.mark.parametrize(("exact", "least", "most"), [("never", 5, 5), ("when_it_matters", 6, 7)])
def test_a_run_that_need_not_be_exact_reads_less_again(
    exact: str, least: int, most: int, folder: Path
):
    assert least <= len(sent(folder, exact)) <= most


def test_each_column_is_scanned_once_for_each_thing_that_is_asked_of_it(
    always: list[dict[str, Any]],
):
    scans = {row["step"]: Counter(name for name, _ in plan(row))["READ_PARQUET"] for row in always}
    assert scans == {
        "profile": 2,  # the clock of both sides: rows of the window
        "categories": 2,
        "bounds": 0,  # answered from the files' footers
        "sample": 1,  # drawn once for all columns
        "histogram": 6,
        "ties": 4,  # the whole numbers are known from their bins
    }


def values(found: driftline.MonitorRun) -> dict[tuple[str, str], tuple[Any, ...]]:
    told = ("value", "p_value", "ci_low", "ci_high", "status", "reason")
    return {
        (row["feature"], row["metric"]): tuple(row[name] for name in told) for row in found.metrics
    }


@pytest.mark.parametrize("exact", ["always", "when_it_matters"])
def test_numbers_of_a_wide_table_are_read_from_its_files_once(exact: str, folder: Path):
    narrow, wide = ran(folder, exact), ran(folder, exact, WIDE=5)
    steps = [row["step"] for row in wide.statements]
    assert steps[:6] == ["profile", "categories", "bounds", "sample", "copied", "copied"]
    # the clock of production places its rows, and is not asked for again
    assert [row["sql"].count('"at"') for row in wide.statements[4:6]] == [2, 0]
    assert all("unused" not in row["sql"] for row in wide.statements)
    assert {*steps[6:]} == {"histogram", "ties"}
    assert not any("read_parquet" in row["sql"] for row in wide.statements[6:])
    assert values(wide) == values(narrow)


def test_columns_that_are_too_many_values_stay_in_the_files(folder: Path):
    found = ran(folder, "always", WIDE=5, MOST_COPIED=3 * ROWS - 1)
    copied = [row["sql"] for row in found.statements if row["step"] == "copied"]
    # of the smaller side there are fewer
    assert len(copied) == 1
    assert "production.parquet" in copied[0]


@pytest.mark.parametrize("step", ["profile", "categories", "histogram", "ties"])
def test_a_scan_reads_only_its_column_and_the_rows_of_its_window(
    step: str, always: list[dict[str, Any]]
):
    (statement,) = (row for row in always if row["step"] == step)
    scans = [info for name, info in plan(statement) if name == "READ_PARQUET"]
    assert "unused" not in str([info["Projections"] for info in scans])
    assert all(isinstance(info["Projections"], str) for info in scans), "one column a scan"
    # a side of production has a window, the reference is whole
    filtered = [info for info in scans if "at <" in str(info.get("Filters"))]
    assert len(filtered) == len(scans) / 2


@pytest.mark.parametrize("step", ["profile", "categories", "bounds", "histogram", "ties"])
def test_no_statement_sorts_or_turns_the_rows_of_a_table(step: str, always: list[dict[str, Any]]):
    (statement,) = (row for row in always if row["step"] == step)
    names = {name for name, _ in plan(statement)}
    assert not {"ORDER_BY", "UNPIVOT", "TOP_N"} & names
    # the bins that are asked for are a list
    assert step == "ties" or "UNNEST" not in names
    # categories are ranked once they are counted
    assert step == "categories" or "WINDOW" not in names
    assert "count(*) filter" not in statement["sql"].lower()
    assert "approx_" not in statement["sql"].lower()
    assert "summarize" not in statement["sql"].lower()


def test_what_comes_back_is_bounded_by_cells_not_by_rows(always: list[dict[str, Any]]):
    fetched = {row["step"]: row["rows_returned"] for row in always}
    cells = sum(MOST_BINS >> shift_for(rows, settled=True) for rows in (ROWS, 17_280))
    assert fetched["histogram"] <= 2 * cells + 100
    # undecided bins hold a part of the rows of the two continuous columns
    assert fetched["ties"] <= 2 * (ROWS + 17_280) / 3
    assert fetched["categories"] <= 2 * 51
