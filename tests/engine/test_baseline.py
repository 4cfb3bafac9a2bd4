"""A reference that stays is read once: later runs read production alone and find the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import driftline
from driftline.engine.baseline import packed, unpacked
from driftline.engine.freeze import stored_baselines
from driftline.engine.store import Store

Row = dict[str, Any]

ASIDE = ("run_id", "computed_at")
PROJECT = """\
monitors:
  - name: m
    min_rows: 0
    production: {{table: production.parquet}}
    reference: {{table: {table}{more}}}
    {keys}
    signals:
      data_drift: [js, psi, wasserstein, ks_distance, chi2]
      data_quality: {{nulls: {nulls}, out_of_bounds: 0.01, distinct_count: null, zero_rate: null}}
"""


def rows_of(seed: int, rows: int = 400) -> dict[str, pa.Array]:
    rng = np.random.default_rng(seed)
    texts = pa.array(["a", "b", "c'", None, ""])
    reals = rng.standard_cauchy(rows)
    reals[:3] = (np.nan, np.inf, -0.0)
    return {
        "real": pa.array(reals, mask=rng.random(rows) < 0.05),
        "tied": pa.array(np.round(rng.lognormal(0, 1, rows), 1)),
        "few": pa.array(rng.integers(0, 5, rows)),
        "many": pa.array(rng.integers(-50, 30_000, rows)),
        "text": texts.take(pa.array(rng.integers(0, 5, rows))),
        "day": pa.array(rng.integers(0, 9, rows), pa.int32()).cast(pa.date32()),
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pq.write_table(pa.table(rows_of(1)), tmp_path / "reference.parquet")
    pq.write_table(pa.table(rows_of(2, 300)), tmp_path / "production.parquet")
    return tmp_path


def project(
    folder: Path,
    *,
    table: str = "reference.parquet",
    more: str = "",
    keys: str = "",
    nulls: float = 0.01,
) -> Path:
    path = folder / "driftline.yml"
    path.write_text(PROJECT.format(table=table, more=more, keys=keys, nulls=nulls), "utf-8")
    return path


def touched(found: driftline.RunResult, table: str = "reference") -> list[str]:
    """Steps whose statements name the reference's file."""
    (each,) = found.monitors
    return [row["step"] for row in each.statements if f"{table}.parquet" in row["sql"]]


def told(found: driftline.RunResult) -> dict[str, list[Row]]:
    (each,) = found.monitors
    return {
        name: [{k: v for k, v in row.items() if k not in ASIDE} for row in getattr(each, name)]
        for name in ("metrics", "histograms", "profiles", "features")
    }


def run(path: Path) -> driftline.RunResult:
    return driftline.run(path, at="2026-01-01")


@pytest.mark.usefixtures("path_")
def test_a_second_run_reads_production_alone_and_finds_the_same_to_the_bit(folder: Path):
    path = project(folder)
    first, second = run(path), run(path)
    assert touched(first)
    assert touched(second) == []
    assert told(second) == told(first)
    assert (first.runs[0]["scanned_rows"], second.runs[0]["scanned_rows"]) == (700, 300)


def test_a_baseline_that_was_built_finds_what_a_run_without_one_finds(folder: Path, path_: str):
    path = project(folder)
    (built,) = driftline.baseline(path, "build").to_pylist()
    found = run(path)
    # of exact distances the bins that both sides leave open are read on both
    assert touched(found) == ([] if path_ == "small" else ["ties"])
    (folder / "driftline.duckdb").unlink()
    alone = run(path)
    assert touched(alone)
    assert told(found) == told(alone)
    assert {r["reference_id"] for r in alone.metrics if r["reference"] == "reference"} == {
        built["reference_id"]
    }


def test_a_file_that_changes_is_read_anew_and_the_run_says_so(folder: Path):
    path = project(folder)
    before = run(path)
    pq.write_table(pa.table(rows_of(3)), folder / "reference.parquet")
    found = run(path)
    assert touched(found)
    assert any("has changed since the baseline" in line for line in found.monitors[0].warnings)
    ids = [
        {r["reference_id"] for r in each.metrics if r["reference"] == "reference"}
        for each in (before, found)
    ]
    assert not ids[0] & ids[1]
    again = run(path)
    assert touched(again) == []
    assert told(again)["metrics"] == told(found)["metrics"]


def test_a_file_written_again_with_the_same_rows_is_the_same_reference(folder: Path):
    path = project(folder)
    before = run(path)
    os.utime(folder / "reference.parquet", ns=(1, 1))
    found = run(path)
    assert touched(found)
    assert told(found) == told(before)


@pytest.mark.parametrize("edit", [{"nulls": 0.5}, {"keys": "owner: ops"}])
def test_an_edited_threshold_or_owner_reads_no_reference(folder: Path, edit: dict[str, Any]):
    run(project(folder))
    assert touched(run(project(folder, **edit))) == []


@pytest.mark.usefixtures("path_")
def test_another_rule_of_bins_is_another_reference_and_reads_only_what_it_needs(folder: Path):
    first = run(project(folder))
    other = project(folder, keys="bins: {rule: quantile, count: 5}")
    found = run(other)
    assert {"profile", "histogram", "categories"}.isdisjoint(touched(found))
    (folder / "driftline.duckdb").unlink()
    assert told(found) == told(run(other))
    ids = [{r["reference_id"] for r in each.metrics} - {"__all__"} for each in (first, found)]
    assert not ids[0] & ids[1]


def test_a_feature_more_is_read_alone(folder: Path):
    run(project(folder, keys="features: [real, text]"))
    found = run(project(folder, keys="features: [real, text, tied, few]"))
    counted = {
        row["step"]: row["sql"].count("reference.parquet") for row in found.monitors[0].statements
    }
    # once for each of the two new columns
    assert counted["ties"] == 2
    assert counted["categories"] == 0
    (folder / "driftline.duckdb").unlink()
    assert told(found) == told(run(project(folder, keys="features: [real, text, tied, few]")))


def test_whole_numbers_of_production_beyond_the_reference_change_no_value(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("driftline.engine.execute.SMALL_ROWS", 0)
    path = project(folder)
    run(path)
    for low, high in ((-400, 31_000), (-60_000, 60_000)):
        rows = rows_of(4, 300) | {"many": pa.array(np.linspace(low, high, 300).astype("i8"))}
        pq.write_table(pa.table(rows), folder / "production.parquet")
        found = run(path)
        (folder / "driftline.duckdb").rename(folder / "kept.duckdb")
        assert told(found) == told(run(path))
        (folder / "kept.duckdb").rename(folder / "driftline.duckdb")


def test_a_reference_that_moves_is_never_kept(folder: Path):
    moments = pa.array(np.arange(300).astype("timedelta64[h]") + np.datetime64("2026-01-01", "us"))
    rows = pa.table({**rows_of(2, 300), "at": moments})
    pq.write_table(rows, folder / "production.parquet")
    path = folder / "driftline.yml"
    path.write_text(
        "monitors:\n  - name: m\n    production: {table: production.parquet, timestamp: at,"
        " window: {size: P1D}}\n    reference: {window: {size: P2D}}\n"
    )
    driftline.run(path, at="2026-01-05")
    assert driftline.baseline(path).num_rows == 0
    with pytest.raises(driftline.ConfigError, match="move with the run"):
        driftline.baseline(path, "build")


@pytest.fixture
def database(folder: Path) -> Iterator[Path]:
    """The same tables in a database, whose changes nobody can see."""
    with duckdb.connect(str(folder / "source.duckdb")) as con:
        for side in ("reference", "production"):
            con.execute(f"create table {side} as from '{folder / side}.parquet'")
    yield folder
    (folder / "source.duckdb").unlink()


def of_tables(folder: Path, more: str = "") -> Path:
    path = folder / "driftline.yml"
    path.write_text(
        "connection: {type: duckdb, database: source.duckdb}\nmonitors:\n  - name: m\n"
        f"    min_rows: 0\n    production: {{table: production}}\n    reference: {{table: reference{more}}}\n"
    )
    return path


def scanned(found: driftline.RunResult) -> int:
    return int(found.runs[0]["scanned_rows"])


def test_a_table_is_kept_only_where_the_file_freezes_it(database: Path):
    path = of_tables(database)
    assert [scanned(run(path)) for _ in range(2)] == [700, 700]
    path = of_tables(database, ", frozen: true")
    first, second = run(path), run(path)
    assert (scanned(first), scanned(second)) == (700, 300)
    assert told(first) == told(second)


def test_a_frozen_table_stays_as_it_was_until_it_is_built_again(database: Path):
    path = of_tables(database, ", frozen: true")
    before = run(path)
    with duckdb.connect(str(database / "source.duckdb")) as con:
        con.execute("delete from reference where few = 0")
    assert told(run(path)) == told(before)
    driftline.baseline(path, "build")
    after = run(path)
    assert scanned(after) == 300
    assert told(after) != told(before)


def test_building_a_table_that_may_change_says_what_to_do(database: Path):
    with pytest.raises(driftline.ConfigError, match="frozen: true"):
        driftline.baseline(of_tables(database), "build")


def test_facts_come_back_from_their_bytes_as_they_were(folder: Path):
    run(project(folder))
    (kept,) = stored_baselines(Store(folder / "driftline.duckdb"))
    assert set(kept.columns) == set(rows_of(1))
    for column in kept.columns.values():
        assert packed(unpacked(packed(column))) == packed(column)


def test_baselines_are_listed_and_shown(folder: Path):
    path = project(folder)
    assert driftline.baseline(path, "list").num_rows == 0
    driftline.baseline(path, "build")
    (row,) = driftline.baseline(path).to_pylist()
    assert (row["monitor"], row["reference"], row["row_count"], row["status"]) == (
        "m", "reference", 400, "up to date",
    )  # fmt: skip
    shown = {row["feature"]: row for row in driftline.baseline(path, "show").to_pylist()}
    assert shown["text"]["kind"] == "categories"
    assert shown["few"]["cells"] == 5
    assert shown["day"]["kind"] == "counts"
    os.utime(folder / "reference.parquet", ns=(1, 1))
    assert driftline.baseline(path).to_pylist()[0]["status"] == "changed"
