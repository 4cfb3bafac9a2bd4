"""Copies for BI tools are whole, stand alone, and never take the results down with them."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from small_project import AT, HEAD, MONITOR, SIGNALS, make, write

import driftline
from driftline.engine.config import load_project
from driftline.engine.results import TABLES, VIEWS

COPIES = f"{HEAD}publish: {{duckdb: copies/bi.duckdb, parquet: copies/parquet}}\n"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose project has run and published once."""
    folder = tmp_path_factory.mktemp("ran")
    make(folder)
    driftline.run(write(folder, head=COPIES), at=AT)
    return folder


@pytest.fixture
def folder(ran: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(ran, tmp_path, dirs_exist_ok=True)
    return tmp_path


def files(folder: Path) -> set[str]:
    """Everything in a folder, hidden files too."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


WHOLE = {"bi.duckdb", *(f"parquet/{name}.parquet" for name in TABLES)}


def asked(file: Path, sql: str) -> list[tuple[object, ...]]:
    """What a DuckDB file answers to someone who opens it for reading."""
    with duckdb.connect(file, read_only=True) as con:
        return con.execute(sql).fetchall()


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Another process that runs code."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


# What is in the copies


def test_a_run_leaves_both_copies_and_nothing_else_beside_them(ran: Path) -> None:
    assert files(ran / "copies") == WHOLE


def test_the_copy_has_the_tables_and_views_of_the_contract_in_the_schema_main(ran: Path) -> None:
    copy = ran / "copies" / "bi.duckdb"

    tables = asked(copy, "select schema_name, table_name from duckdb_tables()")
    views = asked(copy, "select schema_name, view_name from duckdb_views() where not internal")

    assert set(tables) == {("main", name) for name in TABLES}
    assert set(views) == {("main", name) for name in VIEWS}


def test_comments_are_kept(ran: Path) -> None:
    comments = (
        "select table_name, column_name, comment from duckdb_columns() where not internal"
        " and not starts_with(table_name, '_')"
        " union all select table_name, '', comment from duckdb_tables()"
        " where not starts_with(table_name, '_')"
        " union all select view_name, '', comment from duckdb_views() where not internal"
        " order by all"
    )

    found = asked(ran / "copies" / "bi.duckdb", comments)

    assert found == asked(ran / "results.duckdb", comments)
    assert all(comment for _, _, comment in found)


@pytest.mark.parametrize("name", [*TABLES, *VIEWS])
def test_a_table_or_view_answers_as_the_results_do(ran: Path, name: str) -> None:
    question = f"from {name} order by all"
    assert asked(ran / "copies" / "bi.duckdb", question) == asked(ran / "results.duckdb", question)


@pytest.mark.parametrize("name", TABLES)
def test_a_parquet_file_holds_its_table(ran: Path, name: str) -> None:
    file = ran / "copies" / "parquet" / f"{name}.parquet"
    with duckdb.connect() as con:
        rows = con.execute(f"from '{file}' order by all").fetchall()

    assert rows == asked(ran / "results.duckdb", f"from {name} order by all")
    assert tuple(pq.read_schema(file).names) == TABLES[name].names


def test_times_in_parquet_are_without_a_zone(ran: Path) -> None:
    schema = pq.read_schema(ran / "copies" / "parquet" / "metrics.parquet")
    assert schema.field("window_end").type.tz is None


def test_duckdb_1_0_can_read_the_copy(ran: Path) -> None:
    header = (ran / "copies" / "bi.duckdb").read_bytes()[:20]
    magic, version = header[8:12], struct.unpack("<Q", header[12:20])[0]
    assert (magic, version) == (b"DUCK", 64)


def test_a_secret_is_in_no_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "hunter2-hunter2")
    make(tmp_path)
    query = "'select *, ''${API_KEY}'' as given from read_parquet(''scored.parquet'')'"
    monitor = MONITOR.replace("table: scored.parquet", f"query: {query}")
    (tmp_path / "driftline.yml").write_text(f"{COPIES}{monitor}{SIGNALS}")
    monkeypatch.chdir(tmp_path)

    driftline.run(tmp_path, at=AT)

    copies = tmp_path / "copies"
    assert files(copies) == WHOLE
    assert all(b"hunter2" not in (copies / name).read_bytes() for name in files(copies))
    assert "***" in str(asked(copies / "bi.duckdb", "select sql from statements"))


# Who reads while it is written


def test_who_holds_the_old_copy_keeps_reading_it(folder: Path) -> None:
    copy = folder / "copies" / "bi.duckdb"
    with (
        duckdb.connect(copy, read_only=True) as held,
        (folder / "copies" / "parquet" / "runs.parquet").open("rb") as open_file,
    ):
        driftline.run(folder, at="2026-02-21")

        assert held.execute("select count(*) from runs").fetchall() == [(1,)]
        assert pq.read_table(open_file).num_rows == 1
    count = "import duckdb, sys; print(duckdb.connect(sys.argv[1], read_only=True)"
    count += ".execute('select count(*) from runs').fetchall())"
    assert python(count, copy).stdout.strip() == "[(2,)]"


def test_copies_that_are_made_at_once_are_whole(folder: Path) -> None:
    errors: list[BaseException] = []

    def publish() -> None:
        try:
            driftline.publish(folder)
        except BaseException as error:  # noqa: BLE001 (told by the test)
            errors.append(error)

    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert files(folder / "copies") == WHOLE
    assert asked(folder / "copies" / "bi.duckdb", "select count(*) from runs") == [(1,)]


# Crashes


KILLED = """
import os, sys
import driftline
from driftline.engine import durable, publish

module, step = sys.argv[2].split(".")
module = {"durable": durable, "publish": publish}[module]
calls = 0
def killed(path, proper=getattr(module, step)):
    global calls
    calls += 1
    if calls == int(sys.argv[3]):
        os._exit(9)
    return proper(path)

setattr(module, step, killed)
driftline.publish(sys.argv[1])
"""


@pytest.mark.parametrize(
    ("step", "call"),
    [
        ("durable.sync", 1), ("durable.sync", 2), ("publish._replace", 2), ("publish._replace", 5),
        ("durable.sync", 7),
    ],
)  # fmt: skip
def test_a_crash_leaves_whole_copies_and_the_next_run_clears_up(
    folder: Path, step: str, call: int
) -> None:
    driftline.run(write(folder), at="2026-02-21")
    write(folder, head=COPIES)

    assert python(KILLED, folder, step, call).returncode == 9

    copies = folder / "copies"
    assert files(copies) >= WHOLE
    assert asked(copies / "bi.duckdb", "select count(*) from runs") in ([(1,)], [(2,)])
    for name in TABLES:
        pq.read_table(copies / "parquet" / f"{name}.parquet")

    driftline.publish(folder)
    assert files(copies) == WHOLE
    assert pq.read_table(copies / "parquet" / "runs.parquet").num_rows == 2


def test_what_a_killed_run_left_goes_with_the_next(folder: Path) -> None:
    copies = folder / "copies"
    left = [copies / ".bi.duckdb.new", copies / ".bi.duckdb.new.wal"]
    left.append(copies / "parquet" / ".metrics.parquet.new")
    for file in left:
        file.write_bytes(b"half")

    driftline.run(folder, at=AT)

    assert files(copies) == WHOLE


def test_a_copy_that_cannot_be_written_leaves_the_results(folder: Path) -> None:
    shutil.rmtree(folder / "copies")
    (folder / "copies").write_text("in the way")

    with pytest.raises(driftline.StoreError, match=r"cannot publish .*copies") as refused:
        driftline.run(folder, at="2026-02-21")

    assert "`driftline publish`" in str(refused.value)
    assert refused.value.result.exit_code == 3
    assert all(each.error is None for each in refused.value.result.monitors)
    assert asked(folder / "results.duckdb", "select count(*) from runs") == [(2,)]

    (folder / "copies").unlink()
    driftline.publish(folder)
    assert asked(folder / "copies" / "bi.duckdb", "select count(*) from runs") == [(2,)]


def test_a_folder_in_place_of_a_copy_is_named_and_no_other_copy_is_harmed(folder: Path) -> None:
    copy = folder / "copies" / "bi.duckdb"
    copy.unlink()
    copy.mkdir()

    with pytest.raises(driftline.StoreError, match=r"cannot publish .*bi\.duckdb: "):
        driftline.publish(folder)

    assert files(folder / "copies") == WHOLE - {"bi.duckdb"}


def test_who_may_read_the_copy_still_may(folder: Path) -> None:
    copy = folder / "copies" / "bi.duckdb"
    copy.chmod(0o640)

    driftline.publish(folder)

    assert copy.stat().st_mode & 0o777 == 0o640


def test_a_link_is_followed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("share") / "shared.duckdb"
    link = folder / "copies" / "bi.duckdb"
    link.unlink()
    link.symlink_to(elsewhere)

    driftline.publish(folder)

    assert link.is_symlink()
    assert asked(elsewhere, "select count(*) from runs") == [(1,)]


# When copies are made


def test_a_run_of_which_a_part_failed_is_published(folder: Path) -> None:
    second = MONITOR.replace("monitors:\n", "").replace("churn", "other")
    second = second.replace("scored.parquet", "missing.parquet")
    (folder / "driftline.yml").write_text(f"{COPIES}{MONITOR}{SIGNALS}{second}")

    with pytest.raises(driftline.SourceError):
        driftline.run(folder, at="2026-02-21")

    runs = asked(folder / "copies" / "bi.duckdb", "select monitor, status from runs order by all")
    assert runs == [("churn", "succeeded"), ("churn", "succeeded"), ("other", "failed")]


def test_publishing_without_results_says_to_run_and_leaves_nothing(tmp_path: Path) -> None:
    make(tmp_path)
    write(tmp_path, head=COPIES)

    with pytest.raises(driftline.StoreError, match="no results yet"):
        driftline.publish(tmp_path)

    assert not (tmp_path / "copies").exists()


def test_a_place_may_be_given_instead_of_the_projects_own(folder: Path, tmp_path: Path) -> None:
    shutil.rmtree(folder / "copies")

    written = driftline.publish(folder, duckdb=tmp_path / "one" / "copy.db")

    assert written == (tmp_path / "one" / "copy.db",)
    assert asked(written[0], "select count(*) from runs") == [(1,)]
    assert not (folder / "copies").exists()


def test_publishing_nowhere_is_a_mistake(folder: Path) -> None:
    with pytest.raises(driftline.ConfigError, match="nothing says where to publish to"):
        driftline.publish(write(folder))


def test_the_results_themselves_are_no_copy(folder: Path) -> None:
    before = (folder / "results.duckdb").read_bytes()

    with pytest.raises(driftline.ConfigError, match="is the results file itself"):
        driftline.publish(folder, duckdb=folder / "results.duckdb")

    assert (folder / "results.duckdb").read_bytes() == before


# What the project file says


def test_paths_are_taken_from_the_folder_of_the_file(folder: Path) -> None:
    found = load_project(folder).publish
    assert (found.duckdb, found.parquet) == (
        folder / "copies" / "bi.duckdb",
        folder / "copies" / "parquet",
    )


def test_a_target_has_its_own_copies(folder: Path) -> None:
    write(folder, head=f"{COPIES}targets: {{prod: {{publish: {{duckdb: prod.db}}}}}}\n")

    found = load_project(folder / "driftline.yml", target="prod").publish

    assert (found.duckdb, found.parquet) == (folder / "prod.db", None)


def test_the_resolved_file_says_where_copies_are(folder: Path) -> None:
    text = driftline.validate(folder, resolved=True).resolved
    assert text is not None
    assert "publish:\n  duckdb: copies/bi.duckdb\n  parquet: copies/parquet\n" in text


@pytest.mark.parametrize(
    ("publish", "complaint"),
    [
        ("{duckdb: results.duckdb}", "publish.duckdb: is the results file itself"),
        ("{parquet: .}", "publish.parquet: '*.parquet' would read the copies as data"),
        ("{folder: x}", "publish.folder: "),
    ],
)
def test_a_copy_takes_the_place_of_nothing_else(folder: Path, publish: str, complaint: str) -> None:
    text = f"{HEAD}publish: {publish}\n{MONITOR}".replace("scored.parquet", "'*.parquet'")
    (folder / "driftline.yml").write_text(text)

    with pytest.raises(driftline.ConfigError) as refused:
        load_project(folder)

    assert f"driftline.yml:2: {complaint}" in str(refused.value)


def test_without_publish_nothing_is_copied(tmp_path: Path) -> None:
    driftline.run(make(tmp_path), at=AT)

    assert files(tmp_path) == {
        "driftline.yml",
        "results.duckdb",
        "scored.parquet",
        "training.parquet",
    }
