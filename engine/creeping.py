"""Incidents of numbers that crept: windows whose CUSUM is beyond its limit, in the order of their ends."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from driftline.engine.cusum import Creep, Sum
from driftline.engine.incidents import (
    CREEPS,
    Course,
    Decision,
    Event,
    Incident,
    Key,
    Line,
    Row,
    Rules,
    When,
)
from driftline.engine.summary import number
from driftline.engine.windows import EPOCH

# Of windows beyond a threshold the threshold tells; of others nothing can be told.
_COUNTED: Final = ("ok", "inconclusive")
_RISES: Final = ("max", "increase")
_HIGHEST_SCORE: Final = 10.0


@dataclass(frozen=True)
class Past:
    """What is settled, whatever the windows that are still stored of it would tell.

    Attributes:
        until: Windows that end before it are.
        incidents: The incidents that opened in them.
    """

    until: datetime
    incidents: Sequence[Incident] = ()

    @property
    def over(self) -> frozenset[str]:
        """Ids of those that closed in them, too."""
        return frozenset(
            each.alert_id
            for each in self.incidents
            if each.closed_at is not None and each.closed_at < self.until
        )

    def at(self, key: Key, end: datetime) -> Incident | None:
        """The incident of a key that a window is of."""
        for each in self.incidents:
            closed = each.closed_at
            if each.key == key and each.opened_at <= end and (closed is None or end <= closed):
                return each
        return None


def crept(
    rules: Rules,
    windows: Mapping[Line, Sequence[When]],
    rows: Iterable[Row],
    decisions: Mapping[tuple[str, str], Decision],
    past: Past,
    standing: Iterable[Incident] = (),
) -> tuple[list[Incident], list[Event]]:
    """The incidents of numbers that crept, which are open or closed since `past`, and what to tell of them.

    Args:
        rules: When incidents open and close; those of no project that has no `cusum` open.
        windows: By line, all windows that were measured, in order.
        rows: Rows of `metrics` of all of them.
        decisions: What people said, by incident and action.
        past: What is settled.
        standing: Open incidents whose first windows are no more: they go on as of their last one.
    """
    series: dict[Key, dict[When, Row]] = {}
    for row in rows:
        name = row["metric"] + CREEPS
        key = Key(row["signal"], row["reference"], row["segment"], row["feature"], name)
        series.setdefault(key, {})[row["window_end"], row["window_start"]] = row
    before = {each.key: each for each in standing}
    over = past.over
    incidents: list[Incident] = []
    events: list[Event] = []
    for key in sorted({*series, *before}):
        course = Course(rules, key, decisions, before.get(key))
        _follow(course, windows.get(key.line, ()), series.get(key, {}), past)
        course.end()
        found = [each for each in course.incidents if each.alert_id not in over]
        incidents += found
        ids = {each.alert_id for each in found}
        events += [event for event in course.events if event.incident.alert_id in ids]
    return incidents, events


def _follow(course: Course, windows: Sequence[When], rows: Mapping[When, Row], past: Past) -> None:
    """Take the windows of one key one by one."""
    watch = _Watch(course.rules, rows)
    held: str | None = None
    for when, is_counted in _independent(windows):
        end = when[0]
        course.turn(end)
        settled = past.at(course.key, end) if end < past.until else None
        now = course.number
        if end < past.until:
            now = None if settled is None else settled.alert_id
        if held is not None and now != held:
            watch.release(anew=(held, "close") in course.decisions)
            held = None
        row, is_good = watch.see(when, is_held=held is not None, is_counted=is_counted)
        if end >= past.until:
            course.see(when, row, is_good=is_good)
            now = now or course.number
        elif settled is not None and held is None and settled.opened_at == end:
            course.see(when, row or _as_it_was(settled, rows.get(when, settled.row)), is_good=False)
        elif settled is not None and course.number == now:
            course.see(when, row, is_good=is_good, may_close=False)
            if settled.closed_at == end and (now, "close") not in course.decisions:
                course.close(end)
        if held is None and now is not None:
            watch.hold()
        held = now


def _independent(windows: Sequence[When]) -> Iterator[tuple[When, bool]]:
    """Windows, and whether a sum may count them: of those that overlap one for each length of them.

    They are told by the calendar rather than by the one counted last, so that they stay the same ones
    when the first are pruned. A whole table counts each time.
    """
    last: datetime | None = None
    for end, start in windows:
        is_apart = start == EPOCH or last is None or start >= last
        size = end - start
        yield (
            (end, start),
            is_apart or (end - EPOCH) // size > ((last or EPOCH) - EPOCH) // size,
        )
        last = end


class _Watch:
    """One series of values: what its sum says of each window."""

    def __init__(self, rules: Rules, rows: Mapping[When, Row]) -> None:
        rule = rules.alerting.cusum
        self._rows = rows
        self._creep = None if rule is None else Creep(rule)
        self._length = 0.0 if rule is None else rule.average_run_length
        self._reference: str | None = None
        self._is_void = False

    def see(self, when: When, *, is_held: bool, is_counted: bool) -> tuple[Row | None, bool]:
        """The row of a window that is beyond, and whether it is one that counts towards closing."""
        row = self._rows.get(when)
        if row is None or self._creep is None:
            return None, True
        if self._reference not in (None, row["reference_id"]):
            # held against another sample, values are others
            self._is_void = is_held
            self._creep.release(anew=True)
        self._reference = row["reference_id"]
        if self._is_void and is_held:
            return None, True
        value, threshold = row["value"], row["threshold"]
        if (
            not is_counted
            or row["status"] not in _COUNTED
            or value is None
            or threshold is None
            or not math.isfinite(value)
        ):
            return None, False
        found = self._creep.take(value, threshold, 1 if row["threshold_kind"] in _RISES else -1)
        if found is None:
            return None, False
        return (self._told(row, found) if found.is_beyond else None), found.is_back

    def hold(self) -> None:
        """Begin an incident with the window that was seen last."""
        if self._creep is not None:
            self._creep.hold()

    def release(self, *, anew: bool) -> None:
        """End an incident."""
        self._is_void = False
        if self._creep is not None:
            self._creep.release(anew=anew)

    def _told(self, row: Row, found: Sum) -> Row:
        """The row as one of the sum."""
        way = "up" if found.side > 0 else "down"
        windows = "1 window" if found.count == 1 else f"{found.count} windows"
        return {
            **row,
            "value": found.value,
            "threshold": found.limit,
            "threshold_kind": "max",
            "score": min(_HIGHEST_SCORE, found.value / found.limit),
            "status": "warning",
            "severity": "warning",
            "reason": None,
            "summary": (
                f"crept {way} over {windows}: mean {number(found.before)} → {number(found.after)}"
                f" (CUSUM {number(found.value)} > {number(found.limit)}; one false alarm in"
                f" {number(self._length)} windows)"
            ),
        }


def _as_it_was(incident: Incident, row: Row) -> Row:
    """The row that opened an incident, where what its sum was made of is no more."""
    told = {name: incident.row[name] for name in ("threshold", "summary")}
    return {
        **row,
        **told,
        "threshold_kind": "max",
        "value": incident.first_value,
        "score": None,
        "status": "warning",
        "severity": incident.severity,
        "reason": None,
        "window_end": incident.opened_at,
    }
