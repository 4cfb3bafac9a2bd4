"""Errors say what to do, and the log is heard by who listens."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from support import printed

from driftline.engine import log
from driftline.engine.errors import ConfigError, WarehouseError


def complaint(error: BaseException, **given: Any) -> str:
    """What is printed of an error."""
    out, file = printed(60)
    log.complain(out, error, "driftline run", **given)
    return file.getvalue()


def test_a_complaint_says_what_happened_what_to_do_and_how_to_retry() -> None:
    told = complaint(ConfigError("a.yml:3: one\na.yml:4: two", hint="see the docs"))
    assert told == ("error: a.yml:3: one\n  a.yml:4: two\n  see the docs\n  retry: driftline run\n")


def test_the_sql_that_was_refused_is_shown_to_who_asks() -> None:
    error = WarehouseError("refused", sql="select broken\nfrom x")
    assert "select broken" not in complaint(error)
    assert "select broken\nfrom x" in complaint(error, with_traceback=True)


def test_markup_and_escapes_in_an_error_stay_what_they_are() -> None:
    assert "[bold]\\x1b[31mx" in complaint(ConfigError("[bold]\x1b[31mx"))


def test_a_complaint_in_json_is_one_line() -> None:
    told = complaint(ConfigError("a\nb", hint="c"), log_format="json")
    assert told.count("\n") == 1
    record = json.loads(told)
    assert (record["level"], record["message"], record["hint"]) == ("error", "a\nb", "c")
    assert record["time"].endswith("Z")


def test_the_log_is_heard_only_while_it_is_listened_to() -> None:
    out, file = printed()
    logger = logging.getLogger("driftline")
    before = (logger.level, list(logger.handlers))
    with log.log(out, "info", "text", quiet=False):
        logger.info("heard [bold]\x1b")
        logger.debug("not asked for")
    logger.warning("not heard")
    assert file.getvalue().split(" ", 1)[1] == "info heard [bold]\\x1b\n"
    assert (logger.level, list(logger.handlers)) == before


def test_a_quiet_log_tells_of_errors_alone() -> None:
    out, file = printed()
    with log.log(out, "debug", "text", quiet=True):
        logging.getLogger("driftline").warning("hush")
    assert file.getvalue() == ""


@pytest.mark.parametrize(("ci", "moves"), [("", True), ("true", False)])
def test_progress_moves_on_a_terminal_and_never_in_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, moves: bool
) -> None:
    monkeypatch.setenv("CI", ci)
    out, file = printed(force_terminal=True)
    with log.log(out, "warning", "text", quiet=False):
        logging.getLogger("driftline").info("counting rows", extra={"step": "counting rows"})
    assert ("counting rows" in file.getvalue()) is moves
