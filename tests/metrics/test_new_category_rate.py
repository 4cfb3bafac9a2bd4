"""The new category rate: by hand, by its definition, by its properties, at its corners."""

from __future__ import annotations

import oracles
import pytest
from hypothesis import given
from strategies import Pair, category_pairs, columns, searched
from support import PATHS, measured, score

METRIC = "new_category_rate"


def row(reference: tuple, production: tuple, **given: object) -> dict:
    return measured(METRIC, [Pair(reference, production, is_text=True)], **given)[0]


# By hand


def test_one_new_value_among_three_that_are_not_null_is_a_third():
    assert row(("a", "b"), ("a", "b", "c", None))["value"] == pytest.approx(1 / 3, rel=1e-15)


def test_its_rows_are_those_with_a_value():
    found = row(("a", "b", None), ("a", "b", "c", None, None))
    assert (found["n_reference"], found["n_production"]) == (2, 3)


# Oracle


@searched
@given(pairs=columns(category_pairs()))
def test_it_equals_its_definition_on_any_columns(pairs: list[Pair]):
    for found, pair in zip(measured(METRIC, pairs), pairs, strict=True):
        wanted = oracles.categorical(pair.reference, pair.production)[METRIC]
        # one quotient of two counts: no tolerance
        assert found["value"] == wanted


# Properties


@searched
@given(pairs=columns(category_pairs()))
def test_it_is_0_against_the_same_values(pairs: list[Pair]):
    same = [Pair(pair.reference, pair.reference, is_text=True) for pair in pairs]
    for found, pair in zip(measured(METRIC, same), same, strict=True):
        assert found["value"] == (0 if any(x is not None for x in pair.reference) else None)


def test_it_does_not_depend_on_how_many_categories_are_kept():
    labels = tuple(f"c{number}" for number in range(50))
    production = ("c0", "c30", "c49", "new")
    found = {row(labels, production, max_categories=most)["value"] for most in (1, 10, 1000)}
    assert found == {0.25}


# Corners


def test_case_spaces_and_accents_make_a_new_value():
    assert row(("a", "é"), ("A", "a ", "e", "e\u0301"))["value"] == 1


def test_the_empty_text_is_a_value():
    assert row(("a", ""), ("", "a"))["value"] == 0
    assert row(("a",), ("", "a"))["value"] == 0.5


def test_the_ten_largest_new_values_are_named_and_the_rest_is_one_row():
    # value k occurs k times
    production = tuple(f"new {k:02}" for k in range(1, 13) for _ in range(k))
    found = score({"x": ["a", "b"]}, {"x": production}, types={"x": "categorical"})
    new = [(r["label"], r["n_production"]) for r in found.histogram("x") if r["kind"] == "new"]
    assert new == [*((f"new {k:02}", k) for k in range(12, 2, -1)), ("new", 3)]


@pytest.mark.parametrize("path", PATHS)
def test_whole_numbers_told_as_categories_have_new_values_too(path: str):
    found = score({"x": [1, 2, 3] * 10}, {"x": [1, 2, 7, 7]}, metrics=[METRIC], path=path)
    assert found["x", METRIC]["value"] == 0.5


def test_it_cannot_be_computed_without_values():
    assert row(("a",), (None, None))["value"] is None


def test_without_a_reference_every_value_is_new():
    found = row((None, None), ("a", "b"))
    assert found["value"] == 1
    assert found["reference_value"] is None
