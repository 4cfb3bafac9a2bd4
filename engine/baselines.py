"""Baselines at the user's word: build them, list them, say what each knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from driftline.engine.baseline import Baseline, Column, rows_key
from driftline.engine.errors import ConfigError
from driftline.engine.execute import gather
from driftline.engine.freeze import (
    Frozen,
    fingerprint,
    learned,
    save,
    stored_baselines,
    taken_up,
)
from driftline.engine.measure import Results
from driftline.engine.plan import Plan
from driftline.engine.project import Monitor, Project, Reference
from driftline.engine.render import renderer_of
from driftline.engine.rows import Facts, Read
from driftline.engine.run import keep_apart, plans_of
from driftline.engine.selection import choose_monitors
from driftline.engine.store import Store, store_of
from driftline.engine.warehouses import session_of
from driftline.engine.warehouses.base import Ledger, Warehouse
from driftline.engine.windows import resolve_at
from driftline.engine.workbench import Workbench

Row = dict[str, Any]


def build_baselines(
    project: Project,
    monitors: Sequence[str] | None = None,
    warehouse: Warehouse | None = None,
) -> list[Row]:
    """Read the references of monitors and keep what their rows amount to; rows of `list_baselines`.

    Args:
        project: The project.
        monitors: Names; None is all.
        warehouse: An open session; None opens the project's connection.

    Raises:
        ConfigError: For an unknown monitor, or one without a reference that can be kept.
        SourceError: When a table or column is missing or unreadable.
        StoreError: When baselines cannot be stored.
    """
    chosen = choose_monitors(project, monitors)
    keep_apart(project)
    with session_of(project.connection, warehouse) as session:
        store = store_of(project, session)
        for monitor in chosen:
            reasons = [_why_not(each, session) for each in monitor.references]
            if all(reasons):
                hint = "give a reference that stays: whole files, a window {start, end}, or frozen: true"
                if monitor.made_of_windows:
                    hint = (
                        f"runs count the windows that they are made of; `driftline backfill {monitor.name}"
                        " --from D --to D --force` those of the past"
                    )
                raise ConfigError(
                    f"monitor {monitor.name}: {'; '.join(r for r in reasons if r)}", hint=hint
                )
            # the first plan's columns replace what there was, those of others join them
            frozen = Frozen(prints=taken_up(monitor, session, store).prints)
            now = resolve_at(monitor, None, datetime.now(UTC))
            for plan in plans_of(monitor, (now,), session):
                _build(plan, session, store, frozen)
        return list_baselines(project, [monitor.name for monitor in chosen], session)


def _build(plan: Plan, warehouse: Warehouse, store: Store, frozen: Frozen) -> None:
    """Gather a plan's references beside a production of which no row is read."""
    whole = {scan.id for scan in (plan.production, *plan.references)}
    own = [i for i in plan.watched if i.production is None or i.production.join is None]
    alone = replace(
        plan,
        production=replace(plan.production, filter="false", joined=()),
        references=tuple(replace(scan, joined=()) for scan in plan.references),
        watched=tuple(
            replace(item, id=number) if item.id >= 0 else item for number, item in enumerate(own)
        ),
        matches=(),
        # of predictions and of segments nothing is kept
        segmented=(),
        performance=None,
        custom=tuple(
            replace(
                each, columns=tuple((scan, read) for scan, read in each.columns if scan in whole)
            )
            for each in plan.custom
        ),
    )
    bench = Workbench()
    try:
        tag = f"driftline monitor={plan.monitor.name} baseline step={{step}}"
        renderer = renderer_of(alone, warehouse, tag=tag, keeps_rows=False)
        gathered = gather(alone, warehouse, renderer, bench, Ledger(), lambda _: None)
        results = Results(bench)
        facts = Facts(alone, gathered, Read(bench, results.comparisons, gathered.read))
        ids = {scan.reference: facts.reference_ids[scan.id] for scan in alone.references}
        save(store, learned(alone, frozen, gathered, bench, ids), frozen)
    finally:
        bench.close()


def _why_not(reference: Reference, warehouse: Warehouse) -> str | None:
    """Why a reference cannot be kept; None where it can."""
    if rows_key(reference) is None:
        return f"the rows of reference {reference.name} move with the run"
    if fingerprint(reference, warehouse) is None:
        return f"nobody can tell whether {reference.source.written} changes"
    return None


def list_baselines(
    project: Project,
    monitors: Sequence[str] | None = None,
    warehouse: Warehouse | None = None,
) -> list[Row]:
    """The baselines that are stored: what of, how large, and whether the data is still the same.

    Args:
        project: The project.
        monitors: Names; None is all.
        warehouse: An open session; None opens the project's connection.

    Returns:
        monitor, reference, reference_id, built_at (naive UTC), row_count, feature_count, source,
        status: `up to date`, `changed`, or `not in the project`.

    Raises:
        ConfigError: For an unknown monitor.
    """
    names = [monitor.name for monitor in choose_monitors(project, monitors)]
    with session_of(project.connection, warehouse) as session:
        return [
            {
                "monitor": each.monitor,
                "reference": each.reference,
                "reference_id": each.reference_id,
                "built_at": each.built_at,
                "row_count": each.rows,
                "feature_count": len(each.features),
                "source": None if reference is None else reference.source.written,
                "status": _status(each, reference, session),
            }
            for each, reference in _stored(project, names, session)
        ]


def _stored(
    project: Project, names: Sequence[str], session: Warehouse | None = None
) -> Iterator[tuple[Baseline, Reference | None]]:
    monitors: dict[str, Monitor] = {monitor.name: monitor for monitor in project.monitors}
    for each in stored_baselines(store_of(project, session)):
        if each.monitor in names:
            references = monitors[each.monitor].references
            yield each, next((r for r in references if r.name == each.reference), None)


def _status(found: Baseline, reference: Reference | None, warehouse: Warehouse) -> str:
    if reference is None:
        return "not in the project"
    same = found.key == rows_key(reference)
    return (
        "up to date"
        if same and found.fingerprint == fingerprint(reference, warehouse)
        else "changed"
    )


def baseline_columns(project: Project, monitors: Sequence[str] | None = None) -> list[Row]:
    """What stored baselines know of each column.

    Args:
        project: The project.
        monitors: Names; None is all.

    Returns:
        monitor, reference, reference_id, feature, kind (`numbers`, `categories` or `counts`),
        row_count; cells: counted bins and values, or categories; minimum, maximum of numbers.

    Raises:
        ConfigError: For an unknown monitor.
    """
    names = [monitor.name for monitor in choose_monitors(project, monitors)]
    return [
        {
            "monitor": each.monitor,
            "reference": each.reference,
            "reference_id": each.reference_id,
            "feature": name,
            "row_count": each.rows,
            **_told(column),
        }
        for each, _ in _stored(project, names)
        for name, column in sorted(each.features.items())
    ]


def _told(column: Column) -> Row:
    if column.numbers is not None:
        side = column.numbers.side
        cells = side.cells()
        ends = (float(side.low[0]), float(side.high[-1])) if len(side.n) else (None, None)
        return {"kind": "numbers", "cells": len(cells.n), "minimum": ends[0], "maximum": ends[1]}
    count = None if column.categories is None else len(column.categories)
    kind = "counts" if count is None else "categories"
    return {"kind": kind, "cells": count, "minimum": None, "maximum": None}
