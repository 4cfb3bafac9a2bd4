"""The SQL a run sends, word for word: a change of it is a change someone should read.

`ACCEPT_GOLDENS=1 pytest tests/test_golden.py` writes the files anew.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest
from compiled import STEPS, statements

GOLDEN: Final = Path(__file__).parent / "golden"


@pytest.mark.parametrize("step", STEPS)
def test_a_relation_renders_as_its_golden_file(step: str) -> None:
    text = "\n;\n".join(each.sql for each in statements("duckdb") if each.step == step) + "\n"
    file = GOLDEN / f"{step}.sql"
    if os.environ.get("ACCEPT_GOLDENS"):
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
    assert text == file.read_text("utf-8")


def test_every_golden_file_belongs_to_a_relation() -> None:
    assert {file.stem for file in GOLDEN.glob("*.sql")} == set(STEPS)


def test_compiling_twice_gives_the_same_text() -> None:
    first = [each.sql for each in statements("duckdb")]
    statements.cache_clear()
    assert [each.sql for each in statements("duckdb")] == first
