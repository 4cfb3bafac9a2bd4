"""Drift is split into what segments' shares and what happened within segments make up."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import driftline
from driftline.cli import app
from driftline.engine.explain import Bins, bins_of, parts_of, segments_of
from driftline.engine.project import Segmentation

ALL = "__all__"
CELLS = st.dictionaries(
    st.sampled_from("abcd"),
    st.dictionaries(
        st.sampled_from([(k,) for k in range(4)]),
        st.tuples(st.integers(0, 50), st.integers(0, 50)),
        max_size=4,
    ),
    min_size=1,
    max_size=4,
)


def divergence(p: np.ndarray, q: np.ndarray) -> float:
    return float(np.sum(p * np.log(p / q)))


@given(CELLS)
def test_mix_and_within_are_the_divergence_of_segments_and_bins_together(segments: dict[str, Bins]):
    rows = [sum(c[side] for of in segments.values() for c in of.values()) for side in (0, 1)]
    found = parts_of(segments)
    if not all(rows):
        assert found == []
        return
    used = sorted({b for of in segments.values() for b, c in of.items() if any(c)})
    tables = [
        np.array([[of.get(b, (0, 0))[side] + 0.5 for b in used] for of in segments.values()])
        for side in (0, 1)
    ]
    q, p = (table / table.sum() for table in tables)
    whole, *parts = found
    assert whole.mix + whole.within == pytest.approx(divergence(p, q), abs=1e-12)
    assert whole.mix == pytest.approx(divergence(p.sum(axis=1), q.sum(axis=1)), abs=1e-12)
    assert whole.segment == ALL
    for part in parts:
        assert part.within >= 0
        k = [*segments].index(part.segment)
        within = divergence(p[k] / p[k].sum(), q[k] / q[k].sum()) * p[k].sum()
        assert part.within == pytest.approx(within, abs=1e-12)


def test_shares_that_moved_are_mix_and_nothing_else():
    # by hand: a's 1 to 3 becomes 3 to 1, both bins of each alike
    many = 10**9
    whole, *_ = parts_of(
        {
            "a": {(0,): (many, 3 * many), (1,): (many, 3 * many)},
            "b": {(0,): (3 * many, many), (1,): (3 * many, many)},
        }
    )
    assert whole.mix == pytest.approx(0.75 * math.log(3) + 0.25 * math.log(1 / 3), abs=1e-6)
    assert whole.within == pytest.approx(0, abs=1e-9)


def test_what_happens_in_one_segment_is_within_it_alone():
    many = 10**9
    whole, first, second = parts_of(
        {
            "a": {(0,): (many, 3 * many), (1,): (3 * many, many)},
            "b": {(0,): (4 * many, 4 * many), (1,): (many, many)},
        }
    )
    assert whole.mix == pytest.approx(0, abs=1e-9)
    assert (first.segment, second.within) == ("a", pytest.approx(0, abs=1e-9))
    assert first.within == pytest.approx(
        4 / 9 * (0.75 * math.log(3) + 0.25 * math.log(1 / 3)), abs=1e-6
    )


def test_new_categories_are_one_bin_whatever_they_are():
    row = {"segment": "k=a", "kind": "new", "lower_bound": None}
    rows = [
        {**row, "label": label, "n_reference": 0, "n_production": n}
        for label, n in (("x", 2), ("y", 3))
    ]
    assert bins_of(rows) == {"k=a": {("new",): (0.0, 5.0)}}


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        (("k",), ["K=1", "k=a, b=c"]),
        (("k", "l"), ["k=1, l=2", "k=a, b, l=x"]),
        (("l",), ["l=3"]),
    ],
)
def test_names_tell_which_segmentation_a_segment_is_of(columns: tuple[str, ...], wanted: list[str]):
    every = [Segmentation(("k",)), Segmentation(("k", "l")), Segmentation(("l",))]
    names = ["__all__", "far", "K=1", "k=a, b=c", "k=1, l=2", "k=a, b, l=x", "l=3"]
    found = segments_of(Segmentation(columns), every, {name: {} for name in names})
    assert [*found] == wanted


def test_a_condition_is_held_against_the_rest():
    bins = {ALL: {(0,): (5.0, 7.0), (1,): (2.0, 2.0)}, "far": {(0,): (1.0, 3.0)}}
    found = segments_of(Segmentation(name="far", where="x > 1"), (), bins)
    assert found == {"far": bins["far"], "not far": {(0,): (4.0, 4.0), (1,): (2.0, 2.0)}}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explained")
    rng = np.random.default_rng(1)
    for name, share, moved in (("reference", 0.5, 0.0), ("production", 0.2, 1.0)):
        k = np.where(rng.random(4000) < share, "a", "b")
        x = rng.normal(0, 1, 4000) + moved * (k == "a")
        pq.write_table(
            pa.table({"k": k, "x": x, "y": rng.random(4000)}), folder / f"{name}.parquet"
        )
    path = folder / "driftline.yml"
    path.write_text(
        "monitors: [{name: m, production: {table: production.parquet},"
        ' reference: {table: reference.parquet}, segments: [k, {name: high, where: "y > 0.5"}]}]'
    )
    driftline.run(path)
    return path


def test_the_newest_window_is_explained_by_every_segmentation(file: Path):
    rows = driftline.explain(file, "m").to_pylist()
    assert [(r["feature"], r["by"]) for r in rows if r["segment"] == ALL] == [
        ("x", "k"), ("y", "k"), ("x", "high"), ("y", "high"),
    ]  # fmt: skip
    by = {(r["feature"], r["by"], r["segment"]): r for r in rows}
    assert by["y", "k", "k=a"]["share_production"] == pytest.approx(0.2, abs=0.03)
    # y is the same in both: what moved is who is there
    whole = by["y", "k", ALL]
    assert whole["within"] < 0.02
    assert whole["mix"] > 0.15
    assert by["x", "k", "k=a"]["within"] > 5 * by["x", "k", "k=b"]["within"]
    assert {s for f, b, s in by if b == "high"} == {ALL, "high", "not high"}


def test_the_command_tells_features_and_their_segments(file: Path):
    found = CliRunner().invoke(
        app, ["--project", str(file), "explain", "m", "--feature", "x", "--by", "k"]
    )
    assert found.exit_code == 0
    lines = found.stdout.splitlines()
    assert lines[0].startswith("x by k · m: ")
    assert "% of it mix" in lines[0]
    assert len([line for line in lines if line.strip().startswith("k=")]) == 2


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"monitor": "n"}, "there is no monitor 'n'"),
        ({"by": "l"}, "there is no segmentation 'l'"),
        ({"feature": "z"}, "there is no feature with stored bins 'z'"),
        ({"reference": "older"}, "there is no reference 'older'"),
    ],
)
def test_what_is_not_there_is_told_by_name(file: Path, asked: dict[str, str], message: str):
    with pytest.raises(driftline.ConfigError, match=message):
        driftline.explain(file, **asked)


def test_a_monitor_without_segments_has_nothing_to_explain(tmp_path: Path):
    path = tmp_path / "driftline.yml"
    path.write_text("monitors: [{name: m, production: {table: a.csv}, reference: {table: b.csv}}]")
    with pytest.raises(driftline.ConfigError, match="monitor m has no segments"):
        driftline.explain(path, "m")
