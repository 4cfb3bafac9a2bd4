"""A backfill measures many windows in one pass, and each as a run of its own would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import driftline
from driftline.engine.store import Store

Row = dict[str, Any]

# What tells runs apart, not results.
ASIDE = ("run_id", "computed_at", "seconds")
TABLES = ("metrics", "histograms", "profiles", "features", "_grounds")
DAYS = 10
PROJECT = """\
monitors:
  - name: m
    min_rows: 0
    {zone}
    production: {{table: production.parquet, timestamp: at, window: {{{window}}}}}
    {reference}
    settings: {{few: {{bins: {{rule: edges, edges: [0, 2, 4]}}}}, wide: {{bins: {{rule: equal_width}}}}}}
    signals:
      data_drift: [js, psi, wasserstein, ks_distance, ks, chi2, chebyshev]
      data_quality:
        nulls: 0.01
        type_errors: 0
        out_of_bounds: 0.01
        new_category_rate: null
        zero_rate: null
        distinct_count: null
        freshness: null
        row_count: {{decrease: 20%}}
      {more}
"""


def rows_of(rng: np.random.Generator, rows: int, moved: float) -> dict[str, pa.Array]:
    texts = pa.array(["a", "b", "c", "d", "e", None, "new"])
    wide = rng.standard_cauchy(rows) + moved
    wide[rng.random(rows) < 0.02] = np.inf
    return {
        "normal": pa.array(rng.normal(moved, 1, rows), mask=rng.random(rows) < 0.05),
        "wide": pa.array(wide),
        "tied": pa.array(np.round(rng.lognormal(0, 1, rows), 1)),
        "few": pa.array(rng.integers(0, 5, rows)),
        "many": pa.array(rng.integers(0, 500_000, rows)),
        "text": texts.take(pa.array(rng.integers(0, 6 if not moved else 7, rows))),
    }


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(5)
    pq.write_table(pa.table(rows_of(rng, 400, 0.0)), folder / "reference.parquet")
    rows = DAYS * 60
    moments = [
        datetime(2026, 3, 25, tzinfo=UTC) + timedelta(days=DAYS * float(share))
        # a day without rows, and one with few
        for share in np.sort(rng.random(rows))
        if not 0.3 <= share < 0.4 and not 0.502 <= share < 0.6
    ]
    side = {name: column[: len(moments)] for name, column in rows_of(rng, rows, 0.4).items()}
    pq.write_table(pa.table({**side, "at": moments}), folder / "production.parquet")
    return folder


def project(tables: Path, folder: Path, name: str, **given: str) -> Path:
    """A project of its own results over the shared tables."""
    path = folder / name / "driftline.yml"
    path.parent.mkdir()
    for side in ("reference", "production"):
        (path.parent / f"{side}.parquet").symlink_to(tables / f"{side}.parquet")
    said = {"zone": "", "window": "size: P1D", "reference": "reference: {table: reference.parquet}"}
    said["more"] = ""
    path.write_text(PROJECT.format(**{**said, **given}), "utf-8")
    return path


def stored(path: Path) -> dict[str, list[Row]]:
    """All rows of the result tables, without what tells runs apart."""
    store = Store(path.parent / "driftline.duckdb")
    found = {}
    for table in TABLES:
        rows = store.read(f"from {table}").to_pylist()
        kept = ({name: v for name, v in row.items() if name not in ASIDE} for row in rows)
        found[table] = sorted(kept, key=repr)
    return found


@pytest.fixture
def path_(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Value by value, on grids so coarse that bins hold several values, and with those bins cut."""
    if request.param == "finer":
        monkeypatch.setattr("driftline.engine.settling.FEWEST_SAVED", -(10**9))
    if request.param != "small":
        monkeypatch.setattr("driftline.engine.execute.SMALL_ROWS", 0)
        monkeypatch.setattr("driftline.engine.grid.FEWEST_BINS", 16)
    return str(request.param)


UTC_ = "UTC"
# A second reference that moves with the window, and a signal that is held against it.
RECENT = {
    "reference": "references: {whole: {table: reference.parquet}, recent: {window: {size: P2D}}}",
    "more": "lately: {type: data_drift, reference: recent, numerical: [wasserstein, js]}",
}

# What the project says, how far windows lie apart, their size, their offset, and the time zone.
CASES: dict[str, tuple[dict[str, str], str | None, timedelta, timedelta, str]] = {
    "a day each": ({}, None, timedelta(1), timedelta(0), UTC_),
    "weeks that overlap": ({"window": "size: P7D"}, "P1D", timedelta(7), timedelta(0), UTC_),
    "hours that lie apart": (
        {"window": "size: PT6H"}, "P1D", timedelta(hours=6), timedelta(0), UTC_,
    ),
    "a time zone whose clocks change": (
        {"zone": "time_zone: Europe/Berlin"}, None, timedelta(1), timedelta(0), "Europe/Berlin",
    ),
    "an offset": (
        {"window": "size: P1D, offset: PT6H"}, None, timedelta(1), timedelta(hours=6), UTC_,
    ),
    # whose largest are others from week to week
    "segments": (
        {
            "window": "size: P3D",
            "zone": 'segments: [text, {name: positive, where: "normal > 0"}]\n    max_segments: 3',
        },
        "P1D", timedelta(3), timedelta(0), UTC_,
    ),
    "a reference that moves along": (
        RECENT, None, timedelta(1), timedelta(0), UTC_,
    ),
}  # fmt: skip


# Overlapping windows use every construct that the others do, and some more.
ON_THE_OLDEST = "weeks that overlap"
# They go all ways through the numbers, each of the others one of them.
WAYS = [
    *((ON_THE_OLDEST, path) for path in ("small", "grid")),
    *(
        pytest.param(case, path, marks=pytest.mark.once)
        for case, path in (
            (ON_THE_OLDEST, "finer"),
            ("a day each", "grid"),
            ("hours that lie apart", "small"),
            ("a time zone whose clocks change", "grid"),
            ("an offset", "small"),
            ("a reference that moves along", "finer"),
            ("segments", "grid"),
        )
    ),
]


def test_a_backfill_counts_the_rows_of_its_reference_once(tables: Path, tmp_path: Path):
    found = driftline.backfill(
        project(tables, tmp_path, "rows"), start="2026-03-25", end="2026-04-04"
    )
    sides = (pq.read_metadata(tables / f"{name}.parquet") for name in ("reference", "production"))
    assert found.runs[0]["scanned_rows"] == sum(side.num_rows for side in sides)


@pytest.mark.parametrize(("case", "path_"), WAYS, indirect=["path_"])
@pytest.mark.usefixtures("path_")
def test_a_backfill_leaves_the_rows_that_runs_one_by_one_leave(
    case: str, tables: Path, tmp_path: Path
):
    given, every, size, offset, zone = CASES[case]
    first, last = (datetime(2026, 3, day, tzinfo=ZoneInfo(zone)) for day in (25, 25))
    last += timedelta(DAYS)
    together = project(tables, tmp_path, "together", **given)
    driftline.backfill(together, start=first, end=last, every=every)
    alone = project(tables, tmp_path, "alone", **given)
    starts = [first + timedelta(day) for day in range(DAYS)]
    for start in starts:
        if start + size <= last:
            driftline.run(alone, at=start + size + offset)
    for table, rows in stored(alone).items():
        assert stored(together)[table] == rows, table
    assert len({row["window_end"] for row in stored(alone)["metrics"]}) >= 4


# What is stored already


def days(path: Path, first: int, last: int, **given: Any) -> driftline.RunResult:
    """Fill in days of March 2026."""
    start, end = (f"2026-03-{day}" for day in (first, last))
    return driftline.backfill(path, start=start, end=end, **given)


def windows(found: driftline.RunResult) -> int:
    """How many windows were measured."""
    (each,) = found.monitors
    return int(each.run["window_count"])


def test_windows_that_are_up_to_date_are_not_measured_again(tables: Path, tmp_path: Path):
    path = project(tables, tmp_path, "m")
    assert windows(days(path, 25, 28)) == 3
    before = stored(path)
    more = days(path, 25, 30)
    assert windows(more) == 2
    assert more.monitors[0].known_windows == 3
    # one window is always measured: it tells what the reference is today
    again = days(path, 25, 30)
    assert windows(again) == 1
    assert len({row["window_end"] for row in again.metrics}) == 5
    for table in ("metrics", "histograms", "profiles"):
        kept = [row for row in stored(path)[table] if row in before[table]]
        assert kept == before[table]


def test_other_segments_are_measured_in_windows_that_are_stored(tables: Path, tmp_path: Path):
    path = project(tables, tmp_path, "m", zone="segments: [text]")
    assert windows(days(path, 25, 28)) == 3
    path.write_text(path.read_text("utf-8").replace("segments: [text]", "segments: [few]"), "utf-8")
    assert windows(days(path, 25, 28)) == 3
    text = path.read_text("utf-8")
    path.write_text(
        text.replace("segments: [few]", "segments: [few]\n    max_segments: 1"), "utf-8"
    )
    assert windows(days(path, 25, 28)) == 3
    assert windows(days(path, 25, 28)) == 1


def test_a_backfill_that_is_forced_measures_every_window(tables: Path, tmp_path: Path):
    path = project(tables, tmp_path, "m")
    days(path, 25, 28)
    assert windows(days(path, 25, 28, force=True)) == 3


def test_other_numbers_are_measured_and_other_thresholds_are_judged(tables: Path, tmp_path: Path):
    path = project(tables, tmp_path, "m")
    days(path, 25, 29)
    text = path.read_text()
    path.write_text(text.replace("nulls: 0.01", "nulls: {fail: {max: 0.001}}"))
    judged = days(path, 25, 29)
    assert windows(judged) == 1
    rows = [r for r in stored(path)["metrics"] if r["metric"] == "null_value_rate"]
    assert {row["threshold"] for row in rows if row["value"] is not None} == {0.001}
    path.write_text(
        text.replace("data_drift: [", "data_drift: [tv, ").replace(
            "    settings:", "    bins: {rule: quantile, count: 5}\n    settings:"
        )
    )
    assert windows(days(path, 25, 29)) == 4


def test_a_reference_that_changed_measures_every_window_again(tables: Path, tmp_path: Path):
    path = project(tables, tmp_path, "m")
    days(path, 25, 28)
    rows = pq.read_table(tables / "reference.parquet")
    (path.parent / "reference.parquet").unlink()
    pq.write_table(rows.slice(10), path.parent / "reference.parquet")
    assert windows(days(path, 25, 28)) == 3
    ids = {row["reference_id"] for row in stored(path)["metrics"]} - {"__all__"}
    assert len(ids) == 1


# What is refused


def test_a_monitor_whose_window_does_not_move_is_told_so(tables: Path, tmp_path: Path):
    path = project(tables, tmp_path, "m", window="start: 2026-03-25, end: 2026-03-26")
    with pytest.raises(driftline.ConfigError, match="no window that moves"):
        days(path, 25, 28)


def test_a_time_that_holds_no_window_is_told_so(tables: Path, tmp_path: Path):
    path = project(tables, tmp_path, "m", window="size: P7D")
    with pytest.raises(driftline.ConfigError, match="no window of P7D"):
        days(path, 25, 28)


@pytest.mark.parametrize("every", ["daily", "P0D", "-P1D"])
def test_a_distance_that_is_no_duration_is_refused(every: str, tables: Path, tmp_path: Path):
    path = project(tables, tmp_path, "m")
    with pytest.raises(driftline.ConfigError, match="every"):
        days(path, 25, 28, every=every)


def test_the_number_of_statements_does_not_depend_on_the_number_of_windows(
    tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("driftline.engine.execute.SMALL_ROWS", 0)
    sent = []
    for name, every in (("few", "P1D"), ("many", "PT3H")):
        found = days(project(tables, tmp_path, name), 25, 28, every=every)
        sent.append((windows(found), [row["step"] for row in found.monitors[0].statements]))
    (few, steps), (many, more) = sent
    assert (few, many) == (3, 17)
    assert more == steps


def test_a_whole_reference_beside_one_that_moves_is_read_once(tables: Path, tmp_path: Path):
    found = days(project(tables, tmp_path, "m", **RECENT), 25, 28)
    sent = [row["sql"] for row in found.monitors[0].statements]
    profiles = [sql for sql in sent if "step=profile" in sql]
    assert len(profiles) == windows(found) == 3
    assert ["reference.parquet" in sql for sql in profiles] == [True, False, False]
