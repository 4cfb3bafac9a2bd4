"""Everything that can be wrong with the file, told in one go with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftline.engine.config import load_project
from driftline.engine.errors import ConfigError

SHORTEST = """\
monitors:
  - name: churn
    production: {table: scored/*.parquet, timestamp: scored_at, window: {size: P7D}}
    reference: {table: training.parquet}
"""


def complaints(folder: Path, text: str, **environ: str) -> list[str]:
    """The complaints about a file, without the folder they name."""
    (folder / "driftline.yml").write_text(text, "utf-8")
    with pytest.raises(ConfigError) as refused:
        load_project(folder / "driftline.yml", environ=environ)
    return [line.removeprefix(f"{folder}/") for line in str(refused.value).splitlines()]


def one_more(folder: Path, key: str) -> list[str]:
    """The complaints about the shortest monitor with one more key, on line 5."""
    return complaints(folder, f"{SHORTEST}    {key}\n")


def test_all_complaints_come_in_one_go(tmp_path: Path) -> None:
    text = (
        "versoin: 1\n"
        "monitors:\n"
        "  - name: a\n"
        "    production: {table: x.csv, timestamp: ts, window: {size: 7D}}\n"
        "    reference: {table: y.csv}\n"
        "    min_rows: many\n"
        "    signals:\n"
        "      data_drift: {reference: nowhere, jss: 0.1}\n"
        "  - name: a\n"
        "    production: {table: x.csv, windw: {size: P7D}}\n"
        "    reference: {table: y.csv, window: {size: P7D}}\n"
    )
    assert complaints(tmp_path, text) == [
        "driftline.yml:1: versoin: unknown key 'versoin'; did you mean 'version'?",
        "driftline.yml:4: monitors[a].production.window.size: '7D' is not a duration;"
        " write one like P7D, PT6H or P1M",
        "driftline.yml:6: monitors[a].min_rows: expected a whole number, got 'many'",
        "driftline.yml:8: monitors[a].signals.data_drift.jss: unknown metric or key 'jss';"
        " did you mean 'js'?",
        "driftline.yml:8: monitors[a].signals.data_drift.reference: no reference is called"
        " 'nowhere'; there is reference",
        f"driftline.yml:9: monitors[a].name: there is a monitor of this name at"
        f" {tmp_path}/driftline.yml:3",
        "driftline.yml:10: monitors[a].production.windw: unknown key 'windw';"
        " did you mean 'window'?",
        "driftline.yml:11: monitors[a].reference.window: a window needs a timestamp:"
        " the column that says when each row happened",
    ]


def test_messages_name_the_file_as_seen_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "driftline.yml").write_text("monitor: []\n" + SHORTEST, "utf-8")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    with pytest.raises(ConfigError, match=r"^\.\./driftline\.yml:1: monitor: unknown key"):
        load_project(environ={})


def test_a_complaint_about_an_included_file_names_it(tmp_path: Path) -> None:
    folder = tmp_path / "monitors"
    folder.mkdir()
    (folder / "a.yml").write_text(
        "name: a\nproduction: {table: x.csv}\nreference: {tabel: y.csv}\n", "utf-8"
    )
    (folder / "b.yml").write_text("- {}\n- name: b\n  production: {table: 5}\n", "utf-8")
    (folder / "c.yml").write_text("just text\n", "utf-8")
    assert complaints(tmp_path, "include: [monitors/*.yml, none.yml]\n") == [
        "driftline.yml:1: include[1]: 'none.yml' names no file",
        "monitors/a.yml:3: monitors[a].reference.tabel: unknown key 'tabel'; did you mean 'table'?",
        "monitors/b.yml:1: monitors[0].name: is missing",
        "monitors/b.yml:1: monitors[0].production: is missing",
        "monitors/b.yml:3: monitors[b].production.table: expected a source name, a file or glob,"
        " a table, or a list of a table's parts",
        "monitors/c.yml:1: the file is neither a monitor nor a list of monitors",
    ]


def test_a_mistake_in_the_defaults_is_told_once_and_there(tmp_path: Path) -> None:
    text = (
        "defaults: {ownr: me, production: {window: {size: P0D}}}\n"
        "monitors:\n"
        "  - {name: a, production: {table: x.csv, timestamp: t}, reference: {table: y.csv}}\n"
        "  - {name: b, production: {table: x.csv, timestamp: t}, reference: {table: y.csv}}\n"
    )
    assert complaints(tmp_path, text) == [
        "driftline.yml:1: defaults.ownr: unknown key 'ownr'; did you mean 'owner'?",
        "driftline.yml:1: defaults.production.window.size: 'P0D' is no time at all;"
        " write at least PT1S",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "driftline.yml: the file must be a map of keys such as monitors, and is empty"),
        ("- a\n", "driftline.yml: the file must be a map of keys such as monitors, and is not"),
        ("version: 1\n", "driftline.yml:1: monitors: the file has no monitors"),
        ("monitors: {a: 1}\n", "driftline.yml:1: monitors: expected a list, got a map"),
        ("monitors:\n  - churn\n", "driftline.yml:2: monitors[0]: expected a map, got 'churn'"),
        (SHORTEST + "version: 2\n", "driftline.yml:5: version: expected 1, got 2"),
    ],
)
def test_a_file_of_the_wrong_shape_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    assert complaints(tmp_path, text) == [complaint]


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    text = SHORTEST + "    owner: a\n    owner: b\n"
    assert complaints(tmp_path, text) == [
        "driftline.yml:6: monitors[churn].owner: the key stands twice; first on line 5"
    ]


def test_a_variable_that_is_not_set_is_refused(tmp_path: Path) -> None:
    assert one_more(tmp_path, "owner: ${WHO}") == [
        "driftline.yml:5: monitors[churn].owner: the environment variable WHO is not set"
    ]


def test_a_variable_in_a_flow_map_without_quotes_is_told_what_it_lacks(tmp_path: Path) -> None:
    found = complaints(tmp_path, "sources: {a: ${A}}\n" + SHORTEST)
    assert len(found) == 1
    assert found[0].startswith("driftline.yml:1: not valid YAML: ")
    assert found[0].endswith("; put ${...} in quotes")


@pytest.mark.parametrize(
    ("key", "path", "message"),
    [
        ("time_zone: Berlin", "time_zone", "'Berlin' is not a time zone"),
        ('schedule: "0 25 * * *"', "schedule", "'0 25 * * *' is not a cron expression (bad hour)"),
        ("schedule: {every: P0D}", "schedule.every", "'P0D' is no time at all"),
        ("schedule: [a]", "schedule", "expected a cron expression or {every: P1D}"),
        ("model: {version: 3}", "model.version", "expected text, got 3; put it in quotes"),
        ("model: {task: ranking}", "model.task", "'ranking' is not one of classification, regr"),
        ("tags: tier1", "tags", "expected a list, got 'tier1'"),
        ("min_rows: -1", "min_rows", "must be 0 or more, is -1"),
        ("min_rows: true", "min_rows", "expected a number, got true"),
        ("min_rows: 1.5", "min_rows", "expected a whole number, got 1.5"),
        ("bins: {rule: quantiles}", "bins.rule", "did you mean 'quantile'?"),
        ("bins: {count: 1}", "bins.count", "must be 2 or more, is 1"),
        ("bins: {edges: [2, 1]}", "bins.edges", "the edges must ascend"),
        ("bins: {edges: [1]}", "bins.edges", "needs 2 or more, has 1"),
        ("bins: {edges: [0, .inf]}", "bins.edges[1]", "expected a finite number"),
        ("bins: {rule: edges}", "bins", "rule: edges needs the edges"),
        ("bins: {rule: quantile, edges: [1, 2]}", "bins", "edges do not go with rule: quantile"),
        ("exact: sometimes", "exact", "'sometimes' is not one of always, when_it_matters, never"),
        ("features: some", "features", "'some' is not one of all"),
        ("features: []", "features", "needs 1 or more, has 0"),
        ("features: {includes: [a]}", "features.includes", "did you mean 'include'?"),
        ("settings: {a: {type: number}}", "settings.a.type", "'number' is not one of numerical"),
        ("settings: {a: {bounds: [2, 1]}}", "settings.a.bounds", "the lower bound 2 is above"),
        ("settings: {a: {bounds: [1]}}", "settings.a.bounds", "needs 2 or more, has 1"),
        ("settings: {a: {bounds: [1, 2], values: [a]}}", "settings.a", "bounds are for numerical"),
        ("settings: {a: {type: categorical, bounds: [1, 2]}}", "settings.a", "are for numerical"),
        ("settings: {a: {type: numerical, values: [x]}}", "settings.a", "values are for categ"),
        ("settings: {a: {thresholds: {js: x}}}", "settings.a.thresholds.js", "'x' is not a number"),
        (
            "settings: {a: {thresholds: {row_count: 5}}}",
            "settings.a.thresholds.row_count",
            "row_count is not for single features",
        ),
        ("signals: {}", "signals", "needs 1 or more, has 0"),
        ("signals: {data_drif: {}}", "signals.data_drif", "did you mean 'data_drift'?"),
        ("signals: {weekly: {}}", "signals.weekly", "the signal's name is not a type: give it `ty"),
        ("signals: {w: {type: drift}}", "signals.w.type", "'drift' is not a type of signal"),
        ("signals: {data_drift: 0.1}", "signals.data_drift", "expected a map or a list of metrics"),
        ("signals: {data_drift: []}", "signals.data_drift", "needs 1 or more, has 0"),
        (
            "signals: {data_drift: [js, jss]}",
            "signals.data_drift[1]",
            "unknown metric or key 'jss'; did you mean 'js'?",
        ),
        (
            "signals: {data_drift: {numerical: [chi2]}}",
            "signals.data_drift.numerical[0]",
            "pearsons_chi_squared_test is not for numerical features",
        ),
        (
            "signals: {data_drift: {categorical: {ks: 0.1}}}",
            "signals.data_drift.categorical.ks",
            "two_sample_kolmogorov_smirnov_test is not for categorical features",
        ),
        (
            "signals: {data_drift: {nulls: 0.1}}",
            "signals.data_drift.nulls",
            "null_value_rate is not a metric of data_drift; it belongs to data_quality",
        ),
        (
            "signals: {data_quality: [js]}",
            "signals.data_quality[0]",
            "it belongs to data_drift or prediction_drift",
        ),
        (
            "signals: {data_drift: {js: 0.1, jensen_shannon_distance: 0.2}}",
            "signals.data_drift.jensen_shannon_distance",
            "jensen_shannon_distance is given twice",
        ),
        (
            "signals: {data_drift: {js: {increase: 10%}}}",
            "signals.data_drift.js",
            "has no value on the reference alone; use max or min",
        ),
        (
            "signals: {data_drift: {js: {fail: {mx: 1}}}}",
            "signals.data_drift.js.fail.mx",
            "unknown key 'mx'; did you mean 'max'?",
        ),
        (
            "signals: {prediction_drift: }",
            "signals.prediction_drift",
            "prediction drift needs columns.prediction or columns.score",
        ),
        (
            "references: {a: {table: x.csv}}",
            "reference",
            "give either reference or references",
        ),
        ("reprocess: P1", "reprocess", "'P1' is not a duration"),
    ],
)
def test_a_wrong_value_is_refused_with_its_line_and_path(
    tmp_path: Path, key: str, path: str, message: str
) -> None:
    found = one_more(tmp_path, key)
    assert len(found) == 1
    line = 4 if path == "reference" else 5
    assert found[0].startswith(f"driftline.yml:{line}: monitors[churn].{path}: ")
    assert message in found[0]


@pytest.mark.parametrize(
    ("production", "reference", "path", "message"),
    [
        ("{}", "{table: t.csv}", "production", "production needs a table or a query"),
        ("", "{table: t.csv}", "production", "expected a map, got nothing"),
        ("{table: a.csv, query: q}", "{table: t.csv}", "production", "either table or query"),
        ("{table: a..b}", "{table: t.csv}", "production.table", "'a..b' is no table's name"),
        ("{table: a.csv}", "", "reference", "needs a reference: the rows to compare"),
        ("{table: a.csv}", "{window: {size: P7D}}", "reference.window", "needs a timestamp"),
        (
            "{table: a.csv, window: {size: P7D}}",
            "{table: t.csv}",
            "production.window",
            "a window needs a timestamp",
        ),
        (
            "{table: a.csv, timestamp: ts, window: {}}",
            "{table: t.csv}",
            "production.window",
            "a window needs a size, or both start and end",
        ),
        (
            "{table: a.csv, timestamp: ts, window: {start: 2024-01-01}}",
            "{table: t.csv}",
            "production.window",
            "a window needs a size, or both start and end",
        ),
        (
            "{table: a.csv, timestamp: ts, window: {size: P7D, end: 2024-01-01}}",
            "{table: t.csv}",
            "production.window",
            "give either size and offset, or start and end",
        ),
        (
            "{table: a.csv, timestamp: ts, window: {start: 2024-01-02, end: 2024-01-02}}",
            "{table: t.csv}",
            "production.window",
            "the window's start is not before its end",
        ),
        (
            "{table: a.csv, timestamp: ts, window: {start: soon, end: 2024-01-02}}",
            "{table: t.csv}",
            "production.window.start",
            "'soon' is not a date or time",
        ),
        ("{table: a.csv, allow_empty: no}", "{table: t.csv}", "production.allow_empty", "got 'no'"),
        ("{table: a.csv}", "{table: t.csv, cycles: 4}", "reference", "cycles belongs to `same`"),
    ],
)
def test_a_side_that_cannot_be_is_refused(
    tmp_path: Path, production: str, reference: str, path: str, message: str
) -> None:
    text = f"monitors:\n  - name: m\n    production: {production}\n    reference: {reference}\n"
    found = complaints(tmp_path, text)
    assert len(found) == 1
    line = 3 if path.startswith("production") else 4
    assert found[0].startswith(f"driftline.yml:{line}: monitors[m].{path}: ")
    assert message in found[0]


def test_a_window_without_a_timestamp_is_refused_with_its_line(tmp_path: Path) -> None:
    text = (
        "monitors:\n  - name: m\n    production:\n      table: a.csv\n      window: {size: P7D}\n"
    )
    assert complaints(tmp_path, text + "    reference: {table: b.csv}\n") == [
        "driftline.yml:5: monitors[m].production.window: a window needs a timestamp:"
        " the column that says when each row happened"
    ]


def test_an_uneven_schedule_is_no_window(tmp_path: Path) -> None:
    text = (
        "monitors:\n"
        '  - {name: m, schedule: "0 6 * * 1-5", production: {table: a.csv, timestamp: t}}\n'
    )
    assert complaints(tmp_path, text) == [
        "driftline.yml:2: monitors[m].schedule: '0 6 * * 1-5' has no one period that"
        " production.window could be; give the window"
    ]


@pytest.mark.parametrize(
    ("section", "path", "message"),
    [
        ("connection: {type: duckbd}", "connection.type", "did you mean 'duckdb'?"),
        ("connection: {databse: x}", "connection.databse", "did you mean 'database'?"),
        ("connection: duckdb", "connection", "expected a map with a type"),
        ("results: {too: x}", "results.too", "did you mean 'to'?"),
        ("results: {to: x, connection: same}", "results", "give either `to` or `connection`"),
        ("results: {schema: x}", "results", "`schema` belongs to `connection: same`"),
        ("sources: {a: 5}", "sources.a", "expected a source name"),
        ("sources: {a: b..c}", "sources.a", "'b..c' is no table's name"),
        ("notifications: [{name: n}]", "notifications[0]", "expected a map with type: apprise"),
        (
            "notifications: [{name: n, type: smtp, host: h, to: t@x}]",
            "notifications[0].from",
            "is missing",
        ),
        ("targets: {p: {monitors: []}}", "targets.p.monitors", "unknown key 'monitors'"),
        ("include: monitors/*.yml", "include", "expected a list, got 'monitors/*.yml'"),
        ("defaults: 5", "defaults", "expected a map, got 5"),
    ],
)
def test_a_wrong_section_of_the_project_is_refused(
    tmp_path: Path, section: str, path: str, message: str
) -> None:
    found = complaints(tmp_path, f"{section}\n{SHORTEST}")
    assert len(found) == 1
    assert found[0].startswith(f"driftline.yml:1: {path}: ")
    assert message in found[0]


def test_a_table_that_is_nearly_a_source_is_refused_where_no_table_can_be(tmp_path: Path) -> None:
    text = "sources: {scored: s.csv}\n" + SHORTEST.replace("scored/*.parquet", "scord")
    assert complaints(tmp_path, text) == [
        "driftline.yml:4: monitors[churn].production.table: 'scord' is neither a source nor a file;"
        " did you mean 'scored'?"
    ]


def test_a_table_that_is_nearly_a_source_is_right_in_a_database(tmp_path: Path) -> None:
    text = "connection: {database: w.duckdb}\nsources: {scored: s.csv}\n"
    path = tmp_path / "driftline.yml"
    path.write_text(text + SHORTEST.replace("scored/*.parquet", "scord"), "utf-8")
    assert load_project(path, environ={}).monitors[0].production.source.table == ("scord",)


def test_an_alert_to_nobody_known_is_refused(tmp_path: Path) -> None:
    text = (
        "notifications: [{name: ml-team, type: apprise, url: u}]\n"
        + SHORTEST
        + "    alerts: {notify: [ml-teem]}\n"
    )
    found = complaints(tmp_path, text)
    assert found == [
        "driftline.yml:6: monitors[churn].alerts.notify[0]: no notification is called 'ml-teem';"
        " did you mean 'ml-team'?"
    ]


@pytest.mark.parametrize(
    ("cusum", "complaint"),
    [
        (
            "yes",
            "alerts.cusum: expected true, false, or a map such as {average_run_length: 500}",
        ),
        ("{average: 500}", "alerts.cusum.average: unknown key 'average'"),
        (
            "{baseline: 7, shift: 0}",
            "alerts.cusum.shift: must be 0.25 or more, is 0",
        ),
    ],
)
def test_a_sum_that_cannot_be_is_refused(tmp_path: Path, cusum: str, complaint: str) -> None:
    found = complaints(tmp_path, f"{SHORTEST}    alerts: {{cusum: {cusum}}}\n")
    assert any(complaint in line for line in found), found
