"""Metrics of a project's own: aggregates that its signals define, and the files of the folder beside it."""

from __future__ import annotations

import re
from typing import Final

from driftline.engine.aggregates import Aggregate
from driftline.engine.catalog import METRICS, SHORT_NAMES, Direction, Metric

NAME: Final = re.compile(r"[a-z][a-z0-9_]*")


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
