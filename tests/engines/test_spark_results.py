"""Results in a schema of a Spark's catalog, in Parquet files: as in a file, whole after every failure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import spark_server
from alike import differing
from any_store import column, part, write
from connected import AT
from in_schemas import (
    place,
    project,
    test_a_writer_waits_for_its_turn_and_then_gives_up,  # noqa: F401
    test_long_texts_and_bytes_arrive_in_pieces,  # noqa: F401
    test_older_tables_go_forward_by_migrate_alone,  # noqa: F401
)
from services import Keeping
from typer.testing import Result

from driftline.engine.errors import WarehouseError
from driftline.engine.store import Store
from driftline.engine.warehouses import spark as engine
from driftline.engine.warehouses.spark import Spark, SparkKeeper

Cli = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("wide_terminal")


@pytest.fixture(scope="module")
def service(spark: spark_server.Session) -> Keeping:
    """The Spark of this process, with two tables of a model."""
    for table, start, rows, moved in (
        ("seen", "2026-01-01", 960, 0),
        ("scored_now", "2026-02-01", 480, 12),
    ):
        spark.execute(f"drop table if exists {table}")
        spark.execute(
            f"create table {table} using parquet as select"
            f" timestamp_ntz'{start} 00:00:00' + make_interval(0, 0, 0, 0, cast(id as int)) as at,"
            f" cast(id % 97 + {moved} as double) as Zeta,"
            f" cast(id % 89 + {moved} as double) as `ähnlich`,"
            f" concat('x', id % 5) as city from range({rows})"
        )
    # it has what is asked of one
    return cast("Keeping", spark)


def test_a_run_stores_in_the_schema_what_it_stores_in_a_file(
    cli: Cli, service: Keeping, schema: str, tmp_path: Path
) -> None:
    answers = []
    for results in ("{to: results.duckdb}", f"{{connection: same, schema: {schema}}}"):
        project(service, results)
        found = cli("run", "--at", AT)
        assert found.exit_code == 1, found.output
        answers.append(cli("show", "churn", "--format", "json"))
    assert [each.exit_code for each in answers] == [0, 0]
    assert cli("check").exit_code == 1
    file, there = Store(tmp_path / "results.duckdb"), Store(place(service, schema))
    assert differing(file, there) == []
    assert there.read("select count(*) as n from metrics")["n"][0].as_py() > 5


def test_rows_that_nobody_sees_go_once_writes_are_many(
    service: Keeping, schema: str, spark: spark_server.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_MANY", 2)
    store = Store(place(service, schema))
    for number in range(4):
        write(store, part("age", value=float(number), run_id=f"run-{number}"), f"run-{number}")
    assert column(store, "metrics", "value") == [3.0]
    assert column(store, "runs", "run_id") == [f"run-{number}" for number in range(4)]
    for name in ("_kept_metrics", "_kept_runs", "_writes"):
        assert spark.spark.sql(f"show partitions {schema}.{name}").count() == 2, name


def test_a_catalog_that_is_gone_with_the_run_is_refused(
    spark: spark_server.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    del spark
    # as of a Spark that a run has started, without Hive's catalog
    told = {"spark.driftline.started": "true", "spark.sql.catalogImplementation": "in-memory"}
    setting = Spark.setting
    monkeypatch.setattr(Spark, "setting", lambda self, name: told.get(name) or setting(self, name))
    with pytest.raises(WarehouseError, match="keeps its catalog in memory") as caught:
        SparkKeeper({}, "monitoring")
    assert "spark.sql.catalogImplementation: hive" in str(caught.value)
