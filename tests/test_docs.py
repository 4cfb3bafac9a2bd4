"""The README says what the program does today.

`ACCEPT_GOLDENS=1 pytest tests/test_docs.py` writes its generated parts anew.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from driftline.cli import app
from driftline.engine.catalog import METRICS
from driftline.engine.config import load_project

ROOT: Final = Path(__file__).parents[1]
README: Final = ROOT / "README.md"


def _between(name: str, wanted: str) -> str:
    """The README's part between two markers, written anew first when goldens are accepted."""
    text = README.read_text("utf-8")
    found = re.search(f"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, flags=re.DOTALL)
    assert found is not None
    if os.environ.get("ACCEPT_GOLDENS"):
        README.write_text(text[: found.start(1)] + wanted + text[found.end(1) :], "utf-8")
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


def test_the_demo_prints_what_the_readme_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    result = CliRunner().invoke(app, ["demo"])
    assert result.exit_code == 0
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    shown = "```\n" + "\n".join(lines).strip("\n") + "\n```\n"
    assert _between("demo", shown) == shown


def test_every_command_of_the_readme_exists() -> None:
    named = set(re.findall(r"driftline ([a-z]+)", README.read_text("utf-8")))
    for command in named:
        assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0, command


def test_the_shortest_project_is_a_project(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", README.read_text("utf-8"), flags=re.DOTALL)
    file = tmp_path / "driftline.yml"
    file.write_text(text, "utf-8")
    (monitor,) = load_project(file).monitors
    assert [signal.name for signal in monitor.signals] == ["data_drift", "data_quality"]


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "SECURITY.md"])
def test_every_link_to_a_file_leads_somewhere(name: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / name).read_text("utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []
