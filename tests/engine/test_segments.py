"""Segments: the same measures of parts of the rows, told apart by columns or by a condition."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from strategies import searched
from support import PATHS, Row, Scores, monitor, printed, run, score, signals, table

import driftline
from driftline.engine.errors import DriftlineError
from driftline.engine.project import (
    BinRule,
    FeatureSelection,
    FeatureSettings,
    Join,
    Segmentation,
    Source,
)
from driftline.engine.terminal import summary

ALL = "__all__"
ORIGIN = Segmentation(("origin",))
FAR = Segmentation(name="far", where="distance > 1500")
METRICS = (
    *("normalized_wasserstein_distance", "kolmogorov_smirnov_distance"),
    *("jensen_shannon_distance", "null_value_rate", "out_of_bounds_rate"),
)


def flights(rows: int, seed: int, moved: float = 0.0) -> dict[str, pa.Array]:
    rng = np.random.default_rng(seed)
    origin = rng.choice(
        np.array(["JFK", "LGA", "EWR", None], object), rows, p=[0.5, 0.3, 0.15, 0.05]
    )
    at_ewr = np.array([name == "EWR" for name in origin])
    delay = np.round(rng.standard_t(3, rows) * 20, 1) + moved * at_ewr
    return {
        "origin": pa.array(origin, pa.string()),
        "carrier": pa.array(rng.choice(["UA", "AA"], rows)),
        "distance": pa.array(rng.integers(100, 3000, rows).astype(float)),
        "delay": pa.array(delay, mask=rng.random(rows) < 0.05 + 0.2 * at_ewr * bool(moved)),
        "craft": pa.array(rng.choice(["A320", "B738", "E190"], rows)),
    }


def told(columns: Mapping[str, pa.Array], segment: str) -> np.ndarray:
    """The rows of a segment, by its name alone."""
    rows = len(next(iter(columns.values())))
    if segment == ALL:
        return np.ones(rows, bool)
    if segment == "far":
        return columns["distance"].to_numpy() > 1500
    chosen = np.ones(rows, bool)
    for part in segment.split(", "):
        name, value = part.split("=")
        wanted = None if value == "__null__" else value
        chosen &= np.array([each == wanted for each in columns[name].to_pylist()])
    return chosen


def by_segment(found: Scores, metric: str, feature: str) -> dict[str, Row]:
    rows = [r for r in found.run.metrics if (r["metric"], r["feature"]) == (metric, feature)]
    assert len({row["segment"] for row in rows}) == len(rows)
    return {row["segment"]: row for row in rows}


def names(found: Scores) -> list[str]:
    return list(dict.fromkeys(row["segment"] for row in found.run.metrics))


def shares(columns: Mapping[str, pa.Array], chosen: np.ndarray, edges: np.ndarray) -> np.ndarray:
    values = columns["delay"].to_numpy(zero_copy_only=False)[chosen]
    values = values[~np.isnan(values)]
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)


@pytest.mark.parametrize("path", PATHS)
def test_a_segments_measures_are_those_of_its_own_rows_in_the_bins_of_the_whole(path: str):
    reference, production = flights(700, 1), flights(900, 2, 30.0)
    found = score(
        reference,
        production,
        metrics=METRICS,
        path=path,
        segments=(ORIGIN, FAR, Segmentation(("origin", "carrier"))),
    )
    distances = by_segment(found, "normalized_wasserstein_distance", "delay")
    assert [*distances][:6] == [
        ALL,
        "origin=JFK",
        "origin=LGA",
        "origin=EWR",
        "origin=__null__",
        "far",
    ]
    assert len(distances) == 14
    edges = np.array(
        [row["lower_bound"] for row in found.histogram("delay") if row["segment"] == ALL][1:]
    )
    for segment, row in distances.items():
        sides = [(side, told(side, segment)) for side in (reference, production)]
        (r, p) = (side["delay"].to_numpy(zero_copy_only=False)[chosen] for side, chosen in sides)
        clean_r, clean_p = r[~np.isnan(r)], p[~np.isnan(p)]
        assert (row["n_reference"], row["n_production"]) == (len(clean_r), len(clean_p))
        wanted = stats.wasserstein_distance(clean_r, clean_p) / clean_r.std(ddof=1)
        assert row["value"] == pytest.approx(wanted, rel=1e-9)
        widest = by_segment(found, "kolmogorov_smirnov_distance", "delay")[segment]["value"]
        assert widest == pytest.approx(stats.ks_2samp(clean_r, clean_p).statistic, abs=1e-12)
        nulls = by_segment(found, "null_value_rate", "delay")[segment]
        assert nulls["value"] == pytest.approx(np.isnan(p).mean(), abs=1e-12)
        assert nulls["reference_value"] == pytest.approx(np.isnan(r).mean(), abs=1e-12)
        beyond = by_segment(found, "out_of_bounds_rate", "delay")[segment]["value"]
        outside = (clean_p < clean_r.min()) | (clean_p > clean_r.max())
        assert beyond == pytest.approx(outside.sum() / len(p), abs=1e-12)
        counts = [shares(side, chosen, edges) for side, chosen in sides]
        bins = [row for row in found.histogram("delay") if row["segment"] == segment]
        assert [(b["n_reference"], b["n_production"]) for b in bins] == [*zip(*counts, strict=True)]
        p_, q_ = (each / each.sum() for each in counts)
        far = by_segment(found, "jensen_shannon_distance", "delay")[segment]["value"]
        kept = p_ + q_ > 0
        m = (p_ + q_)[kept] / 2
        entropy = [stats.entropy(each[kept], m, base=2) for each in (p_, q_)]
        assert far == pytest.approx(np.sqrt(sum(entropy) / 2), abs=1e-9)


def crowded(seed: int) -> dict[str, pa.Array]:
    """One large segment beside forty small ones."""
    names = ["large"] * 3_000 + [f"small {k % 40}" for k in range(2_400)]
    delay = np.random.default_rng(seed).normal(size=len(names))
    return {"origin": pa.array(names), "delay": pa.array(delay)}


def test_a_small_segment_is_counted_in_few_bins_whatever_stands_beside_it():
    found = score(crowded(1), crowded(2), metrics=METRICS, path="coarse", segments=(ORIGIN,))
    (fetched,) = (
        row["rows_returned"] for row in found.run.statements if row["step"] == "histogram"
    )
    # 5 400 rows in 1 023 bins, 3 000 in 511, 60 in 31; a row more for those without a number
    assert fetched <= 2 * (1_024 + 512 + 40 * 32)
    distances = by_segment(found, "normalized_wasserstein_distance", "delay")
    assert len(distances) == 42


def test_rows_that_are_told_apart_are_copied_once_a_side():
    found = score(crowded(1), crowded(2), metrics=METRICS, path="finer", segments=(ORIGIN,))
    steps = [row["step"] for row in found.run.statements]
    assert steps.count("copied") == 2
    reading = [row["sql"] for row in found.run.statements if row["step"] in ("histogram", "ties")]
    assert len(reading) > 1
    assert all("driftline_copied_" in sql and "driftline_key_" not in sql for sql in reading)


def test_profiles_and_histograms_are_those_of_each_segment():
    reference, production = flights(300, 1), flights(200, 2)
    found = score(reference, production, segments=(ORIGIN,))
    for side, columns in (("reference", reference), ("production", production)):
        for segment in names(found)[1:]:
            chosen = told(columns, segment)
            (row,) = (
                r
                for r in found.run.profiles
                if (r["segment"], r["side"], r["feature"]) == (segment, side, "distance")
            )
            values = columns["distance"].to_numpy()[chosen]
            assert row["row_count"] == len(values)
            assert row["mean"] == pytest.approx(values.mean())
            assert (row["minimum"], row["maximum"]) == (values.min(), values.max())


def test_the_largest_segments_are_kept_apart_and_the_rest_are_one():
    sizes = {"a": 4, "b": 9, "c": 6, "d": 6, "e": 1}
    production = [name for name, rows in sizes.items() for _ in range(rows)]
    reference = ["b"] * 5 + ["z"] * 7 + ["a"] * 2
    found = score(
        {"k": reference, "x": [1.0] * len(reference)},
        {"k": production, "x": [2.0] * len(production)},
        segments=(Segmentation(("k",)),),
        max_segments=3,
    )
    rows = by_segment(found, "null_value_rate", "x")
    counted = {name: (row["n_reference"], row["n_production"]) for name, row in rows.items()}
    # c before d, which has as many rows
    assert counted == {
        ALL: (14, 26), "k=b": (5, 9), "k=c": (0, 6), "k=d": (0, 6), "k=__other__": (9, 5),
    }  # fmt: skip


def test_values_of_the_reference_alone_are_segments_too_and_come_last():
    found = score(
        {"k": ["q", "p", "b"], "x": [1.0, 2.0, 3.0]},
        {"k": ["c", "b", "b"], "x": [1.0, 2.0, 3.0]},
        segments=(Segmentation(("k",)),),
    )
    assert names(found) == [ALL, "k=b", "k=c", "k=p", "k=q"]
    row = by_segment(found, "jensen_shannon_distance", "x")["k=p"]
    assert (row["value"], row["status"]) == (None, "not_computable")
    assert row["reason"] == "production has no values"


def test_every_segmentation_keeps_as_many_apart_by_itself():
    found = score(
        {"k": ["a", "b", "c"], "l": ["x", "y", "y"], "v": [1.0, 2.0, 3.0]},
        {"k": ["a", "b", "b"], "l": ["x", "y", "x"], "v": [1.0, 2.0, 3.0]},
        segments=(Segmentation(("k",)), Segmentation(("k", "l"))),
        max_segments=2,
    )
    assert names(found) == [
        *(ALL, "k=b", "k=a", "k=__other__"),
        *("k=a, l=x", "k=b, l=x", "k=__other__, l=__other__"),
    ]


def test_a_condition_takes_the_rows_for_which_it_is_true():
    found = score(
        {"x": [1.0, None, 3.0, 9.0], "y": [1, 2, 3, 4]},
        {"x": [5.0, None, 7.0, 2.0], "y": [1, 2, 3, 4]},
        segments=(Segmentation(name="large", where="x > 2 -- not so small"),),
    )
    row = by_segment(found, "null_value_rate", "y")["large"]
    assert (row["n_reference"], row["n_production"]) == (2, 2)


def test_the_filter_of_a_side_holds_in_its_segments():
    columns = {"k": ["a", "a", "b", "b"], "x": [1.0, 2.0, 3.0, 4.0]}
    watched = monitor(
        segments=(Segmentation(("k",)), Segmentation(name="any", where="true or false"))
    )
    production = replace(watched.production, filter="x < 4 or x is null")
    watched = replace(watched, production=production)
    found = Scores(run(watched, {"reference": table(columns), "production": table(columns)}))
    rows = by_segment(found, "null_value_rate", "x")
    assert {name: row["n_production"] for name, row in rows.items()} == {
        ALL: 3, "k=a": 2, "k=b": 1, "any": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([1, 2, None], ["k=1", "k=2", "k=__null__"]),
        ([True, False, None], ["k=__null__", "k=false", "k=true"]),
        ([1.5, float("nan"), -0.0], ["k=0", "k=1.5", "k=__null__"]),
        (
            [date(2026, 1, 2), None, date(2025, 1, 2)],
            ["k=2025-01-02", "k=2026-01-02", "k=__null__"],
        ),
        (["it's; --", 'o"r', "a=b, c=d"], ["k=a=b, c=d", "k=it's; --", 'k=o"r']),
    ],
)
def test_segments_are_called_by_the_texts_of_values(values: Sequence[object], wanted: list[str]):
    side = {"k": values, "x": [1.0, 2.0, 3.0]}
    found = score(side, side, segments=(Segmentation(("k",)),))
    assert sorted(names(found)) == sorted([ALL, *wanted])
    rows = by_segment(found, "null_value_rate", "x")
    assert {rows[name]["n_production"] for name in wanted} == {1}


def test_columns_of_any_name_tell_segments_apart():
    name = 'the "key"; --'
    side = {name: ["a", "b"], "driftline": [1.0, 2.0]}
    found = score(side, side, segments=(Segmentation((name,)),))
    assert names(found) == [ALL, f"{name}=a", f"{name}=b"]


def test_what_tells_segments_apart_is_no_feature_unless_it_is_listed():
    side = {"k": ["a", "b"], "x": [1.0, 2.0]}
    given = {"segments": (Segmentation(("k",)), Segmentation(name="large", where="x > 1"))}
    found = score(side, side, **given)
    assert {row["feature"] for row in found.run.metrics} == {ALL, "x"}
    assert found.feature("k")["reason"] == "a segment column"
    listed = FeatureSelection(named=("k",), include=())
    assert {r["feature"] for r in score(side, side, features=listed, **given).run.metrics} == {
        ALL,
        "k",
    }


def test_a_category_that_only_other_segments_had_is_not_new():
    found = score(
        {"k": ["a", "a", "b", "b"], "c": ["x", "x", "y", "y"]},
        {"k": ["a", "a", "b", "b"], "c": ["x", "y", "y", "z"]},
        segments=(Segmentation(("k",)),),
    )
    rates = by_segment(found, "new_category_rate", "c")
    assert {name: row["value"] for name, row in rates.items()} == {
        ALL: 0.25,
        "k=a": 0.0,
        "k=b": 0.5,
    }
    kinds = {
        (row["segment"], row["label"]): row["kind"] for row in found.histogram("c") if row["label"]
    }
    assert kinds["k=a", "y"] == "category"
    assert kinds["k=b", "z"] == "new"


def test_a_signals_own_segments_stand_for_the_monitors():
    side = {"k": ["a", "b"], "l": ["c", "d"], "x": [1.0, 2.0]}
    drift, quality = signals(["jensen_shannon_distance", "null_value_rate"])
    found = score(
        side,
        side,
        signals=(replace(drift, segments=(Segmentation(("l",)),)), replace(quality, segments=())),
        segments=(Segmentation(("k",)),),
    )
    assert {r["segment"] for r in found.run.metrics if r["signal"] == "data_drift"} == {
        "__all__", "l=c", "l=d",
    }  # fmt: skip
    assert {r["segment"] for r in found.run.metrics if r["signal"] == "data_quality"} == {ALL}


def test_rows_about_the_window_as_a_whole_are_not_split():
    side = {"k": ["a", "b"], "x": [1.0, 2.0]}
    found = score(side, side, segments=(Segmentation(("k",)),))
    (row,) = (row for row in found.run.metrics if row["metric"] == "row_count")
    assert (row["segment"], row["value"]) == (ALL, 2)


def test_an_empty_window_has_the_segments_of_the_reference():
    empty = pa.table({"k": pa.array([], pa.string()), "x": pa.array([], pa.float64())})
    found = score({"k": ["a", None], "x": [1.0, 2.0]}, empty, segments=(Segmentation(("k",)),))
    rows = by_segment(found, "jensen_shannon_distance", "x")
    assert {name: row["status"] for name, row in rows.items()} == dict.fromkeys(
        (ALL, "k=__null__", "k=a"), "insufficient_data"
    )


def test_tables_without_any_row_have_no_segments():
    empty = pa.table({"k": pa.array([], pa.string()), "x": pa.array([], pa.float64())})
    found = score(
        empty, empty, segments=(Segmentation(("k",)), Segmentation(name="n", where="x > 1"))
    )
    assert names(found) == [ALL, "n"]


@pytest.mark.parametrize("path", ["small", "grid"])
def test_a_column_that_a_join_brings_tells_segments_apart(path: str):
    ids = [*range(60)]
    frames = {
        "reference": table(
            {"id": ids, "x": [float(k % 7) for k in ids], "y": [k % 3 for k in ids]}
        ),
        "production": table(
            {"id": ids, "x": [float(k % 5) for k in ids], "y": [k % 4 for k in ids]}
        ),
        "regions": table({"key": ids[:50], "region": ["n" if k % 2 else "s" for k in ids[:50]]}),
    }
    watched = monitor(
        METRICS,
        joins=(Join("regions", Source("regions", table=("regions",)), (("id", "key"),)),),
        segments=(
            Segmentation(("region",)),
            Segmentation(("region", "y")),
            Segmentation(name="l", where="x > 2"),
        ),
        features=FeatureSelection(named=("x",), include=()),
    )
    ran = run(watched, frames, path=path)
    assert ran.error is None
    rows = by_segment(Scores(ran), "normalized_wasserstein_distance", "x")
    sides = [frames[name]["x"].to_numpy() for name in ("reference", "production")]
    region = np.array([("n" if k % 2 else "s") if k < 50 else None for k in ids])
    for name, value in (("n", "n"), ("s", "s"), ("__null__", None)):
        r, p = (side[region == value] for side in sides)
        wanted = stats.wasserstein_distance(r, p) / r.std(ddof=1)
        assert rows[f"region={name}"]["value"] == pytest.approx(wanted)
    large = [side[side > 2] for side in sides]
    wanted = stats.wasserstein_distance(*large) / large[0].std(ddof=1)
    assert rows["l"]["value"] == pytest.approx(wanted)
    assert rows["region=n, y=1"]["n_reference"] == sum(k % 2 and k % 3 == 1 for k in ids[:50])


SIDE = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", None]),
        st.one_of(
            st.none(), st.sampled_from([0.0, -1.5, 2.0, 1e9, float("inf")]), st.floats(-50, 50)
        ),
    ),
    min_size=1,
    max_size=30,
)


@searched
@given(SIDE, SIDE, st.sampled_from(["small", "coarse"]))
def test_segments_of_a_column_are_a_partition(reference: Any, production: Any, path: str):
    sides = [
        {
            "k": pa.array([k for k, _ in side], pa.string()),
            "x": pa.array([x for _, x in side], pa.float64()),
        }
        for side in (reference, production)
    ]
    found = score(
        *sides,
        metrics=METRICS,
        path=path,
        segments=(Segmentation(("k",)),),
        max_segments=2,
        settings={"x": FeatureSettings(bins=BinRule("edges", edges=(0.0, 0.0, 3.0)))},
    )
    rows = by_segment(found, "null_value_rate", "x")
    for name in ("n_reference", "n_production"):
        assert sum(row[name] for key, row in rows.items() if key != ALL) == rows[ALL][name]
    assert len(rows) <= 4
    bins = [row for row in found.run.histograms if row["feature"] == "x"]
    for name in ("n_reference", "n_production"):
        parts: dict[int, int] = {}
        for row in bins:
            parts[row["bin"]] = (
                parts.get(row["bin"], 0) + (1 if row["segment"] == ALL else -1) * row[name]
            )
        assert not any(parts.values())


PROJECT = """\
monitors:
  - name: m
    production: {{table: production.parquet}}
    reference: {{table: reference.parquet}}
    segments: {segments}
    signals: {{data_drift: }}
"""


def project(folder: Path, segments: str, moved: float = 0.0) -> Path:
    pq.write_table(pa.table(flights(3000, 1)), folder / "reference.parquet")
    pq.write_table(pa.table(flights(3000, 2, moved)), folder / "production.parquet")
    file = folder / "driftline.yml"
    file.write_text(PROJECT.format(segments=segments), "utf-8")
    return file


def test_segments_decide_no_exit_code(tmp_path: Path):
    found = driftline.run(project(tmp_path, "[origin]", moved=15.0))
    beyond = {row["segment"] for row in found.metrics if row["status"] == "breached"}
    assert beyond == {"origin=EWR"}
    assert found.exit_code == 0
    # the same judged again without a scan
    assert driftline.check(tmp_path / "driftline.yml").exit_code == 0


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ("[orign]", "there is no column 'orign' for the segments"),
        ("[{name: far, where: distnce > 3}]", "segments"),
        ("[{name: far, where: distance >}]", "is not a DuckDB expression"),
        ("[{name: far, where: 'true; drop table x'}]", "is more than one expression"),
    ],
)
def test_segments_that_cannot_be_told_apart_stop_their_monitor_and_say_why(
    segments: str, message: str, tmp_path: Path
):
    with pytest.raises(DriftlineError, match=re.escape(message)):
        driftline.run(project(tmp_path, segments))


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ("[origin, origin]", "segments[1] is given twice"),
        ("[{name: a, where: x > 1}, {name: a, where: x > 2}]", "two segments are called 'a'"),
        ("[{name: __all__, where: x > 1}]", "__all__ is the name of all rows"),
    ],
)
def test_segments_that_say_the_same_are_complained_of(segments: str, message: str, tmp_path: Path):
    with pytest.raises(driftline.ConfigError, match=r"driftline\.yml") as caught:
        driftline.run(project(tmp_path, segments))
    assert message.removeprefix("segments[1] ") in str(caught.value)


def test_the_summary_tells_the_worst_segment_and_how_to_look_at_it(tmp_path: Path):
    out, text = printed(width=200)
    summary(out, driftline.run(project(tmp_path, "[origin]", moved=15.0)))
    line = text.getvalue().splitlines()[-1].strip()
    assert line.startswith("1 of 4 segments breached, worst origin=EWR: delay js 0.")
    assert line.endswith("> 0.1 (show --segment origin=EWR)")


def test_aggregates_of_ones_own_are_computed_in_every_segment(tmp_path: Path):
    columns = {"k": ["a", "a", "b", None], "p": [1.0, 3.0, 5.0, 7.0]}
    pq.write_table(table(columns), tmp_path / "reference.parquet")
    pq.write_table(table({**columns, "p": [2.0, 4.0, 6.0, 8.0]}), tmp_path / "production.parquet")
    file = tmp_path / "driftline.yml"
    signal = 'signals: {custom: {risk: {sql: "sum(p) / count(*)", worse: higher, increase: 0.5}}}'
    segments = '[k, {name: large, where: "p > 4"}]'
    told = PROJECT.format(segments=segments).replace("signals: {data_drift: }", signal)
    file.write_text(told, "utf-8")
    found = driftline.run(file)
    values = {
        row["segment"]: (row["reference_value"], row["value"])
        for row in found.metrics
        if row["metric"] == "risk"
    }
    assert values == {
        ALL: (4.0, 5.0), "k=a": (2.0, 3.0), "k=b": (5.0, 6.0), "k=__null__": (7.0, 8.0),
        "large": (6.0, 7.0),
    }  # fmt: skip
