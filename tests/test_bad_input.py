"""Nothing a user does to the input breaks the product: a clear message or a row with a reason.

Each line of the tables below damages a sound project of two monitors. What the damage did not touch,
the other monitor and the other columns, has the rows it has without it.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hard_columns import hard_columns
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import score, table
from typer.testing import CliRunner, Result

import driftline
from driftline.cli import app

AT: Final = ("--at", "2026-02-11")
STATUSES: Final = {
    "ok", "warning", "breached", "inconclusive", "insufficient_data", "not_computable", "error",
}  # fmt: skip

PROJECT: Final = """\
results: {to: results.duckdb}
monitors:
  - name: watched
    production: {table: scored.parquet, timestamp: at, window: {size: P10D}}
    reference: {table: training.parquet}
  - name: neighbour
    production: {table: other.parquet, timestamp: at, window: {size: P10D}}
    reference: {table: other_training.parquet}
"""

MADE: Final = """
    select
        timestamp '{start}' + to_hours(cast(i as integer)) as at,
        i % 97 + {shift} + 0.5 as age,
        case when i % 3 = 0 then 'pro' else 'basic' end as plan,
        (i * 7919) % 1000 as code,
        'x' || i % 5 as city
    from range(480) as numbers (i)
"""


def make(folder: Path) -> None:
    """A sound project: 240 of 480 hourly rows are in the window of each monitor."""
    for name, start, shift in (
        ("training", "2026-01-01", 0),
        ("scored", "2026-02-01", 0),
        ("other_training", "2026-01-01", 0),
        ("other", "2026-02-01", 60),
    ):
        rows = duckdb.sql(MADE.format(start=start, shift=shift)).to_arrow_table()
        pq.write_table(rows, folder / f"{name}.parquet")
    (folder / "driftline.yml").write_text(PROJECT)


def call(folder: Path, *words: str) -> Result:
    """Call the command line in a folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        return CliRunner().invoke(app, words, env={"COLUMNS": "1000"}, prog_name="driftline")
    finally:
        os.chdir(before)


def stored(folder: Path, monitor: str, *without: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Metric rows of a monitor by feature and metric, but for what every run has of its own."""
    told = driftline.show(folder / "driftline.yml", monitor, all=True).to_pylist()
    own = {"run_id", "computed_at", *without}
    return {
        (row["feature"], row["metric"]): {k: v for k, v in row.items() if k not in own}
        for row in told
    }


# What other features decide about a feature's rows: whole families are adjusted together.
OF_OTHERS: Final = ("q_value", "status", "severity", "reason", "reference_id")


@cache
def sound() -> Mapping[str, dict[tuple[str, str], dict[str, Any]]]:
    """The rows of both monitors without any damage."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        make(folder)
        assert call(folder, "run", *AT).exit_code == 1
        return {
            "neighbour": stored(folder, "neighbour"),
            "watched": stored(folder, "watched", *OF_OTHERS),
        }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a sound project."""
    make(tmp_path)
    return tmp_path


# Ways to do damage


def edit(old: str, new: str) -> Callable[[Path], None]:
    """Change the project file where it says something first, in the monitor `watched`."""

    def damage(folder: Path) -> None:
        path = folder / "driftline.yml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return damage


def more(yaml: str) -> Callable[[Path], None]:
    """Add keys to the monitor `watched`."""
    line = "    reference: {table: training.parquet}\n"
    return edit(line, f"{line}    {yaml}\n")


def source(file: str, write: Callable[[Path], object]) -> Callable[[Path], None]:
    """Let `watched` read another file, written so."""

    def damage(folder: Path) -> None:
        write(folder / file)
        edit("scored.parquet", file)(folder)

    return damage


def rows(select: str, *files: str) -> Callable[[Path], None]:
    """Replace Parquet files by a SELECT from what they hold, `rows_`."""

    def damage(folder: Path) -> None:
        for file in files or ("scored.parquet",):
            rows_ = pq.read_table(folder / file)
            with duckdb.connect() as con:
                con.register("rows_", rows_)
                pq.write_table(con.sql(select).to_arrow_table(), folder / file)

    return damage


def column(name: str, values: pa.Array | str, *files: str) -> Callable[[Path], None]:
    """Append a column to Parquet files, or a copy of one they have."""

    def damage(folder: Path) -> None:
        for file in files or ("scored.parquet", "training.parquet"):
            table = pq.read_table(folder / file)
            added = table[values] if isinstance(values, str) else values
            pq.write_table(table.append_column(name, added), folder / file)

    return damage


def text(content: str | bytes) -> Callable[[Path], object]:
    """Write a file of that content, its folder too."""

    def write(path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return write


def cut(path: Path) -> None:
    """Leave half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


CSV: Final = "at,age,plan,code,city\n" + "".join(
    f"2026-02-{1 + i % 9:02d} 00:00:00,{i % 97}.5,basic,{i},x{i % 5}\n" for i in range(300)
)


# What stops a monitor: exit code 3, and the others go on

STOPPED: Final[Mapping[str, tuple[Callable[[Path], Any], str]]] = {
    "a missing file": (
        lambda folder: (folder / "scored.parquet").unlink(),
        "no file matches scored.parquet",
    ),
    "a pattern without files": (edit("scored.parquet", "data/*.parquet"), "no file matches data/*"),
    "a missing table": (edit("scored.parquet", "scored"), "Table with name scored does not exist"),
    "a missing timestamp": (
        edit("timestamp: at", "timestamp: when"),
        "there is no column 'when' for the timestamp",
    ),
    "a timestamp that is text": (
        rows('select * replace (cast("at" as varchar) as "at") from rows_'),
        "the timestamp column 'at' is VARCHAR, not a time",
    ),
    "a timestamp that is a number": (
        edit("timestamp: at", "timestamp: code"),
        "the timestamp column 'code' is BIGINT, not a time",
    ),
    "a missing prediction": (
        more("columns: {prediction: nope}"),
        "neither side has a column 'nope' for the prediction",
    ),
    "a missing correlation id": (
        more("columns: {correlation_id: nope}"),
        "neither side has a column 'nope' for the correlation id",
    ),
    "a missing listed feature": (
        more("features: [agee, plan]"),
        "neither side has a column 'agee' for the feature",
    ),
    "columns of one name in an Arrow file": (
        source(
            "s.arrow",
            lambda path: pa.ipc.new_file(
                path, pa.schema([("age", pa.int64()), ("age", pa.int64())])
            ).close(),
        ),
        "cannot read s.arrow: Can't unify schema with duplicate field names",
    ),
    "a Parquet file cut short": (
        lambda folder: cut(folder / "scored.parquet"),
        "cannot read scored.parquet: Invalid Input Error: No magic bytes found",
    ),
    "a Parquet file that is none": (
        lambda folder: (folder / "scored.parquet").write_text("hello"),
        "cannot read scored.parquet",
    ),
    "an empty file": (
        lambda folder: (folder / "scored.parquet").write_bytes(b""),
        "cannot read scored.parquet",
    ),
    "a folder without files": (
        source("data/", lambda path: path.mkdir()),
        "the folder data/ holds no Parquet file",
    ),
    "a folder of other files": (
        source("data/", lambda path: text("a\n1\n")(path / "a.csv")),
        "the folder data/ holds no Parquet file",
    ),
    "files of several kinds": (
        source(
            "data/*",
            lambda path: [text(CSV)(path.parent / name) for name in ("a.csv", "b.parquet")],
        ),
        "data/* matches files of several kinds, a.csv, b.parquet among them",
    ),
    "JSON cut short": (source("s.json", text('{"at": 1')), "cannot read s.json"),
    "a text file that is not UTF-8": (
        source("s.csv", text(CSV.encode() + "2026-02-03 00:00:00,1,é,1,x\n".encode("latin-1"))),
        "cannot read s.csv",
    ),
    "an empty text file": (source("s.csv", text("")), "there is no column 'at'"),
    "a query that is no SQL": (
        edit("table: scored.parquet", 'query: "selec 1"'),
        "cannot read selec 1: Parser Error",
    ),
    "two statements in a query": (
        edit("table: scored.parquet", 'query: "select 1; drop table x"'),
        "syntax error",
    ),
    "a filter over a column that is not there": (
        edit("timestamp: at,", 'timestamp: at, filter: "nope > 1",'),
        'Referenced column "nope" not found',
    ),
}


@pytest.mark.parametrize("case", STOPPED)
def test_what_cannot_be_read_stops_its_monitor_with_a_message_and_no_other(
    case: str, folder: Path
) -> None:
    damage, message = STOPPED[case]
    damage(folder)
    result = call(folder, "run", *AT)
    assert result.exit_code == 3, result.output
    told = " ".join(result.stderr.split())
    assert told.startswith("error: monitor watched failed: ")
    assert message in told
    assert "retry: driftline run" in told
    assert "Traceback" not in result.output
    assert stored(folder, "neighbour") == sound()["neighbour"]


# What is wrong with the project file: exit code 2 before anything is read

REFUSED: Final[Mapping[str, tuple[Callable[[Path], Any], str]]] = {
    "an unknown metric": (
        more("signals: {data_drift: [jss]}"),
        "driftline.yml:6: monitors[watched].signals.data_drift[0]: unknown metric or key 'jss';"
        " did you mean 'js'?",
    ),
    "a metric on the wrong type": (
        more("signals: {data_drift: {numerical: {chi2: 0.1}}}"),
        "pearsons_chi_squared_test is not for numerical features",
    ),
    "a threshold that is a word": (
        more("signals: {data_drift: {js: high}}"),
        "monitors[watched].signals.data_drift.js: 'high' is not a number",
    ),
    "a threshold that is no number": (
        more("signals: {data_drift: {js: .nan}}"),
        "nan is not a finite number",
    ),
    "a threshold that is a list": (more("signals: {data_drift: {js: [1]}}"), "is not a number"),
    "a key given twice": (
        more("reference: {table: x.parquet}"),
        "driftline.yml:6: monitors[watched].reference: the key stands twice; first on line 5",
    ),
    "a tab": (
        edit("    production", "\tproduction"),
        "driftline.yml:4: not valid YAML: found character '\\t' that cannot start any token;"
        " YAML indents with spaces, never with tabs",
    ),
    "an uneven indent": (
        edit("    reference", "   reference"),
        "keys of one map must begin in the same column",
    ),
    "a quote that stays open": (
        edit("name: watched", "name: 'watched"),
        "which begins on line 3",
    ),
    "a file that is not UTF-8": (
        lambda folder: (folder / "driftline.yml").write_bytes(PROJECT.encode("utf-16")),
        "driftline.yml: cannot be read: it is not UTF-8 text",
    ),
    "a NUL character": (
        edit("watched", "wat\0ched"),
        "driftline.yml:3: not valid YAML: unacceptable character #x0000",
    ),
    "an empty file": (
        lambda folder: (folder / "driftline.yml").write_text(""),
        "the file must be a map of keys such as monitors, and is empty",
    ),
    "a file of comments": (
        lambda folder: (folder / "driftline.yml").write_text("# nothing yet\n"),
        "the file must be a map of keys such as monitors, and is empty",
    ),
}


@pytest.mark.parametrize("verb", ["validate", "run"])
@pytest.mark.parametrize("case", REFUSED)
def test_a_project_file_that_cannot_be_right_is_refused_with_its_line(
    case: str, verb: str, folder: Path
) -> None:
    damage, message = REFUSED[case]
    damage(folder)
    result = call(folder, verb, *(AT if verb == "run" else ()))
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert message in " ".join(result.stderr.split())
    assert not (folder / "results.duckdb").exists()


# What a monitor can live with: rows that say so


@dataclass(frozen=True)
class Lived:
    """Damage that a run survives.

    Attributes:
        damage: What the user did.
        rows: (feature, metric) to status and a part of the reason of its row.
        touched: Columns whose other rows may differ; None when all may.
        exit: Exit code; the neighbour's breach alone makes it 1.
        features: Column to a part of its reason in the table `features`.
    """

    damage: Callable[[Path], Any]
    rows: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    touched: frozenset[str] | None = frozenset()
    exit: int = 1
    features: Mapping[str, str] = field(default_factory=dict)


def only(*names: str) -> frozenset[str]:
    """The columns that were touched."""
    return frozenset(names)


JS: Final = "jensen_shannon_distance"
W1: Final = "normalized_wasserstein_distance"
ALL_FILES: Final = ("scored.parquet", "training.parquet")

LIVED: Final[Mapping[str, Lived]] = {
    "nothing": Lived(lambda _: None),
    "a table without rows": Lived(
        rows("select * from rows_ limit 0"),
        {
            ("__all__", "row_count"): ("breached", "the window has no rows"),
            ("age", W1): ("insufficient_data", "0 production rows"),
        },
        touched=None,
    ),
    "a window without rows": Lived(
        rows('select * replace ("at" + interval 1 year as "at") from rows_'),
        {
            ("__all__", "row_count"): ("breached", "the window has no rows"),
            ("plan", JS): ("insufficient_data", "0 production rows"),
        },
        touched=None,
    ),
    "a reference without rows": Lived(
        rows("select * from rows_ limit 0", "training.parquet"),
        {("age", W1): ("insufficient_data", "0 reference rows")},
        touched=None,
    ),
    "one row": Lived(
        rows("select * from rows_ limit 1"),
        {("age", W1): ("insufficient_data", "1 production rows, min_rows is 100")},
        touched=None,
    ),
    "timestamps at infinity, and none": Lived(
        rows(
            "select * replace (case code when 1 then 'infinity' when 2 then '-infinity'"
            ' when 3 then null else cast("at" as varchar) end::timestamp as "at") from rows_'
        ),
        touched=None,
    ),
    "a column of nulls": Lived(
        rows("select * replace (cast(null as double) as age) from rows_"),
        {
            ("age", "null_value_rate"): ("breached", ""),
            ("age", W1): ("insufficient_data", "0 production rows"),
        },
        only("age"),
    ),
    "a column of nulls without a type": Lived(
        lambda folder: pq.write_table(
            pq.read_table(folder / "scored.parquet").set_column(1, "age", pa.nulls(480)),
            folder / "scored.parquet",
        ),
        {("age", "null_value_rate"): ("breached", "")},
        only("age"),
    ),
    "a reference column of nulls": Lived(
        rows("select * replace (cast(null as varchar) as plan) from rows_", "training.parquet"),
        {("plan", JS): ("insufficient_data", "0 reference rows")},
        only("plan"),
    ),
    "text in a number column": Lived(
        rows(
            "select * replace (case when code % 10 = 0 then 'n/a' else cast(age as varchar) end"
            " as age) from rows_"
        ),
        {("age", "data_type_error_rate"): ("breached", "")},
        only("age"),
    ),
    "a word far down in a text file": Lived(
        source("s.csv", text(CSV + CSV.split("\n", 1)[1] * 80 + "2026-02-03,oops,basic,1,x1\n")),
        {("age", "data_type_error_rate"): ("inconclusive", "beyond the threshold")},
        touched=None,
    ),
    "text instead of booleans": Lived(
        lambda folder: (
            column("flag", pa.array([i % 2 == 0 for i in range(480)]), "training.parquet")(folder),
            column("flag", pa.array(["true", "no"] * 240), "scored.parquet")(folder),
        ),
        {("flag", "data_type_error_rate"): ("breached", "")},
        only("flag"),
    ),
    "a constant column": Lived(
        column("same", pa.array([7.25] * 480)), {("same", W1): ("ok", "")}, only("same")
    ),
    "a feature that production lacks": Lived(
        lambda folder: (
            rows("select * exclude (age) from rows_")(folder),
            more("features: [age, plan, code, city]")(folder),
        ),
        {("age", "missing_feature"): ("breached", "production does not have it")},
        only("age"),
    ),
    "two columns of one name": Lived(
        column("age", "age", "scored.parquet"),
        {("age_1", "new_column"): ("ok", "")},
        only("age_1"),
    ),
    "two columns of one name in a text file": Lived(
        source("s.csv", text(CSV.replace("plan,code", "age,code"))),
        touched=None,
        features={"plan": "production has no such column"},
    ),
    "two columns of one name in a query": Lived(
        edit("table: scored.parquet", "query: \"select *, age from 'scored.parquet'\""),
        {("age_1", "new_column"): ("ok", "")},
        only("age_1"),
    ),
    "columns whose names differ in case alone": Lived(
        column("AGE", "plan"), {("AGE_1", JS): ("ok", "")}, only("AGE_1")
    ),
    "a name with a NUL character": Lived(
        column("a\0b", "age"),
        touched=only("a\0b"),
        features={"a\0b": "no SQL can write a name with a NUL character"},
    ),
    "names of any characters": Lived(
        lambda folder: [
            column(name, "age")(folder) for name in ("q\"'\n🙂", "{{ x }}", "x" * 5000)
        ],
        {("q\"'\n🙂", W1): ("ok", ""), ("{{ x }}", W1): ("ok", "")},
        touched=only("q\"'\n🙂", "{{ x }}", "x" * 5000),
    ),
    "columns named as we name things": Lived(
        lambda folder: [
            column(name, "code")(folder)
            for name in ("scan", "n", "bin", "value", "window_id", "segment", "feature", "t")
        ],
        {("window_id", W1): ("ok", ""), ("bin", W1): ("ok", "")},
        touched=only("scan", "n", "bin", "value", "window_id", "segment", "feature", "t"),
    ),
    "texts of any characters and of any length": Lived(
        column(
            "odd",
            pa.array([["a\0b", "🙂'\"\n", "", "x" * 100_000, "a"][i % 5] for i in range(480)]),
        ),
        {("odd", JS): ("ok", "")},
        only("odd"),
    ),
    "a file of another type in the pattern": Lived(
        lambda folder: (
            pq.write_table(
                pq.read_table(folder / "scored.parquet").set_column(
                    1, "age", pa.array(["x"] * 480)
                ),
                folder / "scored_2.parquet",
            ),
            edit("scored.parquet", "scored*.parquet")(folder),
        ),
        {("age", W1): ("error", 'failed to cast column "age"')},
        touched=None,
    ),
    "a monitor's name of any characters": Lived(
        edit("name: watched", 'name: "../a \\n\'\\"/[c] */ {x} 🙂"'), touched=None
    ),
}


@pytest.mark.parametrize("case", LIVED)
def test_bad_rows_and_columns_are_told_in_their_rows_and_change_no_others(
    case: str, folder: Path
) -> None:
    lived = LIVED[case]
    lived.damage(folder)
    result = call(folder, "run", *AT)
    assert result.exit_code == lived.exit, result.output
    assert "Traceback" not in result.output
    assert stored(folder, "neighbour") == sound()["neighbour"]
    if case == "a monitor's name of any characters":
        assert {row["monitor"] for row in driftline.ls(folder / "driftline.yml").to_pylist()} == {
            "../a \n'\"/[c] */ {x} 🙂",
            "neighbour",
        }
        return
    found = stored(folder, "watched")
    assert {row["status"] for row in found.values()} <= STATUSES
    for key, (status, reason) in lived.rows.items():
        assert found[key]["status"] == status, (key, found[key])
        assert reason in (found[key]["reason"] or ""), found[key]
    if lived.touched is not None:
        kept = stored(folder, "watched", *OF_OTHERS)
        rest = {key: row for key, row in kept.items() if key[0] not in lived.touched}
        wanted = {
            key: row for key, row in sound()["watched"].items() if key[0] not in lived.touched
        }
        assert rest == wanted
    reasons = {
        row["feature"]: row["reason"]
        for row in driftline.ls(folder / "driftline.yml", "features").to_pylist()
        if row["monitor"] == "watched"
    }
    assert all(part in (reasons[name] or "") for name, part in lived.features.items())


# The results file


@contextmanager
def unprivileged() -> Iterator[None]:
    """Give up the right of the superuser to write anywhere, where the tests have it."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("put", "message"),
    [
        (lambda file: file.mkdir(), "is not a file"),
        (os.mkfifo, "is not a file"),
        (lambda file: file.write_text("no database"), "is not a DuckDB file"),
    ],
    ids=["a folder", "a pipe", "another kind of file"],
)
def test_what_is_no_results_file_is_refused_and_kept(
    put: Callable[[Path], Any], message: str, folder: Path
) -> None:
    file = folder / "results.duckdb"
    put(file)
    before = file.lstat()
    result = call(folder, "run", *AT)
    assert result.exit_code == 3
    assert f"results.duckdb {message}" in result.stderr
    assert "Traceback" not in result.output
    assert (file.lstat().st_mode, file.lstat().st_ino) == (before.st_mode, before.st_ino)


def test_a_results_file_that_may_not_be_written_is_named(folder: Path) -> None:
    call(folder, "run", "neighbour", *AT)
    for path in (folder, *folder.parents[:3]):
        path.chmod(0o755)
    (folder / "results.duckdb").chmod(0o444)
    with unprivileged():
        result = call(folder, "run", "neighbour", *AT)
    assert result.exit_code == 3, result.output
    assert "results.duckdb" in result.stderr
    assert "ermission denied" in result.stderr
    assert stored(folder, "neighbour") == sound()["neighbour"]


FULL: Final = """
import resource, signal, sys
from driftline.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
sys.argv = ["driftline", "run", "neighbour", "--at", "2026-02-11"]
main()
"""


def test_a_full_disk_is_told_and_leaves_the_old_results(folder: Path) -> None:
    call(folder, "run", "neighbour", *AT)
    done = subprocess.run(
        [sys.executable, "-c", FULL], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stderr
    assert "results.duckdb" in done.stderr
    assert "Traceback" not in done.stderr
    assert stored(folder, "neighbour") == sound()["neighbour"]


# Every type, every number


def finite_and_known(rows: list[dict[str, Any]]) -> list[Any]:
    """Rows that hold a NaN or an infinity, or a status nobody knows."""
    return [
        row
        for row in rows
        if row["status"] not in STATUSES
        or any(isinstance(value, float) and not math.isfinite(value) for value in row.values())
    ]


def test_every_type_of_duckdb_is_measured_or_left_out_with_a_reason(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "types.duckdb")) as con:
        con.execute("create table types as select * from test_all_types(), range(50)")
        names = [row[0] for row in con.execute("describe types").fetchall()]
    (tmp_path / "driftline.yml").write_text(
        "connection: {type: duckdb, database: types.duckdb}\n"
        "results: {to: results.duckdb}\n"
        "monitors: [{name: types, production: {table: types}, reference: {table: types}}]\n"
    )
    found = driftline.run(tmp_path / "driftline.yml", at="2026-02-11")
    assert found.exit_code == 0
    assert finite_and_known(found.metrics) == []
    measured = {row["feature"] for row in found.metrics}
    assert measured == {"__all__", *names}
    for row in found.monitors[0].features:
        assert row["included"] or row["reason"], row
    numbers = {"tinyint", "hugeint", "uhugeint", "ubigint", "double", "dec38_10"}
    assert numbers <= {row["feature"] for row in found.monitors[0].features if row["included"]}


# A type that production has where the reference has another.
OTHER_TYPES: Final = (
    "bool", "bigint", "uhugeint", "double", "dec38_10", "date", "timestamp_tz", "uuid", "varchar",
    "blob", "small_enum", "interval", "struct", "int_array",
)  # fmt: skip


@pytest.mark.parametrize("name", ["uuid", "double", "timestamp_tz", "small_enum"])
def test_a_column_of_any_other_type_in_production_is_never_an_error(
    name: str, tmp_path: Path
) -> None:
    with duckdb.connect(str(tmp_path / "types.duckdb")) as con:
        con.execute("create table training as select * from test_all_types()")
        columns = ", ".join(f'"{name}" as "{other}"' for other in OTHER_TYPES)
        con.execute(f"create view scored as select {columns} from training")
    (tmp_path / "driftline.yml").write_text(
        "connection: {type: duckdb, database: types.duckdb}\n"
        "monitors: [{name: types, min_rows: 0, production: {table: scored},"
        " reference: {table: training}, features: ["
        + ", ".join(OTHER_TYPES)
        + "], settings: {timestamp_tz: {type: numerical}, uuid: {type: numerical}}}]\n"
    )
    found = driftline.run(tmp_path / "driftline.yml", at="2026-02-11")
    assert [row for row in found.metrics if row["status"] == "error"] == []
    assert finite_and_known(found.metrics) == []


BEYOND: Final = 2**60


@pytest.mark.parametrize("path", ["small", "grid", "coarse"])
def test_few_whole_numbers_beyond_two_to_the_53_are_categories_by_exact_value(path: str) -> None:
    sides = [{"x": [BEYOND + k % kinds for k in range(300)]} for kinds in (3, 2)]
    found = score(*sides, path=path)
    assert found.feature("x")["feature_type"] == "categorical"
    assert found["x", "total_variation_distance"]["value"] == pytest.approx(1 / 3, rel=1e-12)
    assert found["x", "distinct_count"]["value"] == 2
    assert [(row["label"], row["n_production"]) for row in found.histogram("x")] == [
        (str(BEYOND), 150),
        (str(BEYOND + 1), 150),
        (str(BEYOND + 2), 0),
    ]
    assert found.profile("x", "reference")["distinct_count"] == 3


@pytest.mark.parametrize("path", ["small", "coarse"])
def test_many_whole_numbers_beyond_two_to_the_53_say_that_they_were_rounded(path: str) -> None:
    # 300 numbers are 2 doubles: their type and count are those of the numbers
    sides = [{"x": [BEYOND + k + moved for k in range(300)]} for moved in (0, 100)]
    found = score(*sides, path=path)
    assert found.feature("x")["feature_type"] == "numerical"
    assert found["x", "distinct_count"]["value"] == 300
    rounded = {m for (f, m), row in found.by_key.items() if "rounded" in (row["reason"] or "")}
    assert rounded >= {W1, JS, "kolmogorov_smirnov_distance", "mean", "out_of_bounds_rate"}
    assert rounded.isdisjoint({"null_value_rate", "data_type_error_rate", "distinct_count"})


def test_ordinary_numbers_do_not_say_that_they_were_rounded() -> None:
    values = {"x": [2**53 - 1 - k for k in range(300)], "y": [k / 7 for k in range(300)]}
    found = score(values, values)
    assert all("rounded" not in (row["reason"] or "") for row in found.run.metrics)


@pytest.mark.parametrize(
    ("reference", "production", "distance"),
    [
        (["1.00000000000000000001", "2"], ["1.00000000000000000002", "2"], 0.5),
        (["1.5", "2"], ["1.500", "2.0"], 0.0),
        (["-0.0", "100"], ["0", "100.00"], 0.0),
    ],
)
def test_decimals_told_as_categories_are_compared_digit_by_digit(
    reference: list[str], production: list[str], distance: float
) -> None:
    sides = [
        {"x": pa.array([Decimal(x) for x in values], pa.decimal128(38, 20))}
        for values in (reference, production)
    ]
    found = score(*sides, types={"x": "categorical"})
    assert found["x", "total_variation_distance"]["value"] == distance


def test_whole_numbers_in_text_are_compared_digit_by_digit() -> None:
    numbers = [BEYOND + k % 3 for k in range(300)]
    texts = [f" {'+' if k % 2 else ''}{x} " for k, x in enumerate(numbers)]
    found = score({"x": numbers}, {"x": pa.array(texts)})
    assert found["x", "total_variation_distance"]["value"] == 0


@pytest.mark.parametrize(
    ("production", "value", "reason"),
    [(5e-324, 0.0, None), (1.0, None, "its value leaves the range of a double")],
)
def test_a_reference_constant_at_the_smallest_number_has_a_distance_or_says_why_not(
    production: float, value: float | None, reason: str | None
) -> None:
    found = score({"x": [5e-324] * 9}, {"x": [production] * 9})["x", W1]
    assert (found["value"], found["reason"]) == (value, reason)


# Many columns, many categories


@pytest.mark.once
def test_two_thousand_columns_are_planned_and_run(tmp_path: Path) -> None:
    kinds = (
        "'c' || (i + {k}) % 3",
        *("(i * ({k} + 1)) % 7", "date '2026-01-01' + i::int") * 5,
    )
    columns = ", ".join(f"{kinds[k % 11].format(k=k)} as c{k}" for k in range(2_000))
    rows_ = duckdb.sql(f"select {columns} from range(12) as r(i)").to_arrow_table()
    pq.write_table(rows_, tmp_path / "wide.parquet")
    (tmp_path / "driftline.yml").write_text(
        "connection: {type: duckdb, settings: {memory_limit: 1GB}}\n"
        "monitors: [{name: wide, production: {table: wide.parquet},"
        " reference: {table: wide.parquet}, signals: {data_drift: [tv], data_quality: [nulls]}}]\n"
    )
    found = driftline.run(tmp_path / "driftline.yml", at="2026-02-11")
    assert found.exit_code == 0
    assert {row["feature"] for row in found.metrics} == {"__all__", *rows_.column_names}
    assert {row["value"] for row in found.metrics if row["feature"] != "__all__"} == {0.0}


def test_ten_thousand_categories_are_measured_by_the_largest_and_the_rest() -> None:
    labels = [f"c{k % 10_000}" for k in range(25_000)]
    found = score({"x": labels}, {"x": labels}, types={"x": "categorical"})
    assert found["x", JS]["value"] == 0
    kinds = [row["kind"] for row in found.histogram("x")]
    assert (kinds.count("category"), kinds.count("other")) == (1000, 1)


# Anything at all

ODD: Final = (
    None, 0.0, -0.0, 1.0, 5e-324, -5e-324, 2.2e-308, 1e-160, 1e16, 1.7976931348623157e308,
    -1.7976931348623157e308, math.inf, -math.inf, math.nan,
)  # fmt: skip
WORDS: Final = (
    None,
    "",
    " ",
    "a",
    "A",
    "nan",
    "1e400",
    "0x1F",
    "12",
    "1.5",
    "a\0b",
    "🙂",
    "é" * 999,
)
WHOLE: Final = (None, 0, 1, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63))

HOSTILE: Final = st.one_of(
    st.lists(st.sampled_from(ODD), max_size=12).map(lambda x: pa.array(x, pa.float64())),
    st.lists(st.floats(allow_subnormal=True), max_size=12).map(lambda x: pa.array(x, pa.float64())),
    st.lists(st.sampled_from(WORDS), max_size=12).map(lambda x: pa.array(x, pa.string())),
    st.lists(st.sampled_from(WHOLE), max_size=12).map(lambda x: pa.array(x, pa.int64())),
    st.lists(st.booleans() | st.none(), max_size=12).map(lambda x: pa.array(x, pa.bool_())),
    st.lists(st.binary(max_size=3) | st.none(), max_size=4).map(lambda x: pa.array(x, pa.binary())),
    st.lists(st.dates() | st.none(), max_size=8).map(lambda x: pa.array(x, pa.date32())),
    st.integers(0, 12).map(pa.nulls),
    st.sampled_from(sorted(hard_columns(40))).flatmap(
        lambda name: st.sampled_from(hard_columns(40)[name]).map(
            lambda x: pa.array(list(x), pa.float64())
        )
    ),
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(pairs=st.lists(st.tuples(HOSTILE, HOSTILE), min_size=1, max_size=6))
def test_any_two_tables_are_compared_without_a_surprise(
    pairs: list[tuple[pa.Array, pa.Array]],
) -> None:
    sides = [
        table({f"c{number}": pair[side] for number, pair in enumerate(pairs)}) for side in (0, 1)
    ]
    found = driftline.compare(*sides)
    assert found.exit_code == 0
    assert finite_and_known(found.metrics) == []
    assert [row for row in found.metrics if row["status"] == "error"] == []
    features = {row["feature"] for row in found.metrics}
    assert features == {"__all__", *(f"c{number}" for number in range(len(pairs)))}
