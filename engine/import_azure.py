"""From an Azure ML monitor's file to the text of a `driftline.yml`, and what did not carry over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from pathlib import PurePath
from types import MappingProxyType
from typing import Final, TypeAlias

from driftline.engine.alert_models import mailbox
from driftline.engine.azure_file import (
    DATA,
    SCHEDULE,
    SIGNAL,
    Kind,
    Ledger,
    Left,
    Spot,
    definition,
    entries,
    fields_of,
    items,
    number_of,
    snake,
    text_of,
    whole_numbers,
)
from driftline.engine.azure_metrics import Metrics
from driftline.engine.azure_signals import CORRELATION, TASKS, Part, Reference, Signal, Task, Window
from driftline.engine.azure_trigger import Trigger, read_trigger
from driftline.engine.commented import Entry, comment, flow, written
from driftline.engine.errors import ConfigError
from driftline.engine.project import RANKED, Duration
from driftline.engine.resolve import has_data_suffix
from driftline.engine.times import (
    multiply,
    parse_duration,
    parse_instant,
)
from driftline.engine.yaml_file import Complaints, Map, YamlFile, nearest, spell

INPUTS: Final = "model_inputs"
OUTPUTS: Final = "model_outputs"
BOTH: Final = "model_inputs_outputs"

# What Azure's collector writes, as `driftline collect` leaves it behind, and its columns.
COLLECTED: Final = "collected/{}/*/*.parquet"
TIME: Final = "ce_time"
# Of other tables, until somebody says.
CLOCK: Final = "scored_at"
_ENVELOPE: Final = ("ce_*", "day")
PREDICTION: Final = "prediction"

RECENT: Final = "recent"
MAIL: Final = "mail"

# The collections that a signal reads where it names no data.
_READS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "data_drift": (INPUTS,),
        "data_quality": (INPUTS,),
        "prediction_drift": (OUTPUTS,),
        "feature_attribution_drift": (INPUTS, OUTPUTS),
        "model_performance": (OUTPUTS,),
        "custom": (INPUTS,),
    }
)
# Which table is production's where a monitor has several: the others are joined to it.
_FIRST: Final = (BOTH, INPUTS)

_OUTPUT_SIGNALS: Final = ("prediction_drift", "feature_attribution_drift", "model_performance")

_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{kind: kind for kind in _READS},
        "feature_attribution": "feature_attribution_drift",
    }
)
_TEXT_SIGNALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "generation_safety_quality": "the quality of generated text is judged by a language model",
        "generation_token_statistics": "tokens of language models are no columns of a table",
        "generation_token_usage": "tokens of language models are no columns of a table",
    }
)
_DEFAULT_SIGNALS: Final = (
    ("data-drift-signal", "data_drift"),
    ("prediction-drift-signal", "prediction_drift"),
    ("data-quality-signal", "data_quality"),
)

_SURROGATE: Final = MappingProxyType({"source": "surrogate_model"})
_SURROGATE_NOTE: Final = (
    "Importances as Azure computes them, of trees that are learned for it: pip install"
    " 'driftline[surrogate]', or leave `attribution` out and they are mutual information."
)
_TOP_N: Final = 10

Fields: TypeAlias = dict[str, Spot]


@dataclass(frozen=True)
class Imported:
    """An Azure ML monitor as a project file.

    Attributes:
        text: The project file.
        left: What did not carry over, differs, or is to be filled in, in the order of the lines.
        monitors: Names of its monitors.
    """

    text: str
    left: tuple[Left, ...]
    monitors: tuple[str, ...]


@dataclass
class _Source:
    """A table that the project file names."""

    asset: str
    context: str
    path: str
    notes: list[str]


@dataclass
class _Group:
    """The signals of one monitor, and what is known of it."""

    signals: list[Signal]
    custom: list[str] = field(default_factory=list)


def import_azure_file(
    file: YamlFile, complaints: Complaints, sources: Mapping[str, str]
) -> Imported:
    """Turn a monitor of Azure ML's into a project file.

    Args:
        file: Azure's file, as read.
        complaints: What is wrong with it as YAML.
        sources: Paths, globs or tables by names of data assets (`NAME` or `NAME:VERSION`) or of
            collections (`model_inputs`).

    Raises:
        ConfigError: When the file is no monitor, or `sources` names what it does not.
    """
    if complaints:
        raise ConfigError(str(complaints))
    root = file.root
    if not isinstance(root, Map):
        found = "is empty" if root is None else "is not one"
        raise ConfigError(
            f"{file.label}: an Azure ML monitor is a map with create_monitor, and this {found}",
            hint="`az ml schedule show --name NAME` prints one",
        )
    scheduled = definition(root)
    if "create_monitor" not in scheduled:
        other = next(iter(scheduled.items()), None)
        told = (
            f"{file.label}: there is no create_monitor"
            if other is None
            else f"{file.label}:{other[1].line}: the schedule has {other[0]}, not create_monitor"
        )
        raise ConfigError(
            f"{told}: it is not a monitor",
            hint="`az ml schedule list` names a workspace's schedules, monitors among them",
        )
    return _Import(file, root, sources).made()


class _Import:
    """One file on its way."""

    def __init__(self, file: YamlFile, root: Map, given: Mapping[str, str]) -> None:
        self.file = file
        self.root = root
        self.given = given
        self.ledger = Ledger()
        self.sources: dict[str, _Source] = {}
        self.used: set[str] = set()
        self.task = Task()
        self.top = fields_of(SCHEDULE, Spot(root, root.marks.at), self.ledger)

    def made(self) -> Imported:
        """The project file."""
        name, name_notes = self.named()
        model = self.model()
        trigger = read_trigger(self.top, self.ledger)
        emails, mail_notes = self.emails()
        groups = self.groups(trigger.size)
        monitors: list[list[Entry]] = []
        names: list[str] = []
        told = self.described()
        for group in groups:
            own = name if not names else f"{name}_{group.signals[0].name}"
            while own in names:
                own += "_2"
            names.append(own)
            monitors.append(self.monitor(own, group, model, trigger, told, bool(emails)))
            monitors[-1][0].notes += name_notes if len(names) == 1 else []
        unknown = [each for each in self.given if each not in self.used]
        if unknown:
            known = sorted(self.sources)
            raise ConfigError(
                f"{self.file.label} has no data called '{unknown[0]}'"
                f"{nearest(unknown[0], known) or ': it has ' + (', '.join(known) or 'none')}"
            )
        self.ledger.balance(self.root, self.root.marks.at)
        project = [
            Entry("sources", [Entry(n, spell(s.path), s.notes) for n, s in self.sources.items()]),
            Entry("results", flow({"to": "driftline.duckdb"})),
        ]
        if not self.sources:
            del project[0]
        if emails:
            to = emails[0] if len(emails) == 1 else emails
            mail = [
                Entry("name", MAIL),
                Entry("type", "smtp"),
                Entry("host", '"${SMTP_HOST:-localhost}"'),
                Entry("from", '"${SMTP_FROM:-driftline@localhost}"'),
                Entry("to", flow(to)),
            ]
            project.append(Entry("notifications", [mail], mail_notes))
        project.append(Entry("monitors", monitors))
        left = tuple(sorted(self.ledger.left, key=lambda each: (each.line, each.field)))
        text = "\n".join([*self.header(left, project), *written(project)]) + "\n"
        return Imported(text, left, tuple(names))

    def header(self, left: Iterable[Left], project: Sequence[Entry]) -> list[str]:
        """What stands above everything: where it comes from, and what has no place of its own."""
        beside = "\n".join(_notes(project))
        elsewhere = [each.told for each in left if each.told not in beside]
        lines = [
            f"From {PurePath(self.file.label).name} of Azure ML, by `driftline import-azure`."
            " `driftline validate` checks the file, and with --resolved spells out all defaults."
        ]
        if elsewhere:
            lines.append("Beside what is said at its place below:")
        return [*comment([*lines, *(f"- {each}" for each in elsewhere)]), ""]

    # the monitor as a whole

    def named(self) -> tuple[str, list[str]]:
        """The monitor's name."""
        spot = self.top.get("name")
        text = "" if spot is None else text_of(spot)
        if spot is not None and text:
            self.ledger.carry(spot)
            return text, []
        return PurePath(self.file.label).stem or "monitor", []

    def described(self) -> list[Entry]:
        """Description and tags."""
        found: list[Entry] = []
        words: list[str] = []
        for key in ("display_name", "description"):
            spot = self.top.get(key)
            if spot is not None and text_of(spot):
                self.ledger.carry(spot)
                words += [text_of(spot)] if text_of(spot) not in words else []
        if words:
            found.append(Entry("description", flow(": ".join(words))))
        tags: list[str] = []
        spot = self.top.get("tags")
        for key, value in entries(spot) if spot is not None else ():
            if isinstance(value.value, Map | list):
                self.ledger.leave(value, "a tag is a word")
                continue
            self.ledger.carry(value)
            tags.append(f"{key}={text_of(value)}" if value.value is not None else key)
        tags = [tag for tag in dict.fromkeys(tags) if tag]
        if tags:
            found.append(Entry("tags", flow(tags)))
        return found

    def model(self) -> dict[str, str]:
        """Name and version of the model, and what it does."""
        within = "create_monitor.monitoring_target."
        task = self.top.get(within + "ml_task")
        if task is not None:
            if snake(text_of(task)) in TASKS:
                self.task.word, self.task.spot = snake(text_of(task)), task
                self.ledger.carry(task)
            else:
                why = f"Driftline watches models that do {' or '.join(TASKS)}"
                self.ledger.leave(task, why)
        found: dict[str, str] = {}
        for key in ("model_id", "endpoint_deployment_id"):
            spot = self.top.get(within + key)
            if spot is None or not text_of(spot):
                continue
            name, version = _asset(text_of(spot))
            if found:
                self.ledger.leave(spot, f"the model is {found['name']}, by its model_id")
                continue
            self.ledger.carry(spot)
            found = {"name": name, **({"version": version} if version else {})}
        return found

    def emails(self) -> tuple[list[str], list[str]]:
        """Whom to tell."""
        spot = self.top.get("create_monitor.alert_notification.emails")
        if spot is None:
            return [], []
        found: list[str] = []
        for each in items(spot):
            if not isinstance(each.value, str) or not each.value.strip():
                continue
            try:
                address = mailbox(each.value)
            except ValueError as error:
                self.ledger.leave(each, str(error))
                continue
            self.ledger.carry(each)
            found += [address] if address not in found else []
        if not found:
            return [], []
        notes = [
            self.told(
                spot,
                "to do",
                "Azure sent the mail itself, Driftline asks a mail server",
                "set SMTP_HOST and SMTP_FROM in the environment",
            )
        ]
        return found, notes

    # signals

    def groups(self, size: Duration) -> list[_Group]:
        """The signals that carry over, those of one monitor together."""
        spot = self.top.get("create_monitor.monitoring_signals")
        here = Spot(self.root, self.root.marks.at)
        signals: list[Signal] = []
        custom: list[str] = []
        spare: list[Part] = []
        given = [] if spot is None else entries(spot)
        if spot is None or (spot.value is None or spot.value == {}):
            self.ledger.carry(spot)
            given = []
            for name, kind in _DEFAULT_SIGNALS:
                signals.append(self.signal(name, kind, {}, here, size))
        for name, one in given:
            kind = self.kind_of(name, one)
            if kind == "custom":
                custom += self.custom(name, one, spare)
            elif kind:
                fields = fields_of(SIGNAL, one, self.ledger)
                signals.append(self.signal(name, kind, fields, one, size))
        if not signals:
            signals = [self.nothing(here, size, spare)]
        groups: dict[object, _Group] = {}
        for each in signals:
            groups.setdefault(each.group, _Group([])).signals.append(each)
        found = list(groups.values())
        found[0].custom = custom
        return found

    def kind_of(self, name: str, spot: Spot) -> str:
        """The type of a signal; empty where Driftline has none, which is told."""
        if not isinstance(spot.value, Map):
            self.ledger.leave(spot, "a signal is a map with a type")
            return ""
        pairs = [(snake(key), value) for key, value in entries(spot)]
        told = next((each for key, each in pairs if key in ("type", "signal_type")), None)
        word = snake(name if told is None else text_of(told))
        if word in _TEXT_SIGNALS:
            why = f"{_TEXT_SIGNALS[word]}: Driftline watches tables"
            self.ledger.leave(spot, why, "watch it by another tool")
            return ""
        if word not in _TYPES:
            near = get_close_matches(word, _TYPES, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"one of {', '.join(_READS)}"
            why = "it has no type" if told is None else f"'{text_of(told)}' is no type of signal"
            self.ledger.leave(spot, f"{why}; {hint}")
            return ""
        self.ledger.carry(told)
        return _TYPES[word]

    def signal(self, name: str, kind: str, fields: Fields, spot: Spot, size: Duration) -> Signal:
        """One signal."""
        parts, window, notes, roles = self.production(kind, fields.get("production_data"), size)
        made = Signal(name, kind, spot, parts, window, notes, roles=roles)
        context = self.compared(made, fields.get("reference_data"))
        if kind != name:
            made.entries.append(Entry("type", kind))
        self.alerting(made, fields)
        model_type = fields.get("model_type")
        if model_type is not None:
            self.task.says(model_type, self.ledger)
        target = fields.get("feature_importance_settings.target_column")
        if target is not None and text_of(target):
            made.roles.append(("actual", text_of(target), target))
        self.features(made, fields.get("features"), context)
        self.override(made, fields.get("feature_type_override"))
        self.segment(made, fields)
        if kind == "feature_attribution_drift":
            made.entries.append(Entry("attribution", flow(_SURROGATE), [_SURROGATE_NOTE]))
            made.weighs = True
        Metrics(self.ledger, self.task).read(made, fields.get("metric_thresholds"))
        if "input_data" in fields:
            self.ledger.leave(fields["input_data"], "it belongs to custom signals")
        return made

    def nothing(self, spot: Spot, size: Duration, spare: Sequence[Part]) -> Signal:
        """What stands in where no signal carries over: a count that judges nothing."""
        parts = list(spare[:1]) or [self.collected(INPUTS)]
        made = Signal("data_quality", "data_quality", spot, parts, Window(size.text), [])
        made.reference = self.recent(made.window)
        made.entries.append(Entry("row_count", "null"))
        made.notes.append(
            "No signal of Azure's file carries over: until there is one, rows are counted and"
            " nothing is judged."
        )
        return made

    def production(
        self, kind: str, spot: Spot | None, size: Duration
    ) -> tuple[list[Part], Window, list[str], list[tuple[str, str, Spot]]]:
        """The tables of a signal's production, their window, comments on it, and columns' roles."""
        parts: list[Part] = []
        roles: list[tuple[str, str, Spot]] = []
        window: Window | None = None
        notes: list[str] = []
        for each in items(spot) if spot is not None and spot.value is not None else ():
            if not isinstance(each.value, Map):
                self.ledger.leave(each, "data is a map with input_data")
                continue
            fields = fields_of(DATA, each, self.ledger)
            told = fields.get("data_context")
            contexts: tuple[str, ...] = (
                (snake(text_of(told)),) if told is not None else _READS[kind]
            )
            self.ledger.carry(told)
            key = self.key(fields, roles)
            for role, field_ in (
                ("prediction", "prediction"),
                ("score", "prediction_probability"),
                ("actual", "actual"),
                ("prediction", "target_column"),
            ):
                column = fields.get(f"data_column_names.{field_}")
                if column is not None and text_of(column):
                    roles.append((role, text_of(column), column))
            if "input_data.path" in fields:
                source = self.source(fields, contexts[0] if len(contexts) == 1 else BOTH)
                parts.append(Part(source, contexts[0], key, spot=fields["input_data.path"]))
            else:
                self.ledger.carry(fields.get("input_data.type"))
                whole = (INPUTS, OUTPUTS) if contexts == (BOTH,) else contexts
                known = [each for each in whole if each in (INPUTS, OUTPUTS)] or list(_READS[kind])
                parts += [self.collected(one, key) for one in known]
            own = self.window(fields, notes, size.text, None)
            if own is None:
                continue
            if window is not None and own != window:
                why = "production has one window, and it is given already"
                notes += [
                    self.ledger.leave(fields[word], why)
                    for word in _WINDOW_FIELDS
                    if word in fields
                ]
                continue
            window = own
        if not parts:
            parts = [self.collected(one) for one in _READS[kind]]
        if any(part.collected for part in parts) and not all(part.collected for part in parts):
            parts.sort(key=lambda part: part.collected)
        parts.sort(key=_rank)
        return parts, window or Window(size.text), notes, roles

    def key(self, fields: Fields, roles: list[tuple[str, str, Spot]] | None = None) -> str:
        """The column that rows are joined by."""
        found = ""
        for word in ("correlation_id", "join_column"):
            spot = fields.get(f"data_column_names.{word}")
            if spot is None or not text_of(spot):
                continue
            if found and found != text_of(spot):
                self.ledger.leave(spot, f"rows are joined by {found} already")
                continue
            found = text_of(spot)
            self.ledger.carry(spot)
            if roles is not None:
                roles.append(("correlation_id", found, spot))
        return found or CORRELATION

    def window(
        self, fields: Fields, notes: list[str], size: str, offset: str | None
    ) -> Window | None:
        """The window that data has; None where it has none.

        Args:
            fields: The fields of the data.
            notes: Take comments.
            size: The length where an offset alone is given.
            offset: The offset where a length alone is given; None of production, which has none.
        """
        start, end = (fields.get(f"data_window.window_{word}") for word in ("start", "end"))
        length, back = (fields.get(f"data_window.lookback_window_{w}") for w in ("size", "offset"))
        if start is not None or end is not None:
            fixed = self.fixed(start, end, notes)
            if fixed is not None:
                for each in (length, back):
                    if each is not None:
                        self.ledger.leave(each, "the window is fixed by its start and end")
                return fixed
        told = self.duration(length, notes, zero=False)
        moved = self.duration(back, notes, zero=True)
        if told is None and moved is None and length is None and back is None:
            return None
        if moved is None:
            moved = offset or ""
        elif offset is None and _is_nothing(moved):
            moved = ""
        return Window(told or size, moved)

    def duration(self, spot: Spot | None, notes: list[str], *, zero: bool) -> str | None:
        """A duration as it is written; None where there is none, or `default`."""
        if spot is None:
            return None
        text = text_of(spot)
        if text.lower() == "default":
            self.ledger.carry(spot)
            return None
        try:
            parse_duration(text.upper(), allow_zero=zero)
        except ValueError as error:
            notes.append(self.ledger.leave(spot, str(error), "give the window"))
            return None
        self.ledger.carry(spot)
        return text.upper()

    def fixed(self, start: Spot | None, end: Spot | None, notes: list[str]) -> Window | None:
        """A window with a start and an end."""
        given = [spot for spot in (start, end) if spot is not None]
        try:
            moments = [parse_instant(text_of(spot), "UTC") for spot in given]
        except ValueError as error:
            notes += [self.ledger.leave(spot, str(error), "give the window") for spot in given]
            return None
        if len(moments) < 2 or moments[0] >= moments[1]:
            why = "a fixed window has a start, and an end after it"
            notes += [self.ledger.leave(spot, why, "give the window") for spot in given]
            return None
        self.ledger.carry(*given)
        return Window(start=text_of(given[0]), end=text_of(given[1]))

    def compared(self, made: Signal, spot: Spot | None) -> str:
        """Give a signal its reference, or of performance the ground truth; tell its context."""
        made.reference = self.recent(made.window)
        if spot is None:
            return ""
        if not isinstance(spot.value, Map):
            self.ledger.leave(spot, "reference data is a map with input_data")
            return ""
        fields = fields_of(DATA, spot, self.ledger)
        told = fields.get("data_context")
        context = "" if told is None else snake(text_of(told))
        columns = {
            word: fields.get(f"data_column_names.{word}")
            for word in ("target_column", "actual", "prediction", "prediction_probability")
        }
        if made.type == "model_performance":
            self.truth(made, fields, columns, spot, context or "ground_truth")
            return context
        for role in ("target_column", "actual"):
            column = columns[role]
            if column is not None and text_of(column):
                made.roles.append(("actual", text_of(column), column))
        past = made.reference.window or made.window
        window = self.window(fields, made.reference_notes, past.size or "P7D", past.offset)
        back = fields.get("data_window.lookback_window_offset")
        size = fields.get("data_window.lookback_window_size")
        if window is not None and not window.start and back is None and size is not None:
            made.reference_notes.append(
                self.told(
                    size,
                    "differs",
                    "Azure takes no offset for P0D, and the reference"
                    " overlaps production; here it ends where production begins",
                )
            )
        self.ledger.carry(told)
        if "input_data.path" not in fields:
            self.ledger.carry(fields.get("input_data.type"))
            if window is not None:
                made.reference = Reference("", window, RECENT)
            return context
        source = self.source(fields, context)
        made.reference = Reference(source, window, context or source)
        return context

    def truth(
        self,
        made: Signal,
        fields: Fields,
        columns: Mapping[str, Spot | None],
        spot: Spot,
        context: str,
    ) -> None:
        """Join the ground truth of a performance signal."""
        self.ledger.carry(fields.get("data_context"))
        for word in _WINDOW_FIELDS:
            if word in fields:
                why = "labels are joined by their key, whenever they came"
                made.notes.append(
                    self.ledger.leave(
                        fields[word], why, "give the join a delay where they come late"
                    )
                )
        actual = columns["actual"] or columns["target_column"]
        if "input_data.path" not in fields:
            made.notes.append(
                self.told(spot, "to do", "the ground truth has no path", "name its table in `join`")
            )
            return
        source = self.source(fields, context)
        made.truth_key = self.key(fields)
        made.truth = Part(source, "ground_truth", made.truth_key)
        if actual is not None and text_of(actual):
            name = text_of(actual)
            made.roles = [role for role in made.roles if role[0] != "actual"]
            if name in [column for role, column, _ in made.roles if role == "prediction"]:
                made.roles.append(("actual", f"actual_{name}", actual))
                made.notes.append(
                    self.told(
                        actual,
                        "to do",
                        f"prediction and truth are both called {name}, and"
                        " columns of one name cannot be told apart",
                        f"call that of {source} actual_{name}",
                    )
                )
            else:
                made.roles.append(("actual", name, actual))

    def recent(self, window: Window) -> Reference:
        """Azure's default reference: the past before production, twice as long."""
        if window.start:
            start, end = (parse_instant(text, "UTC") for text in (window.start, window.end))
            try:
                first = start - 2 * (end - start)
            except OverflowError:
                first = start - timedelta(days=1)
            return Reference("", Window(start=first.isoformat(), end=start.isoformat()), RECENT)
        size = parse_duration(window.size)
        try:
            twice = parse_duration(multiply(size, 2).text).text
        except ValueError:
            twice = window.size
        return Reference("", Window(twice, self.size_and_offset(window)), RECENT)

    def size_and_offset(self, window: Window) -> str:
        """How far back a rolling window begins; empty of a fixed one."""
        if not window.size:
            return ""
        size = parse_duration(window.size)
        offset = parse_duration(window.offset or "P0D", allow_zero=True)
        if _is_nothing(offset.text):
            return window.size
        whole = Duration(
            size.months + offset.months, size.days + offset.days, size.seconds + offset.seconds
        )
        return multiply(whole, 1).text

    def alerting(self, made: Signal, fields: Fields) -> None:
        """Whether a signal tells anyone."""
        flag, kinds = fields.get("alert_enabled"), fields.get("notification_types")
        if flag is not None:
            text = text_of(flag).lower()
            if text in ("true", "false"):
                made.alerts, made.silent = flag, text == "false"
            else:
                self.ledger.leave(flag, "it is neither true nor false")
        named = items(kinds) if kinds is not None else []
        for each in named:
            if flag is not None:
                self.ledger.leave(each, "alert_enabled says it already")
            elif snake(text_of(each)) != "aml_notification":
                self.ledger.leave(each, "of Azure's ways to tell, mail alone has a place here")
        if kinds is not None and flag is None:
            mail = [each for each in named if snake(text_of(each)) == "aml_notification"]
            made.alerts, made.silent = (mail or [kinds])[0], not mail

    def features(self, made: Signal, spot: Spot | None, context: str) -> None:
        """Which features a signal watches."""
        ranked = made.type in RANKED
        if spot is None:
            trained = any(role == "actual" for role, _, _ in made.roles)
            if ranked and context == "training" and trained:
                note = (
                    f"Azure watches the {_TOP_N} most important features where the reference is"
                    " training data and nothing else is said."
                )
                self.top_n(made, _TOP_N, [note])
            return
        if not ranked:
            self.ledger.leave(spot, f"{made.type} watches what its type says, not single features")
            return
        value = spot.value
        if isinstance(value, list):
            self.listed(made, spot)
        elif isinstance(value, Map):
            self.filtered(made, spot)
        elif snake(text_of(spot)) in ("all", "all_features"):
            self.ledger.carry(spot)
            self.everything(made)
        else:
            self.ledger.leave(spot, "it is neither all_features, nor a list, nor a map")

    def everything(self, made: Signal) -> None:
        """All features, but for what Azure's collector wrote beside them."""
        choice = {"exclude": _ENVELOPE} if made.parts[0].collected else "all"
        made.entries.append(Entry("features", flow(choice)))

    def listed(self, made: Signal, spot: Spot) -> None:
        """A list of features."""
        names: list[str] = []
        for each in items(spot):
            if isinstance(each.value, str | int | float) and text_of(each):
                self.ledger.carry(each)
                names += [text_of(each)] if text_of(each) not in names else []
        if names:
            made.entries.append(Entry("features", flow(names)))

    def filtered(self, made: Signal, spot: Spot) -> None:
        """Features by what decides about them: their importance, or a filter of the REST interface."""
        given = {snake(key): value for key, value in entries(spot)}
        kind, names = given.get("filter_type"), given.get("features")
        chosen = snake(text_of(kind)) if kind is not None else ""
        count = given.get("top_n_feature_importance") or given.get("top")
        if chosen in ("all", "all_features"):
            self.ledger.carry(kind)
            self.everything(made)
        elif names is not None and (chosen in ("", "subset", "feature_subset")):
            self.ledger.carry(kind)
            self.listed(made, names)
        elif count is not None:
            if kind is not None and chosen not in ("top_n_by_attribution", "top_nby_attribution"):
                self.ledger.leave(kind, "a number of features takes the most important ones")
            self.ledger.carry(kind)
            found = whole_numbers(count, range(1, 1_000_000), self.ledger)
            if len(found) == 1:
                self.top_n(made, found[0], [])

    def top_n(self, made: Signal, count: int, notes: list[str]) -> None:
        """The most important features."""
        choice = {
            "top_n": count,
            **({"exclude": _ENVELOPE} if made.parts[0].collected else {}),
            "attribution": dict(_SURROGATE),
        }
        made.entries.append(Entry("features", flow(choice), [*notes, _SURROGATE_NOTE]))
        made.weighs = True

    def override(self, made: Signal, spot: Spot | None) -> None:
        """Types of features that the file decides."""
        for feature, each in entries(spot) if spot is not None else ():
            kind = snake(text_of(each))
            if kind in ("numerical", "categorical"):
                made.settings.append((feature, kind, each))
            else:
                self.ledger.leave(each, "a feature is numerical or categorical")

    def segment(self, made: Signal, fields: Fields) -> None:
        """The segment of a signal's rows."""
        column, values = (fields.get(f"data_segment.feature_{word}") for word in ("name", "values"))
        if column is None and values is None:
            return
        texts = [text_of(each) for each in items(values)] if values is not None else []
        whole = [spot for spot in (column, values) if spot is not None]
        if column is None or not text_of(column) or not any(texts):
            for spot in whole:
                self.ledger.leave(spot, "a segment is a feature and its values")
            return
        if made.type not in ("data_drift", "data_quality", "model_performance", "prediction_drift"):
            for spot in whole:
                self.ledger.leave(spot, f"{made.type} is measured as a whole")
            return
        self.ledger.carry(column, *items(values) if values is not None else ())
        name = text_of(column)
        quoted = '"' + name.replace('"', '""') + '"'
        told = ", ".join("'" + text.replace("'", "''") + "'" for text in texts)
        segment = {"name": f"{name} {'/'.join(texts)}", "where": f"{quoted} IN ({told})"}
        note = self.told(
            column,
            "differs",
            "Azure's components do nothing with a segment; here it is measured beside the whole",
        )
        made.entries.append(Entry("segments", flow([segment]), [note]))

    # custom signals

    def custom(self, name: str, spot: Spot, spare: list[Part]) -> list[str]:
        """What a custom signal leaves in comments: a metric in SQL to write for each threshold."""
        fields = fields_of(SIGNAL, spot, self.ledger)
        data = fields.get("input_data")
        for key, each in entries(data) if data is not None else ():
            if not isinstance(each.value, Map):
                self.ledger.leave(each, "data is a map with input_data")
                continue
            inner = fields_of(DATA, each, self.ledger)
            if "input_data.path" not in inner:
                continue
            told = inner.get("data_context")
            self.ledger.carry(told)
            context = key if told is None else snake(text_of(told))
            path = inner["input_data.path"]
            spare.append(Part(self.source(inner, context), context, spot=path))
        lines = [f"  {name}:", "    type: custom"]
        thresholds = fields.get("metric_thresholds")
        for each in items(thresholds) if thresholds is not None else ():
            keys = {snake(key): value for key, value in entries(each)}
            metric = keys.get("metric_name") or keys.get("metric")
            amount = keys.get("threshold")
            if amount is not None and isinstance(amount.value, Map):
                inside = {snake(key): value for key, value in entries(amount)}
                amount = inside.get("value")
            word = re.sub(r"\W+", "_", snake(text_of(metric))) if metric is not None else "metric"
            limit = None if amount is None else number_of(amount)
            judged = "" if limit is None else f", fail: {flow(limit)}"
            lines.append(f'    {word}: {{sql: "…"{judged}}}')
            self.ledger.leave(
                each,
                "the component that computes it does not carry over",
                "write its SQL into the comment at `signals` and take the # away",
            )
        flag = fields.get("alert_enabled") or fields.get("notification_types")
        if flag is not None:
            self.ledger.leave(flag, "the signal does not carry over")
        return [
            "Azure's custom signal, to be written as aggregates over production's rows:",
            *lines,
        ]

    # data

    def collected(self, context: str, key: str = CORRELATION) -> Part:
        """What Azure's collector wrote of the endpoint."""
        if context not in self.sources:
            note = (
                f"What Azure's collector wrote as {context}, once `driftline collect` has made"
                " Parquet of it."
            )
            notes = [note]
            endpoint = self.top.get("create_monitor.monitoring_target.endpoint_deployment_id")
            if endpoint is not None and context not in self.given:
                notes.append(
                    self.told(
                        endpoint,
                        "to do",
                        "what the endpoint collected is in Azure's store",
                        "copy the folder and make Parquet of it: `driftline collect`",
                    )
                )
            path = self.path(context, "", COLLECTED.format(context))
            self.sources[context] = _Source("", context, path, notes)
        return Part(context, context, key, collected=True)

    def path(self, name: str, version: str, otherwise: str) -> str:
        """Where the caller says that data is, or else."""
        for word in (f"{name}:{version}", name):
            if word in self.given:
                self.used.add(word)
                return self.given[word]
        return otherwise

    def source(self, fields: Fields, context: str) -> str:
        """The named source of an asset."""
        spot = fields["input_data.path"]
        kind = fields.get("input_data.type")
        self.ledger.carry(spot, kind)
        asset = text_of(spot)
        form = "" if kind is None else snake(text_of(kind))
        name, version = _asset(asset)
        wanted = name
        for known, each in self.sources.items():
            if each.asset == f"{asset} {form}":
                each.notes += [] if context == each.context else [f"Also as {context}."]
                return known
        if name in self.sources:
            wanted = f"{name}_{version}" if version else f"{name}_2"
        while wanted in self.sources:
            wanted += "_2"
        azure = asset.startswith(("azureml:", "/subscriptions/"))
        path = self.path(name, version, _default_path(name, asset, form, azure))
        shown = f"{asset}, {form}, {context}".replace(", ,", ",").rstrip(", ")
        notes = [f"Azure's {shown}."]
        if not {name, f"{name}:{version}"} & self.used:
            why = (
                "a data asset of Azure's workspace"
                if azure
                else "a path as Azure's file has it, from where that file is"
            )
            if form == "mltable":
                why += "; what its MLTable file does to the data is not done here"
            notes.append(
                self.told(spot, "to do", why, f"put its path here, or give --source '{name}=PATH'")
            )
        self.sources[wanted] = _Source(f"{asset} {form}", context, path, notes)
        return wanted

    def told(self, spot: Spot, kind: Kind, why: str, do: str = "") -> str:
        """Tell of a value that carries over all the same."""
        return self.ledger.tell(spot, kind, why, do)

    # one monitor

    def monitor(
        self,
        name: str,
        group: _Group,
        model: Mapping[str, str],
        trigger: Trigger,
        described: Sequence[Entry],
        mails: bool,
    ) -> list[Entry]:
        """The entries of one monitor."""
        signals = group.signals
        base, joins = self.tables(signals)
        found = self.identity(name, model, trigger, described)
        found.append(self.produced(signals, base, trigger))
        names = self.references(signals, found)
        joined = [
            [
                Entry("name", flow(part.source)),
                Entry("table", flow(part.source)),
                Entry("on", flow({ours: theirs})),
            ]
            for part, ours, theirs in joins
        ]
        if joined:
            found.append(Entry("join", joined))
        self.columns(signals, base, bool(joins), found)
        if base.collected:
            note = "Columns of the collector's envelope are no features."
            found.append(Entry("features", flow({"exclude": _ENVELOPE}), [note]))
        self.settings(signals, found)
        note = "Azure's bins, definitions and verdicts: its numbers."
        found.append(Entry("conventions", "azure", [note]))
        made: list[Entry] = []
        for signal in signals:
            inner = list(signal.entries)
            if signal.reference is not None:
                own = names[signal.reference.source, signal.reference.window]
                if own != next(iter(names.values())):
                    at = 1 if inner and inner[0].key == "type" else 0
                    inner.insert(at, Entry("reference", flow(own)))
            made.append(Entry(signal.name, inner or "{}", signal.notes))
        found.append(Entry("signals", made, list(group.custom)))
        self.alerts(signals, mails, found)
        return found

    def identity(
        self,
        name: str,
        model: Mapping[str, str],
        trigger: Trigger,
        described: Sequence[Entry],
    ) -> list[Entry]:
        """What a monitor is, and when it runs."""
        found = [Entry("name", flow(name))]
        whole = {**model, "task": self.task.word} if self.task.word else dict(model)
        if whole:
            found.append(Entry("model", flow(whole)))
        found += described
        if trigger.zone:
            found.append(Entry("time_zone", flow(trigger.zone)))
        if trigger.schedule:
            found.append(Entry("schedule", trigger.schedule, trigger.notes))
        else:
            found[0].notes += trigger.notes
        return found

    def tables(self, signals: Sequence[Signal]) -> tuple[Part, list[tuple[Part, str, str]]]:
        """Production's table, and those joined to it: each with production's key and its own."""
        parts: dict[str, Part] = {}
        for each in sorted((part for one in signals for part in one.parts), key=_rank):
            parts.setdefault(each.source, each)
        base, *others = parts.values()
        joins = [(part, base.key, part.key) for part in others]
        for signal in signals:
            known = (base.source, *(part.source for part, *_ in joins))
            if signal.truth is not None and signal.truth.source not in known:
                own = signal.parts[0].key
                joins.append(
                    (signal.truth, base.key if own == CORRELATION else own, signal.truth_key)
                )
        return base, joins

    def produced(self, signals: Sequence[Signal], base: Part, trigger: Trigger) -> Entry:
        """Production's entry."""
        window = signals[0].window
        clock = []
        if base.spot is not None:
            why = "Azure's file does not say which column tells when a row was scored"
            clock = [self.told(base.spot, "to do", why, "name it as production.timestamp")]
        sizes = [note for signal in signals for note in signal.window_notes]
        if window == Window(trigger.size.text) and not sizes:
            told = f"{window.size} is Azure's default {trigger.why}, where no signal says another."
            sizes = [told]
        return Entry(
            "production",
            [
                Entry("table", flow(base.source)),
                Entry("timestamp", TIME if base.collected else CLOCK, clock),
                Entry("window", window.flow(), list(dict.fromkeys(sizes))),
            ],
        )

    def references(
        self, signals: Sequence[Signal], found: list[Entry]
    ) -> dict[tuple[str, Window | None], str]:
        """Add the references to a monitor's entries; their names by what they are."""
        names: dict[tuple[str, Window | None], str] = {}
        made: list[Entry] = []
        ranked = sorted(signals, key=lambda each: each.type not in RANKED)
        for signal in ranked:
            each = signal.reference
            if each is None or (each.source, each.window) in names:
                continue
            if signal.type == "model_performance" and names:
                signal.reference = None
                continue
            name = each.hint
            while name in names.values():
                name += "_2"
            names[each.source, each.window] = name
            inner = [Entry("table", flow(each.source))] if each.source else []
            if each.window is not None:
                inner.append(Entry("window", each.window.flow()))
            made.append(Entry(name, inner, list(dict.fromkeys(signal.reference_notes))))
        found.append(Entry("references", made))
        return names

    def columns(
        self, signals: Sequence[Signal], base: Part, joined: bool, found: list[Entry]
    ) -> None:
        """Add the roles of columns to a monitor's entries."""
        roles: dict[str, tuple[str, Spot]] = {}
        notes: list[str] = []
        # what performance calls the actual is one; a training target is one where nothing else is
        ranked = sorted(signals, key=lambda each: each.type != "model_performance")
        for signal in ranked:
            for role, column, spot in signal.roles:
                if role in roles and roles[role][0] != column:
                    was, other = roles[role]
                    notes.append(
                        self.ledger.leave(
                            spot,
                            f"columns.{role} is {was}, as line {other.line} says,"
                            " and a monitor has one",
                            "give the signal a monitor of its own",
                        )
                    )
                    continue
                roles.setdefault(role, (column, spot))
                self.ledger.carry(spot)
        values = {role: column for role, (column, _) in roles.items()}
        if "correlation_id" not in values and (joined or base.collected):
            values["correlation_id"] = base.key
        outputs = any(signal.type in _OUTPUT_SIGNALS for signal in signals)
        weighs = any(signal.weighs for signal in signals) and "actual" not in values
        if (outputs or weighs) and not {"prediction", "score"} & values.keys():
            values["prediction"] = PREDICTION
            asks = next(s for s in signals if s.type in _OUTPUT_SIGNALS or s.weighs)
            notes.append(
                self.told(
                    asks.spot,
                    "to do",
                    "Azure's file does not name the column of predictions",
                    "name it as columns.prediction",
                )
                if asks.spot.place.trail
                else "To be the column of predictions: Azure's file does not name it."
            )
        performing = any(signal.type == "model_performance" for signal in signals)
        if performing and "actual" not in values:
            values["actual"] = "actual"
            asks = next(s for s in signals if s.type == "model_performance")
            notes.append(
                self.told(
                    asks.spot,
                    "to do",
                    "Azure's file does not name the column of the truth",
                    "name it as columns.actual",
                )
            )
        if performing and self.task.word == "regression" and "prediction" not in values:
            values["prediction"] = PREDICTION
        if values:
            order = ("correlation_id", "prediction", "score", "actual")
            told = {role: values[role] for role in order if role in values}
            found.append(Entry("columns", flow(told), notes))

    def settings(self, signals: Sequence[Signal], found: list[Entry]) -> None:
        """Add the types of single features to a monitor's entries."""
        types: dict[str, tuple[str, Spot]] = {}
        notes: list[str] = []
        for feature, kind, spot in (each for signal in signals for each in signal.settings):
            if feature in types and types[feature][0] != kind:
                where = types[feature][1].line
                why = f"{feature} is {types[feature][0]}, as line {where} says, for all signals"
                notes.append(self.ledger.leave(spot, why, "give the signal a monitor of its own"))
                continue
            types.setdefault(feature, (kind, spot))
            self.ledger.carry(spot)
        if types:
            told = [Entry(name, flow({"type": kind})) for name, (kind, _) in types.items()]
            found.append(Entry("settings", told, notes))

    def alerts(self, signals: Sequence[Signal], mails: bool, found: list[Entry]) -> None:
        """Add whom a monitor tells to its entries."""
        loud = mails and any(not signal.silent for signal in signals)
        notes: list[str] = []
        for signal in signals:
            spot = signal.alerts
            if spot is None:
                continue
            if signal.silent == (not loud):
                self.ledger.carry(spot)
            elif signal.silent:
                why = "alerts are of the whole monitor"
                do = "give the signal a monitor of its own, without `alerts`"
                notes.append(self.ledger.leave(spot, why, do))
            else:
                why = "the file says nobody to be told"
                self.ledger.leave(spot, why, "give `notifications`, and `alerts: {notify: […]}`")
        if loud:
            found.append(Entry("alerts", flow({"notify": [MAIL]}), notes))


_WINDOW_FIELDS: Final = (
    "data_window.lookback_window_size",
    "data_window.lookback_window_offset",
    "data_window.window_start",
    "data_window.window_end",
)


def _rank(part: Part) -> int:
    """How soon a table is taken for production's."""
    if part.context in _FIRST:
        return _FIRST.index(part.context)
    return len(_FIRST) + (part.context == OUTPUTS)


_DEPLOYMENT: Final = re.compile(r".*/onlineEndpoints/([^/]+)/deployments/([^/]+)/?", re.IGNORECASE)
_VERSIONED: Final = re.compile(
    r".*/(?:data|models|components)/([^/]+)(?:/(?:versions|labels)/([^/]+))?/?"
)
_SHORT: Final = re.compile(r"azureml:([^:/@]+)(?:[:@]([^:/@]+))?")


def _asset(text: str) -> tuple[str, str]:
    """(name, version or "") of an asset, a deployment or a path."""
    for pattern in (_SHORT, _DEPLOYMENT, _VERSIONED):
        match = pattern.fullmatch(text)
        if match is not None:
            return match[1], match[2] or ""
    parts = [part for part in re.split(r"[/\\:]+", text) if part and not re.search(r"[*?\[]", part)]
    stem = parts[-1].split(".")[0] if parts else ""
    return stem or "data", ""


def _default_path(name: str, asset: str, form: str, azure: bool) -> str:
    """The path of data whose path nobody has given."""
    if azure:
        clean = re.sub(r"[^\w.-]+", "_", name)
        return f"data/{clean}.parquet" if form == "uri_file" else f"data/{clean}/**/*.parquet"
    if has_data_suffix(asset) or "*" in asset:
        return asset
    if form == "uri_file":
        return asset if "/" in asset else f"./{asset}"
    return f"{asset.rstrip('/')}/**/*.parquet"


def _is_nothing(duration: str) -> bool:
    """Whether a duration is no time at all."""
    return parse_duration(duration, allow_zero=True) == Duration(text=duration)


def _notes(entries_: Sequence[Entry]) -> list[str]:
    """The comments of entries and of all below them."""
    found: list[str] = []
    for each in entries_:
        found += each.notes
        if not isinstance(each.value, str):
            for inner in each.value:
                found += _notes([inner] if isinstance(inner, Entry) else inner)
    return found
