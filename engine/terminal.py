"""What people see: summaries, tables and sentences for a terminal.

Every name comes from someone's data, so nothing here is read as markup, and characters that would
steer a terminal are spelled out. Colour only repeats what the words say.
"""

from __future__ import annotations

import math
import os
import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from rich.cells import cell_len
from rich.console import Console, Group
from rich.text import Text

from driftline.engine.catalog import METRICS, Metric
from driftline.engine.conventions import CONVENTIONS
from driftline.engine.results import ALL
from driftline.engine.summary import amount, number, percent

if TYPE_CHECKING:
    from driftline.engine.azure_file import Left
    from driftline.engine.collect import CollectResult
    from driftline.engine.compile import Compiled
    from driftline.engine.differences import Differences
    from driftline.engine.estimate import Estimate
    from driftline.engine.outcome import MonitorRun, RunResult
    from driftline.engine.project import Project
    from driftline.engine.scaffold import Scaffold
    from driftline.engine.stored import Migrated

Row = Mapping[str, Any]

# Worst first, as the store orders them.
STATUSES: Final = (
    "breached",
    "error",
    "warning",
    "inconclusive",
    "not_computable",
    "insufficient_data",
    "ok",
)
TOLD: Final = STATUSES[:4]
MOST_FEATURES: Final = 20
MOST_WINDOWS: Final = 20
EPOCH: Final = datetime(1970, 1, 1)

STYLES: Final = {
    "breached": "bold red",
    "error": "bold magenta",
    "warning": "yellow",
    "inconclusive": "cyan",
    "ok": "green",
    "succeeded": "green",
    "partial": "yellow",
    "failed": "bold red",
}
_NOT_JUDGED: Final = {
    "insufficient_data": "with too few rows",
    "not_computable": "not computable",
}
# A sentence beside its row needs this much room; with less it gets lines of its own.
_ROOM: Final = 52
# Below its row a sentence starts under the second column, unless the first one is wider than this.
_DEEPEST: Final = 20


def console(*, stderr: bool = False, color: bool = True) -> Console:
    """A console that prints what it is given, word for word."""
    return Console(
        stderr=stderr,
        no_color=None if color else True,
        markup=False,
        emoji=False,
        highlight=False,
    )


def clean(text: object) -> str:
    """A text with every character that is no mark of its own, such as an escape, spelled out."""
    told = str(text)
    if told.isprintable():
        return told
    return "".join(
        each.encode("unicode_escape").decode() if _steers(each) else each for each in told
    )


def _steers(character: str) -> bool:
    kind = unicodedata.category(character)
    return kind[0] == "C" or kind in ("Zl", "Zp")


def _styled(status: str | None) -> Text:
    return Text("–" if status is None else status, style=STYLES.get(status or "", "dim"))


@dataclass(frozen=True)
class Line:
    """One row of a listing: cells in columns, and sentences that take the room that is left."""

    cells: tuple[str | Text, ...]
    tail: tuple[str, ...] = ()


def listing(
    out: Console,
    lines: Sequence[Line],
    *,
    head: Sequence[str] = (),
    right: frozenset[int] = frozenset(),
) -> None:
    """Print rows in columns that fit the console, and never cut a word off.

    Sentences stand beside their rows where there is room for them, else below.

    Args:
        out: Where to.
        lines: The rows, all with the same number of cells.
        head: Names of the columns; one more than there are cells names the sentence.
        right: Columns that end at the same place: numbers.
    """
    rows = [tuple(_cell(cell) for cell in line.cells) for line in lines]
    tails = [tuple(clean(part) for part in line.tail if part) for line in lines]
    titles = [Text(title, style="dim") for title in head]
    count = max((len(row) for row in rows), default=len(titles))
    most = max(12, out.width // 2)
    widths = [
        min(most, max(row[at].cell_len for row in (*rows, titles) if at < len(row)))
        for at in range(count)
    ]
    left = 2 + sum(widths) + 2 * count
    beside = out.width - left >= min(_ROOM, max((len(" · ".join(t)) for t in tails), default=0))
    told: list[Text] = []
    if titles:
        told.append(_joined(titles if beside and any(tails) else titles[:count], widths, right))
    start = left if beside else 4 + (widths[0] if widths and widths[0] <= _DEEPEST else 2)
    room = max(20, out.width - start)
    for row, tail in zip(rows, tails, strict=True):
        line = _joined(row, widths, right)
        wrapped = _wrapped(tail, room)
        if wrapped and beside and line.cell_len <= left:
            line.append(" " * (left - line.cell_len) + wrapped.pop(0))
        told += [line, *(Text(" " * start + more) for more in wrapped)]
    # at once: each call of its own would ask for the size of the terminal again
    out.print(Group(*told), soft_wrap=True)


def _wrapped(sentences: Sequence[str], width: int) -> list[str]:
    """Sentences on one line where it holds them, else each on lines of its own.

    A number stays together with its unit and its thousands.
    """
    whole = " · ".join(sentences)
    if cell_len(whole) <= width:
        return [whole] if whole else []
    lines = []
    for sentence in sentences:
        kept = Text(_INSIDE_NUMBER.sub(_BLANK, sentence)).wrap(_RULER, width)
        lines += [line.plain.rstrip().replace(_BLANK, " ") for line in kept]
    return lines


# A blank inside a number; what stands for it while lines are broken, a mark no text here has.
_INSIDE_NUMBER: Final = re.compile(r"(?<=\d) (?=%|\d)")
_BLANK: Final = "\ue000"
_RULER: Final = Console()


def _cell(cell: str | Text) -> Text:
    return cell if isinstance(cell, Text) else Text(clean(cell))


def _joined(cells: Sequence[Text], widths: Sequence[int], right: frozenset[int]) -> Text:
    """Cells in their columns, without blanks at the end."""
    line = Text("  ")
    for at, cell in enumerate(cells):
        width = widths[at] if at < len(widths) else 0
        blank = " " * max(0, width - cell.cell_len)
        if at in right:
            line.append(blank).append_text(cell)
        else:
            # of the cell itself: its style goes to the end of the column
            line.append_text(cell.copy().append(blank))
        line.append("  ")
    line.rstrip()
    return line


def summary(
    out: Console,
    result: RunResult,
    project: Project | None = None,
    *,
    against: str | None = None,
    stored: bool = True,
) -> None:
    """Print what a run found: for each monitor a headline and a line a feature, worst first.

    Args:
        out: Where to.
        result: The run; monitors that failed are left out.
        project: Whose time zones windows are told in; None is UTC.
        against: What the reference is called; None is its name in the project.
        stored: Whether `show --all` can tell more.
    """
    zones = zones_of(project)
    for place, each in enumerate(each for each in result.monitors if each.error is None):
        if place:
            out.print()
        rows = [row for row in each.metrics if row["segment"] == ALL]
        told = headline(rows, zones.get(each.run["monitor"], "UTC"), against)
        _monitor_summary(out, each, rows, told, stored)


def backfilled(out: Console, result: RunResult, project: Project | None = None) -> None:
    """Print what a backfill found: for each monitor a line a window that is not ok, newest first.

    Args:
        out: Where to.
        result: The backfill; monitors that failed are left out.
        project: Whose time zones windows are told in; None is UTC.
    """
    zones = zones_of(project)
    for place, each in enumerate(each for each in result.monitors if each.error is None):
        if place:
            out.print()
        zone = zones.get(each.run["monitor"], "UTC")
        windows: dict[tuple[datetime, datetime], list[Row]] = {}
        for row in each.metrics:
            if row["segment"] == ALL:
                windows.setdefault((row["window_start"], row["window_end"]), []).append(row)
        title = Text.assemble((f"{clean(each.run['monitor'])}:", "bold"), " ")
        computed = len(windows) - each.known_windows
        title.append(f"{quantity(computed, 'window')} computed")
        if each.known_windows:
            title.append(f" · {each.known_windows} up to date")
        if windows:
            title.append(f" · {span(min(windows)[0], max(w[1] for w in windows), zone)}")
        out.print(title, soft_wrap=True)
        for sentence in dict.fromkeys(each.warnings):
            for line in _wrapped((clean(sentence),), out.width - 2):
                out.print(Text(f"  {line}", style="yellow"), soft_wrap=True)
        told = [_window_line(window, windows[window], zone) for window in sorted(windows)[::-1]]
        lines = [line for line in told if line is not None]
        if lines:
            out.print()
            listing(out, lines[:MOST_WINDOWS])
        if windows:
            more = max(0, len(lines) - MOST_WINDOWS)
            rest = [f"{more} more"] if more else []
            rest.append(f"{quantity(len(windows) - len(lines), 'window')} ok")
            out.print()
            out.print(Text(f"  {' · '.join(rest)}", style="dim"))


def _window_line(window: tuple[datetime, datetime], rows: Sequence[Row], zone: str) -> Line | None:
    """A window whose worst row is not ok: its status, its features beyond, and the worst of them."""
    worst = worst_rows(rows)
    beyond = {name: row for name, row in worst.items() if row["status"] in TOLD}
    if not beyond:
        return None
    feature, row = next(iter(beyond.items()))
    several = len({each["reference"] for each in rows} - {ALL}) > 1
    return Line(
        (
            _styled(row["status"]),
            span(*window, zone),
            quantity(len(beyond), "feature"),
            name_of(feature),
            short(row, several),
            held(row),
        ),
        (row["reason"],) if row["status"] == "error" and row["reason"] else (),
    )


def zones_of(project: Project | None) -> dict[str, str]:
    """Time zones by monitor; none of no project."""
    return {each.name: each.time_zone for each in project.monitors} if project else {}


def zone_of(run: MonitorRun, project: Project | None) -> str:
    """The time zone of a run's monitor."""
    return zones_of(project).get(run.run["monitor"], "UTC")


def left_behind(out: Console, folder: Path) -> None:
    """Print where the demo's project and tables are, and what to type next."""
    out.print()
    file = clean(folder / "driftline.duckdb")
    out.print(f"The project is in {clean(folder)}, its result tables in {file}.", soft_wrap=True)
    query = "from latest_metrics select feature, metric, value, summary where breached"
    next_commands(
        out,
        f"cd {shlex.quote(str(folder))}",
        "driftline show arrival_delay --feature temp",
        "driftline alerts list --closed",
        "driftline ls features",
        "driftline run arrival_delay --at 2013-07-04 --select signal:model_performance",
        f'duckdb driftline.duckdb "{query}"',
    )


def published(out: Console, files: Sequence[Path]) -> None:
    """Print where copies for BI tools are, a line for each folder of Parquet files."""
    for file in dict.fromkeys(each.parent if each.suffix == ".parquet" else each for each in files):
        what = " (Parquet, a file a table)" if file in (each.parent for each in files) else ""
        out.print(f"published {clean(file)}{what}", soft_wrap=True)


def migrated(out: Console, found: Migrated, *, dry_run: bool) -> None:
    """Print what a migration did, or would do."""
    place, after = clean(found.place), found.after
    if not found.statements:
        told = f"{place} has schema {after} already"
    elif found.before is None:
        told = f"{place} {'would be made' if dry_run else 'is made'} with schema {after}"
    else:
        told = f"{place} {'would go' if dry_run else 'went'} from schema {found.before} to {after}"
    out.print(told, soft_wrap=True)


def collected(out: Console, result: CollectResult, rows: Sequence[Row]) -> None:
    """Print what was collected: a headline, a line a table, and what to look at."""
    files = sum(row["files"] for row in rows)
    told = f"{number(result.rows)} {_plural('row', result.rows)} collected"
    told += f" from {number(files)} {_plural('file', files)} into {clean(result.destination)}"
    for name in ("late", "malformed", "waiting"):
        count = sum(row[name] for row in rows)
        told += f" · {number(count)} {name}" if count else ""
    out.print(told, soft_wrap=True)
    out.print()
    listing(
        out,
        [Line((row["table"], number(row["rows"])), _collected(row)) for row in rows],
        head=("table", "rows", "what"),
        right=frozenset({1}),
    )
    notes = [*result.notes, *(f"malformed lines are in {file}" for file in result.quarantine)]
    if notes:
        out.print()
    for note in notes:
        out.print(clean(note), soft_wrap=True)


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"


def _collected(row: Row) -> tuple[str, ...]:
    """What there is to say of a table's new rows."""
    told = []
    if row["rows"]:
        first, last = row["first_day"], row["last_day"]
        told.append(f"{first}" if first == last else f"{first} to {last}")
    if row["late"]:
        told.append(f"{number(row['late'])} late, since {row['late_since']}")
    for name, what in (
        ("malformed", "malformed"),
        ("waiting", "waiting for their data"),
        ("unfinished", "unfinished at the end of a file"),
    ):
        if row[name]:
            told.append(f"{number(row[name])} {what}")
    return tuple(told) or ("nothing new",)


def next_commands(out: Console, *commands: str) -> None:
    """Print commands to type next."""
    out.print()
    for place, command in enumerate(commands):
        title = ("next: " if place == 0 else "      ", "dim")
        out.print(Text.assemble(title, clean(command)), soft_wrap=True)


def next_step(result: RunResult) -> tuple[str, ...]:
    """The words of the command that looks closer at what a run found."""
    for each in result.monitors:
        if each.unmeasured:
            return ("run", each.run["monitor"])
        if each.try_at is not None:
            return ("run", each.run["monitor"], "--at", each.try_at)
    rows = [row for row in result.metrics if row["segment"] == ALL and row["feature"] != ALL]
    worst = next(iter(worst_rows(rows).values()), None)
    if worst is None or worst["status"] == "ok":
        return ("show", "--all")
    return ("show", worst["monitor"], "--feature", worst["feature"])


def _monitor_summary(
    out: Console, each: MonitorRun, rows: Sequence[Row], told: Text, stored: bool
) -> None:
    title = Text.assemble((f"{clean(each.run['monitor'])}:", "bold"))
    fits = title.cell_len + 1 + told.cell_len <= out.width
    out.print(Text.assemble(title, " " if fits else "\n  ", told), soft_wrap=True)
    for sentence in each.warnings:
        for line in _wrapped((clean(sentence),), out.width - 2):
            out.print(Text(f"  {line}", style="yellow"), soft_wrap=True)
    worst = worst_rows(rows)
    beyond = {name: row for name, row in worst.items() if row["status"] in TOLD}
    empty = each.run["window_rows"] == 0
    if beyond and not empty:
        out.print()
        several = len({row["reference"] for row in rows} - {ALL}) > 1
        entries = [
            Line(
                (
                    _styled(row["status"]),
                    name_of(feature),
                    short(row, several),
                    held(row, interval=True),
                ),
                _sentences(row, rows, several),
            )
            for feature, row in beyond.items()
        ]
        listing(out, entries[:MOST_FEATURES])
    more = max(0, len(beyond) - MOST_FEATURES)
    if not empty:
        out.print()
        out.print(Text(f"  {_rest(worst, rows, more, stored)}", style="dim"))
        for line in _of_segments(each.metrics, stored):
            out.print(Text(f"  {line}", style="dim"), soft_wrap=True)


def _of_segments(rows: Sequence[Row], stored: bool) -> Iterator[str]:
    """How many segments have a feature beyond its threshold, and the worst of them."""
    segments: dict[str, list[Row]] = {}
    for row in rows:
        if row["segment"] != ALL:
            segments.setdefault(row["segment"], []).append(row)
    if not segments:
        return
    beyond = {
        name: worst
        for name, of in segments.items()
        if (worst := next(iter(worst_rows(of).values())))["status"] == "breached"
    }
    told = f"{len(beyond)} of {quantity(len(segments), 'segment')} breached"
    if beyond:
        name, row = max(beyond.items(), key=lambda each: (each[1]["score"] or 0.0, each[0]))
        what = f"{clean(name_of(row['feature']))} {short(row)} {held(row)}"
        told += f", worst {clean(name)}: {what}"
        if stored:
            told += f" (show --segment {shlex.quote(clean(name))})"
    yield told


def _rest(worst: Mapping[str, Row], rows: Sequence[Row], more: int, stored: bool) -> str:
    """The features that have no line: `4 more · 6 ok (--all) · 2 with too few rows`."""
    counts = {
        status: sum(1 for row in worst.values() if row["status"] == status)
        for status in ("ok", *_NOT_JUDGED)
    }
    # of features, as the headline counts; of metrics where there are none
    counted = [row for row in worst.values() if _is_column(row)] or rows
    counts["ok"] = sum(1 for row in counted if row["status"] == "ok")
    parts = [f"{more} more"] if more else []
    parts.append(f"{counts['ok']} ok" + (" (--all)" if stored else ""))
    parts += [f"{counts[name]} {words}" for name, words in _NOT_JUDGED.items() if counts[name]]
    return " · ".join(parts)


def worst_rows(rows: Iterable[Row]) -> dict[str, Row]:
    """Each feature's worst row, the worst feature first."""

    def badness(row: Row) -> tuple[int, float, str, str]:
        score = row["score"]
        return (
            STATUSES.index(row["status"]),
            -score if score is not None else 1.0,
            row["feature"],
            row["metric"],
        )

    worst: dict[str, Row] = {}
    for row in sorted(rows, key=badness):
        worst.setdefault(row["feature"], row)
    return worst


def headline(rows: Sequence[Row], zone: str = "UTC", against: str | None = None) -> Text:
    """`3 of 42 features breached · 48 210 rows · 15 Nov 2026 against training`."""
    line = Text()
    if not rows:
        return line.append("no results", style="dim")
    columns = [row for row in rows if _is_column(row)]
    features = {row["feature"] for row in columns}
    statuses = {
        status: {row["feature"] for row in columns if row["status"] == status}
        for status in ("breached", "error", "warning")
    }
    # signals that wait for labels look at an earlier window: the headline is of the rows it counts
    whole = next((row for row in rows if row["metric"] == "row_count"), rows[0])
    counted = whole["value"] if whole["metric"] == "row_count" else None
    if counted == 0:
        line.append("no rows in the window", style=STYLES["breached"])
    else:
        breached, all_ = len(statuses["breached"]), quantity(len(features), "feature")
        style = "breached" if breached else "warning" if statuses["warning"] else "ok"
        if not features:
            # a selection without columns, such as a model's performance by itself
            found = Counter(row["status"] for row in rows)
            breached, all_ = found["breached"], quantity(len(rows), "metric")
            style = next(status for status in STATUSES if found[status])
        line.append(f"{breached} of {all_} breached", style=STYLES.get(style, "dim"))
        if statuses["error"]:
            line.append(f" · {len(statuses['error'])} with errors", style=STYLES["error"])
        if counted is not None:
            line.append(f" · {number(counted)} rows")
    references = list(dict.fromkeys(r["reference"] for r in rows if r["reference"] != ALL))
    line.append(f" · {span(whole['window_start'], whole['window_end'], zone)}")
    if references:
        line.append(f" against {clean(against or ', '.join(references))}")
    return line


def span(start: datetime, end: datetime, zone: str = "UTC") -> str:
    """A window in words, its end included: `15 Nov 2026`, with times where it needs them."""
    if start == EPOCH:
        return "the whole table"
    place = ZoneInfo(zone)
    first, stop = (moment.replace(tzinfo=UTC).astimezone(place) for moment in (start, end))
    if first.time() == stop.time() == EPOCH.time():
        last = stop - timedelta(days=1)
        if first.date() >= last.date():
            return f"{last.day} {last:%b %Y}"
        if (first.year, first.month) == (last.year, last.month):
            return f"{first.day}–{last.day} {last:%b %Y}"
        year = "" if first.year == last.year else f" {first:%Y}"
        return f"{first.day} {first:%b}{year} – {last.day} {last:%b %Y}"
    suffix = "" if zone == "UTC" else f" {zone}"
    if first.date() == stop.date():
        return f"{first.day} {first:%b %Y %H:%M}–{stop:%H:%M}{suffix}"
    return f"{first.day} {first:%b %Y %H:%M} – {stop.day} {stop:%b %Y %H:%M}{suffix}"


def _is_column(row: Row) -> bool:
    """Whether a row is about a column, not about the dataset, a join, labels or a class."""
    metric = METRICS.get(row["metric"])
    return row["feature"] != ALL and (
        metric is None or metric.scope not in ("join", "labels", "class")
    )


def name_of(feature: str) -> str:
    """A feature as people know it; the whole dataset's rows are no column."""
    return "(all rows)" if feature == ALL else feature


def short(row: Row, several: bool = False) -> str:
    """A row's metric by its short name, and the reference where there are several."""
    metric = METRICS.get(row["metric"])
    name = metric.short[0] if metric is not None and metric.short else str(row["metric"])
    return f"{name} ({row['reference']})" if several and row["reference"] != ALL else name


def held(row: Row, *, interval: bool = False) -> str:
    """A value held against its threshold: `5.1 > 0.25`, `7 % ≤ 8 %`.

    Args:
        row: A row of `metrics`.
        interval: Whether to add its 95 % interval: `5.1 (its ends) > 0.25`.
    """
    value, limit = row["value"], row["threshold"]
    told, bound = amount_of(row["metric"], value), amount_of(row["metric"], limit)
    if value is not None and limit is not None and told == bound and value != limit:
        # as many digits as it takes to tell them apart
        told, bound = (f"{each:.6g}" for each in (value, limit))
    if interval:
        told += _interval(row)
    if value is None or limit is None:
        return told
    if row["threshold_kind"] in ("min", "decrease"):
        return f"{told} {'<' if value < limit else '≥'} {bound}"
    return f"{told} {'>' if value > limit else '≤'} {bound}"


def _interval(row: Row) -> str:
    """The interval in brackets, where there is one; of a test's p-value there is none."""
    metric = METRICS.get(row["metric"])
    low, high = row["ci_low"], row["ci_high"]
    if low is None or high is None or (metric is not None and metric.test is not None):
        return ""
    first, last = (amount_of(row["metric"], each) for each in (low, high))
    return f" ({first.removesuffix(' %')}–{last})"


def amount_of(metric: str, value: float | None) -> str:
    """A value of a metric, in its unit."""
    return amount(METRICS.get(metric), value)


def _sentences(row: Row, rows: Iterable[Row], several: bool) -> tuple[str, ...]:
    """What moved, and what else is beyond its threshold."""
    also = [
        f"{short(other, several)} {held(other)}"
        + (" (warning)" if other["status"] == "warning" else "")
        for other in sorted(rows, key=lambda each: -(each["score"] or 0))
        if other["feature"] == row["feature"] and other is not row and other["status"] in TOLD
    ]
    # why a clear breach is not even clearer is for `show` to tell
    told = _moved(row)[: 1 if row["status"] == "breached" else 2]
    return (*told, f"also {', '.join(also)}" if also else "")


def _moved(row: Row) -> tuple[str, str]:
    """What moved, and the reason where it says more."""
    summary, reason = row["summary"] or "", row["reason"] or ""
    return summary, "" if reason == summary else reason


def results(
    out: Console, rows: Sequence[Row], project: Project | None = None, *, hidden: int = 0
) -> None:
    """Print rows of `metrics` under a headline for each monitor and window.

    Args:
        out: Where to.
        rows: The rows, worst first.
        project: Whose time zones windows are told in; None is UTC.
        hidden: How many rows that are ok were left out.
    """
    zones = zones_of(project)
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["monitor"], row["window_start"], row["window_end"]), []).append(row)
    several = len({row["reference"] for row in rows} - {ALL}) > 1
    for place, ((monitor, start, end), group) in enumerate(groups.items()):
        if place:
            out.print()
        references = list(dict.fromkeys(r["reference"] for r in group if r["reference"] != ALL))
        against = f" against {clean(', '.join(references))}" if references else ""
        window = span(start, end, zones.get(monitor, "UTC"))
        title = Text.assemble((clean(monitor), "bold"), f" · {window}{against}")
        out.print(title, soft_wrap=True)
        out.print()
        listing(
            out,
            [
                Line(
                    (
                        _styled(row["status"]),
                        _where(row),
                        short(row, several),
                        held(row, interval=True),
                    ),
                    _moved(row),
                )
                for row in group
            ],
            head=("status", "feature", "metric", "value", "what moved"),
        )
    if hidden:
        out.print()
        out.print(Text(f"  {hidden} ok (--all)", style="dim"))
    elif not rows:
        told = "nothing matches; `driftline ls features` and `driftline ls runs` tell what there is"
        out.print(Text(told, style="dim"))


def _where(row: Row) -> str:
    feature = name_of(row["feature"])
    return feature if row["segment"] == ALL else f"{feature} [{row['segment']}]"


def grid(out: Console, rows: Sequence[Row], project: Project | None = None) -> None:
    """Print rows of `monitor_status`; times in the time zones of a project's monitors."""
    zones = zones_of(project)
    lines = []
    for row in rows:
        counted, breached = row["feature_count"], row["breached_features"]
        end = row["window_end"]
        place = ZoneInfo(zones.get(row["monitor"], "UTC"))
        lines.append(
            Line(
                (
                    Text(clean(row["monitor"]), style="bold"),
                    _styled(row["last_status"] or "never run"),
                    "–"
                    if end is None
                    else f"{end.replace(tzinfo=UTC).astimezone(place):%Y-%m-%d %H:%M}",
                    "–" if row["row_count"] is None else number(row["row_count"]),
                    Text(
                        "–" if counted is None else f"{breached} of {counted}",
                        style=STYLES["breached"] if breached else "",
                    ),
                ),
                _worst(row),
            )
        )
    head = ("monitor", "last run", "window until", "rows", "breached", "worst")
    listing(out, lines, head=head, right=frozenset({3}))


def _worst(row: Row) -> tuple[str]:
    if row["worst_feature"] in (None, ALL):
        return (on_one_line(row["summary"]),)
    return (f"{row['worst_feature']}: {row['summary']}",)


def on_one_line(message: str | None) -> str:
    """An error's message and its hint, as one sentence after the other."""
    return "; ".join(line.strip() for line in (message or "").splitlines())


def runs(out: Console, rows: Sequence[Row]) -> None:
    """Print rows of `runs`."""
    lines = [
        Line(
            (
                row["run_id"][:8],
                Text(clean(row["monitor"]), style="bold"),
                f"{row['started_at']:%Y-%m-%d %H:%M}",
                f"{row['requested_at']:%Y-%m-%d %H:%M}".removesuffix(" 00:00"),
                _styled(row["status"]),
                f"{row['breach_count']} of {row['metric_count']}",
            ),
            (on_one_line(row["error"]),),
        )
        for row in rows
    ]
    listing(out, lines, head=("run", "monitor", "started", "at", "status", "breached"))


def features(out: Console, rows: Sequence[Row]) -> None:
    """Print rows of `features`, a block a monitor."""
    names = list(dict.fromkeys(row["monitor"] for row in rows))
    for place, name in enumerate(names):
        if place:
            out.print()
        if len(names) > 1:
            out.print(Text(clean(name), style="bold"))
        those = [row for row in rows if row["monitor"] == name]
        ranked = any(row["importance_rank"] is not None for row in those)
        lines = [
            Line(
                (
                    row["feature"],
                    Text(row["role"], style="dim" if row["role"] == "excluded" else ""),
                    row["feature_type"] or "–",
                    *([_rank(row)] if ranked else []),
                    row["reference_type"] or "–",
                    row["production_type"] or "–",
                ),
                (row["reason"] or "",),
            )
            for row in those
        ]
        head = ["feature", "role", "watched as", "reference", "production", "why"]
        if ranked:
            head.insert(3, "rank")
        listing(out, lines, head=head, right=frozenset({3} if ranked else ()))


def _rank(row: Row) -> str:
    """A feature's place by its importance, the most important first."""
    return "–" if row["importance_rank"] is None else f"{row['importance_rank']}"


def explained(out: Console, rows: Sequence[Row]) -> None:
    """Print what `explain` found: for each feature and segmentation a line, then its first segments."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        key = (row["monitor"], row["feature"], row["by"])
        groups.setdefault(key, []).append(row)
    if not groups:
        out.print(Text("no bins are stored of any segment", style="dim"))
    for place, ((monitor, feature, by), (whole, *parts)) in enumerate(groups.items()):
        if place:
            out.print()
        total = whole["mix"] + whole["within"]
        told = (
            f"{total:.3g} nats, {percent(whole['mix'] / total)} of it mix" if total > 0 else "none"
        )
        title = Text.assemble(
            (f"{clean(feature)} by {clean(by)}", "bold"), f" · {clean(monitor)}: {told}"
        )
        out.print(title, soft_wrap=True)
        listing(
            out,
            [
                Line(
                    (
                        clean(part["segment"]),
                        f"{percent(part['share_reference'])} → {percent(part['share_production'])}",
                        f"{part['mix']:.3g}",
                        f"{part['within']:.3g}",
                    ),
                    (),
                )
                for part in parts[:MOST_FEATURES]
            ],
            head=("segment", "share", "mix", "within"),
        )
        if len(parts) > MOST_FEATURES:
            out.print(Text(f"  {len(parts) - MOST_FEATURES} more", style="dim"))


def catalogue(out: Console, metrics: Iterable[Metric]) -> None:
    """Print the metrics, a block a family."""
    families: dict[str, list[Metric]] = {}
    for metric in metrics:
        families.setdefault(metric.family, []).append(metric)
    for place, (family, members) in enumerate(families.items()):
        if place:
            out.print()
        out.print(Text(family, style="bold"))
        listing(
            out,
            [
                Line(
                    (
                        metric.name,
                        _watches(metric),
                        metric.worse,
                        _default(metric),
                    ),
                    (metric.header.title, ", ".join(f"short: {name}" for name in metric.short)),
                )
                for metric in members
            ],
            head=("metric", "watches", "worse", "default", "what it is"),
        )


def _watches(metric: Metric) -> str:
    return "both" if len(metric.types) > 1 else metric.watches


def _default(metric: Metric) -> str:
    """The default threshold as short as it can be said."""
    if isinstance(metric.default, Mapping):
        return " / ".join(f"{value:g}" for value in metric.default.values())
    if metric.default is None:
        return "–"
    return f"+{metric.default:g}" if metric.bare == "increase" else f"{metric.default:g}"


def validated(out: Console, project: Project, notes: Iterable[str]) -> None:
    """Print that a project file is right, and what is worth a second look."""
    signals = sum(len(monitor.signals) for monitor in project.monitors)
    names = ", ".join(clean(monitor.name) for monitor in project.monitors)
    file = "the project" if project.path is None else os.path.relpath(project.path)
    counts = (
        f"{quantity(len(project.monitors), 'monitor')} ({names}), {quantity(signals, 'signal')}"
    )
    out.print(Text.assemble(("ok", "green"), f"  {clean(file)}: {counts}"), soft_wrap=True)
    for note in notes:
        out.print(Text(f"note: {clean(note)}", style="yellow"))


def differing(out: Console, found: Differences) -> None:
    """Print what a project file will do to stored results: a line a difference, and what to type."""
    # judging again comes with it, which no other listing needs
    from driftline.engine.changes import EFFECTS

    for each in found.monitors:
        stored = f" · {quantity(each.window_count, 'stored window')}"
        if each.stale_count:
            stored += f", {each.stale_count} not comparable with new ones"
        same = "" if each.changes else " · nothing changes"
        out.print(Text.assemble((clean(each.monitor), "bold"), stored, same), soft_wrap=True)
        lines = []
        for change in each.changes:
            style = {"new": "green", "gone": "red", "changed": "yellow"}[change.change]
            cells = (Text(change.change, style=style), change.what, Text(clean(change.name)))
            sides = [part for part in (change.before, change.after) if part is not None]
            moved = " → ".join(sides) if change.change == "changed" else "".join(sides)
            lines.append(Line((*cells, change.effect), (moved if moved != change.name else "",)))
        listing(out, lines, head=("", "what", "", "effect", ""))
        for effect in dict.fromkeys(change.effect for change in each.changes):
            out.print(Text(f"  {effect}: {EFFECTS[effect]}", style="dim"), soft_wrap=True)
        for note in each.notes:
            out.print(Text(f"  note: {clean(note)}", style="yellow"), soft_wrap=True)
        if each.commands:
            next_commands(out, *each.commands)


def quantity(count: int, noun: str) -> str:
    """A number with what it counts: `1 window`, `2 windows`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def script(out: Console, found: Iterable[Compiled]) -> None:
    """Print the statements of runs as one SQL script."""
    for each in found:
        window = f"{each.window_start.isoformat()}Z to {each.window_end.isoformat()}Z"
        count = quantity(len(each.statements), "statement")
        out.print(f"-- monitor {clean(each.monitor)}, window {window}, {count}", soft_wrap=True)
        for statement in each.statements:
            out.print(Text(f"\n{statement.sql}\n;"), soft_wrap=True)


def rows_to_read(out: Console, found: Sequence[Estimate]) -> None:
    """Print as comments of a script how many rows its statements read, about."""
    for each in found:
        rows = "nobody can tell how many" if each.rows is None else f"about {number(each.rows)}"
        part = ", of which a window reads its part" if each.part else ""
        comment(out, f"{each.monitor}, {each.side}: {rows} rows in {each.source}{part}")


def comment(out: Console, told: str) -> None:
    """Print a line of a script that no engine reads."""
    out.print(f"-- {clean(told)}", soft_wrap=True)


def definition(out: Console, metric: Metric) -> None:
    """Print one metric: what its header says, then its SQL; and the same of other conventions."""
    _definition(out, metric)
    for name, conventions in CONVENTIONS.items():
        other = conventions.metrics.get(metric.name, metric)
        if other.path != metric.path:
            out.print()
            out.print(Text(f"under conventions: {name}", style="bold"))
            _definition(out, other)


def _definition(out: Console, metric: Metric) -> None:
    from driftline.engine.render import metric_sql

    header = metric.header
    low = f"[{metric.low:g}" if metric.low > -math.inf else "(-∞"
    high = f"{metric.high:g}]" if metric.high < float("inf") else "∞)"
    bare = " over the reference's own" if metric.bare == "increase" else ""
    facts = {
        "short": ", ".join(metric.short),
        "watches": metric.watches,
        "worse": metric.worse,
        "default": f"{metric.default_text}{bare}"
        if metric.default_text
        else "measured, not judged",
        "range": f"{low}, {high}" + (f" {metric.unit}" if metric.unit else ""),
        "defines": header.defines,
        "reads": ", ".join(header.reads),
        **{
            f"param {param.name}": f"{param.type}, default {param.default:g}, in {param.range};"
            f" {param.meaning}"
            for param in header.params
        },
        "returns": header.returns,
        "nulls": header.nulls,
        "source": header.source,
    }
    out.print(Text.assemble((metric.name, "bold"), f": {header.title}"), soft_wrap=True)
    out.print()
    width = max(map(len, facts))
    for name, fact in facts.items():
        if not fact:
            continue
        lines = Text(fact).wrap(out, max(20, out.width - width - 4))
        for place, line in enumerate(lines):
            line.rstrip()
            title = f"  {name if place == 0 else '':<{width}}  "
            out.print(Text.assemble((title, "dim"), line), soft_wrap=True)
    out.print()
    body = metric_sql(metric).splitlines()
    while body and (body[0].startswith("--") or not body[0]):
        body.pop(0)
    out.print(Text("\n".join(body)), soft_wrap=True)


def scaffolded(out: Console, made: Scaffold) -> None:
    """Print what a new project file says and why, and what to type next."""
    file = os.path.relpath(made.file)
    out.print(f"{clean(file)} is written, with the monitor {clean(made.monitor)}.", soft_wrap=True)
    elsewhere = () if made.file.parent.resolve() == Path.cwd() else ("--project", file)
    if not made.guesses:
        out.print("Put the paths of your tables into it; its comments explain every key.")
        next_commands(out, shlex.join(("driftline", "validate", *elsewhere)))
        return
    out.print()
    lines = [Line((each.key, each.value), (each.why,)) for each in made.guesses]
    listing(out, lines, head=("guess", "value", "why"))
    at = () if made.at is None else ("--at", made.at)
    next_commands(
        out,
        shlex.join(("driftline", "run", *elsewhere, *at)),
        shlex.join(("driftline", "debug", *elsewhere)),
    )


def imported(out: Console, file: Path, monitors: Sequence[str]) -> None:
    """Print what an imported project file holds, and what to type next."""
    path = os.path.relpath(file)
    what = "the monitor" if len(monitors) == 1 else "the monitors"
    names = clean(", ".join(monitors))
    out.print(f"{clean(path)} is written, with {what} {names}.", soft_wrap=True)
    here = path == "driftline.yml"
    elsewhere = () if here else ("--project", path)
    next_commands(out, shlex.join(("driftline", "validate", *elsewhere)))


def left_behind_by_import(err: Console, left: Sequence[Left], file: Path) -> None:
    """Print what of another tool's file did not carry over: its line, what it is, why, what to do."""
    if not left:
        return
    counts = Counter(each.kind for each in left)
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    err.print(f"{clean(file)}: {told}", soft_wrap=True)
    listing(
        err,
        [Line((f"line {each.line}", each.kind, each.field), (each.why, each.do)) for each in left],
    )


def checkups(out: Console, rows: Sequence[Row]) -> None:
    """Print what `debug` looked at, a block an area, and how it stands."""
    areas: dict[str, list[Row]] = {}
    for row in rows:
        areas.setdefault(row["area"], []).append(row)
    for area, members in areas.items():
        out.print(Text(area, style="bold"))
        lines = [Line((_styled(row["status"]), row["name"]), _with_hint(row)) for row in members]
        listing(out, lines)
        out.print()
    counts = {
        status: sum(1 for row in rows if row["status"] == status)
        for status in ("failed", "warning")
    }
    told = [quantity(counts["warning"], "warning")] if counts["warning"] else []
    if counts["failed"]:
        what = "thing stops" if counts["failed"] == 1 else "things stop"
        told.insert(0, f"{counts['failed']} {what} a run")
    style = next((status for status, count in counts.items() if count), "ok")
    out.print(Text(", ".join(told) or "all checks passed", style=STYLES[style]))


def _with_hint(row: Row) -> tuple[str, ...]:
    detail = [line.strip() for line in row["detail"].splitlines()]
    return (*detail, row["hint"] or "")


def baselines(out: Console, rows: Sequence[Row]) -> None:
    """Print what `baseline` tells: a line a reference, or a line a column."""
    if not rows:
        told = "no baselines yet; `driftline baseline build` reads references, as the next run does"
        out.print(Text(told, style="dim"))
        return
    if "feature" in rows[0]:
        lines = [
            Line(
                (
                    Text(clean(f"{row['monitor']} · {row['reference']}"), style="bold"),
                    row["feature"],
                    row["kind"],
                    "–" if row["cells"] is None else number(row["cells"]),
                    "–" if row["minimum"] is None else f"{row['minimum']:.6g}",
                    "–" if row["maximum"] is None else f"{row['maximum']:.6g}",
                )
            )
            for row in rows
        ]
        columns = ("reference", "feature", "known by", "cells", "minimum", "maximum")
        listing(out, lines, head=columns, right=frozenset({3, 4, 5}))
        return
    lines = [
        Line(
            (
                Text(clean(f"{row['monitor']} · {row['reference']}"), style="bold"),
                Text(row["status"], style="" if row["status"] == "up to date" else "yellow"),
                row["reference_id"],
                f"{row['built_at']:%Y-%m-%d %H:%M}",
                number(row["row_count"]),
                str(row["feature_count"]),
            ),
            (row["source"],) if row["source"] else (),
        )
        for row in rows
    ]
    head = ("reference", "status", "id", "built (UTC)", "rows", "features", "source")
    listing(out, lines, head=head, right=frozenset({4, 5}))
