"""What a changed project file will do to the results that are stored: read from the store alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from shlex import quote
from statistics import median
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from driftline.engine.baseline import rows_key
from driftline.engine.changes import EFFECTS, Change, Effect, changes_of
from driftline.engine.check import Standards, standards_of
from driftline.engine.config import load_project, load_sections
from driftline.engine.errors import ConfigError, DriftlineError
from driftline.engine.journal import measure_hash
from driftline.engine.project import Monitor, Project, RollingWindow
from driftline.engine.schema import config_hash
from driftline.engine.store import store_of
from driftline.engine.yaml_file import Complaints, read_yaml

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]

# Which windows are stored of each monitor, and what they were measured by.
_WINDOWS: Final = """
select
    metrics.monitor as monitor,
    metrics.window_start as window_start,
    metrics.window_end as window_end,
    runs.measure_hash as measure_hash
from metrics
left join runs
    on runs.run_id = metrics.run_id
group by
    metrics.monitor,
    metrics.window_start,
    metrics.window_end,
    runs.measure_hash
order by
    metrics.monitor,
    metrics.window_end,
    metrics.window_start
"""
_NEWEST: Final = """
select monitor, signal, metric, reference, feature, feature_type, threshold, threshold_kind
from latest_metrics
where segment = '__all__'
order by monitor, signal, metric, reference, feature
"""
_BASELINES: Final = """
select monitor, reference, rows_key, reference_id
from _baselines
where feature = '__all__'
order by monitor, reference
"""
_SEEN: Final = "select monitor, config_hash, config_yaml from monitors order by monitor"
_FEATURES: Final = "select * from features order by monitor, feature"
# What a folder of a revision has that says what a project is.
_SAYING: Final = (".yml", ".yaml", ".sql")
_EPOCH: Final = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Stored:
    """What the results tell of one monitor.

    Attributes:
        config_hash, config_yaml: Of its last run, secrets masked.
        windows: Rows of `_WINDOWS`.
        newest: Rows of `_NEWEST`.
        baselines: rows_key and reference_id by reference.
        features: Rows of `features`.
    """

    config_hash: str
    config_yaml: str
    windows: tuple[Row, ...] = ()
    newest: tuple[Row, ...] = ()
    baselines: Mapping[str, tuple[str, str]] | None = None
    features: tuple[Row, ...] = ()


@dataclass(frozen=True)
class MonitorDifference:
    """What becomes of one monitor.

    Attributes:
        monitor: Its name.
        changes: The differences; none where nothing changes.
        window_count: Windows that are stored.
        stale_count: Of these, windows whose numbers cannot be compared with those of the file as it is.
        commands: What to type, in this order; none where nothing is to be done.
        notes: What else there is to know, a sentence each.
    """

    monitor: str
    changes: tuple[Change, ...]
    window_count: int = 0
    stale_count: int = 0
    commands: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Differences:
    """What a project file changes.

    Attributes:
        monitors: One for each monitor of the file, and then for each that is stored alone.
    """

    monitors: tuple[MonitorDifference, ...]

    def to_arrow(self) -> pa.Table:
        """A row a difference, in the order of the file; what it does, and the command that does it."""
        import pyarrow as pa

        text, count = pa.string(), pa.int64()
        kinds = {
            **dict.fromkeys(("monitor", "change", "what", "name", "before", "after"), text),
            **dict.fromkeys(("effect", "meaning", "command"), text),
            **dict.fromkeys(("window_count", "stale_count"), count),
        }
        rows = [
            {
                "monitor": each.monitor,
                **vars(change),
                "meaning": EFFECTS[change.effect],
                "command": next(iter(each.commands), None)
                if change.effect in ("verdicts", "new", "values")
                else None,
                "window_count": each.window_count,
                "stale_count": each.stale_count,
            }
            for each in self.monitors
            for change in each.changes
        ]
        return pa.Table.from_pylist(rows, schema=pa.schema(list(kinds.items())))


def differences(project: Project, against: str | None = None) -> Differences:
    """Hold a project file against the results that are stored, and against what it said before.

    Args:
        project: The project as it is now.
        against: What it said before: another file, its folder, or a revision of git. None finds out of
            the results, as far as they tell.

    Raises:
        ConfigError: When `against` is neither, or says no project.
        StoreError: When the results cannot be read.
    """
    old = None if against is None else _before(project, against)
    stored = _stored(project)
    found = []
    for monitor in project.monitors:
        known = stored.get(monitor.name)
        before = None if old is None else next((m for m in old if m.name == monitor.name), None)
        if known is None and before is None:
            change = Change("new", "monitor", monitor.name, None, _said(monitor), "new")
            run = (f"driftline run {quote(monitor.name)}",)
            found.append(MonitorDifference(monitor.name, (change,), commands=run))
        else:
            found.append(_of_monitor(project, monitor, known or Stored("", ""), before))
    names = {monitor.name for monitor in project.monitors}
    for name in (*stored, *(m.name for m in old or () if m.name not in stored)):
        if name not in names:
            change = Change("gone", "monitor", name, name, None, "kept")
            count = len(_spans(stored[name].windows)) if name in stored else 0
            found.append(MonitorDifference(name, (change,), count))
    return Differences(tuple(found))


def _of_monitor(
    project: Project, monitor: Monitor, stored: Stored, before: Monitor | None
) -> MonitorDifference:
    notes = []
    if before is None:
        before = _as_it_ran(project, monitor, stored)
    elif stored.config_hash not in ("", config_hash(before)):
        notes.append("what is stored was computed by yet another file than that")
    standards = _standards(monitor, stored)
    if before is not None:
        changes = changes_of(before, monitor)
    else:
        notes.append(
            "what the file said is not known in full, as defaults, sources or variables have changed, too:"
            " `--against FILE` or `--against REVISION` compares with it"
        )
        changes = [] if standards is None else list(_of_rows(standards, stored))
    if standards is not None:
        changes += _of_features(standards, stored)
    changes += _of_baselines(monitor, stored)
    spans = _spans(stored.windows)
    effects = {each.effect for each in changes}
    today = measure_hash(monitor)
    # a signal more or less makes a difference to runs, and none to what others have measured
    alike = {today} | ({measure_hash(before)} if before and "values" not in effects else set())
    stale = len(_spans([row for row in stored.windows if row["measure_hash"] not in alike]))
    if stale and "values" not in effects:
        notes.append(
            f"{stale} of {len(spans)} stored windows were measured by an earlier file, or another"
            " version of Driftline"
        )
        effects.add("values")
    is_known = any(row["measure_hash"] == today for row in stored.windows)
    return MonitorDifference(
        monitor.name,
        tuple(dict.fromkeys(changes)),
        len(spans),
        stale,
        tuple(_commands(monitor, effects, spans, is_known=is_known)),
        tuple(notes),
    )


def _said(monitor: Monitor) -> str:
    return ", ".join(signal.name for signal in monitor.signals)


def _spans(windows: Sequence[Row]) -> list[tuple[datetime, datetime]]:
    return sorted({(row["window_end"], row["window_start"]) for row in windows})


def _commands(
    monitor: Monitor,
    effects: set[Effect],
    spans: Sequence[tuple[datetime, datetime]],
    *,
    is_known: bool,
) -> Iterator[str]:
    """What brings stored windows up to the file."""
    if not spans:
        if effects - {"nothing", "incidents", "kept"}:
            yield f"driftline run {quote(monitor.name)}"
        return
    moves = isinstance(monitor.production.window, RollingWindow)
    if "values" in effects or "new" in effects:
        if not moves or spans[0][1] == _EPOCH:
            yield f"driftline run {quote(monitor.name)}"
            return
        # a metric more leaves windows that look up to date
        force = " --force" if "new" in effects and is_known else ""
        yield f"driftline backfill {quote(monitor.name)}{_stretch(monitor, spans)}{force}"
    elif "verdicts" in effects:
        yield f"driftline check {quote(monitor.name)} --write"
        if moves and len(spans) > 1 and spans[0][1] != _EPOCH:
            yield f"driftline backfill {quote(monitor.name)}{_stretch(monitor, spans)}"


def _stretch(monitor: Monitor, spans: Sequence[tuple[datetime, datetime]]) -> str:
    """From the first stored window to the last, as far apart as they are."""
    zone = ZoneInfo(monitor.time_zone)
    ends = sorted({end for end, _ in spans})
    start, end = (_moment(each, zone) for each in (min(s for _, s in spans), ends[-1]))
    every = ""
    if len(ends) > 1:
        gap = median((b - a).total_seconds() for a, b in pairwise(ends))
        if timedelta(seconds=gap) < min(end_ - start_ for end_, start_ in spans):
            days, rest = divmod(int(gap), 86_400)
            every = f" --every P{days}D" if not rest else f" --every PT{int(gap)}S"
    return f" --from {start} --to {end}{every}"


def _moment(naive: datetime, zone: ZoneInfo) -> str:
    local = naive.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
    return local.date().isoformat() if local.time() == datetime.min.time() else local.isoformat()


# What is stored


def _stored(project: Project) -> dict[str, Stored]:
    """What the results tell of each monitor; nothing where there are none."""
    with store_of(project).if_any() as tables:
        if tables is None:
            return {}
        has_baselines = "_baselines" in tables.named("table")
        seen, windows, newest, features = (
            tables.fetch(sql).to_pylist() for sql in (_SEEN, _WINDOWS, _NEWEST, _FEATURES)
        )
        kept = tables.fetch(_BASELINES).to_pylist() if has_baselines else []
    found = {}
    for row in seen:
        name = row["monitor"]
        found[name] = Stored(
            row["config_hash"] or "",
            row["config_yaml"] or "",
            windows=tuple(each for each in windows if each["monitor"] == name),
            newest=tuple(each for each in newest if each["monitor"] == name),
            baselines={
                each["reference"]: (each["rows_key"], each["reference_id"])
                for each in kept
                if each["monitor"] == name
            },
            features=tuple(each for each in features if each["monitor"] == name),
        )
    return found


def _standards(monitor: Monitor, stored: Stored) -> Standards | None:
    """What the file asks of the columns that the last run saw; None where it asks for none of them."""
    if not stored.features:
        return None
    try:
        return standards_of(monitor, stored.features)
    except DriftlineError:
        return None


def _of_features(standards: Standards, stored: Stored) -> Iterator[Change]:
    """Columns that are watched now and were not, or the other way round."""
    now = {name for name, item in standards.watched.items() if item.id >= 0}
    now |= set(standards.unseen)
    then = {row["feature"] for row in stored.features if row["included"]}
    known = {row["feature"] for row in stored.features}
    # of the first few, runs decide which they are
    ranked = {s.name for s in standards.monitor.signals if standards.monitor.ranking_of(s)}
    now -= {
        name
        for name, item in standards.watched.items()
        if name in known - then and ranked >= {*item.signals}
    }
    for name in sorted(now - then):
        if name in known:
            yield Change("new", "feature", name, None, name, "new")
        else:
            yield Change("new", "feature", name, None, "a column that no run has seen", "new")
    for name in sorted(then - now):
        yield Change("gone", "feature", name, name, None, "kept")


def _of_baselines(monitor: Monitor, stored: Stored) -> Iterator[Change]:
    """Kept statistics of references whose rows are others now."""
    for reference in monitor.references:
        kept = (stored.baselines or {}).get(reference.name)
        if kept is not None and kept[0] != rows_key(reference):
            name = f"references.{reference.name}"
            yield Change("changed", "baseline", name, kept[1], "read anew", "values")


def _of_rows(standards: Standards, stored: Stored) -> Iterator[Change]:
    """Differences that the newest window's rows tell by themselves."""
    monitor = standards.monitor
    measured = {(row["signal"], row["metric"]) for row in stored.newest}
    asked = {(signal, metric) for signal, _, _, metric in standards.asked}
    for signal, metric in sorted(asked - measured):
        yield Change("new", "metric", f"signals.{signal}.{metric}", None, metric, "new")
    named = {s.name for s in monitor.signals} | {monitor.window_signal}
    for name in sorted({signal for signal, _ in measured} - named):
        yield Change("gone", "signal", f"signals.{name}", name, None, "kept")
    told: dict[str, tuple[str, str]] = {}
    for row in stored.newest:
        key = (row["signal"], row["reference"], row["feature"], row["metric"])
        how = standards.asked.get(key)
        bound = None if how is None else how.threshold.fail or how.threshold.warn
        if bound is None or bound.kind not in ("max", "min") or bound.other is not None:
            continue
        if (row["threshold"], row["threshold_kind"]) != (bound.amount, bound.kind):
            scope = "" if row["feature_type"] is None else f".{row['feature_type']}"
            name = f"signals.{row['signal']}{scope}.{row['metric']}"
            before = "null" if row["threshold"] is None else f"{row['threshold']:g}"
            told.setdefault(name, (before, f"{bound.amount:g}"))
    for name, (before, after) in told.items():
        yield Change("changed", "threshold", name, before, after, "verdicts")


# What the file said


def _as_it_ran(project: Project, monitor: Monitor, stored: Stored) -> Monitor | None:
    """The monitor as its last run had it; None where what is stored does not tell for sure.

    The text is that of the monitor alone. With the rest of today's file around it, it is what ran if the
    hash of what ran is the same.
    """
    if stored.config_hash == config_hash(monitor) and all(
        row["measure_hash"] == measure_hash(monitor) for row in stored.windows[-1:]
    ):
        return monitor
    if project.path is None or not stored.config_yaml:
        return None
    try:
        root = read_yaml(project.path, "", Complaints()).root
        own = read_yaml(project.path, "", Complaints(), text=stored.config_yaml, included=True).root
        rest = {k: v for k, v in (root or {}).items() if k not in ("monitors", "include")}  # type: ignore[attr-defined]
        text = json.dumps({**rest, "monitors": [own]}, allow_nan=False)
        texts = {project.path: text}
        (found,) = load_sections(project.path, target=project.target, texts=texts).project.monitors
    except (DriftlineError, ValueError, TypeError):
        return None
    return found if config_hash(found) == stored.config_hash else None


def _before(project: Project, against: str) -> tuple[Monitor, ...]:
    """The monitors of another file, or of the same file at a revision.

    Raises:
        ConfigError: When it is neither, or says no project.
    """
    path = Path(against)
    if path.exists():
        return load_project(path, target=project.target).monitors
    if project.path is None:
        raise ConfigError(f"there is no file {against}")
    if against.startswith("-"):
        raise ConfigError(f"{against} is neither a file nor a revision of git")
    with tempfile.TemporaryDirectory() as folder:
        _checked_out(project.path, against, Path(folder))
        file = Path(folder) / project.path.name
        if not file.exists():
            raise ConfigError(f"{against} has no {project.path.name} there")
        found = load_project(file, target=project.target).monitors
    return tuple(replace(each, yaml="", line=0) for each in found)


def _checked_out(path: Path, revision: str, folder: Path) -> None:
    """Put the files of a revision that say what a project is into a folder."""
    listed = _git(path.parent, "ls-tree", "-r", "-z", "--name-only", revision, "--", ".")
    for name in filter(None, listed.decode().split("\0")):
        if name.endswith(_SAYING):
            to = folder / name
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(_git(path.parent, "show", f"{revision}:./{name}"))


def _git(folder: Path, *words: str) -> bytes:
    program = shutil.which("git")
    if program is None:
        raise ConfigError(
            "what to compare with is no file, and git is not here to look for a revision of that name"
        )
    done = subprocess.run([program, "-C", str(folder), *words], capture_output=True, check=False)
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip().splitlines()[:1]
        raise ConfigError(
            f"what to compare with is neither a file nor a revision of git: {' '.join(why)}",
            hint="give a path, or a revision such as HEAD or main~3",
        )
    return done.stdout
