"""PostgreSQL: tables, views and queries of a server, read in one read-only transaction a session."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from driftline.engine.errors import SourceError, StatementError, WarehouseError
from driftline.engine.interpolate import mask, passwords
from driftline.engine.project import Source
from driftline.engine.sqltext import as_sql, quoted
from driftline.engine.warehouses.base import About, Column, Kind, stoppable

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
    for pattern, kind in _KINDS:
        if re.fullmatch(pattern, native, flags=re.IGNORECASE | re.DOTALL):
            return kind
    return "other"


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
    """

    dialect = "postgres"
    keeps_bounds = False
    # a temporary table needs a transaction that writes
    keeps_rows = False

    def __init__(self, options: Mapping[str, object]) -> None:
        """Connect.

        Args:
            options: Keys of a `connection` of type postgres.

        Raises:
            WarehouseError: When the driver is missing, the server cannot be reached or refuses.
        """
        self._options = options
        self._secrets = _secrets(options)
        self._sampled: set[str] = set()
        self._is_open = False
        try:
            from adbc_driver_manager import Error
        except ImportError:
            raise WarehouseError(
                "a connection of type postgres needs the package adbc-driver-postgresql, which is not"
                " installed",
                hint="pip install 'driftline[postgres]'",
            ) from None
        self._errors = Error
        self._connection = self._connect()
        (row,) = self.fetch(
            "select current_user || ' at ' || coalesce(host(inet_server_addr()) || ':'"
            " || inet_server_port(), 'a local socket') || ', database ' || current_database() as place"
        ).to_pylist()
        self._where = row["place"]

    def _connect(self) -> Any:
        from adbc_driver_postgresql import dbapi

        try:
            return dbapi.connect(_conninfo(self._options), autocommit=True)
        except self._errors as error:
            raise WarehouseError(
                f"cannot connect to PostgreSQL: {self._said(error)}",
                hint="check the keys of connection: host, port, database, user, password, sslmode",
            ) from error

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
                f"{source.written} is a file, and the connection reads tables of PostgreSQL",
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
            with self._connection.cursor() as cursor:
                return stoppable(partial(_answer, cursor, sql), cursor.adbc_cancel)
        except self._errors as error:
            raise self._refused(error, sql) from error

    def execute(self, sql: str) -> None:
        try:
            self._begin()
            self._send(sql)
        except self._errors as error:
            raise self._refused(error, sql) from error

    def close(self) -> None:
        # the server forgets a transaction that only read
        if self._connection is not None:
            self._connection.close()

    def _begin(self) -> None:
        """Begin a transaction where none is open, on a new connection where the last one was lost."""
        if self._is_open:
            return
        if self._connection is None:
            self._connection = self._connect()
        self._send("begin isolation level repeatable read, read only")
        self._is_open = True
        for statement in _settings(self._options):
            self._send(statement)

    def _send(self, sql: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)

    def _refused(self, error: Any, sql: str) -> WarehouseError:
        """What to raise about a statement; ends its transaction where the connection stands."""
        said, code = self._said(error), error.sqlstate or ""
        lost = code.startswith(_LOST) or not code
        self._is_open = False
        try:
            if lost:
                self.close()
            else:
                self._send("rollback")
        except self._errors:
            lost = True
        if lost:
            self._connection = None
            return WarehouseError(
                f"the connection to PostgreSQL was lost: {said}",
                sql=sql,
                hint="nothing of this run is stored: run again",
            )
        hint = next((hint for start, hint in _HINTS if code.startswith(start)), None)
        return StatementError(f"PostgreSQL refused a statement: {said}", sql=sql, hint=hint)

    def _said(self, error: Any) -> str:
        """What the server or its library said, in one line, without secrets."""
        details = dict(getattr(error, "details", None) or ())
        told = details.get("PG_DIAG_MESSAGE_PRIMARY") or details.get(b"PG_DIAG_MESSAGE_PRIMARY")
        text = told.decode() if isinstance(told, bytes) else str(told or error)
        text = text.partition("\n\nQuery was:")[0]
        text = re.sub(r"^[A-Z_]+: (\[libpq\] )?(Failed to connect: )?", "", text.strip())
        return mask(" ".join(text.split()), self._secrets)


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


def _settings(options: Mapping[str, object]) -> tuple[str, ...]:
    """Statements that make a transaction answer as it should, whoever connects."""
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
    statements = [f"set local {name} = {as_sql(value)}" for name, value in settings.items()]
    if "role" in options:
        statements.append(f"set local role {quoted(str(options['role']))}")
    if "schema" in options:
        statements.append(f"set local search_path = {quoted(str(options['schema']))}")
    return tuple(statements)


def _secrets(options: Mapping[str, object]) -> frozenset[str]:
    """Texts that no message may hold."""
    return frozenset({str(options.get("password", ""))} | passwords(str(options.get("uri", ""))))
