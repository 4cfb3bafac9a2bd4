"""What every form of a monitor means: tables, references, signals, features."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from driftline.engine.config import load_project, notes, resolved_yaml, source_of
from driftline.engine.errors import ConfigError
from driftline.engine.project import (
    BinRule,
    Bound,
    Cusum,
    Duration,
    FeatureSelection,
    FeatureSettings,
    FixedWindow,
    Monitor,
    Project,
    Roles,
    RollingWindow,
    Signal,
    Source,
    Threshold,
)

SHORTEST = """\
monitors:
  - name: churn
    production: {table: scored/*.parquet, timestamp: scored_at, window: {size: P7D}}
    reference: {table: training.parquet}
"""
NOTHING = Duration(text="P0D")


def load(folder: Path, text: str, **environ: str) -> Project:
    (folder / "driftline.yml").write_text(text, "utf-8")
    return load_project(folder / "driftline.yml", environ=environ)


def only(folder: Path, more: str = "") -> Monitor:
    """The monitor of the shortest project with more keys, indented by four spaces."""
    return load(folder, SHORTEST + more).monitors[0]


def sides(folder: Path, production: str, reference: str, more: str = "") -> Monitor:
    """A monitor with these two sides, each a flow map."""
    text = f"  - name: m\n    production: {production}\n    reference: {reference}\n"
    return load(folder, f"{more}\nmonitors:\n{text}").monitors[0]


def signal(monitor: Monitor, name: str) -> Signal:
    return next(one for one in monitor.signals if one.name == name)


def thresholds(signal: Signal) -> dict[str, dict[str, Threshold]]:
    return {rule.metric: dict(rule.thresholds) for rule in signal.rules}


def fails(kind: str, amount: float, relative: bool = False) -> Threshold:
    return Threshold(fail=Bound(kind, amount, relative))  # type: ignore[arg-type]


# --- tables -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["a.parquet", "a.CSV", "a.json.gz", "scored/day", "*.x", "b.ndjson", "b.tsv.gz", "c.feather"],
)
def test_a_slash_a_star_or_a_data_suffix_makes_a_file(tmp_path: Path, text: str) -> None:
    source = source_of(text, root=tmp_path)
    assert source == Source(written=text, files=(str(tmp_path / text),))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("scored", ("scored",)),
        ("ml.scored", ("ml", "scored")),
        ("a.b.c", ("a", "b", "c")),
        ('"my schema"."a.b"', ("my schema", "a.b")),
        ('ml."say ""hi"""', ("ml", 'say "hi"')),
        ("naïve table", ("naïve table",)),
        ("a.parquet.gz", ("a", "parquet", "gz")),
    ],
)
def test_anything_else_is_a_table(tmp_path: Path, text: str, parts: tuple[str, ...]) -> None:
    assert source_of(text, root=tmp_path) == Source(written=text, table=parts)


@pytest.mark.parametrize("text", ["a..b", ".a", "a.", '"a', 'a"b', '"a"b', '""'])
def test_a_table_name_with_a_hole_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="is no table's name"):
        source_of(text, root=tmp_path)


def test_a_list_is_taken_literally(tmp_path: Path) -> None:
    assert source_of(["a.b", "c/d.csv"], root=tmp_path).table == ("a.b", "c/d.csv")


def test_an_address_is_not_below_the_root(tmp_path: Path) -> None:
    assert source_of("s3://bucket/a.parquet", root=tmp_path).files == ("s3://bucket/a.parquet",)


def test_a_path_upward_is_made_plain(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b"
    assert source_of("../c.csv", root=root).files == (str(tmp_path / "a" / "c.csv"),)


def test_a_source_name_stands_for_its_table(tmp_path: Path) -> None:
    monitor = sides(
        tmp_path,
        "{table: scored}",
        "{table: training}",
        "sources: {scored: s/*.parquet, training: [ml, train]}",
    )
    assert monitor.production.source == source_of("s/*.parquet", root=tmp_path)
    assert monitor.primary.source == Source(written='["ml", "train"]', table=("ml", "train"))


def test_a_query_is_a_source(tmp_path: Path) -> None:
    monitor = sides(tmp_path, "{query: select 1 as x}", "{table: t.csv}")
    assert monitor.production.source == Source(written="select 1 as x", query="select 1 as x")


def test_a_source_keeps_the_text_of_the_file(tmp_path: Path) -> None:
    source = only(tmp_path).production.source
    assert source.written == "scored/*.parquet"
    text = SHORTEST.replace("scored/*.parquet", "'${WHERE}/*.parquet'")
    source = load(tmp_path, text, WHERE="x").monitors[0].production.source
    assert source == Source("${WHERE}/*.parquet", (str(tmp_path / "x/*.parquet"),))


# --- references ---------------------------------------------------------------------------------------


def test_a_reference_without_a_table_has_productions_source_timestamp_and_filter(
    tmp_path: Path,
) -> None:
    monitor = sides(
        tmp_path,
        "{table: s.csv, timestamp: ts, window: {size: P7D}, filter: x > 1}",
        "{window: {size: P28D, offset: P14D}}",
    )
    reference = monitor.primary
    assert reference.source == monitor.production.source
    assert (reference.timestamp, reference.filter) == ("ts", "x > 1")
    assert reference.window == RollingWindow(
        Duration(days=28, text="P28D"), Duration(days=14, text="P14D")
    )


def test_a_reference_with_a_table_has_no_filter_and_no_timestamp_of_productions(
    tmp_path: Path,
) -> None:
    monitor = sides(tmp_path, "{table: s.csv, timestamp: ts, filter: x > 1}", "{table: t.csv}")
    assert (monitor.primary.timestamp, monitor.primary.filter) == (None, None)


def test_a_reference_with_a_table_and_a_window_has_productions_timestamp(tmp_path: Path) -> None:
    monitor = sides(
        tmp_path, "{table: s.csv, timestamp: ts}", "{table: t.csv, window: {size: P7D}}"
    )
    assert monitor.primary.timestamp == "ts"


def test_the_first_of_several_references_is_primary(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        "monitors:\n"
        "  - name: m\n"
        "    production: {table: s.csv, timestamp: ts, window: {size: P7D}}\n"
        "    references: {training: {table: t.csv}, recent: {window: {size: P28D}}}\n"
        "    signals: {data_drift: {}, weekly: {type: data_drift, reference: recent}}\n",
    )
    monitor = project.monitors[0]
    assert [reference.name for reference in monitor.references] == ["training", "recent"]
    assert signal(monitor, "data_drift").reference == "training"
    assert signal(monitor, "weekly").reference == "recent"


def test_a_fixed_window_is_in_the_monitors_zone(tmp_path: Path) -> None:
    monitor = sides(
        tmp_path,
        "{table: s.csv, timestamp: ts}",
        "{window: {start: 2024-01-01, end: 2024-07-01}}",
        "defaults: {time_zone: Europe/Berlin}",
    )
    start, end = datetime(2023, 12, 31, 23, tzinfo=UTC), datetime(2024, 6, 30, 22, tzinfo=UTC)
    assert monitor.primary.window == FixedWindow(start, end)


def test_a_scheduled_monitor_without_window_and_reference_gets_both(tmp_path: Path) -> None:
    monitor = load(
        tmp_path,
        "monitors:\n"
        '  - {name: m, schedule: "0 6 * * *", production: {table: s.csv, timestamp: ts}}\n',
    ).monitors[0]
    assert monitor.production.window == RollingWindow(Duration(days=1, text="P1D"), NOTHING)
    assert monitor.primary.name == "recent"
    assert monitor.primary.source == monitor.production.source
    assert monitor.primary.window == RollingWindow(Duration(days=2, text="P2D"))
    # two days say nothing of how days differ
    assert monitor.primary.in_control == Duration(days=14, text="P14D")


def test_how_far_back_windows_tell_how_they_differ_is_read_and_written(tmp_path: Path) -> None:
    text = (
        "monitors:\n"
        "  - name: m\n"
        "    production: {table: s.csv, timestamp: ts, window: {size: P1D}}\n"
        "    reference: {window: {size: P2D}, in_control: P21D}\n"
    )
    project = load(tmp_path, text)
    assert project.monitors[0].primary.in_control == Duration(days=21, text="P21D")
    (tmp_path / "driftline.yml").write_text(resolved_yaml(project), "utf-8")
    assert (
        load_project(tmp_path / "driftline.yml").monitors[0].primary == project.monitors[0].primary
    )


@pytest.mark.parametrize("reference", ["table: r.csv", "same: P7D"])
def test_only_a_window_has_windows_before_its_end(tmp_path: Path, reference: str) -> None:
    text = (
        "monitors:\n"
        "  - name: m\n"
        "    production: {table: s.csv, timestamp: ts, window: {size: P1D}}\n"
        f"    reference: {{{reference}, in_control: P21D}}\n"
    )
    with pytest.raises(ConfigError, match=r"reference\.in_control: it is windows before the end"):
        load(tmp_path, text)


def test_a_repeating_distance_is_a_schedule(tmp_path: Path) -> None:
    monitor = load(
        tmp_path,
        "monitors:\n"
        "  - {name: m, schedule: {every: PT6H}, production: {table: s.csv, timestamp: ts}}\n",
    ).monitors[0]
    assert monitor.schedule == "PT6H"
    assert monitor.production.window == RollingWindow(
        Duration(seconds=21_600, text="PT6H"), NOTHING
    )


def test_a_schedule_without_a_timestamp_leaves_the_whole_table(tmp_path: Path) -> None:
    monitor = sides(
        tmp_path, "{table: s.csv}", "{table: t.csv}", 'defaults: {schedule: "0 6 * * *"}'
    )
    assert monitor.production.window is None


# --- signals and thresholds -----------------------------------------------------------------------------


def test_short_names_become_full_ones(tmp_path: Path) -> None:
    monitor = only(tmp_path, "    signals: {data_drift: {psi: 0.2}, data_quality: [nulls]}\n")
    assert list(thresholds(signal(monitor, "data_drift"))) == ["population_stability_index"]
    assert list(thresholds(signal(monitor, "data_quality"))) == ["null_value_rate"]


def test_a_metric_given_directly_is_for_every_type_it_is_defined_for(tmp_path: Path) -> None:
    monitor = only(tmp_path, "    signals: {data_drift: {js: 0.2, ks: 0.05, chi2: null}}\n")
    assert thresholds(signal(monitor, "data_drift")) == {
        "jensen_shannon_distance": {
            "numerical": fails("max", 0.2),
            "categorical": fails("max", 0.2),
        },
        "two_sample_kolmogorov_smirnov_test": {"numerical": fails("min", 0.05)},
        "pearsons_chi_squared_test": {"categorical": Threshold()},
    }


def test_a_list_of_metrics_takes_their_default_thresholds(tmp_path: Path) -> None:
    monitor = only(tmp_path, "    signals: {data_drift: [chebyshev, ks]}\n")
    assert thresholds(signal(monitor, "data_drift")) == {
        "chebyshev_distance": {"numerical": fails("max", 0.05), "categorical": fails("max", 0.1)},
        "two_sample_kolmogorov_smirnov_test": {"numerical": fails("min", 0.01)},
    }


def test_a_threshold_for_one_type_beats_the_direct_one(tmp_path: Path) -> None:
    monitor = only(
        tmp_path, "    signals: {data_drift: {js: 0.2, categorical: {js: {warn: 0.1}}}}\n"
    )
    assert thresholds(signal(monitor, "data_drift")) == {
        "jensen_shannon_distance": {
            "numerical": fails("max", 0.2),
            "categorical": Threshold(warn=Bound("max", 0.1)),
        }
    }


def test_a_type_without_metrics_gets_none_and_a_note(tmp_path: Path) -> None:
    project = load(tmp_path, SHORTEST + "    signals: {data_drift: {numerical: [ks]}}\n")
    drift = signal(project.monitors[0], "data_drift")
    assert thresholds(drift) == {
        "two_sample_kolmogorov_smirnov_test": {"numerical": fails("min", 0.01)}
    }
    assert notes(project) == (
        "monitors[churn].signals.data_drift: no metric watches categorical features",
    )


@pytest.mark.parametrize("empty", ["", "{}", "{numerical: }"])
def test_an_empty_signal_takes_its_defaults(tmp_path: Path, empty: str) -> None:
    monitor = only(tmp_path, f"    signals:\n      data_drift: {empty}\n")
    assert monitor.signals == only(tmp_path).signals[:1]


def test_signals_that_are_given_are_exactly_those(tmp_path: Path) -> None:
    monitor = only(tmp_path, "    signals: {data_quality: }\n")
    assert [one.name for one in monitor.signals] == ["data_quality"]


def test_a_bare_number_of_a_quality_rate_is_an_increase(tmp_path: Path) -> None:
    monitor = only(tmp_path, "    signals: {data_quality: {nulls: 5%, row_count: 1000}}\n")
    assert thresholds(signal(monitor, "data_quality")) == {
        "null_value_rate": {
            "numerical": fails("increase", 0.05),
            "categorical": fails("increase", 0.05),
        },
        "row_count": {"__all__": fails("min", 1000.0)},
    }


def test_a_relative_increase_and_two_levels_are_read(tmp_path: Path) -> None:
    more = "    signals: {data_quality: {nulls: {warn: {max: 5%}, fail: {increase: 50%}}}}\n"
    rates = thresholds(signal(only(tmp_path, more), "data_quality"))["null_value_rate"]
    assert rates["numerical"] == Threshold(
        fail=Bound("increase", 0.5, True), warn=Bound("max", 0.05)
    )


def test_a_signal_has_its_own_reference_and_features(tmp_path: Path) -> None:
    monitor = only(
        tmp_path,
        "    signals: {few: {type: data_drift, reference: reference, features: [age, plan]}}\n",
    )
    few = signal(monitor, "few")
    assert (few.type, few.reference) == ("data_drift", "reference")
    assert few.features == FeatureSelection(named=("age", "plan"), include=())
    assert few.rules == only(tmp_path).signals[0].rules


# --- features and settings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "selection"),
    [
        ("all", FeatureSelection()),
        ("[age, 'a*']", FeatureSelection(named=("age", "a*"), include=())),
        ("{exclude: [id]}", FeatureSelection(exclude=("id",))),
        ("{include: ['a*'], exclude: [ab]}", FeatureSelection((), ("a*",), ("ab",))),
    ],
)
def test_features_are_all_a_list_or_patterns(
    tmp_path: Path, written: str, selection: FeatureSelection
) -> None:
    assert only(tmp_path, f"    features: {written}\n").features == selection


def test_settings_of_a_feature_are_all_in_one_place(tmp_path: Path) -> None:
    monitor = only(
        tmp_path,
        "    settings:\n"
        "      month: {type: categorical}\n"
        "      age: {bounds: [18, 110], bins: {rule: edges, edges: [18, 25, 40]},"
        " thresholds: {js: 0.3}}\n"
        "      plan: {values: [basic, 2, true]}\n",
    )
    assert dict(monitor.settings) == {
        "month": FeatureSettings(type="categorical"),
        "age": FeatureSettings(
            bins=BinRule("edges", 10, (18.0, 25.0, 40.0)),
            bounds=(18.0, 110.0),
            thresholds={"jensen_shannon_distance": fails("max", 0.3)},
        ),
        "plan": FeatureSettings(values=("basic", "2", "true")),
    }


def test_bins_of_a_feature_leave_the_rest_to_the_monitors(tmp_path: Path) -> None:
    monitor = only(
        tmp_path,
        "    bins: {rule: equal_width, count: 20, max_categories: 50}\n"
        "    settings: {age: {bins: {count: 5}}}\n",
    )
    assert (monitor.bins, monitor.max_categories) == (BinRule("equal_width", 20), 50)
    assert monitor.settings["age"].bins == BinRule("equal_width", 5)


def test_edges_alone_are_the_rule_edges(tmp_path: Path) -> None:
    monitor = only(tmp_path, "    bins: {edges: [0, 1]}\n    settings: {a: {bins: {count: 5}}}\n")
    assert monitor.bins == BinRule("edges", 10, (0.0, 1.0))
    assert monitor.settings["a"].bins == BinRule("quantile", 5)


def test_roles_model_and_words_about_the_monitor_are_kept(tmp_path: Path) -> None:
    monitor = only(
        tmp_path,
        '    model: {name: delay, version: "3", task: regression}\n'
        "    owner: ops\n"
        "    description: Minutes late\n"
        "    columns: {correlation_id: id, score: s, actual: y, types: {age: BIGINT}}\n",
    )
    assert (monitor.model, monitor.model_version, monitor.task) == ("delay", "3", "regression")
    assert (monitor.owner, monitor.description) == ("ops", "Minutes late")
    assert monitor.roles == Roles(correlation_id="id", score="s", actual="y")
    assert dict(monitor.column_types) == {"age": "BIGINT"}


def test_a_column_may_be_called_on_or_no(tmp_path: Path) -> None:
    monitor = only(tmp_path, "    features: [on, no, y]\n    settings: {no: {type: numerical}}\n")
    assert monitor.features.named == ("on", "no", "y")
    assert list(monitor.settings) == ["no"]


def test_sums_have_defaults_and_may_be_left_out(tmp_path: Path) -> None:
    def of(text: str) -> Cusum | None:
        return only(tmp_path, f"    alerts: {{cusum: {text}}}\n").alerting.cusum

    assert of("true") == Cusum() == Cusum(1000, 1, 20, 0.1)
    assert of("{average_run_length: 370, shift: 0.5}") == Cusum(370, 0.5)
    assert of("false") is None
    assert only(tmp_path).alerting.cusum is None
