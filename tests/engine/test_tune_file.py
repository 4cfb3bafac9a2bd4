"""Thresholds go into the project's files by themselves: whatever else stands there stays as it is."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

import pytest

from driftline.engine.catalog import METRICS
from driftline.engine.config import load_project, load_sections
from driftline.engine.dials import Spot
from driftline.engine.errors import ConfigError
from driftline.engine.project import Bound, Threshold
from driftline.engine.tune_file import groups_of, write_thresholds
from driftline.engine.yaml_edit import Edit, edited
from driftline.engine.yaml_file import YamlFile

JS: Final = "jensen_shannon_distance"
PSI: Final = "population_stability_index"
BOTH: Final = ("numerical", "categorical")

SIDES: Final = """\
    production: {table: scored.parquet, timestamp: at, window: {size: P7D}}
    reference: {table: training.parquet}
"""
HEAD: Final = f"# ours\nmonitors:\n  - name: churn   # the one\n{SIDES}"


def fail(amount: float) -> Threshold:
    return Threshold(fail=Bound("max", amount))


def spot(metric: str = JS, scopes: tuple[str, ...] = BOTH, signal: str = "data_drift") -> Spot:
    return Spot(signal, metric, scopes)


def write(folder: Path, text: str, changes: dict[Spot, Threshold], name: str = "churn") -> str:
    """The file with other thresholds."""
    file = folder / "driftline.yml"
    file.write_bytes(text.encode())
    project = load_project(file)
    assert write_thresholds(project, {name: changes}) == (file,)
    return file.read_bytes().decode()


# What a monitor says, what changes, and what it says then; words in capitals are defaults.
FORMS: Final = {
    "a number in a flow map": (
        "    signals: {data_drift: {js:   0.1 }}   # all\n",
        {spot(): fail(0.23)},
        "    signals: {data_drift: {js:   0.23 }}   # all\n",
    ),
    "a number in a block map among comments": (
        "    signals:\n      # why\n      data_drift:\n        psi: .2\n        js: 0.1  # folklore\n\n"
        "        # more\n    min_rows: 50\n",
        {spot(): fail(0.23)},
        "    signals:\n      # why\n      data_drift:\n        psi: .2\n        js: 0.23  # folklore\n\n"
        "        # more\n    min_rows: 50\n",
    ),
    "types apart": (
        "    signals: {data_drift: {numerical: {js: 0.1}, categorical: {js: 0.1}}}\n",
        {spot(scopes=("categorical",)): fail(0.4)},
        "    signals: {data_drift: {numerical: {js: 0.1}, categorical: {js: 0.4}}}\n",
    ),
    "levels, words and percentages": (
        "    signals: {data_drift: {psi: {warn: {max: '10%'}, fail: 25%}}}\n",
        {spot(PSI): Threshold(Bound("max", 0.33), Bound("max", 0.125))},
        "    signals: {data_drift: {psi: {warn: {max: '12.5%'}, fail: 33%}}}\n",
    ),
    "two sides of the window's rows": (
        "    signals: {data_quality: {row_count: {min: 100, max: 900}}}\n",
        {
            spot("row_count", ("__all__",), "data_quality"): Threshold(
                Bound("min", 48_000.0, other=Bound("max", 1e5))
            )
        },
        "    signals: {data_quality: {row_count: {min: 48000, max: 100000}}}\n",
    ),
    "a share of the reference": (
        "    model: {task: regression}\n    columns: {prediction: p, actual: a}\n"
        "    signals: {model_performance: {mae: {increase: 10%}}}\n",
        {
            spot("mean_absolute_error", ("__all__",), "model_performance"): Threshold(
                Bound("increase", 0.25, relative=True)
            )
        },
        "    model: {task: regression}\n    columns: {prediction: p, actual: a}\n"
        "    signals: {model_performance: {mae: {increase: 25%}}}\n",
    ),
    "an aggregate of one's own": (
        '    signals:\n      custom:\n        late: {sql: "avg(delay)", max: 5}  # minutes\n',
        {spot("late", ("__all__",), "custom"): fail(7.5)},
        '    signals:\n      custom:\n        late: {sql: "avg(delay)", max: 7.5}  # minutes\n',
    ),
    "a feature's settings": (
        "    settings:\n      age: {thresholds: {js: 0.1}}   # age\n    signals: {data_drift: {js: 0.1}}\n",
        {Spot("", JS, feature="age"): fail(0.3)},
        "    settings:\n      age: {thresholds: {js: 0.3}}   # age\n    signals: {data_drift: {js: 0.1}}\n",
    ),
    "a list on one line": (
        "    signals: {data_drift: [js, psi]} # short\n",
        {spot(): fail(0.3)},
        "    signals: {data_drift: {js: 0.3, psi: PSI}} # short\n",
    ),
    "a list of lines": (
        "    signals:\n      data_drift:\n      - js   # one\n\n      - psi  # two\n    min_rows: 5\n",
        {spot(): fail(0.3)},
        "    signals:\n      data_drift:\n        js: 0.3   # one\n\n        psi: PSI  # two\n"
        "    min_rows: 5\n",
    ),
    "a list of one type": (
        "    signals: {data_drift: {numerical: [js], categorical: [js]}}\n",
        {spot(scopes=("numerical",)): fail(0.3)},
        "    signals: {data_drift: {numerical: {js: 0.3}, categorical: [js]}}\n",
    ),
    "defaults of a signal that says nothing": (
        "    signals:\n      data_drift:   # by default\n      data_quality: {}\n    min_rows: 5\n",
        {spot(scopes=("categorical",)): fail(0.3)},
        "    signals:\n      data_drift: {numerical: {normalized_wasserstein_distance: WASSERSTEIN,"
        " jensen_shannon_distance: 0.1}, categorical: {jensen_shannon_distance: 0.3}}   # by default\n"
        "      data_quality: {}\n    min_rows: 5\n",
    ),
    "defaults of a signal that says something else": (
        "    signals:\n      data_drift:\n        features: {exclude: [id]}  # no id\n    # below\n",
        {spot(scopes=("categorical",)): fail(0.3)},
        "    signals:\n      data_drift:\n        features: {exclude: [id]}  # no id\n"
        "        numerical: {normalized_wasserstein_distance: WASSERSTEIN, jensen_shannon_distance: 0.1}\n"
        "        categorical: {jensen_shannon_distance: 0.3}\n    # below\n",
    ),
    "a monitor without signals": (
        "    min_rows: 5   # few\n# the end\n",
        {spot(scopes=("categorical",)): fail(0.3)},
        "    min_rows: 5   # few\n    signals:\n      data_drift:\n"
        "        numerical: {normalized_wasserstein_distance: WASSERSTEIN, jensen_shannon_distance: 0.1}\n"
        "        categorical: {jensen_shannon_distance: 0.3}\n      data_quality: {}\n# the end\n",
    ),
    "an anchor that only one uses": (
        "    signals: {data_drift: {js: &usual 0.1}}\n",
        {spot(): fail(0.3)},
        "    signals: {data_drift: {js: &usual 0.3}}\n",
    ),
    "an anchor for both types, to which the same happens": (
        "    signals: {data_drift: {numerical: {js: &usual 0.1}, categorical: {js: *usual}}}\n",
        {spot(scopes=("numerical",)): fail(0.3), spot(scopes=("categorical",)): fail(0.3)},
        "    signals: {data_drift: {numerical: {js: &usual 0.3}, categorical: {js: *usual}}}\n",
    ),
}


@pytest.mark.parametrize(("before", "changes", "after"), FORMS.values(), ids=FORMS)
def test_a_file_differs_in_its_thresholds_alone(
    tmp_path: Path, before: str, changes: dict[Spot, Threshold], after: str
) -> None:
    for word, metric in (("WASSERSTEIN", "normalized_wasserstein_distance"), ("PSI", PSI)):
        after = after.replace(word, METRICS[metric].default_text or "")
    assert write(tmp_path, HEAD + before, changes) == HEAD + after


def test_what_is_not_asked_for_keeps_its_line_ends_and_its_mark(tmp_path: Path) -> None:
    text = f"\ufeff{HEAD}    signals: {{data_drift: {{features: all}}}}\n".replace("\n", "\r\n")
    found = write(tmp_path, text, {spot(scopes=("categorical",)): fail(0.3)})
    assert found.startswith("\ufeff# ours\r\n")
    assert found.count("\n") == found.count("\r\n") == text.count("\n")


def test_edits_find_their_places_among_mixed_line_ends() -> None:
    assert edited("a\r\nb\nc\r\n", [Edit(2, 3, "X"), Edit(4, 5, "Y\nZ")]) == "a\r\nX\nY\r\nZ\r\n"


SHARED: Final = f"""\
defaults:
  signals: {{data_drift: {{js: 0.1}}}}   # of all
monitors:
  - name: churn
{SIDES}  - name: other   # too
{SIDES}"""


def test_a_default_of_several_monitors_stays_and_the_monitor_gets_its_own(tmp_path: Path) -> None:
    found = write(tmp_path, SHARED, {spot(): fail(0.3)})
    own = f"{SIDES}    signals:\n      data_drift: {{js: 0.3}}\n"
    assert found == SHARED.replace(f"{SIDES}  - name: other", f"{own}  - name: other")


def test_a_default_changes_where_all_that_have_it_change_alike(tmp_path: Path) -> None:
    file = tmp_path / "driftline.yml"
    file.write_text(SHARED)
    changes = {spot(): fail(0.3)}
    write_thresholds(load_project(file), {"churn": changes, "other": changes})
    assert file.read_text() == SHARED.replace("js: 0.1", "js: 0.3")


def test_an_included_file_is_edited_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "driftline.yml").write_text("include: [monitors/*.yml]\n")
    (tmp_path / "monitors").mkdir()
    own = tmp_path / "monitors" / "churn.yml"
    own.write_text(
        f"# mine\nname: churn\n{SIDES.replace('    ', '')}signals: {{data_drift: [js]}}\n"
    )
    found = write_thresholds(load_project(tmp_path), {"churn": {spot(): fail(0.3)}})
    assert found == (own,)
    assert own.read_text().endswith("signals: {data_drift: {js: 0.3}}\n")
    assert (tmp_path / "driftline.yml").read_text() == "include: [monitors/*.yml]\n"
    assert {path.name for path in tmp_path.rglob("*.*")} == {"driftline.yml", "churn.yml"}


REFUSED: Final = {
    "a variable": (
        '    signals: {data_drift: {js: "${LIMIT:-0.1}"}}\n',
        spot(),
        "driftline.yml:6",
    ),
    "an anchor of another threshold": (
        "    signals: {data_drift: {numerical: {js: &usual 0.1}, categorical: {js: *usual}}}\n",
        spot(scopes=("categorical",)),
        "driftline.yml:6",
    ),
}


@pytest.mark.parametrize(("signals", "where", "place"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_edited_by_itself_is_told_and_nothing_is_written(
    tmp_path: Path, signals: str, where: Spot, place: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        write(tmp_path, HEAD + signals, {where: fail(0.3)})
    assert place in str(refused.value)
    assert "data_drift" in str(refused.value)
    assert f"{JS}: 0.3" in str(refused.value)
    assert (tmp_path / "driftline.yml").read_text() == HEAD + signals


def test_a_file_that_changed_meanwhile_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from driftline.engine import tune_file

    file = tmp_path / "driftline.yml"
    text = f"{HEAD}    signals: {{data_drift: {{js: 0.1}}}}\n"
    file.write_text(text)
    project = load_project(file)
    prepare = tune_file._prepare

    def late(*given: object) -> None:
        file.write_text(f"{text}# somebody was faster\n")
        prepare(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(tune_file, "_prepare", late)
    with pytest.raises(ConfigError, match="has changed meanwhile"):
        write_thresholds(project, {"churn": {spot(): fail(0.3)}})
    assert file.read_text() == f"{text}# somebody was faster\n"
    assert [path.name for path in tmp_path.iterdir()] == ["driftline.yml"]


def test_of_two_files_either_both_are_written_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from driftline.engine import tune_file

    (tmp_path / "driftline.yml").write_text("include: [one.yml, two.yml]\n")
    texts = {}
    for name in ("one", "two"):
        texts[name] = f"name: {name}\n{SIDES.replace('    ', '')}signals: {{data_drift: [js]}}\n"
        (tmp_path / f"{name}.yml").write_text(texts[name])
    project = load_project(tmp_path)
    prepare = tune_file._prepare

    def fails(file: YamlFile, edits: list[Edit]) -> None:
        if file.path.stem == "two":
            raise ConfigError("the disk is full")
        prepare(file, edits)

    changes = {"one": {spot(): fail(0.3)}, "two": {spot(): fail(0.3)}}
    with monkeypatch.context() as patch:
        patch.setattr(tune_file, "_prepare", fails)
        with pytest.raises(ConfigError, match="full"):
            write_thresholds(project, changes)
    assert {n: (tmp_path / f"{n}.yml").read_text() for n in texts} == texts
    assert len(list(tmp_path.iterdir())) == 3
    assert len(write_thresholds(project, changes)) == 2


def test_a_file_keeps_its_mode_and_a_link_its_aim(tmp_path: Path) -> None:
    real = tmp_path / "real.yml"
    real.write_text(f"{HEAD}    signals: {{data_drift: {{js: 0.1}}}}\n")
    real.chmod(0o640)
    (tmp_path / "here").mkdir()
    link = tmp_path / "here" / "driftline.yml"
    link.symlink_to(real)
    write_thresholds(load_project(link), {"churn": {spot(): fail(0.3)}})
    assert link.is_symlink()
    assert "js: 0.3" in real.read_text()
    assert os.name == "nt" or stat.S_IMODE(real.stat().st_mode) == 0o640


def test_types_are_one_where_the_file_has_one_number(tmp_path: Path) -> None:
    file = tmp_path / "driftline.yml"
    signals = (
        "    signals:\n      data_drift: {js: 0.1, numerical: {psi: 0.2}, categorical: {psi: 0.2}}\n"
        "      prediction_drift: [psi]\n      data_quality:\n    columns: {prediction: p}\n"
    )
    file.write_text(HEAD + signals)
    found = load_sections(file)
    (monitor,) = found.project.monitors
    groups = groups_of(monitor, found.monitors["churn"])
    assert groups["data_drift", JS] == [BOTH]
    assert groups["data_drift", PSI] == [("numerical",), ("categorical",)]
    assert groups["prediction_drift", PSI] == [BOTH]
    assert groups["data_quality", "null_value_rate"] == [("numerical",), ("categorical",)]
    assert groups == groups_of(monitor, found.monitors["churn"])
    assert groups_of(monitor, None)["data_drift", JS] == [("numerical",), ("categorical",)]
