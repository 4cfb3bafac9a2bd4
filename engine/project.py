"""What a project says, resolved: the frozen values every later stage reads.

`config.py` turns `driftline.yml` into a `Project`; nothing after it sees YAML, short names, defaults or
environment variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from driftline.engine.catalog import Kind, Metric

MEMORY: Final = ":memory:"
# Types of signal that can be told to watch the most important features only.
RANKED: Final = ("data_drift", "data_quality")
PERFORMANCE: Final = "model_performance"
# Types of signal that are measured in every segment, too.
SEGMENTED: Final = ("data_drift", "prediction_drift", "data_quality", "custom", PERFORMANCE)
NONE: Mapping[str, str] = MappingProxyType({})
NO_METRICS: Mapping[str, Metric] = MappingProxyType({})


@dataclass(frozen=True)
class Duration:
    """A calendar duration (ISO 8601): months and days move on the calendar, seconds on the clock."""

    months: int = 0
    days: int = 0
    seconds: int = 0
    text: str = "P0D"


@dataclass(frozen=True)
class RollingWindow:
    """[at - offset - size, at - offset); an offset of None takes the default of its place."""

    size: Duration
    offset: Duration | None = None


@dataclass(frozen=True)
class FixedWindow:
    """[start, end), aware datetimes."""

    start: datetime
    end: datetime

    @property
    def length(self) -> Duration:
        """How long it is, on the clock."""
        seconds = max(1, int((self.end - self.start).total_seconds()))
        return Duration(seconds=seconds, text=f"PT{seconds}S")


Window = RollingWindow | FixedWindow


@dataclass(frozen=True)
class SeasonalWindow:
    """Production's own window so much earlier, and as much earlier again: `cycles` of them together."""

    same: Duration
    cycles: int


@dataclass(frozen=True)
class Source:
    """Where rows come from: exactly one of files, table, query.

    Attributes:
        files: Absolute paths or globs, of one kind of file; empty when a table or query.
        table: Identifier parts, outermost first (`("schema", "table")`).
        query: A SELECT in the connection's own dialect.
        written: The text as the project file has it; part of `reference_id`, never a resolved path.
    """

    written: str
    files: tuple[str, ...] = ()
    table: tuple[str, ...] = ()
    query: str = ""


@dataclass(frozen=True)
class Production:
    """The rows being scored: the source, its clock, the window a run looks at, and a filter."""

    source: Source
    timestamp: str | None = None
    window: Window | None = None
    filter: str | None = None
    allow_empty: bool = False


@dataclass(frozen=True)
class Reference:
    """Rows that production is compared with. A reference without a source has production's.

    Attributes:
        name: What signals call it.
        source, timestamp, window, filter: Which rows it has.
        frozen: Whether these stay as they are.
        in_control: How far back from its end windows tell how they differ, where its own are too few.
    """

    name: str
    source: Source
    timestamp: str | None = None
    window: Window | SeasonalWindow | None = None
    filter: str | None = None
    frozen: bool = False
    in_control: Duration | None = None

    @property
    def moves(self) -> bool:
        """Whether its rows are others at another moment, by its own definition."""
        return isinstance(self.window, RollingWindow | SeasonalWindow)


@dataclass(frozen=True)
class Join:
    """Another table, left-joined to production, and to references that lack what it brings.

    Attributes:
        name: Its name in the results.
        source: The other table.
        on: Pairs of production's column and the other's, whose values are to be equal.
        timestamp: The other's column that tells which of several rows of a key is the newest.
        delay: How much later its rows arrive than production's; None is no later.
    """

    name: str
    source: Source
    on: tuple[tuple[str, str], ...]
    timestamp: str | None = None
    delay: Duration | None = None


@dataclass(frozen=True)
class Roles:
    """Columns with a job other than being a feature."""

    correlation_id: str | None = None
    prediction: str | None = None
    score: str | None = None
    actual: str | None = None
    # the score of each class, where there is one for each: (class, column)
    scores: tuple[tuple[str, str], ...] = ()
    # the class that a single score is about, and from which score on it is predicted
    positive_class: str | None = None
    cut_off: float | str = 0.5
    expected_error: str | None = None

    def outputs(self) -> tuple[tuple[str, str], ...]:
        """(role, column) of the model's outputs, which prediction drift watches."""
        classes = (("score", column) for _, column in self.scores)
        named = (("prediction", self.prediction), ("score", self.score), *classes)
        return tuple((role, column) for role, column in named if column is not None)


@dataclass(frozen=True)
class BinRule:
    """How a numerical feature is cut: `quantile` and `equal_width` take count, `edges` takes edges.

    `shared_width` takes neither: its count follows from the rows, its range from both sides.
    """

    rule: Literal["quantile", "equal_width", "edges", "shared_width"] = "quantile"
    count: int = 10
    edges: tuple[float, ...] = ()


@dataclass(frozen=True)
class Bound:
    """One limit as written: `relative` means a share of the reference's own value (10 % is 0.1).

    `other` is the limit on the other side, where there is one: `{min: 100, max: 900}`.
    """

    kind: Kind
    amount: float
    relative: bool = False
    other: Bound | None = None

    @property
    def sides(self) -> tuple[Bound, ...]:
        """The limit, and the one on the other side."""
        return (self,) if self.other is None else (self, self.other)


@dataclass(frozen=True)
class Threshold:
    """Where a metric warns and where it fails; both None measures without judging."""

    fail: Bound | None = None
    warn: Bound | None = None


@dataclass(frozen=True)
class FeatureSettings:
    """What the project file says about one feature."""

    type: Literal["numerical", "categorical"] | None = None
    bins: BinRule | None = None
    bounds: tuple[float, float] | None = None
    values: tuple[str, ...] | None = None
    thresholds: Mapping[str, Threshold] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Attribution:
    """Where the importance of features comes from.

    Attributes:
        source: `columns` (attributions a row: mean of their absolute values), `table` (importances
            ready made), `mutual_information` (of each feature and the prediction), or
            `surrogate_model` (of a model learned for it).
        prefix: Of the columns that hold a feature's attributions; empty where a table holds them.
        table: The table, of production and of references without one of their own; None without.
        reference_table: The references' table; None where it is the same.
        feature: Its column with the feature's name.
        value: Its column with the attribution or importance.
        timestamp: Its time column; None is the side's own name for it.
    """

    source: Literal["columns", "table", "mutual_information", "surrogate_model"]
    prefix: str = ""
    table: Source | None = None
    reference_table: Source | None = None
    feature: str = ""
    value: str = ""
    timestamp: str | None = None

    @property
    def is_modelled(self) -> bool:
        """Whether importances are made of the features and the prediction, and stand in for a model's."""
        return self.source in MODELLED

    def listing(self, side: str) -> Source | None:
        """The table of one side, `production` or `reference`; None where there is none."""
        return (self.reference_table or self.table) if side == "reference" else self.table


MUTUAL_INFORMATION: Final = Attribution("mutual_information")
# Sources that read what a model is told and what it says, not what it makes of it.
MODELLED: Final = ("mutual_information", "surrogate_model")


@dataclass(frozen=True)
class FeatureSelection:
    """Which columns are features: exact names, or include patterns minus exclude patterns.

    `named` are columns listed by name: one of them missing from production is a finding. Of all of
    them, `top_n` keeps the most important ones, as `attribution` tells; None keeps all.
    """

    named: tuple[str, ...] = ()
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    top_n: int | None = None
    attribution: Attribution | None = None


@dataclass(frozen=True)
class Segmentation:
    """How rows are told apart: by the values of columns, or by a condition.

    Attributes:
        columns: Names of the columns; empty where a condition tells.
        name: The segment of the rows for which the condition holds.
        where: The condition, DuckDB dialect.
    """

    columns: tuple[str, ...] = ()
    name: str = ""
    where: str = ""


@dataclass(frozen=True)
class MetricRule:
    """One metric a signal computes, with its threshold for each feature type it applies to.

    Attributes:
        metric: Catalogue name.
        thresholds: Feature type (`numerical`, `categorical`) to threshold; dataset metrics use `__all__`.
    """

    metric: str
    thresholds: Mapping[str, Threshold]


@dataclass(frozen=True)
class Signal:
    """A group of features watched for one purpose, against one reference.

    Attributes:
        name: Key in the project file.
        type: One of `catalog.SIGNAL_TYPES`.
        reference: Name of the reference; the monitor's primary one unless the signal says otherwise.
        rules: Metrics in the order written; empty where a type has none.
        features: The signal's own selection, or None for the monitor's.
        alert_when: `exceeds`, `significant` or `confident`.
        attribution: Where importances come from, of feature attribution drift; None for others.
        segments: The signal's own segmentations, or None for the monitor's.
        own: Metrics that the signal itself defines.
    """

    name: str
    type: str
    reference: str
    rules: tuple[MetricRule, ...]
    features: FeatureSelection | None = None
    alert_when: str = "significant"
    attribution: Attribution | None = None
    segments: tuple[Segmentation, ...] | None = None
    own: tuple[Metric, ...] = ()


LINK_WORDS: Final = ("monitor", "window_date", "window_start", "window_end", "run_id")
"""What the templates of links may name."""


@dataclass(frozen=True)
class Cusum:
    """When values that creep open an incident, though none is beyond its threshold.

    Attributes:
        average_run_length: Windows until a number that does not change opens one, on average.
        shift: Lasting change, in standard deviations between windows, that is found soonest.
        baseline: Windows that values are ranked among at least.
        min_effect: Share of the way from the usual mean to the threshold that it must have crept.
    """

    average_run_length: float = 1000.0
    shift: float = 1.0
    baseline: int = 20
    min_effect: float = 0.1


@dataclass(frozen=True)
class Alerting:
    """When incidents open and close, and who hears of it.

    Attributes:
        open_after: Windows in a row beyond a threshold before an incident opens; 1 or more.
        close_after: Good windows in a row before it closes; 1 or more.
        remind_every: How often the message is repeated; None is never.
        at_least_features: How many features of a signal must be beyond theirs before those of one
            open any; 1 or more.
        segments: Whether segments open incidents and decide exit codes, too.
        notify: Names of notifications; None is all of the project.
        cusum: What numbers that creep open incidents by; None is not at all.
    """

    open_after: int = 1
    close_after: int = 1
    remind_every: Duration | None = None
    at_least_features: int = 1
    segments: bool = False
    notify: tuple[str, ...] | None = None
    cusum: Cusum | None = None


@dataclass(frozen=True)
class CatchUp:
    """Which windows a scheduled run computes beside its own.

    Attributes:
        missed: Whether those that were missed are computed, too.
        longest: How far back; None is as far as there are slots.
        reprocess: How far back windows are computed again whose rows have changed in number; None is
            not at all.
    """

    missed: bool = True
    longest: Duration | None = Duration(days=7, text="P7D")
    reprocess: Duration | None = None


@dataclass(frozen=True)
class Monitor:
    """One model's monitor, with every default filled in.

    Attributes:
        links: Templates of addresses that messages carry, by `report`, `dashboard` and `runbook`.
        beside: Metrics of the project's own that its signals may name.
    """

    name: str
    production: Production
    references: tuple[Reference, ...]
    signals: tuple[Signal, ...]
    model: str | None = None
    model_version: str | None = None
    task: str | None = None
    tags: tuple[str, ...] = ()
    owner: str | None = None
    description: str | None = None
    time_zone: str = "UTC"
    schedule: str | None = None
    joins: tuple[Join, ...] = ()
    roles: Roles = Roles()
    features: FeatureSelection = FeatureSelection()
    settings: Mapping[str, FeatureSettings] = field(default_factory=lambda: MappingProxyType({}))
    column_types: Mapping[str, str] = field(default_factory=lambda: NONE)
    bins: BinRule = BinRule()
    max_categories: int = 1000
    segments: tuple[Segmentation, ...] = ()
    max_segments: int = 50
    min_rows: int = 100
    exact: str = "always"
    conventions: str = "driftline"
    overdispersion: bool = True
    alerting: Alerting = Alerting()
    links: Mapping[str, str] = field(default_factory=lambda: NONE)
    catch_up: CatchUp = CatchUp()
    yaml: str = ""
    line: int = 0
    beside: Mapping[str, Metric] = field(default_factory=lambda: NO_METRICS)

    @property
    def own(self) -> Mapping[str, Metric]:
        """Metrics that no other project knows: those beside the file, and what signals define."""
        defined = {metric.name: metric for signal in self.signals for metric in signal.own}
        return {**self.beside, **defined} if defined else self.beside

    @property
    def primary(self) -> Reference:
        """The first reference: it decides types, bins and categories."""
        return self.references[0]

    @property
    def window_signal(self) -> str:
        """The signal of rows about the window as a whole, and of findings about columns."""
        named = (signal.name for signal in self.signals if signal.type == "data_quality")
        return next(named, "data_quality")

    @property
    def performance_signals(self) -> tuple[Signal, ...]:
        """The signals that hold predictions against what happened."""
        return tuple(each for each in self.signals if each.type == PERFORMANCE)

    def selection_of(self, signal: Signal) -> FeatureSelection:
        """Which columns are features of a signal."""
        return signal.features or self.features

    @property
    def made_of_windows(self) -> tuple[Reference, ...]:
        """References that are frozen, move, and have production's rows: what was counted of these adds up."""
        ours = self.production
        return tuple(
            each
            for each in self.references
            if each.frozen
            and each.moves
            and (each.source.written, each.filter, each.timestamp)
            == (ours.source.written, ours.filter, ours.timestamp)
        )

    def segments_of(self, signal: Signal) -> tuple[Segmentation, ...]:
        """What a signal is measured by beside the whole; only signals about features are."""
        if signal.type not in SEGMENTED:
            return ()
        return self.segments if signal.segments is None else signal.segments

    @property
    def segmentations(self) -> tuple[Segmentation, ...]:
        """Every way in which rows are told apart, each once."""
        found = (each for signal in self.signals for each in self.segments_of(signal))
        return tuple(dict.fromkeys(found))

    def ranking_of(self, signal: Signal) -> Attribution | None:
        """What ranks a signal's features, of which it takes the first few; None where it takes all."""
        selection = self.selection_of(signal)
        if selection.top_n is None or signal.type not in RANKED:
            return None
        told = (each.attribution for each in self.signals if each.attribution is not None)
        return selection.attribution or next(told, MUTUAL_INFORMATION)

    @property
    def attributions(self) -> tuple[Attribution, ...]:
        """Every source of importances that a signal needs, each once."""
        found = (
            each
            for signal in self.signals
            for each in (signal.attribution, self.ranking_of(signal))
            if each is not None
        )
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class Connection:
    """How to reach the tables; `options` are the keys of its type, secrets resolved."""

    type: str = "duckdb"
    options: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def file(self) -> Path | None:
        """The DuckDB file that is read; None of an in-memory DuckDB, a service, or another engine."""
        database = str(self.options.get("database", MEMORY))
        named = self.type == "duckdb" and database != MEMORY and not database.startswith("md:")
        return Path(database) if named else None

    @property
    def holds_no_table(self) -> bool:
        """Whether there are no tables but files and named sources, as in an in-memory DuckDB."""
        return self.type == "duckdb" and self.options.get("database", MEMORY) == MEMORY


@dataclass(frozen=True)
class Results:
    """Where the result tables live: exactly one of a DuckDB file and a schema of the connection.

    Attributes:
        file: The file; None where they are in the connection.
        schema: The exact name of the schema; None where they are in a file.
    """

    file: Path | None = None
    schema: str | None = None


@dataclass(frozen=True)
class Publish:
    """Where the results go for others to read.

    Attributes:
        duckdb: A DuckDB file for BI tools.
        parquet: A folder of Parquet files.
        prometheus: A text file with the latest values, as Prometheus takes them.
        otlp: Address of an OpenTelemetry collector, which gets the same.
    """

    duckdb: Path | None = None
    parquet: Path | None = None
    prometheus: Path | None = None
    otlp: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Notification:
    """Whom to tell, and how.

    Attributes:
        name: What alerts call it.
        type: `apprise`, `webhook` or `smtp`.
        options: The keys of its type as the file has them, secrets resolved.
    """

    name: str
    type: str
    options: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Project:
    """A whole project file, validated and resolved.

    Attributes:
        path: The file, or None when the project was made in Python.
        root: Folder that paths resolve from.
        target: Name of the target in use, or None.
        secrets: Text that must never be shown; `config.mask` hides it.
        publish: Copies made after every run.
        beside: Metrics of the folder beside the file, by name.
        notifications: Whom incidents can be told.
    """

    root: Path
    monitors: tuple[Monitor, ...]
    results: Results
    connection: Connection = Connection()
    path: Path | None = None
    target: str | None = None
    secrets: frozenset[str] = frozenset()
    publish: Publish = Publish()
    beside: Mapping[str, Metric] = field(default_factory=lambda: NO_METRICS)
    notifications: tuple[Notification, ...] = ()

    @property
    def own(self) -> tuple[Metric, ...]:
        """Metrics that the project itself defines, each once."""
        found = (*self.beside.values(), *(m for each in self.monitors for m in each.own.values()))
        return tuple({(metric.name, metric.sql): metric for metric in found}.values())

    def monitor(self, name: str) -> Monitor:
        """The monitor of that name.

        Raises:
            KeyError: When there is none.
        """
        for monitor in self.monitors:
            if monitor.name == name:
                return monitor
        raise KeyError(name)
