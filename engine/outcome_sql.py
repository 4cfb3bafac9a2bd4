"""Statements about predictions and what happened: from a plan's outcomes to relations' SQL."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from markupsafe import Markup

from driftline.engine.dialects import expression_sql
from driftline.engine.parts import ScanPart
from driftline.engine.performance import Outcome, Performance
from driftline.engine.plan import Scan
from driftline.engine.render import Renderer
from driftline.engine.sqltext import number, present, present_category, sql
from driftline.engine.warehouses.base import Column, Statement

# Larger numbers have squares that a double does not hold.
LARGEST: Final = 1e150
# Probabilities below it are 0.
TINY: Final = 1e-100
# What is nearer to 0 is 0 where it divides.
LEAST: Final = 1e-150
# Beside the largest, what is so much smaller adds nothing to sums of two limbs.
VANISHING: Final = 2.0**-120
WIDE: Final = 2.0**61
REST: Final = 2.0**52
# Powers of two that doubles hold, with room.
LARGEST_EXPONENT: Final = 1_000

# Stand for what data decides, where there is no data.
CENTRE: Final = Markup("cast('0.0' as double) /* centre, from the bounds */")
SCALE: Final = Markup("cast('1.0' as double) /* scale, from the bounds */")

EDGE: Final = Markup("cast('0.5' as double) /* edge, from the reference's scores */")

# (low, high) of finite values.
Bounds = tuple[float, float]
NOTHING: Final[Bounds] = (0.0, 0.0)


@dataclass(frozen=True)
class Unit:
    """What numbers are counted in: a power of two that none of them reaches.

    Attributes:
        size: The power of two; 0 has the unit 1.
    """

    size: object = 1.0

    @classmethod
    def reaching(cls, reach: float) -> Unit:
        """The unit of numbers of at most a size."""
        _, exponent = math.frexp(reach)
        bound = max(-LARGEST_EXPONENT, min(exponent, LARGEST_EXPONENT))
        return cls(math.ldexp(1.0, bound) if reach else 1.0)

    def of(self, expression: str) -> Markup:
        """An expression in the unit; what vanishes is 0, because some engines refuse to make it so."""
        x = Markup(expression)
        size = self.size
        if isinstance(size, float):
            tiny, scale = max(size * VANISHING, 5e-324), 1 / size
            return sql(
                "case when abs({x}) < {tiny} then {zero} else ({x}) * {scale} end",
                x=x,
                tiny=tiny,
                zero=0.0,
                scale=scale,
            )
        return sql("({x}) * {scale}", x=x, scale=size)


@dataclass(frozen=True)
class ErrorPart:
    """Errors of one scan as templates see them."""

    scan: ScanPart
    given: Markup
    actual: Markup
    prediction: Markup
    expected_error: Markup
    centre: Markup
    error: Unit
    apart: Unit
    relative: Unit
    expected: Unit


@dataclass(frozen=True)
class Scale:
    """What the errors of one scan are counted in.

    Attributes:
        centre: The number that actuals are taken from.
        error, apart, relative, expected: Units of errors, of actuals so taken, of errors as shares of
            actuals, and of expected errors.
    """

    centre: object
    error: Unit
    apart: Unit
    relative: Unit
    expected: Unit

    @classmethod
    def of(
        cls,
        actual: Bounds = NOTHING,
        prediction: Bounds = NOTHING,
        relative: Bounds = NOTHING,
        expected: Bounds = NOTHING,
    ) -> Scale:
        """From finite values at or beyond all others."""
        low, high = actual
        # a number that is there, or 0 where they lie on both sides: those far off spoil nothing
        centre = low if low > 0 else min(high, 0.0)
        error = max(high, prediction[1]) - min(low, prediction[0])
        return cls(
            centre,
            Unit.reaching(error),
            Unit.reaching(max(high - centre, centre - low)),
            Unit.reaching(relative[1]),
            Unit.reaching(max(map(abs, expected))),
        )


@dataclass(frozen=True)
class ConfusionPart:
    """Classes of one scan as templates see them."""

    scan: ScanPart
    given: Markup
    actual: Markup
    predicted: Markup


@dataclass(frozen=True)
class ReliabilityPart:
    """Scores of one scan as templates see them, from `whole` on of `actual`, `score_0`, `score_1` ….

    Attributes:
        actual: The class that happened.
        scores: The score of each class, or of the positive one.
        whole: Whether all of them are there.
        outside: 1 where one of them is no probability.
        hit: 1 where what `x` is about happened.
        x: The probability that is held against it.
        likely: The probability of what happened.
        brier: The Brier score.
    """

    scan: ScanPart
    actual: Markup
    scores: tuple[Markup, ...]
    whole: Markup
    outside: Markup
    hit: Markup
    x: Markup
    likely: Markup
    brier: Markup


@dataclass(frozen=True)
class RankPart:
    """One class's score in one scan as templates see it; `hit` is 1 for its rows, 0 for others."""

    scan: ScanPart
    target: str
    score: Markup
    hit: Markup


@dataclass(frozen=True)
class EdgePart:
    """Scores of one reference as templates see them, to be cut at multiples of `1 / parts`."""

    scan: ScanPart
    actual: Markup
    score: Markup
    parts: int


@dataclass(frozen=True)
class CalibrationPart:
    """Predictions and scores of one scan as templates see them, cut at edges of a reference."""

    scan: ScanPart
    cut_by: int
    actual: Markup
    predicted: Markup
    score: Markup
    edges: tuple[object, ...]
    labelled: bool


class OutcomeRenderer:
    """Renders what a plan asks of predictions and what happened.

    Args:
        renderer: Of the plan, which has outcomes.
    """

    def __init__(self, renderer: Renderer) -> None:
        performance = renderer.plan.performance
        assert performance is not None
        self._renderer = renderer
        self._performance: Performance = performance

    def _read(self) -> Iterator[tuple[Scan, Outcome, ScanPart, Mapping[Column, Column]]]:
        for scan in self._renderer.plan.counted:
            outcome = self._performance.of(scan.id)
            if outcome is not None:
                yield scan, outcome, *self._renderer.beside(scan, outcome.columns)

    def all(self) -> list[Statement]:
        """Everything that is asked, with placeholders where data decides."""
        if self._performance.task == "classification":
            wanted = self._performance.relations
            found = [self.confusion()]
            found += [self.reliability()] if "reliability" in wanted else []
            found += [self.ranks()] if "ranks" in wanted or self.estimates_area else []
            if self._performance.estimates and self.references:
                found.append(self.score_edges(dict.fromkeys(self.references, 2)))
                found.append(self.calibration(dict.fromkeys(self.references, (EDGE,))))
            return found
        marks = Scale(CENTRE, *(Unit(SCALE) for _ in range(4)))
        scans = [each.scan for each in self._performance.outcomes]
        return [self.error_bounds(), self.errors(dict.fromkeys(scans, marks))]

    def error_bounds(self) -> Statement:
        """Bounds of actuals, predictions, errors as shares of actuals, and expected errors."""
        scans = []
        for scan, outcome, part, names in self._read():
            y, x, expected = _numbers(outcome, names)
            share = sql(
                "case when abs({y}) > {least} then abs(({y} - {x}) / {y}) end",
                y=y,
                x=x,
                least=LEAST,
            )
            columns = (y, x, share, expected)
            unfiltered = self._renderer.unfiltered(scan, part)
            scans.append(_with(part, columns, unfiltered=unfiltered))
        return self._renderer.said("bounds", "bounds", scans=scans)

    def errors(self, scales: Mapping[int, Scale]) -> Statement:
        """Sums of errors, by what they are counted in in each scan."""
        sides = []
        for scan, outcome, part, names in self._read():
            y, x, expected = _numbers(outcome, names)
            scale = scales[scan.id]
            sides.append(
                ErrorPart(
                    part,
                    _given(outcome, names),
                    y,
                    x,
                    expected,
                    sql("{c}", c=scale.centre),
                    scale.error,
                    scale.apart,
                    scale.relative,
                    scale.expected,
                )
            )
        return self._renderer.said("errors", "errors", sides=sides, least=LEAST, **LIMBS)

    def confusion(self) -> Statement:
        """Rows by the class that happened and the one predicted."""
        sides = [
            ConfusionPart(
                part,
                _given(outcome, names),
                self._class(outcome.actual, names),
                self._predicted(outcome, names),
            )
            for _, outcome, part, names in self._read()
        ]
        return self._renderer.said("confusion", "confusion", sides=sides)

    def reliability(self) -> Statement:
        """Rows by how probable what they predict was said to be, and how often that happened."""
        sides = []
        for _, outcome, part, names in self._read():
            if not outcome.scores:
                continue
            # squares of the tiniest are refused by some engines
            scores = [
                sql(
                    "case when abs({s}) < {tiny} then {zero} else {s} end",
                    s=_score(column, names),
                    tiny=TINY,
                    zero=0.0,
                )
                for column in outcome.scores
            ]
            told = [Markup(f"score_{k}") for k in range(len(scores))]
            judged = self._several if self._performance.several else self._single
            sides.append(
                ReliabilityPart(
                    part,
                    self._class(outcome.actual, names),
                    tuple(scores),
                    _all("{s} is not null", told),
                    sql(
                        "case when {inside} then 0 else 1 end",
                        inside=_all("{s} >= 0 and {s} <= 1", told),
                    ),
                    *judged(told),
                )
            )
        return self._renderer.said("reliability", "reliability", sides=sides, clip=CLIP, **LIMBS)

    def _single(self, scores: Sequence[Markup]) -> tuple[Markup, ...]:
        """hit, x, likely and brier of a class and its opposite."""
        (x, positive) = self._positive(scores)
        hit = sql("case when actual = {c} then 1 else 0 end", c=positive)
        likely = sql("case when actual = {c} then {x} else 1 - {x} end", c=positive, x=x)
        return hit, x, likely, sql("({p} - 1) * ({p} - 1)", p=Markup(f"({likely})"))

    def _several(self, scores: Sequence[Markup]) -> tuple[Markup, ...]:
        """The same of several classes, of which the most probable one is predicted."""
        classes = self._performance.classes
        pairs = [*zip(classes, scores, strict=True)]
        best = self._largest(scores)
        hit = sql("case when actual = {best} then 1 else 0 end", best=best)
        x = Markup(_cases(scores, [*scores]))
        likely = " ".join(sql("when actual = {c} then {s}", c=c, s=s) for c, s in pairs)
        terms = [
            sql("case when actual = {c} then (1 - {s}) * (1 - {s}) else {s} * {s} end", c=c, s=s)
            for c, s in pairs
        ]
        # a class that no score is about is one that was not thought possible
        known = ", ".join(str(sql("{c}", c=c)) for c in classes)
        terms.append(Markup(f"case when actual in ({known}) then 0 else 1 end"))
        return hit, x, Markup(f"case {likely} else 0 end"), Markup(" + ".join(terms))

    def _positive(self, scores: Sequence[Markup]) -> tuple[Markup, str]:
        """The score that one number says all of, and its class."""
        return scores[self._performance.target], self._performance.classes[self._performance.target]

    def ranks(self) -> Statement:
        """How rows are ordered by the score of each class, or of the positive one."""
        sides = []
        for _, outcome, part, names in self._read():
            actual = self._class(outcome.actual, names)
            for target, column in self._targets(outcome):
                hit = sql(
                    "case when {a} = {c} then 1 when {a} <> {c} then 0 end", a=actual, c=target
                )
                sides.append(RankPart(part, target, _score(column, names), hit))
        return self._renderer.said("ranks", "ranks", sides=sides, **LIMBS)

    @property
    def references(self) -> tuple[int, ...]:
        """Ids of the whole scans of references that have scores and labels."""
        found = (self._performance.of(scan.id) for scan in self._renderer.plan.references)
        return tuple(
            each.scan for each in found if each and each.scores and each.actual is not None
        )

    @property
    def estimates_area(self) -> bool:
        """Whether the area of the reference is needed to estimate production's."""
        return "forecast_parts" in self._performance.relations

    def score_edges(self, parts: Mapping[int, int]) -> Statement:
        """Where scores of references are cut into parts of equal size, by how many."""
        sides = [
            EdgePart(
                part,
                self._class(outcome.actual, names),
                self._sureness(outcome, names),
                parts[outcome.scan],
            )
            for _, outcome, part, names in self._read()
            if parts.get(outcome.scan, 1) > 1
        ]
        return self._renderer.said(
            "score_edges", "score_edges", sides=sides, most=max(parts.values())
        )

    def calibration(self, edges: Mapping[int, Sequence[object]]) -> Statement:
        """Rows of references and of production by what was predicted, and by parts of each reference.

        Segments are cut as the whole reference is.
        """
        sides = []
        for scan, outcome, part, names in self._read():
            if not outcome.scores:
                continue
            own = scan.side == "reference"
            for reference in edges:
                if own and self._renderer.plan.scan_of(scan.reference).id != reference:
                    continue
                actual = self._class(outcome.actual if own else None, names)
                predicted, score = self._predicted(outcome, names), self._sureness(outcome, names)
                cuts = tuple(edges[reference])
                sides.append(
                    CalibrationPart(part, reference, actual, predicted, score, cuts, labelled=own)
                )
        return self._renderer.said("calibration", "calibration", sides=sides)

    def _sureness(self, outcome: Outcome, names: Mapping[Column, Column]) -> Markup:
        """The score that rows are ordered by: the positive class's, of several the largest."""
        scores = [_score(column, names) for column in outcome.scores]
        if self._performance.several:
            return Markup(_cases(scores, scores))
        return scores[self._performance.target]

    def _targets(self, outcome: Outcome) -> list[tuple[str, Column]]:
        performance = self._performance
        pairs = [*zip(performance.classes, outcome.scores, strict=False)]
        return pairs if performance.several else pairs[performance.target :][:1]

    def _class(self, column: Column | None, names: Mapping[Column, Column]) -> Markup:
        """A class as the text of a category; null where there is none."""
        if column is None or self._performance.like is None:
            return Markup("cast(null as varchar)")
        return present_category(names[column], self._performance.like)

    def _predicted(self, outcome: Outcome, names: Mapping[Column, Column]) -> Markup:
        """The class that was predicted: as stored, else as scores decide."""
        performance = self._performance
        if outcome.prediction is not None:
            return self._class(outcome.prediction, names)
        scores = [_score(column, names) for column in outcome.scores]
        if len(scores) > 1:
            return self._largest(scores)
        (score,), (positive,) = scores, performance.classes
        cut_off = sql("{c}", c=performance.cut_off)
        if isinstance(performance.cut_off, str):
            spelled = {column.name: names[column].name for column in outcome.beside}
            cut_off = Markup(f"({expression_sql(performance.cut_off, 'cut_off', spelled)})")
        return sql(
            "case when {s} >= {c} then {yes} when {s} < {c} then {no} end",
            s=score,
            c=cut_off,
            yes=positive,
            no=opposite(positive),
        )

    def _largest(self, scores: Sequence[Markup]) -> Markup:
        """The class of the largest score, the first of several; null where one is missing."""
        made = [sql("{c}", c=each) for each in self._performance.classes]
        return Markup(_cases(scores, made))


def _cases(scores: Sequence[Markup], made: Sequence[Markup]) -> str:
    """What is made of the place of the largest score."""
    branches = [str(sql("when {any} then null", any=_any("{s} is null", scores)))]
    for k, (score, each) in enumerate(zip(scores[:-1], made, strict=False)):
        branches.append(f"when {_all('{x} >= {s}', scores[k + 1 :], x=score)} then {each}")
    return f"case {' '.join(branches)} else {made[-1]} end"


def _all(condition: str, scores: Sequence[Markup], **values: object) -> Markup:
    return Markup(" and ".join(sql(condition, s=score, **values) for score in scores))


def _any(condition: str, scores: Sequence[Markup]) -> Markup:
    return Markup(" or ".join(sql(condition, s=score) for score in scores))


def _score(column: Column, names: Mapping[Column, Column]) -> Markup:
    """A score as a double, null where it is no number."""
    return finite(number(names[column], names[column]))


def opposite(positive: str) -> str:
    """What rows are called that are predicted not to be of a class, until their class is known."""
    return f"not {positive}"


# Least probability, as scikit-learn has it.
CLIP: Final = 2.0**-52
LIMBS: Final = {"wide": WIDE, "rest": REST}


def _given(outcome: Outcome, names: Mapping[Column, Column]) -> Markup:
    """The actual as stored, null where it has not arrived."""
    return Markup("null") if outcome.actual is None else present(names[outcome.actual])


def _numbers(outcome: Outcome, names: Mapping[Column, Column]) -> tuple[Markup, Markup, Markup]:
    """Actual, prediction and expected error as doubles, null where they are none."""

    def told(column: Column | None) -> Markup:
        if column is None:
            return Markup("cast(null as double)")
        return finite(number(names[column], names[column]))

    return told(outcome.actual), told(outcome.prediction), told(outcome.expected_error)


def finite(x: Markup) -> Markup:
    """A double where its square is one; on every engine, whatever it thinks of NaN."""
    return sql("case when abs({x}) < {largest} then {x} end", x=x, largest=LARGEST)


def _with(part: ScanPart, columns: Sequence[object], *, unfiltered: bool) -> ScanPart:
    return replace(part, columns=tuple(columns), unfiltered=unfiltered)
