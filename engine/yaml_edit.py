"""Changes to a YAML file that leave all else as it is: comments, order, quotes, blanks, line ends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from driftline.engine.commented import flow
from driftline.engine.thresholds import percentage
from driftline.engine.yaml_file import Trail, YamlFile, spell
from driftline.engine.yaml_nodes import MAPS, SCALARS, SEQUENCES, Node, compose

# A number with what may stand before and around it: an anchor, quotes, a percent sign.
_WRITTEN: Final = re.compile(
    r"(?P<head>(?:&\S+\s+)?(?P<quote>[\"']?)\s*)(?P<number>[-+.\d][-+.\deE]*\s*%?)(?P<tail>\s*(?P=quote))"
)
# Longer maps get a line an entry.
_WIDTH: Final = 100


class CannotEdit(ValueError):
    """A change that cannot be made by itself; says why, and at which line."""


@dataclass(frozen=True, order=True)
class Edit:
    """Characters of a text, from `start` up to `end`, and what stands there instead."""

    start: int
    end: int
    text: str


class Draft:
    """One file, and what is to be changed in it.

    Args:
        file: The file as it was read.

    Attributes:
        edits: The changes so far that replace something.
    """

    def __init__(self, file: YamlFile) -> None:
        self.file = file
        self.edits: list[Edit] = []
        self._added: dict[Trail, dict[str, Any]] = {}
        self._root = compose(file.text)

    def span(self, trail: Trail) -> tuple[int, int]:
        """Where the value stands that a trail leads to; that of an alias is where it is aliased from."""
        node = self._node(trail)
        return node.start_mark.index, node.end_mark.index

    def number(self, trail: Trail, value: int | float | str) -> None:
        """Replace a number, with its quotes and percent sign as they are.

        Args:
            trail: What leads to it.
            value: The number, or a percentage as text.

        Raises:
            CannotEdit: When something else stands there, such as a variable.
        """
        start, end = self.span(trail)
        written = self.file.text[start:end]
        match = _WRITTEN.fullmatch(written)
        if match is None:
            raise self._cannot(start, f"it is written as {written!r}")
        new = str(value)
        if match["number"].endswith("%") and not new.endswith("%"):
            new = percentage(float(value))
        self._replace(start, end, f"{match['head']}{new}{match['tail']}")

    def listed(self, trail: Trail, values: Mapping[str, object]) -> None:
        """Turn a list of words into a map from them to values, comments and all.

        Raises:
            CannotEdit: When it is not such a list.
        """
        node = self._node(trail)
        start, text = node.start_mark.index, self.file.text
        if not isinstance(node, SEQUENCES) or text[start] in "&!":
            raise self._cannot(start, "it is not a plain list")
        for item in node.value:
            first, end = item.start_mark.index, item.end_mark.index
            if not isinstance(item, SCALARS) or first < start or item.value not in values:
                raise self._cannot(first, "it is not a plain word")
            self._replace(end, end, f": {flow(values[item.value])}")
            if not node.flow_style:
                dash = text.rfind("-", 0, first)
                self._replace(dash, dash + 1, " ")
        if node.flow_style:
            end = node.end_mark.index
            self._replace(start, start + 1, "{")
            self._replace(end - 1, end, "}")

    def add(self, trail: Trail, value: object) -> None:
        """Add an entry, and the maps that lead to it where there are none.

        Raises:
            CannotEdit: When what stands on the way is no map of its own.
        """
        node, depth = self._root, 0
        for depth, step in enumerate(trail):  # noqa: B007 - how far it leads is told after it
            below = self._below(node, step)
            if below is None:
                break
            if below.start_mark.index < node.start_mark.index:
                raise self._cannot(below.start_mark.index, "an anchor shares it with other parts")
            node = below
        else:
            raise self._cannot(node.start_mark.index, "there is an entry of that name")
        is_empty = isinstance(node, SCALARS) and str(node.tag).endswith(":null")
        if not isinstance(node, MAPS) and not is_empty:
            raise self._cannot(node.start_mark.index, "it is no map")
        entries = self._added.setdefault(trail[:depth], {})
        for step in trail[depth:-1]:
            entries = entries.setdefault(str(step), {})
        entries[str(trail[-1])] = value

    def made(self) -> list[Edit]:
        """All changes, in order; none overlaps another.

        Raises:
            CannotEdit: When two do.
        """
        found = sorted({*self.edits, *(self._insertion(t, new) for t, new in self._added.items())})
        for one, other in pairwise(found):
            if other.start < one.end:
                raise self._cannot(other.start, "two changes meet there")
        return found

    def _replace(self, start: int, end: int, text: str) -> None:
        self.edits.append(Edit(start, end, text))

    def _insertion(self, trail: Trail, entries: Mapping[str, object]) -> Edit:
        """What adds entries to the map that a trail leads to."""
        node, text = self._node(trail), self.file.text
        start, end = node.start_mark.index, node.end_mark.index
        if isinstance(node, SCALARS):
            if start < end:
                return Edit(start, end, flow(entries))
            # nothing stands there: its mark is where the next thing begins
            key = self._key(self._node(trail[:-1]), trail[-1])
            at = self._after_colon(key)
            return Edit(at, at, f" {flow(entries)}")
        assert isinstance(node, MAPS)
        if node.flow_style:
            inside = flow(entries)[1:-1]
            at = self._tail(node.value[-1][0], node.value[-1][1]) if node.value else end - 1
            return Edit(at, at, f", {inside}" if node.value else inside)
        indent = int(node.value[0][0].start_mark.column)
        at = text.find("\n", self._tail(*node.value[-1]))
        at = len(text) if at < 0 else at
        return Edit(at, at, "".join(f"\n{line}" for line in _lines(entries, indent)))

    def _tail(self, key: Node, value: Node) -> int:
        """Where an entry of a map ends, without the comments behind it."""
        begun, end = int(key.end_mark.index), int(value.end_mark.index)
        if value.start_mark.index < begun:  # an alias: what it stands for is further up
            rest = re.compile(r"\s*:\s*\*[^\s,}\]]+").match(self.file.text, begun)
            return begun if rest is None else rest.end()
        if isinstance(value, MAPS) and not value.flow_style:
            return self._tail(*value.value[-1])
        if isinstance(value, SCALARS) and end == value.start_mark.index:
            return self._after_colon(key)
        if isinstance(value, SEQUENCES) and not value.flow_style:
            last = value.value[-1]
            return begun if last.start_mark.index < begun else self._tail(key, last)
        return len(self.file.text[:end].rstrip())

    def _after_colon(self, key: Node) -> int:
        return self.file.text.index(":", key.end_mark.index) + 1

    def _key(self, node: Node, step: str | int) -> Node:
        found: list[Node] = [
            key for key, _ in node.value if isinstance(key, SCALARS) and key.value == step
        ]
        if not found:
            raise self._cannot(node.start_mark.index, "an anchor shares it with other parts")
        return found[0]

    def _node(self, trail: Trail) -> Node:
        node: Node = self._root
        for step in trail:
            below = self._below(node, step)
            if below is None:
                raise self._cannot(node.start_mark.index, f"there is no {step!r} in it")
            node = below
        return node

    def _below(self, node: Node, step: str | int) -> Node | None:
        """The value of one entry; of a map also what it takes in by `<<`."""
        if isinstance(node, SEQUENCES):
            items: list[Node] = node.value
            return items[step] if isinstance(step, int) and step < len(items) else None
        if not isinstance(node, MAPS):
            return None
        pairs: list[tuple[Node, Node]] = node.value
        for key, value in pairs:
            if isinstance(key, SCALARS) and key.value == step:
                return value
        for key, value in pairs:
            if str(key.tag).endswith(":merge"):
                several = value.value if isinstance(value, SEQUENCES) else [value]
                for each in several:
                    if (found := self._below(each, step)) is not None:
                        return found
        return None

    def _cannot(self, index: int, why: str) -> CannotEdit:
        return CannotEdit(f"{self.file.label}:{self.file.line(index)}: {why}")


def edited(text: str, edits: list[Edit]) -> str:
    """A text with changes made in it.

    Args:
        text: The text, with whatever line ends it has.
        edits: Changes, in order; their places are those of the text with every line end as one character.
    """
    places = [at for at in range(len(text)) if not (text[at] == "\n" and text[at - 1 : at] == "\r")]
    places.append(len(text))
    first = re.search(r"\r\n|\r|\n", text)
    newline = first[0] if first else "\n"
    parts, done = [], 0
    for each in edits:
        parts += [text[done : places[each.start]], each.text.replace("\n", newline)]
        done = places[each.end]
    return "".join([*parts, text[done:]])


def _lines(entries: Mapping[str, object], indent: int) -> list[str]:
    """Entries of a block map, a line each, and more where one line does not hold them."""
    lines = []
    for key, value in entries.items():
        head = f"{' ' * indent}{spell(key)}:"
        one = f"{head} {flow(value)}"
        deep = isinstance(value, Mapping) and any(
            isinstance(v, Mapping) and v for v in value.values()
        )
        if isinstance(value, Mapping) and value and (deep or len(one) > _WIDTH):
            lines += [head, *_lines(value, indent + 2)]
        else:
            lines.append(one)
    return lines
