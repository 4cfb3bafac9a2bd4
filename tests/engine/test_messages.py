"""Messages: their JSON document, and what of it is for others to rely on."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from receivers import web

from driftline.engine.channels import Webhook
from driftline.engine.messages import EVENTS, MOST_BYTES, Message

NOW: Final = datetime(2026, 3, 2, 6, 0, 1, 250)

OPENED: Final = Message(
    id="5f0c",
    event="opened",
    monitor="churn",
    model="churn model",
    owner="ops",
    severity="high",
    window_start=datetime(2026, 2, 23),
    window_end=datetime(2026, 3, 2),
    title="churn: age drifted",
    text="age: 0.31, threshold 0.25\nmean 48 → 60",
    incidents=({"alert_id": "a1", "feature": "age", "last_value": 0.31},),
    links={"runbook": "https://wiki.example/churn"},
    command="driftline show churn",
    created_at=NOW,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
messages = st.builds(
    Message,
    id=texts,
    event=st.sampled_from(EVENTS),
    monitor=texts,
    model=st.none() | texts,
    owner=st.none() | texts,
    severity=st.none() | texts,
    window_start=st.none() | st.datetimes(),
    window_end=st.none() | st.datetimes(),
    title=texts,
    text=texts,
    incidents=st.lists(st.dictionaries(texts, scalars | texts, max_size=3), max_size=3).map(tuple),
    links=st.dictionaries(texts, texts, max_size=3),
    command=texts,
    created_at=st.datetimes(),
)


@given(messages)
def test_a_message_is_read_back_from_its_document(message: Message) -> None:
    assert Message.from_json(message.to_json()) == message


def test_the_document_is_json_with_times_in_utc() -> None:
    document = json.loads(OPENED.to_json())

    assert document["version"] == 1
    assert document["window_end"] == "2026-03-02T00:00:00Z"
    assert document["created_at"] == "2026-03-02T06:00:01.000250Z"
    assert document["incidents"] == [{"alert_id": "a1", "feature": "age", "last_value": 0.31}]
    assert document["incident_count"] == 1


def test_times_with_a_zone_are_told_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    message = replace(OPENED, window_end=datetime(2026, 3, 2, 2, tzinfo=east))

    assert message.window_end == datetime(2026, 3, 2)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), None),
        (float("-inf"), None),
        (datetime(2026, 3, 2, 6, tzinfo=UTC), "2026-03-02T06:00:00Z"),
        (date(2026, 3, 2), "2026-03-02"),
    ],
)
def test_what_json_does_not_have_is_told_otherwise(value: object, told: object) -> None:
    message = replace(OPENED, incidents=({"value": value},))

    assert json.loads(message.to_json())["incidents"] == [{"value": told}]


def test_a_document_stays_small_enough_for_every_place() -> None:
    many = tuple({"feature": "größe" * 20, "number": n} for n in range(2_000))
    message = replace(OPENED, title="t" * 3_000, text="ä" * 90_000, incidents=many)

    text = message.to_json()
    document = json.loads(text)

    assert len(text.encode()) <= MOST_BYTES
    assert document["text"].endswith("…")
    assert document["incident_count"] == 2_000
    assert 100 < len(document["incidents"]) < 2_000
    assert document["incidents"] == list(many[: len(document["incidents"])])


def test_an_event_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="'exploded' is not an event: opened, reminder"):
        replace(OPENED, event="exploded")  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["[]", '{"version": 2}', '{"version": 1, "id": "x"}', "no"])
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        Message.from_json(text)


def test_fields_that_are_not_known_are_passed_over() -> None:
    document = json.loads(OPENED.to_json()) | {"colour": "red"}

    assert Message.from_json(json.dumps(document)) == OPENED


# What docs/notifications.md promises

PAGE: Final = Path(__file__).parents[2] / "docs" / "notifications.md"


def test_the_page_has_the_fields_of_the_document_in_their_order() -> None:
    text = PAGE.read_text("utf-8")
    table = text.split("| field | type | meaning |")[1].split("\n\n")[0]
    told = re.findall(r"^\| `(\w+)` \| ([a-z ]+) \|", table, flags=re.MULTILINE)
    assert [name for name, _ in told] == list(json.loads(OPENED.to_json()))
    optional = {each.name for each in fields(Message) if "None" in str(each.type)}
    assert {name for name, kind in told if kind.endswith("or null")} == optional
    assert all(f"`{event}`" in table for event in EVENTS)


def test_the_page_verifies_what_a_webhook_signs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)
    page: dict[str, Any] = {}
    exec(code, page)
    verify = page["is_from_driftline"]
    options = {"secret": "s3cr3t-of-it"}
    with web() as server:
        webhook = Webhook("team", options | {"url": server.url}, clock=lambda: 1_772_431_200.5)
        assert webhook.send(OPENED, OPENED.to_json()).is_taken
        (got,) = server.got

    def now() -> float:
        return 1_772_431_205

    assert verify(got.headers, got.body, "s3cr3t-of-it", now=now)
    assert not verify(got.headers, got.body, "another", now=now)
    assert not verify(got.headers, got.body + b" ", "s3cr3t-of-it", now=now)
    assert not verify(got.headers, got.body, "s3cr3t-of-it", now=lambda: now() + 400)
