"""Spell Python values and column expressions as SQL: the one typed door into a statement."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from markupsafe import Markup

from driftline.engine.errors import UnsafeValue
from driftline.engine.warehouses.base import MOMENTS, NUMBERS, Column

LARGEST_DOUBLE: Final = 1.7976931348623157e308
# Whole doubles up to here are spelled in full: a bigint holds them.
LARGEST_WHOLE: Final = 9e18
# Up to 2^53 a double holds every whole number, and tells no two decimals of as many digits alike.
DIGITS: Final = 2.0**53
# Every number as text, on every engine: engines' own casts disagree about '1_000', '0x1F', '12d'.
NUMERIC_TEXT: Final = "^[ ]*[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?[ ]*$"
# Whole numbers that a decimal of 38 digits holds; longer ones are compared as doubles.
WHOLE_TEXT: Final = "^[ ]*[+-]?[0-9]{1,37}[ ]*$"
TIME_TEXT: Final = "^[ ]*[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?[ ]*$"  # noqa: E501 (one expression, kept whole)


def as_sql(value: object) -> Markup:
    """Spell a value as SQL: the only way into a template.

    Numbers that are not whole become casts of text, so that no engine takes them for decimals.

    Raises:
        UnsafeValue: For None, NaN, infinities, and every type not listed here.
    """
    match value:
        case Markup():
            return value
        case Column():
            return Markup(quoted(value.name))
        case bool():
            return Markup("true" if value else "false")
        case int():
            return Markup(int(value))
        case float() if math.isfinite(value):
            return Markup(f"cast('{float(value)!r}' as double)")
        case datetime() if value.tzinfo is not None:
            text = value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
            return Markup(f"cast('{text}' as timestamp)")
        case str():
            return Markup("'" + value.replace("'", "''") + "'")
    raise UnsafeValue(f"a {type(value).__name__} cannot be written into SQL: {value!r}")


def quoted(name: str) -> str:
    """A quoted identifier; holds any character but NUL."""
    if "\0" in name:
        raise UnsafeValue("a name with a NUL character cannot be written into SQL")
    return '"' + name.replace('"', '""') + '"'


def sql(template: str, **values: object) -> Markup:
    """A piece of SQL with values passed through the door: `sql("{x} is null", x=column)`."""
    return Markup(template.format(**{name: as_sql(value) for name, value in values.items()}))


def instant(moment: datetime, clock: Column) -> Markup:
    """A UTC moment in the type of a clock column.

    A date column holds midnights, so a bound inside a day starts at the next one.
    """
    if clock.kind == "date":
        day: date = moment.date()
        if moment.timetz().replace(tzinfo=None) != moment.min.time():
            day += timedelta(days=1)
        return Markup(f"cast('{day.isoformat()}' as date)")
    if clock.kind == "timestamptz":
        return Markup(f"cast('{moment.astimezone(UTC).isoformat(' ')}' as timestamptz)")
    return as_sql(moment)


def _text(column: Column) -> Markup:
    """A column of kind text as plain text: functions of text refuse a UUID."""
    plain = column.type.upper().startswith(("VARCHAR", "CHAR", "TEXT", "STRING"))
    return as_sql(column) if plain else sql("cast({c} as varchar)", c=column)


def number(column: Column, reference: Column, *, fractions: bool = False) -> Markup:
    """A column as a double, null where its value is not a number of the reference's type.

    Args:
        column: The column.
        reference: The primary reference's, which decides the type.
        fractions: Whether the text of a fraction is a number of a column of whole numbers.
    """
    if column.kind in NUMBERS:
        return sql("cast({c} as double)", c=column)
    if column.kind == "boolean":
        return sql("cast(cast({c} as integer) as double)", c=column)
    if column.kind == "text":
        text = _text(column)
        parsed = sql("cast(trim({c}) as double)", c=text)
        if reference.kind == "integer" and not fractions:
            whole = sql("case when {x} = floor({x}) then {x} end", x=parsed)
            return sql(
                "case when regexp_matches({c}, {p}) then {x} end", c=text, p=NUMERIC_TEXT, x=whole
            )
        return sql(
            "case when regexp_matches({c}, {p}) then {x} end", c=text, p=NUMERIC_TEXT, x=parsed
        )
    if column.kind in MOMENTS and reference.kind in MOMENTS:
        return sql("cast(extract(epoch from {c}) as double)", c=column)
    return Markup("cast(null as double)")


def present(column: Column | None) -> Markup:
    """A column as stored, null where it holds NaN, which is no value."""
    if column is None:
        return Markup("null")
    if column.floating and column.kind in NUMBERS:
        # true for all numbers and infinities on every engine, whatever it thinks of NaN
        return sql(
            "case when {c} <= {top} or -{c} < {bottom} then {c} end",
            c=column,
            top=LARGEST_DOUBLE,
            bottom=-LARGEST_DOUBLE,
        )
    return as_sql(column)


def category(column: Column | None, reference: Column, *, fractions: bool = False) -> Markup:
    """A column as the text of a category, null where its value has not the reference's type."""
    if column is None:
        return Markup("cast(null as varchar)")
    as_text = sql("cast({c} as varchar)", c=column)
    if reference.kind == "boolean":
        if column.kind == "boolean":
            return sql("case when {c} then 'true' when not {c} then 'false' end", c=column)
        if column.kind in NUMBERS:
            return sql("case when {c} = 1 then 'true' when {c} = 0 then 'false' end", c=column)
        if column.kind == "text":
            return sql(
                "case when lower({c}) in ('true', 't', '1') then 'true'"
                " when lower({c}) in ('false', 'f', '0') then 'false' end",
                c=_text(column),
            )
        return Markup("cast(null as varchar)")
    if reference.kind in NUMBERS:
        return _number_text(column, reference, fractions=fractions)
    return as_text


def present_category(column: Column, reference: Column, *, fractions: bool = False) -> Markup:
    """The text of a category of a value that is there: of NaN, which is none, null."""
    text = category(column, reference, fractions=fractions)
    if not column.floating or column.kind not in NUMBERS:
        return text
    return sql("case when {p} is not null then {c} end", p=present(column), c=text)


def _number_text(column: Column, reference: Column, *, fractions: bool = False) -> Markup:
    """A number as the text of a category: equal values are spelled alike, whatever type holds them."""
    as_text = sql("cast({c} as varchar)", c=column)
    if column.kind == "integer":
        return as_text
    if column.kind == "decimal" and (scale := _scale(column)) is not None:
        # never by way of a double, which holds 15 digits of 38
        if scale == 0:
            return as_text
        # some engines spell no zeros at the end, and 10 has one that counts
        return sql(
            "case when {c} like '%.%' then trim(trailing '.' from trim(trailing '0' from {c}))"
            " else {c} end",
            c=as_text,
        )
    x = number(column, reference, fractions=fractions)
    text = sql(
        "case when {x} = floor({x}) and abs({x}) < {top} then cast(cast({x} as bigint) as varchar)"
        " else cast({x} as varchar) end",
        x=x,
        top=LARGEST_WHOLE,
    )
    if column.kind != "text":
        return text
    return sql(
        "case when regexp_matches({c}, {p}) then cast(cast(trim({c}) as decimal(38, 0)) as varchar)"
        " else {text} end",
        c=_text(column),
        p=WHOLE_TEXT,
        text=text,
    )


def exact_to(column: Column) -> float:
    """Below this size a double holds every value of a column exactly; infinity where it always does."""
    if column.kind == "integer":
        return DIGITS
    scale = _scale(column) if column.kind == "decimal" else None
    return math.inf if scale is None else DIGITS / 10.0**scale


def _scale(column: Column) -> int | None:
    """Digits after the point of a decimal type; None where the type does not tell."""
    found = re.fullmatch(r"\w+ *\( *\d+ *(?:, *(\d+) *)?\)", column.type)
    return int(found[1] or 0) if found else None


def fitting(column: Column | None, reference: Column | None) -> Markup:
    """A counted column where its value has the reference's type, else null."""
    if column is None:
        return Markup("null")
    if reference is None or column.kind == reference.kind:
        return as_sql(column)
    if column.kind in MOMENTS and reference.kind in MOMENTS:
        return as_sql(column)
    if column.kind == "text" and reference.kind in MOMENTS:
        return sql("case when regexp_matches({c}, {p}) then {c} end", c=_text(column), p=TIME_TEXT)
    return Markup("null")
