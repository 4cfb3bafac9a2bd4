"""What a run reads, decided before anything is read: windows, scans, columns, signals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from typing import Final

from driftline.engine.attributions import (
    Attributed,
)
from driftline.engine.catalog import Metric
from driftline.engine.conventions import CONVENTIONS, Conventions, metrics_of
from driftline.engine.custom import Asked
from driftline.engine.features import Watched, match_column
from driftline.engine.joins import Joined
from driftline.engine.performance import Performance
from driftline.engine.project import (
    Attribution,
    Duration,
    Monitor,
    Segmentation,
    Signal,
    Source,
)
from driftline.engine.selection import EVERYTHING, Selection
from driftline.engine.warehouses.base import Column
from driftline.engine.windows import (
    Span,
    stored_bounds,
)

ALL: Final = "__all__"
# Stands for the rows of the window where a feature's id would.
WHOLE: Final = -1


@dataclass(frozen=True)
class ScanWindow:
    """One window of a scan; `start` and `end` are UTC, None where open or where there is no clock.

    Attributes:
        id: Its number among the scan's.
        start, end: From where on and up to where.
        parts: Where only parts of it count, their starts and ends; a scan has no other window then.
    """

    id: int
    start: datetime | None
    end: datetime | None
    parts: tuple[tuple[datetime, datetime], ...] = ()


@dataclass(frozen=True)
class Segment:
    """Rows of one window of a scan that are measured by themselves.

    Attributes:
        window: The number that they are counted under: the window's, or, where one window of a reference
            is told apart in several ways, one for each.
        name: What results call it.
        of: Id of the window.
        cells: The cells of the scan that are its.
    """

    window: int
    name: str
    of: int
    cells: tuple[int, ...]


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
        windows: Windows read, by start; they may overlap.
        filter: The user's expression, DuckDB dialect, or None.
        columns: All columns of the source, and those that joins bring.
        joined: The joins that bring columns which are read.
        beside: Columns of its own that are read in the same row as joined ones.
        base: Id of the scan whose rows are told apart by segment here; None of one that has them whole.
        segmentation: How they are.
        keys: The columns that tell segments apart; empty where a condition does.
        cells: Their values that are kept apart, as texts.
        rest: Whether rows of other values are counted too, as the last cell.
        segments: What the cells belong to.
        control: The windows as long as production's that a reference consists of; none where they are
            too few to tell how windows differ.
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
    joined: tuple[Joined, ...] = ()
    beside: tuple[Column, ...] = ()
    base: int | None = None
    segmentation: Segmentation | None = None
    keys: tuple[Column, ...] = ()
    cells: tuple[tuple[str, ...], ...] = ()
    rest: bool = False
    segments: tuple[Segment, ...] = ()
    control: tuple[ScanWindow, ...] = ()

    @property
    def reads_joined(self) -> bool:
        """Whether all that is read of it stands in joined rows, since what tells segments apart does."""
        return any(key.join is not None for key in self.keys)

    @property
    def width(self) -> int:
        """Into how many cells the rows of a step are told apart."""
        return max(1, len(self.cells) + self.rest)

    @cached_property
    def groups(self) -> tuple[tuple[int, str], ...]:
        """The windows and segments that rows are counted for."""
        if self.base is None:
            return tuple((window.id, ALL) for window in self.windows)
        return tuple((segment.window, segment.name) for segment in self.segments)

    @cached_property
    def steps(self) -> tuple[ScanWindow, ...]:
        """The windows cut where any of them starts or ends: no two overlap. Rows are counted by these."""
        return self._steps[0]

    @cached_property
    def placed(self) -> tuple[tuple[int, int, str], ...]:
        """(key, window, segment) where the keys that rows are counted by are not the windows themselves.

        The key of a row is its step's number times the width, and its cell.
        """
        if self.base is None:
            return tuple((step, window, ALL) for step, window in self._steps[1])
        return tuple(
            (step * self.width + cell, segment.window, segment.name)
            for segment in self.segments
            for step in self.steps_of[segment.of]
            for cell in segment.cells
        )

    @cached_property
    def keys_of(self) -> Mapping[tuple[int, str], tuple[int, ...]]:
        """The keys that each window and segment consists of."""
        found: dict[tuple[int, str], list[int]] = {group: [] for group in self.groups}
        for key, window, segment in self.placed or ((w.id, w.id, ALL) for w in self.windows):
            found[window, segment].append(key)
        return {group: tuple(keys) for group, keys in found.items()}

    @cached_property
    def own(self) -> Mapping[int, tuple[int, str]]:
        """The window and segment of each key; empty where rows are of several, or told apart by none."""
        placed = self.placed if self.base is not None else ()
        found = {key: (window, segment) for key, window, segment in placed}
        alone = len(found) == len(placed) == len(self.groups) == len(self.steps) * self.width
        return found if alone else {}

    @property
    def several(self) -> bool:
        """Whether rows have more than one key."""
        return len(self.steps) * self.width > 1

    @cached_property
    def steps_of(self) -> Mapping[int, list[int]]:
        """The steps of each window, by id."""
        found: dict[int, list[int]] = {window.id: [] for window in self.windows}
        for step, window in self._steps[1] or ((each.id, each.id) for each in self.windows):
            found[window].append(step)
        return found

    @cached_property
    def _steps(self) -> tuple[tuple[ScanWindow, ...], tuple[tuple[int, int], ...]]:
        windows = self.windows
        if len(windows) == 1:
            return windows, ()
        spans = [(w.start, w.end, w.id) for w in windows if w.start and w.end]
        cuts = sorted({moment for start, end, _ in spans for moment in (start, end)})
        steps = tuple(ScanWindow(k, start, end) for k, (start, end) in enumerate(pairwise(cuts)))
        if steps == windows:
            return steps, ()
        first = {moment: k for k, moment in enumerate(cuts)}
        return steps, tuple(
            (step, number)
            for start, end, number in spans
            for step in range(first[start], first[end])
        )


@dataclass(frozen=True)
class Match:
    """One counting of the rows of one window whose keys a joined table has.

    Attributes:
        id: Position among the plan's matches.
        scan: The rows; of production also those of another window than the plan's.
        joined: The join, with the scan's keys.
        window_start: Start of the window as stored, naive UTC.
        window_end: End of the window as stored, naive UTC.
        reported: Whether its match rate is a row of the results.
    """

    id: int
    scan: Scan
    joined: Joined
    window_start: datetime
    window_end: datetime
    reported: bool


@dataclass(frozen=True)
class Pair:
    """One production window held against one reference, in one segment.

    Attributes:
        segmentation: What tells the segment apart; None of the whole.
    """

    id: int
    window_id: int
    reference_scan: int
    reference_window: int
    segment: str = ALL
    production_scan: int = 0
    segmentation: Segmentation | None = None


@dataclass(frozen=True)
class Plan:
    """One window of one monitor's run, ready to render.

    Attributes:
        monitor: The whole monitor, whatever part of it is selected.
        at: The end of the monitor's own window before its offset.
        window_start, window_end: The window as stored, naive UTC.
        production: The scan of production.
        references: The scans of the references that are needed, the primary one first.
        watched: Columns of which something is selected, those that are read first.
        pairs: Each needed reference with production.
        warnings: Sentences about the project that do not stop it.
        selection: What of it is computed.
        left_alone: Columns that would be read, were they selected; what is stored of them stays.
        elsewhere: Columns that signals watch in other windows of the run only.
        signals: Names of the signals that look at this window.
        whole: Whether the rows about the window as a whole are among them: once a run.
        matches: What is counted of joins.
        attributions: What importances of features are made of.
        delay: How much earlier than the monitor's own window this one ends.
        segmented: The scans that are told apart by segment: production and references once more for
            each segmentation, in their order.
        aside: Columns that are read for what importances are made of, and for nothing else.
        custom: Aggregates over the sources that signals ask for.
        performance: What predictions are held against; None where nothing asks.
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
    elsewhere: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    whole: bool = True
    matches: tuple[Match, ...] = ()
    attributions: tuple[Attributed, ...] = ()
    delay: Duration | None = None
    segmented: tuple[Scan, ...] = ()
    aside: tuple[Watched, ...] = ()
    custom: tuple[Asked, ...] = ()
    performance: Performance | None = None

    def takes(self, signal: str, feature: str) -> bool:
        """Whether a signal of a feature is computed; `__all__` is the window as a whole."""
        return self.selection.takes(self.monitor, signal, feature)

    @property
    def takes_whole(self) -> bool:
        """Whether more than the rows is told of the window as a whole."""
        return self.whole and self.takes(self.monitor.window_signal, ALL)

    @property
    def is_empty(self) -> bool:
        """Whether the selection takes nothing of the window."""
        if self._weighs or self.custom or self.performance is not None:
            return False
        if not self.whole:
            return not self.measured
        told = any(item.signals or item.id < 0 for item in self.watched)
        return not told and not self.takes_whole

    @property
    def scans(self) -> tuple[Scan, ...]:
        """By id: production, the references, the primary one first, then those told apart by segment."""
        return (self.production, *self.references, *self.segmented)

    @property
    def primary(self) -> Scan:
        """The scan that decides types, bins and categories."""
        return self.references[0]

    @property
    def conventions(self) -> Conventions:
        """Whose definitions apply."""
        return CONVENTIONS[self.monitor.conventions]

    @property
    def keeps_window(self) -> bool:
        """Whether what is counted of production is worth keeping: a reference will be made of it."""
        window, *others = self.production.windows
        return not others and window.start is not None and bool(self.monitor.made_of_windows)

    @cached_property
    def metrics(self) -> Mapping[str, Metric]:
        """Whatever its signals may measure, by name."""
        return metrics_of(self.monitor)

    @cached_property
    def read(self) -> tuple[Watched, ...]:
        """Columns that are read, by id."""
        return (*(item for item in self.watched if item.id >= 0), *self.aside)

    @property
    def measured(self) -> tuple[Watched, ...]:
        """Columns that are read for their own sake."""
        return tuple(item for item in self.read if item.signals)

    @property
    def joins_elsewhere(self) -> tuple[str, ...]:
        """Names of the joins whose match rate is not of this window."""
        window = (self.window_start, self.window_end)
        told = {
            match.joined.join.name
            for match in self.matches
            if match.reported and (match.window_start, match.window_end) == window
        }
        return tuple(join.name for join in self.monitor.joins if join.name not in told)

    def by_join(self) -> Mapping[str, tuple[Match, ...]]:
        """What is counted of each join."""
        found: dict[str, list[Match]] = {}
        for match in self.matches:
            found.setdefault(match.joined.join.name, []).append(match)
        return {name: tuple(matches) for name, matches in found.items()}

    @property
    def sources(self) -> Mapping[int, Source]:
        """Every source by the number it has in statements: scans by id, then the joined tables."""
        joins = enumerate(self.monitor.joins, start=len(self.scans))
        return {
            **{scan.id: scan.source for scan in self.scans},
            **{number: join.source for number, join in joins},
            **{o.number: o.source for each in self.attributions for o in each.listings},
        }

    def attributed(self, attribution: Attribution | None) -> Attributed | None:
        """A source of importances as the plan reads it; None where it does not."""
        return next((each for each in self.attributions if each.attribution == attribution), None)

    def column(self, scan: Scan, item: Watched) -> Column | None:
        """A feature's column of a scan, as its table calls it; None where it has none."""
        if scan.side == "production":
            return item.production
        if scan.id == self.primary.id:
            return item.reference
        return match_column(item.name, scan.columns, where=f"reference {scan.reference}")

    def scan_of(self, reference: str) -> Scan:
        """The scan of a reference, by name."""
        return next(scan for scan in self.references if scan.reference == reference)

    @cached_property
    def counted(self) -> tuple[Scan, ...]:
        """The scans that rows are read of: all but those that nothing was found to tell apart in."""
        return tuple(scan for scan in self.scans if scan.groups)

    def pairs_of(self, signal: Signal) -> tuple[Pair, ...]:
        """The pairs that a signal is measured in, the whole first."""
        segmentations = (None, *self.monitor.segments_of(signal))
        return tuple(
            pair
            for pair in self.pairs
            if self.scans[pair.reference_scan].reference == signal.reference
            and pair.segmentation in segmentations
        )

    @cached_property
    def _apart(self) -> Mapping[str, frozenset[Segmentation | None]]:
        """What each signal is measured by; None of the whole."""
        monitor = self.monitor
        return {s.name: frozenset((None, *monitor.segments_of(s))) for s in monitor.signals}

    def tells_apart(self, item: Watched, segmentation: Segmentation | None) -> bool:
        """Whether a column is measured by a segmentation; by None, which is the whole, all are."""
        return segmentation is None or any(segmentation in self._apart[s] for s in item.signals)

    @property
    def whole_pairs(self) -> tuple[Pair, ...]:
        """The pairs of all rows."""
        return tuple(pair for pair in self.pairs if pair.segmentation is None)

    @property
    def attribution_signals(self) -> tuple[Signal, ...]:
        """The signals about importances that look at this window."""
        return tuple(
            signal
            for signal in self.monitor.signals
            if signal.name in self.signals
            and signal.name in self.selection.signals(self.monitor)
            and self.attributed(signal.attribution) is not None
        )

    @property
    def _weighs(self) -> bool:
        """Whether a signal about importances is selected, as a whole or of a feature."""
        for signal in self.attribution_signals:
            attributed = self.attributed(signal.attribution)
            assert attributed is not None
            names = (ALL, *attributed.names)
            if attributed.listings or any(self.takes(signal.name, name) for name in names):
                return True
        return False


@dataclass(frozen=True)
class Batch:
    """Windows that one set of statements measures.

    Attributes:
        whole: All of them: what is rendered and gathered.
        plans: Each by itself, its windows and pairs numbered as in `whole`.
    """

    whole: Plan
    plans: tuple[Plan, ...]


def together(plans: Iterable[Plan]) -> tuple[Batch, ...]:
    """Group plans that differ in nothing but production's window.

    Those whose references move with the window, and those that read what joins bring, stay alone.
    """
    groups: list[tuple[Plan, list[Plan]]] = []
    for plan in plans:
        shape = _shape(plan)
        found = next((group for other, group in groups if other == shape), None)
        if found is None or plan.matches:
            groups.append((shape, [plan]))
        else:
            found.append(plan)
    return tuple(_batch(group) for _, group in groups)


def _shape(plan: Plan) -> Plan:
    """A plan without what tells its window from others."""
    now = datetime.fromtimestamp(0, UTC)
    return replace(
        plan,
        at=now,
        window_start=now,
        window_end=now,
        production=replace(plan.production, windows=()),
        segmented=tuple(_in_windows(scan, ()) for scan in plan.segmented),
        pairs=(),
        warnings=(),
    )


def _batch(plans: Sequence[Plan]) -> Batch:
    if len(plans) == 1:
        return Batch(plans[0], (plans[0],))
    plans = sorted(plans, key=lambda plan: (plan.window_start, plan.window_end))
    found = []
    for number, plan in enumerate(plans):
        (window,) = plan.production.windows
        production = replace(plan.production, windows=(replace(window, id=number),))
        pairs = tuple(
            replace(pair, id=number * len(plan.pairs) + pair.id, window_id=number)
            for pair in plan.pairs
        )
        found.append(replace(plan, production=production, pairs=pairs))
    windows = tuple(window for plan in found for window in plan.production.windows)
    whole = replace(
        found[-1],
        production=replace(found[-1].production, windows=windows),
        segmented=tuple(_in_windows(scan, windows) for scan in found[-1].segmented),
        pairs=tuple(pair for plan in found for pair in plan.pairs),
    )
    return Batch(whole, tuple(found))


def _in_windows(scan: Scan, windows: tuple[ScanWindow, ...]) -> Scan:
    """A scan that is told apart, of other windows of production where it is production's."""
    return scan if scan.side == "reference" else replace(scan, windows=windows)


def correlation_id_asked(monitor: Monitor) -> tuple[str, ...]:
    """The correlation id's name, where a metric about the window as a whole asks for it."""
    metrics = metrics_of(monitor)
    asked = {metrics[rule.metric].asks for s in monitor.signals for rule in s.rules}
    name = monitor.roles.correlation_id
    return (name,) if name is not None and "columns.correlation_id" in asked else ()


def reference_bounds(plan: Plan, scan: Scan) -> tuple[datetime, datetime]:
    """Stored start and end of a reference's window, naive UTC."""
    window = scan.windows[0]
    span = None if window.end is None else Span(window.start, window.end)
    return stored_bounds(span, plan.at)
