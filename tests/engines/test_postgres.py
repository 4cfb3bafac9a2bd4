"""PostgreSQL finds what DuckDB finds in the same tables, to the ninth digit."""

from __future__ import annotations

import pytest
from engine_conformance import Conformance
from postgres_server import Server


class TestPostgres(Conformance):
    # the grid of few bins sends the statements of the other one, and more of some
    paths = ("small", "coarse", "finer")

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls, postgres: Server) -> Server:
        return postgres
