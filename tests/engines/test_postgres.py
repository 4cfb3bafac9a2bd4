"""PostgreSQL finds what DuckDB finds in the same tables, to the ninth digit."""

from __future__ import annotations

import pytest
from engine_conformance import Conformance
from postgres_server import Server


class TestPostgres(Conformance):
    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls, postgres: Server) -> Server:
        return postgres
