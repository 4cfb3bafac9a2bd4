"""`tune` as a function: thresholds that would have given a wanted number of alerts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from driftline.engine.calls import Moment, ProjectLike, load, masked, several, since_of
from driftline.engine.errors import ConfigError, StoreError
from driftline.engine.project import Project
from driftline.engine.selection import choose_monitors
from driftline.engine.store import Filter, store_of
from driftline.engine.tuned import TuneResult
from driftline.engine.yaml_file import nearest


def tune(
    project: ProjectLike = None,
    *,
    monitors: str | Sequence[str] | None = None,
    alerts_a_month: float = 1.0,
    signal: Filter = None,
    since: Moment = None,
    write: bool = False,
    target: str | None = None,
) -> TuneResult:
    """Find the thresholds that would have given a wanted number of alerts, from stored history alone.

    An alert is a message in which an incident opens. Stored windows are judged again and incidents made
    of the verdicts as `check` and runs do; no data is read but the store.

    Args:
        project: The project file, its folder, or a `Project`.
        monitors: Names; None is all.
        alerts_a_month: How many alerts of one monitor are wanted in 30.4 days, 0 or more.
        signal: Names of signals whose thresholds may move, and whose alerts count; None is all.
        since: Windows that end after this time, or in the last so long, such as `P90D`; None is all.
        write: Whether the project's files get the proposed thresholds, with all else left as it is.
        target: One of the file's targets; None takes DRIFTLINE_TARGET.

    Raises:
        ConfigError: When the project or an argument is wrong, or the files cannot be edited.
        StoreError: When there are no results yet, or they cannot be read.
    """
    from driftline.engine.check import standards_of
    from driftline.engine.tune_file import groups_of, read_again, write_thresholds
    from driftline.engine.tuning import Tuning, tuned

    if not math.isfinite(alerts_a_month) or alerts_a_month < 0:
        raise ConfigError(
            f"{alerts_a_month} alerts a month is not a number of alerts", hint="give 0 or more"
        )
    loaded = load(project, target)
    with masked(loaded):
        chosen = choose_monitors(loaded, several(monitors))
        signals = _signals(loaded, [each.name for each in chosen], signal)
        sections = read_again(loaded, must=write)
        rows, features = store_of(loaded).history(
            [each.name for each in chosen],
            since=_since(since),
            segments=any(each.alerting.segments for each in chosen),
        )
        if not rows:
            names = ", ".join(each.name for each in chosen)
            after = "" if since is None else f" since {since}"
            raise StoreError(
                f"there are no results of {names} yet{after}",
                hint="`driftline run` computes a window, `driftline backfill` many",
            )
        found = tuple(
            Tuning(each, alerts_a_month, notes=("there are no results yet",))
            if each.name not in rows
            else tuned(
                standards_of(each, features.get(each.name, [])),
                rows.get(each.name, ()),
                wanted=alerts_a_month,
                signals=signals,
                groups=groups_of(each, sections.get(each.name)),
            )
            for each in chosen
        )
        written: tuple[Path, ...] = ()
        if write:
            changes = {each.monitor.name: each.thresholds for each in found if each.thresholds}
            written = write_thresholds(loaded, changes)
        return TuneResult(found, written)


def _signals(project: Project, monitors: Sequence[str], given: Filter) -> frozenset[str] | None:
    if given is None:
        return None
    wanted = frozenset([given] if isinstance(given, str) else given)
    known = dict.fromkeys(
        name
        for each in project.monitors
        if each.name in monitors
        for name in (*(signal.name for signal in each.signals), each.window_signal)
    )
    for name in sorted(wanted):
        if name not in known:
            raise ConfigError(
                f"there is no signal {name!r}{nearest(name, known)}",
                hint=f"known are {', '.join(known)}",
            )
    return wanted


def _since(given: Moment) -> datetime | None:
    """A moment, or so long ago."""
    from driftline.engine.times import parse_duration
    from driftline.engine.windows import add

    if not isinstance(given, str) or not given.startswith("P"):
        return since_of(given)
    try:
        return add(datetime.now(UTC), parse_duration(given), "UTC", -1)
    except ValueError as error:
        raise ConfigError(f"since: {error}") from None
