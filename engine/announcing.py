"""From what happened to incidents to the one message that tells of it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from shlex import quote
from typing import Any, Final, get_args
from urllib.parse import quote as url_quote

from driftline.engine.alerting import Change
from driftline.engine.incidents import (
    ERROR,
    FAILED_RUN,
    MISSING_RUN,
    NO_ROWS,
    STALE,
    Event,
    EventKind,
    Incident,
    importance_first,
)
from driftline.engine.messages import Message
from driftline.engine.project import LINK_WORDS, Monitor
from driftline.engine.results import ALL
from driftline.engine.summary import number
from driftline.engine.windows import window_date

Row = Mapping[str, Any]

MOST_NAMED: Final = 20
_LEADING: Final[tuple[EventKind, ...]] = get_args(EventKind)
_TITLES: Final[Mapping[EventKind, tuple[str, str]]] = {
    "opened": ("opened", "opened"),
    "worsened": ("is worse", "are worse"),
    "reminder": ("is still open", "are still open"),
    "closed": ("closed", "closed"),
}
_HEALTH: Final = {
    ERROR: "could not be computed",
    NO_ROWS: "no rows",
    STALE: "stale data",
    FAILED_RUN: "the run failed",
    MISSING_RUN: "a scheduled run is missing",
}


def message_of(
    monitor: Monitor, change: Change, run_id: str, *, now: datetime, rows: int | None = None
) -> Message | None:
    """The message that tells of a run; None where there is nothing to tell.

    Args:
        monitor: The monitor.
        change: What happened to its incidents.
        run_id: The run that found out.
        now: Naive UTC.
        rows: Rows of the window; None where they were not counted.
    """
    if not change.news:
        return None
    name = monitor.name
    keys = sorted("\x1f".join((*e.key[:2], e.key[2].isoformat())) for e in change.news)
    message_id = hashlib.sha256("\x1e".join((name, *keys)).encode()).hexdigest()[:32]
    by_kind = {
        kind: found
        for kind in _LEADING
        if (found := [event.incident for event in change.news if event.kind == kind])
    }
    newest = max(change.news, key=lambda event: event.window_end)
    window = (newest.incident.row.get("window_start"), newest.window_end)
    links = links_of(monitor, window, run_id)
    command = f"driftline show {quote(name)}"
    worst = [e.incident for e in change.news if e.kind != "closed"]
    return Message(
        id=message_id,
        event=next(iter(by_kind)),
        monitor=name,
        model=monitor.model,
        owner=monitor.owner,
        severity=max((each.severity for each in worst), key=_rank, default=None),
        window_start=window[0],
        window_end=window[1],
        title=_title(name, by_kind),
        text="\n".join(_text(monitor, by_kind, window, rows, links, command)),
        incidents=tuple(_told(event) for event in change.news),
        links=links,
        command=command,
        created_at=now,
    )


def _rank(severity: str) -> int:
    return ("warning", "high", "critical").index(severity)


def _title(monitor: str, by_kind: Mapping[EventKind, Sequence[Incident]]) -> str:
    """`churn: 2 incidents opened, 1 closed`."""
    parts: list[str] = []
    for kind, found in by_kind.items():
        noun = "incident " if len(found) == 1 else "incidents "
        word = _TITLES[kind][len(found) > 1]
        parts.append(f"{len(found)} {'' if parts else noun}{word}")
    return f"{monitor}: {', '.join(parts)}"


def _text(
    monitor: Monitor,
    by_kind: Mapping[EventKind, Sequence[Incident]],
    window: tuple[datetime | None, datetime],
    rows: int | None,
    links: Mapping[str, str],
    command: str,
) -> Iterable[str]:
    start, end = window
    until = window_date(end)
    when = f"{until}" if start is None or start.date() == until else f"{start.date()} to {until}"
    counted = "" if rows is None else f" · {number(rows)} rows"
    yield f"{monitor.name} · {when}{counted}"
    if monitor.description:
        yield monitor.description
    for kind, found in by_kind.items():
        yield ""
        yield f"{kind.capitalize()}:"
        ranked = _ranked(found)
        for each in ranked[:MOST_NAMED]:
            yield f"- {line(each, is_closed=kind == 'closed')}"
        if len(ranked) > MOST_NAMED:
            yield f"- and {len(ranked) - MOST_NAMED} more"
    yield ""
    yield f"More: {command}"
    for name, address in links.items():
        yield f"{name.capitalize()}: {address}"


def _ranked(incidents: Sequence[Incident]) -> list[Incident]:
    """What is wrong with watching first, then by importance times score."""
    by_row = {id(each.row): each for each in incidents}
    rest = importance_first(each.row for each in incidents if not each.key.is_health)
    health = sorted((each for each in incidents if each.key.is_health), key=lambda e: e.key)
    return [*health, *(by_row[id(row)] for row in rest)]


def line(incident: Incident, *, is_closed: bool = False) -> str:
    """One incident in a line: what, how far, against which reference, and what moved."""
    key, row = incident.key, incident.row
    about = key.feature if key.feature != ALL else key.signal
    where = "" if key.segment == ALL else f" in {key.segment}"
    if key.is_health:
        what = _HEALTH[key.metric]
        about = "" if key.feature == ALL else f"{key.feature}: "
        reason = row.get("reason") or row.get("summary") or ""
        told = f"{about}{what}{where}{f' ({reason})' if reason else ''}"
        return told if not is_closed else f"{told}: over after {incident.window_count} windows"
    against = "" if key.reference == ALL else f", against {key.reference}"
    if is_closed:
        since = f"{incident.opened_at:%Y-%m-%d %H:%M}"
        count = incident.window_count
        windows = "1 window" if count == 1 else f"{count} windows"
        return (
            f"{about}{where}: {key.metric} is back within its threshold ({windows}, since {since})"
        )
    value, threshold = number(incident.last_value), number(row.get("threshold"))
    sign = "<" if row.get("threshold_kind") in ("min", "decrease") else ">"
    summary = row.get("summary")
    told = f"{about}{where}: {key.metric} {value} {sign} {threshold} ({incident.severity}){against}"
    return f"{told}: {summary}" if summary else told


def links_of(
    monitor: Monitor, window: tuple[datetime | None, datetime], run_id: str
) -> dict[str, str]:
    """The monitor's addresses, filled in; what is filled in is escaped as a part of an address."""
    start, end = window
    values = (
        monitor.name,
        str(window_date(end)),
        "" if start is None else start.isoformat(),
        end.isoformat(),
        run_id,
    )
    safe = {w: url_quote(v, safe="") for w, v in zip(LINK_WORDS, values, strict=True)}
    return {name: template.format_map(safe) for name, template in monitor.links.items()}


def _told(event: Event) -> dict[str, object]:
    """An incident as the document of a message has it."""
    incident, key = event.incident, event.incident.key
    return {
        "alert_id": incident.alert_id,
        "event": event.kind,
        "signal": key.signal,
        "reference": key.reference,
        "segment": key.segment,
        "feature": key.feature,
        "metric": key.metric,
        "severity": incident.severity,
        "opened_at": _iso(incident.opened_at),
        "last_seen_at": _iso(incident.last_seen_at),
        "closed_at": _iso(incident.closed_at),
        "window_count": incident.window_count,
        "value": incident.last_value,
        "threshold": incident.row.get("threshold"),
        "score": incident.row.get("score"),
        "importance": incident.row.get("importance"),
        "n_reference": incident.row.get("n_reference"),
        "n_production": incident.row.get("n_production"),
        "summary": incident.row.get("summary"),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.replace(tzinfo=UTC).isoformat()
