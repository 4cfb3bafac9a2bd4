"""The outbox: messages beside the results that they are about, until their channels have taken them.

A message gets into the table `_outbox` in the transaction that stores what it tells of, so that neither
is there without the other. What is to be sent, and when again, is decided here, without sending.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from driftline.engine.interpolate import mask
from driftline.engine.messages import Message
from driftline.engine.place import Tables
from driftline.engine.results import arrow_rows

TABLE: Final = "_outbox"

FIRST_PAUSE: Final = timedelta(minutes=1)
"""How long after the first failure a message is tried again; each further pause is twice as long."""

LONGEST_PAUSE: Final = timedelta(hours=6)

GIVEN_UP_AFTER: Final = timedelta(days=7)
"""How old a message may be that is tried again."""

# names in one list of a statement
_AT_ONCE: Final = 500

# what there is to know of a row but for its body
_HEAD: Final = "message_id, channel, monitor, event, '' as body, created_at, attempts," + (
    " next_attempt_at, claimed_until, sent_at, last_error"
)
_CHANGES: Final = ("attempts", "next_attempt_at", "claimed_until", "sent_at", "last_error")


@dataclass(frozen=True)
class Row:
    """A row of `_outbox`: a message on its way to one channel.

    Attributes:
        message_id: The message's idempotency key.
        channel: Name of the notification.
        monitor: Name of the monitor.
        event: What happened.
        body: The message as JSON, without secrets.
        created_at: When it was made; naive UTC, as all times here.
        attempts: How often it was tried to be sent.
        next_attempt_at: It is not tried before; None when it is not tried again.
        claimed_until: Until then someone is sending it.
        sent_at: When the channel took it.
        last_error: Why it failed the last time, without secrets.
    """

    message_id: str
    channel: str
    monitor: str
    event: str
    body: str
    created_at: datetime
    attempts: int = 0
    next_attempt_at: datetime | None = None
    claimed_until: datetime | None = None
    sent_at: datetime | None = None
    last_error: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What identifies it."""
        return self.message_id, self.channel

    @property
    def message(self) -> Message:
        """The message."""
        return Message.from_json(self.body)

    @property
    def is_given_up(self) -> bool:
        """Whether it was not sent and is not tried again."""
        return self.sent_at is None and self.next_attempt_at is None


def rows_of(
    messages: Iterable[Message],
    channels: Iterable[str],
    secrets: frozenset[str] = frozenset(),
) -> list[Row]:
    """Each message as a row for each channel, to be sent at once.

    Args:
        messages: What there is to tell, in the order in which it is to be told: those of one monitor that
            were made at the same time are set apart by a microsecond.
        channels: Names of notifications, each once.
        secrets: Text that must not be stored; it becomes `****`.
    """
    names = tuple(dict.fromkeys(channels))
    rows: list[Row] = []
    last: dict[str, datetime] = {}
    for message in messages:
        hidden = _masked(message, secrets)
        at = hidden.created_at
        if hidden.monitor in last:
            at = max(at, last[hidden.monitor] + timedelta(microseconds=1))
        last[hidden.monitor] = at
        body = hidden.to_json()
        rows += [
            Row(
                message_id=hidden.id,
                channel=name,
                monitor=hidden.monitor,
                event=hidden.event,
                body=body,
                created_at=at,
                next_attempt_at=at,
            )
            for name in names
        ]
    return rows


def add(tables: Tables, rows: Sequence[Row]) -> int:
    """Put rows into the outbox whose keys are not there yet, inside the caller's transaction.

    Args:
        tables: What is there, opened for writing.
        rows: What to add.

    Returns:
        How many were added.
    """
    given = {row.key: row for row in reversed(rows)}
    there = _bodies(tables, {key[0] for key in given})
    new = [row for key, row in given.items() if key not in there]
    tables.put(TABLE, arrow_rows(TABLE, [asdict(row) for row in new]))
    return len(new)


def unsent(tables: Tables) -> list[Row]:
    """Rows that no channel has taken, those that were given up too, the oldest first; without bodies."""
    if TABLE not in tables.named("table"):
        return []
    found = tables.fetch(f"select {_HEAD} from {TABLE} where sent_at is null").to_pylist()
    return sorted((Row(**row) for row in found), key=lambda row: (row.created_at, *row.key))


def change(tables: Tables, decide: Callable[[Sequence[Row]], Sequence[Row]]) -> list[Row]:
    """Change rows that no channel has taken, inside the caller's transaction.

    Args:
        tables: What is there, opened for writing.
        decide: Gives rows of those of `unsent` as they are to be.

    Returns:
        The rows that were changed, with bodies.
    """
    changed = decide(unsent(tables))
    if not changed:
        return []
    rows = arrow_rows(TABLE, [asdict(row) for row in changed])
    tables.update(TABLE, rows, same=("message_id", "channel"), columns=_CHANGES)
    bodies = _bodies(tables, {row.message_id for row in changed})
    return [replace(row, body=bodies[row.key]) for row in changed]


def next_up(
    rows: Sequence[Row], channels: Collection[str], now: datetime, hold: timedelta
) -> Row | None:
    """The next row to send, claimed; None where none is due.

    Of the messages of one monitor to one channel the oldest goes first, and the others wait for it.

    Args:
        rows: Those of `unsent`.
        channels: Names of the notifications that may be sent to.
        now: Naive UTC.
        hold: For how long nobody else sends it.
    """
    first: dict[tuple[str, str], Row] = {}
    for row in rows:
        if not row.is_given_up:
            first.setdefault((row.monitor, row.channel), row)
    due = [
        (row.next_attempt_at, row.created_at, row.key, row)
        for row in first.values()
        if row.channel in channels
        and row.next_attempt_at is not None
        and row.next_attempt_at <= now
        and (row.claimed_until is None or row.claimed_until <= now)
    ]
    # those that failed go behind those that were not tried since
    return replace(min(due)[-1], claimed_until=now + hold) if due else None


def taken(row: Row, now: datetime, reason: str | None = None) -> Row:
    """A row that its channel has taken; `reason` is what there is to tell all the same."""
    return replace(
        row,
        attempts=row.attempts + 1,
        next_attempt_at=None,
        claimed_until=None,
        sent_at=now,
        last_error=reason,
    )


def failed(row: Row, now: datetime, reason: str, after: timedelta | None = None) -> Row:
    """A row that could not be sent: when it is tried again, if it is.

    Args:
        row: The row.
        now: Naive UTC.
        reason: Why, without secrets.
        after: How long its channel asks to wait; the longest pause at most.
    """
    pause = min(FIRST_PAUSE * 2 ** min(row.attempts, 16), LONGEST_PAUSE)
    if after is not None:
        pause = min(max(pause, after), LONGEST_PAUSE)
    is_over = now - row.created_at >= GIVEN_UP_AFTER
    return replace(
        row,
        attempts=row.attempts + 1,
        next_attempt_at=None if is_over else now + pause,
        claimed_until=None,
        last_error=reason,
    )


def _bodies(tables: Tables, ids: Collection[str]) -> dict[tuple[str, str], str]:
    """Bodies by the keys of rows; with the keys of all rows of these messages."""
    wanted = sorted(ids)
    found: dict[tuple[str, str], str] = {}
    for at in range(0, len(wanted), _AT_ONCE):
        rows = tables.fetch(
            f"select message_id, channel, body from {TABLE} where message_id in $ids",
            {"ids": wanted[at : at + _AT_ONCE]},
        ).to_pylist()
        found |= {(row["message_id"], row["channel"]): row["body"] for row in rows}
    return found


def _masked(message: Message, secrets: frozenset[str]) -> Message:
    """The message without secrets; what is hidden before it is JSON is hidden however that spells it."""

    def hidden(value: Any) -> Any:
        if isinstance(value, str):
            return mask(value, secrets)
        if isinstance(value, Mapping):
            return {name: hidden(each) for name, each in value.items()}
        return value

    return replace(
        message,
        title=hidden(message.title),
        text=hidden(message.text),
        command=hidden(message.command),
        links=hidden(message.links),
        incidents=tuple(hidden(each) for each in message.incidents),
    )
