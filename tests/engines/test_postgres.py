"""PostgreSQL finds what DuckDB finds in the same tables, to the ninth digit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final
from unittest.mock import patch

import numpy as np
import pytest
from engine_parity import Both, Column, differences, run_in
from hard_columns import hard_columns
from support import PATHS, monitor, signals

from driftline.engine.project import (
    Duration,
    FeatureSelection,
    FeatureSettings,
    Join,
    Production,
    Reference,
    Roles,
    RollingWindow,
    Source,
)
from driftline.engine.times import parse_duration
from driftline.engine.warehouses.postgres import Postgres

PRODUCTION, REFERENCE = (Source(name, table=(name,)) for name in ("production", "reference"))


@pytest.fixture(scope="module")
def both(postgres: Mapping[str, object]) -> Iterator[Both]:
    made = Both(postgres)
    yield made
    made.duckdb.close()


def texts(values: Sequence[object]) -> list[str | None]:
    """Values as both engines read them."""
    return [None if value is None else str(value) for value in values]


def doubles(values: Sequence[object]) -> Column:
    padded = [*texts(values), *[None] * 1_500][:1_500]
    return "double precision", "double", padded


@pytest.fixture(scope="module")
def hard(both: Both) -> Both:
    """Number columns that break naive implementations, as both sides of a monitor."""
    for side, name in enumerate(("reference", "production")):
        columns = {key: doubles(pair[side]) for key, pair in hard_columns().items()}
        both.create(name, columns)
    return both


@pytest.mark.parametrize("path", PATHS)
def test_hard_number_columns_measure_alike(hard: Both, path: str) -> None:
    own, theirs = hard.runs(monitor(), path=path)
    assert len(own.metrics) > 600
    assert differences(own, theirs) == ""


ROWS: Final = 3_000


def typed(side: str) -> dict[str, Column]:
    """A column of every type that PostgreSQL has and users monitor; one value in eleven is missing."""
    rng = np.random.default_rng(7 if side == "reference" else 8)
    moved = 0 if side == "reference" else 1

    def mixed(values: Sequence[object], *others: object) -> list[str | None]:
        out = [*values]
        for number, at in enumerate(range(0, ROWS, 11)):
            out[at] = (None, *others)[number % (1 + len(others))]
        return texts(out)

    whole = rng.integers(-300, 300, ROWS) + moved * 20
    wide = rng.integers(-(2**62), 2**62, ROWS)
    close = 2**53 + rng.integers(0, 40, ROWS)
    real = (rng.normal(size=ROWS) + moved / 5).astype(np.float32)
    money = [f"{value:.2f}" for value in rng.gamma(2, 100, ROWS)]
    days = [f"2026-{1 + k % 12:02}-{1 + k % 28:02}" for k in rng.integers(0, 400, ROWS)]
    times = [f"{day} {k % 24:02}:{k % 60:02}:00.{k:06}" for k, day in enumerate(days)]
    words = [f"w{k}" for k in rng.poisson(3 + moved, ROWS)]
    odd = [
        "it's",
        'a"b',
        "back\\slash",
        "naïve",
        "日本",
        "; drop table x; --",
        "",
        " ",
        "%s",
        "$1",
        "Z",
        "a",
    ]
    picked = [odd[k] for k in rng.integers(0, len(odd), ROWS)]
    numbers = [f" {value:.3f}" for value in rng.normal(size=ROWS)]
    uuids = [f"00000000-0000-0000-0000-{k:012}" for k in rng.integers(0, 30, ROWS)]
    return {
        "smallint": ("smallint", "smallint", mixed(whole)),
        "integer": ("integer", "integer", mixed(whole * 1000)),
        "few": ("integer", "integer", mixed(whole % 7)),
        "bigint": ("bigint", "bigint", mixed(wide)),
        "beyond doubles": ("bigint", "bigint", mixed(close)),
        "double": ("double precision", "double", mixed(real * 3, "NaN", "Infinity", "-Infinity")),
        "real": ("real", "float", mixed(real, "NaN")),
        "numeric": ("numeric(12,2)", "decimal(12,2)", mixed(money)),
        "whole numeric": ("numeric(38,0)", "decimal(38,0)", mixed(wide)),
        "free numeric": ("numeric", "decimal(38,10)", mixed(money)),
        "boolean": ("boolean", "boolean", mixed(whole % 3 == 0)),
        "text": ("text", "varchar", mixed(words)),
        "varchar": ("varchar(20)", "varchar", mixed(picked)),
        "uuid": ("uuid", "uuid", mixed(uuids)),
        "date": ("date", "date", mixed(days)),
        "timestamp": ("timestamp", "timestamp", mixed(times)),
        "timestamptz": ("timestamptz", "timestamptz", mixed([f"{each[:16]}+02" for each in times])),
        "json": ("json", "json", mixed([f'{{"a": {k}}}' for k in whole])),
        "bytes": ("bytea", "blob", mixed(words)),
        "numbers as text": (
            ("double precision", "double", mixed(real))
            if side == "reference"
            else (
                "text",
                "varchar",
                mixed(
                    numbers,
                    "none",
                    "1_000",
                    "0x1F",
                    "12d",
                    "1e400",
                    "-1e400",
                    "1e-400",
                    "1e99999",
                    "NaN",
                    ".5",
                    "+7.",
                    " 12 ",
                    "1e5",
                    "0e99999",
                    "\n1",
                ),
            )
        ),
        "text against numbers": (
            ("text", "varchar", mixed(texts(whole % 40)))
            if side == "reference"
            else ("integer", "integer", mixed(whole % 40))
        ),
        "text of whole numbers": (
            ("integer", "integer", mixed(whole % 9))
            if side == "reference"
            else ("text", "varchar", mixed(whole % 9, "3.0", "4.5", "x", "1" * 30))
        ),
        "true as text": (
            ("boolean", "boolean", mixed(whole % 2 == 0))
            if side == "reference"
            else ("text", "varchar", mixed(whole % 2 == 0, "T", "0", "yes"))
        ),
        'select; "quoted"': ("integer", "integer", mixed(whole)),
        "Straße 日本": ("text", "varchar", mixed(words)),
        "x" * 63: ("double precision", "double", mixed(real)),
        "tiny whole": ("double precision", "double", mixed(real.astype(float) * 1e-310)),
        "driftline_scan_0": ("double precision", "double", mixed(real)),
        "category": ("text", "varchar", mixed(picked)),
        "t": ("double precision", "double", mixed(real)),
        "order": ("double precision", "double", mixed(real.astype(float) * 1e-200)),
        "tiny beside huge": (
            "double precision",
            "double",
            mixed(real.astype(float) * 1e-200, "1e140", "5e-324", "0"),
        ),
    }


@pytest.fixture(scope="module")
def every_type(both: Both) -> Both:
    for side in ("reference", "production"):
        both.create(side, typed(side))
    return both


TYPES = {
    "date": FeatureSettings(type="numerical"),
    "timestamptz": FeatureSettings(type="numerical"),
    "few": FeatureSettings(type="categorical"),
    "numeric": FeatureSettings(type="categorical"),
    "text": FeatureSettings(values=("w1", "w2")),
    "double": FeatureSettings(bounds=(-1.0, 1.0)),
}


@pytest.mark.parametrize("path", PATHS)
def test_columns_of_every_type_measure_alike(every_type: Both, path: str) -> None:
    own, theirs = every_type.runs(monitor(settings=TYPES, max_categories=4), path=path)
    assert [row["error"] for row in theirs.statements if row["error"]] == []
    assert {row["feature"] for row in theirs.metrics} >= {*typed("reference")} - {"json", "bytes"}
    assert differences(own, theirs) == ""


@pytest.mark.parametrize("path", ["small", "grid"])
def test_azures_conventions_measure_alike(every_type: Both, path: str) -> None:
    names = (
        *("population_stability_index", "normalized_wasserstein_distance"),
        *("jensen_shannon_distance", "pearsons_chi_squared_test"),
        *("data_type_error_rate", "null_value_rate", "out_of_bounds_rate"),
    )
    watched = monitor(names, conventions="azure")
    own, theirs = every_type.runs(watched, path=path)
    assert len(own.metrics) > 100
    assert differences(own, theirs) == ""


def hours(rows: int, start: str, *, step: int) -> list[str]:
    """Times as texts, some hours apart."""
    first = np.datetime64(start, "m")
    return [str(first + np.timedelta64(k * step, "h")).replace("T", " ") for k in range(rows)]


@pytest.fixture(scope="module")
def in_time(both: Both) -> Both:
    """Forty days of hourly rows against a reference, with two tables to join."""
    rng = np.random.default_rng(9)
    for name, rows, moved in (("hourly", 960, 0.4), ("before", 700, 0.0)):
        times = hours(rows, "2026-01-01T00:30", step=1)
        both.create(
            name,
            {
                "at": (
                    "timestamptz",
                    "timestamptz",
                    [f"{each}+00" for each in times],
                ),
                "day": ("date", "date", [each[:10] for each in times]),
                "id": ("bigint", "bigint", texts(rng.integers(0, 500, rows))),
                "key": ("text", "varchar", texts([f"k{k}" for k in rng.integers(0, 40, rows)])),
                "amount": ("double precision", "double", texts(rng.normal(moved, 1, rows))),
                "plan": (
                    "text",
                    "varchar",
                    texts([("a", "B", "c")[k] for k in rng.integers(0, 3, rows)]),
                ),
            },
        )
    both.create(
        "labels",
        {
            "request": ("integer", "integer", texts(rng.integers(0, 450, 600))),
            "told": ("timestamp", "timestamp", hours(600, "2026-01-01T00", step=2)),
            "paid": ("numeric(10,2)", "decimal(10,2)", [f"{x:.2f}" for x in rng.gamma(2, 9, 600)]),
            'out"come': (
                "text",
                "varchar",
                texts([("yes", "no")[k] for k in rng.integers(0, 2, 600)]),
            ),
        },
    )
    both.create(
        "accounts",
        {
            "key": ("varchar(9)", "varchar", [f"k{k}" for k in range(35)]),
            "age": ("double precision", "double", texts(rng.normal(40, 9, 35))),
            "amount": ("real", "float", texts(rng.normal(size=35).astype(np.float32))),
        },
    )
    return both


def table(name: str) -> Source:
    return Source(name, table=(name,))


HOURLY = Production(table("hourly"), "at", RollingWindow(Duration(days=7, text="P7D")))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("clock", ["at", "day"])
def test_windows_and_filters_measure_alike(in_time: Both, clock: str, path: str) -> None:
    production = replace(
        HOURLY, timestamp=clock, filter="plan <> 'c' and amount / 2 < 1 or id // 2 = 7"
    )
    references = (
        Reference("before", table("before"), filter="key like 'k%' and length(key) > 1"),
        Reference("recent", table("hourly"), clock, RollingWindow(Duration(days=14, text="P14D"))),
    )
    watched = monitor(
        production=production, references=references, signals=signals(reference="before")
    )
    second = [replace(s, name=f"{s.name}_2", reference="recent") for s in watched.signals]
    watched = replace(watched, signals=(*watched.signals, *second))
    own, theirs = in_time.runs(watched, path=path, at="2026-02-08")
    assert {row["reference"] for row in own.metrics} >= {"before", "recent"}
    assert {row["row_count"] for row in own.profiles if row["side"] == "production"} != {0}
    assert differences(own, theirs) == ""


@pytest.mark.parametrize("clock", ["at", "day"])
def test_a_window_without_rows_tells_where_they_are(in_time: Both, clock: str) -> None:
    watched = monitor(
        production=replace(HOURLY, timestamp=clock),
        references=(Reference("before", table("before")),),
        signals=signals(reference="before"),
    )
    own, theirs = in_time.runs(watched, at="2027-01-01")
    assert theirs.warnings == own.warnings
    assert theirs.try_at == own.try_at is not None
    assert differences(own, theirs) == ""


@pytest.mark.parametrize("path", PATHS)
def test_what_joins_bring_measures_alike(in_time: Both, path: str) -> None:
    watched = monitor(
        production=HOURLY,
        references=(Reference("before", table("before")),),
        signals=signals(reference="before"),
        joins=(
            Join("labels", table("labels"), (("id", "request"),), "told"),
            Join("accounts", table("accounts"), (("key", "key"),)),
        ),
        features=FeatureSelection(named=("paid", 'out"come', "age"), include=("*",)),
        roles=Roles(correlation_id="id"),
    )
    own, theirs = in_time.runs(watched, path=path, at="2026-02-08")
    assert {"paid", 'out"come', "age"} <= {row["feature"] for row in own.metrics}
    assert {row["metric"] for row in own.metrics} >= {"match_rate"}
    assert differences(own, theirs) == ""


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("clock", "size", "every"),
    [("at", "P7D", "P1D"), ("at", "P3D", "P3D"), ("day", "P7D", "P2D"), ("at", "P1D", "P7D")],
    ids=["overlapping", "side by side", "overlapping dates", "apart"],
)
def test_a_backfill_measures_alike(
    in_time: Both, tmp_path: Path, clock: str, size: str, every: str, path: str
) -> None:
    window = RollingWindow(parse_duration(size))
    watched = monitor(
        production=replace(HOURLY, timestamp=clock, window=window),
        references=(Reference("before", table("before")),),
        signals=signals(reference="before"),
    )
    own, theirs = in_time.backfills(watched, parse_duration(every), tmp_path, path=path)
    assert len({row["window_start"] for row in own.metrics}) > 3
    assert differences(own, theirs) == ""
    # windows are groups of the same statements
    assert len(theirs.statements) < 12


@pytest.mark.parametrize("path", ["small", "grid"])
def test_a_frozen_reference_is_read_once(in_time: Both, tmp_path: Path, path: str) -> None:
    watched = monitor(
        production=HOURLY, references=(Reference("reference", table("before"), frozen=True),)
    )
    with closing(Postgres(in_time.options)) as session:
        first, second = (
            run_in(
                session, watched, path=path, at="2026-02-08", results=tmp_path / "results.duckdb"
            )
            for _ in range(2)
        )
    for found, reads in ((first, True), (second, False)):
        assert any('"before"' in row["sql"] for row in found.statements) is reads
    assert differences(first, second) == ""


@pytest.mark.parametrize(
    "source",
    [
        Source("query", query="select *, 'x' as extra from hourly -- all of them;\n;"),
        Source("view", table=('the "view"',)),
        Source("table", table=("hourly",)),
    ],
    ids=lambda source: source.written,
)
def test_a_query_a_view_and_a_sampled_table_measure_alike(in_time: Both, source: Source) -> None:
    in_time.execute('create or replace view "the ""view""" as select * from hourly')
    watched = monitor(
        production=Production(Source("before", table=("before",))),
        references=(Reference("reference", source),),
    )
    with patch("driftline.engine.execute.SAMPLE_ROWS", 500):
        own, theirs = in_time.runs(watched, path="grid")
        _, again = in_time.runs(watched, path="grid")
    sampled = next(row["sql"] for row in theirs.statements if row["step"] == "sample")
    words = {"query": "-- all", "view": "random()", "table": "TABLESAMPLE"}
    assert words[source.written].lower() in sampled.lower()
    # another sample places other bins, which intervals depend on a little and values do not
    assert differences(own, theirs, but=frozenset({"ci_low", "ci_high"})) == ""
    assert differences(theirs, again) == ""


HOSTILE = (
    'a "b" c',
    "it's",
    "a;b",
    "--",
    "/* x",
    "日本語",
    "Ünï",
    "select",
    "user",
    "%s",
    "$1",
    "{x}",
    "\\",
    "\n",
    "x" * 63,
)


@pytest.mark.parametrize("path", ["small", "grid"])
def test_hostile_names_of_tables_columns_and_values_measure_alike(both: Both, path: str) -> None:
    rng = np.random.default_rng(3)
    for name in ("ta'b\"le; --", "select"):
        columns = {
            **{f"{n}": doubles(rng.normal(size=200)) for n in HOSTILE},
            **{
                f"_{n}"[:63]: ("text", "varchar", [HOSTILE[k] for k in rng.integers(0, 15, 1500)])
                for n in HOSTILE
            },
        }
        both.create(name, columns)
    watched = monitor(
        production=Production(
            table("ta'b\"le; --"), filter="\"it's\" < 9 and \"_it's\" <> 'it''s; --'"
        ),
        references=(Reference("reference", table("select")),),
        settings={"_--": FeatureSettings(values=HOSTILE)},
    )
    own, theirs = both.runs(watched, path=path)
    assert len({row["feature"] for row in own.metrics}) == 1 + 2 * len(HOSTILE)
    assert differences(own, theirs) == ""
