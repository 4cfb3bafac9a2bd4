"""Aggregates over the source that the project file asks for, as a plan reads them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from driftline.engine.aggregates import Aggregate
from driftline.engine.catalog import Metric
from driftline.engine.features import match_column
from driftline.engine.project import Monitor, Signal
from driftline.engine.warehouses.base import Column


@dataclass(frozen=True)
class Asked:
    """One aggregate of one signal.

    Attributes:
        signal: The signal's name.
        metric: The metric's name.
        aggregate: What is asked.
        columns: By scan id, the columns that it reads, in its order; None where the scan lacks one.
    """

    signal: str
    metric: str
    aggregate: Aggregate
    columns: tuple[tuple[int, tuple[Column | None, ...]], ...]

    @property
    def key(self) -> tuple[str, str]:
        """What it is found by."""
        return self.signal, self.metric

    def of(self, scan: int) -> tuple[Column | None, ...] | None:
        """The columns of a scan; None where it is not asked of that."""
        return dict(self.columns).get(scan)

    def lacks(self, scan: int) -> str | None:
        """The first column that a scan lacks."""
        pairs = zip(self.aggregate.columns, self.of(scan) or (), strict=False)
        return next((name for name, column in pairs if column is None), None)


def aggregates_of(monitor: Monitor, signal: Signal) -> Iterator[tuple[Metric, Aggregate]]:
    """The aggregates that a signal asks for."""
    for rule in signal.rules:
        metric = monitor.own.get(rule.metric)
        if metric is not None and metric.aggregate is not None:
            yield metric, metric.aggregate


def columns_asked(monitor: Monitor, signal: Signal) -> tuple[str, ...]:
    """Names of the columns that a signal's aggregates read."""
    found = (name for _, each in aggregates_of(monitor, signal) for name in each.columns)
    return tuple(dict.fromkeys(found))


def asked_of(
    monitor: Monitor, signal: Signal, scans: Mapping[int, tuple[str, Sequence[Column]]]
) -> Iterator[Asked]:
    """The aggregates of a signal with the columns of the scans that they are asked of.

    Args:
        monitor: The monitor.
        signal: The signal.
        scans: By id, what messages call a scan, and its columns.

    Raises:
        SourceError: When a name could be any of several columns.
    """
    for metric, aggregate in aggregates_of(monitor, signal):
        columns = tuple(
            (
                scan,
                tuple(match_column(name, known, where=where) for name in aggregate.columns),
            )
            for scan, (where, known) in scans.items()
        )
        yield Asked(signal.name, metric.name, aggregate, columns)
