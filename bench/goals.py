"""What `bench/performance.py` should find: the goals of docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from driftline.bench.scenarios import PEERS, SEGMENTS, Table

Place = tuple[str, str]  # the name of a scenario and of a job of it

SMALL: Final = Table(100_000)
MILLION: Final = Table(1_000_000)
LARGE: Final = Table(10_000_000)
HUGE: Final = Table(100_000_000, 10)

TITLES: Final = {
    "floor": "DuckDB: count, min, max, avg",
    "always": "Driftline, exact",
    "when_it_matters": "Driftline, exact when it matters",
    "scipy": "SciPy over pandas",
    "evidently": "Evidently",
    "nannyml": "NannyML",
    "whylogs": "whylogs",
    "popmon": "popmon",
    "azure": "Azure ML's method on Spark",
}


@dataclass(frozen=True)
class Goal:
    """What a number should be.

    Attributes:
        title: What it is about.
        of: What is measured.
        over: What it is divided by; None: the number itself.
        figure: `cpu` seconds or `peak` MB.
        most: What it may be; None: no bound.
        least: What it must be; None: no bound.
    """

    title: str
    of: Place
    over: Place | None = None
    figure: str = "cpu"
    most: float | None = None
    least: float | None = None

    @property
    def unit(self) -> str:
        """What stands behind the number."""
        if self.over is not None:
            return "×"
        return " CPU s" if self.figure == "cpu" else " MB"


def rows(table: Table, job: str) -> Place:
    """Where a run of a table by its rows stands, or its floor."""
    return f"rows {table.name}", job


def peers(table: Table, name: str) -> Place:
    """Where another tool stands."""
    return f"peers {table.name} {name}", name


def _over_floor(title: str, table: Table, job: str, most: float) -> Goal:
    title = f"{title}: CPU seconds over the floor's"
    return Goal(title, rows(table, job), rows(table, "floor"), most=most)


def _peak(title: str, table: Table, job: str, most: float) -> Goal:
    return Goal(f"{title}: peak memory", rows(table, job), figure="peak", most=most)


def _beside(name: str, table: Table, size: str, cpu: float, peak: float) -> Iterator[Goal]:
    of, over, title = peers(table, name), rows(table, "always"), f"{TITLES[name]}, {size} rows × 50"
    yield Goal(f"{title}: CPU seconds over Driftline's", of, over, least=cpu)
    yield Goal(f"{title}: peak memory over Driftline's", of, over, "peak", least=peak)


_WIDE: Final = f"columns {Table(100_000, 2_000).name}"
_FROZEN: Final = f"frozen {MILLION.name}"
_APART: Final = f"segments {Table(1_000_000, 31, SEGMENTS).name}"
_WINDOWS: Final = f"windows {Table(10_000_000, 20).name}"
_DAYS: Final = "365 daily windows, 10 million rows × 20"

GOALS: Final = (
    _over_floor("1 million rows × 50, exact", MILLION, "always", 3.0),
    _over_floor("the same, exact when it matters", MILLION, "when_it_matters", 1.8),
    _over_floor("10 million rows × 50, exact, 1 GB", LARGE, "always", 2.5),
    _peak("the same", LARGE, "always", 800),
    _over_floor("100 million rows × 10, exact, 2 GB", HUGE, "always", 3.0),
    _peak("the same", HUGE, "always", 2_000),
    Goal(
        "2 000 columns × 100 000 rows, exact: peak memory",
        (_WIDE, "always"),
        figure="peak",
        most=2_000,
    ),
    Goal("100 000 rows × 50, exact, from the shell: CPU seconds", rows(SMALL, "always"), most=1.5),
    Goal(
        "a frozen reference, 1 million rows × 50: CPU seconds over those of reading it anew",
        (_FROZEN, "frozen"),
        (_FROZEN, "read anew"),
        most=0.6,
    ),
    *(
        Goal(
            f"{_DAYS}, {title}: CPU seconds over those of one run",
            (f"{_WINDOWS} {exact}", "P1D"),
            (f"{_WINDOWS} {exact}", "one run"),
            most=most,
        )
        for exact, title, most in (
            ("when_it_matters", "exact when it matters", 2.0),
            ("always", "exact", 4.0),
        )
    ),
    Goal(
        "40 segments of 30 features, 1 million rows, exact: CPU seconds over those without",
        (_APART, "segments"),
        (_APART, "whole"),
        most=2.5,
    ),
    *_beside("scipy", SMALL, "100 000", cpu=3, peak=1),
    *_beside("scipy", MILLION, "1 million", cpu=5, peak=1),
    *_beside("evidently", MILLION, "1 million", cpu=30, peak=5),
    *_beside("whylogs", MILLION, "1 million", cpu=18, peak=5),
    *_beside("nannyml", MILLION, "1 million", cpu=10, peak=5),
    *(
        goal
        for name in PEERS
        if name not in ("scipy", "evidently", "whylogs", "nannyml")
        for goal in _beside(name, MILLION, "1 million", cpu=1, peak=1)
    ),
)
