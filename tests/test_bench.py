"""What measures speed measures the right thing, and its page says what was measured.

No test looks at how long anything takes: `make bench` does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow.parquet
import pytest

import driftline
from driftline.bench import many_monitors, page
from driftline.bench.environments import PEERS as PINS
from driftline.bench.environments import pins
from driftline.bench.goals import Goal
from driftline.bench.measured import measure
from driftline.bench.performance import GENERATOR, Bench
from driftline.bench.scenarios import (
    PARTS,
    PEERS,
    ROWS,
    Job,
    Scenario,
    Table,
    chosen,
    floor,
    scenarios,
)
from driftline.bench.soak import Found, count
from driftline.bench.tables import features, write
from driftline.engine.config import load_project

BENCH: Final = Path(page.__file__).parent

pytestmark = pytest.mark.once

BUSY: Final = """
import time
while time.process_time() < 0.2:
    pass
"""


def _record(cpu: float, peak: float = 100, **more: object) -> dict[str, Any]:
    """What is kept of a job that was measured once."""
    return {"trials": [{"cpu": cpu, "wall": cpu / 2, "peak": peak}], "load": 0.5, **more}


def _results(jobs: Mapping[str, Any], machine: str = "one", name: str = "rows 1000000x50") -> Any:
    """What is kept of a scenario."""
    where = {"processor": machine, "cores": 2, "memory_gb": 24, "system": "Linux"}
    told = {"date": "2026-01-01", "machine": where, "versions": {}, "threads": 2, "jobs": jobs}
    return {name: told | {"memory_limit": "4GB"}}


def test_the_page_says_what_was_measured() -> None:
    text = page.PAGE.read_text("utf-8")
    for name, block in page.blocks(page.kept()).items():
        assert f"<!-- {name} -->\n{block}<!-- /{name} -->\n" in text, "run python bench/page.py"


def test_the_chart_is_drawn_from_what_was_measured() -> None:
    drawn = page.CHART.read_text("utf-8")
    assert page.fingerprint(page.kept()) in drawn, "run python bench/page.py"


def test_what_is_measured_again_takes_the_place_of_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "RESULTS", tmp_path / "results" / "performance.json")
    for cpu in (7.0, 5.0):
        ((name, told),) = _results({"always": _record(cpu)}).items()
        page.keep(name, told)
    assert page.figure(page.kept(), ("rows 1000000x50", "always"), "cpu") == 5.0


def test_a_goal_is_met_or_not_by_what_stands_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    places = [("rows 1000000x50", job) for job in ("always", "floor")]
    goals = (Goal("most", *places, most=2.5), Goal("least", *places, least=2.5))
    monkeypatch.setattr(page, "GOALS", goals)
    for cpu, found, most, least in (
        (4.8, "2.4×", "yes", "**no**"),
        (5.0, "2.5×", "yes", "yes"),
        (5.2, "2.6×", "**no**", "yes"),
    ):
        block = page.blocks(_results({"floor": _record(2.0), "always": _record(cpu)}))["goals"]
        assert f"| most | ≤ 2.5× | {found} | {most} |" in block
        assert f"| least | ≥ 2.5× | {found} | {least} |" in block


def test_another_tool_that_did_not_finish_is_a_row_that_says_so() -> None:
    name = "peers 1000000x50 popmon"
    results = _results({"always": _record(5.0)})
    results |= _results({"popmon": {"trials": [], "not": "not done within 9 s"}}, name=name)
    blocks = page.blocks(results)
    assert "| popmon | not done within 9 s |" in blocks["peers"]
    assert "| – | not done within 9 s |" in blocks["goals"]


def test_numbers_of_two_machines_are_not_divided() -> None:
    jobs = {"scipy": _record(50.0)}
    for machine, found in (("one", 10.0), ("another", None)):
        results = _results({"always": _record(5.0)})
        results |= _results(jobs, machine, "peers 1000000x50 scipy")
        places = (("peers 1000000x50 scipy", "scipy"), ("rows 1000000x50", "always"))
        assert page.ratio(results, *places) == found


def test_processor_seconds_include_those_of_children_that_outlive_the_command(
    tmp_path: Path,
) -> None:
    child = tmp_path / "child.py"
    child.write_text(BUSY, "utf-8")
    start = f"import subprocess, sys; subprocess.Popen([sys.executable, {str(child)!r}])"
    found = measure([sys.executable, "-S", "-c", start], 60, tmp_path, {})
    assert found.exit == 0
    assert found.cpu >= 0.2


def test_memory_is_that_of_the_command_and_not_of_what_started_it(tmp_path: Path) -> None:
    held = bytearray(300_000_000)
    small = measure([sys.executable, "-S", "-c", ""], 60, tmp_path, {})
    large = measure([sys.executable, "-S", "-c", "x = b'x' * 200_000_000"], 60, tmp_path, {})
    assert len(held) > 200e6 > small.peak * 1e6
    assert large.peak > 200


def test_a_command_that_takes_too_long_is_ended_and_called_late(tmp_path: Path) -> None:
    found = measure([sys.executable, "-S", "-c", "import time; time.sleep(60)"], 0.2, tmp_path, {})
    assert found.late


@pytest.mark.parametrize(
    "words",
    ["Traceback:\n  line 3\nValueError: no such thing", "error: no such thing\n  retry: it"],
    ids=["of Python", "of Driftline"],
)
def test_a_tool_that_fails_is_kept_with_what_it_said(words: str, tmp_path: Path) -> None:
    folder = tmp_path / f"tables-{GENERATOR}" / "20x2"
    folder.mkdir(parents=True)
    (folder / "production.parquet").touch()
    job = Job("always", (sys.executable, "-S", "-c", f"raise SystemExit({words!r})"))
    scenario = Scenario("rows", Table(20, 2), (job,))
    told = Bench(tmp_path, threads=1, repeats=3, limit=60).measure(scenario)["jobs"]["always"]
    assert told["not"].startswith("failed: ")
    assert told["not"].endswith("no such thing")
    assert told["trials"] == []


def test_the_floor_is_measured_on_a_table_that_is_written_first_and_stays(tmp_path: Path) -> None:
    scenario = Scenario("rows", Table(300, 5), (floor(),))
    told = Bench(tmp_path, threads=1, repeats=1, limit=60).measure(scenario)
    assert len(told["jobs"]["floor"]["trials"]) == 1
    files = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"reference.parquet", "production.parquet"}


def test_a_table_has_numbers_and_texts_a_year_of_rows_and_drift_in_a_third(tmp_path: Path) -> None:
    wanted = list(features())
    assert len(wanted) == 50
    assert sum(each.shape != "text" for each in wanted) == 30
    moved = [each for each in wanted if each.reference != each.production]
    assert 15 <= len(moved) <= 20
    write(tmp_path / "t.parquet", "production", 365, wanted)
    days = "select count(distinct ts::date), min(ts)::date::text from read_parquet(?)"
    with duckdb.connect() as connection:
        found = connection.execute(days, [str(tmp_path / "t.parquet")]).fetchone()
    assert found == (365, "2025-01-01")


def test_tables_are_the_same_each_time_they_are_written(tmp_path: Path) -> None:
    tables = []
    for _ in range(2):
        write(tmp_path / "t.parquet", "reference", 50, list(features(12, categories=4)))
        tables.append(pyarrow.parquet.read_table(tmp_path / "t.parquet"))
    assert tables[0].equals(tables[1])
    assert len(set(tables[0]["f0003_text"].to_pylist())) <= 4


def test_each_part_size_and_tool_can_be_chosen_alone() -> None:
    everything = chosen([], [], PEERS)
    assert len({each.name for each in everything}) == len(everything) == len(list(scenarios()))
    for part in PARTS:
        assert {each.part for each in chosen([part], [], PEERS)} == {part}
    for rows in ROWS:
        assert {each.table.rows for each in chosen([], [rows], PEERS)} == {rows}
    assert {each.of for each in chosen(["peers"], [], ["evidently"])} == {"evidently"}


def test_every_project_that_is_measured_is_one(tmp_path: Path) -> None:
    file = tmp_path / "driftline.yml"
    projects = {json.dumps(job.project) for each in scenarios() for job in each.jobs if job.project}
    assert projects
    for project in projects:
        file.write_text(project, "utf-8")
        assert load_project(file).monitors


def test_every_other_tool_has_its_script_and_pinned_versions() -> None:
    for name in PEERS:
        assert (PINS / f"with_{name}.py").is_file()
        lines = (PINS / f"{name}.txt").read_text("utf-8").splitlines()
        assert [line for line in lines if "==" not in line and not line.startswith("#")] == []
        assert ("pyspark" if name == "azure" else name) in pins(name)


def test_a_soak_tells_slots_that_were_run_twice_and_those_that_are_lost() -> None:
    hours = [datetime(2026, 1, 1, hour) for hour in range(1, 5)]
    ran = (hours[0], hours[0], hours[1], hours[2])
    runs = [{"monitor": "one", "requested_at": at, "status": "succeeded"} for at in ran]
    runs.append({"monitor": "one", "requested_at": hours[1], "status": "failed"})
    slots = [
        {
            "monitor": "one",
            "slot": at,
            "holder": holder,
            # of the third slot there are results, and nobody has finished it
            "finished_at": None if at is hours[2] else at,
            "run_id": "r",
        }
        for at, holder in zip(hours[:3], "aab", strict=True)
    ]
    found = count([("one", at) for at in hours], runs, slots)
    assert found == Found(slots=4, runs=4, taken=(2,), twice=1, lost=2, failed=1)


def test_of_many_monitors_each_has_sixteen_lines_and_has_been_run_for_its_newest_slot(
    tmp_path: Path,
) -> None:
    file = many_monitors.write(tmp_path, 7)
    assert [len(each.yaml.splitlines()) for each in driftline.validate(file).project.monitors] == [
        16
    ] * 7
    many_monitors.run(file)
    assert driftline.ls(file)["last_status"].to_pylist().count(None) == 0
    assert len(set(driftline.ls(file, "runs")["run_id"].to_pylist())) == 7
    assert driftline.schedule(file, once=True).monitors == ()
