"""What goes into the results store and what comes out of it, as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from driftline.engine.results import Rows


@dataclass(frozen=True)
class Slice:
    """What one run of a monitor replaces: its rows of one window.

    Attributes:
        monitor: Name of the monitor.
        window_start: Start of the production window, naive UTC, inclusive.
        window_end: End of the production window, naive UTC, exclusive.
        signals: Signals that were run; rows of other signals stay.
        metrics: New rows of `metrics`.
        histograms: New rows of `histograms`.
        profiles: New rows of `profiles`.
        features: New rows of `features`; older ones stay when they describe a later window.
        grounds: New rows of `_grounds`, one for each of `metrics`.
        selected: Features whose metrics were computed, when features were selected or excluded;
            None is all of them, so rows of features that have vanished go too.
        measured: Features whose histograms and profiles were computed, against the references that
            the new rows name, when that was a part; None is all of them (or `selected`).
        spared: Features and joins that the run measured in other windows: their rows stay.
    """

    monitor: str
    window_start: datetime
    window_end: datetime
    signals: tuple[str, ...]
    metrics: Rows
    histograms: Rows = ()
    profiles: Rows = ()
    features: Rows = ()
    grounds: Rows = ()
    selected: tuple[str, ...] | None = None
    measured: tuple[str, ...] | None = None
    spared: tuple[str, ...] = ()


@dataclass(frozen=True)
class Standing:
    """What is stored of a window before a part of it is computed again.

    Attributes:
        metrics: signal, metric, reference, segment, feature and p_value of its rows.
        histograms: reference, feature, bin, kind, label, lower_bound and n_reference of each
            reference's bins as its newest window has them, in order.
        profiles: Rows of each reference's features, likewise.
    """

    metrics: tuple[Mapping[str, Any], ...] = ()
    histograms: tuple[Mapping[str, Any], ...] = ()
    profiles: tuple[Mapping[str, Any], ...] = ()

    @property
    def features(self) -> frozenset[str]:
        """Features that have rows; `__all__` is the window as a whole."""
        return frozenset(row["feature"] for row in self.metrics)

    def bins(self, reference: str, feature: str) -> list[Mapping[str, Any]]:
        """The bins of a reference's feature, in order; none where it was never measured."""
        key = (reference, feature)
        return [row for row in self.histograms if (row["reference"], row["feature"]) == key]

    def profile(self, reference: str, feature: str) -> Mapping[str, Any]:
        """The profile of a reference's feature; empty where it was never measured."""
        key = (reference, feature)
        found = (row for row in self.profiles if (row["reference"], row["feature"]) == key)
        return next(found, {})


NOTHING: Final = Standing()


@dataclass(frozen=True)
class Migrated:
    """What brings the result tables to the newest schema.

    Attributes:
        place: Where they are, in words.
        before: The version of the tables; None where there were none.
        after: The version of the schema.
        statements: SQL of the place's dialect, one or more statements each; none when nothing is to
            be done.
    """

    place: str
    before: int | None
    after: int
    statements: tuple[str, ...]


# Start and end, naive UTC.
Window = tuple[datetime, datetime]


@dataclass(frozen=True)
class Known:
    """A stored window, all of whose rows were measured alike.

    Attributes:
        window: Start and end, naive UTC.
        reference_ids: (reference, reference_id) of its rows.
        config_hash: Of the runs that wrote them; empty where they were not all run alike.
    """

    window: Window
    reference_ids: frozenset[tuple[str, str]]
    config_hash: str


@dataclass
class Past:
    """What is known of a monitor's windows.

    Attributes:
        rows: Rows of each window, by its end and start, naive UTC.
        columns: Columns that production had, and the end of the first window that had them.
    """

    rows: dict[tuple[datetime, datetime], int] = field(default_factory=dict)
    columns: dict[str, datetime] = field(default_factory=dict)

    def before(self, moment: datetime, *, windows: int) -> tuple[tuple[int, ...], frozenset[str]]:
        """Row counts of the windows that end before a moment, newest first, and their columns.

        Args:
            moment: Naive UTC.
            windows: How many row counts to return at most.
        """
        earlier = sorted((key for key in self.rows if key[0] < moment), reverse=True)
        columns = (name for name, first in self.columns.items() if first < moment)
        return tuple(self.rows[key] for key in earlier[:windows]), frozenset(columns)

    def add(
        self, window: tuple[datetime, datetime], rows: int | None, columns: Iterable[str]
    ) -> None:
        """Note a window, start and end, as if it were stored."""
        if rows is not None:
            self.rows[window[1], window[0]] = rows
        for name in columns:
            self.columns[name] = min(window[1], self.columns.get(name, window[1]))
