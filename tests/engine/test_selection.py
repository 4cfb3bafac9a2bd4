"""`--select` and `--exclude`: the grammar, and what a run of a part leaves as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats

import driftline
from driftline.engine.errors import ConfigError
from driftline.engine.project import Monitor, Production, Reference, Signal, Source
from driftline.engine.selection import Selection, Term, parse_selection

Row = dict[str, Any]

SIGNALS = tuple(
    Signal(name, kind, "reference", ())
    for name, kind in (("data_drift", "data_drift"), ("quality", "data_quality"))
)


def monitor(name: str = "churn", **given: Any) -> Monitor:
    source = Source("t", table=("t",))
    return Monitor(name, Production(source), (Reference("reference", source),), SIGNALS, **given)


def takes(select: str | None, signal: str, feature: str, exclude: str | None = None) -> bool:
    watched = monitor(tags=("tier1", "eu"), owner="ops")
    return parse_selection(select, exclude).takes(watched, signal, feature)


# Grammar


def test_nothing_said_takes_everything():
    assert parse_selection() == Selection()
    assert takes(None, "data_drift", "age")


def test_a_comma_is_and():
    assert takes("signal:data_drift,feature:age", "data_drift", "age")
    assert not takes("signal:data_drift,feature:age", "quality", "age")
    assert not takes("signal:data_drift,feature:age", "data_drift", "fare")


def test_a_space_is_or():
    assert takes("feature:fare feature:age", "data_drift", "age")
    assert takes("monitor:other tag:tier1", "data_drift", "age")
    assert not takes("monitor:other tag:tier2", "data_drift", "age")


def test_several_texts_are_alternatives():
    chosen = parse_selection(["feature:age", "feature:fare"])
    assert chosen == parse_selection("feature:age feature:fare")


@pytest.mark.parametrize(
    ("select", "taken"),
    [
        ("monitor:churn*", True),
        ("churn", True),
        ("chur?", True),
        ("Churn", False),
        ("tag:eu", True),
        ("owner:ops", True),
        ("owner:o*,tag:tier9", False),
        ("feature:__all__", False),
        ('feature:"age"', True),
        ('feature:"a*"', False),
        ("feature:a*", True),
    ],
)
def test_patterns_fit_names_with_their_case(select: str, taken: bool):
    assert takes(select, "data_drift", "age") is taken


def test_what_is_excluded_is_taken_away():
    assert not takes("tag:tier1", "data_drift", "age", exclude="feature:age")
    assert takes("tag:tier1", "data_drift", "fare", exclude="feature:age")
    assert not takes(None, "quality", "fare", exclude="signal:quality,feature:f*")


def test_names_with_spaces_commas_quotes_and_brackets_are_quoted_or_plain():
    odd = 'a "b", c[0]'
    assert takes('feature:"a ""b"", c[0]"', "data_drift", odd)
    assert takes("feature:x[0]", "data_drift", "x[0]")
    assert not takes("feature:x[0]", "data_drift", "x0")


def test_a_selection_is_parsed_into_alternatives_of_terms():
    first = (Term("signal", "data_drift"), Term("feature", "age", literal=True))
    found = parse_selection('signal:data_drift , feature:"age" tag:t*')
    assert found.select == (first, (Term("tag", "t*"),))
    assert found.by_feature


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ("", "select is empty"),
        ("featur:age", "did you mean 'feature'"),
        ("colour:red", "use one of monitor, tag, owner, signal, feature"),
        ("tag:a,", "nothing follows the last comma"),
        ('feature:"age', "cannot read"),
        ("feature:", "cannot read"),
        (",tag:a", "cannot read"),
    ],
)
def test_a_selection_that_cannot_be_read_says_why(select: str, message: str):
    with pytest.raises(ConfigError, match=message):
        parse_selection(select)


# Runs

FILE = """
defaults: {min_rows: 0}
monitors:
  - name: churn
    tags: [tier1]
    owner: ops
    production: {table: production.parquet}
    references:
      training: {table: training.parquet}
      recent: {table: recent.parquet}
    columns: {prediction: score}
    signals:
      data_drift: {js: 0.1, ks: 0.01}
      lately: {type: data_drift, reference: recent, features: [age, fare], js: 0.1}
      prediction_drift: {js: 0.1}
      data_quality: {nulls: 0.01, row_count: {min: 10}}
  - name: fraud
    tags: [tier2]
    production: {table: production.parquet}
    reference: {table: training.parquet}
"""


def frame(shift: float, **more: list[Any]) -> pa.Table:
    rows = range(400)
    return pa.table(
        {
            "age": [k % 37 + shift for k in rows],
            "fare": [k * 0.37 % 11 + shift / 5 for k in rows],
            "plan": [("basic", "pro", "max")[k % 3] for k in rows],
            "score": [k % 100 / 100 for k in rows],
            **more,
        }
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "driftline.yml").write_text(FILE, encoding="utf-8")
    for name, shift in (("training", 0.0), ("recent", 1.0), ("production", 2.0)):
        pq.write_table(frame(shift), tmp_path / f"{name}.parquet")
    return tmp_path


def stored(project: Path, table: str = "metrics") -> list[Row]:
    import duckdb

    with duckdb.connect(str(project / "driftline.duckdb"), read_only=True) as con:
        return con.sql(f"from {table} order by all").to_arrow_table().to_pylist()


def by_key(rows: list[Row]) -> dict[tuple[str, ...], Row]:
    names = ("monitor", "signal", "reference", "feature", "metric")
    return {tuple(row[name] for name in names): row for row in rows}


AT = "2026-01-02"


def test_a_selected_feature_is_computed_and_the_others_keep_their_rows(project: Path):
    driftline.run(project, at=AT, monitors="churn")
    before = {
        name: stored(project, name) for name in ("metrics", "histograms", "profiles", "features")
    }
    pq.write_table(frame(9.0), project / "production.parquet")
    found = driftline.run(project, at=AT, select="monitor:churn,feature:age")

    (run,) = found.monitors
    run_id = run.run["run_id"]
    for name, old in before.items():
        new = stored(project, name)
        assert [row for row in new if row["feature"] not in ("age", "__all__")] == [
            row for row in old if row["feature"] not in ("age", "__all__")
        ]
        assert {row["run_id"] for row in new if row["feature"] == "age"} == {run_id}
        assert len(new) == len(old)
    assert {row["feature"] for row in found.metrics} == {"age", "__all__"}


def test_the_same_data_give_the_same_rows_whether_whole_or_in_parts(project: Path):
    driftline.run(project, at=AT, monitors="churn")
    whole = by_key(stored(project))
    for part in ("feature:a*", "feature:fare", "feature:plan feature:score"):
        driftline.run(project, at=AT, monitors="churn", select=part)
    parts = by_key(stored(project))

    apart = ("run_id", "computed_at")
    assert parts.keys() == whole.keys()
    for key, row in whole.items():
        assert {n: v for n, v in parts[key].items() if n not in apart} == {
            n: v for n, v in row.items() if n not in apart
        }, key


def test_probabilities_are_adjusted_for_all_stored_ones_of_the_family(project: Path):
    driftline.run(project, at=AT, monitors="churn")
    pq.write_table(frame(2.2), project / "production.parquet")
    driftline.run(project, at=AT, select="monitor:churn,signal:data_drift,feature:fare")
    rows = by_key(stored(project))
    for metric in ("jensen_shannon_distance", "two_sample_kolmogorov_smirnov_test"):
        family = {
            key[3]: row for key, row in rows.items() if key[1] == "data_drift" and key[4] == metric
        }
        probabilities = [row["p_value"] for row in family.values()]
        wanted = stats.false_discovery_control(probabilities)
        q = dict(zip(family, wanted, strict=True))
        assert family["fare"]["q_value"] == pytest.approx(q["fare"], rel=1e-12)


def test_a_selected_signal_leaves_the_rows_of_the_others(project: Path):
    driftline.run(project, at=AT, monitors="churn")
    before = by_key(stored(project))
    pq.write_table(frame(9.0), project / "production.parquet")
    found = driftline.run(project, at=AT, select="monitor:churn,signal:lately")
    after = by_key(stored(project))

    assert {(row["signal"], row["feature"]) for row in found.metrics} == {
        ("lately", "age"),
        ("lately", "fare"),
        ("data_quality", "__all__"),
    }
    changed = {key for key in after if after[key] != before[key]}
    assert changed == {key for key in after if key[1] == "lately" or key[3] == "__all__"}


def test_references_that_no_selected_signal_needs_are_not_read(project: Path):
    (project / "recent.parquet").unlink()
    found = driftline.run(project, at=AT, select="monitor:churn,signal:data_drift")
    assert found.exit_code in (0, 1)


def test_only_selected_columns_are_read(project: Path):
    found = driftline.run(project, at=AT, select="monitor:churn,feature:plan")
    sent = " ".join(row["sql"] for row in found.monitors[0].statements)
    assert '"plan"' in sent
    assert not any(f'"{name}"' in sent for name in ("age", "fare", "score"))


def test_excluded_features_are_left_out(project: Path):
    found = driftline.run(project, at=AT, monitors="churn", exclude="feature:a* signal:lately")
    rows = {(row["signal"], row["feature"]) for row in found.metrics}
    assert ("data_drift", "fare") in rows
    assert not any(feature == "age" or signal == "lately" for signal, feature in rows)


@pytest.mark.parametrize("select", ["tag:tier2", "monitor:fr*", "fraud"])
def test_monitors_are_chosen_by_name_and_tag(project: Path, select: str):
    found = driftline.run(project, at=AT, select=select)
    assert [each.run["monitor"] for each in found.monitors] == ["fraud"]


def test_a_selection_of_the_window_alone_counts_its_rows(project: Path):
    found = driftline.run(project, at=AT, monitors="churn", select="feature:__all__")
    assert [(row["feature"], row["metric"]) for row in found.metrics] == [("__all__", "row_count")]
    assert stored(project, "profiles") == []
    assert stored(project, "features") == []


def test_a_finding_belongs_to_its_column(project: Path):
    odd = frame(2.0, extra=[1.5] * 400)
    pq.write_table(odd, project / "production.parquet")
    found = driftline.run(project, at=AT, select="monitor:churn,feature:age")
    assert "new_column" not in {row["metric"] for row in found.metrics}
    found = driftline.run(project, at=AT, select="monitor:churn,feature:ext*")
    assert {row["metric"] for row in found.metrics} == {"new_column", "row_count"}


def test_a_selected_feature_that_is_gone_loses_its_rows(project: Path):
    pq.write_table(frame(2.0, extra=[1.5] * 400), project / "training.parquet")
    pq.write_table(frame(2.0, extra=[1.5] * 400), project / "production.parquet")
    driftline.run(project, at=AT, monitors="churn")
    for name in ("training", "production"):
        pq.write_table(frame(2.0), project / f"{name}.parquet")
    driftline.run(project, at=AT, monitors="churn", select="feature:extra feature:age")
    assert "extra" not in {row["feature"] for row in stored(project)}


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ("tag:tier9", "takes none of the monitors churn, fraud"),
        ("feature:nothing", "takes no feature of churn, fraud"),
    ],
)
def test_a_selection_of_nothing_is_a_mistake(project: Path, select: str, message: str):
    with pytest.raises(ConfigError, match=message):
        driftline.run(project, at=AT, select=select)


def test_a_monitor_without_a_selected_feature_is_passed_over(project: Path):
    # only churn calls a column by its role; fraud watches it as a feature
    found = driftline.run(project, at=AT, select="signal:prediction_drift,feature:score")
    assert [each.run["monitor"] for each in found.monitors] == ["churn"]
