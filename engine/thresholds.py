"""The threshold grammar: what the text after a metric's name means.

    null                       measure, never judge
    0.1, 5%                    a failure beyond it, on the side the metric calls worse
    {max: 0.1}                 a failure beyond that limit: one of max, min, increase, decrease
    {min: 100, max: 900}       or one on each side
    {warn: 0.1, fail: 0.25}    two levels, each a number or a limit

A percentage under `increase` or `decrease` is a share of the reference's own value; elsewhere 5% is
0.05.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from difflib import get_close_matches
from typing import Final, get_args

from driftline.engine.catalog import Kind
from driftline.engine.project import Bound, Threshold

__all__ = [
    "KINDS",
    "LEVELS",
    "ThresholdError",
    "parse_threshold",
    "percentage",
    "write_threshold",
]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
LEVELS: Final = ("warn", "fail")
RELATIVE: Final = ("increase", "decrease")
SIDES: Final = (("max", "increase"), ("min", "decrease"))

_NUMBER: Final = re.compile(
    r"\s*(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<percent>%?)\s*", re.ASCII
)


class ThresholdError(ValueError):
    """A threshold that is not in the grammar; `path` leads to the part that is wrong."""

    def __init__(self, message: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.path = path


def parse_threshold(value: object, bare: Kind) -> Threshold:
    """Read a threshold.

    Args:
        value: None, a number, a percentage as text, or a map as the module's docstring shows.
        bare: What a number without a word means for the metric.

    Returns:
        Both levels None where nothing is to be judged. Amounts are finite; those of `increase` and
        `decrease` are 0 or more.

    Raises:
        ThresholdError: When the value is not in the grammar.
    """
    if not isinstance(value, Mapping) or not any(key in LEVELS for key in value):
        return Threshold(fail=_limit(value, bare, ()))
    _known(value, LEVELS)
    return Threshold(**{level: _limit(limit, bare, (level,)) for level, limit in value.items()})


def write_threshold(threshold: Threshold) -> dict[str, object] | None:
    """Spell a threshold in full, so that `parse_threshold` gives it back."""
    levels = ((level, getattr(threshold, level)) for level in LEVELS)
    return {level: _write(bound) for level, bound in levels if bound is not None} or None


def percentage(share: float) -> str:
    """A share as a percentage, digit by digit."""
    return f"{(Decimal(repr(share)) * 100).normalize():f}%"


def _limit(value: object, bare: Kind, path: tuple[str, ...]) -> Bound | None:
    """Read one level: None, an amount on its own, or an amount under the word for its kind."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        return _bound(value, bare, path, relative=False)
    _known(value, KINDS if path else (*LEVELS, *KINDS), path)
    if not value or any(value.keys() >= set(side) for side in SIDES):
        raise ThresholdError("give one of max and increase, one of min and decrease, or both", path)
    bounds = [
        _bound(amount, kind, (*path, kind), relative=kind in RELATIVE)
        for kind, amount in value.items()
    ]
    return replace(bounds[0], other=bounds[1] if len(bounds) > 1 else None)


def _bound(value: object, kind: Kind, path: tuple[str, ...], *, relative: bool) -> Bound:
    """Read an amount; `relative` makes a percentage a share of the reference's value."""
    amount, percent = _amount(value, path)
    if kind in RELATIVE and amount < 0:
        raise ThresholdError(f"{value} is negative; {kind} counts from 0", path)
    return Bound(kind, amount, relative and percent)


def _amount(value: object, path: tuple[str, ...]) -> tuple[float, bool]:
    """(number, whether it was written as a percentage)."""
    match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        # Decimal, because 7 / 100 * 100 in binary is not 7.
        number = Decimal(match["number"])
        percent = bool(match["percent"])
        amount = float(number / 100 if percent else number)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        percent = False
        try:
            amount = float(value)
        except OverflowError:
            amount = math.inf
    else:
        shown = f"'{value}'" if isinstance(value, str) else "this"
        raise ThresholdError(f"{shown} is not a number or a percentage such as 5%", path)
    if not math.isfinite(amount):
        raise ThresholdError(f"{value} is not a finite number", path)
    return amount, percent


def _known(
    value: Mapping[object, object], keys: tuple[str, ...], path: tuple[str, ...] = ()
) -> None:
    """Refuse the first key that is not one of `keys`."""
    for key in value:
        if key not in keys:
            near = get_close_matches(str(key), keys, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"use one of {', '.join(keys)}"
            raise ThresholdError(f"unknown key '{key}'; {hint}", (*path, str(key)))


def _write(bound: Bound) -> dict[str, object]:
    return {
        side.kind: f"{Decimal(repr(side.amount)) * 100:f}%" if side.relative else side.amount
        for side in bound.sides
    }
