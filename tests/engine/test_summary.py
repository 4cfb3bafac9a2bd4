"""One sentence says what moved, with numbers as a person writes them."""

from __future__ import annotations

import pytest

from driftline.engine.judge import judge
from driftline.engine.measure import Measurement
from driftline.engine.summary import bin_label, number, percent, what_moved


def bin_of(kind: str, n: float, m: float, **given: object) -> dict:
    bounds = {"label": None, "lower_bound": None, "upper_bound": None}
    return {"kind": kind, "n_reference": n, "n_production": m, **bounds, **given}


def sentence(
    *bins: dict, metric: str = "jensen_shannon_distance", value: float | None = 0.3, **given: object
) -> str:
    kind = given.pop("feature_type", "categorical")
    means = given.pop("means", (None, None))
    feature = given.pop("feature", "plan")
    found = Measurement("drift", "data_drift", metric, feature, kind, None, value, **given)
    verdict = judge(found, min_rows=0)
    return what_moved(verdict, *({"mean": mean} for mean in means), bins)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (0.0, "0"),
        (1, "1"),
        (64.83, "64.8"),
        (-64.83, "-64.8"),
        (5.0, "5"),
        (0.12345, "0.123"),
        (0.00123, "0.00123"),
        (999.4, "999"),
        (1234.5, "1 234"),
        (1234567, "1 234 567"),
        (1e15, "1.00e+15"),
        (0.0000123, "1.23e-05"),
        (1e-300, "1.00e-300"),
        (0.1 + 0.2, "0.3"),
    ],
)
def test_a_number_has_about_three_digits(value: float | None, text: str):
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "–"),
        (0, "0 %"),
        (1, "100 %"),
        (0.5, "50 %"),
        (0.123, "12 %"),
        (0.0994, "9.9 %"),
        (0.0996, "10 %"),
        (0.0123, "1.2 %"),
        (0.00012, "0.012 %"),
    ],
)
def test_a_share_is_whole_from_ten_percent_and_has_a_digit_below(share: float | None, text: str):
    assert percent(share) == text


def test_the_category_that_moved_most_is_named():
    said = sentence(
        bin_of("category", 50, 40, label="basic"), bin_of("category", 50, 10, label="pro")
    )
    assert said == "the share of basic rose from 50 % to 80 %"


def test_the_empty_text_is_called_that():
    said = sentence(bin_of("category", 50, 40, label=""), bin_of("category", 50, 10, label="a"))
    assert said == "the share of the empty text rose from 50 % to 80 %"


def test_an_interval_after_a_point_leaves_it_out():
    row = bin_of("interval", 1, 1, lower_bound=0.0, upper_bound=2.0)
    assert bin_label(row, after_point=True) == "(0.0, 2.0)"


def test_a_share_that_falls_falls():
    said = sentence(
        bin_of("category", 80, 20, label="basic"),
        bin_of("category", 10, 40, label="pro"),
        bin_of("category", 10, 40, label="free"),
    )
    assert said == "the share of basic fell from 80 % to 20 %"


@pytest.mark.parametrize(
    ("row", "where"),
    [
        (bin_of("other", 1, 9), "of all other values"),
        (bin_of("new", 1, 9, label="gold"), "of the new value gold"),
        (bin_of("new", 1, 9), "of new values"),
        (bin_of("point", 1, 9, lower_bound=0.0, upper_bound=0.0), "of exactly 0"),
        (bin_of("interval", 1, 9, upper_bound=20.0), "below 20"),
        (bin_of("interval", 1, 9, lower_bound=80.0), "above 80"),
        (bin_of("interval", 1, 9, lower_bound=20.0, upper_bound=80.0), "from 20 to 80"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bin_is_told_by_where_it_lies(row: dict, where: str):
    rest = bin_of("interval", 9, 1, lower_bound=3.0, upper_bound=4.0)
    # both bins move alike; the first is told
    assert sentence(row, rest) == f"the share {where} rose from 10 % to 90 %"


def test_of_a_number_the_means_come_first():
    said = sentence(
        bin_of("interval", 91, 79, upper_bound=80.0),
        bin_of("interval", 9, 21, lower_bound=80.0),
        feature_type="numerical",
        means=(64.8, 76.5),
    )
    assert said == "mean 64.8 → 76.5; the share below 80 fell from 91 % to 79 %"


def test_a_change_too_small_to_write_is_told_by_its_size():
    said = sentence(
        bin_of("category", 5000, 5010, label="a"), bin_of("category", 5000, 4990, label="b")
    )
    assert said == "no share moved by more than 0.1 %"


def test_where_nothing_moved_it_says_so():
    assert sentence(bin_of("category", 5, 50, label="a")) == "nothing moved"


def test_without_rows_on_a_side_there_is_nothing_to_tell():
    assert sentence(bin_of("category", 5, 0, label="a")) == "nothing moved"


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("null_value_rate", "nulls 1.0 % → 25 %"),
        ("data_type_error_rate", "type errors 1.0 % → 25 %"),
        ("new_category_rate", "new categories 1.0 % → 25 %"),
        ("out_of_bounds_rate", "out of bounds 25 %; chance alone gives 1.0 %"),
    ],
)
def test_of_a_rate_both_sides_are_told(metric: str, said: str):
    assert sentence(metric=metric, value=0.25, reference_value=0.01) == said


def test_of_the_dataset_the_rows_are_told():
    assert sentence(metric="row_count", feature="__all__", value=12345.0) == "12 345 rows"


def test_without_a_value_the_reason_is_told():
    assert sentence(value=None, reason="production has no values") == "production has no values"


def test_of_a_column_that_failed_only_that_is_told():
    assert sentence(value=None, failed=True, reason="boom") == "the column could not be read"


@pytest.mark.parametrize(
    ("row", "label"),
    [
        (bin_of("category", 1, 1, label="it's"), "it's"),
        (bin_of("category", 1, 1, label=""), ""),
        (bin_of("new", 1, 1, label="gold"), "gold"),
        (bin_of("new", 1, 1), "new"),
        (bin_of("other", 1, 1), "other"),
        (bin_of("point", 1, 1, lower_bound=0.1, upper_bound=0.1), "= 0.1"),
        (bin_of("interval", 1, 1), "(-inf, inf)"),
        (bin_of("interval", 1, 1, upper_bound=1e300), "(-inf, 1e+300)"),
        (bin_of("interval", 1, 1, lower_bound=-0.5, upper_bound=2.0), "[-0.5, 2.0)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_label_of_a_bin_gives_its_bounds_in_full(row: dict, label: str):
    assert bin_label(row) == label
