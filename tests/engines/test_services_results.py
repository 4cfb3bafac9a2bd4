"""Results in a schema of a service, behind its driver: the same as in a file, whole after every failure.

See `services` for what stands for each, and what that can show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
import services
from any_store import (
    column,
    part,
    test_a_failed_run_leaves_stored_results_alone,  # noqa: F401
    test_a_monitor_keeps_the_time_it_was_first_seen,  # noqa: F401
    test_a_second_run_of_a_window_leaves_the_same_rows,  # noqa: F401
    test_a_statement_that_is_no_select_is_refused,  # noqa: F401
    test_an_error_inside_the_transaction_leaves_the_old_rows,  # noqa: F401
    test_counted_windows_keep_columns_of_the_same_rows_and_old_ones_go,  # noqa: F401
    test_messages_wait_in_the_outbox_until_they_are_taken,  # noqa: F401
    test_metric_definitions_are_those_of_the_last_run,  # noqa: F401
    test_names_of_any_characters_are_replaced_and_found,  # noqa: F401
    test_numbers_come_back_bit_by_bit,  # noqa: F401
    test_of_slices_written_together_a_later_one_replaces_the_rows_of_an_earlier,  # noqa: F401
    test_rows_of_a_feature_that_vanished_go,  # noqa: F401
    test_selected_features_replace_their_own_rows_alone,  # noqa: F401
    test_status_has_a_row_a_monitor,  # noqa: F401
    write,
)
from connected import AT
from in_schemas import (
    project,
    test_a_run_that_is_killed_between_any_two_statements_leaves_old_results_or_new_ones,  # noqa: F401
    test_a_run_writes_into_tables_that_ddl_made,  # noqa: F401
    test_a_service_without_results_says_to_run_first,  # noqa: F401
    test_a_statement_that_fails_in_the_middle_leaves_the_old_rows,  # noqa: F401
    test_a_table_of_someone_else_is_refused,  # noqa: F401
    test_a_writer_waits_for_its_turn_and_then_gives_up,  # noqa: F401
    test_every_command_does_in_the_schema_what_it_does_in_a_file,  # noqa: F401
    test_long_texts_and_bytes_arrive_in_pieces,  # noqa: F401
    test_older_tables_go_forward_by_migrate_alone,  # noqa: F401
    test_tables_whose_making_was_cut_off_are_made_by_the_next_run,  # noqa: F401
    test_who_reads_waits_for_nobody_and_sees_what_is_whole,  # noqa: F401
)
from later_schema import run
from services import Keeping
from typer.testing import Result

from driftline.engine.errors import StoreError
from driftline.engine.store import Store
from driftline.engine.warehouses import class_of

Cli = Callable[..., Result]

# fakesnow's own ways with DuckDB
pytestmark = [
    pytest.mark.filterwarnings("ignore:Arrow output"),
    pytest.mark.usefixtures("wide_terminal"),
]


# Those that keep results by the marks that Databricks' tests hold to everything, behind stand-ins that
# take a second a statement: what they spell in their own way.
_OWN_SPELLING = frozenset(
    {
        "test_a_run_writes_into_tables_that_ddl_made",
        "test_a_second_run_of_a_window_leaves_the_same_rows",
        "test_a_service_without_results_says_to_run_first",
        "test_a_table_of_someone_else_is_refused",
        "test_a_text_that_is_too_long_for_the_service_is_cut",
        "test_a_wrong_select_is_an_error_of_the_store",
        "test_long_texts_and_bytes_arrive_in_pieces",
        "test_numbers_come_back_bit_by_bit",
    }
)
BRIEFLY = {"trino": _OWN_SPELLING, "bigquery": _OWN_SPELLING}


@pytest.fixture(scope="module", params=["redshift", "snowflake", "databricks", "trino", "bigquery"])
def service(request: pytest.FixtureRequest) -> Iterator[Keeping]:
    """A stand-in that holds two tables of a model."""
    name = request.param
    given = (request.getfixturevalue("postgres"),) if name == "redshift" else ()
    with getattr(services, name)(*given) as made:
        for table, start, rows, moved in (
            ("seen", "2026-01-01", 960, 0),
            ("scored_now", "2026-02-01", 480, 12),
        ):
            made.create_as(
                table,
                f"select cast('{start}' as timestamp) + i * interval '1 hour' as at,"
                f' cast(i % 97 + {moved} as double precision) as "Zeta",'
                f' cast(i % 89 + {moved} as double precision) as "ähnlich",'
                f" 'x' || (i % 5) as city from generate_series(0, {rows - 1}) as numbers (i)",
            )
        yield made


def test_a_wrong_select_is_an_error_of_the_store(store: Store, service: Keeping) -> None:
    write(store, part("age"))
    # names that are not in quotes are upper case there
    named = "COLOUR" if service.type == "snowflake" else "colour"
    with pytest.raises(StoreError, match=named):
        store.read("select colour from metrics")


# Texts and rights


def test_a_text_that_is_too_long_for_the_service_is_cut(store: Store, service: Keeping) -> None:
    found = class_of(service.type)
    assert found is not None
    assert found.keeps is not None
    longest = found.keeps.longest_text
    text = "x" + "ü" * 40_000
    store.record_failure(run("run-1") | {"error": text}, [])
    (stored,) = column(store, "runs", "error")
    assert text.startswith(stored)
    assert len(stored.encode()) in (longest, len(text.encode()))
    assert longest is not None or stored == text


@pytest.mark.parametrize("service", ["redshift"], indirect=True)
def test_rights_that_are_lacking_are_asked_for_in_one_line(
    cli: Cli, service: Keeping, schema: str
) -> None:
    service.execute("create role looker login")
    try:
        service.execute("grant usage on schema sales to looker")
        service.execute("grant select on all tables in schema sales to looker")
        project(service, f"{{connection: same, schema: {schema}}}", user="looker")
        found = cli("run", "--at", AT)
        assert found.exit_code == 3
        assert f"schema {schema} in redshift may not be written to" in found.output
        asked = re.search(r"ask for it: (.+)", found.output)
        assert asked is not None
        assert asked[1] == f'create schema "{schema}" authorization "looker"'
        service.execute(asked[1])
        assert cli("run", "--at", AT).exit_code == 1
    finally:
        service.execute(f"drop schema if exists {schema} cascade")
        service.execute("drop owned by looker")
        service.execute("drop role looker")
