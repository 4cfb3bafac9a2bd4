"""Take up baselines that a run can use, and keep what it learned of references."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from driftline.engine import baseline
from driftline.engine.baseline import FROZEN, Baseline, column_key, rows_key
from driftline.engine.execute import Gathered
from driftline.engine.plan import ALL, Plan, Scan
from driftline.engine.project import Monitor, Reference
from driftline.engine.store import Store
from driftline.engine.warehouses.base import Warehouse
from driftline.engine.workbench import Workbench


@dataclass
class Frozen:
    """The baselines of one monitor.

    Attributes:
        usable: Those whose data has not changed, by reference.
        prints: What the data of each reference that can be kept looks like today.
        changed: A sentence for each whose data has changed.
    """

    usable: dict[str, Baseline] = field(default_factory=dict)
    prints: dict[str, str] = field(default_factory=dict)
    changed: tuple[str, ...] = ()


def taken_up(monitor: Monitor, warehouse: Warehouse, store: Store) -> Frozen:
    """The baselines that a run of a monitor can use."""
    frozen = Frozen()
    stored = {each.reference: each for each in stored_baselines(store, monitor.name)}
    changed = []
    for reference in monitor.references:
        key, seen = rows_key(reference), fingerprint(reference, warehouse)
        if key is None or seen is None:
            continue
        frozen.prints[reference.name] = seen
        found = stored.get(reference.name)
        if found is None or found.key != key:
            continue
        if found.fingerprint == seen:
            frozen.usable[reference.name] = found
        else:
            changed.append(
                f"{reference.source.written} has changed since the baseline of reference"
                f" {reference.name} was built, {found.built_at:%Y-%m-%d %H:%M} UTC: it is read anew"
            )
    frozen.changed = tuple(changed)
    return frozen


def fingerprint(reference: Reference, warehouse: Warehouse) -> str | None:
    """What the data of a reference looks like; None where nobody can tell and nothing says it stays."""
    return warehouse.fingerprint(reference.source) or (FROZEN if reference.frozen else None)


def stored_baselines(store: Store, monitor: str | None = None) -> list[Baseline]:
    """All baselines of a monitor, or of all, with what is known of each column."""
    found: dict[tuple[str, str], Baseline] = {}
    columns: dict[tuple[str, str], dict[str, baseline.Column]] = {}
    for row in store.baselines(monitor):
        name = row["monitor"], row["reference"]
        if row["feature"] == ALL:
            found[name] = Baseline(
                *name,
                row["rows_key"],
                row["fingerprint"],
                row["reference_id"],
                row["built_at"],
                row["row_count"],
                columns.setdefault(name, {}),
            )
        elif row["content"] is not None:
            columns.setdefault(name, {})[row["feature"]] = baseline.unpacked(row["content"])
    return [*found.values()]


def learned(
    plan: Plan,
    frozen: Frozen,
    gathered: Gathered,
    bench: Workbench,
    reference_ids: Mapping[str, str],
) -> list[Baseline]:
    """What a run read of references that is worth keeping, a baseline each.

    Args:
        plan: The plan.
        frozen: What was kept already.
        gathered: What was read.
        bench: Holds what was counted.
        reference_ids: What results call each reference.
    """
    found = []
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    for scan in plan.references:
        reference = next(r for r in plan.monitor.references if r.name == scan.reference)
        key = rows_key(reference)
        if key is None or scan.reference not in frozen.prints:
            continue
        columns = _columns(plan, scan, gathered, bench)
        before = frozen.usable.get(scan.reference)
        if before is not None:
            columns = {
                name: column
                for name, column in columns.items()
                if not _covers(before.columns.get(name), column)
            }
        if (
            not columns
            and before is not None
            and before.reference_id == reference_ids.get(scan.reference)
        ):
            continue
        (counted,) = bench.rows(
            f"select sum(row_count)::bigint as n from scan_rows where scan = {scan.id}"
        )
        found.append(
            Baseline(
                plan.monitor.name,
                scan.reference,
                key,
                frozen.prints[scan.reference],
                reference_ids[scan.reference],
                now,
                counted["n"] or 0,
                columns,
            )
        )
    return found


def _covers(before: baseline.Column | None, now: baseline.Column) -> bool:
    """Whether all that is known now was known before; more bins read are no news."""
    if before is None or before.key != now.key or not before.counts.keys() >= now.counts.keys():
        return False
    if now.categories is not None and before.categories is None:
        return False
    if now.numbers is None:
        return True
    return (
        before.numbers is not None
        and baseline.regridded(before.numbers, now.numbers.grid) is not None
    )


def counted_columns(
    plan: Plan, scan: Scan, gathered: Gathered, bench: Workbench
) -> dict[str, baseline.Column]:
    """What was counted of the columns of a scan's own table, by feature.

    Args:
        plan: The plan.
        scan: A reference, or production with one window.
        gathered: What was read.
        bench: Holds what was counted.
    """
    counts: dict[int, dict[str, int]] = {}
    for table, names in (
        ("filled", ("filled", "misfits")),
        ("asked", ("zeros", "empty_texts", "distinct_values", "whole_values")),
    ):
        for row in bench.rows(f"from {table} where scan = {scan.id}"):
            told = {name: row[name] for name in names if row[name] is not None}
            if "misfits" in told:
                told["fitting"] = told["filled"] - told.pop("misfits")
            counts.setdefault(row["feature"], {}).update(told)
    texts: dict[int, list[dict[str, Any]]] = {}
    for row in bench.rows(f"from categories where scan = {scan.id}"):
        texts.setdefault(row["feature"], []).append(row)
    found: dict[str, baseline.Column] = {}
    for item in plan.read:
        key = column_key(plan, scan, item)
        if key is None or item.id in gathered.failed:
            continue
        column = baseline.Column(key, counts.get(item.id, {}))
        numbers = gathered.numbers
        side = None if numbers is None else numbers.sides.get(item.id, {}).get((scan.id, 0, ALL))
        if item.route == "number" and numbers is not None and side is not None:
            grid = numbers.grids.get(item.id)
            bounds = gathered.bounds.get((scan.id, item.id))
            column = replace(column, numbers=baseline.Numbers(grid, side, bounds))
        elif item.route == "category":
            column = replace(column, categories=baseline.counted_categories(texts.get(item.id, ())))
        found[item.name] = column
    return found


def _columns(
    plan: Plan, scan: Scan, gathered: Gathered, bench: Workbench
) -> dict[str, baseline.Column]:
    found = counted_columns(plan, scan, gathered, bench)
    for each in plan.attributions:
        name = baseline.importances_name(plan, scan, each)
        weighed = gathered.importances.get((each.id, scan.id, 0))
        if name is not None and weighed is not None and each.id not in gathered.unranked:
            found[name] = baseline.Column(name, importances=weighed)
    for one in plan.custom:
        name = baseline.aggregate_name(scan, one)
        value = gathered.custom.get(one.key, {}).get((scan.id, 0, ALL))
        if name is not None and value is not None and one.key not in gathered.uncounted:
            found[name] = baseline.Column(name, importances={"": value})
    return found | _dispersions(scan, gathered)


def _dispersions(scan: Scan, gathered: Gathered) -> dict[str, baseline.Column]:
    """How the windows of a reference differ, where it was told."""
    name = gathered.scattered.get(scan.id)
    if name is None:
        return {}
    told = {key[1:]: each for key, each in gathered.dispersions.items() if key[0] == scan.id}
    return {name: baseline.Column(name, dispersions=told)}


def save(store: Store, found: Iterable[Baseline], frozen: Frozen) -> None:
    """Keep baselines; those of changed data replace what there was.

    What is kept is usable at once: the next windows of the same run read nothing of it again.

    Raises:
        StoreError: When they cannot be stored.
    """
    for each in found:
        head = {
            "monitor": each.monitor,
            "reference": each.reference,
            "rows_key": each.key,
            "fingerprint": each.fingerprint,
            "reference_id": each.reference_id,
            "built_at": each.built_at,
            "row_count": each.rows,
        }
        # packed as they are stored: those of a wide table take more memory than the rest of a run
        columns_of = (
            {**head, "feature": name, "content": baseline.packed(column)}
            for name, column in each.columns.items()
        )
        before = frozen.usable.get(each.reference)
        whole = {**head, "feature": ALL, "content": None}
        store.save_baseline(chain([whole], columns_of), anew=before is None)
        columns = {**(before.columns if before is not None else {}), **each.columns}
        frozen.usable[each.reference] = replace(each, columns=columns)
