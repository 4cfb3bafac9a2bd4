"""Old results go when they are told to, and what people note is kept beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import small_project
from typer.testing import Result

import driftline
from driftline.engine.keeping import prune
from driftline.engine.project import Duration
from driftline.engine.store import Store

Cli = Callable[..., Result]
NOW = datetime(2026, 2, 21, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the windows that end on 11 to 21 February, all drifted."""
    path = small_project.make(tmp_path)
    for day in range(11, 22, 2):
        driftline.run(path, at=f"2026-02-{day}")
    return path


def ends(project: Path, table: str = "metrics") -> list[int]:
    sql = f"select distinct window_end from {table} order by window_end"
    rows = Store(project.parent / "results.duckdb").read(sql).to_pylist()
    return [row["window_end"].day for row in rows]


def count(project: Path, table: str) -> int:
    return Store(project.parent / "results.duckdb").read(f"from {table}").num_rows


def pruned(project: Path, days: int, **given: Any) -> list[dict[str, Any]]:
    loaded = driftline.validate(project).project
    return prune(loaded, Duration(days=days), now=NOW, **given)


def test_windows_go_with_all_that_is_theirs_and_younger_ones_stay(project: Path) -> None:
    told = pruned(project, 5, dry_run=True)
    assert ends(project) == [11, 13, 15, 17, 19, 21]
    before = {row["table"]: count(project, row["table"]) for row in told}
    gone = pruned(project, 5)
    assert gone == told
    for table in ("metrics", "histograms", "profiles", "_grounds"):
        assert ends(project, table) == [17, 19, 21]
    for row in gone:
        assert count(project, row["table"]) == before[row["table"]] - row["row_count"]
    assert {row["table"] for row in gone} >= {"runs", "statements"}
    assert count(project, "runs") == 3
    # what is open is told of, however old its opening is
    assert driftline.alerts(project).num_rows > 0
    assert pruned(project, 5) == []


def test_the_newest_window_stays_however_old_it_is(project: Path, cli: Cli) -> None:
    found = cli("prune", "--keep", "P1D", "--format", "json")
    assert found.exit_code == 0, found.output
    assert ends(project) == [21]
    assert cli("show", "churn").exit_code == 0
    assert "nothing is that old" in cli("prune", "--keep", "P1D").output


def test_a_window_measured_by_a_run_that_stays_keeps_its_run(project: Path) -> None:
    driftline.run(project, at="2026-02-11")
    pruned(project, 5)
    sql = (
        "select count(*) as n from metrics left join runs using (run_id) where runs.run_id is null"
    )
    assert Store(project.parent / "results.duckdb").read(sql).to_pylist() == [{"n": 0}]


def test_notes_are_kept_once_each_and_listed_newest_first(project: Path, cli: Cli) -> None:
    for _ in range(2):
        cli("note", "churn", "a new model", "--at", "2026-02-12", "--by", "ann")
    cli("note", "churn", "the pipeline\nbroke", "--at", "2026-02-14T06:00")
    found = json.loads(cli("ls", "notes", "--format", "json").output)
    assert [(row["note"], row["noted_for"][:16]) for row in found] == [
        ("the pipeline\nbroke", "2026-02-14T06:00"), ("a new model", "2026-02-12T00:00"),
    ]  # fmt: skip
    assert found[1]["noted_by"] == "ann"
    assert "the pipeline" in cli("ls", "notes").output
    assert [row["table"] for row in pruned(project, 8) if row["table"] == "_notes"] == ["_notes"]
    assert len(driftline.ls(project, "notes")) == 1


def test_runs_are_listed_by_how_they_ended(project: Path, cli: Cli) -> None:
    (project.parent / "scored.parquet").rename(project.parent / "away.parquet")
    assert cli("run", "--at", "2026-02-22").exit_code == 3
    (failed,) = driftline.ls(project, "runs", status="failed").to_pylist()
    shown = cli("ls", "runs", "--status", "failed", "--format", "json")
    assert [row["run_id"] for row in json.loads(shown.output)] == [failed["run_id"]]
    assert driftline.ls(project, "runs", status=["succeeded", "failed"]).num_rows == 7


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("prune", "--keep", "soon"), "'soon' is not a duration"),
        (("note", "nobody", "x"), "there is no monitor 'nobody'"),
        (("note", "churn", "  "), "the note says nothing"),
        (
            ("ls", "features", "--status", "failed"),
            "there are no features whose status is 'failed'",
        ),
    ],
)
def test_what_cannot_be_done_is_told(
    cli: Cli, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    small_project.make(tmp_path)
    found = cli(*words)
    assert found.exit_code == 2
    assert told in found.output
