"""A project whose statements show every branch of every relation, compiled without any data."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from unittest.mock import patch

from driftline.engine.compile import compile_project
from driftline.engine.config import load_project
from driftline.engine.dialects import spelled
from driftline.engine.render import facts
from driftline.engine.warehouses import class_of
from driftline.engine.warehouses.base import Column, Statement
from driftline.engine.warehouses.duckdb import DuckDB, kind_of

JUDGED_STEPS: Final = ("errors", "confusion", "reliability", "ranks", "score_edges", "calibration")
STEPS: Final = (
    "matches",
    "joined",
    "profile",
    "arrivals",
    "categories",
    "bounds",
    "sample",
    "histogram",
    "ties",
    "facts",
    "attributions",
    "listed_importances",
    "segments",
    "segmented",
    "joint",
    "dispersion",
    "surrogate",
    "custom",
    "settled",
    *JUDGED_STEPS,
)

PROJECT: Final = """
monitors:
  - name: everything
    production:
      table: [ml, 'sco"red']
      timestamp: scored_at
      window: {size: P7D}
      filter: "amount >= 1 and country <> 'test'"
    reference: {table: ml.training, window: {start: 2026-01-01, end: 2026-02-01}}
    join:
      - {name: labels, table: ml.labels, on: {'request "id"': request, country: country}, timestamp: at}
      - {name: plans, table: [ml, "pla'ns"], on: {age: "a;b"}}
    features: {include: ["*", churned, 'tar"iff', paid]}
    settings:
      born: {type: numerical}
      grade: {type: categorical}
    signals:
      data_drift:
      data_quality: [nulls, freshness, duplicate_rate, zero_rate, empty_string_rate, distinct_count]
      feature_attribution_drift: {attribution: {source: columns, prefix: "by'"}}
      logged:
        type: feature_attribution_drift
        attribution:
          {source: columns, table: ml.by, reference_table: ml.before, feature: 'the "name"', value: x}
      custom:
        at_risk: {sql: "sum(amount * age) / count(*) filter (where country <> 'it''s')"}
        odd: {sql: 'count(distinct "it''s ""odd""; drop")'}
      informed:
        type: feature_attribution_drift
        attribution: {source: mutual_information}
        features: [amount, country]
      learned:
        type: feature_attribution_drift
        attribution: {source: surrogate_model}
        features: [amount, country]
    columns:
      correlation_id: 'request "id"'
      prediction: said
      types:
        'request "id"': VARCHAR
        scored_at: TIMESTAMP
        amount: DOUBLE
        age: BIGINT
        price: DECIMAL(10,2)
        born: DATE
        country: VARCHAR
        member: BOOLEAN
        grade: INTEGER
        said: REAL
        by'amount: DOUBLE
        by'age: DECIMAL(9,3)
        seen: TIMESTAMP WITH TIME ZONE
        "it's \\"odd\\"; drop": VARCHAR
        labels.request: BIGINT
        labels.country: VARCHAR
        labels.at: TIMESTAMP
        labels.churned: BOOLEAN
        labels.paid: DOUBLE
        plans.a;b: BIGINT
        'plans.tar"iff': VARCHAR
  - name: segments
    production: {table: ml.scored, timestamp: at, window: {size: P7D}, filter: x < 9}
    reference: {table: ml.training}
    segments: [country, {name: large, where: x > 1}, [country, 'o"r']]
    columns: {types: {at: TIMESTAMP, x: DOUBLE, country: VARCHAR, 'o"r': DOUBLE}}
"""


# What is settled where the rows are.
DEAR: Final = """
monitors:
  - name: dear
    production: {table: ml.scored, timestamp: at, window: {size: P7D}, filter: x < 9}
    reference: {table: ml.training}
    columns: {types: {at: TIMESTAMP, x: DOUBLE, 'o"r': "DECIMAL(9,3)"}}
"""


# References that consist of windows: side by side, and a week apart.
CLUSTERS: Final = """
monitors:
  - name: clusters
    production: {table: ml.scored, timestamp: at, window: {size: P1D}, filter: x < 9}
    references:
      recent: {window: {size: P9D}}
      seasonal: {same: P7D, cycles: 8}
    signals: {data_drift: , weekly: {type: data_drift, reference: seasonal}}
    columns: {types: {at: TIMESTAMP, x: DOUBLE, 'o"r': "DECIMAL(9,3)", country: VARCHAR}}
"""


# Models of both tasks, and of every way that predictions come.
JUDGED: Final = """
defaults:
  production: {table: [ml, 'sco"red'], timestamp: scored_at, window: {size: P7D}, filter: "amount >= 1"}
  reference: {table: ml.training}
monitors:
  - name: numbers
    model: {task: regression}
    signals: {model_performance: [mae, r2, mape, estimated_mae]}
    columns: {prediction: "what it's", actual: paid, expected_error: doubt, types: &types {
      scored_at: TIMESTAMP, amount: DOUBLE, "what it's": "DECIMAL(10,2)", paid: DOUBLE, doubt: REAL,
      'p "yes"': DOUBLE, p_no: REAL, p_maybe: DOUBLE, request: BIGINT, labels.request: BIGINT,
      labels.outcome: VARCHAR, happened: BOOLEAN}}
  - name: several
    model: {task: classification}
    signals: {model_performance: [accuracy, roc_auc, log_loss, estimated_f1]}
    join: [{name: labels, table: ml.labels, on: {request: request}}]
    columns: {score: {"it's yes": 'p "yes"', "no": p_no, maybe: p_maybe}, actual: outcome, types: *types}
  - name: one
    model: {task: classification}
    signals: {model_performance: [f1, brier_score, roc_auc, estimated_accuracy]}
    columns: {score: 'p "yes"', cut_off: "case when amount > 9 then 1 else amount end", actual: happened,
      types: *types}
"""


@lru_cache(maxsize=16)
def statements(dialect: str) -> tuple[Statement, ...]:
    """What a run would send in a dialect, and what `init` asks of a table."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "driftline.yml"
        path.write_text(PROJECT, "utf-8")
        project = load_project(path)
        path.write_text(JUDGED, "utf-8")
        judged = load_project(path)
        path.write_text(DEAR, "utf-8")
        dear = load_project(path)
        path.write_text(CLUSTERS, "utf-8")
        clusters = load_project(path)
    compiled, apart = compile_project(project, dialect=dialect, at="2026-03-02")
    monitor, _ = project.monitors
    columns = [
        Column(name, native, kind_of(native))
        for name, native in monitor.column_types.items()
        if not name.startswith(("labels.", "plans."))
    ]
    relation = spelled(monitor.production.source, dialect)
    outcomes = [
        statement
        for each in compile_project(judged, dialect=dialect, at="2026-03-02")
        for statement in each.statements
        if statement.step in JUDGED_STEPS
    ]
    with patch.object(class_of(dialect) or DuckDB, "most_cells", 61_440):
        (there,) = compile_project(dear, dialect=dialect, at="2026-03-02")
    settled = [each for each in there.statements if each.step == "settled"]
    (windowed,) = compile_project(clusters, dialect=dialect, at="2026-03-02")
    scattered = [each for each in windowed.statements if each.step == "dispersion"]
    # what reads rows told apart, of which one statement shows enough
    told = [each for each in apart.statements if each.step == "segments"]
    told += [replace(e, step="segmented") for e in apart.statements if e.step == "profile"]
    return (
        *compiled.statements,
        *told,
        *outcomes,
        *settled,
        *scattered,
        facts(relation, columns, dialect=dialect, tag="driftline {step}"),
    )
