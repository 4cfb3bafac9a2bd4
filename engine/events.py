"""Lines that Azure ML's data collector writes: CloudEvents in JSON, with the rows of one request each."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from driftline.engine.records import Row, rows_of, spell, utc

# What every collected table has, before its own columns.
ROW_ID: Final = "correlationid"
TIME: Final = "ce_time"
EVENT_ID: Final = "ce_correlationid"
INDEX: Final = "ce_index"
DATAREF: Final = "ce_dataref"

# A column of the data that could be taken for one of these, or for the folder's `day`, is renamed, and
# so is one that could be taken for a renamed one: no two names become one.
_RESERVED: Final = re.compile(r"(data_)*(ce_.*|correlationid|day|)", re.IGNORECASE | re.DOTALL)

# Folders by time: the year and, as fine as the collector rolls, month, day, hour and minute.
_YEAR: Final = re.compile(r"[12]\d{3}")
_PART: Final = re.compile(r"\d{2}")


class BadLine(ValueError):
    """A line that is no event; the message says why."""


class Waits(Exception):
    """The file that an event refers to is not there, or not whole; the message says which."""


@dataclass(frozen=True)
class Event:
    """One line.

    Attributes:
        time: When it happened, in UTC; None where the line does not say.
        correlation_id: What its rows are joined by; None where the line does not say.
        envelope: What it says beside the data, as text by name.
        data: The rows, in one of the ways that `records.rows_of` reads; None when `dataref` has them.
        dataref: Where they are instead, as written.
    """

    time: datetime | None
    correlation_id: str | None
    envelope: Mapping[str, str | None]
    data: Any = None
    dataref: str | None = None


def column_name(name: str) -> str:
    """What a column of the data is called in the table."""
    return f"data_{name}" if _RESERVED.fullmatch(name) else name


def parse_event(line: bytes) -> Event:
    """Read a line.

    Raises:
        BadLine: When it is no event with data.
    """
    try:
        found = json.loads(line.decode("utf-8"))
        if b"\\u" in line:
            json.dumps(found, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise BadLine(f"is not UTF-8: {error.reason} at byte {error.start}") from error
    except UnicodeEncodeError as error:
        raise BadLine("holds half of a surrogate pair") from error
    except json.JSONDecodeError as error:
        raise BadLine(f"is not JSON: {error.msg} at character {error.pos}") from error
    except (ValueError, RecursionError) as error:
        raise BadLine(f"cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise BadLine("is not a JSON object")
    data, dataref = found.pop("data", None), found.pop("dataref", None)
    if str(found.get("datainblob")).lower() == "true":
        dataref, data = dataref or data, None
    if data is None and not isinstance(dataref, str):
        raise BadLine("has neither data nor dataref")
    time = found.pop("time", None)
    envelope = {name: None if each is None else _text(each) for name, each in found.items()}
    correlation_id = envelope.pop("correlationid", None) or envelope.get("id")
    return Event(
        None if time is None else _moment(time),
        correlation_id,
        envelope,
        data,
        None if data is not None else str(dataref),
    )


def _text(value: object) -> str:
    nested = isinstance(value, dict | list)
    return json.dumps(value, ensure_ascii=False) if nested else spell(value)


def _moment(text: object) -> datetime:
    try:
        return utc(datetime.fromisoformat(str(text).strip()))
    except (ValueError, OverflowError):
        raise BadLine(f"has a time that is none: {str(text)[:40]!r}") from None


def event_rows(event: Event, data: object, at: datetime) -> list[Row]:
    """The rows of an event as a table has them: those of its data, and the envelope's.

    Args:
        event: The event.
        data: Its data, or what its `dataref` holds.
        at: Its time, or what stands for it.

    Raises:
        BadLine: When rows do not fit their columns.
    """
    beside = {_envelope_column(name): value for name, value in event.envelope.items()}
    if event.dataref is not None:
        beside[DATAREF] = without_secrets(event.dataref)
    try:
        rows = list(rows_of(data))
    except (ValueError, TypeError) as error:
        raise BadLine(f"has rows that do not fit their columns: {error}") from error
    identity = event.correlation_id
    return [
        {
            ROW_ID: None if identity is None else f"{identity}_{index}",
            TIME: at,
            EVENT_ID: identity,
            INDEX: index,
            **{column_name(str(name)): value for name, value in row.items()},
            **beside,
        }
        for index, row in enumerate(rows)
    ]


def _envelope_column(name: str) -> str:
    """`ce_` and the name, unless that is taken by a column that all tables have."""
    plain = name.lower()
    taken = plain in ("time", "index", "correlationid", "dataref") or plain.startswith("ce_")
    return f"ce_ce_{name}" if taken else f"ce_{name}"


def split_folder(folder: Path) -> tuple[Path, datetime | None]:
    """The folder of a collection above a folder by time, and when that time begins, in UTC.

    Args:
        folder: An absolute path, such as …/model_inputs/2026/11/28/13.
    """
    parts = folder.parts
    for count in range(min(5, len(parts) - 1), 0, -1):
        year, *rest = parts[-count:]
        if not _YEAR.fullmatch(year) or not all(map(_PART.fullmatch, rest)):
            continue
        try:
            numbers = [*map(int, rest), *(1, 1, 0, 0)[len(rest) :]]
            return Path(*parts[:-count]), datetime(int(year), *numbers, tzinfo=UTC)  # type: ignore[misc, arg-type]
        except ValueError:
            continue
    return folder, None


def referred(dataref: str, file: Path, source: Path) -> Path:
    """The file below the source that a `dataref` means.

    A URL means a copy of what it names: the file with the longest end of its path below the source. A
    line never leads out of the source.

    Args:
        dataref: A path or a URL, as written.
        file: The file that refers to it.
        source: The folder that is collected.

    Raises:
        Waits: When there is no such file.
    """
    told = without_secrets(dataref)
    path = urlsplit(dataref).path if "://" in dataref else dataref
    parts = PurePosixPath(unquote(path) if "://" in dataref else path.replace("\\", "/")).parts
    parts = tuple(part for part in parts if part not in ("/", "."))
    candidates = []
    if "://" not in dataref and not path.startswith("/"):
        candidates += [file.parent / path, source / path]
    elif "://" not in dataref:
        candidates.append(Path(path))
    if ".." not in parts:
        candidates += [source.joinpath(*parts[start:]) for start in range(len(parts) - 1)]
        candidates += [file.parent / parts[-1]] if parts else []
    outside = False
    for each in candidates:
        try:
            if not each.is_file():
                continue
            whole = each.resolve()
        except (OSError, ValueError):
            continue
        if whole.is_relative_to(source):
            return whole
        outside = True
    if outside:
        raise Waits(f"its dataref {told} is outside of the source")
    raise Waits(f"its dataref {told} has no copy in the source")


def read_referred(path: Path) -> tuple[object, int]:
    """What a file that an event refers to holds, and how many bytes it has.

    Raises:
        Waits: When it cannot be read, or is no JSON: it may be half written.
    """
    try:
        text = path.read_bytes()
        data = json.loads(text.decode("utf-8-sig"))
        json.dumps(data, ensure_ascii=False).encode()
    except (OSError, ValueError, RecursionError) as error:
        raise Waits(f"its dataref {path} cannot be read as JSON: {error}") from error
    if data is None:
        raise Waits(f"its dataref {path} holds nothing")
    return data, len(text)


def without_secrets(dataref: str) -> str:
    """A URL without its query, which may hold a signature, and without a password."""
    if "://" not in dataref:
        return dataref
    scheme, _, rest = dataref.partition("://")
    place, _, _ = rest.partition("?")
    host, slash, path = place.partition("/")
    # a container of abfss stands where a name and password would
    name, _, _ = host.rpartition("@")
    if ":" in name:
        host = host.rpartition("@")[2]
    return f"{scheme}://{host}{slash}{path}"
