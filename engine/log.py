"""What goes to standard error: the log, the line of progress, and errors with what to do."""

from __future__ import annotations

import json
import logging
import os
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from driftline.engine.errors import DriftlineError
from driftline.engine.terminal import clean

if TYPE_CHECKING:
    from rich.status import Status


def complain(
    err: Console,
    error: BaseException,
    retry: str,
    log_format: str = "text",
    with_traceback: bool = False,
) -> None:
    """Print what happened, what to do, and the command that retries.

    Args:
        err: Where to.
        error: What happened.
        retry: The command.
        log_format: `text` or `json`.
        with_traceback: Whether to show where in the code, and the SQL that was refused.
    """
    if isinstance(error, DriftlineError):
        message, hint = error.message, error.hint
    else:
        message = f"unexpected {type(error).__name__}: {error}"
        hint = "this should not happen: add --debug-traceback to see where it did"
    trace = "".join(traceback.format_exception(error)) if with_traceback else ""
    sql = str(getattr(error, "sql", "")) if with_traceback else ""
    if log_format == "json":
        told = {"level": "error", "message": message, "hint": hint, "retry": retry}
        more = {"traceback": trace, "sql": sql}
        _print_json(err, {**told, **{name: text for name, text in more.items() if text}})
        return
    for text in (trace, sql):
        if text:
            err.print(Text(_clean_lines(text)), soft_wrap=True)
    first, *rest = _clean_lines(message).splitlines() or [""]
    err.print(Text.assemble(("error: ", "bold red"), first), soft_wrap=True)
    for line in (*rest, *(_clean_lines(hint).splitlines() if hint else ())):
        err.print(Text(f"  {line}"), soft_wrap=True)
    err.print(Text(f"  retry: {clean(retry)}", style="dim"), soft_wrap=True)


def _clean_lines(text: str) -> str:
    return "\n".join(clean(line.replace("\t", "    ")) for line in text.split("\n"))


def _print_json(err: Console, record: Mapping[str, object]) -> None:
    time = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    text = json.dumps({"time": f"{time}Z", **record}, ensure_ascii=False, default=str)
    err.print(Text(text), soft_wrap=True)


_RECORD: Final = frozenset(vars(logging.makeLogRecord({})))


class _Teller(logging.Handler):
    """Prints log records, and keeps the line of progress where there is one."""

    def __init__(self, err: Console, level: int, log_format: str, status: Status | None) -> None:
        super().__init__()
        self.err = err
        self.least = level
        self.log_format = log_format
        self.status = status

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record that matters; show a step as progress."""
        if self.status is not None and hasattr(record, "step"):
            self.status.update(Text(clean(record.getMessage())))
        if record.levelno < self.least:
            return
        level = record.levelname.lower()
        if self.log_format == "json":
            known = {key: text for key, text in vars(record).items() if key not in _RECORD}
            _print_json(self.err, {"level": level, "message": record.getMessage(), **known})
            return
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        line = Text.assemble((f"{time} {level} ", "dim"), clean(record.getMessage()))
        self.err.print(line, soft_wrap=True)


@contextmanager
def log(err: Console, level: str, log_format: str, quiet: bool) -> Iterator[None]:
    """Tell of Driftline's work on a console while the block runs.

    Args:
        err: Where to.
        level: `debug`, `info`, `warning` or `error`.
        log_format: `text` or `json`.
        quiet: Whether to tell of nothing but errors.
    """
    least = logging.ERROR if quiet else logging.getLevelNamesMapping()[level.upper()]
    moving = err.is_terminal and not (quiet or os.environ.get("CI") or log_format == "json")
    status = err.status("reading the project") if moving else None
    handler = _Teller(err, least, log_format, status)
    logger = logging.getLogger("driftline")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(min(least, logging.INFO) if moving else least)
    try:
        if status is not None:
            status.start()
        yield
    finally:
        if status is not None:
            status.stop()
        logger.removeHandler(handler)
        logger.setLevel(before)
