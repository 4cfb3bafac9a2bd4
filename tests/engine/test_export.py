"""The latest values for Prometheus and OpenTelemetry: right, whole, bounded, and no one's failure."""

from __future__ import annotations

import logging
import math
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from prometheus_client.parser import text_string_to_metric_families
from receivers import free_port, web
from small_project import AT, HEAD, make, write

import driftline
from driftline.engine import export
from driftline.engine.config import load_project
from driftline.engine.errors import ConfigError, StoreError
from driftline.engine.export import Gauge, gauges_of, prometheus_text, send_otlp

PROM: Final = f"{HEAD}publish: {{prometheus: metrics/driftline.prom}}\n"
ALL: Final = "__all__"

METRIC: Final = {
    "monitor": "churn",
    "signal": "data_drift",
    "metric": "jensen_shannon_distance",
    "feature": "age",
    "segment": ALL,
    "reference": "training",
    "value": 0.25,
    "threshold": 0.1,
    "score": 2.5,
    "breached": True,
}
MONITOR: Final = {
    "monitor": "churn",
    "last_run_at": datetime(2026, 3, 2, 6),
    "last_status": "partial",
    "window_end": datetime(2026, 3, 2),
    "row_count": 240,
    "feature_count": 3,
    "breached_features": 1,
    "open_alerts": 2,
}

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    """What Prometheus reads out of a text; every set of labels once."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def of(found: Samples, name: str, **labels: str) -> float:
    return found[f"driftline_{name}", frozenset(labels.items())]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose project has run and published once."""
    folder = tmp_path_factory.mktemp("ran")
    make(folder)
    driftline.run(write(folder, head=PROM), at=AT)
    return folder


def test_a_run_leaves_the_latest_values_in_a_file_for_prometheus(ran: Path) -> None:
    found = samples((ran / "metrics" / "driftline.prom").read_text("utf-8"))
    rows = driftline.show(ran, "churn", all=True).to_pylist()

    of_metrics = {key: value for key, value in found.items() if key[0] == "driftline_metric_value"}
    assert len(of_metrics) == sum(row["value"] is not None for row in rows) > 10
    for row in rows:
        labels = {name: row[name] for name in export.LABELS}
        for name in ("value", "threshold", "score", "breached"):
            if row[name] is not None:
                assert of(found, f"metric_{name}", **labels) == float(row[name])
    assert of(found, "rows", monitor="churn") == 240
    assert of(found, "run_status", monitor="churn", status="succeeded") == 1
    assert of(found, "run_status", monitor="churn", status="failed") == 0
    end = datetime(2026, 2, 11, tzinfo=UTC).timestamp()
    assert of(found, "window_end_timestamp_seconds", monitor="churn") == end
    assert of(found, "metrics_left_out") == 0


def test_the_file_stands_alone_and_is_for_everyone_to_read(ran: Path) -> None:
    (file,) = (ran / "metrics").iterdir()
    assert file.name == "driftline.prom"
    assert file.stat().st_mode & 0o444 == 0o444


def test_the_verb_publish_writes_the_file_too(ran: Path, cli: Any) -> None:
    file = ran / "metrics" / "driftline.prom"
    before = file.read_text("utf-8")
    file.unlink()
    found = cli("publish", "--project", str(ran))
    assert found.exit_code == 0
    assert file.read_text("utf-8") == before
    assert "driftline.prom" in found.stdout.replace("\n", "")


def test_any_label_comes_back_as_it_was() -> None:
    hard = ['a"b', "a\\b", "a\nb", "\\n", "größe {x}, y=1 #", "a\\\\nb"]
    rows = [METRIC | {"feature": name} for name in hard]
    found = samples(prometheus_text(gauges_of(rows, [], most=100)))
    told = {dict(labels)["feature"] for name, labels in found if name == "driftline_metric_value"}
    assert told == {*hard}


def test_what_has_no_value_is_not_told() -> None:
    odd = [
        METRIC | {"value": value, "feature": str(value)} for value in (None, math.nan, math.inf, 1)
    ]
    found = samples(prometheus_text(gauges_of(odd, [], most=100)))
    told = [dict(labels)["feature"] for name, labels in found if name == "driftline_metric_value"]
    assert told == ["1"]


def test_the_same_labels_are_told_once_and_the_first_row_counts() -> None:
    found = samples(prometheus_text(gauges_of([METRIC, METRIC | {"value": 9.0}], [], most=100)))
    labels = {name: METRIC[name] for name in export.LABELS}
    assert of(found, "metric_value", **labels) == 0.25


def test_of_many_rows_the_first_are_told_and_how_many_are_not() -> None:
    rows = [METRIC | {"feature": f"f{n}"} for n in range(30)]
    found = samples(prometheus_text(gauges_of(rows, [MONITOR], most=10)))
    told = {dict(labels)["feature"] for name, labels in found if name == "driftline_metric_score"}
    assert told == {f"f{n}" for n in range(10)}
    assert of(found, "metrics_left_out") == 20
    assert of(found, "open_alerts", monitor="churn") == 2
    assert of(found, "run_status", monitor="churn", status="partial") == 1


def test_the_worst_rows_come_first(ran: Path) -> None:
    text = (ran / "metrics" / "driftline.prom").read_text("utf-8")
    breached = [line for line in text.splitlines() if line.startswith("driftline_metric_breached{")]
    values = [line.rpartition(" ")[2] for line in breached]
    assert values == sorted(values, reverse=True)
    assert {"0.0", "1.0"} == {*values}


def test_a_file_that_cannot_be_written_leaves_the_results(ran: Path, tmp_path: Path) -> None:
    (tmp_path / "in_the_way").write_text("")
    project = load_project(ran)
    file = tmp_path / "in_the_way" / "x.prom"
    with pytest.raises(StoreError, match=r"cannot publish .*in_the_way"):
        driftline.publish(_publishing(project, prometheus=file))
    assert driftline.show(ran).num_rows == 1


def _publishing(project: driftline.Project, **given: Any) -> driftline.Project:
    from dataclasses import replace

    from driftline.engine.project import Publish

    return replace(project, publish=Publish(**given))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            "prometheus: x.txt",
            "publish.prometheus: node_exporter reads files whose names end in .prom",
        ),
        ("otlp: collector", "publish.otlp: expected an address such as https://host/path"),
    ],
)
def test_a_place_that_cannot_be_right_is_told(tmp_path: Path, given: str, told: str) -> None:
    write(tmp_path, head=f"publish: {{{given}}}\n")
    with pytest.raises(ConfigError) as refused:
        load_project(tmp_path)
    assert told in str(refused.value)


def test_the_page_names_the_gauges_and_their_labels() -> None:
    page = Path(__file__).parents[2] / "docs" / "notifications.md"
    told = re.findall(r"^\| `driftline_(\w+)` \| ([^|]*)\|", page.read_text("utf-8"), re.MULTILINE)
    found = {
        gauge.name.removeprefix("driftline_"): tuple(name for name, _ in gauge.points[0][0])
        for gauge in gauges_of([METRIC], [MONITOR], most=10)
    }
    labels = {
        name: export.LABELS if each.strip() == "the same" else tuple(re.findall(r"\w+", each))
        for name, each in told
    }
    assert labels == found
    assert f"{export.MOST_ROWS:,}".replace(",", " ") in page.read_text("utf-8")


# OpenTelemetry


def points(body: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """What a collector reads out of a request."""
    request = ExportMetricsServiceRequest.FromString(body)
    (resource,) = request.resource_metrics
    attributes = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert attributes["service.name"] == "driftline"
    return {
        (
            metric.name,
            frozenset((each.key, each.value.string_value) for each in point.attributes),
        ): point.as_double
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.gauge.data_points
    }


def test_a_collector_gets_the_same_as_the_file(ran: Path) -> None:
    text = (ran / "metrics" / "driftline.prom").read_text("utf-8")
    with web() as server:
        address = f"http://127.0.0.1:{server.port}"
        assert driftline.publish(_publishing(load_project(ran), otlp=address)) == ()
        (got,) = server.got
    assert got.path == "/v1/metrics"
    assert points(got.body) == samples(text)


GAUGES: Final = (Gauge("driftline_rows", "Rows", (((("monitor", "churn"),), 3.0),)),)


def test_the_whole_address_may_be_given() -> None:
    with web() as server:
        assert send_otlp(GAUGES, f"http://127.0.0.1:{server.port}/x/v1/metrics/") is None
        assert server.got[0].path == "/x/v1/metrics"
        assert points(server.got[0].body) == {
            ("driftline_rows", frozenset({("monitor", "churn")})): 3.0
        }


@pytest.mark.parametrize("status", [400, 503])
def test_a_collector_that_refuses_is_a_reason_without_its_address(status: int) -> None:
    with web() as server:
        server.status = status
        reason = send_otlp(GAUGES, server.url, timeout=0.3)
    assert reason
    assert "T0K3N" not in reason


def test_a_collector_that_is_slow_is_not_waited_for() -> None:
    with web() as server:
        server.held.clear()
        reason = send_otlp(GAUGES, server.url, timeout=0.2)
        server.held.set()
    assert reason
    assert "T0K3N" not in reason


def test_a_collector_that_is_down_is_a_warning_and_fails_nothing(
    ran: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(export, "TIMEOUT", 0.3)
    caplog.set_level(logging.DEBUG)
    address = f"http://me:hush@127.0.0.1:{free_port()}/T0K3N"
    assert driftline.publish(_publishing(load_project(ran), otlp=address)) == ()
    (told,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert told.getMessage().startswith("publish.otlp: the latest values were not sent: ")
    assert "T0K3N" not in caplog.text
    assert "hush" not in caplog.text


def test_opentelemetry_that_is_missing_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.metric_exporter", None)
    reason = send_otlp(GAUGES, "http://127.0.0.1:4318")
    assert reason == "OpenTelemetry is not installed: pip install 'driftline[otel]'"
