"""Write the pages of `docs/metrics` from the catalogue and the headers of the SQL files.

    make docs

A page holds only what the code says: a new metric has its page as soon as it has its catalogue line
and its SQL file. tests/test_docs.py fails when a page is not what this would write.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

from driftline.engine.catalog import DEFAULT_METRICS, METRICS, Metric
from driftline.engine.evidence import RATES
from driftline.engine.header import KEYS
from driftline.engine.render import metric_sql
from driftline.engine.signal_models import UNASKED, signal_types_of

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = ROOT / "docs" / "metrics"

# Probability and interval of a metric, by what it is computed of; `evidence_of` says which applies.
EVIDENCE: Final[Mapping[str, tuple[str, str]]] = {
    "divergence": (
        "the one that all binned distances of a feature share. Numerical: bins are joined with"
        " their neighbours until the smaller side expects 5 rows in each, and the population"
        " stability index of the joined bins, over `s = 1/n + 1/m`, is held to its chi-squared law."
        " Categorical: Pearson's test, rare categories pooled, categories never seen before taken"
        " one by one.",
        "from the non-central chi-squared law of the value over `s`, of the population's value on"
        " the same bins. Rare bins widen it upwards or leave its upper end open.",
    ),
    "distance": (
        "the one that all binned distances of a feature share. Numerical: bins are joined with"
        " their neighbours until the smaller side expects 5 rows in each, and the population"
        " stability index of the joined bins, over `s = 1/n + 1/m`, is held to its chi-squared law."
        " Categorical: Pearson's test, rare categories pooled, categories never seen before taken"
        " one by one.",
        "the value, plus and minus what sampling alone does to it in 95 % of 999 normal draws.",
    ),
    "area": (
        "on at most 256 cells, the law of the same sum along a Gaussian bridge with the covariance"
        " of the pooled rows: a Pearson III law with its mean, variance and skewness. Where few rows"
        " far out decide the distance, rows are permuted between the sides, on at most 32 cells:"
        " exceedances over draws, stopped at 20, else with the rows as they are among 999 draws;"
        " where none of them exceeds, the tail of a Pearson III law fitted to them, at most 0.001."
        " The seed is a hash of monitor, feature, reference, window and segment. The same rows give"
        " the same probability, however much is computed beside them.",
        "the value, plus and minus the 95 % quantile of what sampling alone does to it.",
    ),
    "gap": (
        "with at most 256 distinct values by permuting rows, as some Wasserstein distances; else"
        " that of the two-sample Kolmogorov-Smirnov test.",
        "the value, plus and minus `1.358 * sqrt(1/n + 1/m)`.",
    ),
    "kolmogorov_smirnov": (
        "the value itself: exact for `n * m <= 1e6`, else SciPy's asymptotic law. Ties make it"
        " conservative.",
        "of `statistic`, the largest gap: it plus and minus `1.358 * sqrt(1/n + 1/m)`.",
    ),
    "chi_squared": (
        "the value itself: the chi-squared law where every category expects 5 rows or more, else a"
        " gamma law with the exact permutation moments. All new categories are one bin here, so"
        " many values never seen before make it too small: prefer a distance for such columns.",
        "of what drift adds to `statistic`, from the non-central chi-squared law.",
    ),
    "rate": (
        "the score test of two proportions, production's rate against `reference_value`.",
        "Newcombe's, of the difference of the two rates, added to `reference_value`.",
    ),
}


def evidence_of(metric: Metric) -> str | None:
    """Which part of `EVIDENCE` applies to a metric; None where no probability is defined."""
    if metric.test is not None:
        return metric.test
    if metric.name in RATES:
        return "rate"
    if metric.family != "drift":
        return None
    if "bins" in metric.header.reads:
        divergences = ("jensen_shannon", "population_stability", "hellinger")
        return "divergence" if metric.name.startswith(divergences) else "distance"
    return "gap" if metric.high == 1 else "area"


def pages() -> dict[str, str]:
    """The text of every page by its file name, the index among them."""
    return {
        "README.md": _index(),
        **{f"{metric.name}.md": _page(metric) for metric in METRICS.values()},
    }


def example(metric: Metric) -> str | None:
    """A project file that asks for a metric; None for findings, which nobody needs to ask for."""
    if metric.scope in UNASKED:
        return None
    asks = {
        "columns.correlation_id": "    columns: {correlation_id: id}\n",
        "join": "    join: [{name: labels, table: labels.parquet, on: {order_id: id}}]\n",
    }
    judged = ""
    if metric.family == "performance":
        task = metric.task or "classification"
        column = "score: p_churn" if metric.asks == "columns.score" else "prediction: churns"
        error = ", expected_error: error" if metric.asks == "columns.expected_error" else ""
        judged = f"    model: {{task: {task}}}\n    columns: {{{column}, actual: churned{error}}}\n"
    more = ATTRIBUTION if metric.scope == "attribution" else ""
    signal = signal_types_of(metric.name)[0]
    thresholds: str | dict[str, str] = _threshold(metric)
    if isinstance(metric.default, Mapping):
        thresholds = {kind: f"{value:g}" for kind, value in metric.default.items()}
    lines = (
        [f"        {metric.name}: {thresholds}"]
        if isinstance(thresholds, str)
        else [f"        {kind}: {{{metric.name}: {text}}}" for kind, text in thresholds.items()]
    )
    return (
        "monitors:\n"
        "  - name: churn\n"
        "    production: {table: scored/*.parquet, timestamp: scored_at, window: {size: P7D}}\n"
        "    reference: {table: training.parquet}\n"
        + asks.get(metric.asks, "")
        + judged
        + f"    signals:\n      {signal}:\n"
        + "\n".join(lines)
        + f"\n{more}"
    )


ATTRIBUTION: Final = "        attribution: {source: columns, prefix: shap_}\n"


def _threshold(metric: Metric) -> str:
    """A threshold to show: the default one, or one that makes sense where there is none."""
    if metric.default_text is not None:
        return metric.default_text
    if metric.past:
        return "{decrease: 50%}"
    if metric.scope == "labels":
        return "0.5"
    if metric.family == "performance":
        return "{decrease: 0.05}" if metric.worse == "lower" else "{increase: 20%}"
    if metric.bare == "increase" or (metric.high == 1 and metric.worse == "higher"):
        return "0.01"
    if metric.high == 1:
        return "0.99"
    if metric.scope == "dataset":
        return "86400"
    return "{decrease: 20%}" if metric.worse == "lower" else "{increase: 20%}"


def _page(metric: Metric) -> str:
    header = metric.header
    parts = [
        f"# {metric.name}",
        header.title[0].upper() + header.title[1:] + ".",
        _table(_facts(metric)),
        "## Definition",
        "```text\n" + "\n".join(_written(metric.sql, "defines")) + "\n```",
        f"Returns {header.returns}.",
        f"**Nulls**: {header.nulls}.",
        f"**Source**: {header.source}.",
    ]
    if header.params:
        parts += [
            "## Parameters",
            "\n".join(
                f"- `{each.name}` ({each.type}, {each.default:g}, in {each.range}): {each.meaning}"
                for each in header.params
            ),
        ]
    parts += ["## How it is judged", *_judged(metric), "## In driftline.yml"]
    text = example(metric)
    if metric.scope == "importance":
        parts.append("Nothing to write: every `feature_attribution_drift` has its rows.")
    elif text is None:
        parts.append("Nothing to write: every run looks for it, and has a row where it finds one.")
    else:
        parts.append(f"```yaml\n{text}```")
    parts += ["## SQL", *_sql(metric)]
    if cases := sorted((ROOT / "fixtures" / metric.name).glob("*/why.md")):
        parts += [
            "## Worked by hand",
            "\n".join(
                f"- [{case.parent.name.replace('_', ' ')}]"
                f"(../../{case.relative_to(ROOT).as_posix()})"
                for case in cases
            ),
        ]
    return GENERATED + "\n\n".join(parts) + "\n"


GENERATED: Final = (
    "<!-- Generated by `make docs` from the catalogue and the SQL file: edit those. -->\n\n"
)


def _facts(metric: Metric) -> dict[str, str]:
    """What the catalogue says of a metric."""
    signals = signal_types_of(metric.name)
    unasked = [
        signal
        for signal in signals
        if any(metric.name in names for names in DEFAULT_METRICS.get(signal, {}).values())
    ]
    return {
        "short names": ", ".join(f"`{name}`" for name in metric.short),
        "of": _of(metric),
        "signals": ", ".join(f"`{signal}`" for signal in signals),
        "measured unasked": _unasked(metric, unasked),
        "range": _range(metric),
        "unit": metric.unit,
        "worse": f"{metric.worse} values",
        "default threshold": _default(metric),
        "needs": f"`{metric.asks}`" if metric.asks else "",
    }


def _unasked(metric: Metric, signals: list[str]) -> str:
    if metric.scope == "schema" or metric.name == "row_count":
        return "yes, in every run"
    if metric.scope == "importance":
        return "yes, by `feature_attribution_drift`"
    if metric.scope == "labels":
        return "yes, by `model_performance` with a metric that needs labels"
    if metric.task and metric.name in DEFAULT_METRICS[metric.task]["__all__"]:
        return f"yes, by `model_performance` of {metric.task}"
    return f"yes, by {' and '.join(f'`{signal}`' for signal in signals)}" if signals else "no"


def _of(metric: Metric) -> str:
    return {
        "columns": "every column, those left out of drift too",
        "dataset": "the window as a whole",
        "schema": "columns that come, go or change",
        "attribution": "all features together",
        "importance": "each feature with an importance",
        "performance": "the model as a whole",
        "class": "each class",
        "labels": "the labels of the window",
    }.get(metric.scope, f"{' and '.join(metric.types)} features")


def _range(metric: Metric) -> str:
    low = f"[{metric.low:g}" if metric.low > -math.inf else "(-∞"
    return f"{low}, {metric.high:g}]" if metric.high < math.inf else f"{low}, ∞)"


def _default(metric: Metric) -> str:
    if metric.finding is not None:
        return f"none: a finding is `{metric.finding}`"
    if metric.default_text is None:
        return "none: measured, not judged"
    if metric.bare == "increase":
        return f"+{metric.default_text} over the reference's own rate"
    return metric.default_text


def _judged(metric: Metric) -> Iterator[str]:
    """How a value becomes a status, in paragraphs."""
    if metric.finding is not None:
        yield f"Its rows have the status `{metric.finding}`; there is no threshold."
        return
    bare = {
        "max": "is the most that is fine (`max`)",
        "min": "is the least that is fine (`min`)",
        "increase": "is the increase over the reference's own value that is fine (`increase`)",
        "decrease": "is the decrease from the reference's own value that is fine (`decrease`)",
    }[metric.bare]
    yield f"A bare number {bare}. [judging.md](../judging.md) has the whole grammar."
    kind = evidence_of(metric)
    if kind is None:
        yield (
            "No probability is defined for it: a value beyond the threshold is a breach, whatever"
            " `alert_when` says."
        )
    else:
        probability, interval = EVIDENCE[kind]
        yield f"- `p_value`: {probability}\n- `ci_low`, `ci_high`: {interval}"
        yield (
            "`q_value` adjusts the probability for the features beside it (Benjamini-Hochberg)."
            + (
                " It is what is compared with the threshold."
                if metric.test
                else " A value beyond the threshold is a breach when `q_value <= 0.05`, else"
                " `inconclusive`."
            )
        )
    if metric.scope in ("dataset", "attribution", "importance", "labels"):
        yield "`min_rows` is not asked of it."
    else:
        counted = "all rows" if metric.family == "quality" else "rows with a value"
        yield f"With fewer than `min_rows` {counted} on a side its status is `insufficient_data`."


def _sql(metric: Metric) -> Iterator[str]:
    """The statement with its default parameters, and whose definitions replace it."""
    body = metric_sql(metric).splitlines()
    while body and (body[0].startswith("--") or not body[0]):
        body.pop(0)
    path = f"sql/metrics/{metric.family}/{metric.name}.sql"
    reads = ", ".join(map(_relation, metric.header.reads))
    yield f"[{path}](../../{path}), in DuckDB's dialect over {reads}; also `driftline metrics {metric.name}`."
    yield "```sql\n" + "\n".join(body) + "\n```"
    other = files("driftline") / "sql" / "metrics" / "azure" / f"{metric.name}.sql"
    if other.is_file():
        yield "Under `conventions: azure`:"
        yield "```sql\n" + other.read_text("utf-8").strip("\n") + "\n```"


def _relation(name: str) -> str:
    for folder in ("statistics", "relations"):
        path = f"sql/{folder}/{name}.sql"
        if (ROOT / path).exists():
            return f"[{name}](../../{path})"
    return f"`{name}`"


def _index() -> str:
    rows = ["| metric | short | what it is | of | worse | default |", "|---|---|---|---|---|---|"]
    for metric in METRICS.values():
        short = ", ".join(f"`{name}`" for name in metric.short)
        cells = (
            f"[`{metric.name}`]({metric.name}.md)",
            short,
            metric.header.title,
            _of(metric),
            metric.worse,
            _default(metric).removeprefix("none: "),
        )
        rows.append(f"| {' | '.join(cells)} |")
    return (
        GENERATED
        + "# Metrics\n\nA page each: definition, defaults, how it is judged, its SQL, how to ask for it."
        " [judging.md](../judging.md) says what thresholds and evidence mean together.\n\n"
        + "\n".join(rows)
        + "\n"
    )


def _table(facts: Mapping[str, str]) -> str:
    return "| | |\n|---|---|\n" + "\n".join(f"| {k} | {v} |" for k, v in facts.items() if v)


def _written(sql: str, key: str) -> Iterator[str]:
    """The lines of one key of a header as they stand in the file."""
    inside = False
    for line in sql.splitlines():
        found = re.match(r"-- ([a-z]+) +(\S.*)$", line)
        if found is not None and found[1] in KEYS:
            inside = found[1] == key
            if inside:
                yield found[2]
        elif not line.startswith("--  "):
            inside = False
        elif inside:
            yield line.removeprefix("--").strip()


def main() -> None:
    """Write every page, and remove those of metrics that are gone."""
    FOLDER.mkdir(exist_ok=True)
    wanted = pages()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, "utf-8")
    for path in FOLDER.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    print(f"{len(wanted)} pages in {FOLDER.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
