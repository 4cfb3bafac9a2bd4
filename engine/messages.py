"""What a channel is told: a message, and the JSON document that it is stored and sent as.

The document is a contract with whoever receives it; `docs/notifications.md` has the table of its
fields. Fields may be added; what changes the meaning of one raises `FORMAT`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from math import isfinite
from typing import Any, Final, Literal, TypeAlias, get_args

from driftline.engine.results import naive_utc

Event: TypeAlias = Literal["opened", "reminder", "worsened", "closed", "test", "digest"]
EVENTS: Final[tuple[Event, ...]] = get_args(Event)

FORMAT: Final = 1
"""Version of the document."""

MOST_BYTES: Final = 60_000
"""What a document may have in UTF-8: results in Redshift keep texts of 65 535 bytes."""

_MOST_TITLE: Final = 500
_MOST_TEXT: Final = 10_000
_TIMES: Final = ("window_start", "window_end", "created_at")


@dataclass(frozen=True)
class Message:
    """Something that people are to hear of, about one monitor.

    Attributes:
        id: The idempotency key: the same whenever the same thing is told.
        event: What happened; of several things the leading one.
        monitor: Name of the monitor.
        model: Name of its model.
        owner: Who it belongs to.
        severity: `warning`, `high` or `critical`; None where nothing is wrong.
        window_start: Start of the window it is about; naive UTC, as all times here.
        window_end: Its end.
        title: One line.
        text: What happened, in plain text of several lines.
        incidents: The incidents it is about, each a map of scalars; times become ISO 8601 texts,
            numbers that JSON does not have become None.
        links: Addresses by what they lead to: `report`, `dashboard`, `runbook`.
        command: What to type next.
        created_at: When it was made.

    Raises:
        ValueError: When `event` is none of `EVENTS`.
    """

    id: str
    event: Event
    monitor: str
    model: str | None
    owner: str | None
    severity: str | None
    window_start: datetime | None
    window_end: datetime | None
    title: str
    text: str
    incidents: tuple[Mapping[str, object], ...]
    links: Mapping[str, str]
    command: str
    created_at: datetime

    def __post_init__(self) -> None:
        if self.event not in EVENTS:
            raise ValueError(f"{self.event!r} is not an event: {', '.join(EVENTS)}")
        for name in _TIMES:
            time = getattr(self, name)
            if time is not None:
                object.__setattr__(self, name, naive_utc(time))
        incidents = tuple(
            {name: _scalar(value) for name, value in incident.items()}
            for incident in self.incidents
        )
        object.__setattr__(self, "incidents", incidents)
        object.__setattr__(self, "links", dict(self.links))

    def to_json(self) -> str:
        """The document: one line of JSON, at most `MOST_BYTES` long.

        A title and a text that are too long are cut and end in `…`; incidents that do not fit are left
        out, the last ones first. `incident_count` tells how many there are.
        """
        document: dict[str, Any] = {"version": FORMAT}
        for each in fields(self):
            value = getattr(self, each.name)
            document[each.name] = _written(value) if each.name in _TIMES else value
        document["title"] = _cut(self.title, _MOST_TITLE)
        document["text"] = _cut(self.text, _MOST_TEXT)
        document["incident_count"] = len(self.incidents)
        document["incidents"] = []
        left = MOST_BYTES - len(_dumped(document).encode())
        for incident in self.incidents:
            left -= len(_dumped(incident).encode()) + 1
            if left < 0:
                break
            document["incidents"].append(incident)
        return _dumped(document)

    @staticmethod
    def from_json(text: str | bytes) -> Message:
        """The message that a document says; fields that are not known are passed over.

        Raises:
            ValueError: When it is no document, or one of another version.
        """
        document = json.loads(text)
        if not isinstance(document, dict) or document.get("version") != FORMAT:
            raise ValueError(f"not a message of version {FORMAT}")
        given: dict[str, Any] = {}
        for each in fields(Message):
            if each.name not in document:
                raise ValueError(f"the message has no {each.name!r}")
            value = document[each.name]
            given[each.name] = _read(value) if each.name in _TIMES else value
        return Message(**given | {"incidents": tuple(given["incidents"])})


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _written(time: datetime | None) -> str | None:
    return None if time is None else f"{naive_utc(time).isoformat()}Z"


def _read(text: str | None) -> datetime | None:
    return None if text is None else naive_utc(datetime.fromisoformat(text))


def _scalar(value: object) -> object:
    """A value as JSON has it."""
    match value:
        case datetime():
            return _written(value)
        case date():
            return value.isoformat()
        case float():
            return value if isfinite(value) else None
        case None | bool() | int() | str():
            return value
    return str(value)
