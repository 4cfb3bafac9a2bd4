"""What the results store asks of a place that holds its tables, and how these come to be there.

A place is a DuckDB file or a schema of a warehouse. `Store` says what is read and written, in DuckDB's
SQL; a place opens a transaction, says it in its own words, and makes the tables where there are none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from driftline.engine import VERSION
from driftline.engine.errors import StoreError
from driftline.engine.results import SCHEMA, Schema
from driftline.engine.sqltext import sql

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

Params: TypeAlias = Mapping[str, object] | None
"""What stands for each `$name` of a statement: a text, a number, a naive UTC time, a list of texts."""

TAG: Final = "driftline results"
"""What a statement is searched by in an engine's log, where nothing closer is known."""


class Tables(Protocol):
    """The result tables of a place for the length of a transaction.

    Statements are DuckDB's, of the words that `dialects.py` carries over; what goes wrong in one is a
    `StoreError`.
    """

    def fetch(self, sql: str, params: Params = None) -> pa.Table:
        """The rows of one SELECT."""
        ...

    def execute(self, sql: str, params: Params = None) -> None:
        """Change rows by one statement."""
        ...

    def put(self, table: str, rows: pa.Table) -> None:
        """Insert rows in their order, instead of those with the same keys."""
        ...

    def update(
        self, table: str, rows: pa.Table, *, same: Sequence[str], columns: Sequence[str]
    ) -> None:
        """Set columns of the stored rows that agree with one of these in the columns `same`."""
        ...

    def send(self, statement: str) -> None:
        """Run what `Place.steps` says, in the place's own dialect."""
        ...

    def named(self, kind: Literal["table", "view"]) -> set[str]:
        """Names of all tables, or all views, that are there, those of others too."""
        ...

    def columns(self, tables: Iterable[str]) -> Mapping[str, Sequence[str]]:
        """Names of the columns of tables that are there, in order, by table."""
        ...

    def in_duckdb(
        self,
    ) -> AbstractContextManager[tuple[duckdb.DuckDBPyConnection, Callable[[str], str]]]:
        """A DuckDB connection, and what stands after FROM in it to read a table once."""
        ...


class Place(Protocol):
    """Where the result tables are.

    Attributes:
        name: What messages call it.
        elsewhere: What to do about one that holds something else.
        creation: What makes a place that is not there, as far as SQL does.
        migrates: Whether a run that writes brings older tables forward; else `driftline migrate` alone.
        made_at_once: Whether tables are made all or none; else some without a version are a beginning.
    """

    name: str
    elsewhere: str
    creation: tuple[str, ...]
    migrates: bool
    made_at_once: bool

    def is_there(self) -> bool:
        """Whether there is anything that may hold tables, as far as that can be told at once."""
        ...

    def reading(self, *, wait_seconds: float, tag: str = TAG) -> AbstractContextManager[Tables]:
        """Open it for reading, which others may do at the same time.

        Args:
            wait_seconds: How long to wait for whoever keeps it closed; 0 or more.
            tag: What its statements are searched by in an engine's log.

        Raises:
            StoreError: When it cannot be opened or stays in use; for any error of the engine inside.
        """
        ...

    def writing(self, *, wait_seconds: float, tag: str = TAG) -> AbstractContextManager[Tables]:
        """Open it for one writer, and make it when there is none: all of the block is kept, or nothing.

        Args:
            wait_seconds: How long to wait for another writer; 0 or more.
            tag: What its statements are searched by in an engine's log.

        Raises:
            StoreError: As `reading`, and when it cannot be made or written to.
        """
        ...

    def before_a_run(self, *, wait_seconds: float) -> None:
        """Look at what tells early that results could not be stored, as far as that takes no lock.

        Raises:
            StoreError: When they could not.
        """
        ...

    def check_writable(self, *, wait_seconds: float) -> str:
        """Look whether a run may write, and leave everything as it is; returns what there is to say.

        Raises:
            StoreError: When it may not.
        """
        ...

    def steps(self, schema: Schema, version: int | None, now: datetime) -> tuple[str, ...]:
        """What brings tables of a version to a schema, internal ones aside; nothing when they are there.

        Args:
            schema: The schema to reach.
            version: The version that is there; None makes everything.
            now: Dates the new version; naive UTC.
        """
        ...

    def internal_steps(self, schema: Schema) -> tuple[str, ...]:
        """What makes the internal tables that are missing."""
        ...


def stored_version(tables: Tables, place: Place, schema: Schema = SCHEMA) -> int | None:
    """The version of the tables in an opened place; None when it holds none of them.

    Args:
        tables: What is there.
        place: The place, for messages.
        schema: The newest schema known.

    Raises:
        StoreError: When the tables come from a newer Driftline or from something else.
    """
    known = (*schema.tables, *schema.views)
    there = tables.named("table")
    ours = there.intersection(known) or tables.named("view").intersection(known)
    if not ours:
        return None
    columns = tables.columns(there.intersection(schema.tables))
    reached: list[tuple[int, str]] = []
    if tuple(columns.get("schema_version", ())) == schema.tables["schema_version"].names:
        found = tables.fetch("select version, driftline_version from schema_version").to_pylist()
        reached = [(row["version"], row["driftline_version"]) for row in found]
    as_made = all(tuple(columns[name]) == schema.tables[name].names for name in columns)
    if not reached and columns and as_made and not place.made_at_once:
        return None
    if not reached:
        first = min(ours, key=known.index)
        what = f"{place.name} holds a table {first!r} that Driftline did not make"
        raise StoreError(what, hint=place.elsewhere)
    version, writer = max(reached)
    if version > schema.version:
        raise StoreError(
            f"{place.name} was written by a newer Driftline ({writer}, schema {version}); "
            f"this one knows schema {schema.version}",
            hint="Upgrade Driftline, then retry.",
        )
    if version == schema.version:
        for table, spec in schema.tables.items():
            if tuple(columns.get(table, ())) != spec.names:
                raise StoreError(
                    f"table {table!r} in {place.name} does not have the columns of schema {version}",
                    hint=f"Something other than Driftline changed it. {place.elsewhere}",
                )
    return version


def bring_forward(
    place: Place, tables: Tables, now: datetime, schema: Schema, *, asked: bool
) -> None:
    """Bring the tables and views to a schema, inside the caller's transaction.

    Args:
        place: The place.
        tables: What is there, opened for writing.
        now: Dates the new version; naive UTC.
        schema: The schema to reach.
        asked: Whether the user has asked for it: some places go to a new version only then.

    Raises:
        StoreError: As `stored_version`; when older tables are to stay as they are; when the steps do
            not lead to the schema.
    """
    version = stored_version(tables, place, schema)
    if version is not None and version < schema.version and not (asked or place.migrates):
        raise older(place, version, schema)
    for step in place.steps(schema, version, now):
        tables.send(step)
    if version not in (None, schema.version):
        stored_version(tables, place, schema)
    if not tables.named("table").issuperset(schema.internal):
        for step in place.internal_steps(schema):
            tables.send(step)


def older(place: Place, version: int, schema: Schema) -> StoreError:
    """What is raised about tables of an older version."""
    also = ", as does the next run" if place.migrates else ""
    return StoreError(
        f"{place.name} has the tables of an older Driftline: "
        f"schema {version}, this one reads schema {schema.version}",
        hint=f"`driftline migrate` brings them up to date{also}.",
    )


def stamp(schema: Schema, now: datetime) -> str:
    """The statement that notes the version of tables that were made or brought forward.

    Args:
        schema: The schema that they have now.
        now: Naive UTC.
    """
    return str(
        sql(
            "insert into schema_version values ({version}, {now}, {driftline});",
            version=schema.version,
            now=now.replace(tzinfo=UTC),
            driftline=VERSION,
        )
    )
