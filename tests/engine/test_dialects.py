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
