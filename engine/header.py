"""Read the comment header of a metric's SQL file: its contract, parsed and tested.

A header is the title line `-- name: title`, a bare `--`, then keys in this order, each continued
on lines that keep the indent:

    -- defines  the formula, with the letters the last SELECT uses
    -- reads    the relations it selects from, comma separated
    -- param    name: type = default in range; meaning          (none, one or several)
    -- returns  the columns that come back, with unit and range
    -- nulls    what it does with missing values
    -- source   where the definition comes from

That of a project's own metric goes on, as the catalogue does for others:

    -- types    numerical, categorical, or both
    -- worse    higher or lower (or `direction`); higher when left out
    -- default  the threshold of a signal that gives none, such as 0.1
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from driftline.engine.errors import TemplateError

KEYS: Final = ("defines", "reads", "param", "returns", "nulls", "source")
OWN_KEYS: Final = ("types", "worse", "direction", "default")
_OPTIONAL: Final = frozenset(("param", "worse", "direction", "default"))

_TITLE = re.compile(r"^-- ([a-z][a-z0-9_]*): (.+)$")
_KEY = re.compile(r"^-- (?P<key>[a-z]+) +(?P<text>\S.*)$")
_MORE = re.compile(r"^--  +(?P<text>\S.*)$")
_PARAM = re.compile(
    r"^(?P<name>[a-z_]+): (?P<type>float|int) = (?P<default>\S+) "
    r"in (?P<range>[\[(][^\])]+[\])]); (?P<meaning>.+)$"
)


@dataclass(frozen=True)
class Param:
    """One number a metric's SQL takes: `default` unless the project says otherwise."""

    name: str
    type: str
    default: float
    range: str
    meaning: str


@dataclass(frozen=True)
class Header:
    """What the head of a metric's SQL file promises; text fields are single paragraphs.

    Attributes:
        own: Of a project's own metric, what its catalogue line is made of.
    """

    name: str
    title: str
    defines: str
    reads: tuple[str, ...]
    params: tuple[Param, ...]
    returns: str
    nulls: str
    source: str
    own: Mapping[str, str] = field(default_factory=dict)


class HeaderError(TemplateError):
    """A header that is not well formed; `line` counts from 1."""

    def __init__(self, file: str, line: int, told: str, *, whole: bool = False) -> None:
        place = f"{file}: the header" if whole else f"{file}, line {line}:"
        super().__init__(f"{place} {told}")
        self.line = line
        self.told = f"the header {told}" if whole else told


def parse_header(text: str, *, file: str, own: bool = False) -> Header:
    """Parse the header of a metric's SQL text.

    Args:
        text: The whole file.
        file: Its path, for messages.
        own: Whether it is a project's own metric, whose header has `OWN_KEYS` too.

    Raises:
        HeaderError: When the title line or a key is missing, unknown or out of order.
    """
    lines = text.splitlines()
    title = _TITLE.match(lines[0]) if lines else None
    if title is None:
        raise HeaderError(file, 1, "expected '-- name: title'")
    keys = (*KEYS, *(OWN_KEYS if own else ()))
    number = 1
    found: list[tuple[str, str]] = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.startswith("--"):
            break
        if line.rstrip() == "--":
            continue
        key = _KEY.match(line)
        more = _MORE.match(line)
        if key is not None and key["key"] in keys:
            found.append((key["key"], key["text"]))
        elif more is not None and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {more['text']}")
        else:
            raise HeaderError(file, number, f"expected one of {', '.join(keys)}")
    order = [keys.index(key) for key, _ in found]
    missing = [key for key in keys if key not in _OPTIONAL and key not in dict(found)]
    if missing or order != sorted(order):
        what = f"no {missing[0]!r} line" if missing else "its keys are out of order"
        raise HeaderError(file, number, f"has {what}", whole=True)
    once = dict(found)
    return Header(
        name=title[1],
        title=title[2],
        defines=once["defines"],
        reads=tuple(part.strip() for part in once["reads"].split(",")),
        params=tuple(_param(body, file) for key, body in found if key == "param"),
        returns=once["returns"],
        nulls=once["nulls"],
        source=once["source"],
        own={key: once[key] for key in OWN_KEYS if key in once},
    )


def _param(text: str, file: str) -> Param:
    match = _PARAM.match(text)
    if match is None:
        told = f"has a param {text!r} that is not 'name: type = default in range; meaning'"
        raise HeaderError(file, 1, told, whole=True)
    default = float(match["default"])
    return Param(match["name"], match["type"], default, match["range"], match["meaning"])
