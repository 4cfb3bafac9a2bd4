"""Azure ML monitors become project files, and nothing of them is lost without a word."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tzlocal.windows_tz import win_tz

import driftline
from driftline.engine.azure_file import FIELDS, Ledger, Left, Spot, leaves
from driftline.engine.azure_metrics import METRIC_NAMES
from driftline.engine.catalog import METRICS
from driftline.engine.config import load_project
from driftline.engine.import_azure import Imported, import_azure_file
from driftline.engine.project import FixedWindow, Monitor, Reference, RollingWindow, Signal
from driftline.engine.windows_zones import WINDOWS_ZONES, iana_zone
from driftline.engine.yaml_file import Complaints, Map, YamlFile, read_yaml

Tree = dict[str, Any]

# The shapes of Azure's public examples, in our own words.

TRIGGER: Final[Tree] = {
    "type": "recurrence",
    "frequency": "day",
    "interval": 1,
    "schedule": {"hours": 3, "minutes": 15},
}
TARGET: Final[Tree] = {"ml_task": "classification", "endpoint_deployment_id": "azureml:loans:blue"}
COMPUTE: Final[Tree] = {"instance_type": "standard_e4s_v3", "runtime_version": "3.4"}
MAILS: Final[Tree] = {"emails": ["ml@example.com", "risk@example.com"]}


def schedule(*, trigger: Tree | None = None, **monitor: Any) -> Tree:
    """A monitor's file."""
    return {
        "$schema": "http://azureml/sdk-2-0/Schedule.json",
        "name": "loans_watch",
        "trigger": TRIGGER if trigger is None else trigger,
        "create_monitor": {"compute": COMPUTE, "monitoring_target": TARGET, **monitor},
    }


def data(name: str, context: str | None = None, **more: Any) -> Tree:
    """Production or reference data that is an asset."""
    found: Tree = {"input_data": {"path": f"azureml:{name}:1", "type": "mltable"}, **more}
    return found if context is None else {**found, "data_context": context}


OUT_OF_THE_BOX: Final = schedule(alert_notification=MAILS)

TRAINING: Final = data("loans-training", "training", data_column_names={"target_column": "late"})

ADVANCED: Final = schedule(
    monitoring_signals={
        "drift": {
            "type": "data_drift",
            "reference_data": TRAINING,
            "features": {"top_n_feature_importance": 7},
            "metric_thresholds": {
                "numerical": {"jensen_shannon_distance": 0.02},
                "categorical": {"pearsons_chi_squared_test": 0.03},
            },
        },
        "quality": {
            "type": "data_quality",
            "reference_data": data("loans-training", "training"),
            "features": ["income", "plan"],
            "feature_type_override": {"plan": "categorical"},
            "metric_thresholds": {
                "numerical": {"null_value_rate": 0.04},
                "categorical": {"out_of_bounds_rate": 0.05},
            },
        },
        "attribution": {
            "type": "feature_attribution_drift",
            "reference_data": {**data("loans-training", "training"), "target_column_name": "late"},
            "metric_thresholds": {"normalized_discounted_cumulative_gain": 0.85},
        },
    },
    alert_notification=MAILS,
)

PERFORMANCE: Final = schedule(
    trigger={"type": "cron", "expression": "30 6 * * 1", "time_zone": "Pacific Standard Time"},
    monitoring_signals={
        "accuracy": {
            "type": "model_performance",
            "production_data": data(
                "loans-scored",
                "model_outputs",
                data_column_names={"prediction": "said_late", "correlation_id": "request"},
                data_window={"lookback_window_size": "P14D", "lookback_window_offset": "P3D"},
            ),
            "reference_data": data(
                "loans-truth",
                "ground_truth",
                data_column_names={"actual": "was_late", "correlation_id": "loan"},
            ),
            "alert_enabled": True,
            "metric_thresholds": {"classification": {"accuracy": 0.9, "precision": 0.8}},
        }
    },
    alert_notification=MAILS,
)

FIXED: Final = schedule(
    monitoring_signals={
        "spring": {
            "type": "data_drift",
            "production_data": data(
                "loans-inputs",
                "model_inputs",
                data_window={"window_start": "2024-04-01", "window_end": "2024-05-01"},
            ),
            "reference_data": data(
                "loans-inputs",
                "model_inputs",
                data_window={"window_start_date": "2024-03-01", "window_end_date": "2024-04-01"},
            ),
            "features": "all_features",
            "metric_thresholds": {"numerical": {"normalized_wasserstein_distance": 0.2}},
        }
    }
)

CUSTOM: Final = schedule(
    trigger={"type": "recurrence", "frequency": "week", "interval": 2},
    monitoring_signals={
        "spread": {
            "type": "custom",
            "component_id": "azureml:spread_of_scores:1.0.0",
            "input_data": {"scored": data("loans-scored", "test")},
            "inputs": {"quantile": {"type": "number", "path": "0.9"}},
            "workspace_connection": {"secret_config": {"token": "loans-token"}},
            "metric_thresholds": [{"metric_name": "std_dev", "threshold": 2}],
        }
    },
)

# The same as ADVANCED's drift, as the REST interface answers.
RESOURCE: Final[Tree] = {
    "id": "/subscriptions/0/resourceGroups/g/schedules/loans_watch",
    "name": "loans_watch",
    "type": "Microsoft.MachineLearningServices/workspaces/schedules",
    "systemData": {"createdBy": "someone"},
    "properties": {
        "displayName": "Loans",
        "isEnabled": True,
        "tags": {"team": "risk"},
        "properties": {"azureml.x": "1"},
        "trigger": {
            "triggerType": "Recurrence",
            "frequency": "Week",
            "interval": 1,
            "timeZone": "W. Europe Standard Time",
            "startTime": "2024-01-01T00:00:00",
            "schedule": {"hours": [6, 18], "minutes": [0], "weekDays": ["Monday", "Friday"]},
        },
        "action": {
            "actionType": "CreateMonitor",
            "monitorDefinition": {
                "computeConfiguration": {"computeType": "ServerlessSpark"},
                "monitoringTarget": {"taskType": "Regression", "modelId": "azureml:loans:12"},
                "alertNotificationSettings": {
                    "emailNotificationSettings": {"emails": ["ml@example.com"]}
                },
                "signals": {
                    "drift": {
                        "signalType": "DataDrift",
                        "mode": "Enabled",
                        "notificationTypes": ["AmlNotification"],
                        "featureDataTypeOverride": {"plan": "Categorical"},
                        "featureImportanceSettings": {"mode": "Enabled", "targetColumn": "late"},
                        "features": {"filterType": "TopNByAttribution", "top": 4},
                        "productionData": {
                            "inputDataType": "Rolling",
                            "dataContext": "model_inputs",
                            "jobInputType": "mltable",
                            "uri": "azureml:loans-inputs:3",
                            "preprocessingComponentId": "azureml:made:1",
                            "windowSize": "P7D",
                            "windowOffset": "P1D",
                        },
                        "referenceData": {
                            "inputDataType": "Fixed",
                            "dataContext": "training",
                            "jobInputType": "uri_file",
                            "uri": "azureml://locations/w/workspaces/x/data/train/versions/2",
                        },
                        "metricThresholds": [
                            {
                                "dataType": "Numerical",
                                "metric": "NormalizedWassersteinDistance",
                                "threshold": {"value": 0.3},
                            },
                            {
                                "dataType": "Categorical",
                                "metric": "PopulationStabilityIndex",
                                "threshold": {"value": 0.25},
                            },
                        ],
                    }
                },
            },
        },
    },
}

EXAMPLES: Final[dict[str, Tree]] = {
    "out_of_the_box": OUT_OF_THE_BOX,
    "advanced": ADVANCED,
    "performance": PERFORMANCE,
    "fixed_windows": FIXED,
    "custom": CUSTOM,
    "resource": RESOURCE,
}


def read(tree: object, sources: dict[str, str] | None = None) -> tuple[Imported, YamlFile]:
    """Import a file of that content; JSON is YAML."""
    complaints = Complaints()
    path = Path("monitor.yml")
    text = json.dumps(tree, indent=1, ensure_ascii=False)
    file = _parsed(path, text, complaints)
    return import_azure_file(file, complaints, sources or {}), file


def _parsed(path: Path, text: str, complaints: Complaints) -> YamlFile:
    class Text(type(path)):  # type: ignore[misc]
        """A file whose text is at hand."""

        def read_text(self, *_: object, **__: object) -> str:
            return text

    return read_yaml(Text(path), str(path), complaints)


@pytest.fixture
def load(tmp_path: Path) -> Callable[[Tree], list[Monitor]]:
    """Import, write, and load what was written: it must be right as it is."""

    def loaded(tree: Tree) -> list[Monitor]:
        made, _ = read(tree)
        file = tmp_path / "driftline.yml"
        file.write_text(made.text, "utf-8")
        project = load_project(file, environ={})
        assert [monitor.name for monitor in project.monitors] == [*made.monitors]
        return [*project.monitors]

    return loaded


def rules(signal: Signal) -> dict[str, dict[str, float | None]]:
    """{feature type: {metric: the threshold's number}}."""
    found: dict[str, dict[str, float | None]] = {}
    for rule in signal.rules:
        for scope, threshold in rule.thresholds.items():
            amount = None if threshold.fail is None else threshold.fail.amount
            found.setdefault(scope, {})[rule.metric] = amount
    return found


def window(side: Reference | Any) -> tuple[str, str | None] | None:
    """A rolling window's size and offset as written."""
    if side.window is None:
        return None
    assert isinstance(side.window, RollingWindow)
    offset = side.window.offset
    return side.window.size.text, None if offset is None else offset.text


def _ends(fixed: object) -> tuple[datetime, datetime]:
    assert isinstance(fixed, FixedWindow)
    return fixed.start, fixed.end


def told(made: Imported, field: str) -> Left:
    """What is said of a field, once."""
    (found,) = (each for each in made.left if each.field.endswith(field))
    return found


# The examples


def test_out_of_the_box_is_azures_three_signals_against_twice_the_time_before(
    load: Callable[[Tree], list[Monitor]],
) -> None:
    (monitor,) = load(OUT_OF_THE_BOX)
    assert monitor.name == "loans_watch"
    assert (monitor.model, monitor.model_version, monitor.task) == (
        "loans",
        "blue",
        "classification",
    )
    assert monitor.schedule == "15 3 * * *"
    assert monitor.conventions == "azure"
    assert window(monitor.production) == ("P1D", "P0D")
    (reference,) = monitor.references
    assert window(reference) == ("P2D", "P1D")
    assert reference.source == monitor.production.source
    drift = {
        "numerical": {"normalized_wasserstein_distance": 0.1},
        "categorical": {"jensen_shannon_distance": 0.1},
    }
    rates = dict.fromkeys(("null_value_rate", "data_type_error_rate", "out_of_bounds_rate"), 0.0)
    assert {signal.name: (signal.type, rules(signal)) for signal in monitor.signals} == {
        "data-drift-signal": ("data_drift", drift),
        "prediction-drift-signal": ("prediction_drift", drift),
        "data-quality-signal": ("data_quality", {"numerical": rates, "categorical": rates}),
    }
    (join,) = monitor.joins
    assert (join.name, join.on) == ("model_outputs", (("correlationid", "correlationid"),))
    assert monitor.roles.prediction == "prediction"


def test_out_of_the_box_names_the_mail_addresses_and_tells_what_mail_needs() -> None:
    made, _ = read(OUT_OF_THE_BOX)
    assert 'to: ["ml@example.com", "risk@example.com"]' in made.text
    assert "alerts: {notify: [mail]}" in made.text
    assert "SMTP_HOST" in told(made, ".emails").do


def test_what_is_no_mail_address_is_left_out_by_its_reason() -> None:
    made, _ = read(schedule(alert_notification={"emails": ["the team", "ml@example.com"]}))
    (mail,) = yaml.safe_load(made.text)["notifications"]
    assert mail["to"] in ("ml@example.com", ["ml@example.com"])
    why = "expected an address such as ops@example.com, got 'the team'"
    assert told(made, ".emails[0]").why == why


def test_advanced_keeps_metrics_thresholds_features_and_references(
    load: Callable[[Tree], list[Monitor]],
) -> None:
    (monitor,) = load(ADVANCED)
    drift, quality, attribution = monitor.signals
    assert rules(drift) == {
        "numerical": {"jensen_shannon_distance": 0.02},
        "categorical": {"pearsons_chi_squared_test": 0.03},
    }
    assert drift.features is not None
    assert drift.features.top_n == 7
    assert drift.features.exclude == ("ce_*", "day")
    assert drift.features.attribution is not None
    assert drift.features.attribution.source == "surrogate_model"
    assert rules(quality) == {
        "numerical": {"null_value_rate": 0.04},
        "categorical": {"out_of_bounds_rate": 0.05},
    }
    assert quality.features is not None
    assert quality.features.named == ("income", "plan")
    assert monitor.settings["plan"].type == "categorical"
    assert rules(attribution) == {"__all__": {"normalized_discounted_cumulative_gain": 0.85}}
    assert attribution.attribution is not None
    assert attribution.attribution.source == "surrogate_model"
    (reference,) = monitor.references
    assert (reference.name, reference.window) == ("training", None)
    assert reference.source.written == "data/loans-training/**/*.parquet"
    assert monitor.roles.actual == "late"


def test_performance_joins_the_truth_and_breaches_below_azures_thresholds(
    load: Callable[[Tree], list[Monitor]],
) -> None:
    (monitor,) = load(PERFORMANCE)
    assert (monitor.schedule, monitor.time_zone) == ("30 6 * * 1", "America/Los_Angeles")
    assert window(monitor.production) == ("P14D", "P3D")
    assert monitor.production.source.written == "data/loans-scored/**/*.parquet"
    (join,) = monitor.joins
    assert join.source.written == "data/loans-truth/**/*.parquet"
    assert join.on == (("request", "loan"),)
    roles = monitor.roles
    assert (roles.correlation_id, roles.prediction, roles.actual) == (
        "request",
        "said_late",
        "was_late",
    )
    (signal,) = monitor.signals
    assert rules(signal) == {"__all__": {"accuracy": 0.9, "precision_macro": 0.8}}
    assert {t.fail.kind for r in signal.rules for t in r.thresholds.values() if t.fail} == {"min"}
    (reference,) = monitor.references
    assert window(reference) == ("P28D", "P17D")


def test_fixed_windows_stay_what_they_are(load: Callable[[Tree], list[Monitor]]) -> None:
    (monitor,) = load(FIXED)
    production, (reference,) = monitor.production, monitor.references
    days = [f"{at:%F}" for each in (reference, production) for at in _ends(each.window)]
    assert days == ["2024-03-01", "2024-04-01", "2024-04-01", "2024-05-01"]
    assert reference.source == production.source


def test_a_custom_signal_leaves_its_thresholds_in_comments_and_a_monitor_that_judges_nothing(
    load: Callable[[Tree], list[Monitor]],
) -> None:
    (monitor,) = load(CUSTOM)
    assert monitor.schedule == "P14D"
    assert window(monitor.production) == ("P14D", "P0D")
    assert monitor.production.source.written == "data/loans-scored/**/*.parquet"
    assert [rules(signal) for signal in monitor.signals] == [{"__all__": {"row_count": None}}]
    made, _ = read(CUSTOM)
    assert (
        '    #   spread:\n    #     type: custom\n    #     std_dev: {sql: "…", fail: 2}'
        in made.text
    )
    for part in ("component_id", "inputs", "workspace_connection", "metric_thresholds[0]"):
        assert told(made, part).kind == "not carried over"
    assert "loans-token" not in made.text + repr(made.left)


def test_a_resource_of_the_rest_interface_reads_as_the_yaml_does(
    load: Callable[[Tree], list[Monitor]],
) -> None:
    (monitor,) = load(RESOURCE)
    assert (monitor.model, monitor.model_version, monitor.task) == ("loans", "12", "regression")
    assert (monitor.description, monitor.tags) == ("Loans", ("team=risk",))
    assert (monitor.schedule, monitor.time_zone) == ("0 6,18 * * 1,5", "Europe/Berlin")
    assert window(monitor.production) == ("P7D", "P1D")
    (signal,) = monitor.signals
    assert rules(signal) == {
        "numerical": {"normalized_wasserstein_distance": 0.3},
        "categorical": {"population_stability_index": 0.25},
    }
    assert signal.features is not None
    assert signal.features.top_n == 4
    assert monitor.roles.actual == "late"
    assert monitor.settings["plan"].type == "categorical"
    (reference,) = monitor.references
    assert reference.source.written == "data/train.parquet"


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_loads_without_a_complaint_and_is_written_the_same_each_time(
    name: str, load: Callable[[Tree], list[Monitor]]
) -> None:
    assert load(EXAMPLES[name])
    assert read(EXAMPLES[name])[0] == read(EXAMPLES[name])[0]


# Nothing is lost


def changed(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The tree with one leaf changed, for every leaf."""
    if isinstance(tree, dict | list) and tree:
        pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for key, value in pairs:
            for where, other in changed(value, (*path, key)):
                copy = dict(tree) if isinstance(tree, dict) else list(tree)
                copy[key] = other
                yield where, copy
        return
    if isinstance(tree, bool):
        yield path, not tree
    elif isinstance(tree, int | float):
        yield path, tree + 1
    else:
        yield path, f"{tree}x"


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_leaf_is_told_of_or_changes_the_project_file(name: str) -> None:
    made, _ = read(EXAMPLES[name])
    fields = {each.field for each in made.left if each.kind == "not carried over"}
    for path, other in changed(EXAMPLES[name]):
        again, _ = read(other)
        alike = again.text == made.text and {each.why for each in again.left} == {
            each.why for each in made.left
        }
        dotted = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path)
        covered = any(
            dotted.removeprefix(".").replace(".$schema", "['$schema']").startswith(field)
            or field in dotted
            for field in fields
        )
        assert covered or not alike or path == ("$schema",), path


KEYS: Final = sorted(
    {
        word
        for section in FIELDS.values()
        for each in section
        for path in (each.path, *each.also)
        for word in path.split(".")
    }
    | {"numerical", "categorical", "threshold", "metric", "value", "unheard_of", "top", "features"}
)
WORDS: Final = [
    *("recurrence", "cron", "day", "week", "month", "monday", "P7D", "P0D", "2024-01-01", "UTC"),
    *("data_drift", "prediction_drift", "data_quality", "feature_attribution_drift", "custom"),
    *("model_performance", "generation_safety_quality", "classification", "regression", "x\ny"),
    *("azureml:a:1", "a/b.parquet", "training", "model_inputs", "model_outputs", "${HOME}", "#"),
    *("all_features", "jensen_shannon_distance", "accuracy", "0.5", "3 4 * * *", "'", "", "\u2028"),
]
SCALARS: Final = st.one_of(
    st.sampled_from(WORDS), st.integers(-2, 70), st.floats(-1, 2), st.booleans(), st.none()
)
ANY: Final = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)
PLACES: Final = [(name, path) for name in EXAMPLES for path, _ in changed(EXAMPLES[name])]


def _put(tree: Any, path: tuple[Any, ...], depth: int, value: object, key: str | None) -> Any:
    """A copy with something else at a depth of a path: in its place, or beside it under a key."""
    if depth == 0 or not path:
        if key is not None and isinstance(tree, dict):
            return {**tree, key: value}
        return value
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[path[0]] = _put(tree[path[0]], path[1:], depth - 1, value, key)
    return copy


@st.composite
def monitors(draw: st.DrawFn) -> Any:
    """An example with up to three things in it replaced or added."""
    name, path = draw(st.sampled_from(PLACES))
    tree = EXAMPLES[name]
    for _ in range(draw(st.integers(1, 3))):
        depth = draw(st.integers(min(4, len(path)), len(path)))
        key = draw(st.none() | st.sampled_from(KEYS))
        tree = _put(tree, path, depth, draw(ANY), key)
        more = [other for other, _ in changed(tree)]
        path = draw(st.sampled_from(more))
    return tree


@settings(max_examples=int(os.environ.get("SEARCHES", "1")) * 20, deadline=None)
@given(tree=monitors())
def test_whatever_a_file_holds_each_leaf_is_accounted_for_and_the_project_is_right(
    tree: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if not isinstance(tree, dict) or not {"create_monitor", "properties"} & set(tree):
        with pytest.raises(driftline.ConfigError):
            read(tree)
        return
    made, file = read(tree)
    project = tmp_path_factory.mktemp("made") / "driftline.yml"
    project.write_text(made.text, "utf-8")
    loaded = load_project(project, environ={})
    assert loaded.monitors
    assert isinstance(file.root, Map)
    last = len(file.text.splitlines())
    assert all(each.why and each.field and 1 <= each.line <= last for each in made.left)


def test_the_account_of_leaves_finds_those_that_nobody_spoke_of() -> None:
    _, file = read({"create_monitor": {"a": {"b": 1, "c": []}}, "d": [2, {"e": None}]})
    assert isinstance(file.root, Map)
    ledger = Ledger()
    found = [*leaves(file.root, file.root.marks.at)]
    assert [each.name for each in found] == [
        "create_monitor.a.b",
        "create_monitor.a.c",
        "d[0]",
        "d[1].e",
    ]
    ledger.carry(found[0])
    ledger.leave(Spot(None, file.root.marks.places["d"]), "for a reason")
    assert [each.name for each in found if not ledger.accounts_for(each)] == ["create_monitor.a.c"]


# Single rules


def one(kind: str, **signal: Any) -> Tree:
    """A monitor with one signal."""
    return schedule(monitoring_signals={"it": {"type": kind, **signal}})


@pytest.mark.parametrize(
    ("trigger", "expected", "size"),
    [
        ({"frequency": "minute", "interval": 30}, "PT30M", "P1D"),
        ({"frequency": "hour", "interval": 1}, "PT1H", "P1D"),
        ({"frequency": "hour", "interval": 6, "schedule": {"minutes": 20}}, "20 */6 * * *", "P1D"),
        ({"frequency": "day", "interval": 3}, "P3D", "P3D"),
        (
            {"frequency": "day", "interval": 1, "schedule": {"hours": [5, 17]}},
            "0 5,17 * * *",
            "P1D",
        ),
        ({"frequency": "week", "interval": 2}, "P14D", "P14D"),
        (
            {"frequency": "week", "interval": 1, "pattern": {"week_days": "sunday", "hours": "4"}},
            "0 4 * * 0",
            "P7D",
        ),
        ({"frequency": "month", "interval": 2}, "P2M", "P60D"),
        (
            {"frequency": "month", "interval": 1, "schedule": {"month_days": [1, 15], "hours": 2}},
            "0 2 1,15 * *",
            "P30D",
        ),
        ({"type": "cron", "expression": "0 6 * * 1-5"}, "0 6 * * 1-5", "P7D"),
    ],
)
def test_a_trigger_becomes_a_schedule_and_azures_default_window(
    trigger: Tree, expected: str, size: str, load: Callable[[Tree], list[Monitor]]
) -> None:
    (monitor,) = load(schedule(trigger={"type": "recurrence", **trigger}))
    assert monitor.schedule == expected
    assert isinstance(monitor.production.window, RollingWindow)
    assert monitor.production.window.size.text == size


def test_what_cron_cannot_say_of_a_recurrence_is_told() -> None:
    trigger = {"type": "recurrence", "frequency": "day", "interval": 2, "schedule": {"hours": 3}}
    made, _ = read(schedule(trigger=trigger))
    assert "schedule: {every: P2D}" in made.text
    assert told(made, "schedule.hours").why == "a schedule every 2 days cannot say it"


def test_every_windows_zone_has_the_iana_name_that_unicode_gives_it() -> None:
    assert {name: iana_zone(name) for name in WINDOWS_ZONES if name != "UTC"} == {
        name: zone for name, zone in win_tz.items() if name != "UTC"
    }
    assert (iana_zone("utc"), iana_zone("Asia/Tokyo")) == ("UTC", "Asia/Tokyo")


def test_a_zone_that_nobody_knows_is_told_and_left_to_utc() -> None:
    made, _ = read(schedule(trigger={**TRIGGER, "time_zone": "Middle Earth Time"}))
    assert "time_zone:" not in "\n".join(
        line for line in made.text.splitlines() if not line.strip().startswith("#")
    )
    assert "Middle Earth Time" in told(made, "time_zone").why


def test_start_and_end_of_a_trigger_are_told_with_their_lines() -> None:
    made, file = read(schedule(trigger={**TRIGGER, "start_time": "2024-01-01", "end_time": "x"}))
    for field in ("start_time", "end_time"):
        assert f'"{field}"' in file.text.splitlines()[told(made, field).line - 1]


def test_several_metrics_are_all_judged_and_that_azure_judges_one_is_told(
    load: Callable[[Tree], list[Monitor]],
) -> None:
    drift = one(
        "data_drift",
        metric_thresholds={
            "numerical": {
                "two_sample_kolmogorov_smirnov_test": 0.05,
                "jensen_shannon_distance": 0.1,
                "population_stability_index": 0,
            }
        },
    )
    (monitor,) = load(drift)
    assert rules(monitor.signals[0]) == {
        "numerical": {
            "two_sample_kolmogorov_smirnov_test": 0.05,
            "jensen_shannon_distance": 0.1,
            "population_stability_index": None,
        }
    }
    made, _ = read(drift)
    assert told(made, "two_sample_kolmogorov_smirnov_test").kind == "differs"
    assert told(made, "population_stability_index").kind == "differs"


@pytest.mark.parametrize(
    ("kind", "block", "azure", "ours"),
    [
        ("data_drift", "numerical", "populationStabilityIndex", "population_stability_index"),
        ("data_drift", "categorical", "chi_squared_test", "pearsons_chi_squared_test"),
        ("data_quality", "numerical", "OutOfBoundsRate", "out_of_bounds_rate"),
        ("data_quality", "categorical", "dataTypeErrorRate", "data_type_error_rate"),
        ("model_performance", "tabular_regression", "rmse", "root_mean_squared_error"),
        ("model_performance", "regression", "mae", "mean_absolute_error"),
        ("model_performance", "regression", "mse", "mean_squared_error"),
        ("model_performance", "tabular_classification", "Recall", "recall_macro"),
    ],
)
def test_metrics_of_snake_and_camel_case_become_ours(
    kind: str, block: str, azure: str, ours: str, load: Callable[[Tree], list[Monitor]]
) -> None:
    tree = one(kind, metric_thresholds={block: {azure: 0.3}})
    tree["create_monitor"] = {**tree["create_monitor"], "monitoring_target": {}}
    (monitor,) = load(tree)
    scope = block if block in ("numerical", "categorical") else "__all__"
    assert rules(monitor.signals[0]) == {scope: {ours: 0.3}}


def test_a_metric_that_a_signal_has_not_is_told_with_the_nearest() -> None:
    made, _ = read(
        one("data_drift", metric_thresholds={"numerical": {"jensen_shanon_distance": 1}})
    )
    assert "did you mean 'jensen_shannon_distance'?" in told(made, "jensen_shanon_distance").why


def test_azures_names_of_metrics_are_names_of_the_catalogue() -> None:
    assert set(METRIC_NAMES.values()) <= set(METRICS)


def test_signals_of_other_data_become_monitors_of_their_own(
    load: Callable[[Tree], list[Monitor]],
) -> None:
    first, second = load(
        schedule(
            monitoring_signals={
                "inputs": {"type": "data_drift", "production_data": data("a", "model_inputs")},
                "outputs": {
                    "type": "prediction_drift",
                    "production_data": data(
                        "b", "model_outputs", data_column_names={"prediction": "said"}
                    ),
                    "reference_data": data("c", "validation"),
                },
            }
        )
    )
    assert (first.name, second.name) == ("loans_watch", "loans_watch_outputs")
    assert second.production.source.written == "data/b/**/*.parquet"
    assert [reference.name for reference in second.references] == ["validation"]
    assert (first.joins, second.joins, second.roles.prediction) == ((), (), "said")


def test_a_list_of_production_data_is_joined_by_its_correlation_ids(
    load: Callable[[Tree], list[Monitor]],
) -> None:
    names = {"prediction": "said", "prediction_probability": "p", "correlation_id": "out_id"}
    (monitor,) = load(
        one(
            "feature_attribution_drift",
            production_data=[
                data("outs", "model_outputs", data_column_names=names),
                data("ins", "model_inputs", data_column_names={"correlation_id": "in_id"}),
            ],
            reference_data=TRAINING,
        )
    )
    assert monitor.production.source.written == "data/ins/**/*.parquet"
    assert [(join.name, join.on) for join in monitor.joins] == [("outs", (("in_id", "out_id"),))]
    assert (monitor.roles.prediction, monitor.roles.score) == ("said", "p")


def test_a_segment_is_measured_beside_the_whole(load: Callable[[Tree], list[Monitor]]) -> None:
    segment = {"feature_name": 'pl"an', "feature_values": ["o'clock", "pro"]}
    (monitor,) = load(one("data_drift", data_segment=segment))
    assert monitor.signals[0].segments is not None
    (found,) = monitor.signals[0].segments
    assert found.where == "\"pl\"\"an\" IN ('o''clock', 'pro')"


def test_a_silent_signal_among_others_is_told_and_silent_ones_alone_alert_nobody() -> None:
    loud = {"type": "data_drift"}
    mute = {"type": "data_quality", "alert_enabled": False}
    both, _ = read(schedule(monitoring_signals={"a": loud, "b": mute}, alert_notification=MAILS))
    assert told(both, "alert_enabled").why == "alerts are of the whole monitor"
    none, _ = read(schedule(monitoring_signals={"b": mute}, alert_notification=MAILS))
    assert "alerts:" not in none.text


def test_signals_about_generated_text_are_told_as_a_whole() -> None:
    made, _ = read(one("generation_safety_quality", sampling_rate=1, production_data=[data("x")]))
    assert told(made, "signals.it").why.startswith("the quality of generated text")


def test_an_unknown_field_is_told_with_its_line_and_the_nearest() -> None:
    made, file = read(one("data_drift", metric_treshold={"a": 1}))
    found = told(made, "metric_treshold")
    assert "did you mean 'metric_threshold'?" in found.why
    assert "metric_treshold" in file.text.splitlines()[found.line - 1]


def test_texts_of_azures_file_are_no_variables_and_end_no_comment(
    load: Callable[[Tree], list[Monitor]],
) -> None:
    tree = {**schedule(trigger={"frequency": "da\u2028y: [\n"}), "description": "costs ${X}\nmore"}
    (monitor,) = load(tree)
    assert monitor.description == "costs ${X}\nmore"


# Where data is


def test_sources_are_put_where_the_caller_says_they_are() -> None:
    made, _ = read(
        ADVANCED, {"loans-training:1": "train.parquet", "model_inputs": "${IN}/*.parquet"}
    )
    assert "  loans-training: train.parquet" in made.text
    assert '  model_inputs: "${IN}/*.parquet"' in made.text
    assert not [each for each in made.left if each.field.endswith("reference_data.input_data.path")]


def test_a_source_that_the_file_has_not_is_refused_with_those_it_has() -> None:
    with pytest.raises(driftline.ConfigError, match="no data called 'loans-trainin'; did you mean"):
        read(ADVANCED, {"loans-trainin": "x.parquet"})


@pytest.mark.parametrize(
    ("path", "kind", "expected"),
    [
        ("azureml:a:1", "uri_folder", "a: data/a/**/*.parquet"),
        ("azureml:a@latest", "uri_file", "a: data/a.parquet"),
        (
            "azureml://subscriptions/s/workspaces/w/data/a/versions/3",
            None,
            "a: data/a/**/*.parquet",
        ),
        ("azureml://datastores/d/paths/x/labels.csv", "uri_file", "labels: data/labels.parquet"),
        ("./rows/a.csv", "uri_file", "a: ./rows/a.csv"),
        ("rows", "uri_folder", "rows: rows/**/*.parquet"),
        ("abfss://c@s.dfs.core.windows.net/a/*.parquet", None, "windows|a"),
    ],
)
def test_paths_become_sources(path: str, kind: str | None, expected: str) -> None:
    given = {"path": path} if kind is None else {"path": path, "type": kind}
    made, _ = read(one("data_drift", reference_data={"input_data": given}))
    if expected == "windows|a":
        assert f'a: "{path}"' in made.text
    else:
        assert f"\n  {expected}\n" in made.text


# What is no monitor


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"name": "x", "trigger": TRIGGER, "create_job": {}}, "the schedule has create_job"),
        ({"name": "x"}, "there is no create_monitor"),
        ([schedule()], "is a map with create_monitor"),
        (None, "is a map with create_monitor"),
        (
            {"properties": {"trigger": {}, "action": {"actionType": "CreateJob"}}},
            "the schedule has create_job",
        ),
    ],
)
def test_a_schedule_that_is_no_monitor_is_refused(tree: object, message: str) -> None:
    with pytest.raises(driftline.ConfigError, match=message):
        read(tree)


# The verb


@pytest.fixture
def azure(tmp_path: Path) -> Path:
    """Azure's file as the command line finds it."""
    file = tmp_path / "monitor.yml"
    file.write_text(json.dumps(ADVANCED, indent=2), "utf-8")
    return file


def test_the_file_goes_to_standard_output_and_the_list_to_standard_error(
    cli: Callable[..., Any], azure: Path
) -> None:
    result = cli("import-azure", azure.name)
    assert result.exit_code == 0
    assert result.stdout == driftline.import_azure(azure.name).text
    assert "to do" in result.stderr
    assert "create_monitor.compute" in result.stderr
    assert cli("import-azure", "--quiet", azure.name).stderr == ""


def test_a_file_is_written_once_and_replaced_by_force(
    cli: Callable[..., Any], azure: Path, tmp_path: Path
) -> None:
    words = (
        "import-azure",
        azure.name,
        "--out",
        "driftline.yml",
        "--source",
        "loans-training=t.csv",
    )
    result = cli(*words)
    assert result.exit_code == 0
    assert "driftline.yml is written, with the monitor loans_watch." in result.stdout
    assert "next: driftline validate\n" in result.stdout
    assert "loans-training: t.csv" in (tmp_path / "driftline.yml").read_text("utf-8")
    again = cli(*words)
    assert again.exit_code == 2
    assert "driftline.yml exists already" in again.stderr
    assert cli(*words, "--force").exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("gone.yml",), "gone.yml: cannot be read"),
        (("monitor.yml", "--source", "loans-training"), "'loans-training' is not NAME=PATH"),
        (("broken.yml",), "broken.yml:1: not valid YAML"),
    ],
)
def test_what_cannot_be_understood_is_a_configuration_error(
    cli: Callable[..., Any], azure: Path, words: tuple[str, ...], message: str
) -> None:
    (azure.parent / "broken.yml").write_text("a: [")
    result = cli("import-azure", *words)
    assert result.exit_code == 2
    assert message in result.stderr


# End to end

ROWS: Final = """
copy (
    select
        timestamp '2024-03-01' + to_hours(cast(i as integer)) as ce_time,
        'r' || i as correlationid,
        cast(i % 50 as double) + case when i >= 480 then {shift} else 0 end as income,
        case when i % 3 = 0 then 'pro' else 'basic' end as plan,
        i % 4 = 0 as late
    from range({rows}) as numbers (i)
) to '{file}' (format parquet)
"""


def test_an_imported_monitor_runs_and_finds_what_moved(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    tree = schedule(
        trigger={"type": "recurrence", "frequency": "day", "interval": 10},
        monitoring_signals={
            "drift": {
                "type": "data_drift",
                "reference_data": data("train", "training"),
                "features": ["income", "plan"],
                "metric_thresholds": {
                    "numerical": {"normalized_wasserstein_distance": 0.1},
                    "categorical": {"jensen_shannon_distance": 0.1},
                },
            },
            "outputs": {"type": "prediction_drift"},
        },
    )
    inputs, outputs = (
        "collected/model_inputs/day=2024-03-01",
        "collected/model_outputs/day=2024-03-01",
    )
    for folder in (inputs, outputs):
        (tmp_path / folder).mkdir(parents=True)
    for name, shift in (("train", 0), (f"{inputs}/part", 40)):
        duckdb.sql(ROWS.format(file=tmp_path / f"{name}.parquet", rows=720, shift=shift))
    duckdb.sql(
        f"copy (select correlationid, late as prediction from '{tmp_path}/train.parquet')"
        f" to '{tmp_path}/{outputs}/part.parquet' (format parquet)"
    )
    (tmp_path / "monitor.yml").write_text(json.dumps(tree))
    words = ("monitor.yml", "--out", "driftline.yml", "--source", "train=train.parquet")
    assert cli("import-azure", *words).exit_code == 0
    found = driftline.run("driftline.yml", at="2024-03-31")
    assert found.exit_code == 1
    status = {
        (row["signal"], row["feature"]): row["status"]
        for row in found.metrics
        if row["metric"].endswith("distance") and row["reference"] in ("training", "recent")
    }
    assert status == {
        ("drift", "income"): "breached",
        ("drift", "plan"): "ok",
        ("outputs", "prediction"): "ok",
    }
