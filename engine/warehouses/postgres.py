"""PostgreSQL: tables, views and queries of a server, read in one read-only transaction a session."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from driftline.engine.errors import SourceError, StatementError, WarehouseError
from driftline.engine.interpolate import mask, passwords
from driftline.engine.project import Source
from driftline.engine.sqltext import as_sql, quoted
from driftline.engine.warehouses.base import (
    About,
    Column,
    InUse,
    Keeps,
    Kind,
    Relation,
    kind_in,
    lacking,
    lost,
    stoppable,
)

if TYPE_CHECKING:
    import pyarrow as pa

# https://www.postgresql.org/docs/current/datatype.html, and the short names that project files may use
_KINDS: Final[tuple[tuple[str, Kind], ...]] = (
    (r"(small|big)?int|integer|int[248]", "integer"),
    (r"real|double( precision)?|float([48]|\(.*\))?", "float"),
    (r"(numeric|decimal)(\(.*\))?", "decimal"),
    (
        r'(text|name|"char"|char|character|varchar|character varying|bpchar|citext|uuid)(\(.*\))?',
        "text",
    ),
    (r"bool(ean)?", "boolean"),
    (r"date", "date"),
    (r"timestamp(\(.*\))?( without time zone)?", "timestamp"),
    (r"timestamptz|timestamp(\(.*\))? with time zone", "timestamptz"),
)
# Kinds whose values may be infinite, or NaN, as those of no other engine.
_UNBOUNDED: Final = frozenset({"decimal", "date", "timestamp", "timestamptz"})
# A table's own blocks can be sampled; a view's rows can only be drawn.
# https://www.postgresql.org/docs/current/sql-select.html#SQL-FROM
_SAMPLED: Final = ("r", "m", "p")

# Keys of a connection that libpq knows, by its name of them.
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
_PARAMETERS: Final = {
    "host": "host",
    "port": "port",
    "database": "dbname",
    "user": "user",
    "password": "password",
    "sslmode": "sslmode",
    "sslrootcert": "sslrootcert",
    "sslcert": "sslcert",
    "sslkey": "sslkey",
    "connect_timeout": "connect_timeout",
}

# What to do about an error, by the start of its code.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_HINTS: Final = (
    ("42501", "ask for it: grant select on the table, and usage on its schema"),
    ("57014", "raise connection.statement_timeout, or look at a shorter window"),
    ("53", "the server is short of resources: try again when it is less busy"),
    ("40001", "a standby gave the rows up: run again, or read from the primary server"),
)
# The connection is gone: the server ended it, or nobody answers.
_LOST: Final = ("57P", "08", "25P03")


def kind_of(native: str) -> Kind:
    """The kind of a PostgreSQL type name; types without one (arrays, json, binary, time) are `other`."""
    return kind_in(_KINDS, native)


def _kind(native: str, sort: str) -> Kind:
    """The same where the catalog tells the sort of type: an enumeration is a text."""
    return "text" if sort == "e" else kind_of(native)


def _column(name: str, native: str, kind: Kind) -> Column:
    return Column(name, native, kind, unbounded=kind in _UNBOUNDED)


class Postgres:
    """A session of a PostgreSQL server.

    All statements see the same snapshot, so that what one counts the next one finds; one that is refused
    ends the transaction, and the next statement begins another. Settings hold for a transaction, so that
    poolers which share connections between clients do no harm.

    Attributes:
        name: What messages call the engine.
        begins: The statement that begins a transaction.
    """

    dialect: ClassVar = "postgres"
    name: ClassVar = "PostgreSQL"
    begins: ClassVar = "begin isolation level repeatable read, read only"
    keeps_bounds = False
    # a temporary table needs a transaction that writes
    keeps_rows = False
    keeps: Keeps | None = Keeps("transaction", longest_name=63)
    draws = ""
    # some 40 bytes a cell, of both sides: five megabytes, whatever the rows
    most_cells: int | None = 61_440
    # https://www.postgresql.org/docs/current/datatype-numeric.html#DATATYPE-FLOAT
    ranks_nan = True

    def __init__(self, options: Mapping[str, object], *, beside: Any = None) -> None:
        """Connect.

        Args:
            options: Keys of a `connection` of type postgres.
            beside: An open ADBC connection, whose server and user are taken instead.

        Raises:
            WarehouseError: When the driver is missing, the server cannot be reached or refuses.
        """
        self._server = _Server(options, self.name, self.dialect, beside=beside)
        self._options = options
        self._sampled: set[str] = set()
        self._connection: Any = self._server.connect()
        self._is_open = False
        self._where = self._place()

    @classmethod
    def of(cls, connection: Any) -> Postgres:
        """A session of its own beside an open ADBC connection, which stays as it is.

        It does not see what that connection has not committed, nor its temporary tables.

        Raises:
            WarehouseError: When the connection is closed, or to no PostgreSQL server.
        """
        return cls({}, beside=connection)

    def _place(self) -> str:
        """What is connected to, without secrets."""
        (row,) = self.fetch(
            "select current_user || ' at ' || coalesce(host(inet_server_addr()) || ':'"
            " || inet_server_port(), 'a local socket') || ', database ' || current_database() as place"
        ).to_pylist()
        return str(row["place"])

    @staticmethod
    def column(name: str, native: str) -> Column:
        return _column(name, native, kind_of(native))

    def about(self) -> About:
        (row,) = self.fetch(
            "select current_setting('server_version') as version,"
            " current_setting('TimeZone') as time_zone"
        ).to_pylist()
        return About(row["version"], row["time_zone"], f"postgres as {self._where}")

    def estimated_rows(self, source: Source) -> int | None:
        if not source.table:
            return None
        name = as_sql(self.relation(source))
        # of a table that was never analysed it is -1, of a partitioned one it is that of its parts
        (row,) = self.fetch(
            "select cast(sum(reltuples) as bigint) as n, bool_and(reltuples >= 0) as told from pg_class"
            f" where oid in (select relid from pg_partition_tree(to_regclass({name})) where isleaf)"
            f" or (oid = to_regclass({name}) and relkind in ('r', 'm'))"
        ).to_pylist()
        return row["n"] if row["told"] else None

    def columns(self, source: Source) -> tuple[Column, ...]:
        try:
            return self._of_query(source) if source.query else self._of_table(source)
        except StatementError as error:
            raise SourceError(
                f"cannot read {source.written}: {error.message.partition(': ')[2]}",
                hint=error.hint or "check its name, and that connection.user may read it",
            ) from error

    def _of_table(self, source: Source) -> tuple[Column, ...]:
        relation = self.relation(source)
        rows = self.fetch(_COLUMNS.format(name=as_sql(relation))).to_pylist()
        if not rows:
            raise SourceError(
                f"there is no table or view {source.written} in {self._where}",
                hint="name its schema, as in sales.orders, or give connection.schema",
            )
        if not rows[0]["readable"]:
            raise SourceError(
                f"may not read {source.written} as {self._where}",
                hint=f"grant select on {relation}, and usage on its schema",
            )
        if rows[0]["relkind"] in _SAMPLED:
            self._sampled.add(relation)
        return tuple(
            _column(row["name"], row["type"], _kind(row["base"], row["typtype"]))
            for row in rows
            if row["name"] is not None
        )

    def _of_query(self, source: Source) -> tuple[Column, ...]:
        answer = self.fetch(f"select * from {self.relation(source)} limit 0")
        about = [field.metadata or {} for field in answer.schema]
        types = [told.get(b"POSTGRESQL:type", b"").decode() for told in about]
        modifiers = [int(told.get(b"POSTGRESQL:typmod", b"-1")) for told in about]
        names = ", ".join(as_sql(name) for name in sorted({*types})) or "''"
        rows = self.fetch(
            "select typname, format_type(oid, null) as type, typtype from pg_type"
            f" where typname in ({names}) order by pg_type_is_visible(oid)"
        ).to_pylist()
        known = {row["typname"]: (row["type"], row["typtype"]) for row in rows}
        found = []
        for name, native, modifier in zip(answer.column_names, types, modifiers, strict=True):
            base, sort = known.get(native, (native, "b"))
            shown = base
            if native == "numeric" and modifier >= 4:
                shown = f"numeric({(modifier - 4) >> 16},{(modifier - 4) & 0x7FF})"
            found.append(_column(name, shown, _kind(base, sort)))
        return tuple(found)

    def fingerprint(self, source: Source) -> str | None:
        del source
        return None

    def relation(self, source: Source) -> str:
        if source.files:
            raise SourceError(
                f"{source.written} is a file, and the connection reads tables of {self.name}",
                hint="give a table, as in sales.orders, or a query",
            )
        if source.query:
            return f"({source.query.rstrip().rstrip(';')}\n) as source"
        return ".".join(quoted(part) for part in source.table)

    def sampled(self, relation: str, percent: float) -> str:
        if relation in self._sampled:
            return f"{relation} tablesample system ({percent:.6g}) repeatable (42)"
        return f"(select * from {relation} where random() < {percent / 100:.6g}) as sampled"

    def fetch(self, sql: str) -> pa.Table:
        try:
            self._begin()
            return fetch(self._connection, sql)
        except self._server.errors as error:
            raise self._refused(error, sql) from error

    def execute(self, sql: str) -> None:
        try:
            self._begin()
            send(self._connection, sql)
        except self._server.errors as error:
            raise self._refused(error, sql) from error

    def let_go(self) -> None:
        # who reads keeps nobody from writing
        pass

    def close(self) -> None:
        # the server forgets a transaction that only read
        if self._connection is not None:
            self._connection.close()

    def _begin(self) -> None:
        """Begin a transaction where none is open, on a new connection where the last one was lost."""
        if self._is_open:
            return
        if self._connection is None:
            self._connection = self._server.connect()
        send(self._connection, self.begins)
        self._is_open = True
        self._settle()

    def _settle(self) -> None:
        """Make the transaction answer as it should, whoever connects."""
        fetch(self._connection, _settings(self._options))

    def _refused(self, error: Any, sql: str) -> WarehouseError:
        """What to raise about a statement; ends its transaction where the connection stands."""
        self._is_open = False
        found = self._server.refused(error, sql)
        if isinstance(found, StatementError):
            try:
                send(self._connection, "rollback")
                return found
            except self._server.errors:
                found = self._server.lost(error, sql)
        with suppress(self._server.errors):
            self.close()
        self._connection = None
        return found


class _Server:
    """A server by the keys of a connection: how it is connected to, and what its errors mean.

    Args:
        options: The keys.
        name: What messages call the engine.
        type_: Of the connection.
        beside: An open connection to it, in place of the keys that say how to connect.

    Attributes:
        errors: What its driver raises.

    Raises:
        WarehouseError: When the driver is missing.
    """

    def __init__(
        self,
        options: Mapping[str, object],
        name: str = "PostgreSQL",
        type_: str = "postgres",
        *,
        beside: Any = None,
    ) -> None:
        self._options = options
        self._name = name
        self._beside = beside
        self._secrets = _secrets(options)
        try:
            from adbc_driver_manager import Error
        except ImportError:
            raise lacking(type_, "adbc-driver-postgresql") from None
        self.errors = Error

    def connect(self) -> Any:
        from adbc_driver_postgresql import dbapi

        try:
            if self._beside is not None:
                return self._another()
            return dbapi.connect(_conninfo(self._options), autocommit=True)
        except self.errors as error:
            raise WarehouseError(
                f"cannot connect to {self._name}: {self._said(error)}",
                hint="check the keys of connection: host, port, database, user, password, sslmode",
            ) from error

    def _another(self) -> Any:
        """A connection of our own, as the one that was given is connected."""
        vendor = self._beside.adbc_get_info().get("vendor_name")
        if vendor != "PostgreSQL":
            raise WarehouseError(
                f"the open connection is to {vendor}, and only PostgreSQL's are read through ADBC",
                hint="give the project file a connection of that type",
            )
        made = self._beside.adbc_clone()
        made.adbc_connection.set_autocommit(True)
        return made

    def refused(self, error: Any, sql: str) -> WarehouseError:
        """What to raise about a statement: a `StatementError` where the connection stands."""
        code = error.sqlstate or ""
        if code.startswith(_LOST) or not code:
            return self.lost(error, sql)
        return self.refusal(error, sql)

    def refusal(self, error: Any, sql: str) -> StatementError:
        """What to raise about a statement on a connection that stands."""
        code = error.sqlstate or ""
        hint = next((hint for start, hint in _HINTS if code.startswith(start)), None)
        return StatementError(
            f"{self._name} refused a statement: {self._said(error)}", sql=sql, hint=hint
        )

    def lost(self, error: Any, sql: str) -> WarehouseError:
        return lost(self._name, self._said(error), sql)

    def _said(self, error: Any) -> str:
        """What the server or its library said, in one line, without secrets."""
        details = dict(getattr(error, "details", None) or ())
        told = details.get("PG_DIAG_MESSAGE_PRIMARY") or details.get(b"PG_DIAG_MESSAGE_PRIMARY")
        text = told.decode() if isinstance(told, bytes) else str(told or error)
        text = text.partition("\n\nQuery was:")[0]
        text = re.sub(r"^[A-Z_]+: (\[libpq\] )?(Failed to connect: )?", "", text.strip())
        return mask(" ".join(text.split()), self._secrets)


def send(connection: Any, sql: str) -> None:
    """Run a statement that returns no rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql)


def fetch(connection: Any, sql: str) -> pa.Table:
    """Run a statement that returns rows."""
    with connection.cursor() as cursor:
        return stoppable(partial(_answer, cursor, sql), cursor.adbc_cancel)


def _answer(cursor: Any, sql: str) -> pa.Table:
    cursor.execute(sql)
    return cursor.fetch_arrow_table()


# A table's columns and the types under their domains; one row without a name where it has none.
_COLUMNS: Final = """
with recursive base as (
    select
        c.relkind,
        has_table_privilege(c.oid, 'select') or has_any_column_privilege(c.oid, 'select') as readable,
        a.attnum,
        a.attname,
        format_type(a.atttypid, a.atttypmod) as type,
        a.atttypid as under
    from pg_class as c
    left join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.oid = to_regclass({name}) and c.relkind in ('r', 'v', 'm', 'f', 'p')
    union all
    select b.relkind, b.readable, b.attnum, b.attname, b.type, t.typbasetype
    from base as b
    inner join pg_type as t on t.oid = b.under
    where t.typtype = 'd'
)
select
    cast(base.relkind as text) as relkind,
    base.readable,
    cast(base.attname as text) as name,
    base.type,
    format_type(base.under, null) as base,
    cast(t.typtype as text) as typtype
from base
left join pg_type as t on t.oid = base.under
where t.typtype is null or t.typtype <> 'd'
order by base.attnum
"""


def _conninfo(options: Mapping[str, object]) -> str:
    """What libpq connects by. What is not given it takes from its own variables and files."""
    if "uri" in options:
        return str(options["uri"])
    given = {name: options[key] for key, name in _PARAMETERS.items() if key in options}
    given = {"connect_timeout": 10, "application_name": "driftline", **given}
    return " ".join(f"{name}={_escaped(value)}" for name, value in given.items())


def _escaped(value: object) -> str:
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"


def _settings(options: Mapping[str, object], **others: str) -> str:
    """The statement that makes a transaction answer as it should, whoever connects."""
    settings = {
        "TimeZone": "UTC",
        "DateStyle": "ISO",
        "extra_float_digits": "1",
        "standard_conforming_strings": "on",
        # a run draws the same rows as the one before: views are sampled by random()
        "seed": "0.42",
        "synchronize_seqscans": "off",
        # compiling a statement of many branches takes longer than it saves
        "jit": "off",
        # the server may be let alone while metrics are computed
        "idle_in_transaction_session_timeout": "0",
    }
    if "statement_timeout" in options:
        settings["statement_timeout"] = f"{options['statement_timeout']}s"
    if "role" in options:
        settings["role"] = str(options["role"])
    if "schema" in options:
        settings["search_path"] = quoted(str(options["schema"]))
    made = (
        f"set_config({as_sql(name)}, {as_sql(value)}, true)"
        for name, value in {**settings, **others}.items()
    )
    return f"select {', '.join(made)}"


def _secrets(options: Mapping[str, object]) -> frozenset[str]:
    """Texts that no message may hold."""
    return frozenset({str(options.get("password", ""))} | passwords(str(options.get("uri", ""))))


class PostgresKeeper:
    """Result tables in a schema of a PostgreSQL server.

    A transaction that writes holds a lock of the server's under the name of the schema until it ends,
    also where the process is killed. One that reads takes no lock, and sees what was whole when it began.

    Attributes:
        engine: The class of sessions that monitor.
    """

    engine: ClassVar[type[Postgres]] = Postgres

    def __init__(self, options: Mapping[str, object], schema: str) -> None:
        self._server = _Server(options, self.engine.name, self.engine.dialect)
        self._options = options
        self._schema = schema
        self._tag = ""
        self._relations: Mapping[str, Relation] | None = None
        self._streamed: Any = None
        self._connection = self._server.connect()

    def begin(self, *, writes: bool, wait_seconds: float, tag: str) -> None:
        self._tagged(tag)
        # statements about results are short, and may have to wait for those of someone else
        settings = {
            "search_path": quoted(self._schema),
            "statement_timeout": "0",
            # whose client has vanished must not keep the others waiting
            "idle_in_transaction_session_timeout": "10min",
        }
        if writes:
            # whoever reads a table holds off its change as well; 0 would be for ever
            settings["lock_timeout"] = f"{max(1, round(wait_seconds * 1000))}ms"
        self._send("begin" if writes else "begin isolation level repeatable read, read only")
        self.fetch(_settings(self._options, **settings))
        if writes:
            self._take_turn(wait_seconds)

    def _tagged(self, tag: str) -> None:
        """Begin anew: what is there is not known, and statements are searched by another tag."""
        self._tag = f"/* {tag.replace('*/', '* /')} */\n"
        self._relations = None

    def _take_turn(self, wait_seconds: float) -> None:
        named = sha256(f"driftline {self._schema}".encode()).digest()
        key = int.from_bytes(named[:8], "big", signed=True)
        turn = f"{self._tag}select cast(pg_advisory_xact_lock({key}) as text) as turn"
        try:
            fetch(self._connection, turn)
        except self._server.errors as error:
            if error.sqlstate != _LOCKED:
                raise self._server.refused(error, turn) from error
            self._send("rollback")
            holder = "another session"
            for row in self.fetch(_HOLDER.format(key=key)).to_pylist():
                holder = f"{row['program'] or 'a session'} of {row['name']} (process {row['pid']})"
            raise InUse(f"{holder}; waited {wait_seconds:g} s") from error

    def relations(self) -> Mapping[str, Relation]:
        if self._relations is None:
            rows = self.fetch(_RELATIONS.format(schema=as_sql(self._schema))).to_pylist()
            if rows and not rows[0]["usable"]:
                # else the tables would seem not to be there
                raise StatementError(f"permission denied for schema {self._schema}")
            found: dict[str, Relation] = {}
            for row in rows:
                kind: Literal["table", "view"] = "view" if row["relkind"] == "v" else "table"
                before = found.get(row["name"], Relation(kind, ()))
                more = () if row["attname"] is None else (row["attname"],)
                found[row["name"]] = Relation(kind, (*before.columns, *more))
            self._relations = found
        return self._relations

    def create_schema(self) -> None:
        # making one that is there takes the right to make it, too
        there = f"select oid from pg_namespace where nspname = {as_sql(self._schema)}"
        if not self.fetch(there).num_rows:
            self.execute(f"create schema {quoted(self._schema)}")

    def fetch(self, sql: str) -> pa.Table:
        text = self._tag + sql
        with self._asking(text), self._connection.cursor() as cursor:
            return _answer(cursor, text)

    def stream(self, sql: str) -> pa.RecordBatchReader:
        self._close_stream()
        text = self._tag + sql
        with self._asking(text):
            self._streamed = self._connection.cursor()
            self._streamed.execute(text)
            return self._streamed.fetch_record_batch()

    def execute(self, sql: str) -> None:
        self._relations = None
        self._send(self._tag + sql)

    def make(self, sql: str) -> None:
        self.execute(sql)

    def land(self, table: str, rows: pa.Table) -> str:
        columns = ", ".join(rows.column_names)
        self._send(
            f"{self._tag}create temporary table {_LANDED} as select {columns} from {table} limit 0"
        )
        self._bring(table, rows)
        return _LANDED

    def _bring(self, table: str, rows: pa.Table) -> None:
        """Insert rows, which have columns of a table, into the temporary table."""
        del table
        with self._asking(f"copy {_LANDED} from stdin"), self._connection.cursor() as cursor:
            cursor.adbc_ingest(_LANDED, rows, mode="append", temporary=True)

    def lift(self, name: str) -> None:
        self._send(f"{self._tag}drop table {name}")

    def lacking(self, names: Collection[str], *, writes: bool) -> tuple[str, ...]:
        rows = self.fetch(_PRIVILEGES.format(schema=as_sql(self._schema))).to_pylist()
        about, there = rows[0], [row for row in rows if row["name"] in names]
        me, database, schema = (quoted(each) for each in (about["me"], about["db"], self._schema))
        lacks = []
        if about["usage"] is None:
            if writes and not about["makes_schemas"]:
                lacks.append(f"create schema {schema} authorization {me}")
        else:
            needed = ["usage", *(["create"] if writes and len(there) < len(names) else [])]
            if not all(about[right] for right in needed):
                lacks.append(f"grant {', '.join(needed)} on schema {schema} to {me}")
            rights = ("select", "insert", "update", "delete") if writes else ("select",)
            # of a view, rows are only read
            if any(row[right] is False for row in there for right in rights):
                told = ", ".join(rights)
                lacks.append(f"grant {told} on all tables in schema {schema} to {me}")
        if writes and not about["temporary"]:
            lacks.append(f"grant temporary on database {database} to {me}")
        return tuple(lacks)

    def commit(self) -> None:
        self._send("commit")

    def end(self) -> None:
        self._close_stream()
        self._send("rollback")

    def close(self) -> None:
        # the server undoes a transaction that was not committed
        with suppress(self._server.errors):
            self._close_stream()
        with suppress(self._server.errors):
            self._connection.close()

    def _close_stream(self) -> None:
        if self._streamed is not None:
            self._streamed.close()
            self._streamed = None

    def _send(self, sql: str) -> None:
        with self._asking(sql):
            send(self._connection, sql)

    @contextmanager
    def _asking(self, sql: str) -> Iterator[None]:
        """Say of what the driver raises whether the server refused, or is lost."""
        try:
            yield
        except self._server.errors as error:
            found = self._server.refused(error, sql)
            if not error.sqlstate and self._stands():
                found = self._server.refusal(error, sql)
            raise found from error

    def _stands(self) -> bool:
        """Whether the server still answers: that the transaction is aborted, if nothing else."""
        try:
            send(self._connection, "select 1")
        except self._server.errors as error:
            return error.sqlstate == _ABORTED
        return True


_LANDED: Final = "driftline_rows"
# https://www.postgresql.org/docs/current/errcodes-appendix.html: lock_not_available
_LOCKED: Final = "55P03"
# in_failed_sql_transaction
_ABORTED: Final = "25P02"

# Who holds the lock of a schema's results. A key of 64 bits is kept in two halves.
# https://www.postgresql.org/docs/current/view-pg-locks.html
_HOLDER: Final = """
select l.pid, a.application_name as program, cast(a.usename as text) as name
from pg_locks as l
left join pg_stat_activity as a on a.pid = l.pid
where l.locktype = 'advisory' and l.granted and l.objsubid = 1
    and l.database = (select oid from pg_database where datname = current_database())
    and (cast(l.classid as bigint) << 32) | cast(l.objid as bigint) = {key}
"""

_RELATIONS: Final = """
select
    cast(c.relname as text) as name,
    cast(c.relkind as text) as relkind,
    cast(a.attname as text) as attname,
    has_schema_privilege(n.oid, 'usage') as usable
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
left join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where n.nspname = {schema} and c.relkind in ('r', 'p', 'v', 'm', 'f')
order by c.relname, a.attnum
"""

# What the user may do with the database, the schema, and each of its tables and views: these can
# only be read.
_PRIVILEGES: Final = """
select
    cast(current_user as text) as me,
    cast(current_database() as text) as db,
    has_database_privilege(current_database(), 'create') as makes_schemas,
    has_database_privilege(current_database(), 'temporary') as temporary,
    has_schema_privilege(n.oid, 'usage') as usage,
    has_schema_privilege(n.oid, 'create') as create,
    cast(c.relname as text) as name,
    has_table_privilege(c.oid, 'select') as select,
    case when c.relkind <> 'v' then has_table_privilege(c.oid, 'insert') end as insert,
    case when c.relkind <> 'v' then has_table_privilege(c.oid, 'update') end as update,
    case when c.relkind <> 'v' then has_table_privilege(c.oid, 'delete') end as delete
from (select 1 as one) as always
left join pg_namespace as n on n.nspname = {schema}
left join pg_class as c on c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v')
"""
