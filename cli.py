"""The command line: parse, call the public function of the same name, print."""

from __future__ import annotations

import gc
import io
import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property, partial, wraps
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer import Argument, Option
from typer.core import TyperGroup

import driftline


class Later:
    """A module of the engine that is imported when something of it is first used.

    Help needs none of them, and all of them together take longer to import than help takes.
    """

    def __init__(self, name: str) -> None:
        self._name = f"driftline.engine.{name}"

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self._name), attribute)


if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import Console

    from driftline.engine import frames, log, operating, schedule_verbs, terminal, verbs
else:
    frames, log, operating, terminal = (
        Later(name) for name in ("frames", "log", "operating", "terminal")
    )
    schedule_verbs, verbs = Later("schedule_verbs"), Later("verbs")

EPILOG: Final = (
    "Before or after the verb: --project, --target, --log-level, --log-format, "
    "--quiet, --no-color, --debug-traceback."
)

Format = StrEnum("Format", ["table", "json", "csv"])
FailOn = StrEnum("FailOn", ["warning", "breached", "never"])
Things = StrEnum("Things", ["monitors", "runs", "features", "metrics", "notes"])
Ends = StrEnum("Ends", ["succeeded", "partial", "failed"])
BaselineAction = StrEnum("BaselineAction", ["build", "show", "list"])
Scheduler = StrEnum("Scheduler", ["cron", "systemd", "airflow", "github"])
LogFormat = StrEnum("LogFormat", ["text", "json"])
LogLevel = StrEnum("LogLevel", ["debug", "info", "warning", "error"])


@dataclass(frozen=True)
class Session:
    """The global options of one call."""

    argv: tuple[str, ...]
    project: Path | None = None
    target: str | None = None
    log_format: str = "text"
    log_level: str = "warning"
    quiet: bool = False
    color: bool = True
    debug_traceback: bool = False

    @cached_property
    def out(self) -> Console:
        """Where results go."""
        return terminal.console(color=self.color)

    @cached_property
    def err(self) -> Console:
        """Where progress, logs and errors go."""
        return terminal.console(stderr=True, color=self.color)

    def load(self) -> driftline.Project:
        """The project that this call is about."""
        return driftline.validate(self.project, target=self.target).project

    def working(self) -> AbstractContextManager[None]:
        """Tell of the work that is done inside the block."""
        return log.log(self.err, self.log_level, self.log_format, self.quiet)

    def complain(self, error: BaseException) -> None:
        """Say what went wrong, and how to retry."""
        retry = shlex.join(("driftline", *self.argv))
        log.complain(self.err, error, retry, self.log_format, self.debug_traceback)

    def next(self, *words: str) -> None:
        """Print the command to type next, for the same project."""
        given = {"--project": self.project, "--target": self.target}
        words += tuple(str(x) for pair in given.items() if pair[1] is not None for x in pair)
        terminal.next_commands(self.out, shlex.join(("driftline", *words)))

    def rows(
        self, table: pa.Table, format_: Format, show: Callable[[Console, Sequence[Any]], None]
    ) -> None:
        """Print a table in one of the formats."""
        if format_ is Format.table:
            show(self.out, table.to_pylist())
        else:
            print(frames.to_json(table) if format_ is Format.json else frames.to_csv(table))


class Verbs(TyperGroup):
    """The verbs; global options may stand before or after them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Move the global options to the front; a verb's help needs none of them."""
        ctx.meta["driftline.argv"] = tuple(args)
        flags: set[str] = set()
        values: set[str] = set()
        for each in self.params:
            (flags if getattr(each, "is_flag", False) else values).update(each.opts)
        front: list[str] = []
        rest: list[str] = []
        words = iter(args)
        for word in words:
            if word == "--":
                rest += [word, *words]
            elif word in values:
                front += [word, *(value for value in [next(words, None)] if value is not None)]
            elif word in flags - {"--help", "-h"} or word.split("=")[0] in values:
                front.append(word)
            else:
                rest.append(word)
        verb = self.get_command(ctx, rest[0]) if rest else None
        if verb is not None and rest[1:] in ([word] for word in ctx.help_option_names):
            # Typer looks at the values of options with a library that is slow to import
            verb.make_context(rest[0], rest[1:], parent=ctx)
        return super().parse_args(ctx, [*front, *rest])


app = typer.Typer(
    cls=Verbs,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        print(f"driftline {driftline.__version__}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    project: Annotated[
        Path | None,
        Option(metavar="FILE", help="The project file; else driftline.yml here or above."),
    ] = None,
    target: Annotated[
        str | None, Option(metavar="NAME", help="A target of the file; else DRIFTLINE_TARGET.")
    ] = None,
    log_format: Annotated[LogFormat, Option(help="How the log is written.")] = LogFormat.text,
    log_level: Annotated[LogLevel, Option(help="What the log tells of.")] = LogLevel.warning,
    quiet: Annotated[bool, Option("--quiet", help="No summary, no progress: errors only.")] = False,
    no_color: Annotated[bool, Option("--no-color", help="No colours; as NO_COLOR.")] = False,
    debug_traceback: Annotated[
        bool, Option("--debug-traceback", help="Show where in the code an error arose.")
    ] = False,
    version: Annotated[
        bool, Option("--version", is_eager=True, callback=_tell_version, help="Tell the version.")
    ] = False,
) -> None:
    """Watch machine-learning models where their data lives: drift and data quality, in SQL.

    The shortest way in: driftline demo
    """
    del version
    argv = ctx.meta["driftline.argv"]
    ctx.obj = Session(
        argv, project, target, log_format, log_level, quiet, not no_color, debug_traceback
    )


alerting = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(alerting, name="alerts", help="Tell people, and see who was told.", epilog=EPILOG)


def verb(
    function: Callable[..., int | None], *, within: typer.Typer = app, name: str | None = None
) -> Callable[..., None]:
    """Make a verb of a function that returns an exit code; its errors become messages."""

    @within.command(name, epilog=EPILOG)
    @wraps(function)
    def command(ctx: typer.Context, **given: Any) -> None:
        session: Session = ctx.obj
        try:
            code = function(ctx, **given)
        except driftline.DriftlineError as error:
            session.complain(error)
            code = error.exit_code
        except KeyboardInterrupt:
            session.err.print("interrupted: what was stored before is as it was")
            code = 130
        except Exception as error:
            # the last resort: a message instead of a traceback
            if isinstance(error, BrokenPipeError):
                raise
            session.complain(error)
            code = 3
        raise typer.Exit(code or 0)

    return command


Names = Annotated[list[str] | None, Argument(metavar="MONITOR", help="Names; else all.")]
Formats = Annotated[Format, Option("--format", help="How rows are printed.")]
Words = list[str] | None
By = Annotated[str | None, Option(metavar="NAME", help="Who; else the user of the system.")]


@verb
def demo(
    ctx: typer.Context,
    folder: Annotated[
        Path, Argument(metavar="DIR", help="A new folder, or an earlier demo.")
    ] = Path("driftline-demo"),
) -> int:
    """Run a complete project on real flights data."""
    session: Session = ctx.obj
    with session.working():
        result = driftline.demo(folder)
    if not session.quiet:
        project, daily = verbs.demo_project(folder), verbs.DEMO_DAILY
        days = [each for each in result.monitors if each.run["monitor"] == daily]
        weeks = tuple(each for each in result.monitors if each not in days)
        terminal.summary(session.out, replace(result, monitors=weeks))
        for each in days:
            found = driftline.alerts(project, "list", monitors=daily, closed=True).to_pylist()
            session.out.print()
            operating.history(session.out, each, found, project)
        terminal.left_behind(session.out, folder)
    return result.exit_code


@verb
def compare(
    ctx: typer.Context,
    reference: Annotated[str, Argument(help="A file, glob or table: what is normal.")],
    production: Annotated[str, Argument(help="A file, glob or table to hold against it.")],
    save: Annotated[
        Path | None, Option(metavar="FILE", help="Leave a project file of five lines behind.")
    ] = None,
) -> int:
    """Compare two files or tables, without a project."""
    session: Session = ctx.obj
    with session.working():
        result = driftline.compare(
            reference, production, save=save, project=session.project, target=session.target
        )
    if not session.quiet:
        terminal.summary(session.out, result, against=reference, stored=False)
        if save is not None:
            session.next("run", "--project", str(save))
        elif session.project is None:
            session.next("compare", reference, production, "--save", "driftline.yml")
    return result.exit_code


@verb
def collect(
    ctx: typer.Context,
    source: Annotated[
        str, Argument(metavar="SRC", help="The folder modelDataCollector, or one below it.")
    ],
    destination: Annotated[
        Path, Argument(metavar="DEST", help="The folder for tables: Parquet by day.")
    ],
    format_: Formats = Format.table,
) -> int:
    """Read Azure ML's collected data into Parquet by day.

    Each call reads what is new: rows are there once, however often it is called or ended.
    """
    session: Session = ctx.obj
    with session.working():
        try:
            result = driftline.collect(source, destination)
        except driftline.SourceError as error:
            # what could be read is there
            if error.result is None:
                raise
            result = error.result
    if format_ is not Format.table or not session.quiet:
        session.rows(
            result.to_arrow(), format_, lambda out, rows: terminal.collected(out, result, rows)
        )
    if result.error is not None:
        session.complain(result.error)
    return result.exit_code


@verb
def validate(
    ctx: typer.Context,
    resolved: Annotated[bool, Option("--resolved", help="Print it with all defaults.")] = False,
    diff: Annotated[
        bool, Option("--diff", help="Tell what it will do to the stored results.")
    ] = False,
    against: Annotated[
        str | None,
        Option(metavar="OLD", help="With --diff, an older file, or a revision such as HEAD."),
    ] = None,
    format_: Formats = Format.table,
) -> None:
    """Check the project file, without touching data."""
    session: Session = ctx.obj
    found = driftline.validate(
        session.project, resolved=resolved, diff=diff, against=against, target=session.target
    )
    told = found.differences
    if found.resolved is not None:
        print(found.resolved, end="")
    elif not session.quiet and (told is None or format_ is Format.table):
        terminal.validated(session.out, found.project, found.notes)
    if told is not None:
        session.rows(told.to_arrow(), format_, lambda out, _: terminal.differing(out, told))


@verb
def compile(  # noqa: A001 (named like its function)
    ctx: typer.Context,
    monitors: Names = None,
    dialect: Annotated[
        str | None, Option(metavar="D", help="A warehouse's dialect; else the connection's.")
    ] = None,
    out: Annotated[
        Path | None, Option(metavar="DIR", help="Write a file for each statement instead.")
    ] = None,
) -> None:
    """Print every statement a run would send, offline."""
    session: Session = ctx.obj
    found = driftline.compile(
        session.project, monitors=monitors, dialect=dialect, out=out, target=session.target
    )
    if out is None:
        terminal.script(session.out, found)
    elif not session.quiet:
        count = sum(len(each.statements) for each in found)
        session.out.print(f"{count} statements written to {terminal.clean(out)}", soft_wrap=True)


@verb
def run(
    ctx: typer.Context,
    monitors: Names = None,
    at: Annotated[
        str | None, Option(metavar="T", help="End of the window before its offset; else now.")
    ] = None,
    select: Annotated[
        list[str] | None,
        Option(
            metavar="S",
            help="Only these: signal:data_drift,feature:age tag:tier1 (comma: and, space: or).",
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None, Option(metavar="S", help="All but these, in the same words.")
    ] = None,
    catch_up: Annotated[
        bool,
        Option("--catch-up", help="Every window since the last that was run, the oldest first."),
    ] = False,
    dry_run: Annotated[
        bool,
        Option(
            "--dry-run",
            help="Print the statements instead of sending them, and about how many rows they read.",
        ),
    ] = False,
    fail_on: Annotated[
        FailOn, Option(envvar="DRIFTLINE_FAIL_ON", help="What makes the exit code 1.")
    ] = FailOn.breached,
    strict: Annotated[
        bool, Option("--strict", help="Exit with 4 where a row could not be judged.")
    ] = False,
) -> int:
    """Compute windows, store the results and judge them."""
    session: Session = ctx.obj
    project = session.load()
    if dry_run:
        from driftline.engine.errors import WarehouseError
        from driftline.engine.verbs import estimates, statements

        sent = statements(project, monitors=monitors, at=at, select=select, exclude=exclude)
        terminal.script(session.out, sent)
        try:
            found = estimates(project, monitors=monitors, select=select, exclude=exclude)
        except WarehouseError as error:
            # what would be sent is known without it
            terminal.comment(session.out, f"how many rows they read is not known: {error.message}")
        else:
            terminal.rows_to_read(session.out, found)
        return 0
    result = _ran(
        session,
        lambda: driftline.run(
            project,
            monitors=monitors,
            at=at,
            select=select,
            exclude=exclude,
            catch_up=catch_up,
        ),
    )
    result = replace(result, fail_on=fail_on.value, strict=strict)
    return _told(session, project, result)


@verb
def schedule(
    ctx: typer.Context,
    monitors: Annotated[
        list[str] | None, Argument(metavar="MONITOR", help="Names; else all with a schedule.")
    ] = None,
    once: Annotated[bool, Option("--once", help="Return once nothing is due: for cron.")] = False,
    print_: Annotated[
        Scheduler | None,
        Option("--print", help="Print what another scheduler runs the monitors by, instead."),
    ] = None,
    ping: Annotated[
        str | None,
        Option(
            metavar="URL",
            envvar="DRIFTLINE_PING",
            help="Ask for it while the scheduler is there: a dead man's switch.",
        ),
    ] = None,
    fail_on: Annotated[
        FailOn, Option(envvar="DRIFTLINE_FAIL_ON", help="What makes the exit code 1.")
    ] = FailOn.breached,
) -> int:
    """Run monitors when they are due, now or from now on."""
    session: Session = ctx.obj
    project = session.load()
    if print_ is not None:
        print(driftline.schedule(project, monitors=monitors, print=print_.value), end="")
        return 0

    def told(result: driftline.RunResult) -> None:
        _told(session, project, replace(result, fail_on=fail_on.value))

    result = _ran(
        session,
        lambda: schedule_verbs.run_due(project, monitors=monitors, once=once, ping=ping, told=told),
    )
    if not result.monitors and not session.quiet:
        session.out.print("nothing is due")
    return replace(result, fail_on=fail_on.value).exit_code


@verb
def backfill(
    ctx: typer.Context,
    start: Annotated[str, Option("--from", metavar="D", help="Start of the first window.")],
    end: Annotated[str, Option("--to", metavar="D", help="No window ends after it.")],
    monitors: Names = None,
    every: Annotated[
        str | None,
        Option(metavar="P1D", help="How far windows lie apart; else the window's size."),
    ] = None,
    force: Annotated[
        bool, Option("--force", help="Compute windows again that are stored and up to date.")
    ] = False,
    fail_on: Annotated[
        FailOn, Option(envvar="DRIFTLINE_FAIL_ON", help="What makes the exit code 1.")
    ] = FailOn.breached,
    strict: Annotated[
        bool, Option("--strict", help="Exit with 4 where a row could not be judged.")
    ] = False,
) -> int:
    """Compute many past windows in one pass."""
    session: Session = ctx.obj
    project = session.load()
    result = _ran(
        session,
        lambda: driftline.backfill(
            project, start=start, end=end, every=every, monitors=monitors, force=force
        ),
    )
    result = replace(result, fail_on=fail_on.value, strict=strict)
    return _told(session, project, result, terminal.backfilled)


@verb
def baseline(
    ctx: typer.Context,
    action: Annotated[BaselineAction, Argument(metavar="build|show|list", help="What is done.")],
    monitors: Names = None,
    format_: Formats = Format.table,
) -> None:
    """Freeze references, so that runs read production alone."""
    session: Session = ctx.obj
    found = driftline.baseline(session.load(), action.value, monitors=monitors)
    session.rows(found, format_, terminal.baselines)
    if format_ is Format.table and action is BaselineAction.build and not session.quiet:
        session.next("run")


def _ran(session: Session, work: Callable[[], driftline.RunResult]) -> driftline.RunResult:
    """What monitors found, those that failed among them."""
    with session.working():
        try:
            return work()
        except driftline.DriftlineError as error:
            # one failing monitor stops no other, and the others have something to tell
            if error.result is None:
                raise
            return error.result  # type: ignore[no-any-return]


def _told(
    session: Session,
    project: driftline.Project,
    result: driftline.RunResult,
    tell: Callable[..., None] | None = None,
) -> int:
    """Print what was found, as a summary or otherwise, and what went wrong; the exit code."""
    if not session.quiet:
        (tell or terminal.summary)(session.out, result, project)
    for each in result.monitors:
        if each.error is not None:
            each.error.message = f"monitor {each.run['monitor']} failed: {each.error.message}"
            session.complain(each.error)
    if result.error is not None:
        session.complain(result.error)
    if not session.quiet and any(each.error is None for each in result.monitors):
        session.next(*terminal.next_step(result))
    return result.exit_code


@verb
def show(
    ctx: typer.Context,
    monitor: Annotated[
        str | None, Argument(metavar="MONITOR", help="A name; else how each stands.")
    ] = None,
    all_: Annotated[bool, Option("--all", help="Rows that are ok, too.")] = False,
    signal: Annotated[Words, Option(metavar="NAME", help="Rows of this signal.")] = None,
    feature: Annotated[Words, Option(metavar="NAME", help="All rows of this feature.")] = None,
    segment: Annotated[Words, Option(metavar="NAME", help="Rows of this segment.")] = None,
    status: Annotated[Words, Option(metavar="STATUS", help="Rows with this status.")] = None,
    since: Annotated[
        str | None, Option(metavar="T", help="Windows that end after this time.")
    ] = None,
    run: Annotated[str | None, Option(metavar="ID", help="Rows that one run wrote.")] = None,
    format_: Formats = Format.table,
) -> None:
    """Show the latest results, worst first."""
    session: Session = ctx.obj
    project = session.load()
    given = {"signal": signal, "feature": feature, "segment": segment, "status": status}
    filters: dict[str, Any] = {name: words or None for name, words in given.items()}
    filters |= {"since": since, "run": run}
    found = driftline.show(project, monitor, all=all_, **filters)

    def table(out: Console, rows: Sequence[Any]) -> None:
        if "last_status" in found.column_names:
            terminal.grid(out, rows, project)
        else:
            every = driftline.show(project, monitor, all=True, **filters)
            terminal.results(out, rows, project, hidden=every.num_rows - len(rows))

    session.rows(found, format_, table)


@verb
def explain(
    ctx: typer.Context,
    monitor: Annotated[
        str | None, Argument(metavar="MONITOR", help="A name; else all with segments.")
    ] = None,
    feature: Annotated[Words, Option(metavar="NAME", help="This feature; else all.")] = None,
    by: Annotated[
        str | None, Option(metavar="SEGMENTS", help="One entry of `segments`, such as origin.")
    ] = None,
    reference: Annotated[
        str | None, Option(metavar="NAME", help="Against this reference; else the primary one.")
    ] = None,
    format_: Formats = Format.table,
) -> None:
    """Split drift into mix of segments and what is within."""
    session: Session = ctx.obj
    found = driftline.explain(
        session.load(), monitor, feature=feature or None, by=by, reference=reference
    )
    session.rows(found, format_, terminal.explained)


@verb
def ls(
    ctx: typer.Context,
    what: Annotated[Things, Argument(metavar="WHAT", help="What to list.")] = Things.monitors,
    status: Annotated[list[Ends] | None, Option(help="With runs: those that ended so.")] = None,
    format_: Formats = Format.table,
) -> None:
    """List monitors, runs, features, metrics or notes."""
    session: Session = ctx.obj
    shows: Mapping[str, Callable[[Console, Sequence[Any]], None]] = {
        "monitors": terminal.grid,
        "runs": terminal.runs,
        "features": terminal.features,
        "notes": operating.notes,
        "metrics": lambda out, _: terminal.catalogue(
            out, driftline.metrics(project=session.project, target=session.target)
        ),
    }
    ends = [each.value for each in status or ()]
    found = driftline.ls(session.project, what.value, status=ends or None, target=session.target)
    session.rows(found, format_, shows[what.value])


@verb
def prune(
    ctx: typer.Context,
    keep: Annotated[
        str, Option(metavar="P400D", help="How long ago windows may have ended that stay.")
    ],
    monitors: Names = None,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Count what would go, and delete nothing.")
    ] = False,
    format_: Formats = Format.table,
) -> None:
    """Delete old results; the newest window stays."""
    session: Session = ctx.obj
    found = driftline.prune(session.load(), keep=keep, monitors=monitors, dry_run=dry_run)
    session.rows(found, format_, operating.pruned)


@verb
def note(
    ctx: typer.Context,
    monitor: Annotated[str, Argument(metavar="MONITOR", help="A name.")],
    text: Annotated[str, Argument(metavar="TEXT", help="What there is to know.")],
    at: Annotated[
        str | None, Option(metavar="T", help="The moment that it is about; else now.")
    ] = None,
    by: By = None,
    format_: Formats = Format.table,
) -> None:
    """Note what happened beside the results."""
    session: Session = ctx.obj
    found = driftline.note(session.load(), monitor, text, at=at, by=by)
    session.rows(found, format_, operating.notes)


@verb
def metrics(
    ctx: typer.Context,
    name: Annotated[
        str | None, Argument(metavar="NAME", help="A metric, or `new`; else the list.")
    ] = None,
    new: Annotated[
        str | None, Argument(metavar="NEW", help="After `new`: what your own is called.")
    ] = None,
) -> None:
    """Show the catalogue, or begin a metric of your own."""
    session: Session = ctx.obj
    if name == "new" and new is not None:
        path = driftline.new_metric(new, project=session.project)
        print(os.path.relpath(path))
        session.next("validate")
    elif new is not None:
        raise driftline.ConfigError(
            f"one metric at a time, not {name} and {new}",
            hint="`driftline metrics new NAME` begins one of your own",
        )
    elif name is None:
        own = driftline.metrics(project=session.project, target=session.target)
        terminal.catalogue(session.out, own)
    else:
        found = driftline.metrics(name, project=session.project, target=session.target)
        terminal.definition(session.out, found)


@verb
def schema(ctx: typer.Context) -> None:
    """Print the JSON Schema of the project file."""
    del ctx
    print(json.dumps(driftline.schema(), indent=2, ensure_ascii=False))


@verb
def init(
    ctx: typer.Context,
    folder: Annotated[Path, Argument(metavar="DIR", help="Where to write driftline.yml.")] = Path(),
    production: Annotated[
        str | None, Option(metavar="P", help="A file or glob: the rows being scored.")
    ] = None,
    reference: Annotated[
        str | None, Option(metavar="R", help="A file or glob: what is normal; else P's past.")
    ] = None,
    name: Annotated[str | None, Option(metavar="NAME", help="Name of the monitor.")] = None,
) -> None:
    """Write a first project file, guessed from tables."""
    session: Session = ctx.obj
    with session.working():
        made = driftline.init(folder, production=production, reference=reference, name=name)
    if not session.quiet:
        terminal.scaffolded(session.out, made)


@verb
def import_azure(
    ctx: typer.Context,
    file: Annotated[
        Path, Argument(metavar="FILE", help="The monitor's YAML, or its JSON from `az` or REST.")
    ],
    out: Annotated[
        Path | None, Option(metavar="FILE", help="Write the project file here; else print it.")
    ] = None,
    source: Annotated[
        Words, Option(metavar="NAME=PATH", help="Where an asset, or model_inputs, is here.")
    ] = None,
    force: Annotated[bool, Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Turn an Azure ML monitor into a project file.

    What did not carry over is listed with its line and the reason.
    """
    session: Session = ctx.obj
    made = driftline.import_azure(file, out=out, source=source or None, force=force)
    if out is None:
        print(made.text, end="")
    if not session.quiet:
        terminal.left_behind_by_import(session.err, made.left, file)
        if out is not None:
            terminal.imported(session.out, out, made.monitors)


@verb
def debug(
    ctx: typer.Context,
    monitor: Annotated[
        str | None, Option(metavar="NAME", help="Look at the sources of this one alone.")
    ] = None,
    format_: Formats = Format.table,
) -> int:
    """Check versions, project, connection, sources, store."""
    session: Session = ctx.obj
    with session.working():
        found = driftline.debug(session.project, monitor=monitor, target=session.target)
    session.rows(frames.of_values(found), format_, terminal.checkups)
    return max(line.exit_code for line in found)


@verb
def check(
    ctx: typer.Context,
    monitors: Names = None,
    at: Annotated[
        str | None, Option(metavar="T", help="The window of a run at T; else the newest.")
    ] = None,
    write: Annotated[bool, Option("--write", help="Store the verdicts.")] = False,
    fail_on: Annotated[
        FailOn, Option(envvar="DRIFTLINE_FAIL_ON", help="What makes the exit code 1.")
    ] = FailOn.breached,
    strict: Annotated[
        bool, Option("--strict", help="Exit with 4 where something could not be judged.")
    ] = False,
) -> int:
    """Judge stored results by today's thresholds."""
    session: Session = ctx.obj
    project = session.load()
    try:
        result = driftline.check(project, monitors=monitors, at=at, write=write)
    except driftline.DriftlineError as error:
        if error.result is None:
            raise
        result = error.result
    return _told(session, project, replace(result, fail_on=fail_on.value, strict=strict))


@verb
def tune(
    ctx: typer.Context,
    monitors: Names = None,
    alerts_a_month: Annotated[
        float, Option(metavar="N", help="How many alerts of one monitor are wanted.")
    ] = 1.0,
    signal: Annotated[
        Words, Option(metavar="NAME", help="Thresholds and alerts of this signal alone.")
    ] = None,
    since: Annotated[
        str | None,
        Option(metavar="T", help="Windows that end after this time, or of the last P90D."),
    ] = None,
    incidents: Annotated[
        bool, Option("--incidents", help="Rows of incidents instead of thresholds.")
    ] = False,
    write: Annotated[bool, Option("--write", help="Edit the file, comments kept.")] = False,
    format_: Formats = Format.table,
) -> None:
    """Find thresholds for so many alerts a month.

    From stored history alone: windows are judged again, and incidents made of them, as by runs.
    """
    session: Session = ctx.obj
    found = driftline.tune(
        session.load(),
        monitors=monitors,
        alerts_a_month=alerts_a_month,
        signal=signal or None,
        since=since,
        write=write,
    )
    session.rows(
        found.incidents() if incidents else found.to_arrow(),
        format_,
        lambda out, rows: operating.tuned(out, found, rows, only_incidents=incidents),
    )
    if format_ is Format.table and not session.quiet and any(t.thresholds for t in found.monitors):
        if write:
            session.next("check", "--write")
        else:
            # of the same history and for the same number
            words = shlex.join(("driftline", *session.argv, "--write"))
            terminal.next_commands(session.out, words)


@verb
def publish(
    ctx: typer.Context,
    duckdb: Annotated[
        Path | None, Option(metavar="FILE", help="A DuckDB file, instead of the project's copies.")
    ] = None,
    parquet: Annotated[
        Path | None, Option(metavar="DIR", help="A folder for Parquet files, likewise.")
    ] = None,
) -> None:
    """Copy the results for BI tools to hold open."""
    session: Session = ctx.obj
    project = session.load()
    written = driftline.publish(project, duckdb=duckdb, parquet=parquet)
    if not session.quiet:
        terminal.published(session.out, written)


Ids = Annotated[
    list[str], Argument(metavar="ID", help="Ids of incidents, or what they begin with.")
]
OfMonitors = Annotated[
    Words, Option("--monitor", metavar="NAME", help="Of this monitor; else of all.")
]


def _incidents(session: Session, format_: Format, action: str, **given: Any) -> None:
    """Do something about incidents, and print them."""
    project = session.load()
    found = driftline.alerts(project, action, **given)
    session.rows(found, format_, partial(operating.incidents, project=project))


@partial(verb, within=alerting, name="list")
def alerts_list(
    ctx: typer.Context,
    monitors: Names = None,
    closed: Annotated[bool, Option("--closed", help="Those that are over, too.")] = False,
    format_: Formats = Format.table,
) -> None:
    """List incidents that are open, the worst first."""
    _incidents(ctx.obj, format_, "list", monitors=monitors, closed=closed)


@partial(verb, within=alerting, name="ack")
def alerts_ack(
    ctx: typer.Context, ids: Ids, by: By = None, format_: Formats = Format.table
) -> None:
    """Take incidents on: no reminders are sent any more."""
    _incidents(ctx.obj, format_, "ack", ids=ids, by=by)


@partial(verb, within=alerting, name="close")
def alerts_close(
    ctx: typer.Context, ids: Ids, by: By = None, format_: Formats = Format.table
) -> None:
    """Close incidents by a person's word."""
    _incidents(ctx.obj, format_, "close", ids=ids, by=by)


@partial(verb, within=alerting, name="mute")
def alerts_mute(
    ctx: typer.Context,
    feature: Annotated[
        str, Argument(metavar="FEATURE", help="A feature; __all__ is the whole monitor.")
    ],
    until: Annotated[
        str, Option(metavar="T", help="Until when, or how long: P7D. What is past ends it.")
    ],
    reason: Annotated[str, Option(metavar="TEXT", help="Why.")],
    monitors: OfMonitors = None,
    by: By = None,
    format_: Formats = Format.table,
) -> None:
    """Tell nobody of a feature for a time."""
    session: Session = ctx.obj
    found = driftline.alerts(
        session.load(),
        "mute",
        feature=feature,
        until=until,
        reason=reason,
        monitors=monitors,
        by=by,
    )
    session.rows(found, format_, operating.mutes)


@partial(verb, within=alerting, name="mutes")
def alerts_mutes(
    ctx: typer.Context, monitors: Names = None, format_: Formats = Format.table
) -> None:
    """List what is muted."""
    session: Session = ctx.obj
    session.rows(
        driftline.alerts(session.load(), "mutes", monitors=monitors), format_, operating.mutes
    )


@partial(verb, within=alerting, name="test")
def alerts_test(
    ctx: typer.Context,
    to: Annotated[
        Words, Option(metavar="NAME", help="This notification of the project; else all.")
    ] = None,
    format_: Formats = Format.table,
) -> int:
    """Send a test to notifications of the project."""
    session: Session = ctx.obj
    found = driftline.alerts(session.load(), "test", to=to or None)
    session.rows(found, format_, operating.tried)
    return 0 if all(found["sent"].to_pylist()) else 3


@partial(verb, within=alerting, name="outbox")
def alerts_outbox(ctx: typer.Context, format_: Formats = Format.table) -> None:
    """List messages that wait or were given up."""
    session: Session = ctx.obj
    found = driftline.alerts(session.load(), "outbox")
    session.rows(found, format_, operating.outbox)


@verb
def migrate(
    ctx: typer.Context,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Print the statements instead of sending them.")
    ] = False,
) -> None:
    """Bring the result tables to the newest schema."""
    session: Session = ctx.obj
    found = driftline.migrate(session.load(), dry_run=dry_run)
    if dry_run and found.statements:
        print("\n".join(each.rstrip() for each in found.statements))
    if not session.quiet:
        terminal.migrated(session.err if dry_run else session.out, found, dry_run=dry_run)


@verb
def ddl(
    ctx: typer.Context,
    dialect: Annotated[
        str | None, Option(metavar="D", help="A warehouse's dialect; else that of the results.")
    ] = None,
    schema: Annotated[
        str | None, Option(metavar="NAME", help="Where the tables are; else driftline, or main.")
    ] = None,
    role: Annotated[
        str | None, Option(metavar="NAME", help="The role that may read; else bi_reader.")
    ] = None,
) -> None:
    """Print the result tables and views as DDL."""
    session: Session = ctx.obj
    found = driftline.ddl(
        session.project, dialect=dialect, schema=schema, role=role, target=session.target
    )
    print(found, end="")


def main() -> None:
    """The command `driftline`."""
    for stream in (sys.stdout, sys.stderr):
        # where a character cannot be shown, a question mark can
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    # a run makes many rows and hardly a cycle: looking for these less often is 3 % of it
    gc.set_threshold(100_000)
    sys.meta_path.insert(0, frames.Unneeded())
    # pydantic looks for plugins in every distribution that is installed
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    app(prog_name="driftline")
