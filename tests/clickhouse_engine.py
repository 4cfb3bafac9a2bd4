"""ClickHouse for tests: its engine in this process, and a server's HTTP in front of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

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

    dialect: ClassVar = "clickhouse"
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
