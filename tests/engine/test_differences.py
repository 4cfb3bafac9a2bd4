"""`validate --diff` tells what a changed file does to results, and the command that does it is right."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from small_project import HEAD, MONITOR, SIGNALS, make

import driftline
from driftline.engine.changes import changes_of
from driftline.engine.config import load_project
from driftline.engine.differences import MonitorDifference
from driftline.engine.journal import measure_hash
from driftline.engine.schema import config_hash

if TYPE_CHECKING:
    from typer.testing import Result

FILE: Final = f"{HEAD}{MONITOR}{SIGNALS}"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two windows of ten days, measured with the file as it is."""
    folder = tmp_path_factory.mktemp("ran")
    make(folder)
    driftline.backfill(folder, monitors="churn", start="2026-02-01", end="2026-02-21")
    for table in folder.glob("*.parquet"):
        table.rename(table.with_suffix(".away"))  # nothing may look at data
    return folder


@pytest.fixture
def folder(ran: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(ran, tmp_path, dirs_exist_ok=True)
    return tmp_path


def found_in(folder: Path, text: str, against: str | None = None) -> MonitorDifference:
    """What becomes of the one monitor of a file."""
    (folder / "driftline.yml").write_text(text)
    found = driftline.validate(folder, diff=True, against=against).differences
    assert found is not None
    return found.monitors[0]


def told(found: MonitorDifference) -> list[tuple[str, str, str, str]]:
    return [(each.change, each.what, each.name, each.effect) for each in found.changes]


BACKFILL: Final = "driftline backfill churn --from 2026-02-01 --to 2026-02-21"
CHECK: Final = "driftline check churn --write"

# What replaces what in the file, what is told of it, and what to type.
CHANGES: Final[dict[str, tuple[str, str, list[tuple[str, str, str, str]], tuple[str, ...]]]] = {
    "nothing": ("age", "age", [], ()),
    "a comment": ("monitors:", "# ours\nmonitors:", [], ()),
    "an owner": (
        "    reference:",
        "    owner: ml\n    reference:",
        [("changed", "setting", "owner", "nothing")],
        (),
    ),
    "a threshold": (
        "distance: 0.25",
        "distance: 0.3",
        [
            (
                "changed",
                "threshold",
                "signals.data_drift.numerical.normalized_wasserstein_distance",
                "verdicts",
            )
        ],
        (CHECK, BACKFILL),
    ),
    "how it is judged": (
        "    reference:",
        "    alert_when: exceeds\n    min_rows: 5\n    reference:",
        [
            ("changed", "setting", "min_rows", "verdicts"),
            ("changed", "setting", "signals.data_drift.alert_when", "verdicts"),
            ("changed", "setting", "signals.data_quality.alert_when", "verdicts"),
        ],
        (CHECK, BACKFILL),
    ),
    "when incidents open": (
        "    reference:",
        "    alerts: {open_after: 2}\n    reference:",
        [("changed", "setting", "alerts.open_after", "incidents")],
        (),
    ),
    "another metric": (
        "data_drift: {",
        "data_drift: {ks: 0.01, ",
        [
            (
                "new",
                "metric",
                "signals.data_drift.numerical.two_sample_kolmogorov_smirnov_test",
                "new",
            )
        ],
        (f"{BACKFILL} --force",),
    ),
    "a metric less": (
        ", row_count: {min: 100}",
        "",
        [("gone", "metric", "signals.data_quality.row_count", "kept")],
        (),
    ),
    "a signal more": (
        "    signals:\n",
        "    signals:\n      weekly: {type: data_drift, js: 0.1}\n",
        [("new", "signal", "signals.weekly", "new")],
        (BACKFILL,),
    ),
    "other bins": (
        "    reference:",
        "    bins: {count: 5}\n    reference:",
        [("changed", "setting", "bins.count", "values")],
        (BACKFILL,),
    ),
    "another filter of the reference": (
        "{table: training.parquet}",
        "{table: training.parquet, filter: age > 3}",
        [
            ("changed", "reference", "references.reference", "values"),
            ("changed", "baseline", "references.reference", "values"),
        ],
        (BACKFILL,),
    ),
    "a feature less": (
        "    reference:",
        "    features: {exclude: [age]}\n    reference:",
        [
            ("changed", "setting", "features.exclude", "values"),
            ("gone", "feature", "age", "kept"),
        ],
        (BACKFILL,),
    ),
    "a column that nobody has seen": (
        "    reference:",
        "    features: [age, mileage]\n    reference:",
        [
            ("changed", "setting", "features", "values"),
            ("new", "feature", "mileage", "new"),
            ("gone", "feature", "city", "kept"),
            ("gone", "feature", "fare", "kept"),
            ("gone", "feature", "plan", "kept"),
        ],
        (BACKFILL,),
    ),
    "a feature's own threshold and type": (
        "    reference:",
        "    settings: {fare: {type: categorical, thresholds: {js: 0.4}}}\n    reference:",
        [
            ("changed", "setting", "settings.fare.type", "values"),
            (
                "changed",
                "threshold",
                "settings.fare.thresholds.jensen_shannon_distance",
                "verdicts",
            ),
        ],
        (BACKFILL,),
    ),
}


@pytest.mark.parametrize(("old", "new", "changes", "commands"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_told_with_what_it_does_and_the_command_that_does_it(
    folder: Path,
    old: str,
    new: str,
    changes: list[tuple[str, str, str, str]],
    commands: tuple[str, ...],
) -> None:
    text = FILE.replace(old, new, 1)
    assert text != FILE or old == new
    found = found_in(folder, text)
    assert told(found) == changes
    assert found.commands == commands
    assert found.notes == ()
    is_stale = any(effect == "values" for *_, effect in changes)
    assert (found.window_count, found.stale_count) == (2, 2 if is_stale else 0)


@pytest.mark.parametrize(("old", "new"), [each[:2] for each in CHANGES.values()], ids=CHANGES)
def test_other_numbers_are_told_where_runs_would_see_other_numbers(
    tmp_path: Path, old: str, new: str
) -> None:
    file = tmp_path / "driftline.yml"
    file.write_text(FILE)
    (before,) = load_project(file).monitors
    file.write_text(FILE.replace(old, new, 1))
    (after,) = load_project(file).monitors
    changes = changes_of(before, after)
    assert (measure_hash(before) != measure_hash(after)) == any(
        each.effect == "values" or each.what == "signal" for each in changes
    )
    assert (config_hash(before) != config_hash(after)) == bool(changes)
    # the other way round the same differs
    back = {(each.name, each.before, each.after) for each in changes_of(after, before)}
    assert back == {(each.name, each.after, each.before) for each in changes}


def test_after_the_command_nothing_is_left_to_do(folder: Path) -> None:
    for table in folder.glob("*.away"):
        table.rename(table.with_suffix(".parquet"))
    text = FILE.replace("    reference:", "    bins: {count: 5}\n    reference:").replace(
        "data_drift: {", "data_drift: {ks: 0.01, "
    )
    found = found_in(folder, text)
    assert found.commands == (BACKFILL,)
    driftline.backfill(folder, monitors="churn", start="2026-02-01", end="2026-02-21")
    found = found_in(folder, text)
    assert (found.changes, found.commands, found.stale_count) == ((), (), 0)


def test_new_and_gone_monitors_are_told(folder: Path) -> None:
    (folder / "driftline.yml").write_text(FILE.replace("name: churn", "name: other one"))
    found = driftline.validate(folder, diff=True).differences
    assert found is not None
    new, gone = found.monitors
    assert told(new) == [("new", "monitor", "other one", "new")]
    assert new.commands == ("driftline run 'other one'",)
    assert (told(gone), gone.window_count) == ([("gone", "monitor", "churn", "kept")], 2)


def test_before_the_first_run_everything_is_new(tmp_path: Path) -> None:
    assert told(found_in(tmp_path, FILE)) == [("new", "monitor", "churn", "new")]


def test_where_results_do_not_tell_what_the_file_said_the_rows_tell_what_they_can(
    folder: Path,
) -> None:
    # defaults are not kept with a monitor, so what ran cannot be told from what is kept
    defaults = "defaults: {min_rows: 7}\n"
    signals = SIGNALS.replace("jensen_shannon_distance: 0.1", "jensen_shannon_distance: 0.4")
    found = found_in(
        folder, f"{HEAD}{defaults}{MONITOR}{signals.replace('row_', 'freshness: 9, row_')}"
    )
    assert "not known in full" in found.notes[0]
    assert ("new", "metric", "signals.data_quality.freshness", "new") in told(found)
    limits = {
        each.name: (each.before, each.after) for each in found.changes if each.what == "threshold"
    }
    assert limits == {
        "signals.data_drift.categorical.jensen_shannon_distance": ("0.1", "0.4"),
        "signals.data_drift.numerical.jensen_shannon_distance": ("0.1", "0.4"),
    }


def test_an_older_file_may_be_named(folder: Path) -> None:
    older = folder / "older.yml"
    older.write_text(FILE)
    text = f"{HEAD}defaults: {{min_rows: 7}}\n{MONITOR}{SIGNALS}"
    found = found_in(folder, text, against=str(older))
    assert told(found) == [("changed", "setting", "min_rows", "verdicts")]
    assert found.notes == ()
    older.write_text(FILE.replace("0.25", "0.5"))
    (note,) = found_in(folder, text, against=str(older)).notes
    assert "yet another file" in note


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def test_a_revision_of_git_may_be_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "monitors").mkdir()
    included = folder / "monitors" / "churn.yml"
    included.write_text(MONITOR.removeprefix("\nmonitors:\n") + SIGNALS)
    text = f"{HEAD}include: [monitors/*.yml]\n"
    (folder / "driftline.yml").write_text(text)
    git(folder, "init", "-q")
    git(folder, "add", "driftline.yml", "monitors")
    git(folder, "commit", "-qm", "first")
    included.write_text(included.read_text().replace("0.25", "0.3"))

    found = found_in(folder, text, against="HEAD")

    assert [each[-1] for each in told(found)] == ["verdicts"]
    for wrong in ("no-such-revision", "--output=x"):
        with pytest.raises(driftline.ConfigError, match="revision of git"):
            found_in(folder, text, against=wrong)
    assert not (folder / "x").exists()


def test_the_command_prints_lines_or_objects(folder: Path, cli: Callable[..., Result]) -> None:
    (folder / "driftline.yml").write_text(FILE.replace("0.25", "0.3"))
    result = cli("validate", "--diff")
    assert result.exit_code == 0
    assert "churn · 2 stored windows" in result.stdout
    assert "0.25 → 0.3" in " ".join(result.stdout.split())
    assert f"next: {CHECK}\n      {BACKFILL}\n" in result.stdout
    rows: list[dict[str, Any]] = json.loads(cli("validate", "--diff", "--format", "json").stdout)
    assert [(row["effect"], row["command"]) for row in rows] == [("verdicts", CHECK)]
    (folder / "driftline.yml").write_text("monitors: 3\n")
    assert cli("validate", "--diff").exit_code == 2
