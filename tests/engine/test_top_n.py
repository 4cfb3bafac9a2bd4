"""The most important features are watched, and those left out say why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from azure_runs import CASES
from support import Scores, score, signals, table

import driftline
from driftline.engine.project import Attribution, FeatureSelection

BY = Attribution("columns", "by_")
WEIGHTS = {"a": 5.0, "b": 4.0, "c": 3.0, "d": 2.0, "e": 1.0}
VALUES = [1.5, 2.5, 3.5, 9.0]


def side(weights: dict[str, float] = WEIGHTS, **columns: list[object] | None) -> dict[str, list]:
    given = dict.fromkeys(WEIGHTS, VALUES) | columns
    return {
        **{name: values for name, values in given.items() if values is not None},
        **{f"by_{name}": [weight, -weight] for name, weight in weights.items()},
    }


def watched(
    reference: dict[str, list], production: dict[str, list], n: int = 2, **given: object
) -> Scores:
    selection = FeatureSelection(top_n=n, attribution=BY)
    return score(
        reference,
        production,
        **{
            "signals": signals(["jensen_shannon_distance", "null_value_rate"]),
            "features": selection,
            **given,
        },
    )


def measured(found: Scores, metric: str = "jensen_shannon_distance") -> set[str]:
    return {*found.values(metric)}


def test_the_first_few_by_the_references_importance_are_watched():
    # production holds the others for more important, which decides nothing
    found = watched(side(), side(dict(zip("abcde", range(5), strict=True))))
    assert measured(found) == measured(found, "null_value_rate") == {"a", "b"}
    assert {row["feature"] for row in found.run.histograms} == {"a", "b"}
    assert {row["feature"] for row in found.run.profiles} == {"a", "b"}


def test_what_is_left_out_tells_its_rank_and_why():
    found = watched(side(), side())
    row = found.feature("d")
    assert (row["included"], row["role"]) == (False, "excluded")
    assert (row["importance"], row["importance_rank"]) == (2.0, 4)
    told = "watches the first 2: rank 4 of 5 by importance 2"
    assert row["reason"] == f"data_drift {told}; data_quality {told}"
    assert (found.feature("a")["included"], found.feature("a")["importance_rank"]) == (True, 1)
    assert found["a", "jensen_shannon_distance"]["importance_rank"] == 1


def test_those_that_cannot_be_watched_take_nobodys_place():
    texts = [f"text {k}" for k in range(200)]
    found = watched(side(a=texts), side(a=texts, b=None))
    assert measured(found) == {"c", "d"}
    # what they are stays told
    assert found.feature("a")["reason"] is not None
    assert found.feature("b")["reason"] == "production has no such column"
    assert measured(found, "null_value_rate") == {"a", "c", "d"}


@pytest.mark.parametrize(("gone", "included"), [("b", ["b"]), ("e", [])])
def test_what_production_lost_is_told_of_the_first_few_alone(
    gone: str, included: list[str], tmp_path: Path
):
    path = project(tmp_path)
    driftline.run(path, at="2026-01-02")
    pq.write_table(table(side(**{gone: None})), tmp_path / "production.parquet")
    (found,) = driftline.run(path, at="2026-01-03").monitors
    missing = [row["feature"] for row in found.metrics if row["metric"] == "missing_feature"]
    assert missing == included


def test_a_feature_that_is_selected_by_itself_is_ranked_among_all(tmp_path: Path):
    path = project(tmp_path)
    driftline.run(path, at="2026-01-02")
    for name, rows in (("b", 1), ("c", 0)):
        (found,) = driftline.run(path, at="2026-01-02", select=f"feature:{name}").monitors
        drift = [row for row in found.metrics if row["metric"] == "jensen_shannon_distance"]
        assert len(drift) == rows


def test_verdicts_are_judged_again_without_asking_for_those_left_out(tmp_path: Path):
    path = project(tmp_path)
    driftline.run(path, at="2026-01-02")
    (found,) = driftline.check(path).monitors
    assert found.unmeasured == ()
    drift = {r["feature"] for r in found.metrics if r["metric"] == "jensen_shannon_distance"}
    assert drift == {"a", "b"}


def project(folder: Path) -> Path:
    for name in ("reference", "production"):
        pq.write_table(table(side()), folder / f"{name}.parquet")
    path = folder / "driftline.yml"
    path.write_text(
        "monitors:\n"
        "  - name: m\n"
        "    min_rows: 0\n"
        "    production: {table: production.parquet}\n"
        "    reference: {table: reference.parquet}\n"
        "    features: {top_n: 2, attribution: {source: columns, prefix: by_}}\n"
        "    signals: {data_drift: [js], data_quality: [nulls]}\n",
        "utf-8",
    )
    return path


def test_equal_importances_are_taken_by_name():
    assert measured(watched(side(dict.fromkeys("abcde", 1.0)), side())) == {"a", "b"}


def test_features_without_an_importance_are_left_out():
    found = watched(side({"e": 1.0}), side(), n=3)
    assert measured(found) == {"e"}
    assert "no importance" in found.feature("a")["reason"]


def test_without_any_importance_all_are_watched_and_it_is_told():
    nothing = {f"by_{name}": pa.nulls(2, pa.float64()) for name in WEIGHTS}
    found = watched({**side(), **nothing}, side())
    assert measured(found) == {*WEIGHTS}
    assert (
        "signal data_drift watches all features instead of the first few:"
        " the reference has no importances"
    ) in found.run.warnings


def test_one_signal_can_watch_fewer_than_another():
    drift, quality = signals(["jensen_shannon_distance", "null_value_rate"])
    fewer = replace(drift, features=FeatureSelection(top_n=1, attribution=BY))
    found = watched(side(), side(), signals=(fewer, quality), features=FeatureSelection())
    assert measured(found) == {"a"}
    assert measured(found, "null_value_rate") == {*WEIGHTS}
    assert found.feature("c")["included"]
    assert (
        found.feature("c")["reason"]
        == "data_drift watches the first 1: rank 3 of 5 by importance 3"
    )


def test_the_source_is_that_of_the_attribution_signal_unless_told():
    (order,) = signals(["normalized_discounted_cumulative_gain"])
    drift, _ = signals(["jensen_shannon_distance"])
    found = watched(
        side(),
        side(),
        signals=(replace(order, attribution=BY), drift),
        features=FeatureSelection(top_n=3),
    )
    assert measured(found) == {"a", "b", "c"}
    # importance is still of all
    assert measured(found, "feature_importance") == {*WEIGHTS}


def test_more_than_there_are_is_all():
    assert measured(watched(side(), side(), n=99)) == {*WEIGHTS}


def test_n_usable_features_come_out_where_the_original_has_fewer():
    case = CASES["selector_top_n"]
    given = case["input"]
    sides = (
        side(given["importance"], **{n: None for n in WEIGHTS if n not in given[which]})
        for which in ("df1", "df2")
    )
    found = watched(*sides, n=given["n"])
    assert measured(found) > {*case["expected"]}
    assert len(measured(found)) == given["n"]
