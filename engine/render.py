"""From a plan to SQL text: Jinja templates, one typed door for values, sqlglot for other dialects."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from importlib.util import cache_from_source
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import jinja2
from jinja2 import BytecodeCache, Environment, FunctionLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup

from driftline.engine import VERSION
from driftline.engine.attributions import Attributed, Listing
from driftline.engine.baseline import Known
from driftline.engine.catalog import Metric
from driftline.engine.custom import Asked
from driftline.engine.dialects import TEMPLATES, filter_sql, transpile
from driftline.engine.distances import Stretch
from driftline.engine.errors import TemplateError
from driftline.engine.features import Watched, match_column, may_be_categorical
from driftline.engine.grid import SHARES, SLOTS, Grid, room_at
from driftline.engine.joins import Joined
from driftline.engine.joint import Axis
from driftline.engine.parts import (
    HALF,
    BroughtPart,
    Copy,
    Counted,
    CustomPart,
    DrawnPart,
    FactPart,
    GridPart,
    JoinPart,
    JointPart,
    KeyPart,
    ListingPart,
    MatchPart,
    NumberPart,
    ScanPart,
    StretchPart,
    SummedPart,
    Walk,
    half_of,
)
from driftline.engine.performance import OUTCOMES
from driftline.engine.plan import ALL, WHOLE, Match, Plan, Scan, ScanWindow, correlation_id_asked
from driftline.engine.sqltext import (
    LARGEST_DOUBLE,
    as_sql,
    category,
    fitting,
    instant,
    number,
    present,
    present_category,
    quoted,
    sql,
)
from driftline.engine.warehouses.base import (
    MOMENTS,
    NUMBERS,
    Column,
    Statement,
    Warehouse,
    tablesample,
)

CODES: Final[Mapping[str, int]] = {
    "null": -1,
    "type_error": -2,
    "nan": -3,
    "negative_infinity": -4,
    "positive_infinity": -5,
}
# What a segment's value is called where it is null.
NULL_SEGMENT: Final = "__null__"
# Multiples of it fall evenly into every part of [0, 1), which picks a sample of values.
GOLDEN: Final = 0.6180339887498949

# What metrics may ask to be counted, and of columns that are read how.
_ASKED: Final[Mapping[str, str]] = {
    "zeros": "number",
    "empty_texts": "category",
    "distinct_values": "number",
}


class Renderer:
    """Renders a plan's relations for one dialect.

    Args:
        plan: The plan.
        relations: What stands after FROM for each scan id.
        dialect: One of `DIALECTS`.
        tag: Text of the comment that opens every statement; `{step}` is replaced.
        keeps_bounds: Whether min and max of a whole table cost no scan.
        keeps_rows: Whether joined rows are kept in a table of the session, so that they are joined
            once; otherwise the join stands in every statement that reads them.
        sampled: What reads a share of a relation, in percent.
        draws: A condition that is true of a `{share}` of rows, instead.
        terse: Whether rows are to be narrow, where it costs to fetch them.
    """

    def __init__(
        self,
        plan: Plan,
        relations: Mapping[int, str],
        *,
        dialect: str = "duckdb",
        tag: str = "driftline {step}",
        keeps_bounds: bool = True,
        keeps_rows: bool = False,
        sampled: Callable[[str, float], str] = tablesample,
        draws: str = "",
        terse: bool = False,
    ) -> None:
        self.plan = plan
        # where windows or segments are told apart, each row says which it is of; what is kept of a
        # frozen reference are fine bins, and values
        alone = not plan.segmented and all(scan.groups == ((0, ALL),) for scan in plan.scans)
        self.terse = terse and alone and not any(each.frozen for each in plan.monitor.references)
        self._sampled = sampled
        self._draws = draws
        self.dialect = dialect
        self._tag = tag
        self._keeps_bounds = keeps_bounds
        self._relations = relations
        self._keeps_rows = keeps_rows
        self.known = Known()
        # number columns whose cells are known: (scan, feature)
        self.held: set[tuple[int, int]] = set()
        self._brought = {scan.id: _names(scan) for scan in plan.scans}
        # those that are known to have no value but finite ones
        self.finite: set[tuple[int, int]] = set()
        # how often the fine bins of each cell of a scan are joined by two, where they differ
        self._levels: dict[int, tuple[int, ...]] = {}
        self._scans = {scan.id: self._scan(scan) for scan in plan.scans}
        # all scans where keys are not the windows themselves
        overlaps = any(part.placed for part in self._scans.values())
        self._stepped = tuple(self._scans.values()) if overlaps else ()
        self._joined: dict[int, ScanPart] = {}
        # those of them that stand for scans whose rows are told apart, as they are before that
        self._whole: dict[int, ScanPart] = {}
        self._kept: dict[int, Markup] = {}
        self._copies: dict[int, Copy] = {}
        self.settle_joins()

    def beside(
        self, scan: Scan, columns: Iterable[Column]
    ) -> tuple[ScanPart, Mapping[Column, Column]]:
        """What to read columns from that stand in one row, and what each is called there."""
        listed = tuple(columns)
        if not scan.reads_joined and not any(self._is_joined(scan, column) for column in listed):
            return self._scans[scan.id], {column: column for column in listed}
        names = self._brought[scan.id]
        return self._joined[scan.id], {column: names[column] for column in listed}

    def unfiltered(self, scan: Scan, part: ScanPart) -> bool:
        """Whether bounds of columns are asked of all rows of a table, which costs no more."""
        return self._keeps_bounds and not scan.source.query and part is self._scans[scan.id]

    def said(self, step: str, template: str, **values: object) -> Statement:
        """A relation's template, filled in and spoken in the renderer's dialect."""
        return self._statement(step, template, (), **values)

    def matches(self, matches: Sequence[Match]) -> Statement:
        """Rows of scans whose keys a joined table has, and the keys that it has several times."""
        parts = tuple(
            MatchPart(
                match.id,
                self._scan(match.scan),
                self._table(len(self.plan.scans) + match.joined.place),
                _keys(match.joined),
            )
            for match in matches
        )
        return self._statement("matches", "matches", matches=parts)

    def settle_joins(
        self,
        single: Collection[tuple[int, str]] = (),
        unusable: Collection[tuple[int, str]] = (),
    ) -> None:
        """Say what is known of joins before anything reads what they bring.

        Args:
            single: (scan, join) whose keys have one row each: none has to be ranked.
            unusable: (scan, join) that must not be read.
        """
        self._joined, self._kept = {}, {}
        for scan in self.plan.scans:
            usable = [each for each in scan.joined if (scan.id, each.join.name) not in unusable]
            if not usable:
                continue
            name = Markup(f"driftline_joined_{scan.id}")
            text = self._joined_rows(scan, usable, single)
            part = ScanPart(
                scan.id,
                self._scans[scan.id].name,
                name if self._keeps_rows else Markup(f"(\n{text}\n) as {name}"),
                None,
                scan.windows,
                None,
                steps=scan.windows,
            )
            self._whole[scan.id] = part
            self._joined[scan.id] = self._told_apart(scan, part)
            self._kept[scan.id] = Markup(f"create or replace temp table {name} as\n{text}")

    def settle_levels(self, levels: Mapping[int, Sequence[int]]) -> None:
        """Say how coarsely the rows of each cell are counted.

        Args:
            levels: How often fine bins are joined by two, by scan and cell.
        """
        self._levels = {scan: (*of,) for scan, of in levels.items() if len({*of}) > 1}
        for scan in self.plan.segmented:
            if scan.id in self._levels:
                self._scans[scan.id] = self._scan(scan)
                if scan.id in self._whole:
                    self._joined[scan.id] = self._told_apart(scan, self._whole[scan.id])

    def joined(self) -> dict[int, Statement]:
        """What keeps the joined rows of each scan; empty where they are joined in place."""
        if not self._keeps_rows:
            return {}
        return {scan: self._said("joined", text) for scan, text in self._kept.items()}

    def forgotten(self) -> list[str]:
        """What drops the rows and columns that were kept."""
        if not self._keeps_rows:
            return []
        names = [f"driftline_joined_{scan}" for scan in self._kept]
        names += [f"driftline_copied_{scan}" for scan in self._copies]
        return [f"drop table if exists temp.{name}" for name in names]

    def copied(self, scan: Scan, items: Sequence[Watched]) -> Statement | None:
        """What copies columns of a scan's rows, in place of those copied before.

        Returns:
            None where the session keeps no tables, or what is to be read is copied already.
        """
        wanted = {
            item.id: column
            for item in items
            if (scan.id, item.id) not in self.held
            and (column := self._column(scan, item)) is not None
            and column.join is None
        }
        copy = self._copies.get(scan.id)
        if (
            scan.reads_joined
            or not self._keeps_rows
            or not wanted
            or (copy and copy.features >= wanted.keys())
        ):
            return None
        part = self._scans[scan.id]
        clock = (part.clock,) if part.clock is not None and len(part.steps) > 1 else ()
        columns = {column.name: column for column in (*wanted.values(), *clock)}
        told = [each for each in (part.cell, part.half) if each is not None]
        return self._statement(
            "copied",
            "copied",
            items,
            name=_copy_of(scan),
            scan=part,
            columns=[*columns.values(), *told],
            cell=part.cell,
        )

    def settle_copy(self, scan: Scan, items: Sequence[Watched]) -> None:
        """Say that columns were copied: they are read from there."""
        part = self._scans[scan.id]
        clock = part.clock if len(part.steps) > 1 else None
        self._copies[scan.id] = Copy(
            frozenset(item.id for item in items if (scan.id, item.id) not in self.held),
            replace(part, table=_copy_of(scan), clock=clock, filter=None),
        )

    def waiting(self) -> dict[tuple[int, str], list[int]]:
        """(scan, join) to the ids of the columns that it brings; `WHOLE` for the correlation id."""
        found: dict[tuple[int, str], list[int]] = {}
        for scan in self.plan.scans:
            for item in self.plan.read:
                column = self._column(scan, item)
                if column is not None and column.join is not None:
                    found.setdefault((scan.id, column.join), []).append(item.id)
        for scan in self.plan.scans:
            outcome = None if self.plan.performance is None else self.plan.performance.of(scan.id)
            for column in () if outcome is None else outcome.columns:
                if column.join is not None:
                    found.setdefault((scan.id, column.join), []).append(OUTCOMES)
        identity = self._identity()
        if identity is not None and identity.join is not None:
            found.setdefault((self.plan.production.id, identity.join), []).append(WHOLE)
        return found

    def _identity(self) -> Column | None:
        """Production's correlation id, where a row about the window as a whole asks for it."""
        scan = self.plan.production
        where = f"monitor {self.plan.monitor.name}, production"
        names = correlation_id_asked(self.plan.monitor) if self.plan.takes_whole else ()
        return next((match_column(name, scan.columns, where=where) for name in names), None)

    def _joined_rows(
        self, scan: Scan, usable: Sequence[Joined], single: Collection[tuple[int, str]]
    ) -> str:
        names = self._brought[scan.id]
        carried = tuple(
            BroughtPart(as_sql(column), Markup(f"carried_{k}"), as_sql(names[column]))
            for k, column in enumerate(scan.beside)
        )
        joins = tuple(
            JoinPart(
                Markup(f"join_{joined.place}"),
                self._table(len(self.plan.scans) + joined.place),
                _keys(joined),
                tuple(
                    BroughtPart(as_sql(column), Markup(f"value_{k}"), as_sql(names[column]))
                    for k, column in enumerate(joined.columns)
                ),
                joined.clock,
                ranked=joined.clock is not None and (scan.id, joined.join.name) not in single,
            )
            for joined in usable
        )
        return _rendered("joined", scan=self._bare(scan), carried=carried, joins=joins)

    def segments(self, most: int) -> Statement:
        """How many rows each segment has, of at most so many a step and scan."""
        parts = []
        for scan in self.plan.segmented:
            part = self._bare(scan)
            if scan.reads_joined:
                part = replace(self._joined[scan.id], cell=None)
            parts.append(_with(part, self._key_texts(scan)))
        width = max(len(part.columns) for part in parts)
        return self._statement("segments", "segments", scans=parts, width=width, most=most)

    def _key_texts(self, scan: Scan) -> tuple[Markup, ...]:
        """What the columns that tell segments apart hold, as texts."""
        others = (each for each in self.plan.segmented if each.segmentation == scan.segmentation)
        first = next((each for each in others if each.side == "reference"), scan)
        texts = []
        for key, reference in zip(scan.keys, first.keys, strict=True):
            column = self._brought[scan.id][key] if scan.reads_joined else key
            texts.append(
                sql(
                    "coalesce({t}, {null})",
                    t=present_category(column, reference),
                    null=NULL_SEGMENT,
                )
            )
        return tuple(texts)

    def _told_apart(self, scan: Scan, part: ScanPart) -> ScanPart:
        """The same rows with the cell that each is in; as they are where nothing tells them apart."""
        if scan.base is None:
            return part
        part = replace(part, placed=scan.placed, summed=not scan.own, width=scan.width)
        if not scan.keys or not scan.groups:
            return replace(part, cell=Markup("0"))
        name = Markup(f"driftline_segmented_{scan.id}")
        levels = self._levels.get(scan.id, ())
        text = _rendered(
            "segmented",
            scan=part,
            name=name,
            keys=self._key_texts(scan),
            cells=scan.cells,
            rest=scan.rest,
            halves=[half_of(level) for level in levels],
        )
        return replace(
            part,
            table=Markup(text),
            clock=part.clock if len(part.steps) > 1 else None,
            filter=None,
            cell=Markup("driftline_cell"),
            half=Markup("driftline_half") if levels else None,
        )

    def profile(self, items: Sequence[Watched]) -> Statement:
        """Rows of every scan, and what is to be counted of columns, in the order of `counts`."""
        scans = [
            _with(
                self._part(scan, *items),
                tuple(self._count(scan, item, n) for item in items for n in self.counts(item)),
            )
            for scan in self.plan.counted
            if self.profiles(scan, items)
        ]
        return self._statement("profile", "profile", scans=scans)

    def profiles(self, scan: Scan, items: Sequence[Watched]) -> bool:
        """Whether a scan must be read to count its rows, and what is asked of columns."""
        return self.known.lacks(scan) or any(
            self.known.counts(scan.id, item.id, self.counts(item)) is None for item in items
        )

    def alike(self, items: Sequence[Watched]) -> tuple[tuple[Watched, ...], ...]:
        """Columns in groups that one reading of each scan has: its own, or joined ones."""
        groups: dict[tuple[bool, ...], list[Watched]] = {}
        for item in items:
            sides = tuple(
                self._is_joined(scan, self._column(scan, item)) for scan in self.plan.counted
            )
            groups.setdefault(sides, []).append(item)
        return tuple(tuple(group) for group in groups.values())

    def counts(self, item: Watched) -> tuple[str, ...]:
        """What a column is counted for beside its own relation.

        Columns that no other relation reads: rows that are `filled`, those `fitting` the reference's
        type. Others: what metrics of the signals that watch it ask for, and what decides its type.
        """
        if item.route == "count":
            return "filled", "fitting"
        asked = {
            self.plan.metrics[rule.metric].counts
            for signal in self.plan.monitor.signals
            if signal.name in item.signals
            for rule in signal.rules
        }
        names: list[str] = [
            name for name, route in _ASKED.items() if name in asked and route == item.route
        ]
        by_share = self.plan.conventions.most_distinct_share is not None
        if by_share and may_be_categorical(self.plan.monitor, item):
            names.append("whole_values")
        return tuple(names)

    def arrivals(self) -> Statement | None:
        """Ids and the newest moment of production; None where no metric asks for them."""
        if not self.plan.takes_whole:
            return None
        scan, column = self.plan.production, self._identity()
        metrics = self.plan.metrics
        asked = {metrics[rule.metric].asks for s in self.plan.monitor.signals for rule in s.rules}
        clock = scan.clock if "production.timestamp" in asked else None
        if column is None and clock is None:
            return None
        part = self._scans[scan.id]
        if column is not None and column.join is not None:
            # the clock stands beside the joined id
            part, names = self._joined[scan.id], self._brought[scan.id]
            column, clock = names[column], None if clock is None else names[clock]
        moment = Markup("cast(null as double)")
        if clock is not None:
            moment = sql("cast(extract(epoch from {c}) as double)", c=clock)
        return self._statement(
            "arrivals",
            "arrivals",
            scan=part,
            id=Markup("null") if column is None else as_sql(column),
            moment=moment,
        )

    def time_range(self) -> Statement:
        """First and last moment of production, whatever its window."""
        return self._statement(
            "time_range", "time_range", scan=self._scans[self.plan.production.id]
        )

    def bounds(self, features: Sequence[Watched]) -> Statement:
        """Smallest and largest value of every number column, each side."""
        scans = []
        for scan in self._unheld(features):
            numbers = tuple(self._bounded(scan, item) for item in features)
            unfiltered = self._keeps_bounds and not scan.source.query
            scans.append(_with(self._part(scan, *features), numbers, unfiltered=unfiltered))
        return self._statement("bounds", "bounds", features, scans=scans)

    def _unheld(self, features: Sequence[Watched]) -> list[Scan]:
        """Scans of which at least one of the number columns must be read."""
        return [
            scan
            for scan in (self.plan.production, *self.plan.references)
            if any((scan.id, item.id) not in self.held for item in features)
        ]

    def _bounded(self, scan: Scan, item: Watched) -> Markup:
        """A column as statistics know it: a native number as it is, for the engine to look up."""
        if (scan.id, item.id) in self.held:
            return Markup("cast(null as double)")
        column = self._column(scan, item)
        if column is not None and column.kind in NUMBERS:
            return as_sql(column)
        return self._number(scan, item)[1]

    def finite_bounds(self, features: Sequence[Watched]) -> Statement:
        """The same over finite values only, where the first answer was not finite."""
        scans = []
        for scan in self._unheld(features):
            numbers = tuple(
                Markup("cast(null as double)")
                if (scan.id, item.id) in self.held
                else sql("case when {x} - {x} = 0 then {x} end", x=self._number(scan, item)[1])
                for item in features
            )
            # of the same rows as before: what the bounds decide must not depend on the window
            unfiltered = self._keeps_bounds and not scan.source.query
            scans.append(_with(self._part(scan, *features), numbers, unfiltered=unfiltered))
        return self._statement("bounds", "bounds", features, scans=scans)

    def sample(self, features: Sequence[Watched], percent: float, scan: Scan) -> Statement:
        """Quantiles of a sample of a scan's rows.

        Args:
            features: The number columns.
            percent: How much of the rows to draw.
            scan: The primary reference, or production where that has no rows.
        """
        part = self._scans[scan.id]
        relations, table = self._relations, part.table
        if percent < 100 and self._draws:
            drawing = sql(self._draws, share=percent / 100)
            told = drawing if part.filter is None else Markup(f"({part.filter}) and {drawing}")
            part = replace(part, filter=told)
        elif percent < 100 and not scan.source.query:
            some = self._sampled(relations[scan.id], percent)
            relations = {**relations, scan.id: some}
            table = self._table(scan.id, relations)
        # what is drawn is read by its place, as numbers
        drawn_rows = replace(part, table=Markup("drawn"), clock=None, filter=None)
        drawn: list[Markup] = []
        columns = []
        for item in features:
            stored, number, floating = self._number(scan, item)
            if not self._is_joined(scan, self._column(scan, item)):
                value = Markup(f"value_{len(drawn)}")
                columns.append(NumberPart(drawn_rows, item.id, stored, value, floating))
                drawn.append(number)
                continue
            column = NumberPart(self._part(scan, item), item.id, stored, number, floating)
            if percent < 100:
                # joined rows come in any order: what is sampled is decided by the values
                share = {"g": GOLDEN, "share": percent / 100}
                column = replace(column, thinned=sql("x * {g} - floor(x * {g}) < {share}", **share))
            columns.append(column)
        text = _rendered(
            "sample",
            stepped=self._stepped,
            columns=columns,
            drawn=drawn,
            scan=replace(part, table=table),
            shares=SHARES,
        )
        return self._said("sample", text, features, relations)

    def histogram(
        self,
        features: Sequence[Watched],
        grids: Mapping[int, Grid | GridPart],
        scales: Mapping[tuple[int, int], tuple[object, object]],
        shifts: Mapping[int, int],
        large: Collection[int] = (),
    ) -> Statement:
        """The fine grid of every number column of every scan, its bins joined as each scan deserves.

        Bins of the scans that are `large` come as 16-bit integers: an engine that knows how many there
        can be keeps a place for each, which pays once each has hundreds of rows.
        """
        columns = [
            replace(
                self._number_part(
                    scan,
                    item,
                    self._grid(grids[item.id], scan, shifts[scan.id]),
                    scales[scan.id, item.id],
                ),
                narrow=scan.id in large or scan.id in self._levels,
                short=self.terse and scan.id not in large,
            )
            for item in features
            for scan in self._reading(item)
            if (scan.id, item.id) not in self.held
        ]
        return self._statement(
            "histogram", "histogram", features, columns=columns, terse=self.terse
        )

    def finer(
        self,
        features: Sequence[Watched],
        grids: Mapping[int, Grid | GridPart],
        scales: Mapping[tuple[int, int], tuple[object, object]],
        shifts: Mapping[int, int],
        levels: Mapping[int, int],
        undecided: Mapping[tuple[int, int], Sequence[object]],
    ) -> Statement:
        """The same of the undecided bins of features and scans alone, in finer ones.

        Args:
            features: The number columns.
            grids: Their grids.
            scales: As for `histogram`.
            shifts: How often bins are joined in each scan, by which undecided ones are numbered.
            levels: The same of each feature's finer ones.
            undecided: The bins, by feature and scan.
        """
        columns = [
            replace(
                self._number_part(
                    scan,
                    item,
                    _part(grids[item.id], levels[item.id]),
                    scales[scan.id, item.id],
                    undecided[item.id, scan.id],
                ),
                coarse=self._grid(grids[item.id], scan, shifts[scan.id]),
                room=_room(scan, shifts[scan.id]),
            )
            for item in features
            for scan in self._reading(item)
            if (item.id, scan.id) in undecided
        ]
        return self._statement("histogram", "histogram", features, columns=columns, terse=False)

    def ties(
        self,
        features: Sequence[Watched],
        grids: Mapping[int, Grid | GridPart] = MappingProxyType({}),
        shifts: Mapping[int, int] = MappingProxyType({}),
        levels: Mapping[int, int] = MappingProxyType({}),
        undecided: Mapping[tuple[int, int], Sequence[object]] | None = None,
    ) -> Statement:
        """Single values: of whole columns, or of the undecided bins of features and scans.

        Args:
            features: The number columns.
            grids: The grids of those with undecided bins.
            shifts: How often bins are joined in each scan.
            levels: How often those of features are joined at most; below 0 they are cut.
            undecided: The bins, by feature and scan; None for whole columns.
        """
        columns = [
            self._number_part(scan, item, None)
            if undecided is None
            else replace(
                self._number_part(
                    scan,
                    item,
                    self._grid(grids[item.id], scan, shifts[scan.id], levels.get(item.id)),
                    undecided=undecided[item.id, scan.id],
                ),
                narrow=levels.get(item.id, 0) >= 0,
                room=_room(scan, _finest(grids[item.id], shifts[scan.id], levels.get(item.id))),
            )
            for item in features
            for scan in self._reading(item)
            if (
                (scan.id, item.id) not in self.held
                if undecided is None
                else (item.id, scan.id) in undecided
            )
        ]
        return self._statement("ties", "ties", features, columns=columns)

    def _grid(
        self, grid: Grid | GridPart, scan: Scan, shift: int, most: int | None = None
    ) -> GridPart:
        """A grid as rows of a scan are put into it.

        Args:
            grid: The grid.
            scan: The scan.
            shift: How often fine bins are joined by two, of the cell whose are finest.
            most: How often at most.
        """
        if isinstance(grid, GridPart):
            return grid
        part = GridPart.of(grid, _finest(grid, shift, most))
        levels = self._levels.get(scan.id, ())
        if part.width is None or not levels or (most is not None and most <= min(levels)):
            return part
        if most is None or most >= max(levels):
            return replace(part, half=HALF)
        finest = sql(
            "case when {h} < {least} then {least} else {h} end", h=HALF, least=half_of(most)
        )
        return replace(part, half=finest)

    def settled(
        self,
        features: Sequence[Watched],
        grids: Mapping[int, Grid | GridPart],
        stretches: Mapping[int, Sequence[Stretch]],
    ) -> Statement:
        """How far sides lie apart in bins, and these in pieces.

        Args:
            features: The number columns.
            grids: Their grids.
            stretches: The bins, by feature.
        """
        walks = [
            (each.pair, item, each.scans, _part(grids[item.id], each.shift), Walk.of(each))
            for item in features
            for each in stretches[item.id]
        ]
        return self.walked(features, walks)

    def walked(
        self,
        features: Sequence[Watched],
        walks: Sequence[tuple[int, Watched, tuple[int, int], GridPart, Walk]],
    ) -> Statement:
        """The same along what is said.

        Args:
            features: The number columns.
            walks: The pair, the column, the scans of its two sides, their grid, and along what.
        """
        columns = []
        for pair, item, scans, grid, walk in walks:
            ours, theirs = (
                replace(
                    self._number_part(self.plan.scans[scan], item, grid, undecided=walk.bins),
                    narrow=True,
                )
                for scan in scans
            )
            columns.append(StretchPart(pair, item.id, (ours, theirs), walk))
        return self._statement("settled", "settled", features, columns=columns)

    def categories(self, features: Sequence[Watched]) -> Statement:
        """Category counts of every scan, cut to the largest in the engine."""
        conventions = self.plan.conventions
        most = conventions.most_categories or self.plan.monitor.max_categories
        columns: list[dict[str, Any]] = []
        for item in features:
            sides = []
            for scan in self._reading(item):
                column = self._column(scan, item)
                assert item.reference is not None
                # expressions are of the distinct values, under the name that these have
                told = None if column is None else replace(column, name="stored")
                sides.append(
                    {
                        "scan": self._part(scan, item),
                        "stored": as_sql(column or Markup("cast(null as varchar)")),
                        "told": told or Markup("stored"),
                        "present": present(told),
                        "category": category(
                            told, item.reference, fractions=conventions.fractions_cast
                        ),
                        "counted": self.known.categories(scan.id, item.id),
                    }
                )
            settings = self.plan.monitor.settings.get(item.name)
            allowed = (settings.values if settings is not None else None) or ()
            columns.append({"feature": item.id, "sides": sides, "allowed": allowed})
        return self._statement(
            "categories",
            "categories",
            features,
            columns=columns,
            limited=[column for column in columns if column["allowed"]],
            primary=self.plan.primary.id,
            most=most,
            most_new=conventions.most_new,
        )

    def attributions(
        self,
        items: Sequence[Watched],
        scans: Collection[int],
        scales: Mapping[tuple[int, int], object],
    ) -> Statement:
        """Counts and sums of columns with attributions.

        Args:
            items: The columns.
            scans: Ids of the scans that are read.
            scales: What their absolute values are multiplied by, by scan and column.
        """
        parts = []
        for scan in self.plan.scans:
            if scan.id not in scans:
                continue
            values = []
            for k, item in enumerate(items):
                _, x, floating = self._number(scan, item)
                scale = scales[scan.id, item.id]
                values.append(_scaled(x, f"value_{k}", scale, size=True, floating=floating))
            parts.append(_with(self._scans[scan.id], tuple(values)))
        return self._statement("attributions", "attributions", items, scans=parts)

    def custom(self, asked: Sequence[Asked], scans: Collection[int]) -> Statement:
        """What aggregates come to, in the order given.

        Args:
            asked: The aggregates.
            scans: Ids of the scans that are read.
        """
        parts = []
        for scan in self.plan.counted:
            if scan.id not in scans:
                continue
            read = [c for each in asked for c in each.of(scan.id) or () if c is not None]
            part, names = self.beside(scan, read)
            columns = [*dict.fromkeys(read)]
            placed = {column: f"column_{k}" for k, column in enumerate(columns)}
            values = []
            for each in asked:
                of = each.of(scan.id)
                told = [placed[column] for column in of or () if column is not None]
                whole = of is not None and len(told) == len(of)
                values.append(Markup(each.aggregate.over(told) if whole else "null"))
            brought = tuple(names[column] for column in columns)
            parts.append(CustomPart(part, brought, tuple(values)))
        return self._statement("custom", "custom", parts=parts)

    def joint(
        self,
        each: Attributed,
        items: Sequence[Watched],
        scans: Collection[int],
        axes: Mapping[int, Axis],
    ) -> Statement:
        """Rows of each bin of what the model says, and of those in each bin of features.

        Args:
            each: What the model says, and where.
            items: The features.
            scans: Ids of the scans that are read.
            axes: The bins of these columns, by id.
        """
        target = each.target
        assert target is not None
        parts = []
        for scan in self.plan.scans:
            if scan.id not in scans:
                continue
            part, (output, *values) = self._row_of(each, items, scan, axes)
            counted = tuple(
                count
                for k, item in enumerate(items)
                for count in _counts(axes[item.id], Markup(f"value_{k}"))
            )
            slot = _bin(axes[target.id], Markup("output"))
            parts.append(JointPart(part, output, slot, tuple(values), counted))
        return self._statement("joint", "joint", items, parts=parts)

    def dispersion(
        self, scan: Scan, items: Sequence[Watched], axes: Mapping[int, Axis]
    ) -> Statement:
        """Rows of the windows that a reference consists of, and of those in each bin of features.

        Args:
            scan: The reference.
            items: Features of its own table.
            axes: Their bins, by id.
        """
        control = replace(scan, windows=scan.control, joined=(), beside=())
        values = [
            self._placeable(self.plan.column(scan, item), item, axes[item.id]) for item in items
        ]
        counted = [
            count
            for k, item in enumerate(items)
            for count in _counts(axes[item.id], Markup(f"value_{k}"))
        ]
        # all rows stand for one target, so that the whole of a window is counted
        every = Markup("1")
        part = JointPart(self._bare(control), every, Markup("0"), tuple(values), (every, *counted))
        return self._statement("dispersion", "joint", items, parts=[part])

    def apart(
        self,
        scan: Scan,
        items: Sequence[Watched],
        grids: Mapping[int, Grid],
        shift: int,
        bins: Mapping[int, Sequence[int]],
    ) -> Statement:
        """Single values in some bins of the windows that a reference consists of.

        Args:
            scan: The reference.
            items: Number columns of its own table.
            grids: Their grids, by id.
            shift: How often fine bins are joined by two.
            bins: The bins, by id.
        """
        control = replace(scan, windows=scan.control, joined=(), beside=())
        part, room = self._bare(control), room_at(shift)
        keys = [key for keys in control.keys_of.values() for key in keys]
        columns = [
            replace(
                self._number_part(
                    scan,
                    item,
                    self._grid(grids[item.id], control, shift),
                    undecided=[key * room + each for key in keys for each in bins[item.id]],
                ),
                scan=part,
                narrow=True,
                room=_room(control, shift),
            )
            for item in items
        ]
        stepped = (part,) if part.placed else ()
        return self._statement("dispersion", "ties", items, columns=columns, stepped=stepped)

    def _row_of(
        self, each: Attributed, items: Sequence[Watched], scan: Scan, axes: Mapping[int, Axis]
    ) -> tuple[ScanPart, list[Markup]]:
        """What the model says and features of one row, and what they are read from."""
        assert each.target is not None
        read: list[tuple[Column | None, Watched]] = [(dict(each.targets)[scan.id], each.target)]
        read += [(self.plan.column(scan, item), item) for item in items]
        part, names = self.beside(scan, (c for c, _ in read if c is not None))
        return part, [
            self._placeable(None if c is None else names[c], item, axes[item.id])
            for c, item in read
        ]

    def surrogate(
        self,
        each: Attributed,
        items: Sequence[Watched],
        scans: Mapping[int, float],
        axes: Mapping[int, Axis],
        most: int,
    ) -> Statement:
        """A sample of rows: what the model says, and features.

        Args:
            each: What the model says, and where.
            items: The features.
            scans: By id of the scans that are read, which share of its rows is enough.
            axes: The bins of these columns, by id: whether they are numbers.
            most: Rows of each window, at most.
        """
        parts = []
        for scan in self.plan.scans:
            if scan.id not in scans:
                continue
            part, told = self._row_of(each, items, scan, axes)
            name, joined = self.plan.monitor.roles.correlation_id, part is not self._scans[scan.id]
            where = f"monitor {self.plan.monitor.name}, {scan.name}"
            key = match_column(name, scan.columns, where=where) if name and not joined else None
            texts = [sql("coalesce(cast({x} as varchar), '')", x=value) for value in told]
            text = Markup(" || '|' || ").join(texts)
            if key is not None and key.join is None:
                text = sql("coalesce(cast({x} as varchar), '')", x=key)
            below = None if scans[scan.id] >= 1 else f"{int(scans[scan.id] * 16**8):08x}"
            parts.append(DrawnPart(part, text, below, told[0], tuple(told[1:])))
        return self._statement("surrogate", "surrogate", items, parts=parts, most=most)

    def reaches(self, scan: Scan, column: Column) -> bool:
        """Whether a column can be read: it is the scan's own, or the joins it comes by are usable."""
        return column.join is None or scan.id in self._joined

    def _placeable(self, column: Column | None, item: Watched, axis: Axis) -> Markup:
        """A column as what bins are of: a number or a text; null where it has none."""
        if column is None:
            return Markup(f"cast(null as {'double' if axis.values is None else 'varchar'})")
        reference, fractions = item.reference or column, self.plan.conventions.fractions_cast
        if axis.values is not None:
            return present_category(column, reference, fractions=fractions)
        x = number(column, reference, fractions=fractions)
        if not column.floating and column.kind != "text":
            return x
        return sql(
            "case when {x} <= {top} or -{x} < {bottom} then {x} end",
            x=x,
            top=LARGEST_DOUBLE,
            bottom=-LARGEST_DOUBLE,
        )

    def listing_bounds(self, each: Attributed, scans: Collection[int]) -> Statement:
        """Smallest and largest finite value of tables of importances, as `bounds` of scans."""
        parts = []
        for listing in each.listings:
            if listing.scan in scans:
                x = self._listed(listing)
                finite = sql("case when {x} - {x} = 0 then {x} end", x=x)
                parts.append(_with(self._listing(listing), (finite,)))
        return self._statement("bounds", "bounds", scans=parts)

    def listed_importances(
        self, each: Attributed, scans: Collection[int], scales: Mapping[int, object]
    ) -> Statement:
        """Counts and sums of tables of importances, a row a feature.

        Args:
            each: Where they are.
            scans: Ids of the scans for which they are read.
            scales: What values are multiplied by, by scan.
        """
        size = each.attribution.source == "columns"
        parts = [
            ListingPart(
                self._listing(listing),
                sql("cast({c} as varchar)", c=listing.feature),
                _scaled(
                    self._listed(listing),
                    "x",
                    scales[listing.scan],
                    size=size,
                    floating=listing.value.floating,
                ),
            )
            for listing in each.listings
            if listing.scan in scans
        ]
        return self._statement("listed_importances", "listed_importances", listings=parts)

    def _listing(self, listing: Listing) -> ScanPart:
        """A table of importances, cut as the scan is; whole where it has no clock."""
        scan = replace(self.plan.scans[listing.scan], clock=listing.clock, filter=None)
        if listing.clock is None:
            scan = replace(scan, windows=(ScanWindow(0, None, None),))
        return replace(self._scan(scan), table=self._table(listing.number))

    @staticmethod
    def _listed(listing: Listing) -> Markup:
        return number(listing.value, listing.value)

    def _count(self, scan: Scan, item: Watched, name: str) -> Counted:
        """What is counted of a column: the rows in which an expression is not null."""
        column = self._column(scan, item)
        if column is None:
            return Counted(Markup("null"))
        match name:
            case "filled":
                return Counted(as_sql(column))
            case "fitting":
                return Counted(fitting(column, item.reference))
            case "empty_texts":
                assert item.reference is not None
                text = category(column, item.reference)
                return Counted(sql("case when {c} = '' then 1 end", c=text))
            case "whole_values" if scan.id != self.plan.primary.id:
                return Counted(Markup("null"))
            case "zeros":
                return Counted(sql("case when {x} = 0 then 1 end", x=self._number(scan, item)[1]))
            case _ if column.kind in ("integer", "decimal"):
                return Counted(as_sql(column), distinct=True)
            case _:
                x = self._number(scan, item)[1]
                return Counted(sql("case when {x} - {x} = 0 then {x} end", x=x), distinct=True)

    def _number_part(
        self,
        scan: Scan,
        item: Watched,
        grid: GridPart | None,
        scales: tuple[object, object] = (1.0, 1.0),
        undecided: Sequence[object] = (),
    ) -> NumberPart:
        stored, number, floating = self._number(scan, item)
        column = self._column(scan, item)
        fallible = column is not None and column.kind not in NUMBERS
        return NumberPart(
            self._part(scan, item),
            item.id,
            stored,
            number,
            floating,
            fallible,
            grid,
            total_scale=scales[0],
            square_scale=scales[1],
            undecided=undecided,
        )

    def _number(self, scan: Scan, item: Watched) -> tuple[Markup, Markup, bool]:
        column = self._column(scan, item)
        if column is None:
            return Markup("null"), Markup("cast(null as double)"), False
        fractions = self.plan.conventions.fractions_cast
        x = number(column, item.reference or column, fractions=fractions)
        floating = column.floating or column.kind == "text"
        return as_sql(column), x, floating and (scan.id, item.id) not in self.finite

    def _reading(self, item: Watched) -> list[Scan]:
        """The scans that a column is read of."""
        scans = self.plan.counted
        return [scan for scan in scans if self.plan.tells_apart(item, scan.segmentation)]

    def _column(self, scan: Scan, item: Watched) -> Column | None:
        """An item's column of a scan, as the relation that is read calls it."""
        column = self.plan.column(scan, item)
        if column is None or not self._is_joined(scan, column):
            return column
        return self._brought[scan.id].get(column, column)

    @staticmethod
    def _is_joined(scan: Scan, column: Column | None) -> bool:
        """Whether a column of a scan is read in joined rows."""
        return column is not None and (column.join is not None or scan.reads_joined)

    def _part(self, scan: Scan, *items: Watched) -> ScanPart:
        """What to read columns that are alike from: the scan itself, or its joined rows."""
        if scan.reads_joined or (items and self._is_joined(scan, self._column(scan, items[0]))):
            return self._joined[scan.id]
        copy = self._copies.get(scan.id)
        if items and copy is not None and all(item.id in copy.features for item in items):
            return copy.part
        return self._scans[scan.id]

    def _scan(self, scan: Scan) -> ScanPart:
        return self._told_apart(scan, self._bare(scan))

    def _bare(self, scan: Scan) -> ScanPart:
        """A scan's rows, those for which its condition holds where it has one."""
        conditions = [] if scan.filter is None else [filter_sql(scan.filter)]
        if scan.segmentation is not None and scan.segmentation.where:
            conditions.append(filter_sql(scan.segmentation.where))
        return ScanPart(
            scan.id,
            Markup(scan.name),
            self._table(scan.id),
            scan.clock,
            scan.windows,
            Markup(") and (".join(conditions)) if conditions else None,
            steps=scan.steps,
            even=_even(scan.clock, scan.steps),
            placed=() if scan.base is not None else scan.placed,
            summed=scan.base is None and bool(scan.placed),
        )

    def _table(self, number: int, relations: Mapping[int, str] | None = None) -> Markup:
        """What stands after FROM to read one of the plan's sources."""
        return _table(number, relations or self._relations, self.dialect)

    def _statement(
        self, step: str, template: str, features: Sequence[Watched] = (), **values: object
    ) -> Statement:
        shared = {"stepped": self._stepped, "is_duckdb": self.dialect == TEMPLATES}
        return self._said(step, _rendered(template, **(shared | values)), features)

    def _said(
        self,
        step: str,
        text: str,
        features: Sequence[Watched] = (),
        relations: Mapping[int, str] | None = None,
    ) -> Statement:
        text = _spoken(text, relations or self._relations, self.dialect, _comment(self._tag, step))
        return Statement(step, text, tuple(item.id for item in features))


def renderer_of(plan: Plan, warehouse: Warehouse, *, tag: str, keeps_rows: bool) -> Renderer:
    """What renders a plan for the session that is to run it.

    Args:
        plan: The plan.
        warehouse: The session.
        tag: As for `Renderer`.
        keeps_rows: Whether joined rows may be kept in a table of the session.
    """
    return Renderer(
        plan,
        {number: warehouse.relation(source) for number, source in plan.sources.items()},
        dialect=warehouse.dialect,
        tag=tag,
        keeps_bounds=warehouse.keeps_bounds,
        keeps_rows=keeps_rows and warehouse.keeps_rows,
        sampled=warehouse.sampled,
        draws=warehouse.draws,
        terse=warehouse.most_cells is not None,
    )


def facts(relation: str, columns: Sequence[Column], *, dialect: str, tag: str) -> Statement:
    """What counts alone tell about columns of one table; no plan is needed.

    Args:
        relation: What stands after FROM to read it.
        columns: The columns asked about.
        dialect: One of `DIALECTS`.
        tag: Text of the comment that opens the statement; `{step}` is replaced.
    """
    table = _table(0, {0: relation}, dialect)
    text = _rendered("facts", table=table, columns=[FactPart.of(column) for column in columns])
    return Statement("facts", _spoken(text, {0: relation}, dialect, _comment(tag, "facts")))


def _table(number: int, relations: Mapping[int, str], dialect: str) -> Markup:
    """A source as templates have it: as it is in their own dialect, else a name until that is spoken."""
    if dialect == TEMPLATES:
        return Markup(relations[number])
    return Markup(quoted(f"driftline_scan_{number}"))


def _spoken(text: str, relations: Mapping[int, str], dialect: str, comment: str) -> str:
    """A rendered template in a dialect, after a comment."""
    if dialect != TEMPLATES:
        text = transpile(text, dialect, relations)
    return f"/* {comment} */\n{text}"


def _copy_of(scan: Scan) -> Markup:
    return Markup(f"driftline_copied_{scan.id}")


def _comment(tag: str, step: str) -> str:
    return tag.replace("{step}", step).replace("*/", "* /").replace("\n", " ")


def _rendered(template: str, **values: object) -> str:
    """A relation's text, without the lines that its template leaves empty."""
    text = (
        _environment()
        .get_template(f"{template}.sql")
        .render(codes=CODES, largest=LARGEST_DOUBLE, slots=SLOTS, **values)
    )
    return _WORDS.sub(lambda found: found["kept"] or "\n", text.strip())


def _indented(text: str, width: int) -> Markup:
    """A piece of SQL further to the right, but for what stands inside its names and texts."""
    return Markup(_WORDS.sub(lambda found: found["kept"] or "\n" + " " * width, text))


# Text that stays as it is: names, texts and comments; and the ends of lines, empty lines with them.
_WORDS: Final = re.compile(
    r"""(?P<kept>"[^"]*"|'[^']*'|--[^\n]*|/\*.*?\*/)|[ ]*\n(?:[ ]*\n)*""", re.DOTALL
)


def _even(clock: Column | None, steps: tuple[ScanWindow, ...]) -> tuple[float, float] | None:
    """Where the first of equal steps starts, and how long each is, in seconds; None where uneven.

    Nanoseconds do not fit a double of seconds, and a date is compared as a date.
    """
    if clock is None or len(steps) == 1 or clock.kind == "date" or "NS" in clock.type.upper():
        return None
    starts = [step.start.timestamp() for step in steps if step.start]
    lengths = {
        step.end.timestamp() - step.start.timestamp() for step in steps if step.start and step.end
    }
    return (starts[0], lengths.pop()) if len(lengths) == 1 else None


def _part(grid: Grid | GridPart, shift: int) -> GridPart:
    return grid if isinstance(grid, GridPart) else GridPart.of(grid, shift)


def _finest(grid: Grid | GridPart, shift: int, most: int | None) -> int:
    """How often bins are joined by two at least, in any cell of a scan."""
    # of whole numbers each has a bin
    own = 0 if isinstance(grid, Grid) and not grid.width else shift
    return own if most is None else min(own, most)


def _room(scan: Scan, level: int) -> int | None:
    """By how much the numbers of a key's undecided bins lie apart; None where there is but one key."""
    return room_at(level) if scan.several else None


def _scaled(x: Markup, name: str, scale: object, *, size: bool, floating: bool) -> SummedPart:
    """A number, or the size of one, as what is summed of it."""
    told = sql("abs({x}) * {scale}" if size else "{x} * {scale}", x=x, scale=scale)
    return SummedPart(told, Markup(name), floating)


def _bin(axis: Axis, value: Markup) -> Markup:
    """The bin of a value that is there, from 0, as SQL."""
    if axis.values is None:
        tests = [_ends(value, *limit) for limit in axis.limits]
    else:
        tests = [sql("{x} = {v}", x=value, v=each) for each in axis.values]
    if not tests:
        return Markup("0")
    cases = (sql("when {test} then {k}", test=test, k=k) for k, test in enumerate(tests))
    return Markup("case {} else {} end").format(Markup(" ").join(cases), len(tests))


def _counts(axis: Axis, value: Markup) -> list[Markup]:
    """What is counted of a feature, in the order of `Axis.bins`."""
    if axis.values is None:
        tests = [_ends(value, *limit) for limit in axis.limits]
    else:
        tests = [sql("{x} = {v}", x=value, v=each) for each in axis.values]
        if axis.values != axis.kept:
            kept = Markup(", ").join(as_sql(each) for each in axis.kept)
            tests.insert(0, sql("{x} in ({kept})", x=value, kept=kept))
    return [value, *(sql("case when {test} then 1 end", test=test) for test in tests)]


def _ends(value: Markup, limit: object, holds: bool) -> Markup:
    """Whether a number is no further than a bin's end, which the bin holds or not."""
    return sql("{x} <= {v}" if holds else "{x} < {v}", x=value, v=limit)


def _with(part: ScanPart, columns: tuple[object, ...], *, unfiltered: bool = False) -> ScanPart:
    return replace(part, columns=columns, unfiltered=unfiltered)


def _names(scan: Scan) -> dict[Column, Column]:
    """The columns of a scan's joined rows as they are called there, no two alike in any case."""
    taken: set[str] = set()
    names: dict[Column, Column] = {}
    for column in (*scan.beside, *(each for joined in scan.joined for each in joined.columns)):
        name, number = column.name, 1
        while name.casefold() in taken:
            number += 1
            name = f"{column.name}_{number}"
        taken.add(name.casefold())
        names[column] = replace(column, name=name)
    return names


def _keys(joined: Joined) -> tuple[KeyPart, ...]:
    return tuple(
        KeyPart(*_compared(*pair), Markup(f"key_{k}"), Markup(f"key_{joined.place}_{k}"))
        for k, pair in enumerate(joined.keys)
    )


def _compared(ours: Column, theirs: Column) -> tuple[Markup, Markup]:
    """Both columns of a key as what is compared: as they are, or as texts where types differ."""
    kinds = {ours.kind, theirs.kind}
    if ours.type == theirs.type or kinds <= NUMBERS or kinds <= MOMENTS:
        return present(ours), present(theirs)
    return category(ours, ours), category(theirs, theirs)


def metric_sql(metric: Metric, params: Mapping[str, float] | None = None) -> str:
    """A metric's SQL with its parameters filled in.

    Args:
        metric: Catalogue line.
        params: Values that replace the header's defaults.

    Raises:
        TemplateError: When a parameter is not in the header.
    """
    values = {param.name: param.default for param in metric.header.params}
    for name, value in (params or {}).items():
        if name not in values:
            raise TemplateError(f"metric {metric.name} has no parameter {name!r}")
        values[name] = value
    return _environment().from_string(metric.sql).render(**values)


def _load(name: str) -> str:
    return (files("driftline") / "sql" / "relations" / name).read_text("utf-8")


class _Compiled(BytecodeCache):
    """Keeps compiled templates beside them, where and when Python keeps compiled modules."""

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """Where a template is kept; nowhere in a package that is no folder."""
        del filename
        place = files("driftline") / "sql" / "relations" / name
        return cache_from_source(place) if isinstance(place, Path) else ""

    def get_source_checksum(self, source: str) -> str:
        """Another one for other text, and for whatever else compiles it."""
        parts = (VERSION, jinja2.__version__, source)
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take up what is there and of this text."""
        with suppress(OSError), Path(bucket.key).open("rb") as kept:
            bucket.load_bytecode(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it, if that can be; a reader sees all of it or nothing."""
        if sys.dont_write_bytecode or not bucket.key:
            return
        new = Path(f"{bucket.key}.{os.getpid()}")
        with suppress(OSError):
            new.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(bucket.bytecode_to_string())
            new.replace(bucket.key)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_load),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=as_sql,
        keep_trailing_newline=False,
        bytecode_cache=_Compiled(),
    )
    environment.filters["indent"] = _indented
    # words of a template itself, which a macro is given
    environment.filters["said"] = Markup
    environment.filters["instant"] = lambda moment, scan: instant(moment, scan.clock)
    return environment
