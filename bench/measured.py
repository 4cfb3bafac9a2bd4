"""What a command takes of the machine: seconds of processor and clock, and its largest memory.

    python bench/measured.py TOLD LIMIT COMMAND ...

writes {"cpu", "wall", "peak", "exit", "late"} into the file TOLD: seconds, seconds, MB, exit code,
whether the command was ended after LIMIT seconds. `measure` calls it as a process of its own:
what a process is counted at starts with the memory of the one that made it, so that has to be small.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# linux/prctl.h: processes that lose their parent come to this one, so that none goes uncounted
PR_SET_CHILD_SUBREAPER: Final = 36


@dataclass(frozen=True)
class Measured:
    """What one process took, its children included.

    Attributes:
        cpu: User and system seconds of all processes and threads.
        wall: Seconds until the command ended.
        peak: MB (10^6 bytes) that the largest of the processes held.
        exit: Exit code; negative: the signal that ended it.
        late: Whether it was ended because it took too long.
    """

    cpu: float
    wall: float
    peak: float
    exit: int
    late: bool


def _compiled(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables under which Python keeps what it compiles, as it does unless it is told not to."""
    return {name: value for name, value in environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def measure(
    command: Sequence[str | Path], limit: float, folder: Path, environ: Mapping[str, str]
) -> Measured:
    """Run a command in a folder, which gets its `stdout.txt` and `stderr.txt`.

    Args:
        command: Program and arguments.
        limit: Seconds of the clock after which it is ended.
        folder: Where it works.
        environ: Variables beside those of this process.
    """
    told = folder / "measured.json"
    words = (sys.executable, "-S", "-E", __file__, told, str(limit), *command)
    with (folder / "stdout.txt").open("wb") as out, (folder / "stderr.txt").open("wb") as err:
        subprocess.run(
            list(map(str, words)),
            cwd=folder,
            env={**_compiled(os.environ), **environ},
            stdout=out,
            stderr=err,
            check=True,
        )
    return Measured(**json.loads(told.read_text("utf-8")))


def _run(command: list[str], limit: float) -> Measured:
    late = False

    def end(*_: object) -> None:
        nonlocal late
        late = True
        os.killpg(first, signal.SIGKILL)

    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    started = time.monotonic()
    first = os.posix_spawnp(command[0], command, os.environ, setpgroup=0)
    # it is in a group of its own, which an interrupt does not reach
    for each in (signal.SIGALRM, signal.SIGINT, signal.SIGTERM):
        signal.signal(each, end)
    signal.setitimer(signal.ITIMER_REAL, limit)
    wall, code = limit, 0
    # the JVM of a Spark session, for one, ends after the process that started it
    while True:
        try:
            process, status = os.wait()
        except ChildProcessError:
            break
        if process == first:
            wall, code = time.monotonic() - started, os.waitstatus_to_exitcode(status)
    signal.setitimer(signal.ITIMER_REAL, 0)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024
    return Measured(used.ru_utime + used.ru_stime, wall, used.ru_maxrss * unit / 1e6, code, late)


def main() -> None:
    """Run the command of the command line."""
    told, limit, *command = sys.argv[1:]
    Path(told).write_text(json.dumps(vars(_run(command, float(limit)))), "utf-8")


if __name__ == "__main__":
    main()
