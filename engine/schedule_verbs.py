"""`schedule` as a function: run what is due, now or from now on, or tell another scheduler to."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from driftline.engine.calls import ProjectLike, load, masked, or_error, several
from driftline.engine.outcome import RunResult
from driftline.engine.verbs import progress, tell_all

if TYPE_CHECKING:
    from driftline.engine.scheduler import Clock


def schedule(
    project: ProjectLike = None,
    *,
    monitors: str | Sequence[str] | None = None,
    once: bool = False,
    print: str | None = None,  # noqa: A002 (named like its option)
    ping: str | None = None,
    target: str | None = None,
) -> RunResult | str:
    """Run monitors when they are due: every slot of their schedules once, whoever else does so.

    Slots that were missed are caught up, the oldest first, as far back as `max_catch_up` says; with
    `catch_up: false` the newest alone is run. A run that failed is made again, after a minute at first.

    Args:
        project: The project file, its folder, or a `Project`.
        monitors: Names; None is all that have a schedule.
        once: Whether to return once nothing is due, instead of waiting for what will be.
        print: `cron`, `systemd`, `airflow` or `github`: give the text that has another scheduler run
            them, and run nothing.
        ping: An address that is asked for by GET twice a minute at most, as long as the scheduler is
            there: a check of a dead man's switch. It may hold a secret, and is never shown.
        target: One of the file's targets; None takes DRIFTLINE_TARGET.

    Returns:
        What was run; with `print` the text.

    Raises:
        ConfigError: When the project or a name is wrong, or no monitor has a schedule.
        KeyboardInterrupt: When SIGTERM or SIGINT ended it, once what was being stored is.
        DriftlineError: With `once`: the first error, once all have run; its `result` has all of them.
    """
    if print is None:
        return run_due(project, monitors=monitors, once=once, ping=ping, target=target)
    from driftline.engine.entries import entries
    from driftline.engine.scheduler import Scheduler

    loaded = load(project, target)
    names = several(monitors)
    return entries(loaded, Scheduler.of(loaded, names).monitors, print)


def run_due(
    project: ProjectLike = None,
    *,
    monitors: str | Sequence[str] | None = None,
    once: bool = False,
    ping: str | None = None,
    target: str | None = None,
    told: Callable[[RunResult], None] | None = None,
    stop: threading.Event | None = None,
    clock: Clock | None = None,
) -> RunResult:
    """The same, for who wants to hear of each round, or has a clock of their own.

    Args:
        project: As for `schedule`.
        monitors: As for `schedule`.
        once: As for `schedule`.
        ping: As for `schedule`.
        target: As for `schedule`.
        told: Called with what each round found, as soon as it is stored.
        stop: Set from elsewhere to end after what is being stored.
        clock: What time it is; None is the machine's.

    Raises:
        DriftlineError: As `schedule`.
        KeyboardInterrupt: As `schedule`.
    """
    from driftline.engine.heartbeat import Heartbeat, beside
    from driftline.engine.scheduler import Scheduler, SystemClock

    loaded = load(project, target)
    names = several(monitors)
    ends = stop or threading.Event()

    def heard(result: RunResult) -> None:
        tell_all(result)
        if told is not None:
            told(result)

    file = loaded.publish.prometheus
    heart = Heartbeat(None if file is None else beside(file), ping or None)
    with masked(loaded):
        scheduler = Scheduler.of(
            loaded,
            names,
            clock=clock or SystemClock(),
            progress=progress,
            stop=ends,
            told=heard,
            beat=heart.beat,
        )
        with _stopped_by_signals(ends) as was_signalled:
            found = scheduler.once() if once else scheduler.serve()
            if was_signalled():
                raise KeyboardInterrupt
        return or_error(found, loaded) if once else found


@contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[Callable[[], bool]]:
    """Have SIGTERM and SIGINT end what is done inside the block, once no results are being stored.

    Gives a function that says whether one has come.
    """
    from driftline.engine.store import Store

    came = False

    def heard(_number: int, _frame: Any) -> None:
        nonlocal came
        came = True
        stop.set()
        if Store.open_transactions == 0:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {each: signal.signal(each, heard) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
