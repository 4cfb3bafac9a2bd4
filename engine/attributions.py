"""What importances of features are made of: which columns or tables hold them. Pure; nothing is read here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from driftline.engine.errors import SourceError
from driftline.engine.features import Watched, match_column, need_column, route_of
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
        features: Features whose importance is made of their values and of what the model says.
        target: What it says, as both sides have it; its bins are the primary reference's.
        targets: The column of each scan that says it.
    """

    id: int
    attribution: Attribution
    scans: tuple[int, ...]
    columns: tuple[Watched, ...] = ()
    listings: tuple[Listing, ...] = ()
    features: tuple[Watched, ...] = ()
    target: Watched | None = None
    targets: tuple[tuple[int, Column], ...] = ()

    def feature(self, column: Watched) -> str:
        """The feature whose attributions a column holds."""
        return column.name[len(self.attribution.prefix) :]

    @property
    def note(self) -> str | None:
        """What its importances are a stand-in for; None where they are the model's."""
        if self.target is None:
            return None
        names = dict.fromkeys(f"{column.name!r}" for _, column in reversed(self.targets))
        of = {
            "mutual_information": "mutual information with",
            "surrogate_model": "SHAP values of trees that learned",
        }[self.attribution.source]
        return f"a surrogate: {of} {' and '.join(names)}"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features that it is known to tell of before it is read."""
        return (*map(self.feature, self.columns), *(item.name for item in self.features))


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


def outputs_of(
    monitor: Monitor,
    production: Sequence[Column],
    references: Mapping[str, Sequence[Column]],
    primary: str,
) -> tuple[Column, Mapping[str, Column]]:
    """What the model says on each side: an output, or the actual where a reference has no output.

    Args:
        monitor: The monitor.
        production: Columns of production.
        references: Columns of each reference, by name.
        primary: Name of the primary one: where it has no prediction as production has, its score counts.

    Returns:
        Production's column, and each reference's by name.

    Raises:
        SourceError: When a side has neither.
    """
    roles = monitor.roles

    def found(name: str | None, columns: Sequence[Column], where: str) -> Column | None:
        return None if name is None else match_column(name, columns, where=where)

    def at(side: str) -> str:
        return f"monitor {monitor.name}, {side}"

    sides = {"production": production} | {f"reference {k}": v for k, v in references.items()}
    both = [sides["production"], references[primary]]
    output = next(
        (
            name
            for name in (roles.prediction, roles.score)
            if name and all(found(name, columns, at("production")) for columns in both)
        ),
        roles.prediction,
    )
    told: dict[str, Column] = {}
    for side, columns in sides.items():
        column = found(output, columns, at(side)) or found(roles.actual, columns, at(side))
        if column is None:
            names = [name for name in (output, roles.actual) if name is not None]
            raise SourceError(
                f"{at(side)}: there is no column {' nor '.join(map(repr, names))} to weigh features by",
                hint="name the model's output as columns.prediction, or what it predicts as"
                " columns.actual; or give attributions, as {source: columns, prefix: …}",
            )
        told[side] = column
    return told["production"], {name: told[f"reference {name}"] for name in references}


def target_of(
    monitor: Monitor,
    reference: Column,
    production: Column,
    known: Sequence[Watched],
) -> Watched:
    """What the model says, as a column that both sides have; one that is read already where it is.

    Args:
        monitor: The monitor.
        reference: The primary reference's column.
        production: Production's.
        known: What is read already.
    """
    for item in known:
        if (item.reference, item.production) == (reference, production):
            return item
    route, reason = route_of(monitor, reference)
    return Watched(-1, reference.name, "excluded", route, reference, production, reason)
