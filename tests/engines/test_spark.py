"""Spark finds what DuckDB finds in the same tables, to the ninth digit."""

from __future__ import annotations

from typing import ClassVar

import pytest
from engine_conformance import Conformance
from spark_server import Session


class TestSpark(Conformance):
    thin: ClassVar = True

    # the statements of these are all rehearsed
    test_hard_number_columns_measure_alike = None
    test_azures_conventions_measure_alike = None
    test_windows_and_filters_measure_alike = None
    test_what_joins_bring_measures_alike = None
    test_a_backfill_measures_alike = None
    test_a_frozen_reference_is_read_once = None

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls, spark: Session) -> Session:
        return spark
