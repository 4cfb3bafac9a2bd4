"""The catalogue and the SQL files say each thing once and agree about the rest."""

from __future__ import annotations

import math

import pytest

from driftline.engine.catalog import (
    DEFAULT_METRICS,
    METRICS,
    SHORT_NAMES,
    Metric,
    catalog,
)
from driftline.engine.errors import TemplateError


def test_a_line_without_a_sql_file_is_refused():
    with pytest.raises(TemplateError, match="disagree about no_such_metric"):
        catalog(*METRICS.values(), Metric("no_such_metric", "drift", ("numerical",)))


def test_a_sql_file_without_a_line_is_refused():
    with pytest.raises(TemplateError, match="disagree about row_count"):
        catalog(*(metric for metric in METRICS.values() if metric.name != "row_count"))


def test_two_lines_of_one_name_are_refused():
    with pytest.raises(TemplateError, match="share a name"):
        catalog(*METRICS.values(), METRICS["row_count"])


def test_no_short_name_is_given_twice_or_is_a_full_name():
    given = [short for metric in METRICS.values() for short in metric.short]
    assert len(given) == len(set(given)) == len(SHORT_NAMES)
    assert not set(given) & set(METRICS)


@pytest.mark.parametrize(
    ("short", "name"),
    [
        ("js", "jensen_shannon_distance"),
        ("psi", "population_stability_index"),
        ("wasserstein", "normalized_wasserstein_distance"),
        ("ks", "two_sample_kolmogorov_smirnov_test"),
        ("ks_distance", "kolmogorov_smirnov_distance"),
        ("chi2", "pearsons_chi_squared_test"),
        ("chebyshev", "chebyshev_distance"),
        ("hellinger", "hellinger_distance"),
        ("tv", "total_variation_distance"),
        ("nulls", "null_value_rate"),
        ("type_errors", "data_type_error_rate"),
        ("out_of_bounds", "out_of_bounds_rate"),
    ],
)
def test_the_short_names_stand_for_their_metrics(short: str, name: str):
    assert SHORT_NAMES[short] == name


@pytest.mark.parametrize(
    ("name", "kind", "default"),
    [
        ("jensen_shannon_distance", "numerical", 0.1),
        ("population_stability_index", "categorical", 0.1),
        ("normalized_wasserstein_distance", "numerical", 0.25),
        ("kolmogorov_smirnov_distance", "numerical", 0.1),
        ("two_sample_kolmogorov_smirnov_test", "numerical", 0.01),
        ("pearsons_chi_squared_test", "categorical", 0.01),
        ("chebyshev_distance", "numerical", 0.05),
        ("chebyshev_distance", "categorical", 0.1),
        ("hellinger_distance", "numerical", 0.1),
        ("total_variation_distance", "categorical", 0.1),
        ("null_value_rate", "numerical", 0.01),
        ("data_type_error_rate", "categorical", 0.0),
        ("out_of_bounds_rate", "numerical", 0.01),
        ("new_category_rate", "categorical", None),
    ],
)
def test_the_default_thresholds_are_those_that_are_documented(
    name: str, kind: str, default: float | None
):
    assert METRICS[name].default_for(kind) == default


def test_a_default_that_differs_by_type_is_written_out():
    assert METRICS["chebyshev_distance"].default_text == "0.05 numerical, 0.1 categorical"
    assert METRICS["population_stability_index"].default_text == "0.1"
    assert METRICS["new_category_rate"].default_text is None


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_a_bare_number_is_read_on_the_side_that_is_worse(metric: Metric):
    compared = metric.family == "quality" and metric.unit.startswith("share") and metric.types
    limit = {"higher": "max", "lower": "min"}[metric.worse]
    assert metric.bare == ("increase" if compared else limit)


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_the_range_in_the_header_is_the_one_of_the_catalogue(metric: Metric):
    returns = metric.header.returns
    unbounded = math.isinf(metric.high) or metric.test == "chi_squared"
    assert ("in [0, inf)" in returns) == (unbounded and metric.low == 0)
    assert ("in (-inf, inf)" in returns) == math.isinf(metric.low)


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_a_file_is_named_like_its_metric(metric: Metric):
    assert metric.header.name == metric.name


def test_default_signals_name_metrics_of_the_catalogue():
    assert {name for names in DEFAULT_METRICS.values() for name in names} <= set(METRICS)


def test_only_metrics_with_a_test_return_a_statistic():
    assert {m.name for m in METRICS.values() if "statistic:" in m.header.returns} == {
        m.name for m in METRICS.values() if m.test is not None
    }
