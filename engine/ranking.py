"""What importances say: the rows that metrics of them read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from driftline.engine.baseline import Importances
from driftline.engine.features import selected
from driftline.engine.plan import Plan

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
