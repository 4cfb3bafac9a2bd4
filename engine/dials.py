"""Limits that can be moved, as numbers that a person would write. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final

from driftline.engine.catalog import Kind, Metric
from driftline.engine.check import Asked
from driftline.engine.commented import flow
from driftline.engine.project import Bound, Threshold
from driftline.engine.results import ALL
from driftline.engine.thresholds import LEVELS, percentage

# Digits that a person would write.
DIGITS: Final = 2
# From this share of a metric's best on, digits are those of the distance to it: 0.987.
NEAR_BEST: Final = 0.9


@dataclass(frozen=True, order=True)
class Spot:
    """What one threshold of the file decides.

    Attributes:
        signal: The signal; empty where it is of a feature's settings.
        metric: The metric.
        scopes: Feature types it is for, or `__all__` of what has none.
        feature: The feature whose settings have it; empty of a signal's.
    """

    signal: str
    metric: str
    scopes: tuple[str, ...] = (ALL,)
    feature: str = ""


@dataclass(frozen=True)
class Dial:
    """One limit that can be moved.

    Attributes:
        spot: The threshold it belongs to.
        kind: Its side: `max`, `min`, `increase` or `decrease`.
        threshold: The whole threshold as it is now.
        reference: The reference it compares with; `__all__` is none.
        at: Where it is among the limits.
    """

    spot: Spot
    kind: Kind
    threshold: Threshold
    reference: str
    at: int

    @property
    def level(self) -> str:
        """The level that opens incidents: the stricter one that has this side."""
        found = [name for name in LEVELS if self.bound(name) is not None]
        return min(found, key=lambda name: _looseness(self.bound(name), self.kind))

    @property
    def amount(self) -> float:
        """The limit of that level as the file has it; a share where it is relative."""
        bound = self.bound(self.level)
        assert bound is not None
        return bound.amount

    @property
    def is_relative(self) -> bool:
        """Whether the amount is a share of the reference's own value."""
        bound = self.bound(self.level)
        return bound is not None and bound.relative

    def bound(self, level: str) -> Bound | None:
        """The limit of a level on this side."""
        whole: Bound | None = getattr(self.threshold, level)
        sides = () if whole is None else whole.sides
        return next((side for side in sides if side.kind == self.kind), None)


def _looseness(bound: Bound | None, kind: Kind) -> float:
    amount = 0.0 if bound is None else bound.amount
    return -amount if kind == "min" else amount


def moved(threshold: Threshold, dial: Dial, amount: float) -> Threshold:
    """A threshold with one limit moved, at both of its levels in proportion.

    Args:
        threshold: The threshold; of other sides than the limit's it keeps what it has.
        dial: The limit as it is now.
        amount: What the level that opens incidents is to be.
    """
    levels: dict[str, Bound | None] = {}
    for name in LEVELS:
        whole: Bound | None = getattr(threshold, name)
        own = dial.bound(name)
        if whole is None or own is None:
            levels[name] = whole
            continue
        new = amount if name == dial.level else _in_proportion(own, dial, amount)
        sides = [replace(s, amount=new) if s.kind == dial.kind else s for s in whole.sides]
        first, *rest = (replace(side, other=None) for side in sides)
        levels[name] = replace(first, other=rest[0]) if rest else first
    return Threshold(levels["fail"], levels["warn"])


def spelled(threshold: Threshold, bare: Kind) -> str:
    """A threshold as a person writes it: a number alone where that says it."""
    return flow(shortest(threshold, bare))


def shortest(threshold: Threshold, bare: Kind) -> object:
    """A threshold as a value of the file: a number alone where that says it.

    Args:
        threshold: The threshold.
        bare: What a number without a word means for its metric.
    """
    levels = {
        name: _limits(level, bare)
        for name in LEVELS
        if (level := getattr(threshold, name)) is not None
    }
    return levels.get("fail") if levels.keys() <= {"fail"} else levels


def _limits(bound: Bound, bare: Kind) -> object:
    found = {side.kind: written_amount(side.amount, percent=side.relative) for side in bound.sides}
    alone = len(found) == 1 and bare in found and not bound.relative
    return found[bare] if alone else found


def written_amount(amount: float, *, percent: bool) -> int | float | str:
    """A number as the file has it."""
    if percent:
        return percentage(amount)
    return int(amount) if amount == int(amount) and abs(amount) < 1e15 else amount


def _in_proportion(own: Bound, dial: Dial, amount: float) -> float:
    """The limit of the level that does not open incidents, as far from the other as before."""
    old = dial.amount
    if amount == old:
        return own.amount
    far = own.amount * amount / old if own.amount * old > 0 else own.amount + amount - old
    near = rounded(far, dial.kind, None)
    return min(near, amount) if dial.kind == "min" else max(near, amount)


def alone(dial: Dial, amount: float) -> Threshold:
    """The limit without what the threshold has on another side."""
    whole = moved(dial.threshold, dial, amount)
    found: dict[str, Bound | None] = dict.fromkeys(LEVELS)
    for name in LEVELS:
        level: Bound | None = getattr(whole, name)
        for side in () if level is None else level.sides:
            if side.kind == dial.kind:
                found[name] = replace(side, other=None)
    return Threshold(found["fail"], found["warn"])


def rounded(value: float, kind: Kind, metric: Metric | None) -> float:
    """The strictest number that a person would write and that the value is not beyond."""
    exact = Decimal(repr(float(value)))
    high = math.inf if metric is None else metric.high
    if kind == "min" and math.isfinite(high) and high > 0 and value > NEAR_BEST * high:
        best = Decimal(repr(high))
        found = best - _cut(best - exact, ROUND_CEILING)
    else:
        found = _cut(exact, ROUND_FLOOR if kind == "min" else ROUND_CEILING)
    return float(found)


def _cut(exact: Decimal, way: str) -> Decimal:
    """A number cut to so many significant digits."""
    if not exact:
        return exact
    return exact.quantize(Decimal(1).scaleb(exact.adjusted() - DIGITS + 1), rounding=way)


def next_number(amount: float, kind: Kind, metric: Metric, *, looser: bool) -> float:
    """The next number that a person would write."""
    exact = Decimal(repr(amount))
    near = kind == "min" and math.isfinite(metric.high) and amount > NEAR_BEST * metric.high
    of = Decimal(repr(metric.high)) - exact if near else exact
    unit = Decimal(1).scaleb((of.adjusted() if of else -3) - DIGITS + 1)
    up = looser != (kind == "min")
    # towards zero the digits of the next number are finer, unless it is no power of ten
    if abs(of) == Decimal(1).scaleb(of.adjusted()) and of and (up != (of > 0)) != near:
        unit /= 10
    return float(exact + unit if up else exact - unit)


def reaches_of(row: Mapping[str, Any], how: Asked, dial: Dial, metric: Metric) -> list[float]:
    """Amounts at which the row is at the limit: by its value first, and by what else decides."""
    decides = [row["value"]]
    if row["_has_p"] and metric.test is not None:
        decides.append(row["q_value"])
    elif row["_has_p"] and how.alert_when == "confident":
        decides.append(row["ci_low" if dial.kind in ("max", "increase") else "ci_high"])
    found = [_reach(each, row["reference_value"], dial) for each in decides]
    if found[0] is None:
        return []
    return [each for each in found if each is not None]


def _reach(value: float | None, reference: float | None, dial: Dial) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    if dial.kind in ("max", "min"):
        return value
    if reference is None or (dial.is_relative and reference == 0):
        return None
    way = value - reference if dial.kind == "increase" else reference - value
    return max(0.0, way / abs(reference) if dial.is_relative else way)


def kinds_of(threshold: Threshold) -> tuple[Kind, ...]:
    """The sides of a threshold, at whichever level."""
    levels = (threshold.fail, threshold.warn)
    return tuple(dict.fromkeys(side.kind for level in levels if level for side in level.sides))
