"""Large files are read by libyaml as ruamel reads them: values, places and complaints."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from driftline.engine import yaml_nodes
from driftline.engine.errors import ConfigError
from driftline.engine.yaml_file import Complaints, Map, Seq, read_yaml, source_text

ROOT = Path(__file__).parents[2]


def blocks() -> list[str]:
    """Every YAML of the docs, and the demo's."""
    texts = [path.read_text("utf-8") for path in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]]
    found = [block for text in texts for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    return [*found, *(p.read_text("utf-8") for p in ROOT.glob("fixtures/**/*.yml"))]


ODD = {
    "anchors": "a: &x {b: [1, 2.5, ~]}\nc: *x\nd: {<<: *x, e: 1}\nf:\n  <<: [*x]\n",
    "scalars": "- on\n- no\n- 0o17\n- 0x1F\n- 1_000\n- +.5\n- .inf\n- -.INF\n- .nan\n"
    "- 012\n- 2024-01-31\n- 1e3\n- =\n",
    "texts": "a: |\n  one\n\n  # two\nb: >-\n  long\n  line\n\nc: 'it''s'\nd: \"\\u00e9\\n\"\ne: !!str 5\n",
    "comments": "# first\na:   # of a\n  # inside\n  b: 1   # of b\n\n# between\n"
    "c: {d: [x,   # of x\n  y]}\n# last\n",
    "letters": 'é: "ü ☃ 🦆"\n日本: [語]\n',
    "twice": "a: 1\nb: {c: 1, c: 2}\na: 3\n",
    "tags": "a: !ours {b: 1}\nc: !!timestamp 2024-01-31\n",
    "keys": "? [a, b]\n: 1\n? c\n: 2\n3: 4\ntrue: 5\n~: 6\n",
    "documents": "---\na: 1\n...\n",
    "nothing": "# only a comment\n",
    "empty values": "a:\nb: ''\nc: {}\nd: []\ne:\n  -\n  - f:\n",
    "an alias that holds itself": "a: &a\n  b: *a\n",
}


def told(text: str) -> Any:
    """All that is read of a text: values with their places, and what is wrong."""
    complaints = Complaints()
    try:
        root = read_yaml(Path("a.yml"), "a.yml", complaints, text=text).root
    except ConfigError as error:
        return str(error)

    def tree(node: object) -> object:
        if isinstance(node, Map):
            items = [
                (k, node.marks.places[k].line, tree(v))
                for k, v in node.items()
                if k in node.marks.places
            ]
            return "map", node.marks.span, source_text(node), items
        if isinstance(node, Seq):
            return "list", [(node.marks.places[k].line, tree(v)) for k, v in enumerate(node)]
        return repr(node)

    return tree(root), str(complaints)


def both(text: str, patch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    with patch.context() as each:
        each.setattr(yaml_nodes, "LARGE", 10**9)
        slowly = told(text)
    with patch.context() as each:
        each.setattr(yaml_nodes, "LARGE", 0)
        return slowly, told(text)


@pytest.mark.parametrize("name", ODD)
def test_whatever_yaml_allows_is_read_alike(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    slowly, quickly = both(ODD[name], monkeypatch)
    assert quickly == slowly


def test_every_project_of_the_docs_is_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = blocks()
    assert len(texts) > 30
    for text in texts:
        slowly, quickly = both(text, monkeypatch)
        assert quickly == slowly


@pytest.mark.parametrize(
    "text",
    [
        "a: [1\n",
        "a: b: c\n",
        "\ta: 1\n",
        "a: *x\n",
        "a: 1\n---\nb: 2\n",
        'a: "\\q"\n',
        "%YAML 1.1\n---\na: no\n",
        "a:\t1\n",
    ],
)
def test_what_is_no_yaml_is_told_in_the_same_words(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slowly, quickly = both(text, monkeypatch)
    assert quickly == slowly


PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False),
    st.text(st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp")), max_size=12),
    st.sampled_from(
        ["on", "1e3", "~", "null", "- a", "a: b", "# c", "0o7", "*x", "&y", "<<", "=", " "]
    ),
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=6),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(value=VALUES, flow=st.sampled_from([True, False, None]))
def test_generated_texts_are_read_alike(value: object, flow: bool | None) -> None:
    from io import StringIO

    out = StringIO()
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = flow
    writer.allow_unicode = True
    writer.dump({"root": value}, out)
    with pytest.MonkeyPatch.context() as patch:
        slowly, quickly = both(out.getvalue(), patch)
    assert quickly == slowly


def test_large_files_go_the_quick_way_and_small_ones_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    went: list[int] = []
    quickly = yaml_nodes._quickly

    def noted(text: str) -> Any:
        went.append(len(text))
        return quickly(text)

    monkeypatch.setattr(yaml_nodes, "_quickly", noted)
    line = "k{}: [1, 2, three]\n"
    told("".join(map(line.format, range(100))))
    assert went == []
    told("".join(map(line.format, range(5_000))))
    assert len(went) == 1


@pytest.mark.parametrize("levels", [120, 400, 2_000])
@pytest.mark.parametrize("way", ["lists", "maps", "blocks"])
def test_what_is_nested_too_deeply_is_told_whichever_way_it_is_read(
    way: str, levels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = {
        "lists": f"a: {'[' * levels}{']' * levels}\n",
        "maps": f"a: {'{a: ' * levels}1{'}' * levels}\n",
        "blocks": "".join(f"{' ' * level}a:\n" for level in range(levels)),
    }[way]
    slowly, quickly = both(text, monkeypatch)
    assert quickly == slowly == "a.yml: not valid YAML: nested too deeply"


def test_a_hundred_levels_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    slowly, quickly = both(f"a: {'[' * 99}{']' * 99}\n", monkeypatch)
    assert quickly == slowly
    assert "too deeply" not in str(slowly)
