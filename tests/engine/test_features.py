"""Which columns are watched, and as what, is decided from names and types alone."""

from __future__ import annotations

import pytest
from support import monitor, score

from driftline.engine.conventions import CONVENTIONS, DRIFTLINE
from driftline.engine.errors import SourceError
from driftline.engine.features import (
    few_values,
    match_column,
    may_be_categorical,
    need_column,
    selected,
    text_is_free,
    watch,
)
from driftline.engine.project import (
    FeatureSelection,
    FeatureSettings,
    Production,
    Roles,
    Signal,
    Source,
)
from driftline.engine.warehouses.base import Column


def column(name: str, kind: str = "float") -> Column:
    return Column(name, kind.upper(), kind)


def watched(ours: list[Column], theirs: list[Column], **given: object) -> dict:
    """What becomes of the reference's columns and production's, by name."""
    return {item.name: item for item in watch(monitor(**given), ours, theirs)}


# Names


def test_the_exact_name_comes_before_one_of_another_case():
    columns = [column("AGE"), column("age")]
    assert match_column("age", columns, where="here") is columns[1]


def test_a_single_name_of_another_case_matches():
    assert match_column("age", [column("Age")], where="here").name == "Age"


def test_several_names_of_another_case_are_ambiguous():
    with pytest.raises(SourceError, match="here: column 'age' could be any of AGE, Age"):
        match_column("age", [column("AGE"), column("Age")], where="here")


def test_an_unknown_name_matches_nothing():
    assert match_column("age", [column("wage")], where="here") is None


def test_letters_that_fold_to_others_match():
    assert match_column("STRASSE", [column("straße")], where="here").name == "straße"


def test_a_missing_column_of_a_role_is_told_with_those_that_are_there():
    with pytest.raises(SourceError, match="there is no column 'at' for the timestamp") as caught:
        need_column("at", [column("age"), column("wage")], where="here", role="timestamp")
    assert caught.value.hint == "the table has age, wage"


def test_results_carry_the_references_spelling():
    found = score({"Age": [1.5, 2.5]}, {"aGE": [1.5, 2.5]})
    assert found.feature("Age")["included"] is True
    assert {row["feature"] for row in found.run.metrics} == {"Age", "__all__"}


# Selection


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (FeatureSelection(), {"age", "shap_age", "plan"}),
        (FeatureSelection(include=("*age",)), {"age", "shap_age"}),
        (FeatureSelection(exclude=("shap_*",)), {"age", "plan"}),
        (FeatureSelection(named=("plan",)), {"plan"}),
        (FeatureSelection(named=("PLAN",)), {"plan"}),
    ],
)
def test_features_are_taken_by_pattern_or_by_name(selection: FeatureSelection, taken: set[str]):
    assert {n for n in ("age", "shap_age", "plan") if selected(selection, n)} == taken


def test_a_listed_name_that_neither_side_has_is_an_error_with_the_nearest():
    with pytest.raises(SourceError, match="neither side has a column 'wages'") as caught:
        watched([column("wage")], [column("wage")], features=FeatureSelection(named=("wages",)))
    assert caught.value.hint == "did you mean 'wage'?"


# What becomes of a column


@pytest.mark.parametrize(
    ("kind", "route"),
    [
        ("float", "number"),
        ("decimal", "number"),
        ("integer", "number"),
        ("text", "category"),
        ("boolean", "category"),
        ("date", "count"),
        ("timestamp", "count"),
        ("timestamptz", "count"),
        ("other", "count"),
    ],
)
def test_a_column_is_read_by_the_references_type(kind: str, route: str):
    item = watched([column("x", kind)], [column("x", "text")])["x"]
    assert item.route == route
    assert (item.role == "excluded") == (route == "count")


@pytest.mark.parametrize(
    ("kind", "asked", "route"),
    [
        ("float", "categorical", "category"),
        ("text", "numerical", "number"),
        ("timestamp", "numerical", "number"),
        ("date", "numerical", "number"),
        ("boolean", "numerical", "number"),
        ("other", "numerical", "count"),
    ],
)
def test_settings_say_how_a_column_is_read(kind: str, asked: str, route: str):
    settings = {"x": FeatureSettings(type=asked)}
    item = watched([column("x", kind)], [column("x", kind)], settings=settings)["x"]
    assert item.route == route


def test_a_column_of_the_reference_alone_is_left_out_with_the_reason():
    found = watched([column("a"), column("b")], [column("a")])
    assert (found["b"].role, found["b"].id) == ("excluded", -1)
    assert found["b"].reason == "production has no such column"


def test_a_column_of_production_alone_is_left_out_with_the_reason():
    found = watched([column("a")], [column("a"), column("b")])
    assert found["b"].reason == "the reference has no such column"


def test_a_timestamp_is_no_feature():
    source = Source("production", table=("production",))
    found = watched(
        [column("a"), column("at", "timestamp")],
        [column("a"), column("at", "timestamp")],
        production=Production(source, timestamp="AT"),
    )
    assert (found["at"].role, found["at"].reason) == ("excluded", "the timestamp column")


@pytest.mark.parametrize(("role", "kept"), [("correlation_id", "excluded"), ("actual", "actual")])
def test_columns_with_a_role_are_no_features(role: str, kept: str):
    columns = [column("a"), column("y")]
    found = watched(columns, columns, roles=Roles(**{role: "y"}))
    assert (found["y"].role, found["y"].id) == (kept, -1)


def test_a_column_with_a_role_is_a_feature_where_it_is_listed():
    columns = [column("a"), column("y")]
    found = watched(
        columns, columns, roles=Roles(actual="y"), features=FeatureSelection(named=("a", "y"))
    )
    assert found["y"].role == "feature"


def test_a_prediction_is_watched_by_prediction_drift_alone():
    columns = [column("a"), column("p")]
    rules = monitor().signals[0].rules
    signals = (
        Signal("data_drift", "data_drift", "reference", rules),
        Signal("prediction_drift", "prediction_drift", "reference", rules),
    )
    found = watched(columns, columns, roles=Roles(prediction="p"), signals=signals)
    assert (found["p"].role, found["p"].signals) == ("prediction", ("prediction_drift",))
    assert found["a"].signals == ("data_drift",)


def test_ids_follow_the_references_order():
    found = watched([column("b"), column("a")], [column("a"), column("b")])
    assert [(name, item.id) for name, item in found.items()] == [("b", 0), ("a", 1)]


# Types that the values decide


@pytest.mark.parametrize(
    ("distinct", "categorical"), [(1, True), (20, True), (21, False), (0, False), (None, False)]
)
def test_at_most_twenty_values_are_few(distinct: int | None, categorical: bool):
    assert few_values(DRIFTLINE, distinct, 1000) is categorical


@pytest.mark.parametrize(
    ("kind", "stated", "may"),
    [
        ("integer", None, True),
        ("integer", "numerical", False),
        ("float", None, False),
        ("decimal", None, False),
        ("text", None, False),
    ],
)
def test_only_whole_numbers_whose_type_is_not_stated_may_be_categories(
    kind: str, stated: str | None, may: bool
):
    settings = {"x": FeatureSettings(type=stated)} if stated else {}
    of_x = monitor(settings=settings)
    (item,) = watch(of_x, [column("x", kind)], [column("x", kind)])
    assert may_be_categorical(of_x, item) is may


@pytest.mark.parametrize(
    ("distinct", "rows", "categorical"), [(2, 40, False), (2, 41, True), (1000, 20_001, True)]
)
def test_under_azure_few_values_are_fewer_than_a_twentieth_of_the_rows(
    distinct: int, rows: int, categorical: bool
):
    assert few_values(CONVENTIONS["azure"], distinct, rows) is categorical


@pytest.mark.parametrize(
    ("distinct", "rows", "free"),
    [(100, 100, False), (101, 101, True), (101, 202, False), (101, 201, True), (500, 900, True)],
)
def test_text_with_more_than_a_hundred_values_in_most_rows_is_free(
    distinct: int, rows: int, free: bool
):
    assert text_is_free(column("x", "text"), distinct, rows) is free


@pytest.mark.parametrize("path", ["small", "grid", "coarse"])
@pytest.mark.parametrize(("distinct", "kind"), [(20, "categorical"), (21, "numerical")])
def test_the_twenty_first_value_makes_whole_numbers_numerical(path: str, distinct: int, kind: str):
    # far apart, so that each value has a fine bin of its own
    values = [10**6 * (k % distinct) for k in range(200)]
    found = score({"x": values}, {"x": values}, path=path, metrics=["chebyshev_distance"])
    assert found.feature("x")["feature_type"] == kind


def test_free_text_is_left_out_with_the_counts():
    texts = [f"id {k}" for k in range(150)]
    found = score({"x": texts}, {"x": texts})
    row = found.feature("x")
    assert (row["included"], row["role"], row["feature_type"]) == (False, "excluded", None)
    assert row["reason"] == "150 distinct texts in 150 rows: ids or free text, not categories"


def test_free_text_is_still_checked_for_nulls_and_types():
    texts = [f"id {k}" for k in range(150)]
    found = score({"x": texts}, {"x": [*texts, None]})
    metrics = {metric for feature, metric in found.by_key if feature == "x"}
    assert metrics == {"null_value_rate", "data_type_error_rate"}


def test_settings_keep_free_text_as_categories():
    texts = [f"id {k}" for k in range(150)]
    found = score({"x": texts}, {"x": texts}, types={"x": "categorical"})
    assert found.feature("x")["feature_type"] == "categorical"


def test_settings_keep_few_whole_numbers_as_numbers():
    found = score({"x": [1, 2, 3]}, {"x": [1, 2, 3]}, types={"x": "numerical"})
    assert found.feature("x")["feature_type"] == "numerical"


def test_where_the_sides_share_no_column_the_run_says_so():
    with pytest.raises(SourceError, match="no column is left to watch"):
        score({"a": [1.5]}, {"b": [1.5]})
