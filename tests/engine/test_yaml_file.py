"""YAML files as values that know where they stood."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest

from driftline.engine.errors import ConfigError
from driftline.engine.yaml_file import (
    Complaints,
    Map,
    Seq,
    YamlFile,
    locate,
    merge,
    nearest,
    read_yaml,
    remove,
    source_text,
)


def read(folder: Path, text: str, complaints: Complaints | None = None) -> Map:
    path = folder / "a.yml"
    path.write_text(text, "utf-8")
    root = read_yaml(path, "a.yml", Complaints() if complaints is None else complaints).root
    assert isinstance(root, Map)
    return root


def complaints_of(folder: Path, text: str) -> list[str]:
    complaints = Complaints()
    read(folder, text, complaints)
    return str(complaints).splitlines()


@pytest.mark.parametrize("word", ["on", "off", "yes", "no", "y", "2024-01-31", "1_000", "012:30"])
def test_words_that_older_yaml_turned_into_something_else_are_text(
    tmp_path: Path, word: str
) -> None:
    assert read(tmp_path, f"a: {word}")["a"] == word


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("~", None),
        ("", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("-12", -12),
        ("0x1F", 31),
        ("0o17", 15),
        ("012", 12),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("5%", "5%"),
    ],
)
def test_scalars_follow_the_core_schema(tmp_path: Path, written: str, value: object) -> None:
    assert read(tmp_path, f"a: {written}")["a"] == value


def test_keys_are_always_text(tmp_path: Path) -> None:
    assert list(read(tmp_path, "1: a\ntrue: b\non: c\n")) == ["1", "true", "on"]


def test_a_version_directive_does_not_bring_old_words_back(tmp_path: Path) -> None:
    assert read(tmp_path, "%YAML 1.1\n---\na: on\n")["a"] == "on"


def test_a_key_given_twice_is_told_with_both_lines(tmp_path: Path) -> None:
    found = complaints_of(tmp_path, "a: 1\nb:\n  c: 1\n  c: 2\n")
    assert found == ["a.yml:4: b.c: the key stands twice; first on line 3"]


def test_a_key_that_is_a_list_is_told(tmp_path: Path) -> None:
    assert complaints_of(tmp_path, "? [a, b]\n: 1\n") == ["a.yml:1: a key must be a name"]


def test_a_tag_of_another_tool_is_told(tmp_path: Path) -> None:
    found = complaints_of(tmp_path, "a: !vault x\n")
    assert found == ["a.yml:1: a: the tag !vault means nothing here"]


def test_an_alias_that_holds_itself_is_told(tmp_path: Path) -> None:
    assert complaints_of(tmp_path, "a: &a [*a]\n") == ["a.yml:1: a[0]: an alias that holds itself"]


def test_aliases_and_merge_keys_work(tmp_path: Path) -> None:
    root = read(tmp_path, "base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\nsame: *b\n")
    assert root["use"] == {"x": 1, "y": 3}
    assert root["same"] == {"x": 1, "y": 2}


def test_an_anchor_may_be_defined_again(tmp_path: Path) -> None:
    assert read(tmp_path, "a: &x 1\nb: &x 2\nc: *x\n")["c"] == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1,\nb: 2", r"a\.yml:2: not valid YAML: "),
        ("a: b: c", r"a\.yml:1: not valid YAML: mapping values are not allowed here"),
        ("a: 1\n---\nb: 2", r"a\.yml:2: not valid YAML: but found another document"),
        ("a: *x", r"a\.yml:1: not valid YAML: found undefined alias"),
        ("a: \x00", r"a\.yml:1: not valid YAML: unacceptable character"),
        ("[" * 1200, r"a\.yml: not valid YAML: nested too deeply"),
    ],
)
def test_what_is_no_yaml_is_an_error_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, text)


def test_a_file_that_is_not_text_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"a\.yml: cannot be read: it is not UTF-8 text"):
        read_yaml(path, "a.yml", Complaints())


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a\.yml: cannot be read: No such file"):
        read_yaml(tmp_path / "a.yml", "a.yml", Complaints())


def test_a_mark_at_the_head_and_windows_line_ends_do_not_move_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    root = read_yaml(path, "a.yml", Complaints()).root
    assert isinstance(root, Map)
    assert locate(root, ("b",))[0].line == 2


def test_a_position_is_on_the_line_that_as_many_ends_of_lines_lie_before() -> None:
    text = "\n\na: 1\n\u2028\x85b: 2\n\n"
    file = YamlFile(Path("x.yml"), "x.yml", text)
    # what other standards take for the end of a line is none in YAML 1.2
    assert [file.line(k) for k in range(len(text) + 1)] == [
        1 + text[:k].count("\n") for k in range(len(text) + 1)
    ]


def test_a_place_is_the_deepest_part_that_exists(tmp_path: Path) -> None:
    root = read(tmp_path, "a:\n  - x: 1\n    y:\n      z: 2\n")
    place, missing = locate(root, ("a", 0, "y", "nope", "more"))
    assert (place.line, missing) == (3, ("nope", "more"))


def test_a_path_shows_a_monitors_name_and_quotes_odd_keys(tmp_path: Path) -> None:
    complaints = Complaints()
    root = read(tmp_path, "monitors:\n  - name: churn\n    settings:\n      it's odd: 1\n  - {}\n")
    complaints.add(root, ("monitors", 0, "settings", "it's odd"), "no")
    complaints.add(root, ("monitors", 1, "name"), "no")
    assert str(complaints).splitlines() == [
        "a.yml:4: monitors[churn].settings['it's odd']: no",
        "a.yml:5: monitors[1].name: no",
    ]


def test_complaints_come_once_and_in_the_order_of_lines(tmp_path: Path) -> None:
    complaints = Complaints()
    root = read(tmp_path, "\n".join(f"k{n}: 1" for n in range(12)))
    for key in ("k10", "k2", "k10"):
        complaints.add(root, (key,), "no")
    assert str(complaints).splitlines() == ["a.yml:3: k2: no", "a.yml:11: k10: no"]


def test_merging_goes_deep_in_maps_and_replaces_lists(tmp_path: Path) -> None:
    root = read(tmp_path, "under: {m: {a: 1, b: 2}, l: [1, 2]}\nover: {m: {b: 3}, l: [9]}\n")
    under, over = root["under"], root["over"]
    assert isinstance(under, Map)
    assert isinstance(over, Map)
    assert merge(under, over) == {"m": {"a": 1, "b": 3}, "l": [9]}


def test_merged_entries_keep_the_lines_they_came_from(tmp_path: Path) -> None:
    root = read(tmp_path, "under:\n  a: 1\n  m: {x: 1}\nover:\n  b: 2\n  m:\n    y: 1\n")
    under, over = root["under"], root["over"]
    assert isinstance(under, Map)
    assert isinstance(over, Map)
    whole = merge(under, over)
    lines = [locate(whole, trail)[0].line for trail in (("a",), ("b",), ("m", "x"), ("m", "y"))]
    assert lines == [2, 5, 3, 7]


def test_taking_an_item_out_moves_the_places_of_those_behind_it(tmp_path: Path) -> None:
    root = read(tmp_path, "a:\n  - x\n  - y\n  - z\n")
    items = root["a"]
    assert isinstance(items, Seq)
    remove(items, 1)
    assert items == ["x", "z"]
    assert locate(root, ("a", 1))[0].line == 4


def test_the_text_of_a_map_is_what_the_file_has_moved_to_the_left(tmp_path: Path) -> None:
    root = read(
        tmp_path,
        "monitors:\n"
        "  - name: a   # first\n"
        "    # its own comment\n"
        "    production:\n"
        "      query: |\n"
        "        select 1\n"
        "\n"
        "        # not a comment\n"
        "\n"
        "  # about the next one\n"
        "  - {name: b,\n"
        "     tags: [x]}\n",
    )
    items = root["monitors"]
    assert isinstance(items, Seq)
    first, second = items
    assert isinstance(first, Map)
    assert isinstance(second, Map)
    assert source_text(first) == (
        "name: a   # first\n"
        "# its own comment\n"
        "production:\n"
        "  query: |\n"
        "    select 1\n"
        "\n"
        "    # not a comment\n"
    )
    assert source_text(second) == "{name: b,\n tags: [x]}\n"


def test_the_nearest_word_is_offered_and_a_far_one_is_not() -> None:
    assert nearest("windw", ["window", "filter"]) == "; did you mean 'window'?"
    assert nearest("xyz", ["window", "filter"]) == ""


def test_a_tree_that_nobody_holds_any_more_is_gone_without_a_search_for_circles(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.yml"
    path.write_text("monitors:\n  - {name: churn, tags: [a, b]}\n", "utf-8")
    gc.disable()
    try:
        root = read_yaml(path, "a.yml", Complaints()).root
        assert isinstance(root, Map)
        place, held = root.marks.places["monitors"].then(0, 2), weakref.ref(root)
        del root
        assert held() is None
    finally:
        gc.enable()
    assert place.path() == "monitors[churn]"
