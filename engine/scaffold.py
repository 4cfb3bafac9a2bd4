"""The text of a first `driftline.yml`: a project to edit, or one of guesses, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path, PurePath
from typing import Final

from driftline.engine.facts import Table
from driftline.engine.guess import ADVICE, Guess, Side
from driftline.engine.project import Source
from driftline.engine.summary import number
from driftline.engine.yaml_file import spell


@dataclass(frozen=True)
class Scaffold:
    """A project file that `driftline init` wrote.

    Attributes:
        file: Where it is.
        monitor: Name of its monitor.
        guesses: What was guessed, in the order of the file; empty without tables.
        at: The day after production's newest row: the window that ends then has rows.
    """

    file: Path
    monitor: str
    guesses: tuple[Guess, ...] = ()
    at: str | None = None


BLANK: Final = """\
# What Driftline watches. Lines that begin with # and no blank after it are settings to take or leave:
# remove the #. `driftline validate` checks the file, and with --resolved it spells out all defaults;
# `driftline schema` tells every key. Paths are relative to this file; ${{NAME}} reads the environment.

# A DuckDB file with the tables and views of results, for SQL and dashboards.
results: {{to: driftline.duckdb}}

# How tables are reached: without this line, DuckDB reads files. With it, the tables of a database.
#connection: {{type: duckdb, database: warehouse.duckdb}}

monitors:
  # One entry for each model, or each table, under watch.
  - name: {name}
    #description: What the model does, and for whom
    #owner: ml-team
    #tags: [tier1]

    # The rows that the model scores: a file, a glob, a Delta or Iceberg folder, or a table.
    production:
      table: scored/*.parquet
      # The column that says when a row was scored: a timestamp or a date.
      timestamp: scored_at
      # Each run looks at the 7 days before it, or before `--at`. P1D is a day, PT6H 6 hours.
      window: {{size: P7D}}
      # Which of the rows count: what would stand after WHERE.
      #filter: "country <> 'TEST'"

    # What production is compared with: often the data that the model was trained on.
    # To compare with production's own past instead: `reference: {{window: {{size: P28D}}}}`.
    reference:
      table: training.parquet

    # Columns with a role are not features. A prediction or a score is watched by itself.
    #columns:
      #correlation_id: request_id
      #prediction: predicted
      #score: probability
      #actual: label

    # Which columns are features; all that both sides have, when left out.
    #features: {{include: ["*"], exclude: [comment]}}

    # What is particular to single features.
    #settings:
      #age: {{bounds: [18, 110]}}
      #plan: {{values: [basic, pro]}}
      #month: {{type: categorical}}

    # Fewer rows than these on a side are measured and not judged.
    #min_rows: 100

    # What is measured, and beyond which threshold it is a breach. `driftline metrics` lists them.
    signals:
      # Do the features look as they did?
      data_drift:
        numerical: {{normalized_wasserstein_distance: 0.1}}
        categorical: {{jensen_shannon_distance: 0.1}}
      # Are values missing, of another type, or out of bounds more often than in the reference?
      data_quality:
        null_value_rate: 0.01
        data_type_error_rate: 0.0
        out_of_bounds_rate: 0.01
        #row_count: {{min: 1000}}
"""
"""A project to edit, before any table is named."""


def blank(name: str) -> str:
    """The text of a project file to edit: valid as it is, every key explained."""
    return BLANK.format(name=spell(name))


def name_of(source: Source) -> str:
    """The name of a monitor of a source: that of its file, else of the folder that a glob is in."""
    parts = PurePath(source.files[0]).parts if source.files else source.table
    plain = (part.split(".")[0] for part in reversed(parts) if not has_magic(part))
    return next((part for part in plain if part.strip("/\\")), "monitor")


def text(name: str, production: Side, reference: Side | None, guesses: Sequence[Guess]) -> str:
    """The text of a project file.

    Args:
        name: Name of the monitor.
        production: The rows being scored.
        reference: What they are compared with.
        guesses: What `guess` found.
    """
    found: dict[str, list[Guess]] = {}
    for each in guesses:
        found.setdefault(each.key.split(".")[0], []).append(each)
    lines = [
        "# A first guess by `driftline init`: each line says why. `driftline validate --resolved` spells",
        "# out all defaults, `driftline schema` tells every key. Paths are relative to this file.",
        "",
        "# A DuckDB file with the tables and views of results, for SQL and dashboards.",
        "results: {to: driftline.duckdb}",
        "",
        "monitors:",
        f"  - name: {spell(name)}",
        *_block(found.get("schedule", ()), 4, ""),
        "",
        "    # The rows that the model scores.",
        "    production:",
        *_aligned(
            [
                (f"      table: {spell(production.written)}", _size(production.table)),
                *_entries(found.get("production", ()), 6),
            ]
        ),
        *_whole(found),
        "",
        "    # What they are compared with.",
        "    reference:",
    ]
    if reference is not None:
        lines += _aligned([(f"      table: {spell(reference.written)}", _size(reference.table))])
    lines += _block(found.get("reference", ()), 6, "")
    lines += _block(found.get("columns", ()), 4, "Columns with a role are not features.")
    lines += _excluded(found.get("features", ()))
    lines += _block(found.get("settings", ()), 4, "Whole numbers may be amounts or names.")
    lines += _block(found.get("segments", ()), 4, "Groups that may be worth a look by themselves.")
    return "\n".join(lines) + "\n"


def _whole(found: Mapping[str, object]) -> list[str]:
    if "production" in found:
        return []
    told = "No column holds dates or times that a row was scored at: runs look at the whole table."
    return [f"      # {told}"]


def _size(table: Table) -> str:
    return f"{number(table.rows)} rows, {len(table.columns)} columns"


def _entries(guesses: Iterable[Guess], indent: int) -> list[tuple[str, str]]:
    """`key: value` lines and their reasons; advice is a setting to remove the # of."""
    lines = []
    for each in guesses:
        key = each.key.split(".", 1)[-1]
        mark = "#" if each.key.startswith(ADVICE) else ""
        lines.append((f"{' ' * indent}{mark}{key}: {each.value}", each.why))
    return lines


def _block(guesses: Sequence[Guess], indent: int, about: str) -> list[str]:
    """A section of a monitor: a comment, its key where it has one, and its guesses."""
    if not guesses:
        return []
    section = guesses[0].key.split(".")[0]
    own = "." in guesses[0].key and section != "reference"
    head = ["", f"    # {about}"] if about else []
    if own:
        head.append(f"    {section}:")
    return [*head, *_aligned(_entries(guesses, indent + 2 if own else indent))]


def _excluded(guesses: Sequence[Guess]) -> list[str]:
    if not guesses:
        return []
    return [
        "",
        "    # All columns that both sides have, but for these.",
        "    features:",
        '      include: ["*"]',
        "      exclude:",
        *_aligned([(f"        - {each.value}", each.why) for each in guesses]),
    ]


def _aligned(lines: Sequence[tuple[str, str]]) -> list[str]:
    """Lines with their comments under each other, but for lines that are very long."""
    width = max((len(line) for line, _ in lines if len(line) <= _LONG), default=0)
    return [f"{line:<{width}}  # {why}" for line, why in lines]


_LONG: Final = 48
