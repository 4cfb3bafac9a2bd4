"""What another project file does to a monitor's results: which verdicts, which numbers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from driftline.engine.catalog import Kind
from driftline.engine.commented import flow
from driftline.engine.conventions import metrics_of
from driftline.engine.dials import spelled
from driftline.engine.project import FeatureSettings, Monitor, Signal, Threshold
from driftline.engine.results import ALL
from driftline.engine.schema import Tree, monitor_tree

Way = Literal["new", "gone", "changed"]
# From what costs nothing to what costs most.
Effect = Literal["nothing", "kept", "incidents", "verdicts", "new", "values"]

EFFECTS: Final[Mapping[Effect, str]] = {
    "nothing": "nothing stored changes",
    "kept": "rows stay stored, and are looked at no more",
    "incidents": "incidents open and close otherwise from the next window on",
    "verdicts": "stored numbers are judged otherwise; nothing is measured",
    "new": "numbers that no run has measured yet",
    "values": "other numbers: stored windows cannot be compared with new ones",
}
"""What each effect means."""

# Parts of a monitor by what they decide; all others decide what is measured.
_DECIDES: Final[Mapping[str, Effect]] = {
    **dict.fromkeys(
        (
            *("model", "tags", "owner", "description", "schedule", "links", "catch_up"),
            *("max_catch_up", "reprocess", "columns.types"),
        ),
        "nothing",
    ),
    **dict.fromkeys(("min_rows", "production.allow_empty"), "verdicts"),
    "alerts": "incidents",
}
# Told by themselves, part by part.
_APART: Final = ("name", "signals", "settings", "references")


@dataclass(frozen=True)
class Change:
    """One difference, and what it does to stored results.

    Attributes:
        change: `new`, `gone` or `changed`.
        what: `monitor`, `reference`, `signal`, `metric`, `threshold`, `feature`, `baseline` or `setting`.
        name: Which one, as the keys of the file lead to it.
        before, after: What it says, as text; None where there is nothing to say.
        effect: What it does.
    """

    change: Way
    what: str
    name: str
    before: str | None
    after: str | None
    effect: Effect


def changes_of(old: Monitor, new: Monitor) -> list[Change]:
    """The differences between two states of one monitor, in the order of the file."""
    one, other = monitor_tree(old), monitor_tree(new)
    found = []
    for path, before, after in _leaves(_rest(one), _rest(other), ()):
        name = ".".join(path)
        found.append(_changed("setting", name, before, after, _effect(path)))
    found += _of_references(one["references"], other["references"])
    found += _of_settings(old, new)
    found += _of_signals(old, new)
    found += _of_own_metrics(old, new)
    return found


def shown(value: object) -> str | None:
    """A value as the file would have it, on one line; None where there is none."""
    return None if value is None else value if isinstance(value, str) else flow(value)


def _rest(tree: Tree) -> Tree:
    return {key: value for key, value in tree.items() if key not in _APART}


def _leaves(
    one: Any, other: Any, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Paths to what differs, and what stands there; maps are looked into."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in dict.fromkeys((*one, *other)):
            yield from _leaves(one.get(key), other.get(key), (*path, key))
    elif one != other:
        yield path, one, other


def _effect(path: tuple[str, ...]) -> Effect:
    for size in (2, 1):
        found = _DECIDES.get(".".join(path[:size]))
        if found is not None:
            return found
    return "values"


def _changed(
    what: str, name: str, before: object, after: object, effect: Effect, *, gone: Effect = "kept"
) -> Change:
    """A difference of something that may be on one side alone."""
    if before is None and what != "setting":
        return Change("new", what, name, None, shown(after), effect)
    if after is None and what != "setting":
        return Change("gone", what, name, shown(before), None, gone)
    return Change("changed", what, name, shown(before), shown(after), effect)


def _of_references(one: Tree, other: Tree) -> Iterator[Change]:
    for name in dict.fromkeys((*one, *other)):
        before, after = one.get(name), other.get(name)
        if before == after:
            continue
        # whether its rows are kept says nothing of them
        frozen_alone = (
            before is not None
            and after is not None
            and {**before, "frozen": None} == {**after, "frozen": None}
        )
        effect: Effect = "nothing" if frozen_alone else "values"
        yield _changed("reference", f"references.{name}", before, after, effect, gone="values")
    if set(one) == set(other) and list(one) != list(other):
        yield Change("changed", "setting", "references", flow([*one]), flow([*other]), "values")


def _of_settings(old: Monitor, new: Monitor) -> Iterator[Change]:
    nothing = FeatureSettings()
    for name in dict.fromkeys((*old.settings, *new.settings)):
        one, other = (each.settings.get(name, nothing) for each in (old, new))
        for part in ("type", "bins", "bounds", "values"):
            before, after = getattr(one, part), getattr(other, part)
            if before != after:
                told = f"settings.{name}.{part}"
                yield Change(
                    "changed", "setting", told, _plainly(before), _plainly(after), "values"
                )
        for metric in dict.fromkeys((*one.thresholds, *other.thresholds)):
            limits = (each.thresholds.get(metric) for each in (one, other))
            told = f"settings.{name}.thresholds.{metric}"
            yield from _of_threshold(told, _bare(old, new, metric), *limits)


def _plainly(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return flow([*value])
    told = {key: each for key, each in vars(value).items() if each not in ((), None)}
    return flow({key: [*v] if isinstance(v, tuple) else v for key, v in told.items()})


def _of_threshold(
    name: str, bare: Kind, before: Threshold | None, after: Threshold | None
) -> Iterator[Change]:
    if before != after:
        texts = (None if each is None else spelled(each, bare) for each in (before, after))
        yield Change("changed", "threshold", name, next(texts), next(texts), "verdicts")


def _bare(old: Monitor, new: Monitor, metric: str) -> Kind:
    """What a number without a word means for a metric of either."""
    return {**metrics_of(old), **metrics_of(new)}[metric].bare


def _of_signals(old: Monitor, new: Monitor) -> Iterator[Change]:
    before, after = ({s.name: s for s in each.signals} for each in (old, new))
    trees = [monitor_tree(each)["signals"] for each in (old, new)]
    for name in dict.fromkeys((*before, *after)):
        at = f"signals.{name}"
        if name not in before:
            yield Change("new", "signal", at, None, _metrics(after[name]), "new")
        elif name not in after:
            yield Change("gone", "signal", at, _metrics(before[name]), None, "kept")
        else:
            for key in ("type", "reference", "features", "segments", "attribution", "alert_when"):
                one, other = (tree[name].get(key) for tree in trees)
                if one != other:
                    effect: Effect = (
                        "verdicts"
                        if key == "alert_when"
                        else "values"
                        if key in ("segments", "attribution")
                        else "new"
                    )
                    yield Change(
                        "changed", "setting", f"{at}.{key}", shown(one), shown(other), effect
                    )
            bare = partial(_bare, old, new)
            yield from _of_rules(at, before[name], after[name], bare)


def _metrics(signal: Signal) -> str:
    return ", ".join(rule.metric for rule in signal.rules)


def _of_rules(at: str, old: Signal, new: Signal, bare: Callable[[str], Kind]) -> Iterator[Change]:
    before, after = (
        {(r.metric, scope): t for r in each.rules for scope, t in r.thresholds.items()}
        for each in (old, new)
    )
    for metric, scope in dict.fromkeys((*before, *after)):
        name = f"{at}.{metric}" if scope == ALL else f"{at}.{scope}.{metric}"
        one, other = before.get((metric, scope)), after.get((metric, scope))
        if one is None:
            told = None if other is None else spelled(other, bare(metric))
            yield Change("new", "metric", name, None, told, "new")
        elif other is None:
            yield Change("gone", "metric", name, spelled(one, bare(metric)), None, "kept")
        else:
            yield from _of_threshold(name, bare(metric), one, other)


def _of_own_metrics(old: Monitor, new: Monitor) -> Iterator[Change]:
    """Metrics of the project's own whose SQL is another one."""
    measured = [{r.metric for s in each.signals for r in s.rules} for each in (old, new)]
    for name in sorted(measured[0] & measured[1]):
        one, other = (metrics_of(each)[name].sql for each in (old, new))
        if one != other:
            yield Change("changed", "metric", name, "its SQL", "other SQL", "values")
