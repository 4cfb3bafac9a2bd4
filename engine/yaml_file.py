"""YAML files as plain maps, lists and scalars that remember where they stood.

YAML 1.2's core schema: `on`, `no`, `off` and dates are text. A `Map` or `Seq` knows the file, line
and path of each of its entries, and keeps that through merging and copying, so that any later
complaint can say where the offending text is.
"""

from __future__ import annotations

import json
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from ruamel.yaml.error import MarkedYAMLError, YAMLError

from driftline.engine.errors import ConfigError
from driftline.engine.yaml_nodes import MAPS, SCALARS, SEQUENCES, MappingNode, Node, compose

__all__ = [
    "Complaints",
    "Map",
    "Marks",
    "Place",
    "Seq",
    "YamlFile",
    "cut",
    "merge",
    "nearest",
    "printable",
    "put",
    "read_yaml",
    "remove",
    "source_text",
    "spell",
]

Step = str | int
Trail = tuple[Step, ...]


_NULL: Final = re.compile(r"~|null|Null|NULL|")
_TRUE: Final = re.compile(r"true|True|TRUE")
_FALSE: Final = re.compile(r"false|False|FALSE")
_INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
# No project is nested so deeply; what comes after reading need not wonder how deep it may go.
DEEPEST: Final = 100
_TEXT_TAG: Final = "tag:yaml.org,2002:str"
_MERGE_TAG: Final = "tag:yaml.org,2002:merge"
_STANDARD_TAGS: Final = "tag:yaml.org,2002:"


@dataclass(eq=False)
class YamlFile:
    """One file: its label in messages, its text, and what stands in it.

    Attributes:
        root: What stands in it, of what `read_yaml` gives. That of places is None: a tree whose places
            lead back to it would stay in memory until Python looks for such circles.
        included: Whether it holds monitors rather than a project.
        listed: Whether these are in a list.
        names: Names of its monitors, as far as they have any, for paths in messages.
    """

    path: Path
    label: str
    text: str
    root: object = None
    included: bool = False
    listed: bool = False
    names: Sequence[str | None] = ()

    @cached_property
    def _ends(self) -> list[int]:
        """Where each line ends, but for the last: looked for once, as thousands of places are told."""
        return [found.start() for found in re.finditer("\n", self.text)]

    def line(self, index: int) -> int:
        """The line, from 1, of a position in the text."""
        return bisect_left(self._ends, index) + 1


@dataclass(frozen=True, eq=False)
class Place:
    """Where a value stands: its file, its line from 1, and the keys that lead to it."""

    file: YamlFile
    line: int
    trail: Trail = ()

    def then(self, step: Step, line: int) -> Place:
        """The place of an entry below this one."""
        return Place(self.file, line, (*self.trail, step))

    def __str__(self) -> str:
        return f"{self.file.label}:{self.line}"

    def order(self) -> tuple[str, int]:
        """Files by name, then lines."""
        return (self.file.label, self.line)

    def path(self) -> str:
        """The keys in the reader's words: `monitors[churn].production.window`."""
        names, trail = self.file.names, self.trail
        if self.file.included:
            trail = ("monitors", *(trail if self.file.listed else (0, *trail)))
        shown = ""
        for depth, step in enumerate(trail):
            if isinstance(step, int):
                is_monitor = trail[:depth] == ("monitors",) and step < len(names)
                name = names[step] if is_monitor else None
                shown += f"[{step if name is None else name}]"
            elif re.fullmatch(r"[\w-]+", step):
                shown += f".{step}" if shown else step
            else:
                shown += f"['{step}']"
        return shown


@dataclass(eq=False)
class Marks:
    """What a map or list knows besides its values.

    Attributes:
        at: Where it stands.
        places: Where each entry stands.
        written: Text of entries before their variables were replaced.
        span: Start, end and column in its file's text.
        cut: Entries that were taken out, because they were wrong.
    """

    at: Place
    places: dict[Step, Place] = field(default_factory=dict)
    written: dict[Step, str] = field(default_factory=dict)
    span: tuple[int, int, int] = (0, 0, 0)
    cut: set[Step] = field(default_factory=set)

    def copy(self) -> Marks:
        """Marks of a copy, which may change by themselves."""
        return Marks(self.at, dict(self.places), dict(self.written), self.span)


class Map(dict[str, object]):
    """A YAML map."""

    def __init__(self, marks: Marks, values: Mapping[str, object] | None = None) -> None:
        super().__init__(values or {})
        self.marks = marks


class Seq(list[object]):
    """A YAML list."""

    def __init__(self, marks: Marks, values: list[object] | None = None) -> None:
        super().__init__(values or [])
        self.marks = marks


class Complaints:
    """Everything wrong with the files, told in one go, in the order of the lines.

    Attributes:
        own: Names of metrics that are the project's own, and so no mistakes.
    """

    def __init__(self, own: frozenset[str] = frozenset()) -> None:
        self.own = own
        self._found: list[tuple[Place, Trail, str]] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def __str__(self) -> str:
        # Spelled only now, because a path shows names that may be read after the complaint.
        told = {(*found[0].order(), _spelled(*found)) for found in self._found}
        return "\n".join(text for *_, text in sorted(told))

    def at(self, place: Place, message: str, below: Trail = ()) -> None:
        """Note a complaint about a place, or about a missing entry `below` it."""
        self._found.append((place, below, message))

    def add(self, node: Map | Seq, trail: Trail, message: str) -> None:
        """Note a complaint about the entry that `trail` leads to, or the last one that exists."""
        place, below = locate(node, trail)
        self.at(place, message, below)

    def extend(self, others: Complaints) -> None:
        """Take in the complaints of another collection."""
        self._found += others._found

    def about(self, node: Map | Seq, trail: Trail) -> bool:
        """Whether there is a complaint about that very entry already."""
        place, below = locate(node, trail)
        return any(other is place and under == below for other, under, _ in self._found)


def _spelled(place: Place, below: Trail, message: str) -> str:
    path = Place(place.file, place.line, (*place.trail, *below)).path()
    return f"{place}: {path}: {message}" if path else f"{place}: {message}"


def locate(node: object, trail: Trail) -> tuple[Place, Trail]:
    """The place of the deepest existing entry on a trail, and the steps that lead no further."""
    if not isinstance(node, Map | Seq):
        raise TypeError("only a map or a list has a place")
    place = node.marks.at
    for depth, step in enumerate(trail):
        if not isinstance(node, Map | Seq) or step not in node.marks.places:
            return place, trail[depth:]
        place = node.marks.places[step]
        node = node[step]  # type: ignore[index]
    return place, ()


def nearest(word: str, words: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the closest of the words, or nothing."""
    near = get_close_matches(word, list(words), 1)
    return f"; did you mean '{near[0]}'?" if near else ""


def read_yaml(
    path: Path,
    label: str,
    complaints: Complaints,
    *,
    included: bool = False,
    text: str | None = None,
) -> YamlFile:
    """Read a YAML 1.2 file.

    Args:
        path: The file.
        label: How messages name it.
        complaints: Takes duplicate keys, keys that are no names, and tags of other tools.
        included: Whether the file holds monitors rather than a project.
        text: What is in it; None reads it.

    Returns:
        `root` is None for an empty file, else a scalar, a `Map` or a `Seq`.

    Raises:
        ConfigError: When the file cannot be read or is not YAML.
    """
    try:
        text = path.read_text("utf-8-sig") if text is None else text
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{label}: cannot be read: {reason}") from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    file = YamlFile(path, label, text, included=included)
    root: object = None
    try:
        node = compose(file.text)
        if node is not None:
            root = _Reader(file, complaints).value(node, Place(file, 1))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{label}:{mark.line + 1}" if mark else label
        problem = _problem(error, mark)
        if mark and "${" in file.text.split("\n")[mark.line]:
            problem += "; put ${...} in quotes"
        raise ConfigError(f"{where}: not valid YAML: {problem}") from None
    except (YAMLError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else _said(error)
        at = getattr(error, "position", None)
        where = label if at is None else f"{label}:{file.line(at)}"
        raise ConfigError(f"{where}: not valid YAML: {reason}") from None
    file.listed = isinstance(root, Seq)
    file.names = _names(root if included else root.get("monitors") if isinstance(root, Map) else ())
    return replace(file, root=root)


def _problem(error: MarkedYAMLError, mark: Any) -> str:
    """What is wrong, in the words of the parser, and where it began or what usually helps."""
    problem = str(error.problem or error.context)
    begun = error.context_mark
    if begun is not None and mark is not None and begun.line != mark.line:
        problem += f" ({error.context}, which begins on line {begun.line + 1})"
    if "\\t" in problem:
        return f"{problem}; YAML indents with spaces, never with tabs"
    if "<block end>" in problem or "mapping values are not allowed" in problem:
        return f"{problem}; keys of one map must begin in the same column"
    return problem


def _said(error: YAMLError) -> str:
    """What is wrong where no place is marked, on one line."""
    return str(error).strip().splitlines()[0]


class _Reader:
    """Turns the nodes of one file into values."""

    def __init__(self, file: YamlFile, complaints: Complaints) -> None:
        self.file = file
        self.complaints = complaints
        self.open: list[Node] = []  # the nodes around the current one: an alias may close a circle

    def value(self, node: Node, place: Place) -> object:
        """What a node holds."""
        if node in self.open:
            self.complaints.at(place, "an alias that holds itself")
            return None
        if len(self.open) > DEEPEST:
            raise RecursionError
        if not str(node.tag).startswith(_STANDARD_TAGS):
            self.complaints.at(place, f"the tag {node.tag} means nothing here")
        if isinstance(node, SCALARS):
            return node.value if node.tag == _TEXT_TAG else _scalar(node.value)
        self.open.append(node)
        made: object = None
        if isinstance(node, MAPS):
            made = self.map(node, place)
        elif isinstance(node, SEQUENCES):
            made = Seq(Marks(place))
            for index, item in enumerate(node.value):
                below = place.then(index, self.line(item))
                made.marks.places[index] = below
                made.append(self.value(item, below))
        self.open.pop()
        return made

    def map(self, node: MappingNode, place: Place) -> Map:
        """A map, with those it takes in by `<<`."""
        start, end = node.start_mark, node.end_mark
        made = Map(Marks(place, span=(start.index, end.index, start.column)))
        merged: list[object] = []
        for key, value in node.value:
            line = self.line(key)
            if key.tag == _MERGE_TAG:
                found = self.value(value, place)
                merged += found if isinstance(found, Seq) else [found]
            elif not isinstance(key, SCALARS):
                self.complaints.at(Place(self.file, line, place.trail), "a key must be a name")
            elif key.value in made:
                first = made.marks.places[key.value].line
                below = place.then(key.value, line)
                self.complaints.at(below, f"the key stands twice; first on line {first}")
            else:
                made.marks.places[key.value] = place.then(key.value, line)
                made[key.value] = self.value(value, made.marks.places[key.value])
        for other in merged:
            if isinstance(other, Map):
                made = merge(other, made, deep=False)
            else:
                self.complaints.at(place, "<< takes a map or a list of maps")
        return made

    def line(self, node: Node) -> int:
        """The line, from 1, a node begins on."""
        return self.file.line(node.start_mark.index)


def _scalar(text: str) -> object:
    """A plain scalar by YAML 1.2's core schema."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return bool(_TRUE.fullmatch(text))
    if _INT.fullmatch(text) and len(text) < 1000:  # Python refuses to read longer ones
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if _FLOAT.fullmatch(text):
        return float(re.sub(r"\.(?=[iInN])", "", text))
    return text


_PLAIN: Final = re.compile(r"(?:\.{0,2}/)*[a-z_][\w./*-]*", re.ASCII | re.IGNORECASE)


def spell(text: str) -> str:
    """A text in YAML: as it is where it is sure to be read as text, else as JSON, which is YAML."""
    if _PLAIN.fullmatch(text) and text.lower() not in ("true", "false", "null"):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(each if printable(each) else f"\\U{ord(each):08x}" for each in quoted)


def printable(character: str) -> bool:
    """Whether a character may stand in a YAML file as it is."""
    kind = unicodedata.category(character)
    return kind[0] != "C" and kind not in ("Zl", "Zp")


def source_text(node: Map) -> str:
    """The map as its file has it, moved to the left edge, without what follows it."""
    start, end, column = node.marks.span
    first, *rest = node.marks.at.file.text[start:end].split("\n")
    # A line that stands further left than the map is a comment or the inside of a flow map.
    lines = [first, *(line[min(column, len(line) - len(line.lstrip())) :] for line in rest)]
    indents = [column, *(len(line) - len(line.lstrip()) for line in rest)]
    while len(lines) > 1 and (not lines[-1].strip() or _trails(lines[-1], indents[-1], column)):
        lines.pop()
        indents.pop()
    return "\n".join(lines).rstrip() + "\n"


def _trails(line: str, indent: int, column: int) -> bool:
    """Whether a last line is a comment on what comes after a map at `column`."""
    return indent < column and line.lstrip().startswith("#")


def merge(under: Map, over: Map, *, deep: bool = True) -> Map:
    """`over` laid on `under`: its entries win, maps in both are merged (`deep`), lists replaced."""
    marks = Marks(over.marks.at, span=over.marks.span)
    for node in (under, over):
        marks.places |= node.marks.places
        for key in node:
            marks.written.pop(key, None)
        marks.written |= node.marks.written
    values: dict[str, object] = {**under, **over}
    for key in under.keys() & over.keys():
        low, high = under[key], over[key]
        if deep and isinstance(low, Map) and isinstance(high, Map):
            values[key] = merge(low, high)
    return Map(marks, values)


def put(node: Map, key: str, value: object, place: Place) -> None:
    """Set an entry of a map that stands elsewhere."""
    node[key] = value
    node.marks.places[key] = place


def planted(value: object, place: Place) -> object:
    """Plain maps and lists that came from elsewhere, as if all of them stood at one place."""
    if isinstance(value, Mapping):
        node = Map(Marks(place))
        for key, each in value.items():
            put(node, str(key), planted(each, place), place)
        return node
    if isinstance(value, list):
        marks = Marks(place, dict.fromkeys(range(len(value)), place))
        return Seq(marks, [planted(each, place) for each in value])
    return value


def cut(node: Map, key: str) -> bool:
    """Whether an entry, or something directly in it, was wrong and was taken out."""
    below = node.get(key)
    return key in node.marks.cut or (isinstance(below, Map | Seq) and bool(below.marks.cut))


def _close_gap(kept: dict[Step, Any], gone: int) -> None:
    """Move what is kept by index to where the items are after one is gone."""
    moved: dict[Step, Any] = {
        at - (at > gone): value for at, value in kept.items() if isinstance(at, int) and at != gone
    }
    kept.clear()
    kept.update(moved)


def remove(node: Map | Seq, step: Step) -> None:
    """Take one entry out of a map or list, if it is there."""
    marks = node.marks
    marks.cut.add(step)
    if isinstance(node, Map):
        node.pop(str(step), None)
        marks.places.pop(step, None)
    elif isinstance(step, int) and step < len(node):
        del node[step]
        for kept in (marks.places, marks.written):
            _close_gap(kept, step)


def _names(monitors: object) -> list[str | None]:
    """Names of monitors, as far as they have any, for paths in messages."""
    found = monitors if isinstance(monitors, Seq) else [monitors]
    names = (each.get("name") if isinstance(each, Map) else None for each in found)
    return [name if isinstance(name, str) and name else None for name in names]
