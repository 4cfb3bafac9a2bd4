"""From tables to result rows: the numbers are those of the definitions, whatever way they take."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import oracles
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hard_columns import hard_columns
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import feather
from strategies import Pair, columns
from support import PATHS, Scores, close, monitor, run, score, signals, table

from driftline.engine.catalog import METRICS
from driftline.engine.errors import DriftlineError
from driftline.engine.features import Watched
from driftline.engine.numbers import Numbers
from driftline.engine.project import (
    BinRule,
    FeatureSettings,
    Production,
    Reference,
    Source,
)
from driftline.engine.render import metric_sql
from driftline.engine.workbench import Workbench

Row = dict[str, Any]

# (relative, absolute) by metric; the others are quotients and short sums: 1e-9, of numbers above 1e-12.
TOLERANCES = {
    # the oracle is SciPy's textbook form, which loses up to 1e-8 of a small distance
    "jensen_shannon_distance": (1e-8, 1e-14),
    # on the grid the moments are sums of whole numbers of 61 bits: the error is absolute
    "normalized_wasserstein_distance": (1e-9, 1e-9),
    # differences of two quotients of whole numbers
    "kolmogorov_smirnov_distance": (0.0, 1e-12),
    "two_sample_kolmogorov_smirnov_test": (1e-9, 1e-300),
    "pearsons_chi_squared_test": (1e-9, 1e-300),
    # quotients of the same whole numbers
    "null_value_rate": (0.0, 0.0),
    "data_type_error_rate": (0.0, 0.0),
    "out_of_bounds_rate": (0.0, 0.0),
    "new_category_rate": (0.0, 0.0),
}


def disagreements(found: Scores, name: str, wanted: Mapping[str, float | None]) -> list[tuple]:
    """Metrics of a feature that are not what the definitions say."""
    return [
        (name, metric, found[name, metric]["value"], value)
        for metric, value in wanted.items()
        if not close(
            found[name, metric]["value"],
            value,
            relative=TOLERANCES.get(metric, (1e-9, 1e-12))[0],
            absolute=TOLERANCES.get(metric, (1e-9, 1e-12))[1],
        )
    ]


def numbers(values: list) -> pa.Array:
    """Whole numbers where all are, else doubles."""
    filled = [x for x in values if x is not None]
    whole = filled and all(isinstance(x, int) for x in filled)
    return pa.array(values, pa.int64() if whole else pa.float64())


@cache
def hard_tables() -> tuple[pa.Table, pa.Table]:
    pairs = hard_columns(400)
    return tuple(
        table({name: numbers(list(pair[side])) for name, pair in pairs.items()}) for side in (0, 1)
    )


@cache
def hard_scores(path: str) -> Scores:
    return score(*hard_tables(), path=path, types=dict.fromkeys(hard_columns(400), "numerical"))


# The numbers are those of the definitions


@pytest.mark.parametrize("path", [*PATHS, "there"])
def test_hard_number_columns_are_measured_as_defined(path: str):
    reference, production = hard_tables()
    wrong = []
    for name in reference.column_names:
        sides = reference[name].to_pylist(), production[name].to_pylist()
        wrong += disagreements(hard_scores(path), name, oracles.numerical(*sides))
    assert wrong == []


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(
    pairs=columns(),
    path=st.sampled_from([*PATHS, "there"]),
    count=st.sampled_from([10, 2, 3, 25]),
)
def test_any_columns_are_measured_as_defined(pairs: list[Pair], path: str, count: int):
    names = [f"column {number}" for number in range(len(pairs))]
    sides = (
        {
            name: pa.array(getattr(pair, side), pa.string() if pair.is_text else pa.float64())
            for name, pair in zip(names, pairs, strict=True)
        }
        for side in ("reference", "production")
    )
    types = {
        n: "categorical" if p.is_text else "numerical" for n, p in zip(names, pairs, strict=True)
    }
    found = score(*sides, path=path, types=types, bins=BinRule(count=count))
    wrong = []
    for name, pair in zip(names, pairs, strict=True):
        wanted = (
            oracles.categorical(pair.reference, pair.production)
            if pair.is_text
            else oracles.numerical(pair.reference, pair.production, count=count)
        )
        wrong += disagreements(found, name, wanted)
    assert wrong == []


def test_a_table_of_the_size_that_takes_the_grid_is_measured_as_defined():
    rng = np.random.default_rng(1)
    n, m = 30_000, 21_000
    sides = [
        {
            "normal": rng.normal(moved, 1, size),
            "heavy": rng.lognormal(moved, 2.5, size),
            "tied": rng.poisson(9 + moved, size) / 4,
            "far": 1e12 + 1e6 * rng.normal(moved, 1, size),
            "wide": rng.integers(-(10**9), 10**9, size),
            "narrow": rng.poisson(300 + 9 * moved, size),
        }
        for size, moved in ((n, 0), (m, 0.1))
    ]
    found = score(*({name: values.tolist() for name, values in side.items()} for side in sides))
    assert {row["step"] for row in found.run.statements} >= {"sample", "histogram"}
    wrong = []
    for name in sides[0]:
        wanted = oracles.numerical(sides[0][name].tolist(), sides[1][name].tolist())
        wrong += disagreements(found, name, wanted)
    assert wrong == []


def test_the_coarse_path_leaves_fine_bins_that_hold_several_values():
    # otherwise the comparisons above would say nothing about bins
    left: dict[int, int] = {}

    def note(numbers: Numbers, items: Sequence[Watched], *given: Any, **more: Any) -> None:
        for item in items:
            sides = numbers.sides[item.id].values()
            left[item.id] = sum(int(side.cells().several.sum()) for side in sides)
        summarise(numbers, items, *given, **more)

    summarise = Numbers.summarise
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Numbers, "summarise", note)
        score(*hard_tables(), path="coarse", metrics=["kolmogorov_smirnov_distance"])
    assert sum(bins > 0 for bins in left.values()) >= 10


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("rule", "bins"),
    [
        (BinRule("equal_width", 7), lambda finite: oracles.equal_width_bins(finite, 7)),
        (
            BinRule("edges", edges=(-1.0, -0.25, 0.0, 2.0)),
            lambda _: oracles.given_bins((-1.0, -0.25, 0.0, 2.0)),
        ),
    ],
    ids=["equal width", "given edges"],
)
def test_other_bins_are_decided_as_defined(rule: BinRule, bins: Callable, path: str):
    pairs = {name: hard_columns(200)[name] for name in ("normal", "ties", "infinities", "constant")}
    found = score(
        *({name: pair[side] for name, pair in pairs.items()} for side in (0, 1)),
        path=path,
        bins=rule,
        types=dict.fromkeys(pairs, "numerical"),
    )
    wrong = []
    for name, pair in pairs.items():
        decided = bins(oracles.numbers(pair[0]).finite)
        wrong += disagreements(found, name, oracles.numerical(*pair, bins=decided))
    assert wrong == []


@pytest.mark.parametrize("path", PATHS)
def test_the_bins_of_a_side_sum_to_its_rows_with_a_value(path: str):
    found = hard_scores(path)
    for name in hard_tables()[0].column_names:
        rows = found.histogram(name)
        for column, side in (("n_reference", 0), ("n_production", 1)):
            counted = len(oracles.numbers(hard_tables()[side][name].to_pylist()).counted)
            assert sum(row[column] for row in rows) == counted


def test_continuous_bins_hold_equal_shares_of_the_reference():
    # |share - 1/10| <= max(0.001, 1/n)
    values = np.random.default_rng(2).normal(size=997).tolist()
    rows = score({"x": values}, {"x": values}).histogram("x")
    assert len(rows) == 10
    assert all(abs(row["share_reference"] - 0.1) <= max(0.001, 1 / 997) for row in rows)


def test_a_bin_adds_to_the_stability_index_what_its_row_says():
    pair = Pair(tuple("aaabbc"), ("a", "b", "d", "d", "e", None), is_text=True)
    sides = {"x": pair.reference, "y": [1.5, 2.5, 2.5]}, {"x": pair.production, "y": [9.5, 1.5]}
    found = score(*sides)
    for name in ("x", "y"):
        added = sum(row["psi_contribution"] for row in found.histogram(name))
        # the same few terms, added in another order
        assert added == pytest.approx(found[name, "population_stability_index"]["value"], rel=1e-12)


# Categories


@pytest.mark.parametrize("most", [1000, 30, 1])
def test_thousands_of_categories_are_measured_as_defined(most: int):
    rng = np.random.default_rng(3)
    shares = 1 / np.arange(1, 5001)
    a, b = (
        [f"c{k}" for k in rng.choice(5000, 6000, p=shares / shares.sum()) + shift]
        for shift in (0, 40)
    )
    found = score({"x": a}, {"x": b}, types={"x": "categorical"}, max_categories=most)
    assert disagreements(found, "x", oracles.categorical(a, b, most=most)) == []
    kinds = [row["kind"] for row in found.histogram("x")]
    assert (kinds.count("category"), kinds.count("other")) == (most, 1)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("most", [1000, 3])
def test_whole_numbers_told_as_categories_are_measured_as_defined(most: int, path: str):
    rng = np.random.default_rng(4)
    a, b = rng.poisson(3, 400).tolist(), rng.poisson(4, 300).tolist()
    found = score({"x": a}, {"x": b}, path=path, max_categories=most)
    assert disagreements(found, "x", oracles.categorical(a, b, most=most)) == []


def test_labels_that_look_like_sql_nulls_or_nothing_are_labels():
    labels = [
        "",
        " ",
        "NULL",
        "null",
        "nan",
        "__all__",
        "it's",
        '"; drop table x; --',
        "a,b",
        "[a]",
    ]
    labels += ["{{ x }}", "%s", "$1", "\\", "line\nbreak", "tab\t", "é", "e\u0301", "日本", "🙂"]
    found = score({"x": labels}, {"x": [*labels[1:], "other"]})
    assert {row["label"] for row in found.histogram("x")} == {*labels, "other"}
    wanted = oracles.categorical(labels, [*labels[1:], "other"])
    assert disagreements(found, "x", wanted) == []


# Names

NAMES = [
    "select",
    "from",
    "order",
    "feature",
    "n",
    "x",
    '"; drop table x; --',
    "it's",
    'say "hi"',
    "a.b",
    "a,b",
    "[a]",
    "{{ x }}",
    "{x}",
    "*",
    "%s",
    "$1 ?",
    "line\nbreak",
    "/* c */ --",
    "né",
    "日本",
    "🙂",
    " ",
    "production",
    "driftline_scan_0",
    "x" * 300,
]


@pytest.mark.parametrize("path", PATHS)
def test_a_name_may_hold_anything(path: str):
    a, b = ([float(k) for k in range(n)] for n in (50, 40))
    found = score(dict.fromkeys(NAMES, a), dict.fromkeys(NAMES, b), path=path)
    wanted = oracles.numerical(a, b)
    assert [line for name in NAMES for line in disagreements(found, name, wanted)] == []


def test_text_columns_may_be_named_anything_too():
    a, b = ["a", "b"] * 20, ["a", "c"] * 20
    found = score(dict.fromkeys(NAMES, a), dict.fromkeys(NAMES, b))
    wanted = oracles.categorical(a, b)
    assert [line for name in NAMES for line in disagreements(found, name, wanted)] == []


def test_columns_that_differ_in_case_match():
    found = score({"Age": [1.5, 2.5], "plan": ["a"]}, {"AGE": [1.5, 9.5], "Plan": ["b"]})
    assert found["Age", "out_of_bounds_rate"]["value"] == 0.5
    assert found["plan", "new_category_rate"]["value"] == 1


# Types

STORED = {
    "float32": lambda x: pa.array(x, pa.float32()),
    "decimal": lambda x: pa.array([Decimal(v) for v in x], pa.decimal128(12, 3)),
    "int8": lambda x: pa.array([int(v) % 100 for v in x], pa.int8()),
    "uint64": lambda x: pa.array([int(v) for v in x], pa.uint64()),
    "dictionary": lambda x: pa.array([f"c{int(v) % 7}" for v in x]).dictionary_encode(),
    "large text": lambda x: pa.array([f"c{int(v) % 7}" for v in x], pa.large_string()),
    "boolean": lambda x: pa.array([int(v) % 3 == 0 for v in x]),
}


@pytest.mark.parametrize("path", PATHS)
def test_every_type_that_holds_numbers_or_categories_is_measured_as_defined(path: str):
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 400, 300) / 4, rng.integers(20, 420, 200) / 4
    sides = [{name: make(x.tolist()) for name, make in STORED.items()} for x in (a, b)]
    found = score(*sides, path=path)
    wrong = []
    for name in STORED:
        values = [side[name].to_pylist() for side in sides]
        if found.feature(name)["feature_type"] == "categorical":
            values = [[str(v).lower() if isinstance(v, bool) else v for v in x] for x in values]
            wrong += disagreements(found, name, oracles.categorical(*values))
        else:
            wrong += disagreements(found, name, oracles.numerical(*values))
    assert wrong == []


@pytest.mark.parametrize("path", PATHS)
def test_floats_against_whole_numbers_are_compared_by_value(path: str):
    rng = np.random.default_rng(6)
    a, b = rng.poisson(40, 300).tolist(), (rng.poisson(40, 200) + 0.5).tolist()
    found = score({"x": a}, {"x": b}, path=path)
    assert disagreements(found, "x", oracles.numerical(a, b)) == []


@pytest.mark.parametrize("path", PATHS)
def test_floats_against_few_whole_numbers_are_categories_by_value(path: str):
    wild = [1.0, 2.0, 2.5, 1e300, -1e300, math.inf, -math.inf, math.nan]
    found = score({"x": [1, 2, 3] * 5}, {"x": wild}, path=path)
    labels = {row["label"]: row["n_production"] for row in found.histogram("x")}
    assert labels == {"1": 1, "2": 1, "3": 0, "2.5": 1} | dict.fromkeys(
        ("1e+300", "-1e+300", "inf", "-inf"), 1
    )
    assert found["x", "null_value_rate"]["value"] == 1 / 8


@pytest.mark.parametrize("path", PATHS)
def test_text_where_numbers_are_expected_is_measured_by_what_casts(path: str):
    rng = np.random.default_rng(7)
    a = rng.normal(size=300).tolist()
    b = [repr(x) for x in rng.normal(0.3, 1, 200).tolist()] + ["n/a", "", " 2.5 ", "1e400", None]
    found = score({"x": a}, {"x": pa.array(b)}, path=path)
    assert disagreements(found, "x", oracles.numerical(a, b)) == []


@pytest.mark.parametrize("path", PATHS)
def test_whole_numbers_beyond_two_to_the_53_are_measured_without_harm(path: str):
    values = {
        "x": [2**60 + k for k in range(300)],
        "y": [-(2**62) + 10**15 * k for k in range(300)],
    }
    found = score(values, values, path=path)
    assert {row["status"] for row in found.run.metrics} == {"ok"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1e300, 1.7e308])
def test_numbers_at_the_ends_of_their_range_never_stop_a_run(scale: float, path: str):
    x = np.linspace(-1, 1, 50)
    found = score({"x": (x * scale).tolist()}, {"x": (x**3 * scale).tolist()}, path=path)
    assert found["x", "kolmogorov_smirnov_distance"]["value"] is not None
    assert {row["status"] for row in found.run.metrics} <= {"ok", "not_computable"}


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (pa.array([b"a"]), "BLOB columns have neither numbers nor categories"),
        (pa.array([[1, 2]]), "BIGINT[] columns have neither numbers nor categories"),
        (pa.array([{"a": 1}]), "STRUCT(a BIGINT) columns have neither numbers nor categories"),
        (pa.array([date(2026, 1, 1)]), "DATE columns drift with the calendar"),
        (pa.array([datetime(2026, 1, 1)]), "TIMESTAMP columns drift with the calendar"),
    ],
    ids=["binary", "list", "struct", "date", "timestamp"],
)
def test_columns_without_numbers_or_categories_are_left_out_and_say_why(
    column: pa.Array, reason: str
):
    found = score({"x": column}, {"x": column})
    assert found.feature("x")["included"] is False
    assert found.feature("x")["reason"].startswith(reason)
    assert {m for f, m in found.by_key if f == "x"} == {"null_value_rate", "data_type_error_rate"}


@pytest.mark.parametrize("path", PATHS)
def test_moments_are_numbers_of_seconds_where_settings_say_so(path: str):
    start = datetime(2026, 1, 1)
    sides = ([start + timedelta(hours=step * k) for k in range(60)] for step in (1, 2))
    found = score(*({"x": side} for side in sides), path=path, types={"x": "numerical"})
    seconds = [[start.timestamp() + 3600.0 * step * k for k in range(60)] for step in (1, 2)]
    # a shift of all moments by the zone's offset changes no distance
    for metric in ("kolmogorov_smirnov_distance", "normalized_wasserstein_distance"):
        wanted = oracles.numerical(*seconds)[metric]
        assert found["x", metric]["value"] == pytest.approx(wanted, rel=1e-9)


# Sides of unusual sizes


@pytest.mark.parametrize("path", PATHS)
def test_one_row_on_each_side_is_measured(path: str):
    found = score({"x": [1.5], "y": ["a"]}, {"x": [2.5], "y": ["b"]}, path=path)
    assert disagreements(found, "x", oracles.numerical([1.5], [2.5])) == []
    assert disagreements(found, "y", oracles.categorical(["a"], ["b"])) == []


@pytest.mark.parametrize("path", PATHS)
def test_an_empty_window_is_told_once_and_stops_nothing(path: str):
    empty = {"x": pa.array([], pa.float64()), "y": pa.array([], pa.string())}
    found = score({"x": [1.5], "y": ["a"]}, empty, path=path)
    assert found["__all__", "row_count"]["status"] == "breached"
    rest = {row["status"] for row in found.run.metrics if row["feature"] != "__all__"}
    assert rest == {"insufficient_data"}


@pytest.mark.parametrize("path", PATHS)
def test_an_empty_reference_stops_nothing(path: str):
    empty = {"x": pa.array([], pa.float64()), "y": pa.array([], pa.string())}
    found = score(empty, {"x": [1.5], "y": ["a"]}, path=path)
    assert found["__all__", "row_count"]["value"] == 1
    rest = {row["status"] for row in found.run.metrics if row["feature"] != "__all__"}
    assert rest <= {"not_computable", "ok"}
    assert found["x", "jensen_shannon_distance"]["status"] == "not_computable"


# A second reference that is made differently


def second_reference(second: dict[str, list | pa.Array], path: str) -> list[Row]:
    frames = {
        "reference": table({"x": [1.5, 2.5, 3.5], "y": ["a", "b", "b"]}),
        "second": table(second),
        "production": table({"x": [2.5, 3.5, 4.5], "y": ["b", "b", "c"]}),
    }
    watched = monitor(
        references=tuple(
            Reference(name, Source(name, table=(name,))) for name in ("reference", "second")
        ),
        signals=(*signals(), *(replace(s, name=f"{s.name}_2") for s in signals(None, "second"))),
    )
    found = run(watched, frames, path=path)
    assert found.error is None, found.error
    return [row for row in found.metrics if row["reference"] == "second"]


@pytest.mark.parametrize("path", PATHS)
def test_a_column_that_only_a_second_reference_lacks_is_a_row_without_a_value(path: str):
    rows = {
        (row["feature"], row["metric"]): row for row in second_reference({"x": [1.5, 2.5]}, path)
    }
    wanted = oracles.numerical([1.5, 2.5], [2.5, 3.5, 4.5])["kolmogorov_smirnov_distance"]
    assert rows["x", "kolmogorov_smirnov_distance"]["value"] == pytest.approx(wanted, abs=1e-12)
    assert rows["y", "total_variation_distance"]["value"] is None


@pytest.mark.parametrize("path", PATHS)
def test_a_second_reference_of_other_types_is_compared_by_value(path: str):
    other = {"x": pa.array(["1.5", "2.5", "n/a"]), "y": pa.array([1, 2, 3])}
    rows = {(row["feature"], row["metric"]): row for row in second_reference(other, path)}
    distance = rows["x", "kolmogorov_smirnov_distance"]
    wanted = oracles.numerical([1.5, 2.5], [2.5, 3.5, 4.5])["kolmogorov_smirnov_distance"]
    assert distance["value"] == pytest.approx(wanted, abs=1e-12)
    assert distance["n_reference"] == 2
    # none of the second reference's values is one of the first's: all of them are new
    assert rows["y", "total_variation_distance"]["value"] == pytest.approx(2 / 3, rel=1e-12)


# The same data stored, ordered or read differently

STORES = 7


@cache
def plain_columns() -> tuple[dict[str, list], dict[str, list]]:
    """Columns that every file format can hold."""
    rng = np.random.default_rng(8)
    sides = []
    for rows, moved in ((700, 0), (500, 0.2)):
        labels = rng.choice(["a", "b", "c c", "it's", "é"], rows)
        values: dict[str, list] = {
            "normal": rng.normal(moved, 1, rows).tolist(),
            "heavy": rng.lognormal(moved, 2.5, rows).tolist(),
            "tied": (rng.poisson(3 + moved, rows) + 0.5).tolist(),
            "whole": rng.integers(0, 10**6, rows).tolist(),
            "few": rng.poisson(3 + moved, rows).tolist(),
            "label": labels.tolist(),
            "flag": (rng.random(rows) < 0.4 + moved).tolist(),
        }
        for name in ("normal", "whole", "label", "flag"):
            for at in range(3, rows, 17):
                values[name][at] = None
        sides.append(values)
    return sides[0], sides[1]


def values_of(found: Scores) -> dict[tuple[str, str], float | None]:
    return {key: row["value"] for key, row in found.by_key.items()}


@cache
def plain_values(path: str) -> dict[tuple[str, str], float | None]:
    return values_of(score(*plain_columns(), path=path))


def same(found: Scores, path: str) -> bool:
    """Whether values are those of the plain run: bit for bit, to 1e-12 where a sample placed the grid."""
    wanted, values = plain_values(path), values_of(found)
    tolerance = 0.0 if path == "small" else 1e-12
    return wanted.keys() == values.keys() and all(
        close(values[key], wanted[key], relative=tolerance, absolute=tolerance) for key in wanted
    )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_rows_changes_nothing(seed: int, path: str):
    rng = np.random.default_rng(seed)
    sides = []
    for side in plain_columns():
        order = rng.permutation(len(side["normal"]))
        sides.append({name: [values[k] for k in order] for name, values in side.items()})
    assert same(score(*sides, path=path), path)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_changes_nothing(threads: int, path: str):
    options = {"settings": {"threads": threads}}
    assert same(score(*plain_columns(), path=path, options=options), path)


def of_files(patterns: Mapping[str, str], path: str, **given: object) -> Scores:
    sources = {side: Source(pattern, files=(pattern,)) for side, pattern in patterns.items()}
    watched = monitor(
        production=Production(sources["production"]),
        references=(Reference("reference", sources["reference"]),),
        **given,
    )
    found = run(watched, {}, path=path)
    assert found.error is None, found.error
    return Scores(found)


def write_csv(columns: Mapping[str, list], path: Path) -> None:
    def field(value: object) -> object:
        return str(value).lower() if isinstance(value, bool) else value

    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(map(field, row) for row in zip(*columns.values(), strict=True))


def write_jsonl(columns: Mapping[str, list], path: Path) -> None:
    rows = zip(*columns.values(), strict=True)
    lines = (json.dumps(dict(zip(columns, row, strict=True))) for row in rows)
    path.write_text("\n".join(lines) + "\n", "utf-8")


WRITERS: dict[str, Callable[[Mapping[str, list], Path], None]] = {
    "parquet": lambda columns, path: pq.write_table(pa.table(dict(columns)), path),
    "arrow": lambda columns, path: feather.write_feather(pa.table(dict(columns)), path),
    "csv": write_csv,
    "jsonl": write_jsonl,
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", WRITERS)
def test_the_kind_of_file_changes_nothing(kind: str, path: str, tmp_path: Path):
    patterns = {}
    for side, values in zip(("reference", "production"), plain_columns(), strict=True):
        patterns[side] = str(tmp_path / f"{side}.{kind}")
        WRITERS[kind](values, Path(patterns[side]))
    assert same(of_files(patterns, path), path)


def test_statistics_in_the_footers_of_files_never_change_a_number(tmp_path: Path):
    # footers leave out NaN, and cover rows that a filter leaves out
    patterns = {}
    for side, rows in zip(("reference", "production"), hard_tables(), strict=True):
        patterns[side] = str(tmp_path / f"{side}.parquet")
        pq.write_table(rows, patterns[side], row_group_size=101)
    types = {name: FeatureSettings(type="numerical") for name in hard_tables()[0].column_names}
    found = of_files(patterns, "coarse", settings=types)
    assert values_of(found) == values_of(hard_scores("coarse"))


@pytest.mark.parametrize("path", PATHS)
def test_the_number_of_files_changes_nothing(path: str, tmp_path: Path):
    patterns = {}
    for side, values in zip(("reference", "production"), plain_columns(), strict=True):
        patterns[side] = str(tmp_path / f"{side}-*.parquet")
        rows = len(values["normal"])
        cuts = [rows * part // STORES for part in range(STORES + 1)]
        for part in range(STORES):
            cut = slice(cuts[part], cuts[part + 1])
            piece = pa.table({name: column[cut] for name, column in values.items()})
            pq.write_table(piece, tmp_path / f"{side}-{part}.parquet")
    assert same(of_files(patterns, path), path)


@pytest.mark.parametrize("path", PATHS)
def test_a_second_run_gives_the_same_tables_but_ids_and_times(path: str):
    def rows(found: Scores) -> dict[str, list[Row]]:
        return {
            name: [
                {key: row[key] for key in row if key not in ("run_id", "computed_at")}
                for row in getattr(found.run, name)
            ]
            for name in ("metrics", "histograms", "profiles", "features")
        }

    first, second = (rows(score(*plain_columns(), path=path)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    "metric", [name for name, metric in METRICS.items() if "bins" in metric.header.reads]
)
def test_sums_over_many_bins_are_the_same_from_run_to_run(metric: str):
    # so many bins that DuckDB adds them on several threads
    rng = np.random.default_rng(9)
    comparisons, bins = 60, 9_000
    counts = rng.integers(1, 900, (2, comparisons, bins)).astype(float)
    p, q = counts / counts.sum(axis=2, keepdims=True)
    bench = Workbench()
    bench.land(
        "bins",
        pa.table(
            {
                "comparison": np.repeat(np.arange(comparisons), bins),
                "bin": np.tile(np.arange(bins), comparisons),
                "n_reference": counts[0].ravel(),
                "n_production": counts[1].ravel(),
                "p": p.ravel(),
                "q": q.ravel(),
            }
        ),
    )
    query = f"select * from ({metric_sql(METRICS[metric])}) order by comparison"
    first = bench.rows(query)
    again = [bench.rows(query) for _ in range(4)]
    bench.close()
    assert all(rows == first for rows in again)


# Statements


@pytest.mark.parametrize("path", PATHS)
def test_the_number_of_statements_does_not_depend_on_the_number_of_features(path: str):
    sent = []
    for copies in (1, 4):
        sides = (
            {f"{name} {k}": values for k in range(copies) for name, values in side.items()}
            for side in plain_columns()
        )
        sent.append(len(score(*sides, path=path).run.statements))
    assert sent[0] == sent[1]


def test_small_tables_take_three_statements():
    found = score(*plain_columns())
    assert [row["step"] for row in found.run.statements] == ["profile", "categories", "ties"]


def test_a_window_takes_no_more_statements_than_a_whole_table():
    start = datetime(2025, 12, 1)
    frames = {
        name: table({**side, "at": [start + timedelta(minutes=k) for k in range(len(side["few"]))]})
        for name, side in zip(("reference", "production"), plain_columns(), strict=True)
    }
    cut = Production(Source("production", table=("production",)), timestamp="at")
    whole, windowed = run(monitor(), frames), run(monitor(production=cut), frames)
    assert len(windowed.statements) == len(whole.statements)


# One bad column

BAD = ("bad_float", "bad_int", "bad_text", "bad_date", "bad_bool")


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A database whose views fail in one row of five columns; each has a sound twin."""
    path = tmp_path / "broken.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "create table rows_ as select i, (i * 919 % 1000) / 10 + 0.25 as float_,"
            " i % 7 as int_, 'k' || (i % 5) as text_, i % 3 = 0 as bool_,"
            " date '2026-01-01' + (i % 30)::int as date_ from range(300) as r(i)"
        )
        columns = ", ".join(
            f"{kind}_, case when i = 77 then error('broken')::{stored} else {kind}_ end as bad_{kind}"
            for kind, stored in (
                ("float", "double"),
                ("int", "bigint"),
                ("text", "varchar"),
                ("date", "date"),
                ("bool", "boolean"),
            )
        )
        connection.execute(f"create view production as select {columns} from rows_")
        sound = columns.replace("i = 77", "i < 0")
        connection.execute(f"create view reference as select {sound} from rows_")
    return path


@pytest.mark.parametrize("path", PATHS)
def test_a_column_that_fails_is_an_error_row_and_stops_no_other(path: str, broken: Path):
    found = run(monitor(), {}, path=path, options={"database": str(broken)})
    assert found.error is None
    for row in found.metrics:
        if row["feature"] in BAD:
            assert row["status"] == "error"
            assert "broken" in row["reason"]
            assert row["value"] is None
        else:
            assert row["status"] == "ok", row["feature"]
    assert {row["feature"] for row in found.metrics} >= set(BAD)


@pytest.mark.parametrize("path", PATHS)
def test_the_sound_twins_of_failed_columns_have_the_values_they_have_alone(path: str, broken: Path):
    twins = ("float_", "int_", "text_", "bool_")
    with duckdb.connect(str(broken), read_only=True) as connection:
        rows = connection.sql(f"select {', '.join(twins)} from rows_").to_arrow_table()
    alone = values_of(score(rows, rows, path=path))
    found = Scores(run(monitor(), {}, path=path, options={"database": str(broken)}))
    assert {key: found[key]["value"] for key in alone} == alone


def test_a_run_with_failed_columns_is_partial_and_exits_with_4(broken: Path):
    found = run(monitor(), {}, options={"database": str(broken)})
    assert found.run["status"] == "partial"
    assert found.exit_code("breached") == 4


def test_a_failed_column_is_looked_for_in_halves(tmp_path: Path):
    path = tmp_path / "wide.duckdb"
    with duckdb.connect(str(path)) as connection:
        columns = ", ".join(f"i + {k} + 0.5 as c{k}" for k in range(31))
        for side in ("reference", "production"):
            connection.execute(
                f"create view {side} as select {columns},"
                " case when i = 7 then error('broken')::double else i end as bad"
                " from range(50) as r(i)"
            )
    found = run(monitor(["chebyshev_distance"]), {}, options={"database": str(path)})
    assert [row["feature"] for row in found.metrics if row["status"] == "error"] == ["bad"]
    # the profile, all 32 columns, and two halves on each of the five ways down
    assert len(found.statements) == 2 + 2 * 5


def test_a_column_that_cannot_be_copied_fails_alone(broken: Path, monkeypatch: pytest.MonkeyPatch):
    before = run(monitor(["chebyshev_distance"]), {}, options={"database": str(broken)})
    monkeypatch.setattr("driftline.engine.execute.WIDE", 1)
    found = run(monitor(["chebyshev_distance"]), {}, options={"database": str(broken)})
    assert any(row["error"] for row in found.statements if row["step"] == "copied")
    told = [
        [(row["feature"], row["metric"], row["status"], row["value"]) for row in each.metrics]
        for each in (before, found)
    ]
    assert told[0] == told[1]


def test_a_source_that_cannot_be_read_at_all_stops_the_monitor_with_its_name():
    found = run(monitor(), {"reference": table({"x": [1.5]})})
    assert isinstance(found.error, DriftlineError)
    assert "production" in found.error.message
