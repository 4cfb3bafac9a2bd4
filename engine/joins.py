"""What joins bring to a side: which columns, by which keys. Pure; nothing is read here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from driftline.engine.errors import SourceError
from driftline.engine.features import match_column, named_columns, need_column
from driftline.engine.project import Join, Monitor
from driftline.engine.warehouses.base import MOMENTS, NUMBERS, Column


@dataclass(frozen=True)
class Joined:
    """One join as one side takes it.

    Attributes:
        join: What the project file says.
        place: Its place in the file, from 0.
        keys: Pairs of the side's column and the other table's.
        clock: The other table's column that tells which row is the newest, or None.
        columns: What the side takes of the other table.
    """

    join: Join
    place: int
    keys: tuple[tuple[Column, Column], ...]
    clock: Column | None
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True)
class Side:
    """Columns of production or of a reference, its own and those that joins bring.

    Attributes:
        columns: Its own in order, then those taken.
        joined: The joins it can be joined by.
        lacking: Name of each other join to the key column that the side does not have.
    """

    columns: tuple[Column, ...]
    joined: tuple[Joined, ...] = ()
    lacking: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def join_production(
    monitor: Monitor, own: tuple[Column, ...], others: Mapping[str, tuple[Column, ...]]
) -> Side:
    """Production with what its joins bring.

    Args:
        monitor: The monitor.
        own: Production's own columns.
        others: Columns of every joined table, by the join's name.

    Raises:
        SourceError: When a key or a timestamp is missing, or two joins bring a column of one name.
    """
    return _join(monitor, "production", own, others, strict=True)


def join_reference(
    monitor: Monitor,
    name: str,
    own: tuple[Column, ...],
    others: Mapping[str, tuple[Column, ...]],
) -> Side:
    """A reference with what it lacks of the columns that are named; no join is taken for nothing.

    Args:
        monitor: The monitor.
        name: The reference's name.
        own: Its own columns.
        others: Columns of every joined table, by the join's name.

    Raises:
        SourceError: When two joins bring a column of one name.
    """
    return _join(monitor, f"reference {name}", own, others, strict=False)


def _join(
    monitor: Monitor,
    which: str,
    own: tuple[Column, ...],
    others: Mapping[str, tuple[Column, ...]],
    *,
    strict: bool,
) -> Side:
    where = f"monitor {monitor.name}, {which}"
    found: dict[str, Joined] = {}
    lacking: dict[str, str] = {}
    for place, join in enumerate(monitor.joins):
        theirs, at = others[join.name], f"monitor {monitor.name}, join {join.name}"
        keys: list[tuple[Column, Column]] = []
        for ours, other in join.on:
            twin = need_column(other, theirs, where=at, role="key")
            key = match_column(ours, own, where=where)
            if key is None and strict:
                key = need_column(ours, own, where=where, role=f"key of join {join.name}")
            if key is None:
                lacking.setdefault(join.name, ours)
            else:
                keys.append((key, twin))
        clock = _clock(join, theirs, at)
        if join.name not in lacking:
            found[join.name] = Joined(join, place, tuple(keys), clock)
    taken = _taken(monitor, where, own, {name: others[name] for name in found})
    return Side(
        (*own, *taken),
        tuple(
            replace(each, columns=tuple(column for column in taken if column.join == name))
            for name, each in found.items()
        ),
        MappingProxyType(lacking),
    )


def _clock(join: Join, theirs: tuple[Column, ...], at: str) -> Column | None:
    if join.timestamp is None:
        return None
    clock = need_column(join.timestamp, theirs, where=at, role="timestamp")
    if clock.kind not in MOMENTS | NUMBERS:
        raise SourceError(
            f"{at}: the timestamp column {clock.name!r} is {clock.type}, neither a time nor a number",
            hint="the newest row of a key is the one with the largest timestamp",
        )
    return clock


def _taken(
    monitor: Monitor,
    where: str,
    own: tuple[Column, ...],
    others: Mapping[str, tuple[Column, ...]],
) -> tuple[Column, ...]:
    """The columns that are named and not the side's own, each from the one join that has it."""
    taken: dict[Column, None] = {}
    for name in named_columns(monitor):
        if match_column(name, own, where=where) is not None:
            continue
        found = [
            replace(column, join=join)
            for join, columns in others.items()
            for column in columns
            if column.name.casefold() == name.casefold()
        ]
        found = [column for column in found if column.name == name] or found
        if len(found) > 1:
            could = " or ".join(f"{column.name!r} of join {column.join}" for column in found)
            raise SourceError(
                f"{where}: column {name!r} could be {could}",
                hint="rename one of them, or leave a join out",
            )
        taken |= dict.fromkeys(found)
    return tuple(taken)


def several_rows(keys: int, surplus: int) -> str:
    """How many keys have several rows, and how many rows that is beyond one each."""
    rows = "1 row" if surplus == 1 else f"{surplus} rows"
    return f"{rows} too many for {'1 key' if keys == 1 else f'{keys} keys'}"
