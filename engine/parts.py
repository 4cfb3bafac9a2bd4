"""A plan as templates see it: parts of SQL, each with the names that a template says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Final

from markupsafe import Markup

from driftline.engine.distances import Marks, Stretch
from driftline.engine.grid import MOST_BINS, SLOTS, Grid
from driftline.engine.plan import ALL, ScanWindow
from driftline.engine.sqltext import (
    TIME_TEXT,
    as_sql,
    number,
    present,
    sql,
)
from driftline.engine.warehouses.base import (
    MOMENTS,
    Column,
)

# Of more parts, naming them costs more than reading what lies between.
MOST_PARTS: Final = 64


@dataclass(frozen=True)
class ScanPart:
    """A scan as templates see it.

    Attributes:
        steps: The windows cut where any of them starts or ends: no two overlap.
        even: Seconds since 1970 of the first step's start, and the seconds of each, where they are
            alike.
        placed: (key, window, segment) where the keys of rows are not the windows themselves.
        summed: Whether windows and segments have to be put together from several keys.
        cell: Which cell of its step a row is in; None where rows are not told apart.
        width: How many cells a step has.
        half: Half the fine bins that a row's cell deserves; None where all cells have the same.
    """

    id: int
    name: Markup
    table: Markup
    clock: Column | None
    windows: tuple[ScanWindow, ...]
    filter: Markup | None
    columns: tuple[object, ...] = ()
    unfiltered: bool = False
    steps: tuple[ScanWindow, ...] = ()
    even: tuple[float, float] | None = None
    placed: tuple[tuple[int, int, str], ...] = ()
    summed: bool = False
    cell: Markup | None = None
    width: int = 1
    half: Markup | None = None

    @property
    def keys(self) -> int:
        """How many keys rows may have."""
        return len(self.steps) * self.width

    @property
    def several(self) -> bool:
        """Whether rows have more than one key."""
        return self.keys > 1

    @property
    def places(self) -> tuple[tuple[int, int, str], ...]:
        """(key, window, segment) of all rows."""
        return self.placed or tuple((step.id, step.id, ALL) for step in self.steps)

    @property
    def start(self) -> datetime | None:
        """Where the first window starts; None where that is open."""
        starts = [window.start for window in self.windows]
        return min((start for start in starts if start), default=None) if all(starts) else None

    @cached_property
    def parts(self) -> tuple[tuple[datetime, datetime], ...]:
        """Where only parts of the time from `start` to `end` count, their starts and ends."""
        if len(self.windows) == 1:
            return self.windows[0].parts
        found: list[tuple[datetime, datetime]] = []
        for window in self.windows:
            if window.start is None or window.end is None:
                return ()
            if found and window.start <= found[-1][1]:
                found[-1] = found[-1][0], max(found[-1][1], window.end)
            else:
                found.append((window.start, window.end))
        return tuple(found) if 1 < len(found) <= MOST_PARTS else ()

    @property
    def end(self) -> datetime | None:
        """Where the last window ends."""
        return max((window.end for window in self.windows if window.end), default=None)


@dataclass(frozen=True)
class KeyPart:
    """One pair of columns that a join compares, as templates see it.

    Attributes:
        ours: The scan's column, or a text of it where only texts compare.
        theirs: The other table's, likewise.
        name: What both are called while one join is at hand.
        own: What ours is called beside the keys of other joins.
    """

    ours: Markup
    theirs: Markup
    name: Markup
    own: Markup


@dataclass(frozen=True)
class BroughtPart:
    """A column of a joined relation: as it is stored, on its way, and what it is called there."""

    stored: Markup
    value: Markup
    name: Markup


@dataclass(frozen=True)
class JoinPart:
    """A join as templates see it; `ranked` where the newest of several rows is to be found."""

    name: Markup
    table: Markup
    keys: tuple[KeyPart, ...]
    columns: tuple[BroughtPart, ...] = ()
    clock: Column | None = None
    ranked: bool = False


@dataclass(frozen=True)
class MatchPart:
    """A counting of a join as templates see it."""

    id: int
    scan: ScanPart
    table: Markup
    keys: tuple[KeyPart, ...]


@dataclass(frozen=True)
class SummedPart:
    """What is summed of a column as whole numbers, its name, and whether it may be NaN or infinite."""

    value: Markup
    name: Markup
    floating: bool


@dataclass(frozen=True)
class ListingPart:
    """A table with a row for each feature as templates see it."""

    scan: ScanPart
    name: Markup
    summed: SummedPart


@dataclass(frozen=True)
class JointPart:
    """A scan as `joint` sees it: what is counted of it by bin of the target.

    Attributes:
        scan: The scan.
        output: What the model says.
        target: Its bin, from 0.
        values: The features.
        counts: Expressions of these.
    """

    scan: ScanPart
    output: Markup
    target: Markup
    values: tuple[Markup, ...]
    counts: tuple[Markup, ...]


@dataclass(frozen=True)
class DrawnPart:
    """A scan of which a sample of rows is drawn, as `surrogate` sees it.

    Attributes:
        scan: The scan.
        key: A text of each row, whose hash decides whether it is drawn.
        below: What a hash has to be below; None where all may be drawn.
        output: What the model says.
        values: The features.
    """

    scan: ScanPart
    key: Markup
    below: str | None
    output: Markup
    values: tuple[Markup, ...]


@dataclass(frozen=True)
class CustomPart:
    """A scan as `custom` sees it: columns, and aggregates of them."""

    scan: ScanPart
    columns: tuple[Column, ...]
    values: tuple[Markup, ...]


@dataclass(frozen=True)
class Counted:
    """An expression whose non-null rows are counted, or its distinct values."""

    value: Markup
    distinct: bool = False


# What half the fine bins of a row's cell are called, where cells have different ones.
HALF: Final = Markup("half")


def half_of(shift: int) -> float:
    """Half the bins of a grid whose fine bins are joined by two so often; cut in two below 0."""
    return MOST_BINS / 2.0 ** (1 + shift)


@dataclass(frozen=True)
class GridPart:
    """A grid as templates see it: numbers, or placeholders where data decides them.

    Attributes:
        centre: The grid's centre.
        width: Its width; None for whole numbers, which get a bin each.
        half: Half its bins.
        origin: The bin of the centre, of whole numbers.
    """

    centre: object
    width: object | None = None
    half: object = None
    origin: int = 0

    @property
    def first(self) -> float:
        """The number that has slot 0, of whole numbers."""
        assert isinstance(self.centre, float)
        return self.centre - self.origin + SLOTS

    @classmethod
    def of(cls, grid: Grid, shift: int) -> GridPart:
        """The numbers of a grid whose fine bins are joined by two so often."""
        return cls(grid.centre, grid.width or None, half_of(shift), grid.origin)

    @property
    def varies(self) -> bool:
        """Whether half the bins are told row by row."""
        return isinstance(self.half, Markup) and HALF in self.half

    def slot_of(self, t: Markup) -> Markup:
        """The fine bin of t = x - centre as SQL, counted so that it fits a 16-bit integer."""
        if self.width is None:
            return sql("floor({t}) + {first}", t=t, first=self.origin - SLOTS)
        return sql(
            "floor(({t} / ({width} + abs({t})) + {one}) * {half}) - {slots}",
            t=t,
            width=self.width,
            one=1.0,
            half=self.half,
            slots=SLOTS,
        )


@dataclass(frozen=True)
class NumberPart:
    """One number column of one scan as templates see it.

    Attributes:
        stored: The column as it is.
        number: It as a double.
        floating: Whether that may be NaN or infinite.
        fallible: Whether it may be null where the column is not.
        coarse: The grid of the undecided bins, where they are of another.
        room: Undecided bins are numbered step by step, each from so many times its own number.
        narrow: Whether its fine bins come as 16-bit integers.
        short: Whether its rows are counted in 32 bits.
    """

    scan: ScanPart
    feature: int
    stored: Markup
    number: Markup
    floating: bool
    fallible: bool = False
    grid: GridPart | None = None
    coarse: GridPart | None = None
    room: int | None = None
    total_scale: object = 1.0
    square_scale: object = 1.0
    undecided: Sequence[object] = ()
    thinned: Markup | None = None
    narrow: bool = False
    short: bool = False

    @property
    def half(self) -> Markup | None:
        """Where rows tell half their bins; None where all rows have the same."""
        grids = (self.grid, self.coarse)
        return self.scan.half if any(each is not None and each.varies for each in grids) else None

    @property
    def count_type(self) -> Markup:
        """What rows are counted in."""
        return Markup("integer" if self.short else "bigint")

    @property
    def slot_type(self) -> Markup:
        """What a fine bin comes as."""
        return Markup("smallint" if self.narrow else "integer")

    @property
    def slot(self) -> Markup:
        """The fine bin of t, counted so that it fits a 16-bit integer."""
        assert self.grid is not None
        return self.grid.slot_of(Markup("t"))

    @property
    def distance(self) -> Markup:
        """How far x is from the centre."""
        assert self.grid is not None
        return sql("x - {centre}", centre=self.grid.centre)

    @property
    def total(self) -> Markup:
        """What is summed of t."""
        return sql("t * {scale}", scale=self.total_scale)

    @property
    def square(self) -> Markup:
        """What is summed of its square."""
        return sql("t * t * {scale}", scale=self.square_scale)

    @property
    def asked_type(self) -> Markup:
        """What the number of an undecided bin comes as."""
        if self.room is None:
            return Markup("smallint") if self.coarse is not None else self.slot_type
        return Markup("integer" if self.room * self.scan.keys < 2**31 else "bigint")

    @property
    def asked(self) -> Markup:
        """The undecided bins as rows."""
        return Markup("(" + "), (".join(self._numbers) + ")")

    @property
    def listed(self) -> Markup:
        """The undecided bins as a list; where they are known, one text for the engine to read."""
        if any(isinstance(each, Markup) for each in self.undecided[:1]):
            return Markup(f"[{', '.join(self._numbers)}]")
        # there may be a hundred thousand: Python spells a list of whole numbers as SQL does
        return sql("cast({bins} as {kind}[])", bins=str([*self.undecided]), kind=self._listed_type)

    @property
    def _listed_type(self) -> Markup:
        return Markup("bigint" if self.asked_type == "bigint" else "integer")

    @property
    def _numbers(self) -> list[str]:
        return [str(each) if type(each) is int else as_sql(each) for each in self.undecided]

    @property
    def coarse_slot(self) -> Markup:
        """The undecided bin that t would be in."""
        assert self.coarse is not None
        return self.coarse.slot_of(Markup("t"))

    @property
    def slot_of_x(self) -> Markup:
        """The fine bin of x."""
        assert self.grid is not None
        return self.grid.slot_of(sql("(x - {centre})", centre=self.grid.centre))


@dataclass(frozen=True)
class Walk:
    """What two sides are walked along by, as templates see it.

    Attributes:
        bins: The bins that are walked through.
        jumps: What is added to the rows before x, as rows.
        row_type: What rows before x are counted in.
        apart: F - G of finite rows, times the finite rows of both sides.
        all_apart: F - G of all rows, times the rows of both sides.
        piece: Which piece of which bin x is in, counted from 1; 0 where bins are not cut.
    """

    bins: Sequence[object]
    jumps: Markup
    row_type: Markup
    apart: Markup
    all_apart: Markup
    piece: Markup

    @classmethod
    def of(cls, stretch: Stretch) -> Walk:
        """Along some bins."""
        shares = stretch.shares
        (n, m), under = shares.finite, shares.under
        apart = sql("n_up * {m} - m_up * {n}", n=float(n), m=float(m))
        all_apart = apart
        if shares.rows != shares.finite:
            values = map(float, (*shares.rows, *under))
            all_apart = sql(
                "(n_up + {n_under}) * {m} - (m_up + {m_under}) * {n}",
                **dict(zip(("n", "m", "n_under", "m_under"), values, strict=True)),
            )
        parts: list[tuple[float, Markup]] = []
        first = 1
        for mark in stretch.marks:
            parts.append((mark.low, _piece(mark, first)))
            parts.append((math.nextafter(mark.high, math.inf), Markup("0")))
            first += mark.pieces
        return cls(
            stretch.cells.bin.tolist(),
            Markup(", ".join(f"('{x!r}', {n}, {m})" for x, n, m in stretch.jumps())),
            Markup("integer" if max(shares.rows) < 2**30 else "bigint"),
            apart,
            all_apart,
            _found(parts, Markup("0")),
        )


@dataclass(frozen=True)
class StretchPart:
    """Two sides of one number column as templates see them.

    Attributes:
        pair, feature: What they are of.
        sides: The reference and production.
        walk: What they are walked along by.
    """

    pair: int
    feature: int
    sides: tuple[NumberPart, NumberPart]
    walk: Walk


def _piece(mark: Marks, first: int) -> Markup:
    """The number of the piece of a bin that x is in, by that of the first."""
    tests = [sql("n_up >= {k}", k=float(k)) for k in mark.n]
    tests += [sql("m_up >= {k}", k=float(k)) for k in mark.m]
    tests += [sql("x >= {k}", k=k) for k in mark.x]
    return as_sql(first) + Markup("").join(
        sql(" + case when {test} then 1 else 0 end", test=test) for test in tests
    )


def _found(parts: Sequence[tuple[float, Markup]], before: Markup) -> Markup:
    """What stands at x: the last part that starts at or before it, found by halving."""
    if not parts:
        return before
    middle = len(parts) // 2
    start, made = parts[middle]
    return sql(
        "case when x < {start} then {first} else {second} end",
        start=start,
        first=_found(parts[:middle], before),
        second=_found(parts[middle + 1 :], made),
    )


@dataclass(frozen=True)
class Copy:
    """Columns of a scan's rows in a table of the session: ids of the features, and what reads it."""

    features: frozenset[int]
    part: ScanPart


@dataclass(frozen=True)
class FactPart:
    """One column as `facts` sees it; what does not apply to its kind is None.

    Attributes:
        value: The column, null where it holds NaN.
        counted: Whose distinct values are counted.
        number: A finite number; of a moment, its seconds since 1970.
        day: The date of a moment.
        time: A text where it says a date or a time.
    """

    value: Markup
    counted: Markup | None = None
    number: Markup | None = None
    day: Markup | None = None
    time: Markup | None = None

    @classmethod
    def of(cls, column: Column) -> FactPart:
        """What is asked of a column of that kind."""
        part = cls(present(column))
        if column.kind == "text":
            value = sql("cast({c} as varchar)", c=column)
            time = sql("case when regexp_matches({c}, {p}) then {c} end", c=value, p=TIME_TEXT)
            return replace(part, counted=value, time=time)
        if column.kind in MOMENTS:
            seconds = sql("extract(epoch from {c})", c=column)
            return replace(part, number=seconds, day=sql("cast({c} as date)", c=column))
        if column.kind == "other":
            return part
        x = number(column, column)
        if column.floating:
            x = sql("case when {x} - {x} = 0 then {x} end", x=x)
        return replace(part, number=x, counted=as_sql(column) if column.kind == "integer" else None)
