"""Read the comment header of a metric's SQL file: its contract, parsed and tested.

A header is the title line `-- name: title`, a bare `--`, then keys in this order, each continued
on lines that keep the indent:

    -- defines  the formula, with the letters the last SELECT uses
    -- reads    the relations it selects from, comma separated
    -- param    name: type = default in range; meaning          (none, one or several)
    -- returns  the columns that come back, with unit and range
    -- nulls    what it does with missing values
    -- source   where the definition comes from
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from driftline.engine.errors import TemplateError

KEYS: Final = ("defines", "reads", "param", "returns", "nulls", "source")

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
    """What the head of a metric's SQL file promises; text fields are single paragraphs."""

    name: str
    title: str
    defines: str
    reads: tuple[str, ...]
    params: tuple[Param, ...]
    returns: str
    nulls: str
    source: str


def parse_header(text: str, *, file: str) -> Header:
    """Parse the header of a metric's SQL text.

    Args:
        text: The whole file.
        file: Its path, for messages.

    Raises:
        TemplateError: When the title line or a key is missing, unknown or out of order.
    """
    lines = text.splitlines()
    title = _TITLE.match(lines[0]) if lines else None
    if title is None:
        raise TemplateError(f"{file}, line 1: expected '-- name: title'")
    found: list[tuple[str, str]] = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.startswith("--"):
            break
        if line.rstrip() == "--":
            continue
        key = _KEY.match(line)
        more = _MORE.match(line)
        if key is not None and key["key"] in KEYS:
            found.append((key["key"], key["text"]))
        elif more is not None and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {more['text']}")
        else:
            known = ", ".join(KEYS)
            raise TemplateError(f"{file}, line {number}: expected one of {known}")
    order = [KEYS.index(key) for key, _ in found]
    missing = [key for key in KEYS if key != "param" and key not in dict(found)]
    if missing or order != sorted(order):
        what = f"no {missing[0]!r} line" if missing else "its keys are out of order"
        raise TemplateError(f"{file}: the header has {what}")
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
    )


def _param(text: str, file: str) -> Param:
    match = _PARAM.match(text)
    if match is None:
        raise TemplateError(
            f"{file}: param {text!r} is not 'name: type = default in range; meaning'"
        )
    default = float(match["default"])
    return Param(match["name"], match["type"], default, match["range"], match["meaning"])
