"""What is kept of one run of a monitor: its rows, its statements, and how it ended."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from driftline.engine import VERSION
from driftline.engine.alerting import Change, missing, note, settle
from driftline.engine.announcing import message_of
from driftline.engine.errors import DriftlineError, StoreError
from driftline.engine.interpolate import mask
from driftline.engine.outbox import add, rows_of
from driftline.engine.outcome import MonitorRun, table_row
from driftline.engine.place import Tables
from driftline.engine.plan import Plan
from driftline.engine.project import Monitor, Project
from driftline.engine.results import arrow_rows, naive_utc, utc_now
from driftline.engine.rows import Row, aside, definition_rows, slices, slices_aside
from driftline.engine.schema import config_hash
from driftline.engine.slots import schedule_of
from driftline.engine.store import Store
from driftline.engine.stored import Standing, Window
from driftline.engine.warehouses.base import Ledger
from driftline.engine.windows import last_slot


@dataclass(frozen=True)
class Part:
    """What a run found in one of the windows that it looked at."""

    plan: Plan
    metrics: tuple[Row, ...]
    histograms: tuple[Row, ...]
    profiles: tuple[Row, ...]
    features: tuple[Row, ...]
    scanned: int
    rows: int | None
    warnings: tuple[str, ...]
    try_at: str | None
    standing: Standing
    grounds: tuple[Row, ...]


@dataclass
class Journal:
    """What `runs`, `statements` and `monitors` say of one run.

    Attributes:
        tells: Whether anybody is told of incidents.
        also: What else is done where results are stored, in the same transaction: called with the
            tables and the id of the run.
    """

    project: Project
    monitor: Monitor
    at: datetime
    dialect: str
    invocation: str
    tells: bool = True
    also: tuple[Callable[[Tables, str], None], ...] = ()
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    ledger: Ledger = field(default_factory=Ledger)
    started_at: datetime = field(default_factory=utc_now)
    clock: float = field(default_factory=time.perf_counter)

    def finished(self, parts: Sequence[Part]) -> MonitorRun:
        """The run of a monitor whose windows, one or more, were measured and judged."""
        metrics = tuple(row for part in parts for row in part.metrics)
        errors = sum(1 for row in metrics if row["status"] == "error")
        status = "succeeded" if not errors else "partial" if errors < len(metrics) else "failed"
        whole = next((part for part in parts if part.plan.whole), parts[0])
        return MonitorRun(
            run=self._row(
                status,
                window_count=len({(row["window_start"], row["window_end"]) for row in metrics}),
                metric_count=len(metrics),
                breach_count=sum(1 for row in metrics if row["status"] == "breached"),
                scanned_rows=sum(part.scanned for part in parts),
                primary=whole.plan.primary.reference,
                window_rows=whole.rows,
            ),
            metrics=metrics,
            histograms=tuple(row for part in parts for row in part.histograms),
            profiles=tuple(row for part in parts for row in part.profiles),
            features=_newest_features(parts),
            statements=self._statements(),
            grounds=tuple(row for part in parts for row in part.grounds),
            warnings=tuple(line for part in parts for line in part.warnings),
            try_at=whole.try_at,
        )

    def write(self, store: Store, parts: Sequence[Part], result: MonitorRun) -> None:
        """Replace what is stored of the windows, all or nothing.

        Raises:
            StoreError: When it cannot be stored.
        """
        newest = _newest(parts)[0]
        pieces = [
            piece
            for part in parts
            for piece in slices(
                part.plan,
                [row for row in part.metrics if not aside(part.plan, row)],
                part.histograms,
                part.profiles,
                result.features if part is newest else (),
                [row for row in part.grounds if not aside(part.plan, row)],
                part.standing,
            )
        ]
        rows, grounds = (
            [row for part in parts for row in getattr(part, name) if aside(part.plan, row)]
            for name in ("metrics", "grounds")
        )
        pieces += slices_aside(self.monitor.name, rows, grounds)
        touched = {(piece.window_start, piece.window_end) for piece in pieces}

        def then(tables: Tables) -> None:
            self._settle(tables, result, touched)
            for step in self.also:
                step(tables, self.run_id)
            if all(part.plan.selection.is_everything for part in parts):
                self._count({part.plan.at for part in parts}, tables)

        store.write(
            pieces,
            table_row(result.run),
            result.statements,
            self._monitor(),
            definition_rows(self.project.own),
            then,
        )

    def _settle(self, tables: Tables, result: MonitorRun, touched: Collection[Window] = ()) -> None:
        """Bring incidents up to what is stored, and put what there is to tell where it is sent from."""
        now = utc_now()
        change = settle(tables, self.monitor, result.run, touched, now=now, tells=self.tells)
        self._tell(tables, change, now, rows=result.run["window_rows"])

    def _count(self, moments: Collection[datetime], tables: Tables) -> None:
        """Note that whole windows were run for moments of the schedule, whoever asked for it.

        Those that a scheduler has noted, or is at, are left to it.
        """
        monitor, now = self.monitor, utc_now()
        schedule = schedule_of(monitor)
        slots = {
            naive_utc(at) for at in moments if last_slot(schedule, at, monitor.time_zone) == at
        }
        if not slots:
            return
        taken = tables.fetch(
            "select slot from _slots where monitor = $monitor and slot >= $first"
            " and (finished_at is not null or held_until > $now)",
            {"monitor": monitor.name, "first": min(slots), "now": now},
        ).to_pylist()
        rows = [
            {
                "monitor": monitor.name,
                "slot": slot,
                "holder": "",
                "held_until": now,
                "finished_at": now,
                "run_id": self.run_id,
            }
            for slot in sorted(slots - {row["slot"] for row in taken})
        ]
        if rows:
            tables.put("_slots", arrow_rows("_slots", rows))

    def lost(self, tables: Tables, slot: datetime) -> None:
        """Tell of a moment of the schedule, naive UTC, that is run no more; inside a transaction."""
        self._tell(tables, missing(tables, self.monitor, slot, self.run_id), utc_now())

    def _tell(
        self, tables: Tables, change: Change, now: datetime, *, rows: int | None = None
    ) -> None:
        """Put what happened where it is sent from, and note it."""
        channels = self._channels()
        message = None
        if channels:
            message = message_of(self.monitor, change, self.run_id, now=now, rows=rows)
        if message is not None:
            add(tables, rows_of([message], channels, self.project.secrets))
        note(tables, self.monitor.name, change, None if message is None else message.id)

    def _channels(self) -> tuple[str, ...]:
        """Names of the notifications that hear of the monitor."""
        named = self.monitor.alerting.notify
        return tuple(each.name for each in self.project.notifications) if named is None else named

    def failed(self, error: DriftlineError, store: Store | None) -> MonitorRun:
        """The run of a monitor that could not be measured or stored; its row is stored if it can be."""
        message = mask(str(error), self.project.secrets)
        run = self._row("failed", error=message)
        result = MonitorRun(run=run, statements=self._statements(), error=error)
        # a store that has just failed would only make the caller wait again
        if store is not None and not isinstance(error, StoreError):
            try:
                store.record_failure(
                    table_row(run), result.statements, lambda tables: self._settle(tables, result)
                )
            except DriftlineError as second:
                # the store itself may be what failed: the first error is the one to tell
                if not run["error"]:
                    raise second from error
        return result

    def _row(self, status: str, **known: Any) -> Row:
        monitor = self.monitor
        return {
            "run_id": self.run_id,
            "invocation_id": self.invocation,
            "monitor": monitor.name,
            "model": monitor.model,
            "model_version": monitor.model_version,
            "target": self.project.target,
            "dialect": self.dialect,
            "requested_at": naive_utc(self.at),
            "started_at": self.started_at,
            "finished_at": utc_now(),
            "status": status,
            "window_count": 1,
            "metric_count": 0,
            "breach_count": 0,
            "statement_count": len(self.ledger.sent),
            "scanned_rows": 0,
            "seconds": time.perf_counter() - self.clock,
            "driftline_version": VERSION,
            "config_hash": config_hash(monitor),
            "measure_hash": measure_hash(monitor),
            "error": None,
            "primary": monitor.primary.name,
            "window_rows": None,
            "segments": monitor.alerting.segments,
            **known,
        }

    def _statements(self) -> tuple[Row, ...]:
        return tuple(
            {
                "run_id": self.run_id,
                "step": sent.step,
                "sequence": sent.sequence,
                "dialect": sent.dialect,
                "sql": mask(sent.sql, self.project.secrets),
                "rows_returned": sent.rows_returned,
                "seconds": sent.seconds,
                "error": None if sent.error is None else mask(sent.error, self.project.secrets),
            }
            for sent in self.ledger.sent
        )

    def _monitor(self) -> Row:
        monitor = self.monitor
        return {
            "monitor": monitor.name,
            "model": monitor.model,
            "model_version": monitor.model_version,
            "task": monitor.task,
            "owner": monitor.owner,
            "tags": ", ".join(monitor.tags) or None,
            "description": monitor.description,
            "schedule": monitor.schedule,
            "config_hash": config_hash(monitor),
            "config_yaml": mask(monitor.yaml, self.project.secrets),
            "first_seen_at": self.started_at,
            "last_seen_at": self.started_at,
        }


def _newest(parts: Sequence[Part]) -> list[Part]:
    """The parts of the newest moment, the one whose window ends last first."""
    at = max(part.plan.at for part in parts)
    found = [part for part in parts if part.plan.at == at]
    return sorted(found, key=lambda part: part.plan.window_end, reverse=True)


def _newest_features(parts: Sequence[Part]) -> tuple[Row, ...]:
    newest = _newest(parts)
    end = newest[0].plan.window_end
    return tuple({**row, "window_end": end} for part in newest for row in part.features)


def measure_hash(monitor: Monitor) -> str:
    """Changes when stored numbers would: data, features and bins, not thresholds or names of people."""
    parts = repr(
        (
            (
                monitor.production.source.written,
                monitor.production.timestamp,
                monitor.production.window,
                monitor.production.filter,
            ),
            [
                (r.name, r.source.written, r.timestamp, r.window, r.filter)
                for r in monitor.references
            ],
            monitor.roles,
            monitor.features,
            [(j.name, j.source.written, j.on, j.timestamp, j.delay) for j in monitor.joins],
            sorted(
                (name, s.type, s.bins, s.bounds, s.values)
                for name, s in monitor.settings.items()
                if (s.type, s.bins, s.bounds, s.values) != (None,) * 4
            ),
            monitor.bins,
            # as the file names tables, never where they are
            [
                (
                    *(s.name, a.source, a.prefix, a.feature, a.value, a.timestamp),
                    *(t and t.written for t in (a.table, a.reference_table)),
                )
                for s in monitor.signals
                for a in (s.attribution, monitor.ranking_of(s))
                if a is not None
            ],
            [
                (s.name, monitor.own[rule.metric].sql)
                for s in monitor.signals
                for rule in s.rules
                if rule.metric in monitor.own
            ],
            [monitor.segments_of(signal) for signal in monitor.signals],
            monitor.max_segments,
            monitor.max_categories,
            monitor.exact,
            monitor.conventions,
            monitor.time_zone,
            *(() if monitor.overdispersion else ("independent rows",)),
        )
    )
    return hashlib.sha256(parts.encode()).hexdigest()[:16]
