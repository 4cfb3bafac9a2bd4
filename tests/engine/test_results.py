"""The result tables say what the contract says, and rows become theirs or are refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlglot.dialects.dialect import Dialect

from driftline.engine.errors import StoreError, TemplateError
from driftline.engine.results import (
    SPECS,
    TABLES,
    TABLES_SQL,
    VIEWS,
    VIEWS_SQL,
    arrow_rows,
    arrow_schema,
    metric_id,
    parse_tables,
)

# The contract, column by column, in its order.
CONTRACT = {
    "monitors": (
        "monitor model model_version task owner tags description schedule config_hash config_yaml "
        "first_seen_at last_seen_at"
    ),
    "runs": (
        "run_id invocation_id monitor model model_version target dialect requested_at started_at "
        "finished_at status window_count metric_count breach_count statement_count scanned_rows "
        "seconds driftline_version config_hash measure_hash error"
    ),
    "metrics": (
        "metric_id run_id monitor model model_version signal signal_type metric feature "
        "feature_type segment window_start window_end window_date reference reference_id "
        "reference_start reference_end value value_low value_high statistic effect p_value q_value "
        "ci_low ci_high reference_value threshold threshold_kind direction breached status "
        "severity score reason summary n_reference n_production bins importance importance_rank "
        "computed_at"
    ),
    "histograms": (
        "monitor window_start window_end reference reference_id segment feature bin kind label "
        "lower_bound upper_bound n_reference n_production share_reference share_production "
        "psi_contribution run_id"
    ),
    "profiles": (
        "monitor side reference reference_id window_start window_end segment feature data_type "
        "row_count null_count nan_count infinite_count type_error_count below_count above_count "
        "unseen_count distinct_count minimum maximum mean stddev p05 p25 p50 p75 p95 run_id"
    ),
    "features": (
        "monitor feature role feature_type reference_type production_type included reason "
        "importance importance_rank window_end run_id"
    ),
    "alerts": (
        "alert_id monitor model reference signal segment feature metric severity opened_at "
        "last_seen_at closed_at window_count first_value last_value worst_value threshold message "
        "acknowledged_at acknowledged_by run_id"
    ),
    "statements": "run_id step sequence dialect sql rows_returned seconds error",
    "metric_definitions": (
        "metric title definition feature_types range_low range_high direction unit "
        "default_threshold source"
    ),
    "schema_version": "version migrated_at driftline_version",
}

VIEWS_OF_THE_CONTRACT = {
    "monitor_status",
    "latest_metrics",
    "metric_trend",
    "open_alerts",
    "feature_drift",
    "data_quality",
    "bin_comparison",
    "run_log",
}

# PostgreSQL 18, appendix C: reserved words, those that may name a function or type included.
POSTGRES_RESERVED = """
all analyse analyze and any array as asc asymmetric authorization binary both case cast check
collate collation column concurrently constraint create cross current_catalog current_date
current_role current_schema current_time current_timestamp current_user default deferrable desc
distinct do else end except false fetch for foreign freeze from full grant group having ilike in
initially inner intersect into is isnull join lateral leading left like limit localtime
localtimestamp natural not notnull null offset on only or order outer overlaps placing primary
references returning right select session_user similar some symmetric system_user table tablesample
then to trailing true union unique user using variadic verbose when where window with
"""

# Snowflake's page of reserved and limited keywords.
SNOWFLAKE_RESERVED = """
account all alter and any as between by case cast check column connect connection constraint create
cross current current_date current_time current_timestamp current_user database delete distinct drop
else exists false following for from full grant group gscluster having ilike in increment inner
insert intersect into is issue join lateral left like localtime localtimestamp minus natural not
null of on or order organization qualify regexp revoke right rlike row rows sample schema select set
some start table tablesample then to trigger true try_cast union unique update using values view
when whenever where with
"""

# Spark and Databricks outside of ANSI's enforced list: words a table alias may not be.
SPARK_RESERVED = """
anti cross except full inner intersect join lateral left minus natural on right semi union using
"""


def reserved_words(dialect: str) -> set[str]:
    literal = {
        "postgres": POSTGRES_RESERVED,
        "snowflake": SNOWFLAKE_RESERVED,
        "spark": SPARK_RESERVED,
    }
    if dialect in literal:
        return set(literal[dialect].split())
    if dialect == "duckdb":
        rows = duckdb.sql(
            "select keyword_name from duckdb_keywords() where keyword_category = 'reserved'"
        ).fetchall()
        return {word for (word,) in rows}
    return set(Dialect.get_or_raise(dialect).generator_class.RESERVED_KEYWORDS)


@pytest.fixture(scope="module")
def made() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute(TABLES_SQL)
        con.execute(VIEWS_SQL)
        yield con


def columns_made(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    """(table or view, column, comment) of all that the two files make."""
    return con.execute(
        "select table_name, column_name, comment from duckdb_columns() "
        "where schema_name = 'main' and database_name = 'memory' and not internal "
        "order by table_name, column_index"
    ).fetchall()


def test_there_are_the_tables_of_the_contract_and_no_others() -> None:
    assert list(TABLES) == list(CONTRACT)


@pytest.mark.parametrize("table", CONTRACT)
def test_a_table_has_the_columns_of_the_contract_in_its_order(table: str) -> None:
    assert list(TABLES[table].names) == CONTRACT[table].split()


@pytest.mark.parametrize("table", CONTRACT)
def test_duckdb_makes_the_columns_that_the_parser_reads(
    made: duckdb.DuckDBPyConnection, table: str
) -> None:
    assert [column for name, column, _ in columns_made(made) if name == table] == list(
        TABLES[table].names
    )


def test_there_are_the_views_of_the_contract_and_no_others(
    made: duckdb.DuckDBPyConnection,
) -> None:
    rows = made.execute("select view_name from duckdb_views() where not internal").fetchall()

    assert {name for (name,) in rows} == set(VIEWS) == VIEWS_OF_THE_CONTRACT


def test_every_column_of_every_table_and_view_has_a_comment(
    made: duckdb.DuckDBPyConnection,
) -> None:
    assert [(name, column) for name, column, comment in columns_made(made) if not comment] == []


def test_every_table_and_view_has_a_comment(made: duckdb.DuckDBPyConnection) -> None:
    rows = made.execute(
        "select table_name, comment from duckdb_tables() "
        "union all select view_name, comment from duckdb_views() where not internal"
    ).fetchall()

    assert [name for name, comment in rows if not comment] == []


def test_comments_are_read_as_duckdb_reads_them(made: duckdb.DuckDBPyConnection) -> None:
    parsed = [
        (spec.name, column.name, column.comment)
        for spec in TABLES.values()
        for column in spec.columns
    ]

    assert sorted(parsed) == sorted(row for row in columns_made(made) if row[0] in TABLES)


def test_columns_are_scalars_of_six_types() -> None:
    types = {column.type for spec in TABLES.values() for column in spec.columns}

    assert types == {"text", "bigint", "double", "boolean", "timestamp", "date"}


def test_views_return_the_same_six_types(made: duckdb.DuckDBPyConnection) -> None:
    types = {
        row[1]
        for view in VIEWS
        for row in made.execute(f"describe select * from {view}").fetchall()
    }

    assert types <= {"VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "TIMESTAMP", "DATE"}


def test_no_table_declares_a_key_that_warehouses_would_not_keep(
    made: duckdb.DuckDBPyConnection,
) -> None:
    rows = made.execute("select distinct constraint_type from duckdb_constraints()").fetchall()

    assert rows == [("NOT NULL",)]


def test_key_columns_are_never_null() -> None:
    nullable = [
        (spec.name, column.name)
        for spec in TABLES.values()
        for column in spec.columns
        if column.name in spec.key and column.nullable
    ]

    assert nullable == []


@pytest.mark.parametrize(
    "dialect",
    ["duckdb", "postgres", "spark", "snowflake", "bigquery", "redshift", "trino"],
)
def test_no_column_is_a_reserved_word(made: duckdb.DuckDBPyConnection, dialect: str) -> None:
    reserved = reserved_words(dialect)

    assert len(reserved) > 10
    assert [row[:2] for row in columns_made(made) if row[1] in reserved] == []


def test_the_arrow_schema_has_the_columns_and_their_types() -> None:
    schema = arrow_schema("histograms")

    assert schema.names == CONTRACT["histograms"].split()
    assert schema.field("window_start").type == pa.timestamp("us")
    assert schema.field("bin") == pa.field("bin", pa.int64(), nullable=False)
    assert schema.field("lower_bound") == pa.field("lower_bound", pa.float64())


def test_a_metric_id_never_changes() -> None:
    start, end = datetime(2026, 11, 15), datetime(2026, 11, 22)

    assert (
        metric_id("m", "data_drift", start, end, "training", "__all__", "age", "mean")
        == "ca9ca5e144ff1d9b590c2e47a2913c43"
    )


def test_a_metric_id_is_the_same_for_the_same_time_in_another_zone() -> None:
    utc = datetime(2026, 11, 15, 6, tzinfo=UTC)
    east = utc.astimezone(timezone(timedelta(hours=2)))

    assert metric_id("m", "s", utc, utc, "r", "g", "f", "x") == metric_id(
        "m", "s", east, east.replace(), "r", "g", "f", "x"
    )


names = st.text(st.characters(codec="utf-8"), max_size=8)
keys = st.tuples(names, names, names, names, names, names)


@given(keys, keys)
def test_metric_ids_differ_wherever_keys_differ(one: tuple[str, ...], two: tuple[str, ...]) -> None:
    at = datetime(2026, 1, 1)

    ids = {metric_id(key[0], key[1], at, at, *key[2:]) for key in (one, two)}

    assert len(ids) == len({one, two})


@pytest.mark.parametrize("name", ["age", "größe", 'a "quoted" name', "a\\b", "日本", "a,b"])
def test_sql_computes_the_same_metric_id(name: str) -> None:
    at = datetime(2026, 1, 1, 0, 0, 0, 5)
    sql = """
        select left(sha256(to_json([
            'm', 's', strftime($at, '%Y-%m-%dT%H:%M:%S.%f'), strftime($at, '%Y-%m-%dT%H:%M:%S.%f'),
            'r', '__all__', $name, 'mean'
        ])), 32)
    """

    # all rows: the shared connection is not to be left with some
    assert duckdb.execute(sql, {"at": at, "name": name}).fetchall() == [
        (metric_id("m", "s", at, at, "r", "__all__", name, "mean"),)
    ]


NOW = datetime(2026, 11, 22, 6)


def version_row(**changes: object) -> dict[str, object]:
    return {"version": 1, "migrated_at": NOW, "driftline_version": "0.1.0"} | changes


def test_rows_come_back_sorted_by_key_with_the_columns_in_order() -> None:
    rows = [dict(reversed(version_row(version=number).items())) for number in (2, 1)]

    table = arrow_rows("schema_version", rows)

    assert table.schema.equals(arrow_schema("schema_version"))
    assert table["version"].to_pylist() == [1, 2]


def test_no_rows_are_a_table_with_the_columns() -> None:
    assert arrow_rows("metrics", []).schema.equals(arrow_schema("metrics"))


def test_an_arrow_table_with_other_widths_and_order_fits() -> None:
    table = pa.table(
        {
            "driftline_version": pa.array(["b"]).dictionary_encode(),
            "migrated_at": pa.array([NOW], pa.timestamp("ns", tz="UTC")),
            "version": pa.array([1], pa.uint8()),
        }
    )

    assert arrow_rows("schema_version", table).to_pylist() == [version_row(driftline_version="b")]


def test_whole_numbers_that_duckdb_returns_as_decimals_fit_a_bigint() -> None:
    assert arrow_rows("schema_version", [version_row(version=Decimal(7))])[0][0].as_py() == 7


def test_times_with_a_zone_become_utc() -> None:
    aware = NOW.replace(tzinfo=timezone(timedelta(hours=2)))

    table = arrow_rows("schema_version", [version_row(migrated_at=aware)])

    assert table["migrated_at"].to_pylist() == [NOW - timedelta(hours=2)]


def test_a_missing_column_is_named() -> None:
    row = version_row()
    del row["migrated_at"]

    with pytest.raises(StoreError, match=r"table schema_version, row 2: no column 'migrated_at'"):
        arrow_rows("schema_version", [version_row(), row])


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(StoreError, match=r"schema_version, row 1: unknown column 'colour'"):
        arrow_rows("schema_version", [version_row(colour="red")])


def test_a_missing_column_of_an_arrow_table_is_named() -> None:
    with pytest.raises(StoreError, match="no column 'migrated_at', 'driftline_version'"):
        arrow_rows("schema_version", pa.table({"version": [1]}))


def test_a_column_given_twice_is_refused() -> None:
    columns = [*version_row().items(), ("version", 2)]
    table = pa.Table.from_arrays(
        [pa.array([value]) for _, value in columns], [n for n, _ in columns]
    )

    with pytest.raises(StoreError, match="a column comes twice"):
        arrow_rows("schema_version", table)


def test_a_null_in_a_key_column_is_named_with_its_row() -> None:
    with pytest.raises(StoreError, match="'version': null in row 2, but it is never null"):
        arrow_rows("schema_version", [version_row(), version_row(version=None)])


@pytest.mark.parametrize(
    ("column", "value", "complaint"),
    [
        ("version", 1.5, "is bigint, not floating"),
        ("version", True, "is bigint, not boolean"),
        ("version", Decimal("1.5"), "'version'"),
        ("version", 2**70, "'version'"),
        ("driftline_version", 3, "is text, not integer"),
        ("driftline_version", "\ud800", "surrogates not allowed"),
        ("migrated_at", "2026-11-22", "is timestamp, not string"),
        ("migrated_at", date(2026, 11, 22), "is timestamp, not date"),
    ],
)
def test_a_value_of_another_type_is_refused(column: str, value: object, complaint: str) -> None:
    with pytest.raises(StoreError, match=complaint):
        arrow_rows("schema_version", [version_row(**{column: value})])


def test_values_of_two_types_in_a_column_are_refused() -> None:
    with pytest.raises(StoreError, match="column 'version'"):
        arrow_rows("schema_version", [version_row(), version_row(version="2")])


def test_two_rows_with_one_key_are_refused_with_the_key() -> None:
    with pytest.raises(StoreError, match="two rows have the key version=1"):
        arrow_rows("schema_version", [version_row(), version_row(driftline_version="0.2.0")])


@pytest.mark.parametrize(
    ("ddl", "complaint"),
    [
        ("    a text not null", "t.a: has no comment"),
        ("    a varchar not null", "t.a: no type 'varchar'"),
        ("    a text", "t: a key column is missing or may be null"),
        ("    a text not null default ''", "t: a line is not"),
    ],
)
def test_ddl_that_breaks_the_rules_is_refused(ddl: str, complaint: str) -> None:
    comments = "" if "comment" in complaint else "comment on column t.a is 'The a';\n"
    text = f"-- key: a\ncreate table t (\n{ddl}\n);\n\ncomment on table t is 'The t';\n{comments}"

    with pytest.raises(TemplateError, match=complaint):
        parse_tables(text)


def test_a_table_without_a_comment_is_refused() -> None:
    text = (
        "-- key: a\ncreate table t (\n    a text not null\n);\ncomment on column t.a is 'It''s a';"
    )

    with pytest.raises(TemplateError, match="t: has no comment"):
        parse_tables(text)


def test_a_column_of_bytes_has_a_name_of_its_own() -> None:
    # who reads an engine that has one type for texts and bytes tells them apart by it
    kinds: dict[str, set[str]] = {}
    for spec in SPECS.values():
        for column in spec.columns:
            kinds.setdefault(column.name, set()).add(column.type)
    assert [name for name, found in kinds.items() if "blob" in found and len(found) > 1] == []
