"""The catalogue: one line a metric, holding only what its SQL file cannot say.

The formula, parameters, columns and source of a metric stand in the header of
`sql/metrics/<family>/<name>.sql`; `METRICS` fails at import when a line has no file or a file no line.
Other conventions have lines of their own for what they define otherwise, with SQL in a folder of
their name where the formula differs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final, Literal

from driftline.engine.aggregates import Aggregate
from driftline.engine.errors import TemplateError
from driftline.engine.header import Header, parse_header

FeatureType = Literal["numerical", "categorical"]
Scope = Literal[
    "features", "columns", "dataset", "join", "schema", "attribution", "importance", "custom",
    "performance", "class", "labels",
]  # fmt: skip
Family = Literal["drift", "quality", "attribution", "performance", "custom"]
Direction = Literal["higher", "lower"]
Kind = Literal["max", "min", "increase", "decrease"]
Count = Literal["zeros", "empty_texts", "distinct_values"]
Task = Literal["classification", "regression"]
Test = Literal["kolmogorov_smirnov", "kolmogorov_smirnov_auto", "chi_squared", "goodness_of_fit"]

NUMERICAL: Final[tuple[FeatureType, ...]] = ("numerical",)
CATEGORICAL: Final[tuple[FeatureType, ...]] = ("categorical",)
BOTH: Final[tuple[FeatureType, ...]] = ("numerical", "categorical")
# How the names of metrics begin that need no labels.
ESTIMATED: Final = "estimated_"

SIGNAL_TYPES: Final = (
    "data_drift",
    "prediction_drift",
    "data_quality",
    "feature_attribution_drift",
    "model_performance",
    "custom",
)


@dataclass(frozen=True)
class Metric:
    """One metric: what it may watch, which way is worse, where it alarms unless told otherwise.

    Attributes:
        name: Stored name, the one Azure ML's monitor YAML uses.
        family: Folder of its SQL file: `drift`, `quality`, `attribution` or `performance`; `custom` of a
            project's own.
        types: Feature types it is defined for.
        scope: `features` (those monitored), `columns` (excluded ones too), `dataset` (once a window),
            `join` (once a window for each join), `schema` (a finding about a column: it has a row
            only where something was found), `attribution` (once a window and reference, of the
            importance of all features), `importance` (of each of those features, unasked), `custom`
            (once a window, reference and segment, of all rows), `performance` (once a window,
            reference and segment, of the model's outputs), `class` (of each class), `labels` (once a
            window and reference, unasked wherever labels are).
        worse: Direction of harm.
        bare: What a bare number in the project file means for it.
        default: Default threshold, or one a feature type where they differ; None measures only.
        high: Upper end of the range.
        low: Lower end of the range.
        unit: Unit of `value`.
        finite: Whether infinite values are left out, which the row then says.
        counts: What must be counted in the tables for it, beyond what every run counts.
        asks: The key of the project file that it cannot be measured without.
        past: Whether `increase` and `decrease` are of past windows rather than of the reference.
        finding: Status of a schema finding.
        test: Significance function that turns the SQL's `statistic` into `value`, if any.
        certified: What of `gaps` it is made of, whose bounds are certified before it is exact.
        short: Other names the project file accepts.
        folder: Folder of its SQL file where that is not the family's.
        kinds: Kinds of column whose categories it watches; None watches those of all.
        text: SQL of a project's own, which no file of the package has.
        place: Where that is written, for messages.
        aggregate: What it is, where it is an aggregate over the source.
        task: What models do that it is for; empty for both.
    """

    name: str
    family: Family
    types: tuple[FeatureType, ...]
    worse: Direction = "higher"
    scope: Scope = "features"
    bare: Kind = "max"
    default: float | Mapping[str, float] | None = None
    high: float = math.inf
    low: float = 0.0
    unit: str = ""
    finite: bool = False
    counts: Count | None = None
    asks: str = ""
    past: bool = False
    finding: Literal["ok", "warning", "breached"] | None = None
    test: Test | None = None
    certified: Literal["area", "widest"] | None = None
    short: tuple[str, ...] = ()
    folder: str = ""
    kinds: frozenset[str] | None = None
    text: str = ""
    place: str = ""
    aggregate: Aggregate | None = None
    task: Task | Literal[""] = ""

    @property
    def is_estimate(self) -> bool:
        """Whether it needs no labels of production."""
        return self.name.startswith(ESTIMATED)

    @property
    def watches(self) -> str:
        """What it is about: feature types, `columns`, `each join`, `the window`, or importances."""
        whole = {
            "schema": "columns",
            "join": "each join",
            "dataset": "the window",
            "attribution": "all features together",
            "importance": "each feature",
            "custom": "the window",
            "performance": "the model",
            "class": "each class",
            "labels": "the labels",
        }
        return ", ".join(self.types) or whole[self.scope]

    def default_for(self, feature_type: str) -> float | None:
        """The default threshold for a feature type; None when the metric has none."""
        if isinstance(self.default, Mapping):
            return self.default.get(feature_type)
        return self.default

    @property
    def default_text(self) -> str | None:
        """The default threshold as text: `0.1`, or `0.05 numerical, 0.1 categorical`."""
        if isinstance(self.default, Mapping):
            return ", ".join(f"{value:g} {kind}" for kind, value in self.default.items())
        return None if self.default is None else f"{self.default:g}"

    @property
    def path(self) -> str:
        """The metric's SQL file, from the package's root; of a project's own where it is written."""
        return self.place or f"sql/metrics/{self.folder or self.family}/{self.name}.sql"

    @property
    def file(self) -> Traversable:
        """The metric's SQL file inside the package."""
        return files("driftline").joinpath(*self.path.split("/"))

    @cached_property
    def sql(self) -> str:
        """The whole text of the metric's SQL file, header included."""
        return self.text or self.file.read_text("utf-8")

    @property
    def is_own(self) -> bool:
        """Whether it is a file of a project's own."""
        return bool(self.text) and self.aggregate is None

    @cached_property
    def header(self) -> Header:
        """The parsed header of the SQL file."""
        return parse_header(self.sql, file=self.path, own=self.is_own)


def catalog(*metrics: Metric) -> Mapping[str, Metric]:
    """Index metrics by name, in the order given.

    Raises:
        TemplateError: When a line has no SQL file, a file has no line, or two lines share a name.
    """
    named = {metric.name: metric for metric in metrics}
    if len(named) != len(metrics):
        raise TemplateError("two catalogue lines share a name")
    _agree(named, "drift", "quality", "attribution", "performance")
    return MappingProxyType(named)


def convention(folder: str, *metrics: Metric) -> Mapping[str, Metric]:
    """The catalogue with the lines that a convention defines otherwise.

    Args:
        folder: Where it has its SQL files.
        metrics: Its lines; those with SQL of their own name the folder.

    Raises:
        TemplateError: When a line has no SQL file, or a file of the folder has no line.
    """
    _agree([metric.name for metric in metrics if metric.folder == folder], folder)
    return MappingProxyType({**METRICS, **{metric.name: metric for metric in metrics}})


def _agree(names: Iterable[str], *folders: str) -> None:
    """Refuse names without a SQL file in the folders, and files without a name."""
    root = files("driftline") / "sql" / "metrics"
    on_disk = {
        entry.name.removesuffix(".sql")
        for folder in folders
        for entry in (root / folder).iterdir()
        if entry.name.endswith(".sql")
    }
    if odd := sorted(on_disk.symmetric_difference(names)):
        raise TemplateError(f"catalogue and sql/metrics disagree about {', '.join(odd)}")


def _share(name: str, scope: Scope = "performance", asks: str = "") -> Metric:
    """A share in [0, 1] that tells how good a classification is: lower is worse."""
    return Metric(
        name, "performance", (), scope=scope, task="classification", worse="lower", bare="min", high=1,
        asks=asks,
    )  # fmt: skip


METRICS: Final = catalog(
    Metric("jensen_shannon_distance", "drift", BOTH, default=0.1, high=1, short=("js",)),
    Metric("population_stability_index", "drift", BOTH, default=0.1, unit="nats", short=("psi",)),
    Metric("normalized_wasserstein_distance", "drift", NUMERICAL, default=0.25,
           unit="reference deviations", finite=True, certified="area", short=("wasserstein",)),
    Metric("kolmogorov_smirnov_distance", "drift", NUMERICAL, default=0.1, high=1,
           certified="widest", short=("ks_distance",)),
    Metric("two_sample_kolmogorov_smirnov_test", "drift", NUMERICAL, worse="lower", bare="min",
           default=0.01, high=1, unit="probability", test="kolmogorov_smirnov", certified="widest",
           short=("ks",)),
    Metric("pearsons_chi_squared_test", "drift", CATEGORICAL, worse="lower", bare="min",
           default=0.01, high=1, unit="probability", test="chi_squared", short=("chi2",)),
    Metric("chebyshev_distance", "drift", BOTH, high=1, short=("chebyshev",),
           default=MappingProxyType({"numerical": 0.05, "categorical": 0.1})),
    Metric("hellinger_distance", "drift", BOTH, default=0.1, high=1, short=("hellinger",)),
    Metric("total_variation_distance", "drift", BOTH, default=0.1, high=1, short=("tv",)),
    Metric("null_value_rate", "quality", BOTH, scope="columns", bare="increase", default=0.01,
           high=1, unit="share of rows", short=("nulls",)),
    Metric("data_type_error_rate", "quality", BOTH, scope="columns", bare="increase", default=0.0,
           high=1, unit="share of rows", short=("type_errors",)),
    Metric("out_of_bounds_rate", "quality", BOTH, bare="increase", default=0.01,
           high=1, unit="share of rows", short=("out_of_bounds",)),
    Metric("new_category_rate", "quality", CATEGORICAL, bare="increase",
           high=1, unit="share of non-null rows"),
    Metric("zero_rate", "quality", NUMERICAL, bare="increase", high=1, unit="share of rows",
           counts="zeros"),
    Metric("empty_string_rate", "quality", CATEGORICAL, bare="increase", high=1,
           unit="share of rows", counts="empty_texts"),
    Metric("distinct_count", "quality", BOTH, unit="values", counts="distinct_values"),
    Metric("mean", "quality", NUMERICAL, low=-math.inf, finite=True),
    Metric("stddev", "quality", NUMERICAL, finite=True),
    Metric("minimum", "quality", NUMERICAL, worse="lower", bare="min", low=-math.inf, finite=True),
    Metric("maximum", "quality", NUMERICAL, low=-math.inf, finite=True),
    Metric("row_count", "quality", (), scope="dataset", bare="min", worse="lower", unit="rows",
           past=True),
    Metric("freshness", "quality", (), scope="dataset", unit="seconds",
           asks="production.timestamp"),
    Metric("duplicate_rate", "quality", (), scope="dataset", high=1, unit="share of rows",
           asks="columns.correlation_id"),
    Metric("match_rate", "quality", (), scope="join", worse="lower", bare="min", high=1,
           unit="share of rows", asks="join"),
    Metric("missing_feature", "quality", (), scope="schema", high=1, finding="breached"),
    Metric("new_column", "quality", (), scope="schema", high=1, finding="ok"),
    Metric("type_changed", "quality", (), scope="schema", high=1, finding="warning"),
    Metric("normalized_discounted_cumulative_gain", "attribution", (), scope="attribution",
           worse="lower", bare="min", default=0.9, high=1, short=("ndcg",)),
    Metric("feature_importance", "attribution", (), scope="importance", worse="lower", bare="min",
           low=-math.inf),
    Metric("feature_importance_rank", "attribution", (), scope="importance", low=1),
    Metric("label_coverage", "performance", (), scope="labels", worse="lower", bare="min", high=1,
           unit="share of rows"),
    _share("accuracy"),
    _share("precision_macro"),
    _share("recall_macro"),
    _share("f1_macro"),
    _share("f1_weighted"),
    _share("precision", scope="class"),
    _share("recall", scope="class"),
    _share("f1", scope="class"),
    _share("roc_auc", asks="columns.score"),
    Metric("log_loss", "performance", (), scope="performance", task="classification", unit="nats",
           asks="columns.score"),
    Metric("brier_score", "performance", (), scope="performance", task="classification", high=2,
           asks="columns.score"),
    Metric("expected_calibration_error", "performance", (), scope="performance", high=1,
           task="classification", asks="columns.score"),
    Metric("mean_absolute_error", "performance", (), scope="performance", task="regression",
           short=("mae",)),
    Metric("mean_squared_error", "performance", (), scope="performance", task="regression",
           short=("mse",)),
    Metric("root_mean_squared_error", "performance", (), scope="performance", task="regression",
           short=("rmse",)),
    Metric("mean_absolute_percentage_error", "performance", (), scope="performance",
           task="regression", short=("mape",)),
    Metric("r2_score", "performance", (), scope="performance", task="regression", worse="lower",
           bare="min", low=-math.inf, high=1, short=("r2",)),
    _share("estimated_accuracy", asks="columns.score"),
    _share("estimated_precision_macro", asks="columns.score"),
    _share("estimated_recall_macro", asks="columns.score"),
    _share("estimated_f1_macro", asks="columns.score"),
    _share("estimated_precision", scope="class", asks="columns.score"),
    _share("estimated_recall", scope="class", asks="columns.score"),
    _share("estimated_f1", scope="class", asks="columns.score"),
    _share("estimated_roc_auc", asks="columns.score"),
    Metric("estimated_mean_absolute_error", "performance", (), scope="performance",
           task="regression", asks="columns.expected_error", short=("estimated_mae",)),
)  # fmt: skip

SHORT_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {short: metric.name for metric in METRICS.values() for short in metric.short}
)

# What Azure ML's monitoring components define otherwise; thresholds are those of its SDK.
AZURE: Final = convention(
    "azure",
    replace(METRICS["population_stability_index"], folder="azure"),
    replace(METRICS["normalized_wasserstein_distance"], folder="azure", default=0.1),
    replace(METRICS["two_sample_kolmogorov_smirnov_test"], test="kolmogorov_smirnov_auto"),
    replace(METRICS["pearsons_chi_squared_test"], folder="azure", test="goodness_of_fit"),
    replace(METRICS["null_value_rate"], folder="azure", default=0.0),
    replace(METRICS["data_type_error_rate"], folder="azure", default=0.0),
    replace(METRICS["out_of_bounds_rate"], folder="azure", default=0.0, kinds=frozenset({"text"})),
)

# Metrics a signal takes for each feature type, or `__all__` of them, when it names none, with their
# default thresholds.
Defaults = Mapping[str, Mapping[str, tuple[str, ...]]]

_RATES: Final = ("null_value_rate", "data_type_error_rate", "out_of_bounds_rate")


def _defaults(numerical: tuple[str, ...], categorical: tuple[str, ...]) -> Defaults:
    """Defaults of every type of signal, from those of drift."""
    drift: Mapping[str, tuple[str, ...]] = MappingProxyType(
        {"numerical": numerical, "categorical": categorical}
    )
    quality: Mapping[str, tuple[str, ...]] = MappingProxyType(
        {"numerical": _RATES, "categorical": _RATES}
    )
    attribution: Mapping[str, tuple[str, ...]] = MappingProxyType(
        {"__all__": ("normalized_discounted_cumulative_gain",)}
    )
    classes = ("accuracy", "precision_macro", "recall_macro", "f1_macro")
    errors = ("root_mean_squared_error", "mean_absolute_error")
    return MappingProxyType(
        {
            "data_drift": drift,
            "prediction_drift": drift,
            "data_quality": quality,
            "feature_attribution_drift": attribution,
            # of model performance, by what the model does
            "classification": MappingProxyType({"__all__": classes}),
            "regression": MappingProxyType({"__all__": errors}),
        }
    )


DEFAULT_METRICS: Final = _defaults(
    numerical=("normalized_wasserstein_distance", "jensen_shannon_distance"),
    categorical=("jensen_shannon_distance",),
)
AZURE_DEFAULT_METRICS: Final = _defaults(
    numerical=("normalized_wasserstein_distance",), categorical=("jensen_shannon_distance",)
)
