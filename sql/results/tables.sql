-- The result tables: the contract with BI tools, one create table each.
--
-- Types are text, bigint, double, boolean, timestamp (UTC, without zone) and date, so that every
-- dialect has them. `key` names the columns that identify a row; they are never null, and no
-- constraint says so because warehouses do not enforce one.

-- key: monitor
create table monitors (
    monitor text not null,
    model text,
    model_version text,
    task text,
    owner text,
    tags text,
    description text,
    schedule text,
    config_hash text,
    config_yaml text,
    first_seen_at timestamp,
    last_seen_at timestamp
);

comment on table monitors is 'One row per monitor, as its last run saw it';
comment on column monitors.monitor is 'Name of the monitor in the project file';
comment on column monitors.model is 'Name of the model it watches';
comment on column monitors.model_version is 'Version of that model';
comment on column monitors.task is 'Kind of model: classification or regression';
comment on column monitors.owner is 'Who answers for the model';
comment on column monitors.tags is 'Tags, separated by commas';
comment on column monitors.description is 'What the model does';
comment on column monitors.schedule is 'When runs are due: a cron line or an ISO 8601 duration';
comment on column monitors.config_hash is 'Hash of the resolved configuration of the last run';
comment on column monitors.config_yaml is 'That configuration as YAML, secrets masked';
comment on column monitors.first_seen_at is 'Time of the first run, UTC';
comment on column monitors.last_seen_at is 'Time of the last run, UTC';

-- key: run_id
create table runs (
    run_id text not null,
    invocation_id text,
    monitor text not null,
    model text,
    model_version text,
    target text,
    dialect text,
    requested_at timestamp,
    started_at timestamp,
    finished_at timestamp,
    status text not null,
    window_count bigint,
    metric_count bigint,
    breach_count bigint,
    statement_count bigint,
    scanned_rows bigint,
    seconds double,
    driftline_version text,
    config_hash text,
    measure_hash text,
    error text
);

comment on table runs is 'One row per monitor and run, failed ones too; rows are only added';
comment on column runs.run_id is 'Identifies one run of one monitor';
comment on column runs.invocation_id is 'Shared by the monitors of one command';
comment on column runs.monitor is 'Name of the monitor';
comment on column runs.model is 'Name of the model';
comment on column runs.model_version is 'Version of the model';
comment on column runs.target is 'Target (named connection) in use; null without targets';
comment on column runs.dialect is 'SQL dialect of the statements sent';
comment on column runs.requested_at is 'The time the windows were computed for, UTC';
comment on column runs.started_at is 'When the run began, UTC';
comment on column runs.finished_at is 'When the run ended, UTC';
comment on column runs.status is 'succeeded, partial (some rows are errors) or failed (no metrics)';
comment on column runs.window_count is 'Windows computed';
comment on column runs.metric_count is 'Rows written to metrics';
comment on column runs.breach_count is 'Of these, rows with status breached';
comment on column runs.statement_count is 'SQL statements sent';
comment on column runs.scanned_rows is 'Rows of production and reference read';
comment on column runs.seconds is 'Wall time of the run, seconds';
comment on column runs.driftline_version is 'Version of Driftline that ran';
comment on column runs.config_hash is 'Hash of the resolved configuration';
comment on column runs.measure_hash is
    'Hash of the settings that decide the numbers; equal hashes can be compared';
comment on column runs.error is 'Why the run failed; null otherwise';

-- key: monitor, signal, window_start, window_end, reference, segment, feature, metric
create table metrics (
    metric_id text not null,
    run_id text not null,
    monitor text not null,
    model text,
    model_version text,
    signal text not null,
    signal_type text,
    metric text not null,
    feature text not null,
    feature_type text,
    segment text not null,
    window_start timestamp not null,
    window_end timestamp not null,
    window_date date,
    reference text not null,
    reference_id text,
    reference_start timestamp,
    reference_end timestamp,
    value double,
    value_low double,
    value_high double,
    statistic double,
    effect double,
    p_value double,
    q_value double,
    ci_low double,
    ci_high double,
    reference_value double,
    threshold double,
    threshold_kind text,
    direction text,
    breached boolean not null,
    status text not null,
    severity text,
    score double,
    reason text,
    summary text,
    n_reference bigint,
    n_production bigint,
    bins bigint,
    importance double,
    importance_rank bigint,
    computed_at timestamp
);

comment on table metrics is
    'One row per monitor, signal, window, reference, segment, feature and metric, judged';
comment on column metrics.metric_id is 'First 32 hex digits of the SHA-256 of the key columns';
comment on column metrics.run_id is 'Run that wrote the row';
comment on column metrics.monitor is 'Name of the monitor';
comment on column metrics.model is 'Name of the model';
comment on column metrics.model_version is 'Version of the model';
comment on column metrics.signal is 'Signal the metric belongs to';
comment on column metrics.signal_type is 'Type of the signal, such as data_drift or data_quality';
comment on column metrics.metric is 'Name of the metric, described in metric_definitions';
comment on column metrics.feature is
    'Watched column (or class, or join name); __all__ is the whole dataset';
comment on column metrics.feature_type is 'numerical or categorical; null for dataset rows';
comment on column metrics.segment is
    'Part of the population, such as origin=JFK; __all__ is everyone';
comment on column metrics.window_start is 'Start of the production window, UTC, inclusive';
comment on column metrics.window_end is 'End of the production window, UTC, exclusive';
comment on column metrics.window_date is 'UTC date of the last microsecond of the window';
comment on column metrics.reference is 'Name of the reference compared with; __all__ is none';
comment on column metrics.reference_id is
    'Hash of the definition of the reference, frozen bins included';
comment on column metrics.reference_start is
    'Start of the reference window, UTC, inclusive; null when open';
comment on column metrics.reference_end is
    'End of the reference window, UTC, exclusive; null when open';
comment on column metrics.value is
    'What is compared with threshold; null when it could not be computed';
comment on column metrics.value_low is 'Certified lower bound of value; equal to it when exact';
comment on column metrics.value_high is 'Certified upper bound of value; equal to it when exact';
comment on column metrics.statistic is 'The measure behind a p-value: D, chi-squared, a distance';
comment on column metrics.effect is
    'Size of the change whatever the row count: D, Cramer V, or the distance';
comment on column metrics.p_value is 'Probability of a change this large without drift, in [0, 1]';
comment on column metrics.q_value is
    'p_value corrected for the number of features tested, in [0, 1]';
comment on column metrics.ci_low is 'Lower end of the 95 % interval of the population value';
comment on column metrics.ci_high is 'Upper end of the 95 % interval of the population value';
comment on column metrics.reference_value is 'The same measure on the reference, where it has one';
comment on column metrics.threshold is 'The bound value must not pass; null when nothing is judged';
comment on column metrics.threshold_kind is
    'How the threshold was written: max, min, increase or decrease';
comment on column metrics.direction is 'Which values are worse: higher or lower';
comment on column metrics.breached is
    'Whether value is strictly beyond threshold; false where either is null';
comment on column metrics.status is
    'ok, warning, breached, inconclusive, insufficient_data, not_computable or error';
comment on column metrics.severity is
    'warning, high (breached) or critical (no rows, or score at least 3); else null';
comment on column metrics.score is
    'Distance towards the threshold in [0, 10]; 1 is at the threshold';
comment on column metrics.reason is 'Why the status is what it is, or what was left out';
comment on column metrics.summary is 'One sentence on what changed';
comment on column metrics.n_reference is 'Reference rows counted';
comment on column metrics.n_production is 'Production rows counted';
comment on column metrics.bins is 'Bins or categories the value was computed on';
comment on column metrics.importance is 'Importance of the feature in the reference';
comment on column metrics.importance_rank is 'Rank of that importance; 1 is the most important';
comment on column metrics.computed_at is 'When the row was computed, UTC';

-- key: monitor, window_start, window_end, reference, segment, feature, bin
create table histograms (
    monitor text not null,
    window_start timestamp not null,
    window_end timestamp not null,
    reference text not null,
    reference_id text not null,
    segment text not null,
    feature text not null,
    bin bigint not null,
    kind text,
    label text,
    lower_bound double,
    upper_bound double,
    n_reference bigint,
    n_production bigint,
    share_reference double,
    share_production double,
    psi_contribution double,
    run_id text not null
);

comment on table histograms is
    'One row per monitor, window, reference, segment, feature and bin: both sides of a comparison';
comment on column histograms.monitor is 'Name of the monitor';
comment on column histograms.window_start is 'Start of the production window, UTC, inclusive';
comment on column histograms.window_end is 'End of the production window, UTC, exclusive';
comment on column histograms.reference is 'Name of the reference';
comment on column histograms.reference_id is
    'Hash of the definition of the reference, frozen bins included';
comment on column histograms.segment is 'Part of the population; __all__ is everyone';
comment on column histograms.feature is 'Watched column';
comment on column histograms.bin is
    'Position from 0: intervals and points ascending, categories by reference count';
comment on column histograms.kind is 'interval, point (one exact value), category, other or new';
comment on column histograms.label is 'The bin as a reader would write it';
comment on column histograms.lower_bound is
    'Lower bound of an interval, or the point; null when open or a category';
comment on column histograms.upper_bound is
    'Upper bound of an interval, or the point; null when open or a category';
comment on column histograms.n_reference is 'Reference rows in the bin';
comment on column histograms.n_production is 'Production rows in the bin';
comment on column histograms.share_reference is
    'n_reference over the reference rows of all bins, in [0, 1]';
comment on column histograms.share_production is
    'n_production over the production rows of all bins, in [0, 1]';
comment on column histograms.psi_contribution is
    'Part the bin adds to population_stability_index, at least 0';
comment on column histograms.run_id is 'Run that wrote the row';

-- key: monitor, side, reference, window_start, window_end, segment, feature
create table profiles (
    monitor text not null,
    side text not null,
    reference text not null,
    reference_id text not null,
    window_start timestamp not null,
    window_end timestamp not null,
    segment text not null,
    feature text not null,
    data_type text,
    row_count bigint,
    null_count bigint,
    nan_count bigint,
    infinite_count bigint,
    type_error_count bigint,
    below_count bigint,
    above_count bigint,
    unseen_count bigint,
    distinct_count bigint,
    minimum double,
    maximum double,
    mean double,
    stddev double,
    p05 double,
    p25 double,
    p50 double,
    p75 double,
    p95 double,
    run_id text not null
);

comment on table profiles is
    'One row per monitor, window, side, segment and column: counts, range, moments and percentiles';
comment on column profiles.monitor is 'Name of the monitor';
comment on column profiles.side is 'reference or production';
comment on column profiles.reference is 'Name of the reference; __all__ for production';
comment on column profiles.reference_id is
    'Hash of the definition of the reference; __all__ for production';
comment on column profiles.window_start is 'Start of the production window, UTC, inclusive';
comment on column profiles.window_end is 'End of the production window, UTC, exclusive';
comment on column profiles.segment is 'Part of the population; __all__ is everyone';
comment on column profiles.feature is 'Watched column';
comment on column profiles.data_type is 'Type of the column in its source';
comment on column profiles.row_count is 'Rows of the side';
comment on column profiles.null_count is 'Rows that are SQL null';
comment on column profiles.nan_count is 'Rows that are not a number (NaN)';
comment on column profiles.infinite_count is 'Rows that are plus or minus infinity';
comment on column profiles.type_error_count is
    'Non-null rows that do not cast to the type of the reference';
comment on column profiles.below_count is 'Rows below the lower bound';
comment on column profiles.above_count is 'Rows above the upper bound';
comment on column profiles.unseen_count is 'Rows with a category never seen in the reference';
comment on column profiles.distinct_count is 'Distinct values';
comment on column profiles.minimum is 'Smallest finite number';
comment on column profiles.maximum is 'Largest finite number';
comment on column profiles.mean is 'Mean of the finite numbers';
comment on column profiles.stddev is 'Sample standard deviation of the finite numbers';
comment on column profiles.p05 is '5th percentile of the finite numbers';
comment on column profiles.p25 is '25th percentile of the finite numbers';
comment on column profiles.p50 is 'Median of the finite numbers';
comment on column profiles.p75 is '75th percentile of the finite numbers';
comment on column profiles.p95 is '95th percentile of the finite numbers';
comment on column profiles.run_id is 'Run that wrote the row';

-- key: monitor, feature
create table features (
    monitor text not null,
    feature text not null,
    role text,
    feature_type text,
    reference_type text,
    production_type text,
    included boolean,
    reason text,
    importance double,
    importance_rank bigint,
    window_end timestamp,
    run_id text not null
);

comment on table features is 'One row per monitor and column, as its newest window saw it';
comment on column features.monitor is 'Name of the monitor';
comment on column features.feature is 'Name of the column';
comment on column features.role is 'feature, prediction, score, actual or excluded';
comment on column features.feature_type is
    'How it is treated: numerical or categorical; null when excluded';
comment on column features.reference_type is
    'Type of the column in the reference; null when it lacks the column';
comment on column features.production_type is
    'Type of the column in production; null when it lacks the column';
comment on column features.included is 'Whether drift of the column is measured';
comment on column features.reason is 'Why it is included, excluded or typed as it is';
comment on column features.importance is 'Importance in the reference';
comment on column features.importance_rank is 'Rank of that importance; 1 is the most important';
comment on column features.window_end is 'End of the window the row describes, UTC, exclusive';
comment on column features.run_id is 'Run that wrote the row';

-- key: alert_id
create table alerts (
    alert_id text not null,
    monitor text not null,
    model text,
    reference text,
    signal text,
    segment text,
    feature text,
    metric text,
    severity text,
    opened_at timestamp,
    last_seen_at timestamp,
    closed_at timestamp,
    window_count bigint,
    first_value double,
    last_value double,
    worst_value double,
    threshold double,
    message text,
    acknowledged_at timestamp,
    acknowledged_by text,
    run_id text not null
);

comment on table alerts is
    'One row per incident: a metric beyond its threshold from opening to closing';
comment on column alerts.alert_id is 'Identifies the incident';
comment on column alerts.monitor is 'Name of the monitor';
comment on column alerts.model is 'Name of the model';
comment on column alerts.reference is 'Name of the reference; __all__ is none';
comment on column alerts.signal is 'Signal the metric belongs to';
comment on column alerts.segment is 'Part of the population; __all__ is everyone';
comment on column alerts.feature is 'Watched column; __all__ is the whole dataset';
comment on column alerts.metric is 'Name of the metric';
comment on column alerts.severity is 'warning, high or critical: the worst so far';
comment on column alerts.opened_at is 'End of the first window beyond the threshold, UTC';
comment on column alerts.last_seen_at is 'End of the last window beyond the threshold, UTC';
comment on column alerts.closed_at is 'End of the window that closed it, UTC; null while open';
comment on column alerts.window_count is 'Windows beyond the threshold so far';
comment on column alerts.first_value is 'Value that opened it';
comment on column alerts.last_value is 'Value of the last window';
comment on column alerts.worst_value is 'Value furthest beyond the threshold';
comment on column alerts.threshold is 'The bound the last value was compared with';
comment on column alerts.message is 'What happened, in one sentence';
comment on column alerts.acknowledged_at is 'When someone took it on, UTC; null until then';
comment on column alerts.acknowledged_by is 'Who took it on';
comment on column alerts.run_id is 'Run that last changed the row';

-- key: run_id, step, sequence
create table statements (
    run_id text not null,
    step text not null,
    sequence bigint not null,
    dialect text,
    sql text,
    rows_returned bigint,
    seconds double,
    error text
);

comment on table statements is 'One row per SQL statement a run sent; rows are only added';
comment on column statements.run_id is 'Run that sent the statement';
comment on column statements.step is 'What the statement was for';
comment on column statements.sequence is 'Order within the run';
comment on column statements.dialect is 'SQL dialect of the text';
comment on column statements.sql is 'The whole text as sent, secrets masked';
comment on column statements.rows_returned is 'Rows that came back';
comment on column statements.seconds is 'Wall time of the statement, seconds';
comment on column statements.error is 'The message of the engine when it failed; null otherwise';

-- key: metric
create table metric_definitions (
    metric text not null,
    title text,
    definition text,
    feature_types text,
    range_low double,
    range_high double,
    direction text,
    unit text,
    default_threshold text,
    source text
);

comment on table metric_definitions is 'One row per metric: what the number means';
comment on column metric_definitions.metric is 'Name of the metric';
comment on column metric_definitions.title is 'The name in words';
comment on column metric_definitions.definition is 'The formula, in words and letters';
comment on column metric_definitions.feature_types is
    'Feature types it is defined for, separated by commas; empty for dataset metrics';
comment on column metric_definitions.range_low is 'Smallest possible value';
comment on column metric_definitions.range_high is
    'Largest possible value; null when there is none';
comment on column metric_definitions.direction is 'Which values are worse: higher or lower';
comment on column metric_definitions.unit is 'Unit of the value; empty for a pure number';
comment on column metric_definitions.default_threshold is
    'Where it alarms unless told otherwise; null when it only informs';
comment on column metric_definitions.source is 'Where the definition comes from';

-- key: version
create table schema_version (
    version bigint not null,
    migrated_at timestamp,
    driftline_version text
);

comment on table schema_version is
    'The version of these tables, one row per migration; the highest is the present one';
comment on column schema_version.version is 'Number of the schema, from 1';
comment on column schema_version.migrated_at is 'When the tables reached it, UTC';
comment on column schema_version.driftline_version is
    'Version of Driftline that brought them there';
