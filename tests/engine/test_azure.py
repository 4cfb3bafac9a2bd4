"""Under `conventions: azure` every number has Azure's definition, at every size and at its corners."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Final

import numpy as np
import oracles
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from azure_runs import DRIFT, azure, counts, edges, loaded
from compiled import PROJECT
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from strategies import Pair, columns, searched
from support import PATHS, close, measured, score
from typer.testing import CliRunner

import driftline
from driftline.cli import app
from driftline.engine.compile import compile_project
from driftline.engine.config import load_project, notes
from driftline.engine.dialects import DIALECTS
from driftline.engine.project import BinRule, Bound, Threshold
from driftline.engine.schema import resolved_yaml
from driftline.engine.significance import goodness_of_fit, kolmogorov_smirnov_auto

BOTH: Final = ("jensen_shannon_distance", "population_stability_index", "null_value_rate")
# Counting every value, and so few fine bins that nearly every edge falls into one.
WAYS: Final = ("small", "coarse")
# few terms of either sign, each to a few units in the last place
RELATIVE: Final = 1e-9
ABSOLUTE: Final = 1e-12


# By definition


@pytest.mark.parametrize(
    "metric", [*BOTH, "chebyshev_distance", "hellinger_distance", "out_of_bounds_rate"]
)
@searched
@given(pairs=columns(), path=st.sampled_from(PATHS))
def test_a_metric_equals_its_definition_on_any_columns(metric: str, pairs: list[Pair], path: str):
    rows = measured(metric, pairs, path=path, conventions="azure")
    for row, pair in zip(rows, pairs, strict=True):
        of = oracles.azure_categorical if pair.is_text else oracles.azure_numerical
        wanted = of(pair.reference, pair.production)[metric]
        assert close(row["value"], wanted, relative=RELATIVE, absolute=ABSOLUTE)


def _only(metric: str, pairs: list[Pair], path: str) -> list[tuple[Any, Any]]:
    """(found, wanted) of a metric of one feature type."""
    text = metric == "pearsons_chi_squared_test"
    some = [pair for pair in pairs if pair.is_text == text] or [Pair(("a",), ("a",), text)]
    rows = measured(metric, some, path=path, conventions="azure")
    of = oracles.azure_categorical if text else oracles.azure_numerical
    return [
        (row["value"], of(pair.reference, pair.production)[metric])
        for row, pair in zip(rows, some, strict=True)
    ]


@searched
@given(pairs=columns(), path=st.sampled_from(PATHS))
def test_the_wasserstein_distance_is_in_deviations_with_a_fixed_floor(pairs: list[Pair], path: str):
    numbers = [pair for pair in pairs if not pair.is_text] or [Pair((1.5,), (2.5,))]
    for found, wanted in _only("normalized_wasserstein_distance", numbers, path):
        # a sum over hundreds of areas
        assert close(found, wanted, relative=1e-7, absolute=1e-9)


@searched
@given(pairs=columns(), path=st.sampled_from(PATHS))
def test_the_p_value_of_smirnovs_test_is_the_one_scipy_chooses(pairs: list[Pair], path: str):
    numbers = [pair for pair in pairs if not pair.is_text] or [Pair((1.5,), (2.5,))]
    for found, wanted in _only("two_sample_kolmogorov_smirnov_test", numbers, path):
        assert close(found, wanted, relative=1e-9, absolute=1e-300)


@searched
@given(pairs=columns())
def test_the_chi_squared_test_is_a_goodness_of_fit(pairs: list[Pair]):
    for found, wanted in _only("pearsons_chi_squared_test", pairs, "small"):
        # a tail probability magnifies the rounding of its statistic
        assert close(found, wanted, relative=1e-7, absolute=1e-300)


@pytest.mark.parametrize(("n", "m"), [(10_000, 9_999), (10_001, 40), (3, 5), (1, 1)])
def test_smirnovs_test_is_exact_up_to_ten_thousand_rows_a_side(n: int, m: int):
    first, second = np.arange(n) / n, np.arange(m) / m + 0.02
    wanted = stats.ks_2samp(first, second)
    below = int((first <= wanted.statistic_location).sum())
    there = int((second <= wanted.statistic_location).sum())
    found = kolmogorov_smirnov_auto(wanted.statistic, below, there, n, m)
    assert found == pytest.approx(wanted.pvalue, rel=1e-12)


@pytest.mark.parametrize("statistic", [0.0, 3.84, 900.0])
@pytest.mark.parametrize("categories", [2, 40])
def test_a_goodness_of_fit_has_one_degree_less_than_categories(statistic: float, categories: int):
    wanted = stats.chi2.sf(statistic, categories - 1)
    assert goodness_of_fit(statistic, categories) == pytest.approx(wanted, rel=1e-12, abs=1e-300)


# Bins


@pytest.mark.parametrize("path", WAYS)
def test_large_inputs_are_counted_to_the_row(path: str):
    rng = np.random.default_rng(5)
    ours = {
        "heavy": rng.standard_cauchy(60_000),
        "tied": rng.integers(0, 900, 60_000) / 8,
        "far": rng.normal(1e12, 1e6, 60_000),
        "whole": rng.integers(0, 10**9, 60_000),
    }
    theirs = {name: values[:30_001] * 1.0 + 1 for name, values in ours.items()}
    found = azure(ours, theirs, DRIFT, path=path)
    for name, side in ours.items():
        a, b = side.astype(float), theirs[name]
        k = math.ceil(math.log2(30_001) + 1)
        low, high = min(a.min(), b.min()), max(a.max(), b.max())
        inner = low + np.arange(1, k) * (high - low) / k
        assert edges(found, name)[1:-1] == inner.tolist()
        wanted = tuple(
            np.bincount(np.searchsorted(inner, side, "right"), minlength=k).tolist()
            for side in (a, b)
        )
        assert counts(found, name) == wanted


@pytest.mark.parametrize("path", WAYS)
@pytest.mark.parametrize(
    ("value", "ends"), [(0.0, (-0.005, 0.005)), (-31.0, (-31.155, -30.845)), (1e9, (995e6, 1005e6))]
)
def test_a_constant_is_one_bin_around_it(value: float, ends: tuple[float, float], path: str):
    found = azure({"x": [value] * 5}, {"x": [value] * 9}, DRIFT, path=path)
    assert edges(found) == pytest.approx(ends, rel=1e-12)
    assert counts(found) == ([5], [9])
    assert found["x", "population_stability_index"]["value"] == 0
    assert found["x", "jensen_shannon_distance"]["value"] == 0


@pytest.mark.parametrize("path", WAYS)
def test_two_neighbouring_doubles_still_have_all_bins(path: str):
    above = math.nextafter(1.0, 2.0)
    found = azure({"x": [1.0] * 8}, {"x": [above] * 8}, DRIFT, path=path)
    assert len(found.histogram("x")) == 4
    assert [sum(side) for side in counts(found)] == [8, 8]
    assert found["x", "jensen_shannon_distance"]["value"] == 1


def test_the_widest_numbers_have_bins():
    found = azure({"x": [-1.7e308, 1.7e308]}, {"x": [-1.7e308, 0.0]}, DRIFT)
    assert counts(found) == ([1, 1], [1, 1])
    assert edges(found) == [-1.7e308, 0.0, 1.7e308]


@pytest.mark.parametrize("path", WAYS)
def test_infinities_are_in_the_outer_bins_and_no_part_of_the_range(path: str):
    found = azure(
        {"x": [-math.inf, 0.5, 1.5, 2.5]}, {"x": [0.5, 1.5, math.inf, math.inf]}, DRIFT, path=path
    )
    assert edges(found)[0] == 0.5
    assert edges(found)[-1] == 2.5
    assert counts(found) == ([2, 1, 1], [1, 1, 2])
    assert found["x", "jensen_shannon_distance"]["n_production"] == 4
    assert "infinities left out" in found["x", "normalized_wasserstein_distance"]["reason"]


@pytest.mark.parametrize("path", WAYS)
def test_every_reference_has_its_own_bins_and_its_own_set(path: str):
    found = azure(
        {"x": [0.5, 1.5, 2.5, 3.5], "y": ["a", "b", "b", "b"]},
        {"x": [0.5, 4.5, 8.5, 8.5], "y": ["a", "c", "c", "d"]},
        "    signals:\n"
        "      data_drift: [js, psi, chi2]\n"
        "      later: {type: data_drift, reference: other, js: 0.1, psi: 0.1, chi2: 0.01}\n"
        "      data_quality: {reference: other}\n",
        path=path,
        other={"x": [0.5, 16.5, None, None], "y": ["c", "c", "d", "e"]},
    )
    by = {
        name: [row for row in found.run.histograms if row["reference"] == name]
        for name in ("reference", "other")
    }
    starts = {
        name: [row["lower_bound"] for row in rows if row["feature"] == "x"]
        for name, rows in by.items()
    }
    # four rows at least: three bins over 0.5 to 8.5; two: two bins over 0.5 to 16.5
    assert starts["reference"][1:] == pytest.approx([0.5 + 8 / 3, 0.5 + 16 / 3])
    assert starts["other"] == [None, 8.5]
    labels = {
        name: {row["label"]: row["kind"] for row in rows if row["feature"] == "y"}
        for name, rows in by.items()
    }
    assert labels["reference"] == {"b": "category", "a": "category", "c": "new", "d": "new"}
    assert labels["other"] == {"c": "category", "d": "category", "e": "category", "a": "new"}
    rows = {
        (row["signal"], row["metric"]): row for row in found.run.metrics if row["feature"] == "y"
    }
    assert rows["data_drift", "population_stability_index"]["bins"] == 4
    assert rows["data_quality", "out_of_bounds_rate"]["value"] == 0.25
    counts_of = (np.array([2, 1, 1, 0]), np.array([2, 1, 0, 1]))
    wanted = oracles.jensen_shannon(counts_of)
    assert rows["later", "jensen_shannon_distance"]["value"] == pytest.approx(wanted, rel=1e-12)


def test_what_bins_add_is_the_index():
    rng = np.random.default_rng(2)
    found = azure(
        {"x": rng.normal(size=500), "y": rng.choice(list("abc"), 500).tolist()},
        {"x": rng.normal(1, 2, 300), "y": rng.choice(list("bcde"), 300).tolist()},
        DRIFT,
    )
    for name in ("x", "y"):
        parts = math.fsum(row["psi_contribution"] for row in found.histogram(name))
        assert parts == pytest.approx(found[name, "population_stability_index"]["value"], rel=1e-12)


# Categories and types


@pytest.mark.parametrize("path", WAYS)
def test_every_value_of_either_side_is_a_bin_however_many(path: str):
    texts = {"x": [f"r{k}" for k in range(1500)], "n": [k % 60 for k in range(1500)]}
    others = {"x": [f"p{k}" for k in range(1500)], "n": [k % 60 + 30 for k in range(1500)]}
    found = azure(texts, others, DRIFT, path=path)
    assert len(found.histogram("x")) == 3000
    assert len(found.histogram("n")) == 90
    for name in ("x", "n"):
        assert {row["kind"] for row in found.histogram(name)} == {"category", "new"}
        assert all(row["label"] is not None for row in found.histogram(name))
    assert found["x", "jensen_shannon_distance"]["value"] == 1
    assert found["x", "jensen_shannon_distance"]["bins"] == 3000


@pytest.mark.parametrize("path", WAYS)
@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0, 1] * 20, "numerical"),
        ([0, 1] * 20 + [0], "categorical"),
        # null is a value of them and a row of them
        ([0, 1] * 20 + [None], "numerical"),
        ([0, 1] * 30 + [None], "categorical"),
        ([10**9 * (k % 40) for k in range(801)], "categorical"),
        ([10**9 * (k % 40) for k in range(800)], "numerical"),
        (list(range(300)), "numerical"),
        ([None] * 50, "categorical"),
    ],
)
def test_whole_numbers_are_categories_by_their_share_of_distinct_values(
    values: list[int | None], kind: str, path: str
):
    column = pa.array(values, pa.int64())
    found = azure({"x": column}, {"x": pa.array([0, 10**9], pa.int64())}, DRIFT, path=path)
    assert found.feature("x")["feature_type"] == kind


@pytest.mark.parametrize("path", WAYS)
def test_many_whole_numbers_with_few_values_are_categories_of_their_own(path: str):
    values = [10**7 * (k % 500) for k in range(30_000)]
    found = azure({"x": values}, {"x": values[:1000]}, DRIFT, path=path)
    assert found.feature("x")["feature_type"] == "categorical"
    assert counts(found) == ([60] * 500, [2] * 500)


def test_fractions_and_texts_of_fractions_are_numbers_of_a_whole_column():
    ours = {"x": [1, 2, 3, 4], "y": [1, 2, 3, 4]}
    found = azure(ours, {"x": [1.5, 2.5, 9.5, 2.0], "y": ["1.5", "2.5", "9.5", "two"]})
    for name, errors in (("x", 0), ("y", 0.25)):
        assert found[name, "data_type_error_rate"]["value"] == errors
        assert found[name, "out_of_bounds_rate"]["value"] == 0.25
    # by Driftline's own conventions none of the texts is a whole number
    texts = {"y": ["1.5", "2.5", "9.5", "two"]}
    row = score({"y": ours["y"]}, texts, types={"y": "numerical"})["y", "data_type_error_rate"]
    assert row["value"] == 1


def test_nan_is_not_null_whatever_the_column_is_taken_for():
    column = {"x": [1.5, math.nan, None, 2.5], "y": [1.5, math.nan, None, 2.5]}
    found = azure(column, column, "    settings: {y: {type: categorical}}\n")
    for name in ("x", "y"):
        assert found[name, "null_value_rate"]["value"] == 0.25
        side = found.profile(name, "production")
        assert (side["null_count"], side["nan_count"]) == (1, 1)
    assert len(found.histogram("y")) == 2


def test_rates_have_five_decimals():
    found = azure({"x": [1.5] * 2 + [None]}, {"x": [1.5] * 6 + [None]})
    row = found["x", "null_value_rate"]
    assert (row["value"], row["reference_value"]) == (0.14286, 0.33333)


def test_only_ranges_of_numbers_and_sets_of_texts_have_a_rate_of_what_is_outside():
    columns_ = {
        "number": [0.5, 1.5] * 30,
        "text": ["a", "b"] * 30,
        "flag": [True, False] * 30,
        "grade": [0, 1] * 30,
        "ratio": [0.5, 1.5] * 30,
    }
    found = azure(columns_, columns_, "    settings: {ratio: {type: categorical}}\n")
    of = {feature for feature, metric in found.by_key if metric == "out_of_bounds_rate"}
    assert of == {"number", "text"}


def test_a_set_that_the_file_gives_is_watched_whatever_the_column():
    columns_ = {"grade": [0, 1, 2] * 30}
    found = azure(columns_, columns_, "    settings: {grade: {values: [0, 1]}}\n")
    assert found["grade", "out_of_bounds_rate"]["value"] == 0.33333


# Corners


@pytest.mark.parametrize("path", WAYS)
@pytest.mark.parametrize("empty", ["reference", "production"])
@pytest.mark.parametrize("nothing", [[None, None], [math.nan, None]])
def test_a_side_without_values_is_not_computable_and_says_so(
    nothing: list[Any], empty: str, path: str
):
    sides = {side: {"x": [1.5, 2.5], "y": ["a", "b"]} for side in ("reference", "production")}
    sides[empty] = {"x": pa.array(nothing, pa.float64()), "y": pa.array([None, None], pa.string())}
    found = azure(sides["reference"], sides["production"], DRIFT, path=path)
    told = "the reference" if empty == "reference" else "production"
    for row in found.run.metrics:
        if row["feature"] != "__all__":
            assert (row["status"], row["value"]) == ("not_computable", None)
            assert f"{told} has no values" in row["reason"]
    assert len(found.histogram("x")) == 1


@pytest.mark.parametrize("path", WAYS)
def test_a_window_without_rows_stops_nothing(path: str):
    empty = {"x": pa.array([], pa.float64()), "y": pa.array([], pa.string())}
    found = azure({"x": [1.5, 2.5], "y": ["a", "b"]}, empty, path=path)
    assert found["__all__", "row_count"]["status"] == "breached"
    rest = {row["status"] for row in found.run.metrics if row["feature"] != "__all__"}
    assert rest == {"insufficient_data"}


@pytest.mark.parametrize("path", WAYS)
def test_one_row_on_each_side_is_measured(path: str):
    found = azure({"x": [1.5], "y": ["a"]}, {"x": [2.5], "y": ["b"]}, DRIFT, path=path)
    # one bin over 1.5 to 2.5; the deviation of one row is its floor
    assert counts(found) == ([1], [1])
    assert found["x", "population_stability_index"]["value"] == 0
    assert found["x", "normalized_wasserstein_distance"]["value"] == 1000
    assert found["y", "jensen_shannon_distance"]["value"] == 1
    assert found["y", "pearsons_chi_squared_test"]["value"] == 0


def test_a_single_category_cannot_be_tested():
    row = azure({"x": ["a"] * 9}, {"x": ["a"] * 5}, DRIFT)["x", "pearsons_chi_squared_test"]
    assert (row["status"], row["value"], row["statistic"]) == ("not_computable", None, None)
    assert row["reason"] == "both sides have one and the same category: nothing to test"


# Verdicts and evidence


def test_a_value_beyond_its_threshold_is_a_breach_whatever_its_significance():
    # two rows say nothing, and chance alone reaches this
    found = azure({"x": [1.5, 2.5], "y": ["a", "b"]}, {"x": [2.5, 2.5], "y": ["a", "a"]})
    for key in (("x", "normalized_wasserstein_distance"), ("y", "jensen_shannon_distance")):
        row = found[key]
        assert row["status"] == "breached"
        assert row["p_value"] is None or row["p_value"] > 0.05


def test_evidence_is_filled_and_decides_nothing():
    rng = np.random.default_rng(3)
    found = azure(
        {"x": rng.normal(size=400), "y": rng.choice(list("abcd"), 400).tolist()},
        {"x": rng.normal(0.5, 1, 300), "y": rng.choice(list("abcd"), 300).tolist()},
        DRIFT,
    )
    for row in found.run.metrics:
        if row["signal_type"] == "data_drift":
            assert 0 <= row["p_value"] <= row["q_value"] <= 1
            # the index has no known upper end where bins are rare
            unknown = row["metric"] == "population_stability_index" and row["ci_high"] is None
            assert unknown or row["ci_low"] <= row["ci_high"]
            beyond = row["value"] > row["threshold"]
            assert row["breached"] == (beyond if row["direction"] == "higher" else not beyond)
            assert row["status"] == ("breached" if row["breached"] else "ok")


def test_a_test_without_a_finite_statistic_has_a_p_value_of_0_and_no_interval():
    found = azure({"x": ["a"] * 900}, {"x": ["a"] * 899 + ["b"]}, DRIFT)
    row = found["x", "pearsons_chi_squared_test"]
    assert (row["value"], row["p_value"], row["q_value"]) == (0, 0, 0)
    assert (row["statistic"], row["effect"], row["ci_low"]) == (None, None, None)
    assert row["status"] == "breached"


# The project file


def _thresholds(keys: str = "") -> dict[tuple[str, str], dict[str, Threshold]]:
    (monitor,) = loaded(keys).monitors
    return {
        (signal.type, rule.metric): dict(rule.thresholds)
        for signal in monitor.signals
        for rule in signal.rules
    }


def test_the_defaults_are_those_of_azures_sdk():
    rate = Threshold(Bound("increase", 0.0))
    distance = Threshold(Bound("max", 0.1))
    assert _thresholds() == {
        ("data_drift", "normalized_wasserstein_distance"): {"numerical": distance},
        ("data_drift", "jensen_shannon_distance"): {"categorical": distance},
        **{
            ("data_quality", metric): {"numerical": rate, "categorical": rate}
            for metric in ("null_value_rate", "data_type_error_rate", "out_of_bounds_rate")
        },
    }


def test_an_empty_signal_takes_the_same_defaults():
    given = _thresholds("    signals: {data_drift: , data_quality: }\n")
    assert given == _thresholds()


def test_what_the_file_names_is_kept():
    given = _thresholds("    signals: {data_drift: {wasserstein: 0.3, js: {warn: 0.05}}}\n")
    assert given["data_drift", "normalized_wasserstein_distance"] == {
        "numerical": Threshold(Bound("max", 0.3))
    }
    warn = Threshold(warn=Bound("max", 0.05))
    js = given["data_drift", "jensen_shannon_distance"]
    assert js == {"numerical": warn, "categorical": warn}
    assert len(given) == 2


@pytest.mark.parametrize(("keys", "rows"), [("", 0), ("    min_rows: 30\n", 30)])
def test_any_rows_are_enough_unless_the_file_says_otherwise(keys: str, rows: int):
    assert loaded(keys).monitors[0].min_rows == rows


def test_a_value_is_judged_alone_whatever_the_file_says():
    keys = "    alert_when: confident\n    signals: {data_drift: {alert_when: significant}}\n"
    assert [signal.alert_when for signal in loaded(keys).monitors[0].signals] == ["exceeds"]


def test_the_resolved_file_means_the_same(tmp_path: Path):
    (first,) = loaded("    signals: {data_drift: [js, chi2], data_quality: }\n").monitors
    project = loaded("    signals: {data_drift: [js, chi2], data_quality: }\n")
    file = tmp_path / "driftline.yml"
    file.write_text(resolved_yaml(project), "utf-8")
    (second,) = load_project(file).monitors
    assert (first.signals, first.min_rows, first.conventions) == (
        second.signals, second.min_rows, second.conventions,
    )  # fmt: skip


def test_bins_that_are_given_are_told_to_have_no_effect():
    keys = "    bins: {count: 20, max_categories: 9}\n    settings: {x: {bins: {count: 5}}}\n"
    told = [note.split(" has no effect")[0] for note in notes(loaded(keys)) if "effect" in note]
    wanted = ["bins", "settings.x.bins", "bins.max_categories"]
    assert told == [f"monitors[m].{key}" for key in wanted]
    assert [note for note in notes(loaded()) if "effect" in note] == []
    assert loaded(keys).monitors[0].bins == BinRule(count=20)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_its_statements_can_be_said_in_every_dialect(dialect: str, tmp_path: Path):
    file = tmp_path / "driftline.yml"
    azure = PROJECT.replace("  - name: segments", "    conventions: azure\n  - name: segments")
    file.write_text(azure, "utf-8")
    compiled, _ = compile_project(load_project(file), dialect=dialect, at="2026-03-02")
    profile = next(each.sql for each in compiled.statements if each.step == "profile")
    assert "distinct" in profile.lower()


# Whole runs


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(8)
    pq.write_table(
        pa.table({"x": rng.normal(50, 15, 900), "plan": rng.choice(["a", "b"], 900)}),
        tmp_path / "training.parquet",
    )
    pq.write_table(
        pa.table({"x": rng.normal(56, 15, 400), "plan": rng.choice(["a", "b"], 400)}),
        tmp_path / "scored.parquet",
    )
    (tmp_path / "driftline.yml").write_text(
        "monitors:\n"
        "  - name: m\n"
        "    production: {table: scored.parquet}\n"
        "    reference: {table: training.parquet}\n"
        "    conventions: azure\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path / "driftline.yml"


def _reference_id(project: Path) -> str:
    found = driftline.run(project, at="2026-01-01")
    ids = {row["reference_id"] for row in found.metrics if row["feature"] == "x"}
    assert len(ids) == 1
    return ids.pop()


def test_a_run_from_the_command_line_breaches(project: Path):
    result = CliRunner().invoke(app, ["run", "--at", "2026-01-01"])
    assert result.exit_code == 1, result.output
    shown = CliRunner().invoke(app, ["show", "m", "--all", "--format", "json"])
    rows = {(row["feature"], row["metric"]): row for row in json.loads(shown.stdout)}
    ours, theirs = (
        pq.read_table(project.parent / f"{name}.parquet")["x"].to_pylist()
        for name in ("training", "scored")
    )
    wanted = oracles.azure_numerical(ours, theirs)["normalized_wasserstein_distance"]
    row = rows["x", "normalized_wasserstein_distance"]
    assert row["value"] == pytest.approx(wanted, rel=1e-9)
    assert (row["threshold"], row["status"]) == (0.1, "breached")
    assert ("x", "jensen_shannon_distance") not in rows


def test_a_part_of_a_run_has_the_same_reference(project: Path):
    first = _reference_id(project)
    found = driftline.run(project, at="2026-01-01", select="feature:plan")
    assert {row["reference_id"] for row in found.metrics if row["feature"] == "plan"} == {first}


def test_a_second_window_has_the_same_reference(project: Path):
    first = _reference_id(project)
    scored = project.parent / "scored.parquet"
    pq.write_table(pq.read_table(scored).slice(100, 77), scored)
    assert _reference_id(project) == first


def test_other_conventions_or_other_rows_are_another_reference(project: Path):
    first = _reference_id(project)
    training = project.parent / "training.parquet"
    pq.write_table(pq.read_table(training).slice(1), training)
    assert _reference_id(project) != first
    text = project.read_text().replace("conventions: azure", "conventions: driftline")
    project.write_text(text)
    assert _reference_id(project) != first


def test_a_metrics_definition_is_shown_with_azures():
    for name, other in (("psi", True), ("js", False)):
        shown = CliRunner().invoke(app, ["metrics", name]).stdout
        assert ("under conventions: azure" in shown) == other
