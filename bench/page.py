"""Write the measured parts of docs/performance.md, and its chart, from bench/results.

    python bench/page.py                # without measuring anything anew

What stands between the page's markers is written here; the rest is written by hand.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import statistics
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from driftline.bench.environments import NotInstalled, python_of
from driftline.bench.goals import GOALS, MILLION, TITLES, Place, peers, rows
from driftline.bench.scenarios import (
    BINS,
    CATEGORIES,
    COLUMNS,
    EXACT,
    PEERS,
    ROWS,
    SEGMENTS,
    WINDOWS,
    Table,
)

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "bench" / "results" / "performance.json"
PAGE: Final = ROOT / "docs" / "performance.md"
CHART: Final = ROOT / "docs" / "performance.svg"
DRAW: Final = (
    "import pathlib, sys, vl_convert;"
    "print(vl_convert.vegalite_to_svg(pathlib.Path(sys.argv[1]).read_text('utf-8')))"
)

# in the order of TITLES: our own stand out, the others can be told apart by the colour-blind too
COLOURS: Final = (
    "#777777", "#d62728", "#ff9896", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c564b",
)  # fmt: skip

FIGURES: Final = ("CPU s", "wall s", "peak MB", "runs")

Results = Mapping[str, Any]


def kept() -> dict[str, Any]:
    """All that was measured, by the name of its scenario."""
    found: dict[str, Any] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    return found


def keep(name: str, measured: Mapping[str, Any]) -> None:
    """Replace what was measured of a scenario."""
    found = kept() | {name: measured}
    RESULTS.parent.mkdir(exist_ok=True)
    text = json.dumps(dict(sorted(found.items())), indent=1, ensure_ascii=False)
    # a trial is a line
    text = re.sub(r"\{\s+(\"cpu\"[^}]+?)\s+\}", lambda m: f"{{{' '.join(m[1].split())}}}", text)
    RESULTS.write_text(text + "\n", "utf-8")


def figure(results: Results, place: Place, name: str) -> float | None:
    """Median of the trials of a job; None where it was not measured."""
    scenario, job = place
    record = results.get(scenario, {}).get("jobs", {}).get(job, {})
    if "not" in record or not record.get("trials"):
        return None
    return float(statistics.median(each[name] for each in record["trials"]))


def why_not(results: Results, place: Place) -> str:
    """Why there is no number of a job."""
    scenario, job = place
    record = results.get(scenario, {}).get("jobs", {}).get(job, {})
    return str(record.get("not", "not measured yet"))


def ratio(results: Results, top: Place, bottom: Place, name: str = "cpu") -> float | None:
    """One figure over another; None where one is missing, or of another machine."""
    numbers = [figure(results, place, name) for place in (top, bottom)]
    machines = [results.get(place[0], {}).get("machine") for place in (top, bottom)]
    if numbers[0] is None or not numbers[1] or machines[0] != machines[1]:
        return None
    return numbers[0] / numbers[1]


def blocks(results: Results) -> dict[str, str]:
    """What stands between the markers of the page, by their name."""
    return {
        "goals": _goals_table(results),
        "rows": _rows_table(results),
        "peers": _peers_table(results),
        "columns": _columns_table(results),
        "categories": _categories_table(results),
        "bins": _bins_table(results),
        "windows": _windows_table(results),
        "frozen": _frozen_table(results),
        "segments": _segments_table(results),
        "machine": _machines(results),
    }


def _goals_table(results: Results) -> str:
    lines = []
    for goal in GOALS:
        wanted = f"≤ {_number(goal.most)}" if goal.most is not None else f"≥ {_number(goal.least)}"
        if goal.over is None:
            found = figure(results, goal.of, goal.figure)
        else:
            found = ratio(results, goal.of, goal.over, goal.figure)
        if found is None:
            missing = (place for place in (goal.of, goal.over) if place is not None)
            said = (why_not(results, p) for p in missing if figure(results, p, "cpu") is None)
            cells = ("–", next(said, "of different machines"))
        else:
            low, high = goal.least or 0.0, goal.most or float("inf")
            cells = (_number(found) + goal.unit, "yes" if low <= found <= high else "**no**")
        lines.append((goal.title, wanted + goal.unit, *cells))
    return _table(("", "goal", "measured", "met"), lines)


def _rows_table(results: Results) -> str:
    lines = []
    for size, (columns, memory) in ROWS.items():
        table = Table(size, columns)
        for job in ("floor", "always", "when_it_matters"):
            place = rows(table, job)
            over = "" if job == "floor" else _ratio(ratio(results, place, rows(table, "floor")))
            name = f"{_spaced(size)} × {columns}, {memory}" if job == "floor" else ""
            lines.append((name, TITLES[job], *_figures(results, place), over))
    return _table(("rows × columns, memory_limit", "", *FIGURES, "CPU over the floor's"), lines)


def _peers_table(results: Results) -> str:
    lines = []
    for size, (columns, _) in ROWS.items():
        table = Table(size, columns)
        names = [name for name, most in PEERS.items() if size <= most]
        own = rows(table, "always")
        if names:
            lines.append(
                (_spaced(size), f"**{TITLES['always']}**", *_figures(results, own), "", "")
            )
        for name in names:
            place = peers(table, name)
            times = (_ratio(ratio(results, place, own, each)) for each in ("cpu", "peak"))
            lines.append(("", TITLES[name], *_figures(results, place), *times))
    head = ("rows", "", *FIGURES, "CPU, times Driftline's", "memory, times Driftline's")
    return _table(head, lines) + _agreement(results)


def _agreement(results: Results) -> str:
    """How far Driftline's exact values are from SciPy's."""
    texts = []
    for size, (columns, _) in ROWS.items():
        scenario, job = peers(Table(size, columns), "scipy")
        record = results.get(scenario, {}).get("jobs", {}).get(job, {})
        if found := record.get("differences"):
            said = ", ".join(f"`{name}` by {value:.0g}" for name, value in sorted(found.items()))
            texts.append(f"{_spaced(size)} rows: {said}")
    if not texts:
        return ""
    told = "Driftline's distances of the thirty columns of numbers differ from SciPy's, relatively"
    return f"\n{told}, by at most: {'; '.join(texts)}.\n"


def _columns_table(results: Results) -> str:
    return _against_floor(results, "columns", [Table(100_000, each) for each in COLUMNS], "columns")


def _categories_table(results: Results) -> str:
    tables = [Table(1_000_000, 10, each) for each in CATEGORIES]
    return _against_floor(results, "values", tables, "categories")


def _against_floor(results: Results, head: str, tables: list[Table], part: str) -> str:
    lines = []
    for table in tables:
        floor, own = ((f"{part} {table.name}", job) for job in ("floor", "always"))
        size = table.categories or table.columns
        cells = (_cell(figure(results, floor, "cpu")), *_figures(results, own))
        lines.append((_spaced(size), *cells, _ratio(ratio(results, own, floor))))
    return _table((head, "floor, CPU s", *FIGURES, "CPU over the floor's"), lines)


def _bins_table(results: Results) -> str:
    name = f"bins {MILLION.name}"
    lines = [(_spaced(bins), *_figures(results, (name, f"{bins}"))) for bins in BINS]
    return _table(("bins", *FIGURES), lines)


def _windows_table(results: Results) -> str:
    names = {"P30D": "12 of 30 days", "P7D": "52 weeks", "P1D": "365 days"}
    lines = {"one run": "one run over all rows"} | {each: names[each] for each in WINDOWS}
    parts = []
    for exact in EXACT:
        scenario = f"windows {Table(10_000_000, 20).name} {exact}"
        head = TITLES[exact].removeprefix("Driftline, ")
        parts.append(_against_first(results, head, scenario, lines))
    return "\n".join(parts)


def _frozen_table(results: Results) -> str:
    lines = {"read anew": "read by each run", "frozen": "frozen, a later run"}
    return _against_first(results, "reference", f"frozen {MILLION.name}", lines)


def _segments_table(results: Results) -> str:
    lines = {"whole": "none", "segments": f"{SEGMENTS}, each beside the whole"}
    table = Table(1_000_000, 31, SEGMENTS)
    return _against_first(results, "segments", f"segments {table.name}", lines)


def _against_first(results: Results, head: str, scenario: str, titles: Mapping[str, str]) -> str:
    """Jobs of a scenario beside its first."""
    first, *_ = titles
    lines = []
    for job, title in titles.items():
        place = (scenario, job)
        over = "" if job == first else _ratio(ratio(results, place, (scenario, first)))
        lines.append((title, *_figures(results, place), over))
    return _table((head, *FIGURES, "CPU over the first's"), lines)


def _machines(results: Results) -> str:
    """Where and when, each once, with the versions and parts that it holds for."""
    held: dict[str, list[str]] = {}
    for name, scenario in results.items():
        where = scenario["machine"]
        text = (
            f"{where['processor']}, {where['cores']} cores, {where['memory_gb']} GB,"
            f" {where['system']}; {scenario['threads']} threads; {scenario['date']}; "
            + ", ".join(f"{each} {version}" for each, version in scenario["versions"].items())
        )
        held.setdefault(text, []).append(name)
    lines = []
    for text, names in held.items():
        jobs = [job for name in names for job in results[name]["jobs"].values()]
        loads = [job["load"] for job in jobs if "load" in job]
        busy = f"load up to {max(loads):g}" if loads else "nothing measured"
        lines.append(f"- {text}; {busy}: {', '.join(names)}")
    return "\n".join(lines) + "\n"


def _figures(results: Results, place: Place) -> tuple[str, ...]:
    if figure(results, place, "cpu") is None:
        return (why_not(results, place).replace("|", "\\|"), "", "", "")
    record = results[place[0]]["jobs"][place[1]]
    cells = (_cell(figure(results, place, name)) for name in ("cpu", "wall", "peak"))
    return (*cells, str(len(record["trials"])))


def _table(head: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> str:
    cells = [head, ("---",) * len(head), *lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"


def _cell(value: float | None) -> str:
    return "–" if value is None else _number(value)


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{_number(value)}×"


def _number(value: float | None) -> str:
    """Three digits, whole from a hundred on."""
    if value is None:
        return "–"
    return _spaced(round(value)) if value >= 100 else f"{value:.3g}"


def _spaced(value: int) -> str:
    return f"{value:,}".replace(",", " ")


def chart(results: Results) -> dict[str, Any]:
    """The chart as a Vega-Lite specification: CPU seconds by rows, of tables of fifty columns."""
    tables = [Table(size, columns) for size, (columns, _) in ROWS.items() if columns == 50]
    places = {job: [(t, rows(t, job)) for t in tables] for job in list(TITLES)[:3]} | {
        name: [(t, peers(t, name)) for t in tables] for name in PEERS
    }
    points = [
        {"rows": table.rows, "seconds": seconds, "tool": TITLES[job]}
        for job, found in places.items()
        for table, place in found
        if (seconds := figure(results, place, "cpu")) is not None
    ]
    drawn = {point["tool"] for point in points}
    shown = {t: c for t, c in zip(TITLES.values(), COLOURS, strict=True) if t in drawn}
    axis = {"type": "quantitative", "scale": {"type": "log"}}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": "white",
        "padding": 12,
        "width": 460,
        "height": 360,
        "data": {"values": points},
        "mark": {"type": "line", "point": {"size": 60}, "strokeWidth": 2},
        "encoding": {
            "x": {
                **axis,
                "field": "rows",
                "title": "rows of each side, 50 columns",
                "axis": {"values": [table.rows for table in tables], "format": "~s"},
            },
            "y": {
                **axis,
                "field": "seconds",
                "title": "CPU seconds of the whole process",
                "axis": {"format": "~g", "values": [0.1, 0.3, 1, 3, 10, 30, 100, 300, 1_000]},
            },
            "color": {
                "field": "tool",
                "title": None,
                "scale": {"domain": list(shown), "range": list(shown.values())},
                "legend": {"labelLimit": 240},
            },
        },
        "config": {"axis": {"gridColor": "#eeeeee"}, "view": {"stroke": None}},
    }


def fingerprint(results: Results) -> str:
    """What the drawn chart carries, to tell whether it is of these results."""
    text = json.dumps(chart(results), sort_keys=True)
    return f"<!-- {hashlib.sha256(text.encode()).hexdigest()} -->"


def write(environments: Path) -> None:
    """Write the page's blocks, and draw the chart where its tool can be installed.

    Args:
        environments: Folder of the environments of other tools.
    """
    results = kept()
    text = PAGE.read_text("utf-8")
    for name, block in blocks(results).items():
        before, rest = text.split(f"<!-- {name} -->\n")
        _, after = rest.split(f"<!-- /{name} -->\n")
        text = f"{before}<!-- {name} -->\n{block}<!-- /{name} -->\n{after}"
    PAGE.write_text(text, "utf-8")
    if CHART.exists() and fingerprint(results) in CHART.read_text("utf-8"):
        return
    try:
        python = python_of("chart", environments)
    except NotInstalled as reason:
        print(f"the chart stays as it is: {reason}")
        return
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(chart(results), file)
        file.flush()
        words = (str(python), "-c", DRAW, file.name)
        drawn = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    CHART.write_text(f"{drawn.strip()}\n{fingerprint(results)}\n", "utf-8")


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, help="folder of tables and environments")
    given = parser.parse_args()
    write((given.cache or Path(tempfile.gettempdir()) / "driftline-bench") / "environments")


if __name__ == "__main__":
    main()
