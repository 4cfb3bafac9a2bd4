"""Joins: what another table brings, row by row, and what becomes of runs that wait for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import searched
from support import PATHS, Scores, monitor, run, table
from typer.testing import CliRunner

from driftline.cli import app
from driftline.engine.compile import compile_project
from driftline.engine.config import load_project
from driftline.engine.dialects import DIALECTS
from driftline.engine.errors import ConfigError, SourceError
from driftline.engine.project import (
    Duration,
    FeatureSelection,
    Join,
    Monitor,
    Production,
    Roles,
    RollingWindow,
    Source,
)
from driftline.engine.run import run_project

Row = dict[str, Any]
DAY = datetime(2026, 1, 1)  # when support's runs take place


def join(name: str = "labels", on: Mapping[str, str] | None = None, **more: Any) -> Join:
    keys = tuple((on or {"id": "id"}).items())
    return Join(name, Source(name, table=(name,)), keys, **more)


def watched(*joins: Join, features: Sequence[str] = ("y",), **given: Any) -> Monitor:
    """A monitor of features by name, over tables in memory."""
    return monitor(
        ["normalized_wasserstein_distance", "jensen_shannon_distance", "null_value_rate"],
        joins=joins or (join(),),
        features=FeatureSelection(named=tuple(features), include=()),
        **given,
    )


def found(
    of: Monitor, reference: Mapping[str, Any], production: Mapping[str, Any], **others: Any
) -> Scores:
    path = others.pop("path", "small")
    frames = {"reference": reference, "production": production, **others}
    result = run(of, {name: table(columns) for name, columns in frames.items()}, path=path)
    if result.error is not None:
        raise result.error
    return Scores(result)


def rate(scores: Scores, name: str = "labels") -> Row:
    return scores[name, "match_rate"]


# What is joined


def test_a_named_column_comes_from_the_join_and_is_measured_as_if_it_had_always_been_there():
    labels = {"id": [3, 1, 2, 9], "y": [30.5, 10.5, 20.5, 90.5]}
    scores = found(watched(), {"y": [10.5, 20.5]}, {"id": [1, 2, 2, 3, None, 7]}, labels=labels)
    production = scores.profile("y", "production")
    assert (production["row_count"], production["null_count"]) == (6, 2)
    assert production["mean"] == pytest.approx((10.5 + 20.5 + 20.5 + 30.5) / 4)
    assert rate(scores)["value"] == pytest.approx(4 / 6)
    assert scores.feature("y")["reason"] == "from join labels"
    assert scores.feature("y")["included"]


def test_a_reference_is_joined_where_it_lacks_the_column():
    labels = {"id": [1, 2, 3, 4], "y": [1.5, 2.5, 3.5, 4.5]}
    scores = found(watched(), {"id": [1, 2]}, {"id": [3, 4, 4]}, labels=labels)
    assert scores.profile("y", "reference")["mean"] == 2
    assert scores.profile("y", "production")["mean"] == pytest.approx((3.5 + 4.5 + 4.5) / 3)


def test_a_column_of_their_own_wins_over_a_joined_one():
    labels = {"id": [1, 2], "y": [100.5, 200.5]}
    sides = {"id": [1, 2], "y": [1.5, 3.5]}
    scores = found(watched(), sides, sides, labels=labels)
    assert scores.profile("y", "production")["mean"] == 2.5
    assert rate(scores)["value"] == 1
    assert scores.feature("y")["reason"] is None


def test_a_pattern_never_takes_a_joined_column():
    labels = {"id": [1, 2], "y": [1.5, 2.5]}
    every = replace(watched(), features=FeatureSelection())
    scores = found(every, {"x": [1.5], "y": [1.5]}, {"id": [1, 2], "x": [1.5, 2.5]}, labels=labels)
    assert not scores.feature("y")["included"]
    assert "y" not in scores.values("null_value_rate")


def test_a_name_without_wildcards_among_the_patterns_takes_a_joined_column_beside_all_others():
    labels = {"id": [1, 2], "y": [1.5, 2.5]}
    both = replace(watched(), features=FeatureSelection(include=("*", "y")))
    scores = found(both, {"x": [1.5], "y": [1.5]}, {"id": [1, 2], "x": [1.5, 2.5]}, labels=labels)
    assert set(scores.values("null_value_rate")) == {"x", "y"}


def test_a_role_takes_a_joined_column():
    from support import signals

    from driftline.engine.project import Signal

    drift, quality = signals(["normalized_wasserstein_distance", "null_value_rate"])
    outputs = Signal("prediction_drift", "prediction_drift", "reference", drift.rules)
    of = replace(
        watched(),
        features=FeatureSelection(),
        roles=Roles(prediction="p", actual="a"),
        signals=(outputs, quality),
    )
    labels = {"id": [1, 2], "p": [1.5, 2.5], "a": [0.5, 1.5], "z": [1.5, 2.5]}
    scores = found(of, {"x": [1.5], "p": [1.5]}, {"id": [1, 2], "x": [1.5, 2.5]}, labels=labels)
    assert scores["p", "normalized_wasserstein_distance"]["signal"] == "prediction_drift"
    assert scores.feature("p")["role"] == "prediction"
    assert scores.feature("a")["role"] == "actual"
    assert scores.feature("a")["reason"] == "the actual column; from join labels"
    assert "z" not in {row["feature"] for row in scores.run.features}


def test_names_match_in_any_case_where_only_one_does():
    labels = {"ID": [1, 2], "Y": [1.5, 2.5]}
    scores = found(watched(join(on={"Id": "id"})), {"y": [1.5]}, {"iD": [1, 2]}, labels=labels)
    assert scores.profile("y", "production")["mean"] == 2


def test_several_keys_must_all_be_equal_and_none_null():
    labels = {"a": [1, 1, 2, None], "b": ["x", "y", "x", "x"], "y": [1.5, 2.5, 3.5, 4.5]}
    production = {"a": [1, 1, 2, 2, None], "b": ["x", "z", "x", None, "x"]}
    of = watched(join(on={"a": "a", "b": "b"}))
    scores = found(of, {"y": [1.5]}, production, labels=labels)
    assert rate(scores)["value"] == pytest.approx(2 / 5)
    assert scores.profile("y", "production")["mean"] == 2.5


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (pa.array([1, 2, 30]), pa.array(["1", "2", "30"])),
        (pa.array(["1", "2", "30"]), pa.array([1, 2, 30])),
        (pa.array([1, 2, 30]), pa.array([1.0, 2.0, 30.0])),
        (pa.array(["1", "2", "30"]), pa.array([1.0, 2.0, 30.0])),
        (pa.array([2**60 + 1, 2**60 + 2, 3]), pa.array([str(2**60 + 1), str(2**60 + 2), "3"])),
        (pa.array([DAY, DAY]), pa.array([DAY.date(), DAY.date() - timedelta(days=1)])),
    ],
    ids=["whole, text", "text, whole", "whole, float", "text, float", "large", "moment, date"],
)
def test_keys_of_different_types_are_compared_by_what_they_say(ours: pa.Array, theirs: pa.Array):
    production, labels = {"id": ours}, {"id": theirs, "y": [1.5] * len(theirs)}
    scores = found(watched(), {"y": [1.5]}, production, labels=labels)
    assert rate(scores)["value"] == 1


def test_columns_of_two_joins_and_of_production_stand_side_by_side():
    of = watched(join(), join("plans", {"plan": "name"}), features=("x", "y", "z"))
    scores = found(
        of,
        {"x": [1.5], "y": [1.5], "z": [1.5]},
        {"id": [1, 2], "plan": ["b", "a"], "x": [7.5, 8.5]},
        labels={"id": [1, 2], "y": [1.5, 2.5]},
        plans={"name": ["a", "b"], "z": [0.5, 9.5]},
    )
    means = {name: scores.profile(name, "production")["mean"] for name in ("x", "y", "z")}
    assert means == {"x": 8, "y": 2, "z": 5}


# Several rows of a key


def test_of_several_rows_the_newest_by_the_timestamp_counts():
    labels = {
        "id": [1, 1, 1, 2, 2],
        "at": [DAY, DAY + timedelta(days=2), DAY + timedelta(days=1), None, DAY],
        "y": [1.5, 2.5, 3.5, 4.5, 5.5],
    }
    scores = found(watched(join(timestamp="at")), {"y": [1.5]}, {"id": [1, 2]}, labels=labels)
    assert scores.profile("y", "production")["mean"] == 4
    assert rate(scores)["value"] == 1
    assert rate(scores)["reason"] == "3 rows too many for 2 keys; the newest counts"


def test_without_a_timestamp_several_rows_are_an_error_for_what_needs_them_and_for_nothing_else():
    labels = {"id": [1, 1, 1, 2, 5, 5], "y": [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]}
    of = watched(features=("x", "y"))
    scores = found(
        of, {"x": [1.5, 2.5], "y": [1.5, 2.5]}, {"id": [1, 2], "x": [1.5, 2.5]}, labels=labels
    )
    failed = scores["y", "normalized_wasserstein_distance"]
    assert failed["status"] == scores["y", "null_value_rate"]["status"] == "error"
    assert failed["reason"] == (
        "join labels has 2 rows too many for 1 key of production, and no timestamp tells the newest"
    )
    assert scores["x", "normalized_wasserstein_distance"]["status"] == "ok"
    assert rate(scores)["value"] == 1
    assert scores.run.run["status"] == "partial"
    assert scores.run.exit_code("breached") == 4


def test_several_rows_of_keys_that_no_row_asks_for_do_not_matter():
    labels = {"id": [1, 5, 5], "y": [1.5, 2.5, 3.5]}
    scores = found(watched(), {"y": [1.5]}, {"id": [1, 1]}, labels=labels)
    assert scores["y", "null_value_rate"]["value"] == 0
    assert rate(scores)["reason"] is None


def test_several_rows_for_keys_of_the_reference_are_an_error_that_says_so():
    labels = {"id": [1, 2, 2], "y": [1.5, 2.5, 3.5]}
    scores = found(watched(), {"id": [2]}, {"id": [1]}, labels=labels)
    assert (
        "1 row too many for 1 key of reference reference"
        in scores["y", "null_value_rate"]["reason"]
    )


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Row], list[Row]]:
    keys = st.one_of(st.none(), st.integers(0, 6))
    ours = draw(st.lists(st.fixed_dictionaries({"id": keys}), min_size=1, max_size=25))
    theirs = draw(
        st.lists(
            st.fixed_dictionaries(
                {"id": keys, "at": st.one_of(st.none(), st.integers(0, 3)),
                 "y": st.one_of(st.none(), st.integers(0, 9).map(lambda k: k + 0.5))}
            ),
            max_size=25,
        )
    )  # fmt: skip
    return ours, theirs


def columns(rows: Sequence[Row], **types: pa.DataType) -> dict[str, pa.Array]:
    return {name: pa.array([row[name] for row in rows], type_) for name, type_ in types.items()}


@searched
@given(given_rows=tables(), path=st.sampled_from(PATHS))
def test_what_is_joined_is_what_a_loop_over_the_rows_finds(
    given_rows: tuple[list[Row], list[Row]], path: str
):
    ours, theirs = given_rows
    newest: dict[int, list[Row]] = {}
    for row in theirs:
        at = -1 if row["at"] is None else row["at"]
        best = newest.get(row["id"], [])
        top = -1 if not best or best[0]["at"] is None else best[0]["at"]
        if not best or at > top:
            newest[row["id"]] = [row]
        elif at == top:
            best.append(row)
    newest.pop(None, None)
    asked = [row["id"] for row in ours]
    scores = found(
        watched(join(timestamp="at")),
        {"y": [1.5, 2.5]},
        columns(ours, id=pa.int64()),
        labels=columns(theirs, id=pa.int64(), at=pa.int64(), y=pa.float64()),
        path=path,
    )
    profile = scores.profile("y", "production")
    assert profile["row_count"] == len(ours)
    assert rate(scores)["value"] == pytest.approx(sum(key in newest for key in asked) / len(asked))
    # of rows of one moment any may count: the value is bounded by all of them
    sums = [[row["y"] or 0.0 for row in newest[key]] if key in newest else [0.0] for key in asked]
    total = (profile["mean"] or 0.0) * (len(ours) - profile["null_count"])
    assert sum(map(min, sums)) - 1e-9 <= total <= sum(map(max, sums)) + 1e-9


@searched
@given(given_rows=tables(), seed=st.integers(0, 99))
def test_the_order_of_rows_changes_nothing(given_rows: tuple[list[Row], list[Row]], seed: int):
    ours, theirs = given_rows
    mixed = np.random.default_rng(seed)

    def values(mine: Sequence[Row], other: Sequence[Row]) -> dict[Any, Any]:
        scores = found(
            watched(join(timestamp="at")),
            {"y": [1.5, 2.5]},
            columns(mine, id=pa.int64()),
            labels=columns(other, id=pa.int64(), at=pa.int64(), y=pa.float64()),
        )
        return {key: (row["value"], row["reason"]) for key, row in scores.by_key.items()}

    permuted = ([rows[k] for k in mixed.permutation(len(rows))] for rows in (ours, theirs))
    assert values(ours, theirs) == values(*permuted)


def test_a_large_join_takes_the_grid_to_the_same_numbers_as_columns_of_production():
    rng = np.random.default_rng(7)
    size = 30_000
    ids, y = rng.permutation(size), rng.lognormal(0, 2, size)
    reference = {"y": rng.lognormal(0, 1.5, size), "key": np.arange(size)}
    order = rng.permutation(size)
    joined = found(
        watched(),
        reference,
        {"id": pa.array(ids)},
        labels={"id": pa.array(ids[order]), "y": pa.array(y[order])},
    )
    plain = found(watched(), reference, {"id": pa.array(ids), "y": pa.array(y)}, labels={"id": [1]})
    for metric in ("normalized_wasserstein_distance", "jensen_shannon_distance"):
        assert joined["y", metric]["value"] == plain["y", metric]["value"]


# Corners


def test_an_empty_joined_table_matches_nothing():
    labels = {"id": pa.array([], pa.int64()), "y": pa.array([], pa.float64())}
    scores = found(watched(), {"y": [1.5]}, {"id": [1, 2]}, labels=labels)
    assert (rate(scores)["value"], rate(scores)["status"]) == (0, "ok")
    row = scores["y", "normalized_wasserstein_distance"]
    assert (row["status"], row["reason"]) == ("not_computable", "production has no values")


def test_a_reference_without_the_key_lacks_the_joined_column_and_says_why():
    labels = {"id": [1, 2], "y": [1.5, 2.5]}
    of = watched(features=("x", "y"))
    scores = found(of, {"x": [1.5]}, {"id": [1, 2], "x": [1.5, 2.5]}, labels=labels)
    assert scores.feature("y")["reason"] == (
        "the reference has no such column, nor the key 'id' of join labels; from join labels"
    )
    assert scores["x", "null_value_rate"]["status"] == "ok"
    assert rate(scores)["value"] == 1
    assert ("y", "new_column") not in scores.by_key


@pytest.mark.parametrize(
    ("on", "message"),
    [
        ({"nix": "id"}, "production: there is no column 'nix' for the key of join labels"),
        ({"id": "nix"}, "join labels: there is no column 'nix' for the key"),
    ],
)
def test_a_key_that_is_missing_is_named_with_its_join(on: dict[str, str], message: str):
    with pytest.raises(SourceError, match=message):
        found(watched(join(on=on)), {"y": [1.5]}, {"id": [1]}, labels={"id": [1], "y": [1.5]})


def test_a_timestamp_that_is_text_is_refused():
    labels = {"id": [1], "at": ["today"], "y": [1.5]}
    with pytest.raises(SourceError, match="timestamp column 'at' is VARCHAR"):
        found(watched(join(timestamp="at")), {"y": [1.5]}, {"id": [1]}, labels=labels)


def test_a_column_that_two_joins_have_is_refused_with_both_names():
    of = watched(join(), join("plans"))
    other = {"id": [1], "y": [1.5]}
    with pytest.raises(SourceError, match="'y' of join labels or 'y' of join plans"):
        found(of, {"y": [1.5]}, {"id": [1]}, labels=other, plans=other)


def test_a_listed_column_that_the_join_no_longer_has_is_a_missing_feature():
    of = watched(features=("x", "y"))
    scores = found(of, {"x": [1.5], "y": [1.5]}, {"id": [1], "x": [1.5]}, labels={"id": [1]})
    assert scores["y", "missing_feature"]["status"] == "breached"


def test_hostile_names_are_only_names():
    odd = 'a"b; drop table x; --'
    of = watched(join(on={odd: odd}, timestamp="it's"), features=(odd + "2",))
    scores = found(
        of,
        {odd + "2": [1.5]},
        {odd: [1, 2]},
        labels={odd: [1, 2, 2], "it's": [1, 1, 2], odd + "2": [1.5, 2.5, 3.5]},
    )
    assert scores.profile(odd + "2", "production")["mean"] == 2.5


def test_columns_that_differ_in_case_alone_do_not_collide():
    of = watched(join(), join("plans"), features=("y", "Y"))
    scores = found(
        of,
        {"y": [1.5]},
        {"id": [1]},
        labels={"id": [1], "y": [1.5]},
        plans={"id": [1], "Y": [8.5]},
    )
    assert scores.profile("y", "production")["mean"] == 1.5


def test_a_joined_correlation_id_serves_the_rows_about_the_window():
    of = replace(
        monitor(["duplicate_rate", "freshness"], joins=(join(),)),
        production=Production(
            Source("production", table=("production",)),
            "at",
            RollingWindow(Duration(days=1, text="P1D")),
        ),
        roles=Roles(correlation_id="request"),
    )
    hours = [DAY - timedelta(hours=k) for k in (2, 3, 4)]
    scores = found(
        of,
        {"x": [1.5]},
        {"id": [1, 2, 3], "at": hours, "x": [1.5, 2.5, 3.5]},
        labels={"id": [1, 2, 3], "request": ["a", "a", "b"]},
    )
    assert scores["__all__", "duplicate_rate"]["value"] == pytest.approx(1 / 3)
    assert scores["__all__", "freshness"]["value"] == 2 * 3600


# A project file, its tables, its windows

PROJECT = """\
monitors:
  - name: m
    production: {table: scored.parquet, timestamp: at, window: {size: P1D}}
    reference: {table: training.parquet}
    min_rows: 1
    alert_when: exceeds
    join:
      - {name: labels, table: labels.parquet, on: {id: id}, timestamp: seen, delay: P3D}
    columns: {prediction: y}
    signals:
      data_drift: {wasserstein: null}
      prediction_drift: {wasserstein: null}
      data_quality: {nulls: null, match_rate: 0.9}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight days of 24 rows each; labels come three days later, and one hour of each day has none."""
    hours = [(day, hour) for day in range(1, 9) for hour in range(24)]
    scored = [
        {"id": 100 * day + hour, "at": datetime(2026, 3, day, hour), "x": day + hour / 100}
        for day, hour in hours
    ]
    labels = [
        {"id": 100 * day + hour, "seen": datetime(2026, 3, day + 3), "y": 10.5 * day}
        for day, hour in hours
        if hour and day <= 5
    ]
    training = [{"id": k, "x": k / 10, "y": k + 0.5} for k in range(50)]
    for name, rows in {"scored": scored, "labels": labels, "training": training}.items():
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"{name}.parquet")
    (tmp_path / "driftline.yml").write_text(PROJECT, "utf-8")
    return tmp_path


def stored(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(folder / "driftline.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def windows(folder: Path) -> set[tuple[str, str, str, datetime]]:
    return set(stored(folder, "select signal, metric, feature, window_end from metrics"))


def test_signals_that_need_a_late_join_look_at_the_window_that_ends_so_much_earlier(folder: Path):
    result = run_project(load_project(folder / "driftline.yml"), at="2026-03-09")
    own, late = datetime(2026, 3, 9), datetime(2026, 3, 6)
    assert windows(folder) == {
        ("data_drift", "normalized_wasserstein_distance", "x", own),
        ("data_quality", "null_value_rate", "x", own),
        ("data_quality", "row_count", "__all__", own),
        ("data_quality", "match_rate", "labels", late),
        ("prediction_drift", "normalized_wasserstein_distance", "y", late),
    } | {("data_drift", "normalized_wasserstein_distance", "id", own),
         ("data_quality", "null_value_rate", "id", own)}  # fmt: skip
    (means,) = stored(
        folder, "select mean from profiles where feature = 'y' and side = 'production'"
    )
    assert means == (52.5,)
    (matched,) = [row for row in result.metrics if row["metric"] == "match_rate"]
    assert matched["value"] == pytest.approx(23 / 24)
    assert (matched["threshold"], matched["status"]) == (0.9, "ok")
    assert matched["summary"] == "96 % of 24 rows matched"
    (one,) = result.runs
    assert (one["window_count"], one["status"]) == (2, "succeeded")
    assert stored(folder, "select count(*) from runs") == [(1,)]


def test_each_window_keeps_what_both_runs_found_of_it_in_either_order(folder: Path):
    project = load_project(folder / "driftline.yml")
    for at in ("2026-03-06", "2026-03-09", "2026-03-06"):
        run_project(project, at=at)
    found_ = stored(
        folder,
        "select signal, metric, feature from metrics where window_end = '2026-03-06' order by all",
    )
    assert found_ == [
        ("data_drift", "normalized_wasserstein_distance", "id"),
        ("data_drift", "normalized_wasserstein_distance", "x"),
        ("data_quality", "match_rate", "labels"),
        ("data_quality", "null_value_rate", "id"),
        ("data_quality", "null_value_rate", "x"),
        ("data_quality", "row_count", "__all__"),
        ("prediction_drift", "normalized_wasserstein_distance", "y"),
    ]
    kept = "select distinct feature from {} where window_end = '2026-03-06' order by 1"
    for name in ("profiles", "histograms"):
        assert stored(folder, kept.format(name)) == [("id",), ("x",), ("y",)]
    assert stored(folder, "select feature, role, included from features order by 1") == [
        ("at", "excluded", False),
        ("id", "feature", True),
        ("x", "feature", True),
        ("y", "prediction", True),
    ]


def test_the_newest_match_rate_is_among_the_latest_though_its_window_is_older(folder: Path):
    text = PROJECT.replace("    columns: {prediction: y}\n", "").replace(
        "      prediction_drift: {wasserstein: null}\n", ""
    )
    (folder / "driftline.yml").write_text(text, "utf-8")
    project = load_project(folder / "driftline.yml")
    for at in ("2026-03-06", "2026-03-09"):
        run_project(project, at=at)
    latest = "select metric, feature, window_end from {} order by all"
    late = ("match_rate", "labels", datetime(2026, 3, 6))
    rows = stored(folder, latest.format("latest_metrics"))
    assert late in rows
    assert {end for _, name, end in rows if name != "labels"} == {datetime(2026, 3, 9)}
    kept = stored(folder, "select feature, window_end from data_quality where is_latest")
    assert {end for name, end in kept if name != "labels"} == {datetime(2026, 3, 9)}
    assert ("labels", datetime(2026, 3, 6)) in kept
    bins = stored(folder, "select distinct window_end from bin_comparison where is_latest")
    assert bins == [(datetime(2026, 3, 9),)]
    assert stored(folder, "select row_count from monitor_status") == [(24,)]


def test_a_run_of_the_late_signal_alone_leaves_the_other_rows(folder: Path):
    from driftline.engine.selection import parse_selection

    project = load_project(folder / "driftline.yml")
    run_project(project, at="2026-03-09")
    before = windows(folder)
    chosen = parse_selection("signal:prediction_drift")
    (part,) = run_project(project, at="2026-03-09", selection=chosen).monitors
    assert {row["signal"] for row in part.metrics} == {"prediction_drift"}
    assert windows(folder) == before


def test_a_rolling_reference_of_a_late_signal_moves_with_its_window(folder: Path):
    text = PROJECT.replace("{table: training.parquet}", "{window: {size: P2D}}")
    (folder / "driftline.yml").write_text(text.replace("columns: {prediction: y}",
        "columns: {prediction: y}\n    features: [x]"), "utf-8")  # fmt: skip
    run_project(load_project(folder / "driftline.yml"), at="2026-03-09")
    spans = stored(
        folder, "select distinct signal, reference_start, reference_end from metrics"
        " where reference <> '__all__' order by 1",
    )  # fmt: skip
    assert spans == [
        ("data_drift", datetime(2026, 3, 6), datetime(2026, 3, 8)),
        ("data_quality", datetime(2026, 3, 6), datetime(2026, 3, 8)),
        ("prediction_drift", datetime(2026, 3, 3), datetime(2026, 3, 5)),
    ]


def test_a_window_without_rows_has_no_match_rate(folder: Path):
    result = run_project(load_project(folder / "driftline.yml"), at="2026-02-01", store=False)
    (row,) = [row for row in result.metrics if row["metric"] == "match_rate"]
    assert (row["value"], row["status"], row["n_production"]) == (None, "insufficient_data", 0)
    assert row["reason"] == "the window has no rows"


def test_the_reference_id_and_the_measure_hash_know_the_joins(folder: Path):
    def ids(text: str) -> tuple[str, str]:
        (folder / "driftline.yml").write_text(text, "utf-8")
        result = run_project(load_project(folder / "driftline.yml"), at="2026-03-09", store=False)
        (reference,) = {
            r["reference_id"] for r in result.metrics if r["signal"] == "prediction_drift"
        }
        return reference, result.runs[0]["measure_hash"]

    rows = pq.read_table(folder / "training.parquet")
    pq.write_table(rows.drop_columns(["y"]), folder / "training.parquet")
    labels = pq.read_table(folder / "labels.parquet")
    pq.write_table(labels, folder / "other.parquet")
    first = ids(PROJECT)
    assert ids(PROJECT) == first
    second = ids(PROJECT.replace("labels.parquet", "other.parquet"))
    assert second[0] != first[0]
    assert second[1] != first[1]


def test_the_table_is_read_no_more_often_for_columns_of_its_own(folder: Path):
    def steps(text: str) -> list[str]:
        (folder / "driftline.yml").write_text(text, "utf-8")
        (only,) = run_project(load_project(folder / "driftline.yml"), store=False).monitors
        return [row["step"] for row in only.statements]

    plain = PROJECT[: PROJECT.index("    join:")] + "    signals: {data_drift: {js: null}}\n"
    join_ = "    join: [{name: labels, table: labels.parquet, on: {id: id}, timestamp: seen}]\n"
    assert steps(plain + join_) == ["matches", *steps(plain)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_join_is_said_in_every_dialect(folder: Path, dialect: str):
    (first, late) = compile_project(
        load_project(folder / "driftline.yml"), dialect=dialect, at="2026-03-09"
    )
    assert (first.window_end, late.window_end) == (datetime(2026, 3, 9), datetime(2026, 3, 6))
    assert not any("LEFT JOIN" in each.sql.upper() for each in first.statements)
    reading = [each for each in late.statements if each.step in ("joined", "histogram")]
    assert any("ROW_NUMBER" in each.sql.upper() for each in reading)
    assert all("driftline_scan_" not in each.sql for each in late.statements)


def test_nothing_of_a_join_is_left_in_the_session(folder: Path):
    from driftline.engine.warehouses.duckdb import DuckDB

    session = DuckDB({})
    run_project(
        load_project(folder / "driftline.yml"), warehouse=session, at="2026-03-09", store=False
    )
    names = session.fetch("select table_name from duckdb_tables()")["table_name"].to_pylist()
    session.close()
    assert not [name for name in names if "joined" in name]


# The command line


def invoke(folder: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*arguments, "--project", str(folder / "driftline.yml")])
    return result.exit_code, result.output + result.stderr


def test_a_match_rate_below_its_threshold_is_a_breach(folder: Path):
    text = PROJECT.replace("match_rate: 0.9", "match_rate: {min: 0.99}")
    (folder / "driftline.yml").write_text(text, "utf-8")
    code, told = invoke(folder, "run", "--at", "2026-03-09")
    assert code == 1
    assert "labels" in told
    assert "96 % of 24 rows matched" in told


def test_a_joined_file_that_is_missing_is_named_with_its_join(folder: Path):
    (folder / "labels.parquet").unlink()
    code, told = invoke(folder, "run", "--at", "2026-03-09")
    assert code == 3
    assert "monitor m, join labels: no file matches labels.parquet" in told.replace("\n", " ")


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ("[{name: a, table: l.csv, on: {}}]", "join[0].on: needs 1 or more, has 0"),
        ('[{name: a, table: l.csv, on: {id: ""}}]', "join[0].on.id: must not be empty"),
        ("[{name: a, table: l.csv}]", "join[0].on: is missing"),
        (
            "[{name: a, table: l.csv, on: {i: i}}, {name: a, table: k.csv, on: {i: i}}]",
            "join[1].name: two joins are called 'a'",
        ),
        (
            "[{name: a, table: l.csv, on: {i: i}, delay: P1D}]",
            "join[0].delay: a delay moves the window back, and production has none;"
            " give production.window",
        ),
        ("[{name: a, table: l.csv, on: {i: i}, delay: soon}]", "join[0].delay: "),
    ],
)
def test_what_is_wrong_with_a_join_is_said_with_its_place(
    tmp_path: Path, section: str, complaint: str
):
    text = (
        "monitors:\n  - name: m\n    production: {table: s.csv}\n    reference: {table: t.csv}\n"
        f"    join: {section}\n"
    )
    (tmp_path / "driftline.yml").write_text(text, "utf-8")
    with pytest.raises(ConfigError) as refused:
        load_project(tmp_path / "driftline.yml")
    assert f"driftline.yml:5: monitors[m].{complaint}" in str(refused.value)


def test_a_match_rate_without_a_join_is_refused(tmp_path: Path):
    text = (
        "monitors:\n  - name: m\n    production: {table: s.csv}\n    reference: {table: t.csv}\n"
        "    signals: {data_quality: {match_rate: 0.9}}\n"
    )
    (tmp_path / "driftline.yml").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match="match_rate needs join"):
        load_project(tmp_path / "driftline.yml")


def test_a_join_that_cannot_be_read_fails_what_needs_it_and_nothing_else(folder: Path):
    with duckdb.connect(str(folder / "ware.duckdb")) as connection:
        for name in ("scored", "training"):
            connection.execute(f"create table {name} as from '{folder / name}.parquet'")
        connection.execute(
            "create view labels as select cast('one' || id as bigint) as id, seen, y"
            f" from '{folder / 'labels'}.parquet'"
        )
    text = PROJECT.replace(".parquet", "").replace(", delay: P3D", "")
    database = f"connection: {{database: {folder / 'ware.duckdb'}}}\n"
    (folder / "driftline.yml").write_text(database + text, "utf-8")
    code, told = invoke(folder, "run", "--at", "2026-03-09")
    assert code == 4, told
    failed = stored(
        folder, "select distinct feature, metric from metrics where status = 'error' order by all"
    )
    assert failed == [("labels", "match_rate"), ("y", "normalized_wasserstein_distance")]
    assert stored(folder, "select status from runs") == [("partial",)]
