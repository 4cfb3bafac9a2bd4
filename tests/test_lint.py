"""Relations speak a small vocabulary that engines were proven to agree on; this holds them to it.

What is left out is left out because some engine refuses it or, worse, gives another number: decimal
literals, FILTER, QUALIFY, GROUP BY ALL, greatest, log, isnan, approximate functions. TRY_CAST is of
numbers alone, never of texts: engines that lack it are asked whether the number is finite.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
import sqlglot
from compiled import STEPS, statements
from rehearsal import rehearsal
from sqlglot import exp
from vocabulary import OWN, VOCABULARY, words

from driftline.engine.dialects import DIALECTS

TEMPLATES: Final = Path(__file__).parents[1] / "sql" / "relations"


def _nodes(step: str) -> list[exp.Expression]:
    return [
        node
        for statement in statements("duckdb")
        if statement.step == step
        for node in sqlglot.parse_one(statement.sql, read="duckdb").walk()
    ]


@pytest.mark.parametrize("step", STEPS)
def test_a_relation_uses_only_words_that_every_engine_was_asked(step: str) -> None:
    texts = [each.sql for each in statements("duckdb") if each.step == step]
    assert texts, "nothing was rendered"
    unproven = {word for text in texts for word in words(text)} - VOCABULARY - OWN
    assert not unproven, (
        f"sql/relations/{step}.sql says {', '.join(sorted(unproven))}: say it in other words, or add a"
        " run to tests/rehearsal.py that sends it, and it to tests/vocabulary.py"
    )


def test_every_word_is_in_a_statement_that_ran() -> None:
    said = {word: each.step for each in rehearsal().statements for word in words(each.text)}
    unproven = {word: step for word, step in said.items() if word not in VOCABULARY}
    assert not unproven, f"{unproven} are no words of tests/vocabulary.py"
    assert said.keys() >= VOCABULARY, "no statement of the rehearsal has them"


def test_the_rehearsal_has_every_relation() -> None:
    templates = {file.stem for file in TEMPLATES.glob("*.sql")} - {"macros"}
    # those keep rows for a session, which DuckDB alone does, or stand in statements of others
    kept = {"joined", "copied", "segmented"}
    # windows of a reference are counted as bins of a target are
    assert {each.step for each in rehearsal().statements} == templates - kept | {"dispersion"}


def test_only_duckdb_is_sent_what_is_its_own() -> None:
    said = {word for each in statements("duckdb") for word in words(each.sql)}
    assert said - VOCABULARY == OWN


# sqlglot says VALUES as UNNEST to BigQuery
@pytest.mark.parametrize("dialect", sorted({*DIALECTS} - {"duckdb", "bigquery"}))
def test_no_other_engine_is_asked_to_take_a_list_apart(dialect: str) -> None:
    texts = [each.sql.lower() for each in statements(dialect) if each.step == "ties"]
    assert any("undecided" in text for text in texts)
    assert not any(word in text for text in texts for word in ("unnest", "explode"))


@pytest.mark.parametrize("step", STEPS)
def test_a_number_that_is_not_whole_is_cast_from_text(step: str) -> None:
    literals = [n for n in _nodes(step) if isinstance(n, exp.Literal) and not n.is_string]
    assert all(literal.this.isdigit() for literal in literals)


@pytest.mark.parametrize("step", [step for step in STEPS if step != "joined"])
def test_every_output_is_a_key_or_a_cast_or_a_value(step: str) -> None:
    keys = {
        "match",
        "scan",
        "feature",
        "window_id",
        "segment",
        "kind",
        "value",
        "low",
        "high",
        "bin",
        "target",
    }
    for statement in statements("duckdb"):
        if statement.step != step:
            continue
        tree = sqlglot.parse_one(statement.sql, read="duckdb")
        for select in [tree, *tree.find_all(exp.Union)]:
            for output in select.selects if isinstance(select, exp.Select) else ():
                made = output.unalias()
                assert (
                    output.alias_or_name in keys
                    or isinstance(made, exp.Cast)
                    or output.alias_or_name.startswith("quantile_")
                ), output.sql()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_statement_can_be_said_and_read_again_in_every_dialect(dialect: str) -> None:
    sent = statements(dialect)
    # where no rows are kept, the join stands in the statements that read it
    kept = {"joined"} if dialect == "duckdb" else set()
    assert {statement.step for statement in sent} == set(STEPS) - {"joined"} | kept
    for statement in sent:
        assert sqlglot.parse_one(statement.sql, read=dialect) is not None
        assert "driftline_scan_" not in statement.sql
