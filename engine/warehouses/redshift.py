"""Redshift: tables, views and queries of a cluster or workgroup, through PostgreSQL's driver."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, ClassVar, Final

from driftline.engine.dialects import inserts
from driftline.engine.errors import SourceError, StatementError
from driftline.engine.project import Source
from driftline.engine.sqltext import as_sql, quoted
from driftline.engine.warehouses.base import About, Column, InUse, Keeps
from driftline.engine.warehouses.postgres import Postgres, PostgresKeeper, send

if TYPE_CHECKING:
    import pyarrow as pa

# How its catalog calls types that PostgreSQL's names would miss.
# https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html
_NATIVE: Final = {"bpchar": "char"}


class Redshift(Postgres):
    """A session of an Amazon Redshift cluster, or of a serverless workgroup.

    It answers as PostgreSQL 8 does, and has little of its catalog: columns are told by an empty answer.
    All statements see the same snapshot.
    """

    dialect: ClassVar = "redshift"
    name: ClassVar = "Redshift"
    # https://docs.aws.amazon.com/redshift/latest/dg/r_BEGIN.html
    begins: ClassVar = "begin read only"
    most_cells = None
    ranks_nan = False
    # https://docs.aws.amazon.com/redshift/latest/dg/r_names.html
    # https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html
    keeps: Keeps | None = Keeps("transaction", longest_name=127, longest_text=65_535)

    @staticmethod
    def column(name: str, native: str) -> Column:
        found = Postgres.column(name, native)
        # only floats may be infinite, or NaN
        return Column(name, native, found.kind)

    def _place(self) -> str:
        (row,) = self.fetch(
            "select cast(current_user as varchar(128)) as person,"
            " cast(current_database() as varchar(128)) as base"
        ).to_pylist()
        host = self._options.get("host", "a URI's host")
        return f"{row['person']} at {host}, database {row['base']}"

    def about(self) -> About:
        (row,) = self.fetch(
            "select cast(version() as varchar(256)) as version,"
            " cast(current_setting('timezone') as varchar(64)) as time_zone"
        ).to_pylist()
        version = str(row["version"]).rpartition("Redshift ")[2]
        return About(version, row["time_zone"], f"redshift as {self._where}")

    def estimated_rows(self, source: Source) -> int | None:
        if not source.table:
            return None
        *outer, name = source.table
        schema = as_sql(outer[-1]) if outer else "current_schema()"
        # of tables with rows; who sees none of it is told nothing
        # https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_TABLE_INFO.html
        try:
            rows = self.fetch(
                "select cast(tbl_rows as bigint) as n from svv_table_info"
                f' where "schema" = {schema} and "table" = {as_sql(name)}'
            ).to_pylist()
        except StatementError:
            return None
        return rows[0]["n"] if rows else None

    def columns(self, source: Source) -> tuple[Column, ...]:
        try:
            answer = self.fetch(f"select * from {self.relation(source)} limit 0")
        except StatementError as error:
            raise SourceError(
                f"cannot read {source.written}: {error.message.partition(': ')[2]}",
                hint=error.hint or "check its name, and that connection.user may read it",
            ) from error
        natives = [
            (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode() for field in answer.schema
        ]
        return tuple(
            self.column(name, _NATIVE.get(native, native))
            for name, native in zip(answer.column_names, natives, strict=True)
        )

    def sampled(self, relation: str, percent: float) -> str:
        return f"(select * from {relation} where random() < {percent / 100:.6g}) as sampled"

    def _settle(self) -> None:
        for statement in _settings(self._options):
            send(self._connection, statement)
        send(self._connection, "set seed to 0.42")


def _settings(options: Mapping[str, object]) -> list[str]:
    """What makes a session answer as it should."""
    # https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_ConfigurationRef.html
    settings = {"timezone": "UTC", "datestyle": "ISO", "extra_float_digits": "2"}
    if "statement_timeout" in options:
        settings["statement_timeout"] = str(int(str(options["statement_timeout"])) * 1_000)
    told = [f"set {name} to {as_sql(value)}" for name, value in settings.items()]
    if "schema" in options:
        told.append(f"set search_path to {quoted(str(options['schema']))}")
    return told


# Is locked by who writes: a lock on any other table would hold off its readers.
_TURN: Final = "_turn"
# Characters of a statement; a cluster reads 16 MB.
# https://docs.aws.amazon.com/redshift/latest/dg/c_redshift-sql.html
_LONGEST: Final = 1_000_000
# What a statement is ended with that took too long: here one that waits for a lock.
_ENDED: Final = "57014"


class RedshiftKeeper(PostgresKeeper):
    """Result tables in a schema of a Redshift cluster or workgroup.

    A transaction that writes locks a table of its own until it ends. One that reads takes no lock, and
    sees what was whole when it began.
    """

    engine: ClassVar[type[Postgres]] = Redshift

    def begin(self, *, writes: bool, wait_seconds: float, tag: str) -> None:
        self._tagged(tag)
        place = {**self._options, "schema": self._schema, "statement_timeout": 0}
        if writes and _TURN not in self.relations():
            self.create_schema()
            self.execute(
                f"create table if not exists {quoted(self._schema)}.{_TURN} (waits_for bigint)"
            )
        self._send("begin" if writes else Redshift.begins)
        for statement in _settings(place):
            self._send(statement)
        if writes:
            self._take_turn(wait_seconds)

    def _take_turn(self, wait_seconds: float) -> None:
        # before any other statement: the transaction sees what was whole when that began
        # https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
        self._send(f"set statement_timeout to {max(1, round(wait_seconds * 1000))}")
        turn = f"{self._tag}lock table {quoted(self._schema)}.{_TURN}"
        try:
            send(self._connection, turn)
        except self._server.errors as error:
            if error.sqlstate != _ENDED:
                raise self._server.refused(error, turn) from error
            self._send("rollback")
            rows = self.fetch(_HOLDER.format(schema=as_sql(self._schema), turn=as_sql(_TURN)))
            holder = ", ".join(f"process {row['pid']}" for row in rows.to_pylist())
            told = f"another session{f' ({holder})' if holder else ''}"
            raise InUse(f"{told}; waited {wait_seconds:g} s") from error
        self._send("set statement_timeout to 0")

    def _bring(self, table: str, rows: pa.Table) -> None:
        # its COPY reads files of S3 alone
        for statement in inserts("driftline_rows", table, rows, self.engine.dialect, most=_LONGEST):
            self._send(self._tag + statement)

    def lacking(self, names: Collection[str], *, writes: bool) -> tuple[str, ...]:
        return super().lacking({*names, _TURN} if writes else names, writes=writes)


# Who holds the lock.
_HOLDER: Final = """
select distinct l.pid
from pg_locks as l
inner join pg_class as c on c.oid = l.relation
inner join pg_namespace as n on n.oid = c.relnamespace
where n.nspname = {schema} and c.relname = {turn} and l.granted
"""
