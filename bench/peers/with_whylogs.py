"""whylogs: a sketch of every column of both tables, and drift scores from the sketches."""

import json
import sys
import warnings

import pandas as pd
import pyarrow.parquet as pq

warnings.filterwarnings("ignore")
import whylogs  # noqa: E402
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores  # noqa: E402

names = pq.read_schema(sys.argv[1]).names[1:]
reference, production = (
    whylogs.log(pandas=pd.read_parquet(path, columns=names)).profile().view()
    for path in sys.argv[1:3]
)
scores = calculate_drift_scores(
    target_view=production, reference_view=reference, with_thresholds=True
)
print(json.dumps({"numbers": sum(score is not None for score in scores.values())}))
