"""Which part of a project a run computes: `--select` and `--exclude`.

    signal:data_drift,feature:age monitor:churn* tag:tier1

A comma is and, a space is or. A term is a method and a pattern with `*` and `?`; in double quotes it
is taken as it is. A word without a method is a monitor.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Final

from driftline.engine.errors import ConfigError
from driftline.engine.project import Monitor, Project
from driftline.engine.results import ALL
from driftline.engine.yaml_file import nearest

METHODS: Final = ("monitor", "tag", "owner", "signal", "feature")

_TERM: Final = re.compile(
    r'(?:(?P<method>[A-Za-z_]+):|(?![A-Za-z_]+:))(?:"(?P<quoted>(?:[^"]|"")+)"|(?P<plain>[^\s,"]+))'
)
# What stands between two terms, and at the end.
_BETWEEN: Final = re.compile(r"\s*(?P<comma>,)\s*|\s+|$")


@dataclass(frozen=True)
class Term:
    """One condition: `pattern` is compared with case; `literal` ones have no wildcards."""

    method: str
    pattern: str
    literal: bool = False

    def matches(self, values: Iterable[str]) -> bool:
        """Whether any of the values fits."""
        if self.literal:
            return self.pattern in values
        return any(fnmatchcase(value, _escaped(self.pattern)) for value in values)


Terms = tuple[tuple[Term, ...], ...]


@dataclass(frozen=True)
class Selection:
    """Which signals of which features a run computes.

    Attributes:
        select: Alternatives, each of terms that all hold; without any, everything is selected.
        exclude: Alternatives that take away from it.
    """

    select: Terms = ()
    exclude: Terms = ()

    @property
    def by_feature(self) -> bool:
        """Whether features are chosen, so that stored results of the others stay as they are."""
        return any(
            term.method == "feature" for terms in (*self.select, *self.exclude) for term in terms
        )

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return not self.select and not self.exclude

    def takes(self, monitor: Monitor, signal: str, feature: str) -> bool:
        """Whether a signal of a feature is computed; `__all__` is the window as a whole."""
        facts = {
            "monitor": (monitor.name,),
            "tag": monitor.tags,
            "owner": () if monitor.owner is None else (monitor.owner,),
            "signal": (signal,),
            "feature": (feature,),
        }

        def holds(alternatives: Terms) -> bool:
            return any(
                all(term.matches(facts[term.method]) for term in terms) for terms in alternatives
            )

        return (not self.select or holds(self.select)) and not holds(self.exclude)

    def signals(self, monitor: Monitor) -> frozenset[str]:
        """The signals of a monitor of which anything may be computed, whatever its columns."""
        anything = replace(self, select=_but_features(self.select), exclude=_whole(self.exclude))
        names = (monitor.window_signal, *(signal.name for signal in monitor.signals))
        return frozenset(name for name in names if anything.takes(monitor, name, ALL))


EVERYTHING: Final = Selection()


def choose_monitors(
    project: Project, names: Sequence[str] | None, selection: Selection = EVERYTHING
) -> tuple[Monitor, ...]:
    """Monitors by name, in the order asked for, all when none is named; those that are selected.

    Raises:
        ConfigError: When a name is unknown, or the selection takes none of them.
    """
    known = {monitor.name: monitor for monitor in project.monitors}
    for name in names or ():
        if name not in known:
            raise ConfigError(f"there is no monitor {name!r}", hint=f"known are {', '.join(known)}")
    asked = [known[name] for name in names or known]
    chosen = tuple(monitor for monitor in asked if selection.signals(monitor))
    if not chosen:
        raise ConfigError(
            f"the selection takes none of the monitors {', '.join(each.name for each in asked)}",
            hint="`driftline validate` shows their signals, tags and owners",
        )
    return chosen


def parse_selection(
    select: str | Sequence[str] | None = None, exclude: str | Sequence[str] | None = None
) -> Selection:
    """Read what `--select` and `--exclude` say.

    Args:
        select: Text as the module's docstring shows; several are alternatives. None is everything.
        exclude: The same; None is nothing.

    Raises:
        ConfigError: When a text is not in that grammar.
    """
    return Selection(_parse(select, "select"), _parse(exclude, "exclude"))


def _parse(given: str | Sequence[str] | None, option: str) -> Terms:
    texts = [given] if isinstance(given, str) else list(given or ())
    found: list[tuple[Term, ...]] = []
    for text in texts:
        parsed = _alternatives(text.strip(), option)
        if not parsed:
            raise ConfigError(f"{option} is empty", hint="leave it out to take everything")
        found += parsed
    return tuple(found)


def _alternatives(text: str, option: str) -> list[tuple[Term, ...]]:
    found: list[tuple[Term, ...]] = []
    terms: list[Term] = []
    at = 0
    while at < len(text):
        match = _TERM.match(text, at)
        between = None if match is None else _BETWEEN.match(text, match.end())
        if match is None or between is None:
            raise ConfigError(
                f"{option}: cannot read {text[at:]!r}",
                hint='write terms such as signal:data_drift,feature:age or feature:"my column"',
            )
        terms.append(_term(match, option))
        at = between.end()
        if between["comma"] is None:
            found.append(tuple(terms))
            terms = []
        elif at == len(text):
            raise ConfigError(f"{option}: nothing follows the last comma of {text!r}")
    return found


def _term(match: re.Match[str], option: str) -> Term:
    method = match["method"] or "monitor"
    if method not in METHODS:
        near = nearest(method, METHODS) or f"; use one of {', '.join(METHODS)}"
        raise ConfigError(f"{option}: there is no method {method!r}{near}")
    quoted = match["quoted"]
    if quoted is not None:
        return Term(method, quoted.replace('""', '"'), literal=True)
    return Term(method, match["plain"])


def _but_features(alternatives: Terms) -> Terms:
    """Alternatives without their terms about features, which columns decide later."""
    return tuple(tuple(t for t in terms if t.method != "feature") for terms in alternatives)


def _whole(alternatives: Terms) -> Terms:
    """Alternatives that are not about features: those that take a signal away whole."""
    return tuple(terms for terms in alternatives if all(term.method != "feature" for term in terms))


def _escaped(pattern: str) -> str:
    """Only `*` and `?` are special: a column may well be called `x[0]`."""
    return pattern.replace("[", "[[]")
