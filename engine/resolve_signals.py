"""From what a monitor says of its signals and features to metrics with thresholds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from driftline.engine import config_models as models
from driftline.engine.aggregates import Aggregate, AggregateError, parse_aggregate
from driftline.engine.catalog import METRICS, Metric
from driftline.engine.conventions import CONVENTIONS, DRIFTLINE, Conventions
from driftline.engine.own_metrics import aggregate_metric, why_no_name
from driftline.engine.project import (
    MODELLED,
    MUTUAL_INFORMATION,
    NO_METRICS,
    PERFORMANCE,
    Attribution,
    BinRule,
    Bound,
    FeatureSelection,
    FeatureSettings,
    MetricRule,
    Roles,
    Segmentation,
    Signal,
    Source,
    Threshold,
)
from driftline.engine.signal_models import (
    FEATURE_TYPES,
    FULL_NAMES,
    LISTED,
    CustomSignal,
    FeatureChoice,
    MetricMap,
    Predicate,
    Segments,
    SignalKeys,
)
from driftline.engine.signal_models import Attribution as AttributionKeys
from driftline.engine.thresholds import KINDS, LEVELS, RELATIVE, ThresholdError, parse_threshold
from driftline.engine.yaml_file import Complaints, Map, Seq, Step, Trail, cut, nearest

DATASET: Final = "__all__"
SCOPES: Final = (*FEATURE_TYPES, DATASET)

# From a table's name and where it stands to the table; None where it is wrong.
Tables = Callable[[str, Trail], Source | None]

# What each source of importances is told by; of several lists one.
TOLD_BY: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = MappingProxyType(
    {
        "columns": (("prefix",), ("table", "feature", "value")),
        "table": (("table", "feature", "importance"),),
        "mutual_information": ((),),
        "surrogate_model": ((),),
    }
)
NOTHING_TO_WEIGH_BY: Final = (
    "{} weighs features by the prediction: name it as columns.prediction, or what it predicts as"
    " columns.actual; or give attribution: {{source: columns, prefix: …}}, or a table"
)
BESIDE_A_TABLE: Final = ("reference_table", "timestamp")

Found = dict[str, Threshold | None]  # metric to threshold; None takes the catalogue's


@dataclass(frozen=True)
class Section:
    """A part of the file as read, and where complaints about it go."""

    node: Map
    complaints: Complaints
    own: Mapping[str, Metric] = field(default_factory=lambda: NO_METRICS)

    def metric(self, word: str) -> Metric | None:
        """The metric that a word names: one of the catalogue, or of the project's own."""
        return METRICS.get(FULL_NAMES.get(word, "")) or self.own.get(word)

    def complain(self, message: str, *trail: Step) -> None:
        """Note what is wrong with the entry that the trail leads to."""
        self.complaints.add(self.node, trail, message)

    def below(self, trail: Trail) -> Map:
        """The map that the trail leads to."""
        node: object = self.node
        for step in trail:
            node = node[step]  # type: ignore[index]
        if not isinstance(node, Map):
            raise TypeError(f"{trail} is not a map")
        return node


def resolve_signals(
    given: models.Monitor,
    section: Section,
    references: tuple[str, ...],
    roles: Roles,
    tables: Tables,
) -> Iterator[Signal]:
    """The signals of a monitor: those it names, else the default ones.

    Args:
        given: The monitor's section, valid by itself.
        section: The same section as read.
        references: Names of the monitor's references, the primary one first.
        roles: Columns with a role; prediction drift needs an output.
        tables: What tables are, by their names.
    """
    conventions = CONVENTIONS[given.conventions]
    alert_when = conventions.alert_when or given.alert_when or "significant"
    primary = references[0] if references else ""
    if given.signals is None:
        predicted = ("prediction_drift",) if roles.outputs() else ()
        for kind in ("data_drift", *predicted, "data_quality"):
            rules = default_rules(kind, conventions)
            yield Signal(kind, kind, primary, rules, alert_when=alert_when)
        return
    defined: dict[str, Aggregate | None] = {}
    for name, one in given.signals.items():
        sides_known = references and not cut(section.node, "references")
        if one.reference is not None and sides_known and one.reference not in references:
            near = nearest(one.reference, references) or f"; there is {', '.join(references)}"
            message = f"no reference is called '{one.reference}'{near}"
            section.complain(message, "signals", name, "reference")
        outputs = roles.outputs() or given.columns.score or cut(section.node, "columns")
        if one.type == "prediction_drift" and not outputs:
            message = "prediction drift needs columns.prediction or columns.score"
            section.complain(message, "signals", name)
        own: tuple[Metric, ...] = ()
        kind = _task(given, name, section) if one.type == PERFORMANCE else one.type
        if isinstance(one, CustomSignal):
            rules, own = _aggregates(name, one, section)
            _defined_once(name, own, defined, section)
        else:
            rules = _signal_rules(name, one, section, conventions, kind)
        if one.type == PERFORMANCE:
            _can_perform(name, given, section, rules, kind)
        for rule in () if own else rules:
            asks = METRICS[rule.metric].asks if rule.metric in METRICS else ""
            if asks and _lacks(given, section, asks):
                section.complain(f"{rule.metric} needs {asks}", "signals", name)
        yield Signal(
            name=name,
            type=one.type,
            reference=one.reference or primary,
            rules=rules,
            features=None
            if one.features is None
            else selection(one.features, section, ("signals", name, "features"), tables, roles),
            alert_when=conventions.alert_when or one.alert_when or alert_when,
            attribution=_attribution(name, one, section, tables, roles),
            segments=None
            if one.segments is None
            else segmentations(one.segments, section, ("signals", name, "segments")),
            own=own,
        )


def _defined_once(
    name: str, own: Sequence[Metric], defined: dict[str, Aggregate | None], section: Section
) -> None:
    """Complain of aggregates that another signal defines as something else."""
    for metric in own:
        if defined.setdefault(metric.name, metric.aggregate) != metric.aggregate:
            message = f"another signal defines another {metric.name}; give it another name"
            section.complain(message, "signals", name, metric.name)


def segmentations(given: Segments | None, section: Section, at: Trail) -> tuple[Segmentation, ...]:
    """How rows are told apart; complains of entries that say the same, or have one name."""
    found: list[Segmentation] = []
    for index, each in enumerate(given or ()):
        if isinstance(each, Predicate):
            one = Segmentation(name=each.name, where=each.where)
        else:
            one = Segmentation(columns=(each,) if isinstance(each, str) else tuple(each))
        if one in found:
            section.complain("is given twice", *at, index)
        elif one.where and one.name in (other.name for other in found):
            section.complain(f"two segments are called '{one.name}'", *at, index, "name")
        elif one.name == DATASET:
            section.complain(f"{DATASET} is the name of all rows", *at, index, "name")
        found.append(one)
    return tuple(found)


def _aggregates(
    name: str, given: CustomSignal, section: Section
) -> tuple[tuple[MetricRule, ...], tuple[Metric, ...]]:
    """The aggregates that a signal defines, and how each is judged."""
    rules, own = [], []
    for word, one in (given.__pydantic_extra__ or {}).items():
        trail = ("signals", name, word)
        if (why := why_no_name(word)) is not None:
            section.complain(why, *trail)
            continue
        try:
            aggregate = parse_aggregate(one.sql)
        except AggregateError as error:
            at = "" if error.column is None else f", at column {error.column}"
            section.complain(f"the aggregate of {word} {error}{at}", *trail, "sql")
            continue
        worse = one.worse or "higher"
        place = f"driftline.yml, signals.{name}.{word}"
        metric = aggregate_metric(word, aggregate, worse, place)
        node = section.below(trail)
        judged = {key: value for key, value in node.items() if key in (*LEVELS, *KINDS)}
        try:
            threshold = parse_threshold(judged, metric.bare) if judged else Threshold()
        except ThresholdError as error:
            section.complain(str(error), *trail, *error.path)
            continue
        rules.append(MetricRule(word, MappingProxyType({DATASET: threshold})))
        own.append(metric)
    if not rules and not cut(section.node, "signals") and not given.__pydantic_extra__:
        section.complain("needs a metric: {its_name: {sql: …}}", "signals", name)
    return tuple(rules), tuple(own)


def _attribution(
    name: str, given: SignalKeys, section: Section, tables: Tables, roles: Roles
) -> Attribution | None:
    """Where a signal's importances come from; None where it needs none."""
    if given.type != "feature_attribution_drift":
        return None
    told = getattr(given, "attribution", None)
    if told is None:
        if not cut(section.below(("signals", name)), "attribution"):
            _need_outputs(MUTUAL_INFORMATION.source, section, ("signals", name), roles)
        return MUTUAL_INFORMATION
    return resolve_attribution(told, section, ("signals", name, "attribution"), tables, roles)


def _need_outputs(source: str, section: Section, at: Trail, roles: Roles) -> None:
    """Complain of importances that would be made of what the model says, where no column says it."""
    named = roles.outputs() or roles.actual or cut(section.node, "columns")
    columns = section.node.get("columns")
    if not named and not (isinstance(columns, Map) and columns.get("score")):
        section.complain(NOTHING_TO_WEIGH_BY.format(source), *at)


def resolve_attribution(
    given: AttributionKeys, section: Section, at: Trail, tables: Tables, roles: Roles
) -> Attribution:
    """Where importances come from; complains of keys that its source needs, or does not have."""
    forms = TOLD_BY[given.source]
    there = {key for key in given.model_fields_set if getattr(given, key) is not None}
    there -= {"source"}
    form = next((each for each in forms if each[:1] and each[0] in there), forms[0])
    lacking = [key for key in form if key not in there]
    if lacking:
        needs = " or ".join(", ".join(each) for each in forms)
        section.complain(f"source {given.source} needs {needs}", *at)
    for key in sorted(there.difference(form, BESIDE_A_TABLE if "table" in form else ())):
        section.complain(f"{key} says nothing of source {given.source} here", *at, key)
    if given.source in MODELLED:
        _need_outputs(given.source, section, at, roles)
    listing = None if given.table is None else tables(given.table, (*at, "table"))
    other = given.reference_table
    return Attribution(
        given.source,
        given.prefix or "",
        listing,
        None if other is None else tables(other, (*at, "reference_table")),
        given.feature or "",
        given.value or given.importance or "",
        given.timestamp,
    )


def _signal_rules(
    name: str, given: SignalKeys, section: Section, conventions: Conventions, kind: str
) -> tuple[MetricRule, ...]:
    """The metrics of a signal: numerical ones as written, then categorical, then the dataset's.

    Defaults are those of a kind: the signal's type, or what the model does.
    """
    at = ("signals", name)
    node = section.below(at)
    direct = _named(node, given, section, at)
    direct |= _named(node.get(LISTED), given, section, (*at, LISTED))
    found: dict[str, Found] = {scope: {} for scope in SCOPES}
    typed = [only for only in FEATURE_TYPES if getattr(given, only, None) is not None]
    for only in typed:
        found[only] = _named(node[only], getattr(given, only), section, (*at, only))
    if not direct and not typed and not _names_planned(node):
        return default_rules(kind, conventions)
    for metric, threshold in direct.items():
        known = section.metric(metric)
        for scope in (known.types if known else ()) or (DATASET,):
            found[scope].setdefault(metric, threshold)
    return _rules(found, conventions, section.own)


def _task(given: models.Monitor, name: str, section: Section) -> str:
    """What the model does, as the file says or as the metrics of a signal tell."""
    task = None if given.model is None else given.model.task
    if task is not None:
        return task
    node = section.below(("signals", name))
    listed = node.get(LISTED)
    words = [*node, *(listed if isinstance(listed, Seq) else ())]
    named = (METRICS.get(FULL_NAMES.get(str(word), "")) for word in words)
    told = next((metric.task for metric in named if metric is not None and metric.task), None)
    if told is None and not cut(section.node, "model"):
        section.complain("needs model: {task: classification}, or regression", "signals", name)
    return told or "classification"


def _can_perform(
    name: str, given: models.Monitor, section: Section, rules: tuple[MetricRule, ...], task: str
) -> None:
    """Complain of what predictions cannot be held against what happened without."""
    if cut(section.node, "columns"):
        return
    at, columns = ("signals", name), given.columns
    for rule in rules:
        of = METRICS[rule.metric].task
        if of and of != task:
            section.complain(f"{rule.metric} is for {of}, and the model does {task}", *at)
    if columns.actual is None:
        section.complain("model performance needs columns.actual: what really happened", *at)
    if task == "regression" and columns.prediction is None:
        section.complain("regression needs columns.prediction", *at)
    elif columns.prediction is None and columns.score is None:
        section.complain("model performance needs columns.prediction or columns.score", *at)
    if isinstance(columns.score, dict):
        if len(columns.score) < 2:
            section.complain("a map of scores needs two classes or more", "columns", "score")
        told = columns.positive_class
        if told is not None and told not in columns.score:
            near = nearest(told, columns.score)
            section.complain(f"no score is of '{told}'{near}", "columns", "positive_class")


def _lacks(given: models.Monitor, section: Section, key: str) -> bool:
    """Whether a key that a metric asks for, such as `columns.actual` or `join`, is left out."""
    part, *names = key.split(".")
    if cut(section.node, part):
        return False
    found = getattr(given, part, None)
    for name in names:
        found = getattr(found, name, None)
    return not found


def _names_planned(node: Map) -> bool:
    """Whether a signal names metrics, though none that is built."""
    return LISTED in node or any(word in FULL_NAMES for word in node)


def _named(node: object, given: object, section: Section, at: Trail) -> Found:
    """The metrics that a map or a list names, with the thresholds the model has read."""
    found: Found = {}
    words = list(node) if isinstance(node, Map | Seq) else []
    for index, word in enumerate(map(str, words)):
        metric = section.metric(word)
        if metric is None:
            continue
        trail = (*at, index if isinstance(node, Seq) else word)
        threshold = getattr(given, word, None) if isinstance(node, Map) else None
        if metric.name in section.own:
            if at[-1] in FEATURE_TYPES and at[-1] not in metric.types:
                section.complain(f"{metric.name} is not for {at[-1]} features", *trail)
                continue
            threshold = _own_threshold(metric, node, word, section, trail)
        if metric.name in found:
            section.complain(f"{metric.name} is given twice", *trail)
        if threshold is not None:
            _fits(metric, threshold, section, trail)
        found[metric.name] = threshold
    return found


def _own_threshold(
    metric: Metric, node: object, word: str, section: Section, trail: Trail
) -> Threshold | None:
    """What the file says of a metric of the project's own; None takes its default."""
    if not isinstance(node, Map) or node[word] is None:
        return None if isinstance(node, Seq) else Threshold()
    try:
        return parse_threshold(node[word], metric.bare)
    except ThresholdError as error:
        section.complain(str(error), *trail, *error.path)
        return None


def _fits(metric: Metric, threshold: Threshold, section: Section, at: Trail) -> None:
    """Complain of a threshold against a value that the metric does not have."""
    levels = [bound for bound in (threshold.fail, threshold.warn) if bound is not None]
    whole = metric.scope in ("dataset", "join")
    alone = metric.family == "drift" or (whole and not metric.past)
    if alone and any(side.kind in RELATIVE for bound in levels for side in bound.sides):
        section.complain(f"{metric.name} has no value on the reference alone; use max or min", *at)


def resolve_settings(
    name: str, given: models.FeatureSettings, section: Section, bins: BinRule
) -> FeatureSettings:
    """What a monitor says about one feature; its bins leave out what the monitor's have."""
    thresholds: dict[str, Threshold] = {}
    if isinstance(given.thresholds, MetricMap):
        at = ("settings", name, "thresholds")
        named = _named(section.below(at), given.thresholds, section, at)
        thresholds = {metric: one for metric, one in named.items() if one is not None}
    return FeatureSettings(
        type=given.type,
        bins=None if given.bins is None else bin_rule(given.bins, bins),
        bounds=None if given.bounds is None else (given.bounds[0], given.bounds[1]),
        values=None if given.values is None else tuple(given.values),
        thresholds=MappingProxyType(thresholds),
    )


def default_rules(kind: str, conventions: Conventions = DRIFTLINE) -> tuple[MetricRule, ...]:
    """The metrics that a signal of a type takes when it names none."""
    found: dict[str, Found] = {scope: {} for scope in SCOPES}
    for scope, names in conventions.defaults[kind].items():
        found[scope] = dict.fromkeys(names)
    return _rules(found, conventions)


def _rules(
    found: Mapping[str, Found],
    conventions: Conventions,
    own: Mapping[str, Metric] = NO_METRICS,
) -> tuple[MetricRule, ...]:
    """One rule for each metric, from feature type to metric to threshold."""
    rules: dict[str, dict[str, Threshold]] = {}
    for scope, metrics in found.items():
        for name, given in metrics.items():
            default = _default(own.get(name) or conventions.metrics[name], scope)
            threshold = default if given is None else given
            rules.setdefault(name, {})[scope] = threshold
    return tuple(MetricRule(name, MappingProxyType(by_scope)) for name, by_scope in rules.items())


def _default(metric: Metric, scope: str) -> Threshold:
    """The catalogue's threshold; one that never judges where there is none."""
    amount = metric.default_for(scope)
    return Threshold(fail=None if amount is None else Bound(metric.bare, amount))


def bin_rule(given: models.FeatureBins, monitor: BinRule | None = None) -> BinRule:
    """A bin rule, with what it leaves out taken from the monitor's, or else the defaults."""
    base = monitor or BinRule()
    count = given.count or base.count
    if given.edges is not None:
        return BinRule("edges", count, tuple(given.edges))
    # A count by itself would say nothing beside the monitor's edges.
    rule = given.rule or ("quantile" if given.count and base.rule == "edges" else base.rule)
    return BinRule(rule, count, base.edges if rule == "edges" else ())


def _ranks_by_default(section: Section) -> bool:
    """Whether no signal of a monitor says where importances come from."""
    signals = section.node.get("signals")
    given = signals.values() if isinstance(signals, Map) else ()
    of_signals = any(isinstance(each, Map) and "attribution" in each for each in given)
    return not of_signals and not cut(section.node, "signals")


def selection(
    given: object, section: Section, at: Trail, tables: Tables, roles: Roles
) -> FeatureSelection:
    """Which columns are features: all, those listed, those that match patterns, the first few."""
    if isinstance(given, list):
        return FeatureSelection(named=tuple(given), include=())
    if isinstance(given, FeatureChoice):
        include = tuple(given.include or ("*",))
        attribution = None
        if given.attribution is not None:
            where = (*at, "attribution")
            attribution = resolve_attribution(given.attribution, section, where, tables, roles)
            if given.top_n is None:
                section.complain("attribution ranks features for top_n; give it too", *where)
        elif given.top_n is not None and _ranks_by_default(section):
            _need_outputs(MUTUAL_INFORMATION.source, section, (*at, "top_n"), roles)
        return FeatureSelection(
            include=include,
            exclude=tuple(given.exclude),
            top_n=given.top_n,
            attribution=attribution,
        )
    return FeatureSelection()
