"""What predictions are held against: which columns say what was predicted and what happened. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from driftline.engine.catalog import METRICS
from driftline.engine.errors import SourceError
from driftline.engine.features import match_column, need_column
from driftline.engine.project import Monitor, Signal
from driftline.engine.warehouses.base import NUMBERS, Column

# Stands for the columns of model performance where a feature's id would.
OUTCOMES: Final = -2
# What stands for a reference's name of rows that are no reference's.
PRODUCTION: Final = "__all__"
# Kinds of column that hold numbers, or texts of them.
_NUMBERS: Final = NUMBERS | {"text"}
# Estimates whose intervals are formulas.
_IN_CLOSED_FORM: Final = ("estimated_accuracy", "estimated_precision")
# Of a column that holds nothing.
_EMPTY: Final = ('"NULL"', "NULL")
_NAMES: Final = re.compile(r'"(?P<quoted>(?:[^"]|"")+)"|(?P<plain>[^\W\d]\w*)')


@dataclass(frozen=True)
class Outcome:
    """The columns of one scan's rows that say what was predicted and what happened.

    Attributes:
        scan: Id of the scan.
        actual: What happened; None where labels are not asked for, or the reference has none.
        prediction: What was predicted; None where scores decide it.
        scores: The score of the positive class, or of every class in the order of `classes`.
        expected_error: The error that the model expects.
        beside: Columns that an expression for the cut-off may name.
    """

    scan: int
    actual: Column | None
    prediction: Column | None
    scores: tuple[Column, ...] = ()
    expected_error: Column | None = None
    beside: tuple[Column, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:
        """All of them, each once."""
        named = (self.actual, self.prediction, *self.scores, self.expected_error, *self.beside)
        return tuple(dict.fromkeys(column for column in named if column is not None))


@dataclass(frozen=True)
class Performance:
    """What a plan reads of predictions and what happened.

    Attributes:
        task: `classification` or `regression`.
        outcomes: The columns of each scan that is read.
        relations: Names of the relations that its metrics are made of.
        like: The column whose type decides how classes compare: the actual of the primary reference,
            else production's.
        classes: The class of each score; of a single score the positive one. Empty without scores.
        cut_off: From which score on the positive class is predicted, where scores decide it: a number,
            or an expression of DuckDB's dialect.
        labels: Where labels come from: the name of a join, or `__all__`.
        target: Place of the class whose score stands for those of two.
        draws: Whether an interval is asked for that has to be drawn.
    """

    task: str
    outcomes: tuple[Outcome, ...]
    relations: frozenset[str]
    like: Column | None = None
    classes: tuple[str, ...] = ()
    cut_off: float | str = 0.5
    labels: str = "__all__"
    target: int = 0
    draws: bool = False

    @property
    def estimates(self) -> bool:
        """Whether anything is estimated from scores."""
        return any(name.startswith("forecast") for name in self.relations) and bool(self.classes)

    @property
    def several(self) -> bool:
        """Whether there are three classes or more, each with a score of its own."""
        return len(self.classes) > 2

    def of(self, scan: int) -> Outcome | None:
        """The columns of a scan; None where it is not read."""
        return next((each for each in self.outcomes if each.scan == scan), None)


def realised(signals: Sequence[Signal]) -> bool:
    """Whether signals need labels of production."""
    return any(not METRICS[rule.metric].is_estimate for s in signals for rule in s.rules)


def task_of(monitor: Monitor) -> str:
    """What the model does: as the file says, else as its metrics tell."""
    asked = (METRICS[r.metric].task for s in monitor.performance_signals for r in s.rules)
    return monitor.task or next((task for task in asked if task), "classification")


def outcome_names(
    monitor: Monitor, signals: Sequence[Signal], columns: Sequence[Column], *, production: bool
) -> tuple[str, ...]:
    """Names of the columns that signals of model performance read of one side.

    Args:
        monitor: The monitor.
        signals: The signals; without any, nothing is read.
        columns: The side's columns, with those that joins bring.
        production: Whether it is production's, of which estimates need no actual.
    """
    if not signals:
        return ()
    roles = monitor.roles
    names = [roles.prediction, roles.score, *(name for _, name in roles.scores)]
    if realised(signals) or not production:
        names.append(roles.actual)
    if production:
        names.append(roles.expected_error)
    told = [name for name in names if name is not None]
    return (*told, *(column.name for column in _named_in(roles.cut_off, columns)))


def _named_in(expression: float | str, columns: Sequence[Column]) -> Iterator[Column]:
    """Columns whose names stand in an expression, or may: a word too many does no harm."""
    if isinstance(expression, str):
        found = _NAMES.finditer(expression)
        words = {(f["quoted"] or "").replace('""', '"') or f["plain"] for f in found}
        folded = {word.casefold() for word in words}
        yield from (column for column in columns if column.name.casefold() in folded)


def performance_of(
    monitor: Monitor,
    signals: Sequence[Signal],
    scans: Sequence[tuple[int, str, tuple[Column, ...]]],
) -> Performance | None:
    """What signals of model performance read; None where there are none.

    Args:
        monitor: The monitor.
        signals: Its signals of model performance that are computed.
        scans: Id, reference's name and columns of production, of the primary reference, of all other
            references, and of those that are told apart by segment, in this order.

    Raises:
        SourceError: When production lacks a column, or a column is not what it has to be.
    """
    if not signals:
        return None
    task, roles = task_of(monitor), monitor.roles
    wanted = {signal.reference for signal in signals}
    outcomes = [
        _outcome(monitor, signals, number, name, columns, task)
        for number, name, columns in scans
        if name == PRODUCTION or name in wanted
    ]
    found = [each for each in outcomes if each is not None]
    ours = next(each for each in found if each.scan == 0)
    actuals = (
        match_column(roles.actual or "", columns, where=f"monitor {monitor.name}")
        for _, _, columns in (*scans[1:], scans[0])
    )
    like = next((column for column in actuals if column is not None), ours.prediction)
    told = tuple(name for name, _ in roles.scores) if roles.scores else (roles.positive_class,)
    classes = tuple(_class(monitor, name, like) for name in told) if ours.scores else ()
    return Performance(
        task,
        tuple(found),
        frozenset(name for s in signals for r in s.rules for name in METRICS[r.metric].header.reads)
        | ({"labels"} if realised(signals) else frozenset()),
        like,
        classes,
        roles.cut_off,
        "__all__" if ours.actual is None else ours.actual.join or "__all__",
        next((k for k, (name, _) in enumerate(roles.scores) if name == roles.positive_class), 0),
        any(
            METRICS[r.metric].is_estimate and r.metric not in _IN_CLOSED_FORM
            for s in signals
            for r in s.rules
        ),
    )


def _outcome(
    monitor: Monitor,
    signals: Sequence[Signal],
    scan: int,
    reference: str,
    columns: tuple[Column, ...],
    task: str,
) -> Outcome | None:
    """The columns of one scan; None of a reference that lacks what was predicted."""
    roles, production = monitor.roles, reference == PRODUCTION
    side = "production" if production else f"reference {reference}"
    where = f"monitor {monitor.name}, {side}"

    def column(name: str | None, role: str) -> Column | None:
        if name is None:
            return None
        if production:
            return need_column(name, columns, where=where, role=role)
        return match_column(name, columns, where=where)

    prediction = column(roles.prediction, "prediction")
    names = tuple(name for _, name in roles.scores) or (roles.score,)
    known = tuple(each for name in names if (each := column(name, "score")) is not None)
    whole = len(known) == len(names)
    actual = None
    if realised(signals) or not production:
        actual = column(roles.actual, "actual")
    expected = column(roles.expected_error, "expected error") if production else None
    if prediction is None and not (known and whole):
        return None
    numbers = (prediction, actual) if task == "regression" else ()
    for each in (*numbers, *known, expected):
        if each is not None and each.kind not in _NUMBERS and each.type not in _EMPTY:
            raise SourceError(f"{where}: the column {each.name!r} is {each.type}, not a number")
    beside = () if prediction is not None else tuple(_named_in(roles.cut_off, columns))
    return Outcome(scan, actual, prediction, known if whole else (), expected, beside)


_TRUE: Final[Mapping[str, str]] = {
    **dict.fromkeys(("true", "t", "1"), "true"),
    **dict.fromkeys(("false", "f", "0"), "false"),
}


def _class(monitor: Monitor, name: str | None, like: Column | None) -> str:
    """A class as categories are spelled; of a single score, what yes and no are by themselves.

    Raises:
        SourceError: When the file has to say which class a score is about, and does not.
    """
    kind = None if like is None else like.kind
    if name is None:
        if kind == "boolean":
            return "true"
        if kind in NUMBERS:
            return "1"
        raise SourceError(
            f"monitor {monitor.name}: which class is columns.score about?",
            hint="name it: columns: {positive_class: …}, or a column for each class:"
            " {score: {yes: p_yes, no: p_no}}",
        )
    if kind == "boolean":
        return _TRUE.get(name.strip().lower(), name)
    if kind in NUMBERS:
        try:
            number = float(name)
        except ValueError:
            return name
        return str(int(number)) if number.is_integer() else name
    return name
