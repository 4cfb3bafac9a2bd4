"""Two places of results, held against each other: what commands answer, and what the tables hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from typer.testing import Result

from driftline.engine.results import SCHEMA, TABLES, VIEWS
from driftline.engine.store import Store

AT: Final = "2026-02-11"

# Ids and times, and what they are in.
OWN: Final = frozenset(
    {
        *("run_id", "invocation_id", "sql", "seconds", "migrated_at"),
        *("started_at", "finished_at", "computed_at", "first_seen_at", "last_seen_at", "built_at"),
        *("last_run_at", "statement_seconds"),
    }
)


def _rows(store: Store, table: str) -> list[str]:
    """The columns of a table or view with their types, and its rows without what is of one run, sorted."""
    found = store.read(f"select * from {table}")
    rows = sorted(
        str({name: value for name, value in each.items() if name not in OWN})
        for each in found.to_pylist()
    )
    return [*(f"{field.name} {field.type}" for field in found.schema), *rows]


def differing(one: Store, other: Store) -> list[str]:
    """Tables and views that two stores do not hold alike."""
    names = (*TABLES, *VIEWS, *SCHEMA.internal)
    return [name for name in names if _rows(one, name) != _rows(other, name)]


def _told(found: Result) -> str:
    """What a command prints, without ids and times of runs."""
    text = re.sub(r"\b[0-9a-f]{8,32}\b", "ID", found.stdout)
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z| UTC)?", "TIME", text)
    return re.sub(r"\b[\d.]+ s\b|\"seconds\": [\d.e-]+", "SECONDS", text)


COMMANDS: Final = (
    ("run", "--at", AT),
    ("run", "--at", AT, "--select", "feature:Zeta"),
    ("show",),
    ("show", "churn", "--all", "--format", "json"),
    ("ls", "runs"),
    ("ls", "features"),
    ("check",),
    ("baseline", "build"),
    ("backfill", "churn", "--from", "2026-02-01", "--to", "2026-02-12", "--every", "P1D"),
    ("backfill", "churn", "--from", "2026-02-01", "--to", "2026-02-13", "--every", "P1D"),
    ("tune", "--alerts-a-month", "9", "--format", "json"),
    ("migrate",),
)


def answers_of(cli: Callable[..., Result]) -> list[Result]:
    """What all commands answer in the working directory, and then a check whose verdicts are stored."""
    found = [cli(*words) for words in COMMANDS]
    loose = Path("driftline.yml").read_text("utf-8").replace("0.25", "9")
    Path("driftline.yml").write_text(loose, "utf-8")
    return [*found, cli("check", "--write")]


def alike(one: list[Result], other: list[Result], name: str, other_name: str) -> list[str]:
    """Where the answers about two places differ, but for how the places are called."""
    return [
        f"{' '.join(words)}: exit {a.exit_code} and {b.exit_code}\n{a.output}\n{b.output}"
        for words, a, b in zip((*COMMANDS, ("check", "--write")), one, other, strict=True)
        if a.exit_code != b.exit_code or _told(a).replace(name, other_name) != _told(b)
    ]
