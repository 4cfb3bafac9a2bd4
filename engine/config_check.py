"""Holds a file's tree against the models and turns what does not fit into complaints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from driftline.engine.config_models import ProjectFile
from driftline.engine.config_types import QUOTES, got
from driftline.engine.yaml_file import Complaints, Map, Seq, Step, Trail, nearest, remove

_EXPECTED: Final[Mapping[str, str]] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "list_type": "a list",
    "dict_type": "a map",
    "model_type": "a map",
}
_ROUNDS: Final = 5  # taking one thing out may bring up another, but never for long


def checked_file(tree: Map, complaints: Complaints) -> ProjectFile | None:
    """The file as models, without the parts that do not fit: those become complaints.

    What is wrong is taken out of the tree and the rest is looked at again, so that complaints that
    need several parts of the file come together with those about single values.

    Returns:
        None where nothing is left to look at.
    """
    for attempt in range(_ROUNDS):
        try:
            return ProjectFile.model_validate(tree, context=complaints)
        except ValidationError as error:
            wrong: list[tuple[Map | Seq, Step]] = []
            for details in error.errors(include_url=False):
                trail = _trail(tree, details["loc"])
                # Later ones may be about what was taken out, or about a variable that is not set.
                if attempt == 0 and not complaints.about(tree, trail):
                    complaints.add(tree, trail, _message(details))
                holder = _holder(tree, trail)
                if holder is None:
                    return None
                wrong.append(holder)
            # From the back, because taking out an item moves those behind it.
            for node, step in sorted(wrong, key=_position, reverse=True):
                remove(node, step)
    return None


def _position(entry: tuple[Map | Seq, Step]) -> int:
    return entry[1] if isinstance(entry[1], int) else -1


def _trail(tree: Map, loc: tuple[Step, ...]) -> Trail:
    """The keys of an error's location: without the tags that chose between forms."""
    trail: list[Step] = []
    node: object = tree
    for step in loc:
        exists = (isinstance(node, Map) and step in node) or (
            isinstance(node, Seq) and isinstance(step, int) and step < len(node)
        )
        if exists:
            node = node[step]  # type: ignore[index]
        elif isinstance(step, str) and step[0] in "<[":
            continue
        trail.append(step)
    return tuple(trail)


def _holder(tree: Map, trail: Trail) -> tuple[Map | Seq, Step] | None:
    """The deepest existing entry of a trail; of a missing one, what it is missing from."""
    found: tuple[Map | Seq, Step] | None = None
    node: object = tree
    for step in trail:
        if not isinstance(node, Map | Seq) or step not in node.marks.places:
            break
        found = (node, step)
        node = node[step]  # type: ignore[index]
    return found


def _message(details: ErrorDetails) -> str:
    """One sentence for a pydantic error."""
    kind, value = details["type"], details["input"]
    context: Mapping[str, object] = details.get("ctx", {})
    if kind in _EXPECTED:
        advice = got(value)
        if kind != "string_type":
            advice = advice.removesuffix(QUOTES)
        return f"expected {_EXPECTED[kind]}{advice}"
    if kind == "literal_error":
        words = re.findall("'([^']*)'", str(context["expected"]))
        choices = ", ".join(words) or str(context["expected"])
        if not isinstance(value, str):
            advice = got(value).removesuffix(QUOTES)
            return f"expected {'one of ' if words[1:] else ''}{choices}{advice}"
        return f"'{value}' is not one of {choices}{nearest(str(value), words)}"
    sentences = {
        "missing": "is missing",
        "string_too_short": "must not be empty",
        "too_short": "needs {min_length} or more, has {actual_length}",
        "too_long": "takes at most {max_length}, has {actual_length}",
        "greater_than_equal": "must be {ge} or more, is {value}",
        "less_than_equal": "must be {le} or less, is {value}",
        "value_error": "{error}",
    }
    if kind not in sentences:
        return details["msg"]
    return sentences[kind].format(value=value, **context)
