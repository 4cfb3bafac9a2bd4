"""NannyML's univariate drift: the Jensen-Shannon distance of every column, in one chunk."""

import json
import sys
import warnings

import pandas as pd
import pyarrow.parquet as pq

# it still calls what newer releases of pandas and scikit-learn have renamed
warnings.filterwarnings("ignore")
import nannyml  # noqa: E402

schema = pq.read_schema(sys.argv[1]).remove(0)
texts = [field.name for field in schema if field.type == "string"]
reference, production = (pd.read_parquet(path, columns=schema.names) for path in sys.argv[1:3])
calculator = nannyml.UnivariateDriftCalculator(
    column_names=schema.names,
    treat_as_numerical=[name for name in schema.names if name not in texts],
    treat_as_categorical=texts,
    continuous_methods=["jensen_shannon"],
    categorical_methods=["jensen_shannon"],
    chunk_number=1,
)
found = calculator.fit(reference).calculate(production).filter(period="analysis").to_df()
print(json.dumps({"numbers": sum(last == "value" for *_, last in found.columns)}))
