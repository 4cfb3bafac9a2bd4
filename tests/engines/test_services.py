"""Connections to services that no machine can install, behind the drivers that users have.

See `services` for what stands for each, and what that can show.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import services
from connected import AT, MONITOR, connection, stored
from engine_parity import Both, Column, differences
from services import TOKEN, Service
from support import monitor
from typer.testing import Result

from driftline.engine.errors import SourceError, StatementError, WarehouseError
from driftline.engine.project import Production, Reference, RollingWindow, Source
from driftline.engine.times import parse_duration
from driftline.engine.warehouses import class_of

Cli = Callable[..., Result]

NEEDED: Final = {
    "bigquery": ("zetasql", "google.cloud.bigquery"),
    "databricks": (),
    "redshift": (),
    "snowflake": ("fakesnow", "snowflake"),
    "trino": ("trino",),
}
# fakesnow's own ways with DuckDB
pytestmark = [
    pytest.mark.filterwarnings("ignore:Arrow output"),
    pytest.mark.usefixtures("wide_terminal"),
]


@pytest.fixture(scope="module", params=[*NEEDED])
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """A stand-in that holds two tables of a model."""
    name = request.param
    missing = [each for each in NEEDED[name] if not _is_there(each)]
    if missing and os.environ.get("CI"):
        pytest.fail(f"not installed: {', '.join(missing)}")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    given = (request.getfixturevalue("postgres"),) if name == "redshift" else ()
    with getattr(services, name)(*given) as made:
        yield made


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


@pytest.fixture(scope="module")
def both(service: Service) -> Both:
    both = Both(service)
    rng = np.random.default_rng(8)
    for name, start, rows, moved in (
        ("training", "2026-01-01", 640, 0.0),
        ("scored", "2026-02-01", 320, 4.0),
    ):
        first = np.datetime64(start, "m")
        ages = rng.normal(moved, 3, rows).round(3)
        both.create(
            name,
            {
                "at": Column("timestamp", [str(first + 60 * k) for k in range(rows)]),
                "age": Column(
                    "double", [None if k % 40 == 3 else str(v) for k, v in enumerate(ages)]
                ),
                "visits": Column("bigint", [str(v) for v in rng.integers(0, 5, rows)]),
                "city": Column("varchar", [f"it's {v}" for v in rng.integers(0, 4, rows)]),
                "paid": Column("boolean", [str(bool(v)) for v in rng.integers(0, 2, rows)]),
                "born": Column("date", [f"19{v}-01-01" for v in rng.integers(50, 60, rows)]),
            },
        )
    return both


def write(service: Service) -> None:
    told = connection(service.type, service.options)
    Path("driftline.yml").write_text(told + MONITOR, "utf-8")


def test_a_run_finds_what_duckdb_finds(both: Both) -> None:
    watched = monitor(
        production=Production(
            Source("scored", table=("scored",)),
            timestamp="at",
            window=RollingWindow(parse_duration("P10D")),
            filter="visits < 4",
        ),
        references=(Reference("reference", Source("training", table=("training",))),),
    )
    own, theirs = both.runs(watched, at=AT)
    assert [row["error"] for row in theirs.statements if row["error"]] == []
    assert {row["feature"] for row in own.metrics} >= {"age", "visits", "city", "paid", "born"}
    assert differences(own, theirs) == ""


def test_a_project_runs_and_stores_its_results_here(both: Both, cli: Cli) -> None:
    write(both.engine)  # type: ignore[arg-type]
    found = cli("run", "--at", AT)
    assert found.exit_code == 1, found.output
    assert stored("select step, error from statements where error is not null") == []
    ((dialect, status),) = stored("select dialect, status from runs")
    assert (dialect, status) == (both.engine.dialect, "succeeded")
    assert stored("select count(*) from statements where dialect <> 'duckdb'") >= [(3,)]
    assert TOKEN not in found.output
    shown = cli("debug")
    assert shown.exit_code == 0, shown.output
    assert "monitor" in shown.output or "driftline" in shown.output
    assert TOKEN not in shown.output


def test_a_sample_is_one_of_the_rows(both: Both) -> None:
    with closing(both.engine.open()) as session:
        source = Source("scored", table=("scored",))
        session.columns(source)
        sampled = session.sampled(session.relation(source), 50.0)
        (row,) = session.fetch(f"select count(*) as n from {sampled}").to_pylist()
    assert 0 < row["n"] < 320


def test_rows_are_estimated_where_the_service_tells(both: Both) -> None:
    with closing(both.engine.open()) as session:
        assert session.estimated_rows(Source("query", query="select 1 as one")) is None
        assert session.estimated_rows(Source("scored", table=("scored",))) in (320, 640, None)


def test_a_table_that_is_not_there_is_named(both: Both) -> None:
    with closing(both.engine.open()) as session, pytest.raises(SourceError) as caught:
        session.columns(Source("nobody", table=("nobody",)))
    assert "nobody" in caught.value.message
    assert caught.value.hint


def test_a_file_is_read_by_databricks_alone(both: Both) -> None:
    file = Source("x.parquet", files=("x.parquet",))
    with closing(both.engine.open()) as session:
        if both.engine.dialect == "databricks":
            assert session.relation(file) == "parquet.`x.parquet`"
            return
        with pytest.raises(SourceError, match=r"x\.parquet is a file") as caught:
            session.relation(file)
    assert caught.value.hint


def test_a_statement_that_is_refused_leaves_a_session_that_works(both: Both) -> None:
    with closing(both.engine.open()) as session:
        with pytest.raises(StatementError, match="refused a statement") as caught:
            session.fetch("select no_such_column from scored")
        assert TOKEN not in str(caught.value)
        assert session.fetch("select 1 as one").to_pylist() == [{"one": 1}]


def test_a_service_that_does_not_answer_is_told_without_secrets(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("driftline.engine.warehouses.bigquery.PATIENCE", 1.0)
    found = class_of(service.type)
    assert found is not None
    with service.unanswered(), pytest.raises(WarehouseError, match="cannot connect to") as caught:
        found(service.wrong)
    assert TOKEN not in str(caught.value)
    assert "check the keys of connection" in (caught.value.hint or "")


def test_a_driver_that_is_not_installed_is_one_line_with_the_command(
    service: Service, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(service)
    for name in (service.missing, *([] if service.type != "redshift" else ["adbc_driver_manager"])):
        monkeypatch.setitem(sys.modules, name, None)
    found = cli("run", "--at", AT)
    assert found.exit_code == 3
    assert f"pip install 'driftline[{service.type}]'" in found.output
