-- Result tables of Driftline (version), schema 1, for duckdb.
-- This engine has no grants: who can reach the tables can read them.

CREATE TABLE IF NOT EXISTS monitors (
  monitor TEXT NOT NULL,
  model TEXT,
  model_version TEXT,
  task TEXT,
  owner TEXT,
  tags TEXT,
  description TEXT,
  schedule TEXT,
  config_hash TEXT,
  config_yaml TEXT,
  first_seen_at TIMESTAMP,
  last_seen_at TIMESTAMP
);

COMMENT ON TABLE monitors IS 'One row per monitor, as its last run saw it';

COMMENT ON COLUMN monitors.monitor IS 'Name of the monitor in the project file';

COMMENT ON COLUMN monitors.model IS 'Name of the model it watches';

COMMENT ON COLUMN monitors.model_version IS 'Version of that model';

COMMENT ON COLUMN monitors.task IS 'Kind of model: classification or regression';

COMMENT ON COLUMN monitors.owner IS 'Who answers for the model';

COMMENT ON COLUMN monitors.tags IS 'Tags, separated by commas';

COMMENT ON COLUMN monitors.description IS 'What the model does';

COMMENT ON COLUMN monitors.schedule IS 'When runs are due: a cron line or an ISO 8601 duration';

COMMENT ON COLUMN monitors.config_hash IS 'Hash of the resolved configuration of the last run';

COMMENT ON COLUMN monitors.config_yaml IS 'That configuration as YAML, secrets masked';

COMMENT ON COLUMN monitors.first_seen_at IS 'Time of the first run, UTC';

COMMENT ON COLUMN monitors.last_seen_at IS 'Time of the last run, UTC';

CREATE TABLE IF NOT EXISTS runs (
  run_id TEXT NOT NULL,
  invocation_id TEXT,
  monitor TEXT NOT NULL,
  model TEXT,
  model_version TEXT,
  target TEXT,
  dialect TEXT,
  requested_at TIMESTAMP,
  started_at TIMESTAMP,
  finished_at TIMESTAMP,
  status TEXT NOT NULL,
  window_count BIGINT,
  metric_count BIGINT,
  breach_count BIGINT,
  statement_count BIGINT,
  scanned_rows BIGINT,
  seconds DOUBLE,
  driftline_version TEXT,
  config_hash TEXT,
  measure_hash TEXT,
  error TEXT
);

COMMENT ON TABLE runs IS 'One row per monitor and run, failed ones too; rows are only added';

COMMENT ON COLUMN runs.run_id IS 'Identifies one run of one monitor';

COMMENT ON COLUMN runs.invocation_id IS 'Shared by the monitors of one command';

COMMENT ON COLUMN runs.monitor IS 'Name of the monitor';

COMMENT ON COLUMN runs.model IS 'Name of the model';

COMMENT ON COLUMN runs.model_version IS 'Version of the model';

COMMENT ON COLUMN runs.target IS 'Target (named connection) in use; null without targets';

COMMENT ON COLUMN runs.dialect IS 'SQL dialect of the statements sent';

COMMENT ON COLUMN runs.requested_at IS 'The time the windows were computed for, UTC';

COMMENT ON COLUMN runs.started_at IS 'When the run began, UTC';

COMMENT ON COLUMN runs.finished_at IS 'When the run ended, UTC';

COMMENT ON COLUMN runs.status IS 'succeeded, partial (some rows are errors) or failed (no metrics)';

COMMENT ON COLUMN runs.window_count IS 'Windows computed';

COMMENT ON COLUMN runs.metric_count IS 'Rows written to metrics';

COMMENT ON COLUMN runs.breach_count IS 'Of these, rows with status breached';

COMMENT ON COLUMN runs.statement_count IS 'SQL statements sent';

COMMENT ON COLUMN runs.scanned_rows IS 'Rows of production and reference read';

COMMENT ON COLUMN runs.seconds IS 'Wall time of the run, seconds';

COMMENT ON COLUMN runs.driftline_version IS 'Version of Driftline that ran';

COMMENT ON COLUMN runs.config_hash IS 'Hash of the resolved configuration';

COMMENT ON COLUMN runs.measure_hash IS 'Hash of the settings that decide the numbers; equal hashes can be compared';

COMMENT ON COLUMN runs.error IS 'Why the run failed; null otherwise';

CREATE TABLE IF NOT EXISTS metrics (
  metric_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  monitor TEXT NOT NULL,
  model TEXT,
  model_version TEXT,
  signal TEXT NOT NULL,
  signal_type TEXT,
  metric TEXT NOT NULL,
  feature TEXT NOT NULL,
  feature_type TEXT,
  segment TEXT NOT NULL,
  window_start TIMESTAMP NOT NULL,
  window_end TIMESTAMP NOT NULL,
  window_date DATE,
  reference TEXT NOT NULL,
  reference_id TEXT,
  reference_start TIMESTAMP,
  reference_end TIMESTAMP,
  value DOUBLE,
  value_low DOUBLE,
  value_high DOUBLE,
  statistic DOUBLE,
  effect DOUBLE,
  p_value DOUBLE,
  q_value DOUBLE,
  ci_low DOUBLE,
  ci_high DOUBLE,
  reference_value DOUBLE,
  threshold DOUBLE,
  threshold_kind TEXT,
  direction TEXT,
  breached BOOLEAN NOT NULL,
  status TEXT NOT NULL,
  severity TEXT,
  score DOUBLE,
  reason TEXT,
  summary TEXT,
  n_reference BIGINT,
  n_production BIGINT,
  bins BIGINT,
  importance DOUBLE,
  importance_rank BIGINT,
  computed_at TIMESTAMP
);

COMMENT ON TABLE metrics IS 'One row per monitor, signal, window, reference, segment, feature and metric, judged';

COMMENT ON COLUMN metrics.metric_id IS 'First 32 hex digits of the SHA-256 of the key columns';

COMMENT ON COLUMN metrics.run_id IS 'Run that wrote the row';

COMMENT ON COLUMN metrics.monitor IS 'Name of the monitor';

COMMENT ON COLUMN metrics.model IS 'Name of the model';

COMMENT ON COLUMN metrics.model_version IS 'Version of the model';

COMMENT ON COLUMN metrics.signal IS 'Signal the metric belongs to';

COMMENT ON COLUMN metrics.signal_type IS 'Type of the signal, such as data_drift or data_quality';

COMMENT ON COLUMN metrics.metric IS 'Name of the metric, described in metric_definitions';

COMMENT ON COLUMN metrics.feature IS 'Watched column (or class, or join name); __all__ is the whole dataset';

COMMENT ON COLUMN metrics.feature_type IS 'numerical or categorical; null for dataset rows';

COMMENT ON COLUMN metrics.segment IS 'Part of the population, such as origin=JFK; __all__ is everyone';

COMMENT ON COLUMN metrics.window_start IS 'Start of the production window, UTC, inclusive';

COMMENT ON COLUMN metrics.window_end IS 'End of the production window, UTC, exclusive';

COMMENT ON COLUMN metrics.window_date IS 'UTC date of the last microsecond of the window';

COMMENT ON COLUMN metrics.reference IS 'Name of the reference compared with; __all__ is none';

COMMENT ON COLUMN metrics.reference_id IS 'Hash of the definition of the reference, frozen bins included';

COMMENT ON COLUMN metrics.reference_start IS 'Start of the reference window, UTC, inclusive; null when open';

COMMENT ON COLUMN metrics.reference_end IS 'End of the reference window, UTC, exclusive; null when open';

COMMENT ON COLUMN metrics.value IS 'What is compared with threshold; null when it could not be computed';

COMMENT ON COLUMN metrics.value_low IS 'Certified lower bound of value; equal to it when exact';

COMMENT ON COLUMN metrics.value_high IS 'Certified upper bound of value; equal to it when exact';

COMMENT ON COLUMN metrics.statistic IS 'The measure behind a p-value: D, chi-squared, a distance';

COMMENT ON COLUMN metrics.effect IS 'Size of the change whatever the row count: D, Cramer V, or the distance';

COMMENT ON COLUMN metrics.p_value IS 'Probability of a change this large without drift, in [0, 1]';

COMMENT ON COLUMN metrics.q_value IS 'p_value corrected for the number of features tested, in [0, 1]';

COMMENT ON COLUMN metrics.ci_low IS 'Lower end of the 95 % interval of the population value';

COMMENT ON COLUMN metrics.ci_high IS 'Upper end of the 95 % interval of the population value';

COMMENT ON COLUMN metrics.reference_value IS 'The same measure on the reference, where it has one';

COMMENT ON COLUMN metrics.threshold IS 'The bound value must not pass; null when nothing is judged';

COMMENT ON COLUMN metrics.threshold_kind IS 'How the threshold was written: max, min, increase or decrease';

COMMENT ON COLUMN metrics.direction IS 'Which values are worse: higher or lower';

COMMENT ON COLUMN metrics.breached IS 'Whether value is strictly beyond threshold; false where either is null';

COMMENT ON COLUMN metrics.status IS 'ok, warning, breached, inconclusive, insufficient_data, not_computable or error';

COMMENT ON COLUMN metrics.severity IS 'warning, high (breached) or critical (no rows, or score at least 3); else null';

COMMENT ON COLUMN metrics.score IS 'Distance towards the threshold in [0, 10]; 1 is at the threshold';

COMMENT ON COLUMN metrics.reason IS 'Why the status is what it is, or what was left out';

COMMENT ON COLUMN metrics.summary IS 'One sentence on what changed';

COMMENT ON COLUMN metrics.n_reference IS 'Reference rows counted';

COMMENT ON COLUMN metrics.n_production IS 'Production rows counted';

COMMENT ON COLUMN metrics.bins IS 'Bins or categories the value was computed on';

COMMENT ON COLUMN metrics.importance IS 'Importance of the feature in the reference';

COMMENT ON COLUMN metrics.importance_rank IS 'Rank of that importance; 1 is the most important';

COMMENT ON COLUMN metrics.computed_at IS 'When the row was computed, UTC';

CREATE TABLE IF NOT EXISTS histograms (
  monitor TEXT NOT NULL,
  window_start TIMESTAMP NOT NULL,
  window_end TIMESTAMP NOT NULL,
  reference TEXT NOT NULL,
  reference_id TEXT NOT NULL,
  segment TEXT NOT NULL,
  feature TEXT NOT NULL,
  bin BIGINT NOT NULL,
  kind TEXT,
  label TEXT,
  lower_bound DOUBLE,
  upper_bound DOUBLE,
  n_reference BIGINT,
  n_production BIGINT,
  share_reference DOUBLE,
  share_production DOUBLE,
  psi_contribution DOUBLE,
  run_id TEXT NOT NULL
);

COMMENT ON TABLE histograms IS 'One row per monitor, window, reference, segment, feature and bin: both sides of a comparison';

COMMENT ON COLUMN histograms.monitor IS 'Name of the monitor';

COMMENT ON COLUMN histograms.window_start IS 'Start of the production window, UTC, inclusive';

COMMENT ON COLUMN histograms.window_end IS 'End of the production window, UTC, exclusive';

COMMENT ON COLUMN histograms.reference IS 'Name of the reference';

COMMENT ON COLUMN histograms.reference_id IS 'Hash of the definition of the reference, frozen bins included';

COMMENT ON COLUMN histograms.segment IS 'Part of the population; __all__ is everyone';

COMMENT ON COLUMN histograms.feature IS 'Watched column';

COMMENT ON COLUMN histograms.bin IS 'Position from 0: intervals and points ascending, categories by reference count';

COMMENT ON COLUMN histograms.kind IS 'interval, point (one exact value), category, other or new';

COMMENT ON COLUMN histograms.label IS 'The bin as a reader would write it';

COMMENT ON COLUMN histograms.lower_bound IS 'Lower bound of an interval, or the point; null when open or a category';

COMMENT ON COLUMN histograms.upper_bound IS 'Upper bound of an interval, or the point; null when open or a category';

COMMENT ON COLUMN histograms.n_reference IS 'Reference rows in the bin';

COMMENT ON COLUMN histograms.n_production IS 'Production rows in the bin';

COMMENT ON COLUMN histograms.share_reference IS 'n_reference over the reference rows of all bins, in [0, 1]';

COMMENT ON COLUMN histograms.share_production IS 'n_production over the production rows of all bins, in [0, 1]';

COMMENT ON COLUMN histograms.psi_contribution IS 'Part the bin adds to population_stability_index, at least 0';

COMMENT ON COLUMN histograms.run_id IS 'Run that wrote the row';

CREATE TABLE IF NOT EXISTS profiles (
  monitor TEXT NOT NULL,
  side TEXT NOT NULL,
  reference TEXT NOT NULL,
  reference_id TEXT NOT NULL,
  window_start TIMESTAMP NOT NULL,
  window_end TIMESTAMP NOT NULL,
  segment TEXT NOT NULL,
  feature TEXT NOT NULL,
  data_type TEXT,
  row_count BIGINT,
  null_count BIGINT,
  nan_count BIGINT,
  infinite_count BIGINT,
  type_error_count BIGINT,
  below_count BIGINT,
  above_count BIGINT,
  unseen_count BIGINT,
  distinct_count BIGINT,
  minimum DOUBLE,
  maximum DOUBLE,
  mean DOUBLE,
  stddev DOUBLE,
  p05 DOUBLE,
  p25 DOUBLE,
  p50 DOUBLE,
  p75 DOUBLE,
  p95 DOUBLE,
  run_id TEXT NOT NULL
);

COMMENT ON TABLE profiles IS 'One row per monitor, window, side, segment and column: counts, range, moments and percentiles';

COMMENT ON COLUMN profiles.monitor IS 'Name of the monitor';

COMMENT ON COLUMN profiles.side IS 'reference or production';

COMMENT ON COLUMN profiles.reference IS 'Name of the reference; __all__ for production';

COMMENT ON COLUMN profiles.reference_id IS 'Hash of the definition of the reference; __all__ for production';

COMMENT ON COLUMN profiles.window_start IS 'Start of the production window, UTC, inclusive';

COMMENT ON COLUMN profiles.window_end IS 'End of the production window, UTC, exclusive';

COMMENT ON COLUMN profiles.segment IS 'Part of the population; __all__ is everyone';

COMMENT ON COLUMN profiles.feature IS 'Watched column';

COMMENT ON COLUMN profiles.data_type IS 'Type of the column in its source';

COMMENT ON COLUMN profiles.row_count IS 'Rows of the side';

COMMENT ON COLUMN profiles.null_count IS 'Rows that are SQL null';

COMMENT ON COLUMN profiles.nan_count IS 'Rows that are not a number (NaN)';

COMMENT ON COLUMN profiles.infinite_count IS 'Rows that are plus or minus infinity';

COMMENT ON COLUMN profiles.type_error_count IS 'Non-null rows that do not cast to the type of the reference';

COMMENT ON COLUMN profiles.below_count IS 'Rows below the lower bound';

COMMENT ON COLUMN profiles.above_count IS 'Rows above the upper bound';

COMMENT ON COLUMN profiles.unseen_count IS 'Rows with a category never seen in the reference';

COMMENT ON COLUMN profiles.distinct_count IS 'Distinct values';

COMMENT ON COLUMN profiles.minimum IS 'Smallest finite number';

COMMENT ON COLUMN profiles.maximum IS 'Largest finite number';

COMMENT ON COLUMN profiles.mean IS 'Mean of the finite numbers';

COMMENT ON COLUMN profiles.stddev IS 'Sample standard deviation of the finite numbers';

COMMENT ON COLUMN profiles.p05 IS '5th percentile of the finite numbers';

COMMENT ON COLUMN profiles.p25 IS '25th percentile of the finite numbers';

COMMENT ON COLUMN profiles.p50 IS 'Median of the finite numbers';

COMMENT ON COLUMN profiles.p75 IS '75th percentile of the finite numbers';

COMMENT ON COLUMN profiles.p95 IS '95th percentile of the finite numbers';

COMMENT ON COLUMN profiles.run_id IS 'Run that wrote the row';

CREATE TABLE IF NOT EXISTS features (
  monitor TEXT NOT NULL,
  feature TEXT NOT NULL,
  role TEXT,
  feature_type TEXT,
  reference_type TEXT,
  production_type TEXT,
  included BOOLEAN,
  reason TEXT,
  importance DOUBLE,
  importance_rank BIGINT,
  window_end TIMESTAMP,
  run_id TEXT NOT NULL
);

COMMENT ON TABLE features IS 'One row per monitor and column, as its newest window saw it';

COMMENT ON COLUMN features.monitor IS 'Name of the monitor';

COMMENT ON COLUMN features.feature IS 'Name of the column';

COMMENT ON COLUMN features.role IS 'feature, prediction, score, actual or excluded';

COMMENT ON COLUMN features.feature_type IS 'How it is treated: numerical or categorical; null when excluded';

COMMENT ON COLUMN features.reference_type IS 'Type of the column in the reference; null when it lacks the column';

COMMENT ON COLUMN features.production_type IS 'Type of the column in production; null when it lacks the column';

COMMENT ON COLUMN features.included IS 'Whether drift of the column is measured';

COMMENT ON COLUMN features.reason IS 'Why it is included, excluded or typed as it is';

COMMENT ON COLUMN features.importance IS 'Importance in the reference';

COMMENT ON COLUMN features.importance_rank IS 'Rank of that importance; 1 is the most important';

COMMENT ON COLUMN features.window_end IS 'End of the window the row describes, UTC, exclusive';

COMMENT ON COLUMN features.run_id IS 'Run that wrote the row';

CREATE TABLE IF NOT EXISTS alerts (
  alert_id TEXT NOT NULL,
  monitor TEXT NOT NULL,
  model TEXT,
  reference TEXT,
  signal TEXT,
  segment TEXT,
  feature TEXT,
  metric TEXT,
  severity TEXT,
  opened_at TIMESTAMP,
  last_seen_at TIMESTAMP,
  closed_at TIMESTAMP,
  window_count BIGINT,
  first_value DOUBLE,
  last_value DOUBLE,
  worst_value DOUBLE,
  threshold DOUBLE,
  message TEXT,
  acknowledged_at TIMESTAMP,
  acknowledged_by TEXT,
  run_id TEXT NOT NULL
);

COMMENT ON TABLE alerts IS 'One row per incident: a metric beyond its threshold from opening to closing';

COMMENT ON COLUMN alerts.alert_id IS 'Identifies the incident';

COMMENT ON COLUMN alerts.monitor IS 'Name of the monitor';

COMMENT ON COLUMN alerts.model IS 'Name of the model';

COMMENT ON COLUMN alerts.reference IS 'Name of the reference; __all__ is none';

COMMENT ON COLUMN alerts.signal IS 'Signal the metric belongs to';

COMMENT ON COLUMN alerts.segment IS 'Part of the population; __all__ is everyone';

COMMENT ON COLUMN alerts.feature IS 'Watched column; __all__ is the whole dataset';

COMMENT ON COLUMN alerts.metric IS 'Name of the metric';

COMMENT ON COLUMN alerts.severity IS 'warning, high or critical: the worst so far';

COMMENT ON COLUMN alerts.opened_at IS 'End of the first window beyond the threshold, UTC';

COMMENT ON COLUMN alerts.last_seen_at IS 'End of the last window beyond the threshold, UTC';

COMMENT ON COLUMN alerts.closed_at IS 'End of the window that closed it, UTC; null while open';

COMMENT ON COLUMN alerts.window_count IS 'Windows beyond the threshold so far';

COMMENT ON COLUMN alerts.first_value IS 'Value that opened it';

COMMENT ON COLUMN alerts.last_value IS 'Value of the last window';

COMMENT ON COLUMN alerts.worst_value IS 'Value furthest beyond the threshold';

COMMENT ON COLUMN alerts.threshold IS 'The bound the last value was compared with';

COMMENT ON COLUMN alerts.message IS 'What happened, in one sentence';

COMMENT ON COLUMN alerts.acknowledged_at IS 'When someone took it on, UTC; null until then';

COMMENT ON COLUMN alerts.acknowledged_by IS 'Who took it on';

COMMENT ON COLUMN alerts.run_id IS 'Run that last changed the row';

CREATE TABLE IF NOT EXISTS statements (
  run_id TEXT NOT NULL,
  step TEXT NOT NULL,
  sequence BIGINT NOT NULL,
  dialect TEXT,
  sql TEXT,
  rows_returned BIGINT,
  seconds DOUBLE,
  error TEXT
);

COMMENT ON TABLE statements IS 'One row per SQL statement a run sent; rows are only added';

COMMENT ON COLUMN statements.run_id IS 'Run that sent the statement';

COMMENT ON COLUMN statements.step IS 'What the statement was for';

COMMENT ON COLUMN statements.sequence IS 'Order within the run';

COMMENT ON COLUMN statements.dialect IS 'SQL dialect of the text';

COMMENT ON COLUMN statements.sql IS 'The whole text as sent, secrets masked';

COMMENT ON COLUMN statements.rows_returned IS 'Rows that came back';

COMMENT ON COLUMN statements.seconds IS 'Wall time of the statement, seconds';

COMMENT ON COLUMN statements.error IS 'The message of the engine when it failed; null otherwise';

CREATE TABLE IF NOT EXISTS metric_definitions (
  metric TEXT NOT NULL,
  title TEXT,
  definition TEXT,
  feature_types TEXT,
  range_low DOUBLE,
  range_high DOUBLE,
  direction TEXT,
  unit TEXT,
  default_threshold TEXT,
  source TEXT
);

COMMENT ON TABLE metric_definitions IS 'One row per metric: what the number means';

COMMENT ON COLUMN metric_definitions.metric IS 'Name of the metric';

COMMENT ON COLUMN metric_definitions.title IS 'The name in words';

COMMENT ON COLUMN metric_definitions.definition IS 'The formula, in words and letters';

COMMENT ON COLUMN metric_definitions.feature_types IS 'Feature types it is defined for, separated by commas; empty for dataset metrics';

COMMENT ON COLUMN metric_definitions.range_low IS 'Smallest possible value';

COMMENT ON COLUMN metric_definitions.range_high IS 'Largest possible value; null when there is none';

COMMENT ON COLUMN metric_definitions.direction IS 'Which values are worse: higher or lower';

COMMENT ON COLUMN metric_definitions.unit IS 'Unit of the value; empty for a pure number';

COMMENT ON COLUMN metric_definitions.default_threshold IS 'Where it alarms unless told otherwise; null when it only informs';

COMMENT ON COLUMN metric_definitions.source IS 'Where the definition comes from';

CREATE TABLE IF NOT EXISTS schema_version (
  version BIGINT NOT NULL,
  migrated_at TIMESTAMP,
  driftline_version TEXT
);

COMMENT ON TABLE schema_version IS 'The version of these tables, one row per migration; the highest is the present one';

COMMENT ON COLUMN schema_version.version IS 'Number of the schema, from 1';

COMMENT ON COLUMN schema_version.migrated_at IS 'When the tables reached it, UTC';

COMMENT ON COLUMN schema_version.driftline_version IS 'Version of Driftline that brought them there';

CREATE OR REPLACE VIEW latest_metrics AS
WITH monitor_windows AS (
  SELECT
    monitor,
    window_start,
    window_end,
    ROW_NUMBER() OVER (
      PARTITION BY monitor
      ORDER BY window_end DESC, MAX(computed_at) DESC, window_start DESC
    ) AS place
  FROM metrics
  GROUP BY
    monitor,
    window_start,
    window_end
), signal_windows AS (
  SELECT
    monitor,
    signal,
    joined,
    window_start,
    window_end,
    MAX(computed_at) AS last_at,
    ROW_NUMBER() OVER (
      PARTITION BY monitor, signal, joined
      ORDER BY window_end DESC, MAX(computed_at) DESC, window_start DESC
    ) AS place
  FROM (
    SELECT
      monitor,
      signal,
      CASE WHEN metric = 'match_rate' THEN feature ELSE '' END AS joined,
      window_start,
      window_end,
      computed_at
    FROM metrics
  ) AS keyed
  GROUP BY
    monitor,
    signal,
    joined,
    window_start,
    window_end
), newest_runs AS (
  SELECT DISTINCT
    metrics.monitor,
    metrics.run_id
  FROM metrics
  INNER JOIN monitor_windows
    ON monitor_windows.monitor = metrics.monitor
    AND monitor_windows.window_start = metrics.window_start
    AND monitor_windows.window_end = metrics.window_end
  WHERE
    monitor_windows.place = 1
), newest_times AS (
  SELECT
    metrics.monitor,
    MIN(metrics.computed_at) AS first_at
  FROM metrics
  INNER JOIN monitor_windows
    ON monitor_windows.monitor = metrics.monitor
    AND monitor_windows.window_start = metrics.window_start
    AND monitor_windows.window_end = metrics.window_end
  WHERE
    monitor_windows.place = 1
  GROUP BY
    metrics.monitor
)
SELECT
  metrics.metric_id,
  metrics.run_id,
  metrics.monitor,
  metrics.model,
  metrics.model_version,
  metrics.signal,
  metrics.signal_type,
  metrics.metric,
  metrics.feature,
  metrics.feature_type,
  metrics.segment,
  metrics.window_start,
  metrics.window_end,
  metrics.window_date,
  metrics.reference,
  metrics.reference_id,
  metrics.reference_start,
  metrics.reference_end,
  metrics.value,
  metrics.value_low,
  metrics.value_high,
  metrics.statistic,
  metrics.effect,
  metrics.p_value,
  metrics.q_value,
  metrics.ci_low,
  metrics.ci_high,
  metrics.reference_value,
  metrics.threshold,
  metrics.threshold_kind,
  metrics.direction,
  metrics.breached,
  metrics.status,
  metrics.severity,
  metrics.score,
  metrics.reason,
  metrics.summary,
  metrics.n_reference,
  metrics.n_production,
  metrics.bins,
  metrics.importance,
  metrics.importance_rank,
  metrics.computed_at
FROM metrics
INNER JOIN signal_windows
  ON signal_windows.monitor = metrics.monitor
  AND signal_windows.signal = metrics.signal
  AND signal_windows.joined = CASE WHEN metrics.metric = 'match_rate' THEN metrics.feature ELSE '' END
  AND signal_windows.window_start = metrics.window_start
  AND signal_windows.window_end = metrics.window_end
INNER JOIN monitor_windows
  ON monitor_windows.monitor = metrics.monitor
LEFT JOIN newest_runs
  ON newest_runs.monitor = metrics.monitor AND newest_runs.run_id = metrics.run_id
INNER JOIN newest_times
  ON newest_times.monitor = metrics.monitor
WHERE
  signal_windows.place = 1
  AND monitor_windows.place = 1
  AND (
    (
      metrics.window_start = monitor_windows.window_start
      AND metrics.window_end = monitor_windows.window_end
    )
    OR NOT newest_runs.run_id IS NULL
    OR signal_windows.last_at > newest_times.first_at
  );

COMMENT ON VIEW latest_metrics IS 'The rows of metrics that belong to each monitor''s newest window';

COMMENT ON COLUMN latest_metrics.metric_id IS 'First 32 hex digits of the SHA-256 of the key columns';

COMMENT ON COLUMN latest_metrics.run_id IS 'Run that wrote the row';

COMMENT ON COLUMN latest_metrics.monitor IS 'Name of the monitor';

COMMENT ON COLUMN latest_metrics.model IS 'Name of the model';

COMMENT ON COLUMN latest_metrics.model_version IS 'Version of the model';

COMMENT ON COLUMN latest_metrics.signal IS 'Signal the metric belongs to';

COMMENT ON COLUMN latest_metrics.signal_type IS 'Type of the signal, such as data_drift or data_quality';

COMMENT ON COLUMN latest_metrics.metric IS 'Name of the metric, described in metric_definitions';

COMMENT ON COLUMN latest_metrics.feature IS 'Watched column (or class, or join name); __all__ is the whole dataset';

COMMENT ON COLUMN latest_metrics.feature_type IS 'numerical or categorical; null for dataset rows';

COMMENT ON COLUMN latest_metrics.segment IS 'Part of the population, such as origin=JFK; __all__ is everyone';

COMMENT ON COLUMN latest_metrics.window_start IS 'Start of the production window, UTC, inclusive';

COMMENT ON COLUMN latest_metrics.window_end IS 'End of the production window, UTC, exclusive';

COMMENT ON COLUMN latest_metrics.window_date IS 'UTC date of the last microsecond of the window';

COMMENT ON COLUMN latest_metrics.reference IS 'Name of the reference compared with; __all__ is none';

COMMENT ON COLUMN latest_metrics.reference_id IS 'Hash of the definition of the reference, frozen bins included';

COMMENT ON COLUMN latest_metrics.reference_start IS 'Start of the reference window, UTC, inclusive; null when open';

COMMENT ON COLUMN latest_metrics.reference_end IS 'End of the reference window, UTC, exclusive; null when open';

COMMENT ON COLUMN latest_metrics.value IS 'What is compared with threshold; null when it could not be computed';

COMMENT ON COLUMN latest_metrics.value_low IS 'Certified lower bound of value; equal to it when exact';

COMMENT ON COLUMN latest_metrics.value_high IS 'Certified upper bound of value; equal to it when exact';

COMMENT ON COLUMN latest_metrics.statistic IS 'The measure behind a p-value: D, chi-squared, a distance';

COMMENT ON COLUMN latest_metrics.effect IS 'Size of the change whatever the row count: D, Cramer V, or the distance';

COMMENT ON COLUMN latest_metrics.p_value IS 'Probability of a change this large without drift, in [0, 1]';

COMMENT ON COLUMN latest_metrics.q_value IS 'p_value corrected for the number of features tested, in [0, 1]';

COMMENT ON COLUMN latest_metrics.ci_low IS 'Lower end of the 95 % interval of the population value';

COMMENT ON COLUMN latest_metrics.ci_high IS 'Upper end of the 95 % interval of the population value';

COMMENT ON COLUMN latest_metrics.reference_value IS 'The same measure on the reference, where it has one';

COMMENT ON COLUMN latest_metrics.threshold IS 'The bound value must not pass; null when nothing is judged';

COMMENT ON COLUMN latest_metrics.threshold_kind IS 'How the threshold was written: max, min, increase or decrease';

COMMENT ON COLUMN latest_metrics.direction IS 'Which values are worse: higher or lower';

COMMENT ON COLUMN latest_metrics.breached IS 'Whether value is strictly beyond threshold; false where either is null';

COMMENT ON COLUMN latest_metrics.status IS 'ok, warning, breached, inconclusive, insufficient_data, not_computable or error';

COMMENT ON COLUMN latest_metrics.severity IS 'warning, high (breached) or critical (no rows, or score at least 3); else null';

COMMENT ON COLUMN latest_metrics.score IS 'Distance towards the threshold in [0, 10]; 1 is at the threshold';

COMMENT ON COLUMN latest_metrics.reason IS 'Why the status is what it is, or what was left out';

COMMENT ON COLUMN latest_metrics.summary IS 'One sentence on what changed';

COMMENT ON COLUMN latest_metrics.n_reference IS 'Reference rows counted';

COMMENT ON COLUMN latest_metrics.n_production IS 'Production rows counted';

COMMENT ON COLUMN latest_metrics.bins IS 'Bins or categories the value was computed on';

COMMENT ON COLUMN latest_metrics.importance IS 'Importance of the feature in the reference';

COMMENT ON COLUMN latest_metrics.importance_rank IS 'Rank of that importance; 1 is the most important';

COMMENT ON COLUMN latest_metrics.computed_at IS 'When the row was computed, UTC';

CREATE OR REPLACE VIEW monitor_status AS
WITH last_runs AS (
  SELECT
    monitor,
    model,
    started_at,
    status,
    error,
    ROW_NUMBER() OVER (PARTITION BY monitor ORDER BY started_at DESC, run_id DESC) AS place
  FROM runs
), all_monitors AS (
  SELECT
    monitor
  FROM monitors
  UNION
  SELECT
    monitor
  FROM runs
), newest AS (
  SELECT
    monitor,
    MAX(window_end) AS window_end,
    MAX(CASE WHEN metric = 'row_count' AND feature = '__all__' THEN value END) AS row_count,
    COUNT(DISTINCT CASE WHEN is_feature = 1 THEN feature END) AS feature_count,
    COUNT(DISTINCT CASE WHEN is_feature = 1 AND status = 'breached' THEN feature END) AS breached_features
  FROM (
    SELECT
      latest_metrics.*,
      CASE
        WHEN feature = '__all__'
        THEN 0
        WHEN metric IN ('match_rate', 'label_coverage', 'new_column')
        THEN 0
        WHEN signal_type = 'model_performance'
        THEN 0
        ELSE 1
      END AS is_feature
    FROM latest_metrics
    WHERE
      segment = '__all__'
  ) AS whole_population
  GROUP BY
    monitor
), open_counts AS (
  SELECT
    monitor,
    COUNT(*) AS open_count
  FROM alerts
  WHERE
    closed_at IS NULL
  GROUP BY
    monitor
), worst AS (
  SELECT
    monitor,
    feature,
    score,
    summary,
    ROW_NUMBER() OVER (
      PARTITION BY monitor
      ORDER BY CASE status
        WHEN 'breached'
        THEN 0
        WHEN 'warning'
        THEN 1
        WHEN 'inconclusive'
        THEN 2
        WHEN 'ok'
        THEN 3
        ELSE 4
      END, CASE WHEN score IS NULL THEN 1 ELSE 0 END, score DESC, feature, metric, signal, reference
    ) AS place
  FROM latest_metrics
  WHERE
    segment = '__all__'
)
SELECT
  all_monitors.monitor,
  COALESCE(monitors.model, last_runs.model) AS model,
  monitors.owner,
  last_runs.started_at AS last_run_at,
  last_runs.status AS last_status,
  newest.window_end,
  CAST(newest.row_count AS BIGINT) AS row_count,
  CAST(COALESCE(newest.feature_count, 0) AS BIGINT) AS feature_count,
  CAST(COALESCE(newest.breached_features, 0) AS BIGINT) AS breached_features,
  CAST(COALESCE(open_counts.open_count, 0) AS BIGINT) AS open_alerts,
  worst.feature AS worst_feature,
  worst.score AS worst_score,
  CASE
    WHEN last_runs.status = 'failed' AND NOT last_runs.error IS NULL
    THEN last_runs.error
    ELSE worst.summary
  END AS summary
FROM all_monitors
LEFT JOIN monitors
  ON monitors.monitor = all_monitors.monitor
LEFT JOIN last_runs
  ON last_runs.monitor = all_monitors.monitor AND last_runs.place = 1
LEFT JOIN newest
  ON newest.monitor = all_monitors.monitor
LEFT JOIN open_counts
  ON open_counts.monitor = all_monitors.monitor
LEFT JOIN worst
  ON worst.monitor = all_monitors.monitor AND worst.place = 1;

COMMENT ON VIEW monitor_status IS 'One row per monitor: its last run and the state of its newest window';

COMMENT ON COLUMN monitor_status.monitor IS 'Name of the monitor in the project file';

COMMENT ON COLUMN monitor_status.model IS 'Name of the model it watches';

COMMENT ON COLUMN monitor_status.owner IS 'Who answers for the model';

COMMENT ON COLUMN monitor_status.last_run_at IS 'When the last run began, UTC';

COMMENT ON COLUMN monitor_status.last_status IS 'Status of the last run: succeeded, partial or failed';

COMMENT ON COLUMN monitor_status.window_end IS 'End of the newest window, UTC, exclusive; null before the first result';

COMMENT ON COLUMN monitor_status.row_count IS 'Rows of production in the newest window';

COMMENT ON COLUMN monitor_status.feature_count IS 'Features and outputs measured in the newest window, whole population';

COMMENT ON COLUMN monitor_status.breached_features IS 'Of these, those with a row whose status is breached';

COMMENT ON COLUMN monitor_status.open_alerts IS 'Incidents that are not closed';

COMMENT ON COLUMN monitor_status.worst_feature IS 'Feature of the worst row of the newest window; __all__ is the whole dataset';

COMMENT ON COLUMN monitor_status.worst_score IS 'Score of that row in [0, 10]; 1 is at the threshold';

COMMENT ON COLUMN monitor_status.summary IS 'What changed most, or why the last run failed';

CREATE OR REPLACE VIEW metric_trend AS
WITH ordered AS (
  SELECT
    monitor,
    model,
    model_version,
    signal,
    signal_type,
    metric,
    feature,
    feature_type,
    segment,
    window_start,
    window_end,
    window_date,
    reference,
    value,
    value_low,
    value_high,
    reference_value,
    threshold,
    direction,
    breached,
    status,
    severity,
    score,
    p_value,
    q_value,
    n_reference,
    n_production,
    importance_rank,
    run_id,
    LAG(value) OVER (
      PARTITION BY monitor, signal, reference, segment, feature, metric
      ORDER BY window_end, window_start
    ) AS previous_value,
    LAG(window_end) OVER (
      PARTITION BY monitor, signal, reference, segment, feature, metric
      ORDER BY window_end, window_start
    ) AS previous_window_end
  FROM metrics
)
SELECT
  monitor,
  model,
  model_version,
  signal,
  signal_type,
  metric,
  feature,
  feature_type,
  segment,
  window_start,
  window_end,
  window_date,
  reference,
  value,
  value_low,
  value_high,
  reference_value,
  threshold,
  direction,
  breached,
  status,
  severity,
  score,
  p_value,
  q_value,
  n_reference,
  n_production,
  importance_rank,
  previous_window_end,
  previous_value,
  value - previous_value AS value_change,
  (
    value - previous_value
  ) / NULLIF(ABS(previous_value), 0) AS relative_change,
  run_id
FROM ordered;

COMMENT ON VIEW metric_trend IS 'Every row of metrics beside the value of the window before';

COMMENT ON COLUMN metric_trend.monitor IS 'Name of the monitor';

COMMENT ON COLUMN metric_trend.model IS 'Name of the model';

COMMENT ON COLUMN metric_trend.model_version IS 'Version of the model';

COMMENT ON COLUMN metric_trend.signal IS 'Signal the metric belongs to';

COMMENT ON COLUMN metric_trend.signal_type IS 'Type of the signal, such as data_drift or data_quality';

COMMENT ON COLUMN metric_trend.metric IS 'Name of the metric, described in metric_definitions';

COMMENT ON COLUMN metric_trend.feature IS 'Watched column (or class, or join name); __all__ is the whole dataset';

COMMENT ON COLUMN metric_trend.feature_type IS 'numerical or categorical; null for dataset rows';

COMMENT ON COLUMN metric_trend.segment IS 'Part of the population, such as origin=JFK; __all__ is everyone';

COMMENT ON COLUMN metric_trend.window_start IS 'Start of the production window, UTC, inclusive';

COMMENT ON COLUMN metric_trend.window_end IS 'End of the production window, UTC, exclusive';

COMMENT ON COLUMN metric_trend.window_date IS 'UTC date of the last microsecond of the window';

COMMENT ON COLUMN metric_trend.reference IS 'Name of the reference compared with; __all__ is none';

COMMENT ON COLUMN metric_trend.value IS 'What is compared with threshold; null when it could not be computed';

COMMENT ON COLUMN metric_trend.value_low IS 'Certified lower bound of value; equal to it when exact';

COMMENT ON COLUMN metric_trend.value_high IS 'Certified upper bound of value; equal to it when exact';

COMMENT ON COLUMN metric_trend.reference_value IS 'The same measure on the reference, where it has one';

COMMENT ON COLUMN metric_trend.threshold IS 'The bound value must not pass; null when nothing is judged';

COMMENT ON COLUMN metric_trend.direction IS 'Which values are worse: higher or lower';

COMMENT ON COLUMN metric_trend.breached IS 'Whether value is strictly beyond threshold; false where either is null';

COMMENT ON COLUMN metric_trend.status IS 'ok, warning, breached, inconclusive, insufficient_data, not_computable or error';

COMMENT ON COLUMN metric_trend.severity IS 'warning, high (breached) or critical (no rows, or score at least 3); else null';

COMMENT ON COLUMN metric_trend.score IS 'Distance towards the threshold in [0, 10]; 1 is at the threshold';

COMMENT ON COLUMN metric_trend.p_value IS 'Probability of a change this large without drift, in [0, 1]';

COMMENT ON COLUMN metric_trend.q_value IS 'p_value corrected for the number of features tested, in [0, 1]';

COMMENT ON COLUMN metric_trend.n_reference IS 'Reference rows counted';

COMMENT ON COLUMN metric_trend.n_production IS 'Production rows counted';

COMMENT ON COLUMN metric_trend.importance_rank IS 'Rank of that importance; 1 is the most important';

COMMENT ON COLUMN metric_trend.previous_window_end IS 'End of the window before, UTC, exclusive; null for the first';

COMMENT ON COLUMN metric_trend.previous_value IS 'Value in the window before';

COMMENT ON COLUMN metric_trend.value_change IS 'value minus previous_value';

COMMENT ON COLUMN metric_trend.relative_change IS 'value_change over the size of previous_value; null when that is 0';

COMMENT ON COLUMN metric_trend.run_id IS 'Run that wrote the row';

CREATE OR REPLACE VIEW open_alerts AS
SELECT
  alert_id,
  monitor,
  model,
  reference,
  signal,
  segment,
  feature,
  metric,
  severity,
  opened_at,
  last_seen_at,
  window_count,
  first_value,
  last_value,
  worst_value,
  threshold,
  message,
  acknowledged_at,
  acknowledged_by,
  run_id
FROM alerts
WHERE
  closed_at IS NULL;

COMMENT ON VIEW open_alerts IS 'The incidents that are not closed';

COMMENT ON COLUMN open_alerts.alert_id IS 'Identifies the incident';

COMMENT ON COLUMN open_alerts.monitor IS 'Name of the monitor';

COMMENT ON COLUMN open_alerts.model IS 'Name of the model';

COMMENT ON COLUMN open_alerts.reference IS 'Name of the reference; __all__ is none';

COMMENT ON COLUMN open_alerts.signal IS 'Signal the metric belongs to';

COMMENT ON COLUMN open_alerts.segment IS 'Part of the population; __all__ is everyone';

COMMENT ON COLUMN open_alerts.feature IS 'Watched column; __all__ is the whole dataset';

COMMENT ON COLUMN open_alerts.metric IS 'Name of the metric';

COMMENT ON COLUMN open_alerts.severity IS 'warning, high or critical: the worst so far';

COMMENT ON COLUMN open_alerts.opened_at IS 'End of the first window beyond the threshold, UTC';

COMMENT ON COLUMN open_alerts.last_seen_at IS 'End of the last window beyond the threshold, UTC';

COMMENT ON COLUMN open_alerts.window_count IS 'Windows beyond the threshold so far';

COMMENT ON COLUMN open_alerts.first_value IS 'Value that opened it';

COMMENT ON COLUMN open_alerts.last_value IS 'Value of the last window';

COMMENT ON COLUMN open_alerts.worst_value IS 'Value furthest beyond the threshold';

COMMENT ON COLUMN open_alerts.threshold IS 'The bound the last value was compared with';

COMMENT ON COLUMN open_alerts.message IS 'What happened, in one sentence';

COMMENT ON COLUMN open_alerts.acknowledged_at IS 'When someone took it on, UTC; null until then';

COMMENT ON COLUMN open_alerts.acknowledged_by IS 'Who took it on';

COMMENT ON COLUMN open_alerts.run_id IS 'Run that last changed the row';

CREATE OR REPLACE VIEW feature_drift AS
WITH newest_windows AS (
  SELECT DISTINCT
    monitor,
    signal,
    window_start,
    window_end,
    1 AS hit
  FROM latest_metrics
)
SELECT
  metrics.monitor,
  MAX(metrics.model) AS model,
  metrics.signal,
  MAX(metrics.signal_type) AS signal_type,
  metrics.feature,
  MAX(metrics.feature_type) AS feature_type,
  metrics.segment,
  metrics.window_start,
  metrics.window_end,
  MAX(metrics.window_date) AS window_date,
  metrics.reference,
  MAX(metrics.importance) AS importance,
  MAX(metrics.importance_rank) AS importance_rank,
  MAX(metrics.n_reference) AS n_reference,
  MAX(metrics.n_production) AS n_production,
  MAX(CASE WHEN metrics.metric = 'jensen_shannon_distance' THEN metrics.value END) AS jensen_shannon_distance,
  MAX(CASE WHEN metrics.metric = 'population_stability_index' THEN metrics.value END) AS population_stability_index,
  MAX(
    CASE WHEN metrics.metric = 'normalized_wasserstein_distance' THEN metrics.value END
  ) AS normalized_wasserstein_distance,
  MAX(CASE WHEN metrics.metric = 'kolmogorov_smirnov_distance' THEN metrics.value END) AS kolmogorov_smirnov_distance,
  MAX(
    CASE
      WHEN metrics.metric = 'two_sample_kolmogorov_smirnov_test'
      THEN metrics.value
    END
  ) AS two_sample_kolmogorov_smirnov_test,
  MAX(CASE WHEN metrics.metric = 'pearsons_chi_squared_test' THEN metrics.value END) AS pearsons_chi_squared_test,
  MAX(CASE WHEN metrics.metric = 'chebyshev_distance' THEN metrics.value END) AS chebyshev_distance,
  MAX(CASE WHEN metrics.metric = 'hellinger_distance' THEN metrics.value END) AS hellinger_distance,
  MAX(CASE WHEN metrics.metric = 'total_variation_distance' THEN metrics.value END) AS total_variation_distance,
  CAST(SUM(CASE WHEN metrics.status = 'breached' THEN 1 ELSE 0 END) AS BIGINT) AS breached_metrics,
  MAX(metrics.score) AS worst_score,
  COALESCE(MAX(newest_windows.hit), 0) = 1 AS is_latest
FROM metrics
LEFT JOIN newest_windows
  ON newest_windows.monitor = metrics.monitor
  AND newest_windows.signal = metrics.signal
  AND newest_windows.window_start = metrics.window_start
  AND newest_windows.window_end = metrics.window_end
WHERE
  metrics.signal_type IN ('data_drift', 'prediction_drift')
GROUP BY
  metrics.monitor,
  metrics.signal,
  metrics.feature,
  metrics.segment,
  metrics.window_start,
  metrics.window_end,
  metrics.reference;

COMMENT ON VIEW feature_drift IS 'One row per monitor, signal, window, reference, segment, feature: a column per drift metric';

COMMENT ON COLUMN feature_drift.monitor IS 'Name of the monitor';

COMMENT ON COLUMN feature_drift.model IS 'Name of the model';

COMMENT ON COLUMN feature_drift.signal IS 'Signal the metric belongs to';

COMMENT ON COLUMN feature_drift.signal_type IS 'Type of the signal, such as data_drift or data_quality';

COMMENT ON COLUMN feature_drift.feature IS 'Watched column (or class, or join name); __all__ is the whole dataset';

COMMENT ON COLUMN feature_drift.feature_type IS 'numerical or categorical; null for dataset rows';

COMMENT ON COLUMN feature_drift.segment IS 'Part of the population, such as origin=JFK; __all__ is everyone';

COMMENT ON COLUMN feature_drift.window_start IS 'Start of the production window, UTC, inclusive';

COMMENT ON COLUMN feature_drift.window_end IS 'End of the production window, UTC, exclusive';

COMMENT ON COLUMN feature_drift.window_date IS 'UTC date of the last microsecond of the window';

COMMENT ON COLUMN feature_drift.reference IS 'Name of the reference compared with; __all__ is none';

COMMENT ON COLUMN feature_drift.importance IS 'Importance of the feature in the reference';

COMMENT ON COLUMN feature_drift.importance_rank IS 'Rank of that importance; 1 is the most important';

COMMENT ON COLUMN feature_drift.n_reference IS 'Reference rows counted';

COMMENT ON COLUMN feature_drift.n_production IS 'Production rows counted';

COMMENT ON COLUMN feature_drift.jensen_shannon_distance IS 'Value of jensen_shannon_distance; null when it was not measured';

COMMENT ON COLUMN feature_drift.population_stability_index IS 'Value of population_stability_index; null when it was not measured';

COMMENT ON COLUMN feature_drift.normalized_wasserstein_distance IS 'Value of normalized_wasserstein_distance; null when it was not measured';

COMMENT ON COLUMN feature_drift.kolmogorov_smirnov_distance IS 'Value of kolmogorov_smirnov_distance; null when it was not measured';

COMMENT ON COLUMN feature_drift.two_sample_kolmogorov_smirnov_test IS 'Value of two_sample_kolmogorov_smirnov_test; null when it was not measured';

COMMENT ON COLUMN feature_drift.pearsons_chi_squared_test IS 'Value of pearsons_chi_squared_test; null when it was not measured';

COMMENT ON COLUMN feature_drift.chebyshev_distance IS 'Value of chebyshev_distance; null when it was not measured';

COMMENT ON COLUMN feature_drift.hellinger_distance IS 'Value of hellinger_distance; null when it was not measured';

COMMENT ON COLUMN feature_drift.total_variation_distance IS 'Value of total_variation_distance; null when it was not measured';

COMMENT ON COLUMN feature_drift.breached_metrics IS 'Metrics of the row whose status is breached';

COMMENT ON COLUMN feature_drift.worst_score IS 'Highest score of the row in [0, 10]; 1 is at the threshold';

COMMENT ON COLUMN feature_drift.is_latest IS 'Whether the row is of its monitor''s newest window';

CREATE OR REPLACE VIEW data_quality AS
WITH newest_windows AS (
  SELECT DISTINCT
    monitor,
    signal,
    feature,
    window_start,
    window_end,
    1 AS hit
  FROM latest_metrics
)
SELECT
  metrics.monitor,
  MAX(metrics.model) AS model,
  metrics.signal,
  MAX(metrics.signal_type) AS signal_type,
  metrics.feature,
  MAX(metrics.feature_type) AS feature_type,
  metrics.segment,
  metrics.window_start,
  metrics.window_end,
  MAX(metrics.window_date) AS window_date,
  metrics.reference,
  MAX(metrics.n_reference) AS n_reference,
  MAX(metrics.n_production) AS n_production,
  MAX(CASE WHEN metrics.metric = 'null_value_rate' THEN metrics.value END) AS null_value_rate,
  MAX(CASE WHEN metrics.metric = 'data_type_error_rate' THEN metrics.value END) AS data_type_error_rate,
  MAX(CASE WHEN metrics.metric = 'out_of_bounds_rate' THEN metrics.value END) AS out_of_bounds_rate,
  MAX(CASE WHEN metrics.metric = 'new_category_rate' THEN metrics.value END) AS new_category_rate,
  MAX(CASE WHEN metrics.metric = 'zero_rate' THEN metrics.value END) AS zero_rate,
  MAX(CASE WHEN metrics.metric = 'empty_string_rate' THEN metrics.value END) AS empty_string_rate,
  MAX(CASE WHEN metrics.metric = 'distinct_count' THEN metrics.value END) AS distinct_count,
  MAX(CASE WHEN metrics.metric = 'mean' THEN metrics.value END) AS mean,
  MAX(CASE WHEN metrics.metric = 'stddev' THEN metrics.value END) AS stddev,
  MAX(CASE WHEN metrics.metric = 'minimum' THEN metrics.value END) AS minimum,
  MAX(CASE WHEN metrics.metric = 'maximum' THEN metrics.value END) AS maximum,
  MAX(CASE WHEN metrics.metric = 'row_count' THEN metrics.value END) AS row_count,
  MAX(CASE WHEN metrics.metric = 'freshness' THEN metrics.value END) AS freshness,
  MAX(CASE WHEN metrics.metric = 'duplicate_rate' THEN metrics.value END) AS duplicate_rate,
  MAX(CASE WHEN metrics.metric = 'match_rate' THEN metrics.value END) AS match_rate,
  MAX(CASE WHEN metrics.metric = 'label_coverage' THEN metrics.value END) AS label_coverage,
  MAX(CASE WHEN metrics.metric = 'missing_feature' THEN metrics.value END) AS missing_feature,
  MAX(CASE WHEN metrics.metric = 'new_column' THEN metrics.value END) AS new_column,
  MAX(CASE WHEN metrics.metric = 'type_changed' THEN metrics.value END) AS type_changed,
  CAST(SUM(CASE WHEN metrics.status = 'breached' THEN 1 ELSE 0 END) AS BIGINT) AS breached_metrics,
  MAX(metrics.score) AS worst_score,
  COALESCE(MAX(newest_windows.hit), 0) = 1 AS is_latest
FROM metrics
LEFT JOIN newest_windows
  ON newest_windows.monitor = metrics.monitor
  AND newest_windows.signal = metrics.signal
  AND newest_windows.feature = metrics.feature
  AND newest_windows.window_start = metrics.window_start
  AND newest_windows.window_end = metrics.window_end
WHERE
  metrics.signal_type = 'data_quality'
GROUP BY
  metrics.monitor,
  metrics.signal,
  metrics.feature,
  metrics.segment,
  metrics.window_start,
  metrics.window_end,
  metrics.reference;

COMMENT ON VIEW data_quality IS 'One row per monitor, signal, window, reference, segment, feature: a column per quality metric';

COMMENT ON COLUMN data_quality.monitor IS 'Name of the monitor';

COMMENT ON COLUMN data_quality.model IS 'Name of the model';

COMMENT ON COLUMN data_quality.signal IS 'Signal the metric belongs to';

COMMENT ON COLUMN data_quality.signal_type IS 'Type of the signal, such as data_drift or data_quality';

COMMENT ON COLUMN data_quality.feature IS 'Watched column (or class, or join name); __all__ is the whole dataset';

COMMENT ON COLUMN data_quality.feature_type IS 'numerical or categorical; null for dataset rows';

COMMENT ON COLUMN data_quality.segment IS 'Part of the population, such as origin=JFK; __all__ is everyone';

COMMENT ON COLUMN data_quality.window_start IS 'Start of the production window, UTC, inclusive';

COMMENT ON COLUMN data_quality.window_end IS 'End of the production window, UTC, exclusive';

COMMENT ON COLUMN data_quality.window_date IS 'UTC date of the last microsecond of the window';

COMMENT ON COLUMN data_quality.reference IS 'Name of the reference compared with; __all__ is none';

COMMENT ON COLUMN data_quality.n_reference IS 'Reference rows counted';

COMMENT ON COLUMN data_quality.n_production IS 'Production rows counted';

COMMENT ON COLUMN data_quality.null_value_rate IS 'Value of null_value_rate; null when it was not measured';

COMMENT ON COLUMN data_quality.data_type_error_rate IS 'Value of data_type_error_rate; null when it was not measured';

COMMENT ON COLUMN data_quality.out_of_bounds_rate IS 'Value of out_of_bounds_rate; null when it was not measured';

COMMENT ON COLUMN data_quality.new_category_rate IS 'Value of new_category_rate; null when it was not measured';

COMMENT ON COLUMN data_quality.zero_rate IS 'Value of zero_rate; null when it was not measured';

COMMENT ON COLUMN data_quality.empty_string_rate IS 'Value of empty_string_rate; null when it was not measured';

COMMENT ON COLUMN data_quality.distinct_count IS 'Value of distinct_count; null when it was not measured';

COMMENT ON COLUMN data_quality.mean IS 'Value of mean; null when it was not measured';

COMMENT ON COLUMN data_quality.stddev IS 'Value of stddev; null when it was not measured';

COMMENT ON COLUMN data_quality.minimum IS 'Value of minimum; null when it was not measured';

COMMENT ON COLUMN data_quality.maximum IS 'Value of maximum; null when it was not measured';

COMMENT ON COLUMN data_quality.row_count IS 'Value of row_count; null when it was not measured';

COMMENT ON COLUMN data_quality.freshness IS 'Value of freshness; null when it was not measured';

COMMENT ON COLUMN data_quality.duplicate_rate IS 'Value of duplicate_rate; null when it was not measured';

COMMENT ON COLUMN data_quality.match_rate IS 'Value of match_rate; null when it was not measured';

COMMENT ON COLUMN data_quality.label_coverage IS 'Value of label_coverage; null when it was not measured';

COMMENT ON COLUMN data_quality.missing_feature IS 'Value of missing_feature; null when it was not measured';

COMMENT ON COLUMN data_quality.new_column IS 'Value of new_column; null when it was not measured';

COMMENT ON COLUMN data_quality.type_changed IS 'Value of type_changed; null when it was not measured';

COMMENT ON COLUMN data_quality.breached_metrics IS 'Metrics of the row whose status is breached';

COMMENT ON COLUMN data_quality.worst_score IS 'Highest score of the row in [0, 10]; 1 is at the threshold';

COMMENT ON COLUMN data_quality.is_latest IS 'Whether the row is of its monitor''s newest window';

CREATE OR REPLACE VIEW bin_comparison AS
WITH newest_windows AS (
  SELECT DISTINCT
    monitor,
    window_start,
    window_end,
    1 AS hit
  FROM latest_metrics
  WHERE
    metric <> 'match_rate'
)
SELECT
  histograms.monitor,
  histograms.window_start,
  histograms.window_end,
  histograms.reference,
  histograms.reference_id,
  histograms.segment,
  histograms.feature,
  histograms.bin,
  histograms.kind,
  histograms.label,
  histograms.lower_bound,
  histograms.upper_bound,
  histograms.n_reference,
  histograms.n_production,
  histograms.share_reference,
  histograms.share_production,
  histograms.share_production - histograms.share_reference AS share_change,
  histograms.psi_contribution,
  COALESCE(newest_windows.hit, 0) = 1 AS is_latest,
  histograms.run_id
FROM histograms
LEFT JOIN newest_windows
  ON newest_windows.monitor = histograms.monitor
  AND newest_windows.window_start = histograms.window_start
  AND newest_windows.window_end = histograms.window_end;

COMMENT ON VIEW bin_comparison IS 'The bins of both sides with the difference of their shares';

COMMENT ON COLUMN bin_comparison.monitor IS 'Name of the monitor';

COMMENT ON COLUMN bin_comparison.window_start IS 'Start of the production window, UTC, inclusive';

COMMENT ON COLUMN bin_comparison.window_end IS 'End of the production window, UTC, exclusive';

COMMENT ON COLUMN bin_comparison.reference IS 'Name of the reference';

COMMENT ON COLUMN bin_comparison.reference_id IS 'Hash of the definition of the reference, frozen bins included';

COMMENT ON COLUMN bin_comparison.segment IS 'Part of the population; __all__ is everyone';

COMMENT ON COLUMN bin_comparison.feature IS 'Watched column';

COMMENT ON COLUMN bin_comparison.bin IS 'Position from 0: intervals and points ascending, categories by reference count';

COMMENT ON COLUMN bin_comparison.kind IS 'interval, point (one exact value), category, other or new';

COMMENT ON COLUMN bin_comparison.label IS 'The bin as a reader would write it';

COMMENT ON COLUMN bin_comparison.lower_bound IS 'Lower bound of an interval, or the point; null when open or a category';

COMMENT ON COLUMN bin_comparison.upper_bound IS 'Upper bound of an interval, or the point; null when open or a category';

COMMENT ON COLUMN bin_comparison.n_reference IS 'Reference rows in the bin';

COMMENT ON COLUMN bin_comparison.n_production IS 'Production rows in the bin';

COMMENT ON COLUMN bin_comparison.share_reference IS 'n_reference over the reference rows of all bins, in [0, 1]';

COMMENT ON COLUMN bin_comparison.share_production IS 'n_production over the production rows of all bins, in [0, 1]';

COMMENT ON COLUMN bin_comparison.share_change IS 'share_production minus share_reference, in [-1, 1]';

COMMENT ON COLUMN bin_comparison.psi_contribution IS 'Part the bin adds to population_stability_index, at least 0';

COMMENT ON COLUMN bin_comparison.is_latest IS 'Whether the row is of its monitor''s newest window';

COMMENT ON COLUMN bin_comparison.run_id IS 'Run that wrote the row';

CREATE OR REPLACE VIEW run_log AS
WITH costs AS (
  SELECT
    run_id,
    SUM(seconds) AS statement_seconds,
    SUM(rows_returned) AS rows_returned,
    SUM(CASE WHEN NOT error IS NULL THEN 1 ELSE 0 END) AS failed_statements
  FROM statements
  GROUP BY
    run_id
), numbered AS (
  SELECT
    runs.*,
    ROW_NUMBER() OVER (PARTITION BY monitor ORDER BY started_at DESC, run_id DESC) AS place
  FROM runs
)
SELECT
  numbered.run_id,
  numbered.invocation_id,
  numbered.monitor,
  numbered.model,
  numbered.model_version,
  numbered.target,
  numbered.dialect,
  numbered.requested_at,
  numbered.started_at,
  numbered.finished_at,
  numbered.status,
  numbered.window_count,
  numbered.metric_count,
  numbered.breach_count,
  numbered.statement_count,
  numbered.scanned_rows,
  numbered.seconds,
  numbered.driftline_version,
  numbered.config_hash,
  numbered.measure_hash,
  CAST(COALESCE(costs.statement_seconds, 0) AS DOUBLE) AS statement_seconds,
  CAST(COALESCE(costs.rows_returned, 0) AS BIGINT) AS rows_returned,
  CAST(COALESCE(costs.failed_statements, 0) AS BIGINT) AS failed_statements,
  numbered.place = 1 AS is_latest,
  numbered.error
FROM numbered
LEFT JOIN costs
  ON costs.run_id = numbered.run_id;

COMMENT ON VIEW run_log IS 'Every run with what its statements cost';

COMMENT ON COLUMN run_log.run_id IS 'Identifies one run of one monitor';

COMMENT ON COLUMN run_log.invocation_id IS 'Shared by the monitors of one command';

COMMENT ON COLUMN run_log.monitor IS 'Name of the monitor';

COMMENT ON COLUMN run_log.model IS 'Name of the model';

COMMENT ON COLUMN run_log.model_version IS 'Version of the model';

COMMENT ON COLUMN run_log.target IS 'Target (named connection) in use; null without targets';

COMMENT ON COLUMN run_log.dialect IS 'SQL dialect of the statements sent';

COMMENT ON COLUMN run_log.requested_at IS 'The time the windows were computed for, UTC';

COMMENT ON COLUMN run_log.started_at IS 'When the run began, UTC';

COMMENT ON COLUMN run_log.finished_at IS 'When the run ended, UTC';

COMMENT ON COLUMN run_log.status IS 'succeeded, partial (some rows are errors) or failed (no metrics)';

COMMENT ON COLUMN run_log.window_count IS 'Windows computed';

COMMENT ON COLUMN run_log.metric_count IS 'Rows written to metrics';

COMMENT ON COLUMN run_log.breach_count IS 'Of these, rows with status breached';

COMMENT ON COLUMN run_log.statement_count IS 'SQL statements sent';

COMMENT ON COLUMN run_log.scanned_rows IS 'Rows of production and reference read';

COMMENT ON COLUMN run_log.seconds IS 'Wall time of the run, seconds';

COMMENT ON COLUMN run_log.driftline_version IS 'Version of Driftline that ran';

COMMENT ON COLUMN run_log.config_hash IS 'Hash of the resolved configuration';

COMMENT ON COLUMN run_log.measure_hash IS 'Hash of the settings that decide the numbers; equal hashes can be compared';

COMMENT ON COLUMN run_log.statement_seconds IS 'Wall time of all statements of the run, seconds';

COMMENT ON COLUMN run_log.rows_returned IS 'Rows that came back from all statements';

COMMENT ON COLUMN run_log.failed_statements IS 'Statements the engine refused';

COMMENT ON COLUMN run_log.is_latest IS 'Whether the run is its monitor''s last';

COMMENT ON COLUMN run_log.error IS 'Why the run failed; null otherwise';

INSERT INTO schema_version (version, driftline_version)
SELECT 1, '(version)'
FROM (SELECT COUNT(*) AS versions FROM schema_version) AS counted
WHERE versions = 0;
