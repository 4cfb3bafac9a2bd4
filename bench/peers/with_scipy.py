"""SciPy over pandas, a column at a time: what a careful person writes, with Driftline's definitions.

Of numbers the Wasserstein distance over the reference's deviation, the Kolmogorov-Smirnov distance,
the population stability index and the Jensen-Shannon distance over the reference's deciles, moments
and extremes; of texts the two last over their values, and the chi-squared test; of both null rates.
Prints the two distances that do not depend on bins, to be compared.
"""

import json
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, ks_2samp, wasserstein_distance


def binned(n, m):
    """Population stability index and Jensen-Shannon distance of counts."""
    held = n + m > 0
    n, m = n[held], m[held]
    p, q = (n + 0.5) / (n + 0.5).sum(), (m + 0.5) / (m + 0.5).sum()
    return [np.sum((q - p) * np.log(q / p)), jensenshannon(n, m, base=2)]


def numbers(x, y):
    """What is computed of two sides of a column of numbers."""
    deviation = x.std(ddof=1) or 0.001 * abs(x[0])
    edges = np.unique(np.quantile(x, np.linspace(0.1, 0.9, 9), method="inverted_cdf"))
    counts = [
        np.bincount(np.searchsorted(edges, side, "right"), minlength=len(edges) + 1)
        for side in (x, y)
    ]
    exact = {
        "normalized_wasserstein_distance": wasserstein_distance(x, y) / deviation,
        "kolmogorov_smirnov_distance": ks_2samp(x, y, method="asymp").statistic,
    }
    moments = [each() for side in (x, y) for each in (side.mean, side.std, side.min, side.max)]
    return exact, [*binned(*counts), *moments]


def texts(x, y):
    """What is computed of two sides of a column of texts."""
    counts = pd.concat([x.value_counts(), y.value_counts()], axis=1).fillna(0).to_numpy().T
    return [*binned(*counts), chi2_contingency(counts).pvalue]


found, count = {}, 0
for field in pq.read_schema(sys.argv[1]).remove(0):
    sides = [pd.read_parquet(path, columns=[field.name])[field.name] for path in sys.argv[1:3]]
    rates = [side.isna().mean() for side in sides]
    x, y = (side.dropna() for side in sides)
    if field.type == "string":
        others = texts(x, y)
    else:
        found[field.name], others = numbers(x.to_numpy(np.float64), y.to_numpy(np.float64))
        count += len(found[field.name])
    count += len(others) + len(rates)
print(json.dumps({"numbers": count, "exact": found}))
