"""How many statements of the rehearsal each engine got right, and how that is known.

Kept in golden/engines.json, which README shows. `ACCEPT_GOLDENS=1` and the tests of an engine write its row.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from rehearsal import Rehearsed, rehearsal

from driftline.engine.sqltext import quoted

Row = dict[str, Any]
FILE: Final = Path(__file__).parent / "golden" / "engines.json"

# executed by the engine itself; emulated: by another that follows its rules; parsed: read, and no more.
How = Literal["executed", "emulated", "parsed"]


def backquoted(name: str) -> str:
    """A name as some dialects quote it."""
    return f"`{name}`"


def ask_everything(
    dialect: str,
    how: How,
    version: str,
    ask: Callable[[str], Sequence[Row] | None],
    *,
    named: Callable[[str], str] = quoted,
) -> None:
    """Ask an engine every statement of the rehearsal, and hold its answers to what is recorded.

    Args:
        dialect: One of `DIALECTS`.
        how: How it is asked.
        version: What answers, as `package version`.
        ask: Gives the rows of a statement; None where it only reads it. Raises where it refuses.
        named: What stands after FROM to read a table.

    Raises:
        AssertionError: Which statements are wrong, where they are not as many as recorded.
    """
    asked = rehearsal().statements
    wrong = {}
    for number, statement in enumerate(asked):
        if told := _told(statement, dialect, ask, named):
            wrong[f"{number} {statement.step}"] = told
    row = {
        "how": how,
        "right": len(asked) - len(wrong),
        "asked": len(asked),
        "version": version,
    }
    told = "\n".join(f"{name}: {text[:1_000]}" for name, text in wrong.items())
    if os.environ.get("ACCEPT_GOLDENS"):
        kept = {**recorded(), dialect: row}
        FILE.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", "utf-8")
    # a server is of whatever version the machine has
    held = {**recorded().get(dialect, {}), "version": version}
    assert row == held, f"{row['right']} of {len(asked)} right, recorded are {held}\n{told}"


def _told(
    statement: Rehearsed,
    dialect: str,
    ask: Callable[[str], Sequence[Row] | None],
    named: Callable[[str], str],
) -> str:
    """What is wrong with an answer."""
    try:
        found = ask(statement.said(dialect, named))
    except Exception as error:  # noqa: BLE001 - each engine has errors of its own
        return f"{type(error).__name__}: {error}"
    return "" if found is None else statement.differences(found)


def recorded() -> dict[str, Row]:
    """The rows of all engines, by dialect."""
    found: dict[str, Row] = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    return found
