"""What every metric owes: a SQL file with a true header, an oracle, a test file, a case by hand."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import oracles
import pytest
from jinja2 import Environment, meta
from support import score

from driftline.engine.catalog import AZURE, METRICS, Metric
from driftline.engine.errors import TemplateError
from driftline.engine.render import metric_sql
from driftline.engine.workbench import Workbench

ROOT = Path(__file__).parents[1]
# Metrics that are alike and share a test file; every other one has its own.
TOGETHER = {
    "informational_measures": (
        "zero_rate",
        "empty_string_rate",
        "distinct_count",
        "mean",
        "stddev",
        "minimum",
        "maximum",
    ),
    "window_measures": (
        "freshness",
        "duplicate_rate",
        "missing_feature",
        "new_column",
        "type_changed",
    ),
    "feature_importances": ("feature_importance", "feature_importance_rank"),
    "classes": (
        "accuracy",
        "precision_macro",
        "recall_macro",
        "f1_macro",
        "f1_weighted",
        "precision",
        "recall",
        "f1",
    ),
    "scores": ("roc_auc", "log_loss", "brier_score", "expected_calibration_error"),
    "estimates": (
        "estimated_accuracy",
        "estimated_precision_macro",
        "estimated_recall_macro",
        "estimated_f1_macro",
        "estimated_precision",
        "estimated_recall",
        "estimated_f1",
        "estimated_roc_auc",
    ),
    "errors": (
        "mean_absolute_error",
        "mean_squared_error",
        "root_mean_squared_error",
        "mean_absolute_percentage_error",
        "r2_score",
        "estimated_mean_absolute_error",
    ),
}
FILES = {name: name for name in METRICS} | {
    name: file for file, names in TOGETHER.items() for name in names
}
SECTIONS = ("# By hand", "# Oracle", "# Properties", "# Corners")

# Every metric, and those that a convention has SQL of its own for.
LINES = (*METRICS.values(), *(metric for metric in AZURE.values() if metric.folder))
each_metric = pytest.mark.parametrize("metric", LINES, ids=lambda metric: metric.path)


@dataclass
class Left:
    """What a run leaves in the workbench: names of relations, and columns of each answer, by SQL file."""

    relations: set[str] = field(default_factory=set)
    answers: dict[str, set[str]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def left() -> Left:
    found = Left()

    def note(bench: Workbench) -> None:
        found.relations |= {row["table_name"] for row in bench.rows("from duckdb_tables()")}
        for metric in LINES:
            answer = bench.rows(f"describe {metric_sql(metric)}")
            found.answers[metric.path] = {row["column_name"] for row in answer}
        close(bench)

    close = Workbench.close
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Workbench, "close", note)
        score({"x": [1.5, 2.5], "y": ["a", "b"]}, {"x": [1.5, 2.5], "y": ["a", "b"]})
    return found


@each_metric
def test_a_metric_has_a_header_that_names_it(metric: Metric):
    assert metric.header.name == metric.name
    assert metric.header.title


@each_metric
def test_the_parameters_of_the_header_are_the_free_variables_of_the_sql(metric: Metric):
    free = meta.find_undeclared_variables(Environment().parse(metric.sql))
    assert {param.name for param in metric.header.params} == free


@each_metric
def test_a_metric_reads_relations_that_a_run_leaves(metric: Metric, left: Left):
    assert set(metric.header.reads) <= left.relations


@each_metric
def test_a_metric_reads_what_its_header_says_and_nothing_else(metric: Metric):
    body = "\n".join(line for line in metric.sql.splitlines() if not line.startswith("--"))
    named = set(re.findall(r"\b(?:from|join)\s+([a-z_]+)", body))
    own = set(re.findall(r"^([a-z_]+) as \($", body, flags=re.MULTILINE))
    assert named - own == set(metric.header.reads)


@each_metric
def test_every_column_a_metric_returns_is_in_its_header(metric: Metric, left: Left):
    columns = left.answers[metric.path]
    keys = {"schema": "feature", "join": "match", "attribution": "pair", "importance": "pair"}
    keys |= dict.fromkeys(("performance", "class", "labels"), "pair")
    key = keys.get(metric.scope, "comparison")
    assert {key, "statistic" if metric.test else "value"} <= columns
    assert columns <= set(re.findall(r"[a-z_]+", metric.header.returns))


@each_metric
def test_a_metric_is_a_query_that_can_be_read_in_one_sitting(metric: Metric):
    assert len(metric.sql.splitlines()) <= 120


@each_metric
def test_a_metric_is_plain_sql(metric: Metric):
    assert "{%" not in metric.sql


@each_metric
def test_a_metric_has_a_test_file_of_four_sections(metric: Metric):
    text = (ROOT / "tests" / "metrics" / f"test_{FILES[metric.name]}.py").read_text("utf-8")
    assert metric.name in text
    places = [text.find(f"\n{section}\n") for section in SECTIONS]
    assert -1 not in places
    assert places == sorted(places)


@each_metric
def test_a_metric_has_an_oracle(metric: Metric):
    numbers, texts = [1.5, 2.5, 3.5], ["a", "b", "b"]
    known = {
        *oracles.numerical(numbers, numbers),
        *oracles.categorical(texts, texts),
        *oracles.measures_of_numbers(numbers),
        *oracles.measures_of_texts(texts),
        *oracles.findings({}, {}),
        *oracles.OF_WINDOWS,
        *oracles.OF_IMPORTANCES,
        *oracles.OF_PERFORMANCE,
    }
    assert metric.name in known


def test_the_oracles_share_no_code_with_the_engine():
    assert "driftline" not in (ROOT / "tests" / "oracles.py").read_text("utf-8")


def test_an_unknown_parameter_of_a_metric_is_refused():
    with pytest.raises(TemplateError, match="has no parameter 'bins'"):
        metric_sql(METRICS["population_stability_index"], {"bins": 3})


def test_a_parameter_takes_the_place_of_its_default():
    metric = METRICS["population_stability_index"]
    assert metric_sql(metric, {"pseudocount": 0.25}) != metric_sql(metric)
    assert metric_sql(metric, {"pseudocount": 0.5}) == metric_sql(metric)


def test_no_test_file_is_left_of_a_metric_that_is_gone():
    files = {path.stem for path in (ROOT / "tests" / "metrics").glob("test_*.py")}
    assert files - {"test_fixtures"} == {f"test_{file}" for file in FILES.values()}
