"""What is printed of monitors that run by themselves: incidents, mutes, notes, messages, history.

Rows and words are laid out as `terminal.py` lays out all others.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from driftline.engine.results import ALL
from driftline.engine.summary import number
from driftline.engine.terminal import (
    EPOCH,
    MOST_FEATURES,
    STYLES,
    Line,
    Row,
    amount_of,
    clean,
    listing,
    on_one_line,
    quantity,
    short,
    span,
    zone_of,
    zones_of,
)

if TYPE_CHECKING:
    from driftline.engine.outcome import MonitorRun
    from driftline.engine.project import Project
    from driftline.engine.tuned import TuneResult
    from driftline.engine.tuning import Tuning


def history(
    out: Console, run: MonitorRun, alerts: Sequence[Row], project: Project | None = None
) -> None:
    """Print what many windows of a monitor came to: how many, and their incidents, closed ones too.

    Args:
        out: Where to.
        run: The backfill of one monitor.
        alerts: Rows of `alerts` of it.
        project: Whose time zones days are told in; None is UTC.
    """
    windows = {(row["window_start"], row["window_end"]) for row in run.metrics}
    over = sum(1 for row in alerts if row["closed_at"] is not None)
    told = [
        quantity(len(windows), "window"),
        *([span(min(windows)[0], max(windows)[1], zone_of(run, project))] if windows else []),
        f"{quantity(over, 'incident')} opened and closed",
        *([f"{len(alerts) - over} open"] if len(alerts) > over else []),
    ]
    title = Text.assemble((f"{clean(run.run['monitor'])}:", "bold"), f" {' · '.join(told)}")
    out.print(title, soft_wrap=True)
    out.print()
    incidents(out, alerts, project)


def tried(out: Console, rows: Sequence[Row]) -> None:
    """Print what `alerts test` tells: a line a notification."""
    lines = [
        Line(
            (
                Text(clean(row["channel"]), style="bold"),
                row["type"],
                Text("sent", style=STYLES["ok"])
                if row["sent"]
                else Text("not sent", style=STYLES["failed"]),
                f"{row['seconds']:.1f} s",
            ),
            (clean(row["reason"]),) if row["reason"] else (),
        )
        for row in rows
    ]
    listing(out, lines, head=("notification", "type", "status", "took", ""))


def incidents(out: Console, rows: Sequence[Row], project: Project | None = None) -> None:
    """Print what `alerts list` tells: a line an incident.

    Args:
        out: Where to.
        rows: Rows of `alerts`.
        project: Whose time zones days are told in; None is UTC.
    """
    if not rows:
        out.print(Text("no incident is open", style="dim"))
        return
    zones = zones_of(project)
    styles = {"warning": "warning", "high": "breached", "critical": "breached"}
    lines = []
    for row in rows:
        where = "" if row["segment"] == ALL else f" in {clean(row['segment'])}"
        about = row["feature"] if row["feature"] != ALL else row["signal"]
        zone = zones.get(row["monitor"], "UTC")
        state = "open" if row["closed_at"] is None else f"closed {_last(row['closed_at'], zone)}"
        if row["closed_at"] is None and row["acknowledged_by"]:
            state = f"taken on by {clean(row['acknowledged_by'])}"
        if row.get("muted_until"):
            state += f", muted until {row['muted_until']:%Y-%m-%d}"
        lines.append(
            Line(
                (
                    Text(row["alert_id"][:8], style="dim"),
                    clean(row["monitor"]),
                    Text(f"{clean(about)}{where}", style="bold"),
                    short(row),
                    Text(row["severity"], style=STYLES[styles[row["severity"]]]),
                    _last(row["opened_at"], zone),
                    state,
                ),
                (_course(row), row["message"] or ""),
            )
        )
    head = ("id", "monitor", "feature", "metric", "severity", "since", "state", "")
    listing(out, lines, head=head)


def _course(row: Row) -> str:
    """What an incident came to, where it is more than a window: `7 windows, worst 0.94`."""
    if (row["window_count"] or 0) < 2:
        return ""
    told = f"{row['window_count']} windows"
    worst = row["worst_value"]
    return told if worst is None else f"{told}, worst {amount_of(row['metric'], worst)}"


def _last(end: datetime, zone: str) -> str:
    """The end of a window, as `span` has it: of one that ends at midnight the day before."""
    there = end.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    if there.time() != EPOCH.time():
        return f"{there.day} {there:%b %Y %H:%M}"
    last = there - timedelta(days=1)
    return f"{last.day} {last:%b %Y}"


def mutes(out: Console, rows: Sequence[Row]) -> None:
    """Print what `alerts mute` and `alerts mutes` tell: a line a monitor and feature."""
    if not rows:
        out.print(Text("nothing is muted", style="dim"))
        return
    lines = [
        Line(
            (
                clean(row["monitor"]),
                Text(clean(row["feature"]), style="bold"),
                f"{row['muted_until']:%Y-%m-%d %H:%M}",
                clean(row["muted_by"]),
            ),
            (clean(row["reason"]),),
        )
        for row in rows
    ]
    listing(out, lines, head=("monitor", "feature", "until (UTC)", "by", ""))


def notes(out: Console, rows: Sequence[Row]) -> None:
    """Print notes: a line each."""
    if not rows:
        out.print(Text("nothing is noted", style="dim"))
        return
    lines = [
        Line(
            (
                f"{row['noted_for']:%Y-%m-%d %H:%M}",
                Text(clean(row["monitor"]), style="bold"),
                clean(row["noted_by"]),
            ),
            (on_one_line(row["note"]),),
        )
        for row in rows
    ]
    listing(out, lines, head=("about (UTC)", "monitor", "by", ""))


def pruned(out: Console, rows: Sequence[Row]) -> None:
    """Print what `prune` tells: a line a monitor and table."""
    if not rows:
        out.print(Text("nothing is that old", style="dim"))
        return
    lines = [
        Line((Text(clean(row["monitor"]), style="bold"), row["table"], f"{row['row_count']:,}"))
        for row in rows
    ]
    listing(out, lines, head=("monitor", "table", "rows"), right=frozenset({2}))


def outbox(out: Console, rows: Sequence[Row]) -> None:
    """Print what `alerts outbox` tells: a line a message and notification."""
    if not rows:
        out.print(Text("nothing waits to be sent", style="dim"))
        return
    lines = [
        Line(
            (
                Text(clean(row["channel"]), style="bold"),
                clean(row["monitor"]),
                row["event"],
                f"{row['created_at']:%Y-%m-%d %H:%M}",
                Text(
                    row["status"],
                    style=STYLES["failed" if "given" in row["status"] else "warning"],
                ),
                str(row["attempts"]),
                "–"
                if row["next_attempt_at"] is None
                else f"{row['next_attempt_at']:%Y-%m-%d %H:%M}",
            ),
            (clean(row["last_error"]),) if row["last_error"] else (),
        )
        for row in rows
    ]
    head = ("notification", "monitor", "event", "made (UTC)", "status", "tried", "next (UTC)", "")
    listing(out, lines, head=head, right=frozenset({5}))


def tuned(
    out: Console, result: TuneResult, rows: Sequence[Row], *, only_incidents: bool = False
) -> None:
    """Print what `tune` found: for each monitor its alerts, a line a threshold, and what they raised."""
    raised = rows if only_incidents else result.incidents().to_pylist()
    for tuning in result.monitors:
        name = tuning.monitor.name
        out.print(Text.assemble((clean(name), "bold"), _history_of(tuning)), soft_wrap=True)
        for note in tuning.notes:
            out.print(Text(f"  note: {clean(note)}", style="yellow"))
        if not only_incidents:
            own = [row for row in rows if row["monitor"] == name]
            lines = [_limit(row) for row in own]
            head = ("metric", "of", "now", "a month", "proposed", "a month", "")
            if lines:
                listing(out, lines, head=head, right=frozenset({3, 5}))
        found = [row for row in raised if row["monitor"] == name]
        _raised(out, found, len(found) if only_incidents else MOST_FEATURES)
    if result.written:
        files = ", ".join(clean(os.path.relpath(file)) for file in result.written)
        out.print(f"written: {files}", soft_wrap=True)


def _history_of(tuning: Tuning) -> str:
    """` · 26 windows to 6 Jul 2026, 6 months · 4.2 alerts a month, 0.83 as proposed (95 %: 0.3 to 1.8)`."""
    if tuning.last is None:
        return ""
    told = f" · {quantity(tuning.window_count, 'window')} to {tuning.last:%Y-%m-%d}"
    now, then = tuning.rate(tuning.alerts_now), tuning.rate(tuning.alerts_then)
    ends = tuning.interval(tuning.alerts_then)
    if now is None or then is None or ends is None:
        return told
    between = f"{number(ends[0])} to {number(ends[1])}"
    return (
        f"{told}, {number(tuning.months)} months · {number(now)} alerts a month,"
        f" {number(then)} as proposed (95 %: {between})"
    )


def _limit(row: Row) -> Line:
    """One limit, now and as proposed."""
    of = row["feature"] if row["feature"] != ALL else row["feature_type"].replace(ALL, "all")
    is_new = row["proposed_threshold"] is not None
    now, then = (
        (row["threshold_text"], row["proposed_text"]) if is_new else (row["threshold_text"], "")
    )
    where = f" ({row['signal']})" if row["signal"] != ALL else ""
    return Line(
        (
            Text(f"{clean(row['metric'])}{clean(where)}", style="bold"),
            of,
            now,
            number(row["incidents_a_month"]),
            Text(clean(then) if is_new else "as it is", style="" if is_new else "dim"),
            number(row["proposed_incidents_a_month"]),
        ),
        (row["note"],) if row["note"] else (),
    )


def _raised(out: Console, rows: Sequence[Row], most: int) -> None:
    """The incidents that thresholds raise now, as proposed, or both."""
    lines = []
    for row in rows[:most]:
        where = "" if row["segment"] == ALL else f" in {row['segment']}"
        about = row["feature"] if row["feature"] != ALL else row["signal"]
        closed = "open" if row["closed_at"] is None else f"{row['closed_at']:%Y-%m-%d}"
        style = {"now": "dim", "proposed": "yellow", "both": ""}[row["raised"]]
        lines.append(
            Line(
                (
                    Text(row["raised"], style=style),
                    f"{row['opened_at']:%Y-%m-%d}",
                    closed,
                    Text(clean(f"{about}{where}"), style="bold"),
                    row["metric"],
                    number(row["worst_value"]),
                )
            )
        )
    if lines:
        head = ("raised", "opened", "closed", "feature", "metric", "worst")
        listing(out, lines, head=head, right=frozenset({5}))
    if len(rows) > most:
        out.print(f"  and {len(rows) - most} more (--incidents)", soft_wrap=True)
