"""Importance of features by what they and the prediction tell of each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import oracles
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import searched
from support import PATHS, Scores, monitor, run, score, signals, table

import driftline
from driftline.engine.errors import SourceError
from driftline.engine.joint import mutual_information
from driftline.engine.project import (
    MUTUAL_INFORMATION,
    Connection,
    FeatureSelection,
    Join,
    Project,
    Results,
    Roles,
    Source,
)
from driftline.engine.run import run_project
from driftline.engine.selection import parse_selection
from driftline.engine.store import Store
from driftline.engine.warehouses.duckdb import DuckDB

Side = dict[str, list[Any]]

IMPORTANCE = "feature_importance"
NDCG = "normalized_discounted_cumulative_gain"
SIGNALS = tuple(
    replace(signal, attribution=MUTUAL_INFORMATION)
    for signal in signals(["normalized_discounted_cumulative_gain"])
)


def weighed(reference: Side, production: Side, **given: Any) -> Scores:
    """What features tell of the column `p`."""
    more = {"signals": SIGNALS, "roles": Roles(prediction="p"), **given}
    sides = (
        {name: _array(name, values) for name, values in side.items()}
        for side in (reference, production)
    )
    return score(*sides, **more)


def _array(name: str, values: Sequence[Any]) -> pa.Array:
    return pa.array(values, pa.float64() if name[0] in "xp" else None)


def both(found: Scores, feature: str) -> list[float | None]:
    row = found[feature, IMPORTANCE]
    return [row["reference_value"], row["value"]]


# By hand


def test_a_feature_that_tells_the_prediction_tells_the_whole_of_it():
    # 2 values, 2 classes, 2 cells of 20 rows: ln 2, and (2 - 2 - 2 + 1) / 80 by chance
    side = {"c": ["a", "b"] * 20, "p": [0.0, 1.0] * 20}
    found = weighed(
        side, {"c": ["a", "a", "b", "b"] * 10, "p": [0.0, 1.0] * 20}, types={"p": "categorical"}
    )
    told, alone = both(found, "c")
    assert told == pytest.approx(math.log(2) + 1 / 80, rel=1e-11)
    # 4 cells of 10 rows tell nothing, less (4 - 2 - 2 + 1) / 80 by chance
    assert alone == 0


def test_values_of_few_rows_are_one_value():
    # 5 rows for each of two classes is enough to be a value, 9 rows of two are not
    counts = np.array([[10, 0], [0, 9], [1, 8], [0, 10]])
    pooled = np.array([[10, 0], [1, 17], [0, 10]])
    n, cells = 38, [10, 1, 17, 10]
    of_value, of_target = {10: 10, 1: 18, 17: 18}, pooled.sum(axis=0)
    terms = [
        10 / n * math.log(10 * n / (10 * of_target[0])),
        1 / n * math.log(n / (18 * of_target[0])),
    ]
    terms += [
        17 / n * math.log(17 * n / (18 * of_target[1])),
        10 / n * math.log(10 * n / (10 * of_target[1])),
    ]
    assert (sum(cells), of_value[1]) == (n, 18)
    # 4 cells, 3 values, 2 classes
    assert mutual_information(counts) == (n, pytest.approx(sum(terms) - 0 / (2 * n), rel=1e-12))


# Oracle


@st.composite
def told_sides(draw: st.DrawFn) -> tuple[Side, Side, bool]:
    """Features of both kinds that tell something of a prediction, and whether that is a text."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    is_text = draw(st.booleans())
    return (
        _told(rng, draw(st.sampled_from([60, 400])), is_text),
        _told(rng, draw(st.sampled_from([5, 300])), is_text),
        is_text,
    )


def _told(rng: np.random.Generator, rows: int, is_text: bool) -> Side:
    x, tied = rng.normal(size=rows), rng.poisson(2, rows) / 4
    words = rng.integers(0, 12, rows) ** 2 // 12
    p = x + tied + words / 6 + rng.normal(size=rows) / 2
    odd = {
        "x": [None, math.nan, math.inf, -math.inf],
        "c": [None, "new", ""],
        "p": [None, math.nan],
    }
    side: Side = {
        "x": x.tolist(),
        "x tied": tied.tolist(),
        "c": [f"w{k}" for k in words],
        "p": p.tolist(),
    }
    if is_text:
        side["t"] = [
            "yes" if value > 1 else "no" if value > 0 else "maybe" for value in side.pop("p")
        ]
    for name, values in odd.items():
        for value in values:
            if name in side:
                side[name][rng.integers(rows)] = value
    return side


@pytest.mark.parametrize("path", PATHS)
@searched
@given(drawn=told_sides())
def test_it_equals_the_difference_of_entropies_of_raw_rows(
    path: str, drawn: tuple[Side, Side, bool]
):
    reference, production, is_text = drawn
    output = "t" if is_text else "p"
    found = weighed(
        reference, production, path=path, roles=Roles(prediction=output), max_categories=4
    )
    for name in reference.keys() - {output}:
        wanted = []
        for side in (reference, production):
            bins = [
                oracles.placed(reference[each], side[each], is_text=each in ("c", "t"), most=4)
                for each in (name, output)
            ]
            wanted.append(oracles.mutual_information(*bins))
        for a, b in zip(both(found, name), wanted, strict=True):
            assert (a is None and b is None) or a == pytest.approx(b, rel=1e-9, abs=1e-9), name


# Corners


def straight(rows: int, **columns: list[Any]) -> Side:
    """A prediction of two classes, and columns beside it."""
    return {"c": ["a", "b"] * (rows // 2), "t": ["yes", "no"] * (rows // 2), **columns}


OF_CLASSES = Roles(prediction="t")


def test_rows_without_a_feature_or_without_a_prediction_are_left_out():
    side = straight(40)
    odd = {name: [*values, None, values[0]] for name, values in side.items()}
    odd["t"][-1] = None
    found = weighed(side, odd, roles=OF_CLASSES)
    assert both(found, "c") == [pytest.approx(math.log(2) + 1 / 80, rel=1e-11)] * 2
    assert found["c", IMPORTANCE]["n_production"] == 40


def test_categories_beyond_those_kept_are_one_value_that_may_tell_all():
    reference = straight(60, c=["a"] * 30 + ["b", "d", "e"] * 10, t=["yes"] * 30 + ["no"] * 30)
    # 20 rows of them, and 10 of what the reference never had, are the rest
    production = straight(
        60, c=["a"] * 30 + ["b", "d"] * 10 + ["z"] * 10, t=["yes"] * 30 + ["no"] * 30
    )
    found = weighed(reference, production, roles=OF_CLASSES, max_categories=1)
    assert both(found, "c") == [pytest.approx(math.log(2) + 1 / 120, rel=1e-11)] * 2


def test_what_is_said_once_tells_nothing():
    side = straight(40, t=["yes"] * 40)
    found = weighed(side, side, roles=OF_CLASSES)
    assert both(found, "c") == [0, 0]
    order = found["__all__", NDCG]
    assert (order["value"], order["status"]) == (None, "not_computable")


def test_every_row_says_that_it_is_a_surrogate():
    side = straight(40, d=["a", "a", "b", "b"] * 10)
    found = weighed(side, side, roles=OF_CLASSES)
    told = "a surrogate: mutual information with 't'"
    assert {row["reason"] for key, row in found.by_key.items() if key[1] != "row_count"} == {told}
    assert found["__all__", NDCG]["value"] == 1


def test_the_actual_stands_in_where_a_reference_has_no_prediction():
    reference, production = straight(40), straight(40)
    reference["y"] = reference.pop("t")
    roles = Roles(prediction="t", actual="y")
    found = weighed(reference, production, roles=roles)
    assert both(found, "c") == [pytest.approx(math.log(2) + 1 / 80, rel=1e-11)] * 2
    assert found["c", IMPORTANCE]["reason"] == "a surrogate: mutual information with 'y' and 't'"
    # neither is a feature, nor told as one
    assert {row["feature"] for row in found.run.histograms} == {"c"}
    assert found.feature("t")["reason"] == "the prediction column"


def test_a_score_is_what_the_model_says_where_it_says_nothing_else():
    side = {"c": ["a", "b"] * 30, "p": [0.2, 0.9] * 30}
    found = weighed(side, side, roles=Roles(score="p"))
    assert both(found, "c") == [pytest.approx(math.log(2) + 1 / 120, rel=1e-11)] * 2


def test_a_prediction_that_has_no_bins_fails_the_order_and_nothing_else():
    side = straight(300, t=[f"answer {k}" for k in range(300)])
    found = weighed(side, side, roles=OF_CLASSES)
    order = found["__all__", NDCG]
    assert order["status"] == "error"
    assert order["reason"] == (
        "nothing can be weighed by t: 300 distinct texts in 300 rows: ids or free text, not categories"
    )


def test_a_side_without_anything_to_weigh_by_is_an_error_that_says_what_to_name():
    side = straight(40)
    with pytest.raises(SourceError) as error:
        weighed({"c": side["c"], "x": [1.0] * 40}, side, roles=OF_CLASSES)
    assert "reference reference: there is no column 't' to weigh features by" in str(error.value)
    assert "columns.actual" in str(error.value.hint)


def test_features_and_a_prediction_that_a_join_brings_are_weighed_row_by_row():
    keys = [*range(40)]
    side = {"key": keys, "x": [1.5, 2.5] * 20, "c": ["a", "b"] * 20}
    frames = {
        "reference": table(side),
        "production": table(side),
        "said": table(
            {"key": keys[::-1], "t": (["yes", "no"] * 20)[::-1], "d": (["u", "v"] * 20)[::-1]}
        ),
    }
    joined = Join("said", Source("said", table=("said",)), (("key", "key"),))
    names = FeatureSelection(named=("x", "c", "d"), include=())
    found = run(
        monitor(signals=SIGNALS, roles=OF_CLASSES, joins=(joined,), features=names),
        frames,
    )
    assert found.error is None
    rows = {row["feature"]: row for row in found.metrics if row["metric"] == IMPORTANCE}
    wanted = pytest.approx(math.log(2) + 1 / 80, rel=1e-11)
    assert {name: row["value"] for name, row in rows.items()} == dict.fromkeys(
        ("x", "c", "d"), wanted
    )


def test_conventions_of_azure_weigh_by_bins_of_the_reference_alone():
    rng = np.random.default_rng(5)
    x = rng.normal(size=200).tolist()
    side = {"x": x, "p": x}
    alone = weighed(side, side, conventions="azure")
    beside = weighed(
        side, {name: [*values, 50.0] for name, values in side.items()}, conventions="azure"
    )
    assert both(alone, "x")[0] == both(beside, "x")[0]
    # 9 equal steps over the range, of which the outer ones have too few rows
    steps = [math.floor((v - min(x)) / (max(x) - min(x)) * 9) for v in x]
    placed = [min(step, 8) for step in steps]
    assert both(alone, "x")[0] == pytest.approx(
        oracles.mutual_information(placed, placed), rel=1e-9
    )


# Properties


@searched
@given(seed=st.integers(0, 2**32 - 1))
def test_it_does_not_depend_on_the_order_of_rows(seed: int):
    rng = np.random.default_rng(seed)
    side = _told(rng, 300, False)
    order = rng.permutation(300)
    shuffled = {name: [values[k] for k in order] for name, values in side.items()}
    found = weighed(side, shuffled)
    for name in ("x", "x tied", "c"):
        before, after = both(found, name)
        assert before == after
        assert before is not None
        assert before >= 0


def test_a_feature_that_has_nothing_to_do_with_it_tells_next_to_nothing():
    rng = np.random.default_rng(3)
    told = [
        mutual_information(np.histogram2d(*rng.random((2, 2_000)), bins=10)[0].astype(np.int64))[1]
        for _ in range(30)
    ]
    # without the correction the mean is 81 / 4000, and none is 0
    assert np.mean([value or 0 for value in told]) < 0.002
    assert told.count(0.0) > 8


# The most important features only


def ranked(reference: Side, production: Side, n: int = 1, **given: Any) -> Scores:
    return weighed(
        reference,
        production,
        **{
            "signals": signals(["jensen_shannon_distance", "null_value_rate"]),
            "features": FeatureSelection(top_n=n),
            "roles": OF_CLASSES,
            **given,
        },
    )


def test_features_are_ranked_by_it_where_nothing_else_is_said():
    side = straight(40, d=["a", "a", "b", "b"] * 10, e=["a", "b", "b", "b"] * 10)
    found = ranked(side, side)
    assert {*found.values("jensen_shannon_distance")} == {"c"}
    assert [found.feature(name)["importance_rank"] for name in "ced"] == [1, 2, 3]
    assert "rank 2 of 3" in found.feature("e")["reason"]


def test_a_feature_asked_for_alone_keeps_the_place_it_has_among_all():
    side = straight(40, d=["a", "a", "b", "b"] * 10, e=["a", "b", "b", "b"] * 10)
    frames = {name: table(side) for name in ("reference", "production")}
    watched = monitor(
        signals=signals(["jensen_shannon_distance"]),
        features=FeatureSelection(top_n=1),
        roles=OF_CLASSES,
    )
    project = Project(Path.cwd(), (watched,), Results(Path("unused.duckdb")), Connection())
    with closing(DuckDB({}, frames=frames)) as session:
        (found,) = run_project(
            project,
            at="2026-01-01",
            warehouse=session,
            store=False,
            selection=parse_selection("feature:e"),
        ).monitors
    assert found.error is None
    assert [row["metric"] for row in found.metrics] == ["row_count"]


# Over time, and kept

PROJECT = """\
monitors:
  - name: m
    min_rows: 0
    production: {{table: production.parquet, timestamp: at, window: {{size: {size}}}}}
    reference: {{table: reference.parquet{more}}}
    columns: {{prediction: p}}
    signals: {{feature_attribution_drift: {{ndcg: 0.9}}}}
"""
DAYS = 3


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(8)
    pq.write_table(table(_told(rng, 300, False)), folder / "reference.parquet")
    side = table(_told(rng, 200 * DAYS, False))
    days = [datetime(2026, 3, 1 + k // 200, tzinfo=UTC) for k in range(200 * DAYS)]
    pq.write_table(side.append_column("at", pa.array(days)), folder / "production.parquet")
    return folder


def project(tables: Path, folder: Path, size: str = "P1D", more: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    for file in tables.glob("*.parquet"):
        (folder / file.name).symlink_to(file)
    path = folder / "driftline.yml"
    path.write_text(PROJECT.format(size=size, more=more), "utf-8")
    return path


def stored(path: Path, table: str = "metrics") -> list[dict[str, Any]]:
    rows = Store(path.parent / "driftline.duckdb").read(f"from {table}").to_pylist()
    aside = ("run_id", "computed_at", "seconds")
    return sorted(({k: v for k, v in row.items() if k not in aside} for row in rows), key=repr)


@pytest.mark.parametrize("size", ["P1D", "P2D"])
def test_a_backfill_leaves_the_rows_that_runs_one_by_one_leave(
    size: str, tables: Path, tmp_path: Path
):
    one, many = (project(tables, tmp_path / name, size) for name in ("one", "many"))
    driftline.backfill(many, start="2026-03-01", end="2026-03-04", every="P1D")
    for day in range(1 + int(size[1]), 2 + DAYS):
        driftline.run(one, at=f"2026-03-0{day}")
    assert stored(many) == stored(one)
    steps = [row["step"] for row in stored(many, "statements")]
    assert steps.count("joint") == 1
    assert {row["value"] for row in stored(one) if row["feature"] == "x"} != {0.0}


def test_a_reference_that_stays_is_read_once(tables: Path, tmp_path: Path):
    path = project(tables, tmp_path, more=", frozen: true")
    (first,), (again,) = (driftline.run(path, at="2026-03-02").monitors for _ in range(2))
    asked = [row["sql"] for row in stored(path, "statements") if row["step"] == "joint"]
    assert sorted("reference.parquet" in sql for sql in asked) == [False, True]
    values = [
        [
            (row["feature"], row["metric"], row["value"], row["reference_value"])
            for row in found.metrics
        ]
        for found in (first, again)
    ]
    assert values[0] == values[1]


def test_other_bins_read_a_reference_again(tables: Path, tmp_path: Path):
    path = project(tables, tmp_path, more=", frozen: true")
    driftline.run(path, at="2026-03-02")
    path.write_text(path.read_text("utf-8") + "    bins: {count: 4}\n", "utf-8")
    driftline.run(path, at="2026-03-02")
    asked = [row["sql"] for row in stored(path, "statements") if row["step"] == "joint"]
    assert all("reference.parquet" in sql for sql in asked)


def test_stored_rows_are_judged_again_by_other_thresholds(tables: Path, tmp_path: Path):
    path = project(tables, tmp_path)
    driftline.run(path, at="2026-03-02")
    path.write_text(path.read_text("utf-8").replace("ndcg: 0.9", "ndcg: {min: 1.5}"), "utf-8")
    (found,) = driftline.check(path).monitors
    (order,) = [row for row in found.metrics if row["metric"] == NDCG]
    assert (order["status"], found.unmeasured) == ("breached", ())


def test_a_selected_feature_has_the_importance_it_has_among_all(tables: Path, tmp_path: Path):
    path = project(tables, tmp_path)
    (whole,) = driftline.run(path, at="2026-03-02").monitors
    before = stored(path)
    (found,) = driftline.run(path, at="2026-03-02", select="feature:c").monitors
    rows = {(row["feature"], row["metric"]): row["value"] for row in whole.metrics}
    told = {(row["feature"], row["metric"]): row["value"] for row in found.metrics}
    assert {*told} == {
        ("__all__", "row_count"),
        ("c", IMPORTANCE),
        ("c", "feature_importance_rank"),
    }
    assert all(rows[key] == value for key, value in told.items())
    assert [row["metric"] for row in stored(path)] == [row["metric"] for row in before]
