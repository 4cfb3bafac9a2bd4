"""The keys of a monitor's signals. Which metrics they may name is computed from the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, TypeVar, Union

from pydantic import ConfigDict, Field, Tag, create_model

from driftline.engine.catalog import METRICS, SIGNAL_TYPES, FeatureType, Kind
from driftline.engine.config_types import (
    THRESHOLD_SCHEMA,
    Checked,
    Count,
    Judged,
    Part,
    Text,
    Texts,
    key,
    shapes,
)
from driftline.engine.own_metrics import SIGNALS as OWN_SIGNALS
from driftline.engine.project import Threshold
from driftline.engine.yaml_file import Complaints, nearest

AlertWhen = Literal["exceeds", "significant", "confident"]
FEATURE_TYPES: Final[tuple[FeatureType, ...]] = ("numerical", "categorical")
LISTED: Final = "<metrics>"  # where a signal that is a list of metrics keeps it

_FAMILY: Final = {
    "drift": ("data_drift", "prediction_drift"),
    "quality": ("data_quality",),
    "attribution": ("feature_attribution_drift",),
    "performance": ("model_performance",),
}
# Scopes whose rows nobody asks for: they come by themselves.
UNASKED: Final = ("schema", "importance")


def _full_names() -> dict[str, str]:
    """Every accepted name of a metric to its full one."""
    return {
        word: metric.name
        for metric in METRICS.values()
        if metric.scope not in UNASKED
        for word in (metric.name, *metric.short)
    }


FULL_NAMES: Final[Mapping[str, str]] = _full_names()


def signal_types_of(metric: str) -> tuple[str, ...]:
    """The types of signal that may name a metric, given by its full name."""
    return _FAMILY[METRICS[metric].family]


def bare_kind(metric: str) -> Kind:
    """What a number without a word means for a metric; planned ones read it as `max`."""
    return METRICS[metric].bare if metric in METRICS else "max"


class Attribution(Part):
    """Where the importance of features comes from."""

    source: Literal["columns", "table", "mutual_information", "surrogate_model"] = key(
        "Kind of source", ...
    )
    prefix: Text | None = key("columns: prefix of the attribution columns")
    table: Text | None = key("A table of attributions or importances, a row a feature")
    reference_table: Text | None = key("The same of the reference, where it is another table")
    timestamp: Text | None = key("Its time column; the side's own name for it when omitted")
    feature: Text | None = key("Of a table: column with the feature's name")
    value: Text | None = key("columns, of a table: column with the attribution")
    importance: Text | None = key("table: column with the importance")


class FeatureChoice(Part):
    """Which columns are features."""

    include: Texts | None = key("Names or patterns such as age_*")
    exclude: list[Text] = key("Names or patterns to leave out", [])
    top_n: Count | None = key("Only the most important ones")
    attribution: Attribution | None = key("Where importance comes from, with top_n")


Features = Annotated[
    Annotated[Literal["all"], Tag("<text>")]
    | Annotated[Texts, Tag("<list>")]
    | Annotated[FeatureChoice, Tag("<map>")],
    shapes("all, a list of columns, or {include, exclude}"),
]


class Predicate(Part):
    """A segment of the rows for which a condition holds."""

    name: Text = key("Name of the segment", ...)
    where: Text = key("A DuckDB expression", ...)


Segments = list[
    Annotated[
        Annotated[Text, Tag("<text>")]
        | Annotated[Texts, Tag("<list>")]
        | Annotated[Predicate, Tag("<map>")],
        shapes("a column, a list of columns, or {name, where}"),
    ]
]


class MetricMap(Part):
    """Thresholds by metric."""

    only: ClassVar[str] = ""  # the feature type these are for
    within: ClassVar[str] = ""  # the type of signal these are for

    @classmethod
    def also_known(cls, complaints: Complaints) -> frozenset[str]:
        """The project's own metrics, which signals about features may name."""
        return complaints.own if not cls.within or cls.within in OWN_SIGNALS else frozenset()

    @classmethod
    def explain(cls, word: str) -> str:
        """Tell a metric in the wrong place from a word that is no metric."""
        name = FULL_NAMES.get(word)
        if name is None:
            return f"unknown metric '{word}'{nearest(word, cls.written_keys())}"
        homes = signal_types_of(name)
        if cls.within and cls.within not in homes:
            return f"{name} is not a metric of {cls.within}; it belongs to {' or '.join(homes)}"
        return f"{name} is not for {cls.only or 'single'} features"


def _metric_fields(words: list[str]) -> dict[str, Any]:
    """A key for each name of a metric: None where it is not given."""
    return {
        word: (
            Annotated[Threshold | None, Judged(bare_kind(FULL_NAMES[word]))],
            key(f"Threshold of {FULL_NAMES[word]}"),
        )
        for word in words
    }


def _one_feature(word: str) -> bool:
    """Whether a metric is about single features."""
    name = FULL_NAMES[word]
    return name not in METRICS or bool(METRICS[name].types)


def _words(within: str, only: FeatureType | None = None) -> list[str]:
    """The names a signal's metrics may have, directly or for one feature type."""
    return [
        word
        for word, name in FULL_NAMES.items()
        if (not within or within in signal_types_of(name))
        and (name not in METRICS or only is None or only in METRICS[name].types)
    ]


Base = TypeVar("Base", bound=MetricMap)

# A name that only the project knows: a SQL file in `metrics/` beside it.
_OWN_SCHEMA: Final[dict[str, Any]] = {
    "additionalProperties": {
        **THRESHOLD_SCHEMA,
        "description": "Threshold of a metric of your own, metrics/NAME.sql",
    }
}


def _may_be_own(base: type[Base], within: str) -> type[Base]:
    """A base for models whose metrics may be the project's own, as its published schema says."""
    if within and within not in OWN_SIGNALS:
        return base
    doc, config = base.__doc__, ConfigDict(json_schema_extra=_OWN_SCHEMA)
    return type(
        base.__name__, (base,), {"__doc__": doc, "model_config": config, "__module__": __name__}
    )


def _metric_map(name: str, words: list[str], within: str, only: str) -> type[MetricMap]:
    """The model of a map of metrics."""
    doc = f"Thresholds of {only or 'single'} features, by metric."
    base = _may_be_own(MetricMap, within)
    made = create_model(name, __base__=base, __doc__=doc, **_metric_fields(words))
    made.within, made.only = within, only
    return made


def _listed(words: list[str], explain: Callable[[str], str]) -> Any:
    """A list of metrics, which take their default thresholds."""

    def check(word: str) -> str:
        if word not in words:
            raise ValueError(explain(word))
        return word

    word = Annotated[str, Checked(check, choices=tuple(words))]
    return Annotated[list[word], Field(min_length=1)]


def _camel(words: str) -> str:
    return "".join(word.capitalize() for word in words.split("_"))


class SignalKeys(MetricMap):
    """The keys every signal has."""

    type: str = key("Type of signal; its name when omitted", ...)
    reference: Text | None = key("Name of a reference; the primary one when omitted")
    features: Features | None = key("Which columns are features, for this signal alone")
    segments: Segments | None = key("Groups to measure by themselves")
    alert_when: AlertWhen | None = key("What makes a value beyond its threshold a breach")

    @classmethod
    def explain(cls, word: str) -> str:
        """As a map of metrics does, and the signal's own keys count among the nearest."""
        if word in FULL_NAMES:
            return super().explain(word)
        return f"unknown metric or key '{word}'{nearest(word, cls.written_keys())}"


def _signal(kind: str) -> type[SignalKeys]:
    """The model of one type of signal."""
    words = _words(kind)
    fields = _metric_fields(words)
    if kind == "feature_attribution_drift":
        fields["attribution"] = (Attribution | None, key("Where importance comes from"))
    elif kind != "model_performance":
        for only in FEATURE_TYPES:
            fields[only] = (_for_type(kind, only) | None, key(f"Metrics of {only} features"))
    fields["listed"] = (
        _listed(words, lambda word: made.explain(word)) | None,  # noqa: PLW0108 - made below
        Field(None, alias=LISTED),
    )
    doc = f"A signal of type {kind}."
    base = _may_be_own(SignalKeys, kind)
    made = create_model(_camel(kind), __base__=base, __doc__=doc, **fields)
    made.within = kind
    return made


def _for_type(kind: str, only: FeatureType) -> Any:
    """The value of `numerical` or `categorical`: thresholds by metric, or a list of metrics."""
    words = _words(kind, only)
    made = _metric_map(_camel(f"{kind}_{only}"), words, kind, only)
    return Annotated[
        Annotated[made, Tag("<map>")] | Annotated[_listed(words, made.explain), Tag("<list>")],
        shapes("a map or a list of metrics"),
    ]


class CustomMetric(Part):
    """An aggregate over the source, as a metric."""

    sql: Text = key("An aggregate in DuckDB's dialect", ...)
    worse: Literal["higher", "lower"] | None = key("Direction of harm")
    warn: Annotated[Threshold | None, Judged("max")] = key("Where it warns")
    fail: Annotated[Threshold | None, Judged("max")] = key("Where it fails")
    max: Annotated[Threshold | None, Judged("max")] = key("Fails above")
    min: Annotated[Threshold | None, Judged("min")] = key("Fails below")
    increase: Annotated[Threshold | None, Judged("increase")] = key("Fails when this much above")
    decrease: Annotated[Threshold | None, Judged("decrease")] = key("Fails when this much below")


class CustomSignal(SignalKeys):
    """Metrics of the user's own."""

    model_config = ConfigDict(extra="allow", json_schema_extra={})
    __pydantic_extra__: dict[str, CustomMetric]


SIGNALS: Final[Mapping[str, type[SignalKeys]]] = {
    **{kind: _signal(kind) for kind in SIGNAL_TYPES if kind != "custom"},
    "custom": CustomSignal,
}


def _by_signal(value: object) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else None
    return f"<{kind}>" if kind in SIGNALS else None


if TYPE_CHECKING:
    Signal = SignalKeys
    FeatureThresholds = MetricMap
else:
    Signal = Annotated[
        Union[tuple(Annotated[model, Tag(f"<{kind}>")] for kind, model in SIGNALS.items())],  # noqa: UP007
        shapes("a map or a list of metrics", _by_signal),
    ]
    FeatureThresholds = _metric_map(
        "FeatureThresholds", [word for word in _words("") if _one_feature(word)], "", ""
    )
