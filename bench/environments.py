"""Virtual environments of other tools, with the versions that bench/peers/NAME.txt pins."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

PEERS: Final = Path(__file__).parent / "peers"
LIMIT: Final = 1_200  # seconds of one installation


class NotInstalled(Exception):
    """An environment that could not be made, with the reason."""


def pins(name: str) -> dict[str, str]:
    """Versions by distribution."""
    found = re.findall(
        r"^([\w.-]+)==(\S+)", (PEERS / f"{name}.txt").read_text("utf-8"), re.MULTILINE
    )
    return dict(found)


def python_of(name: str, folder: Path) -> Path:
    """The interpreter of an environment, made unless it is there.

    Args:
        name: Of the file of its pins.
        folder: What holds all environments.

    Raises:
        NotInstalled: When pip could not.
    """
    wanted = PEERS / f"{name}.txt"
    # new pins are a new environment
    made = folder / f"{name}-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:8]}"
    python = made / "bin" / "python"
    if not (made / "made").exists():
        print(f"installing {name}", flush=True)
        _call(sys.executable, "-m", "venv", "--clear", made)
        # the pins are complete: nothing is left to resolve
        _call(python, "-m", "pip", "install", "--quiet", "--no-deps", "--requirement", wanted)
        (made / "made").touch()
    return python


def _call(*command: str | Path) -> None:
    try:
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=LIMIT)
    except subprocess.TimeoutExpired as slow:
        raise NotInstalled(f"not installed: pip was not done within {LIMIT} s") from slow
    except subprocess.CalledProcessError as failed:
        errors = [line for line in failed.stderr.splitlines() if line.startswith("ERROR")]
        raise NotInstalled(f"not installed: {(errors or ['pip failed'])[-1]}") from failed
