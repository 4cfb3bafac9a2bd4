"""The project file of the specification is understood as it stands, with every key it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftline.engine.config import load_project

EVERYTHING = """\
version: 1
include: [monitors/*.yml]
defaults: {owner: everyone}
connection: {type: duckdb, database: ":memory:", settings: {memory_limit: 4GB, threads: 2}}
sources: {scored: scored/*.parquet, training: training.parquet}
results: {to: driftline.duckdb}
publish: {duckdb: published/driftline.duckdb, parquet: published/}
targets:
  prod: {connection: {type: snowflake, account: x}, sources: {scored: ML.PROD.SCORED, training: ML.PROD.TRAINING}, results: {connection: same}}
notifications:
  - {name: ml-team, type: apprise, url: "${SLACK_URL}"}
monitors:
  - name: arrival_delay
    model: {name: delay, version: "3", task: regression}
    tags: [tier1]
    owner: ops
    description: Minutes late at the gate
    time_zone: UTC
    schedule: "0 6 * * *"
    production:
      table: scored
      timestamp: scheduled_at
      window: {size: P7D, offset: P0D}
      filter: "origin <> 'TEST'"
      allow_empty: false
    references:
      training: {table: training, frozen: false}
      recent: {window: {size: P28D, offset: P7D}}
      seasonal: {same: P7D, cycles: 4}
    join:
      - {name: labels, table: labels.parquet, "on": {flight_id: id}, timestamp: label_at, delay: P3D}
    columns: {correlation_id: flight_id, prediction: predicted_delay, score: null, positive_class: null, actual: arr_delay}
    features: all
    settings:
      month: {type: categorical}
      age: {bounds: [18, 110], bins: {rule: edges, edges: [18, 25, 40, 65, 110]}, thresholds: {normalized_wasserstein_distance: 0.3}}
      plan: {values: [basic, pro]}
    segments: [origin, {name: long_haul, where: "distance > 2000"}, [origin, carrier]]
    max_segments: 50
    bins: {rule: quantile, count: 10, max_categories: 1000}
    min_rows: 100
    exact: always
    conventions: driftline
    alert_when: significant
    signals:
      data_drift:
        numerical:   {normalized_wasserstein_distance: 0.1, two_sample_kolmogorov_smirnov_test: 0.01}
        categorical: {jensen_shannon_distance: 0.1, pearsons_chi_squared_test: 0.02}
      prediction_drift: {reference: training, population_stability_index: {warn: 0.1, fail: 0.25}}
      weekly_drift: {type: data_drift, reference: recent, features: {top_n: 10}}
      data_quality: {null_value_rate: 0.01, data_type_error_rate: 0.0, out_of_bounds_rate: {fail: {max: 5%}}, row_count: {min: 1000}}
      feature_attribution_drift: {normalized_discounted_cumulative_gain: 0.9, attribution: {source: columns, prefix: shap_}}
      model_performance: {root_mean_squared_error: {max: 15}, mean_absolute_error: {increase: 10%}}
    alerts: {open_after: 1, close_after: 1, remind_every: P1D, at_least: {features: 1}, segments: false, notify: [ml-team]}
    links: {report: "https://reports.example/{monitor}/{window_date}.html", dashboard: "https://bi.example/?m={monitor}", runbook: "https://wiki.example/{monitor}"}
"""  # noqa: E501 - as the specification has it

SHORTEST = """\
monitors:
  - name: m
    production: {table: s.csv, timestamp: ts, window: {size: P7D}}
    reference: {table: t.csv}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the file that `include` of the example wants."""
    (tmp_path / "monitors").mkdir()
    other = "name: other\nproduction: {table: a.csv}\nreference: {table: b.csv}\n"
    (tmp_path / "monitors" / "other.yml").write_text(other, "utf-8")
    return tmp_path


def test_the_specification_is_a_project(folder: Path) -> None:
    (folder / "driftline.yml").write_text(EVERYTHING, "utf-8")
    for target in (None, "prod"):
        project = load_project(
            folder / "driftline.yml", target=target, environ={"SLACK_URL": "slack://x"}
        )
        signals = [signal.name for signal in project.monitor("arrival_delay").signals]
        assert signals == [
            *("data_drift", "prediction_drift", "weekly_drift", "data_quality"),
            *("feature_attribution_drift", "model_performance"),
        ]


@pytest.mark.parametrize(
    "key",
    [
        "max_segments: 50",
        "exact: always",
        "conventions: driftline",
        "conventions: azure",
        "alert_when: exceeds",
        "segments: []",
        "join:",
        "links: {}",
        "columns: {score: null, positive_class: null, cut_off: null, expected_error: null}",
        "features: [mae, accuracy]",
        "signals: {data_drift: {features: [mae]}}",
    ],
)
def test_further_forms_are_no_complaint(tmp_path: Path, key: str) -> None:
    path = tmp_path / "driftline.yml"
    path.write_text(f"{SHORTEST}    {key}\n", "utf-8")
    assert load_project(path, environ={}).monitors[0].name == "m"


def test_notifications_of_every_kind_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "driftline.yml"
    path.write_text(
        "notifications:\n"
        "  - {name: a, type: apprise, url: slack://x}\n"
        "  - {name: b, type: webhook, url: https://x, secret: s}\n"
        "  - {name: c, type: smtp, host: h, from: f@x, to: [t@x]}\n" + SHORTEST,
        "utf-8",
    )
    assert load_project(path, environ={}).secrets == {"s", "slack://x"}
