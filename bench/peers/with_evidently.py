"""Evidently's preset for data drift: the test or distance it picks for each column by itself."""

import json
import sys

import pandas as pd
import pyarrow.parquet as pq
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

schema = pq.read_schema(sys.argv[1]).remove(0)
texts = [field.name for field in schema if field.type == "string"]
definition = DataDefinition(
    numerical_columns=[name for name in schema.names if name not in texts],
    categorical_columns=texts,
)
reference, production = (
    Dataset.from_pandas(pd.read_parquet(path, columns=schema.names), data_definition=definition)
    for path in sys.argv[1:3]
)
report = Report([DataDriftPreset()]).run(reference_data=reference, current_data=production)
print(json.dumps({"numbers": len(report.dict()["metrics"])}))
