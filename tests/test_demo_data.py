"""The demo's tables are what `fixtures/demo/README.md` says of them."""

from __future__ import annotations

from importlib.resources import as_file, files

import duckdb
import pytest

TABLES = ("training", "scored", "labels")


@pytest.fixture(scope="module")
def demo():
    """Return a connection with the tables."""
    connection = duckdb.connect()
    for name in TABLES:
        with as_file(files("driftline.fixtures.demo") / f"{name}.parquet") as path:
            connection.execute(f"create table {name} as from '{path}'")
    yield connection
    connection.close()


def one(connection, query):
    """Return the only row of `query`."""
    (row,) = connection.execute(query).fetchall()
    return row


def test_the_tables_together_stay_under_four_megabytes():
    folder = files("driftline.fixtures.demo")
    sizes = [len((folder / f"{name}.parquet").read_bytes()) for name in TABLES]
    assert sum(sizes) < 4_000_000


def test_the_reference_covers_january_to_march(demo):
    first, last = one(demo, "select min(scheduled_at), max(scheduled_at) from training")
    assert str(first) < "2013-01-02"
    assert "2013-03-31" < str(last) < "2013-04-01"


def test_production_begins_where_the_reference_ends_and_lasts_to_the_end_of_the_year(demo):
    first, last = one(demo, "select min(scheduled_at), max(scheduled_at) from scored")
    assert "2013-04-01" <= str(first) < "2013-04-02"
    assert str(last) > "2013-12-31"


def test_no_flight_is_in_both_tables_or_twice_in_one(demo):
    everything = "(select flight_id from training union all select flight_id from scored)"
    rows, flights = one(demo, f"select count(*), count(distinct flight_id) from {everything}")
    assert rows == flights


def test_production_has_the_columns_of_the_reference_but_for_what_is_known_later(demo):
    described = [
        demo.execute(f"select column_name, column_type from (describe {name})").fetchall()
        for name in ("training", "scored")
    ]
    assert described[0] == [*described[1], ("arr_delay", "BIGINT")]


def test_every_flight_that_arrived_has_one_label_three_days_later(demo):
    rows, flights, known, late = one(
        demo,
        """
        select count(*), count(distinct flight_id), count(scored.flight_id),
            count(*) filter (where known_at - scheduled_at = interval 3 days)
        from labels left join scored using (flight_id)
        """,
    )
    assert rows == flights == known == late == 83_123


def test_what_features_added_makes_up_the_prediction(demo):
    features = [
        name
        for (name,) in demo.execute("select column_name from (describe scored)").fetchall()
        if name.startswith("shap_")
    ]
    assert len(features) == 10
    total = " + ".join(features)
    (furthest,) = one(
        demo,
        f"""
        select max(abs(predicted_delay - ({total}) - (
            select avg(predicted_delay) from training where arr_delay is not null)))
        from scored
        """,
    )
    # each is rounded to a tenth of a minute
    assert furthest <= 0.05 * (len(features) + 2)


def test_the_error_that_the_model_expects_is_its_error_on_the_reference(demo):
    # least squares again, up to what lies below the least error and to rounding
    expected, real, least = one(
        demo,
        """
        select avg(expected_error), avg(abs(predicted_delay - arr_delay)), min(expected_error)
        from training where arr_delay is not null
        """,
    )
    assert abs(expected - real) < 0.01
    assert least >= 1


def test_the_error_that_the_model_expects_tells_good_predictions_from_bad_ones(demo):
    # of flights it never saw: the tenth it trusts most, and the tenth it trusts least
    best, worst = one(
        demo,
        """
        with tenths as (
            select abs(predicted_delay - arr_delay) as error,
                ntile(10) over (order by expected_error, flight_id) as tenth
            from scored join labels using (flight_id)
        )
        select avg(error) filter (where tenth = 1), avg(error) filter (where tenth = 10) from tenths
        """,
    )
    assert worst > 1.5 * best


def test_what_is_predicted_has_an_expected_error(demo):
    (without,) = one(
        demo,
        """
        select count(*) from (from training union all by name from scored)
        where (predicted_delay is null) <> (expected_error is null)
        """,
    )
    assert without == 0


def test_every_week_of_production_has_enough_flights_to_judge(demo):
    weeks, fewest = one(
        demo,
        """
        select count(*), min(flights)
        from (
            select count(*) as flights
            from scored
            where scheduled_at < timestamp '2013-12-30'
            group by date_diff('day', timestamp '2013-04-01', scheduled_at) // 7
        )
        """,
    )
    assert weeks == 39
    assert fewest >= 1000


def test_the_prediction_explains_most_of_the_actual_delay_on_the_reference(demo):
    # A flight's delay at departure is most of its delay at arrival: 0.93 when the data were made.
    (correlation,) = one(demo, "select corr(predicted_delay, arr_delay) from training")
    assert 0.9 < correlation < 0.96


def test_the_prediction_is_unbiased_on_the_reference(demo):
    # Least squares with a constant; rounding to a tenth of a minute leaves less than a hundredth.
    (bias,) = one(demo, "select avg(predicted_delay - arr_delay) from training")
    assert abs(bias) < 0.01


def test_a_flight_that_never_left_has_no_delay_and_no_prediction(demo):
    (cancelled, predicted) = one(
        demo,
        """
        select count(*), count(predicted_delay) + count(arr_delay)
        from (from training union all by name from scored)
        where dep_delay is null
        """,
    )
    assert cancelled > 1000
    assert predicted == 0


def test_missing_weather_is_null_and_never_a_number_that_means_missing(demo):
    nans, gusts, pressures = one(
        demo,
        """
        select
            count(*) filter (isnan(temp) or isnan(wind_gust) or isnan(pressure)),
            avg(cast(wind_gust is null as integer)),
            avg(cast(pressure is null as integer))
        from training
        """,
    )
    assert nans == 0
    assert 0.5 < gusts < 0.8
    assert 0.05 < pressures < 0.2


def test_the_thunderstorm_week_delays_departures_three_times_as_long_as_the_winter(demo):
    week = "scheduled_at >= timestamp '2013-06-24' and scheduled_at < timestamp '2013-07-01'"
    (winter,) = one(demo, "select avg(dep_delay) from training")
    (storms,) = one(demo, f"select avg(dep_delay) from scored where {week}")
    assert storms > 3 * winter
