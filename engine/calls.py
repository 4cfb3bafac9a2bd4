"""What every verb does with what it is called with: load the project, hide secrets, raise what failed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from driftline.engine.errors import ConfigError, DriftlineError
from driftline.engine.interpolate import mask
from driftline.engine.project import Project

if TYPE_CHECKING:
    from driftline.engine.catalog import Metric
    from driftline.engine.outcome import RunResult

ProjectLike: TypeAlias = "str | os.PathLike[str] | Project | None"
"""A project file, the folder it is in, a `Project`, or None for the nearest `driftline.yml`."""

Moment: TypeAlias = "str | date | None"
"""A date, a date and time (both also as ISO 8601 text), or None."""


@contextmanager
def masked(project: Project) -> Iterator[None]:
    """Hide the project's secrets in every exception that leaves the block."""
    try:
        yield
    except Exception as error:
        hide(error, project.secrets)
        raise


def hide(error: BaseException | None, secrets: frozenset[str]) -> None:
    """Mask the texts of an error and of those behind it, in place."""
    seen: set[int] = set()
    rest = [error]
    while rest:
        each = rest.pop()
        if each is None or id(each) in seen or not secrets:
            continue
        seen.add(id(each))
        each.args = tuple(mask(arg, secrets) if isinstance(arg, str) else arg for arg in each.args)
        for name in ("message", "hint", "sql"):
            text = getattr(each, name, None)
            if isinstance(text, str):
                setattr(each, name, mask(text, secrets))
        rest += [each.__cause__, each.__context__]


def advise(error: DriftlineError, hint: str) -> None:
    """Give an error another hint."""
    error.hint = hint
    error.args = (f"{error.message}\n  {hint}",)


def several(given: str | Sequence[str] | None) -> Sequence[str] | None:
    """One name or several as several; None stays None."""
    return [given] if isinstance(given, str) else given


def load(project: ProjectLike, target: str | None) -> Project:
    """The project that a verb is called with.

    Raises:
        ConfigError: When its file is wrong, or it was loaded for another target.
    """
    if not isinstance(project, Project):
        from driftline.engine.config import load_project

        return load_project(None if project is None else Path(project), target=target)
    if target not in (None, project.target):
        raise ConfigError(
            f"the project was loaded for target {project.target!r}, not {target!r}",
            hint="give the project's file to choose a target",
        )
    return project


def or_error(result: RunResult, project: Project) -> RunResult:
    """The result, or its first error, which the attribute `result` then goes with."""
    found = [*(each.error for each in result.monitors), result.error]
    errors = [error for error in found if error is not None]
    for error in errors:
        hide(error, project.secrets)
    if errors:
        # the attribute that the docstring of `run` promises
        errors[0].result = result
        raise errors[0]
    return result


def instant(at: Moment) -> str | datetime | None:
    """What a run takes: a date becomes its text, whose midnight is in the monitor's time zone."""
    return None if at is None else moment(at)


def moment(at: str | date) -> str | datetime:
    """As `instant`, of something given."""
    return at if isinstance(at, str | datetime) else at.isoformat()


def since_of(since: Moment) -> datetime | None:
    """A moment in UTC; a date is its midnight.

    Raises:
        ConfigError: When it is not a time.
    """
    from driftline.engine.times import parse_instant

    at = instant(since)
    try:
        return parse_instant(at, "UTC") if isinstance(at, str) else at
    except ValueError as error:
        raise ConfigError(f"since: {error}") from None


def own_metrics(project: ProjectLike, target: str | None) -> tuple[Metric, ...]:
    """A project's own metrics; those of none where none is named or near."""
    from driftline.engine.config import nearest_project

    if project is None and nearest_project() is None:
        return ()
    return load(project, target).own
