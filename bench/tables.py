"""Tables to measure on: reference.parquet and production.parquet of any rows and columns.

    python bench/tables.py FOLDER --rows 1000000
    python bench/tables.py FOLDER --rows 100000 --columns 2000
    python bench/tables.py FOLDER --rows 1000000 --columns 10 --categories 100000

Of fifty features thirty are numbers and twenty are texts whose values follow Zipf's law; some hold
nulls, and a third have moved in production. Wider tables take the fifty again, drawn anew; narrower
ones the first of them. Rows lie in the order of `ts`, a year on each side.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet

SEED: Final = 20_260_101
ROW_GROUP: Final = 122_880
AT_ONCE: Final = 50_000_000  # values that lie in memory
YEAR: Final = 365 * 86_400 * 1_000_000  # microseconds
STARTS: Final = {"reference": "2024-01-01", "production": "2025-01-01"}
NULLS: Final = (0, 0, 0.01, 0, 0.05, 0, 0.3, 0, 0.1, 0)
ZIPF: Final = 1.1
FLATTER: Final = 0.95  # the exponent in production where a text has moved

Random = np.random.Generator
Drawn = np.ndarray[Any, Any]

SHAPES: Final[Mapping[str, Callable[..., Drawn]]] = {
    "normal": lambda rng, n, mean, deviation: rng.normal(mean, deviation, n),
    "tenths": lambda rng, n, mean, deviation: rng.normal(mean, deviation, n).round(1),
    "lognormal": lambda rng, n, mean, deviation: rng.lognormal(mean, deviation, n),
    "amount": lambda rng, n, mean, deviation: rng.lognormal(mean, deviation, n).round(2),
    "student": lambda rng, n, degrees, scale: rng.standard_t(degrees, n) * scale,
    "pareto": lambda rng, n, index, least: (rng.pareto(index, n) + 1) * least,
    "uniform": lambda rng, n, low, high: rng.uniform(low, high, n),
    "exponential": lambda rng, n, scale: rng.exponential(scale, n),
    "poisson": lambda rng, n, mean: rng.poisson(mean, n),
    "waiting": lambda rng, n, count, share: rng.negative_binomial(count, share, n),
    "flag": lambda rng, n, share: (rng.random(n) < share).astype(np.int32),
    "rating": lambda rng, n, low, high: rng.integers(low, high + 1, n),
    "constant": lambda _, n, value: np.full(n, value),
    "two_humps": lambda rng, n, share, apart: rng.normal(apart * (rng.random(n) < share), 1),
    "mostly_zero": lambda rng, n, share, mean: np.where(
        rng.random(n) < share, 0, rng.lognormal(mean, 1, n).round(2)
    ),
}
# integers with so few values that they would be taken for categories
FEW_VALUES: Final = ("poisson", "flag", "rating")


@dataclass(frozen=True)
class Feature:
    """A column: numbers of some shape, or texts.

    Attributes:
        name: Its place and shape.
        type: As stored.
        reference: Parameters of the shape; of texts the number of values and Zipf's exponent.
        production: The same, moved or not.
        nulls: Share of rows without a value.
    """

    name: str
    type: pa.DataType
    reference: tuple[float, ...]
    production: tuple[float, ...]
    nulls: float = 0

    @property
    def shape(self) -> str:
        """Its shape; `text` for texts."""
        return self.name.split("_", 1)[1]

    def draw(self, rng: Random, rows: int, side: str) -> pa.Array:
        """So many values of a side."""
        law = self.production if side == "production" else self.reference
        absent = rng.random(rows) < self.nulls if self.nulls else None
        if self.shape != "text":
            return pa.array(SHAPES[self.shape](rng, rows, *law), mask=absent).cast(self.type)
        size, exponent = int(law[0]), law[1]
        shares = np.cumsum(1 / np.arange(1, size + 1) ** exponent)
        picked = np.searchsorted(shares / shares[-1], rng.random(rows)).clip(max=size - 1)
        texts = pa.array([f"value {number:05d}{'.' * (number % 9)}" for number in range(size)])
        codes = pa.array(picked.astype(np.int32), mask=absent)
        return pa.DictionaryArray.from_arrays(codes, texts).cast(self.type)


# shape, parameters, and those in production where they moved; three of each five columns
NUMBERS: Final[tuple[tuple[Any, ...], ...]] = (
    ("normal", (0, 1)),
    ("lognormal", (3, 1), (3.2, 1)),
    ("amount", (4, 1.5)),
    ("exponential", (2,)),
    ("tenths", (80, 15), (83, 15)),
    ("poisson", (3,)),
    ("normal", (50, 10), (50, 12)),
    ("waiting", (2, 0.02)),
    ("flag", (0.2,)),
    ("student", (2, 1)),
    ("uniform", (-5, 5), (-4.5, 5.5)),
    ("lognormal", (0, 2.5)),
    ("two_humps", (0.5, 6), (0.4, 6)),
    ("constant", (3.5,)),
    ("rating", (1, 5)),
    ("pareto", (1.5, 10)),
    ("poisson", (3,), (3.3,)),
    ("mostly_zero", (0.6, 3)),
    ("normal", (1e6, 2e5)),
    ("amount", (4, 1.5), (4, 1.7)),
    ("waiting", (1, 0.001)),
    ("normal", (0, 1), (0.1, 1)),
    ("tenths", (170, 9)),
    ("flag", (0.2,), (0.26,)),
    ("student", (2, 1), (2, 1.3)),
    ("uniform", (0, 1)),
    ("rating", (1, 12), (3, 12)),
    ("waiting", (2, 0.02), (2, 0.017)),
    ("constant", (1,)),
    ("lognormal", (3, 1)),
)
# how many values the texts have; every third has moved
TEXTS: Final = (
    2, 100, 3, 1_000, 5, 20, 4, 300, 10, 2_000, 7, 50, 12, 500, 30, 5_000, 75, 200, 3_000, 10_000,
)  # fmt: skip
WHOLE: Final = {
    "poisson": pa.int32(),
    "waiting": pa.int64(),
    "flag": pa.int32(),
    "rating": pa.int32(),
}
CYCLE: Final = len(NUMBERS) + len(TEXTS)


def features(columns: int = CYCLE, categories: int | None = None) -> Iterator[Feature]:
    """The features of a table.

    Args:
        columns: How many.
        categories: How many values every text has; None: as `TEXTS` says.
    """
    for place in range(columns):
        fives, rest = divmod(place % CYCLE, 5)
        nulls = NULLS[place % len(NULLS)]
        if rest < 3:
            shape, law, *moved = NUMBERS[3 * fives + rest]
            kind = WHOLE.get(shape, pa.float64())
            yield Feature(f"f{place:04d}_{shape}", kind, law, (*moved, law)[0], nulls)
        else:
            number = 2 * fives + rest - 3
            size = categories or TEXTS[number]
            exponent = FLATTER if number % 3 == 1 else ZIPF
            text = Feature(f"f{place:04d}_text", pa.string(), (size, ZIPF), (size, exponent))
            yield replace(text, nulls=nulls)


def write(path: Path, side: str, rows: int, wanted: list[Feature]) -> None:
    """Write a side of a table, a few row groups at a time."""
    schema = pa.schema([("ts", pa.timestamp("us")), *((each.name, each.type) for each in wanted)])
    at_once = min(4 * ROW_GROUP, AT_ONCE // len(wanted))
    start = np.datetime64(STARTS[side], "us")
    with pyarrow.parquet.ParquetWriter(path, schema, compression="snappy") as file:
        for first in range(0, rows, at_once):
            rng = np.random.default_rng((SEED, side == "production", first))
            places = np.arange(first, min(first + at_once, rows))
            times = start + (places * (YEAR / rows)).astype("timedelta64[us]")
            columns = [pa.array(times), *(each.draw(rng, len(places), side) for each in wanted)]
            file.write_table(pa.table(columns, schema=schema), row_group_size=ROW_GROUP)


def main() -> None:
    """Write both sides."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of each side")
    parser.add_argument("--columns", type=int, default=CYCLE, help="features of each side")
    parser.add_argument("--categories", type=int, help="values of every text")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    for side in STARTS:
        path = given.folder / f"{side}.parquet"
        # a run that is cut short leaves no half file under the name
        unfinished = path.with_suffix(".part")
        write(unfinished, side, given.rows, list(features(given.columns, given.categories)))
        unfinished.replace(path)


if __name__ == "__main__":
    main()
