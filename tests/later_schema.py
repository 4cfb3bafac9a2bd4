"""The result tables as later versions of Driftline may have them, and a row of a run for any of them."""

from __future__ import annotations

from datetime import datetime

from driftline.engine.results import SCHEMA, Migration, Schema

NOW = datetime(2026, 11, 22, 6)

# A schema as the next version of Driftline may have it: a column more, and a view that shows it.
ADD_NOTE = """
alter table runs add column note text;
comment on column runs.note is 'What someone wrote about the run';
update runs set note = 'before notes';
"""
ADD_ROOM = """
alter table monitors add column room text;
comment on column monitors.room is 'Where it stands';
"""
TABLES_2 = SCHEMA.tables_sql.replace(
    "    error text\n);\n\ncomment on table runs",
    "    error text,\n    note text\n);\n\ncomment on column runs.note is"
    " 'What someone wrote about the run';\ncomment on table runs",
)
TABLES_3 = TABLES_2.replace(
    "    last_seen_at timestamp\n);\n\ncomment on table monitors",
    "    last_seen_at timestamp,\n    room text\n);\n\ncomment on column monitors.room is"
    " 'Where it stands';\ncomment on table monitors",
)
VIEWS_2 = (
    SCHEMA.views_sql.replace(
        "    numbered.error\nfrom numbered", "    numbered.error,\n    numbered.note\nfrom numbered"
    )
    + "\ncomment on column run_log.note is 'What someone wrote about the run';\n"
)
NEXT = Schema(TABLES_2, VIEWS_2, SCHEMA.internal_sql, (Migration(2, "0002_note", ADD_NOTE),))
LAST = Schema(
    TABLES_3, VIEWS_2, SCHEMA.internal_sql, (*NEXT.migrations, Migration(3, "0003_room", ADD_ROOM))
)


def run(run_id: str) -> dict[str, object]:
    row = dict.fromkeys(SCHEMA.tables["runs"].names)
    return row | {"run_id": run_id, "monitor": "m", "status": "failed", "started_at": NOW}
