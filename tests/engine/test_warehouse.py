"""The DuckDB session beside what its statements return."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from driftline.engine.errors import ConfigError, SourceError, WarehouseError
from driftline.engine.project import Source
from driftline.engine.warehouses.duckdb import DuckDB

SORTED = (
    "select count(*) as n from (select hash(i) as h, row_number() over (order by hash(i)) as k"
    " from range(3000000) as numbers(i)) where k > 0"
)


def test_what_does_not_fit_in_memory_waits_outside_the_users_folder_and_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users, waiting = tmp_path / "users", tmp_path / "waiting"
    users.mkdir()
    waiting.mkdir()
    monkeypatch.chdir(users)
    monkeypatch.setattr("tempfile.tempdir", str(waiting))
    session = DuckDB({"settings": {"memory_limit": "60MB", "threads": 2}})
    assert session.fetch(SORTED)["n"].to_pylist() == [3_000_000]
    assert [*waiting.iterdir()], "nothing had to wait"
    assert not [*users.iterdir()]
    session.close()
    assert not [*waiting.iterdir()]


def test_extensions_are_loaded_and_one_that_cannot_be_is_told_with_what_to_do() -> None:
    session = DuckDB({"extensions": ("json",)})
    (row,) = session.fetch("select json_extract('{\"a\": 7}', '$.a') as a").to_pylist()
    assert row["a"] == "7"
    session.close()
    with pytest.raises(WarehouseError) as found:
        DuckDB({"extensions": ("no_such_thing from core",)})
    assert "cannot load DuckDB's extension no_such_thing" in str(found.value)
    assert "install no_such_thing from core" in str(found.value)
    with pytest.raises(ConfigError, match="is not an extension"):
        DuckDB({"extensions": ("json; drop table t",)})


def test_secrets_are_the_sessions_own_and_what_is_in_them_is_never_told() -> None:
    session = DuckDB({"secrets": {"it's": {"type": "http", "bearer_token": "hush"}}})
    (row,) = session.fetch("select name, type, persistent from duckdb_secrets()").to_pylist()
    assert row == {"name": "it's", "type": "http", "persistent": False}
    session.close()
    for told in ({"type": "no such", "password": "hush"}, {"type": "http", "passw0rd": "hush"}):
        with pytest.raises(WarehouseError, match=r"connection\.secrets\.mine") as found:
            DuckDB({"secrets": {"mine": told}})
        assert "hush" not in str(found.value)
    with pytest.raises(ConfigError, match="is not a key of a secret"):
        DuckDB({"secrets": {"mine": {"type http, x": "y"}}})


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_files_of_one_table_may_have_different_columns_and_folders_that_are_columns(
    tmp_path: Path, kind: str
) -> None:
    with duckdb.connect() as connection:
        for day, columns in (("1", "1 as a"), ("2", "2 as a, 3 as b")):
            (tmp_path / f"day={day}").mkdir()
            file = tmp_path / f"day={day}" / f"x.{kind}"
            connection.execute(f"copy (select {columns}) to '{file}'")
    source = Source("t", files=(str(tmp_path / "*" / f"*.{kind}"),))

    def columns(**files: bool) -> list[str]:
        session = DuckDB({"files": files})
        found = [column.name for column in session.columns(source)]
        session.close()
        return found

    assert columns(union_by_name=True) == ["a", "b", "day"]
    assert columns(union_by_name=True, hive_partitioning=False) == ["a", "b"]


def test_files_of_a_store_that_cannot_be_listed_are_told_with_what_it_needs() -> None:
    session = DuckDB({})
    with pytest.raises(SourceError, match=r"connection.extensions: \[httpfs\]"):
        session.columns(Source("t", files=("s3://bucket/2026/*.parquet",)))
    session.close()
