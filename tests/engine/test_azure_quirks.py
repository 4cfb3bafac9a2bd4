"""What is not copied under `conventions: azure` is listed, shown, and told in `docs/azure.md`.

`ACCEPT_GOLDENS=1 pytest tests/engine/test_azure_quirks.py` writes the page's table anew.
"""

from __future__ import annotations

import os
import re
from typing import Final

import pytest
from azure_quirks import QUIRKS, Quirk
from azure_runs import ROOT

PAGE: Final = ROOT / "docs" / "azure.md"
# The definition of the conventions names these.
NOT_COPIED: Final = (
    "row-wise deletion",
    "the lost maximum",
    "NaN comparisons",
    "the 10 000-row limit",
    "imputation before bounds",
    "double-counted nulls",
    "comma-joined sets",
    "int against double excluded",
    "dates as categories",
    "the row-count alert",
    "32-bit floats",
    "inverted performance alerts",
)


@pytest.mark.parametrize("quirk", QUIRKS, ids=lambda quirk: quirk.name)
def test_a_quirk_is_not_copied(quirk: Quirk):
    quirk.shown()


@pytest.mark.parametrize("name", NOT_COPIED)
def test_what_is_not_copied_on_purpose_is_in_the_table(name: str):
    assert [quirk for quirk in QUIRKS if quirk.name == name] != []


def test_the_page_tells_every_quirk():
    lines = ["| quirk | Azure's components | Driftline | why |", "|---|---|---|---|"]
    lines += [f"| {q.name} | {q.original} | {q.ours} | {q.why} |" for q in QUIRKS]
    wanted = "\n".join(lines) + "\n"
    text = PAGE.read_text("utf-8")
    found = re.search("<!-- quirks -->\n(.*?)<!-- /quirks -->", text, flags=re.DOTALL)
    assert found is not None
    if os.environ.get("ACCEPT_GOLDENS"):
        PAGE.write_text(text[: found.start(1)] + wanted + text[found.end(1) :], "utf-8")
        return
    assert found[1] == wanted
