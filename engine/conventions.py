"""Whose definitions apply, as data: Driftline's own, or those of Azure ML's monitoring components.

Stages ask the conventions of their plan; none of them knows a convention by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from driftline.engine.catalog import (
    AZURE,
    AZURE_DEFAULT_METRICS,
    DEFAULT_METRICS,
    METRICS,
    Defaults,
    Metric,
)
from driftline.engine.project import BinRule, Monitor

# More categories than any column has, in every dialect's integer.
EVERY: Final = 2_147_483_647


@dataclass(frozen=True)
class Conventions:
    """Definitions that go together.

    Attributes:
        metrics: The catalogue.
        defaults: Metrics a signal takes when it names none.
        min_rows: Counted rows a side needs unless the project file says otherwise.
        alert_when: How every signal is judged; None is as the project file says.
        bins: How every numerical feature is cut; None is as the project file says.
        keeps_empty: Whether bins without a row on either side count as bins.
        own_categories: Whether a pair's categories are all values of its two sides, each its own
            bin; else they are the primary reference's, and all new values are one bin.
        most_categories: Categories kept apart; None is as the project file says.
        most_new: New categories that are told by name.
        most_distinct: Whole numbers with at most so many distinct values are categories …
        most_distinct_share: … or, where given, with fewer distinct values than this share of all
            rows, null being a value too.
        leaves_out_free_text: Whether texts that are mostly distinct are no categories.
        fractions_cast: Whether the text of a fraction casts to a column of whole numbers.
        clusters: Whether probabilities and intervals allow for rows that come in clusters.
    """

    metrics: Mapping[str, Metric]
    defaults: Defaults
    min_rows: int = 100
    alert_when: str | None = None
    bins: BinRule | None = None
    keeps_empty: bool = False
    own_categories: bool = False
    most_categories: int | None = None
    most_new: int = 10
    most_distinct: int = 20
    most_distinct_share: float | None = None
    leaves_out_free_text: bool = True
    fractions_cast: bool = False
    clusters: bool = True


DRIFTLINE: Final = Conventions(metrics=METRICS, defaults=DEFAULT_METRICS)

CONVENTIONS: Final[Mapping[str, Conventions]] = MappingProxyType(
    {
        "driftline": DRIFTLINE,
        "azure": Conventions(
            metrics=AZURE,
            defaults=AZURE_DEFAULT_METRICS,
            min_rows=0,
            alert_when="exceeds",
            bins=BinRule("shared_width"),
            keeps_empty=True,
            own_categories=True,
            most_categories=EVERY,
            most_new=EVERY,
            most_distinct_share=0.05,
            leaves_out_free_text=False,
            fractions_cast=True,
            clusters=False,
        ),
    }
)


def metrics_of(monitor: Monitor) -> Mapping[str, Metric]:
    """The catalogue of a monitor: that of its conventions, and what is the project's own."""
    known, own = CONVENTIONS[monitor.conventions].metrics, monitor.own
    return {**known, **own} if own else known
