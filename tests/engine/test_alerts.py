"""Incidents by hand: runs open and close them, one message tells of each, and people have their say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_project
from receivers import Web, web
from typer.testing import Result

import driftline
from driftline.engine.store import Store

Cli = Callable[..., Result]
Row = dict[str, Any]

# the window of 11 February has drifted, that of 21 February has not, and has fewer rows
AT = "2026-02-11"
MORE = """\
    alerts: {notify: [ops]}
    links: {dashboard: "https://bi.example/?m={monitor}&d={window_date}"}
"""


@pytest.fixture
def server() -> Any:
    with web() as found:
        yield found


@pytest.fixture
def project(tmp_path: Path, server: Web) -> Path:
    small_project.make(tmp_path, rows=240)
    head = (
        f'{small_project.HEAD}notifications: [{{name: ops, type: webhook, url: "{server.url}"}}]\n'
    )
    return small_project.write(tmp_path, head=head, more=MORE)


def messages(server: Web) -> list[Row]:
    return [json.loads(got.body) for got in server.got]


def alerts(project: Path) -> list[Row]:
    return list(Store(project.parent / "results.duckdb").read("from alerts").to_pylist())


def test_a_run_tells_once_of_all_it_found(project: Path, server: Web) -> None:
    for _ in range(2):
        driftline.run(project, at=AT)
    (message,) = messages(server)
    found = driftline.alerts(project).to_pylist()
    assert {row["feature"] for row in found} == {each["feature"] for each in message["incidents"]}
    assert message["event"] == "opened"
    assert message["title"] == f"churn: {len(found)} incidents opened"
    text = message["text"].splitlines()
    assert text[0] == "churn · 2026-02-01 to 2026-02-10 · 240 rows"
    # the greatest score first, with what moved
    best = max(found, key=lambda row: row["worst_value"] / row["threshold"])
    assert any(line.startswith("- ") and best["feature"] in line for line in text)
    assert message["links"] == {"dashboard": "https://bi.example/?m=churn&d=2026-02-10"}
    assert message["command"] == "driftline show churn"


def test_what_is_over_is_told_and_a_window_without_rows_is_a_matter_of_its_own(
    project: Path, server: Web
) -> None:
    driftline.run(project, at=AT)
    driftline.run(project, at="2026-03-01")
    _, second = messages(server)
    kinds = {each["metric"]: each["event"] for each in second["incidents"]}
    assert kinds["no_rows"] == "opened"
    assert "- no rows" in second["text"]
    # features of which nothing can be told are as they were
    assert "closed" not in kinds.values()


def test_backfills_open_incidents_and_tell_nobody(project: Path, server: Web) -> None:
    driftline.backfill(project, start="2026-02-01", end="2026-02-11")
    assert alerts(project)
    assert server.got == []


def test_people_take_incidents_on_close_them_and_mute_features(cli: Cli, project: Path) -> None:
    driftline.run(project, at=AT)
    first, second, *_ = cli_rows(cli("alerts", "list", "--format", "json"))
    found = cli("alerts", "ack", first["alert_id"][:8], "--by", "ann")
    assert "taken on by ann" in found.output
    assert cli("alerts", "close", second["alert_id"][:8]).exit_code == 0
    left = cli_rows(cli("alerts", "list", "--format", "json"))
    assert second["alert_id"] not in {row["alert_id"] for row in left}
    everything = cli_rows(cli("alerts", "list", "--closed", "--format", "json"))
    assert len(everything) == len(left) + 1
    # what a person closed stays closed when the window is measured again
    driftline.run(project, at=AT)
    assert cli_rows(cli("alerts", "list", "--format", "json")) == left
    muted = cli("alerts", "mute", "age", "--until", "P3D", "--reason", "a campaign")
    assert "a campaign" in muted.output
    assert "a campaign" in cli("alerts", "mutes").output
    told = {
        row["feature"]: row["muted_until"]
        for row in cli_rows(cli("alerts", "list", "--format", "json"))
    }
    assert told["age"] is not None
    assert {until for name, until in told.items() if name != "age"} == {None}
    cli("alerts", "mute", "age", "--until", "2026-01-01", "--reason", "over")
    assert "nothing is muted" in cli("alerts", "mutes").output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("ack", "zzzz"), "no open incident begins with 'zzzz'"),
        (("close", "a"), "4 letters of an id are the least"),
        (("mute", "agee", "--until", "P1D", "--reason", "x"), "have a feature 'agee'"),
        (("mute", "age", "--until", "soon", "--reason", "x"), "'soon' is not a date or time"),
        (("list", "nobody"), "there is no monitor 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_told_with_what_to_do(
    cli: Cli, project: Path, words: tuple[str, ...], told: str
) -> None:
    driftline.run(project, at=AT)
    found = cli("alerts", *words)
    assert found.exit_code == 2
    assert told in " ".join(found.output.split())


def test_a_channel_that_is_down_costs_no_result_and_the_run_says_so(
    cli: Cli, tmp_path: Path
) -> None:
    small_project.make(tmp_path, rows=240)
    head = f'{small_project.HEAD}notifications: [{{name: ops, type: webhook, url: "http://127.0.0.1:9/x"}}]\n'
    small_project.write(tmp_path, head=head, more=MORE)
    found = cli("run", "--at", AT)
    assert found.exit_code == 1
    assert "ops: 1 message waits" in found.output
    assert "waiting" in cli("alerts", "outbox").output


def test_segments_decide_exit_codes_where_the_file_says_so(tmp_path: Path) -> None:
    small_project.make(tmp_path)

    def ran(limit: str, segments: str) -> driftline.RunResult:
        path = small_project.write(
            tmp_path,
            f"""
    segments: [{{name: old, where: "age > 60"}}]
    alert_when: exceeds
    min_rows: 0
    alerts: {{segments: {segments}}}
    signals:
      data_drift: {{features: [age], normalized_wasserstein_distance: {limit}}}
""",
        )
        return driftline.run(path, at=AT)

    first = {row["segment"]: row for row in ran("null", "false").metrics if row["feature"] == "age"}
    whole, part = (first[name]["value"] for name in ("__all__", "old"))
    assert part > whole
    between = str((whole + part) / 2)
    assert [ran(between, said).exit_code for said in ("false", "true")] == [0, 1]


def cli_rows(found: Result) -> list[Row]:
    assert found.exit_code == 0, found.output
    return list(json.loads(found.output))
