"""What other schedulers are told to run is what they understand, and runs every slot."""

from __future__ import annotations

import configparser
import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from cronsim import CronSim
from ruamel.yaml import YAML
from typer.testing import Result

import driftline
from driftline.engine.entries import KINDS, as_cron
from driftline.engine.slots import slots_after

Cli = Callable[..., Result]

PROJECT = """\
monitors:
  - name: churn
    schedule: "30 6 * * *"
    time_zone: Europe/Berlin
    production: {table: scored.parquet, timestamp: at}
    reference: {table: training.parquet}
  - name: it's 100% odd
    schedule: {every: PT7H}
    production: {table: scored.parquet, timestamp: at}
    reference: {table: training.parquet}
  - {name: by hand, production: {table: s.parquet}, reference: {table: t.parquet}}
"""


@pytest.fixture
def printed(cli: Cli, tmp_path: Path) -> Callable[[str], str]:
    """What is printed of a project with two monitors that have a schedule."""
    (tmp_path / "driftline.yml").write_text(PROJECT, "utf-8")

    def made(kind: str) -> str:
        found = cli("schedule", "--print", kind)
        assert found.exit_code == 0, found.output
        return found.output

    return made


def words(command: str) -> list[str]:
    return shlex.split(command)


def test_cron_has_a_line_a_monitor_in_its_time_zone(printed: Callable[[str], str]) -> None:
    lines = [line for line in printed("cron").splitlines() if not line.startswith("#")]
    assert lines[0] == "CRON_TZ=Europe/Berlin"
    assert lines[2] == "CRON_TZ=UTC"
    for line, fields, name in (
        (lines[1], "30 6 * * *", "churn"),
        (lines[3], "*/5 * * * *", "it's 100% odd"),
    ):
        assert line.startswith(f"{fields} driftline ")
        # cron ends a command at a percent sign
        assert not re.search(r"(?<!\\)%", line)
        told = words(line.removeprefix(fields).replace(r"\%", "%"))
        assert told[-4:] == ["schedule", name, "--once", "--quiet"]


def test_systemd_has_a_service_around_the_scheduler(printed: Callable[[str], str]) -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(printed("systemd"))
    start = unit["Service"]["ExecStart"]
    assert "100%% odd" in start
    assert words(start.replace("%%", "%"))[-3:] == ["schedule", "churn", "it's 100% odd"]
    assert unit["Service"]["SuccessExitStatus"] == "130"


def test_airflow_has_a_dag_a_monitor_whose_findings_fail_no_run(
    printed: Callable[[str], str],
) -> None:
    made: list[tuple[str, dict[str, Any]]] = []

    class Standing:
        def __init__(self, *args: Any, **given: Any) -> None:
            made.append((args[0] if args else given["task_id"], given))

        def __enter__(self) -> None: ...
        def __exit__(self, *_: object) -> None: ...
        def __rshift__(self, _other: object) -> None: ...

    text = re.sub(r"^(import pendulum|from airflow.*)$", "", printed("airflow"), flags=re.MULTILINE)

    class pendulum:  # noqa: N801 - as the file calls it
        datetime = staticmethod(lambda *_args, tz: tz)

    exec(
        compile(text, "dag.py", "exec"),
        {"DAG": Standing, "BashOperator": Standing, "pendulum": pendulum},
    )
    (name, dag), (_, run), (_, check) = made[:3]
    assert (name, dag["schedule"], dag["start_date"]) == (
        "driftline_churn", "30 6 * * *", "Europe/Berlin",
    )  # fmt: skip
    assert words(run["bash_command"])[-5:] == [
        "churn", "--at", "{{ data_interval_end }}", "--fail-on", "never",
    ]  # fmt: skip
    assert (run["retries"], check["retries"]) == (2, 0)
    assert "check" in words(check["bash_command"])
    assert len(made) == 6


def test_github_looks_in_each_hour_that_a_slot_may_have_in_utc(
    printed: Callable[[str], str],
) -> None:
    found = YAML(typ="safe").load(printed("github"))
    crons = [each["cron"] for each in found["on"]["schedule"]]
    assert crons == ["30 5 * * *", "30 4 * * *", "*/5 * * * *"]
    # every slot of a year has a moment of them at it
    slots = list(
        islice(slots_after("30 6 * * *", datetime(2026, 1, 1, tzinfo=UTC), "Europe/Berlin"), 365)
    )
    for slot in slots:
        before = slot - timedelta(seconds=1)
        assert slot in [next(CronSim(line, before)) for line in crons[:2]]


@pytest.mark.parametrize(
    "schedule", ["P1D", "P7D", "P1M", "P3M", "PT1H", "PT6H", "PT15M", "30 2 * * 1-5"]
)
def test_lines_of_cron_have_the_slots_of_the_schedule(schedule: str) -> None:
    line = as_cron(schedule)
    assert line is not None
    start = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    wanted = list(islice(slots_after(schedule, start, "UTC"), 40))
    assert list(islice(CronSim(line, start), 40)) == wanted


def test_what_cron_does_not_say_is_no_line(tmp_path: Path) -> None:
    assert [as_cron(each) for each in ("P2D", "PT7H", "P5M", "PT7M")] == [None] * 4
    (tmp_path / "driftline.yml").write_text(PROJECT, "utf-8")
    with pytest.raises(driftline.ConfigError, match="cron, systemd, airflow, github"):
        driftline.schedule(tmp_path, print="windows")
    assert KINDS == ("cron", "systemd", "airflow", "github")
