"""What every test shares: quiet surroundings and one way to search for counterexamples."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from typer.testing import Result

# A green build stays green: in CI the searches are the same ones every time. Elsewhere they differ,
# and so find more. No deadline: a slow machine is not a failing test.
settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("development", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "development")

# What these files test is the same whatever version of DuckDB there is: the oldest one skips them.
ONCE = {
    *("test_architecture", "test_cli", "test_cli_init", "test_docs", "test_lint", "test_log"),
    *("test_terminal", "test_catalog", "test_config", "test_config_complaints", "test_ddl"),
    *("test_config_monitors", "test_false_alarms", "test_features", "test_grid", "test_header"),
    *("test_interpolate", "test_intervals", "test_judge", "test_not_built", "test_scaffold"),
    *("test_schema", "test_significance", "test_summary", "test_thresholds", "test_times"),
    *("test_windows", "test_yaml_file", "test_api", "test_check", "test_checkup", "test_cli_store"),
    *("test_selection", "test_azure_quirks", "test_demo_data", "test_contracts", "test_exact"),
    *("test_baseline", "test_bench", "test_cost", "test_evidence", "test_dialects"),
    *("test_postgres", "test_postgres_service", "test_distances", "test_templates"),
    *("test_postgres_results", "test_rehearsal", "test_analysed", "test_dbt"),
    *("test_clickhouse", "test_clickhouse_service", "test_services", "test_spark"),
    *("test_spark_service", "test_services_results", "test_golden", "test_azure_cases"),
    *("test_bad_input", "test_clickhouse_results", "test_spark_results"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of those files, and those whose bins are joined or counted in finer ones.

    These are told by the same SQL as the others.
    """
    for item in items:
        called = getattr(item, "callspec", None)
        ways = () if called is None else called.params.values()
        if item.path.stem in ONCE or "finer" in ways or "coarse" in ways:
            item.add_marker("once")


@pytest.fixture(scope="session", autouse=True)
def no_ambient_settings() -> Iterator[None]:
    """Hide the developer's own Driftline settings and colours from all tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DRIFTLINE_TARGET", "DRIFTLINE_FAIL_ON", "FORCE_COLOR"):
            patch.delenv(name, raising=False)
        patch.setenv("NO_COLOR", "1")
        yield


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Call the command line in an empty folder, on a terminal of 80 columns."""
    from typer.testing import CliRunner

    from driftline.cli import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def call(*words: str, env: dict[str, str] | None = None) -> Result:
        return CliRunner().invoke(app, words, env=env, prog_name="driftline")

    return call
