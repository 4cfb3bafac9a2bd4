"""The demo shows what it promises: in its result tables, in what it prints, in the commands it names."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from typer.testing import CliRunner

if TYPE_CHECKING:
    from typer.testing import Result

WEEK = (datetime(2013, 6, 24), datetime(2013, 7, 1))
WEEK_OF_LABELS = (datetime(2013, 6, 21), datetime(2013, 6, 28))

Called = Callable[..., "Result"]


def _open(folder: Path) -> duckdb.DuckDBPyConnection:
    """The results of a demo, beside the tables it is made of."""
    connection = duckdb.connect(folder / "driftline.duckdb", read_only=True)
    for name in ("training", "scored", "labels"):
        connection.execute(f"create temp view {name} as from '{folder / name}.parquet'")
    return connection


@pytest.fixture(scope="module")
def results(demo_run: tuple[Path, str]) -> Iterator[duckdb.DuckDBPyConnection]:
    with _open(demo_run[0]) as connection:
        yield connection


@pytest.fixture(scope="module")
def printed(demo_run: tuple[Path, str]) -> str:
    return demo_run[1]


@pytest.fixture(scope="module")
def three_days_on(
    demo_run: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Called, str]]:
    """The command line in a copy of the demo in which the labels have arrived, and what the run printed."""
    from driftline.cli import app

    folder = tmp_path_factory.mktemp("later") / "demo"
    shutil.copytree(demo_run[0], folder)
    (command,) = (line.split() for line in demo_run[1].splitlines() if "--select" in line)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COLUMNS", "100")

        def call(*words: str) -> Result:
            return CliRunner().invoke(app, words, prog_name="driftline")

        found = call(*command[command.index("driftline") + 1 :])
        # the model was further off than it may be
        assert found.exit_code == 1, found.output
        yield call, found.stdout


def one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[object, ...]:
    """The only row of a query."""
    (row,) = connection.execute(query).fetchall()
    return tuple(row)


# --- days, and what became of them ------------------------------------------------------------------------


def test_two_incidents_open_and_close_by_themselves_and_a_third_is_open(
    results: duckdb.DuckDBPyConnection,
) -> None:
    found = results.execute(
        """
        select feature, window_count, cast(opened_at - interval 1 day as date),
            cast(closed_at - interval 1 day as date)
        from alerts where monitor = 'arrival_delay_daily' order by opened_at
        """
    ).fetchall()
    told = [(feature, n, str(opened), str(closed)) for feature, n, opened, closed in found]
    assert told == [
        ("dep_delay", 2, "2013-05-23", "2013-05-26"),
        ("dep_delay", 2, "2013-06-02", "2013-06-05"),
        ("dep_delay", 7, "2013-06-24", "None"),
    ]


def test_every_day_on_which_flights_left_half_an_hour_late_is_in_an_incident_but_for_single_ones(
    results: duckdb.DuckDBPyConnection,
) -> None:
    days = results.execute(
        """
        select cast(scheduled_at as date) as day from scored
        where scheduled_at >= '2013-05-20' and scheduled_at < '2013-07-01'
        group by day
        having avg(dep_delay) > 30 and not exists (
            from alerts where monitor = 'arrival_delay_daily'
                and day + interval 1 day between opened_at and last_seen_at)
        order by day
        """
    ).fetchall()
    assert [str(day) for (day,) in days] == ["2013-06-13", "2013-06-18"]


def test_a_bad_day_by_itself_opens_nothing(results: duckdb.DuckDBPyConnection) -> None:
    days = results.execute(
        """
        select cast(window_start as date) from metrics
        where monitor = 'arrival_delay_daily' and breached and not exists (
            from alerts where alerts.monitor = metrics.monitor
                and window_end between opened_at and last_seen_at)
        order by 1
        """
    ).fetchall()
    assert [str(day) for (day,) in days] == ["2013-06-13", "2013-06-18"]


def test_the_demo_prints_the_incidents_of_its_days(printed: str) -> None:
    title = "42 windows · 20 May – 30 Jun 2013 · 2 incidents opened and closed · 1 open"
    assert f"arrival_delay_daily: {title}\n" in printed
    lines = [line.split()[1:] for line in printed.splitlines() if " high " in line]
    days = "arrival_delay_daily dep_delay wasserstein high"
    assert [" ".join(line) for line in lines] == [
        f"{days} 24 Jun 2013 open",
        f"{days} 2 Jun 2013 closed 5 Jun 2013",
        f"{days} 23 May 2013 closed 26 May 2013",
    ]


# --- the features that matter most ------------------------------------------------------------------------


def test_what_top_n_leaves_out_is_told_with_its_rank_and_why(
    results: duckdb.DuckDBPyConnection,
) -> None:
    rows = results.execute(
        "select feature, role, importance_rank, importance, reason from features"
        " where monitor = 'arrival_delay_daily' and importance is not null order by importance_rank"
    ).fetchall()
    sizes = {
        name: one(results, f"select avg(abs(shap_{name})) from training")[0] for name, *_ in rows
    }
    assert len(rows) == 10
    assert [name for name, *_ in rows] == sorted(sizes, key=lambda name: -float(str(sizes[name])))
    assert {name: importance for name, _, _, importance, _ in rows} == pytest.approx(sizes)
    assert [role for _, role, *_ in rows] == ["feature"] * 2 + ["excluded"] * 8
    assert [reason for *_, reason in rows[2:]] == [
        f"data_drift watches the first 2: rank {rank} of 10 by importance {importance:.3g}"
        for _, _, rank, importance, _ in rows[2:]
    ]


def test_features_that_the_model_does_not_know_are_left_out_as_well(
    results: duckdb.DuckDBPyConnection,
) -> None:
    rows = results.execute(
        "select feature from features where monitor = 'arrival_delay_daily'"
        " and reason = 'data_drift watches the first 2: no importance' order by feature"
    ).fetchall()
    assert [name for (name,) in rows] == ["dest", "dewp", "temp", "weekday", "wind_gust"]


def test_the_drift_of_a_day_is_that_of_the_first_two_features(
    results: duckdb.DuckDBPyConnection,
) -> None:
    found = results.execute(
        "select feature, count(*) from metrics"
        " where monitor = 'arrival_delay_daily' and signal = 'data_drift' group by all order by all"
    ).fetchall()
    assert found == [("carrier", 42), ("dep_delay", 42)]


def test_a_command_that_the_demo_names_lists_what_is_left_out(
    printed: str, three_days_on: tuple[Called, str]
) -> None:
    assert "driftline ls features\n" in printed
    lines = three_days_on[0]("ls", "features").stdout.split("arrival_delay_daily\n")[1].splitlines()
    (at,) = (k for k, line in enumerate(lines) if line.split()[:1] == ["visib"])
    assert lines[at].split() == ["visib", "excluded", "numerical", "3", "DOUBLE", "DOUBLE"]
    assert lines[at + 1].strip().startswith("data_drift watches the first 2: rank 3 of 10")


# --- errors, expected and real ----------------------------------------------------------------------------


def test_the_newest_week_has_the_error_that_the_model_expects_of_itself(
    results: duckdb.DuckDBPyConnection,
) -> None:
    *window, value, before, status = one(
        results,
        "select window_start, window_end, value, reference_value, status from metrics"
        " where monitor = 'arrival_delay' and metric = 'estimated_mean_absolute_error'",
    )
    expected, real = one(
        results,
        f"""
        select (select avg(expected_error) from scored
                where scheduled_at >= '{WEEK[0]}' and scheduled_at < '{WEEK[1]}'),
            (select avg(abs(predicted_delay - arr_delay)) from training)
        """,
    )
    assert tuple(window) == WEEK
    assert (value, before) == pytest.approx((expected, real))
    assert status == "ok"


def test_labels_come_three_days_late_and_errors_are_those_of_the_week_that_has_them(
    results: duckdb.DuckDBPyConnection,
) -> None:
    *window, value, status = one(
        results,
        "select window_start, window_end, value, status from metrics"
        " where metric = 'mean_absolute_error' and segment = '__all__'",
    )
    assert tuple(window) == WEEK_OF_LABELS
    assert value == pytest.approx(_real_error(results, *WEEK_OF_LABELS))
    assert status == "breached"


def test_three_days_on_the_real_error_stands_beside_the_estimate(
    three_days_on: tuple[Called, str],
) -> None:
    printed_then = three_days_on[1]
    with _open(Path.cwd()) as connection:
        found = connection.execute(
            "select metric, value, status from metrics"
            " where monitor = 'arrival_delay' and segment = '__all__' and window_start = ?"
            " and metric like '%mean_absolute_error' order by metric",
            [WEEK[0]],
        ).fetchall()
        real = _real_error(connection, *WEEK)
    (estimated, expected, calm), (realised, value, worse) = found
    assert (estimated, calm) == ("estimated_mean_absolute_error", "ok")
    assert (realised, worse) == ("mean_absolute_error", "breached")
    assert value == pytest.approx(real)
    # the model saw some of it coming
    assert 11.91 < expected < value
    assert "arrival_delay: 2 of 4 metrics breached · 24–30 Jun 2013" in printed_then
    assert "mae 15.6 > 14.3" in printed_then


def _real_error(connection: duckdb.DuckDBPyConnection, start: datetime, end: datetime) -> object:
    (value,) = one(
        connection,
        f"""
        select avg(abs(predicted_delay - arr_delay)) from scored join labels using (flight_id)
        where scheduled_at >= '{start}' and scheduled_at < '{end}'
        """,
    )
    return value


# --- what the model leans on, and where it fails ----------------------------------------------------------


def test_the_order_of_importance_by_logged_attributions_has_kept(
    results: duckdb.DuckDBPyConnection,
) -> None:
    (value, status) = one(
        results,
        "select value, status from metrics where metric = 'normalized_discounted_cumulative_gain'",
    )
    assert 0.99 < float(str(value)) < 1
    assert status == "ok"
    (ranks,) = one(
        results,
        "select count(*) from metrics where metric = 'feature_importance_rank'"
        " and monitor = 'arrival_delay'",
    )
    assert ranks == 10


def test_predictions_and_errors_are_told_by_airport_and_carrier(
    results: duckdb.DuckDBPyConnection, printed: str
) -> None:
    found = results.execute(
        """
        select signal, split_part(segment, '=', 1) as of, count(distinct segment) from metrics
        where monitor = 'arrival_delay' and segment <> '__all__' group by all order by all
        """
    ).fetchall()
    airports, carriers = one(
        results,
        "select count(distinct origin), count(distinct carrier) from"
        f" (from training select origin, carrier union all from scored select origin, carrier"
        f" where scheduled_at >= '{WEEK[0]}' and scheduled_at < '{WEEK[1]}')",
    )
    assert found == [
        ("model_performance", "carrier", carriers),
        ("model_performance", "origin", airports),
        ("prediction_drift", "carrier", carriers),
        ("prediction_drift", "long_haul", 1),
        ("prediction_drift", "origin", airports),
    ]
    assert "11 of 19 segments breached, worst carrier=MQ: (all rows) rmse" in printed


def test_its_file_is_what_its_results_were_computed_by(demo_run: tuple[Path, str]) -> None:
    import driftline

    found = driftline.validate(demo_run[0], diff=True).differences
    assert found is not None
    assert [(each.monitor, each.changes, each.commands) for each in found.monitors] == [
        ("arrival_delay", (), ()),
        ("arrival_delay_daily", (), ()),
    ]
    counts = {each.monitor: each.window_count for each in found.monitors}
    assert counts == {"arrival_delay": 2, "arrival_delay_daily": 42}
