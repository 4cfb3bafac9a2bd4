"""Shapes of the relations in the workbench, and the small ones a plan brings itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from driftline.engine.features import asked_for
from driftline.engine.plan import Plan
from driftline.engine.workbench import Workbench

if TYPE_CHECKING:
    import pyarrow as pa


# As many windows as a row count is compared with.
PAST_WINDOWS: Final = 8


def schema_of(relation: str) -> pa.Schema:
    """The Arrow schema of a relation of the workbench."""
    import pyarrow as pa

    key = [("scan", pa.int32()), ("window_id", pa.int32()), ("segment", pa.string())]
    side = [("pair", pa.int32()), ("side", pa.string())]
    cell = [("scan", pa.int32()), ("feature", pa.int32()), *key[1:]]
    fields: dict[str, list[tuple[str, pa.DataType]]] = {
        "scan_rows": [*key, ("row_count", pa.int64())],
        "filled": [
            *key,
            ("feature", pa.int32()),
            ("filled", pa.int64()),
            ("misfits", pa.int64()),
        ],
        "asked": [
            *cell,
            ("zeros", pa.int64()),
            ("empty_texts", pa.int64()),
            ("distinct_values", pa.int64()),
            ("whole_values", pa.int64()),
        ],
        "arrivals": [
            *key,
            ("ids", pa.int64()),
            ("distinct_ids", pa.int64()),
            ("newest", pa.float64()),
        ],
        "matches": [
            ("match", pa.int32()),
            *key,
            ("row_count", pa.int64()),
            ("matched", pa.int64()),
            ("repeated", pa.int64()),
            ("surplus", pa.int64()),
        ],
        "importances": [
            ("signal", pa.string()),
            ("pair", pa.int32()),
            ("feature", pa.string()),
            ("reference", pa.float64()),
            ("production", pa.float64()),
            ("n_reference", pa.int64()),
            ("n_production", pa.int64()),
        ],
        "labels": [
            *side,
            ("row_count", pa.int64()),
            ("labelled", pa.int64()),
            ("judged", pa.int64()),
        ],
        "errors": [
            *side,
            *((name, pa.int64()) for name in ("n", "n_nonzero", "n_expected")),
            *((name, pa.float64()) for name in ("absolute", "squared", "spread", "relative")),
            *((name, pa.float64()) for name in ("expected", "expected_deviation")),
        ],
        "confusion": [
            *side,
            ("actual", pa.string()),
            ("predicted", pa.string()),
            ("n", pa.int64()),
        ],
        "reliability": [
            *side,
            ("bin", pa.int32()),
            ("n", pa.int64()),
            ("hits", pa.int64()),
            *((name, pa.float64()) for name in ("x", "doubt", "loss", "brier")),
        ],
        "ranks": [
            *side,
            ("target", pa.string()),
            *((name, pa.float64()) for name in ("positives", "negatives", "wins")),
            *((name, pa.float64()) for name in ("missed", "passed")),
        ],
        "forecast": [
            *side,
            ("actual", pa.string()),
            ("predicted", pa.string()),
            ("n", pa.float64()),
        ],
        "forecast_parts": [
            *side,
            ("place", pa.int32()),
            *((name, pa.float64()) for name in ("hits", "others", "beyond")),
        ],
        "forecast_ends": [
            ("pair", pa.int32()),
            ("metric", pa.string()),
            ("class", pa.string()),
            ("ci_low", pa.float64()),
            ("ci_high", pa.float64()),
        ],
        "past_windows": [("window_id", pa.int32()), ("row_count", pa.int64())],
        "schema_columns": [
            ("window_id", pa.int32()),
            ("feature", pa.string()),
            ("watched", pa.bool_()),
            ("has_job", pa.bool_()),
            ("listed", pa.bool_()),
            ("joined", pa.bool_()),
            ("stored_before", pa.bool_()),
            ("reference_type", pa.string()),
            ("reference_kind", pa.string()),
            ("production_type", pa.string()),
            ("production_kind", pa.string()),
        ],
        "numbers": [
            *cell,
            ("finite", pa.int64()),
            ("distinct_count", pa.int64()),
            ("once", pa.int64()),
            ("mean", pa.float64()),
            ("deviation", pa.float64()),
            ("minimum", pa.float64()),
            ("maximum", pa.float64()),
        ],
        "number_faults": [
            *cell,
            ("null_count", pa.int64()),
            ("type_error_count", pa.int64()),
            ("nan_count", pa.int64()),
            ("below_infinity", pa.int64()),
            ("above_infinity", pa.int64()),
        ],
        "quantiles": [
            *cell,
            *((name, pa.float64()) for name in ("p05", "p25", "p50", "p75", "p95")),
        ],
        "number_values": [*cell, ("x", pa.float64()), ("n", pa.int64())],
        "beyond": [
            ("pair", pa.int32()),
            ("feature", pa.int32()),
            ("below", pa.int64()),
            ("above", pa.int64()),
        ],
        "intervals": [
            ("comparison", pa.int32()),
            ("bin", pa.int64()),
            ("kind", pa.string()),
            ("lower_bound", pa.float64()),
            ("upper_bound", pa.float64()),
            ("n_reference", pa.int64()),
            ("n_production", pa.int64()),
            ("least", pa.float64()),
            ("greatest", pa.float64()),
        ],
        "gaps": [
            ("comparison", pa.int32()),
            ("area_low", pa.float64()),
            ("area_high", pa.float64()),
            ("widest_low", pa.float64()),
            ("widest_high", pa.float64()),
            ("below_reference", pa.int64()),
            ("below_production", pa.int64()),
        ],
        "categories": [
            *cell,
            ("kind", pa.string()),
            ("value", pa.string()),
            ("n", pa.int64()),
            ("distinct_count", pa.int64()),
            ("once", pa.int64()),
            ("allowed", pa.int64()),
        ],
    }
    return pa.schema(fields[relation])


@dataclass(frozen=True)
class History:
    """What earlier windows left in the results store.

    Attributes:
        row_counts: Rows of the newest windows that end before this one, at most `PAST_WINDOWS`.
        columns: Columns that production had in any window before this one.
    """

    row_counts: tuple[int, ...] = ()
    columns: frozenset[str] = frozenset()


def land_history(plans: Sequence[tuple[Plan, History]], bench: Workbench) -> None:
    """Land what metrics compare with beside the reference: past windows, and what columns exist.

    Args:
        plans: What came before each window; its pairs tell the window's number.
        bench: Where both relations land.
    """
    import pyarrow as pa

    past: list[dict[str, Any]] = []
    columns: list[dict[str, Any]] = []
    for plan, history in plans:
        number = plan.pairs[0].window_id
        past += [{"window_id": number, "row_count": rows} for rows in history.row_counts]
        listed = asked_for(plan.monitor)
        columns += [
            {
                "window_id": number,
                "feature": item.name,
                "watched": bool(item.signals),
                "has_job": item.job is not None,
                "listed": item.name.casefold() in listed,
                "joined": item.production is not None and item.production.join is not None,
                "stored_before": item.name in history.columns,
                **{
                    f"{side}_{fact}": None if column is None else getattr(column, fact)
                    for side, column in (
                        ("reference", item.reference),
                        ("production", item.production),
                    )
                    for fact in ("type", "kind")
                },
            }
            for item in plan.watched
            if plan.takes(plan.monitor.window_signal, item.name)
        ]
    for name, rows in (("past_windows", past), ("schema_columns", columns)):
        bench.land(name, pa.Table.from_pylist(rows, schema=schema_of(name)))


def land_plan(plan: Plan, bench: Workbench) -> None:
    """Land the plan's own small tables: scans, pairs, members, features, given values."""
    import pyarrow as pa

    bench.land(
        "scans",
        pa.Table.from_pylist(
            [
                {"scan": s.id, "side": s.side, "is_primary": s.id == plan.primary.id}
                for s in plan.scans
            ]
        ),
    )
    pairs = [
        {
            "pair": pair.id,
            "production_scan": pair.production_scan,
            "production_window": pair.window_id,
            "reference_scan": pair.reference_scan,
            "reference_window": pair.reference_window,
            "segment": pair.segment,
        }
        for pair in plan.pairs
    ]
    bench.land("pairs", pa.Table.from_pylist(pairs))
    end = plan.window_end.replace(tzinfo=UTC)
    ends = [
        {"window_id": window.id, "window_end": (window.end or end).timestamp()}
        for window in plan.production.windows
    ]
    bench.land("windows", pa.Table.from_pylist(ends))
    members = [
        {
            "pair": pair["pair"],
            "side": side,
            "scan": pair[f"{side}_scan"],
            "window_id": pair[f"{side}_window"],
            "segment": pair["segment"],
        }
        for pair in pairs
        for side in ("reference", "production")
    ]
    bench.land("members", pa.Table.from_pylist(members))
    numbered = [
        {
            "comparison": pair.id * len(plan.read) + item.id,
            "pair": pair.id,
            "feature": item.id,
        }
        for pair in plan.pairs
        for item in plan.read
    ]
    bench.land("numbered", pa.Table.from_pylist(numbered))
    conventions = plan.conventions
    features: list[dict[str, Any]] = []
    known: list[dict[str, Any]] = []
    for item in plan.read:
        settings = plan.monitor.settings.get(item.name)
        bounds = settings.bounds if settings is not None else None
        allowed = (settings.values if settings is not None else None) or ()
        known += [{"feature": item.id, "value": value} for value in allowed]
        features.append(
            {
                "feature": item.id,
                "name": item.name,
                "feature_type": None,
                "bounded": bounds is not None or bool(allowed),
                "has_values": bool(allowed),
                "keeps_empty": conventions.keeps_empty,
                "own_categories": conventions.own_categories,
                "most_categories": conventions.most_categories or plan.monitor.max_categories,
                "most_new": conventions.most_new,
            }
        )
    text, whole = pa.string(), pa.int32()
    shapes: dict[str, tuple[list[dict[str, Any]], list[tuple[str, pa.DataType]]]] = {
        "features": (
            features,
            [
                ("feature", whole),
                ("name", text),
                ("feature_type", text),
                ("bounded", pa.bool_()),
                ("has_values", pa.bool_()),
                ("keeps_empty", pa.bool_()),
                ("own_categories", pa.bool_()),
                ("most_categories", pa.int64()),
                ("most_new", pa.int64()),
            ],
        ),
        "values_given": (known, [("feature", whole), ("value", text)]),
    }
    for name, (rows, fields) in shapes.items():
        bench.land(name, pa.Table.from_pylist(rows, schema=pa.schema(fields)))
