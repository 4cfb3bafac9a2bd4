"""What `tune` found, as values and as tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftline.engine.dials import spelled
from driftline.engine.results import ALL
from driftline.engine.tuning import Proposal, Tuning

if TYPE_CHECKING:
    import pyarrow as pa

    from driftline.engine.incidents import Incident

Row = dict[str, Any]


@dataclass(frozen=True)
class TuneResult:
    """Thresholds as they are and as they would be, and what each would have raised.

    Attributes:
        monitors: What the history of each monitor tells, in the order asked for.
        written: The files that were edited; none unless asked for.
    """

    monitors: tuple[Tuning, ...]
    written: tuple[Path, ...] = ()

    def to_arrow(self) -> pa.Table:
        """A row a limit: as it is, as proposed (null: as it is), and what either would have raised."""
        import pyarrow as pa

        text, count, real = pa.string(), pa.int64(), pa.float64()
        kinds = {
            **dict.fromkeys(("monitor", "signal", "reference", "metric"), text),
            **dict.fromkeys(("feature_type", "feature", "threshold_kind", "level"), text),
            "is_relative": pa.bool_(),
            **dict.fromkeys(("threshold", "proposed_threshold"), real),
            **dict.fromkeys(("threshold_text", "proposed_text"), text),
            **dict.fromkeys(("window_count", "incidents", "proposed_incidents"), count),
            **dict.fromkeys(("months", "incidents_a_month", "proposed_incidents_a_month"), real),
            **dict.fromkeys(("alerts_a_month", "proposed_alerts_a_month"), real),
            **dict.fromkeys(("proposed_alerts_low", "proposed_alerts_high"), real),
            "note": text,
        }
        rows = [_row(tuning, each) for tuning in self.monitors for each in tuning.proposals]
        return pa.Table.from_pylist(rows, schema=pa.schema(list(kinds.items())))

    def incidents(self) -> pa.Table:
        """A row an incident: raised by the threshold as it is (`now`), as proposed, or by `both`."""
        import pyarrow as pa

        text, moment, real = pa.string(), pa.timestamp("us"), pa.float64()
        kinds = {
            **dict.fromkeys(("monitor", "raised", "signal", "reference", "segment"), text),
            **dict.fromkeys(("feature", "metric", "severity"), text),
            **dict.fromkeys(("opened_at", "last_seen_at", "closed_at"), moment),
            "window_count": pa.int64(),
            "worst_value": real,
        }
        rows = [
            row
            for tuning in self.monitors
            for each in tuning.proposals
            for row in _raised(tuning.monitor.name, each)
        ]
        return pa.Table.from_pylist(rows, schema=pa.schema(list(kinds.items())))


def _row(tuning: Tuning, each: Proposal) -> Row:
    dial = each.dial
    low, high = tuning.interval(tuning.alerts_then) or (None, None)
    then = tuning.thresholds.get(dial.spot)
    bare = tuning.bare(dial)
    return {
        "monitor": tuning.monitor.name,
        "signal": dial.spot.signal or ALL,
        "reference": dial.reference,
        "metric": dial.spot.metric,
        "feature_type": ", ".join(dial.spot.scopes),
        "feature": dial.spot.feature or ALL,
        "threshold_kind": dial.kind,
        "level": dial.level,
        "is_relative": dial.is_relative,
        "threshold": dial.amount,
        "proposed_threshold": each.amount,
        "threshold_text": spelled(dial.threshold, bare),
        "proposed_text": None if each.amount is None or then is None else spelled(then, bare),
        "window_count": each.window_count,
        "incidents": len(each.now),
        "proposed_incidents": len(each.then),
        "months": tuning.months,
        "incidents_a_month": tuning.rate(len(each.now)),
        "proposed_incidents_a_month": tuning.rate(len(each.then)),
        "alerts_a_month": tuning.rate(tuning.alerts_now),
        "proposed_alerts_a_month": tuning.rate(tuning.alerts_then),
        "proposed_alerts_low": low,
        "proposed_alerts_high": high,
        "note": each.note,
    }


def _raised(monitor: str, each: Proposal) -> list[Row]:
    then = {found.alert_id: found for found in each.then}
    now = {found.alert_id for found in each.now}
    told: list[tuple[str, Incident]] = [
        ("both" if found.alert_id in then else "now", found) for found in each.now
    ]
    told += [("proposed", found) for number, found in then.items() if number not in now]
    return [
        {
            "monitor": monitor,
            "raised": raised,
            "signal": found.key.signal,
            "reference": found.key.reference,
            "segment": found.key.segment,
            "feature": found.key.feature,
            "metric": found.key.metric,
            "severity": found.severity,
            "opened_at": found.opened_at,
            "last_seen_at": found.last_seen_at,
            "closed_at": found.closed_at,
            "window_count": found.window_count,
            "worst_value": found.worst_value,
        }
        for raised, found in sorted(told, key=lambda one: (one[1].opened_at, one[1].key))
    ]
