"""What every engine is held to: it finds what DuckDB finds in the same tables, to the ninth digit.

An engine's own file brings a subclass of `Conformance` with a fixture `engine`; so all that runs
against one engine is one file, which one process runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final, TypeVar
from unittest.mock import patch

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from engine_parity import Both, Column, Engine, differences, run_in
from engine_results import ask_everything
from hard_columns import hard_columns
from rehearsal import rehearsal
from support import PATHS, monitor, signals

from driftline.engine.dialects import spelled
from driftline.engine.project import (
    Duration,
    FeatureSelection,
    FeatureSettings,
    Join,
    Production,
    Reference,
    Roles,
    RollingWindow,
    SeasonalWindow,
    Source,
)
from driftline.engine.times import parse_duration

ROWS: Final = 3_000


def texts(values: Sequence[object]) -> list[str | None]:
    """Values as all engines read them."""
    return [None if value is None else str(value) for value in values]


def doubles(values: Sequence[object]) -> Column:
    padded = [*texts(values), *[None] * 1_500][:1_500]
    return Column("double", padded)


def mixed(values: Sequence[object], *others: object) -> list[str | None]:
    """A whole column of values; every eleventh is missing, or another one that is given."""
    out = [*values]
    for number, at in enumerate(range(0, ROWS, 11)):
        out[at] = (None, *others)[number % (1 + len(others))]
    return texts(out)


def typed(side: str) -> dict[str, Column]:
    """A column of every type that all engines have and users monitor."""
    rng = np.random.default_rng(7 if side == "reference" else 8)
    moved = 0 if side == "reference" else 1
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
    return {
        "smallint": Column("smallint", mixed(whole)),
        "integer": Column("integer", mixed(whole * 1000)),
        "few": Column("integer", mixed(whole % 7)),
        "bigint": Column("bigint", mixed(wide)),
        "beyond doubles": Column("bigint", mixed(close)),
        "double": Column("double", mixed(real * 3, "NaN", "Infinity", "-Infinity")),
        "real": Column("float", mixed(real, "NaN")),
        "numeric": Column("decimal(12,2)", mixed(money)),
        "whole numeric": Column("decimal(38,0)", mixed(wide)),
        "boolean": Column("boolean", mixed(whole % 3 == 0)),
        "text": Column("varchar", mixed(words)),
        "varchar": Column("varchar", mixed(picked)),
        "date": Column("date", mixed(days)),
        "timestamp": Column("timestamp", mixed(times)),
        "timestamptz": Column("timestamptz", mixed([f"{each[:16]}+02" for each in times])),
        "bytes": Column("blob", mixed(words)),
        "numbers as text": (
            Column("double", mixed(real))
            if side == "reference"
            else Column(
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
            Column("varchar", mixed(texts(whole % 40)))
            if side == "reference"
            else Column("integer", mixed(whole % 40))
        ),
        "text of whole numbers": (
            Column("integer", mixed(whole % 9))
            if side == "reference"
            else Column("varchar", mixed(whole % 9, "3.0", "4.5", "x", "1" * 30))
        ),
        "true as text": (
            Column("boolean", mixed(whole % 2 == 0))
            if side == "reference"
            else Column("varchar", mixed(whole % 2 == 0, "T", "0", "yes"))
        ),
        'select; "quoted"': Column("integer", mixed(whole)),
        "Straße 日本": Column("varchar", mixed(words)),
        "x" * 63: Column("double", mixed(real)),
        "tiny whole": Column("double", mixed(real.astype(float) * 1e-310)),
        "driftline_scan_0": Column("double", mixed(real)),
        "category": Column("varchar", mixed(picked)),
        "t": Column("double", mixed(real)),
        "order": Column("double", mixed(real.astype(float) * 1e-200)),
        "tiny beside huge": Column(
            "double",
            mixed(real.astype(float) * 1e-200, "1e140", "5e-324", "0"),
        ),
    }


TYPES = {
    "date": FeatureSettings(type="numerical"),
    "timestamptz": FeatureSettings(type="numerical"),
    "few": FeatureSettings(type="categorical"),
    "numeric": FeatureSettings(type="categorical"),
    "text": FeatureSettings(values=("w1", "w2")),
    "double": FeatureSettings(bounds=(-1.0, 1.0)),
}


# Columns that engines differ in most.
TELLING: Final = frozenset(
    {
        *("beyond doubles", "double", "real", "whole numeric", "boolean", "varchar", "timestamptz"),
        *("numbers as text", "text of whole numbers", "true as text", "few", "tiny beside huge"),
        *('select; "quoted"', "t", "category"),
    }
)


def hours(rows: int, start: str, *, step: int) -> list[str]:
    """Times as texts, some hours apart."""
    first = np.datetime64(start, "m")
    return [str(first + np.timedelta64(k * step, "h")).replace("T", " ") for k in range(rows)]


def columns_of(rows: pa.Table) -> dict[str, Column]:
    """The columns of an Arrow table."""
    types = [str(each).lower() for each in duckdb.from_arrow(rows).types]
    return {
        name: Column(type_.replace(" with time zone", "tz"), texts(rows[name].to_pylist()))
        for name, type_ in zip(rows.column_names, types, strict=True)
    }


def table(name: str) -> Source:
    return Source(name, table=(name,))


HOURLY = Production(table("hourly"), "at", RollingWindow(Duration(days=7, text="P7D")))


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
    "${x}",
    "\\",
    "\n",
    "x" * 63,
)


Test = TypeVar("Test", bound=Callable[..., None])


def varied(
    names: str | tuple[str, ...], values: Sequence[object], ids: Sequence[str] | None = None
) -> Callable[[Test], Test]:
    """Run a test with each value; with one alone on an engine that takes long."""

    def noted(test: Test) -> Test:
        test.__dict__.setdefault("varied", []).append((names, values, ids))
        return test

    return noted


class Conformance:
    """Tests of an engine that a subclass's fixture `engine` gives.

    Attributes:
        thin: Whether the engine takes so long that a few columns and one way through them must do.
    """

    thin: ClassVar = False

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give tests the values that they vary in."""
        for names, values, ids in getattr(metafunc.function, "varied", ()):
            of = slice(-1, None) if self.thin else slice(None)
            if self.thin and names == "path":
                of = slice(1, 2)
            metafunc.parametrize(names, values[of], ids=ids and ids[of])

    @pytest.fixture(scope="class")
    @classmethod
    def both(cls, engine: Engine) -> Iterator[Both]:
        made = Both(engine)
        yield made
        made.duckdb.close()

    @pytest.fixture(scope="class")
    @classmethod
    def hard(cls, both: Both) -> Both:
        """Number columns that break naive implementations, as both sides of a monitor."""
        for side, name in enumerate(("reference", "production")):
            columns = {key: doubles(pair[side]) for key, pair in hard_columns().items()}
            both.create(name, columns)
        return both

    @varied("path", PATHS)
    def test_hard_number_columns_measure_alike(self, hard: Both, path: str) -> None:
        own, theirs = hard.runs(monitor(), path=path)
        assert len(own.metrics) > 600
        assert differences(own, theirs) == ""

    @pytest.fixture(scope="class")
    @classmethod
    def every_type(cls, both: Both) -> Both:
        for side in ("reference", "production"):
            every = {**typed(side), **both.engine.own_types(side, mixed)}
            left_out = {*both.engine.lacks, *(set(every) - TELLING if cls.thin else ())}
            both.create(side, {k: v for k, v in every.items() if k not in left_out})
        return both

    @varied("path", PATHS)
    def test_columns_of_every_type_measure_alike(self, every_type: Both, path: str) -> None:
        own, theirs = every_type.runs(monitor(settings=TYPES, max_categories=4), path=path)
        assert [row["error"] for row in theirs.statements if row["error"]] == []
        watched = TELLING if self.thin else {*typed("reference")} - {"bytes"}
        watched -= {*every_type.engine.lacks}
        assert {row["feature"] for row in theirs.metrics} >= watched
        assert differences(own, theirs) == ""

    @varied("path", ["small", "grid"])
    def test_azures_conventions_measure_alike(self, every_type: Both, path: str) -> None:
        names = (
            *("population_stability_index", "normalized_wasserstein_distance"),
            *("jensen_shannon_distance", "pearsons_chi_squared_test"),
            *("data_type_error_rate", "null_value_rate", "out_of_bounds_rate"),
        )
        watched = monitor(names, conventions="azure")
        own, theirs = every_type.runs(watched, path=path)
        assert len(own.metrics) > 100
        assert differences(own, theirs) == ""

    @pytest.fixture(scope="class")
    @classmethod
    def in_time(cls, both: Both) -> Both:
        """Forty days of hourly rows against a reference, with two tables to join."""
        rng = np.random.default_rng(9)
        for name, rows, moved in (("hourly", 960, 0.4), ("before", 700, 0.0)):
            times = hours(rows, "2026-01-01T00:30", step=1)
            both.create(
                name,
                {
                    "at": Column(
                        "timestamptz",
                        [f"{each}+00" for each in times],
                    ),
                    "day": Column("date", [each[:10] for each in times]),
                    "id": Column("bigint", texts(rng.integers(0, 500, rows))),
                    "key": Column("varchar", texts([f"k{k}" for k in rng.integers(0, 40, rows)])),
                    "amount": Column("double", texts(rng.normal(moved, 1, rows))),
                    "plan": Column(
                        "varchar",
                        texts([("a", "B", "c")[k] for k in rng.integers(0, 3, rows)]),
                    ),
                },
            )
        both.create(
            "labels",
            {
                "request": Column("integer", texts(rng.integers(0, 450, 600))),
                "told": Column("timestamp", hours(600, "2026-01-01T00", step=2)),
                "paid": Column("decimal(10,2)", [f"{x:.2f}" for x in rng.gamma(2, 9, 600)]),
                'out"come': Column(
                    "varchar",
                    texts([("yes", "no")[k] for k in rng.integers(0, 2, 600)]),
                ),
            },
        )
        both.create(
            "accounts",
            {
                "key": Column("varchar", [f"k{k}" for k in range(35)]),
                "age": Column("double", texts(rng.normal(40, 9, 35))),
                "amount": Column("float", texts(rng.normal(size=35).astype(np.float32))),
            },
        )
        return both

    @varied("path", PATHS)
    @varied("clock", ["at", "day"])
    def test_windows_and_filters_measure_alike(self, in_time: Both, clock: str, path: str) -> None:
        production = replace(
            HOURLY, timestamp=clock, filter="plan <> 'c' and amount / 2 < 1 or id // 2 = 7"
        )
        references = (
            Reference("before", table("before"), filter="key like 'k%' and length(key) > 1"),
            Reference(
                "recent", table("hourly"), clock, RollingWindow(Duration(days=14, text="P14D"))
            ),
            Reference("seasonal", table("hourly"), clock, SeasonalWindow(parse_duration("P9D"), 3)),
        )
        watched = monitor(
            production=production, references=references, signals=signals(reference="before")
        )
        others = [
            replace(signal, name=f"{signal.name}_{name}", reference=name)
            for name in ("recent", "seasonal")
            for signal in watched.signals
        ]
        watched = replace(watched, signals=(*watched.signals, *others))
        own, theirs = in_time.runs(watched, path=path, at="2026-02-08")
        assert {row["reference"] for row in own.metrics} >= {"before", "recent", "seasonal"}
        assert {row["row_count"] for row in own.profiles if row["side"] == "production"} != {0}
        assert differences(own, theirs) == ""

    @varied("clock", ["at", "day"])
    def test_a_window_without_rows_tells_where_they_are(self, in_time: Both, clock: str) -> None:
        watched = monitor(
            production=replace(HOURLY, timestamp=clock),
            references=(Reference("before", table("before")),),
            signals=signals(reference="before"),
        )
        own, theirs = in_time.runs(watched, at="2027-01-01")
        assert theirs.warnings == own.warnings
        assert theirs.try_at == own.try_at is not None
        assert differences(own, theirs) == ""

    @varied("path", PATHS)
    def test_what_joins_bring_measures_alike(self, in_time: Both, path: str) -> None:
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

    @varied("path", PATHS)
    @varied(
        ("clock", "size", "every"),
        [("at", "P7D", "P1D"), ("at", "P3D", "P3D"), ("day", "P7D", "P2D"), ("at", "P1D", "P7D")],
        ids=["overlapping", "side by side", "overlapping dates", "apart"],
    )
    def test_a_backfill_measures_alike(
        self, in_time: Both, tmp_path: Path, clock: str, size: str, every: str, path: str
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

    @varied("path", ["small", "grid"])
    def test_a_frozen_reference_is_read_once(
        self, in_time: Both, tmp_path: Path, path: str
    ) -> None:
        watched = monitor(
            production=HOURLY, references=(Reference("reference", table("before"), frozen=True),)
        )
        with closing(in_time.engine.open()) as session:
            first, second = (
                run_in(
                    session,
                    watched,
                    path=path,
                    at="2026-02-08",
                    results=tmp_path / "results.duckdb",
                )
                for _ in range(2)
            )
        before = spelled(table("before"), in_time.engine.dialect)
        for found, reads in ((first, True), (second, False)):
            assert any(before in row["sql"] for row in found.statements) is reads
        assert differences(first, second) == ""

    @varied(
        "source",
        [
            Source("query", query="select *, 'x' as extra from hourly -- all of them;\n;"),
            Source("view", table=('the "view"',)),
            Source("table", table=("hourly",)),
        ],
        ids=["query", "view", "table"],
    )
    def test_a_query_a_view_and_a_sampled_table_measure_alike(
        self, in_time: Both, source: Source
    ) -> None:
        in_time.view('the "view"', "hourly")
        watched = monitor(
            production=Production(Source("before", table=("before",))),
            references=(Reference("reference", source),),
        )
        with patch("driftline.engine.execute.SAMPLE_ROWS", 500):
            own, theirs = in_time.runs(watched, path="grid")
            _, again = in_time.runs(watched, path="grid")
        sampled = next(row["sql"] for row in theirs.statements if row["step"] == "sample")
        assert in_time.engine.samples[source.written] in sampled.lower()
        # another sample places other bins, which intervals depend on a little and values do not
        assert differences(own, theirs, but=frozenset({"ci_low", "ci_high"})) == ""
        assert differences(theirs, again) == ""

    @varied("path", ["small", "grid"])
    def test_hostile_names_of_tables_columns_and_values_measure_alike(
        self, both: Both, path: str
    ) -> None:
        rng = np.random.default_rng(3)
        names = HOSTILE[1::2] if self.thin else HOSTILE
        for name in ("ta'b\"le; --", "select"):
            columns = {
                **{f"{n}": doubles(rng.normal(size=200)) for n in names},
                **{
                    f"_{n}"[:63]: Column("varchar", [HOSTILE[k] for k in rng.integers(0, 15, 1500)])
                    for n in names
                },
            }
            both.create(name, columns)
        watched = monitor(
            production=Production(
                table("ta'b\"le; --"), filter="\"it's\" < 9 and \"_it's\" <> 'it''s; --'"
            ),
            references=(Reference("reference", table("select")),),
            settings={f"_{names[-2]}": FeatureSettings(values=HOSTILE)},
        )
        own, theirs = both.runs(watched, path=path)
        assert len({row["feature"] for row in own.metrics}) == 1 + 2 * len(names)
        assert differences(own, theirs) == ""

    def test_every_statement_of_the_rehearsal_is_right(self, both: Both) -> None:
        for name, rows in rehearsal().tables.items():
            both.create(name, columns_of(rows))
        with closing(both.engine.open()) as session:
            dialect = session.dialect
            ask_everything(
                dialect,
                "executed",
                f"{dialect} {session.about().version.split()[0]}",
                lambda sql: session.fetch(sql).to_pylist(),
                named=lambda name: spelled(table(name), dialect),
            )
