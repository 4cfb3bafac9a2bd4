"""An Azure ML monitor's file as Azure's schema has it: every field and alias, and an account of each.

The table of fields is data: the importer reads by it, `docs/azure_migration.md` is tested against it.
A file may be the YAML that `az ml schedule create` takes, the same as JSON, as `az ml schedule show`
prints it, or the resource of Azure's REST interface with its camel-case names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final, Literal

from driftline.engine.yaml_file import Map, Place, Seq, Trail

Kind = Literal["not carried over", "to do", "differs"]

SCHEDULE: Final = "schedule"
SIGNAL: Final = "signal"
DATA: Final = "data"


@dataclass(frozen=True)
class Field:
    """A field of Azure's schema.

    Attributes:
        path: Its name in Azure's YAML, from its section on.
        becomes: What it becomes in `driftline.yml`; empty where nothing stands for it.
        about: What there is to know of that, or why nothing stands for it.
        do: What to do where nothing stands for it; empty where there is nothing to do.
        also: Its other names: in older schemas, in documents, in the REST interface.
    """

    path: str
    becomes: str
    about: str = ""
    do: str = ""
    also: tuple[str, ...] = ()


_KEPT: Final = "what Azure keeps of its resource"
_CLUSTER: Final = "no Spark job is sent: DuckDB in the process, or the warehouse, computes"
_WINDOW: Final = "data_window."

FIELDS: Final[Mapping[str, tuple[Field, ...]]] = MappingProxyType(
    {
        SCHEDULE: (
            Field("$schema", "", "names the schema that editors check Azure's file by",
                  "`driftline schema` prints that of driftline.yml"),
            Field("name", "name"),
            Field("display_name", "description"),
            Field("description", "description", "after the display name, where there is one"),
            Field("tags", "tags", "each as name=value, for --select tag:name=value"),
            Field("properties", "", "free properties of Azure's resource, which nothing reads here"),
            Field("id", "", _KEPT),
            Field("type", "", _KEPT),
            Field("resource_group", "", _KEPT),
            Field("system_data", "", _KEPT),
            Field("creation_context", "", _KEPT),
            Field("provisioning_state", "", _KEPT),
            Field("provisioning_status", "", _KEPT),
            Field("is_enabled", "", "Driftline runs when it is called: cron, Airflow or CI decide"),
            Field("action.action_type", "", "that it is a monitor is understood"),
            Field("trigger.type", "schedule", also=("trigger.trigger_type",)),
            Field("trigger.frequency", "schedule", "and, with interval, the default of windows"),
            Field("trigger.interval", "schedule"),
            Field("trigger.schedule.hours", "schedule", "a cron expression",
                  also=("trigger.pattern.hours",)),
            Field("trigger.schedule.minutes", "schedule", "a cron expression",
                  also=("trigger.pattern.minutes",)),
            Field("trigger.schedule.week_days", "schedule", "a cron expression; of weeks alone",
                  also=("trigger.pattern.week_days",)),
            Field("trigger.schedule.month_days", "schedule", "a cron expression; of months alone",
                  also=("trigger.pattern.month_days",)),
            Field("trigger.expression", "schedule"),
            Field("trigger.start_time", "", "a schedule says when runs are due, not from when on",
                  "begin calling `driftline run` then; `driftline backfill` computes the time before"),
            Field("trigger.end_time", "", "a schedule says when runs are due, not until when",
                  "stop calling `driftline run` then"),
            Field("trigger.time_zone", "time_zone",
                  "names of Windows become names of the IANA list; windows align to it, too",
                  also=("trigger.timezone",)),
            Field("create_monitor.compute", "", _CLUSTER,
                  also=("create_monitor.compute_configuration",)),
            Field("create_monitor.monitoring_target.ml_task", "model.task",
                  also=("create_monitor.monitoring_target.task_type",)),
            Field("create_monitor.monitoring_target.endpoint_deployment_id", "model",
                  "endpoint and deployment: the name and the version",
                  also=("create_monitor.monitoring_target.deployment_id",)),
            Field("create_monitor.monitoring_target.model_id", "model", "its name and version"),
            Field("create_monitor.monitoring_signals", "signals",
                  "by the same names; without any, Azure's three defaults",
                  also=("create_monitor.signals",)),
            Field("create_monitor.alert_notification", "",
                  "metrics of Azure Monitor are not written",
                  "give `notifications`, or have a BI tool read the tables of results"),
            Field("create_monitor.alert_notification.emails", "notifications, alerts.notify",
                  "mail needs a server: SMTP_HOST and SMTP_FROM of the environment",
                  also=(
                      "create_monitor.alert_notification_settings.email_notification_settings.emails",
                      "create_monitor.alert_notification_setting.email_notification_setting.emails",
                  )),
        ),
        SIGNAL: (
            Field("type", "signals.NAME.type", also=("signal_type",)),
            Field("production_data", "production, join", "fields of data, below"),
            Field("reference_data", "references", "fields of data, below"),
            Field("features", "signals.NAME.features",
                  "a list, all_features, or top_n_feature_importance: top_n by a surrogate model"),
            Field("feature_type_override", "settings.FEATURE.type", "for all signals of the monitor",
                  also=("feature_data_type_override",)),
            Field("data_segment.feature_name", "signals.NAME.segments",
                  "Azure's components do nothing with it; here the segment is measured beside the whole",
                  also=("data_segment.feature",)),
            Field("data_segment.feature_values", "signals.NAME.segments",
                  also=("data_segment.values",)),
            Field("metric_thresholds", "signals.NAME",
                  "metrics by their full names; precision, recall and F1 are the macro averages",
                  also=("metric_threshold",)),
            Field("alert_enabled", "alerts", "of the whole monitor: where no signal alerts, no alerts"),
            Field("notification_types", "alerts", "as alert_enabled"),
            Field("model_type", "model.task", "where ml_task says nothing"),
            Field("feature_importance_settings.target_column", "columns.actual"),
            Field("feature_importance_settings.mode", "",
                  "importances are computed where top_n asks for them"),
            Field("mode", "", "a signal that is in the file is measured"),
            Field("properties", "", "free properties of Azure's resource, which nothing reads here"),
            Field("component_id", "", "a custom signal is code of yours that runs as a Spark job",
                  "write its numbers as aggregates in SQL (`sql:`), or as metrics/NAME.sql"),
            Field("input_data", "production", "of a custom signal: the first, in a monitor without"
                  " any other signal", also=("input_assets",)),
            Field("inputs", "", "inputs of the custom signal's component",
                  "write constants into the SQL of the metric"),
            Field("workspace_connection", "", "what the custom signal's component signs in with",
                  also=("workspace_connection_id",)),
            Field("sampling_rate", "", "no rows are sampled"),
        ),
        DATA: (
            Field("input_data.path", "sources", "a path to fill in, or --source NAME=PATH",
                  also=("uri", "path", "input_dataset.path")),
            Field("input_data.type", "sources", "whether the path is a file or a folder",
                  also=("job_input_type", "type", "input_dataset.type")),
            Field("input_data.mode", "", "how Azure mounts the data", also=("mode",)),
            Field("input_data_type", "production.window, references.NAME.window",
                  "the window's own fields tell it, too"),
            Field("data_context", "production, join, references",
                  "which side of the model it is; the name of a reference",
                  also=("dataset_context",)),
            Field("data_window.lookback_window_size", "window.size",
                  also=(_WINDOW + "trailing_window_size", _WINDOW + "data_window_size",
                        "data_window_size", "lookback_window_size", "trailing_window_size",
                        "window_size")),
            Field("data_window.lookback_window_offset", "window.offset",
                  also=(_WINDOW + "trailing_window_offset", "lookback_window_offset",
                        "trailing_window_offset", "data_window_offset", "window_offset")),
            Field("data_window.window_start", "window.start",
                  also=(_WINDOW + "window_start_date", "window_start", "window_start_date")),
            Field("data_window.window_end", "window.end",
                  also=(_WINDOW + "window_end_date", "window_end", "window_end_date")),
            Field("pre_processing_component", "",
                  "a component that makes a table of raw files, as a Spark job",
                  "write its rows to Parquet; `driftline collect` reads what Azure's collector wrote",
                  also=("preprocessing_component", "preprocessing_component_id",
                        "pre_processing_component_id")),
            Field("data_column_names.target_column", "columns.actual",
                  "of production it is columns.prediction",
                  also=("data_column_names.target_column_name", "columns.target_column",
                        "columns.target_column_name", "target_column_name", "target_column")),
            Field("data_column_names.correlation_id", "columns.correlation_id, join",
                  also=("columns.correlation_id",)),
            Field("data_column_names.join_column", "columns.correlation_id, join",
                  also=("columns.join_column",)),
            Field("data_column_names.prediction", "columns.prediction",
                  also=("columns.prediction",)),
            Field("data_column_names.prediction_probability", "columns.score",
                  also=("columns.prediction_probability",)),
            Field("data_column_names.actual", "columns.actual", also=("columns.actual",)),
        ),
    }
)  # fmt: skip

# Where the REST interface keeps what the YAML has further out.
_REST_PROPERTIES: Final = "properties"
_ELSEWHERE: Final = {"action.monitor_definition": "create_monitor"}


@dataclass(frozen=True)
class Spot:
    """A value of Azure's file, and where it stands."""

    value: object
    place: Place

    @property
    def line(self) -> int:
        """Its line, from 1."""
        return self.place.line

    @property
    def name(self) -> str:
        """The keys that lead to it, as the file has them."""
        return self.place.path()


@dataclass(frozen=True)
class Left:
    """What of Azure's file did not carry over, differs here, or is to be filled in.

    Attributes:
        line: Where it is in Azure's file, from 1.
        field: The keys that lead to it.
        kind: Which of the three.
        why: The reason, as a clause without an end.
        do: What to do about it; empty where there is nothing to do.
    """

    line: int
    field: str
    kind: Kind
    why: str
    do: str = ""

    @property
    def told(self) -> str:
        """All of it as a sentence or two."""
        head = f"{self.field} (line {self.line})"
        head += " is not carried over" if self.kind == "not carried over" else ""
        return f"{head}: {self.why}{f'; {self.do}' if self.do else ''}"


@dataclass
class Ledger:
    """The account of a file's leaves: each is carried over or told of."""

    left: list[Left] = field(default_factory=list)
    covered: set[Trail] = field(default_factory=set)

    def carry(self, *spots: Spot | None) -> None:
        """Note that values, with all that is in them, are carried over."""
        self.covered |= {spot.place.trail for spot in spots if spot is not None}

    def tell(self, spot: Spot, kind: Kind, why: str, do: str = "") -> str:
        """Note what is to be said of a value; what is in it is accounted for where it is left.

        Returns:
            The same as text for a comment.
        """
        if kind == "not carried over" or not isinstance(spot.value, Map | Seq):
            self.covered.add(spot.place.trail)
        told = Left(spot.line, spot.name, kind, why, do)
        if told not in self.left:
            self.left.append(told)
        return told.told

    def leave(self, spot: Spot, why: str, do: str = "") -> str:
        """Note that a value is not carried over."""
        return self.tell(spot, "not carried over", why, do)

    def balance(self, root: object, place: Place) -> list[str]:
        """Tell of every leaf that nothing was said of yet; all of them are then accounted for."""
        return [
            self.leave(leaf, "nothing here has a use for it")
            for leaf in leaves(root, place)
            if not self.accounts_for(leaf)
        ]

    def accounts_for(self, leaf: Spot) -> bool:
        """Whether a leaf is carried over or told of, itself or with what it is in."""
        trail = leaf.place.trail
        return any(trail[:depth] in self.covered for depth in range(len(trail) + 1))


def leaves(node: object, place: Place) -> Iterator[Spot]:
    """Every scalar of a tree, and every empty map or list."""
    below: Iterator[tuple[object, Place]] = iter(())
    if isinstance(node, Map):
        below = ((value, node.marks.places[key]) for key, value in node.items())
    elif isinstance(node, Seq):
        below = ((value, node.marks.places[index]) for index, value in enumerate(node))
    if not isinstance(node, Map | Seq) or not node:
        yield Spot(node, place)
    for value, at in below:
        yield from leaves(value, at)


def snake(name: str) -> str:
    """A name in snake case: `jensenShannonDistance` and `Data-Drift` as the YAML spells them."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[\s-]+", "_", parted).lower()


def entries(spot: Spot) -> list[tuple[str, Spot]]:
    """The entries of a map that the user names, as they are."""
    node = spot.value
    if not isinstance(node, Map):
        return []
    return [(key, Spot(value, node.marks.places[key])) for key, value in node.items()]


def items(spot: Spot) -> list[Spot]:
    """The items of a list; of anything else the thing itself."""
    node = spot.value
    if not isinstance(node, Seq):
        return [spot]
    return [Spot(value, node.marks.places[index]) for index, value in enumerate(node)]


def fields_of(section: str, spot: Spot, ledger: Ledger) -> dict[str, Spot]:
    """The fields of a section of the file that carry over, by Azure's own names for them.

    What does not carry over, is given twice or is no field is told of.

    Args:
        section: Which part of the schema it is.
        spot: The map.
        ledger: Takes what is told.
    """
    found: dict[str, Spot] = {}
    known = _paths(section)
    if section == SCHEDULE and _is_resource(spot.value):
        for key, value in entries(spot):
            inner = key == _REST_PROPERTIES
            _flatten([(k, v) for k, v in entries(value)] if inner else [(key, value)],
                     "", known, found, ledger)  # fmt: skip
    else:
        _flatten(entries(spot), "", known, found, ledger)
    for path, value in list(found.items()):
        told = known[path]
        if not told.becomes:
            ledger.leave(value, told.about, told.do)
            del found[path]
    return found


def _is_resource(root: object) -> bool:
    """Whether a file is a resource of the REST interface."""
    inner = root.get(_REST_PROPERTIES) if isinstance(root, Map) else None
    return isinstance(inner, Map) and ("action" in inner or "trigger" in inner)


def definition(root: Map) -> dict[str, Spot]:
    """What the file schedules, by the name of the key that says so, such as `create_monitor`."""
    inner = root[_REST_PROPERTIES] if _is_resource(root) else root
    assert isinstance(inner, Map)
    found = {snake(key): Spot(value, inner.marks.places[key]) for key, value in inner.items()}
    action = found.get("action")
    if action is not None and isinstance(action.value, Map):
        for key, spot in entries(action):
            name = snake(key)
            if name == "action_type":
                found[snake(str(spot.value))] = action
            elif name == "monitor_definition":
                found["create_monitor"] = spot
    return {name: spot for name, spot in found.items() if name.startswith(("create_", "import_"))}


def _paths(section: str) -> dict[str, Field]:
    """Every name of every field of a section."""
    return {path: each for each in FIELDS[section] for path in (each.path, *each.also)}


def _flatten(
    pairs: list[tuple[str, Spot]],
    within: str,
    known: Mapping[str, Field],
    found: dict[str, Spot],
    ledger: Ledger,
) -> None:
    for key, spot in pairs:
        path = f"{within}.{snake(key)}" if within else snake(key)
        path = _ELSEWHERE.get(path, path)
        deeper = any(other.startswith(f"{path}.") for other in (*known, *_ELSEWHERE))
        if deeper and isinstance(spot.value, Map):
            _flatten(entries(spot), path, known, found, ledger)
        elif path in known:
            name = known[path].path
            if name in found:
                ledger.leave(spot, f"the same is said on line {found[name].line}")
            elif spot.value is None:
                ledger.leave(spot, "it says nothing")
            else:
                found[name] = spot
        elif deeper:
            ledger.leave(spot, "Azure's schema has a map here", "write it as one and import again")
        else:
            ledger.leave(spot, f"Azure's schema has no such field{_near(path, known)}")


def _near(path: str, known: Mapping[str, Field]) -> str:
    within, _, word = path.rpartition(".")
    depth = len(within) + 1 if within else 0
    siblings = {
        other[depth:].split(".")[0]
        for other in known
        if not within or other.startswith(f"{within}.")
    }
    near = get_close_matches(word, sorted(siblings), 1)
    return f"; did you mean '{near[0]}'?" if near else ""


def text_of(spot: Spot) -> str:
    """A scalar as text, without blanks around it; empty of maps, lists and nothing."""
    value = spot.value
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).strip() if isinstance(value, str | int | float) else ""


def number_of(spot: Spot) -> float | None:
    """A finite number, or None."""
    value = spot.value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(number):
        return None
    return value if isinstance(value, int) else number


def whole_numbers(spot: Spot, among: range, ledger: Ledger) -> list[int]:
    """The whole numbers of a value or a list; those that are none are told of."""
    found: list[int] = []
    for each in items(spot):
        text = text_of(each)
        if text.isascii() and text.isdigit() and len(text) < 9 and int(text) in among:
            ledger.carry(each)
            found.append(int(text))
        else:
            why = f"it is no whole number from {among.start} to {among.stop - 1}"
            ledger.leave(each, why)
    return found
