"""Redshift: tables, views and queries of a cluster or workgroup, through PostgreSQL's driver."""

from __future__ import annotations

from typing import ClassVar, Final

from driftline.engine.errors import SourceError, StatementError
from driftline.engine.project import Source
from driftline.engine.sqltext import as_sql, quoted
from driftline.engine.warehouses.base import About, Column, Keeps
from driftline.engine.warehouses.postgres import Postgres, send

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
    # it has no locks that a session takes by name
    keeps: Keeps | None = None

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
        # https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_ConfigurationRef.html
        settings = {"timezone": "UTC", "datestyle": "ISO", "extra_float_digits": "2"}
        if "statement_timeout" in self._options:
            settings["statement_timeout"] = str(
                int(str(self._options["statement_timeout"])) * 1_000
            )
        for name, value in settings.items():
            send(self._connection, f"set {name} to {as_sql(value)}")
        if "schema" in self._options:
            send(self._connection, f"set search_path to {quoted(str(self._options['schema']))}")
        send(self._connection, "set seed to 0.42")
