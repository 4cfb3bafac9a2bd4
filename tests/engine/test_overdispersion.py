"""Probabilities and intervals allow for rows that come in clusters, where a reference's windows show them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats

import driftline

Row = dict[str, Any]

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 30
USERS = 25
A_USER = 20
AT = START + timedelta(days=DAYS)

PROJECT = """\
monitors:
  - name: shop
    {more}
    production: {{table: {table}, timestamp: at, window: {{size: P1D}}}}
    reference: {reference}
    features: [amount, basket, channel]
    signals:
      data_drift:
        numerical:
          {{wasserstein: 0.1, ks: 0.01, ks_distance: 0.1, js: 0.1, psi: 0.1, hellinger: 0.1, tv: 0.1,
          chebyshev: 0.1}}
        categorical: {{js: 0.1, chi2: 0.01, tv: 0.1}}
      data_quality: {{nulls: 0.01}}
"""
RECENT = "{window: {size: P28D}}"
FIXED = "{window: {start: 2026-01-01, end: 2026-01-29}}"
# What allows for clusters.
WIDENED = ("p_value", "q_value", "ci_low", "ci_high", "status", "severity", "score", "reason")


def table(seed: int, *, clustered: bool) -> pa.Table:
    """Orders of users who each buy what they always buy; or of as many who each buy once."""
    rng = np.random.default_rng(seed)
    users = DAYS * USERS * (1 if clustered else A_USER)
    each = A_USER if clustered else 1
    level, basket = rng.normal(0, 1, users), rng.poisson(4, users)
    app, shy = rng.random(users) < 0.4, rng.random(users) < 0.1
    rows = np.repeat(np.arange(users), each)
    day = rows * DAYS // users
    moments = [
        START + timedelta(days=int(d), hours=float(h))
        for d, h in zip(day, rng.uniform(0, 24, len(rows)), strict=True)
    ]
    return pa.table(
        {
            "at": pa.array(moments, pa.timestamp("us", "UTC")),
            "amount": pa.array(level[rows] + rng.normal(0, 0.2, len(rows)), mask=shy[rows]),
            "basket": basket[rows].astype(float),
            "channel": np.where(app[rows], "app", "shop"),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("orders")
    pq.write_table(table(3, clustered=True), folder / "clustered.parquet")
    pq.write_table(table(3, clustered=False), folder / "independent.parquet")
    return folder


Run = Callable[..., list[Row]]


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    def made(
        name: str = "clustered", reference: str = RECENT, more: str = "", at: datetime = AT
    ) -> list[Row]:
        file = tmp_path_factory.mktemp("project") / "driftline.yml"
        where = folder / f"{name}.parquet"
        file.write_text(PROJECT.format(table=where, reference=reference, more=more), "utf-8")
        return driftline.run(file, at=at).metrics

    return made


@pytest.fixture(scope="module")
def pair(run: Run) -> tuple[dict[tuple[str, str], Row], dict[tuple[str, str], Row]]:
    """Rows of clusters with and without allowing for them."""
    return by_name(run()), by_name(run(more="overdispersion: false"))


def by_name(rows: list[Row]) -> dict[tuple[str, str], Row]:
    return {(row["feature"], row["metric"]): row for row in rows}


def test_what_is_measured_stays_and_only_what_it_proves_is_less(
    pair: tuple[dict[tuple[str, str], Row], dict[tuple[str, str], Row]],
) -> None:
    widened, plain = pair
    assert widened.keys() == plain.keys()
    aside = {*WIDENED, "run_id", "computed_at"}
    for name, row in widened.items():
        same = plain[name]
        assert {k: v for k, v in row.items() if k not in aside} == {
            k: v for k, v in same.items() if k not in aside
        }
        if row["p_value"] is not None:
            assert row["p_value"] >= same["p_value"]
        if row["ci_low"] is not None:
            assert row["ci_low"] <= same["ci_low"]
            # with few rows in a bin the upper end of an index is not known
            assert row["ci_high"] is None or row["ci_high"] >= same["ci_high"]


@pytest.mark.parametrize(
    "name",
    [
        *((feature, metric) for feature in ("amount", "basket") for metric in (
            "normalized_wasserstein_distance", "two_sample_kolmogorov_smirnov_test",
            "kolmogorov_smirnov_distance", "jensen_shannon_distance", "population_stability_index",
            "hellinger_distance", "total_variation_distance", "chebyshev_distance",
        )),
        *(("channel", metric) for metric in (
            "jensen_shannon_distance", "pearsons_chi_squared_test", "total_variation_distance",
        )),
        ("amount", "null_value_rate"),
    ],
)  # fmt: skip
def test_every_row_of_clusters_is_widened_and_says_so(
    pair: tuple[dict[tuple[str, str], Row], dict[tuple[str, str], Row]], name: tuple[str, str]
) -> None:
    widened, plain = (side[name] for side in pair)
    assert widened["p_value"] > plain["p_value"]
    if widened["ci_high"] is None:
        assert name[1] == "population_stability_index"
    else:
        assert widened["ci_high"] - widened["ci_low"] > plain["ci_high"] - plain["ci_low"]
    assert "times as much as independent rows would" in widened["reason"]
    assert "independent" not in (plain["reason"] or "")


@pytest.mark.parametrize(
    ("reference", "first"), [(RECENT, 1), ("{window: {size: P2D}, in_control: P28D}", 27)]
)
def test_it_equals_pearsons_statistic_of_rows_by_day(
    run: Run, folder: Path, reference: str, first: int
) -> None:
    """Of two categories the factor is that of the table of days by category, and the law is F's limit.

    The days are those of the reference, or as many before its end as it says.
    """
    row = by_name(run(reference=reference))["channel", "pearsons_chi_squared_test"]
    rows = duckdb.sql(
        "select channel, date_diff('day', timestamptz '2026-01-01 00:00+00', \"at\") as day"
        f" from '{folder}/clustered.parquet'"
    ).fetchnumpy()
    app = rows["channel"] == "app"
    days = np.arange(1, 29)
    by_day = [[np.sum(app & (rows["day"] == d)), np.sum(~app & (rows["day"] == d))] for d in days]
    spread = stats.chi2_contingency(by_day, correction=False).statistic / (len(days) - 1)
    last = [np.sum(app & (rows["day"] == 29)), np.sum(~app & (rows["day"] == 29))]
    # all days have as many rows: those of the window are no more than those that tell
    ours = np.sum(by_day[first - 1 :], axis=0)
    statistic = stats.chi2_contingency([ours, last], correction=False).statistic
    assert spread > 5
    assert row["statistic"] == pytest.approx(statistic, rel=1e-9)
    # as uncertain as the scatter of 28 days is
    caution = stats.f.ppf(0.99, 1, 27) / stats.chi2.ppf(0.99, 1)
    p = stats.chi2.sf(statistic / spread / caution, 1)
    assert row["p_value"] == pytest.approx(p, rel=1e-9)
    assert row["value"] == pytest.approx(stats.chi2.sf(statistic, 1), rel=1e-9)


def test_a_reference_too_short_to_tell_is_taken_for_independent_rows(run: Run) -> None:
    rows = run(reference="{window: {size: P2D}}")
    assert rows
    assert not [row for row in rows if "independent rows" in (row["reason"] or "")]


def test_days_of_clusters_that_have_not_moved_breach_less(run: Run) -> None:
    """Every metric of every feature, over ten days on which nothing has happened."""

    def breaches(more: str) -> int:
        found = [
            run(more=more, reference="{window: {size: P18D}}", at=AT - timedelta(days=k))
            for k in range(5)
        ]
        return sum(row["status"] == "breached" for rows in found for row in rows)

    assert 10 * breaches("overdispersion: true") < breaches("overdispersion: false")


def test_independent_rows_are_left_about_as_they_are(run: Run) -> None:
    widened, plain = (
        by_name(run("independent")),
        by_name(run("independent", more="overdispersion: false")),
    )
    for name, row in widened.items():
        if row["p_value"] is not None:
            assert plain[name]["p_value"] <= row["p_value"] <= plain[name]["p_value"] + 0.25
            assert row["status"] == plain[name]["status"]


@pytest.mark.parametrize(
    ("reference", "more"),
    [
        ("{window: {size: P7D}}", ""),
        ("{same: P2D, cycles: 3}", ""),
        ("{table: FOLDER/independent.parquet}", ""),
        (RECENT, "conventions: azure"),
    ],
    ids=["a week", "three cycles", "a whole table", "conventions of others"],
)
def test_rows_are_taken_for_independent_where_nothing_tells_otherwise(
    run: Run, folder: Path, reference: str, more: str
) -> None:
    rows = run(reference=reference.replace("FOLDER", str(folder)), more=more)
    assert not any("independent rows" in (row["reason"] or "") for row in rows)


def test_cycles_tell_by_the_same_days_alone(run: Run) -> None:
    found = by_name(run(reference="{same: P2D, cycles: 5}"))
    assert "independent rows" in found["amount", "jensen_shannon_distance"]["reason"]


def test_a_reference_that_stays_is_counted_once(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "driftline.yml"
    where = folder / "clustered.parquet"
    file.write_text(PROJECT.format(table=where, reference=FIXED, more=""), "utf-8")

    def sent(result: driftline.RunResult) -> list[str]:
        (run,) = result.runs
        store = duckdb.connect(str(tmp_path / "driftline.duckdb"), read_only=True)
        with store:
            found = store.execute("select step from statements where run_id = ?", [run["run_id"]])
            return [step for (step,) in found.fetchall()]

    first = driftline.run(file, at=AT)
    again = driftline.run(file, at=AT)
    assert sent(first).count("dispersion") == 1
    assert "dispersion" not in sent(again)
    names = ("value", "p_value", "q_value", "ci_low", "ci_high", "reason", "status")
    before, after = by_name(first.metrics), by_name(again.metrics)
    assert before.keys() == after.keys()
    for name, row in before.items():
        assert [row[each] for each in names] == [after[name][each] for each in names]
    assert "independent rows" in before["amount", "jensen_shannon_distance"]["reason"]


def test_baselines_know_how_their_windows_differ(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "driftline.yml"
    where = folder / "clustered.parquet"
    file.write_text(PROJECT.format(table=where, reference=FIXED, more=""), "utf-8")
    (built,) = driftline.baseline(file, "build").to_pylist()
    assert built["feature_count"] == 3
    result = driftline.run(file, at=AT)
    (row,) = result.runs
    store = duckdb.connect(str(tmp_path / "driftline.duckdb"), read_only=True)
    with store:
        steps = store.execute(
            "select step from statements where run_id = ?", [row["run_id"]]
        ).fetchall()
    assert ("dispersion",) not in steps


def test_a_change_is_found_all_the_same(folder: Path, tmp_path: Path) -> None:
    moved = pq.read_table(folder / "clustered.parquet").to_pandas()
    last = moved["at"] >= AT - timedelta(days=1)
    moved.loc[last, "amount"] += 2.0
    moved.loc[last, "channel"] = "app"
    pq.write_table(pa.Table.from_pandas(moved), tmp_path / "moved.parquet")
    file = tmp_path / "driftline.yml"
    file.write_text(
        PROJECT.format(table=tmp_path / "moved.parquet", reference=RECENT, more=""), "utf-8"
    )
    found = by_name(driftline.run(file, at=AT).metrics)
    for name in (
        ("amount", "normalized_wasserstein_distance"),
        ("amount", "two_sample_kolmogorov_smirnov_test"),
        ("amount", "jensen_shannon_distance"),
        ("channel", "pearsons_chi_squared_test"),
        ("channel", "jensen_shannon_distance"),
    ):
        assert found[name]["status"] == "breached", name
