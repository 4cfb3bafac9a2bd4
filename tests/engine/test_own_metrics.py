"""Metrics in SQL files of a project's own: read, tried, listed, judged; and nobody else's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import oracles
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import category_pairs, number_pairs, searched
from support import close, score

import driftline
from driftline.engine.catalog import METRICS
from driftline.engine.config import load_project
from driftline.engine.errors import ConfigError
from driftline.engine.own_metrics import metrics_beside, scaffold
from driftline.engine.project import MetricRule, Signal, Threshold
from driftline.engine.store import Store

# The share of production's rows in the last bin, less the reference's.
LAST = """\
-- last_bin: what the last bin has gained
--
-- defines  value = q - p of the last bin, times scale
-- reads    bins, comparisons
-- param    scale: float = 1.0 in (0, 100]; what a share is told in
-- returns  comparison; value: double in [-1, 1]; reference_value: p, of the last bin
-- nulls    not counted
-- source   ours
-- types    numerical
-- worse    lower
-- default  -0.5
with

last as (
    select comparison, max(bin) as bin
    from bins
    group by comparison
)

select
    bins.comparison,
    (bins.q - bins.p) * {{ scale }} as value,
    bins.p as reference_value
from bins
inner join last on last.comparison = bins.comparison and last.bin = bins.bin
inner join comparisons on comparisons.comparison = bins.comparison
"""
PROJECT = """\
monitors:
  - name: m
    min_rows: 0
    production: {table: production.parquet}
    reference: {table: reference.parquet}
    signals:
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    side = {"x": [float(k) for k in range(20)], "c": ["a", "b"] * 10}
    pq.write_table(pa.table(side), tmp_path / "reference.parquet")
    side["x"] = [float(k) for k in range(10, 30)]
    pq.write_table(pa.table(side), tmp_path / "production.parquet")
    (tmp_path / "metrics").mkdir()
    write(tmp_path, "last_bin", LAST)
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    (folder / "metrics" / f"{name}.sql").write_text(text, "utf-8")


def project(folder: Path, signals: str = "data_drift: [last_bin]", more: str = "") -> Path:
    path = folder / "driftline.yml"
    path.write_text(f"{PROJECT}      {signals}\n{more}", "utf-8")
    return path


def rows(path: Path, **given: Any) -> dict[tuple[str, str, str], dict[str, Any]]:
    (found,) = driftline.run(path, at="2026-01-01", **given).monitors
    assert found.error is None
    return {(row["signal"], row["metric"], row["feature"]): row for row in found.metrics}


# By hand


def test_a_metric_of_ones_own_is_measured_and_judged_as_any_other(folder: Path):
    row = rows(project(folder))["data_drift", "last_bin", "x"]
    # nine tenths of 0..19 are at 17 first, and 13 of 10..29 are there or beyond
    assert (row["value"], row["reference_value"]) == (pytest.approx(0.65 - 0.15), 0.15)
    assert (row["threshold"], row["threshold_kind"], row["status"]) == (-0.5, "min", "ok")
    assert (row["direction"], row["bins"], row["p_value"]) == ("lower", 10, None)
    assert (row["n_reference"], row["n_production"]) == (20, 20)


@pytest.mark.parametrize(
    ("given", "threshold", "status"),
    [
        ("{last_bin: 0.7}", 0.7, "breached"),
        ("{last_bin: {max: 0.3}}", 0.3, "breached"),
        ("{last_bin: {warn: {increase: 10%}}}", 0.165, "warning"),
        ("{numerical: {last_bin: null}}", None, "ok"),
        ("{numerical: [last_bin, js]}", -0.5, "ok"),
    ],
)
def test_it_takes_every_form_of_threshold(
    folder: Path, given: str, threshold: float | None, status: str
):
    row = rows(project(folder, f"data_drift: {given}"))["data_drift", "last_bin", "x"]
    assert row["threshold"] == (None if threshold is None else pytest.approx(threshold))
    assert row["status"] == status


@pytest.mark.parametrize("kind", ["data_drift", "prediction_drift", "data_quality"])
def test_any_signal_about_features_may_name_it(folder: Path, kind: str):
    path = project(
        folder, f"mine: {{type: {kind}, last_bin: 0.7}}", "    columns: {prediction: x}\n"
    )
    if kind != "prediction_drift":
        path = project(folder, f"mine: {{type: {kind}, last_bin: 0.7}}")
    assert rows(path)["mine", "last_bin", "x"]["status"] == "breached"


def test_a_features_own_threshold_counts(folder: Path):
    more = "    settings: {x: {thresholds: {last_bin: 0.9}}}\n"
    assert rows(project(folder, more=more))["data_drift", "last_bin", "x"]["threshold"] == 0.9


def test_its_types_decide_which_features_it_watches(folder: Path):
    assert {key[2] for key in rows(project(folder)) if key[1] == "last_bin"} == {"x"}
    with pytest.raises(ConfigError, match="last_bin is not for categorical features"):
        load_project(project(folder, "data_drift: {categorical: [last_bin]}"))


# Oracle and properties, of the file that `driftline metrics new` begins with


@searched
@given(pairs=st.lists(st.one_of(number_pairs(), category_pairs()), min_size=1, max_size=4))
def test_the_first_file_equals_total_variation_on_any_windows(pairs: list[Any]):
    path = Path(__file__).parent / "nowhere"
    own = _own(path)
    names = [f"f{k}" for k in range(len(pairs))]
    sides = [
        {
            name: pa.array(list(getattr(pair, side)), pa.string() if pair.is_text else pa.float64())
            for name, pair in zip(names, pairs, strict=True)
        }
        for side in ("reference", "production")
    ]
    types = {
        name: "categorical" if pair.is_text else "numerical"
        for name, pair in zip(names, pairs, strict=True)
    }
    names_of = ("mine", "total_variation_distance")
    rules = tuple(
        MetricRule(n, dict.fromkeys(("numerical", "categorical"), Threshold())) for n in names_of
    )
    signals = (Signal("data_drift", "data_drift", "reference", rules),)
    found = score(*sides, signals=signals, types=types, beside=own)
    for name, pair in zip(names, pairs, strict=True):
        expected = oracles.of_column(pair.reference, pair.production, is_text=pair.is_text)
        mine = found[name, "mine"]["value"]
        wanted = expected["total_variation_distance"]
        assert close(mine, wanted, relative=1e-9, absolute=1e-12), name
        assert mine is None or 0 <= mine <= 1 + 1e-12


def _own(path: Path) -> Any:
    from tempfile import TemporaryDirectory

    del path
    with TemporaryDirectory() as root:
        (Path(root) / "metrics").mkdir()
        (Path(root) / "metrics" / "mine.sql").write_text(scaffold("mine"), "utf-8")
        own, broken = metrics_beside(Path(root))
    assert broken == ()
    return own


# Corners


BROKEN = [
    ("-- last_bin: what", "-- other: what", 1, "the metric is called 'other'; call it 'last_bin'"),
    ("-- last_bin: what", "last_bin: what", 1, "expected '-- name: title'"),
    ("-- types    numerical\n", "", 11, "the header has no 'types' line"),
    ("-- types    numerical", "-- types    numbers", 9, "types are numerical, categorical, or both"),
    ("-- worse    lower", "-- worse    up", 10, "worse is higher or lower, not 'up'"),
    ("-- default  -0.5", "-- default  low", 11,
     "default is a number, `0.05 numerical, 0.1 categorical`, or none"),
    ("-- reads    bins, comparisons", "-- reads    bins, rows", 4, "there is no relation 'rows'"),
    ("-- reads    bins, comparisons", "-- reads    bins", 26,
     "the SQL reads comparisons, which the line `reads` does not name"),
    ("{{ scale }}", "{{ size }}", 22, "size is no param of the header: add `-- param    size: float ="),
    ("{{ scale }}", "{% if x %}1{% endif %}", 22, "only {{ name }} of a param can stand in the SQL"),
    ("group by comparison\n)", "group by comparison\n", 20, "is not DuckDB SQL: expecting )"),
    ("from bins\ninner", "from read_csv('/etc/passwd') as bins\ninner", 12,
     "reads READ_CSV('/etc/passwd') AS bins; a metric reads Driftline's relations alone"),
    ("with\n\nlast", "drop table bins; with\n\nlast", 12,
     "is not one SELECT; a metric selects from relations and does nothing else"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "line", "told"), BROKEN)
def test_a_broken_file_is_told_with_its_line_and_what_to_do(
    folder: Path, good: str, bad: str, line: int, told: str
):
    assert good in LAST
    write(folder, "last_bin", LAST.replace(good, bad, 1))
    with pytest.raises(ConfigError) as error:
        load_project(project(folder))
    (complaint,) = str(error.value).splitlines()
    place, _, rest = complaint.partition(": ")
    assert rest.startswith(told)
    assert place.endswith(f"metrics/last_bin.sql:{line}")


def test_a_name_of_driftlines_is_refused(folder: Path):
    write(folder, "psi", scaffold("psi"))
    with pytest.raises(
        ConfigError, match="psi is a metric of Driftline's; give yours another name"
    ):
        load_project(project(folder))


def test_what_does_not_compute_is_known_before_data_is_read(folder: Path):
    write(folder, "last_bin", LAST.replace("bins.q - bins.p", "bins.q - bins.nothing"))
    path = project(folder)
    with pytest.raises(ConfigError) as error:
        driftline.validate(path)
    assert "metrics/last_bin.sql:22: does not compute: Binder Error: " in str(error.value)
    assert "nothing" in str(error.value)
    assert "docs/custom_metrics.md" in str(error.value)


def test_what_does_not_compute_fails_alone(folder: Path):
    write(folder, "last_bin", LAST.replace("bins.q - bins.p", "bins.q - bins.nothing"))
    found = rows(project(folder, "data_drift: [last_bin, js]"))
    assert found["data_drift", "last_bin", "x"]["status"] == "error"
    assert found["data_drift", "jensen_shannon_distance", "x"]["value"] is not None


def test_a_file_without_a_value_is_told(folder: Path):
    write(folder, "last_bin", LAST.replace("as value", "as gained"))
    with pytest.raises(ConfigError, match="returns no column 'value'"):
        driftline.validate(project(folder))


def test_projects_of_one_process_do_not_know_each_others(folder: Path, tmp_path_factory: Any):
    other = tmp_path_factory.mktemp("other")
    for file in folder.glob("*.parquet"):
        (other / file.name).symlink_to(file)
    assert "last_bin" in {metric.name for metric in load_project(project(folder)).own}
    with pytest.raises(ConfigError, match="unknown metric"):
        load_project(project(other))
    assert "last_bin" not in METRICS
    # of the same name, and another
    (other / "metrics").mkdir()
    write(other, "last_bin", LAST.replace("(bins.q - bins.p)", "(bins.p - bins.q)"))
    ours, theirs = (
        rows(project(root))["data_drift", "last_bin", "x"]["value"] for root in (folder, other)
    )
    assert ours == -theirs


# Where they show


def test_lists_results_and_checks_know_them(folder: Path):
    path = project(folder)
    assert driftline.metrics("last_bin", project=path).header.own["worse"] == "lower"
    assert {"last_bin"} == {m.name for m in driftline.metrics(project=path)} - METRICS.keys()
    listed = driftline.ls(path, what="metrics").to_pylist()
    (row,) = [row for row in listed if row["metric"] == "last_bin"]
    assert (row["title"], row["feature_types"], row["default_threshold"]) == (
        "what the last bin has gained",
        "numerical",
        "-0.5",
    )
    rows(path)
    stored = Store(folder / "driftline.duckdb").read("from metric_definitions").to_pylist()
    assert [each for each in stored if each["metric"] == "last_bin"] == [row]
    path = project(folder, "data_drift: {last_bin: 0.7}")
    (found,) = driftline.check(path).monitors
    (judged,) = [row for row in found.metrics if row["metric"] == "last_bin"]
    assert (judged["status"], found.warnings) == ("breached", ())
    write(folder, "last_bin", LAST.replace("bins.q - bins.p", "bins.p - bins.q"))
    assert "asks for other numbers" in driftline.check(path).monitors[0].warnings[0]


def test_a_new_one_runs_as_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch):
    path = project(folder, "data_drift: [mine]")
    monkeypatch.chdir(folder)
    assert driftline.new_metric("mine") == folder / "metrics" / "mine.sql"
    driftline.validate()
    assert rows(path)["data_drift", "mine", "x"]["value"] == pytest.approx(0.5)
    with pytest.raises(ConfigError, match="is there already"):
        driftline.new_metric("mine")
    with pytest.raises(ConfigError, match="psi is a metric of Driftline's"):
        driftline.new_metric("psi", project=path)


def test_a_shorter_header_takes_defaults(folder: Path):
    write(
        folder,
        "last_bin",
        LAST.replace("-- worse    lower\n-- default  -0.5\n", "-- direction higher\n"),
    )
    metric = load_project(project(folder)).beside["last_bin"]
    assert (metric.worse, metric.bare, metric.default) == ("higher", "max", None)
    assert np.isneginf(metric.low)


def test_editors_take_a_name_that_only_the_project_knows():
    shapes = driftline.schema()["$defs"]
    for name in ("DataDrift", "DataDriftNumerical", "DataQuality", "FeatureThresholds"):
        assert "metrics/NAME.sql" in shapes[name]["additionalProperties"]["description"]
    assert shapes["FeatureAttributionDrift"]["additionalProperties"] is False
