"""Templates are compiled once, and again when they or what compiles them change."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from jinja2 import Environment

from driftline.engine import render


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the templates that are compiled, in a process that may keep them in a new folder."""
    names: list[str] = []
    really = Environment._compile

    def noted(self: Environment, source: str, filename: str) -> object:
        names.append(filename)
        return really(self, source, filename)

    monkeypatch.setattr(Environment, "_compile", noted)
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return names


def load() -> str:
    """Load a template as a new process does; what it renders."""
    environment = render._environment.__wrapped__()
    return str(environment.get_template("profile.sql").root_render_func.__code__.co_name)


def test_a_template_is_compiled_once_for_all_processes(compiled: list[str]):
    assert load() == load() == "root"
    assert len(compiled) == 1


@pytest.mark.parametrize("what", ["text", "VERSION", "jinja2.__version__"])
def test_a_template_is_compiled_again_when_its_compiler_or_its_text_changes(
    what: str, compiled: list[str], monkeypatch: pytest.MonkeyPatch
):
    load()
    if what == "text":
        monkeypatch.setattr(render, "_load", lambda _: "select 1")
    else:
        monkeypatch.setattr(f"driftline.engine.render.{what}", "another")
    load()
    assert len(compiled) == 2


def test_a_process_that_keeps_no_bytecode_keeps_no_template(
    compiled: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    load()
    load()
    assert len(compiled) == 2
    assert not [*tmp_path.rglob("*.pyc")]


def test_a_folder_that_cannot_be_written_to_is_no_error(
    compiled: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "file").touch()
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "file"))
    assert load() == "root"
    assert len(compiled) == 1
