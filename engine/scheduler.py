"""Runs monitors when they are due: every slot once, and after an outage what was missed.

A slot is taken on in the table `_slots` and finished in the very transaction that stores its results: who
is killed in between leaves a slot that the next one takes on.

What runs is imported once something is due: a call from cron finds nothing most of the time.
"""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from driftline.engine.errors import ConfigError, DriftlineError, StoreError
from driftline.engine.outcome import MonitorRun, RunResult
from driftline.engine.place import Tables
from driftline.engine.project import Monitor, Project
from driftline.engine.results import arrow_rows, naive_utc
from driftline.engine.selection import choose_monitors
from driftline.engine.slots import due, missed, next_slot
from driftline.engine.store import Store, store_of

if TYPE_CHECKING:
    from driftline.engine.run import Progress, Tools
    from driftline.engine.warehouses.base import Warehouse

LEASE: Final = timedelta(minutes=10)
"""How long a slot is held by someone who gives no sign; who holds it says so three times as often."""

FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)
"""A run that failed is made again after these: twice as long each time."""

_LONGEST_SLEEP: Final = 30.0


class Clock(Protocol):
    """What time it is, and waiting."""

    def now(self) -> datetime:
        """An aware datetime."""
        ...

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Return after so long, or once it is to stop."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """The time, aware."""
        return datetime.now(UTC)

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Return after so long, or once it is to stop, or to look whether a pause is over."""
        stop.wait(min(seconds, _LONGEST_SLEEP))


def holder_name() -> str:
    """What this scheduler is called in `_slots`: where it runs, its process, and which of those."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


@dataclass
class Scheduler:
    """Runs what is due of a project's monitors.

    Attributes:
        project: The project.
        monitors: Those that have a schedule.
        clock: What time it is.
        progress: Called with the monitor's name and a few words as each step begins.
        stop: Set to end after what is being stored.
        told: Called with what each round found.
        holder: What it is called.
        beat: Called with the time whenever it looks at what is due.
    """

    project: Project
    monitors: Sequence[Monitor]
    clock: Clock = field(default_factory=SystemClock)
    progress: Progress | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    told: Callable[[RunResult], None] = lambda _: None
    holder: str = field(default_factory=holder_name)
    beat: Callable[[datetime], None] = lambda _: None
    # the newest moment of each monitor that is run no more, until that is told
    _lost: dict[str, datetime] = field(default_factory=dict)
    _reprocessed: list[MonitorRun] = field(default_factory=list)

    @classmethod
    def of(cls, project: Project, monitors: Sequence[str] | None = None, **given: Any) -> Scheduler:
        """A scheduler of monitors by name; None is all that have a schedule.

        Raises:
            ConfigError: For an unknown monitor, or where none has a schedule.
        """
        chosen = choose_monitors(project, monitors)
        timed = [monitor for monitor in chosen if monitor.schedule is not None]
        if not timed:
            names = ", ".join(monitor.name for monitor in chosen)
            raise ConfigError(
                f"no schedule is given for {names}",
                hint='give one in the project file: `schedule: "0 6 * * *"` or `{every: P1D}`',
            )
        return cls(project, timed, **given)

    def once(self) -> RunResult:
        """Run all that is due, the oldest slots first, and return."""
        found: list[MonitorRun] = []
        error: DriftlineError | None = None
        failed: set[str] = set()
        while not self.stop.is_set():
            waiting = {
                name: moments[0] for name, moments in self.due().items() if name not in failed
            }
            # once what is due could be read
            self.beat(self.clock.now())
            if not waiting:
                break
            result = self._round(waiting)
            ran = {each.run["monitor"] for each in result.monitors}
            again, self._reprocessed = tuple(self._reprocessed), []
            result = replace(result, monitors=(*result.monitors, *again))
            self.told(result)
            found += result.monitors
            error = error or result.error
            # what failed waits, and what another holds is the other's
            failed |= {each.run["monitor"] for each in result.monitors if each.error is not None}
            failed |= set(waiting) - ran
        if not found and self.project.notifications:
            # what could not be sent before may be due again
            from driftline.engine.run import delivered

            return delivered(RunResult((), error=error), self.project)
        return RunResult(tuple(found), error=error)

    def serve(self) -> RunResult:
        """Run what is due, wait for what is next, and so on until told to stop."""
        found = RunResult(())
        while not self.stop.is_set():
            found = self.once()
            now = self.clock.now()
            until = min(
                (next_slot(monitor, now) - now).total_seconds() for monitor in self.monitors
            )
            self.clock.wait(max(0.0, until), self.stop)
        return found

    def due(self) -> dict[str, list[datetime]]:
        """Moments that are due, by monitor, the oldest first: aware datetimes in UTC."""
        now = self.clock.now()
        done = finished(store_of(self.project), now)
        found = {each.name: due(each, done.get(each.name), now) for each in self.monitors}
        for each in self.monitors:
            slot = missed(each, done.get(each.name), now)
            if slot is not None:
                self._lost[each.name] = naive_utc(slot)
        return {name: moments for name, moments in found.items() if moments}

    def _round(self, waiting: Mapping[str, datetime]) -> RunResult:
        """Run one slot of each monitor that has one and that nobody else is at."""
        from driftline.engine.run import each_monitor

        chosen = [monitor for monitor in self.monitors if monitor.name in waiting]

        def one(monitor: Monitor, tools: Tools) -> MonitorRun | None:
            if self.stop.is_set() or tools.store is None:
                return None
            return self._slot(monitor, waiting[monitor.name], tools, tools.store)

        return each_monitor(self.project, chosen, one, None, self.progress, may_be_none=True)

    def _slot(
        self, monitor: Monitor, at: datetime, tools: Tools, store: Store
    ) -> MonitorRun | None:
        from driftline.engine.run import journal_of, run_one

        slot = _Slot(store, monitor.name, at, self.holder, self.clock)
        if not slot.take():
            return None
        log = journal_of(self.project, monitor, at, tools)
        log.also = (slot.finish,)
        lost = self._lost.get(monitor.name)
        if lost is not None:
            # with the results of the first that is run again, so that it is told once
            log.also += (lambda tables, _: log.lost(tables, lost),)
        with slot.held():
            result = run_one(log, tools)
        assert result is not None
        if result.error is not None:
            with suppress(StoreError):
                slot.give_back()
            return result
        self._lost.pop(monitor.name, None)
        if monitor.catch_up.reprocess is not None:
            self._reprocess(monitor, at, tools)
        return result

    def _reprocess(self, monitor: Monitor, at: datetime, tools: Tools) -> None:
        """Compute earlier windows again whose rows have changed in number since."""
        from driftline.engine.reprocess import changed
        from driftline.engine.run import guarded, journal_of, kept, measured, past_of

        log = journal_of(self.project, monitor, at, tools)

        def work() -> MonitorRun | None:
            moments = changed(log, tools)
            if not moments:
                return None
            log.at = moments[-1]
            return kept(log, measured(log, moments, tools, past_of(monitor, tools.store)), tools)

        again = guarded(log, tools.store, work)
        if again is not None:
            self._reprocessed.append(again)


def catch_up_project(
    project: Project,
    *,
    monitors: Sequence[str] | None = None,
    warehouse: Warehouse | None = None,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Run monitors for every moment since the newest that they were run for, the oldest first.

    Args:
        project: The project.
        monitors: Names; None is all.
        warehouse: An open session; None opens the project's connection.
        now: An aware datetime; None reads the clock.
        progress: Called with the monitor's name and a few words as each step begins.

    Returns:
        What was run; empty where nothing is due.

    Raises:
        ConfigError: For an unknown monitor.
    """
    from driftline.engine.run import each_monitor, journal_of, run_one

    chosen = choose_monitors(project, monitors)
    moment = now or datetime.now(UTC)
    done = finished(store_of(project, warehouse), moment)
    waiting = {each.name: due(each, done.get(each.name), moment) for each in chosen}
    found: list[MonitorRun] = []
    error: DriftlineError | None = None
    for count in range(max(map(len, waiting.values()), default=0)):
        broken = {each.run["monitor"] for each in found if each.error is not None}
        left = [
            each for each in chosen if len(waiting[each.name]) > count and each.name not in broken
        ]

        def one(monitor: Monitor, tools: Tools, count: int = count) -> MonitorRun | None:
            return run_one(journal_of(project, monitor, waiting[monitor.name][count], tools), tools)

        if left:
            result = each_monitor(project, left, one, warehouse, progress)
            found += result.monitors
            error = error or result.error
    return RunResult(tuple(found), error=error)


def finished(store: Store, now: datetime) -> dict[str, datetime]:
    """The newest moment of each monitor's schedule that it was run for as a whole, aware, by whoever."""
    with store.if_any() as tables:
        if tables is None or "_slots" not in tables.named("table"):
            return {}
        found = tables.fetch(
            "select monitor, max(slot) as at from _slots"
            " where finished_at is not null and slot <= $now group by monitor",
            {"now": naive_utc(now)},
        ).to_pylist()
    return {row["monitor"]: row["at"].replace(tzinfo=UTC) for row in found}


class _Slot:
    """One moment of one monitor, held while it is run for."""

    def __init__(self, store: Store, monitor: str, at: datetime, holder: str, clock: Clock) -> None:
        self._store = store
        self._monitor = monitor
        self._at = naive_utc(at)
        self._holder = holder
        self._clock = clock

    def take(self) -> bool:
        """Take it on; False where it is finished, or someone else is at it, or it is to wait."""
        with self._store.writing() as tables:
            row = self._row(tables)
            if row is not None:
                if row["finished_at"] is not None:
                    return False
                is_held = row["held_until"] > self._now()
                if is_held and (not row["holder"] or is_alive(row["holder"])):
                    return False
            self._put(tables, held_until=self._now() + LEASE)
        return True

    def held(self) -> _Heartbeat:
        """Say that it is being worked at, for as long as the block lasts."""
        return _Heartbeat(self._again, LEASE / 3)

    def _again(self) -> None:
        with self._store.writing() as tables:
            if self._is_mine(tables):
                self._put(tables, held_until=self._now() + LEASE)

    def finish(self, tables: Tables, run_id: str) -> None:
        """Finish it, in the transaction that stores what was found.

        Raises:
            StoreError: When another has taken it on since.
        """
        if not self._is_mine(tables):
            raise StoreError(
                f"another scheduler has taken on {self._monitor} for {self._at} UTC",
                hint="its results count; nothing was stored here",
            )
        self._put(tables, held_until=self._now(), finished_at=self._now(), run_id=run_id)

    def give_back(self) -> None:
        """Leave it to whoever comes after a pause."""
        with self._store.writing() as tables:
            if not self._is_mine(tables):
                return
            (row,) = tables.fetch(
                "select count(*) as n from runs where monitor = $monitor and requested_at = $slot"
                " and status = 'failed'",
                {"monitor": self._monitor, "slot": self._at},
            ).to_pylist()
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(max(0, row["n"] - 1), 10))
            self._put(tables, held_until=self._now() + pause, holder="")

    def _now(self) -> datetime:
        return naive_utc(self._clock.now())

    def _row(self, tables: Tables) -> Mapping[str, Any] | None:
        found = tables.fetch(
            "select * from _slots where monitor = $monitor and slot = $slot",
            {"monitor": self._monitor, "slot": self._at},
        ).to_pylist()
        return found[0] if found else None

    def _is_mine(self, tables: Tables) -> bool:
        row = self._row(tables)
        return row is not None and row["holder"] == self._holder and row["finished_at"] is None

    def _put(self, tables: Tables, **given: object) -> None:
        row = {
            "monitor": self._monitor,
            "slot": self._at,
            "holder": self._holder,
            "held_until": None,
            "finished_at": None,
            "run_id": None,
            **given,
        }
        tables.put("_slots", arrow_rows("_slots", [row]))


class _Heartbeat:
    """Calls something again and again while a block lasts."""

    def __init__(self, beat: Callable[[], None], every: timedelta) -> None:
        self._beat = beat
        self._every = every.total_seconds()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._go, name="driftline-slot", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _go(self) -> None:
        while not self._stop.wait(self._every):
            # a sign that could not be given is given the next time
            with suppress(DriftlineError):
                self._beat()


def is_alive(holder: str) -> bool:
    """Whether a holder may still be there; of another machine only the time tells."""
    host, process, _ = holder.rsplit(":", 2)
    if host != socket.gethostname():
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError):
        return True
    return True
