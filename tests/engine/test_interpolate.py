"""`${VAR}` and what must never be shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftline.engine.interpolate import Environment, mask, sensitive
from driftline.engine.yaml_file import Complaints, Map, read_yaml


def fill(folder: Path, text: str, **variables: str) -> tuple[Map, Environment]:
    path = folder / "a.yml"
    path.write_text(text, "utf-8")
    complaints = Complaints()
    root = read_yaml(path, "a.yml", complaints).root
    assert isinstance(root, Map)
    environment = Environment(variables, complaints)
    environment.fill(root)
    return root, environment


@pytest.mark.parametrize(
    ("text", "variables", "value"),
    [
        ("${A}", {"A": "x"}, "x"),
        ("${A}/${B}.csv", {"A": "x", "B": "y"}, "x/y.csv"),
        ("${A:-z}", {}, "z"),
        ("${A:-z}", {"A": ""}, "z"),
        ("${A:-z}", {"A": "x"}, "x"),
        ("${A:-}", {}, ""),
        ("${A}", {"A": ""}, ""),
        ("${A:-http://x?a=b}", {}, "http://x?a=b"),
        ("${A}", {"A": "${B}"}, "${B}"),
        ("$A $$ {A}", {}, "$A $$ {A}"),
    ],
)
def test_a_variable_is_replaced(
    tmp_path: Path, text: str, variables: dict[str, str], value: str
) -> None:
    filled, environment = fill(tmp_path, f"a: {{b: ['{text}']}}", **variables)
    assert filled == {"a": {"b": [value]}}
    assert not environment.complaints


def test_a_number_from_a_variable_stays_text(tmp_path: Path) -> None:
    assert fill(tmp_path, "a: ${N}", N="5")[0]["a"] == "5"


def test_a_variable_that_is_not_set_is_told_with_its_line(tmp_path: Path) -> None:
    environment = fill(tmp_path, "a: 1\nb: x${NOPE}\n")[1]
    expected = "a.yml:2: b: the environment variable NOPE is not set"
    assert str(environment.complaints) == expected


@pytest.mark.parametrize("text", ["${}", "${1A}", "${A", "${A:=b}"])
def test_what_looks_like_a_variable_and_is_none_is_told(tmp_path: Path, text: str) -> None:
    environment = fill(tmp_path, f"a: '{text}'", A="x")[1]
    assert "is not a variable; write ${NAME}" in str(environment.complaints)


def test_what_was_written_is_kept_beside_the_value(tmp_path: Path) -> None:
    filled = fill(tmp_path, "a: ${A}\nb: c\n", A="x")[0]
    assert filled.marks.written == {"a": "${A}"}


@pytest.mark.parametrize("name", ["API_KEY", "db_password", "MyToken", "SECRETS"])
def test_a_name_says_that_its_value_is_a_secret(tmp_path: Path, name: str) -> None:
    assert fill(tmp_path, f"a: ${{{name}}}", **{name: "hush"})[1].secrets == {"hush"}


def test_a_default_of_a_secret_is_a_secret(tmp_path: Path) -> None:
    assert fill(tmp_path, "a: ${API_KEY:-hush}")[1].secrets == {"hush"}


def test_an_empty_secret_hides_nothing(tmp_path: Path) -> None:
    assert fill(tmp_path, "a: ${API_KEY}", API_KEY="")[1].secrets == set()


def test_values_of_keys_that_are_named_like_secrets_are_hidden(tmp_path: Path) -> None:
    filled, environment = fill(tmp_path, "a: [{secret: s, private_key: 7, url: u}]\nb: {token: t}")
    environment.hide(filled["a"])
    assert environment.secrets == {"s", "7"}


def test_an_ordinary_name_is_no_secret() -> None:
    assert not sensitive("SLACK_URL")


def test_masking_hides_the_longer_of_two_secrets_whole() -> None:
    assert mask("a=hush b=hushhush", frozenset({"hush", "hushhush", ""})) == "a=**** b=****"
