"""ClickHouse for tests: its engine in this process, and a server's HTTP in front of it."""

from __future__ import annotations

import base64
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
from engine_parity import Column, Mixed

from driftline.engine.dialects import spelled
from driftline.engine.project import Source
from driftline.engine.warehouses.clickhouse import ClickHouse

# ClickHouse's words for DuckDB's types.
TYPES: Final = {
    "smallint": "Int16",
    "integer": "Int32",
    "bigint": "Int64",
    "double": "Float64",
    "float": "Float32",
    "varchar": "String",
    "blob": "String",
    "boolean": "Bool",
    "date": "Date32",
    "timestamp": "DateTime64(6)",
    "timestamptz": "DateTime64(6, 'Asia/Tokyo')",
}


@dataclass(frozen=True)
class Engine:
    """The engine over a folder, as `engine_parity` has its engines.

    Attributes:
        options: The keys of a connection to it.
        client: What may write.
    """

    options: Mapping[str, object]
    client: Any

    type: ClassVar = "clickhouse"
    dialect: ClassVar = "clickhouse"
    whole: ClassVar = "Int64"
    cascade: ClassVar = ""
    is_slow: ClassVar = False
    view: ClassVar = "create or replace view"
    samples: ClassVar = {"query": "-- all", "view": "cityhash64", "table": "_part_offset"}
    lacks: ClassVar[Mapping[str, str]] = {"bytes": "its texts are bytes"}

    def create(self, name: str, columns: Mapping[str, Column], rows: pa.Table) -> None:
        """Make a table anew from DuckDB's rows."""
        table = spelled(Source(name, table=(name,)), self.dialect)
        typed = ", ".join(
            f"{spelled(Source(title, table=(title,)), self.dialect)} {_nullable(column)}"
            for title, column in columns.items()
        )
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.arrow"
            plain = rows.rename_columns([f"c{k}" for k in range(rows.num_columns)])
            with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, plain.schema) as writer:
                writer.write_table(plain)
            self.client.command(f"drop table if exists {table}")
            self.client.command(
                f"create table {table} ({typed}) engine = MergeTree order by tuple()"
            )
            # by place: names may be whatever users think of
            by_place = "settings use_structure_from_insertion_table_in_table_functions = 0"
            self.client.command(
                f"insert into {table} select * from file('{file}', 'Arrow') {by_place}"
            )

    def execute(self, statement: str) -> None:
        """Run a statement that may write."""
        self.client.command(statement)

    def open(self) -> ClickHouse:
        """A session as a run has one."""
        return ClickHouse(self.options)

    def own_types(self, side: str, mixed: Mixed) -> Mapping[str, Column]:
        """Columns of types that it alone has."""
        del side
        words = [f"w{k % 11}" for k in range(3_000)]
        uuids = [f"00000000-0000-0000-0000-{k % 30:012}" for k in range(3_000)]
        names = ", ".join(f"'w{k}' = {k}" for k in range(11))
        return {
            "few words": Column("varchar", mixed(words), "LowCardinality(Nullable(String))"),
            "enumeration": Column("varchar", mixed(words), f"Nullable(Enum8({names}))"),
            "uuid": Column("varchar", mixed(uuids), "Nullable(UUID)"),
            "unsigned": Column(
                "ubigint", mixed([str(2**63 + k) for k in range(3_000)]), "Nullable(UInt64)"
            ),
            "never null": Column("integer", [str(k % 90) for k in range(3_000)], "Int32"),
            "word": Column("varchar", [f"w{k % 7}" for k in range(3_000)], "String"),
        }


def _nullable(column: Column) -> str:
    if column.there is not None:
        return column.there
    return f"Nullable({TYPES.get(column.type, column.type)})"


@contextmanager
def running() -> Iterator[Engine]:
    """The engine over a folder until the end of the block."""
    import clickhouse_connect

    folder = tempfile.mkdtemp(prefix="driftline-")
    try:
        with closing(clickhouse_connect.get_client(interface="chdb", path=folder)) as client:
            # what a server's own profile may say, and a session of ours must not
            client.command("set session_timezone = 'UTC'")
            yield Engine({"path": folder}, client)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Front:
    """HTTP as a ClickHouse server speaks it, in front of the engine of this process.

    Attributes:
        options: The keys of a connection to it.
        killed: Statements that were asked to end, by what asked.
        lost_at: A word of statements whose connection breaks.
        held_at: A word of statements that last until one is asked to end.
        extra: Settings that the user has.
    """

    user, password = "monitor", "p@ss/word"

    def __init__(self, folder: str) -> None:
        """Listen on a port of this machine's own."""
        import chdb

        self.killed: list[str] = []
        self.lost_at = self.held_at = ""
        self.extra: dict[str, str] = {}
        self.ended = threading.Event()
        self._engine = chdb.connect(folder)
        self._lock = threading.Lock()
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                """Answer a statement."""
                told = parse_qs(urlsplit(self.path).query)
                sql = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                sql = sql or told["query"][0]
                if front.lost_at and front.lost_at in sql:
                    self.connection.close()
                    self.close_connection = True
                    return
                asked = {name: values[0] for name, values in told.items()}
                code, answer = front.answer(sql, asked, self.headers.get("Authorization", ""))
                self.send_response(200 if not code else 500)
                if code:
                    self.send_header("X-ClickHouse-Exception-Code", str(code))
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST  # noqa: N815

            def log_message(self, *words: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.options = {
            "host": "127.0.0.1",
            "port": self._server.server_address[1],
            "user": self.user,
            "password": self.password,
        }

    def answer(self, sql: str, asked: Mapping[str, str], authorization: str) -> tuple[int, bytes]:
        """The code of an error or 0, and what to say."""
        known = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if authorization != f"Basic {known}":
            return 516, b"Code: 516. DB::Exception: wrong p@ss/word. (AUTHENTICATION_FAILED)"
        if sql.lower().startswith("kill query"):
            self.killed.append(sql)
            self.ended.set()
            return 0, b""
        if self.held_at and self.held_at in sql:
            self.ended.wait(60)
            return 394, b"Code: 394. DB::Exception: Query was cancelled. (QUERY_WAS_CANCELLED)"
        # what a server takes from the address, the engine takes from the statement
        own = {
            *("database", "query", "query_id", "session_id", "client_protocol_version"),
            *("wait_end_of_query", "buffer_size", "compress", "default_format"),
        }
        settings = {name: value for name, value in asked.items() if name not in own} | self.extra
        told = ", ".join(f"{name} = '{value}'" for name, value in settings.items())
        sql += f" settings {told}" if told else ""
        with self._lock:
            try:
                return 0, bytes(self._engine.query(sql, "TabSeparated").bytes())
            except RuntimeError as error:
                self._engine.query("select 1", "TabSeparated")
                found = re.search(r"Code: (\d+)", str(error))
                return int(found[1]) if found else 1, str(error).encode()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._engine.close()
