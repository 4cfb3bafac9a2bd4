"""Aggregates of a project's own: by hand, by definition, by their properties, at their corners."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import searched
from support import Scores, monitor, run, score, table

import driftline
from driftline.engine.aggregates import AggregateError, parse_aggregate
from driftline.engine.compile import compile_project
from driftline.engine.config import load_project, resolved_yaml
from driftline.engine.dialects import DIALECTS
from driftline.engine.errors import ConfigError
from driftline.engine.own_metrics import aggregate_metric
from driftline.engine.project import Bound, Join, MetricRule, Signal, Source, Threshold
from driftline.engine.store import Store

Row = dict[str, Any]


def custom(thresholds: dict[str, Threshold] | None = None, **texts: str) -> tuple[Signal, ...]:
    own = tuple(
        aggregate_metric(name, parse_aggregate(text), "higher", "here")
        for name, text in texts.items()
    )
    told = thresholds or {}
    rules = tuple(MetricRule(m.name, {"__all__": told.get(m.name, Threshold())}) for m in own)
    return (Signal("custom", "custom", "reference", rules, own=own),)


def scores(reference: dict[str, Any], production: dict[str, Any], **texts: str) -> Scores:
    return score(reference, production, signals=custom(**texts))


def both(found: Scores, metric: str) -> list[float | None]:
    row = found["__all__", metric]
    return [row["reference_value"], row["value"]]


# By hand


def test_revenue_at_risk_is_the_mean_of_products_on_both_sides():
    reference = {"p": [0.5, 0.1], "charge": [10, 20]}
    production = {"p": [0.9, 0.5, 1.0], "charge": [10, 20, None]}
    found = scores(reference, production, revenue_at_risk="sum(p * charge) / count(*)")
    assert both(found, "revenue_at_risk") == [3.5, pytest.approx(19 / 3, rel=1e-11)]
    row = found["__all__", "revenue_at_risk"]
    assert (row["n_reference"], row["n_production"], row["feature_type"]) == (2, 3, None)
    assert (row["signal"], row["signal_type"], row["direction"]) == ("custom", "custom", "higher")
    assert (row["status"], row["p_value"]) == ("ok", None)
    assert row["summary"] == "revenue_at_risk 3.5 → 6.33"


@pytest.mark.parametrize(
    ("bound", "limit", "status"),
    [
        (Bound("increase", 0.1, relative=True), 11.0, "breached"),
        (Bound("increase", 3.0), 13.0, "ok"),
        (Bound("max", 11.9), 11.9, "breached"),
        (Bound("min", 12.5), 12.5, "breached"),
        (Bound("decrease", 0.5, relative=True), 5.0, "ok"),
        (Bound("min", 1.0, other=Bound("max", 11.0)), 11.0, "breached"),
    ],
)
def test_a_value_is_held_against_every_kind_of_threshold(bound: Bound, limit: float, status: str):
    signals = custom({"total": Threshold(fail=bound)}, total="sum(x)")
    row = score({"x": [4.0, 6.0]}, {"x": [5.0, 7.0]}, signals=signals)["__all__", "total"]
    assert (row["value"], row["threshold"], row["status"]) == (12.0, limit, status)


def test_a_warning_comes_before_a_failure():
    threshold = Threshold(fail=Bound("max", 20), warn=Bound("max", 10))
    found = score({"x": [1.0]}, {"x": [12.0]}, signals=custom({"total": threshold}, total="sum(x)"))
    assert found["__all__", "total"]["status"] == "warning"


# Oracle


def _finite(values: list[float | None]) -> list[float]:
    return [value for value in values if value is not None]


DEFINITIONS: dict[str, tuple[str, Callable[[list[Any], list[Any]], float | None]]] = {
    "total": ("sum(x)", lambda x, _: math.fsum(_finite(x)) if _finite(x) else None),
    "rows": ("count(*)", lambda x, _: float(len(x))),
    "present": ("count(x) / count(*)", lambda x, _: len(_finite(x)) / len(x)),
    "range": (
        "max(x) - min(x)",
        lambda x, _: max(_finite(x)) - min(_finite(x)) if _finite(x) else None,
    ),
    "products": (
        "avg(x * y)",
        lambda x, y: (
            float(np.mean(both_there))
            if (both_there := [a * b for a, b in zip(x, y, strict=True) if None not in (a, b)])
            else None
        ),
    ),
    "positive": (
        "count(*) filter (where x > 0)",
        lambda x, _: float(sum(1 for value in _finite(x) if value > 0)),
    ),
    "different": ("count(distinct y)", lambda _, y: float(len({*_finite(y)}))),
    "deviation": (
        "stddev_samp(x)",
        lambda x, _: float(np.std(_finite(x), ddof=1)) if len(_finite(x)) > 1 else None,
    ),
}
VALUES = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-400, 400).map(lambda k: k / 8)),
        st.one_of(st.none(), st.integers(-9, 9).map(float)),
    ),
    min_size=1,
    max_size=30,
)


@searched
@given(sides=st.tuples(VALUES, VALUES))
def test_they_equal_their_definitions_on_raw_rows(sides: tuple[list[Any], list[Any]]):
    columns = [
        {
            name: pa.array([row[k] for row in side], pa.float64())
            for k, name in enumerate(("x", "y"))
        }
        for side in sides
    ]
    found = scores(*columns, **{name: text for name, (text, _) in DEFINITIONS.items()})
    for name, (_, defined) in DEFINITIONS.items():
        wanted = [defined([x for x, _ in side], [y for _, y in side]) for side in sides]
        for value, expected in zip(both(found, name), wanted, strict=True):
            if expected is None:
                assert value is None, name
            else:
                assert value == pytest.approx(expected, rel=1e-11, abs=1e-11), name


# Properties


@searched
@given(side=VALUES, seed=st.integers(0, 99))
def test_the_order_of_rows_changes_nothing_and_equal_sides_are_equal(side: list[Any], seed: int):
    order = np.random.default_rng(seed).permutation(len(side))
    columns = [
        {"x": pa.array([rows[k][0] for k in range(len(rows))], pa.float64())}
        for rows in (side, [side[k] for k in order])
    ]
    reference, production = both(scores(*columns, total="sum(x)", mean="avg(x)"), "total")
    assert reference == production


# Corners


def test_a_column_is_found_in_any_case_and_with_any_name():
    side = {'it\'s "odd"; drop': [1.0, 2.0], "Age": [3, 4]}
    found = scores(side, side, a='sum("it\'s ""odd""; drop")', b="sum(AGE)")
    assert both(found, "a") == [3.0, 3.0]
    assert both(found, "b") == [7.0, 7.0]


def test_what_the_reference_lacks_has_no_value_there_and_is_measured_here():
    found = scores({"x": [1.0]}, {"x": [1.0], "charge": [5.0]}, total="sum(charge)")
    row = found["__all__", "total"]
    assert (row["value"], row["reference_value"], row["status"]) == (5.0, None, "ok")
    assert row["reason"] == "the reference has no column 'charge'"


def test_a_metric_that_fails_fails_alone_and_says_why():
    side = {"x": [1.0], "c": ["red"]}
    found = scores(side, side, bad="sum(cast(c as integer))", lost="sum(nobody)", good="sum(x)")
    assert both(found, "good") == [1.0, 1.0]
    assert found["__all__", "bad"]["status"] == "error"
    assert "red" in found["__all__", "bad"]["reason"]
    assert found["__all__", "lost"]["reason"] == "production has no column 'nobody'"


def test_a_value_that_is_no_number_is_none():
    side = {"x": [0.0, None]}
    found = scores(
        side, side, nothing="sum(x) / count(x) / 0", none="sum(case when x > 9 then x end)"
    )
    assert both(found, "nothing") == [None, None]
    row = found["__all__", "none"]
    assert (row["status"], row["reason"]) == (
        "not_computable",
        "the reference has no value; production has no value",
    )


def test_few_rows_are_too_few():
    found = score({"x": [1.0]}, {"x": [1.0]}, signals=custom(total="sum(x)"), min_rows=100)
    row = found["__all__", "total"]
    assert (row["status"], row["value"]) == ("insufficient_data", 1.0)


def test_a_window_without_rows_has_no_value():
    found = score({"x": [1.0]}, {"x": pa.array([], pa.float64())}, signals=custom(total="sum(x)"))
    row = found["__all__", "total"]
    assert (row["value"], row["status"]) == (None, "insufficient_data")
    assert row["reason"].endswith("production has no rows")


def test_a_filter_and_a_join_decide_which_rows_and_columns_there_are():
    keys = list(range(6))
    frames = {
        "reference": table({"key": keys, "x": [1.0] * 6}),
        "production": table({"key": keys, "x": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}),
        "prices": table({"key": keys[::-1], "price": [float(k) for k in keys[::-1]]}),
    }
    watched = monitor(
        signals=custom(revenue="sum(x * price)"),
        joins=(Join("prices", Source("prices", table=("prices",)), (("key", "key"),)),),
    )
    found = run(watched, frames)
    assert found.error is None
    (row,) = [row for row in found.metrics if row["metric"] == "revenue"]
    assert (row["reference_value"], row["value"]) == (15.0, 2.0 + 6.0 + 12.0 + 20.0 + 30.0)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("sum(x", "is not a DuckDB expression: expecting ), at column 5"),
        ("x", "has no aggregate such as sum, avg or count"),
        ("sum(x) + y", "has column 'y' outside an aggregate"),
        ("sum((select max(x) from secrets))", "has a query inside; it can read the source alone"),
        ("(select 1) + sum(x)", "has a query inside; it can read the source alone"),
        ("sum(x) over ()", "has a window function (OVER); use plain aggregates"),
        ("sum(x) as total", "has a name of its own; leave out AS"),
        ("sum(x), avg(x)", "is more than one expression"),
        (
            "sum(x) from other",
            "is more than one expression: leave out FROM, WHERE and what follows",
        ),
        ("sum(x); drop table t", "is more than one expression"),
        ("sum(avg(x))", "has an aggregate inside another one"),
        ("sum(t.x)", "names the table of column 't.x'; write the column alone"),
        ("sum(*)", "has a * outside count(*); name the columns"),
        ("sum($1)", "has a parameter or COLUMNS(…), and nothing to put in its place"),
        (
            "sum(try_cast(x as int))",
            "has TRY_CAST, which not every engine has; use a CASE and a CAST",
        ),
    ],
)
def test_what_is_no_aggregate_of_the_source_is_refused_with_its_place(
    text: str, why: str, tmp_path: Path
):
    written = text.replace("'", "''")
    path = tmp_path / "driftline.yml"
    path.write_text(
        "monitors:\n  - name: m\n    production: {table: p.csv}\n    reference: {table: r.csv}\n"
        f"    signals:\n      custom:\n        mine: {{sql: '{written}'}}\n",
        "utf-8",
    )
    with pytest.raises(ConfigError) as error:
        load_project(path)
    assert str(error.value).endswith(
        f":7: monitors[m].signals.custom.mine.sql: the aggregate of mine {why}"
    )


def test_nothing_of_a_users_text_but_columns_is_replaced():
    aggregate = parse_aggregate("sum(case when c = 'driftline_column_0' then x end)")
    assert aggregate.over(["A", "B"]).count("driftline_column_0") == 1


@pytest.mark.parametrize("text", ["sum(x)) from secrets --", "sum(x) /*", "1; sum(x)", ""])
def test_no_text_leaves_its_place(text: str):
    with pytest.raises(AggregateError):
        parse_aggregate(text)


# In a project

PROJECT = """\
monitors:
  - name: shop
    min_rows: 0
    production: {{table: production.parquet, timestamp: at, window: {{size: {size}}}}}
    reference: {{table: reference.parquet{more}}}
    signals:
      custom:
        revenue_at_risk: {{sql: "sum(p * charge) / count(*)", worse: higher, increase: 10%}}
        buyers: {{sql: "count(distinct who)", worse: lower, warn: 3, fail: 2}}
"""
DAYS = 3


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(4)

    def side(rows: int) -> dict[str, Any]:
        return {
            "p": rng.random(rows),
            "charge": rng.random(rows) * 100,
            "who": [f"w{k}" for k in rng.integers(0, 5, rows)],
        }

    pq.write_table(pa.table(side(50)), folder / "reference.parquet")
    days = [datetime(2026, 3, 1 + k // 40, tzinfo=UTC) for k in range(40 * DAYS)]
    pq.write_table(pa.table({**side(40 * DAYS), "at": days}), folder / "production.parquet")
    return folder


def project(tables: Path, folder: Path, size: str = "P1D", more: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    for file in tables.glob("*.parquet"):
        (folder / file.name).symlink_to(file)
    path = folder / "driftline.yml"
    path.write_text(PROJECT.format(size=size, more=more), "utf-8")
    return path


def stored(path: Path, table: str = "metrics") -> list[Row]:
    rows = Store(path.parent / "driftline.duckdb").read(f"from {table}").to_pylist()
    aside = ("run_id", "computed_at", "seconds")
    return sorted(({k: v for k, v in row.items() if k not in aside} for row in rows), key=repr)


@pytest.mark.parametrize("size", ["P1D", "P2D"])
def test_a_backfill_leaves_the_rows_that_runs_one_by_one_leave(
    size: str, tables: Path, tmp_path: Path
):
    one, many = (project(tables, tmp_path / name, size) for name in ("one", "many"))
    driftline.backfill(many, start="2026-03-01", end="2026-03-04", every="P1D")
    for day in range(1 + int(size[1]), 2 + DAYS):
        driftline.run(one, at=f"2026-03-0{day}")
    assert stored(many) == stored(one)
    # all metrics, windows and sides in one statement
    assert [row["step"] for row in stored(many, "statements")].count("custom") == 1


def test_a_reference_that_stays_is_read_once(tables: Path, tmp_path: Path):
    path = project(tables, tmp_path, more=", frozen: true")
    (first,), (again,) = (driftline.run(path, at="2026-03-02").monitors for _ in range(2))
    asked = [row["sql"] for row in stored(path, "statements") if row["step"] == "custom"]
    assert sorted("reference.parquet" in sql for sql in asked) == [False, True]
    values = [
        [(row["metric"], row["value"], row["reference_value"]) for row in found.metrics]
        for found in (first, again)
    ]
    assert values[0] == values[1]


def test_stored_rows_are_judged_again_by_other_thresholds(tables: Path, tmp_path: Path):
    path = project(tables, tmp_path)
    driftline.run(path, at="2026-03-02")
    path.write_text(path.read_text("utf-8").replace("warn: 3, fail: 2", "fail: 9"), "utf-8")
    (found,) = driftline.check(path).monitors
    rows = {row["metric"]: row["status"] for row in found.metrics}
    assert (rows["buyers"], found.unmeasured, found.warnings) == ("breached", (), ())
    # another aggregate is another number
    path.write_text(path.read_text("utf-8").replace("distinct who", "who"), "utf-8")
    (found,) = driftline.check(path).monitors
    assert "the file asks for other numbers" in found.warnings[0]


def test_a_selection_takes_them_or_leaves_them(tables: Path, tmp_path: Path):
    path = project(tables, tmp_path)
    driftline.run(path, at="2026-03-02")
    before = stored(path)
    (found,) = driftline.run(path, at="2026-03-02", select="signal:custom").monitors
    assert {row["metric"] for row in found.metrics} == {"row_count", "revenue_at_risk", "buyers"}
    assert stored(path) == before


def test_results_define_them(tables: Path, tmp_path: Path):
    path = project(tables, tmp_path)
    driftline.run(path, at="2026-03-02")
    (row,) = [r for r in stored(path, "metric_definitions") if r["metric"] == "revenue_at_risk"]
    assert row["definition"] == "value = sum(p * charge) / count(*)"
    assert (row["direction"], row["feature_types"]) == ("higher", "the window")
    assert row["source"] == "driftline.yml, signals.custom.revenue_at_risk"


def test_the_resolved_file_says_them_in_full(tables: Path, tmp_path: Path):
    text = resolved_yaml(load_project(project(tables, tmp_path)))
    assert "sql: sum(p * charge) / count(*)" in text
    assert "worse: lower" in text
    (tmp_path / "driftline.yml").write_text(text, "utf-8")
    assert resolved_yaml(load_project(tmp_path / "driftline.yml")) == text


@pytest.mark.parametrize("dialect", DIALECTS)
def test_they_are_said_in_every_dialect(dialect: str, tables: Path, tmp_path: Path):
    path = project(tables, tmp_path)
    (compiled,) = compile_project(load_project(path), dialect=dialect, at="2026-03-02")
    (text,) = [each.sql for each in compiled.statements if each.step == "custom"]
    assert "COUNT(DISTINCT" in text.upper()


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        ("PSI: {sql: sum(x)}", "PSI: a metric's name is made of a-z, 0-9 and _, and begins with a letter"),
        ("psi: {sql: sum(x)}", "psi: psi is a metric of Driftline's; give yours another name"),
        ("mine: {worse: higher}", "mine.sql: is missing"),
        ("mine: {sql: sum(x), worse: up}", "mine.worse: 'up' is not one of higher, lower"),
        ("mine: {sql: sum(x), max: 1, increase: 2}",
         "mine: give one of max and increase, one of min and decrease, or both"),
        ("mine: {sql: sum(x), fail: 3, max: 1}", "mine.max: unknown key 'max'; use one of warn, fail"),
        ("mine: {sql: sum(x), tresh: 1}", "mine.tresh: unknown key 'tresh'"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_file_is_told_with_its_line(key: str, complaint: str, tmp_path: Path):
    path = tmp_path / "driftline.yml"
    path.write_text(
        "monitors:\n  - name: m\n    production: {table: p.csv}\n    reference: {table: r.csv}\n"
        f"    signals:\n      custom:\n        {key}\n",
        "utf-8",
    )
    with pytest.raises(ConfigError) as error:
        load_project(path)
    assert f":7: monitors[m].signals.custom.{complaint}" in str(error.value)


def test_every_window_and_segment_has_its_own_rows(tmp_path: Path):
    rng = np.random.default_rng(3)
    sides = {}
    for name, rows in (("reference", 150), ("production", 200)):
        group = [("a", "b", None)[k] for k in rng.integers(0, 3, rows)]
        sides[name] = {"x": rng.normal(size=rows), "g": np.array(group, object)}
    at = np.array(["2026-03-01", "2026-03-02", "2026-03-03"], "M8[us]")[rng.integers(0, 3, 200)]
    pq.write_table(pa.table(sides["reference"]), tmp_path / "reference.parquet")
    pq.write_table(pa.table({**sides["production"], "at": at}), tmp_path / "production.parquet")
    path = tmp_path / "driftline.yml"
    path.write_text(
        "monitors:\n  - name: m\n    min_rows: 0\n"
        "    production: {table: production.parquet, timestamp: at, window: {size: P2D}}\n"
        "    reference: {table: reference.parquet}\n"
        "    segments: [g, {name: large, where: x > 1}]\n"
        "    signals: {custom: {total: {sql: sum(x)}}}\n",
        "utf-8",
    )
    driftline.backfill(path, start="2026-03-01", end="2026-03-04", every="P1D")
    found = [row for row in stored(path) if row["metric"] == "total"]
    assert len(found) == 2 * 5

    def inside(side: Row, segment: str) -> Any:
        if segment == "large":
            return side["x"] > 1
        group = {"g=a": "a", "g=b": "b", "g=__null__": None}
        return np.array([segment == "__all__" or g == group[segment] for g in side["g"]])

    for row in found:
        start, end = (np.datetime64(row[name]) for name in ("window_start", "window_end"))
        here = inside(sides["production"], row["segment"]) & (at >= start) & (at < end)
        there = inside(sides["reference"], row["segment"])
        wanted = [
            float(sides["production"]["x"][here].sum()),
            float(sides["reference"]["x"][there].sum()),
        ]
        assert [row["value"], row["reference_value"]] == pytest.approx(wanted, rel=1e-9, abs=1e-9)
        assert [row["n_production"], row["n_reference"]] == [here.sum(), there.sum()]


def test_quotients_are_of_doubles_on_every_engine_however_deep():
    said = parse_aggregate("sum(a / (b / c)) / count(*)").sql
    assert said.count("AS DOUBLE) /") == 3
