"""The catalogue and the SQL files say each thing once and agree about the rest."""

from __future__ import annotations

import math

import pytest

from driftline.engine.catalog import (
    AZURE,
    AZURE_DEFAULT_METRICS,
    DEFAULT_METRICS,
    METRICS,
    SHORT_NAMES,
    Defaults,
    Metric,
    catalog,
    convention,
)
from driftline.engine.errors import TemplateError

# Every line of every convention, each once.
LINES = (*METRICS.values(), *(metric for metric in AZURE.values() if metric.folder))
each_line = pytest.mark.parametrize("metric", LINES, ids=lambda metric: metric.path)


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


@each_line
def test_a_bare_number_is_read_on_the_side_that_is_worse(metric: Metric):
    compared = metric.family == "quality" and metric.unit.startswith("share") and metric.types
    limit = {"higher": "max", "lower": "min"}[metric.worse]
    assert metric.bare == ("increase" if compared else limit)


@each_line
def test_the_range_in_the_header_is_the_one_of_the_catalogue(metric: Metric):
    returns = metric.header.returns
    unbounded = math.isinf(metric.high) or metric.test in ("chi_squared", "goodness_of_fit")
    assert ("in [0, inf)" in returns) == (unbounded and metric.low == 0)
    assert ("in (-inf, " in returns) == math.isinf(metric.low)


@each_line
def test_a_file_is_named_like_its_metric(metric: Metric):
    assert metric.header.name == metric.name


@pytest.mark.parametrize("defaults", [DEFAULT_METRICS, AZURE_DEFAULT_METRICS])
def test_default_signals_name_metrics_for_the_types_that_have_them(defaults: Defaults):
    for by_type in defaults.values():
        for kind, names in by_type.items():
            assert all(kind in (METRICS[name].types or ("__all__",)) for name in names)


def test_a_line_of_a_convention_without_a_sql_file_is_refused():
    with pytest.raises(TemplateError, match="disagree about no_such_metric"):
        convention("azure", *LINES, Metric("no_such_metric", "drift", (), folder="azure"))


def test_a_sql_file_of_a_convention_without_a_line_is_refused():
    with pytest.raises(TemplateError, match="disagree about null_value_rate"):
        convention("azure", *(metric for metric in LINES if metric.name != "null_value_rate"))


def test_a_convention_changes_no_more_of_a_metric_than_its_definition_and_threshold():
    for name, metric in AZURE.items():
        standard = METRICS[name]
        for fact in ("name", "family", "types", "worse", "scope", "bare", "high", "low", "unit"):
            assert getattr(metric, fact) == getattr(standard, fact)
    assert set(AZURE) == set(METRICS)


def test_only_metrics_with_a_test_return_a_statistic():
    assert {m.path for m in LINES if "statistic:" in m.header.returns} == {
        # a rank's is how far it moved
        *(m.path for m in LINES if m.test is not None),
        METRICS["feature_importance_rank"].path,
    }
