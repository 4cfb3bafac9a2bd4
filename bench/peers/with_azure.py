"""The method of Azure ML's data-drift component on a local Spark, with the SDK's default metrics.

Written anew from its published source: rows with a null in any column are dropped, integers are
collected to tell numbers from categories, both sides of each number are collected for SciPy's
Wasserstein distance, each category is counted side by side for the Jensen-Shannon distance. Eight
Spark sessions of the service are one here, and its charts, profiles and quality checks are left out.
"""

import json
import sys

from pyspark.sql import SparkSession, functions
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

WHOLE = ("int", "bigint")
DISTINCT = 0.05  # integers with a smaller share of distinct values are categories


def collected(frame, name):
    """All values of a column."""
    return [row[0] for row in frame.select(name).collect()]


def is_category(frame, name, kind):
    """What the type of a column, and for integers its values, make of it."""
    if kind not in WHOLE:
        return kind == "string"
    values = collected(frame, name)
    return len(set(values)) / len(values) < DISTINCT


def wasserstein(reference, production, name):
    """The distance of two columns, over the deviation of the reference's."""
    deviation = reference.select(functions.stddev(name)).first()[0] or 0.001
    distance = wasserstein_distance(collected(reference, name), collected(production, name))
    return distance / max(deviation, 0.001)


def jensen_shannon(reference, production, name):
    """The distance of the shares of two columns' values."""
    n, m = (
        {row[0]: row[1] for row in frame.groupBy(name).count().collect()}
        for frame in (reference, production)
    )
    values = sorted(n.keys() | m.keys())
    return jensenshannon([n.get(v, 0) for v in values], [m.get(v, 0) for v in values], base=2)


session = (
    SparkSession.builder.master("local[*]")
    .config("spark.driver.memory", "12g")
    .config("spark.driver.maxResultSize", "0")
    .config("spark.ui.enabled", "false")
    .getOrCreate()
)
session.sparkContext.setLogLevel("ERROR")
reference, production = (session.read.parquet(path).drop("ts").dropna() for path in sys.argv[1:3])
rows = [frame.count() for frame in (reference, production)]
found = {}
for name, kind in reference.dtypes:
    distance = jensen_shannon if is_category(reference, name, kind) else wasserstein
    found[name] = distance(reference, production, name)
print(json.dumps({"numbers": len(found), "rows": rows}))
session.stop()
