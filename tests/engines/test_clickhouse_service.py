"""A ClickHouse connection as a user meets it: configured, looked at, lost, refused, interrupted.

The server is HTTP of the tests' own in front of the engine in this process: no package brings a server.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from clickhouse_engine import Engine, Front
from connected import AT, MONITOR, stored
from typer.testing import Result

from driftline.engine.compile import compile_project
from driftline.engine.config import load_project
from driftline.engine.errors import ConfigError, SourceError, StatementError, WarehouseError
from driftline.engine.project import Source
from driftline.engine.warehouses.clickhouse import ClickHouse

Cli = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("wide_terminal")

SCORED: Final = Source("scored", table=("scored",))


@pytest.fixture(scope="module", autouse=True)
def tables(clickhouse: Engine) -> None:
    """Two tables of a model, and a view that fails in a column."""
    sides = (("training", "2026-01-01", 960, 0), ("scored", "2026-02-01", 480, 12))
    for name, start, rows, moved in sides:
        clickhouse.execute(f"drop table if exists {name}")
        clickhouse.execute(
            f"create table {name} engine = MergeTree order by at as"
            f" select toDateTime('{start}', 'UTC') + toIntervalHour(number) as at,"
            f" toFloat64(number % 97 + {moved}) as age, concat('x', toString(number % 5)) as city"
            f" from numbers({rows})"
        )
    clickhouse.execute(
        "create or replace view odd as select *,"
        " toFloat64(throwIf(age > 40, 'no such number')) as far from training"
    )


@pytest.fixture(scope="module")
def front(clickhouse: Engine) -> Iterator[Front]:
    made = Front(str(clickhouse.options["path"]))
    yield made
    made.close()


def connection(options: Mapping[str, object]) -> str:
    told = ", ".join(f"{key}: {value}" for key, value in {"type": "clickhouse", **options}.items())
    return f"connection: {{{told}}}\n"


def write(text: str) -> None:
    Path("driftline.yml").write_text(text, "utf-8")


# --- connections that fail --------------------------------------------------------------------------------


def test_a_server_that_does_not_answer_is_an_error_and_a_row_of_the_log(cli: Cli) -> None:
    told = {"host": "127.0.0.1", "port": 1, "user": "x", "password": '"${DB_PASSWORD}"'}
    write(connection(told) + MONITOR)
    found = cli("run", "--at", AT, env={"DB_PASSWORD": "hunter2"})
    assert found.exit_code == 3
    assert "cannot connect to ClickHouse" in found.output
    assert "hunter2" not in found.output
    ((status, error, dialect),) = stored("select status, error, dialect from runs")
    assert (status, dialect) == ("failed", "clickhouse")
    assert "cannot connect to ClickHouse" in error


def test_a_password_that_is_refused_is_never_shown(cli: Cli, front: Front) -> None:
    write(connection({**front.options, "user": "another", "password": '"${SECRET}"'}) + MONITOR)
    for words in (("run", "--at", AT), ("validate", "--resolved"), ("debug",)):
        found = cli(*words, env={"SECRET": front.password})
        assert front.password not in found.output
    assert "AUTHENTICATION_FAILED" not in found.output
    ((error,),) = stored("select error from runs")
    assert "wrong ****" in error


@pytest.mark.parametrize("step", ["profile", "ties"])
def test_a_connection_lost_in_a_run_stores_nothing_and_the_next_run_repairs(
    cli: Cli, front: Front, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write(connection(front.options) + MONITOR)
    with monkeypatch.context() as patched:
        patched.setattr(front, "lost_at", f"step={step}")
        found = cli("run", "--at", AT)
    assert found.exit_code == 3
    assert "the connection to ClickHouse was lost" in found.output
    assert stored("select status from runs") == [("failed",)]
    for table in ("metrics", "histograms", "profiles", "features"):
        assert stored(f"select count(*) from {table}") == [(0,)]
    # one statement failed, and none was tried after it
    assert stored("select count(*) from statements where error is not null") == [(1,)]
    assert cli("run", "--at", AT).exit_code == 1
    assert stored("select status from runs order by started_at") == [("failed",), ("succeeded",)]


@pytest.mark.parametrize(
    ("options", "package", "extra"),
    [({"host": "h"}, "clickhouse_connect", "clickhouse"), ({"path": "tables"}, "chdb", "chdb")],
)
def test_a_package_that_is_missing_is_named_with_how_to_get_it(
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
    options: Mapping[str, object],
    package: str,
    extra: str,
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, package, None)
    write(connection(options) + MONITOR)
    found = cli("run", "--at", AT)
    assert found.exit_code == 3
    assert f"pip install 'driftline[{extra}]'" in found.output


# --- a server -----------------------------------------------------------------------------------------------


def test_a_server_finds_what_the_engine_in_the_process_finds(
    cli: Cli, clickhouse: Engine, front: Front
) -> None:
    found = []
    for options in (clickhouse.options, front.options):
        write(connection(options) + MONITOR)
        assert cli("run", "--at", AT).exit_code == 1
        found.append(
            stored("select feature, metric, value, status, summary from metrics order by all")
        )
    assert found[0] == found[1]
    assert len(found[0]) > 5


def test_a_user_who_only_reads_suffices(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"readonly": "1"}
    monkeypatch.setattr(front, "extra", told)
    with pytest.raises(WarehouseError, match="lets this user change no settings") as caught:
        ClickHouse(front.options)
    hint = str(caught.value.hint)
    own = dict(re.findall(r"(\w+) = '?(\w+)'?", hint.partition("settings ")[2]))
    monkeypatch.setattr(front, "extra", {**own, **told})
    with closing(ClickHouse(front.options)) as session:
        assert [each.name for each in session.columns(SCORED)] == ["at", "age", "city"]
        assert session.fetch("select sum(age) as n from scored where age < 0").to_pylist() == [
            {"n": None}
        ]
        with pytest.raises(StatementError, match="readonly"):
            session.execute("create table mine (a Int8) engine = Memory")


def test_an_interruption_ends_a_statement_on_the_server(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    with closing(ClickHouse(front.options)) as session:
        monkeypatch.setattr(front, "held_at", "for ever")
        asked.start()
        started = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            session.fetch("select 1 as for_ever /* for ever */")
    assert time.perf_counter() - started < 30
    (killed,) = front.killed
    assert re.fullmatch(r"kill query where query_id = '[0-9a-f]{32}' async", killed)


# --- statements that fail ---------------------------------------------------------------------------------


def test_a_column_that_cannot_be_read_fails_alone(cli: Cli, clickhouse: Engine) -> None:
    write(
        connection(clickhouse.options)
        + MONITOR.replace("scored,", "odd,").replace("training}", "odd}")
    )
    found = cli("run", "--at", AT)
    assert found.exit_code == 4
    failed = stored("select distinct feature, reason from metrics where status = 'error'")
    assert [feature for feature, _ in failed] == ["far"]
    assert "no such number" in failed[0][1]
    assert stored("select count(*) > 5 from metrics where status <> 'error'") == [(True,)]


def test_a_table_that_is_missing_is_named(clickhouse: Engine) -> None:
    with closing(clickhouse.open()) as session:
        with pytest.raises(SourceError, match=r"there is no table or view nowhere\.x"):
            session.columns(Source("nowhere.x", table=("nowhere", "x")))
        with pytest.raises(SourceError, match=r"cannot read q: .*nope"):
            session.columns(Source("q", query="select nope from scored"))
        with pytest.raises(SourceError, match=r"a\.parquet is a file"):
            session.columns(Source("a.parquet", files=("/a.parquet",)))


def test_a_statement_that_takes_too_long_says_what_to_do(clickhouse: Engine) -> None:
    with (
        closing(ClickHouse({**clickhouse.options, "statement_timeout": 1})) as session,
        pytest.raises(StatementError) as caught,
    ):
        session.fetch(
            "select sum(sleepEachRow(1)) as n from numbers(6) settings max_block_size = 1"
        )
    assert "statement_timeout" in str(caught.value)


# --- the project file -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("hots: h", "connection.hots: unknown key 'hots'; did you mean 'host'?"),
        ("port: many", "connection.port: expected a whole number, got 'many'"),
        ("path: x, user: u", "connection: give either `path` or user"),
        ("statement_timeout: 0", "connection.statement_timeout: must be 1 or more, is 0"),
    ],
)
def test_a_key_that_is_wrong_is_complained_of(tmp_path: Path, keys: str, complaint: str) -> None:
    file = tmp_path / "driftline.yml"
    file.write_text(f"connection: {{type: clickhouse, {keys}}}\n{MONITOR}", "utf-8")
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        load_project(file)


def test_a_connection_resolves_to_its_keys(tmp_path: Path) -> None:
    file = tmp_path / "driftline.yml"
    file.write_text("connection: {type: clickhouse, path: here, database: d}\n" + MONITOR, "utf-8")
    options = dict(load_project(file).connection.options)
    assert options == {"path": str(tmp_path / "here"), "database": "d"}


def test_kinds_come_from_the_types_under_what_is_around_them(clickhouse: Engine) -> None:
    clickhouse.execute("drop table if exists kinds")
    clickhouse.execute(
        "create table kinds (a Nullable(Decimal(8, 3)), b LowCardinality(Nullable(String)),"
        " c Enum8('sad' = 1), d Array(Int8), e DateTime64(3, 'Asia/Tokyo'), f DateTime, g UInt256,"
        " h Nullable(UUID), i FixedString(3), j Map(String, Int8), k Bool, l Date, m Float32,"
        " n Int8 ephemeral, o Int8 materialized 1) engine = Memory"
    )
    with closing(clickhouse.open()) as session:
        columns = session.columns(Source("kinds", table=("kinds",)))
    assert [(each.name, each.kind) for each in columns] == [
        *(("a", "decimal"), ("b", "text"), ("c", "text"), ("d", "other"), ("e", "timestamptz")),
        *(("f", "timestamp"), ("g", "integer"), ("h", "text"), ("i", "text"), ("j", "other")),
        *(("k", "boolean"), ("l", "date"), ("m", "float"), ("o", "integer")),
    ]
    assert columns[0].type == "Decimal(8, 3)"


# --- what a session tells ---------------------------------------------------------------------------------


def test_what_tells_of_changes_outlives_the_merging_of_parts(clickhouse: Engine) -> None:
    table = Source("growing", table=("growing",))
    clickhouse.execute("drop table if exists growing")
    clickhouse.execute("create table growing (a Int64) engine = MergeTree order by a")
    with closing(clickhouse.open()) as session:
        assert session.fingerprint(table) is None
        seen = []
        for statement in (
            "insert into growing select number from numbers(10)",
            "insert into growing select number from numbers(10)",
            "optimize table growing final",
            "alter table growing delete where a = 3 settings mutations_sync = 2",
        ):
            clickhouse.execute(statement)
            seen.append(session.fingerprint(table))
        assert session.estimated_rows(table) == 18
        assert session.fingerprint(Source("odd", table=("odd",))) is None
    assert seen[1] == seen[2]
    assert len({*seen}) == 3


def test_debug_tells_of_the_engine_and_its_tables(cli: Cli, clickhouse: Engine) -> None:
    write(connection(clickhouse.options) + MONITOR)
    found = cli("debug")
    assert re.search(r"version 2\d\.", found.output)
    assert "UTC" in found.output
    assert "about 960 rows" in found.output
    assert found.exit_code == 0


def test_compile_shows_what_is_sent_and_asks_no_server(cli: Cli, clickhouse: Engine) -> None:
    write(connection(clickhouse.options) + MONITOR)
    assert cli("run", "--at", AT).exit_code == 1
    steps = "('profile', 'categories', 'ties')"
    sent = {
        re.sub(r" run=\S+", "", row[0])
        for row in stored(f"select sql from statements where step in {steps}")
    }
    write(connection({"host": "nowhere.invalid"}) + MONITOR)
    (compiled,) = compile_project(load_project(Path()), at=AT)
    assert len(sent) == 3
    assert sent <= {statement.sql for statement in compiled.statements}
