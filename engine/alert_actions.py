"""What people do about incidents: look, take them on, close them, and mute what they know of."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from driftline.engine.errors import ConfigError
from driftline.engine.place import Tables
from driftline.engine.project import Monitor, Project
from driftline.engine.results import ALL, arrow_rows, naive_utc, utc_now
from driftline.engine.run import republished
from driftline.engine.selection import choose_monitors
from driftline.engine.store import store_of
from driftline.engine.times import parse_duration, parse_instant
from driftline.engine.windows import add

Row = dict[str, Any]

_SHORTEST_ID: Final = 4
_WORST_FIRST: Final = "case severity when 'critical' then 0 when 'high' then 1 else 2 end"


def list_alerts(
    project: Project,
    monitors: Sequence[str] | None = None,
    *,
    closed: bool = False,
    now: datetime | None = None,
) -> list[Row]:
    """Incidents, the open ones first and of these the worst.

    Args:
        project: The project.
        monitors: Names; None is all.
        closed: Whether those that are closed are listed, too.
        now: Naive UTC; mutes end by it. None reads the clock.

    Returns:
        The columns of `alerts`, and `muted_until` (naive UTC; None where messages are sent).

    Raises:
        ConfigError: For an unknown monitor.
        StoreError: When there are no results.
    """
    names = [monitor.name for monitor in choose_monitors(project, monitors)]
    among = "" if closed else " and closed_at is null"
    with store_of(project).reading() as tables:
        rows = tables.fetch(
            f"select * from alerts where monitor in $names{among}"
            f" order by closed_at desc nulls first, {_WORST_FIRST}, monitor, signal, feature,"
            " metric, segment, opened_at",
            {"names": names},
        ).to_pylist()
        muted = _mutes(tables, now or utc_now())
    return [
        {
            **row,
            "muted_until": max(
                (
                    until
                    for feature in (row["feature"], ALL)
                    if (until := muted.get((row["monitor"], feature))) is not None
                ),
                default=None,
            ),
        }
        for row in rows
    ]


def list_mutes(project: Project, monitors: Sequence[str] | None = None) -> list[Row]:
    """What is muted: monitor, feature (`__all__` is everything), muted_until, reason, muted_at, muted_by.

    Raises:
        ConfigError: For an unknown monitor.
        StoreError: When there are no results.
    """
    names = [monitor.name for monitor in choose_monitors(project, monitors)]
    with store_of(project).reading() as tables:
        if "_mutes" not in tables.named("table"):
            return []
        found = tables.fetch(
            "select * from _mutes where monitor in $names and muted_until > $now"
            " order by monitor, feature",
            {"names": names, "now": utc_now()},
        )
    return list(found.to_pylist())


def decide(
    project: Project,
    action: str,
    ids: Sequence[str],
    *,
    by: str | None = None,
    now: datetime | None = None,
) -> list[Row]:
    """Take incidents on, or close them.

    Args:
        project: The project.
        action: `ack`: no reminders any more. `close`: over by a person's word; a window beyond the
            threshold later opens another.
        ids: Ids of open incidents, or what they begin with.
        by: Who; None is the user of the system.
        now: Naive UTC; None reads the clock.

    Returns:
        Their rows of `alerts` as they are now.

    Raises:
        ConfigError: When an id begins none of the open incidents, or several.
        StoreError: When there are no results, or they cannot be written.
    """
    moment, who = now or utc_now(), by or user()
    store = store_of(project)
    with store.changing() as tables:
        open_ = tables.fetch("select * from alerts where closed_at is null").to_pylist()
        rows = [_the_one(open_, number) for number in ids]
        ends = {
            row["monitor"]: row["window_end"]
            for row in tables.fetch(
                "select monitor, max(window_end) as window_end from metrics group by monitor"
            ).to_pylist()
        }
        decisions = []
        changed: list[Row] = []
        for row in rows:
            end = max(ends.get(row["monitor"], row["last_seen_at"]), row["last_seen_at"])
            decisions.append(
                {
                    "alert_id": row["alert_id"],
                    "action": action,
                    "monitor": row["monitor"],
                    "window_end": end,
                    "decided_at": moment,
                    "decided_by": who,
                }
            )
            said = (
                {"closed_at": end}
                if action == "close"
                else {"acknowledged_at": moment, "acknowledged_by": who}
            )
            changed.append({**row, **said})
        tables.put("_decisions", arrow_rows("_decisions", decisions))
        tables.put("alerts", arrow_rows("alerts", changed))
    republished(project)
    return changed


def mute(
    project: Project,
    feature: str,
    *,
    until: str,
    reason: str,
    monitors: Sequence[str] | None = None,
    by: str | None = None,
    now: datetime | None = None,
) -> list[Row]:
    """Tell nobody of a feature's incidents for a time; they are kept all the same.

    Args:
        project: The project.
        feature: The feature; `__all__` is all of the monitor.
        until: A moment, or a duration from now on; one that is past ends the mute.
        reason: Why.
        monitors: Names; None is all that have results of the feature.
        by: Who; None is the user of the system.
        now: Naive UTC; None reads the clock.

    Returns:
        The rows of `_mutes` that were written.

    Raises:
        ConfigError: For an unknown monitor, a feature that none of them has, or an unreadable `until`.
        StoreError: When there are no results, or they cannot be written.
    """
    chosen, moment, who = choose_monitors(project, monitors), now or utc_now(), by or user()
    ends = {each.name: _until(until, each, moment) for each in chosen}
    store = store_of(project)
    with store.changing() as tables:
        known = tables.fetch(
            "select monitor from metrics where feature = $feature group by monitor",
            {"feature": feature},
        ).to_pylist()
        there = {row["monitor"] for row in known}
        names = [each.name for each in chosen if feature == ALL or each.name in there]
        if not names:
            told = ", ".join(each.name for each in chosen)
            raise ConfigError(
                f"no results of {told} have a feature {feature!r}",
                hint="`driftline ls features` lists them",
            )
        rows = [
            {
                "monitor": name,
                "feature": feature,
                "muted_until": ends[name],
                "reason": reason,
                "muted_at": moment,
                "muted_by": who,
            }
            for name in names
        ]
        tables.put("_mutes", arrow_rows("_mutes", rows))
    return rows


def user() -> str:
    """Who is at it, as the system knows."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _the_one(rows: Sequence[Row], number: str) -> Row:
    found = [row for row in rows if row["alert_id"].startswith(number)]
    if len(number) >= _SHORTEST_ID and len(found) == 1:
        return found[0]
    what = "several open incidents begin" if len(found) > 1 else "no open incident begins"
    if len(number) < _SHORTEST_ID:
        what = f"{_SHORTEST_ID} letters of an id are the least, and none are called"
    raise ConfigError(f"{what} with {number!r}", hint="`driftline alerts list` has their ids")


def _until(text: str, monitor: Monitor, now: datetime) -> datetime:
    try:
        if text.startswith("P"):
            aware = add(now.replace(tzinfo=UTC), parse_duration(text), monitor.time_zone)
        else:
            aware = parse_instant(text, monitor.time_zone)
    except ValueError as error:
        raise ConfigError(f"until: {error}", hint="or say how long, as in P7D") from None
    return naive_utc(aware)


def _mutes(tables: Tables, now: datetime) -> Mapping[tuple[str, str], datetime]:
    if "_mutes" not in tables.named("table"):
        return {}
    rows = tables.fetch(
        "select monitor, feature, muted_until from _mutes where muted_until > $now", {"now": now}
    ).to_pylist()
    return {(row["monitor"], row["feature"]): row["muted_until"] for row in rows}
