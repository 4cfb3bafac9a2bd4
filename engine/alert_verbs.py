"""`alerts` as a function: incidents, what people do about them, and who is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from driftline.engine.calls import ProjectLike, load, masked, several
from driftline.engine.deliver import channels_of, tried
from driftline.engine.errors import ConfigError
from driftline.engine.outbox import Row
from driftline.engine.project import Project
from driftline.engine.results import arrow_listing, utc_now
from driftline.engine.store import store_of
from driftline.engine.yaml_file import nearest

if TYPE_CHECKING:
    import pyarrow as pa


ACTIONS: Final = ("list", "ack", "close", "mute", "mutes", "test", "outbox")


def alerts(
    project: ProjectLike = None,
    action: str = "list",
    *,
    ids: str | Sequence[str] | None = None,
    monitors: str | Sequence[str] | None = None,
    closed: bool = False,
    feature: str | None = None,
    until: str | None = None,
    reason: str | None = None,
    by: str | None = None,
    to: str | Sequence[str] | None = None,
    target: str | None = None,
) -> pa.Table:
    """Look at incidents and do something about them; see who was told.

    Args:
        project: The project file, its folder, or a `Project`.
        action: `list`: incidents, the open ones first and of these the worst. `ack`: somebody has taken
            them on, and no reminders are sent. `close`: over by a person's word. `mute`: tell nobody of
            a feature for a time. `mutes`: what is muted. `test`: send a test to notifications, at once
            and once. `outbox`: the messages that no channel has taken.
        ids: With `ack` and `close`, ids of incidents or what they begin with, 4 letters at least.
        monitors: With `list`, `mute` and `mutes`, names of monitors; None is all.
        closed: With `list`, whether closed incidents are listed, too.
        feature: With `mute`, the feature; `__all__` is everything of a monitor.
        until: With `mute`, a moment, or a duration from now on such as `P7D`.
        reason: With `mute`, why.
        by: With `ack`, `close` and `mute`, who; None is the user of the system.
        to: With `test`, names of notifications; None is all of the project.
        target: One of the file's targets.

    Returns:
        `list`, `ack`, `close`: rows of the table `alerts`, `list` with `muted_until`; `mute`, `mutes`: a
        row a monitor and feature; `test`: a row a notification; `outbox`: a row a message and
        notification, the oldest first.

    Raises:
        ConfigError: When the project or an argument is wrong.
        StoreError: When the results cannot be read or written.
    """
    from driftline.engine import alert_actions as actions

    if action not in ACTIONS:
        raise ConfigError(f"there is no action {action!r}", hint=f"known are {', '.join(ACTIONS)}")
    if to is not None and action != "test":
        raise ConfigError(f"`to` belongs to the action test, not to {action}")
    loaded = load(project, target)
    names = several(monitors)
    with masked(loaded):
        if action == "list":
            found = actions.list_alerts(loaded, names, closed=closed)
            return arrow_listing("alerts", found, "muted_until")
        if action in ("ack", "close"):
            wanted = several(ids)
            if not wanted:
                raise ConfigError(f"`{action}` needs the ids of incidents", hint=_IDS)
            return arrow_listing("alerts", actions.decide(loaded, action, wanted, by=by))
        if action == "mutes":
            return arrow_listing("_mutes", actions.list_mutes(loaded, names))
        if action == "mute":
            if feature is None or until is None or not reason:
                raise ConfigError("`mute` needs a feature, until when, and a reason")
            told = actions.mute(loaded, feature, until=until, reason=reason, monitors=names, by=by)
            return arrow_listing("_mutes", told)
        if action == "test":
            return try_notifications(loaded, several(to))
        return waiting_messages(loaded)


def try_notifications(project: Project, names: Sequence[str] | None = None) -> pa.Table:
    """Send a test to notifications, beside the outbox.

    Args:
        project: The project.
        names: Names of notifications; None is all.

    Returns:
        Columns `channel`, `type`, `sent`, `seconds`, and `reason`: why not, or what else there is to tell.

    Raises:
        ConfigError: When there is none, or none of a name.
    """
    import pyarrow as pa

    kinds = {each.name: each.type for each in project.notifications}
    if not kinds:
        raise ConfigError(
            "the project names nobody to tell",
            hint="add `notifications: [{name: team, type: webhook, url: …}]` to it",
        )
    for name in names or ():
        if name not in kinds:
            raise ConfigError(
                f"no notification is called {name!r}{nearest(name, kinds)}",
                hint=f"the project has {', '.join(kinds)}",
            )
    rows = []
    for channel in channels_of(project):
        if names is None or channel.name in names:
            answer, seconds = tried(channel, project.secrets)
            told = (channel.name, kinds[channel.name], answer.is_taken, seconds, answer.reason)
            rows.append(dict(zip(_TRIED, told, strict=True)))
    types = (pa.string(), pa.string(), pa.bool_(), pa.float64(), pa.string())
    return pa.Table.from_pylist(rows, schema=pa.schema(list(zip(_TRIED, types, strict=True))))


def waiting_messages(project: Project) -> pa.Table:
    """The messages that no channel has taken.

    Args:
        project: The project.

    Returns:
        Columns of `_outbox` but for the body, and `status`: `waiting`, `being sent`, `given up`, or
        `no such notification`, when the project does not name it any more.

    Raises:
        StoreError: When the results cannot be read.
    """
    import pyarrow as pa

    known = {each.name for each in project.notifications}
    rows = [
        {name: getattr(row, name) for name in _LISTED if name != "status"}
        | {"status": _status(row, known)}
        for row in store_of(project).unsent()
    ]
    kinds: dict[str, Any] = dict.fromkeys(_LISTED, pa.string())
    kinds |= dict.fromkeys(("created_at", "next_attempt_at"), pa.timestamp("us"))
    kinds["attempts"] = pa.int64()
    return pa.Table.from_pylist(rows, schema=pa.schema(list(kinds.items())))


def _status(row: Row, known: set[str]) -> str:
    if row.is_given_up:
        return "given up"
    if row.channel not in known:
        return "no such notification"
    is_claimed = row.claimed_until is not None and row.claimed_until > utc_now()
    return "being sent" if is_claimed else "waiting"


_IDS: Final = "`driftline alerts list` has them"
_TRIED: Final = ("channel", "type", "sent", "seconds", "reason")
_LISTED: Final = (
    *("message_id", "channel", "monitor", "event", "status", "created_at", "attempts"),
    *("next_attempt_at", "last_error"),
)
