"""From `driftline.yml` to a `Project`: finding it, its defaults, its sections."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from driftline.engine.config import compare_project, load_project, notes, source_of
from driftline.engine.errors import ConfigError
from driftline.engine.project import (
    BinRule,
    Bound,
    Duration,
    FeatureSelection,
    Monitor,
    Project,
    RollingWindow,
    Signal,
    Threshold,
)

SHORTEST = """\
monitors:
  - name: churn
    production: {table: scored/*.parquet, timestamp: scored_at, window: {size: P7D}}
    reference: {table: training.parquet}
"""
WEEK = Duration(days=7, text="P7D")
NOTHING = Duration(text="P0D")


def load(
    folder: Path, text: str, *, target: str | None = None, environ: dict[str, str] | None = None
) -> Project:
    (folder / "driftline.yml").write_text(text, "utf-8")
    return load_project(folder / "driftline.yml", target=target, environ=environ or {})


def only(folder: Path, more: str = "") -> Monitor:
    """The monitor of the shortest project with more keys, indented by four spaces."""
    return load(folder, SHORTEST + more).monitors[0]


def signal(monitor: Monitor, name: str) -> Signal:
    return next(one for one in monitor.signals if one.name == name)


def thresholds(signal: Signal) -> dict[str, dict[str, Threshold]]:
    return {rule.metric: dict(rule.thresholds) for rule in signal.rules}


def fails(kind: str, amount: float, relative: bool = False) -> Threshold:
    return Threshold(fail=Bound(kind, amount, relative))  # type: ignore[arg-type]


# --- finding the file -------------------------------------------------------------------------------


def test_the_file_is_found_in_the_nearest_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(tmp_path, SHORTEST)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert load_project(environ={}).path == tmp_path / "driftline.yml"


def test_a_folder_stands_for_the_file_in_it(tmp_path: Path) -> None:
    load(tmp_path, SHORTEST)
    assert load_project(tmp_path, environ={}).root == tmp_path


def test_without_a_file_the_message_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"there is no driftline\.yml in .* or above it"):
        load_project(environ={})


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        load_project(tmp_path / "other.yml", environ={})


# --- defaults -----------------------------------------------------------------------------------------


def test_the_shortest_project_gets_every_default(tmp_path: Path) -> None:
    project = load(tmp_path, SHORTEST)
    monitor = project.monitor("churn")
    assert project.results.file == tmp_path / "driftline.duckdb"
    assert project.connection.type == "duckdb"
    assert project.connection.options["database"] == ":memory:"
    assert monitor.production.window == RollingWindow(WEEK, NOTHING)
    assert [reference.name for reference in monitor.references] == ["reference"]
    assert monitor.primary.window is None
    assert [one.name for one in monitor.signals] == ["data_drift", "data_quality"]
    assert monitor.features == FeatureSelection()
    assert (monitor.time_zone, monitor.min_rows, monitor.bins) == ("UTC", 100, BinRule())


def test_the_default_metrics_have_the_catalogues_thresholds(tmp_path: Path) -> None:
    monitor = only(tmp_path)
    assert thresholds(signal(monitor, "data_drift")) == {
        "normalized_wasserstein_distance": {"numerical": fails("max", 0.25)},
        "jensen_shannon_distance": {
            "numerical": fails("max", 0.1),
            "categorical": fails("max", 0.1),
        },
    }
    assert list(thresholds(signal(monitor, "data_quality"))) == [
        "null_value_rate",
        "data_type_error_rate",
        "out_of_bounds_rate",
    ]


def test_a_breach_is_significant_unless_the_project_says_otherwise(tmp_path: Path) -> None:
    assert {one.alert_when for one in only(tmp_path).signals} == {"significant"}


@pytest.mark.parametrize("role", ["prediction", "score"])
def test_an_output_column_adds_prediction_drift(tmp_path: Path, role: str) -> None:
    monitor = only(tmp_path, f"    columns: {{{role}: p}}\n")
    names = [one.name for one in monitor.signals]
    assert names == ["data_drift", "prediction_drift", "data_quality"]


def test_an_empty_key_is_as_good_as_none(tmp_path: Path) -> None:
    more = "".join(f"    {key}:\n" for key in ("settings", "tags", "bins", "columns", "signals"))
    assert replace(only(tmp_path, more), yaml="") == replace(only(tmp_path), yaml="")


def test_defaults_lie_under_every_monitor(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        "defaults:\n"
        "  owner: ops\n"
        "  tags: [a, b]\n"
        "  production: {timestamp: ts, window: {size: P7D}}\n"
        "  reference: {table: t.parquet}\n"
        "monitors:\n"
        "  - {name: one, production: {table: a.csv}}\n"
        "  - {name: two, owner: me, tags: [c], production: {table: b.csv, timestamp: at}}\n",
    )
    one, two = project.monitors
    assert (one.owner, one.tags, one.production.timestamp) == ("ops", ("a", "b"), "ts")
    assert (two.owner, two.tags, two.production.timestamp) == ("me", ("c",), "at")
    assert one.production.window == two.production.window == RollingWindow(WEEK, NOTHING)


def test_included_files_hold_one_monitor_or_a_list(tmp_path: Path) -> None:
    folder = tmp_path / "monitors"
    folder.mkdir()
    one = "name: {}\nproduction: {{table: a.csv}}\nreference: {{table: b.csv}}\n"
    (folder / "b.yml").write_text(one.format("b"), "utf-8")
    listed = "- {{name: {}, production: {{table: a.csv}}, reference: {{table: b.csv}}}}\n"
    (folder / "a.yml").write_text(listed.format("a1") + listed.format("a2"), "utf-8")
    project = load(tmp_path, "include: [monitors/*.yml]\n" + SHORTEST)
    assert [monitor.name for monitor in project.monitors] == ["churn", "a1", "a2", "b"]
    assert project.monitor("b").production.source.files == (str(tmp_path / "a.csv"),)


def test_a_pattern_that_finds_the_project_file_passes_it_over(tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text(
        "name: more\nproduction: {table: a.csv}\nreference: {table: b.csv}\n", "utf-8"
    )
    project = load(tmp_path, 'include: ["*.yml"]\n' + SHORTEST)
    assert [monitor.name for monitor in project.monitors] == ["churn", "more"]


# --- connection, results, targets and secrets -------------------------------------------------------------


def test_paths_resolve_from_the_folder_of_the_file(tmp_path: Path) -> None:
    project = load(
        tmp_path, "connection: {database: data/w.duckdb}\nresults: {to: out/r.duckdb}\n" + SHORTEST
    )
    assert project.connection.options["database"] == str(tmp_path / "data" / "w.duckdb")
    assert project.results.file == tmp_path / "out" / "r.duckdb"


def test_settings_of_duckdb_are_kept_as_text(tmp_path: Path) -> None:
    text = "connection: {settings: {memory_limit: 4GB, threads: 2, preserve: false}}\n"
    options = load(tmp_path, text + SHORTEST).connection.options
    assert options["settings"] == {"memory_limit": "4GB", "threads": "2", "preserve": "false"}


TARGETS = """\
connection: {database: "${DEV_FILE}"}
sources: {scored: s.csv, training: t.csv}
targets:
  prod:
    connection: {database: prod.duckdb}
    sources: {scored: ml.scored}
    results: {to: prod-results.duckdb}
  other: {connection: {type: snowflake, password: "${SNOWFLAKE_PASSWORD}"}}
monitors:
  - {name: m, production: {table: scored}, reference: {table: training}}
"""


def test_a_target_overrides_sections_and_single_sources(tmp_path: Path) -> None:
    project = load(tmp_path, TARGETS, target="prod")
    assert project.target == "prod"
    assert project.connection.options["database"] == str(tmp_path / "prod.duckdb")
    assert project.results.file == tmp_path / "prod-results.duckdb"
    assert project.monitors[0].production.source.table == ("ml", "scored")
    assert project.monitors[0].primary.source.files == (str(tmp_path / "t.csv"),)


def test_a_target_may_come_from_the_environment(tmp_path: Path) -> None:
    assert load(tmp_path, TARGETS, environ={"DRIFTLINE_TARGET": "prod"}).target == "prod"


def test_variables_and_types_of_targets_that_are_not_in_use_do_not_matter(tmp_path: Path) -> None:
    project = load(tmp_path, TARGETS, environ={"DEV_FILE": "dev.duckdb", "DRIFTLINE_TARGET": ""})
    assert project.target is None
    assert project.connection.options["database"] == str(tmp_path / "dev.duckdb")


def test_an_unknown_target_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no target called 'prd'; did you mean 'prod'"):
        load(tmp_path, TARGETS, target="prd")


def test_a_section_that_a_target_overrides_is_checked_all_the_same(tmp_path: Path) -> None:
    text = TARGETS.replace('{database: "${DEV_FILE}"}', "{datbase: x}")
    with pytest.raises(ConfigError, match=r"driftline\.yml:1: connection\.datbase: unknown key"):
        load(tmp_path, text, target="prod")


def test_a_key_that_no_target_has_is_refused_in_the_chosen_one_too(tmp_path: Path) -> None:
    text = TARGETS.replace("results: {to: prod", "result: {to: prod")
    with pytest.raises(ConfigError, match=r"targets\.prod\.result: unknown key 'result'; did you"):
        load(tmp_path, text, target="prod")


def test_secrets_are_collected_and_never_in_what_is_stored(tmp_path: Path) -> None:
    text = (
        "notifications: [{name: n, type: webhook, url: 'https://x', secret: hush-hush}]\n"
        "monitors:\n"
        "  - name: m\n"
        "    description: the word is hush-hush\n"
        "    production: {query: \"select '${API_TOKEN}'\"}\n"
        "    reference: {table: t.csv}\n"
    )
    project = load(tmp_path, text, environ={"API_TOKEN": "abc"})
    assert project.secrets == {"hush-hush", "abc"}
    assert project.monitors[0].yaml == (
        "name: m\n"
        "description: the word is ****\n"
        "production: {query: \"select '${API_TOKEN}'\"}\n"
        "reference: {table: t.csv}\n"
    )


def test_a_secret_is_not_in_a_complaint(tmp_path: Path) -> None:
    text = SHORTEST.replace("P7D", "'${DB_PASSWORD}'")
    with pytest.raises(ConfigError, match=r"'\*\*\*\*' is not a duration") as refused:
        load(tmp_path, text, environ={"DB_PASSWORD": "hush"})
    assert "hush" not in str(refused.value)


def test_a_monitor_keeps_its_own_text_and_line(tmp_path: Path) -> None:
    monitor = load(tmp_path, "defaults: {owner: ops}\n" + SHORTEST).monitors[0]
    lines = SHORTEST.splitlines()[1:]
    assert monitor.yaml == "".join(f"{line[4:]}\n" for line in lines)
    assert monitor.line == 3


# --- compare and notes ------------------------------------------------------------------------------------


def test_a_comparison_is_a_project_of_one_monitor(tmp_path: Path) -> None:
    one, other = source_of("a.csv", root=tmp_path), source_of("b.csv", root=tmp_path)
    project = compare_project(one, other, root=tmp_path)
    monitor = project.monitor("compare")
    assert monitor.production.source == other
    assert monitor.primary.source == one
    assert monitor.signals == only(tmp_path).signals


def test_the_yaml_of_a_comparison_is_a_monitor_that_does_the_same(tmp_path: Path) -> None:
    one, other = source_of("a.csv", root=tmp_path), source_of(["x", "y"], root=tmp_path)
    monitor = compare_project(one, other, root=tmp_path).monitors[0]
    (tmp_path / "saved.yml").write_text(monitor.yaml, "utf-8")
    saved = load(tmp_path, "include: [saved.yml]\n").monitors[0]
    assert replace(saved, yaml="", line=0) == replace(monitor, yaml="")


def test_thresholds_that_can_never_fail_and_settings_nobody_reads_are_noted(
    tmp_path: Path,
) -> None:
    project = load(
        tmp_path,
        SHORTEST + "    signals: {data_quality: {nulls: 5}}\n"
        "    settings: {age: {thresholds: {psi: 0.3}}}\n",
    )
    assert notes(project) == (
        "monitors[churn].signals.data_quality: null_value_rate never goes beyond its threshold: "
        "its range is [0, 1]",
        "monitors[churn].settings.age: no signal measures population_stability_index",
    )


@pytest.mark.parametrize("was", [True, False])
def test_reading_leaves_the_collector_as_it_was(tmp_path: Path, *, was: bool) -> None:
    import gc

    path = tmp_path / "driftline.yml"
    path.write_text(
        "monitors: [{name: m, production: {table: a.csv}, reference: {table: b.csv}}]\n"
    )
    enabled = gc.isenabled()
    try:
        (gc.enable if was else gc.disable)()
        load_project(path)
        assert gc.isenabled() == was
        path.write_text("monitors: 1\n")
        with pytest.raises(ConfigError):
            load_project(path)
        assert gc.isenabled() == was
    finally:
        (gc.enable if enabled else gc.disable)()
