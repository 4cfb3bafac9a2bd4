"""What `conventions: azure` does not copy: each quirk, what is done instead, and a run that shows it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import pyarrow as pa
import pytest
from azure_runs import CASES, DRIFT, azure, counts, edges

DISTANCE: Final = "normalized_wasserstein_distance"
TEST: Final = "two_sample_kolmogorov_smirnov_test"


@dataclass(frozen=True)
class Quirk:
    """One thing the original does and Driftline does not.

    Attributes:
        name: What it is called.
        original: What Azure's components do.
        ours: What Driftline does instead.
        why: Why.
        shown: A run that fails its asserts where Driftline does otherwise.
    """

    name: str
    original: str
    ours: str
    why: str
    shown: Callable[[], None]


def _row_wise_deletion() -> None:
    whole = {"x": [1.5, 2.5, 3.5, 4.5], "sparse": [None, None, None, 1.5]}
    found = azure(whole, whole, DRIFT)
    assert found["x", DISTANCE]["n_reference"] == 4
    assert found["sparse", DISTANCE]["n_reference"] == 1


def _lost_maximum() -> None:
    case = CASES["hist_edges_col2"]
    found = azure({"x": case["input"]["baseline"]}, {"x": case["input"]["production"]})
    # the last of its edges lies below 7.7, so that its last bin holds one row of production's two
    assert case["recomputed"]["edges"][-1] < edges(found)[-1] == 7.7
    assert case["recomputed"]["production_counts"][-1] == 1
    assert counts(found)[1][-1] == 2


def _nan_comparisons() -> None:
    # there a distance that is NaN breaches, a p-value that is NaN does not
    assert CASES["thr_quirk_JensenShannonDistance_nan"]["expected"]["azure_breach"]
    assert not CASES["thr_quirk_PearsonsChiSquaredTest_nan"]["expected"]["azure_breach"]
    found = azure(
        {"x": [1.5, 2.5], "y": ["a", "a"], "z": [1.5, 2.5]},
        {"x": [math.nan, None], "y": ["a", "a"], "z": [math.nan, 2.5]},
        DRIFT,
    )
    for key in (("x", "jensen_shannon_distance"), ("y", "pearsons_chi_squared_test")):
        assert found[key]["status"] == "not_computable"
        assert found[key]["reason"]
        assert not found[key]["breached"]
    # nor does a NaN lie outside a range
    rates = azure({"z": [1.5, 2.5]}, {"z": [math.nan, 2.5]})
    assert rates["z", "out_of_bounds_rate"]["value"] == 0


def _row_limit() -> None:
    case = CASES["num_drift_1b"]
    assert "refused" in case["expected"]["TwoSampleKolmogorovSmirnovTest"]
    many = {"x": pa.array([k / 4 for k in range(10_001)])}
    assert azure(many, many, DRIFT)["x", TEST]["value"] == 1


def _imputation() -> None:
    # the median of production, 9.5, is outside: there every null is outside as well as null
    found = azure({"x": [1.5, 2.5]}, {"x": [9.5, 9.5, 9.5, 1.5, None, None, None, None]})
    assert found["x", "out_of_bounds_rate"]["value"] == 0.375
    assert found["x", "null_value_rate"]["value"] == 0.5


def _double_counted_nulls() -> None:
    columns = {"flag": [True, False, None, None], "day": [date(2024, 1, 1), None, None, None]}
    found = azure(columns, columns)
    for name, rate in (("flag", 0.5), ("day", 0.75)):
        assert found[name, "null_value_rate"]["value"] == rate
        assert found[name, "data_type_error_rate"]["value"] == 0


def _comma_joined_sets() -> None:
    assert CASES["dq_set_parse_58"]["expected"] == ["string1", "string2"]
    odd = {"x": ["a, b", "[c]", " d ", ""]}
    assert azure(odd, odd)["x", "out_of_bounds_rate"]["value"] == 0
    values = "    settings: {x: {values: ['a, b', '[c]', ' d ', '']}}\n"
    assert azure(odd, odd, values)["x", "out_of_bounds_rate"]["value"] == 0
    parts = {"x": ["a", "b", "c", "d"]}
    assert azure(odd, parts)["x", "out_of_bounds_rate"]["value"] == 1


def _int_against_double() -> None:
    case = CASES["common_columns_5"]
    assert "id" not in case["expected"]
    found = azure({"id": pa.array([1, 2, 3])}, {"id": [1.0, 2.5, 3.0]}, DRIFT)
    assert found.feature("id")["included"]
    assert found["id", DISTANCE]["value"] == pytest.approx(0.5 / 3)
    rates = azure({"id": pa.array([1, 2, 3])}, {"id": [1.0, 2.5, 3.0]})
    assert rates["id", "data_type_error_rate"]["value"] == 0
    assert rates["id", "type_changed"]["status"] == "warning"


def _dates_as_categories() -> None:
    columns = {
        "day": [date(2024, 1, 1), date(2024, 1, 2)],
        "at": [datetime(2024, 1, 1), datetime(2024, 1, 2)],
        "raw": [b"a", b"b"],
        "x": [1.5, 2.5],
    }
    found = azure(columns, columns)
    for name in ("day", "at", "raw"):
        assert found.feature(name)["feature_type"] is None
        assert found.feature(name)["reason"]
        assert found[name, "null_value_rate"]["value"] == 0


def _row_count_alert() -> None:
    case = CASES["dq_join_rowcount"]
    assert case["expected"]["breach"]
    sides = ({"x": [1.5] * case["input"][f"{s}_rows"]} for s in ("baseline", "production"))
    row = azure(*sides)["__all__", "row_count"]
    assert row["value"] == case["expected"]["metric_value"]
    assert (row["threshold"], row["status"], row["breached"]) == (None, "ok", False)


def _single_precision() -> None:
    # a share of 0.1 exactly: above single precision's 0.1 is a little more than that
    sides = {"x": ["a"] * 9 + ["b"]}, {"x": ["a"] * 8 + ["b"] * 2}
    keys = "    signals: {data_drift: {chebyshev: 0.1}}\n"
    row = azure(*sides, keys)["x", "chebyshev_distance"]
    assert row["threshold"] == 0.1
    assert row["value"] == pytest.approx(0.1, rel=1e-15)


def _inverted_alerts() -> None:
    case = CASES["thr_quirk_Accuracy_0.9"]
    assert case["expected"]["azure_breach"]
    # every metric here has its direction: a good model is no finding, a bad one is
    keys = "    columns: {actual: a, prediction: p}\n    signals: {model_performance: {accuracy: 0.9}}\n"
    right = {"a": ["x", "y"] * 5, "p": ["x", "y"] * 5}
    wrong = {**right, "p": ["x", "x"] * 5}
    assert azure(right, right, keys)["__all__", "accuracy"]["status"] == "ok"
    assert azure(right, wrong, keys)["__all__", "accuracy"]["status"] == "breached"


def _one_metric_a_signal() -> None:
    keys = "    signals: {data_drift: {numerical: {js: 0.1, wasserstein: 0.1, psi: 0.0}}}\n"
    found = azure({"x": [1.5, 2.5]}, {"x": [1.5, 9.5]}, keys)
    assert {metric for _, metric in found.by_key} >= {
        "jensen_shannon_distance",
        "population_stability_index",
        DISTANCE,
    }
    assert found["x", "population_stability_index"]["status"] == "breached"


def _one_quality_threshold() -> None:
    keys = "    signals: {data_quality: {nulls: 0.5, type_errors: 0.25, out_of_bounds: 0.125}}\n"
    found = azure({"x": [1.5]}, {"x": [1.5]}, keys)
    limits = [
        found["x", metric]["threshold"]
        for metric in ("null_value_rate", "data_type_error_rate", "out_of_bounds_rate")
    ]
    assert limits == [0.5, 0.25, 0.125]


def _empty_sides() -> None:
    empty = {"x": pa.array([None, None], pa.float64()), "y": [1.5, 2.5]}
    found = azure(empty, {"x": [1.5, 2.5], "y": [1.5, 9.5]}, DRIFT)
    assert found["x", DISTANCE]["status"] == "not_computable"
    assert found["x", DISTANCE]["reason"] == "the reference has no values"
    assert found["y", DISTANCE]["status"] == "breached"


def _several_deciders() -> None:
    # 41 rows of two values are categories, 40 are numbers: the reference decides for both sides
    found = azure(
        {"x": [0, 1] * 30},
        {
            "x": [0, 1] * 10,
        },
    )
    assert found.feature("x")["feature_type"] == "categorical"
    assert found["x", "jensen_shannon_distance"]["value"] == 0
    assert [row["kind"] for row in found.histogram("x")] == ["category", "category"]


def _decimals() -> None:
    prices = {"x": [Decimal("1.50"), Decimal("2.50")]}
    found = azure(prices, prices)
    assert found.feature("x")["feature_type"] == "numerical"


def _unsupported_types() -> None:
    case = CASES["dq_type_unsupported"]
    assert case["expected"]["rows_emitted"] == 0
    nested = {"x": pa.array([[1], None]), "y": [1.5, 2.5]}
    assert azure(nested, nested)["x", "null_value_rate"]["value"] == 0.5


def _names() -> None:
    dotted = CASES["column_name_column.1"]
    assert not dotted["expected"]["accepted"]
    assert azure({dotted["input"]: [1.5]}, {dotted["input"]: [1.5]}).feature("column.1")["included"]
    assert CASES["dup_columns"]["expected"]["duplicated"]
    twins = {"input": [1.5], "Input": [2.5]}
    assert azure(twins, twins).feature("input")["included"]


def _charts() -> None:
    categories = {"x": [f"c{k:03}" for k in range(300)]}
    found = azure(categories, {"x": ["c000", "never seen"]})
    assert len(found.histogram("x")) == 301
    assert counts(found)[1] == [1, *[0] * 299, 1]
    narrow = azure({"x": [0.001, 0.002, 0.003, 0.004]}, {"x": [0.001, 0.004, 0.004]})
    assert len({row["label"] for row in narrow.histogram("x")}) == 3


QUIRKS: Final = (
    Quirk(
        "row-wise deletion",
        "drops a row from all features where one selected feature is null",
        "drops nulls of each feature by itself; `n_reference` and `n_production` tell",
        "one sparse column would bias, or empty, every other",
        _row_wise_deletion,
    ),
    Quirk(
        "the lost maximum",
        "does not count the largest row where rounding puts the last edge below it",
        "the top bin is closed at the largest value itself",
        "no row may be missing from a histogram",
        _lost_maximum,
    ),
    Quirk(
        "NaN comparisons",
        "holds NaN for larger than any number: a distance that is NaN breaches, a p-value never does",
        "`not_computable` with a reason; NaN values are neither null nor out of bounds",
        "what is not a number is beyond no threshold",
        _nan_comparisons,
    ),
    Quirk(
        "the 10 000-row limit",
        "refuses the Kolmogorov-Smirnov test from 10 000 rows on, and with it the whole signal",
        "any number of rows; above 10 000 by the asymptotic law, as SciPy chooses",
        "the test needs counts, not rows",
        _row_limit,
    ),
    Quirk(
        "imputation before bounds",
        "fills nulls with the median or mode and judges those against the bounds",
        "nulls are nulls and nothing else",
        "a shifted median made every null a second finding",
        _imputation,
    ),
    Quirk(
        "double-counted nulls",
        "counts nulls of booleans, dates and other columns that are not filled as type errors too",
        "a null is no type error",
        "one fault, one rate",
        _double_counted_nulls,
    ),
    Quirk(
        "comma-joined sets",
        "keeps the allowed texts as one text, so those with commas, brackets or blanks are never found",
        "compares values",
        "every category is found again",
        _comma_joined_sets,
    ),
    Quirk(
        "int against double excluded",
        "leaves out a column of whole numbers on one side and fractions on the other, without a word",
        "compares the numbers, and reports `type_changed`",
        "files that happen to hold whole numbers only are common",
        _int_against_double,
    ),
    Quirk(
        "dates as categories",
        "takes every date, time stamp and binary value for a category of its own",
        "leaves them out of drift with the reason; nulls and type errors are watched;"
        " `settings` can make dates numerical",
        "their distance is 1 for free",
        _dates_as_categories,
    ),
    Quirk(
        "the row-count alert",
        "breaches as soon as production has more rows than the reference",
        "`row_count` is judged by its own threshold alone",
        "more rows are no fault",
        _row_count_alert,
    ),
    Quirk(
        "32-bit floats",
        "keeps values and thresholds in single precision",
        "double precision throughout",
        "0.1 is 0.1",
        _single_precision,
    ),
    Quirk(
        "inverted performance alerts",
        "alerts where accuracy, precision or recall are above the threshold",
        "each metric has its direction",
        "a good model is no finding",
        _inverted_alerts,
    ),
    Quirk(
        "one metric a signal",
        "takes the first metric with a threshold other than 0 and ignores the rest",
        "measures and judges all that are named; a threshold of 0 is one",
        "what is asked for is measured",
        _one_metric_a_signal,
    ),
    Quirk(
        "one quality threshold",
        "has a single threshold for nulls, type errors and bounds",
        "a threshold for each, as the file says",
        "what is asked for is judged",
        _one_quality_threshold,
    ),
    Quirk(
        "an empty side fails the signal",
        "stops the whole signal where a table has no rows left",
        "the feature alone is `not_computable`, with the reason",
        "one bad column never stops a run",
        _empty_sides,
    ),
    Quirk(
        "several deciders of a type",
        "lets each step decide by its own table whether whole numbers are categories",
        "the primary reference decides, once",
        "a feature is scored, charted and checked as the same thing",
        _several_deciders,
    ),
    Quirk(
        "real decimals vanish",
        "does not recognise decimals with a precision, and drops them",
        "decimals are numbers",
        "prices are features",
        _decimals,
    ),
    Quirk(
        "unsupported types vanish",
        "writes no row for columns of other types",
        "nulls and type errors of every column are watched",
        "nulls do not depend on the type",
        _unsupported_types,
    ),
    Quirk(
        "names",
        "refuses names with a dot, and tables with names that differ in case alone",
        "takes any name; of two that differ in case DuckDB calls the second `…_1`",
        "the table is the user's",
        _names,
    ),
    Quirk(
        "charts differ from scores",
        "charts other bins than it scores: 100 categories, bounds of two decimals, no new category",
        "`histograms` holds the very bins that are scored, each category a row",
        "a chart explains a score",
        _charts,
    ),
)
