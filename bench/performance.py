"""Measure what runs cost, beside DuckDB's own floor and other tools, and write docs/performance.md.

    make bench                                                  # everything: hours
    make bench PARTS=rows ROWS="100000 1000000"                 # a look
    make bench PARTS=peers ROWS=100000 PEERS="scipy evidently"

Tables and the environments of other tools are made on first use and kept in a cache, which grows to
some 25 GB with 100 million rows. What is measured replaces its like in bench/results; the page is
written anew from all that stands there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from driftline.bench import page
from driftline.bench.environments import NotInstalled, pins, python_of
from driftline.bench.measured import Measured, measure
from driftline.bench.scenarios import PARTS, PEERS, ROWS, Job, Scenario, Table, chosen, run

BENCH: Final = Path(__file__).parent
DRIFTLINE: Final = Path(sys.executable).parent / "driftline"
LONG: Final = 150.0  # seconds of a process that is measured once
GENERATOR: Final = 1  # to be counted up when bench/tables.py writes other rows
# other tools send statistics of their use to their makers, where they can
QUIET: Final = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "WHYLOGS_NO_ANALYTICS": "1"}
SHOW: Final = ("{driftline}", "show", "bench", "--all", "--format", "json")
SHOWN: Final = ("pandas", "numpy", "scipy", "pyspark")


Known = dict[str, str]  # what stands for a word in braces
Values = Mapping[str, Mapping[str, float]]  # by feature and metric


class Failed(Exception):
    """A process that did not do its work, with the reason."""


class Bench:
    """One call: where things are kept, and how to measure.

    Attributes:
        cache: Folder of tables and environments.
        threads: Of DuckDB.
        repeats: How often a process is measured.
        limit: Seconds of the clock after which one is ended.
    """

    def __init__(self, cache: Path, threads: int, repeats: int, limit: float) -> None:
        self.cache = cache
        self.threads = threads
        self.repeats = repeats
        self.limit = limit

    def measure(self, scenario: Scenario) -> dict[str, Any]:
        """What the results hold of a scenario."""
        told: dict[str, dict[str, Any]] = {job.name: {"trials": []} for job in scenario.jobs}
        known = self._known(scenario)
        for _ in range(self.repeats):
            for job in scenario.jobs:
                record = told[job.name]
                if "not" in record or any(each["wall"] > LONG for each in record["trials"]):
                    continue
                try:
                    said = self._add(job, known, record)
                except (Failed, NotInstalled) as reason:
                    said = record["not"] = str(reason)
                print(f"{scenario.name}, {job.name}: {said}", flush=True)
        for job in scenario.jobs:
            if theirs := told[job.name].pop("exact", None):
                told[job.name]["differences"] = self._differences(scenario, theirs)
        return {
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "machine": machine(),
            "versions": versions(scenario),
            "threads": self.threads,
            "memory_limit": scenario.memory,
            "jobs": told,
        }

    def _add(self, job: Job, known: Known, record: dict[str, Any]) -> str:
        """Measure a job once more, and say what it took."""
        load = round(os.getloadavg()[0], 1)
        trial, said = self._trial(job, known)
        record["trials"].append(trial)
        record["load"] = max(load, record.get("load", 0.0))
        record |= {name: said[name] for name in ("numbers", "exact") if name in said}
        return f"{trial['cpu']} CPU s, {trial['wall']} s, {trial['peak']} MB (load {load})"

    def _known(self, scenario: Scenario) -> Known:
        """What stands for the words in braces."""
        folder = self._table(scenario.table)
        return {
            "python": sys.executable,
            "driftline": str(DRIFTLINE),
            "bench": str(BENCH),
            "reference": str(folder / "reference.parquet"),
            "production": str(folder / "production.parquet"),
            "threads": str(self.threads),
            "memory": scenario.memory,
        }

    def _table(self, table: Table) -> Path:
        """The folder of a table, written unless it is there."""
        folder = self.cache / f"tables-{GENERATOR}" / table.name
        # the side that is written last
        if (folder / "production.parquet").exists():
            return folder
        words = ["--rows", str(table.rows), "--columns", str(table.columns)]
        if table.categories is not None:
            words += ["--categories", str(table.categories)]
        print(f"writing table {table.name}", flush=True)
        subprocess.run([sys.executable, BENCH / "tables.py", folder, *words], check=True)
        return folder

    def _trial(self, job: Job, known: Known) -> tuple[dict[str, float], dict[str, Any]]:
        """What a process took, and what it said of itself."""
        if job.name in PEERS:
            known = known | {job.name: str(python_of(job.name, self.cache / "environments"))}
        with self._folder(job, known) as folder:
            for command in job.before:
                self._call(command, known, folder)
            found = self._call(job.command, known, folder, job.exits)
            return figures(job, found, folder)

    def _differences(self, scenario: Scenario, theirs: Values) -> dict[str, float]:
        """The largest difference of Driftline's values from another tool's, by metric."""
        known, job = self._known(scenario), run(scenario.table, "always")
        with self._folder(job, known) as folder:
            try:
                self._call(job.command, known, folder, job.exits)
                self._call(SHOW, known, folder)
            except Failed as reason:
                print(f"{scenario.name}: values not compared: {reason}", flush=True)
                return {}
            rows = json.loads((folder / "stdout.txt").read_text("utf-8"))
        found = {(row["feature"], row["metric"]): row["value"] for row in rows}
        largest: dict[str, float] = {}
        for feature, values in theirs.items():
            for metric, value in values.items():
                difference = abs(found[feature, metric] - value) / max(abs(value), 1e-9)
                largest[metric] = max(largest.get(metric, 0.0), difference)
        return largest

    @contextmanager
    def _folder(self, job: Job, known: Known) -> Iterator[Path]:
        """An empty folder with the project of a job."""
        with tempfile.TemporaryDirectory(dir=self.cache) as name:
            if job.project:
                settings = {
                    "threads": self.threads,
                    "memory_limit": known["memory"],
                    "preserve_insertion_order": False,
                }
                project = {"connection": {"type": "duckdb", "settings": settings}} | job.project
                # JSON is YAML
                text = filled(json.dumps(project), known)
                (Path(name) / "driftline.yml").write_text(text, "utf-8")
            yield Path(name)

    def _call(
        self, words: Sequence[str], known: Known, folder: Path, exits: Collection[int] = (0,)
    ) -> Measured:
        """Run a command.

        Raises:
            Failed: When it did not do its work, or took too long.
        """
        command = [filled(word, known) for word in words]
        found = measure(command, self.limit, folder, QUIET)
        if found.late:
            spent = f"{found.cpu:.0f} of the processor"
            raise Failed(f"not done within {self.limit:g} s of the clock ({spent})")
        if found.exit not in exits:
            raise Failed(reason_of(folder, found, [str(self.cache), str(BENCH.parent)]))
        return found


def filled(text: str, known: Known) -> str:
    """A text with what stands for its words in braces."""
    for name, value in known.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def figures(job: Job, found: Measured, folder: Path) -> tuple[dict[str, float], dict[str, Any]]:
    """The numbers of a trial as they are kept, and what else the process printed."""
    said: dict[str, Any] = {}
    if job.own or job.name in PEERS:
        said = json.loads((folder / "stdout.txt").read_text("utf-8").splitlines()[-1])
    cpu, wall = (said[name] if job.own else getattr(found, name) for name in ("cpu", "wall"))
    return {"cpu": round(cpu, 2), "wall": round(wall, 2), "peak": round(found.peak)}, said


def reason_of(folder: Path, found: Measured, private: Collection[str]) -> str:
    """Why a process failed, in one line without the paths of this machine."""
    if found.exit < 0:
        return f"ended by signal {-found.exit}"
    lines = (folder / "stderr.txt").read_text("utf-8", "replace").strip().splitlines()
    # Driftline says first what happened, Python last
    said = [line for line in lines if line.startswith("error:")][:1] or lines[-1:]
    text = f"failed: {' '.join((said or ['no message'])[0].removeprefix('error:').split())}"
    for path in (str(folder), *private):
        text = text.replace(path, "…")
    return text[:200]


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    processor = platform.processor()
    described = Path("/proc/cpuinfo")
    if described.exists():
        lines = described.read_text("utf-8").splitlines()
        models = [line.split(": ", 1)[1] for line in lines if line.startswith("model name")]
        processor = (models or [processor])[0]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e9),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
    }


def versions(scenario: Scenario) -> dict[str, str]:
    """Of what was measured."""
    if scenario.part == "peers":
        held = pins(scenario.of)
        return {name: held[name] for name in (scenario.of, *SHOWN) if name in held}
    import duckdb

    import driftline

    commit = git("rev-parse", "--short", "HEAD").strip()
    # the results themselves change while they are measured
    changed = git("status", "--porcelain", "--", "engine", "sql", "cli.py", "__init__.py")
    return {
        "driftline": f"{driftline.__version__} {commit}{' changed' if changed else ''}".strip(),
        "duckdb": duckdb.__version__,
        "python": platform.python_version(),
    }


def git(*words: str) -> str:
    """What git says of this checkout; nothing where there is none."""
    command = ("git", "-C", str(BENCH.parent), *words)
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def main() -> None:
    """Measure what is asked for, keep it, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=[], help="without it all")
    parser.add_argument("--rows", nargs="*", type=int, choices=ROWS, default=[])
    parser.add_argument("--peers", nargs="*", choices=[*PEERS, "none"], default=[])
    parser.add_argument("--repeats", type=int, default=3, help="of what takes under 150 s")
    parser.add_argument("--limit", type=float, default=1_200, help="seconds of one process")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of DuckDB")
    parser.add_argument("--cache", type=Path, help="folder of tables and environments")
    given = parser.parse_args()
    cache = given.cache or Path(tempfile.gettempdir()) / "driftline-bench"
    cache.mkdir(parents=True, exist_ok=True)
    bench = Bench(cache.resolve(), given.threads, given.repeats, given.limit)
    for scenario in chosen(given.parts, given.rows, given.peers or PEERS):
        page.keep(scenario.name, bench.measure(scenario))
    page.write(cache / "environments")


if __name__ == "__main__":
    main()
