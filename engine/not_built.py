"""What the project file may say and this version does not do yet.

Each line is a key, or some of its values, and ends in one complaint. To build one is to delete it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from driftline.engine.yaml_file import Complaints, Map, Seq, Step, Trail

NOT_YET: Final = "understood but not built in this version"


# (path, subject and verb). A step `*` is any key or index.
NOT_BUILT: Final[tuple[tuple[str, str], ...]] = (
    ("monitors.*.reference.same", "a seasonal reference is"),
    ("monitors.*.references.*.same", "a seasonal reference is"),
)


def complain_of_not_built(tree: Map, complaints: Complaints) -> None:
    """Note one complaint for each part of the file that is understood but not built.

    Args:
        tree: The project file with defaults merged, and every signal with its type.
        complaints: Takes them. What stands inside a part that was complained of is passed over.
    """
    told: list[Trail] = []
    for path, sentence in NOT_BUILT:
        for trail, value in _find(tree, path.split("."), ()):
            given = value is not None and value not in ([], {})
            if not given or any(trail[: len(other)] == other for other in told):
                continue
            told.append(trail)
            complaints.add(tree, trail, f"{sentence} {NOT_YET}")


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
        if steps[0] in ("*", step):
            yield from _find(value, steps[1:], (*trail, step))
