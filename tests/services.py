"""What stands for services that no machine can install, behind the drivers that users have.

Trino's and BigQuery's drivers talk to HTTP of the tests' own, Redshift's to a PostgreSQL, Snowflake's
to fakesnow, and Databricks' is a module of the tests' own: what answers is DuckDB, ZetaSQL or
PostgreSQL. They show that sessions connect, ask, read and fail rightly; not what a service itself does.
"""

from __future__ import annotations

import base64
import json
import math
import re
import sys
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar, Final
from unittest.mock import patch

import analysers
import duckdb
import postgres_server
import pyarrow as pa
import pytest
from engine_parity import Column, Mixed

from driftline.engine.sqltext import quoted
from driftline.engine.warehouses import class_of
from driftline.engine.warehouses.base import Warehouse

TOKEN: Final = "s3cr3t/token"


class Service(ABC):
    """A stand-in, as `engine_parity` has its engines.

    Attributes:
        type: Of a connection to it.
        options: The keys of one.
        wrong: Keys of one that is not answered, a secret among them where there is one.
        missing: A module that its driver is in.
    """

    type: ClassVar[str]
    options: Mapping[str, object]
    wrong: Mapping[str, object]
    missing: ClassVar[str]
    lacks: ClassVar[Mapping[str, str]] = {}
    samples: ClassVar[Mapping[str, str]] = {}
    view: ClassVar = "create or replace view"

    @property
    def dialect(self) -> str:
        """The name of its SQL in sqlglot."""
        return self.type

    @abstractmethod
    def create(self, name: str, columns: Mapping[str, Column], rows: pa.Table) -> None:
        """Make a table anew."""

    def open(self) -> Warehouse:
        """A session as a run has one."""
        found = class_of(self.type)
        assert found is not None
        return found(self.options)

    def unanswered(self) -> AbstractContextManager[object]:
        """While it lasts, a connection by the keys in `wrong` is not answered."""
        return nullcontext()

    def own_types(self, side: str, mixed: Mixed) -> Mapping[str, Column]:
        """Columns of types that it alone has."""
        del side, mixed
        return {}


class Keeping(Service):
    """One that result tables can be in.

    Attributes:
        whole: Its word for whole numbers.
        cascade: What follows the name of a schema that is dropped with all that is in it.
        is_slow: Whether it takes seconds for what takes others none.
    """

    whole: ClassVar[str] = "bigint"
    cascade: ClassVar[str] = " cascade"
    is_slow: ClassVar[bool] = False

    @abstractmethod
    def execute(self, statement: str) -> None:
        """Run a statement in the service's own words that may write."""

    @abstractmethod
    def create_as(self, name: str, query: str) -> None:
        """Make a table anew of what a query finds."""


class OfDuckDB(Keeping):
    """One whose statements a DuckDB answers, once they are said in its words."""

    def __init__(self) -> None:
        self.duckdb = duckdb.connect()
        self.duckdb.execute("set timezone = 'UTC'")
        self.sent: list[str] = []
        self._lock = threading.Lock()

    def create(self, name: str, columns: Mapping[str, Column], rows: pa.Table) -> None:
        del columns
        with self._lock:
            self.duckdb.register("arrow", rows)
            self.duckdb.execute(f"create or replace table {quoted(name)} as from arrow")
            self.duckdb.unregister("arrow")

    def answer(self, sql: str, schema: str | None = None) -> pa.Table:
        """Rows of a statement.

        Args:
            sql: The statement.
            schema: Where its session looks names up.

        Raises:
            duckdb.Error: When DuckDB refuses it.
        """
        self.sent.append(sql)
        told = self.in_duckdb(sql)
        with self._lock:
            if not told:
                return pa.table({})
            known = self.duckdb.execute("select schema_name from information_schema.schemata")
            there = {name for (name,) in known.fetchall()}
            self.duckdb.execute(f"set schema = '{schema if schema in there else 'main'}'")
            return self.duckdb.execute(told).to_arrow_table()

    def in_duckdb(self, sql: str) -> str:
        """A statement in DuckDB's words."""
        import sqlglot
        from sqlglot import exp

        tree = sqlglot.parse_one(sql, read=self.dialect)
        for each in list(tree.find_all(exp.ColumnConstraint)):
            if isinstance(each.kind, exp.CommentColumnConstraint):
                each.pop()
        for made in list(tree.find_all(exp.SchemaCommentProperty)):
            made.pop()
        for column in tree.find_all(exp.ColumnDef):
            if not column.args.get("kind") and isinstance(column.parent, exp.Schema):
                column.replace(column.this)
        said = tree.sql(dialect="duckdb")
        return re.sub(r"DECODE\((UNHEX\(.*?''\)\))(, 'utf-8')?\)", r"DECODE(\1)", said)

    def execute(self, statement: str) -> None:
        self.answer(statement)

    def create_as(self, name: str, query: str) -> None:
        with self._lock:
            self.duckdb.execute(f"create or replace table main.{name} as {query}")


# --- Trino --------------------------------------------------------------------------------------------

# What is asked of a Trino alone.
_ABOUT_TRINO: Final = "version()"


class Trino(OfDuckDB):
    """Trino's HTTP in front of a DuckDB."""

    type: ClassVar = "trino"
    missing: ClassVar = "trino"

    def __init__(self) -> None:
        super().__init__()
        self.headers: list[Mapping[str, str]] = []

    def listens(self, port: int) -> None:
        """Take connections on a port."""
        self.options = {
            "host": "127.0.0.1",
            "port": port,
            "user": "monitor",
            "catalog": "hive",
            "schema": "sales",
        }
        self.wrong = {**self.options, "port": 1, "password": TOKEN, "connect_timeout": 2}

    def respond(self, method: str, path: str, body: str, headers: Mapping[str, str]) -> Any:
        """The status and answer of a request."""
        del path
        if method == "DELETE":
            return 204, {}
        self.headers.append(headers)
        number = uuid.uuid4().hex
        told: dict[str, Any] = {"id": number, "infoUri": "", "stats": {"state": "FINISHED"}}
        try:
            schema = headers.get("X-Trino-Schema")
            table = self._about() if _ABOUT_TRINO in body else self._asked(body, schema)
        except duckdb.Error as error:
            name = "TABLE_NOT_FOUND" if "does not exist" in str(error) else "GENERIC_USER_ERROR"
            told["error"] = {
                "message": f"line 1:15: {str(error).splitlines()[0]}",
                "errorCode": 1,
                "errorName": name,
                "errorType": "USER_ERROR",
            }
            return 200, told
        names = [_of_trino(field.type) for field in table.schema]
        told["columns"] = [
            {"name": column, "type": name, "typeSignature": _signature(name)}
            for column, name in zip(table.column_names, names, strict=True)
        ]
        rows = zip(*(map(_json, column.to_pylist()) for column in table.columns), strict=True)
        told["data"] = [list(row) for row in rows]
        return 200, told

    def _asked(self, sql: str, schema: str | None) -> pa.Table:
        if sql.startswith("show stats for "):
            name = sql.removeprefix("show stats for ")
            rows = self.answer(f"select count(*) from {name}").column(0)[0].as_py()
            return pa.table({"column_name": ["age", None], "row_count": [None, float(rows)]})
        return self.answer(sql, schema)

    @staticmethod
    def _about() -> pa.Table:
        return pa.table({"version": ["481"], "time_zone": ["UTC"], "person": ["monitor"]})


def _of_trino(type_: pa.DataType) -> str:
    words = {
        pa.int64(): "bigint",
        pa.float64(): "double",
        pa.string(): "varchar",
        pa.bool_(): "boolean",
        pa.date32(): "date",
        pa.int32(): "integer",
        pa.binary(): "varbinary",
    }
    return analysers.word_of(
        type_,
        words,
        zoned="timestamp(6) with time zone",
        naive="timestamp(6)",
        decimal="decimal({}, {})",
    )


def _signature(name: str) -> dict[str, Any]:
    raw = re.sub(r"\(.*?\)", "", name)
    numbers = [int(each) for each in re.findall(r"\d+", name)] or [2_147_483_647]
    return {"rawType": raw, "arguments": [{"kind": "LONG", "value": each} for each in numbers]}


def _json(value: object) -> object:
    match value:
        case float() if not math.isfinite(value):
            return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
        case datetime():
            zone = " UTC" if value.tzinfo else ""
            return f"{value:%Y-%m-%d %H:%M:%S.%f}{zone}"
        case date() | Decimal():
            return str(value)
        case bytes():
            return base64.b64encode(value).decode()
    return value


@contextmanager
def trino() -> Iterator[Trino]:
    """One that listens until the end of the block."""
    made = Trino()
    with listening(made.respond) as port:
        made.listens(port)
        yield made


@contextmanager
def listening(respond: Callable[..., tuple[int, Any]]) -> Iterator[int]:
    """HTTP on a port of this machine's own, whose answers are JSON."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Answer a request of any kind."""
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            status, told = respond(self.command, self.path, body, dict(self.headers))
            answer = json.dumps(told).encode() if status != 204 else b""
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_DELETE = do_POST  # noqa: N815

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# --- BigQuery -----------------------------------------------------------------------------------------


class BigQuery(OfDuckDB):
    """BigQuery's HTTP in front of ZetaSQL, Google's own evaluator of its SQL.

    Results, which ZetaSQL cannot keep, are a DuckDB's: what is asked of another dataset than that of the
    connection, or of none.
    """

    type: ClassVar = "bigquery"
    missing: ClassVar = "google.cloud"

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, pa.Table] = {}
        self.jobs: dict[str, tuple[list[tuple[str, str]], list[dict[str, Any]]]] = {}
        self.configured: list[Mapping[str, Any]] = []
        self._zetasql: analysers.BigQuery | None = None

    def listens(self, port: int) -> None:
        """Take connections on a port."""
        self.options = {
            "project": "lake",
            "dataset": "sales",
            "endpoint": f"http://127.0.0.1:{port}",
            "maximum_bytes_billed": 10**9,
        }
        self.wrong = {**self.options, "endpoint": "http://127.0.0.1:1"}

    def create(self, name: str, columns: Mapping[str, Column], rows: pa.Table) -> None:
        del columns
        self.tables[name] = rows
        self._zetasql = None

    def create_as(self, name: str, query: str) -> None:
        with self._lock:
            self.tables[name] = self.duckdb.execute(query).to_arrow_table()
        self._zetasql = None

    def in_duckdb(self, sql: str) -> str:
        sql = re.sub(r" ?OPTIONS \(description = '(?:[^'\\]|\\.)*'\)", "", sql)
        sql = re.sub(r"\w+\.INFORMATION_SCHEMA\.", "information_schema.", sql)
        # to sqlglot that is one name
        return re.sub(
            r'"(information_schema)\.(\w+)"', r"\1.\2", super().in_duckdb(sql), flags=re.IGNORECASE
        )

    def respond(self, method: str, path: str, body: str, headers: Mapping[str, str]) -> Any:
        """The status and answer of a request."""
        del headers
        words = path.partition("?")[0].strip("/").split("/")
        if method == "POST" and words[-1] == "jobs":
            return self._job(json.loads(body))
        if "queries" in words:
            return self._rows(words[-1])
        if "tables" in words:
            rows = self.tables[words[-1]].num_rows
            return 200, {
                "tableReference": {"projectId": "lake", "datasetId": "sales", "tableId": words[-1]},
                "type": "TABLE",
                "numRows": str(rows),
            }
        if words[-2] == "datasets":
            asked = f"select 1 from information_schema.schemata where schema_name = '{words[-1]}'"
            if not self.answer(asked).num_rows:
                said = f"Not found: Dataset {words[-1]}"
                return 404, {
                    "error": {"code": 404, "message": said, "errors": [{"reason": "notFound"}]}
                }
            return 200, {"datasetReference": {"projectId": "lake", "datasetId": words[-1]}}
        return 200, {"status": {"state": "DONE"}, "jobReference": _reference(words[-1])}

    def _job(self, told: Mapping[str, Any]) -> Any:
        configuration = told["configuration"]
        query, dry = configuration["query"]["query"], configuration.get("dryRun", False)
        self.configured.append(configuration)
        number = told.get("jobReference", {}).get("jobId", uuid.uuid4().hex)
        try:
            dataset = configuration["query"].get("defaultDataset", {}).get("datasetId")
            if dataset == self.options["dataset"] or "session_user()" in query:
                columns, rows = self._asked(query, dry=dry)
            else:
                columns, rows = self._kept(query, dataset)
        except Exception as error:  # noqa: BLE001 - ZetaSQL's own
            said = str(error)
            reason = "notFound" if "not found" in said.lower() else "invalidQuery"
            return 400, {"error": {"code": 400, "message": said, "errors": [{"reason": reason}]}}
        self.jobs[number] = (columns, rows)
        statistics = {"totalBytesProcessed": "8", "query": {"schema": _schema(columns)}}
        return 200, {
            "jobReference": _reference(number),
            "status": {"state": "DONE"},
            "configuration": configuration,
            "statistics": {
                **statistics,
                "query": {**statistics["query"], "statementType": "SELECT"},
            },  # type: ignore[dict-item]
        }

    def _asked(self, query: str, *, dry: bool) -> Any:
        if self._zetasql is None:
            self._zetasql = analysers.BigQuery(self.tables)
        if "session_user()" in query:
            row = {"person": "monitor@lake.iam.gserviceaccount.com", "time_zone": "UTC"}
            return [("person", "STRING"), ("time_zone", "STRING")], [row]
        return self._zetasql.typed(query, empty=dry)

    def _kept(self, query: str, dataset: str | None) -> Any:
        found = self.answer(query, dataset)
        if found.column_names in ([], ["Count"]):
            return [], []
        words = {
            pa.int64(): "INTEGER",
            pa.int32(): "INTEGER",
            pa.float64(): "FLOAT",
            pa.string(): "STRING",
            pa.bool_(): "BOOLEAN",
            pa.date32(): "DATE",
            pa.binary(): "BYTES",
        }
        columns = [
            (
                field.name,
                analysers.word_of(
                    field.type, words, zoned="TIMESTAMP", naive="DATETIME", decimal="NUMERIC"
                ),
            )
            for field in found.schema
        ]
        return columns, found.to_pylist()

    def _rows(self, number: str) -> Any:
        columns, rows = self.jobs[number]
        if not columns:
            return 200, {"jobReference": _reference(number), "jobComplete": True}
        return 200, {
            "jobReference": _reference(number),
            "jobComplete": True,
            "schema": _schema(columns),
            "totalRows": str(len(rows)),
            "rows": [{"f": [{"v": _of_bigquery(v)} for v in row.values()]} for row in rows],
        }


def _reference(number: str) -> dict[str, str]:
    return {"projectId": "lake", "jobId": number, "location": "EU"}


def _schema(columns: list[tuple[str, str]]) -> dict[str, Any]:
    return {"fields": [{"name": name, "type": kind, "mode": "NULLABLE"} for name, kind in columns]}


def _of_bigquery(value: object) -> object:
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return value.isoformat()
        case float() if not math.isfinite(value):
            return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
        case float():
            return repr(value)
    return str(value)


@contextmanager
def bigquery() -> Iterator[BigQuery]:
    """One that listens until the end of the block."""
    made = BigQuery()
    with listening(made.respond) as port:
        made.listens(port)
        yield made


# --- Redshift -----------------------------------------------------------------------------------------


class Redshift(Keeping):
    """A PostgreSQL with what Redshift has beside it."""

    type: ClassVar = "redshift"
    missing: ClassVar = "adbc_driver_postgresql"

    def __init__(self, server: postgres_server.Server) -> None:
        self._server = server
        self.options = {**server.options, "schema": "sales"}
        self.wrong = {"host": "/nowhere", "user": "x", "password": TOKEN}
        server.execute("create schema if not exists sales")
        server.execute(
            'create or replace view svv_table_info as select schemaname as "schema",'
            ' tablename as "table", 640 as tbl_rows from pg_tables'
        )

    def create(self, name: str, columns: Mapping[str, Column], rows: pa.Table) -> None:
        self._server.create(name, columns, rows)
        self._server.execute(f"drop table if exists sales.{quoted(name)}")
        self._server.execute(f"alter table {quoted(name)} set schema sales")

    def execute(self, statement: str) -> None:
        self._server.execute(statement.replace("VARCHAR(MAX)", "TEXT"))

    def create_as(self, name: str, query: str) -> None:
        self.execute(f"drop table if exists sales.{name}")
        self.execute(f"create table sales.{name} as {query}")


@contextmanager
def redshift(server: postgres_server.Server) -> Iterator[Redshift]:
    """A server of PostgreSQL's, told the words that it lacks, until the end of the block."""
    import sqlglot
    from adbc_driver_postgresql import dbapi

    from driftline.engine.warehouses import postgres

    answer, send, connect = postgres._answer, postgres.send, dbapi.connect
    words = {
        "VARCHAR(MAX)": "TEXT",
        "VARBYTE(16777216)": "BYTEA",
        "FROM_HEX(": "public.from_hex(",
        "begin read only": "begin isolation level repeatable read, read only",
    }

    def said(sql: str) -> str:
        if "QUALIFY" in sql:
            sql = sqlglot.transpile(sql, read="redshift", write="postgres")[0]
        if "CREATE TABLE" in sql:
            # its texts are ordered by their bytes
            sql = sql.replace("VARCHAR(MAX)", 'TEXT COLLATE "C"')
        for theirs, ours in words.items():
            sql = sql.replace(theirs, ours)
        return re.sub(
            r"DATEDIFF\(\s*microsecond,", "public.microseconds(", sql, flags=re.IGNORECASE
        )

    def connected(*given: Any, **more: Any) -> Any:
        made = connect(*given, **more)
        for name in ("standard_conforming_strings", "escape_string_warning"):
            send(made, f"set {name} to off")
        return made

    server.execute(
        "create or replace function public.from_hex(digits text) returns bytea language sql"
        " return decode(digits, 'hex')"
    )
    server.execute(
        "create or replace function public.microseconds(a timestamp, b timestamp) returns bigint"
        " language sql return cast(extract(epoch from b - a) * 1000000 as bigint)"
    )
    with (
        patch.object(postgres, "_answer", lambda cursor, sql: answer(cursor, said(sql))),
        patch.object(postgres, "send", lambda connection, sql: send(connection, said(sql))),
        patch.object(dbapi, "connect", connected),
    ):
        yield Redshift(server)


# --- Snowflake ----------------------------------------------------------------------------------------


class Snowflake(Keeping):
    """Snowflake's own driver over fakesnow."""

    type: ClassVar = "snowflake"
    missing: ClassVar = "snowflake"

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.options = {
            "account": "fake",
            "user": "monitor",
            "password": TOKEN,
            "database": "rehearsal",
            "schema": "public",
        }
        self.wrong = self.options

    def unanswered(self) -> AbstractContextManager[object]:
        from snowflake import connector

        error = connector.errors.DatabaseError(msg=f"no answer to {TOKEN}", errno=250001)
        return patch.object(connector, "connect", side_effect=error)

    def create(self, name: str, columns: Mapping[str, Column], rows: pa.Table) -> None:
        del columns
        self.execute(f"drop table if exists {quoted(name)}")
        analysers.Snowflake(self._connection, {name: rows})

    def execute(self, statement: str) -> None:
        self._connection.cursor().execute(statement)

    def create_as(self, name: str, query: str) -> None:
        # as who made it quoted its name
        self._connection._duck_conn.execute(
            f'create or replace table rehearsal.public."{name}" as {query}'
        )


@contextmanager
def snowflake() -> Iterator[Snowflake]:
    """A fakesnow in the driver's place until the end of the block, with what its cursors lack."""
    from fakesnow.cursor import FakeSnowflakeCursor
    from snowflake import connector

    def fetched(cursor: Any, force_return_table: bool = False) -> pa.Table:
        del force_return_table
        return cursor._arrow_table

    execute = FakeSnowflakeCursor.execute
    writing: set[int] = set()

    def executed(cursor: Any, command: str, *given: Any, **more: Any) -> Any:
        # what makes or drops a table ends a transaction, also where sessions commit by themselves
        first = re.sub(r"^\s*/\*.*?\*/\s*", "", command, flags=re.DOTALL).split(None, 1)[0].lower()
        if "set lock_timeout" in command:
            return execute(cursor, "select 1 as one")
        if first == "create":
            # where a comment has a quote in it
            command = re.sub(r"\bCOMMENT( =)? '(?:[^'\\]|\\.|'')*'", "", command)
        number = id(cursor._conn)
        if first in ("create", "drop", "alter", "comment", "use") and number in writing:
            execute(cursor, "commit")
            writing.discard(number)
        if first == "begin":
            writing.add(number)
        elif first in ("commit", "rollback"):
            writing.discard(number)
        try:
            return execute(cursor, command, *given, **more)
        except duckdb.TransactionException as error:
            # where Snowflake would wait for the lock that another session has, and give up
            raise connector.errors.ProgrammingError(msg=str(error), errno=625) from error

    with (
        analysers.snowflake({}) as session,
        patch.object(FakeSnowflakeCursor, "fetch_arrow_all", fetched, create=True),
        patch.object(FakeSnowflakeCursor, "execute", executed),
        # it takes `$x` in a text for a variable
        patch.object(FakeSnowflakeCursor, "_inline_variables", lambda _, sql: sql),
    ):
        connection = session._cursor._conn
        for name in ("current_warehouse", "current_role"):
            connection._duck_conn.execute(f"create or replace macro {name}() as 'MONITORS'")
        yield Snowflake(connection)


# --- Databricks ---------------------------------------------------------------------------------------


class Databricks(OfDuckDB):
    """A module in place of the SQL connector, over a DuckDB."""

    type: ClassVar = "databricks"
    missing: ClassVar = "databricks"

    def __init__(self) -> None:
        super().__init__()
        self.connected: list[Mapping[str, Any]] = []
        self.options = {"host": "https://adb-1.azuredatabricks.net", "http_path": "/sql/1.0/w"}
        self.options |= {"token": TOKEN, "catalog": "main", "schema": "sales"}
        self.wrong = {**self.options, "host": "nowhere.azuredatabricks.net"}

    def module(self) -> Mapping[str, ModuleType]:
        """What stands for the driver's package."""
        made = ModuleType("databricks")
        made.sql = sql = ModuleType("databricks.sql")  # type: ignore[attr-defined]

        class Error(Exception):
            """What the driver raises."""

        sql.exc = SimpleNamespace(  # type: ignore[attr-defined]
            Error=Error,
            RequestError=type("RequestError", (Error,), {}),
            InterfaceError=type("InterfaceError", (Error,), {}),
        )
        service = self

        class Cursor:
            def __init__(self, schema: str | None) -> None:
                self.schema = schema

            def __enter__(self) -> Cursor:
                return self

            def __exit__(self, *error: object) -> None:
                pass

            def execute(self, statement: str) -> None:
                self._table = service.said(statement, sql.exc, self.schema)

            def fetchall_arrow(self) -> pa.Table:
                return self._table

            def cancel(self) -> None:
                pass

        def connect(**told: Any) -> Any:
            if told["server_hostname"].startswith("nowhere"):
                raise sql.exc.RequestError(f"no answer to {told['access_token']}")
            service.connected.append(told)
            cursor = partial(Cursor, told.get("schema"))
            return SimpleNamespace(cursor=cursor, close=lambda: None)

        sql.connect = connect  # type: ignore[attr-defined]
        return {"databricks": made, "databricks.sql": sql}

    def said(self, statement: str, errors: Any, schema: str | None = None) -> pa.Table:
        """What the service answers."""
        if statement.startswith("set "):
            self.sent.append(statement)
            return pa.table({})
        if "current_timezone()" in statement:
            return pa.table({"version": ["4.0"], "time_zone": ["UTC"], "user": ["monitor"]})
        if statement.startswith("explain "):
            return pa.table({"plan": ["Relation, Statistics(sizeInBytes=8 B, rowCount=640)\n\n"]})
        described = statement.removeprefix("describe query ")
        try:
            table = self.answer(described, schema)
        except duckdb.Error as error:
            missing = "does not exist" in str(error)
            condition = "TABLE_OR_VIEW_NOT_FOUND" if missing else "INVALID"
            raise errors.Error(f"[{condition}] {error}. SQLSTATE: 42P01") from error
        if described == statement:
            return table
        return pa.table(
            {
                "col_name": table.column_names,
                "data_type": [_of_databricks(field.type) for field in table.schema],
            }
        )


def _of_databricks(type_: pa.DataType) -> str:
    words = {
        pa.int64(): "bigint",
        pa.float64(): "double",
        pa.string(): "string",
        pa.bool_(): "boolean",
        pa.date32(): "date",
    }
    return analysers.word_of(
        type_, words, zoned="timestamp", naive="timestamp_ntz", decimal="decimal({},{})"
    )


@contextmanager
def databricks() -> Iterator[Databricks]:
    """The module in the driver's place until the end of the block."""
    made = Databricks()
    with pytest.MonkeyPatch.context() as patched:
        for name, module in made.module().items():
            patched.setitem(sys.modules, name, module)
        yield made
