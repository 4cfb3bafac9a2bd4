"""`driftline.yml` to a `Project`: found, read, checked, resolved; every complaint in one go."""

from __future__ import annotations

import gc
import glob
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Final

from driftline.engine import config_models as models
from driftline.engine.catalog import SIGNAL_TYPES, Metric
from driftline.engine.config_check import checked_file
from driftline.engine.conventions import CONVENTIONS, metrics_of
from driftline.engine.dbt import DbtProject
from driftline.engine.errors import ConfigError
from driftline.engine.interpolate import Environment, mask
from driftline.engine.own_metrics import metrics_beside
from driftline.engine.project import (
    MEMORY,
    PERFORMANCE,
    BinRule,
    Connection,
    Monitor,
    Notification,
    Production,
    Project,
    Publish,
    Reference,
    Results,
    Signal,
    Source,
    Threshold,
)
from driftline.engine.resolve import Surroundings, model_source, resolve_monitor, source_of
from driftline.engine.resolve_signals import default_rules
from driftline.engine.results import TABLES
from driftline.engine.schema import config_hash, project_schema, resolved_yaml, shortest_yaml
from driftline.engine.signal_models import LISTED
from driftline.engine.yaml_file import (
    Complaints,
    Map,
    Marks,
    Place,
    Seq,
    YamlFile,
    cut,
    merge,
    nearest,
    planted,
    put,
    read_yaml,
    remove,
    source_text,
)

__all__ = [
    "compare_project",
    "config_hash",
    "load_project",
    "load_sections",
    "mask",
    "nearest_project",
    "notes",
    "project_schema",
    "resolved_yaml",
    "source_of",
]

FILE_NAME: Final = "driftline.yml"
RESULTS: Final = "driftline.duckdb"
SCHEMA_NAME: Final = "driftline"
_OVERRIDES: Final = ("connection", "results", "publish", "notifications")
_BASE: Final = "<base>"  # a target of what the chosen one overrides, so that it is still checked
NONE: Final[Mapping[Path, str]] = MappingProxyType({})
_PRIVATE: Final = ("connection", "notifications", "publish")


@dataclass(frozen=True)
class Sections:
    """A project, and where its files say what of its monitors.

    Attributes:
        project: The project.
        monitors: By name each monitor as it is written, over the defaults: its entries know their places.
    """

    project: Project
    monitors: Mapping[str, Map]


def load_project(
    path: Path | None = None,
    *,
    target: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Project:
    """Read a project file.

    Args:
        path: The file, or the folder it is in; None looks for `driftline.yml` in the working
            directory and then in each parent.
        target: Name of one of the file's targets; None takes the variable DRIFTLINE_TARGET, if set.
        environ: What `${VAR}` reads.

    Raises:
        ConfigError: When there is no file, or with everything that is wrong in it, a line each.
    """
    return load_sections(path, target=target, environ=environ).project


@contextmanager
def _uncollected() -> Iterator[None]:
    """Have what is made stay, without being looked through again and again for circles.

    A large file is a million objects that are all in use: looking takes twice as long as reading.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            if not gc.get_freeze_count():
                # all that is there counts as old: else it would be looked through now, being so much
                gc.freeze()
                gc.unfreeze()
            gc.enable()


@_uncollected()
def load_sections(
    path: Path | None = None,
    *,
    target: str | None = None,
    environ: Mapping[str, str] = os.environ,
    texts: Mapping[Path, str] = NONE,
) -> Sections:
    """Read a project file, and keep where it says what.

    Args:
        path: The file, or the folder it is in; None looks for `driftline.yml` in the working
            directory and then in each parent.
        target: Name of one of the file's targets; None takes the variable DRIFTLINE_TARGET, if set.
        environ: What `${VAR}` reads.
        texts: What is in files, by their paths, instead of what they hold.

    Raises:
        ConfigError: When there is no file, or with everything that is wrong in it, a line each.
    """
    label, file_path = _find(path)
    root = file_path.parent
    beside, broken = metrics_beside(root)
    # what is broken is told once, and not as a word that nobody knows
    complaints = Complaints(frozenset((*beside, *(Path(each.file).stem for each in broken))))
    for each in broken:
        sql_file = YamlFile(root / each.file, str(Path(label).parent / each.file), "")
        complaints.at(Place(sql_file, each.line), each.told)
    file = read_yaml(file_path, label, complaints, text=texts.get(file_path))
    if not isinstance(file.root, Map):
        found = "is empty" if file.root is None else "is not"
        raise ConfigError(f"{label}: the file must be a map of keys such as monitors, and {found}")
    environment = Environment(environ, complaints)
    target = target or environ.get("DRIFTLINE_TARGET") or None
    tree = _filled(_for_target(file.root, target, label), environment)
    dbt = DbtProject.beside(root, environ)
    _connect_as_dbt(tree, dbt, environment)
    _gather_monitors(tree, file, environment, texts)
    given = checked_file(tree, complaints)
    secrets = frozenset(environment.secrets)
    project = Project(root, (), Results(root / RESULTS), Connection(), file_path, target, secrets)
    if given is not None:
        project = replace(
            project,
            beside=beside,
            monitors=tuple(_monitors(given, tree, project, dbt, beside, complaints)),
            results=_results(given, root),
            connection=_connection(given, root),
            publish=_publish(given, root),
            notifications=tuple(_notifications(given, tree, complaints)),
        )
        _complain_of_results(project, tree, complaints)
        _complain_of_copies(project, tree, complaints)
    if complaints:
        raise ConfigError(mask(str(complaints), secrets))
    nodes = (node for node, _ in _items(tree.get("monitors")) if isinstance(node, Map))
    return Sections(project, {str(node["name"]): node for node in nodes})


def compare_project(
    reference: Source, production: Source, *, name: str = "compare", root: Path
) -> Project:
    """A project of one monitor that compares two whole tables with the default signals.

    Args:
        reference: What to compare with; `source_of` makes one from a path or a table's name.
        production: What is compared.
        name: Name of the monitor.
        root: Folder the results file would be in.
    """
    signals = tuple(
        Signal(kind, kind, "reference", default_rules(kind))
        for kind in ("data_drift", "data_quality")
    )
    sides = (Reference("reference", reference),)
    monitor = Monitor(name, Production(production), sides, signals)
    monitor = replace(monitor, yaml=shortest_yaml(monitor))
    return Project(root, (monitor,), Results(root / RESULTS))


def notes(project: Project) -> tuple[str, ...]:
    """What is allowed in a project and yet worth a second look, a sentence each."""
    found: list[str] = []
    for monitor in project.monitors:
        where = f"monitors[{monitor.name}]"
        measured = {rule.metric for signal in monitor.signals for rule in signal.rules}
        metrics = metrics_of(monitor)
        for signal in monitor.signals:
            kinds = {kind for rule in signal.rules for kind in rule.thresholds}
            found += [
                f"{where}.signals.{signal.name}: no metric watches {kind} features"
                for kind in ("numerical", "categorical")
                if kind not in kinds
                and signal.attribution is None
                and signal.type not in ("custom", PERFORMANCE)
            ]
            found += [
                f"{where}.signals.{signal.name}: {rule.metric} never goes beyond its threshold:"
                f" its range is [{metrics[rule.metric].low:g}, {metrics[rule.metric].high:g}]"
                for rule in signal.rules
                if any(_out_of_reach(metrics[rule.metric], o) for o in rule.thresholds.values())
            ]
        found += [
            f"{where}.settings.{feature}: no signal measures {metric}"
            for feature, settings in monitor.settings.items()
            for metric in settings.thresholds
            if metric not in measured
        ]
        conventions = CONVENTIONS[monitor.conventions]
        idle = []
        if conventions.bins is not None:
            idle += ["bins"] if monitor.bins != BinRule() else []
            idle += [f"settings.{name}.bins" for name, s in monitor.settings.items() if s.bins]
        if conventions.most_categories is not None and monitor.max_categories != 1000:
            idle.append("bins.max_categories")
        found += [
            f"{where}.{key} has no effect under conventions: {monitor.conventions}" for key in idle
        ]
    return tuple(found)


def _out_of_reach(known: Metric, threshold: Threshold) -> bool:
    """Whether a threshold's failure cannot happen; 1 itself is a way to say never."""
    sides = () if threshold.fail is None else threshold.fail.sides
    return bool(sides) and all(
        not side.relative
        and (
            side.amount < known.low
            if side.kind == "min"
            else side.kind in ("max", "increase") and side.amount > known.high
        )
        for side in sides
    )


def nearest_project() -> Path | None:
    """The `driftline.yml` in the working directory or the nearest of its parents; None without one."""
    here = Path.cwd()
    return next((f for p in (here, *here.parents) if (f := p / FILE_NAME).is_file()), None)


def _find(path: Path | None) -> tuple[str, Path]:
    """(how messages name the file, the file)."""
    if path is None:
        found = nearest_project()
        if found is None:
            raise ConfigError(
                f"there is no {FILE_NAME} in {Path.cwd()} or above it",
                hint="make one with `driftline init`, or name it with --project",
            )
        return os.path.relpath(found), found
    if path.is_dir():
        path = path / FILE_NAME
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file")
    return str(path), Path(os.path.normpath(path.absolute()))


def _for_target(root: Map, target: str | None, label: str) -> Map:
    """The file with what the target overrides; what was overridden is kept to be checked."""
    tree = merge(root, Map(Marks(root.marks.at)))
    if target is None:
        return tree
    targets = root.get("targets")
    names = list(targets) if isinstance(targets, Map) else []
    if target not in names:
        there_is = f"; the file has {', '.join(names)}" if names else "; the file has no targets"
        hint = nearest(target, names) or there_is
        raise ConfigError(f"{label}: there is no target called '{target}'{hint}")
    chosen = targets[target] if isinstance(targets, Map) else None
    if not isinstance(targets, Map) or not isinstance(chosen, Map):
        return tree
    base = Map(Marks(root.marks.at))
    left = merge(chosen, Map(chosen.marks.copy()), deep=False)
    for section in (*_OVERRIDES, "sources"):
        over, under = chosen.get(section), tree.get(section)
        if over is None:
            continue
        if section == "sources" and isinstance(over, Map) and isinstance(under, Map):
            over = merge(under, over)
        elif section in tree:
            put(base, section, under, tree.marks.places[section])
        put(tree, section, over, chosen.marks.places[section])
        remove(left, section)
    rest = merge(targets, Map(Marks(targets.marks.at)), deep=False)
    rest[target] = left  # what overrides nothing: keys that do not belong there
    put(rest, _BASE, base, root.marks.at)
    tree["targets"] = rest
    return tree


def _filled(tree: Map, environment: Environment) -> Map:
    """The file with its variables replaced, but for those of targets that are not in use."""
    others = tree.pop("targets", None)
    environment.fill(tree)
    for section in _PRIVATE:
        environment.hide(tree.get(section), addresses=section == "notifications")
    if others is not None:
        tree["targets"] = others
    return tree


def _connect_as_dbt(tree: Map, dbt: DbtProject, environment: Environment) -> None:
    """Fill a connection in with what a dbt profile says, under what the file says itself.

    Raises:
        ConfigError: When there is no such profile. How to connect decides what else may be wrong.
    """
    own = tree.get("connection")
    asked = own.get("dbt") if isinstance(own, Map) else None
    if not isinstance(own, Map) or not isinstance(asked, Map):
        return
    place = own.marks.places["dbt"]
    words = [asked.get(word) for word in ("profile", "target")]
    profile, target = (word if isinstance(word, str) else None for word in words)
    try:
        told = planted(dbt.connection(profile, target), place)
    except ConfigError as error:
        environment.complaints.add(tree, ("connection", "dbt"), error.message)
        raise ConfigError(
            mask(str(environment.complaints), frozenset(environment.secrets))
        ) from error
    assert isinstance(told, Map)
    put(tree, "connection", merge(told, own), tree.marks.places["connection"])
    environment.hide(tree["connection"])


def _gather_monitors(
    tree: Map, file: YamlFile, environment: Environment, texts: Mapping[Path, str]
) -> None:
    """Put the monitors of included files behind the file's own, over the defaults."""
    own = tree.get("monitors")
    if own is not None and not isinstance(own, Seq):
        return
    complaints = environment.complaints
    items = _items(own)
    for path in _included(tree, file, complaints):
        inside = os.path.relpath(path, file.path.parent)
        label = str(Path(file.label).parent / inside)
        found = read_yaml(path, label, complaints, included=True, text=texts.get(path))
        root = found.root
        if not isinstance(root, Map | Seq):
            place = Place(YamlFile(path, label, ""), 1)
            complaints.at(place, "the file is neither a monitor nor a list of monitors")
            continue
        for item, place in [(root, root.marks.at)] if isinstance(root, Map) else _items(root):
            if isinstance(item, Map):
                environment.fill(item)
            items.append((item, place))
    if not items:
        complaints.add(tree, ("monitors",), "the file has no monitors")
    at = tree.marks.places.get("monitors", tree.marks.at)
    gathered = Seq(Marks(at))
    defaults = tree.get("defaults")
    for item, place in items:
        gathered.marks.places[len(gathered)] = place
        whole = item
        if isinstance(item, Map):
            merged = merge(defaults, item) if isinstance(defaults, Map) else item
            whole = _with_signal_types(merged, complaints)
        gathered.append(whole)
    put(tree, "monitors", gathered, at)


def _items(node: object) -> list[tuple[object, Place]]:
    """The items of a list and where they stand."""
    if not isinstance(node, Seq):
        return []
    return [(item, node.marks.places[index]) for index, item in enumerate(node)]


def _included(tree: Map, file: YamlFile, complaints: Complaints) -> list[Path]:
    """The files that `include` names, each once, in the order of its patterns and then by name."""
    found: dict[Path, None] = {}
    root = file.path.parent
    for pattern, place in _items(tree.get("include")):
        if not isinstance(pattern, str):
            continue
        matches = sorted(glob.glob(pattern, root_dir=root, recursive=True))
        paths = [Path(os.path.normpath(root / match)) for match in matches]
        files = [path for path in paths if path.is_file() and path != file.path]
        if not files:
            complaints.at(place, f"'{pattern}' names no file")
        found |= dict.fromkeys(files)
    return list(found)


def _with_signal_types(monitor: Map, complaints: Complaints) -> Map:
    """A monitor whose signals are maps that say their type, whatever form the file gives them."""
    signals = monitor.get("signals")
    if not isinstance(signals, Map):
        return monitor
    typed = Map(Marks(signals.marks.at))
    for name, given in signals.items():
        place = signals.marks.places[name]
        signal = Map(Marks(place))
        if isinstance(given, Seq):
            put(signal, LISTED, given, place)
        elif isinstance(given, Map):
            signal = merge(given, Map(Marks(place)))
        elif given is not None:
            complaints.at(place, "expected a map or a list of metrics")
            continue
        kind = signal.setdefault("type", name)
        if kind not in SIGNAL_TYPES:
            word = kind if isinstance(kind, str) else ""
            hint = nearest(word, SIGNAL_TYPES) or f": one of {', '.join(SIGNAL_TYPES)}"
            if "type" in signal.marks.places:
                complaints.add(signal, ("type",), f"'{word}' is not a type of signal{hint}")
            else:
                complaints.at(place, f"the signal's name is not a type: give it `type`{hint}")
            continue
        put(typed, name, signal, place)
    whole = merge(monitor, Map(Marks(monitor.marks.at, span=monitor.marks.span)), deep=False)
    # Without any that is right, the default ones stand in until the complaints are dealt with.
    whole["signals"] = typed if typed or not signals else None
    return whole


def _monitors(
    given: models.ProjectFile,
    tree: Map,
    project: Project,
    dbt: DbtProject,
    beside: Mapping[str, Metric],
    complaints: Complaints,
) -> Iterator[Monitor]:
    """The monitors of a file whose parts are valid by themselves."""
    told = (one.name for one in given.notifications or ())
    around = Surroundings(
        root=project.root,
        sources=_sources(given, tree, project.root, dbt, complaints),
        dbt=dbt,
        notifications=None if cut(tree, "notifications") else frozenset(told),
        closed=_connection(given, project.root).holds_no_table,
        own=beside,
    )
    first: dict[str, Place] = {}
    for (node, place), one in zip(_items(tree.get("monitors")), given.monitors, strict=True):
        if not isinstance(node, Map):
            continue
        if one.name in first:
            message = f"there is a monitor of this name at {first[one.name]}"
            complaints.add(node, ("name",), message)
        first.setdefault(one.name, node.marks.places.get("name", place))
        monitor = resolve_monitor(one, node, around, complaints)
        if monitor is not None:
            yield replace(monitor, yaml=mask(source_text(node), project.secrets))


def _sources(
    given: models.ProjectFile, tree: Map, root: Path, dbt: DbtProject, complaints: Complaints
) -> Mapping[str, Source]:
    """The named sources; a name stands for a file or a table, never for another name."""
    found: dict[str, Source] = {}
    node = tree.get("sources")
    for name, table in (given.sources or {}).items():
        if not isinstance(node, Map):
            continue
        try:
            found[name] = (
                model_source(table.dbt_model, dbt)
                if isinstance(table, models.DbtModel)
                else source_of(table, root=root, written=node.marks.written.get(name))
            )
        except ValueError as error:
            complaints.add(tree, ("sources", name), str(error))
    return MappingProxyType(found)


# Keys of connections that name a file or a folder, from where the project file is.
_FILES_OF_CONNECTIONS: Final = (
    "sslrootcert", "sslcert", "sslkey", "ca_cert", "path", "private_key_path", "keyfile",
)  # fmt: skip


def _connection(given: models.ProjectFile, root: Path) -> Connection:
    connection = given.connection or models.DuckDBConnection()
    if not isinstance(connection, models.DuckDBConnection):
        told = connection.model_dump(by_alias=True, exclude_none=True, exclude={"type", "dbt"})
        for word in _FILES_OF_CONNECTIONS:
            if told.get(word) not in (None, "system"):
                told[word] = os.path.normpath(root / Path(told[word]).expanduser())
        return Connection(connection.type, MappingProxyType(told))
    database = connection.database
    if database != MEMORY and not database.startswith("md:"):
        database = os.path.normpath(root / database)
    options: dict[str, object] = {
        "database": database,
        "read_only": connection.read_only,
        "settings": MappingProxyType(dict(connection.settings)),
        "extensions": tuple(connection.extensions),
        "secrets": MappingProxyType(dict(connection.secrets)),
        "files": MappingProxyType(
            {} if connection.files is None else connection.files.model_dump(exclude_none=True)
        ),
    }
    return Connection("duckdb", MappingProxyType(options))


def _results(given: models.ProjectFile, root: Path) -> Results:
    results = given.results or models.Results.model_construct()
    if results.connection is not None:
        return Results(schema=results.schema_ or SCHEMA_NAME)
    return Results(Path(os.path.normpath(root / (results.to or RESULTS))))


def _complain_of_results(project: Project, tree: Map, complaints: Complaints) -> None:
    """A connection must be able to hold the tables that are to be in it."""
    if project.results.schema is None:
        return
    trail = ("results", "connection")
    connection = project.connection
    if connection.type == "duckdb" and connection.file is None:
        told = "there is no database to write to: give connection.database, or `to: FILE` instead"
        complaints.add(tree, trail, told)
    elif connection.options.get("read_only"):
        complaints.add(tree, trail, "connection.read_only forbids it; give `to: FILE` instead")


def _publish(given: models.ProjectFile, root: Path) -> Publish:
    if given.publish is None:
        return Publish()
    told = given.publish
    file, folder, prometheus = (
        None if path is None else Path(os.path.normpath(root / path))
        for path in (told.duckdb, told.parquet, told.prometheus)
    )
    return Publish(file, folder, prometheus, told.otlp)


def _notifications(
    given: models.ProjectFile, tree: Map, complaints: Complaints
) -> Iterator[Notification]:
    """Whom to tell; alerts find them by their names."""
    names: set[str] = set()
    for index, one in enumerate(given.notifications or ()):
        if one.name in names:
            told = f"there is a notification called '{one.name}' already"
            complaints.add(tree, ("notifications", index, "name"), told)
        names.add(one.name)
        options = one.model_dump(exclude={"name", "type"}, exclude_none=True)
        yield Notification(one.name, one.type, MappingProxyType(options))


def _complain_of_copies(project: Project, tree: Map, complaints: Complaints) -> None:
    """Copies take the place of nothing that is read or written otherwise."""
    copy, folder = project.publish.duckdb, project.publish.parquet
    if copy is not None and copy == project.results.file:
        complaints.add(tree, ("publish", "duckdb"), "is the results file itself; name another")
    if copy is not None and copy == project.connection.file:
        complaints.add(tree, ("publish", "duckdb"), "is the monitored database; name another")
    sources = [
        source
        for each in project.monitors
        for source in (each.production.source, *(one.source for one in each.references))
    ]
    for source in sources:
        if folder is not None and any(
            fnmatchcase(str(folder / f"{name}.parquet"), pattern)
            for name in TABLES
            for pattern in source.files
        ):
            told = f"'{source.written}' would read the copies as data; name another folder"
            complaints.add(tree, ("publish", "parquet"), told)
            return
