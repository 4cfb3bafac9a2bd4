"""A Spark connection as a user meets it: sessions, clusters, servers, files, partitions, failures."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest
import spark_server
from connected import AT, stored
from engine_parity import same_rows
from typer.testing import Result

import driftline
from driftline.engine.config import load_project
from driftline.engine.errors import ConfigError, SourceError, StatementError, WarehouseError
from driftline.engine.project import Source
from driftline.engine.warehouses.spark import Spark
from driftline.engine.warehouses.sparksql import kind_of

Cli = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("wide_terminal")

DRIFTLINE: Final = (sys.executable, "-c", "from driftline.cli import main; main()")
MONITOR: Final = """
results: {to: results.duckdb}
monitors:
  - name: churn
    production: {table: "scored/*.parquet", timestamp: at, window: {size: P10D}}
    reference: {table: training.parquet}
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tables of a model as Parquet, one of them in folders of a day each."""
    folder = tmp_path_factory.mktemp("files")
    rows = (
        "select timestamp '{start}' + to_hours(cast(i as int)) as at, cast(i % 97 + {moved} as double)"
        " as age, 'x' || (i % 5) as city from range({rows}) as numbers (i)"
    )
    with duckdb.connect() as con:
        training = rows.format(start="2026-01-01", rows=960, moved=0)
        scored = rows.format(start="2026-02-01", rows=480, moved=12)
        con.execute(f"copy ({training}) to '{folder}/training.parquet'")
        (folder / "scored").mkdir()
        con.execute(f"copy ({scored}) to '{folder}/scored/1.parquet'")
        con.execute(
            f'copy (select *, cast("at" as date) as day from ({scored}))'
            f" to '{folder}/by_day' (format parquet, partition_by (day))"
        )
    return folder


def write(connection: str, files: Path, text: str = MONITOR) -> None:
    for name in ("training.parquet", "scored", "by_day"):
        if not Path(name).exists():
            Path(name).symlink_to(files / name)
    Path("driftline.yml").write_text(f"connection: {{{connection}}}\n{text}", "utf-8")


VALUES: Final = """
select feature, metric, status, breached, round(value, 9), round(p_value, 9)
from metrics where run_id = (select run_id from runs order by started_at desc limit 1) order by all
"""


def of_duckdb(files: Path, cli: Cli) -> list[tuple[Any, ...]]:
    """What DuckDB finds in the same files."""
    write("type: duckdb", files)
    assert cli("run", "--at", AT).exit_code == 1
    found = stored(VALUES)
    Path("results.duckdb").unlink()
    return found


# --- sessions ---------------------------------------------------------------------------------------------


def test_an_open_session_is_read_through_and_left_as_it_was(
    spark: spark_server.Session, files: Path, cli: Cli
) -> None:
    wanted = of_duckdb(files, cli)
    spark.spark.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    try:
        found = driftline.run("driftline.yml", at=AT, connection=spark.spark)
        assert found.exit_code == 1
        assert stored(VALUES) == wanted
        assert stored("select distinct dialect from runs") == [("spark",)]
        assert spark.spark.conf.get("spark.sql.session.timeZone") == "Asia/Tokyo"
        left = [each.name for each in spark.spark.catalog.listTables()]
        assert not [name for name in left if name.startswith("driftline_")]
    finally:
        spark.spark.conf.unset("spark.sql.session.timeZone")


def test_a_session_of_another_kind_is_refused(files: Path) -> None:
    write("type: duckdb", files)
    with pytest.raises(ConfigError, match="not an open session") as caught:
        driftline.run("driftline.yml", at=AT, connection=object())
    assert "Spark session" in str(caught.value)


def test_only_folders_of_the_window_are_read(spark: spark_server.Session, files: Path) -> None:
    text = MONITOR.replace("scored/*.parquet", "by_day/").replace("timestamp: at", "timestamp: day")
    write("type: duckdb", files, text.replace("P10D", "P2D"))
    driftline.run("driftline.yml", at="2026-02-05", connection=spark.spark)
    ((sql,),) = stored("select sql from statements where step = 'profile'")
    plan = str(spark.spark.sql(f"explain formatted {_over_files(sql, files)}").collect()[0][0])
    (filters,) = {*re.findall(r"PartitionFilters: .*", plan)}
    assert "2026-02-03" in filters
    assert "2026-02-05" in filters


def test_filters_reach_the_row_groups_of_files(spark: spark_server.Session, files: Path) -> None:
    write("type: duckdb", files)
    driftline.run("driftline.yml", at=AT, connection=spark.spark)
    ((sql,),) = stored("select sql from statements where step = 'profile'")
    plan = str(spark.spark.sql(f"explain formatted {_over_files(sql, files)}").collect()[0][0])
    pushed = re.findall(r"PushedFilters: \[(.*)\]", plan)
    assert any("GreaterThanOrEqual(at,2026-02-01" in each for each in pushed)
    # of the three columns, the clock alone is read to count rows
    assert "struct<at:timestamp_ntz>" in plan


def _over_files(sql: str, files: Path) -> str:
    """A statement whose views, which are gone, are the files again."""
    places = {"scored": f"{files}/scored/1.parquet", "by_day": f"{files}/by_day"}
    places["training"] = f"{files}/training.parquet"

    def place(found: re.Match[str]) -> str:
        return f"parquet.`{places.get(found[1], places['scored'])}`"

    return re.sub(r"driftline_[0-9a-f]{8}_(\w*)", place, sql)


def test_tables_files_and_columns_that_are_missing_are_named(spark: spark_server.Session) -> None:
    with closing(spark.open()) as session:
        with pytest.raises(SourceError, match=r"there is no table or view nowhere\.x in Spark at"):
            session.columns(Source("nowhere.x", table=("nowhere", "x")))
        with pytest.raises(SourceError, match=r"no file matches /nowhere/x\.parquet"):
            session.columns(Source("/nowhere/x.parquet", files=("/nowhere/x.parquet",)))
        with pytest.raises(SourceError, match="unknown kind of file"):
            session.columns(Source("x.xls", files=("/x.xls",)))
        with pytest.raises(StatementError, match=r"Spark refused a statement: .*no_such") as caught:
            session.fetch("select no_such from range(3)")
        assert "\n" not in caught.value.message
        assert session.fetch("select 1 as one").to_pylist() == [{"one": 1}]


def test_a_statement_that_takes_too_long_is_cancelled_and_says_what_to_do(
    java: None, spark: spark_server.Session
) -> None:
    del java, spark
    with (
        closing(Spark({"statement_timeout": 1})) as session,
        pytest.raises(StatementError, match="took longer than 1 s") as caught,
    ):
        session.fetch(
            "select count(*) from range(100000) a cross join range(1000000) b where a.id + b.id < 0"
        )
    assert "statement_timeout" in str(caught.value)


@pytest.mark.parametrize(
    ("native", "kind"),
    [
        ("bigint", "integer"),
        ("float", "float"),
        ("decimal(10,2)", "decimal"),
        ("varchar(3)", "text"),
        ("timestamp", "timestamptz"),
        ("timestamp_ntz", "timestamp"),
        ("array<int>", "other"),
        ("binary", "other"),
    ],
)
def test_a_type_has_a_kind(native: str, kind: str) -> None:
    assert kind_of(native) == kind


def test_the_demo_gives_the_same_numbers_in_spark(cli: Cli, spark: spark_server.Session) -> None:
    del spark  # it runs in this process, where a session of ours joins it
    assert cli("demo", ".").exit_code == 0
    found = cli("run", "arrival_delay", "--target", "spark", "--at", "2013-07-01")
    assert found.exit_code == 1, found.output
    own, theirs = (_numbers(file) for file in ("driftline.duckdb", "driftline-spark.duckdb"))
    assert len(own) > 60
    assert same_rows(own, theirs)


def _numbers(file: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(file, read_only=True) as con:
        return con.execute(
            # probabilities of segments rest on cells as fine as a grid that a sample places
            "select signal, feature, metric, segment, status, value,"
            " case when segment = '__all__' then p_value end as p from metrics"
            " where monitor = 'arrival_delay' order by all"
        ).fetchall()


# --- what is missing --------------------------------------------------------------------------------------


def test_a_client_that_is_missing_is_named_with_how_to_get_it(
    files: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.errors", None)
    write("type: spark", files)
    found = cli("run", "--at", AT)
    assert found.exit_code == 3
    assert "pip install 'driftline[spark]'" in found.output


def test_a_machine_without_java_is_told_what_to_install(files: Path, cli: Cli) -> None:
    del cli
    write("type: spark, master: 'local[1]'", files)
    found = _another_process("run", "--at", AT, JAVA_HOME="/nowhere")
    assert found.returncode == 3
    assert "Spark needs Java 17 or newer, and there is none in JAVA_HOME=/nowhere" in found.stderr
    assert stored("select status from runs") == [("failed",)]


def test_a_server_that_does_not_answer_is_told_without_its_token(files: Path, cli: Cli) -> None:
    write("type: spark, remote: 'sc://127.0.0.1:1/;token=s3cr3t'", files)
    found = cli("run", "--at", AT)
    assert found.exit_code == 3
    assert "cannot connect to Spark" in found.output
    assert "s3cr3t" not in found.output + str(stored("select error from runs"))


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("master: x, remote: y", "connection: give either `master` or `remote`"),
        ("mastr: x", "connection.mastr: unknown key 'mastr'; did you mean 'master'?"),
        ("conf: [x]", "connection.conf: expected a map"),
    ],
)
def test_a_key_that_is_wrong_is_complained_of(tmp_path: Path, keys: str, complaint: str) -> None:
    file = tmp_path / "driftline.yml"
    file.write_text(f"connection: {{type: spark, {keys}}}\n{MONITOR}", "utf-8")
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        load_project(file)


# --- Sail, which answers Spark's client -------------------------------------------------------------------


@pytest.fixture
def sail(tmp_path: Path) -> Iterator[str]:
    pytest.importorskip("pysail")
    with spark_server.sail(tmp_path) as address:
        yield address


def test_a_server_of_spark_connect_finds_what_duckdb_finds(
    files: Path, cli: Cli, sail: str
) -> None:
    wanted = of_duckdb(files, cli)
    write(f"type: spark, remote: '{sail}'", files)
    found = cli("run", "--at", AT)
    assert found.exit_code == 1, found.output
    assert stored(VALUES) == wanted
    assert cli("debug").exit_code == 0


def test_a_server_lost_in_a_run_stores_nothing_and_the_next_run_repairs(
    files: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pysail")
    sent = Spark.fetch

    def cut(session: Spark, sql: str) -> Any:
        if "step=categories" in sql:
            raise WarehouseError("the connection to Spark was lost: Socket closed", sql=sql)
        return sent(session, sql)

    with spark_server.sail(tmp_path) as address:
        write(f"type: spark, remote: '{address}'", files)
        with monkeypatch.context() as patched:
            patched.setattr(Spark, "fetch", cut)
            assert cli("run", "--at", AT).exit_code == 3
        assert stored("select status from runs") == [("failed",)]
        assert stored("select count(*) from metrics") == [(0,)]
        assert cli("run", "--at", AT).exit_code == 1
    assert stored("select status from runs order by started_at") == [("failed",), ("succeeded",)]


# --- a cluster --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the workers of the cluster write."""
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def master(java: None, logs: Path) -> Iterator[str]:
    """A cluster of a master and two workers."""
    del java
    with spark_server.cluster(logs) as address:
        yield address


def _another_process(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DRIFTLINE, *words],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def _of_cluster(master: str, **more: str) -> str:
    conf = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executor.memory": "512m",
        "spark.sql.shuffle.partitions": "2",
        **more,
    }
    told = ", ".join(f"{key}: '{value}'" for key, value in conf.items())
    return f"type: spark, master: '{master}', conf: {{{told}}}"


def test_a_cluster_counts_partitions_and_sends_no_rows(files: Path, cli: Cli, master: str) -> None:
    text = MONITOR.replace("scored/*.parquet", "by_day/")
    write("type: duckdb", files, text)
    assert cli("run", "--at", AT).exit_code == 1
    wanted = stored(VALUES)
    Path("results.duckdb").unlink()
    write(_of_cluster(master), files, text)
    found = _another_process("run", "--at", AT)
    assert found.returncode == 1, found.stdout + found.stderr
    assert stored(VALUES) == wanted
    # of 720 rows with three columns, counts of the values of a few
    ((fetched, reads),) = stored(
        "select sum(rows_returned), count(*) filter (sql ilike '%select *%from%driftline%' and"
        " sql not ilike '%group by%' and sql not ilike '%count(%') from statements"
    )
    assert fetched < 720
    assert reads == 0


def test_an_executor_that_is_killed_stores_nothing_and_the_next_run_repairs(
    files: Path, cli: Cli, master: str, logs: Path
) -> None:
    del cli
    # a row takes so long that executors are found at work
    slow = (
        f"select `at`, age, concat(city, java_method('java.lang.Thread', 'sleep', cast(20 as bigint)))"
        f" as city from parquet.`{files}/scored`"
    )
    text = MONITOR.replace('table: "scored/*.parquet"', f'query: "{slow}"')
    write(_of_cluster(master, **{"spark.task.maxFailures": "1"}), files, text)
    running = subprocess.Popen(
        [*DRIFTLINE, "run", "--at", AT],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    before = {*logs.glob("app-*")}
    while running.poll() is None:
        new = (each / name for each in {*logs.glob("app-*")} - before for name in ("0", "1"))
        at_work = ("Running task" in (each / "stderr").read_text("utf-8") for each in new)
        with suppress(FileNotFoundError):
            if any(at_work):
                break
        time.sleep(0.1)
    for process in _executors():
        os.kill(process, signal.SIGKILL)
    said, _ = running.communicate()
    assert running.returncode == 3, said
    assert stored("select status from runs") == [("failed",)]
    assert stored("select count(*) from metrics") == [(0,)]
    write(_of_cluster(master), files)
    assert _another_process("run", "--at", AT).returncode == 1
    assert stored("select count(*) > 5 from metrics") == [(True,)]


def _executors() -> list[int]:
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = each.read_bytes()
        except OSError:
            continue
        if b"CoarseGrainedExecutorBackend" in words:
            found.append(int(each.parent.name))
    return found
