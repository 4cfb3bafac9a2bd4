"""`conventions: azure` gives the numbers of the original, case by case (`fixtures/azure/cases.json`).

Cases of quirks that are not copied are in `test_azure_quirks.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from azure_runs import CASES, DRIFT, HOURS, NAMES, Case, azure, counts, edges, group
from support import Scores

import driftline
from driftline.engine.catalog import METRICS
from driftline.engine.collect import lost_too_much
from driftline.engine.config import load_project
from driftline.engine.errors import SourceError, WarehouseError
from driftline.engine.judge import Verdict, judge
from driftline.engine.measure import Measurement
from driftline.engine.plan import Pair
from driftline.engine.thresholds import ThresholdError, parse_threshold
from driftline.engine.windows import production_span

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
    **dict.fromkeys(
        (key for key in group("windows") if key.startswith("default_window")),
        "a default of the SDK's schedules: here a file says its windows",
    ),
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


# Collection


def _logged(folder: Path, hour: str, *events: Mapping[str, object]) -> Path:
    """Put events into a folder by hour of a collection; returns the source."""
    place = folder / "logged" / "model_inputs" / hour
    place.mkdir(parents=True, exist_ok=True)
    with (place / "i.jsonl").open("a") as file:
        file.writelines(f"{json.dumps(event)}\n" for event in events)
    return folder / "logged"


def _rows(folder: Path, columns: str = "*", where: str = "true") -> list[tuple[object, ...]]:
    """Rows of the collected table, in the order of their events."""
    files = f"read_parquet('{folder}/out/model_inputs/*/*.parquet')"
    query = f"select {columns} from {files} where {where} order by ce_time, correlationid"
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        return con.execute(query).fetchall()


def _flat(folder: Path, case: Case) -> tuple[list[str], list[tuple[object, ...]]]:
    """The columns that the original keeps, and their rows, of events without a time."""
    driftline.collect(_logged(folder, "2023/11/08/07", *case["input"]), folder / "out")
    types = {"VARCHAR": "string", "DOUBLE": "double", "BIGINT": "long", "BOOLEAN": "bool"}
    found = _rows(
        folder, "* exclude (correlationid, ce_time, ce_correlationid, ce_index, day), correlationid"
    )
    with duckdb.connect() as con:
        told = con.execute(
            f"describe select * from read_parquet('{folder}/out/model_inputs/*/*.parquet')"
        ).fetchall()
    kinds = {name: types.get(kind, kind) for name, kind, *_ in told}
    names = [each for each in kinds if each[:3] != "ce_" and each not in ("day", "correlationid")]
    return [f"{name}:{kinds[name]}" for name in (*names, "correlationid")], found


@pytest.mark.parametrize("key", ["mdc_single", "mdc_batch"])
def test_requests_are_flattened_to_rows_with_the_originals_ids_and_types(key: str, tmp_path: Path):
    wanted = CASES[key]["expected"]
    columns, found = _flat(tmp_path, CASES[key])
    assert found == [tuple(row) for row in wanted["rows"]]
    assert columns == wanted.get("columns", columns)


def test_what_is_nested_becomes_the_originals_json(tmp_path: Path):
    case = CASES["mdc_complex_to_json"]
    event = {"data": [case["input"]], "correlationid": "c"}
    driftline.collect(_logged(tmp_path, "2023/11/08/07", event), tmp_path / "out")
    names = list(case["expected"])
    (row,) = _rows(tmp_path, ", ".join(f'"{name}"' for name in names))
    assert dict(zip(names, row, strict=True)) == case["expected"]


def test_data_in_a_file_of_its_own_is_read_between_data_in_the_line(tmp_path: Path):
    inline = [{"data": [{"x": n}], "correlationid": f"c{n}"} for n in (0, 2)]
    beside = {"dataref": "https://a.b/c/2023/11/08/07/d.json", "correlationid": "c1"}
    source = _logged(tmp_path, "2023/11/08/07", inline[0], beside, inline[1])
    (source / "model_inputs/2023/11/08/07/d.json").write_text('[{"x": 1}, {"x": 1.5}]')
    driftline.collect(source, tmp_path / "out")
    assert len(_rows(tmp_path)) == CASES["mdc_dataref_mix"]["expected"]["n_rows"]
    assert _rows(tmp_path, "x") == [(0.0,), (1.0,), (1.5,), (2.0,)]


@pytest.mark.parametrize("key", [k for k in group("data_collection") if "nodata" in k])
def test_where_nothing_was_logged_is_an_error(key: str, tmp_path: Path):
    assert CASES[key]["expected"] == {"error": "data not found"}
    source = tmp_path / "logged"
    if "without_file" in key:
        (source / "model_inputs/2023/11/08/07").mkdir(parents=True)
    if "no_window" in key:
        # here folders do not matter: there is no file of lines at all
        source.mkdir()
    with pytest.raises(SourceError, match=r"has no file of lines|does not exist"):
        driftline.collect(source, tmp_path / "out")


@pytest.mark.parametrize("key", [k for k in group("data_collection") if "droprate" in k])
def test_more_than_a_third_lost_is_an_error(key: str, tmp_path: Path):
    before, after = CASES[key]["input"]["rows_before"], CASES[key]["input"]["rows_after"]
    wanted = CASES[key]["expected"]["error"]
    assert lost_too_much(before, after) == wanted
    if not 0 <= after <= before:
        return
    lines = [{"data": [{"x": 1}]}] * after + [{"nothing": 1}] * (before - after)
    source = _logged(tmp_path, "2023/11/08/07", *lines)
    if wanted:
        with pytest.raises(SourceError, match=f"{before - after} of {before} lines gave no rows"):
            driftline.collect(source, tmp_path / "out")
    else:
        driftline.collect(source, tmp_path / "out")
    # what is left is there either way
    assert len(_rows(tmp_path)) == after


@pytest.fixture(scope="module")
def hourly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Events of every hour that has a folder, half past it, collected."""
    folder = tmp_path_factory.mktemp("hourly")
    for hour in HOURS:
        at = f"{hour[:10].replace('/', '-')}T{hour[11:]}:30:00Z"
        _logged(folder, hour, {"time": at, "data": [{"x": 1}], "correlationid": hour})
    driftline.collect(folder / "logged", folder / "out")
    return folder


def _within(start: str, end: str) -> str:
    return f"ce_time >= timestamptz '{start}Z' and ce_time < timestamptz '{end}Z'"


@pytest.mark.parametrize("key", [k for k in group("windows") if k.startswith("folders")])
def test_a_window_of_whole_hours_has_the_rows_of_the_originals_folders(key: str, hourly: Path):
    start, end = (f"{each}:00:00" for each in CASES[key]["input"]["window"])
    patterns = CASES[key]["expected"]
    wanted = [each for each in HOURS if any(fnmatch(each, one) for one in patterns)]
    # a pattern of the whole day may stand for hours that the window does not have
    found = [name for (name,) in _rows(hourly, "ce_correlationid", _within(start, end))]
    assert found == sorted(wanted)


def test_a_window_that_ends_within_an_hour_ends_there(hourly: Path):
    # the original would read the folder of 08 to its end
    found = _rows(hourly, "ce_correlationid", _within("2023-11-20T07:00:00", "2023-11-20T08:10:00"))
    assert found == [("2023/11/20/07",)]


def test_a_window_has_its_start_and_not_its_end(tmp_path: Path):
    case = CASES["time_window_half_open"]
    day = case["input"]["window"][0][:10]
    times = case["input"]["end_times"]
    events = [
        {"time": f"{day}T{each}:00Z", "data": [{"x": 1.5}], "correlationid": each} for each in times
    ]
    driftline.collect(_logged(tmp_path, "2024/02/03/04", *events), tmp_path / "out")
    kept = [
        name for (name,) in _rows(tmp_path, "ce_correlationid", _within(*case["input"]["window"]))
    ]
    assert kept == case["expected"]["kept"]
    start, end = case["input"]["window"]
    (tmp_path / "driftline.yml").write_text(
        "monitors:\n  - name: m\n    production:\n      table: out/model_inputs/*/*.parquet\n"
        f"      timestamp: ce_time\n      window: {{start: {start}, end: {end}}}\n"
        "    reference: {table: out/model_inputs/*/*.parquet}\n"
        "    features: {exclude: ['ce_*', day, correlationid]}\n"
    )
    found = driftline.run(tmp_path / "driftline.yml")
    assert {row["n_production"] for row in found.metrics if row["feature"] == "x"} == {len(kept)}


@pytest.mark.parametrize("key", ["window_doc_0", "window_doc_1"])
def test_a_window_is_counted_back_from_the_run(key: str):
    given, wanted = CASES[key]["input"], CASES[key]["expected"]
    size, offset = given["lookback_window_size"], given["lookback_window_offset"]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "driftline.yml"
        file.write_text(
            "monitors:\n  - name: m\n    production: {table: scored, timestamp: at,"
            f" window: {{size: {size}, offset: {offset}}}}}\n    reference: {{table: training}}\n"
        )
        (monitor,) = load_project(file).monitors
    span = production_span(monitor, datetime.fromisoformat(f"2024-{given['run']}+00:00"))
    assert span is not None
    assert span.start is not None
    assert [f"{each:%m-%dT%H:%M}" for each in (span.start, span.end)] == wanted


# All of them


def test_every_case_is_run_or_says_why_not():
    text = Path(__file__).read_text("utf-8")
    run = {
        *NUMERICAL, *CATEGORICAL, *group("histogram_buckets"), *group("thresholds"),
        *group("model_performance"),
        *(key for key in group("data_collection") if "nodata" in key or "droprate" in key),
        *(key for key in group("windows") if key.startswith("folders")),
        *(key for key in group("type_inference") if key.startswith(("int_class", "common"))),
        *(key for key in group("feature_attribution") if key.startswith("ndcg")),
    }  # fmt: skip
    named = {key for key in CASES if f'"{key}"' in text}
    assert run | named | set(ELSEWHERE) == set(CASES)
