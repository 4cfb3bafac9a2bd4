"""Attributions of every form come in by one door: columns, long tables, ready-made importances."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import oracles
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import driftline
from driftline.engine.config import load_project
from driftline.engine.errors import ConfigError, SourceError
from driftline.engine.store import Store

Row = dict[str, Any]

NDCG = "normalized_discounted_cumulative_gain"
FEATURES = ("age", "fare", 'it\'s "odd"', "plan")
ASIDE = ("run_id", "computed_at", "seconds")
DAYS = 4


def logged(rng: np.random.Generator, rows: int, sizes: tuple[float, ...]) -> dict[str, pa.Array]:
    """A feature, and an attribution of each row to each of `FEATURES`; some are missing."""
    columns = {"age": pa.array(rng.normal(40, 9, rows))}
    for name, size in zip(FEATURES, sizes, strict=True):
        columns[f"shap_{name}"] = pa.array(rng.normal(0, size, rows), mask=rng.random(rows) < 0.1)
    return columns


def melted(table: pa.Table) -> pa.Table:
    """The same attributions, a row each."""
    parts = [
        pa.table(
            {
                "name": pa.array([name] * len(table)),
                "by": table[f"shap_{name}"],
                **({"at": table["at"]} if "at" in table.column_names else {}),
            }
        )
        for name in FEATURES
    ]
    return pa.concat_tables(parts)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(11)
    reference = pa.table(logged(rng, 300, (4, 3, 2, 1)))
    production = pa.table(
        {
            **logged(rng, 100 * DAYS, (1, 3, 4, 2)),
            # a day without rows
            "at": [
                datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=DAYS * k / (100 * DAYS))
                if not 100 <= k < 200
                else datetime(2026, 1, 1, tzinfo=UTC)
                for k in range(100 * DAYS)
            ],
        }
    )
    for name, table in (("reference", reference), ("production", production)):
        pq.write_table(table, folder / f"{name}.parquet")
        pq.write_table(melted(table), folder / f"long_{name}.parquet")
    return folder


FORMS = {
    "columns": "{source: columns, prefix: shap_}",
    "long": "{source: columns, table: long_production.parquet,"
    " reference_table: long_reference.parquet, feature: name, value: by}",
}
PROJECT = """\
monitors:
  - name: m
    min_rows: 0
    production: {{table: production.parquet, timestamp: at, window: {{size: {size}}}}}
    reference: {{table: reference.parquet{more}}}
    signals:
      {others}
      feature_attribution_drift: {{ndcg: 0.9, attribution: {form}}}
"""


def project(tables: Path, folder: Path, **given: str) -> Path:
    """A project of its own results over the shared tables."""
    folder.mkdir(exist_ok=True)
    for file in tables.glob("*.parquet"):
        (folder / file.name).symlink_to(file)
    said = {"size": "P1D", "more": "", "others": "", "form": FORMS["columns"], **given}
    path = folder / "driftline.yml"
    path.write_text(PROJECT.format(**said), "utf-8")
    return path


def stored(path: Path, table: str = "metrics") -> list[Row]:
    rows = Store(path.parent / "driftline.duckdb").read(f"from {table}").to_pylist()
    return sorted(
        ({name: v for name, v in row.items() if name not in ASIDE} for row in rows), key=repr
    )


def ran(path: Path, at: str = "2026-03-02") -> dict[tuple[str, str], Row]:
    (found,) = driftline.run(path, at=at).monitors
    assert found.error is None
    return {(row["feature"], row["metric"]): row for row in found.metrics}


@pytest.mark.parametrize("form", FORMS)
def test_a_window_is_compared_by_its_own_rows(form: str, tables: Path, tmp_path: Path):
    rows = ran(project(tables, tmp_path, form=FORMS[form]))
    before = pq.read_table(tables / "reference.parquet")
    after = pq.read_table(tables / "production.parquet").slice(0, 100)
    wanted = [
        [oracles.importance(side[f"shap_{name}"].to_pylist()) for name in FEATURES]
        for side in (before, after)
    ]
    for name, *sides in zip(FEATURES, *wanted, strict=True):
        row = rows[name, "feature_importance"]
        assert [row["reference_value"], row["value"]] == pytest.approx(sides, rel=1e-11)
    order = rows["__all__", NDCG]
    assert order["value"] == pytest.approx(oracles.ndcg(*wanted), rel=1e-11)
    assert (order["status"], order["threshold"]) == ("breached", 0.9)


@pytest.mark.parametrize("form", FORMS)
def test_a_backfill_leaves_the_rows_that_runs_one_by_one_leave(
    form: str, tables: Path, tmp_path: Path
):
    one, many = (
        project(tables, tmp_path / name, form=FORMS[form], others="data_drift: [js]")
        for name in ("one", "many")
    )
    driftline.backfill(many, start="2026-03-01", end="2026-03-05")
    for day in range(2, 2 + DAYS):
        driftline.run(one, at=f"2026-03-0{day}")
    assert stored(many) == stored(one)
    # all windows in the statements of one
    sent = Store(many.parent / "driftline.duckdb").read("from statements").to_pylist()
    steps = [row["step"] for row in sent]
    assert steps.count("attributions" if form == "columns" else "listed_importances") == 1
    empty = [row for row in stored(many) if row["metric"] == NDCG and row["value"] is None]
    assert [row["status"] for row in empty] == ["insufficient_data"]
    assert empty[0]["reason"] == "production has no importances"


def test_windows_that_overlap_share_their_rows(tables: Path, tmp_path: Path):
    one, many = (project(tables, tmp_path / name, size="P2D") for name in ("one", "many"))
    driftline.backfill(many, start="2026-03-01", end="2026-03-05", every="P1D")
    for day in range(3, 2 + DAYS):
        driftline.run(one, at=f"2026-03-0{day}")
    assert stored(many) == stored(one)


def test_a_reference_that_stays_is_read_once(tables: Path, tmp_path: Path):
    path = project(tables, tmp_path, more=", frozen: true")
    first, again = ran(path), ran(path)
    sent = (
        Store(tmp_path / "driftline.duckdb").read("from statements order by sequence").to_pylist()
    )
    asked = [row["sql"] for row in sent if row["step"] == "attributions"]
    assert ["reference.parquet" in sql for sql in asked] == [True, False]
    for key, row in first.items():
        assert {k: v for k, v in row.items() if k not in ASIDE} == {
            k: v for k, v in again[key].items() if k not in ASIDE
        }


def test_running_again_with_a_feature_selected_replaces_its_rows_alone(
    tables: Path, tmp_path: Path
):
    path = project(tables, tmp_path, form=FORMS["long"])
    ran(path)
    before = stored(path)
    (found,) = driftline.run(path, at="2026-03-02", select="feature:fare").monitors
    assert {row["feature"] for row in found.metrics} - {"__all__"} == {"fare"}
    assert {row["metric"] for row in found.metrics} == {
        *("row_count", "feature_importance", "feature_importance_rank"),
    }
    assert [(row["feature"], row["metric"]) for row in stored(path)] == [
        (row["feature"], row["metric"]) for row in before
    ]


def test_stored_rows_are_judged_again_by_other_thresholds(tables: Path, tmp_path: Path):
    path = project(tables, tmp_path)
    assert ran(path)["__all__", NDCG]["status"] == "breached"
    path.write_text(path.read_text("utf-8").replace("ndcg: 0.9", "ndcg: 0.1"), "utf-8")
    (found,) = driftline.check(path).monitors
    rows = {(row["feature"], row["metric"]): row for row in found.metrics}
    assert rows["__all__", NDCG]["status"] == "ok"
    assert rows["age", "feature_importance"]["status"] == "ok"
    assert found.unmeasured == ()


def test_columns_with_attributions_are_no_features(tables: Path, tmp_path: Path):
    path = project(tables, tmp_path, others="data_drift:")
    ran(path)
    rows = {row["feature"]: row for row in stored(path, "features")}
    assert rows["shap_fare"]["included"] is False
    assert rows["shap_fare"]["reason"] == "an attribution column"
    assert rows["age"]["included"]
    assert (rows["age"]["importance_rank"], rows["age"]["feature_type"]) == (1, "numerical")
    drift = {row["feature"] for row in stored(path) if row["signal"] == "data_drift"}
    assert drift == {"age"}


def test_ready_made_importances_are_means_of_their_rows(tables: Path, tmp_path: Path):
    path = project(
        tables,
        tmp_path,
        form="{source: table, table: now.csv, reference_table: before.csv,"
        " feature: f, importance: i}",
    )
    (tmp_path / "before.csv").write_text("f,i\na,3\nb,2\nc,1\n", "utf-8")
    (tmp_path / "now.csv").write_text("f,i\na,1\nb,2\nc,4\nc,8\n", "utf-8")
    rows = ran(path)
    assert rows["c", "feature_importance"]["value"] == 6
    assert rows["c", "feature_importance"]["n_production"] == 2
    assert rows["__all__", NDCG]["value"] == pytest.approx(oracles.ndcg([3, 2, 1], [1, 2, 6]))
    (tmp_path / "now.csv").write_text("f,i\na,1\nb,-2\nc,4\n", "utf-8")
    order = ran(path)["__all__", NDCG]
    assert (order["value"], order["status"]) == (None, "not_computable")
    assert order["reason"] == "production's importance of b is negative"


def test_importances_that_cannot_be_read_are_an_error_of_their_signal(tables: Path, tmp_path: Path):
    path = project(
        tables,
        tmp_path,
        others="data_drift: [js]",
        form="{source: table, table: now, reference_table: before, feature: f, importance: i}",
    )
    with duckdb.connect(str(tmp_path / "tables.duckdb")) as connection:
        connection.execute("create table before as select 'a' as f, 1.5 as i")
        connection.execute("create table texts as select 'a' as f, 'x' as t")
        connection.execute("create view now as select f, cast(t as double) as i from texts")
    with path.open("a", encoding="utf-8") as file:
        file.write("connection: {type: duckdb, database: tables.duckdb}\n")
    (found,) = driftline.run(path, at="2026-03-02").monitors
    rows = {row["metric"]: row for row in found.metrics}
    assert rows[NDCG]["status"] == "error"
    assert "Could not convert string 'x' to DOUBLE" in rows[NDCG]["reason"]
    assert rows["jensen_shannon_distance"]["status"] != "error"


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("{source: columns}", "source columns needs prefix or table, feature, value"),
        ("{source: table, table: t.csv}", "source table needs table, feature, importance"),
        (
            "{source: columns, prefix: a_, importance: i}",
            "importance says nothing of source columns here",
        ),
        ("{source: colums, prefix: a_}", "'colums' is not one of columns, table"),
    ],
)
def test_a_source_that_lacks_what_it_needs_is_told(
    form: str, message: str, tables: Path, tmp_path: Path
):
    with pytest.raises(ConfigError, match=message):
        load_project(project(tables, tmp_path, form=form))


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (
            "{source: table, table: long_production.parquet, feature: name, importance: by}",
            "all of its rows, production's too, would be the reference's",
        ),
        (
            "{source: columns, table: long_reference.parquet, reference_table: before.parquet,"
            " feature: name, value: by}",
            "there is no column 'at' for the timestamp of attributions",
        ),
        (
            "{source: columns, table: long_production.parquet,"
            " reference_table: long_reference.parquet, feature: name, value: name}",
            "the column 'name' is VARCHAR, not a number",
        ),
        ("{source: columns, prefix: lime_}", "no column of numbers begins with 'lime_'"),
    ],
)
def test_a_table_that_cannot_be_meant_is_told(
    form: str, message: str, tables: Path, tmp_path: Path
):
    path = project(tables, tmp_path, form=form)
    (tmp_path / "before.parquet").symlink_to(tables / "long_reference.parquet")
    with pytest.raises(SourceError, match=message):
        driftline.run(path, at="2026-03-02")


def test_a_number_is_the_same_whatever_the_threads(tmp_path: Path):
    rng = np.random.default_rng(2)
    with duckdb.connect() as connection:
        values = pa.table({"x": rng.standard_cauchy(400_000)})
        connection.sql("select 1 as age, x as shap_a, -x as shap_b from values").write_parquet(
            str(tmp_path / "one.parquet"), row_group_size=20_000
        )
        connection.sql(
            "select 1 as age, x as shap_a, -x as shap_b from values order by hash(x)"
        ).write_parquet(str(tmp_path / "two.parquet"), row_group_size=9_000)
    path = tmp_path / "driftline.yml"
    path.write_text(
        "monitors:\n"
        "  - name: m\n"
        "    production: {table: one.parquet}\n"
        "    reference: {table: two.parquet}\n"
        "    signals: {feature_attribution_drift:"
        " {attribution: {source: columns, prefix: shap_}}}\n",
        "utf-8",
    )
    rows = ran(path)
    told = {
        rows[name, "feature_importance"][side]
        for name in "ab"
        for side in ("value", "reference_value")
    }
    assert len(told) == 1
    mean = np.abs(values["x"].to_numpy()).mean()
    assert told.pop() == pytest.approx(mean, rel=1e-11)
