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
        production=Production(
            source["production"], timestamp="at" if "at" in columns["production"] else None
        ),
        references=(Reference("reference", source["reference"]),),
        features=FeatureSelection(named=columns["reference"], include=())
        if METRICS[case.parent.name].family != "attribution"
        else FeatureSelection(),
        roles=Roles(correlation_id="id" if "id" in columns["production"] else None),
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
