"""What other schedulers are told to run a project by: entries for cron, systemd, Airflow and GitHub. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shlex import quote
from typing import Final
from zoneinfo import ZoneInfo

from driftline.engine.errors import ConfigError
from driftline.engine.project import Monitor, Project
from driftline.engine.times import parse_duration

_DAY: Final = 86_400
_HOUR: Final = 3_600
# what no cron line says is looked at so often: nothing due costs next to nothing
_OFTEN: Final = "*/5 * * * *"


def entries(project: Project, monitors: Sequence[Monitor], kind: str) -> str:
    """The text that has another scheduler run monitors when they are due.

    Args:
        project: The project, read from a file.
        monitors: Monitors that have a schedule.
        kind: One of `KINDS`.

    Raises:
        ConfigError: For another kind, or a project that no file holds.
    """
    if kind not in _MADE:
        raise ConfigError(
            f"there are no entries for {kind!r}", hint=f"known are {', '.join(KINDS)}"
        )
    if project.path is None:
        raise ConfigError(
            "only a project in a file can be run by another scheduler",
            hint="write it to driftline.yml",
        )
    call = f"driftline --project {quote(str(project.path.absolute()))}"
    if project.target is not None:
        call += f" --target {quote(project.target)}"
    return "\n".join(_MADE[kind](project.path.absolute(), monitors, call)) + "\n"


def as_cron(schedule: str) -> str | None:
    """A schedule as five fields of cron; None of one that they do not say."""
    if not schedule.startswith("P"):
        return schedule
    every = parse_duration(schedule)
    if every.months:
        return f"0 0 1 */{every.months} *" if 12 % every.months == 0 else None
    if every.days:
        return {1: "0 0 * * *", 7: "0 0 * * 1"}.get(every.days)
    if every.seconds % _HOUR == 0 and _DAY % every.seconds == 0:
        return f"0 */{every.seconds // _HOUR} * * *"
    if every.seconds % 60 == 0 and _HOUR % every.seconds == 0:
        return f"*/{every.seconds // 60} * * * *"
    return None


def _cron(_path: Path, monitors: Sequence[Monitor], call: str) -> Iterator[str]:
    yield "# crontab -e; a slot is run once, whoever starts it, and what was missed is caught up"
    zone = None
    for monitor in sorted(monitors, key=lambda each: each.time_zone):
        if monitor.time_zone != zone:
            zone = monitor.time_zone
            yield f"CRON_TZ={zone}"
        line, note = _line(monitor)
        if note:
            yield f"# {note}"
        # cron takes a percent sign for the end of a line
        told = f"{call} schedule {quote(monitor.name)} --once --quiet".replace("%", r"\%")
        yield f"{line} {told}"


def _line(monitor: Monitor) -> tuple[str, str]:
    """Five fields of cron, and what there is to say of them."""
    assert monitor.schedule is not None
    line = as_cron(monitor.schedule)
    if line is not None:
        return line, ""
    return _OFTEN, f"{monitor.schedule} is no line of cron: it is looked at every five minutes"


def _systemd(path: Path, monitors: Sequence[Monitor], call: str) -> Iterator[str]:
    names = " ".join(quote(monitor.name) for monitor in monitors)
    yield f"# /etc/systemd/system/driftline-{_word(path.parent.name)}.service"
    yield "# systemctl enable --now it; %h and the like are doubled here on purpose"
    yield "[Unit]"
    yield "Description=Driftline: monitors of machine-learning models"
    yield "After=network-online.target"
    yield "Wants=network-online.target"
    yield ""
    yield "[Service]"
    yield f"WorkingDirectory={_doubled(str(path.parent))}"
    yield f"ExecStart=/usr/bin/env {_doubled(f'{call} --log-format json schedule {names}')}"
    yield "# stopped by SIGTERM it ends what it is storing, and exits with 130"
    yield "KillSignal=SIGTERM"
    yield "SuccessExitStatus=130"
    yield "TimeoutStopSec=300"
    yield "Restart=on-failure"
    yield "RestartSec=30"
    yield ""
    yield "[Install]"
    yield "WantedBy=multi-user.target"


def _doubled(text: str) -> str:
    return text.replace("%", "%%")


def _airflow(_path: Path, monitors: Sequence[Monitor], call: str) -> Iterator[str]:
    yield '"""Driftline\'s monitors, a DAG each: findings are no failures of the run."""'
    yield ""
    yield "from datetime import timedelta"
    yield ""
    yield "import pendulum"
    yield "from airflow import DAG"
    yield "from airflow.operators.bash import BashOperator"
    for monitor in monitors:
        line, note = _line(monitor)
        name = f"driftline_{_word(monitor.name)}"
        at = "{{ data_interval_end }}"
        run = f'{call} run {quote(monitor.name)} --at "{at}" --fail-on never'
        check = f'{call} check {quote(monitor.name)} --at "{at}"'
        yield ""
        if note:
            yield f"# {note}"
        yield "with DAG("
        yield f"    {name!r},"
        yield f"    schedule={line!r},"
        yield f"    start_date=pendulum.datetime(2026, 1, 1, tz={monitor.time_zone!r}),"
        yield "    catchup=False,"
        yield "    max_active_runs=1,"
        yield "):"
        yield "    run = BashOperator("
        yield "        task_id='run',"
        yield f"        bash_command={run!r},"
        yield "        retries=2,"
        yield "        retry_delay=timedelta(minutes=5),"
        yield "    )"
        yield "    # fails where something is breached; trying again finds the same"
        yield "    check = BashOperator("
        yield "        task_id='check',"
        yield f"        bash_command={check!r},"
        yield "        retries=0,"
        yield "    )"
        yield "    run >> check"


def _github(path: Path, monitors: Sequence[Monitor], _call: str) -> Iterator[str]:
    yield "# .github/workflows/driftline.yml; GitHub's clock is UTC: a slot whose hour moves with the season"
    yield "# is looked at in each of its hours, and run once"
    yield "name: driftline"
    yield "on:"
    yield "  schedule:"
    for line in dict.fromkeys(line for monitor in monitors for line in _in_utc(monitor)):
        yield f"    - cron: {line!r}"
    yield "  workflow_dispatch:"
    yield "concurrency: driftline"
    yield "jobs:"
    yield "  monitor:"
    yield "    runs-on: ubuntu-latest"
    yield "    steps:"
    yield "      - uses: actions/checkout@v4"
    yield "      - uses: actions/setup-python@v5"
    yield "        with: {python-version: '3.12'}"
    yield "      - run: pip install driftline"
    yield "      # results must outlive the job: `results: {connection: same}`, or a folder that is kept"
    names = " ".join(quote(monitor.name) for monitor in monitors)
    yield f"      - run: driftline --project {quote(path.name)} schedule {names} --once"


def _in_utc(monitor: Monitor) -> Iterator[str]:
    """Lines of cron in UTC, one for each offset that the zone has in a year."""
    line, _ = _line(monitor)
    minute, hour, *rest = line.split()
    zone = ZoneInfo(monitor.time_zone)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    offsets = {
        (start + timedelta(days=7 * week)).astimezone(zone).utcoffset() or timedelta()
        for week in range(53)
    }
    if offsets == {timedelta()} or (hour == "*" and all(o.seconds % _HOUR == 0 for o in offsets)):
        yield line
        return
    if not (minute.isdigit() and hour.isdigit()):
        yield _OFTEN
        return
    for offset in sorted(offsets):
        wall = datetime(2026, 1, 7, int(hour), int(minute))
        moved = wall - offset
        shift = (moved.date() - wall.date()).days
        # on another day only where every day is meant
        days = rest if shift == 0 else ["*", "*", "*"]
        yield " ".join((str(moved.minute), str(moved.hour), *days))


def _word(text: str) -> str:
    return re.sub(r"\W+", "_", text).strip("_") or "project"


_MADE: Final[Mapping[str, Callable[[Path, Sequence[Monitor], str], Iterator[str]]]] = {
    "cron": _cron,
    "systemd": _systemd,
    "airflow": _airflow,
    "github": _github,
}
KINDS: Final = tuple(_MADE)
