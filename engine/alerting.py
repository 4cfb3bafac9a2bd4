"""What becomes of incidents when windows are stored: inside of the same transaction, all or nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from driftline.engine.creeping import Past, crept
from driftline.engine.incidents import (
    BAD,
    FAILED_RUN,
    HEALTH,
    JOIN_METRICS,
    MISSING_RUN,
    Decision,
    Event,
    Incident,
    Key,
    Line,
    Rules,
    When,
    alert_id,
    fold,
    later,
)
from driftline.engine.place import Tables
from driftline.engine.project import Monitor
from driftline.engine.results import ALL, arrow_rows
from driftline.engine.stored import Window

Row = Mapping[str, Any]

_COLUMNS: Final = """
    signal, reference, segment, feature, metric, window_start, window_end, value, threshold,
    status, severity, score, summary, reason, reference_value, n_reference, n_production,
    threshold_kind, importance, run_id
"""
_OF_SERIES: Final = """
    signal, reference, segment, feature, metric, window_start, window_end, value, threshold, status,
    threshold_kind, reference_id, importance, n_reference, n_production, run_id
"""


_BAD: Final = ", ".join(f"'{status}'" for status in BAD)


@dataclass(frozen=True)
class Change:
    """What became of a monitor's incidents.

    Attributes:
        news: What happened and is to be told, in order.
        history: What happened and is not: in windows that newer ones are stored of, or muted.
    """

    news: tuple[Event, ...] = ()
    history: tuple[Event, ...] = ()


def settle(
    tables: Tables,
    monitor: Monitor,
    run: Row | None,
    touched: Collection[Window] = (),
    *,
    now: datetime,
    tells: bool = True,
) -> Change:
    """Bring a monitor's incidents up to what is stored.

    Args:
        tables: The store, opened for writing, with the new rows in it.
        monitor: The monitor.
        run: The row of `runs`; None where stored rows were judged again, without a run.
        touched: Start and end, naive UTC, of the windows whose rows are new.
        now: Naive UTC; mutes end by it.
        tells: Whether there is anybody to tell: windows of long ago are computed for their own sake.

    Returns:
        What happened since anybody looked.
    """
    name = monitor.name
    stored = _alerts(tables, name)
    has_sums = bool(touched) and monitor.alerting.cusum is not None
    if not (has_sums or _has_failed(stored, run) or _has_drifted(tables, name, touched, stored)):
        return Change()
    told = _told(tables, name)
    moves = [] if run is None else list(_of_runs(monitor, stored, told, run))
    gone: list[str] = []
    is_new = True
    if touched:
        windows = _windows(tables, name)
        newest = max(when[0] for found in windows.values() for when in found)
        is_new = max(end for _, end in touched) >= newest
        more, gone = _of_windows(tables, monitor, windows, touched, stored)
        moves += more
    incidents = {each.alert_id: each for each, _ in moves}
    events = [event for _, several in moves for event in several if event.key not in told]
    events.sort(key=lambda each: (each.window_end, each.incident.key, each.kind))
    rows = [_row(monitor, each) for each in incidents.values()]
    changed = [row for row in rows if not _same(stored.get(row["alert_id"]), row)]
    if gone:
        tables.execute("delete from alerts where alert_id in $gone", {"gone": gone})
    if changed:
        tables.put("alerts", arrow_rows("alerts", changed))
    muted = _muted(tables, name, now) if events else set()
    news = [
        event
        for event in events
        if tells and is_new and not muted & {ALL, event.incident.key.feature}
    ]
    return Change(tuple(news), tuple(event for event in events if event not in news))


def _has_failed(stored: Mapping[str, Row], run: Row | None) -> bool:
    """Whether a run is something to incidents of runs."""
    if run is None:
        return False
    open_ = any(r["signal"] == HEALTH and r["closed_at"] is None for r in stored.values())
    return open_ or run["status"] == "failed"


def _has_drifted(
    tables: Tables, monitor: str, touched: Collection[Window], stored: Mapping[str, Row]
) -> bool:
    """Whether there are incidents, or what may become one, as of the first window that was touched."""
    if not touched:
        return False
    since = min(end for _, end in touched)
    if any(r["closed_at"] is None or r["closed_at"] >= since for r in stored.values()):
        return True
    found = tables.fetch(
        "select feature from metrics where monitor = $monitor and window_end >= $since"
        f" and status in ({_BAD}) limit 1",
        {"monitor": monitor, "since": since},
    )
    return bool(found.num_rows)


def follow_verdicts(tables: Tables, monitor: Monitor, rows: Collection[Row], now: datetime) -> None:
    """Bring incidents up to rows of `metrics` whose verdicts were replaced; nobody is told.

    Args:
        tables: The store, opened for writing, with the new verdicts in it.
        monitor: The monitor.
        rows: The rows.
        now: Naive UTC.
    """
    touched = {(row["window_start"], row["window_end"]) for row in rows}
    if touched:
        note(
            tables, monitor.name, settle(tables, monitor, None, touched, now=now, tells=False), None
        )


def note(tables: Tables, monitor: str, change: Change, message_id: str | None) -> None:
    """Keep that what happened was told, or needs no telling.

    Args:
        tables: The store, opened for writing.
        monitor: Name of the monitor.
        change: What happened.
        message_id: The message that tells the news; None where nobody is told.
    """
    rows = [
        {
            "alert_id": event.incident.alert_id,
            "event": event.kind,
            "window_end": event.window_end,
            "monitor": monitor,
            "message_id": number,
        }
        for events, number in ((change.news, message_id), (change.history, None))
        for event in events
    ]
    if rows:
        tables.put("_told", arrow_rows("_told", rows))


# An incident, and what happened to it.
_Move = tuple[Incident, Sequence[Event]]


def _of_windows(
    tables: Tables,
    monitor: Monitor,
    windows: Mapping[Line, Sequence[When]],
    touched: Collection[Window],
    stored: Mapping[str, Row],
) -> tuple[list[_Move], list[str]]:
    """Incidents as of the first window that was touched, and ids of those that there are none of now."""
    known = [row for row in stored.values() if row["signal"] != HEALTH]
    if not monitor.alerting.segments:
        known = [row for row in known if row["segment"] == ALL]
    pruned = [row["alert_id"] for row in known if not _has_opening(windows, row)]
    rules = Rules(monitor.alerting, monitor.name, monitor.time_zone)
    decisions = _decisions(tables, monitor.name)
    since = min(end for _, end in touched)
    of_sums = [row for row in known if _key(row).is_crept]
    sums = _of_sums(tables, rules, monitor, windows, since, decisions, of_sums, pruned)
    known = [row for row in known if not _key(row).is_crept]
    while True:
        first = _first(windows, since, monitor.alerting.open_after)
        # what was open in between is followed from its opening, or from where its windows go on
        spans = [r for r in known if r["closed_at"] is None or r["closed_at"] >= first]
        begin = (r["last_seen_at" if r["alert_id"] in pruned else "opened_at"] for r in spans)
        earlier = min(begin, default=since)
        if earlier >= since:
            break
        since = earlier
    part = {line: [when for when in found if when[0] >= first] for line, found in windows.items()}
    standing = _standing(known, pruned)
    incidents, events = fold(
        rules,
        _with_ends(monitor, part),
        _rows(tables, monitor, first, {each.key.feature for each in standing}),
        decisions,
        standing,
    )
    gone = _gone(known, since, incidents, pruned) + sums[2]
    return [*_moves(incidents, events), *_moves(sums[0], sums[1])], gone


def _of_sums(
    tables: Tables,
    rules: Rules,
    monitor: Monitor,
    windows: Mapping[Line, Sequence[When]],
    since: datetime,
    decisions: Mapping[tuple[str, str], Decision],
    known: Sequence[Row],
    pruned: Collection[str],
) -> tuple[list[Incident], list[Event], list[str]]:
    """Incidents of numbers that crept, what happened to them, and ids of those that there are none of now.

    Sums are of all windows that are stored; what they opened before `since` is taken as it is.
    """
    is_asked = monitor.alerting.cusum is not None
    if not is_asked and not known:
        return [], [], []
    # what is not asked for any more goes on as of its last window
    gone_on = pruned if is_asked else [row["alert_id"] for row in known]
    past = Past(since, [incident_of(row) for row in known if row["opened_at"] < since])
    incidents, events = crept(
        rules,
        _with_ends(monitor, windows),
        _every_row(tables, monitor) if is_asked else (),
        decisions,
        past,
        _standing(known, gone_on),
    )
    return incidents, events, _gone(known, since, incidents, pruned)


def _standing(known: Sequence[Row], pruned: Collection[str]) -> list[Incident]:
    """Open incidents that go on as of their last window."""
    return [
        incident_of(row) for row in known if row["alert_id"] in pruned and row["closed_at"] is None
    ]


def _gone(
    known: Sequence[Row],
    since: datetime,
    incidents: Sequence[Incident],
    pruned: Collection[str],
) -> list[str]:
    """Ids of stored incidents that there are none of now."""
    there = {*(each.alert_id for each in incidents), *pruned}
    return [r["alert_id"] for r in known if r["opened_at"] >= since and r["alert_id"] not in there]


def _moves(incidents: Sequence[Incident], events: Sequence[Event]) -> list[_Move]:
    by_id: dict[str, list[Event]] = {}
    for event in events:
        by_id.setdefault(event.incident.alert_id, []).append(event)
    return [(each, by_id.get(each.alert_id, ())) for each in incidents]


def _has_opening(windows: Mapping[Line, Sequence[When]], row: Row) -> bool:
    """Whether the windows of a stored incident are stored from its opening on."""
    found = windows.get(_key(row).line, ())
    return bool(found) and found[0][0] <= row["opened_at"]


def _with_ends(
    monitor: Monitor, windows: Mapping[Line, Sequence[When]]
) -> dict[Line, Sequence[When]]:
    """The windows, to which signals that the file has no more miss all others' later ones."""
    asked = {monitor.window_signal, *(signal.name for signal in monitor.signals)}
    every = sorted({when for found in windows.values() for when in found})
    return {
        line: found
        if line[0] in asked
        else [*found, *(when for when in every if not found or when > found[-1])]
        for line, found in windows.items()
    }


def _first(windows: Mapping[Line, Sequence[When]], since: datetime, count: int) -> datetime:
    """The end of the window from which on counting towards opening must begin."""
    ends = [since]
    for found in windows.values():
        earlier = [end for end, _ in found if end < since]
        ends += earlier[-(count - 1) :][:1] if count > 1 else []
    return min(ends)


def _same(before: Row | None, now: Row) -> bool:
    """Whether a stored row says the same; which run said it is no difference."""
    return before is not None and all(
        before[name] == value for name, value in now.items() if name != "run_id"
    )


def _told(tables: Tables, monitor: str) -> set[tuple[str, str, datetime]]:
    found = tables.fetch(
        "select alert_id, event, window_end from _told where monitor = $monitor",
        {"monitor": monitor},
    ).to_pylist()
    return {(row["alert_id"], row["event"], row["window_end"]) for row in found}


def _muted(tables: Tables, monitor: str, now: datetime) -> set[str]:
    found = tables.fetch(
        "select feature from _mutes where monitor = $monitor and muted_until > $now",
        {"monitor": monitor, "now": now},
    ).to_pylist()
    return {row["feature"] for row in found}


def _alerts(tables: Tables, monitor: str) -> dict[str, Row]:
    found = tables.fetch("select * from alerts where monitor = $monitor", {"monitor": monitor})
    return {row["alert_id"]: row for row in found.to_pylist()}


def _windows(tables: Tables, monitor: str) -> dict[Line, list[When]]:
    """All windows that were measured, by line, in order."""
    joins = ", ".join(f"'{name}'" for name in JOIN_METRICS)
    of_joins = f"case when metric in ({joins}) then 1 else 0 end"
    rows = tables.fetch(
        f"select signal, {of_joins} as of_joins, window_end, window_start from metrics"
        f" where monitor = $monitor group by signal, {of_joins}, window_end, window_start"
        " order by window_end, window_start, signal",
        {"monitor": monitor},
    ).to_pylist()
    found: dict[Line, list[When]] = {}
    for row in rows:
        line = row["signal"], bool(row["of_joins"])
        found.setdefault(line, []).append((row["window_end"], row["window_start"]))
    return found


def _among(monitor: Monitor) -> str:
    """The rows that incidents are made of, as a condition."""
    return "" if monitor.alerting.segments else f" and segment = '{ALL}'"


def _rows(tables: Tables, monitor: Monitor, since: datetime, watched: Collection[str]) -> list[Row]:
    """Rows of every feature that was beyond a threshold, and of others, of windows from `since` on."""
    of = {"monitor": monitor.name, "since": since}
    where = f"from metrics where monitor = $monitor and window_end >= $since{_among(monitor)}"
    beyond = tables.fetch(
        f"select feature {where} and status in ({_BAD}) group by feature", of
    ).to_pylist()
    features = sorted({*watched, *(row["feature"] for row in beyond)})
    if not features:
        return []
    found = tables.fetch(
        f"select {_COLUMNS} {where} and feature in $features", {**of, "features": features}
    )
    return list(found.to_pylist())


def _every_row(tables: Tables, monitor: Monitor) -> list[Row]:
    """Rows of all windows."""
    found = tables.fetch(
        f"select {_OF_SERIES} from metrics where monitor = $monitor{_among(monitor)}",
        {"monitor": monitor.name},
    )
    return list(found.to_pylist())


def _decisions(tables: Tables, monitor: str) -> dict[tuple[str, str], Decision]:
    found = tables.fetch(
        "select alert_id, action, window_end, decided_at, decided_by from _decisions"
        " where monitor = $monitor",
        {"monitor": monitor},
    ).to_pylist()
    return {
        (row["alert_id"], row["action"]): Decision(
            row["alert_id"], row["action"], row["window_end"], row["decided_at"], row["decided_by"]
        )
        for row in found
    }


def _of_runs(
    monitor: Monitor,
    stored: Mapping[str, Row],
    told: Collection[tuple[str, str, datetime]],
    run: Row,
) -> Iterator[_Move]:
    """What a run is to incidents of runs that failed or are missing: it goes on with them or ends them."""
    at, is_failed = run["requested_at"], run["status"] == "failed"
    row = {**_NO_ROW, "run_id": run["run_id"], "summary": run["error"], "window_end": at}
    open_ = {r["metric"]: r for r in stored.values() if r["closed_at"] is None}
    for metric in (FAILED_RUN, MISSING_RUN):
        if metric not in open_:
            continue
        incident = incident_of(open_[metric])
        if not is_failed:
            closed = replace(incident, closed_at=max(at, incident.last_seen_at))
            yield closed, (Event("closed", at, closed),)
        elif metric == FAILED_RUN:
            seen = replace(
                incident,
                last_seen_at=max(at, incident.last_seen_at),
                window_count=incident.window_count + 1,
                row=row,
            )
            last = max((end for number, _, end in told if number == incident.alert_id), default=at)
            every = monitor.alerting.remind_every
            is_due = every is not None and later(last, every, monitor.time_zone) <= at
            yield seen, (Event("reminder", at, seen),) if is_due else ()
    if is_failed and FAILED_RUN not in open_:
        opened = of_monitor(monitor.name, FAILED_RUN, at, row)
        yield opened, (Event("opened", at, opened),)


def missing(tables: Tables, monitor: Monitor, slot: datetime, run_id: str) -> Change:
    """Open the incident of a scheduled run that was missed and is not caught up, unless it is open.

    Args:
        tables: The store, opened for writing.
        monitor: The monitor.
        slot: The moment that was missed, naive UTC.
        run_id: Who found out.
    """
    stored = _alerts(tables, monitor.name)
    if any(r["metric"] == MISSING_RUN and r["closed_at"] is None for r in stored.values()):
        return Change()
    summary = f"none was made for {slot:%Y-%m-%d %H:%M} UTC, which is too long ago to catch up"
    told = {**_NO_ROW, "run_id": run_id, "summary": summary, "window_end": slot}
    incident = of_monitor(monitor.name, MISSING_RUN, slot, told)
    if incident.alert_id in stored:
        return Change()
    tables.put("alerts", arrow_rows("alerts", [_row(monitor, incident)]))
    return Change((Event("opened", slot, incident),))


def of_monitor(monitor: str, metric: str, at: datetime, row: Row) -> Incident:
    """An incident of the monitor as a whole."""
    key = Key(HEALTH, ALL, ALL, ALL, metric)
    return Incident(
        alert_id(monitor, key, at), key, at, at, None, 1, None, None, None, "critical", row
    )


_NO_ROW: Final[Row] = dict.fromkeys(
    (
        *("value", "threshold", "score", "importance", "reference_value", "n_reference"),
        *("n_production", "reason", "threshold_kind", "window_start"),
    )
)


def _key(row: Row) -> Key:
    return Key(row["signal"], row["reference"], row["segment"], row["feature"], row["metric"])


def incident_of(row: Row) -> Incident:
    """The incident that a row of `alerts` is."""
    return Incident(
        row["alert_id"],
        _key(row),
        row["opened_at"],
        row["last_seen_at"],
        row["closed_at"],
        row["window_count"],
        row["first_value"],
        row["last_value"],
        row["worst_value"],
        row["severity"],
        {
            **_NO_ROW,
            "run_id": row["run_id"],
            "summary": row["message"],
            "threshold": row["threshold"],
        },
        row["acknowledged_at"],
        row["acknowledged_by"],
    )


def _row(monitor: Monitor, incident: Incident) -> dict[str, Any]:
    key = incident.key
    return {
        "alert_id": incident.alert_id,
        "monitor": monitor.name,
        "model": monitor.model,
        "reference": key.reference,
        "signal": key.signal,
        "segment": key.segment,
        "feature": key.feature,
        "metric": key.metric,
        "severity": incident.severity,
        "opened_at": incident.opened_at,
        "last_seen_at": incident.last_seen_at,
        "closed_at": incident.closed_at,
        "window_count": incident.window_count,
        "first_value": incident.first_value,
        "last_value": incident.last_value,
        "worst_value": incident.worst_value,
        "threshold": incident.row["threshold"],
        "message": incident.row["summary"] or incident.row["reason"],
        "acknowledged_at": incident.acknowledged_at,
        "acknowledged_by": incident.acknowledged_by,
        "run_id": incident.row["run_id"],
    }
