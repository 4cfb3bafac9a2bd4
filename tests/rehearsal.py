"""Every statement a run can send to a warehouse, with the rows it gives, so that any engine can be asked it.

A few small tables are monitored in every way that changes a statement, by a session that answers as
a warehouse without anything of DuckDB's own would, though DuckDB reads the rows. What it was sent is
kept as the templates wrote it, before any dialect: `Rehearsed.said` says it in one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from unittest.mock import patch
from uuid import uuid4

import duckdb
import numpy as np
import pyarrow as pa
from support import on_path, signals

from driftline.engine.aggregates import parse_aggregate
from driftline.engine.baselines import build_baselines
from driftline.engine.dialects import transpile
from driftline.engine.facts import look_at
from driftline.engine.journal import Journal, Part
from driftline.engine.own_metrics import aggregate_metric
from driftline.engine.project import (
    MUTUAL_INFORMATION,
    Attribution,
    Connection,
    FeatureSelection,
    FeatureSettings,
    Join,
    MetricRule,
    Monitor,
    Production,
    Project,
    Reference,
    Results,
    Roles,
    RollingWindow,
    SeasonalWindow,
    Segmentation,
    Signal,
    Source,
    Threshold,
)
from driftline.engine.run import Tools, measured
from driftline.engine.sqltext import quoted
from driftline.engine.store import Past, Store
from driftline.engine.times import parse_duration
from driftline.engine.warehouses.duckdb import DuckDB
from driftline.engine.windows import backfill_moments

Row = dict[str, Any]

# What a warehouse of which nothing is known is called; no engine is.
DIALECT: Final = "rehearsal"
AT: Final = "2026-02-08"
_SCAN: Final = re.compile(r'"driftline_scan_(\d+)"')


@dataclass(frozen=True)
class Rehearsed:
    """A statement that was sent.

    Attributes:
        step: The relation it fetches.
        text: As its templates have it, sources named `driftline_scan_<id>`.
        tables: The table that each of them is.
        rows: What DuckDB answered.
    """

    step: str
    text: str
    tables: Mapping[int, str]
    rows: tuple[Row, ...]

    def said(self, dialect: str, named: Callable[[str], str]) -> str:
        """The statement in a dialect.

        Args:
            dialect: One of `DIALECTS`.
            named: What stands after FROM to read a table.
        """
        relations = {number: named(table) for number, table in self.tables.items()}
        return transpile(self.text, dialect, relations)

    def differences(self, found: Sequence[Row]) -> str:
        """Where an engine's rows are not these, a line each; numbers to 1e-9, names in any case."""
        wanted = [*self.rows]
        lowered = [{name.lower(): value for name, value in row.items()} for row in found]
        if len(lowered) != len(wanted):
            return f"{len(lowered)} rows, not {len(wanted)}"
        if lowered and lowered[0].keys() != wanted[0].keys():
            return f"columns {', '.join(lowered[0])}, not {', '.join(wanted[0])}"
        pairs = zip(sorted(wanted, key=_order), sorted(lowered, key=_order), strict=True)
        return "\n".join(
            f"{name}: {b[name]!r}, not {a[name]!r}, in {a}"
            for a, b in pairs
            for name in a
            if not _agree(a[name], b[name])
            and not (self.step == "bounds" and _odd(a[name], b[name]))
        )


def _order(row: Row) -> list[tuple[bool, str]]:
    """Where a row comes: by its keys, then by its numbers, to the digits that all engines agree in."""
    keys = sorted(row, key=lambda name: (isinstance(row[name], float), name))
    return [(row[name] is None, _text(row[name])) for name in keys]


def _text(value: object) -> str:
    return f"{value + 0:.9e}" if isinstance(value, int | float) else str(value)


def _agree(a: object, b: object) -> bool:
    if isinstance(a, float):
        if not isinstance(b, float):
            return False
        return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-300)
    return type(a) is type(b) and a == b


def _odd(a: object, b: object) -> bool:
    """Whether bounds are both not finite; engines differ in whether NaN is a largest or no number."""
    return not any(value is None or math.isfinite(value) for value in (a, b))  # type: ignore[arg-type]


class Rehearsing(DuckDB):
    """DuckDB as a warehouse that keeps no rows and no bounds, and what it was sent."""

    dialect = DIALECT
    keeps_bounds = False
    keeps_rows = False

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Share an open connection's database."""
        super().__init__({}, beside=connection)
        self.sent: dict[str, Rehearsed] = {}
        self._written: dict[str, tuple[str, Mapping[int, str]]] = {}

    def noted(self, text: str, dialect: str, relations: Mapping[int, str]) -> str:
        """What `transpile` does for DuckDB itself, once it is noted what was to be said."""
        assert dialect == DIALECT
        said = _SCAN.sub(lambda found: relations[int(found[1])], text)
        self._written[said] = (text, relations)
        return said

    def sampled(self, relation: str, percent: float) -> str:
        # all of it: what engines draw is no two engines' same
        del percent
        return relation

    def relation(self, source: Source) -> str:
        (name,) = source.table
        return quoted(name)

    def fetch(self, sql: str) -> pa.Table:
        answer = super().fetch(sql)
        comment, _, said = sql.partition("*/\n")
        if said in self._written:
            text, relations = self._written[said]
            step = re.search(r"step=(\w+)", comment)
            assert step is not None
            asked = {int(number) for number in _SCAN.findall(text)}
            tables = {number: _name(relations[number]) for number in asked}
            # what differs in nothing but the names of equal tables' windows is still another statement
            self.sent.setdefault(said, Rehearsed(step[1], text, tables, tuple(answer.to_pylist())))
        return answer


def _name(relation: str) -> str:
    return relation[1:-1].replace('""', '"')


# --- the tables -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rehearsal:
    """The tables, and what was asked of them.

    Attributes:
        tables: By name; a column's Arrow type tells its kind.
        statements: Each once, in the order first sent.
        runs: What each run found, by window.
    """

    tables: Mapping[str, pa.Table]
    statements: tuple[Rehearsed, ...]
    runs: Mapping[str, Sequence[Part]]


START: Final = datetime(2026, 1, 1)
MONEY: Final = pa.decimal128(12, 2)
LARGE: Final = 2**53
MANY: Final = tuple(f"n{k}" for k in range(13))


def _some(values: Sequence[object], every: int, *others: object) -> list[object]:
    """Values of which one in so many is missing, or another."""
    out = [*values]
    for number, at in enumerate(range(3, len(out), every)):
        out[at] = (None, *others)[number % (1 + len(others))]
    return out


def _rows(rows: int, seed: int, moved: float, *, changed: bool) -> pa.Table:
    """One side of the monitors; where `changed`, some columns have another type than before."""
    rng = np.random.default_rng(seed)
    hours = [START + timedelta(minutes=10 + 60 * 912 * k // rows) for k in range(rows)]
    whole = [int(k) for k in rng.integers(0, 30, rows) + int(10 * moved)]
    normal = [float(x) for x in np.round(rng.normal(moved, 1, rows), 3)]
    wide = [float(x) for x in rng.standard_cauchy(rows) * 1e6]
    words = [("red", "Green", "blue", "é", "")[k] for k in rng.integers(0, 5, rows)]
    texts = pa.string()
    columns: dict[str, tuple[pa.DataType, Sequence[object]]] = {
        "at": (pa.timestamp("us"), hours),
        "seen": (pa.timestamp("us", "UTC"), _some(hours, 13)),
        "day": (pa.date32(), [each.date() for each in hours]),
        "id": (pa.int64(), _some([int(k) for k in rng.integers(0, 90, rows)], 17)),
        "account": (texts, [f"k{k}" for k in rng.integers(0, 12, rows)]),
        "amount": (pa.float64(), _some(normal, 7, math.nan, math.inf, -math.inf)),
        "wide": (pa.float64(), _some(wide, 11)),
        "whole": (pa.int64(), _some(whole, 9)),
        "few": (pa.int64(), _some([k % 4 for k in whole], 19)),
        "large": (pa.int64(), [LARGE + k * 1_001 for k in whole]),
        "price": (MONEY, _some([Decimal(k * 7 + 5) / 4 for k in whole], 8)),
        "born": (pa.date32(), _some([date(1990, 1, 1) + timedelta(days=k) for k in whole], 10)),
        "colour": (texts, _some(words, 12, *(("violet",) if changed else ()))),
        "member": (pa.bool_(), _some([k % 3 == 0 for k in whole], 14)),
        "category": (texts, [f"c{k % 9}" for k in whole]),
        "t": (pa.float64(), _some([k / 8 for k in whole], 21)),
        # spelled with zeros at its end where an engine does that, and all of 10, 20, … end in one
        "tens": (pa.decimal128(10, 1), [Decimal(k % 4 * 10) for k in whole]),
        "the order": (texts, [str(k % 3) for k in whole]),
        **{name: (pa.int64(), [k * 7 + m for k in range(rows)]) for m, name in enumerate(MANY)},
    }
    # scores of which some are missing, equal, or no probabilities
    drawn = np.random.default_rng(seed + 10)
    scores = {name: np.round(drawn.beta(0.5, 0.5, rows), 2) for name in ("p", "p_red", "p_blue")}
    scores["p_red"][::29] = 1.25
    columns |= {
        name: (pa.float64(), _some(values.tolist(), 13, math.nan))
        for name, values in scores.items()
    }
    columns["p_other"] = (pa.float32(), np.round(drawn.random(rows), 2))
    if changed:
        odd = ("x", " 12 ", "1e3", "4.5", ".5", "1_000", "7" * 30)
        columns |= {
            "counted": (texts, _some([str(k) for k in whole], 5, *odd)),
            "told": (texts, _some([f"{x:.2f}" for x in normal], 5, *odd)),
            "kind": (texts, _some([str(k % 4) for k in whole], 5, *odd, "3.0", "7")),
            "agreed": (texts, _some([str(k % 2 == 0).lower() for k in whole], 6, "T", "0", "yes")),
            "level": (pa.int64(), _some([k % 5 for k in whole], 15)),
            "moment": (texts, _some([f"{each:%Y-%m-%d %H:%M}" for each in hours], 6, "soon")),
        }
    else:
        columns |= {
            "counted": (pa.int64(), _some(whole, 16)),
            "told": (pa.float64(), _some(normal, 16)),
            "kind": (pa.int64(), _some([k % 4 for k in whole], 16)),
            "agreed": (pa.bool_(), _some([k % 2 == 0 for k in whole], 16)),
            "level": (texts, _some([str(k % 5) for k in whole], 15)),
            "moment": (pa.timestamp("us"), _some(hours, 16)),
        }
    return pa.table({name: pa.array(values, type_) for name, (type_, values) in columns.items()})


def _tables() -> dict[str, pa.Table]:
    rng = np.random.default_rng(3)
    told = [START + timedelta(hours=9 * k) for k in range(110)]
    return {
        "answers": _rows(170, 1, 0.6, changed=True),
        "lessons": _rows(120, 2, 0.0, changed=False),
        "verdicts": pa.table(
            {
                # a text: keys of another type are compared as texts
                "request": pa.array([str(k) for k in rng.integers(0, 80, 110)]),
                "told": pa.array(_some(told, 20), pa.timestamp("us")),
                "paid": pa.array([float(k) / 4 for k in rng.integers(0, 300, 110)]),
                "outcome": pa.array(_some([("yes", "no")[k % 2] for k in range(110)], 9)),
            }
        ),
        "owners": pa.table(
            {
                "key": pa.array([f"k{k}" for k in range(9)]),
                "age": pa.array([20 + 3 * k for k in range(9)], pa.int64()),
            }
        ),
        # what verdicts tell of outcomes, without a time
        "weights": pa.table(
            {
                "outcome": pa.array(_some([("yes", "no", "it's")[k % 3] for k in range(40)], 9)),
                "paid": pa.array(_some([float(x) for x in rng.standard_cauchy(40)], 7, math.nan)),
            }
        ),
    }


# --- the runs ---------------------------------------------------------------------------------------------


def _table(name: str) -> Source:
    return Source(name, table=(name,))


# What decides which statements are sent; other metrics are made of the same rows.
MEASURED: Final = (
    *("normalized_wasserstein_distance", "kolmogorov_smirnov_distance"),
    *("population_stability_index", "new_category_rate", "null_value_rate", "data_type_error_rate"),
    *("zero_rate", "empty_string_rate", "distinct_count", "freshness", "duplicate_rate"),
)
_SETTINGS: Final = {
    "born": FeatureSettings(type="numerical"),
    "seen": FeatureSettings(type="numerical"),
    "price": FeatureSettings(type="categorical"),
    "tens": FeatureSettings(type="categorical"),
    "colour": FeatureSettings(values=("red", "it's", "blue")),
    "wide": FeatureSettings(bounds=(-1e6, 1e6)),
}


def _monitor(clock: str = "at", size: str = "P7D", **given: Any) -> Monitor:
    return Monitor(
        **{
            "name": "rehearsal",
            "production": Production(_table("answers"), clock, RollingWindow(parse_duration(size))),
            "references": (Reference("lessons", _table("lessons")),),
            "signals": signals(MEASURED, reference="lessons"),
            "roles": Roles(correlation_id="id"),
            "settings": _SETTINGS,
            "max_categories": 6,
            "min_rows": 0,
            **given,
        }
    )


def _in_seasons() -> Monitor:
    """References of windows side by side, and of windows that lie apart."""
    windows = {
        "recent": RollingWindow(parse_duration("P5D")),
        "daily": SeasonalWindow(parse_duration("P1D"), 9),
    }
    return _monitor(
        size="PT12H",
        references=tuple(Reference(n, _table("answers"), "at", w) for n, w in windows.items()),
        signals=(
            *signals(MEASURED, reference="recent"),
            *(
                replace(each, name=f"{each.name}_daily", reference="daily")
                for each in signals(("normalized_wasserstein_distance",), reference="daily")
            ),
        ),
        features=_only_of("amount", "whole", "told", "colour"),
    )


def _only_of(*columns: str) -> FeatureSelection:
    return FeatureSelection(named=columns, include=())


def _everything() -> Monitor:
    """Joins, and filters."""
    return _monitor(
        references=(
            Reference("lessons", _table("lessons"), filter="account <> 'k3' or whole > 4"),
        ),
        production=Production(
            _table("answers"),
            "at",
            RollingWindow(parse_duration("P21D")),
            "(amount / 2 < 1 or id = 7 or amount is null) and not account like 'z%'",
        ),
        joins=(
            Join("verdicts", _table("verdicts"), (("id", "request"),), "told"),
            Join("owners", _table("owners"), (("account", "key"),)),
        ),
        features=_only_of(*("paid", "outcome", "age", "amount", "whole", "price", "colour")),
    )


AZURES: Final = (
    *("population_stability_index", "normalized_wasserstein_distance"),
    *("jensen_shannon_distance", "pearsons_chi_squared_test"),
    *("data_type_error_rate", "null_value_rate", "out_of_bounds_rate"),
)


def _azures() -> Monitor:
    return _monitor(
        size="P30D",
        features=_only_of(
            *("amount", "few", "price", "counted", "kind", "told", "colour", "agreed", "level"),
        ),
        signals=signals(AZURES, reference="lessons"),
        conventions="azure",
        settings={},
    )


@dataclass(frozen=True)
class Planned:
    """A run: of one window, of many, or of one whose reference is kept beforehand."""

    monitor: Monitor
    paths: tuple[str, ...] = ("small",)
    at: str = AT
    every: str | None = None
    keeps: bool = False

    def parts(self, session: DuckDB, folder: Path) -> list[Part]:
        """What it finds, by window."""
        file = folder / f"{uuid4().hex}.duckdb"
        store = Store(file) if self.keeps else None
        results = Results(file)
        project = Project(folder, (self.monitor,), results, Connection())
        moments: tuple[datetime, ...] = (datetime.fromisoformat(self.at).replace(tzinfo=UTC),)
        if self.every is not None:
            start, end = (datetime(2026, 1, day, tzinfo=UTC) for day in (2, 24))
            moments = backfill_moments(self.monitor, start, end, parse_duration(self.every))
        if self.keeps:
            build_baselines(project, warehouse=session)
        log = Journal(project, self.monitor, moments[-1], session.dialect, "")
        tools = Tools(session, store, "", lambda *_: None)
        parts = measured(log, moments, tools, Past())
        assert [sent.error for sent in log.ledger.sent if sent.error] == []
        return parts


# Columns of numbers whose names begin alike: one, with nulls, NaN and infinities.
_WIDE: Final = Attribution("columns", "a")
_LONG: Final = Attribution(
    "columns",
    table=_table("verdicts"),
    reference_table=_table("weights"),
    feature="outcome",
    value="paid",
    timestamp="told",
)
_READY: Final = Attribution(
    "table", "", _table("weights"), _table("verdicts"), feature="outcome", value="paid"
)


def _weighed(size: str = "P21D", **given: Any) -> Monitor:
    """Importances of every form."""
    (signal,) = signals(("normalized_discounted_cumulative_gain",), reference="lessons")
    forms = {"wide": _WIDE, "long": _LONG, "ready": _READY}
    return _monitor(
        size=size,
        signals=[replace(signal, name=name, attribution=form) for name, form in forms.items()],
        **given,
    )


_LARGE: Final = Segmentation(name="it's large", where="whole > 9 and account <> 'k3'")


def _told_apart(size: str = "P21D", **given: Any) -> Monitor:
    """Segments by a column, by two, one of which a join brings, and by a condition."""
    return _monitor(
        **{
            "size": size,
            "signals": signals(
                ("normalized_wasserstein_distance", "null_value_rate", "zero_rate"),
                reference="lessons",
            ),
            "features": _only_of("t", "whole", "colour"),
            "joins": (Join("owners", _table("owners"), (("account", "key"),)),),
            "segments": (
                Segmentation(("member",)),
                Segmentation(("age", "account")),
                _LARGE,
            ),
            "max_segments": 2,
            **given,
        }
    )


def _informed(
    clock: str = "at", size: str = "P21D", *, learns: bool = False, **given: Any
) -> Monitor:
    """Importances of features of every kind, by a number and by a class."""
    source = Attribution("surrogate_model") if learns else MUTUAL_INFORMATION
    (signal,) = signals(("normalized_discounted_cumulative_gain",), reference="lessons")
    return _monitor(
        clock,
        size,
        **{
            "signals": [replace(signal, attribution=source)],
            "roles": Roles(prediction="t", correlation_id="id" if learns else None),
            "features": _only_of(
                *("amount", "whole", "few", "price", "born", "colour", "member", "counted", "kind"),
                *("told", "agreed", "large"),
            ),
            **given,
        },
    )


def _own(clock: str = "at", size: str = "P21D", **given: Any) -> Monitor:
    """Aggregates of a project's own; one names what a join may bring."""
    texts = {
        "at_risk": "sum(price * whole) / count(*)",
        "reds": "count(*) filter (where colour = 'red' or member)",
        "kinds": "count(distinct colour)",
        "spread": "max(whole) - min(whole)",
        "few_of_all": "sum(case when few < 2 then 1 else 0 end) / count(*)",
        "older": "sum(age)",
    }
    own = tuple(
        aggregate_metric(name, parse_aggregate(text), "higher", "") for name, text in texts.items()
    )
    rules = tuple(MetricRule(metric.name, {"__all__": Threshold()}) for metric in own)
    signal = Signal("custom", "custom", "lessons", rules, own=own)
    return _monitor(clock, size, signals=(signal,), **given)


def _judged(task: str, names: Sequence[str], size: str = "P21D", **given: Any) -> Monitor:
    """Predictions held against what happened."""
    return _monitor(
        size=size, task=task, signals=signals(names, reference="lessons"), **{"joins": (), **given}
    )


_ERRORS: Final = ("mean_absolute_error", "r2_score", "estimated_mean_absolute_error")
_CLASSES: Final = ("accuracy", "roc_auc", "log_loss", "estimated_accuracy")
_SCORES: Final = (("red", "p_red"), ("blue", "p_blue"), ("Green", "p_other"))

_RUNS: Final = {
    "own": Planned(_own()),
    "own, overlapping": Planned(_own(size="P9D"), every="P3D"),
    "own, of what joins bring": Planned(
        _own(joins=(Join("owners", _table("owners"), (("account", "key"),)),), settings={})
    ),
    "informed": Planned(_informed()),
    # whose answers some lessons alone have
    "informed, of what is true": Planned(
        _informed(
            production=Production(_table("answers"), "at", RollingWindow(parse_duration("P21D"))),
            features=_only_of("age", "amount", "account", "tens"),
            roles=Roles(actual="colour"),
            joins=(Join("owners", _table("owners"), (("account", "key"),)),),
            max_categories=3,
        )
    ),
    "learned": Planned(_informed(learns=True)),
    # texts are drawn by what they are, which is the same on every engine; of numbers it is not
    "learned, without ids": Planned(
        _informed(
            learns=True,
            features=_only_of("account", "category"),
            roles=Roles(prediction="the order"),
        )
    ),
    "learned, overlapping": Planned(_informed(size="P9D", learns=True), every="P3D"),
    "informed, overlapping": Planned(_informed(size="P9D"), every="P3D"),
    "informed, by date": Planned(_informed("day", "P9D"), every="P7D"),
    "judged numbers": Planned(
        _judged(
            "regression",
            _ERRORS,
            roles=Roles(prediction="amount", actual="price", expected_error="wide"),
        )
    ),
    "judged texts of numbers, overlapping": Planned(
        _judged(
            "regression",
            _ERRORS,
            "P9D",
            roles=Roles(prediction="few", actual="counted", expected_error="t"),
        ),
        every="P3D",
    ),
    "judged scores of classes, side by side": Planned(
        _judged(
            "classification",
            _CLASSES,
            "P5D",
            clock="seen",
            roles=Roles(scores=_SCORES, actual="colour"),
        ),
        every="P5D",
    ),
    "judged predictions, overlapping": Planned(
        _judged(
            "classification",
            _CLASSES,
            "P9D",
            roles=Roles(prediction="kind", score="p", actual="few", positive_class="2"),
        ),
        every="P3D",
    ),
    "judged by joined labels": Planned(
        _judged(
            "classification",
            _CLASSES,
            joins=(Join("verdicts", _table("verdicts"), (("id", "request"),), "told"),),
            roles=Roles(
                score="p",
                actual="outcome",
                positive_class="yes",
                cut_off="case when whole > 9 then 0.25 else p_other end",
            ),
        )
    ),
    "weighed": Planned(_weighed()),
    "weighed, overlapping": Planned(_weighed("P9D"), every="P3D"),
    "weighed, by date": Planned(_weighed(clock="day"), every="P7D"),
    "everything": Planned(_everything(), ("small", "grid", "finer")),
    "every type": Planned(
        _monitor(
            size="P21D",
            features=_only_of(
                *("wide", "few", "large", "tens", "seen", "born", "member", "category", "level"),
                *("the order", "moment", "kind", "told"),
            ),
        ),
        ("small", "grid"),
    ),
    "told apart": Planned(_told_apart()),
    "told apart, in bins": Planned(
        _told_apart(joins=(), segments=(Segmentation(("member", "account")), _LARGE)),
        ("grid", "finer"),
    ),
    "told apart, overlapping": Planned(
        _told_apart("P9D", joins=(), segments=(Segmentation(("colour",)), _LARGE)),
        every="P6D",
    ),
    "settled where the rows are": Planned(
        _monitor(size="P21D", features=_only_of("amount", "wide", "t")), ("there",)
    ),
    # the branches of so many columns are taken in groups
    "many columns": Planned(
        _monitor(
            size="P7D",
            signals=signals(("normalized_wasserstein_distance",), reference="lessons"),
            features=_only_of(*MANY),
        ),
    ),
    "against windows that differ": Planned(_in_seasons()),
    "azure": Planned(_azures()),
    "empty": Planned(_monitor(features=_only_of("colour")), at="2027-01-01"),
    "empty, by date": Planned(_monitor("day", features=_only_of("colour")), at="2027-01-01"),
    "overlapping": Planned(
        _monitor(size="P3D", features=_only_of("amount", "whole", "colour")),
        ("small", "grid"),
        every="P1D",
    ),
    "side by side, with a zone": Planned(
        _monitor("seen", "P5D", features=_only_of("t", "large")),
        ("grid", "finer"),
        every="P5D",
    ),
    "of uneven steps, by date": Planned(
        _monitor("day", "P7D", features=_only_of("amount", "whole", "category")),
        ("small",),
        every="P4D",
    ),
    "kept": Planned(
        _monitor(
            references=(replace(_everything().primary, frozen=True),),
            features=_only_of("amount", "whole", "told", "colour"),
        ),
        ("small", "grid"),
        keeps=True,
    ),
}


def _without(windows: Sequence[tuple[Any, Any, Any]], *_: object) -> list[Any]:
    return [measurements for _, measurements, _ in windows]


@cache
def rehearsal() -> Rehearsal:
    """The rehearsal, held once a process."""
    tables = _tables()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        connection = stack.enter_context(duckdb.connect())
        for name, table in tables.items():
            connection.register("arrow", table)
            connection.execute(f"create table {quoted(name)} as select * from arrow")
            connection.unregister("arrow")
        session = Rehearsing(connection)
        stack.callback(session.close)
        stack.enter_context(patch("driftline.engine.render.transpile", session.noted))
        # evidence is made of what was fetched, and takes longer
        stack.enter_context(patch("driftline.engine.run.with_evidence", _without))
        # a reference of few rows is cut in parts as a large one is
        stack.enter_context(patch("driftline.engine.estimating.ROWS_A_PART", 25))
        found = {}
        for name, planned in _RUNS.items():
            for path in planned.paths:
                with on_path(path):
                    found[f"{name}, {path}"] = planned.parts(session, folder)
        asked = [name for name in tables["lessons"].column_names if name not in MANY]
        look_at(session, _table("lessons"), only=asked, tag="driftline step={step}")
        return Rehearsal(tables, tuple(session.sent.values()), found)
