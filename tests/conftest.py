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

# asserts of what tests share tell what was compared, too
pytest.register_assert_rewrite("engine_conformance", "in_schemas", "any_store")

# A green build stays green: in CI the searches are the same ones every time. Elsewhere they differ,
# and so find more. No deadline: a slow machine is not a failing test.
settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("development", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "development")

# Files that the oldest DuckDB runs, too: each metric by hand, all relations together, what is stored and
# published, and one of every kind of signal. Versions of DuckDB differ in SQL and in files, not in what
# the other tests search for.
EVERY_DUCKDB = {
    *("test_fixtures", "test_pipeline", "test_segments", "test_mutual_information"),
    *("test_performance", "test_store", "test_migrate", "test_publish", "test_views"),
    *("test_warehouse", "test_incidents", "test_outbox"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of other files, and those whose bins are joined or counted in finer ones.

    These are told by the same SQL as the others.
    """
    for item in items:
        called = getattr(item, "callspec", None)
        ways = () if called is None else called.params.values()
        if item.path.stem not in EVERY_DUCKDB or "finer" in ways or "coarse" in ways:
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


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that `driftline demo` leaves, and what it prints on a terminal of 100 columns.

    Tests that write into it take a copy.
    """
    from typer.testing import CliRunner

    from driftline.cli import app

    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COLUMNS", "100")
        found = CliRunner().invoke(app, ["demo"], prog_name="driftline")
    assert found.exit_code == 0, found.output
    return folder / "driftline-demo", found.stdout
