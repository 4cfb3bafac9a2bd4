"""Incidents: which runs of windows beyond a threshold are one matter, from opening to closing. Pure.

They are told by stored windows alone, in the order of their ends, so that windows computed again, late
or all at once leave the incidents that runs one by one leave.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

from driftline.engine.project import Alerting, Duration
from driftline.engine.results import ALL
from driftline.engine.windows import add

Row = Mapping[str, Any]
# End and start, so that they sort by the moment they are known.
When = tuple[datetime, datetime]
# A signal, and whether it is about its joins.
Line = tuple[str, bool]
EventKind = Literal["opened", "worsened", "reminder", "closed"]

HEALTH: Final = "monitor_health"
"""Signal of incidents that are the whole monitor's."""
ERROR: Final = "error"
NO_ROWS: Final = "no_rows"
STALE: Final = "stale_data"
FAILED_RUN: Final = "failed_run"
MISSING_RUN: Final = "missing_run"
HEALTH_METRICS: Final = (ERROR, NO_ROWS, STALE, FAILED_RUN, MISSING_RUN)
"""What is wrong with watching, rather than with what is watched: told at once, whatever `open_after` says."""

CREEPS: Final = ":cusum"
"""What follows a metric's name where its values crept, which no name of a metric can hold."""

JOIN_METRICS: Final = ("match_rate", "label_coverage")
"""Those of joins, which may be late: their windows are others than those of the rest of their signal."""

BAD: Final = ("warning", "breached", "error")
GOOD: Final = ("ok",)
_SEVERITIES: Final = ("warning", "high", "critical")


@dataclass(frozen=True, order=True)
class Key:
    """What an incident is about."""

    signal: str
    reference: str
    segment: str
    feature: str
    metric: str

    @property
    def line(self) -> Line:
        """Which windows it is looked for in."""
        return self.signal, self.metric.removesuffix(CREEPS) in JOIN_METRICS

    @property
    def is_health(self) -> bool:
        """Whether it is about watching itself."""
        return self.metric in HEALTH_METRICS

    @property
    def is_crept(self) -> bool:
        """Whether it is about values that crept, rather than about one beyond its threshold."""
        return self.metric.endswith(CREEPS)


@dataclass(frozen=True)
class Decision:
    """What a person said of an incident.

    Attributes:
        alert_id: The incident.
        action: `ack`, or `close`.
        window_end: End of the monitor's newest window then, naive UTC.
        at: When, naive UTC.
        by: Who.
    """

    alert_id: str
    action: str
    window_end: datetime
    at: datetime
    by: str


@dataclass(frozen=True)
class Incident:
    """One matter, as the table `alerts` has it.

    Attributes:
        alert_id: By monitor, key and opening.
        key: What it is about.
        opened_at, last_seen_at, closed_at: Ends of windows, naive UTC; the last is None while open.
        window_count: Windows beyond the threshold so far.
        first_value, last_value, worst_value: What was measured.
        severity: The worst so far.
        row: The row of `metrics` that was seen last.
        acknowledged_at, acknowledged_by: What a person said.
    """

    alert_id: str
    key: Key
    opened_at: datetime
    last_seen_at: datetime
    closed_at: datetime | None
    window_count: int
    first_value: float | None
    last_value: float | None
    worst_value: float | None
    severity: str
    row: Row
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None


@dataclass(frozen=True)
class Event:
    """Something to tell of an incident.

    Attributes:
        kind: What happened.
        window_end: End of the window that showed it, naive UTC.
        incident: As it is after it.
    """

    kind: EventKind
    window_end: datetime
    incident: Incident

    @property
    def key(self) -> tuple[str, str, datetime]:
        """What tells it from all others."""
        return self.incident.alert_id, self.kind, self.window_end


@dataclass(frozen=True)
class Rules:
    """When incidents open and close.

    Attributes:
        alerting: What the project file says.
        monitor: Name of the monitor.
        zone: Its time zone, in whose calendar reminders are counted.
    """

    alerting: Alerting
    monitor: str
    zone: str


def alert_id(monitor: str, key: Key, opened_at: datetime) -> str:
    """What an incident is called: 32 hexadecimal digits, the same for the same incident."""
    told = (monitor, key.signal, key.reference, key.segment, key.feature, key.metric)
    text = "\x1f".join((*told, opened_at.isoformat()))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def has_no_rows(row: Row) -> bool:
    """Whether a row of `metrics` says that its window has none."""
    return bool(row["metric"] == "row_count" and row["value"] == 0)


def key_of(row: Row) -> Key:
    """What a row of `metrics` would be an incident of."""
    metric, reference = row["metric"], row["reference"]
    if row["status"] == "error":
        # one column that fails fails in every metric of it
        return Key(row["signal"], ALL, ALL, row["feature"], ERROR)
    if has_no_rows(row):
        metric = NO_ROWS
    elif metric == "freshness":
        metric = STALE
    return Key(row["signal"], reference, row["segment"], row["feature"], metric)


def fold(
    rules: Rules,
    windows: Mapping[Line, Sequence[When]],
    rows: Iterable[Row],
    decisions: Mapping[tuple[str, str], Decision],
    standing: Iterable[Incident] = (),
) -> tuple[list[Incident], list[Event]]:
    """The incidents of a stretch of windows, and what there is to tell of them, in order.

    A window beyond the threshold counts towards opening; one that is not, cannot be judged, or is
    inconclusive ends the count. Of an open incident only good windows count towards closing, and those
    in which nothing of the kind is measured any more.

    Args:
        rules: When incidents open and close.
        windows: By line, all windows that were measured, in order.
        rows: Rows of `metrics` of everything that was beyond its threshold in one of them.
        decisions: What people said, by incident and action.
        standing: Open incidents whose first windows are no more: they go on as of their last one.
    """
    seen: dict[Key, dict[When, Row]] = {}
    judged: dict[tuple[str, str], set[When]] = {}
    wide: dict[tuple[str, str, When], set[str]] = {}
    good: dict[Key, set[When]] = {}
    for row in rows:
        key, when = key_of(row), (row["window_end"], row["window_start"])
        if row["status"] in BAD:
            known = seen.setdefault(key, {}).get(when)
            if known is None or _order(known) > _order(row):
                seen[key][when] = row
            if row["feature"] != ALL and not key.is_health:
                wide.setdefault((key.signal, key.segment, when), set()).add(key.feature)
        else:
            if row["status"] in GOOD:
                good.setdefault(key, set()).add(when)
            judged.setdefault((row["signal"], row["feature"]), set()).add(when)
    incidents: list[Incident] = []
    events: list[Event] = []
    # of windows without rows nothing else can be told
    empty = {when for key, bad in seen.items() if key.metric == NO_ROWS for when in bad}
    before = {each.key: each for each in standing}
    for key in sorted({*seen, *before}):
        bad = seen.get(key, {})
        fine = good.get(key, set())
        if key.metric == ERROR:
            fine = judged.get((key.signal, key.feature), set()) - set(bad)
        there = fine | set(bad)
        if key.metric != NO_ROWS:
            there |= judged.get((key.signal, key.feature), set()) | empty
        found = Course(rules, key, decisions, before.get(key))
        for when in windows.get(key.line, ()):
            at_once = key.is_health or key.feature == ALL
            spread = len(wide.get((key.signal, key.segment, when), ()))
            may_open = at_once or spread >= rules.alerting.at_least_features
            found.see(
                when, bad.get(when), is_good=when in fine or when not in there, may_open=may_open
            )
        found.end()
        incidents += found.incidents
        events += found.events
    events.sort(key=lambda each: (each.window_end, each.incident.key, each.kind))
    return incidents, events


def _order(row: Row) -> tuple[object, ...]:
    """Of several rows that are one incident the first is told of."""
    return row["reference"], row["segment"], row["metric"]


class Course:
    """The incidents of one key, window by window."""

    def __init__(
        self,
        rules: Rules,
        key: Key,
        decisions: Mapping[tuple[str, str], Decision],
        standing: Incident | None = None,
    ) -> None:
        self.rules = rules
        self.key = key
        self.decisions = decisions
        self.incidents: list[Incident] = []
        self.events: list[Event] = []
        self._streak: list[Row] = []
        self._worst: Row = {}
        self._open = standing
        self._good = 0
        # what was seen of a standing incident is in it
        self._told = None if standing is None else standing.last_seen_at
        self._seen = self._told
        if standing is not None:
            self._worst = {**standing.row, "value": standing.worst_value}

    @property
    def number(self) -> str | None:
        """Id of the incident that is open."""
        return None if self._open is None else self._open.alert_id

    def turn(self, end: datetime) -> None:
        """Come to a window: what a person closed before it is over."""
        if self._open is not None and (self._seen is None or end > self._seen):
            closed = self.decisions.get((self._open.alert_id, "close"))
            if closed is not None and closed.window_end < end:
                self.close(closed.window_end)

    def see(
        self,
        when: When,
        row: Row | None,
        *,
        is_good: bool,
        may_open: bool = True,
        may_close: bool = True,
    ) -> None:
        """Take the next window.

        Args:
            when: The window.
            row: Its row, where it is beyond the threshold.
            is_good: Whether it counts towards closing.
            may_open: Whether enough else is wrong.
            may_close: Whether it is not settled that what is open went on.
        """
        end = when[0]
        if self._seen is not None and end <= self._seen:
            return
        self.turn(end)
        if self._open is None:
            self._count(row, end, may_open=may_open)
        elif row is not None:
            self._go_on(self._open, row, end)
        elif is_good:
            self._good += 1
            needed = 1 if self.key.is_health else self.rules.alerting.close_after
            if may_close and self._good >= needed:
                self.close(end)

    def end(self) -> None:
        """Finish with what is still open."""
        if self._open is None:
            return
        closed = self.decisions.get((self._open.alert_id, "close"))
        if closed is not None:
            self.close(closed.window_end)
        else:
            self.incidents.append(self._open)

    def _count(self, row: Row | None, end: datetime, *, may_open: bool) -> None:
        """Count towards opening."""
        if row is None:
            self._streak = []
            return
        self._streak.append(row)
        at_once = self.key.is_health or self.key.is_crept
        needed = 1 if at_once else self.rules.alerting.open_after
        if len(self._streak) < needed or not may_open:
            return
        rows = self._streak[-needed:]
        self._streak = []
        opened_at = rows[0]["window_end"]
        number = alert_id(self.rules.monitor, self.key, opened_at)
        ack = self.decisions.get((number, "ack"))
        self._worst = max(rows, key=_badness)
        self._open = Incident(
            number,
            self.key,
            opened_at,
            end,
            None,
            len(rows),
            rows[0]["value"],
            row["value"],
            self._worst["value"],
            max((severity_of(each) for each in rows), key=_SEVERITIES.index),
            row,
            None if ack is None else ack.at,
            None if ack is None else ack.by,
        )
        self._good = 0
        self._tell("opened", end, self._open)

    def _go_on(self, incident: Incident, row: Row, end: datetime) -> None:
        """One window more that is beyond the threshold."""
        self._good = 0
        severity = severity_of(row)
        is_worse = _SEVERITIES.index(severity) > _SEVERITIES.index(incident.severity)
        if _is_worse(row, self._worst):
            self._worst = row
        self._open = replace(
            incident,
            last_seen_at=end,
            window_count=incident.window_count + 1,
            last_value=row["value"],
            worst_value=self._worst["value"],
            severity=severity if is_worse else incident.severity,
            row=row,
        )
        if is_worse:
            self._tell("worsened", end, self._open)
        elif self._is_due(end):
            self._tell("reminder", end, self._open)

    def _is_due(self, end: datetime) -> bool:
        every = self.rules.alerting.remind_every
        if every is None or self._told is None or self._open is None:
            return False
        ack = self.decisions.get((self._open.alert_id, "ack"))
        if ack is not None and ack.window_end < end:
            return False
        return later(self._told, every, self.rules.zone) <= end

    def close(self, end: datetime) -> None:
        """End the incident that is open."""
        assert self._open is not None
        closed = replace(self._open, closed_at=max(end, self._open.last_seen_at))
        self.incidents.append(closed)
        self._tell("closed", closed.closed_at or end, closed)
        self._open, self._streak, self._good = None, [], 0

    def _tell(self, kind: EventKind, end: datetime, incident: Incident) -> None:
        self._told = end
        self.events.append(Event(kind, end, incident))


def later(moment: datetime, by: Duration, zone: str) -> datetime:
    """A naive moment in UTC, moved on by a duration of a zone's calendar."""
    return add(moment.replace(tzinfo=UTC), by, zone).replace(tzinfo=None)


def severity_of(row: Row) -> str:
    """How bad one row is; what cannot be measured at all is critical."""
    if row["status"] == "error":
        return "critical"
    return str(row["severity"] or "high")


def _badness(row: Row) -> float:
    score = row["score"]
    return -1.0 if score is None else float(score)


def _is_worse(row: Row, other: Row) -> bool:
    """Whether a row lies further beyond its threshold; of what has no score its value tells."""
    if other["score"] is not None or row["value"] is None or other["value"] is None:
        return _badness(row) > _badness(other)
    value, worst = float(row["value"]), float(other["value"])
    return value < worst if row["threshold_kind"] in ("min", "decrease") else value > worst


def importance_first(rows: Iterable[Row]) -> list[Row]:
    """Rows by importance times score, the greatest first; where no importance is known by score."""
    found = list(rows)
    known = any(row["importance"] is not None for row in found)

    def rank(row: Row) -> float:
        weight = abs(row["importance"] or 0.0) if known else 1.0
        return weight * max(0.0, _badness(row))

    return sorted(
        found, key=lambda row: (-rank(row), -_badness(row), row["feature"], row["metric"])
    )
