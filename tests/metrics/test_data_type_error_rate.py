"""The data type error rate: by hand, by its definition, by its properties, at its corners."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import oracles
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import searched
from support import PATHS, score

METRIC = "data_type_error_rate"

NUMBERS = [i + 0.5 for i in range(40)]
WHOLE = list(range(40))
SPELLINGS = (
    *("1", "-1", "+1", " 12 ", "1.", ".5", "-.5", "1e2", "1E-2", "7.0", "1e400", "-1e400", "00"),
    *("", " ", ".", "-", "e5", "1e", "1 2", "1,5", "1_000", "0x1F", "12d", "NaN", "inf", "abc"),
    *("１２", "1\t", "\n1", "--1", "1e2.5", '"; drop table x; --'),
)


def row(reference: list | pa.Array, production: list | pa.Array, path: str = "small") -> dict:
    return score({"x": reference}, {"x": production}, metrics=[METRIC], path=path)["x", METRIC]


# By hand


def test_two_of_four_texts_that_are_no_numbers_are_one_half():
    assert row(NUMBERS, ["1.5", "two", "", "4"])["value"] == 0.5


# Oracle


@searched
@given(
    texts=st.lists(st.none() | st.sampled_from(SPELLINGS) | st.text(max_size=5), min_size=1),
    whole=st.booleans(),
    path=st.sampled_from(PATHS),
)
def test_it_equals_its_definition_on_any_text(texts: list[str | None], whole: bool, path: str):
    wrong = oracles.numbers(texts, whole=whole).type_errors
    column = pa.array(texts, pa.string())
    # one quotient of two counts: no tolerance
    assert row(WHOLE if whole else NUMBERS, column, path)["value"] == wrong / len(texts)


@pytest.mark.parametrize("path", PATHS)
def test_every_spelling_is_judged_as_the_definition_does(path: str):
    # one column a spelling
    names = {f"{number}": text for number, text in enumerate(SPELLINGS)}
    found = score(
        dict.fromkeys(names, NUMBERS),
        {name: [text] for name, text in names.items()},
        metrics=[METRIC],
        path=path,
    )
    wrong = {text for name, text in names.items() if found[name, METRIC]["value"] == 1}
    assert wrong == {text for text in SPELLINGS if oracles.numbers([text]).type_errors}


# Properties


@pytest.mark.parametrize("path", PATHS)
def test_what_casts_joins_the_numbers(path: str):
    texts = [str(x) for x in NUMBERS]
    found = score({"x": NUMBERS}, {"x": [*texts, "x"]}, path=path)
    same = score({"x": NUMBERS}, {"x": [*NUMBERS, None]}, path=path)
    for metric in ("jensen_shannon_distance", "normalized_wasserstein_distance"):
        assert found["x", metric]["value"] == same["x", metric]["value"] == 0


@pytest.mark.parametrize("path", PATHS)
def test_errors_nulls_and_values_add_up_to_all_rows(path: str):
    texts = pa.array(["1", None, "x", "2.5", "inf", None, ""])
    found = score({"x": NUMBERS}, {"x": texts}, path=path)
    profile = found.profile("x", "production")
    bins = sum(row["n_production"] for row in found.histogram("x"))
    assert (profile["null_count"], profile["type_error_count"], bins) == (2, 3, 2)


# Corners


def test_a_fraction_does_not_cast_to_a_column_of_whole_numbers():
    assert row(WHOLE, ["1.5", "7.0", "7", "1e1"])["value"] == 0.25


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1.5, 2.25]),
        pa.array([1.5, 2.5], pa.float32()),
        pa.array([Decimal("1.5"), Decimal("2.5")]),
        pa.array([1, 2], pa.int8()),
        pa.array([1, 2], pa.uint64()),
    ],
    ids=str,
)
def test_native_numbers_are_compatible_with_whole_ones(column: pa.Array):
    assert row(WHOLE, column)["value"] == 0


def test_text_is_any_type_written_out():
    assert row(["a", "b"], [1.5, 2.5])["value"] == 0
    assert row(["a", "b"], [True, False])["value"] == 0


def test_booleans_may_be_spelled_as_text_or_as_0_and_1():
    booleans = [True, False]
    assert row(booleans, ["true", "FALSE", "t", "F", "1", "0", "yes", ""])["value"] == 0.25
    assert row(booleans, [0, 1, 2])["value"] == pytest.approx(1 / 3)


def test_dates_are_not_numbers():
    assert row(NUMBERS, [date(2026, 1, 1), None])["value"] == 0.5


def test_text_against_dates_must_look_like_a_date():
    dates = [date(2026, 1, 1)]
    texts = ["2026-01-01", "2026-01-01 10:00:00Z", "yesterday", None]
    assert row(dates, pa.array(texts))["value"] == 0.25


@pytest.mark.parametrize("path", PATHS)
def test_nulls_are_not_errors(path: str):
    assert row(NUMBERS, pa.array([None, None], pa.string()), path)["value"] == 0


def test_an_empty_window_has_no_rate():
    assert row(NUMBERS, pa.array([], pa.string()))["value"] is None
