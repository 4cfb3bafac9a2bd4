"""Result tables of engines without transactions over several tables: nothing is deleted that readers see."""

from __future__ import annotations

import os
import re
import socket
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from driftline.engine.ddl import GONE, WORDS, WRITES, container, done_row, kept_in, visible
from driftline.engine.dialects import in_schema, inserts, marked, spelled_schema
from driftline.engine.errors import StatementError, WarehouseError
from driftline.engine.results import SPECS
from driftline.engine.sqltext import as_sql
from driftline.engine.warehouses.base import InUse, Relation

if TYPE_CHECKING:
    import pyarrow as pa

# Is there while someone writes; the name of its column says who, since when: all engines keep names.
TURN: Final = "_turn"
# Where rows are put before a statement reads them.
LANDED: Final = "_landed"
# Seconds after which a turn is over whose holder cannot be looked after.
_LEASE: Final = 600
# How often nobody may have the turn that could not be taken: more is no coincidence.
_MISSES: Final = 3
_HOLDER: Final = re.compile(r"process_(\d+)_on_(\w*)_since_(\d+)_[0-9a-f]{8}")
# What is kept with marks.
KEPT: Final = tuple(name for name in SPECS if name != "schema_version")
# What rows are kept with.
_MARKS: Final = frozenset({"_row", "_write"})


class MarkingKeeper(ABC):
    """Result tables in a schema of an engine whose statements are whole, each by itself.

    The rows of a write have its number, and so have those that it takes away, in a table of their own.
    They are there for readers, and gone, once the number is in the table of writes that are done: one
    row, which is inserted last. No number is given twice: what a write left that was cut off is of no one.
    What nobody sees is cleared away when the next write begins, so that who reads still finds it.

    Attributes:
        dialect: Of the engine.
        within: The key of a connection that says in which schema names are looked up.
        changes: Whether it has UPDATE; else rows are marked and inserted anew.
    """

    dialect: ClassVar[str]
    within: ClassVar[str] = "schema"
    changes: ClassVar[bool] = False

    def __init__(self, options: Mapping[str, object], schema: str) -> None:
        given = (self.within, "statement_timeout")
        self._options = {key: options[key] for key in options if key not in given}
        self._schema = schema
        self._session: Any = self._open(self._options)
        self._is_inside = self._has_turn = False
        self._tag = ""
        self._relations: Mapping[str, Relation] | None = None
        # of the write that is on its way; 0 where none is
        self._write = 0
        # those that were done before it
        self._done: list[int] = []
        self._holder = ""

    # What an engine says in its own way

    @abstractmethod
    def _open(self, options: Mapping[str, object]) -> Any:
        """A session of the engine."""

    @abstractmethod
    def _is_there(self) -> bool:
        """Whether the schema is."""

    @abstractmethod
    def _listed(self) -> list[tuple[str, Literal["table", "view"], Sequence[str]]]:
        """Name, kind and columns of each table and view of the schema."""

    @abstractmethod
    def land(self, table: str, rows: pa.Table) -> str:
        """Put rows where statements find them; returns its name."""

    @abstractmethod
    def _clear(self, name: str, lost: Sequence[int], gone: Sequence[int]) -> None:
        """Delete rows of a kept table that nobody sees.

        Args:
            name: The result table.
            lost: Writes that are not done, all of whose rows go.
            gone: Writes of whose rows some were taken away.
        """

    def _forget_marks(self, last: int) -> None:
        """Delete the marks of rows that were cleared away, but for those of the last write."""
        self._run(f"DELETE FROM {GONE} WHERE write <> {last}")

    def _is_due(self, done: Sequence[int]) -> bool:
        """Whether it is time to clear away what nobody sees."""
        return bool(done)

    def _answer(self, sql: str) -> pa.Table:
        return self._session.fetch(sql)

    def _run(self, sql: str) -> None:
        self._session.execute(self._tag + sql)

    # What they share

    def begin(self, *, writes: bool, wait_seconds: float, tag: str) -> None:
        self._tag = f"/* {tag.replace('*/', '* /')} */\n"
        self._relations = None
        self._write = 0
        self._go_inside()
        if writes:
            if not self._is_inside:
                self._run(container(self.dialect, spelled_schema(self._schema)))
                self._go_inside()
            self._take_turn(wait_seconds)

    def _go_inside(self) -> None:
        """Let names stand for those of the schema, once it is there."""
        if not self._is_inside and self._is_there():
            self._session.close()
            self._session = self._open({**self._options, self.within: self._schema})
            self._is_inside = True

    def _take_turn(self, wait_seconds: float) -> None:
        host = _word(socket.gethostname())[:40]
        mine = f"process_{os.getpid()}_on_{host}_since_{int(time.time())}_{uuid.uuid4().hex[:8]}"
        until = time.monotonic() + wait_seconds
        missed = 0
        while True:
            try:
                self._run(f"CREATE TABLE {TURN} ({mine} {self._number}){self._of_turn}")
                found: str | None = mine
            except StatementError:
                found = self._turn()
                missed += found is None
                if missed == _MISSES:
                    raise
            if found is None:
                # whoever had it has given it back meanwhile
                continue
            if found == mine:
                self._holder = mine
                self._has_turn = True
                return
            if is_over(found):
                # to a name that nobody else who sees the same can give it again
                with suppress(StatementError):
                    self._run(f"{self._rename} {TURN} {self._renamed} {TURN}_{found[-8:]}")
                    continue
            if time.monotonic() >= until:
                raise InUse(f"{_told(found)}; waited {wait_seconds:g} s")
            time.sleep(min(0.2, max(0.0, until - time.monotonic())))

    # how tables are made and renamed, but for their names
    _of_turn: ClassVar[str] = ""
    _rename: ClassVar[str] = "ALTER TABLE"
    _renamed: ClassVar[str] = "RENAME TO"

    @property
    def _number(self) -> str:
        """The type of a number of a write."""
        kept = WORDS[self.dialect].kept
        assert kept is not None
        return kept.write

    def _turn(self) -> str | None:
        """Who has the turn; None where nobody has."""
        self._relations = None
        found = self.relations().get(TURN)
        return None if found is None else found.columns[0]

    def _give_turn(self) -> None:
        self._has_turn = False
        self._relations = None
        for name in self.relations():
            if name.startswith(TURN):
                self._run(f"DROP TABLE IF EXISTS {name}")

    def relations(self) -> Mapping[str, Relation]:
        if self._relations is None:
            found = self._listed()
            there = {name for name, _, _ in found}
            self._relations = {
                # what stands for a table is one to who reads
                name: Relation("table" if kept_in(name) in there else kind, tuple(columns))
                for name, kind, columns in found
            }
        return self._relations

    def create_schema(self) -> None:  # noqa: B027 - as every place has it
        # before a write began
        pass

    def fetch(self, sql: str) -> pa.Table:
        (text,) = self._marked(sql)
        return self._answer(self._tag + text)

    def stream(self, sql: str) -> pa.RecordBatchReader:
        return self.fetch(sql).to_reader()

    def execute(self, sql: str) -> None:
        for each in self._marked(sql):
            self._run(each)

    def make(self, sql: str) -> None:
        if (added := _ADDED.match(sql)) is not None:
            # what was cut off is done again
            name = added["table"].rpartition(".")[2]
            if added["column"] in self.relations()[name].columns:
                return
        if (changed := _CHANGED.match(sql)) is not None and not self.changes:
            # at once: the next step may say that this one is done
            self.execute(f"UPDATE {changed['name']}{changed['rest']}")
            self._finish()
            return
        self._relations = None
        self._run(sql)

    def _marked(self, sql: str) -> tuple[str, ...]:
        if not self._has_turn:
            return (sql,)
        if not self._write:
            self._start()
        there = self.relations()
        columns = {name: self._columns(name) for name in KEPT if kept_in(name) in there}

        def rows(name: str, *, marks: bool) -> str:
            place = spelled_schema(self._schema)
            own = (*columns[name], "_row") if marks else columns[name]
            return visible(name, own, place, self.dialect, done=(*self._done, self._write))

        kept = WORDS[self.dialect].kept
        assert kept is not None
        return marked(
            sql,
            self.dialect,
            columns,
            rows,
            write=self._write,
            kept_in=kept_in,
            gone=GONE,
            new_row=kept.new_row,
        )

    def _columns(self, name: str) -> tuple[str, ...]:
        found = self.relations()[kept_in(name)].columns
        return tuple(each for each in found if each not in _MARKS)

    def _start(self) -> None:
        """Begin a write, and clear away what nobody sees."""
        found = self._answer(f"SELECT write FROM {WRITES}")
        done = self._done = sorted(found.column(0).to_pylist())
        # no clock that goes back gives a number again
        self._write = max([time.time_ns() // 1_000, *(each + 1 for each in done)])
        if self._is_due(done):
            self._clear_away(done)

    def _clear_away(self, done: Sequence[int]) -> None:
        there = self.relations()
        counts = " UNION ALL ".join(
            f"SELECT '{name}' AS name, kept._write AS write, COUNT(*) AS n, COUNT(gone.row) AS gone"
            f" FROM {kept_in(name)} AS kept LEFT JOIN (SELECT DISTINCT row FROM {GONE} WHERE write IN"
            f" (SELECT write FROM {WRITES})) AS gone ON gone.row = kept._row GROUP BY kept._write"
            for name in KEPT
            if kept_in(name) in there
        )
        found = self._answer(counts).to_pylist()
        try:
            for name in KEPT:
                of = [row for row in found if row["name"] == name]
                lost = [row["write"] for row in of if row["write"] not in done]
                gone = [row["write"] for row in of if row["write"] in done and row["gone"]]
                if lost or gone:
                    self._clear(name, lost, gone)
            self._settle(found, done)
        except StatementError:
            # not every engine deletes: then it stays, and nobody sees it
            return

    def _settle(self, found: Sequence[Mapping[str, Any]], done: Sequence[int]) -> None:
        """What is left to do once rows that nobody sees were cleared away.

        Args:
            found: Of each table and write, its rows `n` and those `gone`, as they were before.
            done: Writes that are done, in their order.
        """
        del found
        self._forget_marks(done[-1])

    def lift(self, name: str) -> None:
        self._run(f"DROP TABLE {name}")

    def lacking(self, names: Collection[str], *, writes: bool) -> tuple[str, ...]:
        # nobody tells that in one statement
        del names, writes
        return ()

    def commit(self) -> None:
        if self._turn() != self._holder:
            self._has_turn = False
            raise WarehouseError("another session took the turn to write", hint="run again")
        self._finish()
        # who begins a turn takes that of a process that is no more
        with suppress(WarehouseError):
            self._give_turn()

    def _finish(self) -> None:
        """Make the write seen."""
        write, self._write = self._write, 0
        if write:
            now = datetime.now(UTC).replace(tzinfo=None)
            self._run(done_row(self.dialect, write, now))

    def end(self) -> None:  # noqa: B027 - as every place has it
        # nothing was begun
        pass

    def close(self) -> None:
        # rows of a write that is not done are of no one
        with suppress(WarehouseError):
            if self._has_turn:
                self._give_turn()
        self._session.close()

    def _placed(self, name: str | None) -> str:
        return in_schema(spelled_schema(self._schema), name, self.dialect)


# A column that a step of a migration adds, and rows that one changes.
_ADDED: Final = re.compile(
    r"ALTER TABLE (?P<table>\S+) ADD COLUMNS? (?:IF NOT EXISTS )?(?P<column>\w+) "
)
_CHANGED: Final = re.compile(r"UPDATE \S*?_kept_(?P<name>\w+)(?P<rest> .*)", re.DOTALL)


def deletions(name: str, lost: Sequence[int], gone: Sequence[int]) -> list[str]:
    """Statements that delete rows of a kept table, where an engine has DELETE.

    Args:
        name: The result table.
        lost: Writes all of whose rows go.
        gone: Writes of whose rows some were taken away.
    """
    said = []
    if lost:
        said.append(f"DELETE FROM {kept_in(name)} WHERE _write IN ({_numbers(lost)})")
    if gone:
        said.append(
            f"DELETE FROM {kept_in(name)} WHERE _write IN ({_numbers(gone)}) AND _row IN (SELECT row"
            f" FROM {GONE} WHERE write IN (SELECT write FROM {WRITES}))"
        )
    return said


def _numbers(writes: Sequence[int]) -> str:
    return ", ".join(map(str, writes))


class StandardKeeper(MarkingKeeper):
    """One of an engine that has the information schema, takes rows as lists of values, and has DELETE.

    Attributes:
        longest: Characters that a statement may have.
        pieces: A table that pieces of longer texts and bytes go to; None where UPDATE puts them together.
    """

    longest: ClassVar[int]
    pieces: ClassVar[str | None] = None
    _has_pieces = False

    def _is_there(self) -> bool:
        asked = "select schema_name from information_schema.schemata where schema_name = {}"
        return bool(self._session.fetch(asked.format(as_sql(self._schema))).num_rows)

    def _listed(self) -> list[tuple[str, Literal["table", "view"], Sequence[str]]]:
        asked = _RELATIONS.format(schema=as_sql(self._schema), within=self._catalog())
        found: dict[str, tuple[Literal["table", "view"], list[str]]] = {}
        for row in self._session.fetch(asked).to_pylist():
            kind: Literal["table", "view"] = "view" if row["sort"] == "VIEW" else "table"
            columns = found.setdefault(row["name"], (kind, []))[1]
            if row["title"] is not None:
                columns.append(row["title"])
        return [(name, kind, columns) for name, (kind, columns) in found.items()]

    def _start(self) -> None:
        super()._start()
        # of a write that was cut off
        for name in self.relations():
            if name.startswith(LANDED) or name == self.pieces:
                self._run(f"DROP TABLE {name}")
        self._has_pieces = False

    def _catalog(self) -> str:
        """The information schema."""
        return "information_schema"

    def land(self, table: str, rows: pa.Table) -> str:
        if not self._write:
            self._start()
        columns = ", ".join(rows.column_names)
        # services limit how often a table of one name is made
        name = f"{LANDED}_{table}"
        self._run(f"CREATE TABLE {name} AS SELECT {columns} FROM {kept_in(table)} WHERE FALSE")
        for each in inserts(name, table, rows, self.dialect, most=self.longest, apart=self.pieces):
            if f"INSERT INTO {self.pieces} " in each and not self._has_pieces:
                number = self._number
                self._run(
                    f"CREATE TABLE {self.pieces} (number {number}, part {number}, piece VARCHAR)"
                )
                self._has_pieces = True
            self._run(each)
        return name

    def lift(self, name: str) -> None:
        super().lift(name)
        if self._has_pieces:
            super().lift(str(self.pieces))
            self._has_pieces = False

    def _clear(self, name: str, lost: Sequence[int], gone: Sequence[int]) -> None:
        for statement in deletions(name, lost, gone):
            self._run(statement)


# https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-information-schema
# https://trino.io/docs/current/connector/system.html
# https://cloud.google.com/bigquery/docs/information-schema-tables
_RELATIONS: Final = """
select t.table_name as name, t.table_type as sort, c.column_name as title
from {within}.TABLES as t
left join {within}.COLUMNS as c
    on c.table_schema = t.table_schema and c.table_name = t.table_name
where t.table_schema = {schema}
order by t.table_name, c.ordinal_position
"""


def is_over(holder: str) -> bool:
    """Whether a turn is that of a process that is no more, as far as that can be told."""
    found = _HOLDER.fullmatch(holder.lower())
    if found is None:
        return False
    if found[2] == _word(socket.gethostname())[:40]:
        try:
            os.kill(int(found[1]), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False
    return time.time() - int(found[3]) > _LEASE


def _told(holder: str) -> str:
    found = _HOLDER.fullmatch(holder.lower())
    return holder if found is None else f"process {found[1]} on {found[2]}"


def _word(text: str) -> str:
    """A text as a part of a name."""
    return re.sub(r"\W+", "_", text.lower(), flags=re.ASCII)
