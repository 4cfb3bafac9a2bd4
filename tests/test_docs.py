"""README and docs say what the program does today.

`make docs` writes the pages of docs/metrics anew, `ACCEPT_GOLDENS=1 pytest tests/test_docs.py` the
generated parts of the others.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Final

import duckdb
import pytest
from engine_results import recorded
from support import score
from typer.testing import CliRunner

import driftline
from driftline.bench import thresholds
from driftline.cli import app
from driftline.docs import generate
from driftline.engine import signal_models
from driftline.engine.azure_file import FIELDS
from driftline.engine.catalog import METRICS, NUMERICAL, SHORT_NAMES, Metric
from driftline.engine.config import load_project
from driftline.engine.dialects import DIALECTS
from driftline.engine.project import Monitor
from driftline.engine.results_verbs import STATUSES
from driftline.engine.signal_models import UNASKED
from driftline.engine.thresholds import KINDS, LEVELS

ROOT: Final = Path(__file__).parents[1]
README: Final = ROOT / "README.md"
MIGRATION: Final = ROOT / "docs" / "azure_migration.md"
JUDGING: Final = ROOT / "docs" / "judging.md"
PERFORMANCE: Final = ROOT / "docs" / "performance_of_models.md"
LOCK: Final = ROOT / "requirements.lock"
# The strongest first.
HOWS: Final = ("executed", "emulated", "parsed")
ENGINES: Final = {
    "duckdb": "DuckDB",
    "postgres": "PostgreSQL",
    "spark": "Spark",
    "databricks": "Databricks",
    "clickhouse": "ClickHouse",
    "snowflake": "Snowflake",
    "bigquery": "BigQuery",
    "redshift": "Redshift",
    "trino": "Trino",
}
PAGES: Final = sorted((ROOT / "docs").rglob("*.md"))
WRITTEN: Final = [README, *(page for page in PAGES if page.parent.name != "metrics")]


def _blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in a language."""
    text = page.read_text("utf-8")
    return re.findall(f"```{language}\n(.*?)```", text, flags=re.DOTALL)


def _monitor(text: str, folder: Path) -> Monitor:
    """The one monitor of a project file."""
    file = folder / "driftline.yml"
    file.write_text(text, "utf-8")
    variables = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "x")
    (monitor,) = load_project(file, environ=variables).monitors
    return monitor


def _between(name: str, wanted: str, page: Path = README) -> str:
    """A page's part between two markers, written anew first when goldens are accepted."""
    text = page.read_text("utf-8")
    found = re.search(f"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, flags=re.DOTALL)
    assert found is not None
    if os.environ.get("ACCEPT_GOLDENS"):
        page.write_text(text[: found.start(1)] + wanted + text[found.end(1) :], "utf-8")
        return wanted
    return found[1]


def _metric_table() -> str:
    rows = ["| metric | short | of | worse | default |", "|---|---|---|---|---|"]
    for metric in METRICS.values():
        of = metric.watches
        if metric.scope == "columns":
            of = "every column"
        default = metric.default_text or "–"
        if metric.bare == "increase" and metric.default is not None:
            default = f"+{default} over the reference"
        short = ", ".join(f"`{name}`" for name in metric.short) or ""
        rows.append(f"| `{metric.name}` | {short} | {of} | {metric.worse} | {default} |")
    return "\n".join(rows) + "\n"


def test_the_metric_table_is_the_catalogue() -> None:
    assert _between("metrics", _metric_table()) == _metric_table()


def _engine_table() -> str:
    kept = sorted(recorded().items(), key=lambda each: (HOWS.index(each[1]["how"]), each[0]))
    rows = ["| engine | how | statements right, of all | by |", "|---|---|---|---|"]
    for engine, row in kept:
        right = f"{row['right']} of {row['asked']}"
        rows.append(f"| {ENGINES[engine]} | {row['how']} | {right} | {row['version']} |")
    return "\n".join(rows) + "\n"


def test_the_table_of_engines_is_what_their_tests_found() -> None:
    assert _between("engines", _engine_table()) == _engine_table()


def test_every_dialect_has_been_asked_the_same_statements_by_versions_that_are_locked() -> None:
    kept = recorded()
    assert kept.keys() == {*DIALECTS} == ENGINES.keys()
    assert len({row["asked"] for row in kept.values()}) == 1
    locked = dict(re.findall(r"^([^=\s]+)==(\S+)", LOCK.read_text("utf-8"), flags=re.MULTILINE))
    for row in kept.values():
        name, _, version = row["version"].partition(" ")
        assert locked.get(name, version) == version


def _block(printed: str) -> str:
    """What a terminal showed, as a block of a page."""
    lines = [line.rstrip() for line in printed.splitlines()]
    return "```\n" + "\n".join(lines).strip("\n") + "\n```\n"


def test_the_demo_prints_what_the_readme_shows(demo_run: tuple[Path, str]) -> None:
    shown = _block(demo_run[1])
    assert _between("demo", shown) == shown


def test_estimate_and_errors_of_the_demo_are_those_of_the_page_on_performance(
    demo_run: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = PERFORMANCE.read_text("utf-8")
    commands = re.findall(r"^(driftline (?:run|show) arrival_delay .*)$", text, flags=re.MULTILINE)
    assert [command.split()[1] for command in commands] == ["run", "show"]
    shutil.copytree(demo_run[0], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for command in commands:
        found = CliRunner().invoke(app, command.split()[1:])
        assert found.exception is None or isinstance(found.exception, SystemExit)
    shown = _block(found.stdout)
    assert _between("late", shown, PERFORMANCE) == shown


def test_every_command_of_the_readme_exists() -> None:
    named = set(re.findall(r"driftline ([a-z]+(?:-[a-z]+)*)", README.read_text("utf-8")))
    for command in named:
        assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0, command


def test_the_shortest_project_is_a_project(tmp_path: Path) -> None:
    (text,) = _blocks(README, "yaml")
    monitor = _monitor(text, tmp_path)
    assert [signal.name for signal in monitor.signals] == ["data_drift", "data_quality"]


def _links(page: Path) -> list[str]:
    return re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text("utf-8"))


@pytest.mark.parametrize(
    "page",
    [README, ROOT / "CHANGELOG.md", ROOT / "SECURITY.md", *PAGES],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    assert [link for link in _links(page) if not (page.parent / link).exists()] == []


def _write_dbt(folder: Path) -> None:
    """The dbt project that the pages speak of."""
    (folder / "dbt_project.yml").write_text("profile: shop\n")
    outputs = "outputs: {dev: {type: duckdb, path: x.duckdb}, prod: {type: postgres, host: db}}"
    (folder / "profiles.yml").write_text(f"shop: {{target: dev, {outputs}}}\n")
    nodes = {
        name: {"name": name, "package_name": "shop", "resource_type": "model", "schema": "main"}
        for name in ("scored_customers", "training_customers")
    }
    (folder / "target").mkdir()
    (folder / "target" / "manifest.json").write_text(json.dumps({"nodes": nodes}))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_project_file_of_the_docs_is_valid(page: Path, tmp_path: Path) -> None:
    _write_dbt(tmp_path)
    for text in _blocks(page, "yaml"):
        _monitor(text, tmp_path)


def _queries(page: Path) -> list[str]:
    """What a page shows of results: its blocks of SQL, and what it hands to DuckDB's own shell."""
    said = re.findall(r'duckdb driftline\.duckdb "(.*?)"', page.read_text("utf-8"))
    return [*_blocks(page, "sql"), *said]


@pytest.mark.parametrize("page", [*filter(_queries, WRITTEN)], ids=lambda page: page.name)
def test_every_query_of_the_docs_runs_on_the_results_of_the_demo(
    page: Path, demo_run: tuple[Path, str]
) -> None:
    with duckdb.connect(demo_run[0] / "driftline.duckdb", read_only=True) as connection:
        for query in _queries(page):
            connection.execute(query)


def test_the_metric_pages_are_what_make_docs_writes() -> None:
    written = {path.name: path.read_text("utf-8") for path in generate.FOLDER.glob("*.md")}
    wanted = generate.pages()
    stale = [name for name in wanted | written if wanted.get(name) != written.get(name)]
    assert stale == [], "run `make docs`"


def test_a_new_metric_has_its_page_without_further_ado(monkeypatch: pytest.MonkeyPatch) -> None:
    median = Metric("median", "quality", NUMERICAL, unit="its own", short=("med",))
    # a cached property: what the metric's SQL file would say
    median.__dict__["sql"] = (
        "-- median: middle value of a number column\n--\n-- defines  half the values lie below\n"
        "-- reads    quantiles\n-- returns  comparison; value: double\n-- nulls    left out\n"
        "-- source   textbook\nselect comparison, p50 as value from quantiles\n"
    )
    for module in (generate, signal_models):
        monkeypatch.setattr(module, "METRICS", {**METRICS, "median": median})
    pages = generate.pages()
    assert "[`median`](median.md)" in pages["README.md"]
    for promised in ("Middle value", "half the values lie below", "`med`", "p50 as value"):
        assert promised in pages["median.md"]
    assert "median: {increase: 20%}" in pages["median.md"]


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_the_example_of_a_page_asks_for_its_metric(metric: Metric, tmp_path: Path) -> None:
    text = generate.example(metric)
    if text is None:
        assert metric.scope in UNASKED
        return
    (signal,) = _monitor(text, tmp_path).signals
    (rule,) = signal.rules
    assert rule.metric == metric.name
    assert all(threshold.fail is not None for threshold in rule.thresholds.values())
    if metric.default is not None:
        assert {
            kind: threshold.fail.amount
            for kind, threshold in rule.thresholds.items()
            if threshold.fail is not None
        } == {kind: metric.default_for(kind) for kind in metric.types or ("__all__",)}


def test_a_page_promises_evidence_for_exactly_the_metrics_that_have_it() -> None:
    numbers = [float(k) for k in range(300)]
    texts = ["a", "b", "c"] * 100
    moved = {"x": [x + 30 for x in numbers], "y": ["a"] * 200 + ["b"] * 100}
    rows = score({"x": numbers, "y": texts}, moved, min_rows=100).run.metrics
    having = {row["metric"] for row in rows if row["p_value"] is not None}
    promised = {name for name in METRICS if generate.evidence_of(METRICS[name]) is not None}
    assert having == promised
    assert {row["metric"] for row in rows if row["ci_low"] is not None} == promised


def _azure_fields() -> str:
    titles = {
        "schedule": "The schedule",
        "signal": "A signal",
        "data": "`production_data`, `reference_data` and `input_data`",
    }
    lines: list[str] = []
    for section, known in FIELDS.items():
        lines += [f"### {titles[section]}", "", "| Azure | here | |", "|---|---|---|"]
        for each in known:
            also = ", ".join(f"`{name}`" for name in each.also)
            name = f"`{each.path}`" + (f"; also {also}" if also else "")
            about = "; ".join(filter(None, (each.about, each.do)))
            becomes = f"`{each.becomes}`" if each.becomes else "not carried over"
            lines.append(f"| {name} | {becomes} | {about} |")
        lines.append("")
    return "\n".join(lines)


def test_the_fields_of_azures_file_are_those_that_the_importer_reads() -> None:
    assert _between("fields", _azure_fields(), MIGRATION) == _azure_fields()


def test_the_imported_monitor_of_the_docs_is_what_the_importer_writes(tmp_path: Path) -> None:
    file = tmp_path / "monitor.yml"
    target = {"ml_task": "classification", "endpoint_deployment_id": "azureml:loans:blue"}
    at = {"type": "recurrence", "frequency": "day", "interval": 1}
    trigger = {**at, "schedule": {"hours": 3, "minutes": 15}}
    monitor = {"monitoring_target": target}
    told = {"name": "loans_watch", "trigger": trigger, "create_monitor": monitor}
    file.write_text(json.dumps(told), "utf-8")
    lines = driftline.import_azure(file).text.splitlines(keepends=True)
    bare = "".join(line for line in lines if line.strip() and not line.strip().startswith("#"))
    assert _blocks(MIGRATION, "yaml")[0] == bare


def test_the_table_of_thresholds_is_what_the_formulas_give() -> None:
    assert _between("thresholds", thresholds.table(), JUDGING) == thresholds.table()


def test_the_page_on_judging_says_what_its_formulas_give() -> None:
    text = JUDGING.read_text("utf-8")
    formulas = [query for query in _blocks(JUDGING, "sql") if "from" not in query]
    assert len(formulas) == 2
    for formula in formulas:
        (numbers,) = duckdb.sql(formula).fetchall()
        assert [n for n in numbers if f"{n:,.0f}".replace(",", " ") not in text] == []


def test_judging_names_every_kind_of_threshold_and_status() -> None:
    text = JUDGING.read_text("utf-8")
    missing = [word for word in (*KINDS, *LEVELS) if f"{word}:" not in text]
    assert missing + [word for word in STATUSES if f"`{word}`" not in text] == []


def test_short_names_of_the_docs_are_those_of_the_catalogue() -> None:
    index = (generate.FOLDER / "README.md").read_text("utf-8")
    assert [short for short in SHORT_NAMES if f"`{short}`" not in index] == []
