"""The project the other way round: JSON Schema, resolved YAML and hash."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.engine.catalog import METRICS, SHORT_NAMES
from driftline.engine.config import config_hash, load_project, project_schema, resolved_yaml
from driftline.engine.project import Monitor, Project
from driftline.engine.signal_models import UNASKED

FULL = """\
connection: {database: w.duckdb, read_only: true, settings: {threads: 2}}
sources: {training: [ml, train]}
results: {to: out/r.duckdb}
monitors:
  - name: everything that is built
    model: {name: delay, version: "3", task: regression}
    tags: [on, "5", "a: b"]
    owner: ops
    description: |
      Two lines
        and an indent
    time_zone: Europe/Berlin
    schedule: {every: P1D}
    production: {table: '${WHERE}/*.parquet', timestamp: ts, filter: "x <> 'no'", allow_empty: true}
    references:
      training: {table: training}
      recent: {window: {size: P28D}}
      fixed: {table: 'a."b.c"', window: {start: 2024-01-01, end: 2024-02-01T06:30}}
      asked: {query: "select 1 as x", timestamp: x}
    columns: {correlation_id: id, prediction: p, actual: y, types: {age: BIGINT}}
    features: {include: ["a*"], exclude: [ab]}
    settings:
      age: {bounds: [18, 110], bins: {count: 5}, thresholds: {js: {warn: 0.1, fail: 0.2}, ks: null}}
      plan: {type: categorical, values: [basic, 2, true]}
    bins: {rule: edges, edges: [0, 0.1, 2], max_categories: 50}
    min_rows: 0
    segments: [plan, [plan, ab], {name: old, where: "age > 60"}]
    max_segments: 7
    signals:
      data_drift: {js: 0.2, numerical: [ks, wasserstein], categorical: {chi2: 0.02, tv: null}}
      weekly: {type: data_drift, reference: recent, features: [age, plan], segments: []}
      prediction_drift: [psi]
      data_quality: {nulls: {warn: {max: 5%}, fail: {increase: 7%}}, row_count: 1000}
    alerts: {close_after: 2, cusum: {average_run_length: 500, baseline: 8}}
  - {name: plain, production: {table: s.csv}, reference: {table: t.csv}}
"""


def load(folder: Path, text: str) -> Project:
    path = folder / "driftline.yml"
    path.write_text(text, "utf-8")
    return load_project(path, environ={"WHERE": "scored"})


def bare(monitor: Monitor) -> Monitor:
    """The monitor without what it keeps of the file."""
    return replace(monitor, yaml="", line=0)


# --- resolved ------------------------------------------------------------------------------------------


def test_the_resolved_project_is_the_same_project(tmp_path: Path) -> None:
    project = load(tmp_path, FULL)
    again = load(tmp_path, resolved_yaml(project))
    assert [bare(m) for m in again.monitors] == [bare(m) for m in project.monitors]
    assert replace(again, monitors=()) == replace(project, monitors=())


def test_resolving_twice_changes_nothing(tmp_path: Path) -> None:
    text = resolved_yaml(load(tmp_path, FULL))
    assert resolved_yaml(load(tmp_path, text)) == text


def test_the_resolved_project_spells_the_defaults(tmp_path: Path) -> None:
    text = resolved_yaml(load(tmp_path, FULL))
    for part in (
        "min_rows: 100",
        "max_categories: 1000",
        "alert_when: significant",
        "to: out/r.duckdb",
    ):
        assert part in text


@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_text_comes_back_from_the_resolved_project(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    text = text.replace("${", "$")  # a variable of the environment may hold anything else
    folder = tmp_path_factory.mktemp("schema")
    project = load(folder, FULL)
    monitor = replace(
        project.monitors[0], description=text, column_types=MappingProxyType({text: "DOUBLE"})
    )
    again = load(folder, resolved_yaml(replace(project, monitors=(monitor,)))).monitors[0]
    assert again.description == text
    assert dict(again.column_types) == {text: "DOUBLE"}


def test_secrets_are_masked_in_the_resolved_project(tmp_path: Path) -> None:
    project = load(tmp_path, FULL.replace("owner: ops", "owner: hush"))
    text = resolved_yaml(replace(project, secrets=frozenset({"hush"})))
    assert "owner: '****'" in text or "owner: ****" in text
    assert "hush" not in text


# --- hash ----------------------------------------------------------------------------------------------


def test_the_hash_is_sixteen_hex_digits(tmp_path: Path) -> None:
    digits = config_hash(load(tmp_path, FULL).monitors[0])
    assert len(digits) == 16
    assert int(digits, 16) >= 0


def test_the_hash_is_the_same_wherever_the_project_lies(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    assert [config_hash(m) for m in load(here, FULL).monitors] == [
        config_hash(m) for m in load(there, FULL).monitors
    ]


def test_the_hash_does_not_depend_on_the_process(tmp_path: Path) -> None:
    expected = config_hash(load(tmp_path, FULL).monitors[0])
    code = (
        "import sys; from pathlib import Path; from driftline.engine import config\n"
        "project = config.load_project(Path(sys.argv[1]), environ={'WHERE': 'scored'})\n"
        "print(config.config_hash(project.monitors[0]))"
    )
    for seed in ("1", "2"):
        ran = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout.strip() == expected


def test_words_around_a_monitor_do_not_change_its_hash(tmp_path: Path) -> None:
    commented = FULL.replace("    min_rows: 0", "    # none\n    min_rows: 0")
    one, other = load(tmp_path, FULL), load(tmp_path, commented)
    assert config_hash(one.monitors[0]) == config_hash(other.monitors[0])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("min_rows: 0", "min_rows: 1"),
        ("js: 0.2, numerical", "js: 0.3, numerical"),
        ("P28D", "P27D"),
        ("train]", "train2]"),
        ("${WHERE}/*", "${WHERE}/x"),
    ],
)
def test_what_a_monitor_says_changes_its_hash(tmp_path: Path, old: str, new: str) -> None:
    one, other = load(tmp_path, FULL), load(tmp_path, FULL.replace(old, new))
    assert config_hash(one.monitors[0]) != config_hash(other.monitors[0])


# --- JSON Schema -----------------------------------------------------------------------------------------


@cache
def schema() -> dict[str, Any]:
    return project_schema()


def definition(name: str) -> dict[str, Any]:
    found: Any = schema()["$defs"]
    return dict(found[name])


def references_in(node: Any) -> set[str]:
    """Every `$ref` below a node."""
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references_in(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(references_in(value) for value in node))
    return set()


def test_the_schema_is_json_of_the_2020_draft() -> None:
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(schema())) == schema()


def test_every_reference_of_the_schema_leads_somewhere() -> None:
    assert {ref.removeprefix("#/$defs/") for ref in references_in(schema())} <= set(
        schema()["$defs"]
    )


def test_the_schema_names_every_metric_and_every_short_name() -> None:
    text = json.dumps(schema())
    named = (metric.name for metric in METRICS.values() if metric.scope not in UNASKED)
    for name in (*named, *SHORT_NAMES, "normalized_discounted_cumulative_gain", "rmse"):
        assert f'"{name}": {{' in text


def test_the_schema_knows_where_a_metric_belongs() -> None:
    numerical = definition("DataDriftNumerical")["properties"]
    assert "two_sample_kolmogorov_smirnov_test" in numerical
    assert "pearsons_chi_squared_test" not in numerical
    assert "null_value_rate" not in definition("DataDrift")["properties"]


def test_every_key_of_a_monitor_has_a_title_and_a_sentence() -> None:
    for name, key in definition("Monitor")["properties"].items():
        assert key.get("description"), name
        assert key.get("title") or "$ref" in key or "anyOf" in key or "oneOf" in key, name


def test_unknown_keys_are_wrong_in_the_schema() -> None:
    assert definition("Monitor")["additionalProperties"] is False
    assert definition("TrinoConnection")["additionalProperties"] is False


def test_defaults_are_a_monitor_of_which_nothing_is_required() -> None:
    defaults = definition("Defaults")
    assert defaults["properties"] == definition("Monitor")["properties"]
    assert defaults["required"] == []


def test_a_signal_named_like_its_type_needs_no_type() -> None:
    signals = definition("Monitor")["properties"]["signals"]["anyOf"][0]
    assert {"type": "null"} in signals["properties"]["data_drift"]["anyOf"]
    assert "type" not in definition("DataDrift")["required"]
    assert signals["additionalProperties"]["required"] == ["type"]


def test_what_only_the_reader_sets_is_not_in_the_schema() -> None:
    assert "<" not in json.dumps(schema()["$defs"])
