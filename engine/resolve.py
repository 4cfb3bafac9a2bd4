"""From what one monitor's section says to what it means: defaults filled in, names resolved."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from typing import Final

from driftline.engine import config_models as models
from driftline.engine.alert_models import Alerts, CusumKeys
from driftline.engine.catalog import Metric
from driftline.engine.conventions import CONVENTIONS
from driftline.engine.dbt import DbtProject
from driftline.engine.project import (
    LINK_WORDS,
    NO_METRICS,
    Alerting,
    CatchUp,
    Cusum,
    Duration,
    FixedWindow,
    Join,
    Monitor,
    Production,
    Reference,
    Roles,
    RollingWindow,
    SeasonalWindow,
    Source,
    Window,
)
from driftline.engine.resolve_signals import (
    Section,
    bin_rule,
    resolve_settings,
    resolve_signals,
    segmentations,
    selection,
)
from driftline.engine.times import multiply, parse_instant, schedule_period
from driftline.engine.yaml_file import Complaints, Map, Trail, cut, nearest

CYCLES: Final = 4  # of a seasonal reference that does not say how many
RECENT: Final = "recent"  # the reference of a scheduled monitor that names none
IN_CONTROL: Final = (
    14  # windows that tell how they differ, where that has but two: two weeks of days
)

_TEXT_FILES: Final = ("csv", "tsv", "json", "jsonl", "ndjson")
_SUFFIXES: Final = tuple(
    f".{kind}"
    for kind in (
        *("parquet", "pq", "arrow", "feather", "ipc"),
        *_TEXT_FILES,
        *(f"{kind}.gz" for kind in _TEXT_FILES),
    )
)
_PART: Final = re.compile(r'"(?P<quoted>(?:[^"]|"")+)"|(?P<plain>[^".]+)')


@dataclass(frozen=True)
class Surroundings:
    """What a monitor's section is read against.

    Attributes:
        root: Folder that paths resolve from.
        sources: Named tables of the file.
        notifications: Names that alerts may use; None where they are not known.
        closed: Whether no table can exist but files and named sources, as in an in-memory DuckDB.
        dbt: The dbt project that models are looked up in.
        own: Metrics of the folder beside the file.
    """

    root: Path
    sources: Mapping[str, Source]
    dbt: DbtProject
    notifications: frozenset[str] | None = None
    closed: bool = False
    own: Mapping[str, Metric] = field(default_factory=lambda: NO_METRICS)


def source_of(
    table: str | list[str],
    *,
    root: Path,
    sources: Mapping[str, Source] = MappingProxyType({}),
    written: str | None = None,
) -> Source:
    """Say what a table is: a named source, a file or glob, or a table.

    Args:
        table: The text as it is used, or the parts of a table's name, taken literally.
        root: Folder that relative paths resolve from; absolute.
        sources: Named sources.
        written: The text as the file has it, before `${VAR}` was replaced.

    Returns:
        A file when the text holds `/` or `*` or ends in a known data suffix; else a table, split at
        the dots outside double quotes.

    Raises:
        ValueError: When the name of a table has an empty part or a quote out of place.
    """
    if isinstance(table, list):
        return Source(written=json.dumps(table, ensure_ascii=False), table=tuple(table))
    if table in sources:
        return sources[table]
    written = table if written is None else written
    if "/" in table or "*" in table or has_data_suffix(table):
        remote = "://" in table
        path = table if remote else os.path.normpath(root / table)
        return Source(written=written, files=(path,))
    return Source(written=written, table=name_parts(table))


def has_data_suffix(text: str) -> bool:
    """Whether a text ends as the name of a data file does."""
    return text.lower().endswith(_SUFFIXES)


def model_source(name: str, dbt: DbtProject) -> Source:
    """The table of a dbt model.

    Raises:
        ConfigError: When the project does not say where it is.
    """
    return Source(written=f"dbt model {name}", table=dbt.table(name))


def name_parts(name: str) -> tuple[str, ...]:
    """Split `schema."a.b"` into its parts.

    Raises:
        ValueError: When a part is empty or a quote is out of place.
    """
    parts: list[str] = []
    at = 0
    while at <= len(name):
        match = _PART.match(name, at)
        end = match.end() if match else at
        if match is None or name[end : end + 1] not in ("", "."):
            raise ValueError(f"'{name}' is no table's name; write schema.table, or a list of parts")
        parts.append(match["plain"] or match["quoted"].replace('""', '"'))
        at = end + 1
    return tuple(parts)


def resolve_monitor(
    given: models.Monitor, node: Map, around: Surroundings, complaints: Complaints
) -> Monitor | None:
    """Fill in and connect what a monitor's section says.

    Args:
        given: The section, valid by itself.
        node: The same section as read: the order of its keys, and where each stands.
        around: What it is read against.
        complaints: Takes what does not fit together.

    Returns:
        None where a part without which there is no monitor is wrong.
    """
    return _Resolver(given, Section(node, complaints, around.own), around).monitor()


class _Resolver:
    """One monitor's section, on the way to a `Monitor`."""

    def __init__(self, given: models.Monitor, section: Section, around: Surroundings) -> None:
        self.given = given
        self.section = section
        self.around = around
        self.schedule = (
            given.schedule.every if isinstance(given.schedule, models.Schedule) else given.schedule
        )

    def monitor(self) -> Monitor | None:
        """The monitor, after every part of it has been looked at."""
        given = self.given
        production = self.production()
        references = () if production is None else self.references(production)
        joins = tuple(self.joins(production))
        bins = bin_rule(given.bins)
        roles = Roles(
            correlation_id=given.columns.correlation_id,
            prediction=given.columns.prediction,
            score=given.columns.score if isinstance(given.columns.score, str) else None,
            actual=given.columns.actual,
            scores=tuple(given.columns.score.items())
            if isinstance(given.columns.score, dict)
            else (),
            positive_class=given.columns.positive_class,
            cut_off=0.5 if given.columns.cut_off is None else given.columns.cut_off,
            expected_error=given.columns.expected_error,
        )
        names = tuple(reference.name for reference in references)
        signals = tuple(resolve_signals(given, self.section, names, roles, self.named))
        settings = {
            name: resolve_settings(name, one, self.section, bins)
            for name, one in given.settings.items()
        }
        self.recipients()
        if production is None or not references:
            return None
        model = given.model or models.Model()
        stated = "min_rows" in given.model_fields_set
        min_rows = given.min_rows if stated else CONVENTIONS[given.conventions].min_rows
        return Monitor(
            name=given.name,
            production=production,
            references=references,
            signals=signals,
            model=model.name,
            model_version=model.version,
            task=model.task,
            tags=tuple(given.tags),
            owner=given.owner,
            description=given.description,
            time_zone=given.time_zone,
            schedule=self.schedule,
            joins=joins,
            roles=roles,
            features=selection(given.features, self.section, ("features",), self.named, roles),
            settings=MappingProxyType(settings),
            column_types=MappingProxyType(dict(given.columns.types)),
            bins=bins,
            max_categories=given.bins.max_categories,
            segments=segmentations(given.segments, self.section, ("segments",)),
            max_segments=given.max_segments or 50,
            min_rows=min_rows,
            exact=given.exact,
            conventions=given.conventions,
            overdispersion=given.overdispersion,
            alerting=alerting(given.alerts),
            links=self.links(),
            catch_up=CatchUp(
                given.catch_up is not False,
                given.max_catch_up or CatchUp().longest,
                given.reprocess,
            ),
            line=self.section.node.marks.at.line,
            beside=self.around.own,
        )

    def recipients(self) -> None:
        """Complain of alerts to whom the file does not know."""
        known = self.around.notifications
        if known is None:
            return
        for index, name in enumerate((self.given.alerts and self.given.alerts.notify) or ()):
            if name not in known:
                message = f"no notification is called '{name}'{nearest(name, known)}"
                self.section.complain(message, "alerts", "notify", index)

    def links(self) -> Mapping[str, str]:
        """Templates of addresses, whose words are known."""
        found = {} if self.given.links is None else self.given.links.model_dump(exclude_none=True)
        for name, template in found.items():
            try:
                words = [word for _, word, _, _ in Formatter().parse(template) if word is not None]
            except ValueError:
                words = ["?"]
            for word in words:
                if word not in LINK_WORDS:
                    known = ", ".join(f"{{{each}}}" for each in LINK_WORDS)
                    message = f"{{{word}}} is none of {known}{nearest(word, LINK_WORDS)}"
                    self.section.complain(message, "links", name)
        return MappingProxyType(found)

    def production(self) -> Production | None:
        """The production side; its window may come from the schedule."""
        given = self.given.production
        source = self.source(given, ("production",))
        window = self.window(given.window, ("production",), Duration())
        if given.window is None and self.schedule and given.timestamp:
            period = schedule_period(self.schedule)
            if period is None:
                message = f"'{self.schedule}' has no one period that production.window could be"
                self.section.complain(f"{message}; give the window", "schedule")
                return None
            window = RollingWindow(period, Duration())
        if window is not None and given.timestamp is None:
            self.needs_timestamp("production")
        if source is None:
            return None
        return Production(source, given.timestamp, window, given.filter, given.allow_empty)

    def references(self, production: Production) -> tuple[Reference, ...]:
        """The references, the primary one first; of a scheduled monitor maybe its recent past."""
        given = self.given
        if given.reference is not None and given.references is not None:
            self.section.complain("give either reference or references", "reference")
        trails: dict[str, tuple[models.Reference, tuple[str, ...]]] = {
            name: (one, ("references", name)) for name, one in (given.references or {}).items()
        }
        if given.reference is not None:
            trails.setdefault("reference", (given.reference, ("reference",)))
        if trails:
            found = (self.reference(n, one, at, production) for n, (one, at) in trails.items())
            return tuple(reference for reference in found if reference is not None)
        if cut(self.section.node, "reference") or cut(self.section.node, "references"):
            return ()
        window = production.window
        if self.schedule and production.timestamp and isinstance(window, RollingWindow):
            return (
                Reference(
                    RECENT,
                    production.source,
                    production.timestamp,
                    RollingWindow(multiply(window.size, 2)),
                    production.filter,
                    in_control=multiply(window.size, IN_CONTROL),
                ),
            )
        self.section.complain("needs a reference: the rows to compare production with", "reference")
        return ()

    def reference(
        self, name: str, given: models.Reference, at: tuple[str, ...], production: Production
    ) -> Reference | None:
        """One reference; production's source and what goes with it unless it names its own."""
        window: Window | SeasonalWindow | None = self.window(given.window, at, None)
        if given.same is not None:
            window = SeasonalWindow(given.same, given.cycles or CYCLES)
            if production.window is None:
                message = "a season needs production.window: the rows that it is the same of"
                self.section.complain(message, *at, "same")
                return None
        source, timestamp, row_filter = production.source, given.timestamp, given.filter
        if given.table is None and given.query is None:
            timestamp = timestamp or production.timestamp
            row_filter = row_filter or production.filter
        else:
            own = self.source(given, at)
            if own is None:
                return None
            source = own
            if window is not None:
                timestamp = timestamp or production.timestamp
        if window is not None and timestamp is None:
            self.needs_timestamp(*at)
        if given.in_control is not None and (window is None or given.same is not None):
            message = (
                "it is windows before the end of a `window`: neither tables nor seasons have them"
            )
            self.section.complain(message, *at, "in_control")
        return Reference(
            name, source, timestamp, window, row_filter, given.frozen, given.in_control
        )

    def joins(self, production: Production | None) -> Iterator[Join]:
        """The other tables, in the file's order."""
        names: set[str] = set()
        for index, given in enumerate(self.given.join or ()):
            at = ("join", index)
            if given.name in names:
                self.section.complain(f"two joins are called '{given.name}'", *at, "name")
            names.add(given.name)
            delayed = given.delay is not None and given.delay != Duration(text=given.delay.text)
            if delayed and production is not None and production.window is None:
                message = "a delay moves the window back, and production has none"
                self.section.complain(f"{message}; give production.window", *at, "delay")
            source = self.table(given.table, at)
            if source is not None:
                delay = given.delay if delayed else None
                yield Join(given.name, source, tuple(given.on.items()), given.timestamp, delay)

    def needs_timestamp(self, *at: str) -> None:
        """Complain of a window over rows without a time."""
        message = "a window needs a timestamp: the column that says when each row happened"
        self.section.complain(message, *at, "window")

    def source(self, given: models.Rows, at: Trail) -> Source | None:
        """Where rows come from; None where the table is wrong or of a kind that is not built."""
        if given.query is not None:
            written = self.section.below(at).marks.written.get("query", given.query)
            return Source(written=written, query=given.query)
        return self.table(given.table, at)

    def named(self, given: str, at: Trail) -> Source | None:
        """A table by the name that the entry at `at` gives it; None as for `source`."""
        return self.table(given, at[:-1], str(at[-1]))

    def table(self, given: models.Table | None, at: Trail, key: str = "table") -> Source | None:
        """A table by its name, file or parts; None as for `source`."""
        if given is None:
            return None
        sources = self.around.sources
        try:
            if isinstance(given, models.DbtModel):
                return model_source(given.dbt_model, self.around.dbt)
            source = source_of(
                given,
                root=self.around.root,
                sources=sources,
                written=self.section.below(at).marks.written.get(key),
            )
        except ValueError as error:
            self.section.complain(str(error), *at, key)
            return None
        if self.around.closed and isinstance(given, str) and len(source.table) == 1:
            near = nearest(given, sources)
            if near and given not in sources:
                message = f"'{given}' is neither a source nor a file{near}"
                self.section.complain(message, *at, key)
        return source

    def window(
        self, given: models.Window | None, at: Trail, offset: Duration | None
    ) -> Window | None:
        """A window; `offset` is the default of a rolling one."""
        if given is None:
            return None
        if given.size is not None:
            return RollingWindow(given.size, given.offset or offset)
        zone = self.given.time_zone
        start, end = parse_instant(given.start or "", zone), parse_instant(given.end or "", zone)
        if start >= end:
            self.section.complain("the window's start is not before its end", *at, "window")
            return None
        return FixedWindow(start, end)


def alerting(given: Alerts | None) -> Alerting:
    """When incidents open and close, with what is omitted filled in."""
    if given is None:
        return Alerting()
    return Alerting(
        open_after=given.open_after or 1,
        close_after=given.close_after or 1,
        remind_every=given.remind_every,
        at_least_features=(given.at_least and given.at_least.features) or 1,
        segments=bool(given.segments),
        notify=None if given.notify is None else tuple(given.notify),
        cusum=_cusum(given.cusum),
    )


def _cusum(given: CusumKeys | bool | None) -> Cusum | None:
    if isinstance(given, bool) or given is None:
        return Cusum() if given else None
    return Cusum(given.average_run_length, given.shift, given.baseline, given.min_effect)
