"""What people read is right, fits, and is the same with and without colour."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console, ConsoleDimensions
from support import printed

from driftline.engine import operating, terminal
from driftline.engine.outcome import MonitorRun, RunResult
from driftline.engine.terminal import Line

START, END = datetime(2026, 11, 15), datetime(2026, 11, 23)


def row(feature: str, status: str = "ok", **given: Any) -> dict[str, Any]:
    """A row of `metrics`, as far as people see it."""
    return {
        "monitor": "delay",
        "signal": "data_drift",
        "feature": feature,
        "metric": "normalized_wasserstein_distance",
        "segment": "__all__",
        "reference": "training",
        "window_start": START,
        "window_end": END,
        "value": 0.5,
        "threshold": 0.25,
        "threshold_kind": "max",
        "status": status,
        "score": 2.0,
        "summary": "mean 1 → 2",
        "reason": None,
        "ci_low": None,
        "ci_high": None,
        **given,
    }


def counted(rows: float) -> dict[str, Any]:
    """The row of `row_count`."""
    return row("__all__", metric="row_count", value=rows, threshold=None, summary=f"{rows} rows")


def run_of(*rows: dict[str, Any], **given: Any) -> RunResult:
    """A run of one monitor that found these rows."""
    about = {
        "monitor": "delay",
        "status": "succeeded",
        "window_rows": 48_210,
        "primary": "training",
    }
    return RunResult((MonitorRun(run=about, metrics=rows, **given),))


def summary(result: RunResult, width: int = 80, **given: Any) -> list[str]:
    """The lines of a summary."""
    out, file = printed(width)
    terminal.summary(out, result, **given)
    return file.getvalue().splitlines()


# Sentences


@pytest.mark.parametrize(
    ("start", "end", "zone", "words"),
    [
        ((2026, 11, 15), (2026, 11, 23), "UTC", "15–22 Nov 2026"),
        ((2026, 11, 22), (2026, 11, 23), "UTC", "22 Nov 2026"),
        ((2026, 11, 28), (2026, 12, 5), "UTC", "28 Nov – 4 Dec 2026"),
        ((2026, 12, 28), (2027, 1, 4), "UTC", "28 Dec 2026 – 3 Jan 2027"),
        ((2026, 11, 22, 6), (2026, 11, 22, 12), "UTC", "22 Nov 2026 06:00–12:00"),
        ((2026, 11, 22, 6), (2026, 11, 23, 6), "UTC", "22 Nov 2026 06:00 – 23 Nov 2026 06:00"),
        ((2026, 11, 14, 23), (2026, 11, 22, 23), "Europe/Berlin", "15–22 Nov 2026"),
        ((2026, 10, 24, 22), (2026, 10, 25, 23), "Europe/Berlin", "25 Oct 2026"),
        ((2026, 11, 22, 6), (2026, 11, 22, 7), "Asia/Tokyo", "22 Nov 2026 15:00–16:00 Asia/Tokyo"),
        ((1970, 1, 1), (2026, 11, 23), "UTC", "the whole table"),
    ],
)
def test_a_window_is_told_in_days_where_it_is_days(
    start: tuple[int, ...], end: tuple[int, ...], zone: str, words: str
) -> None:
    assert terminal.span(datetime(*start), datetime(*end), zone) == words  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "0.5 > 0.25"),
        ({"value": 0.25}, "0.25 ≤ 0.25"),
        ({"value": 0.1}, "0.1 ≤ 0.25"),
        ({"value": 0.25000001}, "0.25 > 0.25"),
        ({"value": 0.25004}, "0.25004 > 0.25"),
        ({"value": None}, "–"),
        ({"threshold": None}, "0.5"),
        ({"threshold_kind": "min"}, "0.5 ≥ 0.25"),
        ({"threshold_kind": "min", "value": 0.001}, "0.001 < 0.25"),
        ({"metric": "null_value_rate", "value": 0.07, "threshold": 0.041}, "7.0 % > 4.1 %"),
        ({"metric": "one_of_a_newer_version"}, "0.5 > 0.25"),
    ],
)
def test_a_value_is_held_against_its_threshold(given: dict[str, Any], words: str) -> None:
    assert terminal.held(row("age", **given)) == words


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ci_low": 0.41, "ci_high": 0.62}, "0.5 (0.41–0.62) > 0.25"),
        ({"ci_low": 0.41, "ci_high": None}, "0.5 > 0.25"),
        (
            {"metric": "null_value_rate", "ci_low": 0.041, "ci_high": 0.62},
            "50 % (4.1–62 %) > 25 %",
        ),
        # what is stored there is the interval of the statistic, not of p
        (
            {"metric": "pearsons_chi_squared_test", "ci_low": 9.0, "ci_high": 12.0},
            "0.5 > 0.25",
        ),
    ],
)
def test_an_interval_stands_behind_its_value(given: dict[str, Any], words: str) -> None:
    assert terminal.held(row("age", **given), interval=True) == words


def test_the_headline_counts_features_rows_and_days() -> None:
    rows = [row("a", "breached"), row("a", "breached"), row("b"), row("c"), counted(48_210.0)]
    assert terminal.headline(rows).plain == (
        "1 of 3 features breached · 48 210 rows · 15–22 Nov 2026 against training"
    )


def test_the_headline_is_of_the_window_whose_rows_it_counts() -> None:
    later = {"window_start": datetime(2026, 3, 3), "window_end": datetime(2026, 3, 4)}
    told = terminal.headline([row("score") | later, row("__all__", metric="row_count", value=7.0)])
    assert "7 rows · 15–22 Nov 2026" in told.plain


def test_the_headline_names_what_could_not_be_read_and_every_reference() -> None:
    rows = [row("a", "error"), row("b", reference="recent")]
    told = terminal.headline(rows).plain
    assert told.startswith("0 of 2 features breached · 1 with errors · ")
    assert told.endswith(" against training, recent")


# Summaries


def test_features_come_worst_first_with_all_that_is_wrong_with_them() -> None:
    found = summary(
        run_of(
            row("fine", score=0.4, value=0.1),
            row("watch", "warning", score=0.9),
            row("bad", "breached", score=2.0),
            row("worse", "breached", score=9.0),
            row("worse", "breached", metric="null_value_rate", value=0.3, score=3.0),
            row("unsure", "inconclusive", score=1.1),
            row("lost", "error", value=None, score=None, summary="the column could not be read"),
            counted(48_210.0),
        ),
        width=140,
    )
    told = [line.split()[:2] for line in found[2:-2]]
    assert told == [
        ["breached", "worse"],
        ["breached", "bad"],
        ["error", "lost"],
        ["warning", "watch"],
        ["inconclusive", "unsure"],
    ]
    assert found[2].endswith("mean 1 → 2 · also nulls 30 % > 25 %")
    assert found[-1] == "  1 ok (--all)"


def test_what_could_not_be_judged_is_counted_by_why() -> None:
    few = [row(f"f{i}", "insufficient_data") for i in range(3)]
    found = summary(run_of(*few, row("x", "not_computable"), row("y"), counted(20.0)))
    assert found[-1] == "  1 ok (--all) · 3 with too few rows · 1 not computable"


def test_a_summary_of_a_wide_table_stops_after_the_worst() -> None:
    many = [row(f"f{i:03}", "breached", score=i / 100) for i in range(300)]
    found = summary(run_of(*many))
    assert len([line for line in found if line.startswith("  breached")]) == terminal.MOST_FEATURES
    assert found[-1] == "  280 more · 0 ok (--all)"
    assert "f299" in "".join(found)


def test_rows_of_segments_are_not_in_the_summary() -> None:
    found = summary(run_of(row("a", "breached", segment="origin=JFK"), row("a"), counted(9.0)))
    assert "0 of 1 feature breached" in found[0]


def test_several_references_are_told_apart() -> None:
    found = summary(
        run_of(row("a", "breached"), row("a", "breached", reference="recent", score=1.5))
    )
    text = " ".join("".join(found).split())
    assert "wasserstein (training) 0.5 > 0.25" in text
    assert "also wasserstein (recent) 0.5 > 0.25" in text


def test_monitors_are_told_in_their_own_time_zones() -> None:
    zones: Any = SimpleNamespace(
        monitors=[SimpleNamespace(name="delay", time_zone="America/New_York")]
    )
    moved = {"window_start": datetime(2026, 11, 15, 5), "window_end": datetime(2026, 11, 23, 5)}
    assert "15–22 Nov 2026" in " ".join(summary(run_of(row("a", **moved)), project=zones))


def test_the_next_step_looks_at_the_worst_feature_or_where_rows_are() -> None:
    assert terminal.next_step(run_of(row("a"), counted(9.0))) == ("show", "--all")
    worst = run_of(row("a", "warning"), row("b", "breached"))
    assert terminal.next_step(worst) == ("show", "delay", "--feature", "b")
    empty = run_of(row("a"), try_at="2026-11-23")
    assert terminal.next_step(empty) == ("run", "delay", "--at", "2026-11-23")


# Listings


def listed(lines: Sequence[Line], width: int, **given: Any) -> list[str]:
    """The lines of a listing."""
    out, file = printed(width)
    terminal.listing(out, lines, **given)
    return file.getvalue().splitlines()


LONG = "the share of everything that anybody ever saw rose from 10 % to 1 000 000 000"


def test_a_sentence_stands_beside_its_row_where_there_is_room_and_below_where_not() -> None:
    lines = [Line(("breached", "age"), (LONG,))]
    assert listed(lines, 100) == [f"  breached  age  {LONG}"]
    narrow = listed(lines, 60)
    assert narrow[0] == "  breached  age"
    assert narrow[1].startswith("            the share")
    assert all(cell_len(line) <= 60 for line in narrow)


def test_a_number_is_never_torn_from_its_unit_or_its_thousands() -> None:
    for width in range(30, 90):
        lines = listed([Line(("x",), (LONG,))], width)
        assert not any(line.strip().startswith(("%", "000")) for line in lines)
        assert " ".join(line.strip() for line in lines).endswith("1 000 000 000")


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_no_name_is_ever_cut_short(width: int) -> None:
    name = "a_feature_with_a_name_that_goes_on_and_on_and_on_until_nobody_can_remember_it_at_all"
    found = listed([Line(("breached", name, "psi"), (LONG,)), Line(("ok", "b", "psi"))], width)
    assert name in "".join(found)


def test_wide_characters_keep_the_columns_straight() -> None:
    first, second = listed([Line(("气温", "x")), Line(("temp", "y"))], 80)
    assert cell_len(first.split("x")[0]) == cell_len(second.split("y")[0])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("größe 气温 🌡", "größe 气温 🌡"),
        ("[bold]x[/bold]", "[bold]x[/bold]"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\u202eabc\u2028", "\\u202eabc\\u2028"),
        ("\ud800", "\\ud800"),
    ],
)
def test_only_characters_that_steer_a_terminal_are_spelled_out(text: str, shown: str) -> None:
    assert terminal.clean(text) == shown


def test_colour_repeats_what_words_say() -> None:
    result = run_of(row("bad", "breached"), row("watch", "warning"), row("fine"), counted(9.0))
    out, coloured = printed(force_terminal=True, color_system="standard", no_color=False)
    terminal.summary(out, result)
    text = coloured.getvalue()
    assert "\x1b[1;31mbreached" in text
    assert re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines() == summary(result)


# Incidents


def incident(**given: Any) -> dict[str, Any]:
    """A row of `alerts`, as far as people see it."""
    return {
        "alert_id": "e7401b190123",
        "monitor": "delay",
        "signal": "data_drift",
        "segment": "__all__",
        "feature": "age",
        "metric": "normalized_wasserstein_distance",
        "severity": "high",
        "opened_at": datetime(2026, 11, 24),
        "closed_at": None,
        "window_count": 1,
        "worst_value": 0.5,
        "message": "mean 1 → 2",
        "acknowledged_by": None,
        **given,
    }


def incidents(*rows: dict[str, Any], zone: str = "UTC") -> str:
    """What is printed of incidents under the head, each blank once."""
    out, file = printed(100)
    project: Any = SimpleNamespace(monitors=[SimpleNamespace(name="delay", time_zone=zone)])
    operating.incidents(out, rows, project)
    return " ".join(file.getvalue().partition("\n")[2].split())


def test_an_incident_is_told_with_the_last_day_of_its_windows_as_a_window_is() -> None:
    # windows of whole days end at the midnight after
    told = incidents(incident(closed_at=datetime(2026, 12, 1)))
    days = "23 Nov 2026 closed 30 Nov 2026"
    assert told == f"e7401b19 delay age wasserstein high {days} mean 1 → 2"


@pytest.mark.parametrize(
    ("end", "zone", "told"),
    [
        (datetime(2026, 11, 24, 14), "UTC", "24 Nov 2026 14:00"),
        (datetime(2026, 11, 23, 23), "Europe/Berlin", "23 Nov 2026"),
        (datetime(2026, 11, 24), "Europe/Berlin", "24 Nov 2026 01:00"),
    ],
)
def test_an_hour_is_told_where_windows_end_within_a_day_of_their_zone(
    end: datetime, zone: str, told: str
) -> None:
    assert f"high {told} open" in incidents(incident(opened_at=end), zone=zone)


def test_an_incident_of_several_windows_says_how_many_and_the_worst_of_them() -> None:
    told = incidents(incident(window_count=7, worst_value=0.94))
    assert told.endswith("open 7 windows, worst 0.94 · mean 1 → 2")
    # what could not be measured has no worst value
    told = incidents(incident(window_count=7, worst_value=None))
    assert told.endswith("open 7 windows · mean 1 → 2")


def test_history_counts_windows_and_incidents() -> None:
    out, file = printed(100)
    days = [
        row("age", window_start=datetime(2026, 11, day), window_end=datetime(2026, 11, day + 1))
        for day in (15, 16, 17)
    ]
    over = incident(closed_at=datetime(2026, 11, 18))
    operating.history(out, run_of(*days, *days).monitors[0], [incident(), over])
    title = file.getvalue().splitlines()[0]
    assert title == "delay: 3 windows · 15–17 Nov 2026 · 1 incident opened and closed · 1 open"


# Selections and ranks


def test_a_run_of_a_models_performance_alone_counts_its_metrics() -> None:
    rows = [
        row("__all__", status, metric=f"{name}_error", summary="", threshold=0.25)
        for name, status in (("mean_absolute", "breached"), ("mean_squared", "ok"))
    ]
    lines = summary(run_of(*rows), width=120)
    assert lines[0].startswith("delay: 1 of 2 metrics breached · 15–22 Nov 2026")
    assert any(line.split()[:4] == ["breached", "(all", "rows)", "mae"] for line in lines)
    assert "  1 ok (--all)" in lines


def test_features_are_listed_with_their_ranks_where_there_are_any() -> None:
    def listed(rank: int | None) -> list[list[str]]:
        out, file = printed(100)
        about = {"monitor": "delay", "feature": "age", "role": "feature", "reason": None}
        types = {"feature_type": "numerical", "reference_type": "INT", "production_type": "INT"}
        other = {**about, **types, "feature": "zip", "importance_rank": None}
        terminal.features(out, [{**about, **types, "importance_rank": rank}, other])
        return [line.split() for line in file.getvalue().splitlines()]

    assert [line[3] for line in listed(2)[1:]] == ["2", "–"]
    assert "rank" in listed(2)[0]
    assert "rank" not in listed(None)[0]


def test_a_long_listing_asks_for_the_size_of_the_terminal_as_often_as_a_short_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    size = Console.size.fget
    assert size is not None
    asked: list[int] = []

    def counting(self: Console) -> ConsoleDimensions:
        asked.append(1)
        return size(self)

    def times(rows: int) -> int:
        asked.clear()
        lines = [Line(("a", "b"), ("a sentence", "another"))] * rows
        terminal.listing(Console(file=StringIO()), lines)
        return len(asked)

    monkeypatch.setattr(Console, "size", property(counting))
    assert times(400) == times(4) > 0
