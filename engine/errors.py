"""Everything that can go wrong, as few kinds as a caller can act on differently.

    DriftlineError
    ├── ConfigError        the project file or a command's arguments; exit code 2   (also ValueError)
    ├── SourceError        a table, file or column that is missing or unreadable; exit code 3
    ├── WarehouseError     the warehouse cannot be reached, or refused a statement; exit code 3
    │   └── StatementError     it refused this statement and may answer others
    ├── StoreError         the results store cannot be read or written; exit code 3
    └── TemplateError      a template or a value in it is wrong; exit code 3
        └── UnsafeValue    a value that may not become SQL                          (also ValueError)

A finding (drift, too few rows, a metric that cannot be computed) is never an exception: it is a row.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "ConfigError",
    "DriftlineError",
    "SourceError",
    "StatementError",
    "StoreError",
    "TemplateError",
    "UnsafeValue",
    "WarehouseError",
]


class DriftlineError(Exception):
    """Base of every error Driftline raises on purpose.

    Args:
        message: What happened and where, in one or more plain sentences.
        hint: What to do about it; printed on its own line.
    """

    exit_code = 3
    # what a run of several monitors found beside the one that failed
    result: Any = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message}\n  {hint}")
        self.message = message
        self.hint = hint


class ConfigError(DriftlineError, ValueError):
    """The project file, or what was asked on the command line, cannot be right."""

    exit_code = 2


class SourceError(DriftlineError):
    """A table, file or column is missing or cannot be read."""


class WarehouseError(DriftlineError):
    """The warehouse cannot be reached, or refused a statement; `sql` is the whole text that was sent."""

    def __init__(self, message: str, *, sql: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.sql = sql


class StatementError(WarehouseError):
    """The warehouse refused a statement: another one may do, for the connection stands."""


class StoreError(DriftlineError):
    """The results store cannot be opened, read or written."""


class TemplateError(DriftlineError):
    """A template does not render, or its header is not well formed."""


class UnsafeValue(TemplateError, ValueError):
    """A value of a type, or a number, that cannot be spelled safely in SQL."""
