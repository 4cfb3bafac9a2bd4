"""The result tables as DDL of any dialect: tables, views, comments, and grants for readers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, Literal

from driftline.engine import VERSION
from driftline.engine.dialects import (
    check_parses,
    column_type,
    in_schema,
    known_dialect,
    name_in,
    steps_in,
    text_literal,
    view_queries,
)
from driftline.engine.results import SCHEMA, ColumnSpec, Schema, TableSpec, parse_comments

SCHEMA_NAME: Final = "driftline"
ROLE: Final = "bi_reader"

# Where the comments stand: in statements of their own, or in the statement that makes the table.
Comments = Literal["on", "inline", "equals", "options", "alter"]


@dataclass(frozen=True)
class Words:
    """What a dialect says otherwise than most.

    Attributes:
        comments: `on`: COMMENT ON. `inline`: COMMENT 'x' on tables, views and columns. `equals`: the
            same, with COMMENT = 'x' on tables and views. `options`: OPTIONS (description = 'x').
            `alter`: inline on tables and their columns, ALTER TABLE on views and theirs.
        container: What a schema is called.
        usage: The grant of the schema itself, or None where it is not needed.
        select: The grant of a table or view, or None where the engine has no grants.
        engine: What stands after the columns of a table.
        index: What makes the rows of a window quick to find in a table that has windows; None where
            the engine needs none, or has none.
        again: Whether steps may be sent again: some engines keep each at once, and may be cut off.
        nulls: Whether a column may be declared never to be null.
        kept: What a table's rows are kept in where there are no transactions: each has a number and that
            of the write that brought it, and the table is a view of those that are there.
    """

    comments: Comments = "on"
    container: str = "SCHEMA"
    usage: str | None = None
    select: str | None = None
    engine: str = ""
    index: str | None = None
    again: bool = False
    nulls: bool = True
    kept: Kept | None = None


@dataclass(frozen=True)
class Kept:
    """What a row is kept with: a number of its own, and that of a write.

    Attributes:
        row: The type of the one.
        write: The type of the other.
        new_row: What gives a number that no other row has; empty where the type does.
        parts: What stands at the end of a table's definition to keep the rows of each write together.
    """

    row: str
    write: str
    new_row: str = ""
    parts: str = ""


# Each from the vendor's page of CREATE TABLE, CREATE VIEW, COMMENT and GRANT.
WORDS: Final[Mapping[str, Words]] = {
    # https://duckdb.org/docs/stable/sql/statements/comment_on
    "duckdb": Words(),
    # https://www.postgresql.org/docs/current/sql-grant.html
    "postgres": Words(
        usage="GRANT USAGE ON SCHEMA {schema} TO {role}",
        select="GRANT SELECT ON {name} TO {role}",
        # https://www.postgresql.org/docs/current/sql-createindex.html
        index="CREATE INDEX IF NOT EXISTS {table}_window ON {name} ({columns})",
    ),
    # https://spark.apache.org/docs/latest/sql-ref-syntax-ddl-create-view.html
    "spark": Words(
        "inline",
        # https://spark.apache.org/docs/latest/sql-ref-syntax-ddl-create-table-datasource.html
        engine="\nUSING parquet",
        # https://spark.apache.org/docs/latest/api/sql/#uuid
        kept=Kept("STRING", "BIGINT", "uuid()", "\nPARTITIONED BY ({write})"),
    ),
    # https://docs.databricks.com/aws/en/sql/language-manual/security-grant
    "databricks": Words(
        "inline",
        usage="GRANT USE SCHEMA ON SCHEMA {schema} TO {role}",
        select="GRANT SELECT ON {kind} {name} TO {role}",
        kept=Kept("STRING", "BIGINT", "uuid()"),
    ),
    # https://clickhouse.com/docs/sql-reference/statements/alter/comment
    "clickhouse": Words(
        "alter",
        container="DATABASE",
        select="GRANT SELECT ON {name} TO {role}",
        engine="\nENGINE = MergeTree\nORDER BY ({key})",
        # https://clickhouse.com/docs/sql-reference/statements/alter/column
        again=True,
        kept=Kept("UUID DEFAULT generateUUIDv4()", "UInt64"),
    ),
    # https://docs.snowflake.com/en/sql-reference/sql/create-view
    "snowflake": Words(
        "equals",
        usage="GRANT USAGE ON SCHEMA {schema} TO ROLE {role}",
        select="GRANT SELECT ON {kind} {name} TO ROLE {role}",
        # https://docs.snowflake.com/en/sql-reference/sql/alter-table
        again=True,
    ),
    # https://cloud.google.com/bigquery/docs/reference/standard-sql/data-control-language
    "bigquery": Words(
        "options",
        select="GRANT `roles/bigquery.dataViewer` ON {kind} {name} TO {member}",
        again=True,
        # https://cloud.google.com/bigquery/docs/reference/standard-sql/utility-functions#generate_uuid
        kept=Kept("STRING", "INT64", "GENERATE_UUID()"),
    ),
    # https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT.html
    "redshift": Words(
        usage="GRANT USAGE ON SCHEMA {schema} TO ROLE {role}",
        select="GRANT SELECT ON {name} TO ROLE {role}",
    ),
    # https://trino.io/docs/current/sql/grant.html
    "trino": Words(
        select="GRANT SELECT ON {name} TO ROLE {role}",
        again=True,
        # https://trino.io/docs/current/connector/hive.html#sql-support
        nulls=False,
        # https://trino.io/docs/current/functions/uuid.html
        kept=Kept("VARCHAR", "BIGINT", "CAST(uuid() AS VARCHAR)"),
    ),
}


def ddl(
    dialect: str,
    *,
    schema_name: str | None = None,
    role: str = ROLE,
    schema: Schema = SCHEMA,
) -> str:
    """The DDL of the result tables and views, statements that end in `;`.

    Statements can be sent again: what is there stays, views are made anew.

    Args:
        dialect: One of `DIALECTS`.
        schema_name: Where they are; None is `driftline`, of DuckDB `main`.
        role: Who may read them: a role that exists; of BigQuery a group.
        schema: What is made.

    Raises:
        ConfigError: When the dialect is unknown or the schema is not a name in it.
        TemplateError: When the dialect cannot say a statement.
    """
    words = WORDS[known_dialect(dialect)]
    default = "main" if dialect == "duckdb" else SCHEMA_NAME
    writer = _Writer(dialect, words, schema_name or default, schema)
    made = [*writer.structure(), writer.version()]
    if writer.names["metrics"] != "metrics":
        made.insert(0, container(dialect, writer.place))
    for statement in made:
        # comments that are added later are text alone
        if not statement.startswith("ALTER"):
            check_parses(statement, dialect)
    title = f"-- Result tables of Driftline {VERSION}, schema {schema.version}, for {dialect}."
    grants = list(writer.grants(role))
    if not grants:
        title += "\n-- This engine has no grants: who can reach the tables can read them."
    return "\n\n".join([title, *(f"{each};" for each in (*made, *grants))]) + "\n"


def container(dialect: str, schema_name: str) -> str:
    """What makes the schema that the tables are in, where there is none."""
    return (
        f"CREATE {WORDS[dialect].container} IF NOT EXISTS {in_schema(schema_name, None, dialect)}"
    )


@lru_cache(maxsize=4)
def steps(schema: Schema, version: int | None, dialect: str, schema_name: str) -> tuple[str, ...]:
    """What makes tables and views in a schema, or brings those of a version forward, but for its note.

    Args:
        schema: The schema to reach.
        version: The version that is there; None makes everything.
        dialect: One of `DIALECTS`.
        schema_name: Where they are.

    Returns:
        Statements without `;`; none when nothing is to be done.
    """
    if version is not None and version >= schema.version:
        return ()
    writer = _Writer(dialect, WORDS[dialect], schema_name, schema)
    if version is None:
        return tuple(writer.structure())
    # without the views, which are made anew by the writer
    changes = "\n".join(schema.steps(version)[:-1])
    names = [*schema.tables, *schema.views]
    changed = steps_in(
        changes, dialect, names, schema_name, again=writer.words.again, called=writer.kept
    )
    remade = [each for name in writer.kept for each in writer.shown(schema.tables[name])]
    return (*changed, *remade, *writer.made_views())


def internal_steps(schema: Schema, dialect: str, schema_name: str) -> tuple[str, ...]:
    """What makes the internal tables that are missing from a schema: statements without `;`."""
    writer = _Writer(dialect, WORDS[dialect], schema_name, schema)
    return tuple(
        statement for table in schema.internal.values() for statement in writer.made_table(table)
    )


# Tables of numbers of writes: those that are done, and those that took rows away.
WRITES: Final = "_writes"
GONE: Final = "_gone"
# What the result tables do not hold on behalf of a run is not replaced.
_PLAIN: Final = frozenset({"schema_version"})


def kept_in(name: str) -> str:
    """The table that the rows of a result table are kept in, where that is a view."""
    return f"_kept_{name}"


def visible(
    name: str,
    columns: Sequence[str],
    schema_name: str,
    dialect: str,
    *,
    done: Sequence[int] | None = None,
) -> str:
    """The rows of a table that are there: of writes that are done, and taken away by none of these.

    Args:
        name: The table.
        columns: What is told of them.
        schema_name: Where it is.
        dialect: One of `DIALECTS`.
        done: The writes that count as done, one at least; None are those that are whenever it is read.
    """
    writes, gone, kept = (
        in_schema(schema_name, each, dialect) for each in (WRITES, GONE, kept_in(name))
    )
    among = f"SELECT write FROM {writes}" if done is None else ", ".join(map(str, done))
    return (
        f"SELECT {', '.join(columns)}\nFROM {kept}\nWHERE _write IN ({among})"
        f" AND NOT _row IN (SELECT row FROM {gone} WHERE write IN ({among}))"
    )


def done_row(dialect: str, write: int, now: datetime) -> str:
    """The statement that makes a write seen.

    Args:
        dialect: One of `DIALECTS`.
        write: Its number.
        now: Naive UTC.
    """
    kind = column_type("timestamp", dialect)
    return (
        f"INSERT INTO {WRITES} (done_at, write)"
        f" VALUES (CAST('{now.isoformat(' ')}' AS {kind}), {write})"
    )


# What the rows of a run are found by.
_WINDOW: Final = ("monitor", "window_start", "window_end")


class _Writer:
    """Writes statements of one dialect."""

    def __init__(self, dialect: str, words: Words, place: str, schema: Schema) -> None:
        self.dialect = dialect
        self.words = words
        self.place = place
        self.schema = schema
        self.within = None if place == "main" and dialect == "duckdb" else place
        self.names = {
            name: name if self.within is None else in_schema(place, name, dialect)
            for name in (*schema.tables, *schema.views, *schema.internal)
        }
        self.comments = parse_comments(schema.views_sql)
        named = () if words.kept is None else {*schema.tables} - _PLAIN
        self.kept = {name: kept_in(name) for name in schema.tables if name in named}

    def structure(self) -> Iterator[str]:
        """Tables and views, with their comments."""
        if self.words.kept is not None:
            kept = self.words.kept
            columns = {
                WRITES: f"done_at {column_type('timestamp', self.dialect)}",
                GONE: f"row {kept.row.partition(' ')[0]}",
            }
            end = (self.words.engine + kept.parts).format(key="write", write="write")
            for name, column in columns.items():
                full = in_schema(self.place, name, self.dialect)
                yield f"CREATE TABLE IF NOT EXISTS {full} (\n  {column},\n  write {kept.write}\n){end}"
        for table in self.schema.tables.values():
            yield from self.made_table(table)
        yield from self.made_views()

    def made_table(self, table: TableSpec) -> Iterator[str]:
        """A table, its index and its comments."""
        if self.words.kept is not None and table.name not in _PLAIN:
            yield self._kept_table(table, self.words.kept)
            yield from self.shown(table)
            return
        yield self._table(table)
        if self.words.index is not None and set(_WINDOW) <= set(table.key):
            yield self.words.index.format(
                table=table.name, name=self.names[table.name], columns=", ".join(_WINDOW)
            )
        if self.words.comments == "on":
            yield self._comment("TABLE", self.names[table.name], table.comment)
            for each in table.columns:
                full = f"{self.names[table.name]}.{each.name}"
                yield self._comment("COLUMN", full, each.comment)

    def _kept_table(self, table: TableSpec, kept: Kept) -> str:
        columns = [f"{each.name} {self._type(each)}" for each in table.columns]
        columns += [f"_row {kept.row}", f"_write {kept.write}"]
        name = in_schema(self.place, kept_in(table.name), self.dialect)
        said = ",\n".join(f"  {each}" for each in columns)
        end = (self.words.engine + kept.parts).format(key=", ".join(table.key), write="_write")
        return f"CREATE TABLE IF NOT EXISTS {name} (\n{said}\n){end}"

    def _type(self, column: ColumnSpec) -> str:
        nullable = column.nullable or not self.words.nulls
        return column_type(column.type, self.dialect, nullable=nullable)

    def shown(self, table: TableSpec) -> Iterator[str]:
        """The view that is a table's for those who read, and its comments."""
        comments = {each.name: each.comment for each in table.columns}
        query = visible(table.name, table.names, self.place, self.dialect)
        yield from self._view(table.name, query, table.comment, comments)

    def made_views(self) -> Iterator[str]:
        """The views and their comments."""
        names = (*self.schema.tables, *self.schema.views)
        views = view_queries(self.schema.views_sql, names, self.within, self.dialect)
        for name, view in views.items():
            comments = {each: self.comments[f"{name}.{each}"] for each in view.columns}
            yield from self._view(name, view.query, self.comments[name], comments)

    def version(self) -> str:
        """What notes the version where none is noted."""
        version = self.names["schema_version"]
        return (
            f"INSERT INTO {version} (version, driftline_version)\n"
            f"SELECT {self.schema.version}, {text_literal(VERSION, self.dialect)}\n"
            f"FROM (SELECT COUNT(*) AS versions FROM {version}) AS counted\n"
            "WHERE versions = 0"
        )

    def grants(self, role: str) -> Iterator[str]:
        """What lets a role read; none where the engine has no grants."""
        said = {
            "schema": in_schema(self.place, None, self.dialect),
            "role": name_in(self.dialect, role),
            "member": text_literal(role if ":" in role else f"group:{role}", self.dialect),
        }
        if self.words.usage is not None:
            yield self.words.usage.format(**said)
        if self.words.select is not None:
            behind = [*self.kept.values(), WRITES, GONE] if self.kept else []
            names = self.names | {
                name: in_schema(self.place, name, self.dialect) for name in behind
            }
            for name in (*self.schema.tables, *self.schema.views, *behind):
                full = names[name]
                shown = name in self.schema.views or name in self.kept
                kind = "VIEW" if shown else "TABLE"
                yield self.words.select.format(kind=kind, name=full, **said)

    def _table(self, table: TableSpec) -> str:
        columns = ",\n".join(
            f"  {column.name} {self._type(column)}{self._of_column(column.comment)}"
            for column in table.columns
        )
        engine = self.words.engine.format(key=", ".join(table.key))
        return (
            f"CREATE TABLE IF NOT EXISTS {self.names[table.name]} (\n{columns}\n)"
            f"{engine}{self._of_table(table.comment)}"
        )

    def _view(
        self, name: str, query: str, comment: str, columns: Mapping[str, str]
    ) -> Iterator[str]:
        """A view, and its comments where these are statements of their own.

        Args:
            name: The view.
            query: Its SELECT.
            comment: On it.
            columns: The comment on each column, in their order.
        """
        full = self.names[name]
        head = f"CREATE OR REPLACE VIEW {full}"
        if self.words.comments not in ("on", "alter"):
            said = ",\n".join(f"  {each}{self._of_column(text)}" for each, text in columns.items())
            yield f"{head} (\n{said}\n){self._of_table(comment)}\nAS\n{query}"
            return
        yield f"{head} AS\n{query}"
        if self.words.comments == "on":
            yield self._comment("VIEW", full, comment)
        else:
            yield f"ALTER TABLE {full} MODIFY COMMENT {text_literal(comment, self.dialect)}"
        for column, text in columns.items():
            if self.words.comments == "on":
                yield self._comment("COLUMN", f"{full}.{column}", text)
            else:
                said = text_literal(text, self.dialect)
                yield f"ALTER TABLE {full} COMMENT COLUMN {column} {said}"

    def _of_column(self, comment: str) -> str:
        text = text_literal(comment, self.dialect)
        match self.words.comments:
            case "on":
                return ""
            case "options":
                return f" OPTIONS (description = {text})"
            case _:
                return f" COMMENT {text}"

    def _of_table(self, comment: str) -> str:
        text = text_literal(comment, self.dialect)
        match self.words.comments:
            case "on":
                return ""
            case "options":
                return f"\nOPTIONS (description = {text})"
            case "equals":
                return f"\nCOMMENT = {text}"
            case _:
                return f"\nCOMMENT {text}"

    def _comment(self, kind: str, name: str, comment: str) -> str:
        return f"COMMENT ON {kind} {name} IS {text_literal(comment, self.dialect)}"
