"""Metrics of a project's own: aggregates that its signals define, and the files of the folder beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from driftline.engine.aggregates import Aggregate, AggregateError, tables_read
from driftline.engine.catalog import BOTH, METRICS, SHORT_NAMES, Direction, FeatureType, Metric
from driftline.engine.header import Header, HeaderError, parse_header

NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
FOLDER: Final = "metrics"
# Types of signal whose features metrics of the folder may measure.
SIGNALS: Final = ("data_drift", "prediction_drift", "data_quality")
# What metrics of the folder may select from; docs/custom_metrics.md has the columns.
RELATIONS: Final = (
    *("bins", "binned", "comparisons", "columns", "quantiles", "categories", "each_category"),
    *("gaps", "intervals", "pairs", "members", "features", "scans", "scan_rows", "windows"),
)
_PARAM: Final = re.compile(r"\{\{-? *([a-z_]+) *-?\}\}")
_NUMBER: Final = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


def why_no_name(name: str) -> str | None:
    """Why a metric of the project's own cannot have a name; None where it can."""
    if not NAME.fullmatch(name):
        return "a metric's name is made of a-z, 0-9 and _, and begins with a letter"
    if name in METRICS or name in SHORT_NAMES:
        return f"{name} is a metric of Driftline's; give yours another name"
    return None


def aggregate_metric(name: str, aggregate: Aggregate, worse: Direction, place: str) -> Metric:
    """The catalogue line of an aggregate over the source.

    Args:
        name: Its name.
        aggregate: What it is.
        worse: Direction of harm.
        place: Where it is written, for messages.
    """
    columns = ", ".join(aggregate.columns)
    text = "\n".join(
        (
            f"-- {name}: {name.replace('_', ' ')}",
            "--",
            f"-- defines  value = {' '.join(aggregate.text.split())}",
            f"-- reads    the source{f': {columns}' if columns else ''}",
            "-- returns  value: double, to 12 significant digits; of all rows of the window",
            "-- nulls    as the aggregates treat them",
            f"-- source   {place}",
            "select",
            f"    {aggregate.text} as value",
            "from source",
            "",
        )
    )
    return Metric(
        name,
        "custom",
        (),
        scope="custom",
        worse=worse,
        bare="max" if worse == "higher" else "min",
        low=-float("inf"),
        text=text,
        place=place,
        aggregate=aggregate,
    )


@dataclass(frozen=True)
class Broken:
    """A file that is no metric: its name, the line from 1, what is wrong and what to do."""

    file: str
    line: int
    told: str


class _BrokenError(ValueError):
    def __init__(self, line: int, told: str) -> None:
        super().__init__(told)
        self.line = line


def metrics_beside(root: Path) -> tuple[Mapping[str, Metric], tuple[Broken, ...]]:
    """The metrics of the folder `metrics` beside a project file, and what is wrong in it.

    Args:
        root: The project's folder.
    """
    found: dict[str, Metric] = {}
    broken: list[Broken] = []
    for path in sorted((root / FOLDER).glob("*.sql")):
        label = f"{FOLDER}/{path.name}"
        try:
            found[path.stem] = _metric(path, label)
        except HeaderError as error:
            broken.append(Broken(label, error.line, error.told))
        except _BrokenError as error:
            broken.append(Broken(label, error.line, str(error)))
        except (OSError, UnicodeDecodeError) as error:
            broken.append(Broken(label, 1, f"cannot be read: {error}"))
    return MappingProxyType(found), tuple(broken)


def _metric(path: Path, label: str) -> Metric:
    text = path.read_text("utf-8")
    header = parse_header(text, file=label, own=True)
    if header.name != path.stem:
        raise _BrokenError(
            1, f"the metric is called {header.name!r}; call it {path.stem!r}, as its file"
        )
    if (why := why_no_name(header.name)) is not None:
        raise _BrokenError(1, why)
    worse = _worse(header, text)
    _select(header, text)
    return Metric(
        header.name,
        "custom",
        _types(header, text),
        worse=worse,
        bare="max" if worse == "higher" else "min",
        default=_default(header, text),
        low=-float("inf"),
        text=text,
        place=label,
    )


def _line_of(text: str, start: str) -> int:
    """The line of the text that begins so."""
    lines = text.splitlines()
    return next((k for k, line in enumerate(lines, 1) if line.startswith(start)), 1)


def _types(header: Header, text: str) -> tuple[FeatureType, ...]:
    words = re.split(r"[,\s]+|\band\b", header.own["types"])
    named = {word for word in words if word}
    if named == {"both"}:
        return BOTH
    if not named or not named <= {*BOTH}:
        raise _BrokenError(_line_of(text, "-- types"), "types are numerical, categorical, or both")
    return tuple(kind for kind in BOTH if kind in named)


def _worse(header: Header, text: str) -> Direction:
    key = "worse" if "worse" in header.own else "direction"
    match header.own.get(key, "higher"):
        case "higher":
            return "higher"
        case "lower":
            return "lower"
        case told:
            raise _BrokenError(
                _line_of(text, f"-- {key}"), f"{key} is higher or lower, not {told!r}"
            )


def _default(header: Header, text: str) -> float | Mapping[str, float] | None:
    told = header.own.get("default", "none")
    if told == "none":
        return None
    if re.fullmatch(_NUMBER, told):
        return float(told)
    each = [
        re.fullmatch(rf"({_NUMBER}) (numerical|categorical)", part.strip())
        for part in told.split(",")
    ]
    if all(each):
        return MappingProxyType({found[2]: float(found[1]) for found in each if found})
    raise _BrokenError(
        _line_of(text, "-- default"),
        "default is a number, `0.05 numerical, 0.1 categorical`, or none",
    )


def _select(header: Header, text: str) -> None:
    """Refuse SQL that is not one SELECT from the relations that its header names."""
    odd = next(
        (found for found in re.finditer(r"\{[%{#]", text) if not _PARAM.match(text, found.start())),
        None,
    )
    if odd is not None:
        line = text.count("\n", 0, odd.start()) + 1
        raise _BrokenError(
            line, "only {{ name }} of a param can stand in the SQL, nothing else of Jinja"
        )
    params = {param.name: param.default for param in header.params}
    for found in _PARAM.finditer(text):
        if found[1] not in params:
            line = text.count("\n", 0, found.start()) + 1
            raise _BrokenError(
                line,
                f"{found[1]} is no param of the header: add `-- param    {found[1]}: float = … in […]; …`",
            )
    unknown = [name for name in header.reads if name not in RELATIONS]
    if unknown:
        raise _BrokenError(
            _line_of(text, "-- reads"),
            f"there is no relation {unknown[0]!r}: a metric reads {', '.join(RELATIONS)}",
        )
    try:
        tables = tables_read(_PARAM.sub(lambda found: repr(params[found[1]]), text))
    except AggregateError as error:
        at = "" if error.column is None else f", at column {error.column}"
        raise _BrokenError(error.line or _first_of_sql(text), f"{error}{at}") from error
    hidden = sorted(tables.difference(header.reads))
    if hidden:
        told = f"the SQL reads {hidden[0]}, which the line `reads` does not name"
        if hidden[0] not in RELATIONS:
            told = f"the SQL reads {hidden[0]}: a metric reads {', '.join(RELATIONS)}"
        raise _BrokenError(line_of_word(text, hidden[0]), told)


def _first_of_sql(text: str) -> int:
    lines = text.splitlines()
    return next((k for k, line in enumerate(lines, 1) if line and not line.startswith("--")), 1)


def line_of_word(text: str, word: str) -> int:
    """The line, from 1, of a metric's SQL that has a word first."""
    lines = enumerate(text.splitlines(), 1)
    held = (k for k, line in lines if not line.startswith("--") and re.search(rf"\b{word}\b", line))
    return next(held, 1)


def scaffold(name: str) -> str:
    """A first file of a metric: one that runs, to be changed.

    Args:
        name: The metric's name.
    """
    return _SCAFFOLD.replace("NAME", name)


_SCAFFOLD: Final = """\
-- NAME: half the sum of what the shares of all bins have changed
--
-- defines  value = sum over bins of |q - p| / 2
--          p, q = share of the reference, of production in the bin
-- reads    bins
-- returns  comparison; value: double in [0, 1]
-- nulls    not counted
-- source   ours
-- types    numerical, categorical
-- worse    higher
-- default  0.1
select
    comparison,
    sum(abs(q - p) order by bin) / 2 as value
from bins
group by comparison
"""
