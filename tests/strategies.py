"""Hypothesis: windows of data as they come, with all that goes wrong in them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# SEARCHES=50 searches longer.
SEARCHES = int(os.environ.get("SEARCHES", "6"))
# A whole pipeline runs in each example, over a table of several columns: the searches of all metrics
# and of the pipeline together see about a thousand of them.
searched = settings(max_examples=SEARCHES, suppress_health_check=[HealthCheck.too_slow])
# Only a metric's own SQL runs in each example.
searched_well = settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True)
class Pair:
    """One column of both sides."""

    reference: tuple[object, ...]
    production: tuple[object, ...]
    is_text: bool = False


# Numbers

LAWS: dict[str, Callable[[np.random.Generator, int, float], np.ndarray]] = {
    "normal": lambda rng, n, drift: rng.normal(drift, 1 + drift / 4, n),
    "uniform": lambda rng, n, drift: rng.random(n) ** (1 + drift),
    "heavy": lambda rng, n, drift: rng.lognormal(drift / 4, 2.5, n),
    "heavier": lambda rng, n, drift: rng.standard_cauchy(n) + drift,
    "tied": lambda rng, n, drift: rng.poisson(3 + drift, n) / 4,
    "inflated": lambda rng, n, drift: rng.exponential(3, n) * (rng.random(n) > 0.3 + drift / 9),
    "clustered": lambda rng, n, drift: rng.normal(size=n) + 1e9 * (rng.random(n) < 0.5 + drift / 9),
    "constant": lambda _, n, drift: np.full(n, 3.25 + drift),
}
SIZES = (1, 2, 3, 11, 57, 300)


@st.composite
def drawn_numbers(draw: st.DrawFn) -> Pair:
    """Two samples of one law, from one row to hundreds, on any scale."""
    law = LAWS[draw(st.sampled_from(sorted(LAWS)))]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([1.0, -1.0, 1e-9, 1e12]))
    offset = draw(st.sampled_from([0.0, 0.0, 1e6])) * abs(scale)
    sizes = draw(st.sampled_from(SIZES)), draw(st.sampled_from(SIZES))
    drift = draw(st.sampled_from([0.0, 0.0, 0.3, 2.0]))
    odd = draw(st.lists(st.sampled_from([None, np.nan, np.inf, -np.inf]), max_size=3))
    sides = []
    for size, moved in zip(sizes, (0.0, drift), strict=True):
        values: list[object] = (law(rng, size, moved) * scale + offset).tolist()
        for value in odd:
            values[rng.integers(size)] = value
        sides.append(tuple(values))
    return Pair(*sides)


def few_numbers() -> st.SearchStrategy[Pair]:
    """A handful of values, written one by one: what is left after shrinking is readable."""
    value = st.one_of(
        st.integers(-4, 4).map(lambda k: k / 4),
        # a thousandth of a subnormal number is 0, and nothing can be measured in it
        st.floats(-1e3, 1e3, allow_subnormal=False),
        st.sampled_from([None, float("nan"), float("inf"), float("-inf"), 0.0, -0.0]),
    )
    side = st.lists(value, max_size=8).map(tuple)
    return st.builds(Pair, side, side)


def number_pairs() -> st.SearchStrategy[Pair]:
    """Both sides of a number column."""
    return st.one_of(few_numbers(), drawn_numbers())


# Categories

LABELS = ("a", "b", "c", "", " ", "A", "é", "日本", "it's", '"; drop table x; --', "NULL", "nan")


@st.composite
def drawn_categories(draw: st.DrawFn) -> Pair:
    """Two samples of one Zipf law, some of production's values unseen."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kinds = draw(st.sampled_from([2, 5, 40, 400]))
    slope = draw(st.sampled_from([0.0, 1.0, 2.0]))
    unseen = draw(st.sampled_from([0, 0, 1, 30]))
    shares = np.arange(1, kinds + 1) ** -slope
    sides = []
    for size, shift in ((draw(st.sampled_from(SIZES)), 0), (draw(st.sampled_from(SIZES)), unseen)):
        numbers = rng.choice(kinds, size, p=shares / shares.sum()) + shift
        sides.append(tuple(f"c{number}" for number in numbers))
    return Pair(*sides, is_text=True)


def few_categories() -> st.SearchStrategy[Pair]:
    """A handful of labels, written one by one."""
    side = st.lists(st.one_of(st.sampled_from(LABELS), st.none()), max_size=8).map(tuple)
    return st.builds(Pair, side, side, st.just(True))


def category_pairs() -> st.SearchStrategy[Pair]:
    """Both sides of a text column."""
    return st.one_of(few_categories(), drawn_categories())


def level(pairs: list[Pair]) -> list[Pair]:
    """The pairs as columns of two tables: shorter ones end in nulls."""
    n = max(len(pair.reference) for pair in pairs)
    m = max(len(pair.production) for pair in pairs)
    return [
        replace(
            pair,
            reference=pair.reference + (None,) * (n - len(pair.reference)),
            production=pair.production + (None,) * (m - len(pair.production)),
        )
        for pair in pairs
    ]


def columns(*kinds: st.SearchStrategy[Pair]) -> st.SearchStrategy[list[Pair]]:
    """Several columns for one run; of numbers and of text unless told otherwise."""
    kinds = kinds or (number_pairs(), category_pairs())
    return st.lists(st.one_of(*kinds), min_size=3, max_size=9).map(level)


# Binned counts

Table = tuple[tuple[int, ...], tuple[int, ...]]


@st.composite
def tables(draw: st.DrawFn, *, kinds: int = 12, most: int = 10**7) -> Table:
    """Rows of both sides in up to `kinds` bins; each bin has one somewhere, each side too."""
    size = draw(st.integers(1, kinds))
    count = st.one_of(st.integers(0, 3), st.integers(0, most))
    bins = draw(
        st.lists(st.tuples(count, count).filter(any), min_size=size, max_size=size).filter(
            lambda rows: any(a for a, _ in rows) and any(b for _, b in rows)
        )
    )
    return tuple(a for a, _ in bins), tuple(b for _, b in bins)
