"""What importances of features are made of: which columns or tables hold them. Pure; nothing is read here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from driftline.engine.errors import SourceError
from driftline.engine.features import Watched, match_column, need_column
from driftline.engine.project import Attribution, Monitor, Source
from driftline.engine.warehouses.base import MOMENTS, NUMBERS, Column


def listed_sources(monitor: Monitor) -> tuple[Source, ...]:
    """Every table of importances that a monitor names, each once."""
    found = (
        source
        for each in monitor.attributions
        for side in ("production", "reference")
        if (source := each.listing(side)) is not None
    )
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class Listing:
    """A table with a row for each feature, as one scan's window takes it.

    Attributes:
        scan: Id of the scan.
        number: The table's among the plan's sources.
        source: Where it is.
        clock: Its time column, when rows are cut by time.
        feature: The column with the feature's name.
        value: The column with the attribution or importance.
    """

    scan: int
    number: int
    source: Source
    clock: Column | None
    feature: Column
    value: Column


@dataclass(frozen=True)
class Attributed:
    """One source of importances as a plan reads it.

    Attributes:
        id: Position among the plan's.
        attribution: What the project file says.
        scans: Ids of the scans whose importances are asked for.
        columns: Columns that hold attributions, with ids of their own.
        listings: Tables that hold them.
    """

    id: int
    attribution: Attribution
    scans: tuple[int, ...]
    columns: tuple[Watched, ...] = ()
    listings: tuple[Listing, ...] = ()

    def feature(self, column: Watched) -> str:
        """The feature whose attributions a column holds."""
        return column.name[len(self.attribution.prefix) :]


def attribution_columns(
    monitor: Monitor,
    attribution: Attribution,
    reference: Sequence[Column],
    production: Sequence[Column],
    first: int,
) -> tuple[Watched, ...]:
    """The columns of both sides that hold attributions, one for each feature.

    Args:
        monitor: The monitor.
        attribution: Tells their prefix.
        reference: Columns of the primary reference.
        production: Columns of production.
        first: The id of the first of them.

    Raises:
        SourceError: When neither side has any, or names are ambiguous.
    """
    pairs = [*_pairs(monitor, attribution.prefix, reference, production)]
    if not pairs:
        raise SourceError(
            f"monitor {monitor.name}: no column of numbers begins with {attribution.prefix!r}",
            hint="attribution.prefix is how the names of columns with attributions begin",
        )
    return tuple(
        Watched(first + k, (ours or theirs).name, "excluded", "number", ours, theirs)  # type: ignore[union-attr]
        for k, (ours, theirs) in enumerate(pairs)
    )


def _pairs(
    monitor: Monitor, prefix: str, reference: Sequence[Column], production: Sequence[Column]
) -> Iterator[tuple[Column | None, Column | None]]:
    where = f"monitor {monitor.name}"
    ours, theirs = (
        [column for column in columns if holds_attributions(prefix, column)]
        for columns in (reference, production)
    )
    for column in ours:
        yield column, match_column(column.name, theirs, where=f"{where}, production")
    for column in theirs:
        if match_column(column.name, ours, where=f"{where}, reference") is None:
            yield None, column


def holds_attributions(prefix: str, column: Column) -> bool:
    """Whether a column's name is a feature's after a prefix, and it holds numbers."""
    named = column.name.startswith(prefix) and len(column.name) > len(prefix)
    return named and column.join is None and column.kind in NUMBERS


def listing_of(
    monitor: Monitor,
    attribution: Attribution,
    side: str,
    scan: int,
    number: int,
    columns: Mapping[Source, tuple[Column, ...]],
    clock: str | None,
) -> Listing:
    """How one scan's window takes a table of attributions or importances.

    Args:
        monitor: The monitor.
        attribution: What the project file says.
        side: `production` or `reference`.
        scan: Id of the scan.
        number: The table's among the plan's sources.
        columns: Columns of each table of importances.
        clock: Name of the scan's own time column, when its rows are cut by time.

    Raises:
        SourceError: When a column is missing or is not what it has to be, or both sides would read the
            same rows.
    """
    source = attribution.listing(side)
    assert source is not None
    where = f"monitor {monitor.name}, {source.written}"
    found = columns[source]
    moment = None
    if clock is not None and attribution.timestamp is not None:
        moment = need_column(attribution.timestamp, found, where=where, role="timestamp")
    elif clock is not None and attribution.source == "columns":
        moment = need_column(clock, found, where=where, role="timestamp of attributions")
    elif clock is not None:
        moment = match_column(clock, found, where=where)
    if moment is not None and moment.kind not in MOMENTS:
        raise SourceError(
            f"{where}: the timestamp column {moment.name!r} is {moment.type}, not a time"
        )
    if side == "reference" and moment is None and source == attribution.table:
        raise SourceError(
            f"{where}: all of its rows, production's too, would be the reference's",
            hint="name the reference's own as attribution.reference_table, or give the reference a"
            " window and the table a timestamp",
        )
    value = need_column(attribution.value, found, where=where, role="importance")
    if value.kind not in NUMBERS:
        raise SourceError(f"{where}: the column {value.name!r} is {value.type}, not a number")
    feature = need_column(attribution.feature, found, where=where, role="feature's name")
    return Listing(scan, number, source, moment, feature, value)
