"""What importances say: the rows that metrics of them read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from driftline.engine.baseline import Importances
from driftline.engine.features import Watched, selected
from driftline.engine.plan import Plan
from driftline.engine.project import Signal

# Sums differ in their last digits from engine to engine: what is alike in so many is alike.
DIGITS: Final = 12
MOST_NAMED: Final = 8

# By the id of their source, scan and window.
Found = Mapping[tuple[int, int, int], Importances]


def importance_rows(plan: Plan, found: Found) -> list[dict[str, Any]]:
    """Rows of `importances`: each feature of each signal about importances, on both sides.

    Args:
        plan: The plan.
        found: What was read.
    """
    rows = []
    for signal in plan.attribution_signals:
        attributed = plan.attributed(signal.attribution)
        assert attributed is not None
        scan = plan.scan_of(signal.reference)
        chosen = plan.monitor.selection_of(signal)
        for pair in plan.pairs:
            if pair.reference_scan != scan.id:
                continue
            before = found.get((attributed.id, scan.id, pair.reference_window), {})
            after = found.get((attributed.id, plan.production.id, pair.window_id), {})
            for name in dict.fromkeys((*before, *after)):
                if not selected(chosen, name):
                    continue
                (n, reference), (m, production) = before.get(name, NONE), after.get(name, NONE)
                rows.append(
                    {
                        "signal": signal.name,
                        "pair": pair.id,
                        "feature": name,
                        "reference": rounded(reference),
                        "production": rounded(production),
                        "n_reference": n,
                        "n_production": m,
                    }
                )
    return rows


def narrowed(
    plan: Plan, types: Mapping[int, str | None], found: Found, failed: Mapping[int, str]
) -> Plan:
    """A plan whose signals watch the most important features only, where they are told to.

    Args:
        plan: The plan.
        types: Feature type by id, None where a feature is left out of drift: others take its place.
        found: What was read.
        failed: Id of a source of importances to what the warehouse said: then all features stay.

    Returns:
        The plan with the signals of features left out taken from them, and the reason.
    """
    for signal in plan.monitor.signals:
        attributed = plan.attributed(plan.monitor.ranking_of(signal))
        if signal.name not in plan.signals or attributed is None:
            continue
        scan = plan.scan_of(signal.reference)
        pair = next(pair for pair in plan.pairs if pair.reference_scan == scan.id)
        order = ranked(found.get((attributed.id, scan.id, pair.reference_window), {}))
        if not order:
            why = failed.get(attributed.id, "the reference has no importances")
            warning = f"signal {signal.name} watches all features instead of the first few: {why}"
            plan = replace(plan, warnings=(*plan.warnings, warning))
        else:
            plan = _first_few(plan, signal, types, order)
    return plan


def _first_few(
    plan: Plan, signal: Signal, types: Mapping[int, str | None], order: Sequence[tuple[str, float]]
) -> Plan:
    """A plan of which one signal watches the first usable features of an order."""
    most = plan.monitor.selection_of(signal).top_n
    assert most is not None
    watching = {
        item.name.casefold(): item
        for item in plan.watched
        if signal.name in item.signals and item.role in ("feature", "excluded")
    }
    places = {name.casefold(): (k, value) for k, (name, value) in enumerate(order, 1)}
    aside = {name.casefold() for name in plan.left_alone}
    kept: set[str] = set()
    usable = 0
    for name in places:
        item = watching.get(name)
        if usable == most:
            break
        if item is None:
            # what is not selected keeps the place it has in the whole
            usable += name in aside
            continue
        # one that is missing or left out stays what it is, and takes nobody's place
        kept.add(name)
        usable += item.id >= 0 and types.get(item.id) is not None

    def left(item: Watched) -> Watched:
        name = item.name.casefold()
        if name not in watching or name in kept:
            return item
        place, value = places.get(name, (None, None))
        told = (
            f"rank {place} of {len(order)} by importance {value:.3g}" if place else "no importance"
        )
        reason = f"{signal.name} watches the first {most}: {told}"
        signals = tuple(each for each in item.signals if each != signal.name)
        return replace(item, signals=signals, reason=_and(item.reason, reason))

    return replace(plan, watched=tuple(left(item) for item in plan.watched))


def _and(first: str | None, second: str) -> str:
    return second if first is None else f"{first}; {second}"


def ranks(plan: Plan, found: Found) -> dict[str, tuple[float, int]]:
    """Importance and rank, from 1, of features by their names in lower case; of the first source.

    Args:
        plan: The plan.
        found: What was read.
    """
    for attributed in plan.attributions:
        for pair in plan.pairs:
            told = found.get((attributed.id, pair.reference_scan, pair.reference_window))
            if told is not None and pair.reference_scan in attributed.scans:
                order = ranked(told)
                return {name.casefold(): (value, k) for k, (name, value) in enumerate(order, 1)}
    return {}


def ranked(told: Importances) -> list[tuple[str, float]]:
    """Features with an importance, the most important first, those alike by name."""
    known = [(name, rounded(value)) for name, (_, value) in told.items()]
    return sorted(
        ((name, value) for name, value in known if value is not None),
        key=lambda each: (-each[1], each[0]),
    )


NONE: Final[tuple[int, float | None]] = (0, None)


def rounded(x: float | None) -> float | None:
    """A number to `DIGITS` significant digits."""
    return None if x is None else float(f"{x:.{DIGITS - 1}e}")


def why_no_order(rows: Sequence[Mapping[str, Any]]) -> str:
    """Why two sides' importances are not compared.

    Args:
        rows: Of `importances`, of one signal and pair.
    """
    sides = (("the reference", "reference"), ("production", "production"))
    silent = [told for told, side in sides if all(row[side] is None for row in rows)]
    if silent:
        return f"{' and '.join(silent)} {'have' if len(silent) > 1 else 'has'} no importances"
    parts = [
        f"{told} has no importance of {listed(names)}"
        for told, side in sides
        if (names := [row["feature"] for row in rows if row[side] is None])
    ]
    if parts:
        return f"the features differ: {'; '.join(parts)}"
    if len(rows) < 2:
        return f"{rows[0]['feature']} is the only feature, and one has no order"
    parts = [
        f"{told}'s importance of {listed(names)} is negative"
        for told, side in sides
        if (names := [row["feature"] for row in rows if row[side] < 0])
    ]
    if parts:
        return "; ".join(parts)
    zero = [told for told, side in sides if not any(row[side] for row in rows)]
    return f"all importances of {' and '.join(zero)} are zero"


def listed(names: Sequence[str]) -> str:
    """A few names, and how many more there are."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
