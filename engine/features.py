"""Which columns are watched, and as what: matching, selection, typing and the reasons for leaving out."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Final, Literal

from driftline.engine.conventions import Conventions
from driftline.engine.errors import SourceError
from driftline.engine.project import FeatureSelection, Monitor, Signal
from driftline.engine.warehouses.base import MOMENTS, NUMBERS, Column

Route = Literal["number", "category", "count"]
Role = Literal["feature", "prediction", "score", "actual", "excluded"]

# Jobs of the model's outputs, which prediction drift watches.
OUTPUTS: Final = ("prediction", "score")

MOST_DISTINCT_TEXTS: Final = 100
MOST_DISTINCT_SHARE: Final = 0.5


@dataclass(frozen=True)
class Watched:
    """One column under watch, or known and left out.

    Attributes:
        id: Position among the watched; -1 for those never read.
        name: The reference's spelling.
        role: Its job; `excluded` with a reason.
        route: How it is read: as numbers, as categories, or only counted.
        reference: The primary reference's column; None when it lacks it.
        production: Production's column; None when it lacks it.
        reason: Why it is left out, or which join brings it; None for others.
        signals: Names of the signals that watch it, or would if production had it.
        job: What a column with a job does, such as `timestamp`; None for others.
    """

    id: int
    name: str
    role: Role
    route: Route
    reference: Column | None
    production: Column | None
    reason: str | None = None
    signals: tuple[str, ...] = ()
    job: str | None = None


def match_column(name: str, columns: Iterable[Column], *, where: str) -> Column | None:
    """The column of a name: exactly, else the only one that differs in case alone.

    Args:
        name: The name as written.
        columns: Columns of the source.
        where: The source, for messages.

    Returns:
        The column, or None when there is none.

    Raises:
        SourceError: When several columns differ from the name in case alone.
    """
    listed = tuple(columns)
    for column in listed:
        if column.name == name:
            return column
    folded = [column for column in listed if column.name.casefold() == name.casefold()]
    if len(folded) > 1:
        names = ", ".join(column.name for column in folded)
        raise SourceError(
            f"{where}: column {name!r} could be any of {names}",
            hint="write the name exactly as the table has it",
        )
    return folded[0] if folded else None


def need_column(name: str, columns: Iterable[Column], *, where: str, role: str) -> Column:
    """The column of a role.

    Raises:
        SourceError: When the source lacks it, naming those it has.
    """
    listed = tuple(columns)
    column = match_column(name, listed, where=where)
    if column is None:
        has = ", ".join(other.name for other in listed[:12]) + (", …" if len(listed) > 12 else "")
        raise SourceError(
            f"{where}: there is no column {name!r} for the {role}",
            hint=f"the table has {has}",
        )
    return column


def selected(selection: FeatureSelection, name: str, *, joined: bool = False) -> bool:
    """Whether a selection takes a column by pattern or by name; one that a join brings by name."""
    if selection.named or joined:
        names = selection.named or _literal(selection)
        chosen = name.casefold() in {each.casefold() for each in names}
    else:
        chosen = any(fnmatchcase(name, pattern) for pattern in selection.include)
    return chosen and not any(fnmatchcase(name, pattern) for pattern in selection.exclude)


def _literal(selection: FeatureSelection) -> tuple[str, ...]:
    """Patterns without wildcards: names."""
    return tuple(each for each in selection.include if not set(each) & set("*?["))


def named_columns(monitor: Monitor) -> tuple[str, ...]:
    """Names that the project file gives a role or lists as features: what joins may bring."""
    roles = monitor.roles
    outputs = (name for _, name in roles.outputs())
    selections = (monitor.features, *(s.features for s in monitor.signals))
    names = (
        roles.correlation_id,
        roles.actual,
        roles.expected_error,
        *outputs,
        *(name for each in monitor.segmentations for name in each.columns),
        *(name for each in selections if each for name in (*each.named, *_literal(each))),
        *(name for m in monitor.own.values() if m.aggregate for name in m.aggregate.columns),
    )
    return tuple(dict.fromkeys(name for name in names if name is not None))


def watch(
    monitor: Monitor,
    reference: Sequence[Column],
    production: Sequence[Column],
    *,
    lacking: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Watched, ...]:
    """Decide what becomes of every column of the two sides.

    Args:
        monitor: The resolved monitor.
        reference: Columns of the primary reference, with those that joins bring.
        production: Columns of production, likewise.
        lacking: Name of each join that the reference cannot take to the key it lacks.

    Returns:
        Features, outputs and counted columns in the reference's order with ids from 0, then the
        columns left out with id -1.

    Raises:
        SourceError: When names are ambiguous, a named column is on neither side, or none is left.
    """
    at_reference, at_production = (
        f"monitor {monitor.name}, reference",
        f"monitor {monitor.name}, production",
    )
    jobs = _jobs(monitor, reference, production)
    listed = {name.casefold() for name in (*_named(monitor), *_literal(monitor.features))}
    listed |= {n.casefold() for s in monitor.signals if s.features for n in _literal(s.features)}
    watchers = tuple(s.name for s in monitor.signals if s.type == "prediction_drift")
    chosen: list[Watched] = []
    left: list[Watched] = []
    matched: set[str] = set()
    for column in reference:
        twin = match_column(column.name, production, where=at_production)
        if twin is not None:
            matched.add(twin.name)
        job = jobs.get(column.name)
        joined = column.join is not None or (twin is not None and twin.join is not None)
        wanted = tuple(
            signal.name
            for signal in monitor.signals
            if _watches_features(signal)
            and selected(signal.features or monitor.features, column.name, joined=joined)
        )
        if job is not None and column.name.casefold() not in listed:
            wanted = ()
        role: Role = "feature"
        if job in OUTPUTS and watchers:
            role = "score" if job == "score" else "prediction"
            wanted = (*watchers, *wanted)
        if "\0" in column.name or (twin is not None and "\0" in twin.name):
            left.append(_left(job, column, twin, "no SQL can write a name with a NUL character"))
        elif twin is not None and wanted:
            chosen.append(_watched(monitor, column, twin, role, signals=wanted))
        elif wanted:
            missing = _left(job, column, None, "production has no such column")
            left.append(replace(missing, signals=wanted))
        else:
            reason = "not among the features asked for" if job is None else None
            left.append(_left(job, column, twin, reason))
    for column in production:
        if column.name in matched or match_column(column.name, reference, where=at_reference):
            continue
        job = jobs.get(column.name)
        unwatched = job is not None and not (job in OUTPUTS and watchers)
        reason = "the reference has no such column"
        if column.join is not None and column.join in lacking:
            reason += f", nor the key {lacking[column.join]!r} of join {column.join}"
        left.append(_left(job, None, column, None if unwatched else reason))
    _check_listed(monitor, reference, production)
    chosen = chosen or _counted_beside(monitor, left)
    left = [item for item in left if item not in chosen]
    if not chosen:
        raise SourceError(
            f"monitor {monitor.name}: no column is left to watch",
            hint="the two sides share no column that is among the features asked for",
        )
    numbered = tuple(replace(item, id=number) for number, item in enumerate(chosen))
    return (*numbered, *left)


def _watches_features(signal: Signal) -> bool:
    """Whether a signal reads the features themselves."""
    of_importances = signal.attribution is not None and signal.attribution.is_modelled
    return signal.type in ("data_drift", "data_quality") or of_importances


def _counted_beside(monitor: Monitor, left: Iterable[Watched]) -> list[Watched]:
    """A column beside which rows are counted, where nothing but the whole or outcomes is watched."""
    asked = any(signal.attribution or signal.own for signal in monitor.signals)
    if not asked and not monitor.performance_signals:
        return []
    shared = [item for item in left if item.reference and item.production]
    own = (item for item in shared if item.production and item.production.join is None)
    return [*itertools.islice((*own, *shared), 1)]


def _left(
    job: str | None, column: Column | None, twin: Column | None, reason: str | None
) -> Watched:
    """A column that is known and not read, with every reason for it."""
    name = column or twin
    assert name is not None
    article = {"attribution": "an", "segment": "a"}.get(job or "", "the")
    reasons = (None if job is None else f"{article} {job} column", reason, _origin(column, twin))
    return Watched(
        -1,
        name.name,
        "actual" if job == "actual" else "excluded",
        "count",
        column,
        twin,
        "; ".join(each for each in reasons if each is not None),
        job=job,
    )


def _watched(
    monitor: Monitor, column: Column, twin: Column, role: Role, *, signals: tuple[str, ...]
) -> Watched:
    route, reason = route_of(monitor, column)
    return Watched(
        -1,
        column.name,
        "excluded" if reason else role,
        route,
        column,
        twin,
        reason or _origin(column, twin),
        signals,
    )


def _origin(column: Column | None, twin: Column | None) -> str | None:
    """Which joins bring a column, where some do."""
    names = dict.fromkeys(each.join for each in (twin, column) if each is not None and each.join)
    return f"from join {' and '.join(map(str, names))}" if names else None


def route_of(monitor: Monitor, column: Column) -> tuple[Route, str | None]:
    """How a column of the primary reference is read, and why it is only counted where it is."""
    settings = monitor.settings.get(column.name)
    asked = settings.type if settings is not None else None
    if column.kind == "other":
        return "count", f"{column.type} columns have neither numbers nor categories"
    if asked == "categorical":
        return "category", None
    if column.kind in NUMBERS or asked == "numerical":
        return "number", None
    if column.kind in MOMENTS:
        return (
            "count",
            f"{column.type} columns drift with the calendar; settings can make it numerical",
        )
    return "category", None


def _jobs(
    monitor: Monitor, reference: Sequence[Column], production: Sequence[Column]
) -> dict[str, str]:
    """Column name to job, for every spelling either side has."""
    roles = monitor.roles
    named = {
        "timestamp": (monitor.production.timestamp, *(r.timestamp for r in monitor.references)),
        "correlation id": (roles.correlation_id,),
        "prediction": (roles.prediction,),
        "score": (roles.score, *(name for _, name in roles.scores)),
        "actual": (roles.actual,),
        "expected error": (roles.expected_error,),
        "segment": tuple(name for each in monitor.segmentations for name in each.columns),
    }
    jobs: dict[str, str] = {}
    for job, names in named.items():
        for name in names:
            if name is None:
                continue
            for columns in (reference, production):
                column = match_column(name, columns, where=f"monitor {monitor.name}")
                if column is not None:
                    jobs.setdefault(column.name, job)
    prefixes = tuple(each.prefix for each in monitor.attributions if each.prefix)
    for column in (*reference, *production):
        if prefixes and column.name.startswith(prefixes) and column.name not in prefixes:
            jobs.setdefault(column.name, "attribution")
    return jobs


def asked_for(monitor: Monitor) -> frozenset[str]:
    """Names, in lower case, of the columns that the project file lists or gives an output's role."""
    outputs = (name for _, name in monitor.roles.outputs())
    return frozenset(name.casefold() for name in (*_named(monitor), *outputs))


def _named(monitor: Monitor) -> tuple[str, ...]:
    listed = list(monitor.features.named)
    for signal in monitor.signals:
        if signal.features is not None:
            listed.extend(signal.features.named)
    return tuple(listed)


def _check_listed(
    monitor: Monitor, reference: Sequence[Column], production: Sequence[Column]
) -> None:
    import difflib

    known = [column.name for column in (*reference, *production)]
    roles = [*monitor.roles.outputs()]
    if monitor.roles.correlation_id is not None:
        roles.append(("correlation id", monitor.roles.correlation_id))
    for role, name in (*(("feature", name) for name in _named(monitor)), *roles):
        if not any(name.casefold() == other.casefold() for other in known):
            near = difflib.get_close_matches(name, known, n=1)
            raise SourceError(
                f"monitor {monitor.name}: neither side has a column {name!r} for the {role}",
                hint=f"did you mean {near[0]!r}?" if near else "check the name in the project file",
            )


def may_be_categorical(monitor: Monitor, item: Watched) -> bool:
    """Whether a column that is read as numbers turns categorical where it has few values."""
    settings = monitor.settings.get(item.name)
    forced = settings is not None and settings.type is not None
    whole = item.reference is not None and item.reference.kind == "integer"
    return item.route == "number" and whole and not forced


def few_values(conventions: Conventions, distinct: int | None, rows: int) -> bool:
    """Whether whole numbers have so few distinct values that they are categories.

    Args:
        conventions: How many are few.
        distinct: Distinct values of the primary reference; None where they are surely many.
        rows: Its rows.
    """
    if not distinct:
        return False
    if conventions.most_distinct_share is not None:
        return distinct / rows < conventions.most_distinct_share
    return distinct <= conventions.most_distinct


def text_is_free(column: Column, distinct: int, filled: float) -> bool:
    """Whether a text column is made of ids or free text rather than categories."""
    return (
        column.kind == "text"
        and distinct > MOST_DISTINCT_TEXTS
        and distinct > MOST_DISTINCT_SHARE * filled
    )


def by_name(items: Iterable[Watched]) -> Mapping[str, Watched]:
    """Watched columns by name."""
    return {item.name: item for item in items}
