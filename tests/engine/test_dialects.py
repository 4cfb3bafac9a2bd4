"""What becomes of the templates' SQL on its way into another dialect."""

from __future__ import annotations

import re

import pytest

from driftline.engine.dialects import transpile

RELATION = {0: '"schema"."table"'}


def said(select: str, dialect: str = "postgres") -> str:
    """A statement over the first source, in one line."""
    text = transpile(f'{select} from "driftline_scan_0"', dialect, RELATION)
    return " ".join(text.split())


def test_a_column_may_have_the_name_that_sources_have_on_their_way() -> None:
    wanted = 'SELECT "driftline_scan_0", "driftline_source_0" FROM "schema"."table"'
    assert said('select "driftline_scan_0", "driftline_source_0"') == wanted


@pytest.mark.parametrize("dialect", ["postgres", "snowflake"])
def test_a_list_of_bins_arrives_whole(dialect: str) -> None:
    rows = ", ".join(f"({number * 7})" for number in range(5_000))
    values = f"select 1 from (values {rows}) as asked(bin), driftline_scan_0"
    text = transpile(values, dialect, {0: "t"})
    numbers = [int(word) for word in re.findall(r"\d+", text)]
    assert numbers[1:] == [number * 7 for number in range(5_000)]


def test_what_is_made_of_a_finite_number_is_asked_of_the_number() -> None:
    wanted = "SELECT CASE WHEN ( t - t ) = 0 THEN CAST(FLOOR(t + 1) AS BIGINT) END FROM"
    assert said("select try_cast(floor(t + 1) as bigint)").startswith(wanted)


def test_postgres_orders_texts_by_bytes() -> None:
    text = said("select row_number() over (order by n desc, category, cast(x as varchar))")
    assert 'category COLLATE "C", CAST(x AS TEXT) COLLATE "C"' in text


def test_postgres_multiplies_nothing_that_would_round_to_zero() -> None:
    text = said(
        "select t * t * cast('4.0' as double), t * cast('4.0' as double), t * cast('0.25' as double)"
    )
    assert "CASE WHEN ABS(t) < CAST('0.25' AS DOUBLE PRECISION)" in text
    assert ", t * CAST('4.0' AS DOUBLE PRECISION)," in text
    assert "CASE WHEN ABS(t) < CAST('1.0' AS DOUBLE PRECISION)" in text


def test_redshift_counts_microseconds_where_its_epoch_has_none() -> None:
    text = said('select cast(extract(epoch from "at") as double)', "redshift")
    day = "CAST('1970-01-01 00:00:00' AS TIMESTAMP)"
    assert (
        f'DATEDIFF(MICROSECOND, {day}, CAST("at" AS TIMESTAMP)) AS DOUBLE PRECISION) / 1000000'
        in text
    )


def test_trino_keeps_microseconds_of_whatever_is_a_timestamp() -> None:
    text = said(
        "select cast('2026-01-01' as timestamp), cast(t as timestamptz), extract(epoch from t)",
        "trino",
    )
    assert text.count("TIMESTAMP(6)") == 3
    assert text.count("TIMESTAMP") == 3


@pytest.mark.parametrize(
    ("dialect", "wide"), [("bigquery", "NUMERIC"), ("trino", "DECIMAL(38, 0)")]
)
def test_sums_of_bigints_are_wider_where_an_engine_has_no_wider_sum(
    dialect: str, wide: str
) -> None:
    text = said("select sum(cast(t as bigint)), sum(try_cast(t as bigint)), sum(n)", dialect)
    assert text.count(f" AS {wide})") == 2
    assert "SUM(n)" in text


def test_postgres_asks_each_row_whether_it_is_tiny_only_where_one_may_be() -> None:
    def said(centre: float) -> str:
        text = (
            f"select t / (cast('2.0' as double) + abs(t)) as g from"
            f" (select x - cast('{centre!r}' as double) as t from p) as c"
        )
        return transpile(text, "postgres", {})

    # next to 0 stands the least of all doubles, next to 1 none below 1e-16
    assert "CASE" in said(0.0)
    assert "CASE" in said(1e-300)
    assert "CASE" not in said(1.0)
    assert "CASE" not in said(-1e-200)
