"""What a run reads, decided before anything is read: windows, scans, columns, signals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from driftline.engine.errors import SourceError
from driftline.engine.features import Watched, need_column, watch
from driftline.engine.project import Monitor, Source
from driftline.engine.selection import EVERYTHING, Selection
from driftline.engine.warehouses.base import MOMENTS, Column
from driftline.engine.windows import (
    Span,
    overlap_warning,
    production_span,
    reference_span,
    stored_bounds,
)

ALL: Final = "__all__"


@dataclass(frozen=True)
class ScanWindow:
    """One window of a scan; `start` and `end` are UTC, None where open or where there is no clock."""

    id: int
    start: datetime | None
    end: datetime | None


@dataclass(frozen=True)
class Scan:
    """One reading of one source: production, or a reference.

    Attributes:
        id: 0 for production, then the references in order.
        name: Alias in the SQL: `production`, `reference`, `reference_2` …
        side: `production` or `reference`.
        reference: The reference's name; `__all__` for production.
        source: Where the rows are.
        clock: The timestamp column, when rows are cut by time.
        windows: Windows read, disjoint.
        filter: The user's expression, DuckDB dialect, or None.
        columns: All columns of the source.
    """

    id: int
    name: str
    side: str
    reference: str
    source: Source
    clock: Column | None
    windows: tuple[ScanWindow, ...]
    filter: str | None
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Pair:
    """One production window held against one reference, in one segment."""

    id: int
    window_id: int
    reference_scan: int
    reference_window: int
    segment: str = ALL


@dataclass(frozen=True)
class Plan:
    """One monitor's run, ready to render.

    Attributes:
        monitor: The whole monitor, whatever part of it is selected.
        at: The end of the window before its offset.
        window_start, window_end: The window as stored, naive UTC.
        production: The scan of production.
        references: The scans of the references that are needed, the primary one first.
        watched: Columns of which something is selected, those that are read first.
        pairs: Each needed reference with production.
        warnings: Sentences about the project that do not stop it.
        selection: What of it is computed.
        left_alone: Columns that would be read, were they selected; what is stored of them stays.
    """

    monitor: Monitor
    at: datetime
    window_start: datetime
    window_end: datetime
    production: Scan
    references: tuple[Scan, ...]
    watched: tuple[Watched, ...]
    pairs: tuple[Pair, ...]
    warnings: tuple[str, ...] = ()
    selection: Selection = EVERYTHING
    left_alone: tuple[str, ...] = ()

    def takes(self, signal: str, feature: str) -> bool:
        """Whether a signal of a feature is computed; `__all__` is the window as a whole."""
        return self.selection.takes(self.monitor, signal, feature)

    @property
    def is_empty(self) -> bool:
        """Whether the selection takes nothing of the monitor."""
        told = any(item.signals or item.id < 0 for item in self.watched)
        return not told and not self.takes(self.monitor.window_signal, ALL)

    @property
    def scans(self) -> tuple[Scan, ...]:
        """Production first, then the references; the primary one is the first of them."""
        return (self.production, *self.references)

    @property
    def primary(self) -> Scan:
        """The scan that decides types, bins and categories."""
        return self.references[0]

    @property
    def read(self) -> tuple[Watched, ...]:
        """Watched columns that are read, by id."""
        return tuple(item for item in self.watched if item.id >= 0)

    @property
    def measured(self) -> tuple[Watched, ...]:
        """Columns that are read for their own sake."""
        return tuple(item for item in self.read if item.signals)


def references_needed(monitor: Monitor, selection: Selection = EVERYTHING) -> tuple[str, ...]:
    """Names of the references a run reads: the primary one, then those that its signals name."""
    taken = selection.signals(monitor)
    named = [monitor.primary.name, *(s.reference for s in monitor.signals if s.name in taken)]
    return tuple(dict.fromkeys(named))


def make_plan(
    monitor: Monitor,
    at: datetime,
    production: tuple[Column, ...],
    references: Mapping[str, tuple[Column, ...]],
    selection: Selection = EVERYTHING,
) -> Plan:
    """Plan one monitor's run of the window that ends at `at` minus the offset.

    Args:
        monitor: The resolved monitor.
        at: Aware datetime of the run.
        production: Columns of production.
        references: Columns of each needed reference, by name.
        selection: What of it is computed; see `Plan.is_empty`.

    Raises:
        SourceError: When a timestamp column is missing or is not a time.
    """
    span = production_span(monitor, at)
    scan = Scan(
        0,
        "production",
        "production",
        ALL,
        monitor.production.source,
        _clock(
            monitor.production.timestamp, production, span, f"monitor {monitor.name}, production"
        ),
        (_window(span),),
        monitor.production.filter,
        production,
    )
    others: list[Scan] = []
    warnings: list[str] = []
    for number, name in enumerate(references_needed(monitor, selection), start=1):
        reference = next(r for r in monitor.references if r.name == name)
        reach = reference_span(monitor, reference, at)
        warning = overlap_warning(monitor, reference, at)
        if warning is not None:
            warnings.append(warning)
        others.append(
            Scan(
                number,
                "reference" if number == 1 else f"reference_{number}",
                "reference",
                name,
                reference.source,
                _clock(
                    reference.timestamp,
                    references[name],
                    reach,
                    f"monitor {monitor.name}, reference {name}",
                ),
                (_window(reach),),
                reference.filter,
                references[name],
            )
        )
    start, end = stored_bounds(span, at)
    every = watch(monitor, references[monitor.primary.name], production)
    watched = _selected(every, monitor, selection)
    names = {item.name for item in watched if item.signals}
    return Plan(
        monitor=monitor,
        at=at,
        window_start=start,
        window_end=end,
        production=scan,
        references=tuple(others),
        watched=watched,
        pairs=tuple(Pair(number, 0, other.id, 0) for number, other in enumerate(others)),
        warnings=tuple(warnings),
        selection=selection,
        left_alone=tuple(i.name for i in every if i.id >= 0 and i.name not in names),
    )


def _selected(
    every: Sequence[Watched], monitor: Monitor, selection: Selection
) -> tuple[Watched, ...]:
    """Columns with the signals that are selected, without those of which nothing is.

    The rows of a window are counted beside a column: where none is read for its own sake, one is
    read for that.
    """
    narrowed = [
        replace(
            item, signals=tuple(s for s in item.signals if selection.takes(monitor, s, item.name))
        )
        for item in every
        if item.id >= 0
    ]
    chosen = [item for item in narrowed if item.signals] or narrowed[:1]
    read = {item.name for item in chosen}
    left = [
        replace(item, id=-1)
        for item in every
        if item.name not in read
        and any(
            selection.takes(monitor, signal, item.name)
            for signal in {monitor.window_signal, *item.signals}
        )
    ]
    return (*(replace(item, id=number) for number, item in enumerate(chosen)), *left)


def reference_bounds(plan: Plan, scan: Scan) -> tuple[datetime, datetime]:
    """Stored start and end of a reference's window, naive UTC."""
    window = scan.windows[0]
    span = None if window.end is None else Span(window.start, window.end)
    return stored_bounds(span, plan.at)


def _window(span: Span | None) -> ScanWindow:
    if span is None:
        return ScanWindow(0, None, None)
    start = None if span.start is None else span.start.astimezone(UTC)
    return ScanWindow(0, start, span.end.astimezone(UTC))


def _clock(
    name: str | None, columns: tuple[Column, ...], span: Span | None, where: str
) -> Column | None:
    if name is None or span is None:
        return None
    column = need_column(name, columns, where=where, role="timestamp")
    if column.kind not in MOMENTS:
        raise SourceError(
            f"{where}: the timestamp column {column.name!r} is {column.type}, not a time",
            hint="cast it in a `query:`, or name a timestamp or date column;"
            " a text file without rows has no types to tell",
        )
    return column
