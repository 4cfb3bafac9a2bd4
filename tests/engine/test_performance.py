"""Predictions come in by every way, labels arrive late, and all verbs know of both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
import pytest
from support import score

import driftline
from driftline.engine.compile import compile_project
from driftline.engine.config import load_project
from driftline.engine.errors import ConfigError, SourceError
from driftline.engine.project import Roles, Segmentation
from driftline.engine.store import Store

Row = dict[str, Any]
DAYS = 4
A_DAY = 120
ASIDE = ("run_id", "computed_at", "seconds")
START = datetime(2026, 3, 1, tzinfo=UTC)


def scored(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """A feature, the scores of three classes, the error that is expected, and what happens."""
    shares = np.round(rng.dirichlet([1, 1, 1], rows), 3)
    happened = [("a", "b", "c")[rng.choice(3, p=row / row.sum())] for row in shares]
    return {
        "age": rng.normal(40, 9, rows),
        "id": np.arange(rows),
        **{f"p_{name}": shares[:, k] for k, name in enumerate("abc")},
        "guess": np.round(rng.normal(10, 2, rows), 2),
        "doubt": rng.random(rows),
        "outcome": happened,
    }


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(3)
    pq.write_table(pa.table(scored(rng, 300)), folder / "reference.parquet")
    rows = A_DAY * DAYS
    production = scored(rng, rows)
    labels = {"id": production["id"], "outcome": production.pop("outcome")}
    production["at"] = [START + timedelta(days=DAYS * k / rows) for k in range(rows)]
    pq.write_table(pa.table(production), folder / "production.parquet")
    # of the first day all have come, of the second half, then none
    keep = A_DAY + A_DAY // 2
    some = {name: values[:keep] for name, values in labels.items()}
    pq.write_table(pa.table(some), folder / "labels.parquet")
    pq.write_table(pa.table(labels), folder / "all_labels.parquet")
    return folder


PROJECT = """\
monitors:
  - name: m
    model: {{task: classification}}
    min_rows: 0
    production: {{table: production.parquet, timestamp: at, window: {{size: {size}}}}}
    reference: {{table: reference.parquet}}
    join: [{{name: labels, table: labels.parquet, "on": {{id: id}}{delay}}}]
    columns: {{score: {{a: p_a, b: p_b, c: p_c}}, actual: outcome}}
    signals:
      data_drift: {{features: [age], metrics: [js]}}
      model_performance: {{accuracy: {{min: 0.9}}, f1: , roc_auc: {{decrease: 0.2}}}}
      ahead: {{type: model_performance, estimated_accuracy: {{decrease: 0.5}}, estimated_recall: }}
""".replace("{{features: [age], metrics: [js]}}", "{{features: [age], js: 0.1}}")


def project(tables: Path, folder: Path, **given: str) -> Path:
    """A project of its own results over the shared tables."""
    folder.mkdir(exist_ok=True)
    for file in tables.glob("*.parquet"):
        if not (folder / file.name).exists():
            (folder / file.name).symlink_to(file)
    said = {"size": "P1D", "delay": "", **given}
    path = folder / "driftline.yml"
    path.write_text(PROJECT.format(**said), "utf-8")
    return path


def stored(path: Path, table: str = "metrics") -> list[Row]:
    rows = Store(path.parent / "driftline.duckdb").read(f"from {table}").to_pylist()
    return sorted(
        ({name: v for name, v in row.items() if name not in ASIDE} for row in rows), key=repr
    )


def ran(path: Path, at: str) -> dict[tuple[str, str, str], Row]:
    (found,) = driftline.run(path, at=at).monitors
    assert found.error is None
    return {(row["signal"], row["metric"], row["feature"]): row for row in found.metrics}


def coverage(path: Path) -> dict[str, float]:
    return {
        str(row["window_date"]): row["value"]
        for row in stored(path)
        if row["metric"] == "label_coverage"
    }


def test_labels_that_arrive_are_seen_by_a_backfill(tables: Path, tmp_path: Path) -> None:
    path = project(tables, tmp_path)
    driftline.backfill(path, start="2026-03-01", end="2026-03-05")
    assert coverage(path) == {
        "2026-03-01": 1, "2026-03-02": 0.5, "2026-03-03": 0, "2026-03-04": 0,
    }  # fmt: skip
    before = {row["window_date"].day: row for row in stored(path) if row["metric"] == "accuracy"}
    assert before[3]["status"] == "insufficient_data"
    (tmp_path / "labels.parquet").unlink()
    (tmp_path / "labels.parquet").symlink_to(tables / "all_labels.parquet")
    (again,) = driftline.backfill(path, start="2026-03-01", end="2026-03-05").monitors
    # only the first day had all of them
    assert again.known_windows == 1
    assert set(coverage(path).values()) == {1}
    after = [row for row in stored(path) if row["metric"] == "accuracy"]
    assert len(after) == DAYS
    assert all(row["value"] is not None for row in after)


def test_a_backfill_leaves_the_rows_that_runs_one_by_one_leave(
    tables: Path, tmp_path: Path
) -> None:
    one, many = (project(tables, tmp_path / name) for name in ("one", "many"))
    driftline.backfill(many, start="2026-03-01", end="2026-03-04")
    for day in (2, 3, 4):
        driftline.run(one, at=f"2026-03-0{day}")
    assert stored(many) == stored(one)


def test_windows_of_one_statement_are_those_of_many(tables: Path, tmp_path: Path) -> None:
    def made(name: str) -> Path:
        path = project(tables, tmp_path / name, size="P2D")
        text = path.read_text("utf-8").replace("production.parquet", "labelled.parquet")
        lines = [line for line in text.splitlines() if "join:" not in line]
        path.write_text("\n".join(lines), "utf-8")
        rows = pq.read_table(tables / "production.parquet")
        whole = pq.read_table(tables / "all_labels.parquet")
        pq.write_table(
            rows.append_column("outcome", whole["outcome"]), path.parent / "labelled.parquet"
        )
        return path

    one, many = made("one"), made("many")

    driftline.backfill(many, start="2026-03-01", end="2026-03-05", every="P1D")
    for day in (3, 4, 5):
        driftline.run(one, at=f"2026-03-0{day}")
    assert stored(many) == stored(one)
    sent = Store(many.parent / "driftline.duckdb").read("from statements").to_pylist()
    steps = [row["step"] for row in sent]
    assert [steps.count(step) for step in ("confusion", "ranks", "calibration")] == [1, 1, 1]


def test_a_delay_moves_what_needs_labels_and_nothing_else(tables: Path, tmp_path: Path) -> None:
    rows = ran(project(tables, tmp_path, delay=", delay: P2D"), "2026-03-03")
    days = {key[:2]: row["window_date"].day for key, row in rows.items()}
    # the window of the second day is the newest; labels are due of the day before the first
    assert days["data_drift", "jensen_shannon_distance"] == 2
    assert days["ahead", "estimated_accuracy"] == 2
    assert days["model_performance", "accuracy"] == 28
    later = ran(project(tables, tmp_path, delay=", delay: P2D"), "2026-03-04")
    found = {key[:2]: row["window_date"].day for key, row in later.items()}
    assert found["model_performance", "accuracy"] == 1
    assert found["ahead", "estimated_accuracy"] == 3
    assert later["model_performance", "label_coverage", "labels"]["value"] == 1


def test_other_labels_make_another_reference_and_windows_are_measured_again(
    tables: Path, tmp_path: Path
) -> None:
    path = project(tables, tmp_path)
    text = path.read_text("utf-8").replace("      data_drift: {features: [age], js: 0.1}\n", "")
    path.write_text(text, "utf-8")
    driftline.backfill(path, start="2026-03-01", end="2026-03-02")
    (before,) = {row["reference_id"] for row in stored(path) if row["metric"] == "accuracy"}
    (same,) = driftline.backfill(path, start="2026-03-01", end="2026-03-02").monitors
    assert {row["reference_id"] for row in same.metrics if row["metric"] == "accuracy"} == {before}
    reference = pq.read_table(tables / "reference.parquet")
    (tmp_path / "reference.parquet").unlink()
    pq.write_table(reference.slice(0, 299), tmp_path / "reference.parquet")
    driftline.backfill(path, start="2026-03-01", end="2026-03-02")
    (after,) = {row["reference_id"] for row in stored(path) if row["metric"] == "accuracy"}
    assert after != before


def test_check_judges_stored_performance_by_the_file_of_today(tables: Path, tmp_path: Path) -> None:
    path = project(tables, tmp_path)
    ran(path, "2026-03-02")
    path.write_text(path.read_text("utf-8").replace("{min: 0.9}", "{min: 0.1}"), "utf-8")
    (found,) = driftline.check(path).monitors
    assert found.unmeasured == ()
    statuses = {(row["metric"], row["feature"]): row["status"] for row in found.metrics}
    assert statuses["accuracy", "__all__"] == "ok"
    assert statuses["f1", "a"] == "ok"
    assert len(found.metrics) == len(stored(path))


def test_a_join_that_cannot_be_read_fails_what_needs_it_and_nothing_else(
    tables: Path, tmp_path: Path
) -> None:
    path = project(tables, tmp_path)
    labels = pq.read_table(tables / "labels.parquet")
    (tmp_path / "labels.parquet").unlink()
    pq.write_table(pa.concat_tables([labels, labels]), tmp_path / "labels.parquet")
    rows = ran(path, "2026-03-02")
    assert rows["model_performance", "accuracy", "__all__"]["status"] == "error"
    assert "too many" in rows["model_performance", "accuracy", "__all__"]["reason"]
    assert rows["data_drift", "jensen_shannon_distance", "age"]["status"] != "error"


def test_a_segment_performs_as_its_rows_do_alone_and_is_estimated_by_parts_of_the_whole() -> None:
    rng = np.random.default_rng(6)

    def side(rows: int) -> pa.Table:
        scores = rng.random(rows)
        return pa.table(
            {
                "score": scores,
                "actual": rng.random(rows) < scores,
                "group": [("u", "v")[k] for k in rng.integers(0, 2, rows)],
                "x": rng.normal(size=rows),
            }
        )

    def judged(before: pa.Table, after: pa.Table, **more: Any) -> dict[tuple[str, ...], Row]:
        names = ("accuracy", "f1", "roc_auc", "log_loss", "estimated_accuracy")
        found = score(
            before,
            after,
            metrics=names,
            roles=Roles(score="score", actual="actual"),
            task="classification",
            **more,
        )
        return {
            (row["segment"], row["metric"], row["feature"]): row
            for row in found.run.metrics
            if row["signal"] == "model_performance"
        }

    reference, production = side(150), side(120)
    whole = judged(reference, production, segments=(Segmentation(("group",)),))
    for group in ("u", "v"):
        alone = judged(
            *(t.filter(pa.compute.equal(t["group"], group)) for t in (reference, production))
        )
        for (_, metric, feature), row in alone.items():
            segment = whole[f"group={group}", metric, feature]
            for name in ("value", "reference_value", "n_production", "ci_low", "status"):
                assert segment[name] == pytest.approx(row[name]), (metric, name)


def test_prediction_drift_watches_every_output(tables: Path, tmp_path: Path) -> None:
    path = project(tables, tmp_path)
    text = (
        path.read_text("utf-8")
        .replace("columns: {score", "columns: {prediction: guess, score")
        .replace(
            "      data_drift:", "      prediction_drift: [js, wasserstein]\n      data_drift:"
        )
    )
    path.write_text(text, "utf-8")
    rows = ran(path, "2026-03-02")
    watched = {feature for signal, _, feature in rows if signal == "prediction_drift"}
    assert watched == {"guess", "p_a", "p_b", "p_c"}
    roles = {row["feature"]: row["role"] for row in stored(path, "features")}
    assert (roles["guess"], roles["p_b"], roles["outcome"]) == ("prediction", "score", "actual")


def test_a_monitor_of_nothing_but_regression_runs(tables: Path, tmp_path: Path) -> None:
    path = project(tables, tmp_path)
    path.write_text(
        "monitors:\n"
        "  - name: m\n"
        "    min_rows: 0\n"
        "    production: {table: production.parquet, timestamp: at, window: {size: P1D}}\n"
        "    reference: {table: reference.parquet}\n"
        "    columns: {prediction: guess, actual: age, expected_error: doubt}\n"
        "    signals: {model_performance: [rmse, estimated_mae, label_coverage]}\n",
        "utf-8",
    )
    rows = ran(path, "2026-03-02")
    assert {metric for signal, metric, _ in rows if signal == "model_performance"} == {
        "root_mean_squared_error", "estimated_mean_absolute_error", "label_coverage",
    }  # fmt: skip
    assert all(row["value"] is not None for row in rows.values())
    (compiled,) = compile_project(load_project(path), dialect="postgres", at="2026-03-02")
    assert "errors" in {each.step for each in compiled.statements}


@pytest.mark.parametrize(
    ("columns", "signal", "told"),
    [
        ("{prediction: p}", "[accuracy]", "needs columns.actual"),
        ("{actual: y}", "[accuracy]", "needs columns.prediction or columns.score"),
        ("{actual: y, prediction: p}", "[accuracy, rmse]",
         "root_mean_squared_error is for regression, and the model does classification"),
        ("{actual: y, prediction: p}", "[roc_auc]", "roc_auc needs columns.score"),
        ("{actual: y, prediction: p}", "", "needs model: {task: classification}, or regression"),
        ("{actual: y, score: s}", "[mae]", "regression needs columns.prediction"),
        ("{actual: y, score: {a: p}}", "[accuracy]", "a map of scores needs two classes or more"),
        ("{actual: y, score: {yes: p, no: q}, positive_class: yess}", "[accuracy]",
         "no score is of 'yess'; did you mean 'yes'?"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_with_its_line(
    columns: str, signal: str, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "driftline.yml"
    path.write_text(
        "monitors:\n  - name: m\n    production: {table: a.csv}\n    reference: {table: b.csv}\n"
        f"    columns: {columns}\n    signals: {{model_performance: {signal}}}\n",
        "utf-8",
    )
    with pytest.raises(ConfigError) as refused:
        load_project(path)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("score: {a: p_a, b: p_b, c: p_c}", "score: p_a"), "which class is columns.score about?"),
        (("score: {a: p_a, b: p_b, c: p_c}", "score: {a: p_a, b: at}"), "not a number"),
        (("actual: outcome", "actual: outcomes"), "no column 'outcomes'"),
        (("score: {a: p_a, b: p_b, c: p_c}", "score: p_a, positive_class: a, cut_off: '1; drop'"),
         "cut_off '1; drop' is more than one expression"),
    ],
)  # fmt: skip
def test_a_column_that_is_not_what_it_has_to_be_stops_the_run_with_a_hint(
    change: tuple[str, str], told: str, tables: Path, tmp_path: Path
) -> None:
    path = project(tables, tmp_path)
    path.write_text(path.read_text("utf-8").replace(*change), "utf-8")
    with pytest.raises((SourceError, ConfigError)) as refused:
        driftline.run(path, at="2026-03-02")
    assert told in str(refused.value) + str(refused.value.hint)


def test_a_baseline_is_built_beside_joined_labels_segments_and_aggregates(
    tables: Path, tmp_path: Path
) -> None:
    path = project(tables, tmp_path)
    text = path.read_text("utf-8")
    path.write_text(
        text.replace("    signals:\n", "    segments: [old]\n    signals:\n").replace(
            "    segments: [old]",
            '    segments: [{name: old, where: "age > 45"}]',
        )
        + '      custom: {certain: {sql: "avg(p_a)", increase: 10%}}\n',
        "utf-8",
    )
    alone = driftline.run(path, at="2026-03-02").monitors[0]
    (tmp_path / "driftline.duckdb").unlink()
    (built,) = driftline.baseline(path, "build").to_pylist()
    (listed,) = driftline.baseline(path).to_pylist()
    shown = driftline.baseline(path, "show").to_pylist()
    found = driftline.run(path, at="2026-03-02").monitors[0]
    assert (built["row_count"], listed["feature_count"]) == (300, len(shown))
    assert "age" in {row["feature"] for row in shown}
    assert {row["segment"] for row in found.metrics if row["metric"] == "certain"} > {"__all__"}
    assert [{k: v for k, v in row.items() if k not in ASIDE} for row in found.metrics] == [
        {k: v for k, v in row.items() if k not in ASIDE} for row in alone.metrics
    ]
