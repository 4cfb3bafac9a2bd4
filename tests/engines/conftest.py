"""Engines that the tests of this folder run against, each started once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec

import clickhouse_engine
import postgres_server
import pytest
import spark_server
from in_schemas import killed_at, schema, store  # noqa: F401 - fixtures of results in schemas


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the ways through the numbers that an engine's class does not take, and services' tests."""
    items[:] = [item for item in items if _is_taken(item)]


def _is_taken(item: pytest.Item) -> bool:
    paths = getattr(getattr(item, "cls", None), "paths", None)
    called = getattr(item, "callspec", None)
    brief = getattr(getattr(item, "module", None), "BRIEFLY", {})
    service = None if called is None else called.params.get("service")
    if service in brief and getattr(item, "originalname", "") not in brief[service]:
        return False
    types = getattr(getattr(item, "obj", None), "taken_by", None)
    if types is not None and called is not None:
        return called.params.get("service", types[0]) in types
    return paths is None or called is None or called.params.get("path", paths[0]) in paths


def _need(missing: list[str]) -> None:
    if missing:
        told = f"not installed: {', '.join(missing)}"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_server.Server]:
    """A PostgreSQL server of the tests' own.

    Without a server or its driver, tests are skipped on a laptop and fail in CI.
    """
    programs = postgres_server.binaries()
    missing = [
        what
        for what, there in (
            ("PostgreSQL (initdb)", programs is not None),
            ("adbc-driver-postgresql", find_spec("adbc_driver_postgresql") is not None),
        )
        if not there
    ]
    _need(missing)
    assert programs is not None
    with postgres_server.running(programs) as server:
        yield server


@pytest.fixture(scope="session")
def java(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a Spark needs; without it, tests are skipped on a laptop and fail in CI."""
    _need(spark_server.missing())
    with spark_server.java(tmp_path_factory.mktemp("java")):
        yield


@pytest.fixture(scope="session")
def spark(java: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[spark_server.Session]:
    """A Spark in this process."""
    del java
    with spark_server.in_this_process(tmp_path_factory.mktemp("spark")) as session:
        yield session


@pytest.fixture(scope="session")
def clickhouse() -> Iterator[clickhouse_engine.Engine]:
    """ClickHouse's engine over a folder of the tests' own."""
    _need([name for name in ("chdb", "clickhouse_connect") if find_spec(name) is None])
    with clickhouse_engine.running() as engine:
        yield engine


@pytest.fixture
def wide_terminal(cli: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages of engines are long: no line of them is broken; and each test has a folder of its own."""
    del cli
    monkeypatch.setenv("COLUMNS", "300")
