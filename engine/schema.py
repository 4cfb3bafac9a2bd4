"""The project the other way round: as a JSON Schema, as YAML with every default, and as a hash."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from io import StringIO
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from driftline.engine.config_models import ProjectFile
from driftline.engine.config_types import THRESHOLD_SCHEMA
from driftline.engine.interpolate import mask
from driftline.engine.project import (
    Alerting,
    Attribution,
    BinRule,
    Duration,
    FeatureSelection,
    FeatureSettings,
    FixedWindow,
    Join,
    Monitor,
    Production,
    Project,
    Reference,
    SeasonalWindow,
    Segmentation,
    Signal,
    Source,
    Window,
)
from driftline.engine.signal_models import LISTED, SIGNALS
from driftline.engine.thresholds import write_threshold

Tree = dict[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_LINE_ENDS: Final = "\x85\u2028\u2029"
_THRESHOLD: Final = {"$ref": "#/$defs/Threshold"}


def project_schema() -> dict[str, object]:
    """The JSON Schema (draft 2020-12) of `driftline.yml`, for editors.

    It knows every key, choice and metric. What needs two places of the file, such as the name of a
    reference, only Driftline checks.
    """
    made: Tree = ProjectFile.model_json_schema(by_alias=True)
    definitions: Tree = made["$defs"]
    named: dict[str, Tree] = {}
    typed: list[Tree] = []
    for kind, model in SIGNALS.items():
        forms = _signal_forms(kind, definitions[model.__name__])
        named[kind] = {"anyOf": [{"$ref": f"#/$defs/{model.__name__}"}, *forms]}
        typed.append({"$ref": f"#/$defs/{model.__name__}"})
    monitor: Tree = definitions["Monitor"]
    signals: Tree = monitor["properties"]["signals"]["anyOf"][0]
    signals["properties"] = named
    signals["additionalProperties"] = {"required": ["type"], "oneOf": typed}
    definitions["Defaults"] = {**monitor, "title": "Defaults", "required": []}
    made["properties"]["defaults"]["anyOf"][0] = {"$ref": "#/$defs/Defaults"}
    made = _with_threshold(made)
    made["$defs"]["Threshold"] = {
        "title": "Threshold",
        "description": "A number, a percentage, a limit, or {warn, fail}; null never judges",
        **THRESHOLD_SCHEMA,
    }
    return {"$schema": _DIALECT, **made, "title": "driftline.yml"}


def _signal_forms(kind: str, model: Tree) -> list[Tree]:
    """Let a signal of that name leave out its type; its other forms: a list of metrics, nothing."""
    model["required"] = [word for word in model.get("required", []) if word != "type"]
    model["properties"]["type"] = {**model["properties"]["type"], "const": kind}
    listed = model["properties"].pop(LISTED, None)
    return [*(form for form in (listed or {}).get("anyOf", [])[:1]), {"type": "null"}]


def _with_threshold(node: Any) -> Any:
    """Name the threshold's schema once instead of repeating it at every metric."""
    if isinstance(node, list):
        return [_with_threshold(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("anyOf") == THRESHOLD_SCHEMA["anyOf"]:
        return {**_THRESHOLD, "description": node.get("description", "")}
    return {word: _with_threshold(value) for word, value in node.items()}


def resolved_yaml(project: Project) -> str:
    """The project as YAML with every default filled in, and secrets masked.

    Loaded from the same folder, the text gives the same project again, but for secrets and for
    what the monitors keep of the file: their `yaml` and `line`.
    """
    connection = dict(project.connection.options)
    if project.connection.file is not None:
        connection["database"] = _short(str(project.connection.file), project.root)
    tree: Tree = {
        "version": 1,
        "connection": {"type": project.connection.type, **_plain(connection)},
        "results": _results(project),
        **_given(publish=_publish(project) or None),
        "monitors": [monitor_tree(monitor) for monitor in project.monitors],
    }
    return mask(_dump(tree), project.secrets)


def shortest_yaml(monitor: Monitor) -> str:
    """The monitor's name and its two sides as YAML: enough where all else is as by default."""
    sides = {"production": _rows(monitor.production), "reference": _rows(monitor.primary)}
    return _dump({"name": monitor.name, **sides})


def config_hash(monitor: Monitor) -> str:
    """16 hex digits that change when anything the monitor says does.

    Sources count as the file has them, so neither where the project lies nor a secret in a variable
    decides.
    """
    text = json.dumps(monitor_tree(monitor), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _dump(tree: Tree) -> str:
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 1_000_000  # a folded line would hide where a text ends
    out = StringIO()
    yaml.dump(_escaped(tree), out)
    return out.getvalue()


def _escaped(value: Any) -> Any:
    """The value with characters that some readers take for the end of a line written as escapes."""
    if isinstance(value, dict):
        return {_escaped(word): _escaped(item) for word, item in value.items()}
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    odd = isinstance(value, str) and any(mark in value for mark in _LINE_ENDS)
    return DoubleQuotedScalarString(value) if odd else value


def _short(path: str, root: Path) -> str:
    """A path below the root relative to it; anything else as it is."""
    inside = Path(path).is_absolute() and Path(path).is_relative_to(root)
    return os.path.relpath(path, root) if inside else path


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {word: _plain(item) for word, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def _given(**entries: object) -> Tree:
    """The entries that are not None."""
    return {word: value for word, value in entries.items() if value is not None}


def _results(project: Project) -> Tree:
    if project.results.file is None:
        return {"connection": "same", "schema": project.results.schema}
    return {"to": _short(str(project.results.file), project.root)}


def _publish(project: Project) -> Tree:
    copies = {f.name: getattr(project.publish, f.name) for f in fields(project.publish)}
    return {
        name: _short(str(path), project.root) for name, path in copies.items() if path is not None
    }


def monitor_tree(monitor: Monitor) -> Tree:
    """A monitor as the file would have it with every default, sources as they are written."""
    schedule: object = monitor.schedule
    if monitor.schedule is not None and monitor.schedule.startswith("P"):
        schedule = {"every": monitor.schedule}
    model = _given(name=monitor.model, version=monitor.model_version, task=monitor.task)
    roles = {f.name: getattr(monitor.roles, f.name) for f in fields(monitor.roles)}
    if scores := dict(roles.pop("scores")):
        roles["score"] = scores
    return _given(
        name=monitor.name,
        model=model or None,
        tags=list(monitor.tags),
        owner=monitor.owner,
        description=monitor.description,
        time_zone=monitor.time_zone,
        schedule=schedule,
        production=_rows(monitor.production) | {"allow_empty": monitor.production.allow_empty},
        references={
            one.name: _rows(one) | _given(frozen=one.frozen, in_control=_text(one.in_control))
            for one in monitor.references
        },
        join=[_join(one) for one in monitor.joins] or None,
        columns=_given(**roles) | {"types": dict(monitor.column_types)},
        features=_features(monitor.features),
        settings={name: _settings(one) for name, one in monitor.settings.items()},
        bins=_bins(monitor.bins) | {"max_categories": monitor.max_categories},
        segments=_segments(monitor.segments) or None,
        max_segments=None if monitor.max_segments == Monitor.max_segments else monitor.max_segments,
        min_rows=monitor.min_rows,
        exact=monitor.exact,
        conventions=monitor.conventions,
        overdispersion=monitor.overdispersion,
        signals={signal.name: _signal(signal) for signal in monitor.signals},
        alerts=_alerts(monitor.alerting),
        links=dict(monitor.links) or None,
        catch_up=monitor.catch_up.missed if monitor.schedule else None,
        max_catch_up=_text(monitor.catch_up.longest) if monitor.schedule else None,
        reprocess=_text(monitor.catch_up.reprocess),
    )


def _segments(segments: Iterable[Segmentation]) -> list[object]:
    return [
        {"name": each.name, "where": each.where}
        if each.where
        else each.columns[0]
        if len(each.columns) == 1
        else list(each.columns)
        for each in segments
    ]


def _alerts(alerting: Alerting) -> Tree:
    return _given(
        open_after=alerting.open_after,
        close_after=alerting.close_after,
        remind_every=_text(alerting.remind_every),
        at_least={"features": alerting.at_least_features},
        segments=alerting.segments,
        notify=None if alerting.notify is None else list(alerting.notify),
        cusum=None if alerting.cusum is None else asdict(alerting.cusum),
    )


def _text(duration: Duration | None) -> str | None:
    return None if duration is None else duration.text


def _rows(rows: Production | Reference) -> Tree:
    return (
        _source(rows.source)
        | _given(timestamp=rows.timestamp)
        | _when(rows.window)
        | _given(filter=rows.filter)
    )


def _when(window: Window | SeasonalWindow | None) -> Tree:
    if isinstance(window, SeasonalWindow):
        return {"same": window.same.text, "cycles": window.cycles}
    return _given(window=_window(window))


def _join(join: Join) -> Tree:
    delay = None if join.delay is None else join.delay.text
    return (
        {"name": join.name}
        | _source(join.source)
        | {"on": dict(join.on)}
        | _given(timestamp=join.timestamp, delay=delay)
    )


def _source(source: Source) -> Tree:
    if source.query:
        return {"query": source.written}
    literal = source.table and source.written == json.dumps(source.table, ensure_ascii=False)
    return {"table": list(source.table) if literal else source.written}


def _window(window: Window | None) -> Tree | None:
    if window is None:
        return None
    if isinstance(window, FixedWindow):
        return {"start": window.start.isoformat(), "end": window.end.isoformat()}
    offset = window.offset
    return _given(size=window.size.text, offset=None if offset is None else offset.text)


def _features(features: FeatureSelection) -> object:
    if features.named:
        return list(features.named)
    told = features.attribution
    return {
        "include": list(features.include),
        "exclude": list(features.exclude),
        **_given(top_n=features.top_n, attribution=None if told is None else _attribution(told)),
    }


def _attribution(given: Attribution) -> Tree:
    value = "importance" if given.source == "table" else "value"
    return {
        "source": given.source,
        **_given(
            prefix=given.prefix or None,
            table=None if given.table is None else given.table.written,
            reference_table=None
            if given.reference_table is None
            else given.reference_table.written,
            feature=given.feature or None,
            timestamp=given.timestamp,
        ),
        **({value: given.value} if given.value else {}),
    }


def _bins(bins: BinRule) -> Tree:
    edges = {"edges": list(bins.edges)} if bins.edges else {}
    return {"rule": bins.rule, "count": bins.count, **edges}


def _settings(settings: FeatureSettings) -> Tree:
    return _given(
        type=settings.type,
        bins=None if settings.bins is None else _bins(settings.bins),
        bounds=None if settings.bounds is None else list(settings.bounds),
        values=None if settings.values is None else list(settings.values),
        thresholds={name: write_threshold(t) for name, t in settings.thresholds.items()} or None,
    )


def _signal(signal: Signal) -> Tree:
    metrics: Tree = {}
    typed: dict[str, Tree] = {"numerical": {}, "categorical": {}}
    for rule in signal.rules:
        for kind, threshold in rule.thresholds.items():
            own = next((m for m in signal.own if m.name == rule.metric), None)
            written: object = write_threshold(threshold)
            if own is not None and own.aggregate is not None:
                told = write_threshold(threshold) or {}
                written = {"sql": own.aggregate.text, "worse": own.worse, **told}
            typed.get(kind, metrics)[rule.metric] = written
    features = None if signal.features is None else _features(signal.features)
    if signal.attribution is not None or signal.type == "custom":
        typed = {}
    attribution = None if signal.attribution is None else _attribution(signal.attribution)
    return {
        "type": signal.type,
        "reference": signal.reference,
        **_given(features=features, attribution=attribution),
        **_given(segments=None if signal.segments is None else _segments(signal.segments)),
        "alert_when": signal.alert_when,
        **typed,
        **metrics,
    }
