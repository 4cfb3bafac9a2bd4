"""What users install is what the tree says, and it runs where nothing else is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.package

ROOT = Path(__file__).resolve().parent.parent

# Folders of the tree whose files are shipped, below the one import package.
SHIPPED = ("engine", "sql", "fixtures/demo")


def call(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command where no setting lends it our checkout; return what it said."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=False,
    )


def succeed(*command: str | Path, cwd: Path) -> str:
    """Run a command that must succeed and return its standard output."""
    done = call(*command, cwd=cwd)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def shipped_files() -> set[str]:
    """Return the tree's files that belong into the wheel, as paths below `driftline/`."""
    found = {path.name for path in ROOT.glob("*.py")}
    for folder in SHIPPED:
        found |= {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
    return found


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """Return a wheel built from a source distribution of a copy of the tree.

    A copy, because builds leave folders behind; by way of the source distribution, because that
    is what others build from.
    """
    folder = tmp_path_factory.mktemp("build")
    ignored = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info")
    shutil.copytree(ROOT, folder / "tree", symlinks=True, ignore=ignored)
    command = (sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist")
    succeed(*command, folder / "tree", cwd=folder)
    (built,) = (folder / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="session")
def names(wheel) -> set[str]:
    """Return the paths inside the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="session")
def bare(wheel, tmp_path_factory) -> Path:
    """Return the `bin` folder of a fresh environment that holds the wheel and what it requires."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder / "venv")
    scripts = folder / "venv" / "bin"
    pip = (sys.executable, "-m", "pip", "--python", scripts / "python", "install", "--quiet")
    succeed(*pip, "--constraint", ROOT / "requirements.lock", wheel, cwd=folder)
    return scripts


def test_the_wheel_puts_nothing_but_driftline_at_the_top_level(names):
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"driftline"}


def test_the_wheel_holds_exactly_the_files_of_the_shipped_folders(names):
    inside = {name.removeprefix("driftline/") for name in names if name.startswith("driftline/")}
    assert inside == shipped_files()


def test_only_the_package_and_its_command_stand_as_python_files_at_the_root():
    assert {path.name for path in ROOT.glob("*.py")} == {"__init__.py", "cli.py"}


def test_the_listed_packages_are_the_folders_with_python_files_and_the_two_with_data():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {path.parent for path in (ROOT / "engine").rglob("*.py")}
    folders |= {ROOT, ROOT / "sql", ROOT / "fixtures" / "demo"}
    expected = {".".join(("driftline", *path.relative_to(ROOT).parts)) for path in folders}
    assert set(listed) == expected


def test_the_wheel_stays_under_six_megabytes(wheel):
    assert wheel.stat().st_size < 6_000_000


def test_the_wheel_carries_its_licence(names):
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_only_driftline_can_be_imported_from_an_installation(bare, tmp_path):
    importable = (
        "import importlib.util as u; "
        "print([n for n in ('driftline', 'engine', 'sql', 'cli', 'fixtures') if u.find_spec(n)])"
    )
    assert succeed(bare / "python", "-c", importable, cwd=tmp_path) == "['driftline']\n"


def test_the_installed_command_tells_its_version(bare, tmp_path):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert version in succeed(bare / "driftline", "--version", cwd=tmp_path)


def test_the_installed_demo_runs_from_any_folder_and_says_what_breached(bare, tmp_path):
    summary = succeed(bare / "driftline", "demo", "flights", cwd=tmp_path)
    assert "features breached" in summary
    assert "temp" in summary
    assert "predicted_delay" in summary
    assert (tmp_path / "flights" / "driftline.yml").is_file()
    assert (tmp_path / "flights" / "driftline.duckdb").is_file()


def test_the_project_that_the_demo_leaves_behind_runs_again(bare, tmp_path):
    succeed(bare / "driftline", "demo", "flights", cwd=tmp_path)
    again = call(bare / "driftline", "run", "--at", "2013-07-01", cwd=tmp_path / "flights")
    # `run` fails a pipeline on a breach, as `demo` does not
    assert again.returncode == 1, again.stderr
    assert "features breached" in again.stdout
