"""Why a feature drifted: its segments' shares moved, or what it does within them.

By the chain rule of the Kullback-Leibler divergence, that of a feature's bins and segments together is what
the segments' shares make up (mix) and what the bins within each do, weighted by its share (within):

    KL(P(s, b) || Q(s, b)) = sum P(s) ln(P(s) / Q(s)) + sum P(s) KL(P(b | s) || Q(b | s))

P is production, Q the reference; as for the population stability index, half a row is added to each cell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from driftline.engine.errors import ConfigError
from driftline.engine.plan import ALL
from driftline.engine.project import Monitor, Project, Segmentation
from driftline.engine.yaml_file import nearest

if TYPE_CHECKING:
    import pyarrow as pa

# Added to the rows of every cell of both sides, so that none is empty.
PSEUDOCOUNT: Final = 0.5
# What of a condition's complement results are told.
NOT: Final = "not "

# What reads rows of the result tables.
Read = Callable[[str, dict[str, object]], list[dict[str, Any]]]

_HISTOGRAMS: Final = """
    select * from histograms
    where monitor = $monitor and reference = $reference
    qualify window_end = max(window_end) over (partition by feature)
        and window_start = max(window_start) over (partition by feature, window_end)
    order by feature, segment, bin
"""

# Rows of the reference and of production in each bin.
Bins = Mapping[tuple[Any, ...], tuple[float, float]]


@dataclass(frozen=True)
class Part:
    """What one segment has to do with a feature's drift.

    Attributes:
        segment: Its name; `__all__` for all of them together.
        share_reference, share_production: Of the rows of all of them that hold the feature.
        mix: What its share adds to the divergence, in nats; below 0 where it shrank.
        within: What the feature's bins in it add, in nats, at least 0.
    """

    segment: str
    share_reference: float
    share_production: float
    mix: float
    within: float


def parts_of(segments: Mapping[str, Bins]) -> list[Part]:
    """Split a feature's drift by its segments.

    Args:
        segments: Bins of each segment; together they are all rows, none twice.

    Returns:
        All of them together first, then each, what adds most first; empty where a side has no rows.
    """
    bins = {bin_ for cells in segments.values() for bin_, counts in cells.items() if any(counts)}
    counts = {
        name: [cells.get(bin_, (0.0, 0.0)) for bin_ in bins] for name, cells in segments.items()
    }
    sides = [sum(each[side] for of in counts.values() for each in of) for side in (0, 1)]
    if not all(sides):
        return []
    extra = PSEUDOCOUNT * len(bins) * len(segments)
    n, m = (side + extra for side in sides)
    found = []
    for name, of in counts.items():
        q = [(a + PSEUDOCOUNT) / n for a, _ in of]
        p = [(b + PSEUDOCOUNT) / m for _, b in of]
        before, after = math.fsum(q), math.fsum(p)
        mix = after * math.log(after / before)
        within = math.fsum(
            y * math.log((y / after) / (x / before)) for x, y in zip(q, p, strict=True)
        )
        rows = [sum(each[side] for each in of) / sides[side] for side in (0, 1)]
        found.append(Part(name, rows[0], rows[1], mix, max(0.0, within)))
    whole = Part(ALL, 1.0, 1.0, math.fsum(e.mix for e in found), math.fsum(e.within for e in found))
    return [whole, *sorted(found, key=lambda each: (-(each.mix + each.within), each.segment))]


def told_by(monitor: Monitor) -> list[tuple[str, Segmentation]]:
    """What a monitor's segmentations are called: their columns, or the condition's name."""
    return [(", ".join(each.columns) or each.name, each) for each in monitor.segmentations]


def segments_of(
    segmentation: Segmentation, others: Sequence[Segmentation], bins: Mapping[str, Bins]
) -> dict[str, Bins]:
    """The segments of one segmentation with their bins; of a condition with what is left of the whole.

    Args:
        segmentation: Which.
        others: All of the monitor: names of segments tell which they are of.
        bins: Bins by name of segment, the whole among them.
    """
    if segmentation.where:
        return dict(_halves(segmentation.name, bins))
    longer = [each.columns for each in others if len(each.columns) > len(segmentation.columns)]
    return {
        name: cells
        for name, cells in bins.items()
        if _is_of(name, segmentation.columns) and not any(_is_of(name, each) for each in longer)
    }


def _halves(name: str, bins: Mapping[str, Bins]) -> Iterator[tuple[str, Bins]]:
    if name not in bins or ALL not in bins:
        return
    own, whole = bins[name], bins[ALL]
    yield name, own
    yield (
        f"{NOT}{name}",
        {
            bin_: (a - own.get(bin_, (0.0, 0.0))[0], b - own.get(bin_, (0.0, 0.0))[1])
            for bin_, (a, b) in whole.items()
        },
    )


def _is_of(name: str, columns: Iterable[str]) -> bool:
    """Whether a segment's name is of these columns, in whatever case the table spells them."""
    rest = name.casefold()
    for place, column in enumerate(columns):
        start = f"{column.casefold()}="
        at = 0 if place == 0 and rest.startswith(start) else rest.find(f", {start}")
        if at < 0 or (place == 0 and not rest.startswith(start)):
            return False
        rest = rest[at + len(start) + (2 if place else 0) :]
    return True


def bins_of(
    rows: Iterable[Mapping[str, Any]],
) -> dict[str, dict[tuple[Any, ...], tuple[float, float]]]:
    """Bins by segment from rows of `histograms`, of one feature and reference; new categories are one."""
    found: dict[str, dict[tuple[Any, ...], tuple[float, float]]] = {}
    for row in rows:
        new = row["kind"] == "new"
        interval = row["kind"] in ("interval", "point")
        bin_ = ("new",) if new else (row["kind"], row["lower_bound"] if interval else row["label"])
        cells = found.setdefault(row["segment"], {})
        a, b = cells.get(bin_, (0.0, 0.0))
        cells[bin_] = (a + row["n_reference"], b + row["n_production"])
    return found


def explained(
    project: Project,
    read: Read,
    monitor: str | None,
    features: Sequence[str] | None,
    by: str | None,
    reference: str | None,
) -> pa.Table:
    """What `explain` answers; its arguments are those of the verb."""
    import pyarrow as pa

    chosen = [
        each
        for each in project.monitors
        if (monitor is None and each.segmentations) or each.name == monitor
    ]
    if not any(each.segmentations for each in chosen):
        raise ConfigError(
            f"monitor {monitor} has no segments" if monitor else "no monitor has segments",
            hint="`segments: [COLUMN]` measures features by the values of a column",
        )
    groups: list[list[dict[str, Any]]] = []
    for each in chosen:
        groups += _of_monitor(each, read, features, by, reference)
    groups.sort(key=lambda rows: -(rows[0]["mix"] + rows[0]["within"]))
    text, real, moment = pa.string(), pa.float64(), pa.timestamp("us")
    fields = [
        *((name, text) for name in ("monitor", "reference", "feature", "by", "segment")),
        *((name, moment) for name in ("window_start", "window_end")),
        *((name, real) for name in ("share_reference", "share_production", "mix", "within")),
    ]
    rows = [row for group in groups for row in group]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def _of_monitor(
    monitor: Monitor,
    read: Read,
    features: Sequence[str] | None,
    by: str | None,
    reference: str | None,
) -> Iterator[list[dict[str, Any]]]:
    """Rows of each feature and segmentation of one monitor."""
    against = _known(
        reference or monitor.primary.name, [r.name for r in monitor.references], "reference"
    )
    told = told_by(monitor)
    asked = by and _known(by, [name for name, _ in told], "segmentation")
    stored: dict[str, list[dict[str, Any]]] = {}
    for row in read(_HISTOGRAMS, {"monitor": monitor.name, "reference": against}):
        stored.setdefault(row["feature"], []).append(row)
    for name in features or ():
        _known(name, [*stored], "feature with stored bins")
    for feature, rows in stored.items():
        if features is not None and feature not in features:
            continue
        bins = bins_of(rows)
        for name, segmentation in told:
            if asked and name != asked:
                continue
            parts = parts_of(segments_of(segmentation, monitor.segmentations, bins))
            head = {
                "monitor": monitor.name,
                "reference": against,
                "feature": feature,
                "by": name,
                **{end: rows[0][end] for end in ("window_start", "window_end")},
            }
            if parts:
                yield [{**head, **vars(part)} for part in parts]


def _known(name: str, known: Sequence[str], what: str) -> str:
    if name not in known:
        near = nearest(name, known) or f"; there is {', '.join(known) or 'none'}"
        raise ConfigError(f"there is no {what} {name!r}{near}")
    return name
