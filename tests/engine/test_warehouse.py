"""The DuckDB session beside what its statements return."""

from __future__ import annotations

from pathlib import Path

import pytest

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
