"""What a reference's rows amount to, kept so that later runs need not read them.

Facts are kept a column at a time: counted cells of numbers, counted categories, counts. They do not
depend on how columns are cut or judged, so that another rule of bins reads nothing again, and a
column more is read alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftline.engine.attributions import Attributed
from driftline.engine.cells import Side, Values
from driftline.engine.conventions import CONVENTIONS
from driftline.engine.custom import Asked
from driftline.engine.dispersion import Dispersion, Gaps, OfFeatures
from driftline.engine.features import Watched, match_column
from driftline.engine.grid import LARGEST, MOST_BINS, SMALLEST, Grid
from driftline.engine.plan import Plan, Scan
from driftline.engine.project import FixedWindow, Production, Reference

if TYPE_CHECKING:
    from datetime import datetime

# Another form of facts is another one of these: older ones are read anew.
FORM: Final = 1
# A reference that the project file freezes has no files to look at.
FROZEN: Final = "frozen"


# Rows that tell a feature's importance, and that: None where none of them does.
Importances = Mapping[str, tuple[int, float | None]]


@dataclass(frozen=True)
class Numbers:
    """A number column's cells.

    Attributes:
        grid: The fine grid; None where values were counted one by one.
        side: The cells, with the single values of bins that were read.
        bounds: Finite values at or beyond all others; None where none was asked for.
    """

    grid: Grid | None
    side: Side
    bounds: tuple[float, float] | None


@dataclass(frozen=True)
class Column:
    """What is known of one column of a reference.

    Attributes:
        key: What decides it beside the rows: the column's type and how it is read.
        counts: What was counted of it, by name.
        numbers: Its cells, of a number column.
        categories: (value, fault, rows), of a text column whose values are all known.
        importances: (rows, importance) by feature, of what holds importances; of an aggregate, (rows,
            value) alone.
        dispersions: How windows differ, by feature and whether of nulls, of what holds that.
    """

    key: str
    counts: Mapping[str, int] = field(default_factory=dict)
    numbers: Numbers | None = None
    categories: tuple[tuple[str | None, str | None, int], ...] | None = None
    importances: Importances | None = None
    dispersions: OfFeatures | None = None


@dataclass(frozen=True)
class Baseline:
    """What is known of one reference.

    Attributes:
        monitor: The monitor.
        reference: The reference's name.
        key: What decides which rows it has: source, window, filter.
        fingerprint: Of the data: changes when files do.
        reference_id: What results call it.
        built_at: When it was built, naive UTC.
        rows: Its rows.
        columns: What is known of each, by feature name; of importances, aggregates and dispersions,
            by their own.
    """

    monitor: str
    reference: str
    key: str
    fingerprint: str
    reference_id: str
    built_at: datetime
    rows: int
    columns: Mapping[str, Column]

    @property
    def features(self) -> Mapping[str, Column]:
        """What is known of columns of the table, by name."""
        return {
            name: each
            for name, each in self.columns.items()
            if each.importances is None and each.dispersions is None
        }


def rows_key(reference: Reference) -> str | None:
    """What decides which rows a reference has; None where that moves with the run."""
    window = reference.window
    if isinstance(window, FixedWindow):
        span: list[str] | None = [window.start.isoformat(), window.end.isoformat()]
    elif window is not None or reference.timestamp is not None:
        return None
    else:
        span = None
    return _hash([FORM, reference.source.written, reference.filter, reference.timestamp, span])


def windows_key(production: Production) -> str:
    """What decides, beside the window, which rows production has."""
    return _hash([FORM, production.source.written, production.filter, production.timestamp])


def column_key(plan: Plan, scan: Scan, item: Watched) -> str | None:
    """What decides a column's facts beside the rows; None where joins or other columns do."""
    column = plan.column(scan, item)
    if column is None or column.join is not None or item.reference is None:
        return None
    conventions = CONVENTIONS[plan.monitor.conventions]
    told = [column.name, column.type, item.route, item.reference.type, conventions.fractions_cast]
    return _hash(told)


def importances_name(plan: Plan, scan: Scan, each: Attributed) -> str | None:
    """What a reference's importances are kept under; None where more than its own rows decides them.

    A table of its own can change while the reference's rows do not, and bins are the primary one's.
    """
    if scan.id not in each.scans:
        return None
    if each.target is not None:
        return _modelled_name(plan, scan, each)
    if not each.columns:
        return None
    where = f"reference {scan.reference}"
    found = (match_column(item.name, scan.columns, where=where) for item in each.columns)
    own = [[column.name, column.type] for column in found if column is not None]
    return f"importances {_hash([each.attribution.prefix, own])}"


def aggregate_name(scan: Scan, asked: Asked) -> str | None:
    """What an aggregate over a reference is kept under; None where more than its own rows decides it."""
    columns = asked.of(scan.id)
    if columns is None or any(column is None or column.join for column in columns):
        return None
    read = [[column.name, column.type] for column in columns if column is not None]
    return f"aggregate {_hash([asked.aggregate.sql, read])}"


def dispersions_name(scan: Scan, features: Sequence[tuple[Watched, object]]) -> str:
    """What is kept of how a reference's windows differ: by windows, and by columns and their bins.

    Args:
        scan: The reference.
        features: The features, and what their bins are.
    """
    windows = [[str(window.start), str(window.end)] for window in scan.control]
    told = [
        [item.name, item.reference and item.reference.type, repr(bins)] for item, bins in features
    ]
    return f"dispersions {_hash([windows, told])}"


def _modelled_name(plan: Plan, scan: Scan, each: Attributed) -> str | None:
    """The same of importances that are made of features and what the model says."""
    monitor, target = plan.monitor, each.target
    if target is None or scan.id != plan.primary.id or monitor.exact == "never":
        return None
    items = [*each.features, target]
    if any(item.reference is None or item.reference.join is not None for item in items):
        return None
    columns = []
    for item in items:
        key, settings = (
            column_key(plan, scan, item),
            monitor.settings.get(item.name),
        )
        columns.append([key, settings and settings.type, settings and settings.bins])
    told = [
        *(monitor.bins, monitor.max_categories, monitor.conventions),
        monitor.roles.correlation_id,
    ]
    return f"importances {_hash([each.attribution.source, columns, told])}"


def _hash(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class CountedWindow:
    """One of the windows that a reference consists of: its rows, and what is known by feature id."""

    rows: int
    columns: Mapping[int, Column]


@dataclass
class Known:
    """What a plan need not read: facts of columns of its references, by scan and feature id.

    Attributes:
        rows: Rows of each scan.
        columns: Facts by scan and feature id.
        windows: The windows that a scan consists of, which tell how they differ; by scan, in order.
        grids: The grids of features whose windows were counted before, by feature id.
        importances: By scan and the id of their source.
        aggregates: Rows and value by scan, signal and metric.
        dispersions: By scan and what they are kept under.
    """

    rows: dict[int, int] = field(default_factory=dict)
    columns: dict[tuple[int, int], Column] = field(default_factory=dict)
    windows: dict[int, Sequence[CountedWindow]] = field(default_factory=dict)
    grids: dict[int, Grid] = field(default_factory=dict)
    importances: dict[tuple[int, int], Importances] = field(default_factory=dict)
    aggregates: dict[tuple[int, str, str], tuple[int, float | None]] = field(default_factory=dict)
    dispersions: dict[tuple[int, str], OfFeatures] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan, baselines: Mapping[str, Baseline]) -> Known:
        """What baselines, by reference, know of a plan's references."""
        known = cls()
        for scan in plan.references:
            found = baselines.get(scan.reference)
            if found is None:
                continue
            known.learn(plan, scan, found.rows, found.columns)
            for each in plan.attributions:
                told = found.columns.get(importances_name(plan, scan, each) or "")
                if told is not None and told.importances is not None:
                    known.importances[scan.id, each.id] = told.importances
            for one in plan.custom:
                told = found.columns.get(aggregate_name(scan, one) or "")
                if told is not None and told.importances is not None:
                    known.aggregates[scan.id, *one.key] = told.importances[""]
            for name, column in found.columns.items():
                if column.dispersions is not None:
                    known.dispersions[scan.id, name] = column.dispersions
        return known

    def learn(
        self, plan: Plan, scan: Scan, rows: int, columns: Mapping[str, Column | None]
    ) -> None:
        """Take in the rows of a reference, and what is known of its columns as the plan reads them."""
        self.rows[scan.id] = rows
        for item in plan.read:
            key = column_key(plan, scan, item)
            facts = columns.get(item.name)
            if facts is not None and facts.key == key:
                self.columns[scan.id, item.id] = facts

    def numbers(self, scan: int, feature: int) -> Numbers | None:
        """The cells of a column, where they are known."""
        facts = self.columns.get((scan, feature))
        return None if facts is None else facts.numbers

    def categories(
        self, scan: int, feature: int
    ) -> tuple[tuple[str | None, str | None, int], ...] | None:
        """The counted values of a text column, where all are known."""
        facts = self.columns.get((scan, feature))
        return None if facts is None else facts.categories

    def counts(self, scan: int, feature: int, names: Iterable[str]) -> dict[str, int] | None:
        """What was counted of a column; None unless all of it is known."""
        facts = self.columns.get((scan, feature))
        wanted = [*names]
        if facts is None or not facts.counts.keys() >= {*wanted}:
            return None
        return {name: facts.counts[name] for name in wanted}

    def lacks(self, scan: Scan) -> bool:
        """Whether not even the rows of a scan are known."""
        return scan.id not in self.rows


def regridded(numbers: Numbers, grid: Grid | None) -> Side | None:
    """The cells on the grid that a run places; None where they are on another one."""
    kept = numbers.grid
    if kept is None or grid is None:
        return numbers.side if kept is grid else None
    if (kept.centre, kept.width) != (grid.centre, grid.width):
        return None
    moved = grid.origin - kept.origin
    side = numbers.side
    if not moved:
        return side
    values = replace(side.values, bin=side.values.bin + moved)
    return replace(side, bin=side.bin + moved, read=side.read + moved, values=values)


def fits(kept: Grid | None, every: tuple[float, float]) -> Grid | None:
    """The grid that a run places where one was placed before; None where it is another one.

    Args:
        kept: The grid of what is known of the primary reference.
        every: The range of all sides.
    """
    low, high = every
    if kept is None or max(abs(low), abs(high)) > LARGEST or 0 < high - low < SMALLEST:
        return None
    if kept.width:
        return kept
    if high - low < MOST_BINS - 1:
        return replace(kept, origin=int(kept.centre - low))
    return None


# Facts as bytes: a header of JSON, then arrays one after the other.

_ARRAYS: Final = (
    ("bin", "<i8"), ("low", "<f8"), ("high", "<f8"), ("n", "<i8"), ("total", "<f8"), ("squares", "<f8"),
)  # fmt: skip


def packed(column: Column) -> bytes:
    """A column's facts as bytes."""
    import pyarrow as pa

    head: dict[str, Any] = {
        "key": column.key,
        "counts": dict(column.counts),
        "categories": column.categories,
        "importances": None
        if column.importances is None
        else {
            name: [rows, None if value is None else value.hex()]
            for name, (rows, value) in column.importances.items()
        },
        "dispersions": None
        if column.dispersions is None
        else [
            [*key, told.windows, [x.hex() for x in _floats_of(told)]]
            for key, told in column.dispersions.items()
        ],
    }
    arrays: list[np.ndarray] = []
    if column.numbers is not None:
        side, grid = column.numbers.side, column.numbers.grid
        head["numbers"] = {
            "grid": None if grid is None else [grid.centre.hex(), grid.width.hex(), grid.origin],
            "bounds": None if (b := column.numbers.bounds) is None else [x.hex() for x in b],
            "codes": {str(code): rows for code, rows in side.codes.items()},
            "shift": side.shift,
            "centre": side.centre.hex(),
            "lengths": [len(side.bin), len(side.values.bin), len(side.read)],
        }
        arrays += [getattr(side, name).astype(kind) for name, kind in _ARRAYS]
        arrays += [
            side.values.bin.astype("<i8"),
            side.values.value.astype("<f8"),
            side.values.n.astype("<i8"),
            side.read.astype("<i8"),
        ]
    text = json.dumps(head, ensure_ascii=False).encode()
    body = b"".join(array.tobytes() for array in arrays)
    whole = len(text).to_bytes(8, "little") + text + body
    body = bytes(pa.compress(whole, codec="zstd", asbytes=True))
    return len(whole).to_bytes(8, "little") + body


def unpacked(content: bytes) -> Column:
    """A column's facts from bytes."""
    import pyarrow as pa

    size = int.from_bytes(content[:8], "little")
    whole = pa.decompress(content[8:], size, codec="zstd", asbytes=True)
    end = 8 + int.from_bytes(whole[:8], "little")
    head = json.loads(whole[8:end])
    numbers = None
    if (told := head.get("numbers")) is not None:
        cells, values, read = told["lengths"]
        shapes = [(kind, cells) for _, kind in _ARRAYS]
        shapes += [("<i8", values), ("<f8", values), ("<i8", values), ("<i8", read)]
        arrays = []
        for kind, length in shapes:
            arrays.append(np.frombuffer(whole, kind, length, end).copy())
            end += 8 * length
        bins, low, high, n, total, squares, value_bins, value, value_n, read_bins = arrays
        grid = told["grid"]
        side = Side(
            {int(code): rows for code, rows in told["codes"].items()},
            told["shift"],
            bins,
            low,
            high,
            n,
            total,
            squares,
            float.fromhex(told["centre"]),
            Values(value_bins, value, value_n),
            read_bins,
        )
        bounds = told["bounds"]
        numbers = Numbers(
            None if grid is None else Grid(float.fromhex(grid[0]), float.fromhex(grid[1]), grid[2]),
            side,
            None if bounds is None else (float.fromhex(bounds[0]), float.fromhex(bounds[1])),
        )
    categories, importances = head["categories"], head.get("importances")
    return Column(
        head["key"],
        head["counts"],
        numbers,
        None if categories is None else tuple(tuple(each) for each in categories),
        None
        if importances is None
        else {
            name: (rows, None if value is None else float.fromhex(value))
            for name, (rows, value) in importances.items()
        },
        None
        if (scattered := head.get("dispersions")) is None
        else {
            (name, kind): _scattered(windows, [*map(float.fromhex, floats)])
            for name, kind, windows, floats in scattered
        },
    )


def _floats_of(told: Dispersion) -> list[float]:
    gaps = () if told.gaps is None else astuple(told.gaps)
    return [told.factor, told.share, told.inverse, told.caution, *gaps]


def _scattered(windows: int, floats: Sequence[float]) -> Dispersion:
    factor, share, inverse, caution, *gaps = floats
    return Dispersion(windows, factor, share, inverse, caution, Gaps(*gaps) if gaps else None)


def counted_categories(
    rows: Sequence[Mapping[str, Any]],
) -> tuple[tuple[str | None, str | None, int], ...] | None:
    """All values of a text column from its rows of `categories`; None where some have no name."""
    found: list[tuple[str | None, str | None, int]] = []
    for row in rows:
        if row["kind"] in ("null", "nan", "type_error"):
            found.append((None, row["kind"], row["n"]))
        elif row["value"] is None:
            return None
        else:
            found.append((row["value"], None, row["n"]))
    return tuple(sorted(found, key=repr))
