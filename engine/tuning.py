"""Which thresholds would have given a wanted number of alerts, as stored history tells. Pure.

Every stored window is judged by `check`'s standards, and incidents are folded from the verdicts as
runs fold them; only the thresholds differ. An alert is a message in which an incident opens: what
opens in one window is one message.

Each threshold goes from what nothing in the history was beyond to stricter ones, number by number
that a person would write, as long as all of them together give no more alerts than are wanted.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import Any, Final

from driftline.engine.catalog import Kind
from driftline.engine.check import Asked, Standards
from driftline.engine.conventions import metrics_of
from driftline.engine.dials import (
    Dial,
    Spot,
    alone,
    kinds_of,
    moved,
    next_number,
    reaches_of,
    rounded,
)
from driftline.engine.incidents import (
    BAD,
    ERROR,
    JOIN_METRICS,
    NO_ROWS,
    Event,
    Incident,
    Line,
    Rules,
    When,
    fold,
    has_no_rows,
    key_of,
)
from driftline.engine.intervals import poisson_95
from driftline.engine.journal import measure_hash
from driftline.engine.project import Monitor, Threshold
from driftline.engine.results import ALL
from driftline.engine.rows import verdict_columns

Row = dict[str, Any]

MONTH: Final = timedelta(days=30.4)
# Below so many windows, or a month, a rate is hardly known.
FEW_WINDOWS: Final = 8
# A threshold that more of what it judges is beyond than this tells nothing when it is.
MOST_BEYOND: Final = 0.5
_EPOCH: Final = datetime(1970, 1, 1)


# From a signal and metric to the feature types whose thresholds are one in the file.
Groups = Mapping[tuple[str, str], Sequence[tuple[str, ...]]]


@dataclass(frozen=True)
class Proposal:
    """What is proposed for one limit.

    Attributes:
        dial: The limit.
        amount: What it would be; None leaves it as it is.
        window_count: Windows in which it judged something.
        now: Incidents that it would have raised as it is, by their opening.
        then: Incidents that it would have raised as proposed.
        note: What else there is to know.
    """

    dial: Dial
    amount: float | None
    window_count: int
    now: tuple[Incident, ...]
    then: tuple[Incident, ...]
    note: str | None = None


@dataclass(frozen=True)
class Tuning:
    """What a monitor's history tells of its thresholds.

    Attributes:
        monitor: The monitor.
        wanted: Alerts a month that are wanted.
        window_count: Windows in which anything was judged.
        months: Of 30.4 days, that these windows cover.
        first, last: Ends of the first and the last of them, naive UTC; None without any.
        alerts_now, alerts_then: Messages in which an incident opens.
        proposals: One for each limit, in the order of the file.
        notes: What else there is to know, a sentence each.
    """

    monitor: Monitor
    wanted: float
    window_count: int = 0
    months: float = 0.0
    first: datetime | None = None
    last: datetime | None = None
    alerts_now: int = 0
    alerts_then: int = 0
    proposals: tuple[Proposal, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def thresholds(self) -> Mapping[Spot, Threshold]:
        """The thresholds that would change, as they would be."""
        found: dict[Spot, Threshold] = {}
        for each in self.proposals:
            if each.amount is not None:
                spot = each.dial.spot
                standing = found.get(spot, each.dial.threshold)
                found[spot] = moved(standing, each.dial, each.amount)
        return found

    def bare(self, dial: Dial) -> Kind:
        """What a number without a word means for a limit's metric."""
        return metrics_of(self.monitor)[dial.spot.metric].bare

    def rate(self, alerts: int) -> float | None:
        """Alerts a month; None where no time has passed."""
        return alerts / self.months if self.months else None

    def interval(self, alerts: int) -> tuple[float, float] | None:
        """95 % interval of the rate behind a number of alerts, exact for alerts that come by chance."""
        if not self.months:
            return None
        low, high = poisson_95(alerts)
        return low / self.months, high / self.months


def tuned(
    standards: Standards,
    rows: Iterable[Row],
    *,
    wanted: float,
    signals: Collection[str] | None = None,
    groups: Groups | None = None,
) -> Tuning:
    """The thresholds that would have given a wanted number of alerts.

    Args:
        standards: How the monitor's numbers are judged now.
        rows: Rows of `metrics` with their grounds and `_measure_hash`, as `Store.history` gives them.
        wanted: Alerts a month, 0 or more, of these signals together.
        signals: Names of the signals whose thresholds are moved and whose alerts are counted; None is all.
        groups: Feature types whose thresholds are one; None is each by itself.
    """
    monitor = standards.monitor
    told = [row for row in rows if monitor.alerting.segments or row["segment"] == ALL]
    today = measure_hash(monitor)
    alike = [row for row in told if row["_measure_hash"] == today]
    notes = []
    if left := len({_when(row) for row in told} - {_when(row) for row in alike}):
        notes.append(
            f"{_windows(left)} left out: sources, features, bins or the like were others when they were"
            " measured; `driftline backfill` computes them anew"
        )
    history = _History(standards, alike, signals, groups or {})
    if not history.seen:
        return Tuning(monitor, wanted, notes=(*notes, "no window that could be judged is stored"))
    ends = sorted({end for end, _ in history.seen})
    months = _covered(sorted(history.seen)) / MONTH
    allowed = math.floor(wanted * months + 1e-9)
    search = _Search(history, allowed)
    states = search.states() if months and len(ends) > 1 else None
    amounts: dict[int, float] = {}
    for dial in () if states is None else history.dials:
        found = history.steps[dial.at].amounts
        if found:
            amount = found[states[dial.at]] if states else found[0]
            if history.changes(dial, amount, states[dial.at] if states else 0):
                amounts[dial.at] = amount
    now, then = history.replayed({}), history.replayed(amounts)
    tuning = Tuning(
        monitor,
        wanted,
        len(history.seen),
        months,
        ends[0],
        ends[-1],
        len(now.openings),
        len(then.openings),
        tuple(
            Proposal(
                dial,
                amounts.get(dial.at),
                len({_when(row) for row in history.judged[dial.at]}),
                now.of(dial),
                then.of(dial),
                _said(dial, history, amounts.get(dial.at), standing=states is None),
            )
            for dial in history.dials
        ),
    )
    return replace(tuning, notes=(*notes, *_doubts(tuning, allowed)))


# From which number on a row is beyond, and from which on for sure; `_NEVER` where it is not.
_Turn = tuple[int, int]
_NEVER: Final = 1 << 30


@dataclass
class _Steps:
    """The numbers that a limit can be, the loosest first, and from which one on each row is beyond.

    Attributes:
        amounts: The numbers; none where nothing is beyond any.
        last: The last that is not exceeded more often than not.
        turns: For each row that is judged, the first number that it is beyond, and the first that it is
            beyond for sure.
    """

    amounts: list[float] = field(default_factory=list)
    last: int = 0
    turns: list[_Turn] = field(default_factory=list)

    def beyond(self, state: int) -> set[int]:
        """Places of the rows that are beyond a number for sure."""
        return {at for at, (_, sure) in enumerate(self.turns) if sure <= state}


@dataclass(frozen=True)
class _Replay:
    """What would have been raised."""

    incidents: tuple[Incident, ...]
    events: tuple[Event, ...]

    @cached_property
    def openings(self) -> frozenset[datetime]:
        """Ends of the windows in which an incident opens that a threshold decides."""
        return frozenset(
            each.window_end
            for each in self.events
            if each.kind == "opened" and _is_counted(each.incident)
        )

    def of(self, dial: Dial) -> tuple[Incident, ...]:
        """The incidents that a limit raised, by opening."""
        found = [e for e in self.incidents if _is_counted(e) and dial.at == _raised_by(e.row)]
        return tuple(sorted(found, key=lambda each: (each.opened_at, each.key)))


def _is_counted(incident: Incident) -> bool:
    """Whether a threshold decided that it opened."""
    return bool(incident.row["_dials"]) and incident.key.metric not in (ERROR, NO_ROWS)


def _raised_by(row: Mapping[str, Any]) -> int:
    """Which of a row's limits it is beyond."""
    sides: Mapping[str, int] = row["_dials"]
    return sides.get(row["threshold_kind"], next(iter(sides.values())))


class _History:
    """Stored windows, and how each row of them is judged under which thresholds.

    Attributes:
        dials: The limits, in the order of the file.
        judged: For each, the rows whose value it is held against.
        steps: For each, the numbers that it can be.
        seen: Windows in which any is judged: end and start.
    """

    def __init__(
        self,
        standards: Standards,
        rows: Sequence[Row],
        signals: Collection[str] | None,
        groups: Groups,
    ) -> None:
        self.standards, self.groups = standards, groups
        self.monitor = standards.monitor
        self.metrics = metrics_of(self.monitor)
        self._rules = {(s.name, r.metric): r for s in self.monitor.signals for r in s.rules}
        self.signals = {s.name for s in self.monitor.signals} | {self.monitor.window_signal}
        if signals is not None:
            self.signals &= set(signals)
        self._empty = {_when(row) for row in rows if has_no_rows(row)}
        self.lines: dict[Line, list[When]] = {}
        self.rows: list[tuple[Row, Asked]] = []
        for row in rows:
            if row["signal"] in self.signals:
                line = row["signal"], row["metric"] in JOIN_METRICS
                self.lines.setdefault(line, []).append(_when(row))
            elif not has_no_rows(row):
                continue
            how = standards.of(row)
            if how is not None:
                self.rows.append((row, how))
        self.lines = {line: sorted(set(found)) for line, found in self.lines.items()}
        self.dials = self._dials()
        by_key = {(dial.spot, dial.kind): dial for dial in self.dials}
        self.judged: list[list[Row]] = [[] for _ in self.dials]
        # how rows are judged as it is, by what they are in memory
        self._now: dict[int, Row] = {}
        self._how: list[list[Asked]] = [[] for _ in self.dials]
        for row, how in self.rows:
            spot = self._spot(row)
            sides = [] if spot is None else [by_key[spot, kind] for kind in kinds_of(how.threshold)]
            row["_dials"] = {dial.kind: dial.at for dial in sides}
            if not sides or not self._is_evidence(row, how):
                continue
            for dial in sides:
                if reaches_of(row, how, dial, self.metrics[row["metric"]]):
                    self.judged[dial.at].append(row)
                    self._how[dial.at].append(how)
        told = [row for found in self.judged for row in found]
        # windows of joins may be others, as labels come late
        of_all = {_when(row) for row in told if row["metric"] not in JOIN_METRICS}
        self.seen: set[When] = of_all or {_when(row) for row in told}
        self.steps = [self._steps_of(dial) for dial in self.dials]
        self._loosest = {
            at: steps.amounts[0] for at, steps in enumerate(self.steps) if steps.amounts
        }

    def _is_evidence(self, row: Row, how: Asked) -> bool:
        """Whether there were rows enough, and nothing went wrong."""
        verdict = self._now[id(row)] = self._verdict(row, how)
        return verdict["status"] in ("ok", "warning", "breached", "inconclusive")

    def _verdict(self, row: Row, how: Asked) -> Row:
        found = self.standards.verdict(row, how, is_empty=_when(row) in self._empty)
        return verdict_columns(found)

    def _dials(self) -> tuple[Dial, ...]:
        """The limits of all rows, in the order of the file."""
        found: dict[tuple[Spot, Kind], tuple[Threshold, str]] = {}
        for row, how in self.rows:
            spot = self._spot(row)
            if spot is not None:
                for kind in kinds_of(how.threshold):
                    found.setdefault((spot, kind), (how.threshold, row["reference"]))
        order = {
            (signal.name, rule.metric): place
            for place, (signal, rule) in enumerate(
                (signal, rule) for signal in self.monitor.signals for rule in signal.rules
            )
        }
        last = len(order)

        def place(key: tuple[Spot, Kind]) -> tuple[int, Spot, str]:
            return order.get((key[0].signal, key[0].metric), last), *key

        return tuple(
            Dial(spot, kind, *found[spot, kind], at)
            for at, (spot, kind) in enumerate(sorted(found, key=place))
        )

    def _spot(self, row: Row) -> Spot | None:
        """Which threshold of the file judges a row; None where none does."""
        metric = self.metrics[row["metric"]]
        monitor, name = self.monitor, metric.name
        if row["signal"] not in self.signals:
            return None
        if metric.scope in ("dataset", "join"):
            own = [
                signal.name
                for signal in monitor.signals
                if signal.type == "data_quality" and any(r.metric == name for r in signal.rules)
            ]
            return Spot(own[-1], name) if own else None
        rule = self._rules.get((row["signal"], name))
        if metric.scope not in ("features", "columns"):
            return None if rule is None else Spot(row["signal"], name)
        settings = monitor.settings.get(row["feature"])
        if settings is not None and name in settings.thresholds:
            return Spot("", name, feature=row["feature"])
        if rule is None or not rule.thresholds:
            return None
        scope = row["feature_type"] or next(iter(rule.thresholds))
        together = self.groups.get((row["signal"], name), ())
        own_group = next((each for each in together if scope in each), (scope,))
        return Spot(row["signal"], name, own_group)

    # The numbers that a limit can be

    def _steps_of(self, dial: Dial) -> _Steps:
        rows, hows = self.judged[dial.at], self._how[dial.at]
        metric = self.metrics[dial.spot.metric]
        reaches = [reaches_of(r, how, dial, metric) for r, how in zip(rows, hows, strict=True)]
        every = {rounded(each, dial.kind, metric) for of in reaches for each in of}
        if not every:
            return _Steps()
        strict_first = sorted(every, reverse=dial.kind == "min")
        loosest = next_number(strict_first[-1], dial.kind, metric, looser=True)
        strictest = next_number(strict_first[0], dial.kind, metric, looser=False)
        if dial.kind in ("increase", "decrease"):
            strictest = max(0.0, strictest)
        strict_first += [loosest]
        if strictest != strict_first[0]:
            strict_first.insert(0, strictest)
        numbers = strict_first[::-1]
        places = {number: place for place, number in enumerate(numbers)}
        judges = [alone(dial, number) for number in numbers]

        known: dict[tuple[int, int], int] = {}

        def doubt(at: int, place: int) -> int:
            if (at, place) not in known:
                how = replace(hows[at], threshold=judges[place])
                status = self._verdict(rows[at], how)["status"]
                known[at, place] = 2 if status in BAD else int(status == "inconclusive")
            return known[at, place]

        def turn(at: int, least: int) -> int:
            if doubt(at, last) < least:
                return _NEVER
            for guess in guesses[at]:
                # what is not beyond the number that it is rounded to is beyond the next
                if guess < last and doubt(at, guess) < least <= doubt(at, guess + 1):
                    return guess + 1
            return bisect_left(range(last), True, key=lambda place: doubt(at, place) >= least)

        last = len(numbers) - 1
        guesses = [[places[rounded(each, dial.kind, metric)] for each in of] for of in reaches]
        return _compressed(numbers, [(turn(at, 1), turn(at, 2)) for at in range(len(rows))])

    def changes(self, dial: Dial, amount: float, state: int) -> bool:
        """Whether a limit is another one than now, in what it raises or to a person's eye."""
        if amount == dial.amount:
            return False
        metric = self.metrics[dial.spot.metric]
        if rounded(dial.amount, dial.kind, metric) != amount:
            return True
        as_is = alone(dial, dial.amount)
        now = {
            at
            for at, (row, how) in enumerate(
                zip(self.judged[dial.at], self._how[dial.at], strict=True)
            )
            if self._verdict(row, replace(how, threshold=as_is))["status"] in BAD
        }
        return now != self.steps[dial.at].beyond(state)

    # What would have been raised

    def replayed(self, amounts: Mapping[int, float]) -> _Replay:
        """The incidents with some limits moved."""
        incidents, events = self.folded(self._judged(row, how, amounts) for row, how in self.rows)
        return _Replay(tuple(incidents), tuple(events))

    def at_loosest(self, row: Row, how: Asked) -> Row:
        """A row as it is judged where nothing that can be moved is beyond its limit."""
        return self._judged(row, how, self._loosest)

    def _judged(self, row: Row, how: Asked, amounts: Mapping[int, float]) -> Row:
        threshold = how.threshold
        for at in row["_dials"].values():
            if at in amounts:
                threshold = moved(threshold, self.dials[at], amounts[at])
        if threshold == how.threshold and id(row) in self._now:
            return row | self._now[id(row)]
        return row | self._verdict(row, replace(how, threshold=threshold))

    def folded(self, rows: Iterable[Row]) -> tuple[list[Incident], list[Event]]:
        """Incidents of judged rows, as runs fold them; no person has closed any."""
        rules = Rules(self.monitor.alerting, self.monitor.name, self.monitor.time_zone)
        return fold(rules, self.lines, rows, {})


def _compressed(numbers: Sequence[float], turns: Sequence[_Turn]) -> _Steps:
    """The numbers alone that differ in which rows are beyond; of those that do not, the strictest."""
    sure = sorted(found for _, found in turns if found < _NEVER)
    if not sure:
        return _Steps()
    edges = sorted({edge for turn in turns for edge in turn if edge <= sure[-1]})
    amounts = [numbers[max(0, edge - 1)] for edge in edges] + [numbers[edges[-1]]]
    place = {edge: at for at, edge in enumerate(edges, start=1)}
    told = [tuple(place.get(edge, _NEVER) for edge in turn) for turn in turns]
    found = _Steps(amounts, 0, [(first, second) for first, second in told])
    beyond = Counter(second for _, second in found.turns)
    so_far = 0
    for state in range(1, len(amounts)):
        so_far += beyond[state]
        if so_far > MOST_BEYOND * len(turns):
            break
        found.last = state
    return found


class _Search:
    """Looks for the strictest numbers whose alerts together are no more than are allowed."""

    def __init__(self, history: _History, allowed: int) -> None:
        self.history, self.allowed = history, allowed
        self.dials = [d.at for d in history.dials if history.steps[d.at].amounts]
        self._units = list(self._split())
        self._known: dict[tuple[int, tuple[int, ...]], frozenset[datetime]] = {}

    def states(self) -> dict[int, int] | None:
        """For each limit which of its numbers it is to be."""
        found = dict.fromkeys(self.dials, 0)
        fair = dict(found)
        # the same number of alerts to each limit, as many as they may have together …
        for quota in range(self.allowed + 1):
            for at in self.dials:
                while self._may_go(at, fair[at]) and self._count({at: fair[at] + 1}) <= quota:
                    fair[at] += 1
            if self._count(fair) > self.allowed:
                break
            found = dict(fair)
            if not any(self._may_go(at, fair[at]) for at in self.dials):
                break
        # … and what is left to those that take the least, one number at a time
        going = True
        while going:
            going = False
            for at in self.dials:
                if not self._may_go(at, found[at]):
                    continue
                further = {**found, at: found[at] + 1}
                if self._count(further) <= self.allowed:
                    found, going = further, True
        return found

    def _may_go(self, at: int, state: int) -> bool:
        return state < self.history.steps[at].last

    def _count(self, states: Mapping[int, int]) -> int:
        """Messages in which incidents open; limits that are not named are at their loosest."""
        opened: set[datetime] = set()
        for unit, (dials, turns, _) in enumerate(self._units):
            # states between the turns of its own rows are alike to a unit
            own = tuple(
                bisect_right(found, states.get(at, 0))
                for at, found in zip(dials, turns, strict=True)
            )
            if (unit, own) not in self._known:
                self._known[unit, own] = self._opened(unit, states)
            opened |= self._known[unit, own]
        return len(opened)

    def _opened(self, unit: int, states: Mapping[int, int]) -> frozenset[datetime]:
        *_, rows = self._units[unit]
        judged = [
            forms[
                max(
                    (
                        (states.get(at, 0) >= first) + (states.get(at, 0) >= sure)
                        for at, (first, sure) in turns
                    ),
                    default=0,
                )
            ]
            for forms, turns in rows
        ]
        _, events = self.history.folded(judged)
        return _Replay((), tuple(events)).openings

    def _split(self) -> Iterator[_Unit]:
        """Parts of the history whose incidents do not depend on each other."""
        history = self.history
        turned: dict[int, list[tuple[int, _Turn]]] = {}
        for at in self.dials:
            for row, turn in zip(history.judged[at], history.steps[at].turns, strict=True):
                turned.setdefault(id(row), []).append((at, turn))
        # with `at_least` the features of a signal open incidents together
        together = history.monitor.alerting.at_least_features > 1
        parts: dict[tuple[str, str], list[_Turning]] = {}
        context: list[_Turning] = []
        for row, how in history.rows:
            found = turned.get(id(row), [])
            is_fine = len(found) == len(row["_dials"]) and all(first for _, (first, _) in found)
            base = row | _FINE if found and is_fine else history.at_loosest(row, how)
            doubtful, beyond = ({**base, "status": s} for s in ("inconclusive", "breached"))
            told = (base, doubtful, beyond), found
            if base["status"] in BAD and key_of(base).metric == NO_ROWS:
                context.append(told)
            else:
                key = row["signal"], "" if together else row["feature"]
                parts.setdefault(key, []).append(told)
        for part in parts.values():
            edges: dict[int, set[int]] = {}
            for _, turns in part:
                for at, turn in turns:
                    edges.setdefault(at, set()).update(turn)
            if edges:
                yield list(edges), [sorted(each) for each in edges.values()], [*part, *context]


# What the judge says of a row that is within its limits, as far as incidents ask.
_FINE: Final[Row] = {
    **dict.fromkeys(("threshold", "threshold_kind", "severity", "score", "reason")),
    "breached": False,
    "status": "ok",
}
# A row as it is judged where it is not beyond, where it may be, and where it is for sure; and from which
# states of which limits on it is.
_Turning = tuple[tuple[Row, Row, Row], list[tuple[int, _Turn]]]
# Limits, the states at which each changes anything, and the rows.
_Unit = tuple[list[int], list[list[int]], list[_Turning]]


def _when(row: Mapping[str, Any]) -> When:
    return row["window_end"], row["window_start"]


def _covered(windows: Sequence[When]) -> timedelta:
    """The time that windows stand for: overlapping ones no more than what lies between their ends."""
    ends = sorted({end for end, _ in windows})
    if len(ends) > 1:
        gaps = [(b - a).total_seconds() for a, b in pairwise(ends)]
        return timedelta(seconds=median(gaps)) * len(ends)
    end, start = windows[0]
    # that of a whole table is not known
    return timedelta() if start == _EPOCH else end - start


def _windows(count: int) -> str:
    return "1 window is" if count == 1 else f"{count} windows are"


def _doubts(tuning: Tuning, allowed: int) -> Iterator[str]:
    """What a person should know before believing the numbers."""
    if not tuning.months or tuning.window_count < 2:
        yield "one window is no history: nothing is proposed"
        return
    if tuning.window_count < FEW_WINDOWS or tuning.months < 1:
        low, high = tuning.interval(tuning.alerts_then) or (0.0, 0.0)
        yield (
            f"{tuning.window_count} windows in {tuning.months:.2g} months are a short history: the rate"
            f" that is proposed may be anything from {low:.2g} to {high:.2g} alerts a month (95 %)"
        )
    if not allowed and tuning.wanted:
        yield (
            f"{tuning.wanted:g} alerts a month are none in {tuning.months:.2g} months: what is proposed"
            " would have raised nothing"
        )


def _said(dial: Dial, history: _History, amount: float | None, *, standing: bool) -> str | None:
    """What there is to know of one proposal."""
    rows, steps = history.judged[dial.at], history.steps[dial.at]
    if not rows:
        return "nothing that it judges was measured"
    if not steps.amounts:
        return "nothing that was measured would be beyond any number for sure: it stays as it is"
    if standing:
        return None
    metric = history.metrics[dial.spot.metric]
    shown = dial.amount if amount is None else amount
    told = []
    ends = (metric.low,) if dial.kind == "min" else (metric.high,) if dial.kind == "max" else ()
    if any(shown <= end if dial.kind == "min" else shown >= end for end in ends):
        told.append("nothing can be beyond it")
    state = max(
        (at for at, each in enumerate(steps.amounts) if _is_as_loose(each, shown, dial.kind)),
        default=0,
    )
    always = _mostly_beyond(rows, steps.beyond(state))
    if always:
        more = f" and {len(always) - 3} more" if len(always) > 3 else ""
        told.append(
            f"{', '.join(always[:3])}{more}: beyond it in most windows; a threshold of its own"
            " (settings), or a newer reference, would tell more"
        )
    return "; ".join(told) or None


def _is_as_loose(one: float, other: float, kind: Kind) -> bool:
    return one <= other if kind == "min" else one >= other


def _mostly_beyond(rows: Sequence[Row], beyond: Collection[int]) -> list[str]:
    """Features that are beyond in more than half of their windows."""
    every = Counter(row["feature"] for row in rows)
    bad = Counter(rows[at]["feature"] for at in beyond)
    return [
        name for name, count in every.items() if bad[name] > MOST_BEYOND * count and name != ALL
    ]
