"""What a run gives back: the rows of each monitor, what went wrong, and the exit code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from driftline.engine.errors import DriftlineError
from driftline.engine.results import arrow_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from driftline.engine.rows import Row

FAIL_ON: Final = ("warning", "breached", "never")


@dataclass(frozen=True)
class MonitorRun:
    """What one monitor's run found; rows have the columns of the result tables.

    Attributes:
        run: The row of `runs`.
        metrics, histograms, profiles, features, statements: Rows of the tables of those names.
        grounds: Rows of `_grounds`.
        warnings: Sentences about the project that do not stop it.
        unmeasured: What a check was asked to judge and no run has measured yet.
        try_at: Where the window has no rows, an `at` whose window has some; None otherwise.
        known_windows: Windows of a backfill that were stored already, and up to date.
        error: What stopped it, or None.
    """

    run: Row
    metrics: tuple[Row, ...] = ()
    histograms: tuple[Row, ...] = ()
    profiles: tuple[Row, ...] = ()
    features: tuple[Row, ...] = ()
    statements: tuple[Row, ...] = ()
    grounds: tuple[Row, ...] = ()
    warnings: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()
    try_at: str | None = None
    known_windows: int = 0
    error: DriftlineError | None = None

    def exit_code(self, fail_on: str, *, strict: bool = False) -> int:
        """This run's exit code: 3 failed, 1 breached, 4 some rows are errors, 0 otherwise.

        Args:
            fail_on: Which status is a breach: `warning`, `breached` or `never`.
            strict: Whether rows that could not be judged count as errors.
        """
        if self.error is not None:
            return self.error.exit_code
        bad = {"warning": ("warning", "breached"), "breached": ("breached",), "never": ()}[fail_on]
        primary = self.run["primary"]
        if any(
            row["status"] in bad
            and (row["segment"] == "__all__" or self.run.get("segments"))
            and row["reference"] in ("__all__", primary)
            for row in self.metrics
        ):
            return 1
        if strict and self.unmeasured:
            return 4
        unjudged = ("error", *(("insufficient_data", "not_computable") if strict else ()))
        return 4 if any(row["status"] in unjudged for row in self.metrics) else 0


@dataclass(frozen=True, repr=False)
class RunResult:
    """What a run of a project found.

    Attributes:
        monitors: One entry a monitor, in the file's order.
        error: Why what was stored could not be published, or None.
        fail_on: Which status makes the exit code 1: `warning`, `breached` or `never`.
        strict: Whether rows that could not be judged make the exit code 4.
        notes: What became of messages that somebody should look at, a sentence each.
    """

    monitors: tuple[MonitorRun, ...]
    fail_on: str = "breached"
    strict: bool = False
    error: DriftlineError | None = None
    notes: tuple[str, ...] = ()

    @property
    def runs(self) -> list[Row]:
        """Rows of the table `runs`."""
        return [table_row(each.run) for each in self.monitors]

    @property
    def metrics(self) -> list[Row]:
        """Rows of the table `metrics`."""
        return [row for each in self.monitors for row in each.metrics]

    @property
    def exit_code(self) -> int:
        """What the command line exits with; 3 beats 2 beats 1 beats 4."""
        codes = {each.exit_code(self.fail_on, strict=self.strict) for each in self.monitors}
        if self.error is not None:
            codes.add(self.error.exit_code)
        return next((code for code in (3, 2, 1, 4) if code in codes), 0)

    def to_arrow(self) -> pa.Table:
        """The rows of `metrics` as an Arrow table with the stored schema."""
        return arrow_rows("metrics", self.metrics)

    def __repr__(self) -> str:
        told = (
            f"{each.run['monitor']}: {each.run['status']}, {each.run['breach_count']} of"
            f" {each.run['metric_count']} metrics breached"
            for each in self.monitors
        )
        return f"<RunResult {'; '.join(told)}>"

    def _repr_html_(self) -> str:
        from html import escape

        names = ("monitor", "feature", "metric", "value", "threshold", "status", "summary")
        head = "".join(f"<th>{name}</th>" for name in names)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(str(row[name]))}</td>" for name in names) + "</tr>"
            for row in self.metrics
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


# Kept beside the row of `runs` while the run is at hand; not a column of it.
_ASIDE: Final = ("primary", "window_rows", "segments")


def table_row(row: Mapping[str, Any]) -> Row:
    """The row of `runs` alone, without what is kept beside it."""
    return {name: value for name, value in row.items() if name not in _ASIDE}
