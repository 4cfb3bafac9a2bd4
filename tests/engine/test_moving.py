"""A frozen reference that moves is added up from windows that were counted before, and not read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import driftline
from driftline.engine.added import added, crowds, placed
from driftline.engine.baseline import Column, Numbers, unpacked
from driftline.engine.cells import Edges, Side, Values, sorted_edges
from driftline.engine.errors import ConfigError
from driftline.engine.grid import Grid, is_crowded
from driftline.engine.joint import Axis
from driftline.engine.moving import tiles
from driftline.engine.store import Store

Row = dict[str, Any]

START = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 40
A_DAY = 60
AT = START + timedelta(days=36)
ASIDE = ("run_id", "computed_at")
REFERENCES = {
    "rolling": "window: {size: P9D}",
    "late": "window: {size: P9D, offset: P3D}",
    "seasonal": "same: P7D, cycles: 4",
    "short": "window: {size: P2D}, in_control: P9D",
}
PROJECT = """\
monitors:
  - name: shop
    min_rows: 0
    {keys}
    production: {{table: orders.parquet, timestamp: at, window: {{size: P1D}}, filter: "not test"}}
    reference: {{{reference}}}
    features: {{exclude: [test]}}
    signals:
      data_drift: [js, wasserstein, ks, chi2]
      data_quality: {{nulls: 0.01, out_of_bounds: 0.01, zero_rate: null, type_errors: 0.0}}
"""


def orders(seed: int = 5) -> pa.Table:
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(DAYS), A_DAY)
    rows = len(day)
    share = np.concatenate([np.sort(rng.random(A_DAY)) for _ in range(DAYS)])
    share[::A_DAY] = 0.0  # a row at each midnight
    moments = [
        START + timedelta(days=int(d), microseconds=int(8.64e10 * s))
        for d, s in zip(day, share, strict=True)
    ]
    amount = rng.lognormal(0, 1, rows) * (1 + 0.2 * (day % 7 >= 5))
    amount[5::97] = np.nan
    amount[9::211] = np.inf
    texts = pa.array(["app", "shop", "c'", None, ""])
    return pa.table(
        {
            "at": pa.array(moments, pa.timestamp("us", "UTC")),
            "amount": pa.array(amount, mask=rng.random(rows) < 0.04),
            "tied": np.round(rng.normal(0, 1, rows), 1),
            "few": rng.integers(0, 4, rows),
            "many": rng.integers(-50, 30_000, rows),
            "empty": pa.nulls(rows, pa.float64()),
            "channel": texts.take(pa.array(rng.integers(0, 5, rows))),
            "test": rng.random(rows) < 0.1,
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pq.write_table(orders(), tmp_path / "orders.parquet")
    return tmp_path


def project(folder: Path, reference: str, *, frozen: bool = True, keys: str = "owner: ops") -> Path:
    path = folder / "driftline.yml"
    told = f"{REFERENCES.get(reference, reference)}, frozen: {str(frozen).lower()}"
    path.write_text(PROJECT.format(reference=told, keys=keys), "utf-8")
    return path


def forget(folder: Path) -> None:
    (folder / "driftline.duckdb").unlink(missing_ok=True)


def collect(path: Path, last: datetime = AT) -> None:
    """Run daily, as a scheduler would, the windows that the reference of the last run is made of."""
    seasonal = "same" in path.read_text("utf-8")
    first, every = (29, "P7D") if seasonal else (13, "P1D")
    end = last - timedelta(days=1)
    driftline.backfill(path, start=last - timedelta(days=first), end=end, every=every)


@pytest.fixture(scope="module")
def kept() -> dict[tuple[str, str], Path]:
    """Results of the windows that a reference is made of, by path and reference, once collected."""
    return {}


@pytest.fixture
def collected(
    folder: Path,
    path_: str,
    kept: dict[tuple[str, str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Path]:
    """Makes a project whose windows were counted, without counting them for every test."""

    def made(reference: str) -> Path:
        path = project(folder, reference)
        if (path_, reference) not in kept:
            collect(path)
            place = tmp_path_factory.mktemp("kept") / "driftline.duckdb"
            kept[path_, reference] = shutil.copyfile(folder / "driftline.duckdb", place)
        shutil.copyfile(kept[path_, reference], folder / "driftline.duckdb")
        return path

    return made


def told(found: driftline.RunResult) -> dict[str, list[Row]]:
    """What is told, but for what permuting cells of a grid says of W1: cells are another grid's."""
    (each,) = found.monitors
    assert each.error is None
    permuted = ("p_value", "q_value", "ci_low", "ci_high", "reason")
    return {
        name: [
            {
                key: value
                for key, value in row.items()
                if key not in ASIDE
                and not (row.get("metric") == "normalized_wasserstein_distance" and key in permuted)
            }
            for row in getattr(each, name)
        ]
        for name in ("metrics", "histograms", "profiles", "features")
    }


def approximately(found: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """The same rows, numbers to the digits that sums of any order share."""

    def loosened(value: object) -> object:
        return pytest.approx(value, rel=1e-9, abs=1e-12) if isinstance(value, float) else value

    return {
        name: [{key: loosened(value) for key, value in row.items()} for row in rows]
        for name, rows in found.items()
    }


def steps_that_read(found: driftline.RunResult, day: datetime) -> list[str]:
    """Steps whose statements name the first day of the reference."""
    (each,) = found.monitors
    return [row["step"] for row in each.statements if f"{day:%Y-%m-%d}" in row["sql"]]


@pytest.mark.parametrize(
    ("path_", "reference"),
    [
        ("small", "rolling"),
        ("grid", "rolling"),
        pytest.param("small", "seasonal", marks=pytest.mark.once),
        pytest.param("grid", "seasonal", marks=pytest.mark.once),
        pytest.param("grid", "late", marks=pytest.mark.once),
        pytest.param("grid", "short", marks=pytest.mark.once),
    ],
    indirect=["path_"],
)
def test_it_is_not_read_and_what_is_found_is_what_reading_it_finds(
    folder: Path, path_: str, collected: Callable[[str], Path], reference: str
) -> None:
    path = collected(reference)
    found = driftline.run(path, at=AT)
    forget(folder)
    alone = driftline.run(project(folder, reference, frozen=False), at=AT)
    assert approximately(told(alone)) == told(found)
    assert [s["error"] for s in found.monitors[0].statements if s["error"]] == []
    (row,) = (r for r in alone.metrics if r["metric"] == "row_count")
    assert found.runs[0]["scanned_rows"] == row["value"]
    assert alone.runs[0]["scanned_rows"] > 2 * row["value"]
    start = next(r["reference_start"] for r in alone.metrics if r["reference_start"])
    # of exact distances the bins that both sides leave open are read on both
    kept = {"small": {"profile"}, "grid": {"profile", "histogram", "ties", "dispersion"}}
    assert {*steps_that_read(found, start)} <= kept[path_]
    assert {"profile", "categories", "ties"} <= {*steps_that_read(alone, start)}


def test_windows_that_were_not_counted_are_read(
    folder: Path, collected: Callable[[str], Path]
) -> None:
    path = collected("rolling")
    with duckdb.connect(str(folder / "driftline.duckdb")) as store:
        store.execute("delete from _counted where window_start = '2026-02-05'")
    found = driftline.run(path, at=AT)
    forget(folder)
    assert approximately(told(driftline.run(path, at=AT))) == told(found)
    assert found.runs[0]["scanned_rows"] > 8 * A_DAY


@pytest.mark.once
def test_one_that_is_not_frozen_keeps_nothing(folder: Path) -> None:
    collect(project(folder, "rolling", frozen=False), START + timedelta(days=20))
    with duckdb.connect(str(folder / "driftline.duckdb"), read_only=True) as store:
        assert store.execute("select count(*) from _counted").fetchall() == [(0,)]


@pytest.mark.once
def test_late_rows_are_noticed_and_counted_once_their_window_is_measured_again(
    folder: Path, collected: Callable[[str], Path]
) -> None:
    path = collected("rolling")
    table = orders()
    late = table.slice(30 * A_DAY, 7)
    pq.write_table(pa.concat_tables([table, late]), folder / "orders.parquet")
    found = driftline.run(path, at=AT)
    (warning,) = (w for w in found.monitors[0].warnings if "read anew" in w)
    assert "the window from 2026-02-04 00:00 to 2026-02-05 00:00 UTC has" in warning
    assert "reference reference is read anew; `reprocess: P3D`" in warning
    driftline.run(path, at=START + timedelta(days=31))  # as `reprocess` would
    again = driftline.run(path, at=AT)
    assert not [w for w in again.monitors[0].warnings if "read anew" in w]
    assert again.runs[0]["scanned_rows"] < A_DAY + 1
    assert approximately(told(found)) == told(again)


@pytest.mark.once
@pytest.mark.parametrize("path_", ["small"], indirect=True)
def test_values_that_change_behind_its_back_are_what_frozen_rules_out(
    folder: Path, collected: Callable[[str], Path]
) -> None:
    path = collected("rolling")
    before = told(driftline.run(path, at=AT))
    table = orders()
    doubled = pa.array(np.round(table["tied"].to_numpy() * 2, 1))
    doubled = pa.concat_arrays(
        [doubled[: 35 * A_DAY], table["tied"].combine_chunks()[35 * A_DAY :]]
    )
    place = table.column_names.index("tied")
    pq.write_table(table.set_column(place, "tied", doubled), folder / "orders.parquet")
    assert told(driftline.run(path, at=AT)) == before
    assert told(driftline.run(project(folder, "rolling", frozen=False), at=AT)) != before


@pytest.mark.once
def test_a_reference_of_other_rows_is_read(folder: Path) -> None:
    other = "window: {size: P9D}, filter: \"channel = 'app'\""
    path = project(folder, other)
    collect(path)
    found = driftline.run(path, at=AT)
    assert found.runs[0]["scanned_rows"] > 2 * A_DAY
    with duckdb.connect(str(folder / "driftline.duckdb"), read_only=True) as store:
        assert store.execute("select count(*) from _counted").fetchall() == [(0,)]


@pytest.mark.once
@pytest.mark.parametrize("path_", ["small"], indirect=True)
def test_windows_that_no_reference_can_be_made_of_go(
    folder: Path, collected: Callable[[str], Path]
) -> None:
    path = collected("rolling")

    def days() -> list[int]:
        with duckdb.connect(str(folder / "driftline.duckdb"), read_only=True) as store:
            found = store.execute("select distinct window_start from _counted order by 1")
            return [(AT.replace(tzinfo=None) - start).days for (start,) in found.fetchall()]

    assert days() == [*range(11, 1, -1)]
    driftline.run(path, at=AT)
    assert days() == [*range(10, 0, -1)]
    # a window that may be measured again still finds its reference
    project(folder, "rolling", keys="reprocess: P3D\n    schedule: {every: P1D}")
    for back in (2, 1, 0):
        driftline.run(path, at=AT + timedelta(days=2 - back))
    assert days() == [*range(10, 0, -1), 0, -1]


@pytest.mark.once
@pytest.mark.parametrize("path_", ["small"], indirect=True)
def test_pruning_takes_counted_windows_with_the_rest(collected: Callable[[str], Path]) -> None:
    gone = driftline.prune(collected("rolling"), keep="P1D").to_pylist()
    assert next(row["row_count"] for row in gone if row["table"] == "_counted") > 60


@pytest.mark.once
def test_a_feature_more_is_read_alone(folder: Path) -> None:
    path = project(folder, "rolling")
    path.write_text(path.read_text().replace("{exclude: [test]}", "[amount, channel]"), "utf-8")
    collect(path)
    path.write_text(path.read_text().replace("[amount, channel]", "[amount, tied]"), "utf-8")
    found = driftline.run(path, at=AT)
    (ties,) = (r["sql"] for r in found.monitors[0].statements if r["step"] == "ties")
    assert (ties.count('"amount" as stored'), ties.count('"tied" as stored')) == (1, 2)
    forget(folder)
    assert approximately(told(driftline.run(path, at=AT))) == told(found)


@pytest.mark.once
@pytest.mark.parametrize("path_", ["small"], indirect=True)
def test_a_run_of_one_feature_leaves_what_is_kept_of_the_others(
    collected: Callable[[str], Path],
) -> None:
    path = collected("rolling")
    driftline.run(path, at=AT - timedelta(days=1), select="feature:amount")
    found = driftline.run(path, at=AT)
    assert found.runs[0]["scanned_rows"] <= A_DAY
    (each,) = found.monitors
    start = f"{AT - timedelta(days=10):%Y-%m-%d}"
    assert {r["step"] for r in each.statements if start in r["sql"]} == {"profile"}


@pytest.mark.once
def test_building_a_baseline_of_it_says_what_counts_its_windows(folder: Path) -> None:
    with pytest.raises(ConfigError, match="the rows of reference reference move") as told:
        driftline.baseline(project(folder, "rolling"), "build")
    assert "`driftline backfill shop --from D --to D --force`" in str(told.value)


@pytest.mark.once
@pytest.mark.parametrize("path_", ["grid"], indirect=True)
@pytest.mark.usefixtures("path_")
def test_the_first_window_places_grids_for_those_to_come(folder: Path) -> None:
    table = orders()
    spread = np.random.default_rng(3).random(table.num_rows)
    far = np.where(np.arange(table.num_rows) % A_DAY == 7, 40.0, spread)
    place = table.column_names.index("amount")
    pq.write_table(table.set_column(place, "amount", pa.array(far)), folder / "orders.parquet")
    path = project(folder, "rolling")
    for day in (1, 2):
        driftline.run(path, at=START + timedelta(days=day), select="feature:amount")
    store = Store(folder / "driftline.duckdb")
    days = [(datetime(2026, 1, day), datetime(2026, 1, day + 1)) for day in (5, 6)]
    counted = store.counted_columns("shop", days)
    first, second = (unpacked(counted[day]["amount"]).numbers for day in days)
    assert first is not None
    assert second is not None
    assert first.grid == second.grid


def test_windows_fill_a_span_one_after_the_other() -> None:
    days = [datetime(2026, 3, day) for day in range(1, 10)]
    daily = [*pairwise(days)]
    assert tiles((days[1], days[4]), daily) == tuple(daily[1:4])
    assert tiles((days[0], days[8]), daily[:3] + daily[4:]) == ()
    weekly = (days[0], days[7])
    assert tiles((days[0], days[8]), [weekly, daily[7]]) == (weekly, daily[7])
    # windows that reach beyond either end are no help, nor is the one that stands for all
    assert tiles((days[1], days[3]), [(days[0], days[2]), daily[2]]) == ()
    assert tiles((days[1], days[1]), daily) == ()


# Adding columns


def by_value(values: list[float], key: str = "k") -> Column:
    value, n = np.unique(np.array(values, float), return_counts=True)
    return Column(
        key, {"filled": len(values)}, Numbers(None, Side.of_values({}, value, n, 0.0), None)
    )


reals = st.lists(st.integers(-30, 30).map(lambda n: n / 4), max_size=40)


@given(st.lists(reals, min_size=1, max_size=6).filter(any))
def test_values_of_windows_add_up_to_those_of_all_rows(days: list[list[float]]) -> None:
    found = added([by_value(day) for day in days])
    assert found is not None
    assert found.numbers is not None
    every = [x for day in days for x in day]
    value, n = np.unique(np.array(every), return_counts=True)
    side = found.numbers.side
    assert (side.low.tolist(), side.n.tolist()) == (value.tolist(), n.tolist())
    assert found.counts == {"filled": len(every)}
    assert side.total.sum() == pytest.approx(sum(every))


def on_grid(values: list[float], grid: Grid, shift: int) -> Column:
    """Cells of a grid, by the definition of it."""
    x = np.sort(np.array(values, float))
    half = 65_520 / 2 / 2**shift
    t = x - grid.centre
    bins = np.floor((t / (grid.width + np.abs(t)) + 1) * half).astype(np.int64)
    found = {int(b): x[bins == b] for b in np.unique(bins)}
    side = Side(
        {-1: 1},
        shift,
        np.array([*found], np.int64),
        np.array([v.min() for v in found.values()]),
        np.array([v.max() for v in found.values()]),
        np.array([len(v) for v in found.values()], np.int64),
        np.array([(v - grid.centre).sum() for v in found.values()]),
        np.array([((v - grid.centre) ** 2).sum() for v in found.values()]),
        grid.centre,
    )
    return Column("k", {}, Numbers(grid, side, (float(x[0]), float(x[-1]))))


@given(
    st.lists(reals.filter(lambda day: len(day) > 0), min_size=1, max_size=5),
    st.integers(9, 11),
)
def test_cells_of_windows_add_up_to_those_of_all_rows(days: list[list[float]], shift: int) -> None:
    grid = Grid(0.5, 2.0)
    every = on_grid([x for day in days for x in day], grid, shift).numbers
    # the first is counted more finely than the rest
    found = added([on_grid(day, grid, shift - (not k)) for k, day in enumerate(days)])
    assert found is not None
    assert found.numbers is not None
    assert every is not None
    if len(days) == 1:
        shift -= 1
        every = on_grid(days[0], grid, shift).numbers
        assert every is not None
    ours, theirs = found.numbers.side, every.side
    assert ours.shift == shift
    for name in ("bin", "low", "high", "n"):
        assert getattr(ours, name).tolist() == getattr(theirs, name).tolist()
    assert ours.total == pytest.approx(theirs.total)
    assert ours.squares == pytest.approx(theirs.squares)
    assert ours.codes == {-1: len(days)}


def test_windows_that_were_counted_otherwise_do_not_add() -> None:
    day = by_value([1.0, 2.0])
    assert added([day, by_value([3.0], key="other type")]) is None
    assert added([day, None]) is None
    elsewhere = [on_grid([1.0, 2.0], Grid(0.0, width), 9) for width in (1.0, 2.0)]
    mixed = added([day, elsewhere[0]])
    moved = added(elsewhere)
    assert mixed is not None
    assert moved is not None
    assert mixed.numbers is None
    assert moved.numbers is None


def test_categories_add_by_value_and_fault() -> None:
    one = Column("k", {}, categories=(("a", None, 3), (None, "null", 1)))
    two = Column("k", {}, categories=(("a", None, 1), ("b", None, 2), (None, "null", 4)))
    found = added([one, two])
    assert found is not None
    assert {each[:2]: each[2] for each in found.categories or ()} == {
        ("a", None): 4,
        ("b", None): 2,
        (None, "null"): 5,
    }
    unnamed = added([one, Column("k", {})])
    assert unnamed is not None
    assert unnamed.categories is None


def test_rows_that_crowd_on_a_grid_of_old_are_read_anew() -> None:
    rng = np.random.default_rng(1)
    then, now = rng.normal(0, 1, 4000), rng.normal(50, 0.01, 4000)
    grid = Grid(0.0, 1.0)
    marks = [float(q) for q in np.quantile(then, np.linspace(0, 1, 17))]
    assert not is_crowded(grid, marks)
    assert is_crowded(grid, [float(q) for q in np.quantile(now, np.linspace(0, 1, 17))])
    for shift in (0, 11):
        assert crowds(on_grid(rng.normal(9, 0.01, 4000).tolist(), grid, shift))
    assert not crowds(on_grid(then.tolist(), grid, 0))
    assert not crowds(by_value([1.0]))


# Putting them into bins


@given(reals, st.lists(st.integers(-8, 8).map(float), min_size=1, max_size=4, unique=True))
def test_values_are_put_into_bins_as_numpy_puts_them(
    values: list[float], starts: list[float]
) -> None:
    edges: Edges = sorted_edges(starts[:1], starts)
    found = placed(by_value(values), Axis.of_numbers(edges))
    assert found is not None
    x = np.array(values)
    expected = [len(x)]
    for limit, holds in Axis.of_numbers(edges).limits:
        expected.append(int((x <= limit).sum() if holds else (x < limit).sum()))
    assert found == expected


def test_a_cell_that_an_edge_divides_cannot_tell_until_it_was_read() -> None:
    column = on_grid([1.0, 1.001, 5.0], Grid(0.0, 1.0), 12)
    assert column.numbers is not None
    axis = Axis.of_numbers(sorted_edges((), (1.0005,)))
    assert placed(column, axis) is None
    side = column.numbers.side
    assert placed(column, Axis.of_numbers(sorted_edges((), (3.0,)))) == [3, 2]
    read = Values(np.full(2, side.bin[0]), np.array([1.0, 1.001]), np.array([1, 1]))
    side = side.with_values(read, side.bin[:1])
    known = Column("k", {}, Numbers(column.numbers.grid, side, None))
    assert placed(known, axis) == [3, 1]


def test_infinities_are_in_the_outer_bins() -> None:
    side = Side.of_values({-4: 2, -5: 3, -3: 7}, np.array([1.0]), np.array([1]), 0.0)
    column = Column("k", {}, Numbers(None, side, None))
    assert placed(column, Axis.of_numbers(sorted_edges((), (0.0,)))) == [6, 2]


def test_whole_numbers_are_categories_by_their_digits() -> None:
    axis = Axis((), ("1", "2"), ("1", "2", "3"))
    assert placed(by_value([1, 1, 2, 3, 9]), axis) == [5, 4, 2, 1]
    assert placed(by_value([1, 1.5]), axis) is None
    texts = Column("k", {}, categories=(("1", None, 4), ("9", None, 1), (None, "null", 2)))
    assert placed(texts, axis) == [5, 4, 4, 0]
