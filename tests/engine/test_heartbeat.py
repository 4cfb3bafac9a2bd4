"""Whoever watches hears that a scheduler is there, and nothing of an address that is secret."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
import small_project
from receivers import free_port, web

import driftline
from driftline.engine.errors import ConfigError
from driftline.engine.heartbeat import Heartbeat, beside
from driftline.engine.schedule_verbs import run_due

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GAUGE = "driftline_scheduler_last_seen_timestamp_seconds"


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_gauge_is_the_time_of_the_last_look(tmp_path: Path) -> None:
    file = beside(tmp_path / "metrics" / "driftline.prom")
    assert file.name == "driftline.scheduler.prom"
    Heartbeat(file).beat(NOW)
    # 2026-03-01 12:00 UTC
    assert file.read_text("utf-8").splitlines()[1:] == [
        f"# TYPE {GAUGE} gauge",
        f"{GAUGE} 1772366400.0",
    ]
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_signs_are_given_twice_a_minute_at_most() -> None:
    seconds = Seconds()
    with web() as server:
        heart = Heartbeat(address=server.url, clock=seconds)
        for at in (0, 1, 29.9, 30, 59, 61):
            seconds.now = at
            heart.beat(NOW)
        assert len(server.got) == 3
        assert {(got.path, got.body) for got in server.got} == {("/hooks/T0K3N-OF-IT", b"")}


def test_a_ping_that_is_not_taken_is_said_once_without_its_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seconds = Seconds()
    with web() as server, caplog.at_level(logging.WARNING, "driftline"):
        server.status = 404
        heart = Heartbeat(address=server.url, clock=seconds)
        for at in (0, 40, 80):
            seconds.now = at
            heart.beat(NOW)
        assert [each.getMessage() for each in caplog.records] == [
            "the ping was not taken: answered 404 Not Found"
        ]
    Heartbeat(address=f"http://127.0.0.1:{free_port()}/T0K3N").beat(NOW)
    assert "refused" in caplog.text.lower()
    assert "T0K3N" not in caplog.text


def test_a_file_that_cannot_be_written_costs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING, "driftline"):
        Heartbeat(tmp_path / "file" / "x.prom").beat(NOW)
    assert "cannot be written" in caplog.text


@pytest.mark.parametrize("address", ["", "hc-ping.com/T0K3N", "ftp://h/T0K3N", "http://[/T0K3N"])
def test_what_is_no_address_is_refused_without_being_shown(address: str) -> None:
    with pytest.raises(ConfigError, match="the address to ping is none") as refused:
        Heartbeat(address=address)
    assert "T0K3N" not in str(refused.value)


def test_schedule_gives_both_signs(tmp_path: Path) -> None:
    small_project.make(tmp_path, rows=240)
    more = '    schedule: "0 0 * * *"\n'
    head = f"{small_project.HEAD}publish: {{prometheus: out/driftline.prom}}\n"
    path = small_project.write(tmp_path, head=head, more=more)
    with web() as server:
        driftline.schedule(path, once=True, ping=server.url)
        assert len(server.got) == 1
    assert GAUGE in (tmp_path / "out" / "driftline.scheduler.prom").read_text("utf-8")
    # an empty variable of the environment is none
    run_due(path, once=True, ping="")
