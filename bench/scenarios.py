"""What `bench/performance.py` measures: tables, and the processes that are measured on each.

The processes of a scenario are measured in turn, as often as wanted, so that whatever else the
machine does befalls them alike: their ratios are what to compare.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from driftline.bench.tables import FEW_VALUES, features

AT: Final = "2026-01-01"
START: Final = "2025-01-01"
MEMORY: Final = "4GB"

# rows of a table: its features, and DuckDB's memory_limit
ROWS: Final[Mapping[int, tuple[int, str]]] = {
    100_000: (50, MEMORY),
    1_000_000: (50, MEMORY),
    10_000_000: (50, "1GB"),
    100_000_000: (10, "2GB"),
}
# other tools: the most rows they are tried with
PEERS: Final[Mapping[str, int]] = {
    "scipy": 10_000_000,
    "evidently": 1_000_000,
    "nannyml": 1_000_000,
    "whylogs": 1_000_000,
    "popmon": 1_000_000,
    "azure": 1_000_000,
}
EXACT: Final = ("always", "when_it_matters")
COLUMNS: Final = (10, 50, 200, 1_000, 2_000)
CATEGORIES: Final = (10, 1_000, 100_000)
BINS: Final = (10, 50, 200)
# Values of the column whose segments are measured by themselves, beside thirty features.
SEGMENTS: Final = 40
SEGMENTED_BY: Final = "f0003_text"
# size of a window: the end of the last whole one of the year
WINDOWS: Final = {"P30D": "2025-12-27", "P7D": "2025-12-31", "P1D": "2026-01-01"}

SIGNALS: Final = {
    "data_drift": {
        "numerical": ["wasserstein", "ks_distance", "psi", "js"],
        "categorical": ["psi", "js", "chi2"],
    },
    "data_quality": ["nulls", "type_errors", "out_of_bounds"],
}


@dataclass(frozen=True)
class Table:
    """A pair of tables: rows of each side, features, values of every text (None: various)."""

    rows: int
    columns: int = 50
    categories: int | None = None

    @property
    def name(self) -> str:
        """Of its folder, and in the results."""
        name = f"{self.rows}x{self.columns}"
        return name if self.categories is None else f"{name}x{self.categories}"


@dataclass(frozen=True)
class Job:
    """One process to measure. Words in braces are what only the machine knows.

    Attributes:
        name: What it is called in the results.
        command: Program and arguments.
        project: What `driftline.yml` holds, but for the connection.
        before: Commands that are run first and not measured.
        exits: Exit codes that mean it has done its work.
        own: Whether it prints {"cpu", "wall"} itself, of its work without its start.
    """

    name: str
    command: tuple[str, ...]
    project: dict[str, Any] = field(default_factory=dict)
    before: tuple[tuple[str, ...], ...] = ()
    exits: tuple[int, ...] = (0,)
    own: bool = False


@dataclass(frozen=True)
class Scenario:
    """Processes that are measured in turn on one table.

    Attributes:
        part: What `--parts` picks.
        table: The rows.
        jobs: The processes.
        memory: DuckDB's memory_limit.
        of: What tells it from others of its part and table.
    """

    part: str
    table: Table
    jobs: tuple[Job, ...]
    memory: str = MEMORY
    of: str = ""

    @property
    def name(self) -> str:
        """What it is called in the results."""
        return f"{self.part} {self.table.name} {self.of}".rstrip()


def floor() -> Job:
    """What every run is compared with."""
    words = ("{python}", "{bench}/floor.py", "{reference}", "{production}")
    settings = ("--threads", "{threads}", "--memory-limit", "{memory}")
    return Job("floor", words + settings, own=True)


def run(
    table: Table,
    name: str,
    *,
    exact: str = "always",
    bins: int = 10,
    window: str | None = None,
    frozen: bool = False,
    segments: tuple[str, ...] = (),
) -> Job:
    """A whole `driftline run`, or a `backfill` of windows of some size."""
    production: dict[str, Any] = {"table": "{production}"}
    verb: tuple[str, ...] = ("run", "bench", "--at", AT)
    if window is not None:
        production |= {"timestamp": "ts", "window": {"size": window}}
        span = ("--from", START, "--to", WINDOWS[window])
        verb = ("backfill", "bench", *span, "--every", window)
    monitor = {
        "name": "bench",
        "production": production,
        "reference": {"table": "{reference}", "frozen": frozen},
        "exact": exact,
        "bins": {"count": bins},
        "segments": [*segments],
        "features": {"exclude": [SEGMENTED_BY]} if table.categories == SEGMENTS else "all",
        # numbers for everyone
        "settings": {
            each.name: {"type": "numerical"}
            for each in features(table.columns)
            if each.shape in FEW_VALUES
        },
        "signals": SIGNALS,
    }
    return Job(
        name,
        ("{driftline}", *verb),
        {"monitors": [monitor]},
        before=(("{driftline}", "baseline", "build", "bench"),) if frozen else (),
        # 1: it ran, and something breached
        exits=(0, 1),
    )


def peer(name: str) -> Job:
    """Another tool, in its own environment."""
    script = f"{{bench}}/peers/with_{name}.py"
    return Job(name, (f"{{{name}}}", script, "{reference}", "{production}"))


def scenarios() -> Iterator[Scenario]:
    """All of them, small tables first."""
    for rows, (columns, memory) in ROWS.items():
        table = Table(rows, columns)
        exact = (run(table, each, exact=each) for each in EXACT)
        yield Scenario("rows", table, (floor(), *exact), memory)
        if rows == 100_000:
            for wide in (Table(rows, columns) for columns in COLUMNS):
                yield Scenario("columns", wide, (floor(), run(wide, "always")))
        if rows == 1_000_000:
            yield from _at_a_million(table)
        if rows == 10_000_000:
            few = Table(rows, 20)
            for each in EXACT:
                of_all = run(few, "one run", exact=each)
                jobs = (run(few, window, exact=each, window=window) for window in WINDOWS)
                yield Scenario("windows", few, (of_all, *jobs), of=each)
        for name, most in PEERS.items():
            if rows <= most:
                yield Scenario("peers", table, (peer(name),), of=name)


def _at_a_million(table: Table) -> Iterator[Scenario]:
    kept = (("read anew", False), ("frozen", True))
    jobs = (run(table, name, exact="when_it_matters", frozen=frozen) for name, frozen in kept)
    yield Scenario("frozen", table, tuple(jobs))
    yield Scenario("bins", table, tuple(run(table, f"{bins}", bins=bins) for bins in BINS))
    apart = Table(table.rows, 31, SEGMENTS)
    told = (run(apart, "whole"), run(apart, "segments", segments=(SEGMENTED_BY,)))
    yield Scenario("segments", apart, told)
    for categories in CATEGORIES:
        texts = Table(table.rows, 10, categories)
        yield Scenario("categories", texts, (floor(), run(texts, "always")))


def chosen(parts: Collection[str], rows: Collection[int], peers: Collection[str]) -> list[Scenario]:
    """Those of some parts, sizes and other tools; an empty collection of the former two is all."""
    return [
        each
        for each in scenarios()
        if (not parts or each.part in parts)
        and (not rows or each.table.rows in rows)
        and (each.part != "peers" or each.of in peers)
    ]


PARTS: Final = tuple(dict.fromkeys(each.part for each in scenarios()))
