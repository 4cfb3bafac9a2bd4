"""A metric's header is parsed strictly, and every complaint says where."""

from __future__ import annotations

import pytest

from driftline.engine.errors import TemplateError
from driftline.engine.header import Param, parse_header

WHOLE = """\
-- spread: how far apart
--
-- defines  value = high - low
--          over the rows
-- reads    steps, comparisons
-- param    share: float = 0.5 in (0, 1]; of the rows
-- param    rows: int = 3 in [1, 9]; looked at
-- returns  comparison; value: double
-- nulls    not counted
-- source   Somebody (1900)
select 1
"""


def without(line: str) -> str:
    return "".join(part for part in WHOLE.splitlines(keepends=True) if not part.startswith(line))


def test_the_title_line_gives_name_and_title():
    header = parse_header(WHOLE, file="spread.sql")
    assert (header.name, header.title) == ("spread", "how far apart")


def test_a_line_that_keeps_the_indent_continues_the_one_above():
    assert parse_header(WHOLE, file="spread.sql").defines == "value = high - low over the rows"


def test_what_it_reads_is_a_list_of_names():
    assert parse_header(WHOLE, file="spread.sql").reads == ("steps", "comparisons")


def test_every_parameter_has_a_type_a_default_a_range_and_a_meaning():
    assert parse_header(WHOLE, file="spread.sql").params == (
        Param("share", "float", 0.5, "(0, 1]", "of the rows"),
        Param("rows", "int", 3.0, "[1, 9]", "looked at"),
    )


def test_parameters_may_be_missing():
    assert parse_header(without("-- param"), file="spread.sql").params == ()


@pytest.mark.parametrize("key", ["defines", "reads", "returns", "nulls", "source"])
def test_every_other_key_is_needed(key: str):
    text = without(f"-- {key}").replace("--          over the rows\n", "")
    with pytest.raises(TemplateError, match=f"spread.sql: the header has no '{key}' line"):
        parse_header(text, file="spread.sql")


def test_the_keys_stand_in_one_order():
    first, last = "-- nulls    not counted\n", "-- source   Somebody (1900)\n"
    with pytest.raises(TemplateError, match="out of order"):
        parse_header(WHOLE.replace(first + last, last + first), file="spread.sql")


def test_a_text_without_a_title_is_refused():
    with pytest.raises(TemplateError, match=r"spread\.sql, line 1: expected '-- name: title'"):
        parse_header("select 1", file="spread.sql")


def test_an_empty_text_is_refused():
    with pytest.raises(TemplateError, match="line 1"):
        parse_header("", file="spread.sql")


def test_an_unknown_key_is_refused_with_its_line():
    with pytest.raises(TemplateError, match=r"spread\.sql, line 6: expected one of defines, reads"):
        parse_header(WHOLE.replace("-- param    share", "-- parameter share"), file="spread.sql")


@pytest.mark.parametrize(
    "param", ["share", "share: float", "share: text = a in [a, b]; of", "share: float = 0.5; of"]
)
def test_a_parameter_that_lacks_a_part_is_refused(param: str):
    text = WHOLE.replace("share: float = 0.5 in (0, 1]; of the rows", param)
    with pytest.raises(TemplateError, match="is not 'name: type = default in range; meaning'"):
        parse_header(text, file="spread.sql")


def test_comments_after_the_header_are_no_part_of_it():
    header = parse_header(WHOLE + "-- not a key\n", file="spread.sql")
    assert header.source == "Somebody (1900)"
