"""What Spark and Databricks understand otherwise than sqlglot knows: rewrites of a statement's tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlglot import exp


def end_of_text(tree: exp.Expr) -> None:
    r"""Let a pattern end where the text does: to Java, `$` is also before a last line break."""
    from sqlglot import exp

    for node in tree.find_all(exp.RegexpLike):
        pattern = node.expression
        if isinstance(pattern, exp.Literal) and pattern.name.endswith("$"):
            pattern.replace(exp.Literal.string(pattern.name[:-1] + r"\z"))


def whole_doubles(tree: exp.Expr) -> None:
    """Ask whether a double is whole where its floor, a bigint in Spark, would not hold it.

    Beyond 2^53 all doubles are.
    """
    from sqlglot import exp

    for node in list(tree.find_all(exp.EQ)):
        if isinstance(node.expression, exp.Floor) and node.this == node.expression.this:
            x = node.this
            fits = exp.Abs(this=x.copy()) < _double(repr(2.0**53))
            node.replace(exp.Case().when(fits, node.copy()).else_(x.copy().eq(x.copy())))


def halved_sums(tree: exp.Expr) -> None:
    """Sum bigints in two halves: a sum of them is a bigint in Spark, and soon too large for one."""
    from sqlglot import exp

    for node in list(tree.find_all(exp.Sum)):
        if not _is_bigint(node.this):
            continue
        around = node.parent
        if isinstance(around, exp.Cast) and around.is_type("double"):
            around.replace(_said(_HALVES, v=node.this, wide="double"))
        else:
            # what is summed again is kept to the last digit
            node.replace(_said(_HALVES, v=node.this, wide="decimal(38, 0)"))


def few_tasks(tree: exp.Expr) -> None:
    """Bring long unions together in few tasks: each of them is sent the plans of all branches.

    What arrives there is counted already.
    """
    from sqlglot import exp

    for union in list(tree.find_all(exp.Union)):
        if isinstance(union.parent, exp.Union):
            continue
        if sum(1 for _ in union.find_all(exp.Union)) >= _LONG:
            around = exp.select("*").hint(f"coalesce({_TASKS})", dialect="spark")
            union.replace(around.from_(exp.Subquery(this=union.copy())))


def texts_of_doubles(tree: exp.Expr) -> None:
    """Write doubles as DuckDB does: Java's 1.0E-5 is 1e-05."""
    from sqlglot import exp

    for node in list(tree.find_all(exp.Cast)):
        if node.is_type("text", "varchar") and _is_double(node.this):
            node.replace(_said(_TEXT_OF_DOUBLE, s=node))


def _is_bigint(node: exp.Expr) -> bool:
    """Whether an expression is made a bigint, where it is anything."""
    from sqlglot import exp

    if isinstance(node, exp.Case):
        return all(_is_bigint(branch.args["true"]) for branch in node.args["ifs"])
    return isinstance(node, exp.Cast) and node.is_type("bigint")


def _is_double(node: exp.Expr) -> bool:
    """The same of a double."""
    from sqlglot import exp

    if isinstance(node, exp.Case):
        return all(_is_double(branch.args["true"]) for branch in node.args["ifs"])
    return isinstance(node, exp.Cast) and node.is_type("double")


def _double(number: str) -> exp.Cast:
    from sqlglot import exp

    return exp.cast(exp.Literal.string(number), "double")


def _said(template: str, *, wide: str = "", **parts: exp.Expr) -> exp.Expr:
    """A piece of Spark's SQL with parts of the tree in it."""
    import sqlglot

    texts = {name: part.sql(dialect="spark") for name, part in parts.items()}
    return sqlglot.parse_one(template.format(wide=wide, **texts), read="spark")


# Branches from which on a union is brought together, and in how many tasks.
_LONG: Final = 4
_TASKS: Final = 8
# Of numbers below 2^61, for four thousand million rows and more.
_HALVES: Final = """
(
    cast(sum(shiftright({v}, 30)) as {wide}) * cast(1073741824 as {wide})
    + cast(sum({v} & cast(1073741823 as bigint)) as {wide})
)
"""
# Plain from 1e-4 to below 1e16, else an exponent of two digits or more; Java is plain from 1e-3 to 1e7.
_TEXT_OF_DOUBLE: Final = """
case
    when {s} like '%Infinity' then replace({s}, 'Infinity', 'inf')
    when not {s} like '%E%' then {s}
    when {s} like '%E-4' then regexp_replace(
        replace({s}, '.0E', 'E'), '^(-?)([0-9])[.]?([0-9]*)E-4$', '$10.000$2$3')
    when {s} like '%E-%' then regexp_replace(
        regexp_replace(replace({s}, '.0E', 'E'), 'E-([0-9])$', 'E-0$1'), 'E', 'e')
    when {s} rlike 'E([7-9]|1[0-5])$' then concat(
        regexp_extract({s}, '^-?', 0),
        rpad(
            substring(
                regexp_replace({s}, '^-|[.]|E.*$', ''),
                1, cast(regexp_extract({s}, 'E([0-9]+)$', 1) as int) + 1),
            cast(regexp_extract({s}, 'E([0-9]+)$', 1) as int) + 1, '0'),
        '.',
        coalesce(
            nullif(
                substring(
                    regexp_replace({s}, '^-|[.]|E.*$', ''),
                    cast(regexp_extract({s}, 'E([0-9]+)$', 1) as int) + 2),
                ''),
            '0'))
    else replace(replace({s}, '.0E', 'E'), 'E', 'e+')
end
"""
