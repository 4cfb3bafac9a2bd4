"""Metrics and thresholds of Azure's signals, as signals of a `driftline.yml` have them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from driftline.engine.azure_file import Ledger, Spot, entries, items, number_of, snake, text_of
from driftline.engine.azure_signals import TASKS, Signal, Task
from driftline.engine.catalog import AZURE, AZURE_DEFAULT_METRICS, METRICS, Metric
from driftline.engine.commented import Entry, flow
from driftline.engine.yaml_file import Map, nearest

_FAMILY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "data_drift": "drift",
        "prediction_drift": "drift",
        "data_quality": "quality",
        "feature_attribution_drift": "attribution",
        "model_performance": "performance",
    }
)
# Azure's names of metrics that are not ours: older ones, those of the REST interface.
METRIC_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "chi_squared_test": "pearsons_chi_squared_test",
        "out_of_bound_rate": "out_of_bounds_rate",
        "precision": "precision_macro",
        "recall": "recall_macro",
        "f1_score": "f1_macro",
        "mae": "mean_absolute_error",
        "mse": "mean_squared_error",
        "rmse": "root_mean_squared_error",
    }
)
# Of several metrics with a threshold Azure judges the first in this order, for each feature type.
_AZURE_JUDGES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "numerical": (
            "jensen_shannon_distance",
            "normalized_wasserstein_distance",
            "population_stability_index",
            "two_sample_kolmogorov_smirnov_test",
        ),
        "categorical": (
            "jensen_shannon_distance",
            "population_stability_index",
            "pearsons_chi_squared_test",
        ),
    }
)
# Scopes of metrics that a file may name with a threshold.
_SCOPES: Final = frozenset({"features", "columns", "attribution", "performance"})


class Metrics:
    """Reads the thresholds of signals."""

    def __init__(self, ledger: Ledger, task: Task) -> None:
        self.ledger = ledger
        self.task = task

    def read(self, made: Signal, spot: Spot | None) -> None:
        """The metrics of a signal and where they breach."""
        found: dict[str, dict[str, float | None]] = {}
        spots: dict[tuple[str, str], Spot] = {}
        for scope, name, number, block in self.named_metrics(spot):
            metric = self.metric(made, scope, name, block)
            if metric is None:
                self.ledger.carry(number)  # told of with its name
                continue
            amount = number_of(number)
            why = self.no_threshold(made, metric, amount, found.get(scope, {}))
            if why or amount is None:
                self.ledger.leave(number, why)
                continue
            self.ledger.carry(number)
            found.setdefault(scope, {})[metric.name] = amount
            spots[scope, metric.name] = number
        if _FAMILY[made.type] == "drift":
            self.as_azure_judges(made, found, spots)
        if not found and spot is not None and made.type != "model_performance":
            made.notes.append("No threshold of Azure's file carries over: these are its defaults.")
        if not found:
            found = _defaults(made.type)
        if made.type == "feature_attribution_drift" and spot is not None:
            made.notes.append(
                "Azure loses the threshold of this signal on its way; here it judges."
            )
        if made.type == "model_performance":
            self.performs(made, found)
        for scope, metrics in found.items():
            if scope:
                made.entries.append(Entry(scope, flow(metrics)))
            else:
                made.entries += [Entry(name, flow(amount)) for name, amount in metrics.items()]

    def no_threshold(
        self, made: Signal, metric: Metric, amount: float | None, found: Mapping[str, object]
    ) -> str:
        """Why a number is no threshold of a signal's metric; empty where it is one."""
        if amount is None:
            return "a threshold is a finite number"
        if made.type == "data_quality" and amount < 0:
            return "a rate's threshold is an allowed increase: 0 or more"
        return f"{metric.name} has a threshold already" if metric.name in found else ""

    def named_metrics(self, spot: Spot | None) -> list[tuple[str, Spot, Spot, str]]:
        """(feature type or "", the metric's name, its threshold, task or "") of all forms."""
        found: list[tuple[str, Spot, Spot, str]] = []
        listed = [] if spot is None else items(spot)
        for each in listed:
            if not isinstance(each.value, Map):
                self.ledger.leave(each, "thresholds are a map of metrics")
                continue
            keys = {snake(key): value for key, value in entries(each)}
            name = keys.get("metric_name") or keys.get("metric")
            if name is not None:
                found += self.one_threshold(keys, name)
                continue
            for key, value in entries(each):
                scope, task = snake(key), snake(key).removeprefix("tabular_")
                if scope in ("numerical", "categorical") or task in TASKS:
                    inner = scope if task not in TASKS else ""
                    block = task if task in TASKS else ""
                    for metric, amount in entries(value):
                        found.append((inner, Spot(metric, amount.place), amount, block))
                else:
                    found.append(("", Spot(key, value.place), value, ""))
        return found

    def one_threshold(
        self, keys: Mapping[str, Spot], name: Spot
    ) -> list[tuple[str, Spot, Spot, str]]:
        """A threshold that is a map by itself, as in a list and in the REST interface."""
        kind = keys.get("applicable_feature_type") or keys.get("data_type")
        task = keys.get("model_type")
        amount = keys.get("threshold")
        if amount is not None and isinstance(amount.value, Map):
            inner = {snake(key): value for key, value in entries(amount)}
            amount = inner.get("value")
        if task is not None:
            self.task.says(task, self.ledger)
        scope = "" if kind is None else snake(text_of(kind))
        if scope not in ("", "numerical", "categorical"):
            assert kind is not None
            self.ledger.leave(kind, "a feature is numerical or categorical")
            scope = ""
        else:
            self.ledger.carry(kind)
        self.ledger.carry(name)
        if amount is None:
            self.ledger.leave(name, "the metric has no threshold")
            return []
        return [(scope, Spot(text_of(name), name.place), amount, "")]

    def metric(self, made: Signal, scope: str, name: Spot, block: str) -> Metric | None:
        """The metric of a name; None where the signal has none of it, which is told."""
        word = snake(text_of(name))
        found = METRICS.get(METRIC_NAMES.get(word, word))
        family = _FAMILY[made.type]
        known = [
            *(each for each in METRIC_NAMES if METRICS[METRIC_NAMES[each]].family == family),
            *(each.name for each in METRICS.values() if each.family == family),
        ]
        if found is None or found.family != family or found.scope not in _SCOPES or found.asks:
            why = f"'{text_of(name)}' is no metric of {made.type}{nearest(word, known)}"
            self.ledger.leave(name, why)
            return None
        if scope and scope not in found.types:
            self.ledger.leave(name, f"{found.name} is not for {scope} features")
            return None
        task = found.task or block
        if made.type == "model_performance" and task:
            if self.task.word and self.task.word != task:
                self.ledger.leave(
                    name, f"{found.name} is for {task}, the model does {self.task.word}"
                )
                return None
            self.task.word = task
        return found

    def as_azure_judges(
        self,
        made: Signal,
        found: dict[str, dict[str, float | None]],
        spots: Mapping[tuple[str, str], Spot],
    ) -> None:
        """Tell of drift metrics that Azure passes over, and leave those of 0 without a verdict."""
        for scope, metrics in found.items():
            for name, amount in metrics.items():
                if amount == 0:
                    metrics[name] = None
                    made.notes.append(
                        self.ledger.tell(
                            spots[scope, name],
                            "differs",
                            "0 counts as no threshold in Azure;"
                            " the metric is measured here, and not judged",
                        )
                    )
            judged = [
                name for name in _AZURE_JUDGES.get(scope, ()) if metrics.get(name) is not None
            ]
            for name in judged[1:]:
                made.notes.append(
                    self.ledger.tell(
                        spots[scope, name],
                        "differs",
                        f"of {scope} features Azure judges {judged[0]} alone; here all are judged",
                    )
                )

    def performs(self, made: Signal, found: Mapping[str, Mapping[str, float | None]]) -> None:
        """Settle what a model does whose performance is watched."""
        if not self.task.word:
            self.task.word = TASKS[0]
            made.notes.append(
                self.ledger.tell(
                    made.spot,
                    "to do",
                    "nothing says whether the model does classification"
                    " or regression; here it is classification",
                    "correct model.task",
                )
            )
        lower = [name for name in found.get("", {}) if METRICS[name].worse == "lower"]
        if lower:
            made.notes.append(
                f"Azure alerts where {', '.join(lower)} is above its threshold; here it breaches"
                " below."
            )


def _defaults(kind: str) -> dict[str, dict[str, float | None]]:
    """The metrics and thresholds of Azure's SDK for a type of signal."""
    if kind not in AZURE_DEFAULT_METRICS:
        return {}
    return {
        "" if scope == "__all__" else scope: {
            name: AZURE[name].default_for(scope) for name in names
        }
        for scope, names in AZURE_DEFAULT_METRICS[kind].items()
    }
