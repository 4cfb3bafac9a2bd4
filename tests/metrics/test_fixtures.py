"""The cases that people worked out: `fixtures/<metric>/<case>/`, each with its reasoning in why.md."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from support import monitor, run

from driftline.engine.catalog import METRICS
from driftline.engine.project import FeatureSelection, Join, Production, Reference, Roles, Source

FIXTURES = Path(__file__).parents[2] / "fixtures"
CASES = sorted(path for metric in METRICS for path in (FIXTURES / metric).glob("*/"))


def _header(file: Path) -> tuple[str, ...]:
    first = file.read_text("utf-8").splitlines()[0]
    return tuple(json.loads(first)) if file.suffix == ".jsonl" else tuple(first.split(","))


def _roles(metric: str, columns: tuple[str, ...]) -> Roles:
    """Columns that are called after their jobs; `p_good` is the score of a class."""
    named = {name: name for name in ("prediction", "score", "actual", "expected_error")}
    found = {job: name for job, name in named.items() if name in columns}
    if METRICS[metric].family != "performance":
        found = {}
    scores = tuple((name[2:], name) for name in columns if name.startswith("p_"))
    identity = "id" if "id" in columns else None
    return Roles(correlation_id=identity, scores=scores, positive_class="good", **found)


@pytest.mark.parametrize("path", ["small", "coarse"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}: {case.name}")
def test_a_case_worked_by_hand_comes_out(case: Path, path: str):
    (reference,), (production,) = (
        list(case.glob(f"{side}.*")) for side in ("reference", "production")
    )
    source = {
        side: Source(file.name, files=(str(file),))
        for side, file in (("reference", reference), ("production", production))
    }
    columns = {"reference": _header(reference), "production": _header(production)}
    watched = replace(
        monitor([case.parent.name]),
        task=METRICS[case.parent.name].task or None,
        production=Production(
            source["production"], timestamp="at" if "at" in columns["production"] else None
        ),
        references=(Reference("reference", source["reference"]),),
        features=FeatureSelection(named=columns["reference"], include=())
        if METRICS[case.parent.name].family not in ("attribution", "performance")
        else FeatureSelection(),
        roles=_roles(case.parent.name, columns["production"]),
        joins=tuple(
            Join("labels", Source(file.name, files=(str(file),)), (("id", "id"),))
            for file in case.glob("joined.*")
        ),
    )
    metric = case.parent.name
    rows = run(watched, {}, path=path).metrics
    found = {row["feature"]: row for row in rows if row["metric"] == metric}
    with (case / "expected.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            # expected numbers are written with twelve digits or more
            assert found[row["feature"]][row["field"]] == pytest.approx(
                float(row["expected"]), rel=1e-11
            )


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_has_a_case_worked_by_hand(metric: str):
    assert [case for case in CASES if case.parent.name == metric] != []


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}: {case.name}")
def test_every_case_is_small_enough_to_check_by_eye_and_says_why(case: Path):
    files = {path.name: path.read_text("utf-8").splitlines() for path in case.iterdir()}
    stems = sorted({Path(name).stem for name in files} - {"joined"})
    assert stems == ["expected", "production", "reference", "why"]
    assert max(map(len, files.values())) <= 30
