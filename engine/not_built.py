"""What the project file may say and this version does not do yet.

Each line is a key, or some of its values, and ends in one complaint. To build one is to delete it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from driftline.engine.yaml_file import Complaints, Map, Seq, Step, Trail

Test = Callable[[object], bool]

# Metrics by type of signal: name and other accepted names.
PLANNED_METRICS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {}

PLANNED_SIGNALS: Final = ()
PLANNED_WORDS: Final = frozenset(
    word
    for metrics in PLANNED_METRICS.values()
    for name, short in metrics.items()
    for word in (name, *short)
)


NOT_YET: Final = "understood but not built in this version"


def _given(value: object) -> bool:
    return value is not None and value not in ([], {})


def _any(_: object) -> bool:
    return True


def _planned_type(value: object) -> bool:
    return isinstance(value, dict) and value.get("type") in PLANNED_SIGNALS


def _planned_word(value: object) -> bool:
    return isinstance(value, str) and value in PLANNED_WORDS


# (path, when, subject and verb, or the whole sentence). A step `*` is any key or index, `#` the
# name of a planned metric; `{key}`, `{value}` and `{type}` are those of the value found.
NOT_BUILT: Final[tuple[tuple[str, Test, str], ...]] = (
    ("monitors.*.reference.same", _given, "a seasonal reference is"),
    ("monitors.*.references.*.same", _given, "a seasonal reference is"),
    ("monitors.*.signals.*", _planned_type, "{type} is"),
    ("monitors.*.signals.*.#", _any, "{key} is"),
    ("monitors.*.signals.*.numerical.#", _any, "{key} is"),
    ("monitors.*.signals.*.categorical.#", _any, "{key} is"),
    ("monitors.*.signals.*.<metrics>.*", _planned_word, "{value} is"),
    ("monitors.*.signals.*.numerical.*", _planned_word, "{value} is"),
    ("monitors.*.signals.*.categorical.*", _planned_word, "{value} is"),
    ("monitors.*.settings.*.thresholds.#", _any, "{key} is"),
    ("monitors.*.alerts", _given, "alerts are"),
    ("monitors.*.links", _given, "links are"),
    ("monitors.*.reprocess", _given, "reprocess is"),
    ("monitors.*.max_catch_up", _given, "max_catch_up is"),
    ("monitors.*.catch_up", _given, "catch_up is"),
)


def complain_of_not_built(tree: Map, complaints: Complaints) -> None:
    """Note one complaint for each part of the file that is understood but not built.

    Args:
        tree: The project file with defaults merged, and every signal with its type.
        complaints: Takes them. What stands inside a part that was complained of is passed over.
    """
    told: list[Trail] = []
    for path, when, sentence in NOT_BUILT:
        for trail, value in _find(tree, path.split("."), ()):
            if not when(value) or any(trail[: len(other)] == other for other in told):
                continue
            told.append(trail)
            kind = value.get("type") if isinstance(value, dict) else None
            said = sentence.format(key=trail[-1], value=value, type=kind)
            complaints.add(tree, trail, said if NOT_YET in said else f"{said} {NOT_YET}")


def _find(node: object, steps: list[str], trail: Trail) -> Iterator[tuple[Trail, object]]:
    """(trail, value) of everything a path leads to."""
    if not steps:
        yield trail, node
        return
    items: list[tuple[Step, object]] = []
    if isinstance(node, Map):
        items = list(node.items())
    elif isinstance(node, Seq):
        items = list(enumerate(node))
    for step, value in items:
        if steps[0] in ("*", step) or (steps[0] == "#" and step in PLANNED_WORDS):
            yield from _find(value, steps[1:], (*trail, step))
