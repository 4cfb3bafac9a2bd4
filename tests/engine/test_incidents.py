"""Windows beyond a threshold become incidents, the same whichever way the windows came to be stored."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.engine.alerting import Change, follow_verdicts, note, settle
from driftline.engine.incidents import Decision, Incident, Rules, fold
from driftline.engine.project import (
    Alerting,
    Cusum,
    Duration,
    Monitor,
    Production,
    Reference,
    Signal,
    Source,
)
from driftline.engine.results import SCHEMA, TABLES, arrow_rows
from driftline.engine.storefile import FileTables

START = datetime(2026, 3, 1)
A_DAY = timedelta(days=1)
NOW = datetime(2026, 6, 1)
Row = dict[str, Any]

# what a letter says of a window: ok, breached, warning, inconclusive, error, no row
STATUS = {"o": "ok", "b": "breached", "w": "warning", "i": "inconclusive", "e": "error"}


def window(day: int) -> tuple[datetime, datetime]:
    return START + day * A_DAY, START + (day + 1) * A_DAY


def row(day: int, letter: str, **more: Any) -> Row:
    start, end = window(day)
    bad = letter in "bwe"
    told: Row = {
        **dict.fromkeys(TABLES["metrics"].names),
        "metric_id": f"{day}-{more.get('feature', 'x')}-{more.get('metric', 'psi')}",
        "run_id": f"run-{day}",
        "monitor": "m",
        "signal": "data_drift",
        "signal_type": "data_drift",
        "metric": "psi",
        "feature": "x",
        "segment": "__all__",
        "reference": "reference",
        "reference_id": "r",
        "window_start": start,
        "window_end": end,
        "value": None if letter == "e" else 0.3 + day / 100 if bad else 0.01,
        "threshold": 0.1,
        "score": None if letter == "e" else 3.0 + day / 10 if bad else 0.1,
        "status": STATUS[letter],
        "severity": {"b": "high", "w": "warning"}.get(letter),
        "breached": letter == "b",
    }
    return told | more


def history(letters: str, **more: Any) -> list[Row]:
    return [row(day, letter, **more) for day, letter in enumerate(letters) if letter != "."]


def days(incident: Incident) -> tuple[int, int | None, int]:
    """The window that opened it, the one that closed it, and how many were bad."""
    closed = incident.closed_at
    return (
        (incident.opened_at - START).days - 1,
        None if closed is None else (closed - START).days - 1,
        incident.window_count,
    )


def told(
    rows: Sequence[Row],
    count: int,
    decisions: Mapping[tuple[str, str], Decision] | None = None,
    **rules: Any,
) -> tuple[list[tuple[int, int | None, int]], list[tuple[str, int]]]:
    ends = [(window(day)[1], window(day)[0]) for day in range(count)]
    windows = dict.fromkeys({(each["signal"], False) for each in rows}, ends)
    found, events = fold(Rules(Alerting(**rules), "m", "UTC"), windows, rows, decisions or {})
    happened = [(each.kind, (each.window_end - START).days - 1) for each in events]
    return [days(each) for each in found], happened


@pytest.mark.parametrize(
    ("letters", "rules", "incidents", "events"),
    [
        ("ooboo", {}, [(2, 3, 1)], [("opened", 2), ("closed", 3)]),
        ("bbb", {}, [(0, None, 3)], [("opened", 0)]),
        # opened by the second in a row, and dated back to the first
        ("bobbo", {"open_after": 2}, [(2, 4, 2)], [("opened", 3), ("closed", 4)]),
        # what cannot be told ends the count, and neither opens nor closes
        ("bibob", {"open_after": 2}, [], []),
        ("biio", {}, [(0, 3, 1)], [("opened", 0), ("closed", 3)]),
        ("bobooo", {"close_after": 2}, [(0, 4, 2)], [("opened", 0), ("closed", 4)]),
        # what is measured no more is over
        ("bb..", {}, [(0, 2, 2)], [("opened", 0), ("closed", 2)]),
        ("wwbwo", {}, [(0, 4, 4)], [("opened", 0), ("worsened", 2), ("closed", 4)]),
        ("iiii", {}, [], []),
    ],
)
def test_incidents_open_and_close_as_the_file_says(
    letters: str,
    rules: dict[str, Any],
    incidents: list[tuple[int, int | None, int]],
    events: list[tuple[str, int]],
) -> None:
    assert told(history(letters), len(letters), **rules) == (incidents, events)


def test_a_reminder_comes_as_often_as_is_said_and_not_of_what_somebody_has_taken_on() -> None:
    rows = history("bbbbbbb")
    every = Duration(days=2, text="P2D")
    (one,), events = told(rows, 7, remind_every=every)
    assert one == (0, None, 7)
    assert events == [("opened", 0), ("reminder", 2), ("reminder", 4), ("reminder", 6)]
    found, _ = fold(Rules(Alerting(), "m", "UTC"), {}, [], {})
    assert found == []
    ends = [(window(day)[1], window(day)[0]) for day in range(7)]
    rules = Rules(Alerting(remind_every=every), "m", "UTC")
    ((incident,), _) = fold(rules, {("data_drift", False): ends}, rows, {})
    ack = Decision(incident.alert_id, "ack", window(3)[1], NOW, "ann")
    ((taken,), events_) = fold(
        rules, {("data_drift", False): ends}, rows, {(incident.alert_id, "ack"): ack}
    )
    assert (taken.acknowledged_by, taken.acknowledged_at) == ("ann", NOW)
    assert [(e.kind, e.window_end) for e in events_] == [
        ("opened", window(0)[1]), ("reminder", window(2)[1]),
    ]  # fmt: skip


def test_an_incident_that_somebody_closed_stays_closed_and_the_next_is_another() -> None:
    rows = history("bbbob")
    ends = [(window(day)[1], window(day)[0]) for day in range(5)]
    rules = Rules(Alerting(), "m", "UTC")
    first = fold(rules, {("data_drift", False): ends[:2]}, rows[:2], {})[0][0]
    closed = Decision(first.alert_id, "close", window(1)[1], NOW, "ann")
    found, _ = fold(rules, {("data_drift", False): ends}, rows, {(first.alert_id, "close"): closed})
    assert [days(each) for each in found] == [(0, 1, 2), (2, 3, 1), (4, None, 1)]


def test_features_open_incidents_only_where_enough_of_them_are_beyond() -> None:
    rows = [
        *history("bbb", feature="a"), *history("obb", feature="b"), *history("oob", feature="c"),
        # what is about the rows as a whole counts by itself
        *history("bbb", feature="__all__", metric="row_count", value=5.0),
    ]  # fmt: skip
    found, _ = told(rows, 3, at_least_features=3)
    assert sorted(found) == [(0, None, 3), (2, None, 1), (2, None, 1), (2, None, 1)]


def test_what_is_wrong_with_watching_is_a_matter_of_its_own_and_opens_at_once() -> None:
    rows = [
        *history("ee", feature="a", metric="psi"),
        *history("ee", feature="a", metric="js"),
        *history("oo", feature="b"),
        *history("b", feature="__all__", metric="row_count", value=0.0, signal="data_quality"),
        *history("b", feature="__all__", metric="freshness", value=9e9, signal="data_quality"),
    ]
    ends = [(window(day)[1], window(day)[0]) for day in range(2)]
    windows = {("data_drift", False): ends, ("data_quality", False): ends}
    found, _ = fold(Rules(Alerting(open_after=5), "m", "UTC"), windows, rows, {})
    assert {(e.key.metric, e.key.feature, e.severity) for e in found} == {
        ("error", "a", "critical"), ("no_rows", "__all__", "high"), ("stale_data", "__all__", "high"),
    }  # fmt: skip


def test_numbers_of_an_incident_are_those_of_its_windows() -> None:
    rows = history("bbb")
    rows[1] |= {"value": 0.9, "score": 9.0, "severity": "critical"}
    ends = [(window(day)[1], window(day)[0]) for day in range(3)]
    ((one,), _) = fold(Rules(Alerting(), "m", "UTC"), {("data_drift", False): ends}, rows, {})
    assert (one.first_value, one.worst_value, one.last_value) == (0.3, 0.9, 0.32)
    assert (one.severity, one.row["window_end"]) == ("critical", window(2)[1])


# In the store


def monitor(**alerting: Any) -> Monitor:
    source = Source("t.parquet", files=("t.parquet",))
    return Monitor(
        "m",
        Production(source, None, None, None, False),
        (Reference("reference", source, None, None, None),),
        (Signal("data_drift", "data_drift", "reference", ()),),
        alerting=Alerting(**alerting),
    )


@pytest.fixture(scope="module")
def tables() -> Iterator[FileTables]:
    """Result tables in memory."""
    con = duckdb.connect()
    for step in (*SCHEMA.steps(None), SCHEMA.internal_sql):
        con.execute(step)
    yield FileTables(con, "main")
    con.close()


@pytest.fixture
def hold(tables: FileTables) -> Callable[..., Held]:
    return partial(Held, tables)


class Held:
    """Result tables whose windows are written one by one."""

    def __init__(self, tables: FileTables, **alerting: Any) -> None:
        self.tables = tables
        self.monitor = monitor(**alerting)
        for name in ("metrics", "alerts", "_told", "_mutes", "_decisions"):
            tables.execute(f"delete from {name}")

    def put(self, rows: Sequence[Row], *, tells: bool = True, status: str = "succeeded") -> Change:
        """Store windows, in place of what is stored of them."""
        touched = sorted({(each["window_start"], each["window_end"]) for each in rows})
        at = max((end for _, end in touched), default=START)
        run = {"run_id": "r", "status": status, "requested_at": at, "error": "it broke"}
        for _, end in touched:
            self.tables.execute("delete from metrics where window_end = $end", {"end": end})
        self.tables.put("metrics", arrow_rows("metrics", rows))
        change = settle(self.tables, self.monitor, run, touched, now=NOW, tells=tells)
        note(self.tables, "m", change, "message" if change.news else None)
        return change

    def alerts(self) -> list[Row]:
        rows = self.tables.fetch("from alerts order by alert_id").to_pylist()
        return [{k: v for k, v in each.items() if k != "run_id"} for each in rows]

    def events(self) -> list[tuple[str, str, datetime]]:
        rows = self.tables.fetch("select alert_id, event, window_end from _told").to_pylist()
        return sorted((r["alert_id"], r["event"], r["window_end"]) for r in rows)


LETTERS = st.text(st.sampled_from("obbiew."), min_size=4, max_size=9)


@settings(max_examples=10)
@given(
    features=st.lists(LETTERS, min_size=1, max_size=3),
    open_after=st.integers(1, 3),
    close_after=st.integers(1, 2),
    at_least=st.integers(1, 2),
    seed=st.integers(0, 9),
)
def test_windows_one_by_one_or_in_any_order_or_twice_leave_the_same_incidents(
    tables: FileTables,
    features: list[str],
    open_after: int,
    close_after: int,
    at_least: int,
    seed: int,
) -> None:
    every = [r for k, letters in enumerate(features) for r in history(letters, feature=f"f{k}")]
    # a window is measured as a whole
    count = max(map(len, features))
    every += history("o" * count, feature="always")
    rules: dict[str, Any] = {
        "open_after": open_after, "close_after": close_after, "at_least_features": at_least,
    }  # fmt: skip

    def stored(*orders: Sequence[int]) -> tuple[list[Row], list[tuple[str, str, datetime]]]:
        held = Held(tables, **rules)
        for order in orders:
            held.put([each for each in every if (each["window_start"] - START).days in order])
        return held.alerts(), held.events()

    one = [[day] for day in range(count)]
    at_once = stored(range(count))
    assert stored(*one) == at_once
    mixed = random.Random(seed).sample(one, count)
    assert stored(*mixed, *mixed[:2])[0] == at_once[0]


# what a window is: a value, or one beyond the threshold, or none
CREEPING = st.lists(st.one_of(st.integers(0, 30), st.sampled_from("bi.")), min_size=12, max_size=24)


def creeping(values: Sequence[int | str], **more: Any) -> list[Row]:
    rows = []
    for day, value in enumerate(values):
        if value == ".":
            continue
        letter = value if isinstance(value, str) else "o"
        known = {} if isinstance(value, str) else {"value": value / 1000}
        rows.append(row(day, letter, threshold_kind="max", **known, **more))
    return rows


SUMS = Cusum(average_run_length=50, baseline=8, min_effect=0)


@settings(max_examples=3)
@given(
    one=CREEPING,
    other=CREEPING,
    close_after=st.integers(1, 2),
    closed=st.integers(10, 30),
    seed=st.integers(0, 9),
)
def test_windows_in_any_order_leave_the_same_incidents_of_numbers_that_crept(
    tables: FileTables,
    one: list[int | str],
    other: list[int | str],
    close_after: int,
    closed: int,
    seed: int,
) -> None:
    # the second half is higher than the first, and then as before
    values = [*one, *(v + 20 if isinstance(v, int) else v for v in other), *one]
    every = [*creeping(values, feature="a"), *creeping(values[::-1], feature="b")]
    count = len(values)
    every += history("o" * count, feature="always")

    def stored(orders: Sequence[Sequence[int]]) -> tuple[list[Row], list[tuple[Any, ...]]]:
        held = Held(tables, cusum=SUMS, close_after=close_after)
        for order in orders:
            held.put([each for each in every if (each["window_start"] - START).days in order])
        return held.alerts(), held.events()

    singly = [[day] for day in range(count)]
    at_once = stored([range(count)])
    assert stored(singly) == at_once
    mixed = random.Random(seed).sample(singly, count)
    assert stored([*mixed, *mixed[:2]])[0] == at_once[0]
    # what a person closed stays closed, whenever its windows are computed again
    for alert in at_once[0]:
        if alert["metric"].endswith(":cusum"):
            held = Held(tables, cusum=SUMS, close_after=close_after)
            decision = {
                "alert_id": alert["alert_id"], "action": "close", "monitor": "m", "decided_at": NOW,
                "window_end": max(window(closed)[1], alert["opened_at"]), "decided_by": "ann",
            }  # fmt: skip
            tables.put("_decisions", arrow_rows("_decisions", [decision]))
            held.put(every)
            kept = held.alerts()
            for day in random.Random(seed).sample(range(count), 3):
                held.put([each for each in every if (each["window_start"] - START).days == day])
            assert held.alerts() == kept
            break


CREPT = [*([10, 12, 11, 13] * 3), 14, 15, 16, 17, 18]


def test_an_incident_of_what_crept_stands_beside_that_of_the_threshold(
    hold: Callable[..., Held],
) -> None:
    held = hold(cusum=SUMS, open_after=2)
    rows = creeping([*CREPT, "b", "b", 18, 10])
    held.put(rows[:-1])
    found = {each["metric"]: each for each in held.alerts()}
    assert set(found) == {"psi", "psi:cusum"}
    one = found["psi:cusum"]
    assert (one["severity"], one["closed_at"]) == ("warning", None)
    # the sum and its limit, as a value and its threshold
    assert one["last_value"] > one["threshold"] > 2
    assert one["message"].startswith("crept up over ")
    (event,) = held.put(rows[-1:]).news
    assert (event.kind, event.incident.key.metric) == ("closed", "psi:cusum")


def test_what_crept_before_sums_were_asked_for_is_told_as_of_now(
    hold: Callable[..., Held],
) -> None:
    held = hold()
    rows = creeping([*CREPT, 19])
    held.put(rows[:-1])
    held.monitor = monitor(cusum=SUMS)
    (event,) = held.put(rows[-1:]).news
    assert (event.kind, event.incident.opened_at) == ("opened", window(len(CREPT))[1])
    # and where they are asked for no more, it is over
    held.monitor = monitor()
    (event,) = held.put(creeping([*CREPT, 19, 20])[-1:]).news
    assert (event.kind, event.incident.key.metric) == ("closed", "psi:cusum")


@pytest.mark.parametrize("pruned", [3, 12, 15])
def test_what_crept_stays_open_whatever_is_pruned_of_its_history(
    hold: Callable[..., Held], pruned: int
) -> None:
    held = hold(cusum=SUMS)
    held.put(creeping(CREPT))
    (before,) = held.alerts()
    for table in ("metrics", "_told"):
        held.tables.execute(
            f"delete from {table} where window_end < $end", {"end": window(pruned)[1]}
        )
    assert held.put(creeping([*CREPT, 19])[-1:]) == Change()
    (after,) = held.alerts()
    assert (after["alert_id"], after["closed_at"]) == (before["alert_id"], None)
    # a person has the last word
    said = Decision(before["alert_id"], "close", window(len(CREPT))[1], NOW, "ann")
    held.tables.put(
        "_decisions",
        arrow_rows(
            "_decisions",
            [{
                "alert_id": said.alert_id, "action": "close", "monitor": "m",
                "window_end": said.window_end, "decided_at": NOW, "decided_by": "ann",
            }],
        ),
    )  # fmt: skip
    held.put(creeping([*CREPT, 19, 20])[-1:])
    assert [each["closed_at"] for each in held.alerts()] == [said.window_end]


def test_sums_take_as_many_statements_however_many_numbers_there_are(
    hold: Callable[..., Held], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    held = hold(cusum=SUMS)
    fetch = held.tables.fetch
    monkeypatch.setattr(held.tables, "fetch", lambda *a: sent.append(a[0]) or fetch(*a))
    counts = []
    for names in (["a"], [f"f{k}" for k in range(20)]):
        held.tables.execute("delete from metrics")
        sent.clear()
        held.put([each for name in names for each in creeping([10] * 12, feature=name)])
        counts.append(len(sent))
    assert counts[0] == counts[1]


def test_the_late_window_of_a_join_says_nothing_of_features(hold: Callable[..., Held]) -> None:
    held = hold()
    held.put(history("oob")[2:])
    late = history("o", feature="labels", metric="match_rate")
    held.put([{**late[0], "window_end": window(2)[1] + A_DAY / 2}])
    assert [each["closed_at"] for each in held.alerts()] == [None]


def test_history_is_noted_and_not_told(hold: Callable[..., Held]) -> None:
    held = hold()
    assert held.put(history("oob")[1:]).news
    assert held.put(history("b")).history
    assert held.put(history("b")) == Change()
    assert len(held.alerts()) == 2
    # nobody is told twice of the same
    assert not held.put(history("oob")[2:]).news
    assert not held.put(history("ooob", feature="y")[3:], tells=False).news
    assert [each["feature"] for each in held.alerts() if each["closed_at"] is None] == ["y"]


def test_a_window_that_is_right_after_all_takes_its_incident_back(
    hold: Callable[..., Held],
) -> None:
    held = hold()
    held.put(history("b"))
    assert len(held.alerts()) == 1
    held.put(history("o"))
    assert held.alerts() == []


def test_a_run_that_fails_is_an_incident_that_the_next_one_closes(
    hold: Callable[..., Held],
) -> None:
    held = hold()
    (event,) = held.put([], status="failed").news
    assert (event.kind, event.incident.key.metric) == ("opened", "failed_run")
    assert event.incident.row["summary"] == "it broke"
    assert not held.put([], status="failed").news
    assert held.alerts()[0]["window_count"] == 2
    (closed,) = held.put(history("o")).news
    assert closed.kind == "closed"
    assert held.alerts()[0]["closed_at"] is not None


def test_segments_open_incidents_only_where_the_file_says_so(hold: Callable[..., Held]) -> None:
    rows = history("b", segment="origin=JFK")
    assert not hold().put(rows).news
    assert len(hold(segments=True).put(rows).news) == 1


def test_a_mute_keeps_quiet_and_the_incident_is_there(hold: Callable[..., Held]) -> None:
    held = hold()
    mute = {
        "monitor": "m", "feature": "x", "muted_until": NOW + A_DAY, "reason": "known",
        "muted_at": NOW, "muted_by": "ann",
    }  # fmt: skip
    held.tables.put("_mutes", arrow_rows("_mutes", [mute]))
    assert not held.put(history("b")).news
    assert len(held.alerts()) == 1
    held.tables.put("_mutes", arrow_rows("_mutes", [mute | {"muted_until": NOW}]))
    assert replace(held.put(history("bo")[1:]).news[0].incident).closed_at == window(1)[1]


def test_rows_that_are_judged_again_take_their_incidents_with_them(
    hold: Callable[..., Held],
) -> None:
    held = hold()
    held.put(history("bbo"))
    better = history("oo")
    held.tables.put("metrics", arrow_rows("metrics", better))
    follow_verdicts(held.tables, held.monitor, better, NOW)
    assert held.alerts() == []
    worse = history("ob")
    held.tables.put("metrics", arrow_rows("metrics", worse))
    follow_verdicts(held.tables, held.monitor, worse, NOW)
    assert [days_of(row) for row in held.alerts()] == [(1, 2)]


def days_of(alert: Row) -> tuple[int, int]:
    return (alert["opened_at"] - START).days - 1, (alert["closed_at"] - START).days - 1


def test_an_incident_outlives_the_windows_that_opened_it(hold: Callable[..., Held]) -> None:
    held = hold(close_after=2)
    held.put(history("bbbb"))
    (before,) = held.alerts()
    # what is older than three days goes, and what was told of it
    for table in ("metrics", "_told"):
        held.tables.execute(f"delete from {table} where window_end < $end", {"end": window(2)[1]})
    assert held.put(history("bbbbb")[4:]) == Change()
    (after,) = held.alerts()
    last = 0.3 + 4 / 100
    assert after == before | {
        "window_count": 5, "last_seen_at": window(4)[1], "last_value": last, "worst_value": last,
    }  # fmt: skip
    assert held.put(history("bbbbbi")[5:]) == Change()
    assert not held.put(history("bbbbbio")[6:]).news
    (closed,) = held.put(history("bbbbbioo")[7:]).news
    assert (closed.kind, closed.incident.opened_at) == ("closed", before["opened_at"])


def test_a_signal_that_the_file_has_no_more_ends_its_incidents(hold: Callable[..., Held]) -> None:
    held = hold()
    held.put(history("b", signal="weekly"))
    assert [each["closed_at"] for each in held.alerts()] == [None]
    (event,) = held.put(history("bo")[1:]).news
    assert (event.kind, event.incident.key.signal) == ("closed", "weekly")


def test_a_window_without_rows_says_nothing_of_what_else_was_wrong() -> None:
    of = {"feature": "__all__", "metric": "row_count", "signal": "data_quality"}
    rows = [*history("b", **of, value=5.0), *history(".b", **of, value=0.0), *history("..o", **of)]
    found, events = told(rows, 3)
    assert sorted(found) == [(0, 2, 1), (1, 2, 1)]
    assert [event for event in events if event[1] == 1] == [("opened", 1)]
