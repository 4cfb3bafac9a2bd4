"""What users call about messages: trying notifications, and what waits to be sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from driftline.engine.calls import ProjectLike, load, masked
from driftline.engine.deliver import channels_of, tried, utc_now
from driftline.engine.errors import ConfigError
from driftline.engine.outbox import Row
from driftline.engine.project import Project
from driftline.engine.store import store_of
from driftline.engine.yaml_file import nearest

if TYPE_CHECKING:
    import pyarrow as pa


def alerts(
    project: ProjectLike = None,
    action: str = "outbox",
    *,
    to: str | Sequence[str] | None = None,
    target: str | None = None,
) -> pa.Table:
    """Try the notifications of a project, or list the messages that wait to be sent.

    Args:
        project: The project file, its folder, or a `Project`.
        action: `test` sends a test to notifications, at once and once, and tells what they say; `outbox`
            lists the messages that no channel has taken.
        to: With `test`, names of notifications; None is all of the project.
        target: One of the file's targets.

    Returns:
        `test`: a row a notification; `outbox`: a row a message and notification, the oldest first.

    Raises:
        ConfigError: When the project or an argument is wrong.
        StoreError: When the results cannot be read.
    """
    if action not in ACTIONS:
        raise ConfigError(
            f"there is no action {action!r}", hint=f"known are {', '.join(sorted(ACTIONS))}"
        )
    if to is not None and action != "test":
        raise ConfigError(f"`to` belongs to the action test, not to {action}")
    loaded = load(project, target)
    names = [to] if isinstance(to, str) else to
    with masked(loaded):
        return ACTIONS[action](loaded, names)


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


def waiting_messages(project: Project, names: Sequence[str] | None = None) -> pa.Table:
    """The messages that no channel has taken.

    Args:
        project: The project.
        names: Not used: all of them.

    Returns:
        Columns of `_outbox` but for the body, and `status`: `waiting`, `being sent`, `given up`, or
        `no such notification`, when the project does not name it any more.

    Raises:
        StoreError: When the results cannot be read.
    """
    import pyarrow as pa

    del names
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


_TRIED: Final = ("channel", "type", "sent", "seconds", "reason")
_LISTED: Final = (
    *("message_id", "channel", "monitor", "event", "status", "created_at", "attempts"),
    *("next_attempt_at", "last_error"),
)
ACTIONS: Final[Mapping[str, Callable[[Project, Sequence[str] | None], pa.Table]]] = {
    "test": try_notifications,
    "outbox": waiting_messages,
}
