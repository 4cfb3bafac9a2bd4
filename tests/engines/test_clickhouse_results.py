"""Results in a ClickHouse, which has no transactions: old ones or new ones, whenever a run is cut off."""

from __future__ import annotations

from typing import cast

import clickhouse_engine
import pytest
from any_store import (
    FACTS,
    part,
    test_a_monitor_keeps_the_time_it_was_first_seen,  # noqa: F401
    test_a_second_run_of_a_window_leaves_the_same_rows,  # noqa: F401
    test_a_statement_that_is_no_select_is_refused,  # noqa: F401
    test_a_wrong_select_is_an_error_of_the_store,  # noqa: F401
    test_an_error_inside_the_transaction_leaves_the_old_rows,  # noqa: F401
    test_counted_windows_keep_columns_of_the_same_rows_and_old_ones_go,  # noqa: F401
    test_messages_wait_in_the_outbox_until_they_are_taken,  # noqa: F401
    test_names_of_any_characters_are_replaced_and_found,  # noqa: F401
    test_numbers_come_back_bit_by_bit,  # noqa: F401
    test_of_slices_written_together_a_later_one_replaces_the_rows_of_an_earlier,  # noqa: F401
    test_rows_of_a_feature_that_vanished_go,  # noqa: F401
    test_selected_features_replace_their_own_rows_alone,  # noqa: F401
    write,
)
from in_schemas import (
    PLACE,
    test_a_run_that_is_killed_between_any_two_statements_leaves_old_results_or_new_ones,  # noqa: F401
    test_a_run_writes_into_tables_that_ddl_made,  # noqa: F401
    test_a_table_of_someone_else_is_refused,  # noqa: F401
    test_a_writer_waits_for_its_turn_and_then_gives_up,  # noqa: F401
    test_every_command_does_in_the_schema_what_it_does_in_a_file,  # noqa: F401
    test_long_texts_and_bytes_arrive_in_pieces,  # noqa: F401
    test_older_tables_go_forward_by_migrate_alone,  # noqa: F401
    test_tables_whose_making_was_cut_off_are_made_by_the_next_run,  # noqa: F401
)
from services import Keeping

from driftline.engine.store import Store

pytestmark = pytest.mark.usefixtures("wide_terminal")
Engine = clickhouse_engine.Engine


@pytest.fixture(scope="module")
def service(clickhouse: Engine) -> Keeping:
    """The engine, with two tables of a model."""
    for table, start, rows, moved in (
        ("seen", "2026-01-01", 960, 0),
        ("scored_now", "2026-02-01", 480, 12),
    ):
        clickhouse.execute(f"drop table if exists {table}")
        clickhouse.execute(
            f"create table {table} engine = MergeTree order by tuple() as select"
            f" toDateTime64('{start} 00:00:00', 6) + interval number hour as at,"
            f" toFloat64(number % 97 + {moved}) as Zeta,"
            f" toFloat64(number % 89 + {moved}) as `ähnlich`,"
            f" concat('x', toString(number % 5)) as city from numbers({rows})"
        )
    # it has what is asked of one
    return cast("Keeping", clickhouse)


def test_what_was_replaced_is_deleted_when_the_next_write_begins(
    store: Store, clickhouse: Engine
) -> None:
    for number in range(4):
        write(store, part("age", "city", run_id=f"run-{number}"), f"run-{number}")
    for name in FACTS:
        count = clickhouse.client.query(f"select count() from {PLACE}._kept_{name}").result_rows
        # who reads when a write is done may read what was there before
        assert count == [(4,)], name
