"""YAML that says why: entries with their comments above them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from driftline.engine.yaml_file import printable, spell

WIDTH: Final = 100
# What `${` is written as where the text itself has it: no variable is meant.
_DOLLAR: Final = "${DOLLAR:-$}{"


@dataclass
class Entry:
    """A key with its value: text as the file has it, entries below it, or a list of such maps."""

    key: str
    value: str | list[Entry] | list[list[Entry]]
    notes: list[str] = field(default_factory=list)


def written(entries: Sequence[Entry], indent: int = 0) -> list[str]:
    """The lines of a map."""
    lines: list[str] = []
    for each in entries:
        lines += comment(each.notes, indent)
        head = f"{' ' * indent}{spell(each.key)}:"
        if isinstance(each.value, str):
            lines.append(f"{head} {each.value}")
            continue
        lines.append(head)
        for inner in each.value:
            if isinstance(inner, Entry):
                lines += written([inner], indent + 2)
                continue
            first, *rest = written(inner, indent + 4)
            lines += [f"{' ' * (indent + 2)}- {first.lstrip()}", *rest]
    return lines


def comment(notes: Sequence[str], indent: int = 0) -> list[str]:
    """Comments, each from a line of its own on, wrapped; no character of theirs ends a line.

    Blanks that one begins with are kept: what is meant to be YAML stays in its columns.
    """
    lines: list[str] = []
    for note in notes:
        plain = "".join(each if printable(each) else " " for each in note)
        wrapped = textwrap.wrap(
            plain.lstrip(),
            max(WIDTH - indent - 2, 40),
            initial_indent=" " * (len(plain) - len(plain.lstrip())),
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines += [f"{' ' * indent}# {line}" for line in wrapped]
    return lines


def flow(value: object) -> str:
    """A value on one line: text, numbers, true, false, null, and lists and maps of them."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{spell(str(k))}: {flow(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    return repr(value) if isinstance(value, int | float) else spell(literal(str(value)))


def literal(text: str) -> str:
    """A text in which no variable is meant, so that the file's reader leaves it as it is."""
    return text.replace("${", _DOLLAR)
