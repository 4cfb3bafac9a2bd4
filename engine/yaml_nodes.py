"""The nodes of a YAML 1.2 text: by ruamel, and those of large texts by libyaml, ten times as fast."""

from __future__ import annotations

import re
import warnings
from contextlib import suppress
from functools import cache
from typing import Any, Final

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

__all__ = ["MAPS", "SCALARS", "SEQUENCES", "MappingNode", "Node", "compose"]

SCALARS: Final = (ScalarNode, yaml.ScalarNode)
MAPS: Final = (MappingNode, yaml.MappingNode)
SEQUENCES: Final = (SequenceNode, yaml.SequenceNode)

# Characters from which on time is worth saving: some hundred monitors.
LARGE: Final = 50_000
# What YAML 1.1, which libyaml reads, has otherwise: line ends, tabs, directives, marks of bytes.
_PECULIAR: Final = re.compile("[\t\x85\u2028\u2029\ufeff]|^%", re.MULTILINE)


def compose(text: str) -> Any:
    """The root node of a text, with ruamel's tags; None of an empty one.

    Raises:
        ruamel.yaml.error.YAMLError: When it is not YAML.
        RecursionError: When it is nested too deeply.
    """
    if len(text) >= LARGE and yaml.__with_libyaml__ and not _PECULIAR.search(text):
        # what libyaml refuses ruamel refuses in better words, or reads
        with suppress(yaml.YAMLError):
            return _quickly(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an anchor defined twice: YAML allows it
        return YAML(typ="safe", pure=True).compose(text)


def _quickly(text: str) -> Any:
    """The same, scanned by libyaml.

    Raises:
        yaml.YAMLError: When libyaml does not read it.
    """
    resolver = YAML(typ="safe", pure=True).resolver
    own = {
        yaml.ScalarNode: ScalarNode,
        yaml.MappingNode: MappingNode,
        yaml.SequenceNode: SequenceNode,
    }

    @cache  # keys of a thousand monitors are few
    def tag(kind: type, value: str | None, implicit: Any) -> str:
        return str(resolver.resolve(kind, value, implicit))

    class Parser(yaml.cyaml.CParser):  # type: ignore[misc]
        """libyaml's parser, with tags of YAML 1.2."""

        def resolve(self, kind: type, value: Any, implicit: Any) -> Any:
            return tag(own[kind], value, implicit)

        def descend_resolver(self, *_: object) -> None:
            """No tag depends on where a node is."""

        def ascend_resolver(self) -> None:
            """Likewise."""

    return Parser(text).get_single_node()
