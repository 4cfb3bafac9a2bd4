"""The house stays the house: imports point downward, and each outside library has its one door."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]

# Each floor imports only from floors above it in this list, or from its own.
FLOORS: Final = (
    {"errors", "engine"},
    {
        "header",
        "aggregates",
        "significance",
        "intervals",
        "dispersion",
        "grid",
        "cells",
        "yaml_nodes",
        "yaml_file",
        "estimating",
        "durable",
        "records",
    },
    {"events", "collector"},
    {"collected"},
    {"collect"},
    {"distances"},
    {"catalog"},
    {"own_metrics"},
    {"project"},
    {"conventions", "cusum"},
    {"interpolate", "times", "thresholds", "results", "selection", "dbt"},
    {"messages"},
    {"channels"},
    {"azure_file", "commented", "windows_zones"},
    {"yaml_edit"},
    {"azure_trigger", "azure_signals"},
    {"azure_metrics"},
    {"config_types"},
    {"alert_models", "signal_models"},
    {"config_models"},
    {"config_check"},
    {"resolve_signals"},
    {"resolve"},
    {"schema"},
    {"config"},
    {"windows"},
    {"slots"},
    {"warehouses.base"},
    {"features"},
    {"joins"},
    {"attributions", "custom", "performance"},
    {"plan"},
    {"planning"},
    {"sqltext", "spark_words"},
    {"dialects"},
    {"stored", "ddl"},
    {"place"},
    {"workbench"},
    {"relations"},
    {"baseline"},
    {"ranking", "segments"},
    {"number_rows", "kinds", "joint"},
    {"added"},
    {"surrogate"},
    {"sides"},
    {"settling"},
    {"numbers"},
    {"parts"},
    {"render"},
    {"outcome_sql", "recount"},
    {"outcomes"},
    {"performing", "scattering"},
    {"warehouses.lakes"},
    {"warehouses.sparksql", "warehouses.driven"},
    {"warehouses.postgres", "warehouses.marks"},
    {
        "warehouses",
        "warehouses.duckdb",
        "warehouses.clickhouse",
        "warehouses.spark",
        "warehouses.databricks",
        "warehouses.snowflake",
        "warehouses.bigquery",
        "warehouses.redshift",
        "warehouses.trino",
    },
    {"facts"},
    {"execute"},
    {"measure"},
    {"evidence"},
    {"judge"},
    {"summary"},
    {"storefile", "replace", "outbox", "export"},
    {"incidents"},
    {"creeping"},
    {"alerting"},
    {"storeschema"},
    {"store"},
    {"publish", "freeze", "moving", "deliver", "heartbeat"},
    {"announcing"},
    {"guess"},
    {"scaffold"},
    {"import_azure"},
    {"rows"},
    {"outcome", "whereabouts"},
    {"journal"},
    {"run", "compile", "check", "estimate"},
    {"alert_actions"},
    {"dials", "changes"},
    {"tuning"},
    {"differences"},
    {"tune_file", "tuned"},
    {"entries", "reprocess", "keeping"},
    {"scheduler"},
    {"trial"},
    {"backfill", "baselines"},
    {"checkup"},
    {"terminal", "frames"},
    {"operating"},
    {"log"},
    {"calls"},
    {"explain"},
    {"verbs", "results_verbs", "import_verbs", "alert_verbs", "tune_verbs"},
    {"schedule_verbs"},
    {"cli"},
)

# Who may import a library that is slow to start, or that would spread if it could.
DOORS: Final = {
    "sqlglot": {"dialects", "spark_words", "aggregates"},
    "lightgbm": {"surrogate"},
    "jinja2": {"render", "dbt"},
    "scipy": {"significance", "intervals"},
    "ruamel": {"yaml_file", "yaml_nodes", "schema"},
    "yaml": {"yaml_nodes"},
    "duckdb": {
        "workbench",
        "place",
        "storefile",
        "storeschema",
        "publish",
        "warehouses.duckdb",
        "verbs",
    },
    "apprise": {"channels"},
    "smtplib": {"channels"},
    "opentelemetry": {"export"},
    "adbc_driver_manager": {"warehouses.postgres"},
    "adbc_driver_postgresql": {"warehouses.postgres"},
    "clickhouse_connect": {"warehouses.clickhouse"},
    "pyspark": {"warehouses.spark"},
    "py4j": {"warehouses.spark"},
    "grpc": {"warehouses.spark"},
    "databricks": {"warehouses.databricks"},
    "snowflake": {"warehouses.snowflake"},
    "google": {"warehouses.bigquery"},
    "trino": {"warehouses.trino"},
    "typer": {"cli"},
    "rich": {"cli", "log", "operating", "terminal"},
}


def _modules() -> dict[str, Path]:
    found = {"cli": ROOT / "cli.py"}
    for path in sorted((ROOT / "engine").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT / "engine").with_suffix("").parts)
        found[name.removesuffix(".__init__") if name != "__init__" else "engine"] = path
    return found


MODULES: Final = _modules()


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _inside(imported: str) -> str | None:
    """The module of the house that an import names, or None."""
    if imported == "driftline.engine":
        return "engine"
    name = imported.removeprefix("driftline.engine.").removeprefix("driftline.")
    return name if imported.startswith("driftline.") and name in MODULES else None


def _floor(module: str) -> int:
    return next(level for level, names in enumerate(FLOORS) if module in names)


def test_every_module_has_its_floor() -> None:
    assert set(MODULES) <= set().union(*FLOORS)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_downward(module: str) -> None:
    for imported in _imports(MODULES[module]):
        target = _inside(imported)
        if target is not None and target != module:
            assert _floor(target) <= _floor(module), f"{module} imports {target}, which is above it"


@pytest.mark.parametrize("library", sorted(DOORS))
def test_a_library_comes_in_through_its_own_door(library: str) -> None:
    users = {
        module
        for module, path in MODULES.items()
        if any(name.split(".")[0] == library for name in _imports(path))
    }
    assert users <= DOORS[library]


@pytest.mark.parametrize("path", sorted((ROOT / "sql").rglob("*.sql")), ids=lambda path: path.stem)
def test_a_query_stays_short_enough_to_read(path: Path) -> None:
    most = 90 if "metrics" in path.parts else 200
    if path.parent.name != "results":
        assert len(path.read_text("utf-8").splitlines()) <= most
