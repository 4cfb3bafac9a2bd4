"""`${VAR}` in the project file, and the secrets that come in that way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote

from driftline.engine.yaml_file import Complaints, Map, Marks, Place, Seq, Step

HIDDEN: Final = "****"

_VARIABLE: Final = re.compile(r"\$\{([^}]*)\}?")
_INSIDE: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)
_PASSWORD: Final = re.compile(r"://[^/?#@:]*:([^/?#@]+)@")
_TOKEN: Final = re.compile(r"[;?&](?:token|password|secret)=([^;?&#\s]+)", re.IGNORECASE)
# an address that tells nothing but a host
_PUBLIC: Final = re.compile(r"https?://[^/?#@]*/?", re.IGNORECASE)
_SENSITIVE: Final = ("KEY", "TOKEN", "SECRET", "PASSWORD")


class Environment:
    """Replaces variables, and remembers which of their values are secret.

    Attributes:
        secrets: Values of variables whose name says that they are secret, so far.
    """

    def __init__(self, variables: Mapping[str, str], complaints: Complaints) -> None:
        self.variables = variables
        self.complaints = complaints
        self.secrets: set[str] = set()

    def fill(self, node: Map | Seq) -> None:
        """Replace every `${VAR}` and `${VAR:-default}` in the string values of a tree.

        A variable that is not set and has no default is complained of. As in a shell, the default
        also stands in for an empty value. What was replaced is kept in `marks.written`.
        """
        if isinstance(node, Map):
            for key, value in node.items():
                node[key] = self._filled(value, node.marks, key)
        else:
            for at, value in enumerate(node):
                node[at] = self._filled(value, node.marks, at)

    def _filled(self, value: object, marks: Marks, step: Step) -> object:
        if isinstance(value, str):
            if "${" not in value:
                return value
            place = marks.places[step]
            filled = _VARIABLE.sub(lambda match: self._value(match, place), value)
            if filled != value:
                marks.written[step] = value
            return filled
        if isinstance(value, Map | Seq):
            self.fill(value)
        return value

    def _value(self, match: re.Match[str], place: Place) -> str:
        inside = _INSIDE.fullmatch(match[1]) if match[0].endswith("}") else None
        if inside is None:
            self.complaints.at(place, f"'{match[0]}' is not a variable; write ${{NAME}}")
            return match[0]
        name, default = inside["name"], inside["default"]
        value = self.variables.get(name)
        if default is not None:
            value = value or default
        if value is None:
            self.complaints.at(place, f"the environment variable {name} is not set")
            return match[0]
        if sensitive(name) and value:
            self.secrets.add(value)
        return value

    def hide(self, node: object, *, addresses: bool = False) -> None:
        """Count among the secrets the values of keys that are named so, and the passwords of URLs.

        Args:
            node: A part of the file.
            addresses: Whether a URL is one as a whole: whoever has that of a chat room can write there.
        """
        for key, text in _scalars(node):
            self.secrets |= {text} if sensitive(key) and text else passwords(text)
            if addresses and "://" in text and not _PUBLIC.fullmatch(text):
                self.secrets.add(text)


def sensitive(name: str) -> bool:
    """Whether a variable's or a key's name says that its value is a secret."""
    return any(word in name.upper() for word in _SENSITIVE)


def passwords(text: str) -> set[str]:
    """The passwords and tokens in URLs, as they are written and as they are meant."""
    told = [*_PASSWORD.findall(text), *_TOKEN.findall(text)]
    return {each for found in told for each in (found, unquote(found))}


def mask(text: str, secrets: frozenset[str]) -> str:
    """The text with every secret in it replaced by `****`."""
    # Longest first: a secret may be part of another.
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _scalars(node: object, under: str = "") -> Iterator[tuple[str, str]]:
    """(nearest key, text) of every scalar below a node but null and booleans."""
    if isinstance(node, Map):
        for key, value in node.items():
            yield from _scalars(value, key)
    elif isinstance(node, Seq):
        for value in node:
            yield from _scalars(value, under)
    elif node is not None and not isinstance(node, bool):
        yield under, str(node)
