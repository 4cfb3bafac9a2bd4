"""Where the project's files have thresholds, and the files with others.

What is written is read again before it is: a file that would say anything else than it should is not
put in its place.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from driftline.engine.catalog import Metric
from driftline.engine.config import Sections, load_sections
from driftline.engine.conventions import metrics_of
from driftline.engine.dials import Spot, shortest, spelled, written_amount
from driftline.engine.durable import put_in_place, unfinished
from driftline.engine.errors import ConfigError
from driftline.engine.project import MetricRule, Monitor, Project, Signal, Threshold
from driftline.engine.results import ALL
from driftline.engine.signal_models import FEATURE_TYPES, FULL_NAMES, LISTED
from driftline.engine.thresholds import LEVELS
from driftline.engine.tuning import Groups
from driftline.engine.yaml_edit import CannotEdit, Draft, Edit, edited
from driftline.engine.yaml_file import Map, Place, Seq, Trail, YamlFile

Level = Literal["warn", "fail"]
Changes = Mapping[str, Mapping[Spot, Threshold]]

_BY_HAND: Final = "write these by hand; nothing was written"


@dataclass(frozen=True)
class _Entry:
    """One place of a file that has a threshold.

    Attributes:
        place: Where its value stands; of a metric that is only named, where the list stands.
        value: What the file says; None of a metric that is only named.
        path: The keys that lead to it from its monitor.
    """

    place: Place
    value: object
    path: Trail

    @property
    def is_named(self) -> bool:
        """Whether a list names the metric, which so takes its default."""
        return self.value is None


def read_again(project: Project, *, must: bool) -> Mapping[str, Map]:
    """The monitors of a project as its files have them, by name; none of a project without a file.

    Args:
        project: The project.
        must: Whether its files are to be edited, and so must say what the project does.

    Raises:
        ConfigError: When they must and do not.
    """
    if project.path is None:
        if must:
            raise ConfigError(
                "the project was made in Python: there is no file to write to",
                hint="`TuneResult.to_arrow()` has the thresholds",
            )
        return {}
    found = _load(project)
    if must and not _says(found.project, project):
        raise ConfigError(
            f"{project.path} has changed since it was read; nothing was written",
            hint="load the project again",
        )
    return found.monitors


def groups_of(monitor: Monitor, section: Map | None) -> Groups:
    """Feature types whose thresholds the file has in one place, by signal and metric.

    Args:
        monitor: The monitor.
        section: It as the file has it; None of one that no file has.
    """
    found: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for signal in monitor.signals:
        for rule in signal.rules:
            groups: dict[object, list[str]] = {}
            for scope, threshold in rule.thresholds.items():
                entry = None if section is None else _entry(section, signal, rule.metric, scope)
                # two types whose defaults differ are apart, though one word names both
                known = scope if entry is None else (_spelled(entry.place), repr(threshold))
                groups.setdefault(known, []).append(scope)
            found[signal.name, rule.metric] = [tuple(scopes) for scopes in groups.values()]
    return found


def write_thresholds(project: Project, changes: Changes) -> tuple[Path, ...]:
    """Put thresholds into the project's files; each file is the old one or the new, whatever happens.

    Args:
        project: The project, as its files say it.
        changes: By monitor, what its thresholds are to be.

    Returns:
        The files that were written.

    Raises:
        ConfigError: When a threshold cannot be written by itself, or a file has changed meanwhile.
    """
    if not changes:
        return ()
    found = _load(project)
    wanted = replace(
        project,
        monitors=tuple(_with(each, changes.get(each.name, {})) for each in project.monitors),
    )
    drafts = _Drafts(found, wanted, changes)
    edits = drafts.edits()
    texts = {file.path: edited(file.text, made) for file, made in edits.items()}
    try:
        is_right = _says(_load(project, texts).project, wanted)
    except ConfigError:
        is_right = False
    if not is_right:
        raise _refused(["the file is written in a way that cannot be edited"], changes, project)
    try:
        for file, made in edits.items():
            _prepare(file, made)
    except ConfigError:
        for file in edits:
            unfinished(file.path.resolve()).unlink(missing_ok=True)
        raise
    for file in edits:
        put_in_place(file.path.resolve())
    return tuple(sorted(texts))


def _load(project: Project, texts: Mapping[Path, str] | None = None) -> Sections:
    return load_sections(project.path, target=project.target, texts=texts or {})


def _says(one: Project, other: Project) -> bool:
    """Whether two projects say the same of their monitors, wherever they say it."""

    def bare(project: Project) -> list[Monitor]:
        return [replace(each, yaml="", line=0) for each in project.monitors]

    return bare(one) == bare(other)


def _prepare(file: YamlFile, edits: list[Edit]) -> None:
    """Write a file's new text beside it, with its mode, unless it has changed meanwhile."""
    path = file.path.resolve()
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8")
        mark = "\ufeff" if text.startswith("\ufeff") else ""
        text = text.removeprefix(mark)
        if text.replace("\r\n", "\n").replace("\r", "\n") != file.text:
            raise ConfigError(
                f"{file.label} has changed meanwhile; nothing was written", hint="try again"
            )
        unfinished(path).write_bytes((mark + edited(text, edits)).encode())
        shutil.copymode(path, unfinished(path))
    except OSError as error:
        raise ConfigError(f"cannot write {file.label}: {error.strerror}") from error


def _refused(reasons: list[str], changes: Changes, project: Project) -> ConfigError:
    """What is raised where thresholds are to be written by hand."""
    told = []
    for name, spots in changes.items():
        metrics = metrics_of(project.monitor(name))
        for spot, threshold in spots.items():
            types = "" if spot.scopes == (ALL,) else f".{'/'.join(spot.scopes)}"
            where = f"settings.{spot.feature}" if spot.feature else f"signals.{spot.signal}{types}"
            value = spelled(threshold, metrics[spot.metric].bare)
            told.append(f"{name}: {where}.{spot.metric}: {value}")
    return ConfigError("\n".join([*reasons, *told]), hint=_BY_HAND)


def _with(monitor: Monitor, changes: Mapping[Spot, Threshold]) -> Monitor:
    """A monitor with other thresholds."""
    signals = []
    for signal in monitor.signals:
        rules = [
            MetricRule(
                rule.metric,
                MappingProxyType(
                    {
                        scope: _changed(changes, signal, rule.metric, scope) or threshold
                        for scope, threshold in rule.thresholds.items()
                    }
                ),
            )
            for rule in signal.rules
        ]
        signals.append(replace(signal, rules=tuple(rules)))
    settings = {
        name: replace(
            each,
            thresholds=MappingProxyType(
                {
                    metric: changes.get(Spot("", metric, feature=name), threshold)
                    for metric, threshold in each.thresholds.items()
                }
            ),
        )
        for name, each in monitor.settings.items()
    }
    return replace(monitor, signals=tuple(signals), settings=MappingProxyType(settings))


def _changed(
    changes: Mapping[Spot, Threshold], signal: Signal, metric: str, scope: str
) -> Threshold | None:
    return next(
        (
            threshold
            for spot, threshold in changes.items()
            if (spot.signal, spot.metric) == (signal.name, metric) and scope in spot.scopes
        ),
        None,
    )


def _entry(section: Map, signal: Signal, metric: str, scope: str) -> _Entry | None:
    """Where the file has the threshold of a metric for one feature type; None where it has none."""
    signals = section.get("signals")
    node = signals.get(signal.name) if isinstance(signals, Map) else None
    if not isinstance(node, Map) or not isinstance(signals, Map):
        return None
    at: Trail = ("signals", signal.name)
    if scope in FEATURE_TYPES:
        typed = node.get(scope)
        place = node.marks.places.get(scope)
        found = _named(typed, metric, place, (*at, scope))
        if found is not None:
            return found
    return _named(node, metric, None, at) or _named(
        node.get(LISTED), metric, signals.marks.places.get(signal.name), at
    )


def _named(node: object, metric: str, place: Place | None, at: Trail) -> _Entry | None:
    """The entry of a metric in a map or a list."""
    for word in node if isinstance(node, Map | Seq) else ():
        if FULL_NAMES.get(str(word), word) != metric:
            continue
        if isinstance(node, Map):
            return _Entry(node.marks.places[str(word)], node[str(word)], (*at, str(word)))
        return None if place is None else _Entry(place, None, at)
    return None


def _spelled(place: Place) -> tuple[str, Trail]:
    return str(place.file.path), place.trail


# What a number of the file is to be, and where it stands.
_Wish = tuple[float, bool]


class _Drafts:
    """The files of a project, and what is to be changed in them."""

    def __init__(self, found: Sections, wanted: Project, changes: Changes) -> None:
        self._found, self._wanted, self._changes = found, wanted, changes
        self._drafts: dict[Path, Draft] = {}

    def edits(self) -> dict[YamlFile, list[Edit]]:
        """The changes by file.

        Raises:
            ConfigError: When one cannot be made, with all that are to be made.
        """
        reasons: list[str] = []
        for name, spots in self._changes.items():
            monitor = self._wanted.monitor(name)
            for spot in spots:
                try:
                    self._write(monitor, spot)
                except CannotEdit as error:
                    reasons.append(str(error))
        made = {}
        for draft in self._drafts.values():
            try:
                made[draft.file] = draft.made()
            except CannotEdit as error:
                reasons.append(str(error))
        if reasons:
            raise _refused(reasons, self._changes, self._wanted)
        return {file: found for file, found in made.items() if found}

    def _draft(self, place: Place) -> Draft:
        path = place.file.path
        if path not in self._drafts:
            self._drafts[path] = Draft(place.file)
        return self._drafts[path]

    def _write(self, monitor: Monitor, spot: Spot) -> None:
        """Change one threshold where it stands, or give it a place."""
        section = self._found.monitors[monitor.name]
        if spot.feature:
            self._replace(monitor, spot, self._of_settings(section, spot))
            return
        signal = next(each for each in monitor.signals if each.name == spot.signal)
        entry = _entry(section, signal, spot.metric, spot.scopes[0])
        if entry is None:
            self._spell_out(monitor, signal)
        elif entry.is_named:
            self._spell_list(monitor, signal, entry)
        else:
            self._replace(monitor, spot, entry)

    @staticmethod
    def _of_settings(section: Map, spot: Spot) -> _Entry:
        node: object = section
        at = ("settings", spot.feature, "thresholds")
        for step in at:
            node = node.get(step) if isinstance(node, Map) else None
        found = _named(node, spot.metric, None, at)
        if found is None:
            raise CannotEdit(f"{spot.feature} has no threshold of {spot.metric} of its own")
        return found

    def _replace(self, monitor: Monitor, spot: Spot, entry: _Entry) -> None:
        """Change the numbers of an entry, unless others that it is for are to keep theirs."""
        if self._is_shared(entry):
            self._add(monitor, entry.path, self._value(monitor, spot))
            return
        threshold = self._changes[monitor.name][spot]
        metric = metrics_of(monitor)[spot.metric]
        draft = self._draft(entry.place)
        for trail, amount, relative in _numbers(entry, threshold, metric):
            draft.number(trail, written_amount(amount, percent=relative))

    def _is_shared(self, entry: _Entry) -> bool:
        """Whether what stands there is also that of a monitor or threshold that is to have another."""
        draft = self._draft(entry.place)
        span = draft.span(entry.place.trail)
        wishes = set()
        for monitor in self._wanted.monitors:
            section = self._found.monitors[monitor.name]
            for signal, rule, scope in _scopes(monitor):
                there = _entry(section, signal, rule.metric, scope)
                if there is not None and self._is_there(there, entry, span):
                    wishes.add(rule.thresholds[scope])
            for name, settings in monitor.settings.items():
                for metric, threshold in settings.thresholds.items():
                    own = self._of_settings(section, Spot("", metric, feature=name))
                    if self._is_there(own, entry, span):
                        wishes.add(threshold)
        return len(wishes) > 1

    def _is_there(self, one: _Entry, other: _Entry, span: tuple[int, int]) -> bool:
        if one.place.file.path != other.place.file.path:
            return False
        return self._draft(one.place).span(one.place.trail) == span

    def _spell_list(self, monitor: Monitor, signal: Signal, entry: _Entry) -> None:
        """Turn a list of metrics into a map that has their thresholds."""
        if self._users_of_list(entry) != {(monitor.name, signal.name)}:
            self._spell_out(monitor, signal)
            return
        only = entry.path[-1] if entry.path[-1] in FEATURE_TYPES else None
        values: dict[str, object] = {}
        section = self._found.monitors[monitor.name]
        for rule in signal.rules:
            found = {
                threshold
                for scope, threshold in rule.thresholds.items()
                if only in (None, scope)
                and (own := _entry(section, signal, rule.metric, scope)) is not None
                and own.path == entry.path
            }
            if len(found) > 1:
                raise CannotEdit(
                    f"{entry.place}: {rule.metric} has another threshold for each type of feature;"
                    " write the metrics under numerical and categorical"
                )
            bare = metrics_of(monitor)[rule.metric].bare
            for threshold in found:
                value = shortest(threshold, bare)
                values |= {word: value for word, name in FULL_NAMES.items() if name == rule.metric}
                values[rule.metric] = value
        self._draft(entry.place).listed(entry.place.trail, values)

    def _users_of_list(self, entry: _Entry) -> set[tuple[str, str]]:
        span = self._draft(entry.place).span(entry.place.trail)
        return {
            (monitor.name, signal.name)
            for monitor in self._wanted.monitors
            for signal, rule, scope in _scopes(monitor)
            if (found := _entry(self._found.monitors[monitor.name], signal, rule.metric, scope))
            is not None
            and self._is_there(found, entry, span)
        }

    def _spell_out(self, monitor: Monitor, signal: Signal) -> None:
        """Write all metrics of a signal that takes the default ones."""
        section = self._found.monitors[monitor.name]
        if not isinstance(section.get("signals"), Map):
            for each in monitor.signals:
                is_told = any(spot.signal == each.name for spot in self._changes[monitor.name])
                self._add(
                    monitor, ("signals", each.name), _explicit(monitor, each) if is_told else {}
                )
            return
        for word, value in _explicit(monitor, signal).items():
            self._add(monitor, ("signals", signal.name, word), value)

    def _add(self, monitor: Monitor, path: Trail, value: object) -> None:
        """Give the monitor an entry of its own."""
        place = self._found.monitors[monitor.name].marks.at
        self._draft(place).add((*place.trail, *path), value)

    def _value(self, monitor: Monitor, spot: Spot) -> object:
        bare = metrics_of(monitor)[spot.metric].bare
        return shortest(self._changes[monitor.name][spot], bare)


def _scopes(monitor: Monitor) -> Iterator[tuple[Signal, MetricRule, str]]:
    for signal in monitor.signals:
        for rule in signal.rules:
            for scope in rule.thresholds:
                yield signal, rule, scope


def _explicit(monitor: Monitor, signal: Signal) -> dict[str, object]:
    """All metrics of a signal with their thresholds, by feature type where they have one."""
    metrics = metrics_of(monitor)
    found: dict[str, object] = {}
    for rule in signal.rules:
        bare = metrics[rule.metric].bare
        for scope, threshold in rule.thresholds.items():
            value = shortest(threshold, bare)
            if scope in FEATURE_TYPES:
                typed = found.setdefault(scope, {})
                assert isinstance(typed, dict)
                typed[rule.metric] = value
            else:
                found[rule.metric] = value
    return found


def _numbers(
    entry: _Entry, threshold: Threshold, metric: Metric
) -> Iterator[tuple[Trail, float, bool]]:
    """Trails to the numbers of an entry, and what each is to be."""
    for name in LEVELS:
        level = getattr(threshold, name)
        node, trail = entry.value, entry.place.trail
        if isinstance(node, Map) and any(word in LEVELS for word in node):
            node, trail = node.get(name), (*trail, name)
        elif name != "fail":
            continue
        for side in () if level is None else level.sides:
            at = (*trail, side.kind) if isinstance(node, Map) else trail
            if not isinstance(node, Map) and side.kind != metric.bare:
                raise CannotEdit(f"{entry.place}: it has no {side.kind}")
            yield at, side.amount, side.relative
