"""`conventions: azure` gives the numbers of the original, case by case (`fixtures/azure/cases.json`).

Cases of quirks that are not copied are in `test_azure_quirks.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pytest
from azure_runs import CASES, DRIFT, NAMES, Case, azure, counts, edges, group
from support import Scores

from driftline.engine.catalog import METRICS
from driftline.engine.errors import SourceError, WarehouseError
from driftline.engine.judge import Verdict, judge
from driftline.engine.measure import Measurement
from driftline.engine.plan import Pair
from driftline.engine.thresholds import ThresholdError, parse_threshold

# The cases have twelve digits.
DIGITS: Final = 5e-12

# Why a case cannot be run, or that it is of a quirk and in the other file.
ELSEWHERE: Final = {
    "hist_builder_numeric": "the input is another table of the original's, not rows",
    "dq_type_unsupported": "a quirk: types that are not supported",
    "dq_join_rowcount": "a quirk: the row-count alert",
    "common_columns_5": "a quirk: int against double excluded",
    "column_name_column.1": "a quirk: names with a dot",
    "dup_columns": "a quirk: names that differ in case alone",
    "selector_top_n": "a quirk: fewer than n features; see test_top_n.py",
    **dict.fromkeys(group("data_quality_set_encoding"), "a quirk: comma-joined sets"),
    **dict.fromkeys(group("thresholds_quirks"), "a quirk: NaN comparisons, inverted alerts"),
}

NUMERICAL: Final = group("numerical_drift")
CATEGORICAL: Final = group("categorical_drift")
TYPES: Final = {
    "bool": pa.bool_(), "binary": pa.binary(), "string": pa.string(), "timestamp": pa.timestamp("us"),
    "float32": pa.float32(), "float64": pa.float64(), "float": pa.float32(), "double": pa.float64(),
    "int8": pa.int8(), "int16": pa.int16(), "int32": pa.int32(), "int64": pa.int64(),
    "int": pa.int32(), "bigint": pa.int64(), "byte": pa.int8(), "long": pa.int64(),
    "boolean": pa.bool_(), "date": pa.date32(), "decimal": pa.decimal128(9, 2),
    "unknown": pa.list_(pa.int64()),
}  # fmt: skip


# Drift of numbers


def _normals(case: Case) -> tuple[pa.Array, pa.Array]:
    sides = []
    for side in ("baseline", "production"):
        law = case["input"][side]
        rng = np.random.RandomState(0)
        sides.append(pa.array(rng.normal(law["mean"], law["std"], law["n"])))
    return sides[0], sides[1]


@pytest.mark.parametrize("path", ["small", "coarse"])
@pytest.mark.parametrize("key", NUMERICAL)
def test_the_drift_of_normal_samples_is_the_originals(key: str, path: str):
    case = CASES[key]
    ours, theirs = _normals(case)
    found = azure({"x": ours}, {"x": theirs}, DRIFT, path=path)
    wanted = case["expected"]
    # the original loses rows at the top edge in one case; none is lost here
    lost = case.get("rows_dropped_at_top_edge", [0, 0])
    top = wanted["n_bins"] - 1
    for mine, its, missing in zip(
        counts(found),
        (wanted["baseline_counts"], wanted["production_counts"]),
        lost,
        strict=True,
    ):
        assert mine == [n + missing * (place == top) for place, n in enumerate(its)]
    assert found["x", "population_stability_index"]["bins"] == wanted["n_bins"]
    ends = edges(found)
    assert (ends[0], ends[-1]) == pytest.approx((wanted["edges_first"], wanted["edges_last"]))
    textbook = case.get("textbook", {})
    for name in ("JensenShannonDistance", "PopulationStabilityIndex"):
        value = textbook[name] if any(lost) else wanted[name]
        assert found["x", NAMES[name]]["value"] == pytest.approx(value, rel=DIGITS, abs=1e-12)
    distance = wanted["NormalizedWassersteinDistance"]
    row = found["x", "normalized_wasserstein_distance"]
    assert row["value"] == pytest.approx(distance, rel=DIGITS, abs=1e-12)
    # refused by the original from 10 000 rows on; here SciPy's value at any size
    p = textbook.get("ks_pvalue", wanted["TwoSampleKolmogorovSmirnovTest"])
    row = found["x", "two_sample_kolmogorov_smirnov_test"]
    assert row["value"] == pytest.approx(p, rel=DIGITS, abs=1e-300)
    if "ks_statistic" in textbook:
        assert row["statistic"] == pytest.approx(textbook["ks_statistic"], rel=DIGITS, abs=1e-12)


def test_a_listed_sample_is_the_one_that_is_drawn():
    (case,) = [CASES[key] for key in NUMERICAL if "baseline_values" in CASES[key]["input"]]
    ours, theirs = _normals(case)
    assert ours.to_pylist() == case["input"]["baseline_values"]
    assert theirs.to_pylist() == case["input"]["production_values"]


# Drift of categories


@pytest.mark.parametrize("key", CATEGORICAL)
def test_the_drift_of_categories_is_the_originals(key: str):
    case = CASES[key]
    tables = case["input"]["baseline_counts"], case["input"]["production_counts"]
    sides = ({"x": [c for c, n in one.items() for _ in range(n)]} for one in tables)
    found = azure(*sides, DRIFT)
    bins = {row["label"]: (row["n_reference"], row["n_production"]) for row in found.histogram("x")}
    assert bins == {
        c: (tables[0].get(c, 0), tables[1].get(c, 0)) for c in {**tables[0], **tables[1]}
    }
    for name, value in case["expected"].items():
        assert found["x", NAMES[name]]["value"] == pytest.approx(value, rel=DIGITS, abs=1e-12)
    textbook = case["textbook"]
    row = found["x", "chebyshev_distance"]
    assert row["value"] == pytest.approx(textbook["chebyshev_distance"], rel=DIGITS)
    row = found["x", "pearsons_chi_squared_test"]
    statistic = textbook["goodness_of_fit_statistic"]
    if statistic == "inf":
        assert (row["value"], row["statistic"]) == (0, None)
    else:
        assert row["statistic"] == pytest.approx(statistic, rel=DIGITS, abs=1e-12)
    assert row["bins"] == textbook["dof"] + 1


# Bins


@pytest.mark.parametrize("path", ["small", "coarse"])
@pytest.mark.parametrize("key", [k for k in group("histogram_buckets") if "edges" in k])
def test_the_edges_are_the_originals(key: str, path: str):
    case = CASES[key]
    found = azure({"x": case["input"]["baseline"]}, {"x": case["input"]["production"]}, path=path)
    assert len(edges(found)) == case["expected"]["n_edges"]
    if "edges" in case["expected"]:
        assert edges(found) == pytest.approx(case["expected"]["edges"], abs=case["tolerance"])
        return
    again = case["recomputed"]
    assert edges(found)[:-1] == again["edges"][:-1]
    # of one case the original's last edge lies below the largest value, which is lost there
    assert edges(found)[-1] == max(case["input"]["production"])
    assert counts(found) == (again["baseline_counts"], again["textbook_production_counts"])


@pytest.mark.parametrize("key", [k for k in group("histogram_buckets") if "nbins" in k])
def test_the_number_of_bins_follows_from_the_smaller_side(key: str):
    case = CASES[key]
    rows = case["input"]["rows_in_smaller_side"]
    smaller, larger = np.arange(rows) / 4, np.arange(rows + 7) / 4
    for sides in ((smaller, larger), (larger, smaller)):
        found = azure(*({"x": pa.array(side)} for side in sides), DRIFT)
        assert len(found.histogram("x")) == case["expected"]["n_bins"]


# Data quality


def _rows_of(case: Case) -> pa.Table:
    """A table of typed columns, `name:type` or a type for a name."""
    same = case["input"].get("same_rows_as")
    given = CASES[same]["input"] if same else case["input"]
    columns = {}
    for place, spec in enumerate(given["columns"]):
        name, _, kind = spec.partition(":")
        values = [row[place] for row in given["rows"]]
        if kind == "binary":
            values = [value.encode() for value in values]
        array = pa.array(values)
        columns[name] = array.cast(TYPES[kind or name], safe=False)
    return pa.table(columns)


@pytest.mark.parametrize("key", ["dq_stats_base", "dq_stats_override"])
def test_ranges_and_sets_are_the_originals(key: str):
    case, rows = CASES[key], _rows_of(CASES[key])
    numerical = case["input"].get("override_numerical", [])
    categorical = case["input"].get("override_categorical", [])
    stated = [f"{name}: {{type: numerical}}" for name in numerical]
    stated += [f"{name}: {{type: categorical}}" for name in categorical]
    found = azure(rows, rows, f"    settings: {{{', '.join(stated)}}}\n")
    for name, low, high, _, values in case["expected"]["rows"]:
        side = found.profile(name, "reference")
        assert (side["minimum"], side["maximum"]) == (low, high)
        if values is not None:
            assert sorted(row["label"] for row in found.histogram(name)) == values
        judged = (name, "out_of_bounds_rate") in found.by_key
        assert judged == (low is not None or values is not None)


def test_whole_ranges_are_whole():
    case, rows = CASES["dq_stats_int_only"], _rows_of(CASES["dq_stats_int_only"])
    found = azure(rows, rows)
    for name in rows.column_names:
        side = found.profile(name, "reference")
        assert [side["minimum"], side["maximum"]] == case["expected"][name]


def test_a_table_is_clean_against_itself():
    case, rows = CASES["dq_metrics_self"], _rows_of(CASES["dq_metrics_self"])
    wanted = case["expected"]
    found = azure(rows, rows, "    signals: {data_quality: }\n")
    assert found["__all__", "row_count"]["value"] == wanted["RowCount"]
    rates = [row for row in found.run.metrics if row["feature"] != "__all__"]
    assert {row["value"] for row in rates} == {wanted["all_rates"]}
    bounded = {row["feature"] for row in rates if row["metric"] == "out_of_bounds_rate"}
    assert bounded == set(wanted["out_of_bounds_rows_only_for"])
    for metric in ("null_value_rate", "data_type_error_rate"):
        of = {row["feature"] for row in rates if row["metric"] == metric}
        assert of == set(rows.column_names)
    assert len(found.run.metrics) == wanted["n_rows"]
    types = {name: found.feature(name)["feature_type"] for name in rows.column_names}
    for label, names in wanted["type_labels"].items():
        for name in names:
            # dates and binaries are no categories here, a quirk that is not copied
            left_out = name in ("feature_timestamp", "feature_binary")
            assert types[name] == (None if left_out else label.lower())


def test_a_null_in_five_rows_is_a_rate_of_a_fifth():
    case = CASES["dq_null_count"]
    rows = _rows_of(case)
    found = azure(rows, rows)
    rates = {name: found[name, "null_value_rate"]["value"] for name in rows.column_names}
    assert set(rates.values()) == {case["derived"]["NullValueRate_each"]}


@pytest.mark.parametrize("given", ["by the reference", "in the file"])
def test_a_value_outside_its_set_is_out_of_bounds(given: str):
    case = CASES["dq_set_violation"]
    allowed, production = case["input"]["allowed"], case["input"]["production"]
    stated = ", ".join(f"{name}: {{values: {values}}}" for name, values in allowed.items())
    reference = production if given == "in the file" else allowed
    keys = f"    settings: {{{stated}}}\n" if given == "in the file" else ""
    found = azure(reference, production, keys)
    for name, rate in case["derived"]["OutOfBoundsRate"].items():
        assert found[name, "out_of_bounds_rate"]["value"] == rate
        assert found[name, "out_of_bounds_rate"]["reference_value"] == 0


def test_texts_that_cast_are_no_type_errors():
    case = CASES["dq_type_clean"]
    columns = {
        "boolean": ([True], ["true"]),
        "double": ([0.25], ["1e-3"]),
        "binary": ([b"x"], pa.array([b"y"])),
        "date": ([None], ["2024-02-29"]),
        "float": ([0.25], ["1.5"]),
        "int": ([1], ["1.5"]),
        "bigint": ([1], ["2"]),
        "string": (["x"], [17]),
        "timestamp": ([None], ["2024-02-29 12:00:00"]),
    }
    assert sorted(columns) == sorted(case["input"]["baseline_types"])
    ours = {name: pa.array(side, TYPES[name]) for name, (side, _) in columns.items()}
    found = azure(ours, {name: side for name, (_, side) in columns.items()})
    errors = {name: found[name, "data_type_error_rate"]["value"] for name in columns}
    assert errors == dict.fromkeys(columns, case["expected"]["type_errors_each"])


def test_the_documents_example_of_nulls():
    case = CASES["dq_doc_null"]
    values = [1.5] * (case["input"]["rows"] - case["input"]["nulls"])
    found = azure({"x": [1.5]}, {"x": values + [None] * case["input"]["nulls"]})
    assert found["x", "null_value_rate"]["value"] == case["expected"]["NullValueRate"]


def test_the_documents_example_of_bounds():
    case = CASES["dq_doc_oob"]
    low, high = case["input"]["baseline_range"]
    outside = case["input"]["outside"]
    values = [low + 0.5] * (case["input"]["rows"] - outside) + [low - 1.0, high + 1.0] * 5
    found = azure({"x": [float(low), float(high)]}, {"x": values})
    assert found["x", "out_of_bounds_rate"]["value"] == case["expected"]["OutOfBoundsRate"]


def test_a_threshold_of_a_rate_is_an_increase_over_the_references():
    case = CASES["dq_join_threshold"]
    rates = case["input"]["baseline_rate"], case["input"]["production_rate"]
    sides = [{"x": [1.5] * (100 - round(100 * r)) + [None] * round(100 * r)} for r in rates]
    allowed = case["input"]["configured_threshold"]
    found = azure(*sides, f"    signals: {{data_quality: {{null_value_rate: {allowed}}}}}\n")
    row = found["x", "null_value_rate"]
    assert row["threshold"] == pytest.approx(case["expected"]["effective_threshold"], rel=1e-15)
    assert row["breached"] == case["expected"]["breach"]
    assert row["status"] == "ok"


# Attributions


def _attributed(reference: Mapping[str, float], production: Mapping[str, float]) -> Scores:
    keys = (
        "    signals:\n      feature_attribution_drift:\n"
        "        {ndcg: 0.9, attribution: {source: columns, prefix: by_}}\n"
    )
    sides = ({f"by_{name}": [x] for name, x in side.items()} for side in (reference, production))
    return azure(*({"x": [1.5], **side} for side in sides), keys)


@pytest.mark.parametrize("key", [k for k in group("feature_attribution") if k.startswith("ndcg")])
def test_the_gain_of_an_order_of_importance_is_the_originals(key: str):
    given, wanted = CASES[key]["input"], CASES[key]["expected"]
    sides = [{f"f{k}": x for k, x in enumerate(given[side])} for side in ("baseline", "production")]
    found = _attributed(*sides)["__all__", NAMES["NormalizedDiscountedCumulativeGain"]]
    if "error" in wanted:
        assert found["status"] == "not_computable"
        assert found["reason"] == "f0 is the only feature, and one has no order"
    else:
        (value,) = wanted.values()
        assert found["value"] == pytest.approx(value, abs=CASES[key].get("tolerance", 1e-12))


def test_features_that_differ_are_told_and_other_columns_do_not_matter():
    case = CASES["attribution_feature_mismatch"]["input"]
    sides = [dict.fromkeys(case[side], 1.0) for side in ("baseline", "production")]
    found = _attributed(*sides)["__all__", NAMES["NormalizedDiscountedCumulativeGain"]]
    assert (found["status"], found["value"]) == ("not_computable", None)
    assert found["reason"] == (
        "the features differ: the reference has no importance of col4;"
        " production has no importance of col3"
    )
    # only columns that hold attributions are features of theirs
    assert CASES["attribution_ignores_correlationid"]["expected"]["accepted"]


# Performance


@pytest.mark.parametrize("key", group("model_performance"))
def test_performance_is_the_originals(key: str):
    case = CASES[key]
    wanted = {**case["expected"], **case["derived"]}
    task = "classification" if "Accuracy" in wanted else "regression"
    side = {"y": case["input"]["actual"], "p": case["input"]["predicted"]}
    found = azure(
        side,
        side,
        f"    model: {{task: {task}}}\n    columns: {{prediction: p, actual: y}}\n"
        f"    signals: {{model_performance: [{', '.join(NAMES[name] for name in wanted)}]}}\n",
    )
    for name, value in wanted.items():
        assert found["__all__", NAMES[name]]["value"] == pytest.approx(value, abs=case["tolerance"])
    # a good model is no finding there: the original's alert is the other way round
    assert {row["status"] for row in found.run.metrics} == {"ok"}


# Thresholds


def _verdict(metric: str, value: float | None, limit: object) -> Verdict:
    return judge(
        Measurement(
            "data_drift", "data_drift", metric, "x", "numerical", Pair(0, 0, 1, 0), value,
            n_reference=1, n_production=1, alert_when="exceeds",
            threshold=parse_threshold(limit, METRICS[metric].bare),
        ),
        min_rows=0,
    )  # fmt: skip


def _judged(metric: str, value: float | None, limit: object) -> tuple[bool, str]:
    found = _verdict(metric, value, limit)
    assert found.breached == (found.status == "breached")
    return found.breached, found.status


def _number(value: object) -> float | None:
    return None if value in (None, "") else float(str(value))


@pytest.mark.parametrize(
    "key",
    [k for k in group("thresholds") if "metric" in CASES[k]["input"] and k not in ELSEWHERE],
)
def test_a_verdict_is_the_originals(key: str):
    case = CASES[key]
    given = case["input"]
    breach, _ = _judged(NAMES[given["metric"]], _number(given["value"]), given["threshold"])
    assert breach == case["expected"]["breach"]


def test_a_value_at_its_threshold_is_no_breach():
    case = CASES["thr_equal"]
    for metric in NAMES.values():
        given = case["input"]
        breach, status = _judged(metric, given["value"], {"max": given["threshold"]})
        assert (breach, status) == (case["expected"]["breach"], "ok")


@pytest.mark.parametrize("key", [k for k in group("thresholds") if "nonnumeric" in k])
def test_a_threshold_that_is_no_number_is_refused(key: str):
    with pytest.raises(ThresholdError, match="is not a number"):
        _judged("jensen_shannon_distance", 0.3, CASES[key]["input"]["threshold"])
    # a value that is none has no verdict
    assert _judged("jensen_shannon_distance", None, 0.3) == (False, "not_computable")


@pytest.mark.parametrize("key", [k for k in group("thresholds") if "clean" in k])
def test_only_a_value_with_a_threshold_is_judged(key: str):
    given, wanted = CASES[key]["input"], CASES[key]["expected"]["kept_for_evaluation"]
    value = _number(given["value"])
    if given["threshold"] in ("", "threshold"):
        with pytest.raises(ThresholdError):
            _judged("jensen_shannon_distance", value, given["threshold"])
        return
    found = _verdict("jensen_shannon_distance", value, given["threshold"])
    assert (found.status == "not_computable") == (value is None)
    assert (found.score is not None) == wanted


# Types


@pytest.mark.parametrize("key", [k for k in group("type_inference") if "int_class" in k])
def test_whole_numbers_are_typed_as_the_original_does(key: str):
    given = CASES[key]["input"]
    values = given.get("values")
    if values is None:
        values = [1] * given["n_ones"] + [None] * given["n_null"]
        assert len(values) == given["n_rows"]
    column = {"x": pa.array(values, pa.int32())}
    found = azure(column, {"x": pa.array([1, 2], pa.int32())})
    assert found.feature("x")["feature_type"] == CASES[key]["expected"]


def test_types_give_the_originals_feature_types_but_for_moments_and_binaries():
    case = CASES["dtype_class"]
    one = {
        "float": [0.5], "double": [0.5], "decimal": [1], "string": ["a"], "boolean": [True],
        "timestamp": [None], "date": [None], "binary": [b"a"], "unknown": [[1]],
    }  # fmt: skip
    columns = {name: pa.array(one[name], TYPES[name]) for name in case["input"]["dtypes"]}
    found = azure(columns, columns)
    for name, wanted in case["expected"].items():
        left_out = name in ("timestamp", "date", "binary", "unknown")
        assert wanted == "neither" or wanted in ("numerical", "categorical")
        assert found.feature(name)["feature_type"] == (None if left_out else wanted)
        assert bool(found.feature(name)["reason"]) == left_out


def test_a_stated_type_comes_before_the_derived():
    case = CASES["override_map"]
    stated = [
        f"{name}: {{type: {kind}}}"
        for kind, names in case["input"].items()
        for name in names.split(",")
    ]
    columns = {"Age": [30] * 50, "Id": ["1", "2"] * 25, "Name": [1.5] * 50, "Gender": [0, 1] * 25}
    found = azure(columns, columns, f"    settings: {{{', '.join(stated)}}}\n")
    for name, kind in case["expected"].items():
        assert found.feature(name)["feature_type"] == kind


@pytest.mark.parametrize(
    "key", [k for k in group("type_inference") if "common" in k and k not in ELSEWHERE]
)
def test_columns_of_one_name_and_kind_are_compared(key: str):
    case = CASES[key]
    sides = [
        {name: pa.array([None, None], TYPES[kind]) for name, kind in case["input"][side].items()}
        for side in ("baseline", "production")
    ]
    if not case["expected"]:
        with pytest.raises(SourceError if all(sides) else WarehouseError):
            azure(*sides)
        return
    found = azure(*sides)
    included = {row["feature"] for row in found.run.features if row["included"]}
    assert included == set(case["expected"])


def test_a_plain_name_is_a_name():
    name = CASES["column_name_column1"]["input"]
    assert azure({name: [1.5]}, {name: [1.5]}).feature(name)["included"]


# Selection


def test_features_are_selected_by_name_whatever_their_width():
    case = CASES["selector_all_dtype_mismatch"]
    ours, theirs = (
        {name: pa.array([0.5, 1.5], TYPES[kind]) for name, kind in case["input"][side].items()}
        for side in ("df1", "df2")
    )
    found = azure(ours, theirs)
    assert [row["feature"] for row in found.run.features] == case["expected"]
    assert found.feature("target")["included"]


def test_without_a_common_name_nothing_is_selected():
    case = CASES["selector_all_disjoint"]
    sides = ({name: ["a"] for name in case["input"][side]} for side in ("df1", "df2"))
    assert case["expected"] == []
    with pytest.raises(SourceError, match="no column is left to watch"):
        azure(*sides)


# All of them


def test_every_case_is_run_or_says_why_not():
    text = Path(__file__).read_text("utf-8")
    run = {
        *NUMERICAL, *CATEGORICAL, *group("histogram_buckets"), *group("thresholds"),
        *group("model_performance"),
        *(key for key in group("type_inference") if key.startswith(("int_class", "common"))),
        *(key for key in group("feature_attribution") if key.startswith("ndcg")),
    }  # fmt: skip
    named = {key for key in CASES if f'"{key}"' in text}
    assert run | named | set(ELSEWHERE) == set(CASES)
