"""From a monitor and the columns of its tables to plans of what is read for a moment. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import MappingProxyType

from driftline.engine.attributions import (
    Attributed,
    attribution_columns,
    listing_of,
    outputs_of,
    target_of,
)
from driftline.engine.conventions import CONVENTIONS
from driftline.engine.custom import Asked, asked_of, columns_asked
from driftline.engine.errors import SourceError
from driftline.engine.features import Watched, match_column, need_column, watch
from driftline.engine.joins import Joined, Side, join_production, join_reference
from driftline.engine.performance import outcome_names, performance_of
from driftline.engine.plan import (
    ALL,
    Match,
    Pair,
    Plan,
    Scan,
    ScanWindow,
    correlation_id_asked,
)
from driftline.engine.project import (
    Attribution,
    Duration,
    Monitor,
    Reference,
    Segmentation,
    Signal,
    Source,
)
from driftline.engine.selection import EVERYTHING, Selection
from driftline.engine.warehouses.base import MOMENTS, Column
from driftline.engine.windows import (
    Span,
    control_spans,
    overlap_warning,
    production_span,
    reference_span,
    stored_bounds,
)


def references_needed(
    monitor: Monitor,
    selection: Selection = EVERYTHING,
    signals: Collection[str] | None = None,
) -> tuple[str, ...]:
    """Names of the references a run reads: the primary one, then those that its signals name."""
    taken = selection.signals(monitor)
    named = [
        monitor.primary.name,
        *(
            signal.reference
            for signal in monitor.signals
            if signal.name in taken and (signals is None or signal.name in signals)
        ),
    ]
    return tuple(dict.fromkeys(named))


def make_plans(
    monitor: Monitor,
    at: datetime,
    production: tuple[Column, ...],
    references: Mapping[str, tuple[Column, ...]],
    joins: Mapping[str, tuple[Column, ...]] = MappingProxyType({}),
    selection: Selection = EVERYTHING,
    listings: Mapping[Source, tuple[Column, ...]] = MappingProxyType({}),
) -> tuple[Plan, ...]:
    """Plan one monitor's run of the window that ends at `at` minus the offset.

    A signal that watches columns of a join with a delay looks at the window that ends so much earlier.

    Args:
        monitor: The resolved monitor.
        at: Aware datetime of the run.
        production: Columns of production.
        references: Columns of each needed reference, by name.
        joins: Columns of each joined table, by the join's name.
        selection: What of it is computed; see `Plan.is_empty`.
        listings: Columns of each table of importances.

    Returns:
        A plan for each window that signals look at, the newest first. The one of the first data
        quality signal, else the newest, also has the rows about the window as a whole.

    Raises:
        SourceError: When a timestamp or key column is missing or is not a time, or a column could come
            from several joins.
    """
    others = {
        name: join_reference(monitor, name, columns, joins) for name, columns in references.items()
    }
    primary, side = others[monitor.primary.name], join_production(monitor, production, joins)
    # what has no time of its own is told before what it has in common with the other side
    span = production_span(monitor, at)
    _clock(monitor.production.timestamp, production, span, f"monitor {monitor.name}, production")
    every = watch(monitor, primary.columns, side.columns, lacking=primary.lacking)
    planning = _Planning(monitor, at, side, others, every, selection, listings)
    groups: dict[Span | None, list[str]] = {}
    delays: dict[Span | None, Duration | None] = {}
    for signal in monitor.signals:
        delay = planning.delay(signal.name)
        span = production_span(monitor, at, delay)
        delays.setdefault(span, delay)
        groups.setdefault(span, []).append(signal.name)
    # a signal that watches nothing has no window of its own
    busy = {name for item in every if item.id >= 0 for name in item.signals}
    busy |= {signal.name for signal in monitor.signals if signal.attribution or signal.own}
    busy |= {signal.name for signal in monitor.performance_signals}
    spans = [span for span, names in groups.items() if busy & {*names}]
    spans.sort(key=lambda span: timedelta() if span is None else at - span.end)
    whole = next((s for s in spans if monitor.window_signal in groups[s]), spans[0])
    told = {name for span in spans for name in groups[span]}
    rest = (*(s.name for s in monitor.signals), monitor.window_signal)
    groups[whole] += [name for name in dict.fromkeys(rest) if name not in told]
    reported: dict[Span | None, list[Joined]] = {}
    for joined in side.joined:
        span = production_span(monitor, at, joined.join.delay)
        reported.setdefault(span if span in spans else whole, []).append(joined)
    return tuple(
        planning.plan(delays[span], groups[span], reported.get(span, ()), whole=span == whole)
        for span in spans
    )


@dataclass(frozen=True)
class _Planning:
    """What the plans of a run's windows have in common."""

    monitor: Monitor
    at: datetime
    side: Side
    others: Mapping[str, Side]
    every: tuple[Watched, ...]
    selection: Selection
    listings: Mapping[Source, tuple[Column, ...]]

    @property
    def where(self) -> str:
        """Production, for messages."""
        return f"monitor {self.monitor.name}, production"

    def delay(self, signal: str) -> Duration | None:
        """The delay, of those of the joins that a signal needs, that leads furthest back."""
        needed = {
            item.production.join
            for item in self.every
            if signal in item.signals and item.production is not None
        }
        if any(self._modelled([signal])):
            needed.add(self._outputs[0].join)
        judged = [each for each in self.monitor.performance_signals if each.name == signal]
        outcome = outcome_names(self.monitor, judged, self.side.columns, production=True)
        names = (*self._named([signal]), *outcome)
        found = (match_column(name, self.side.columns, where=self.where) for name in names)
        needed |= {column.join for column in found if column is not None}
        delays = [join.delay for join in self.monitor.joins if join.name in needed and join.delay]

        def end(delay: Duration) -> datetime:
            span = production_span(self.monitor, self.at, delay)
            return self.at if span is None else span.end

        return min(delays, key=end, default=None)

    def plan(
        self,
        delay: Duration | None,
        signals: Sequence[str],
        reported: Sequence[Joined],
        *,
        whole: bool,
    ) -> Plan:
        """Plan the window of some signals."""
        monitor, at = self.monitor, self.at
        span = production_span(monitor, at, delay)
        watched = _selected(self.every, monitor, self.selection, signals, whole=whole)
        taken = [item for item in watched if item.id >= 0]
        measured = {item.name for item in taken if item.signals}
        aside = tuple(self._aside(signals, taken))
        read = [item.name for item in (*taken, *aside)]
        ours = [item.name for item in self.every if item.id >= 0 and {*item.signals} & {*signals}]
        judged = [
            signal
            for signal in monitor.performance_signals
            if signal.name in signals and signal.name in self.selection.signals(monitor)
        ]
        where = self.where
        own = Scan(
            0,
            "production",
            "production",
            ALL,
            monitor.production.source,
            _clock(monitor.production.timestamp, self.side.columns, span, where),
            (_window(span),),
            monitor.production.filter,
            self.side.columns,
        )
        ids = correlation_id_asked(monitor) if whole else ()
        outputs = [self._outputs[0].name] if any(self._modelled(signals)) else []
        keys = [name for each in monitor.segmentations for name in each.columns]
        outcome = outcome_names(monitor, judged, self.side.columns, production=True)
        named = [*self._named(signals), *keys, *outcome]
        scan = _joining(own, self.side, [*read, *ids, *outputs, *named], where, beside=outcome)
        found = [match_column(name, scan.columns, where=where) for name in ids]
        if scan.clock is not None and any(column and column.join for column in found):
            scan = replace(scan, beside=tuple(dict.fromkeys((*scan.beside, scan.clock))))
        found_scans = (scan, *self._references(delay, signals, [*read, *keys], judged))
        segmented = tuple(
            self._segmented(
                signals, (own, *found_scans[1:]), [*read, *self._named(signals)], judged
            )
        )
        attributions = tuple(
            self._attributions(signals, found_scans, len(segmented), (*taken, *aside))
        )
        custom = tuple(self._custom(signals, (*found_scans, *segmented)))
        scan, *scans = _beside(found_scans, attributions, custom)
        segmented = tuple(_beside(segmented, (), custom))
        apart = {each for signal in judged for each in monitor.segments_of(signal)}
        warnings = (
            overlap_warning(monitor, reference, at)
            for reference in monitor.references
            if whole and reference.name in {scan.reference for scan in scans}
        )
        start, end = stored_bounds(span, at)
        return Plan(
            monitor=monitor,
            at=at,
            window_start=start,
            window_end=end,
            production=scan,
            references=tuple(scans),
            watched=watched,
            pairs=tuple(Pair(number, 0, other.id, 0) for number, other in enumerate(scans)),
            warnings=tuple(warning for warning in warnings if warning is not None),
            selection=self.selection,
            left_alone=tuple(name for name in ours if name not in measured),
            elsewhere=tuple(
                i.name for i in self.every if i.id >= 0 and i.signals and i.name not in ours
            ),
            signals=tuple(signals),
            whole=whole,
            matches=tuple(_matches(monitor, at, own, reported, (scan, *scans))),
            attributions=attributions,
            delay=delay,
            aside=aside,
            segmented=segmented,
            custom=custom,
            performance=performance_of(
                monitor,
                judged,
                [
                    (each.id, each.reference, each.columns)
                    for each in (scan, *scans, *segmented)
                    if each.base is None or each.segmentation in apart
                ],
            ),
        )

    def _segmented(
        self,
        signals: Sequence[str],
        scans: Sequence[Scan],
        read: Sequence[str],
        judged: Sequence[Signal],
    ) -> Iterator[Scan]:
        """Production and the references that are needed, once more for each segmentation."""
        monitor, number = self.monitor, len(scans)
        taken = {*self.selection.signals(monitor)} & {*signals}
        for segmentation in monitor.segmentations:
            references = {
                signal.reference
                for signal in monitor.signals
                if signal.name in taken and segmentation in monitor.segments_of(signal)
            }
            for scan in scans if references else ():
                if scan.id and scan.reference not in references:
                    continue
                side = self.others[scan.reference] if scan.id else self.side
                ours = [s for s in judged if not scan.id or s.reference == scan.reference]
                outcome = outcome_names(monitor, ours, side.columns, production=not scan.id)
                yield _segmenting(monitor, number, scan, side, segmentation, read, outcome)
                number += 1

    @cached_property
    def _outputs(self) -> tuple[Column, Mapping[str, Column]]:
        """What the model says: production's column, and each reference's."""
        monitor = self.monitor
        every = [signal.name for signal in monitor.signals]
        asked = {
            signal.reference
            for attribution in monitor.attributions
            if attribution.is_modelled
            for signal, _ in self._needing(attribution, every)
        }
        names = (monitor.primary.name, *sorted(asked - {monitor.primary.name}))
        columns = {name: self.others[name].columns for name in names}
        return outputs_of(monitor, self.side.columns, columns, monitor.primary.name)

    def _needing(
        self, attribution: Attribution, signals: Collection[str]
    ) -> Iterator[tuple[Signal, bool]]:
        """Signals that need a source of importances, and whether of production too."""
        taken = self.selection.signals(self.monitor)
        for signal in self.monitor.signals:
            if signal.name not in signals or signal.name not in taken:
                continue
            if signal.attribution == attribution:
                yield signal, True
            elif self.monitor.ranking_of(signal) == attribution:
                yield signal, False

    def _modelled(self, signals: Collection[str]) -> Iterator[tuple[Attribution, list[Watched]]]:
        """Sources that signals need and that are made of features and outputs, with those features."""
        for attribution in self.monitor.attributions:
            needing = {signal.name for signal, _ in self._needing(attribution, signals)}
            if attribution.is_modelled and needing:
                yield (
                    attribution,
                    [
                        item
                        for item in self.every
                        if item.role == "feature"
                        and item.route != "count"
                        and needing.intersection(item.signals)
                        and item.production != self._outputs[0]
                        and item.reference != self._outputs[1][self.monitor.primary.name]
                    ],
                )

    def _named(self, signals: Collection[str]) -> tuple[str, ...]:
        """Names of the columns that aggregates of signals read."""
        chosen = (signal for signal in self.monitor.signals if signal.name in signals)
        return tuple(name for each in chosen for name in columns_asked(self.monitor, each))

    def _custom(self, signals: Collection[str], scans: Sequence[Scan]) -> Iterator[Asked]:
        """The aggregates of signals, of production and of each one's reference."""
        monitor = self.monitor
        for signal in monitor.signals:
            taken = self.selection.takes(monitor, signal.name, ALL)
            if signal.name in signals and taken:
                sides = {
                    scan.id: (f"monitor {monitor.name}, {scan.name}", scan.columns)
                    for scan in scans
                    if scan.reference in (ALL, signal.reference)
                    and scan.segmentation in (None, *monitor.segments_of(signal))
                }
                yield from asked_of(monitor, signal, sides)

    def _aside(self, signals: Collection[str], read: Sequence[Watched]) -> Iterator[Watched]:
        """What importances are made of beyond what is read for its own sake; ids count on."""
        known = {(item.reference, item.production) for item in read}
        number = len(read)
        for _, features in self._modelled(signals):
            for item in (*features, self._target(read)):
                columns = item.reference, item.production
                if item.route != "count" and columns not in known:
                    known.add(columns)
                    yield replace(item, id=number, signals=())
                    number += 1

    def _target(self, known: Sequence[Watched]) -> Watched:
        production, references = self._outputs
        primary = references[self.monitor.primary.name]
        return target_of(self.monitor, primary, production, known)

    def _attributions(
        self,
        signals: Sequence[str],
        scans: Sequence[Scan],
        segmented: int,
        read: Sequence[Watched],
    ) -> Iterator[Attributed]:
        """What the importances that signals need are made of; ids of columns count on."""
        monitor = self.monitor
        primary, number = scans[1], len(scans) + segmented + len(monitor.joins)
        first, by_name = len(read), {item.name: item for item in read}
        modelled = dict(self._modelled(signals))
        for place, attribution in enumerate(monitor.attributions):
            needed: set[int] = set()
            for signal, both in self._needing(attribution, signals):
                needed |= {s.id for s in scans if s.reference == signal.reference}
                needed |= {0} if both else set()
            if not needed:
                continue
            found = Attributed(place, attribution, tuple(sorted(needed)))
            if attribution.is_modelled:
                production, references = self._outputs
                outputs = {ALL: production, **references}
                found = replace(
                    found,
                    features=tuple(by_name[item.name] for item in modelled[attribution]),
                    target=self._target(read),
                    targets=tuple((s.id, outputs[s.reference]) for s in scans if s.id in needed),
                )
            elif attribution.prefix:
                own = self.side.columns if 0 in needed else ()
                columns = attribution_columns(monitor, attribution, primary.columns, own, first)
                first += len(columns)
                found = replace(found, columns=columns)
            elif attribution.table is not None:
                listings = tuple(
                    listing_of(
                        monitor,
                        attribution,
                        scan.side,
                        scan.id,
                        number + k,
                        self.listings,
                        None if scan.clock is None else scan.clock.name,
                    )
                    for k, scan in enumerate(s for s in scans if s.id in needed)
                )
                number += len(listings)
                found = replace(found, listings=listings)
            yield found

    def _references(
        self,
        delay: Duration | None,
        signals: Sequence[str],
        read: Sequence[str],
        judged: Sequence[Signal],
    ) -> Iterator[Scan]:
        monitor = self.monitor
        names = references_needed(monitor, self.selection, signals)
        for number, name in enumerate(names, start=1):
            reference = next(r for r in monitor.references if r.name == name)
            reach = reference_span(monitor, reference, self.at, delay)
            side, where = self.others[name], f"monitor {monitor.name}, reference {name}"
            scan = Scan(
                number,
                "reference" if number == 1 else f"reference_{number}",
                "reference",
                name,
                reference.source,
                _clock(reference.timestamp, side.columns, reach, where),
                (_window(reach),),
                reference.filter,
                side.columns,
                control=_control(monitor, reference, reach),
            )
            modelled = any(self._modelled(signals)) and name in self._outputs[1]
            outputs = [self._outputs[1][name].name] if modelled else []
            ours = [signal for signal in judged if signal.reference == name]
            outcome = outcome_names(monitor, ours, side.columns, production=False)
            named = [*read, *outputs, *outcome, *self._named(signals)]
            yield _joining(scan, side, named, where, beside=outcome)


def _segmenting(
    monitor: Monitor,
    number: int,
    scan: Scan,
    side: Side,
    segmentation: Segmentation,
    read: Sequence[str],
    outcome: Sequence[str],
) -> Scan:
    """A scan's rows, to be told apart."""
    where = f"monitor {monitor.name}, " + (f"reference {scan.reference}" if scan.id else scan.name)
    keys = tuple(
        need_column(name, side.columns, where=where, role="segments")
        for name in segmentation.columns
    )
    found = replace(
        scan,
        id=number,
        name=f"{scan.name}_by_segment_{number}",
        joined=(),
        beside=(),
        base=scan.id,
        segmentation=segmentation,
        keys=keys,
        cells=() if keys else ((),),
    )
    named = [*read, *outcome]
    found = _joining(found, side, [*named, *segmentation.columns], where, beside=outcome)
    if not found.joined:
        return found
    # in joined rows only what they carry along can be read
    own = [*found.beside, *(key for key in keys if key.join is None)]
    if found.reads_joined:
        columns = (match_column(name, side.columns, where=where) for name in named)
        own += [column for column in columns if column is not None and column.join is None]
    return replace(found, beside=tuple(dict.fromkeys(own)))


def _selected(
    every: Sequence[Watched],
    monitor: Monitor,
    selection: Selection,
    signals: Collection[str],
    *,
    whole: bool,
) -> tuple[Watched, ...]:
    """Columns with those of some signals that are selected, without those of which nothing is.

    The rows of a window are counted beside a column: where none is read for its own sake, one is
    read for that, of production's own if there is one.
    """
    narrowed = [
        replace(
            item,
            signals=tuple(
                name
                for name in item.signals
                if name in signals and selection.takes(monitor, name, item.name)
            ),
        )
        for item in every
        if item.id >= 0
    ]
    own = [item for item in narrowed if item.production and item.production.join is None]
    chosen = [item for item in narrowed if item.signals] or (own or narrowed)[:1]
    read = {item.name for item in chosen}
    left = [
        replace(item, id=-1)
        for item in every
        if whole
        and item.name not in read
        and any(
            selection.takes(monitor, signal, item.name)
            for signal in (monitor.window_signal, *item.signals)
            if signal in signals
        )
    ]
    return (*(replace(item, id=number) for number, item in enumerate(chosen)), *left)


def _joining(
    scan: Scan, side: Side, names: Iterable[str], where: str, *, beside: Iterable[str] = ()
) -> Scan:
    """A scan with the joins that bring columns of these names, and no other columns.

    Where a join brings some of the columns of `beside`, the scan's own are read beside them.
    """
    used = {match_column(name, side.columns, where=where) for name in names}
    joined = (
        replace(each, columns=tuple(column for column in each.columns if column in used))
        for each in side.joined
    )
    found = [match_column(name, side.columns, where=where) for name in beside]
    together = dict.fromkeys(column for column in found if column is not None)
    own = tuple(column for column in together if column.join is None)
    return replace(
        scan,
        joined=tuple(each for each in joined if each.columns),
        beside=own if len(own) < len(together) else (),
    )


def _beside(
    scans: Sequence[Scan], attributions: Sequence[Attributed], custom: Sequence[Asked]
) -> Iterator[Scan]:
    """Scans that carry their own columns with joined ones where one row's of both are counted."""
    primary = next((scan.id for scan in scans if scan.side == "reference"), None)
    for scan in scans:
        where = f"monitor, {scan.name}"
        needed: list[Column | None] = []
        for each in attributions:
            if each.target is None or scan.id not in each.scans:
                continue
            needed.append(dict(each.targets)[scan.id])
            for item in each.features:
                if scan.side == "production":
                    needed.append(item.production)
                elif scan.id == primary:
                    needed.append(item.reference)
                else:
                    needed.append(match_column(item.name, scan.columns, where=where))
        # what is asked together is of one row
        for group in (needed, [column for each in custom for column in each.of(scan.id) or ()]):
            columns = [column for column in group if column is not None]
            if any(column.join is not None for column in columns):
                own = (column for column in columns if column.join is None)
                scan = replace(scan, beside=tuple(dict.fromkeys((*scan.beside, *own))))  # noqa: PLW2901
        yield scan


def _matches(
    monitor: Monitor,
    at: datetime,
    production: Scan,
    reported: Sequence[Joined],
    scans: tuple[Scan, ...],
) -> Iterator[Match]:
    """What is to be counted: joins whose rate is reported, and those whose columns are read."""
    wanted: list[tuple[Scan, Joined, Span | None, bool]] = []
    for joined in reported:
        span = production_span(monitor, at, joined.join.delay)
        scan = replace(production, windows=(_window(span),))
        wanted.append((scan, joined, span, True))
    for scan in scans:
        for joined in scan.joined:
            known = any(
                (other.id, other.windows, each.join.name)
                == (scan.id, scan.windows, joined.join.name)
                for other, each, _, _ in wanted
            )
            if not known:
                wanted.append((scan, joined, None, False))
    for number, (scan, joined, span, told) in enumerate(wanted):
        yield Match(number, scan, joined, *stored_bounds(span, at), told)


def _window(span: Span | None) -> ScanWindow:
    if span is None:
        return ScanWindow(0, None, None)
    start = None if span.start is None else span.start.astimezone(UTC)
    return ScanWindow(0, start, span.end.astimezone(UTC), span.parts)


def _control(monitor: Monitor, reference: Reference, span: Span | None) -> tuple[ScanWindow, ...]:
    """The windows that tell how windows of a reference differ, where that is asked."""
    if not monitor.overdispersion or not CONVENTIONS[monitor.conventions].clusters:
        return ()
    spans = control_spans(monitor, reference, span)
    return tuple(ScanWindow(number, *each) for number, each in enumerate(spans))


def _clock(
    name: str | None, columns: tuple[Column, ...], span: Span | None, where: str
) -> Column | None:
    if name is None or span is None:
        return None
    own = [column for column in columns if column.join is None]
    column = need_column(name, own, where=where, role="timestamp")
    if column.kind not in MOMENTS:
        raise SourceError(
            f"{where}: the timestamp column {column.name!r} is {column.type}, not a time",
            hint="cast it in a `query:`, or name a timestamp or date column;"
            " a text file without rows has no types to tell",
        )
    return column
