"""What two tables look like: their columns' roles and types, by names, types and counts.

A guess is right often enough to be a start, and says why, so that whoever reads it can change it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from glob import escape
from typing import Final

from driftline.engine.conventions import DRIFTLINE
from driftline.engine.errors import ConfigError, SourceError
from driftline.engine.facts import Fact, Table
from driftline.engine.features import text_is_free
from driftline.engine.project import Source
from driftline.engine.summary import number
from driftline.engine.warehouses.base import MOMENTS
from driftline.engine.yaml_file import spell

ADVICE: Final = ("schedule", "segments")
"""Keys that are only ever advice: comments in the file."""


@dataclass(frozen=True)
class Guess:
    """One guess of `driftline init`.

    Attributes:
        key: Where it stands in the monitor's section, such as `columns.prediction`.
        value: What the file says there, as YAML.
        why: The reason, a few words.
    """

    key: str
    value: str
    why: str


@dataclass(frozen=True)
class Side:
    """One of the two tables.

    Attributes:
        written: How the project file names it.
        source: Where it is.
        table: What is known of it.
    """

    written: str
    source: Source
    table: Table


def guess(production: Side, reference: Side | None) -> tuple[Guess, ...]:
    """Guess a monitor's section from two tables.

    Args:
        production: The rows being scored.
        reference: What they are compared with; None compares with production's past.

    Returns:
        Guesses in the order of the file. Those of `ADVICE` become comments.

    Raises:
        ConfigError: When there is no past to compare with, for want of a column with times.
        SourceError: When the two have no column in common to watch.
    """
    found = tuple(_Guesser(production, reference).all())
    if reference is None and not any(each.key == "reference.window" for each in found):
        raise ConfigError(
            f"{production.written} has no column with the times its past could be told by",
            hint="name what to compare it with: --reference",
        )
    return found


def newest_at(production: Side, guesses: Iterable[Guess]) -> str | None:
    """The day after production's newest row, whose window has rows; None without a clock."""
    names = {each.value for each in guesses if each.key == "production.timestamp"}
    for name, fact in production.table.facts.items():
        if spell(name) in names and fact.last_at is not None:
            return f"{fact.last_at + timedelta(days=1):%Y-%m-%d}"
    return None


# Words of names. A name is cut at marks, digits and capitals: `predictedLabel2` is three words.
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+|\d+")

_ID_WORDS: Final = frozenset({"id", "ids", "uuid", "guid", "key", "rowid", "hash"})
_SCORE_WORDS: Final = frozenset(
    {"score", "scores", "proba", "probability", "prob", "probabilities", "propensity"}
)
_PREDICTION_WORDS: Final = frozenset(
    {"prediction", "predictions", "predicted", "pred", "preds", "yhat", "forecast", "forecasted"}
)
_ACTUAL_WORDS: Final = frozenset(
    {"actual", "actuals", "label", "labels", "target", "truth", "outcome", "observed"}
)
# `prediction_version`, `label_source` are about an output, and none.
_ABOUT_WORDS: Final = frozenset({"version", "model", "source", "time", "date", "name", "type"})
_CLOCK_WORDS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("timestamp", "ts", "time", "at", "datetime", "date", "day"), 1),
    **dict.fromkeys(("created", "logged", "event", "scheduled"), 2),
    **dict.fromkeys(("scored", "scoring", "inference", "predicted", "prediction", "request"), 3),
    **dict.fromkeys(("updated", "modified", "loaded", "ingested", "end", "ended", "due"), -2),
    **dict.fromkeys(("birth", "born", "dob", "expiry", "expires", "label", "signup"), -9),
}
_AMOUNT_WORDS: Final = frozenset(
    {
        *("count", "num", "number", "n", "age", "years", "days", "hours", "minutes", "qty"),
        *("quantity", "amount", "total", "sum", "size", "length", "children", "rooms", "visits"),
    }
)
_NAME_WORDS: Final = frozenset(
    {
        *("code", "zip", "zipcode", "postcode", "type", "class", "category", "group", "region"),
        *("store", "branch", "channel", "segment", "cluster", "district", "status", "id", "key"),
    }
)

# Of a column that is named like an id, the share of rows whose values are their own.
_NEARLY_ALL: Final = 0.99
_MOST_CATEGORIES: Final = 1000
# With more rows, whole numbers without a gap or a repetition are no accident.
_MOST_ROWS_BY_CHANCE: Final = 100
_MOST_TOLD: Final = 12
_MOST_GROUPS: Final = 12
_ENOUGH_A_DAY: Final = 1000
_ENOUGH_A_WEEK: Final = 100

_LENGTHS: Final = {"P1D": "day", "P7D": "7 days", "P28D": "28 days", "P1M": "month"}
_SLOTS: Final = {
    "P1D": ('"0 0 * * *"', "every midnight, for the day before"),
    "P7D": ('"0 0 * * 1"', "every Monday, for the 7 days before"),
    "P28D": ('"0 0 * * 1"', "every Monday, for the 28 days before"),
    "P1M": ('"0 0 1 * *"', "on the first of each month, for the month before"),
}
_PAST: Final = {"P1D": "P28D", "P7D": "P28D", "P28D": "P84D", "P1M": "P3M"}


def _words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(name))


@dataclass(frozen=True)
class _Pair:
    """A column of production and the one of the reference that it is compared with."""

    production: Fact | None
    reference: Fact | None

    @property
    def both(self) -> tuple[Fact, ...]:
        return tuple(each for each in (self.production, self.reference) if each is not None)

    @property
    def fact(self) -> Fact:
        """Production's; else the reference's."""
        return self.both[0]

    @property
    def basis(self) -> Fact:
        """The one that decides the feature's type: the reference's."""
        return self.both[-1]

    @property
    def name(self) -> str:
        return self.fact.name

    @cached_property
    def words(self) -> tuple[str, ...]:
        return _words(self.name)

    def named(self, words: Iterable[str]) -> bool:
        return not set(words).isdisjoint(self.words)

    def at_an_end(self, words: Iterable[str]) -> bool:
        """Whether the first or the last word of the name is one of these."""
        return not set(words).isdisjoint((*self.words[:1], *self.words[-1:]))


class _Guesser:
    """What can be told from two tables."""

    def __init__(self, production: Side, reference: Side | None) -> None:
        self.production = production
        self.reference = reference
        self.pairs = _pairs(production.table, None if reference is None else reference.table)
        self.shared = {
            pair.name: pair for pair in self.pairs if len(pair.both) == 2 or reference is None
        }
        # columns that have a role or are left out, and outputs beside those with a role
        self.taken: set[str] = set()
        self.others: list[_Pair] = []

    def all(self) -> Iterable[Guess]:
        clock = self.clock()
        if clock is not None:
            fact, why = clock
            self.taken.add(fact.name)
            yield Guess("production.timestamp", spell(fact.name), why)
            size, why = self.window(fact)
            yield Guess("production.window", f"{{size: {size}}}", why)
            if self.reference is None:
                past = f"{{size: {_PAST[size]}}}"
                yield Guess("reference.window", past, "production's own past, moving along")
            yield Guess("schedule", *_SLOTS[size])
        roles = list(self.roles())
        yield from roles
        excluded = [
            Guess("features.exclude", spell(escape(name)), why) for name, why in self.left_out()
        ]
        outputs = {each.value for each in roles if each.key in _WATCHED_ROLES}
        if set(self.shared) - self.taken or outputs & {spell(name) for name in self.shared}:
            yield from excluded
        elif not excluded:
            raise self.nothing_to_watch()
        yield from self.settings()
        yield from self.segments()

    def nothing_to_watch(self) -> SourceError:
        """Without a feature there is no monitor; ids, times and outcomes are none."""
        sides = [side for side in (self.production, self.reference) if side is not None]
        named = " and ".join(side.written for side in sides)
        verb = "has no column" if len(sides) == 1 else "have no column in common"
        columns = sides[-1].table.columns
        more = ", …" if len(columns) > _MOST_TOLD else ""
        names = ", ".join(column.name for column in columns[:_MOST_TOLD]) + more
        return SourceError(
            f"{named} {verb} to watch: ids, times and outcomes are no features",
            hint=f"{sides[-1].written} has {names}",
        )

    def free(self, pairs: Iterable[_Pair]) -> list[_Pair]:
        """Those that have no role yet, and a name that a project file can say."""
        return [pair for pair in pairs if pair.name not in self.taken and "${" not in pair.name]

    def clock(self) -> tuple[Fact, str] | None:
        """The column that says when a row was scored."""
        found = [
            (_clock_rank(pair), -place, pair.fact)
            for place, pair in enumerate(self.free(self.pairs))
            if pair.production is not None and pair.fact.kind in MOMENTS and pair.fact.filled
        ]
        rank, _, fact = max(found, default=(-1, 0, None), key=lambda each: each[:2])
        if fact is None or rank < 0:
            return None
        which = "the only column" if len(found) == 1 else f"the likeliest of {len(found)} columns"
        return fact, f"{which} with times, {_days(fact)}{_lacking(fact, self.production.table)}"

    def window(self, clock: Fact) -> tuple[str, str]:
        """How much time a run looks at, and why: a day, a week, four weeks, a month."""
        first, last = clock.first_at, clock.last_at
        if first is None or last is None or clock.days < 2:
            return "P1D", "all rows are of one day"
        span = (last.date() - first.date()).days + 1
        every, a_day = span / clock.days, clock.filled / span
        if every >= 20:
            return "P1M", f"there are rows on {clock.days} of {span} days: about once a month"
        if every >= 4:
            return "P7D", f"there are rows on {clock.days} of {span} days: about once a week"
        if a_day >= _ENOUGH_A_DAY:
            return "P1D", f"about {number(round(a_day))} rows a day: enough to judge each day"
        rows = f"about {number(round(7 * a_day))} rows a week"
        if 7 * a_day >= _ENOUGH_A_WEEK:
            return "P7D", f"{rows}, and whole weeks hold every weekday"
        return "P28D", f"{rows}: too few to judge a single one"

    def roles(self) -> Iterable[Guess]:
        """The columns that are not features, and what they are instead."""
        for role, find in (
            ("correlation_id", self.correlation_id),
            ("score", self.score),
            ("prediction", self.prediction),
            ("actual", self.actual),
        ):
            found = find()
            if found is not None:
                name, why = found
                self.taken.add(name)
                yield Guess(f"columns.{role}", spell(name), why)

    def correlation_id(self) -> tuple[str, str] | None:
        found = [
            (pair.fact.distinct, pair.fact)
            for pair in self.free(self.pairs)
            if pair.production is not None
            and _is_id(pair)
            and pair.fact.distinct >= max(1, _NEARLY_ALL * pair.fact.filled)
        ]
        if not found:
            return None
        _, fact = max(found, key=lambda each: each[0])
        different = f"{number(fact.distinct)} different in {number(fact.filled)} rows"
        return fact.name, f"named like an id; {different}"

    def score(self) -> tuple[str, str] | None:
        best = self.output(_is_score)
        if best is None:
            return None
        return best.name, f"named like a score; {_range(best)}{self.lacking(best)}"

    def prediction(self) -> tuple[str, str] | None:
        best = self.output(_is_prediction)
        if best is None:
            return None
        return best.name, f"named like a prediction{self.lacking(best)}"

    def lacking(self, pair: _Pair) -> str:
        return "" if pair.name in self.shared else "; the reference has none to compare it with"

    def output(self, fits: Callable[[_Pair], bool]) -> _Pair | None:
        """The column with the shortest name of those that fit; the rest are no features either."""
        found = sorted((p for p in self.free(self.pairs) if fits(p)), key=lambda p: len(p.words))
        self.taken |= {pair.name for pair in found}
        self.others += found[1:]
        return found[0] if found else None

    def actual(self) -> tuple[str, str] | None:
        outputs = [pair for pair in self.pairs if _is_prediction(pair)]
        predicted = {
            tuple(word for word in pair.words if word not in _PREDICTION_WORDS) for pair in outputs
        } - {()}
        for pair in self.free(self.pairs):
            if not _may_be_outcome(pair):
                continue
            if pair.words in predicted:
                return pair.name, "named like what is predicted"
            if pair.at_an_end(_ACTUAL_WORDS) or pair.words in (("y",), ("y", "true"), ("ytrue",)):
                return pair.name, "named like what really happened"
        return None

    def left_out(self) -> Iterable[tuple[str, str]]:
        """Columns that say nothing as features, and why."""
        for pair in self.others:
            if pair.name in self.shared:
                yield pair.basis.name, "another output of the model, by its name"
        for pair in self.free(self.shared.values()):
            why = _no_feature(pair)
            if why is not None:
                self.taken.add(pair.name)
                yield pair.basis.name, why

    def settings(self) -> Iterable[Guess]:
        """Whether whole numbers are amounts or names, where it could be either."""
        for pair in self.free(self.shared.values()):
            fact = pair.basis
            if fact.kind != "integer" or not fact.distinct:
                continue
            kind, why = "categorical", "few whole numbers"
            if fact.distinct <= DRIFTLINE.most_distinct:
                if fact.distinct > 2 and pair.named(_AMOUNT_WORDS):
                    kind, why = "numerical", "named like an amount"
            elif pair.named(_NAME_WORDS) and fact.distinct <= _MOST_CATEGORIES:
                why = "named like a code"
            else:
                continue
            values = f"{number(fact.distinct)} different, {_range(pair)}"
            yield Guess(f"settings.{spell(fact.name)}", f"{{type: {kind}}}", f"{why}: {values}")

    def segments(self) -> Iterable[Guess]:
        """Columns with so few values that each may be looked at by itself."""
        found = [
            pair
            for pair in self.free(self.shared.values())
            if pair.basis.kind == "text" and 2 <= pair.basis.distinct <= _MOST_GROUPS
        ][:3]
        if found:
            names = ", ".join(spell(pair.name) for pair in found)
            counts = ", ".join(str(pair.basis.distinct) for pair in found)
            yield Guess("segments", f"[{names}]", f"few values: {counts}")


_WATCHED_ROLES: Final = ("columns.prediction", "columns.score")


def _pairs(production: Table, reference: Table | None) -> tuple[_Pair, ...]:
    """Columns by name, those of production first; names match exactly, else but for their case."""
    if reference is None:
        return tuple(_Pair(fact, None) for fact in production.facts.values())
    left = dict(reference.facts)
    folded = {name.casefold(): name for name in left}
    pairs = []
    for name, fact in production.facts.items():
        twin = left.pop(name, None)
        if twin is None and name not in reference.facts:
            twin = left.pop(folded.get(name.casefold(), ""), None)
        pairs.append(_Pair(fact, twin))
    return (*pairs, *(_Pair(None, fact) for fact in left.values()))


def _clock_rank(pair: _Pair) -> int:
    """How likely a moment is that of scoring; below 0 it is not."""
    return sum(_CLOCK_WORDS.get(word, 0) for word in pair.words)


def _is_id(pair: _Pair) -> bool:
    last = pair.words[-1:] or ("",)
    return pair.fact.kind in ("text", "integer") and last[0] in _ID_WORDS


def _is_score(pair: _Pair) -> bool:
    """Whether production has numbers from 0 to 1 that are named like a score or a probability."""
    named = pair.named(_SCORE_WORDS) or pair.words[:1] == ("p",)
    return (
        pair.production is not None
        and named
        and all(
            each.kind in ("float", "decimal")
            and each.low is not None
            and each.high is not None
            and 0 <= each.low <= each.high <= 1
            for each in pair.both
        )
    )


def _is_prediction(pair: _Pair) -> bool:
    if pair.production is None or not _may_be_outcome(pair):
        return False
    return pair.at_an_end(_PREDICTION_WORDS) or pair.words == ("y", "hat")


def _may_be_outcome(pair: _Pair) -> bool:
    """Whether a column may hold what a model says or what it should have said."""
    about = pair.named(_ABOUT_WORDS) or _is_id(pair)
    return pair.fact.kind not in ("other", *MOMENTS) and not about


def _no_feature(pair: _Pair) -> str | None:
    """Why a column that both sides have is no feature; None where it is one."""
    facts, basis = pair.both, pair.basis
    empty = [each for each in facts if not each.filled]
    if empty:
        return "no values on either side" if len(empty) == len(facts) else "no values on one side"
    if len({_constant(each) for each in facts}) == 1 and _constant(basis) is not None:
        return "always the same value"
    different = f"{number(basis.distinct)} different in {number(basis.filled)} rows"
    if basis.kind == "text":
        if all(each.times == each.filled for each in facts):
            return "times as text: cast them in a `query` to watch them"
        if text_is_free(basis.column, basis.distinct, basis.filled):
            return f"ids or free text: {different}"
        if _is_id(pair) and basis.distinct >= _NEARLY_ALL * basis.filled:
            return f"named like an id; {different}"
        if basis.distinct > _MOST_CATEGORIES:
            return f"too many categories: {different}"
    if basis.kind == "integer" and basis.low is not None and basis.high is not None:
        if _is_id(pair) and (
            basis.distinct > _MOST_CATEGORIES or basis.distinct >= _NEARLY_ALL * basis.filled
        ):
            return f"named like an id; {different}"
        steps = basis.high - basis.low + 1
        if basis.distinct > _MOST_ROWS_BY_CHANCE and steps == basis.distinct == basis.filled:
            return f"counts the rows: {different}"
    return None


def _constant(fact: Fact) -> float | str | None:
    """The only value of a column; None where there are several."""
    if fact.kind == "text":
        return fact.least if fact.distinct == 1 else None
    # whole numbers beyond 2^53 have neighbours that a double does not tell apart
    return fact.low if fact.low == fact.high and fact.distinct <= 1 else None


def _range(pair: _Pair) -> str:
    lows = [each.low for each in pair.both if each.low is not None]
    highs = [each.high for each in pair.both if each.high is not None]
    return f"{min(lows):.6g} to {max(highs):.6g}" if lows and highs else "no numbers"


def _days(fact: Fact) -> str:
    first, last = fact.first_at, fact.last_at
    if first is None or last is None:
        return "without a range"
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def _lacking(fact: Fact, table: Table) -> str:
    lacking = table.rows - fact.filled
    return f"; {number(lacking)} rows have none, and are in no window" if lacking else ""
