"""Run project files with `conventions: azure`, and read the cases of the original."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pyarrow as pa
from support import Scores, run, table

from driftline.engine.config import load_project

ROOT: Final = Path(__file__).parents[1]
Case = dict[str, Any]
_FACTS: Final = json.loads((ROOT / "fixtures" / "azure" / "cases.json").read_text("utf-8"))
CASES: Final[Mapping[str, Case]] = {case["id"]: case for case in _FACTS["cases"]}
# Folders by hour of which the cases of windows choose.
HOURS: Final[Sequence[str]] = _FACTS["hours_with_data"]

# What the original calls its metrics.
NAMES: Final = {
    "JensenShannonDistance": "jensen_shannon_distance",
    "PopulationStabilityIndex": "population_stability_index",
    "NormalizedWassersteinDistance": "normalized_wasserstein_distance",
    "TwoSampleKolmogorovSmirnovTest": "two_sample_kolmogorov_smirnov_test",
    "PearsonsChiSquaredTest": "pearsons_chi_squared_test",
    "NullValueRate": "null_value_rate",
    "DataTypeErrorRate": "data_type_error_rate",
    "OutOfBoundsRate": "out_of_bounds_rate",
    "NormalizedDiscountedCumulativeGain": "normalized_discounted_cumulative_gain",
    "Accuracy": "accuracy",
    "Precision": "precision_macro",
    "Recall": "recall_macro",
    "F1_macro": "f1_macro",
    "RootMeanSquaredError": "root_mean_squared_error",
    "MeanAbsoluteError": "mean_absolute_error",
    "MeanSquaredError": "mean_squared_error",
}
DRIFT: Final = (
    "    signals: {data_drift: [js, psi, wasserstein, ks, ks_distance, chi2, chebyshev]}\n"
)

Side = Mapping[str, Sequence[object] | pa.Array] | pa.Table


def group(*names: str) -> list[str]:
    """Ids of the cases of some groups."""
    return [key for key, case in CASES.items() if case["group"] in names]


def loaded(keys: str = "", references: Sequence[str] = ("reference",)) -> Any:
    """The project of a monitor with `conventions: azure`.

    Args:
        keys: Further lines of the monitor, each with four spaces before it.
        references: Names of its references, which are those of tables too.
    """
    sides = ", ".join(f"{name}: {{table: {name}}}" for name in references)
    text = (
        "monitors:\n"
        "  - name: m\n"
        "    production: {table: production}\n"
        f"    references: {{{sides}}}\n"
        "    conventions: azure\n"
        f"{keys}"
    )
    with TemporaryDirectory() as folder:
        file = Path(folder) / "driftline.yml"
        file.write_text(text, "utf-8")
        return load_project(file)


def azure(
    reference: Side, production: Side, keys: str = "", *, path: str = "small", **others: Side
) -> Scores:
    """Run a project file with `conventions: azure` over tables in memory.

    Args:
        reference: Columns by name, or a table.
        production: The same.
        keys: Further lines of the monitor, each with four spaces before it.
        path: Way through the numbers, as `support.run` has them.
        others: Further references.
    """
    sides = {"reference": reference, "production": production, **others}
    frames = {
        name: side if isinstance(side, pa.Table) else table(side) for name, side in sides.items()
    }
    (monitor,) = loaded(keys, ("reference", *others)).monitors
    found = run(monitor, frames, path=path)
    if found.error is not None:
        raise found.error
    return Scores(found)


def counts(found: Scores, feature: str = "x") -> tuple[list[int], list[int]]:
    """Rows of both sides in a feature's bins, in order."""
    bins = found.histogram(feature)
    return [row["n_reference"] for row in bins], [row["n_production"] for row in bins]


def edges(found: Scores, feature: str = "x") -> list[float]:
    """All edges of a number's bins: the inner ones as stored, the outer ones as told."""
    bins = found.histogram(feature)
    first, last = bins[0]["label"], bins[-1]["label"]
    assert (first[0], last[-1]) == ("[", "]")
    low, high = float(first[1:].split(",")[0]), float(last[:-1].split(", ")[1])
    return [low, *(row["lower_bound"] for row in bins[1:]), high]
