"""The latest values as gauges: a text file that Prometheus takes, and OpenTelemetry metrics.

Both have the same gauges with the same labels. What is for which label set is decided here once, out of
the views that dashboards read; how it is spelled, and how it gets there, is of each format.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from driftline.engine import VERSION
from driftline.engine.interpolate import mask, passwords
from driftline.engine.place import Tables

Labels: TypeAlias = tuple[tuple[str, str], ...]
Row: TypeAlias = Mapping[str, Any]

MOST_ROWS: Final = 10_000
"""Rows of metrics that are told; of more, the worst ones."""

LABELS: Final = ("monitor", "signal", "metric", "feature", "segment", "reference")
RUN_STATUSES: Final = ("succeeded", "partial", "failed")
TIMEOUT: Final = 5.0
"""Seconds that a collector may take: the next run tells newer values."""

_METRICS: Final = (
    f"select {', '.join(LABELS)}, value, threshold, score, breached, window_end"
    " from latest_metrics order by breached desc, score desc nulls last,"
    f" {', '.join(LABELS)}, window_end desc"
)
_MONITORS: Final = (
    "select monitor, last_run_at, last_status, window_end, row_count, feature_count,"
    " breached_features, open_alerts from monitor_status order by monitor"
)
_LOGGERS: Final = (
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.common.http",
    "urllib3.connectionpool",
)


@dataclass(frozen=True)
class Gauge:
    """A number that goes up and down, for each set of labels that has one.

    Attributes:
        name: As both formats have it, with its unit at the end.
        about: What it is, in a sentence without a full stop.
        points: Labels and values; each set of labels comes once, values are finite.
    """

    name: str
    about: str
    points: tuple[tuple[Labels, float], ...]


def gauges(tables: Tables) -> tuple[Gauge, ...]:
    """What there is to tell of the newest window of each monitor.

    Args:
        tables: Results, opened for reading.
    """
    return gauges_of(
        tables.fetch(_METRICS).to_pylist(), tables.fetch(_MONITORS).to_pylist(), most=MOST_ROWS
    )


def gauges_of(metrics: Sequence[Row], monitors: Sequence[Row], *, most: int) -> tuple[Gauge, ...]:
    """The gauges of rows.

    Args:
        metrics: Rows of `latest_metrics`, the most important first.
        monitors: Rows of `monitor_status`.
        most: How many rows of metrics are told at most.
    """
    told = metrics[:most]
    return (
        *(
            _gauge(f"metric_{name}", about, LABELS, ((row, row[name]) for row in told))
            for name, about in _OF_METRICS.items()
        ),
        *(
            _gauge(name, about, ("monitor",), ((row, row[column]) for row in monitors))
            for name, (column, about) in _OF_MONITORS.items()
        ),
        _gauge(
            "run_status",
            "1 for the status of the last run, 0 for the others",
            ("monitor", "status"),
            (
                ({**row, "status": status}, row["last_status"] == status)
                for row in monitors
                if row["last_status"] is not None
                for status in RUN_STATUSES
            ),
        ),
        _gauge(
            "metrics_left_out",
            f"Rows of metrics beyond the {most} worst, which are not here",
            (),
            [({}, len(metrics) - len(told))],
        ),
    )


_OF_METRICS: Final = {
    "value": "Value of a metric in the newest window",
    "threshold": "What the value is compared with",
    "score": "How bad the value is, from 0 to 10; 1 is at the threshold",
    "breached": "1 where the value is beyond the threshold, else 0",
}
_OF_MONITORS: Final = {
    "run_timestamp_seconds": ("last_run_at", "When the last run began"),
    "window_end_timestamp_seconds": ("window_end", "End of the newest window"),
    "rows": ("row_count", "Rows of production in the newest window"),
    "features": ("feature_count", "Features and outputs measured in the newest window"),
    "breached_features": ("breached_features", "Of these, those with a breached metric"),
    "open_alerts": ("open_alerts", "Incidents that are not closed"),
}


def _gauge(
    name: str, about: str, labels: Iterable[str], values: Iterable[tuple[Row, object]]
) -> Gauge:
    names = tuple(labels)
    points: dict[Labels, float] = {}
    for row, value in values:
        number = _number(value)
        if number is not None:
            points.setdefault(tuple((label, str(row[label])) for label in names), number)
    return Gauge(f"driftline_{name}", about, tuple(points.items()))


def _number(value: object) -> float | None:
    if isinstance(value, datetime):
        value = value.replace(tzinfo=value.tzinfo or UTC).timestamp()
    return float(value) if isinstance(value, bool | int | float) and isfinite(value) else None


def prometheus_text(found: Iterable[Gauge]) -> str:
    """Gauges in the text format of Prometheus, version 0.0.4; those without values are left out."""
    lines = []
    for gauge in found:
        if gauge.points:
            lines += [f"# HELP {gauge.name} {gauge.about}", f"# TYPE {gauge.name} gauge"]
            lines += [f"{gauge.name}{_braced(labels)} {value!r}" for labels, value in gauge.points]
    return "".join(f"{line}\n" for line in lines)


def _braced(labels: Labels) -> str:
    told = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{told}}}" if told else ""


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def send_otlp(found: Iterable[Gauge], address: str, *, timeout: float | None = None) -> str | None:
    """Send gauges to an OpenTelemetry collector over HTTP.

    Headers, certificates and compression are those of the exporter's own variables, `OTEL_EXPORTER_OTLP_…`.

    Args:
        found: The gauges.
        address: Of the collector, such as `http://localhost:4318`.
        timeout: Seconds to try for; None is `TIMEOUT`.

    Returns:
        Why they were not taken, without the address; None when they were.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics import export as sdk
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    except ImportError:
        return "OpenTelemetry is not installed: pip install 'driftline[otel]'"
    now = int(datetime.now(UTC).timestamp() * 1e9)
    metrics = [
        sdk.Metric(
            gauge.name,
            gauge.about,
            "s" if gauge.name.endswith("_seconds") else "1",
            sdk.Gauge([sdk.NumberDataPoint(dict(each), now, now, v) for each, v in gauge.points]),
        )
        for gauge in found
        if gauge.points
    ]
    resource = Resource.create({"service.name": "driftline", "service.version": VERSION})
    scope = InstrumentationScope("driftline", VERSION)
    data = sdk.MetricsData(
        [sdk.ResourceMetrics(resource, [sdk.ScopeMetrics(scope, metrics, "")], "")]
    )
    path = "/v1/metrics"
    base = address.rstrip("/")
    heard = _Heard()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(heard)
    try:
        exporter = OTLPMetricExporter(
            endpoint=base if base.endswith(path) else base + path,
            timeout=TIMEOUT if timeout is None else timeout,
        )
        result = exporter.export(data)
        exporter.shutdown()
    finally:
        for logger in loggers:
            logger.removeFilter(heard)
    if result is sdk.MetricExportResult.SUCCESS:
        return None
    # a path, too, may hold a token
    secrets = {address, base, *passwords(address), urlsplit(base).path.removesuffix(path)}
    return mask(heard.first, frozenset(secrets) - {"/"}) or "the collector did not take them"


class _Heard(logging.Filter):
    """Keeps what an exporter says of a failure, which it would print with its address."""

    first = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let nothing through."""
        if record.levelno >= logging.WARNING and not self.first:
            self.first = " ".join(record.getMessage().split())[:300]
        return False
