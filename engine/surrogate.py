"""How much each feature moves a model learned for the purpose: boosted trees, and SHAP values of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftline.engine.errors import ConfigError
from driftline.engine.joint import Axis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

# Rows of each window and side that are fetched, and no more.
MOST_ROWS: Final = 10_000
# Azure ML's choice: a LightGBM of 200 trees of depth 5. One thread and rows in a fixed order make it the
# same model each time.
TREES: Final = 200
PARAMS: Final[Mapping[str, object]] = {
    "max_depth": 5,
    "num_leaves": 31,
    "learning_rate": 0.1,
    "seed": 777,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
LARGEST: Final = 1.7976931348623157e308


def need_lightgbm() -> None:
    """Raise where the package that learns the model is missing.

    Raises:
        ConfigError: Then, with what to install.
    """
    if find_spec("lightgbm") is None:
        raise ConfigError(
            "the source surrogate_model needs the package lightgbm, which is not installed",
            hint="pip install 'driftline[surrogate]'",
        )


@dataclass(frozen=True)
class Learned:
    """A column as the trees take it.

    Attributes:
        axis: Its bins; of categories, their names tell them apart.
    """

    axis: Axis

    @property
    def is_categorical(self) -> bool:
        """Whether it has categories rather than numbers."""
        return self.axis.values is not None

    def numbers(self, values: Sequence[Any]) -> Numbers:
        """Values as doubles, NaN where there is none; categories by their place among the kept ones."""
        if self.axis.values is None:
            told = np.array([np.nan if value is None else value for value in values], np.float64)
            return np.clip(told, -LARGEST, LARGEST)
        places = {value: place for place, value in enumerate(self.axis.kept)}
        other = len(places)
        found = (np.nan if value is None else places.get(value, other) for value in values)
        return np.array([*found], np.float64)


def importances(
    rows: Sequence[Sequence[Any]], features: Sequence[Learned], target: Learned
) -> tuple[int, list[float | None]]:
    """Mean absolute SHAP value of each feature, in the unit of what is learned.

    Args:
        rows: What the model says, then each feature, by row, in a fixed order.
        features: The features' columns.
        target: The first column.

    Returns:
        Rows that were learned from, and the importance of each feature, 0 or more: of a number in its unit,
        of classes in log-odds, summed over the classes where they are more than two. None without rows.
    """
    import lightgbm

    columns = [*zip(*rows, strict=True)]
    if not columns:
        return 0, [None] * len(features)
    y = target.numbers(columns[0])
    kept = np.isfinite(y)
    n = int(kept.sum())
    if not n:
        return 0, [None] * len(features)
    y = y[kept]
    classes = 0
    if target.is_categorical:
        there, places = np.unique(y, return_inverse=True)
        y, classes = places.astype(np.float64), len(there)
    if len(np.unique(y)) < 2:
        # what is always the same, nothing moves
        return n, [0.0] * len(features)
    x = np.column_stack([f.numbers(c) for f, c in zip(features, columns[1:], strict=True)])[kept]
    names = [f"f{place}" for place in range(len(features))]
    params: dict[str, Any] = {**PARAMS, "objective": "regression"}
    if classes:
        params["objective"] = "binary" if classes == 2 else "multiclass"
    if classes > 2:
        params["num_class"] = classes
    data = lightgbm.Dataset(
        x,
        y,
        feature_name=names,
        categorical_feature=[
            name for name, each in zip(names, features, strict=True) if each.is_categorical
        ],
        params={"verbosity": -1},
    )
    model = lightgbm.train(params, data, num_boost_round=TREES)
    told = np.asarray(model.predict(x, pred_contrib=True, num_threads=1), np.float64)
    # by row, class and feature; the last of each class is what all rows have in common
    models = classes if classes > 2 else 1
    shap = told.reshape(n, models, len(features) + 1)[:, :, :-1]
    return n, [float(value) for value in np.abs(shap).sum(axis=1).mean(axis=0)]
