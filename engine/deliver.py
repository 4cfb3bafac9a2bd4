"""What the outbox holds goes to its channels: at least once, in order, and never for long."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from driftline.engine.channels import Answer, Channel, channel_of, no_answer, shown
from driftline.engine.messages import Message
from driftline.engine.outbox import Row, failed, next_up, rows_of, taken
from driftline.engine.results import utc_now

if TYPE_CHECKING:
    from driftline.engine.project import Project
    from driftline.engine.store import Store

# What a sender has to note what became of a message, beside the time that its channel and the store take.
_MARGIN: Final = timedelta(seconds=60)


@dataclass(frozen=True)
class Delivery:
    """What became of the messages in an outbox.

    Attributes:
        sent: Those that their channels took, in order; `last_error` is set where not everyone has them.
        waiting: Those that are still to be sent, without bodies.
        failed: Those that were given up, without bodies.
        unknown: Channels that messages wait for and the project does not name.
    """

    sent: tuple[Row, ...] = ()
    waiting: tuple[Row, ...] = ()
    failed: tuple[Row, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What someone should look at, a sentence each; without secrets."""
        found = [
            f"{row.channel} took the message on {row.monitor}, but {row.last_error}"
            for row in self.sent
            if row.last_error is not None
        ]
        found += [
            f"{row.channel}: a message on {row.monitor} of {_minute(row.created_at)} was given up"
            f" after {row.attempts} attempt{'s' * (row.attempts > 1)}: {row.last_error}"
            for row in self.failed
        ]
        counts = Counter(row.channel for row in self.waiting)
        for name, count in counts.items():
            what = "1 message waits" if count == 1 else f"{count} messages wait"
            tried = [
                row for row in self.waiting if row.channel == name and row.last_error is not None
            ]
            if name in self.unknown:
                found.append(f"{name}: {what}, and no notification of the project has this name")
            elif tried:
                again = min(row.next_attempt_at for row in tried if row.next_attempt_at is not None)
                reason = tried[-1].last_error
                found.append(f"{name}: {what}, tried again after {_minute(again)} UTC: {reason}")
        return tuple(found)


def channels_of(project: Project) -> tuple[Channel, ...]:
    """The channels that a project's notifications describe."""
    return tuple(channel_of(each) for each in project.notifications)


def deliver(
    project: Project,
    store: Store,
    *,
    now: Callable[[], datetime] = utc_now,
    channels: Iterable[Channel] | None = None,
) -> Delivery:
    """Send what is due, the oldest first; note what became of each message in a short transaction.

    A message is claimed before it is sent, so that nobody else sends it meanwhile. One that fails is tried
    again later, and later still, until it is given up; those of the same monitor to the same channel wait
    for it. A channel that does not answer is not asked again this time, and one that refuses is asked for
    as long as its timeout in all.

    Args:
        project: Whose notifications the channels are.
        store: Its results.
        now: Naive UTC.
        channels: The channels; None takes those of the project.

    Raises:
        StoreError: When the results cannot be read or written. Of what was sent and not noted, the same
            is sent again, with the same key.
    """
    known = {each.name: each for each in (channels_of(project) if channels is None else channels)}
    rows = store.unsent()
    turn = _Turn(project.secrets, known, now)
    hold = timedelta(seconds=turn.longest + store.wait_seconds) + _MARGIN
    if next_up(rows, turn.open, now(), hold) is not None:
        while True:
            changed = store.change_outbox(lambda rows: turn.decide(rows, hold))
            claimed = next((row for row in changed if row.claimed_until is not None), None)
            if claimed is None:
                break
            turn.send(claimed)
        rows = store.unsent()
    waiting = tuple(row for row in rows if not row.is_given_up)
    names = dict.fromkeys(row.channel for row in waiting if row.channel not in known)
    return Delivery(tuple(turn.sent), waiting, tuple(turn.failed), tuple(names))


class _Turn:
    """One call of `deliver`: which channels are asked, and what the last one said."""

    def __init__(
        self, secrets: frozenset[str], channels: Mapping[str, Channel], now: Callable[[], datetime]
    ) -> None:
        self._secrets = secrets
        self._now = now
        # seconds that each may still refuse for
        self._left = {name: channel.timeout for name, channel in channels.items()}
        self.open = dict(channels)
        self.longest = max(self._left.values(), default=0.0)
        self._said: tuple[Row, Answer] | None = None
        self.sent: list[Row] = []
        self.failed: list[Row] = []

    def decide(self, rows: Sequence[Row], hold: timedelta) -> list[Row]:
        """The row that was sent last as it is to be, and the next one, claimed."""
        now = self._now()
        settled = self._settled(rows, now)
        rest = {row.key: row for row in rows} | {row.key: row for row in settled}
        still = [row for row in rest.values() if row.sent_at is None]
        following = next_up(still, self.open, now, hold)
        return [*settled, *([] if following is None else [following])]

    def _settled(self, rows: Sequence[Row], now: datetime) -> list[Row]:
        if self._said is None:
            return []
        (mine, answer), self._said = self._said, None
        there = next((row for row in rows if row.key == mine.key), None)
        if answer.is_taken:
            done = taken(mine, now, answer.reason)
            self.sent.append(done)
            return [] if there is None else [done]
        if there is None or there.claimed_until != mine.claimed_until:
            # whoever has it now, or sent it, took too long a silence for a crash
            return []
        done = failed(mine, now, answer.reason or "", answer.after)
        if done.is_given_up:
            self.failed.append(done)
        return [done]

    def send(self, row: Row) -> None:
        """Send a row, and remember what its channel said."""
        channel = self.open[row.channel]
        started = time.monotonic()
        answer = _within(channel.timeout, channel, row)
        if not answer.is_taken:
            self._left[channel.name] -= time.monotonic() - started
            if not answer.is_reached or self._left[channel.name] <= 0:
                del self.open[channel.name]
        reason = shown(answer.reason, self._secrets | channel.secrets)
        self._said = row, Answer(answer.is_taken, reason, after=answer.after)


def _within(seconds: float, channel: Channel, row: Row) -> Answer:
    """What a channel says in so many seconds, however it spends them."""
    found: list[Answer] = []

    def ask() -> None:
        try:
            found.append(channel.send(row.message, row.body))
        except Exception as error:  # noqa: BLE001 - of a service's plugin, too
            told = f"could not be sent ({type(error).__name__})"
            found.append(Answer(False, told, is_refusal=True))

    # a thread that is left behind keeps nobody from ending
    thread = threading.Thread(target=ask, name=f"driftline to {channel.name}", daemon=True)
    thread.start()
    thread.join(seconds)
    late = Answer(False, no_answer(seconds), is_reached=False)
    return found[0] if found else late


def tried(
    channel: Channel, secrets: frozenset[str] = frozenset(), now: Callable[[], datetime] = utc_now
) -> tuple[Answer, float]:
    """What a channel says to a test, beside the outbox, and after how many seconds.

    Args:
        channel: The channel.
        secrets: What must not be in the answer, beside its own.
        now: Naive UTC.
    """
    started = time.monotonic()
    (row,) = rows_of([trial_of(channel.name, now())], [channel.name], secrets)
    answer = _within(channel.timeout, channel, row)
    reason = shown(answer.reason, secrets | channel.secrets)
    return replace(answer, reason=reason), time.monotonic() - started


def trial_of(name: str, now: datetime) -> Message:
    """The message that tries a channel.

    Args:
        name: Of the notification.
        now: Naive UTC.
    """
    return Message(
        id=f"test-{name}-{now:%Y%m%d%H%M%S%f}",
        event="test",
        monitor="test",
        model=None,
        owner=None,
        severity=None,
        window_start=None,
        window_end=None,
        title=f"Driftline: a test of {name}",
        text=f"This is a test of the notification {name}. Nothing is wrong.",
        incidents=(),
        links={},
        command=f"driftline alerts test --to {name}",
        created_at=now,
    )


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"
