"""ClickHouse finds what DuckDB finds in the same tables, to the ninth digit."""

from __future__ import annotations

import clickhouse_engine
import pytest
from engine_conformance import Conformance


class TestClickHouse(Conformance):
    # the others send the same statements with other numbers, or one that the rehearsal has
    paths = ("small", "grid")

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls, clickhouse: clickhouse_engine.Engine) -> clickhouse_engine.Engine:
        return clickhouse
