"""The DDL makes the same tables everywhere, in each dialect's own words.

`ACCEPT_GOLDENS=1 pytest tests/engine/test_ddl.py` writes the golden files anew.
"""

from __future__ import annotations

import difflib
import os
import re
from functools import cache
from pathlib import Path
from typing import Final

import duckdb
import pytest
import sqlglot
from small_project import AT, make
from sqlglot import exp

import driftline
from driftline.engine.ddl import WORDS, kept_in
from driftline.engine.dialects import DIALECTS
from driftline.engine.results import SCHEMA, TABLES, TABLES_SQL, VIEWS, VIEWS_SQL

GOLDEN: Final = Path(__file__).parents[1] / "golden" / "ddl"
OTHERS: Final = tuple(name for name in DIALECTS if name != "duckdb")

# text, bigint, double, boolean, timestamp (six digits, without a zone), date; as vendors write them
TYPES: Final = {
    "duckdb": "TEXT BIGINT DOUBLE BOOLEAN TIMESTAMP DATE",
    "postgres": 'TEXT|COLLATE|"C" BIGINT DOUBLE|PRECISION BOOLEAN TIMESTAMP DATE',
    "spark": "STRING BIGINT DOUBLE BOOLEAN TIMESTAMP_NTZ DATE",
    "databricks": "STRING BIGINT DOUBLE BOOLEAN TIMESTAMP_NTZ DATE",
    "clickhouse": "String Int64 Float64 Bool DateTime64(6,|'UTC') DATE",
    "snowflake": "VARCHAR BIGINT DOUBLE BOOLEAN TIMESTAMP_NTZ(6) DATE",
    "bigquery": "STRING INT64 FLOAT64 BOOL DATETIME DATE",
    "redshift": "VARCHAR(MAX) BIGINT DOUBLE|PRECISION BOOLEAN TIMESTAMP DATE",
    "trino": "VARCHAR BIGINT DOUBLE BOOLEAN TIMESTAMP(6) DATE",
}  # fmt: skip
# Dialects whose tables are views of rows that are kept with marks, and a table that is one there, too.
MARKED: Final = tuple(name for name, words in WORDS.items() if words.kept is not None)
PLAIN: Final = {"schema_version"}
KINDS: Final = ("text", "bigint", "double", "boolean", "timestamp", "date")

# Words a column may not be called without quotes. From the vendors' lists:
# https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-reserved-words
# https://clickhouse.com/docs/sql-reference/syntax#keywords
RESERVED: Final = {
    "databricks": (
        "anti cross except full inner intersect join lateral left minus natural on right semi union"
        " using null default true false"
    ),
    "clickhouse": (
        "all and any as asc between by case cross desc distinct else end final from full global"
        " group having in inner interval into is join left like limit not null offset on or order"
        " prewhere right sample select settings then union using when where with"
    ),
}


@cache
def statements(dialect: str, schema: str | None = None) -> tuple[str, ...]:
    """The statements of the DDL, without their semicolons."""
    text = driftline.ddl(dialect=dialect, schema=schema)
    body = re.sub(r"^--.*\n", "", text, flags=re.MULTILINE)
    return tuple(each.strip() for each in re.split(r";\n(?:\n|\Z)", body) if each.strip())


def about(dialect: str, *names: str, schema: str | None = None) -> list[str]:
    """The statements about some tables, views or the schema."""
    said = re.compile(rf"\b({'|'.join(names)})\b")
    return [
        s for s in statements(dialect, schema) if said.search(s.splitlines()[0].split(" IS ")[0])
    ]


# What it makes


def columns(con: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    return con.execute(
        "select table_name, column_index, column_name, data_type, is_nullable, comment"
        " from duckdb_columns() where not internal order by all"
    ).fetchall()


def views(con: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    return con.execute(
        "select view_name, comment from duckdb_views() where not internal"
        " union all select table_name, comment from duckdb_tables() order by all"
    ).fetchall()


def test_in_duckdb_it_makes_what_a_run_makes() -> None:
    with duckdb.connect() as made, duckdb.connect() as wanted:
        made.execute(driftline.ddl())
        wanted.execute(TABLES_SQL)
        wanted.execute(VIEWS_SQL)

        assert columns(made) == columns(wanted)
        assert views(made) == views(wanted)


def test_it_can_be_sent_again(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "x.db") as con:
        con.execute(driftline.ddl())
        before = columns(con)
        con.execute(driftline.ddl())
        assert columns(con) == before
        assert con.execute("select version from schema_version").fetchall() == [(SCHEMA.version,)]


def test_a_run_writes_into_tables_that_it_made(tmp_path: Path) -> None:
    make(tmp_path)
    with duckdb.connect(tmp_path / "results.duckdb") as con:
        con.execute(driftline.ddl())

    assert driftline.run(tmp_path, at=AT).metrics
    assert driftline.show(tmp_path, "churn", all=True).num_rows > 0


def test_in_another_schema_of_duckdb_views_read_the_tables_of_that_schema() -> None:
    with duckdb.connect() as con:
        con.execute(driftline.ddl(schema="monitoring"))

        con.execute("insert into monitoring.runs (run_id, monitor, status) values ('1', 'm', 'x')")

        assert con.execute("select monitor from monitoring.run_log").fetchall() == [("m",)]


# In each dialect's words


@pytest.mark.parametrize("dialect", DIALECTS)
def test_columns_have_the_types_of_the_dialect(dialect: str) -> None:
    types = dict(zip(KINDS, TYPES[dialect].replace("|", "\0").split(" "), strict=True))
    for table in TABLES.values():
        kept = table.name if dialect not in MARKED or table.name in PLAIN else kept_in(table.name)
        (made,) = [s for s in about(dialect, kept) if s.startswith("CREATE TABLE")][:1]
        lines = [line.strip().rstrip(",") for line in made.splitlines() if line.startswith("  ")]
        if kept != table.name:
            marks = WORDS[dialect].kept
            assert marks is not None
            assert lines[-2:] == [f"_row {marks.row}", f"_write {marks.write}"]
            del lines[-2:]
        for column, line in zip(table.columns, lines, strict=True):
            kind = types[column.type].replace("\0", " ")
            if dialect == "clickhouse":
                wanted = (
                    f"{column.name} Nullable({kind})"
                    if column.nullable
                    else f"{column.name} {kind}"
                )
            else:
                never = not column.nullable and WORDS[dialect].nulls
                wanted = f"{column.name} {kind}{' NOT NULL' if never else ''}"
            assert re.fullmatch(re.escape(wanted) + r"( (COMMENT|OPTIONS) .*)?", line), line


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_table_view_and_column_has_its_comment(dialect: str) -> None:
    text = "\n".join(statements(dialect))
    shown = len(
        re.findall(r"COMMENT ON|\bCOMMENT\b(?! (?:ON|COLUMN))|COMMENT COLUMN|description =", text)
    )
    named = sum(len(table.columns) + 1 for table in TABLES.values())
    with duckdb.connect() as con:
        con.execute(TABLES_SQL)
        con.execute(VIEWS_SQL)
        named += sum(1 for row in columns(con) if row[0] in VIEWS) + len(VIEWS)
    assert shown == named


@pytest.mark.parametrize("dialect", OTHERS)
def test_views_read_the_tables_of_the_schema(dialect: str) -> None:
    for name in VIEWS:
        (made,) = [s for s in statements(dialect) if s.startswith("CREATE OR REPLACE VIEW")
                   and f"driftline.{name}" in s.splitlines()[0]]  # fmt: skip
        tree = sqlglot.parse_one(made, read=dialect)
        assert isinstance(tree, exp.Create)
        own = {each.alias for each in tree.find_all(exp.CTE)}
        read = [table for table in tree.expression.find_all(exp.Table) if table.name not in own]
        assert read
        assert {table.db for table in read} == {"driftline"}
        assert {table.name for table in read} <= {*TABLES, *VIEWS}


@pytest.mark.parametrize("dialect", OTHERS)
def test_whoever_reads_may_read_every_table_and_view(dialect: str) -> None:
    grants = "\n".join(s for s in statements(dialect) if s.startswith("GRANT"))
    if dialect == "spark":
        assert grants == ""
        assert "no grants" in driftline.ddl(dialect=dialect)
    else:
        granted = set(re.findall(r"driftline\.(\w+) TO", grants))
        behind = {kept_in(name) for name in {*TABLES} - PLAIN} | {"_writes", "_gone"}
        assert granted == {*TABLES, *VIEWS} | (behind if dialect in MARKED else set())
        assert "bi_reader" in grants
        assert not re.search("INSERT|DELETE|ALL", grants)


def test_no_internal_table_is_anyones_to_read() -> None:
    for dialect in DIALECTS:
        assert not [s for s in statements(dialect) if any(name in s for name in SCHEMA.internal)]


@pytest.mark.parametrize("dialect", ["databricks", "clickhouse"])
def test_no_column_is_a_reserved_word(dialect: str) -> None:
    names = {column.name for table in TABLES.values() for column in table.columns}
    with duckdb.connect() as con:
        con.execute(TABLES_SQL)
        con.execute(VIEWS_SQL)
        names |= {str(row[2]) for row in columns(con)}
    assert names.isdisjoint(RESERVED[dialect].split())


# Schema, role, dialect


def test_the_schema_and_the_role_may_have_any_name() -> None:
    text = driftline.ddl(dialect="postgres", schema="ML team", role='the "readers"')
    assert 'CREATE TABLE IF NOT EXISTS "ML team".runs' in text
    assert 'GRANT SELECT ON "ML team".runs TO "the ""readers""";' in text


def test_a_schema_may_be_named_with_what_it_is_in() -> None:
    text = driftline.ddl(dialect="bigquery", schema="my-project.monitoring", role="user:a@b.c")
    assert "CREATE TABLE IF NOT EXISTS `my-project`.monitoring._kept_runs" in text
    assert "ON VIEW `my-project`.monitoring.run_log TO 'user:a@b.c'" in text


@pytest.mark.parametrize("schema", ["a.b.c", "a.", '"a'])
def test_a_schema_that_is_no_name_is_refused(schema: str) -> None:
    with pytest.raises(driftline.ConfigError, match="is not the name of a schema"):
        driftline.ddl(dialect="postgres", schema=schema)


def test_an_unknown_dialect_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(driftline.ConfigError, match=r"no dialect 'oracle'\n.*postgres"):
        driftline.ddl(dialect="oracle")


# Word for word


def _held(file: Path, text: str) -> None:
    text = text.replace(driftline.__version__, "(version)")
    if os.environ.get("ACCEPT_GOLDENS"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
    assert text == file.read_text("utf-8")


def test_the_ddl_of_duckdb_is_its_golden_file() -> None:
    _held(GOLDEN / "duckdb.sql", driftline.ddl(dialect="duckdb"))


@pytest.mark.parametrize("dialect", OTHERS)
def test_what_a_dialect_says_otherwise_is_its_golden_file(dialect: str) -> None:
    """A table, a view and what is granted: the others are made alike."""
    names = ("runs", "_kept_runs", "_writes", "run_log", "SCHEMA", "DATABASE")
    base = "\n\n".join(about("duckdb", *names, schema="driftline"))
    text = "\n\n".join(about(dialect, *names))
    lines = difflib.unified_diff(
        base.splitlines(), text.splitlines(), "duckdb", dialect, n=0, lineterm=""
    )
    _held(GOLDEN / f"{dialect}.diff", "\n".join(lines) + "\n")


def test_every_golden_file_belongs_to_a_dialect() -> None:
    assert {file.name for file in GOLDEN.iterdir()} == {
        "duckdb.sql",
        *(f"{dialect}.diff" for dialect in OTHERS),
    }
