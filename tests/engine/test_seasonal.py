"""A seasonal reference is production's own window of earlier cycles, taken together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import driftline
from driftline.engine.config import load_project
from driftline.engine.project import (
    Duration,
    Monitor,
    Production,
    Reference,
    RollingWindow,
    SeasonalWindow,
    Source,
)
from driftline.engine.times import parse_duration
from driftline.engine.windows import production_span, reference_span

Row = dict[str, Any]

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
DAYS = 42
A_DAY = 90
AT = START + timedelta(days=36)  # a Tuesday: the window is a Monday

PROJECT = """\
monitors:
  - name: shop
    min_rows: 0
    production: {{table: orders.parquet, timestamp: at, window: {{size: P1D}}}}
    references:
      seasonal: {reference}
    features: [amount, basket, channel]
    {more}
    signals:
      data_drift:
        numerical: {{wasserstein: 0.1, ks: 0.01, js: 0.1}}
        categorical: {{js: 0.1, chi2: 0.01}}
      data_quality: {{nulls: 0.01, row_count: {{decrease: 50%}}}}
"""


def rows() -> pa.Table:
    """Orders whose amounts and channels have a season of a week, at every moment of the day."""
    rng = np.random.default_rng(11)
    day = np.repeat(np.arange(DAYS), A_DAY)
    share = np.concatenate([np.sort(rng.random(A_DAY)) for _ in range(DAYS)])
    share[::A_DAY] = 0.0  # a row at each midnight
    moments = [
        START + timedelta(days=int(d), microseconds=int(8.64e10 * s))
        for d, s in zip(day, share, strict=True)
    ]
    weekend = day % 7 >= 5
    amount = rng.lognormal(1 + weekend, 0.4, len(day))
    channel = np.where(rng.random(len(day)) < 0.3 + 0.5 * weekend, "app", "shop")
    basket = rng.poisson(3 + 4 * weekend).astype(float)
    return pa.table(
        {
            "at": pa.array(moments, pa.timestamp("us", "UTC")),
            "amount": pa.array(amount, mask=rng.random(len(day)) < 0.02),
            "basket": basket,
            "channel": channel,
        }
    )


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("orders")
    pq.write_table(rows(), folder / "orders.parquet")
    return folder


def measured(folder: Path, reference: str, at: datetime = AT, more: str = "") -> list[Row]:
    file = folder / "driftline.yml"
    file.write_text(PROJECT.format(reference=reference, more=more), "utf-8")
    return driftline.run(file, at=at).metrics


def values(found: list[Row], *names: str) -> dict[tuple[str, str, str], Any]:
    return {
        (row["reference"], row["feature"], row["metric"]): [row[name] for name in names]
        for row in found
        if row["segment"] == "__all__"
    }


def monitor(size: str, zone: str = "UTC", offset: str = "P0D") -> Monitor:
    source = Source("s", files=("s.parquet",))
    window = RollingWindow(parse_duration(size), parse_duration(offset, allow_zero=True))
    return Monitor(
        name="m",
        production=Production(source, "at", window),
        references=(Reference("r", source, "at", SeasonalWindow(parse_duration("P7D"), 4)),),
        signals=(),
        time_zone=zone,
    )


def test_it_equals_numbers_taken_from_the_rows_of_four_mondays(orders: Path) -> None:
    found = values(
        measured(orders, "{same: P7D, cycles: 4}"), "value", "n_reference", "n_production"
    )
    table = pq.read_table(orders / "orders.parquet")
    day = np.array([(each - START).days for each in table["at"].to_pylist()])
    ours, theirs = day == 35, np.isin(day, [7, 14, 21, 28])
    amount = table["amount"].to_numpy(zero_copy_only=False)
    x, y = amount[theirs & ~np.isnan(amount)], amount[ours & ~np.isnan(amount)]
    value, n, m = found["seasonal", "amount", "normalized_wasserstein_distance"]
    assert (n, m) == (len(x), len(y))
    assert value == pytest.approx(stats.wasserstein_distance(x, y) / x.std(ddof=1), rel=1e-9)
    p, _, _ = found["seasonal", "amount", "two_sample_kolmogorov_smirnov_test"]
    assert p == pytest.approx(stats.ks_2samp(x, y, method="exact").pvalue, rel=1e-9)
    channel = np.array(table["channel"].to_pylist())
    counts = [
        [(channel[side] == name).sum() for name in ("app", "shop")] for side in (theirs, ours)
    ]
    p, _, _ = found["seasonal", "channel", "pearsons_chi_squared_test"]
    assert p == pytest.approx(stats.chi2_contingency(counts, correction=False).pvalue, rel=1e-9)


def test_it_equals_a_table_of_those_rows_to_the_last_bit(orders: Path, tmp_path: Path) -> None:
    table = pq.read_table(orders / "orders.parquet")
    days = [START + timedelta(days=back) for back in (7, 14, 21, 28)]
    kept = [
        pc.and_(pc.greater_equal(table["at"], day), pc.less(table["at"], day + timedelta(days=1)))
        for day in days
    ]
    mask = kept[0]
    for each in kept[1:]:
        mask = pc.or_(mask, each)
    mondays = tmp_path / "mondays.parquet"
    pq.write_table(table.filter(mask), mondays)
    names = ("value", "p_value", "ci_low", "ci_high", "status", "summary", "reference_value")
    # of what is told beside by how cycles differ, a table knows nothing
    alone = "overdispersion: false"
    seasonal = values(measured(orders, "{same: P7D, cycles: 4}", more=alone), *names)
    copied = values(measured(orders, f"{{table: '{mondays}'}}"), *names)
    assert seasonal == copied
    assert len(seasonal) == 12


def test_weekends_do_not_drift_from_weekends(orders: Path) -> None:
    sunday = START + timedelta(days=42)
    found = values(measured(orders, "{same: P7D}", sunday), "status")
    assert found["seasonal", "amount", "normalized_wasserstein_distance"] != ["breached"]
    # how weekdays differ would have the last four weeks doubt it
    alone = "overdispersion: false"
    recent = values(measured(orders, "{window: {size: P28D}}", sunday, alone), "status")
    assert recent["seasonal", "amount", "normalized_wasserstein_distance"] == ["breached"]


def test_cycles_that_touch_are_one_window(orders: Path) -> None:
    names = ("value", "p_value", "reference_value", "n_reference")
    daily = values(measured(orders, "{same: P1D, cycles: 28}"), *names)
    assert daily == values(measured(orders, "{window: {size: P28D}}"), *names)


def test_rows_tell_the_range_that_the_reference_is_of(orders: Path) -> None:
    (row,) = [
        r
        for r in measured(orders, "{same: P7D, cycles: 2}")
        if (r["reference"], r["feature"], r["metric"])
        == ("seasonal", "channel", "jensen_shannon_distance")
    ]
    assert row["reference_start"] == datetime(2026, 1, 26)
    assert row["reference_end"] == datetime(2026, 2, 3)
    assert row["n_reference"] == 2 * A_DAY


def test_its_name_in_results_stays_as_it_moves(orders: Path) -> None:
    ids = {
        row["reference_id"]
        for at in (AT, AT + timedelta(days=1))
        for row in measured(orders, "{same: P7D, cycles: 2}", at)
        if row["reference"] == "seasonal"
    }
    assert len(ids) == 1
    others = measured(orders, "{same: P7D, cycles: 3}")
    assert ids.isdisjoint(r["reference_id"] for r in others)


def test_segments_are_of_the_same_cycles(orders: Path) -> None:
    found = measured(orders, "{same: P7D, cycles: 4}", more="segments: [channel]")
    table = pq.read_table(orders / "orders.parquet")
    day = np.array([(each - START).days for each in table["at"].to_pylist()])
    channel = np.array(table["channel"].to_pylist())
    (row,) = [
        r
        for r in found
        if (r["reference"], r["segment"], r["feature"], r["metric"])
        == ("seasonal", "channel=app", "basket", "normalized_wasserstein_distance")
    ]
    basket = table["basket"].to_numpy()
    x = basket[np.isin(day, [7, 14, 21, 28]) & (channel == "app")]
    y = basket[(day == 35) & (channel == "app")]
    assert (row["n_reference"], row["n_production"]) == (len(x), len(y))
    assert row["value"] == pytest.approx(stats.wasserstein_distance(x, y) / x.std(ddof=1), rel=1e-9)


def test_a_backfill_compares_every_window_with_its_own_cycles(orders: Path, tmp_path: Path) -> None:
    (tmp_path / "orders.parquet").symlink_to(orders / "orders.parquet")
    file = tmp_path / "driftline.yml"
    file.write_text(PROJECT.format(reference="{same: P7D, cycles: 2}", more=""), "utf-8")
    together = driftline.backfill(file, start=AT - timedelta(days=3), end=AT).metrics
    names = ("value", "p_value", "n_reference", "reference_start")
    for back in range(3):
        at = AT - timedelta(days=back)
        among = [row for row in together if row["window_end"] == at.replace(tzinfo=None)]
        single = measured(orders, "{same: P7D, cycles: 2}", at)
        assert values(among, *names) == values(single, *names)


def test_clocks_that_change_leave_local_days() -> None:
    of = monitor("P1D", "Europe/Berlin")
    at = datetime(2026, 4, 1, 22, tzinfo=UTC)  # midnight of 2 April, summer time
    found = reference_span(of, of.primary, at)
    assert found is not None
    assert found.parts[0] == (
        datetime(2026, 3, 3, 23, tzinfo=UTC),
        datetime(2026, 3, 4, 23, tzinfo=UTC),
    )
    assert found.parts[-1] == (
        datetime(2026, 3, 24, 23, tzinfo=UTC),
        datetime(2026, 3, 25, 23, tzinfo=UTC),
    )


@given(
    at=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
    size=st.integers(1, 72),
    same=st.integers(1, 200),
    cycles=st.integers(1, 30),
)
def test_every_moment_of_it_is_a_moment_of_production_cycles_ago(
    at: datetime, size: int, same: int, cycles: int
) -> None:
    of = monitor(f"PT{size}H")
    back = Duration(seconds=3600 * same, text=f"PT{same}H")
    reference = Reference("r", of.production.source, "at", SeasonalWindow(back, cycles))
    moment = at.replace(tzinfo=UTC)
    span, ours = reference_span(of, reference, moment), production_span(of, moment)
    assert span is not None
    assert ours is not None
    assert span.start is not None
    assert ours.start is not None
    parts = span.parts or ((span.start, span.end),)
    assert (parts[0][0], parts[-1][1]) == (span.start, span.end)
    assert all(before[1] < after[0] for before, after in pairwise(parts))
    hour = timedelta(hours=1)
    hours = {start + hour * k for start, end in parts for k in range((end - start) // hour)}
    wanted = {
        ours.start + hour * (k - same * cycle)
        for cycle in range(1, cycles + 1)
        for k in range(size)
    }
    assert hours == wanted


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("{same: P7D, table: other.parquet}", "`same` takes production's rows and window"),
        ("{same: P7D, window: {size: P7D}}", "`same` takes production's rows and window"),
        ("{cycles: 3, window: {size: P7D}}", "cycles belongs to `same`"),
        ("{same: 7}", "reference.same"),
        ("{same: P7D, cycles: 0}", "cycles"),
    ],
)
def test_what_makes_no_season_is_told(tmp_path: Path, reference: str, told: str) -> None:
    file = tmp_path / "driftline.yml"
    file.write_text(
        "monitors:\n"
        "  - name: m\n"
        "    production: {table: s.parquet, timestamp: at, window: {size: P1D}}\n"
        f"    reference: {reference}\n",
        "utf-8",
    )
    with pytest.raises(driftline.ConfigError, match=told):
        load_project(file)


def test_without_a_window_of_production_there_is_nothing_to_be_the_same_of(tmp_path: Path) -> None:
    file = tmp_path / "driftline.yml"
    file.write_text(
        "monitors:\n"
        "  - {name: m, production: {table: s.parquet, timestamp: at}, reference: {same: P7D}}\n",
        "utf-8",
    )
    with pytest.raises(driftline.ConfigError, match=r"same: a season needs production\.window"):
        load_project(file)


def test_a_season_shorter_than_the_window_is_warned_of(orders: Path) -> None:
    file = orders / "driftline.yml"
    text = PROJECT.format(reference="{same: P1D, cycles: 2}", more="")
    file.write_text(text.replace("size: P1D", "size: P3D"), "utf-8")
    (run,) = driftline.run(file, at=AT).monitors
    assert any("'seasonal' overlaps production's window" in told for told in run.warnings)
