"""An open bin, settled by its single values, holds what walking all of them would find."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp, wasserstein_distance

import driftline
from driftline.engine import distances
from driftline.engine.distances import Counted, OpenBins, Shares, settle
from driftline.engine.store import Store

# (bin, value inside it, rows), of few values so that there are ties on one side and across both
counted = st.dictionaries(
    st.tuples(st.integers(0, 4), st.integers(0, 9)), st.integers(1, 5), max_size=20
)


def at(place: tuple[int, int]) -> float:
    """Where a value stands: bins are ten wide, with room between them."""
    return 20.0 * place[0] + place[1] + 0.3


def arrays(side: dict[tuple[int, int], int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    places = sorted(side)
    bins = np.array([k for k, _ in places], np.int64)
    values = np.array([at(place) for place in places])
    return bins, values, np.array([side[place] for place in places], np.int64)


def walked(
    ours: dict[tuple[int, int], int], theirs: dict[tuple[int, int], int], bin_: int, n: int, m: int
) -> tuple[float, float]:
    """Area and widest gap in one bin, value by value."""
    places = sorted(p for p in {*ours, *theirs} if p[0] == bin_)
    area, widest = 0.0, 0.0
    for place, following in zip(places, [*places[1:], None], strict=True):
        f = sum(rows for p, rows in ours.items() if p <= place) / n
        g = sum(rows for p, rows in theirs.items() if p <= place) / m
        widest = max(widest, abs(f - g))
        if following is not None:
            area += abs(f - g) * (at(following) - at(place))
    return area, widest


@given(ours=counted, theirs=counted, at_once=st.sampled_from([1, 4, 65_536]))
def test_a_settled_bin_has_the_area_and_the_widest_gap_of_its_values(
    ours: dict[tuple[int, int], int], theirs: dict[tuple[int, int], int], at_once: int
):
    shared = sorted({k for k, _ in ours} & {k for k, _ in theirs})
    if not shared:
        return
    n, m = sum(ours.values()), sum(theirs.values())
    bins = np.array(shared, np.int64)

    def rows(side: dict[tuple[int, int], int], *, before: bool) -> np.ndarray:
        chosen = [
            sum(r for p, r in side.items() if (p[0] < k if before else p[0] == k)) for k in shared
        ]
        return np.array(chosen, np.int64)

    ends = [[at(p) for p in {*ours, *theirs} if p[0] == k] for k in shared]
    nothing, all_ = np.zeros(len(shared)), np.ones(len(shared), bool)
    cells = OpenBins(
        bins,
        np.array([min(each) for each in ends]),
        np.array([max(each) for each in ends]),
        rows(ours, before=False),
        rows(theirs, before=False),
        rows(ours, before=True),
        rows(theirs, before=True),
        nothing,
        nothing,
        nothing,
        all_,
        all_,
    )
    reference, production = arrays(ours), arrays(theirs)
    kept = np.isin(production[0], bins)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distances, "AT_ONCE", at_once)
        found = settle(
            cells,
            Shares((n, m), (0, 0), (n, m)),
            Counted.of(*reference),
            (production[0][kept], production[1][kept], production[2][kept]),
        )
    assert found.bin.tolist() == shared
    for place, bin_ in enumerate(shared):
        area, widest = walked(ours, theirs, bin_, n, m)
        assert found.area[place] == pytest.approx(area, rel=1e-12, abs=1e-14)
        # the gap before the bin is known already, and may be the wider one
        before = abs(cells.n_before[place] / n - cells.m_before[place] / m)
        assert found.widest[place] == pytest.approx(max(widest, before), rel=1e-15, abs=1e-16)
        gap = found.n[place] / n - found.m[place] / m
        assert abs(gap) == found.widest[place]


def test_sums_of_a_bin_do_not_depend_on_what_was_read_beside_it():
    rng = np.random.default_rng(3)
    value = np.sort(rng.lognormal(0, 3, 2_000))
    bins = np.arange(2_000) // 100
    rows = np.ones(2_000, np.int64)
    every = Counted.of(bins, value, rows)
    alone = Counted.of(bins[700:800], value[700:800], rows[700:800])
    first, until = np.array([10]), np.array([90])
    high = value[[795]]
    assert every.room(first + 700, until + 700, high) == alone.room(first, until, high)
    assert alone.room(first, until, high)[0] == pytest.approx(
        (high - value[710:790]).sum(), rel=1e-12
    )


ORACLES = {
    "normalized_wasserstein_distance": lambda x, y: wasserstein_distance(x, y) / x.std(ddof=1),
    "kolmogorov_smirnov_distance": lambda x, y: ks_2samp(x, y, method="asymp").statistic,
}
PROJECT = """\
monitors:
  - name: m
    production: {table: production.parquet, timestamp: at, window: {size: P1D}}
    reference: {table: reference.parquet}
    exact: always
    signals: {data_drift: [wasserstein, ks_distance, psi]}
"""


def test_distances_are_scipys_however_few_rows_are_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    rng = np.random.default_rng(11)
    moments = np.datetime64("2026-03-01", "us") + np.arange(3_000) * np.timedelta64(86, "s")
    for name, moved in (("reference", 0.0), ("production", 0.1)):
        columns = {
            "normal": rng.normal(moved, 1, 3_000),
            "wide": rng.standard_cauchy(3_000) + moved,
            "tied": np.round(rng.lognormal(0, 1, 3_000), 1),
        }
        pq.write_table(pa.table({**columns, "at": moments}), tmp_path / f"{name}.parquet")
    monkeypatch.setattr("driftline.engine.execute.SMALL_ROWS", 0)
    monkeypatch.setattr("driftline.engine.grid.FEWEST_BINS", 64)
    found = {}
    for most in (10**6, 100):
        monkeypatch.setattr("driftline.engine.execute.MOST_ROWS", most)
        monkeypatch.setattr("driftline.engine.execute.LARGE_ROWS", 10 * most)
        path = tmp_path / str(most) / "driftline.yml"
        path.parent.mkdir()
        path.write_text(PROJECT.replace("table: ", f"table: {tmp_path}/"), "utf-8")
        driftline.backfill(path, start="2026-03-01", end="2026-03-04", every="P1D")
        store = Store(path.parent / "driftline.duckdb")
        rows = store.read("select window_start, feature, metric, value from metrics order by all")
        (sent,) = store.read("select count(*) as n from statements where step = 'ties'").to_pylist()
        found[most] = rows.to_pylist(), sent["n"]
    (once, few), (often, many) = found.values()
    assert many > few
    assert once == often
    sides = [pq.read_table(tmp_path / f"{name}.parquet") for name in ("reference", "production")]
    days = sides[1]["at"].to_numpy().astype("datetime64[D]")
    judged = [row for row in once if row["metric"] in ORACLES]
    assert len(judged) == 3 * 3 * len(ORACLES)
    for row in judged:
        x, y = (side[row["feature"]].to_numpy() for side in sides)
        own = y[days == np.datetime64(row["window_start"], "D")]
        assert row["value"] == pytest.approx(ORACLES[row["metric"]](x, own), rel=1e-10)
